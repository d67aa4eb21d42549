#include "services/gateway/path_rule.h"

#include <algorithm>

#include "services/gateway/errors.h"

namespace lgsp::gateway {
namespace {

int HexDigit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

bool IsControl(unsigned char c) { return c < 0x20 || c == 0x7f; }

// Strict UTF-8 (RFC 3629): no overlong forms, no surrogates, nothing above U+10FFFF.
bool IsUtf8(absl::string_view text) {
  const auto byte = [&text](size_t i) { return static_cast<unsigned char>(text[i]); };
  for (size_t i = 0; i < text.size();) {
    const unsigned char lead = byte(i);
    const size_t length = lead < 0x80 ? 1 : lead < 0xc2 ? 0 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
    if (length == 0 || lead > 0xf4 || i + length > text.size()) return false;
    for (size_t k = 1; k < length; ++k) {
      if ((byte(i + k) & 0xc0) != 0x80) return false;
    }
    if (lead == 0xe0 && byte(i + 1) < 0xa0) return false;
    if (lead == 0xed && byte(i + 1) > 0x9f) return false;
    if (lead == 0xf0 && byte(i + 1) < 0x90) return false;
    if (lead == 0xf4 && byte(i + 1) > 0x8f) return false;
    i += length;
  }
  return true;
}

// Appends the decoded form of `raw` to `out`, or says what is wrong with it; nullptr when nothing.
const char* Decode(absl::string_view raw, std::string& out) {
  for (size_t i = 0; i < raw.size(); ++i) {
    if (raw[i] != '%') {
      out += raw[i];
      continue;
    }
    const int high = i + 2 < raw.size() ? HexDigit(raw[i + 1]) : -1;
    const int low = i + 2 < raw.size() ? HexDigit(raw[i + 2]) : -1;
    if (high < 0 || low < 0) return "malformed percent-encoding";
    const char c = static_cast<char>(high * 16 + low);
    if (c == '/' || c == '\\' || c == '?' || c == '#' || c == '\0') {
      return "an encoded delimiter";
    }
    out += c;
    i += 2;
  }
  return nullptr;
}

const char* CheckDecoded(absl::string_view segment) {
  if (segment.empty()) return "an empty segment";
  if (segment == "." || segment == "..") return "a dot segment";
  bool ascii = true;
  for (const char c : segment) {
    if (IsControl(static_cast<unsigned char>(c))) return "a control character";
    if (c == '\\' || c == '?' || c == '#') return "a delimiter that is not part of a path";
    ascii = ascii && static_cast<unsigned char>(c) < 0x80;
  }
  return ascii || IsUtf8(segment) ? nullptr : "text that is not UTF-8";
}

}  // namespace

absl::Status SplitPath(absl::string_view raw, PathSegments& out) {
  out.segments.clear();
  out.decoded.clear();
  out.decoded.reserve(raw.size());  // so that views into it stay
  if (raw.empty() || raw[0] != '/') return PathInvalid("no leading slash");
  size_t begin = 1;
  while (begin <= raw.size()) {
    const size_t end = std::min(raw.find('/', begin), raw.size());
    absl::string_view segment = raw.substr(begin, end - begin);
    if (segment.find('%') != absl::string_view::npos) {
      const size_t at = out.decoded.size();
      if (const char* wrong = Decode(segment, out.decoded)) return PathInvalid(wrong);
      segment = absl::string_view(out.decoded).substr(at);
    }
    if (const char* wrong = CheckDecoded(segment)) return PathInvalid(wrong);
    out.segments.push_back(segment);
    begin = end + 1;
  }
  return absl::OkStatus();
}

}  // namespace lgsp::gateway
