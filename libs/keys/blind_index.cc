#include "libs/keys/blind_index.h"

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "libs/config/config.h"
#include "libs/keys/digest.h"
#include "libs/status/status.h"

namespace lgsp::keys {
namespace {

constexpr size_t kKeyBytes = 32;
// Half of the digest: of 10^9 values two meet by chance once in 10^20.
constexpr size_t kTokenBytes = 16;

}  // namespace

absl::StatusOr<BlindIndex> BlindIndex::FromFile(absl::string_view path) {
  ASSIGN_OR_RETURN(const std::string text, config::ReadSecret(path));
  const absl::string_view digits = absl::StripAsciiWhitespace(text);
  const bool hex = digits.size() == 2 * kKeyBytes &&
                   digits.find_first_not_of("0123456789abcdef") == absl::string_view::npos;
  if (!hex) {
    return MakeError(absl::StatusCode::kFailedPrecondition, "INDEX_KEY_INVALID",
                     absl::StrCat(path, ": must be 64 hex digits"), {{"path", path}});
  }
  return BlindIndex(absl::HexStringToBytes(digits));
}

std::string BlindIndex::Token(absl::string_view scope, absl::string_view kind,
                              absl::string_view value) const {
  // Lengths, so that no two inputs look alike.
  return HmacSha256(key_, absl::StrCat(scope.size(), "\n", scope, kind.size(), "\n", kind, value))
      .substr(0, kTokenBytes);
}

}  // namespace lgsp::keys
