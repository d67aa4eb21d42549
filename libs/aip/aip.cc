#include "libs/aip/aip.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "libs/keys/digest.h"
#include "libs/status/status.h"

namespace lgsp::aip {
namespace {

constexpr size_t kMaxIdLength = 64;
constexpr size_t kMaxTokenLength = 2048;
constexpr size_t kCheckBytes = 8;

bool IsId(absl::string_view text) {
  return !text.empty() && text.size() <= kMaxIdLength &&
         std::all_of(text.begin(), text.end(), [](char c) {
           return absl::ascii_isalnum(c) || c == '-' || c == '_' || c == '.';
         });
}

// Ties a text to what it was made for. Not a secret: a forged one only harms its maker.
std::string Check(absl::string_view kind, absl::string_view of, absl::string_view content) {
  return keys::Sha256(absl::StrCat(kind, "\n", of.size(), "\n", of, content))
      .substr(0, kCheckBytes);
}

absl::Status TokenInvalid() {
  return MakeFieldError("PAGE_TOKEN_INVALID", "page_token",
                        "is not a token of this list with these filters");
}

}  // namespace

absl::StatusOr<std::string> ParseName(absl::string_view field, absl::string_view name,
                                      absl::string_view collection) {
  absl::string_view id = name;
  const std::string prefix = absl::StrCat(collection, "/");
  if (!absl::StartsWith(id, prefix) || !IsId(id.substr(prefix.size()))) {
    return MakeFieldError("NAME_INVALID", field, absl::StrCat("must be `", prefix, "<id>`"));
  }
  return std::string(id.substr(prefix.size()));
}

bool IsUuid(absl::string_view text) {
  if (text.size() != 36) return false;
  for (size_t i = 0; i < text.size(); ++i) {
    const bool dash = i == 8 || i == 13 || i == 18 || i == 23;
    const char c = text[i];
    const bool hex = absl::ascii_isdigit(c) || (c >= 'a' && c <= 'f');
    if (dash ? c != '-' : !hex) return false;
  }
  return true;
}

absl::Status CheckRequestId(absl::string_view request_id) {
  if (IsId(request_id)) return absl::OkStatus();
  return MakeFieldError("REQUEST_ID_INVALID", "request_id", "must be 1 to 64 of A-Z a-z 0-9 - _ .");
}

std::string Etag(absl::string_view name, int64_t revision) {
  return absl::StrCat(revision, "-",
                      keys::Hex(Check("etag", name, absl::StrCat(revision)).substr(0, 4)));
}

absl::Status CheckEtag(absl::string_view etag, absl::string_view name, int64_t revision) {
  if (etag.empty()) {
    return MakeFieldError("ETAG_MISSING", "etag", "must be given: read the resource for it");
  }
  if (etag == Etag(name, revision)) return absl::OkStatus();
  return MakeError(absl::StatusCode::kAborted, "ETAG_STALE",
                   "the resource has changed since it was read: read it again", {{"name", name}});
}

absl::StatusOr<int> PageSize(int32_t requested, int standard, int largest) {
  if (requested < 0) {
    return MakeFieldError("PAGE_SIZE_INVALID", "page_size", "must not be negative");
  }
  return requested == 0 ? standard : std::min<int>(requested, largest);
}

std::string MakePageToken(const std::vector<std::string>& place, absl::string_view filters) {
  std::string content;
  for (const std::string& part : place) absl::StrAppend(&content, part.size(), ":", part);
  return keys::Base64Url(absl::StrCat(Check("page", filters, content), content));
}

absl::StatusOr<std::vector<std::string>> ParsePageToken(absl::string_view token, size_t parts,
                                                        absl::string_view filters) {
  if (token.size() > kMaxTokenLength) return TokenInvalid();
  const auto bytes = keys::Base64UrlDecode(token);
  if (!bytes.ok() || bytes->size() < kCheckBytes) return TokenInvalid();
  absl::string_view content = absl::string_view(*bytes).substr(kCheckBytes);
  if (absl::string_view(*bytes).substr(0, kCheckBytes) != Check("page", filters, content)) {
    return TokenInvalid();
  }
  std::vector<std::string> place;
  while (!content.empty()) {
    const size_t colon = content.find(':');
    size_t size = 0;
    if (colon == absl::string_view::npos || !absl::SimpleAtoi(content.substr(0, colon), &size) ||
        size > content.size() - colon - 1) {
      return TokenInvalid();
    }
    place.emplace_back(content.substr(colon + 1, size));
    content.remove_prefix(colon + 1 + size);
  }
  if (place.size() != parts) return TokenInvalid();
  return place;
}

}  // namespace lgsp::aip
