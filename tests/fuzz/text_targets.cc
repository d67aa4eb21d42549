// Text that people typed, ID numbers, CSV.
#include <algorithm>
#include <string>

#include "absl/strings/ascii.h"
#include "libs/status/status.h"
#include "libs/text/csv.h"
#include "libs/text/text.h"
#include "tests/fuzz/targets.h"

namespace lgsp::fuzz {
namespace {

constexpr int kMost = 40;

}  // namespace

bool PersonalId(absl::string_view input) {
  const absl::Status status = text::CheckPersonalId("applicant.id_number", input);
  const bool digits =
      input.size() == 12 && std::all_of(input.begin(), input.end(), absl::ascii_isdigit);
  if (status.ok()) Promise(digits, "12 digits");
  Promise(status.ok() || ErrorReason(status) == "PERSONAL_ID_INVALID", "one reason for bad IDs");
  return status.ok();
}

bool Clean(absl::string_view input) {
  const auto clean = text::Clean("subject", input, 1, kMost);
  if (!clean.ok()) {
    Promise(absl::IsInvalidArgument(clean.status()) && !ErrorReason(clean.status()).empty(),
            "a reason for what is refused");
    return false;
  }
  Promise(Has(text::ToNfc(*clean), *clean), "clean text is in NFC");
  const int length = text::Length(*clean);
  Promise(length >= 1 && length <= kMost, "clean text has the length that was asked for");
  Promise(Has(text::Clean("subject", *clean, 1, kMost), *clean), "clean text is clean");
  return true;
}

bool Fold(absl::string_view input) {
  const auto nfc = text::ToNfc(input);
  if (!nfc.ok()) {
    // Keys of what is no text must not break anything; what they are is open.
    (void)text::Fold(input);
    (void)text::FoldCase(input);
    (void)text::Length(input);
    return false;
  }
  Promise(Has(text::ToNfc(*nfc), *nfc), "normal form is normal");
  Promise(text::Fold(*nfc) == text::Fold(input), "one key for all forms of a text");
  Promise(text::FoldCase(*nfc) == text::FoldCase(input), "also with the marks");
  Promise(text::ToNfc(text::Fold(input)).ok(), "a key is UTF-8");
  Promise(text::Fold(text::FoldCase(input)) == text::Fold(input),
          "the key without marks is the one with them, without them");
  const int length = text::Length(input);
  for (const int most : {0, 1, length / 2, length}) {
    const std::string cut = text::Truncate(input, most);
    Promise(input.substr(0, cut.size()) == cut, "cut text is a beginning");
    Promise(text::Length(cut) <= most, "not longer than asked for");
    Promise(text::ToNfc(cut).ok(), "cut text is UTF-8");
  }
  Promise(text::Truncate(input, length) == input, "what is short enough is whole");
  return true;
}

bool Csv(absl::string_view input) {
  const auto table = text::ParseCsv("fuzz.csv", input, {"code", "name"});
  if (!table.ok()) {
    Promise(ErrorReason(table.status()) == "CSV_INVALID", "one reason for bad CSV");
    return false;
  }
  for (const auto& row : table->rows) {
    Promise(row.size() == 2, "rows have the columns asked for");
    for (const std::string& value : row) Promise(text::ToNfc(value).ok(), "values are UTF-8");
  }
  return true;
}

}  // namespace lgsp::fuzz
