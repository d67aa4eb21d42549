// `lgsp evidence`: the gateway's evidence log, read from its files; the platform need not run.
#include <algorithm>
#include <cstdint>
#include <iostream>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "google/protobuf/util/json_util.h"
#include "lgsp/evidence/v1/record.pb.h"
#include "libs/config/config.h"
#include "libs/evidence/reader.h"
#include "libs/evidence/verify.h"
#include "libs/keys/jws.h"
#include "libs/status/status.h"
#include "tools/lgsp/commands.h"
#include "tools/lgsp/data_folder.h"
#include "tools/lgsp/output.h"
#include "tools/lgsp/service_config.h"

namespace lgsp::cli {
namespace {

using lgsp::evidence::v1::Record;

constexpr uint64_t kShownAtOnce = 1024;

struct EvidenceOptions {
  std::string folder, key, exchange_id;
  std::vector<std::string> anchors;
  uint64_t from = 0, limit = UINT64_MAX, forgotten_before = 0;
};

// Where the log is, and by what its checkpoints are judged.
struct LogFiles {
  std::string directory;
  evidence::NoteKey key;
};

// With a key the folder is that of a log, else a data folder of ours.
absl::StatusOr<LogFiles> Find(const EvidenceOptions& options) {
  if (!options.key.empty()) {
    ASSIGN_OR_RETURN(evidence::NoteKey key, evidence::NoteKey::Parse(options.key));
    return LogFiles{options.folder, std::move(key)};
  }
  ASSIGN_OR_RETURN(const DataFolder folder, DataFolder::Open(options.folder));
  ASSIGN_OR_RETURN(const std::string pem, config::ReadSecret(folder.PrivateKey("evidence")));
  ASSIGN_OR_RETURN(const keys::SigningKey signer, keys::SigningKey::FromPem(pem));
  ASSIGN_OR_RETURN(evidence::NoteKey key, evidence::NoteKey::Of(kGatewayLogOrigin, signer));
  return LogFiles{folder.EvidenceLog(), std::move(key)};
}

// One line of JSON: `{"index": …, "intent": {…}}`.
absl::Status PrintRecord(uint64_t index, const Record& record) {
  google::protobuf::util::JsonPrintOptions options;
  options.preserve_proto_field_names = true;
  std::string json;
  const auto converted = google::protobuf::util::MessageToJsonString(record, &json, options);
  if (!converted.ok() || json.size() < 2) {
    return MakeError(absl::StatusCode::kDataLoss, "EVIDENCE_RECORD_INVALID",
                     absl::StrCat("entry ", index, " is no record"));
  }
  std::cout << "{\"index\":" << index << (json == "{}" ? "" : ",") << json.substr(1) << "\n";
  return absl::OkStatus();
}

// Calls `use` for each record of the range.
template <typename Use>
absl::Status ForEachRecord(const LogFiles& files, uint64_t from, uint64_t limit, const Use& use) {
  evidence::Reader reader(files.directory, files.key);
  ASSIGN_OR_RETURN(const evidence::SignedCheckpoint latest, reader.Latest());
  const uint64_t size = latest.checkpoint.size;
  from = std::max(from, reader.MinimumIndex());
  const uint64_t end = limit < size - std::min(from, size) ? from + limit : size;
  for (uint64_t index = from; index < end;) {
    ASSIGN_OR_RETURN(const std::vector<std::string> entries,
                     reader.Entries(index, std::min(kShownAtOnce, end - index)));
    for (const std::string& entry : entries) {
      Record record;
      if (record.ParseFromString(entry)) {
        RETURN_IF_ERROR(use(index, record));
      } else {
        std::cerr << "entry " << index << " is no record\n";
      }
      ++index;
    }
  }
  return absl::OkStatus();
}

absl::Status Show(const EvidenceOptions& options) {
  ASSIGN_OR_RETURN(const LogFiles files, Find(options));
  int found = 0;
  RETURN_IF_ERROR(ForEachRecord(files, 0, UINT64_MAX, [&](uint64_t index, const Record& record) {
    const bool wanted = record.intent().exchange_id() == options.exchange_id ||
                        record.outcome().exchange_id() == options.exchange_id;
    if (!wanted) return absl::OkStatus();
    ++found;
    return PrintRecord(index, record);
  }));
  if (found > 0) return absl::OkStatus();
  return MakeError(absl::StatusCode::kNotFound, "EXCHANGE_UNKNOWN",
                   "the signed part of the log has no such exchange");
}

absl::Status Export(const EvidenceOptions& options) {
  ASSIGN_OR_RETURN(const LogFiles files, Find(options));
  return ForEachRecord(files, options.from, options.limit, PrintRecord);
}

absl::Status Checkpoint(const EvidenceOptions& options) {
  ASSIGN_OR_RETURN(const LogFiles files, Find(options));
  evidence::Reader reader(files.directory, files.key);
  ASSIGN_OR_RETURN(const evidence::SignedCheckpoint latest, reader.Latest());
  std::cout << latest.note;
  std::cerr << "key: " << files.key.ToString() << "\n";
  return absl::OkStatus();
}

// Whether all is well.
absl::StatusOr<bool> Verify(const EvidenceOptions& options, bool json) {
  ASSIGN_OR_RETURN(const LogFiles files, Find(options));
  std::vector<std::string> anchors;
  for (const std::string& path : options.anchors) {
    ASSIGN_OR_RETURN(const std::string notes, config::ReadFile(path));
    for (std::string& note : evidence::SplitNotes(notes)) anchors.push_back(std::move(note));
  }
  const evidence::Verification verified = evidence::Verify(files.directory, files.key, anchors);
  for (const evidence::Finding& finding : verified.findings) {
    std::cout << absl::StreamFormat("%s %s entry %d: %s\n", evidence::FindingName(finding.kind),
                                    finding.file, finding.index, finding.what);
  }
  // The log's own word for it is not signed.
  const bool gone = verified.minimum_index > options.forgotten_before;
  if (gone) {
    std::cout << absl::StreamFormat(
        "FORGOTTEN minimum-index entry %d: the content before it is deleted; if that is known, say "
        "--forgotten-before %d\n",
        verified.minimum_index, verified.minimum_index);
  }
  if (json) {
    std::cout << absl::StreamFormat(
        "{\"ok\":%s,\"size\":%d,\"entries_checked\":%d,\"anchors\":%d,\"findings\":%d}\n",
        verified.ok() && !gone ? "true" : "false", verified.checkpoint.size,
        verified.entries_checked, verified.anchors, verified.findings.size());
  } else {
    std::cout << absl::StreamFormat("%s: %d entries, %d hashed again: %s\n",
                                    verified.checkpoint.origin, verified.checkpoint.size,
                                    verified.entries_checked, verified.Summary());
  }
  return verified.ok() && !gone;
}

CLI::App* Add(CLI::App* group, const std::shared_ptr<EvidenceOptions>& options, const char* name,
              const char* what) {
  CLI::App* command = group->add_subcommand(name, what);
  command->add_option("DIR", options->folder, "data folder; with --key the folder of a log")
      ->required();
  command->add_option("--key", options->key, "public key of the log, as `checkpoint` prints it");
  return command;
}

}  // namespace

void AddEvidence(CLI::App& app, Session& session) {
  auto options = std::make_shared<EvidenceOptions>();
  CLI::App* group = app.add_subcommand("evidence", "what the gateway has kept of every call");
  group->require_subcommand(1)->fallthrough();
  CLI::App* verify = Add(group, options, "verify", "checks the whole log, offline; 1 if anything");
  verify->add_option(
      "--anchors", options->anchors,
      "files of checkpoints that others have kept: what was cut off or forged shows by them");
  verify->add_option("--forgotten-before", options->forgotten_before,
                     "content before this entry may be gone: its retention is over");
  verify->callback([options, &session] {
    const auto ok = Verify(*options, session.json);
    session.exit_code = !ok.ok() ? ReportError(ok.status()) : *ok ? kExitOk : kExitFailure;
  });
  CLI::App* show = Add(group, options, "show", "both records of one call, a line of JSON each");
  show->add_option("EXCHANGE", options->exchange_id, "its `lgsp-exchange-id`")->required();
  show->callback([options, &session] {
    const absl::Status status = Show(*options);
    if (!status.ok()) session.exit_code = ReportError(status);
  });
  CLI::App* exported = Add(group, options, "export", "records, a line of JSON each");
  exported->add_option("--from", options->from, "index of the first")->capture_default_str();
  exported->add_option("--limit", options->limit, "how many; all otherwise");
  exported->callback([options, &session] {
    const absl::Status status = Export(*options);
    if (!status.ok()) session.exit_code = ReportError(status);
  });
  CLI::App* checkpoint =
      Add(group, options, "checkpoint", "the signed head of the log, to be kept as an anchor");
  checkpoint->callback([options, &session] {
    const absl::Status status = Checkpoint(*options);
    if (!status.ok()) session.exit_code = ReportError(status);
  });
  group->footer(
      "Example:\n  lgsp evidence checkpoint ~/lgsp > anchor\n"
      "  lgsp evidence verify ~/lgsp --anchors anchor\n\n"
      "Reads what the last checkpoint covers, at most a second behind the gateway, which may run.");
}

}  // namespace lgsp::cli
