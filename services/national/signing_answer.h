// What is asked of the agencies' signing system, and what its answers mean. Pure. Inside this
// service only.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "lgsp/national/v1/signing.pb.h"
#include "libs/http/http.h"

namespace lgsp::national {

// The body of `POST /v1/signatures`. SIGNING_FIELD_INVALID.
absl::StatusOr<std::string> ToSigningSystem(const v1::SignDigestRequest& request);

// The CMS for `request`, by the answer to it or to a look-up of its reference. SIGNATURE_PENDING,
// SIGNATURE_REFUSED, SIGNER_UNKNOWN, REFERENCE_REUSED, SIGNING_FIELD_INVALID; SIGNING_UNAVAILABLE
// for all that is no answer to it.
absl::StatusOr<std::string> ReadSignature(const absl::StatusOr<http::Response>& response,
                                          const v1::SignDigestRequest& request);

// Whether the request may have arrived and been answered, but the answer was lost.
bool IsAnswerLost(const absl::StatusOr<http::Response>& response);

// A revocation list, DER or PEM by its first bytes. SIGNING_UNAVAILABLE.
absl::StatusOr<std::string> ReadRevocationList(const absl::StatusOr<http::Response>& response);

}  // namespace lgsp::national
