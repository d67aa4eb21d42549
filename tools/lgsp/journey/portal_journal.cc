#include "tools/lgsp/journey/portal_journal.h"

#include <fstream>
#include <istream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "absl/strings/str_cat.h"
#include "libs/status/status.h"

namespace lgsp::cli {
namespace {

using Json = nlohmann::json;

absl::Status Broken(int line, absl::string_view what) {
  return MakeError(absl::StatusCode::kInvalidArgument, "PORTAL_JOURNAL_BROKEN",
                   absl::StrCat("portal journal, line ", line, ": ", what),
                   {{"line", absl::StrCat(line)}});
}

// The text of a member; empty when it has none.
std::string Text(const Json& object, const char* name) {
  const auto found = object.find(name);
  return found != object.end() && found->is_string() ? found->get<std::string>() : "";
}

// Applies one row of a call that took effect.
bool Apply(const std::string& effect, const Json& row, PortalCopies* copies) {
  const std::string number = row.is_object() ? Text(row, "MaHoSo") : "";
  if (number.empty()) return false;
  if (effect == "remove") return copies->erase(number) == 1;
  PortalCopy& copy = (*copies)[number];
  if (effect == "replace") {
    copy = {.inserts = 1};
    for (const Json& step : row.value("TienDo", Json::array())) {
      ++copy.progress[{Text(step, "TrangThai"), Text(step, "ThoiDiemXuLy")}];
    }
  } else if (effect == "progress") {
    copy.status = Text(row, "TrangThai");
    ++copy.progress[{copy.status, Text(row, "ThoiDiemXuLy")}];
    return true;
  } else if (effect != "insert" && effect != "update") {
    return false;
  }
  if (effect == "insert") ++copy.inserts;
  copy.status = Text(row, "TrangThaiHoSo");
  copy.subject = Text(row, "TrichYeuHoSo");
  return true;
}

absl::Status AddRecord(const std::string& line, absl::Time faults_since, PortalJournal* journal) {
  const int number = ++journal->records;
  const Json record = Json::parse(line, nullptr, /*allow_exceptions=*/false);
  if (!record.is_object()) return Broken(number, "is not a JSON object");
  const auto data = record.find("data");
  if (data != record.end() && data->is_array()) {
    for (const Json& row : *data) {
      if (!Apply(Text(record, "effect"), row, &journal->copies)) {
        return Broken(number, "has data without a known effect or MaHoSo");
      }
    }
  }
  const std::string fault = Text(record, "fault");
  if (fault.empty()) return absl::OkStatus();
  absl::Time time;
  std::string error;
  if (!absl::ParseTime(absl::RFC3339_full, Text(record, "time"), &time, &error)) {
    return Broken(number, "has no time");
  }
  if (time >= faults_since) ++journal->faults[fault];
  return absl::OkStatus();
}

absl::StatusOr<PortalJournal> Fold(std::istream& lines, absl::Time faults_since) {
  PortalJournal journal;
  std::string line;
  // At its end without a line break: torn, not a record.
  while (std::getline(lines, line) && !lines.eof()) {
    RETURN_IF_ERROR(AddRecord(line, faults_since, &journal));
  }
  return journal;
}

}  // namespace

absl::StatusOr<PortalJournal> FoldPortalJournal(absl::string_view text, absl::Time faults_since) {
  std::istringstream lines{std::string(text)};
  return Fold(lines, faults_since);
}

absl::StatusOr<PortalJournal> ReadPortalJournal(absl::string_view path, absl::Time faults_since) {
  // Line by line: a journal has no limit of size.
  std::ifstream lines{std::string(path), std::ios::binary};
  if (!lines) {
    return MakeError(absl::StatusCode::kNotFound, "FILE_MISSING",
                     absl::StrCat(path, ": cannot be read"), {{"path", path}});
  }
  return Fold(lines, faults_since);
}

}  // namespace lgsp::cli
