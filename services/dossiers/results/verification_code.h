// PURE: the code by which whoever holds a result learns whether it stands.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace lgsp::dossiers {

// 20 characters of Crockford's base 32 from as many random bytes, as 4 groups.
std::string MakeVerificationCode(absl::string_view random);
// What was typed, in that form. INVALID_ARGUMENT VERIFICATION_CODE_INVALID.
absl::StatusOr<std::string> CleanVerificationCode(absl::string_view typed);

}  // namespace lgsp::dossiers
