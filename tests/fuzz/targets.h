// What is fuzzed: functions that read what others wrote. Each target may be given any bytes; it
// stops the process when the function breaks what its header promises.
#pragma once

#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace lgsp::fuzz {

struct Target {
  // Also of its folder in corpus/.
  absl::string_view name;
  // Whether the input was accepted.
  bool (*run)(absl::string_view input);
};

// All of them.
const std::vector<Target>& Targets();

bool PageToken(absl::string_view input);
bool Etag(absl::string_view input);
bool ResourceName(absl::string_view input);
bool Officer(absl::string_view input);
bool PersonalId(absl::string_view input);
bool Clean(absl::string_view input);
bool Fold(absl::string_view input);
bool Csv(absl::string_view input);
bool CatalogueTables(absl::string_view input);
bool Term(absl::string_view input);
bool WorkingHours(absl::string_view input);
bool Cms(absl::string_view input);
bool Crl(absl::string_view input);
bool DocumentType(absl::string_view input);
bool VerificationCode(absl::string_view input);
bool Http1Request(absl::string_view input);
bool Http1Answer(absl::string_view input);
bool Path(absl::string_view input);
bool AccessToken(absl::string_view input);
bool Note(absl::string_view input);
bool Tile(absl::string_view input);
bool Journal(absl::string_view input);

// Ends the process, saying which promise was broken.
void Promise(bool kept, const char* promise);
// True when `found` has this value; an error has none.
template <typename T>
bool Has(const absl::StatusOr<T>& found, const T& value) {
  return found.ok() && *found == value;
}
// The beginning of `input` up to the separator byte 0xff, which is taken from it with that byte;
// all of it when there is none. No text in UTF-8 has that byte.
absl::string_view TakePart(absl::string_view& input);

}  // namespace lgsp::fuzz
