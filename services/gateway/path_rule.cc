#include "services/gateway/path_rule.h"

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_split.h"
#include "libs/status/status.h"

namespace lgsp::gateway {
namespace {

absl::Status Invalid(absl::string_view what) {
  return MakeFieldError("PATH_INVALID", ":path", what);
}

// Strict: the shortest form only, no surrogates, nothing above U+10FFFF.
bool IsUtf8(absl::string_view text) {
  for (size_t i = 0; i < text.size();) {
    const auto lead = static_cast<unsigned char>(text[i]);
    const size_t size = lead < 0x80   ? 1
                        : lead < 0xC2 ? 0
                        : lead < 0xE0 ? 2
                        : lead < 0xF0 ? 3
                        : lead < 0xF5 ? 4
                                      : 0;
    if (size == 0 || i + size > text.size()) return false;
    uint32_t code = size == 1 ? lead : lead & (0x7F >> size);
    for (size_t k = 1; k < size; ++k) {
      const auto next = static_cast<unsigned char>(text[i + k]);
      if ((next & 0xC0) != 0x80) return false;
      code = (code << 6) | (next & 0x3F);
    }
    const bool shortest = size < 3 || code >= (size == 3 ? 0x800u : 0x10000u);
    if (!shortest || code > 0x10FFFF || (code >= 0xD800 && code < 0xE000)) return false;
    i += size;
  }
  return true;
}

absl::StatusOr<std::string> DecodeSegment(absl::string_view segment) {
  std::string out;
  for (size_t i = 0; i < segment.size(); ++i) {
    const char c = segment[i];
    if (c == '?' || c == '#' || c == '\\') return Invalid("has a query, a fragment or a backslash");
    if (static_cast<unsigned char>(c) <= ' ' || c == 0x7f)
      return Invalid("has a control character");
    if (c != '%') {
      out += c;
      continue;
    }
    if (i + 2 >= segment.size() || !absl::ascii_isxdigit(segment[i + 1]) ||
        !absl::ascii_isxdigit(segment[i + 2])) {
      return Invalid("has a malformed percent encoding");
    }
    const std::string byte = absl::HexStringToBytes(segment.substr(i + 1, 2));
    if (absl::string_view("/\\?#%").find(byte[0]) != absl::string_view::npos || byte[0] == '\0') {
      return Invalid("has an encoded delimiter");
    }
    out += byte;
    i += 2;
  }
  if (out.empty() || out == "." || out == "..") return Invalid("has an empty or a dot segment");
  if (!IsUtf8(out)) return Invalid("is not UTF-8");
  return out;
}

}  // namespace

absl::StatusOr<std::vector<std::string>> SplitPath(absl::string_view raw) {
  if (raw.empty() || raw.front() != '/') return Invalid("must begin with /");
  std::vector<std::string> segments;
  for (const absl::string_view segment : absl::StrSplit(raw.substr(1), '/')) {
    ASSIGN_OR_RETURN(std::string decoded, DecodeSegment(segment));
    segments.push_back(std::move(decoded));
  }
  return segments;
}

absl::StatusOr<GrpcPath> ParseGrpcPath(absl::string_view raw) {
  ASSIGN_OR_RETURN(std::vector<std::string> segments, SplitPath(raw));
  if (segments.size() != 2) return Invalid("must be /service/method");
  return GrpcPath{std::move(segments[0]), std::move(segments[1])};
}

}  // namespace lgsp::gateway
