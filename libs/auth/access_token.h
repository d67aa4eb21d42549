// Access tokens of the platform's identity service (lgsp/auth/v1/access_token.proto).
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "lgsp/auth/v1/access_token.pb.h"
#include "libs/keys/jws.h"

namespace lgsp::auth {

// `typ` of the JWS (RFC 9068).
inline constexpr char kAccessTokenType[] = "at+jwt";
// No token is believed that lives longer.
inline constexpr absl::Duration kMaxAccessTokenLife = absl::Hours(1);
// What a subject that is not the system itself begins with.
inline constexpr char kOfficerSubject[] = "officers/";
inline constexpr char kPersonSubject[] = "persons/";

// One whose tokens are believed.
struct TokenIssuer {
  std::string issuer;
  std::string audience;
  std::vector<keys::VerifyKey> keys;
};

// The token as JWS. INVALID_ARGUMENT TOKEN_INVALID: text that is not UTF-8.
absl::StatusOr<std::string> SignAccessToken(const lgsp::auth::v1::AccessToken& token,
                                            const keys::SigningKey& key);

// PURE. The claims of a token that is good at `now`. UNAUTHENTICATED TOKEN_INVALID (not signed by a
// key of its issuer, for another audience, no system, a subject that is neither it nor an officer
// with a unit nor a person, too long a life), TOKEN_EXPIRED (not begun, too). Whether the
// connection may use it (`cnf`) is for the caller to look at.
absl::StatusOr<lgsp::auth::v1::AccessToken> VerifyAccessToken(
    absl::string_view jws, const std::vector<TokenIssuer>& issuers, absl::Time now);

}  // namespace lgsp::auth
