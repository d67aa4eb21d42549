#include "libs/text/text.h"

#include <unicode/brkiter.h>
#include <unicode/normalizer2.h>
#include <unicode/uchar.h>
#include <unicode/unistr.h>

#include <memory>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "libs/status/status.h"

namespace lgsp::text {
namespace {

constexpr size_t kPersonalIdDigits = 12;

// The shortest reading of a string is the only one allowed; ICU replaces ill-formed bytes, so they
// are looked for here.
bool IsUtf8(absl::string_view text) {
  int32_t i = 0;
  const auto size = static_cast<int32_t>(text.size());
  while (i < size) {
    UChar32 c = 0;
    U8_NEXT(reinterpret_cast<const uint8_t*>(text.data()), i, size, c);
    if (c < 0) return false;
  }
  return true;
}

icu::UnicodeString ToIcu(absl::string_view text) {
  return icu::UnicodeString::fromUTF8(
      icu::StringPiece(text.data(), static_cast<int32_t>(text.size())));
}

std::string FromIcu(const icu::UnicodeString& text) {
  std::string out;
  text.toUTF8String(out);
  return out;
}

// ICU's data is built in: without it nothing of this works, so an error is a broken installation.
void CheckIcu(UErrorCode code) {
  if (U_FAILURE(code)) abort();
}

const icu::Normalizer2& Nfc() {
  UErrorCode code = U_ZERO_ERROR;
  const icu::Normalizer2* normalizer = icu::Normalizer2::getNFCInstance(code);
  CheckIcu(code);
  return *normalizer;
}

const icu::Normalizer2& Nfd() {
  UErrorCode code = U_ZERO_ERROR;
  const icu::Normalizer2* normalizer = icu::Normalizer2::getNFDInstance(code);
  CheckIcu(code);
  return *normalizer;
}

// Where the `max`-th grapheme ends, in UTF-16 units; and how many graphemes were met.
std::pair<int32_t, int> GraphemeBorder(const icu::UnicodeString& text, int max) {
  // Break iterators are costly to make and not thread-safe.
  thread_local std::unique_ptr<icu::BreakIterator> iterator;
  if (iterator == nullptr) {
    UErrorCode code = U_ZERO_ERROR;
    iterator.reset(icu::BreakIterator::createCharacterInstance(icu::Locale::getRoot(), code));
    CheckIcu(code);
  }
  iterator->setText(text);
  int count = 0;
  int32_t border = 0;
  while (count < max) {
    const int32_t next = iterator->next();
    if (next == icu::BreakIterator::DONE) break;
    border = next;
    ++count;
  }
  return {border, count};
}

}  // namespace

absl::StatusOr<std::string> ToNfc(absl::string_view text) {
  if (!IsUtf8(text)) {
    return MakeError(absl::StatusCode::kInvalidArgument, "TEXT_NOT_UTF8", "text is not UTF-8");
  }
  UErrorCode code = U_ZERO_ERROR;
  const icu::UnicodeString normal = Nfc().normalize(ToIcu(text), code);
  CheckIcu(code);
  return FromIcu(normal);
}

absl::StatusOr<std::string> Clean(absl::string_view field, absl::string_view text, int min,
                                  int max) {
  auto normal = ToNfc(text);
  if (!normal.ok()) return MakeFieldError("TEXT_NOT_UTF8", field, "is not UTF-8");
  icu::UnicodeString wide = ToIcu(*normal);
  wide.trim();
  for (int32_t i = 0; i < wide.length(); i = wide.moveIndex32(i, 1)) {
    const UChar32 c = wide.char32At(i);
    if (u_iscntrl(c) && c != '\n' && c != '\r' && c != '\t') {
      return MakeFieldError("TEXT_CONTROL_CHARACTER", field, "contains a control character");
    }
  }
  const auto [border, count] = GraphemeBorder(wide, max);
  if (count < min) return MakeFieldError("TEXT_EMPTY", field, "is empty");
  if (border < wide.length()) {
    return MakeFieldError("TEXT_TOO_LONG", field,
                          absl::StrCat("is longer than ", max, " characters"));
  }
  return FromIcu(wide);
}

int Length(absl::string_view text) {
  return GraphemeBorder(ToIcu(text), static_cast<int>(text.size())).second;
}

std::string Truncate(absl::string_view text, int max_characters) {
  icu::UnicodeString wide = ToIcu(text);
  wide.truncate(GraphemeBorder(wide, max_characters).first);
  return FromIcu(wide);
}

std::string Fold(absl::string_view text) {
  UErrorCode code = U_ZERO_ERROR;
  icu::UnicodeString wide = Nfd().normalize(ToIcu(text), code);
  CheckIcu(code);
  wide.foldCase();
  icu::UnicodeString out;
  for (int32_t i = 0; i < wide.length(); i = wide.moveIndex32(i, 1)) {
    const UChar32 c = wide.char32At(i);
    if (u_charType(c) == U_NON_SPACING_MARK) continue;
    // đ does not decompose; ð is what some keyboards type in its place.
    out.append(c == 0x0111 || c == 0x00F0 ? static_cast<UChar32>('d') : c);
  }
  return FromIcu(out);
}

std::vector<std::string> Words(absl::string_view text) {
  const icu::UnicodeString wide = ToIcu(text);
  std::vector<std::string> words;
  icu::UnicodeString word;
  for (int32_t i = 0; i < wide.length(); i = wide.moveIndex32(i, 1)) {
    const UChar32 c = wide.char32At(i);
    if (u_charType(c) == U_FORMAT_CHAR) continue;
    if (!u_isUWhiteSpace(c)) {
      word.append(c);
    } else if (!word.isEmpty()) {
      words.push_back(FromIcu(word));
      word.remove();
    }
  }
  if (!word.isEmpty()) words.push_back(FromIcu(word));
  return words;
}

std::string FoldCase(absl::string_view text) {
  UErrorCode code = U_ZERO_ERROR;
  // Decomposed first, else what is folded could depend on how it was composed.
  icu::UnicodeString wide = Nfd().normalize(ToIcu(text), code);
  CheckIcu(code);
  wide.foldCase();
  const icu::UnicodeString composed = Nfc().normalize(wide, code);
  CheckIcu(code);
  return FromIcu(composed);
}

absl::Status CheckPersonalId(absl::string_view field, absl::string_view id) {
  bool digits = id.size() == kPersonalIdDigits;
  for (const char c : id) digits = digits && absl::ascii_isdigit(c);
  if (!digits) return MakeFieldError("PERSONAL_ID_INVALID", field, "must be 12 digits");
  const int place = (id[0] - '0') * 100 + (id[1] - '0') * 10 + (id[2] - '0');
  if (place == 0) {
    return MakeFieldError("PERSONAL_ID_INVALID", field, "begins with no place of registration");
  }
  return absl::OkStatus();
}

}  // namespace lgsp::text
