#include "services/dossiers/results/verification_code.h"

#include "absl/strings/ascii.h"
#include "services/dossiers/limits.h"
#include "services/dossiers/results/result_errors.h"

namespace lgsp::dossiers {
namespace {

// Without I, L, O and U.
constexpr absl::string_view kAlphabet = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
constexpr size_t kGroup = 5;

}  // namespace

std::string MakeVerificationCode(absl::string_view random) {
  std::string code;
  for (size_t i = 0; i < kVerificationCodeLength; ++i) {
    if (i > 0 && i % kGroup == 0) code += '-';
    code += kAlphabet[static_cast<unsigned char>(random[i]) % kAlphabet.size()];
  }
  return code;
}

absl::StatusOr<std::string> CleanVerificationCode(absl::string_view typed) {
  std::string code;
  size_t count = 0;
  for (char c : typed) {
    if (c == '-' || c == ' ') continue;
    c = absl::ascii_toupper(static_cast<unsigned char>(c));
    if (c == 'O') c = '0';
    if (c == 'I' || c == 'L') c = '1';
    const bool known = kAlphabet.find(c) != absl::string_view::npos;
    if (!known || count == kVerificationCodeLength) return VerificationCodeInvalid();
    if (count > 0 && count % kGroup == 0) code += '-';
    code += c;
    ++count;
  }
  if (count != kVerificationCodeLength) return VerificationCodeInvalid();
  return code;
}

}  // namespace lgsp::dossiers
