// Vietnamese text: normal form, folding for search, cutting, and the forms of ID numbers. By ICU.
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace lgsp::text {

// `text` in Unicode normal form C. INVALID_ARGUMENT TEXT_NOT_UTF8.
absl::StatusOr<std::string> ToNfc(absl::string_view text);

// Text a person typed into `field`: NFC, trimmed, without control characters other than line
// breaks, `min` to `max` characters (graphemes as a reader counts them). INVALID_ARGUMENT
// TEXT_NOT_UTF8, TEXT_EMPTY, TEXT_TOO_LONG, TEXT_CONTROL_CHARACTER, each naming the field.
absl::StatusOr<std::string> Clean(absl::string_view field, absl::string_view text, int min,
                                  int max);

// How many characters a reader sees.
int Length(absl::string_view text);

// The first `max_characters` characters of `text`, cut on the border of a grapheme. `text` must be
// UTF-8.
std::string Truncate(absl::string_view text, int max_characters);

// Search key: lower case, without marks, `đ` as `d`. Different people can have one key.
std::string Fold(absl::string_view text);

// What white space of any kind (no-break blanks too) parts; characters that show nothing
// (zero-width joiners and blanks, marks of direction) are left out.
std::vector<std::string> Words(absl::string_view text);

// Match key that keeps the marks: NFC, without the difference of capitals.
std::string FoldCase(absl::string_view text);

// The 12-digit personal ID number (Circular 07/2016/TT-BCA): digits only; the first three are a
// province of birth registration as of before 2025 (merged ones stay valid) or a country (from 097
// on, assumed); the 4th a century and sex. No check digit exists. INVALID_ARGUMENT
// PERSONAL_ID_INVALID.
absl::Status CheckPersonalId(absl::string_view field, absl::string_view id);

}  // namespace lgsp::text
