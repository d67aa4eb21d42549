// One function per reason for which the gateway itself refuses or ends a call.
#pragma once

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace lgsp::gateway {

// INVALID_ARGUMENT: what the request says is not well-formed.
absl::Status PathInvalid(absl::string_view what);         // PATH_INVALID
absl::Status MethodNotPost();                             // METHOD_NOT_POST
absl::Status ContentTypeUnsupported();                    // CONTENT_TYPE_UNSUPPORTED
absl::Status HeaderReserved(absl::string_view name);      // HEADER_RESERVED
absl::Status HeaderRepeated(absl::string_view name);      // HEADER_REPEATED
absl::Status TimeoutInvalid();                            // TIMEOUT_INVALID
absl::Status PurposeInvalid();                            // PURPOSE_INVALID
absl::Status PurposeRequired();                           // PURPOSE_REQUIRED
absl::Status DossierInvalid();                            // DOSSIER_INVALID
absl::Status DossierRequired();                           // DOSSIER_REQUIRED
absl::Status MessageMalformed(absl::string_view what);    // MESSAGE_MALFORMED

// UNAUTHENTICATED, PERMISSION_DENIED: who calls, and what for.
absl::Status SystemUnknown();                                // SYSTEM_UNKNOWN
absl::Status NoAgreement();                                  // NO_AGREEMENT
absl::Status AgreementNotInForce(absl::string_view name);    // AGREEMENT_NOT_IN_FORCE
absl::Status PurposeNotAllowed(absl::string_view agreement);  // PURPOSE_NOT_ALLOWED
absl::Status OfficerNotAllowed(absl::string_view agreement);  // OFFICER_NOT_ALLOWED
absl::Status AgencyNotRepresented(absl::string_view unit);    // AGENCY_NOT_REPRESENTED

// NOT_FOUND, UNIMPLEMENTED.
absl::Status NotFound();                               // NOT_FOUND
absl::Status ServiceUnknown();                         // SERVICE_UNKNOWN, health only
absl::Status MethodUnknown();                          // METHOD_UNKNOWN
absl::Status CompressionUnsupported();                 // COMPRESSION_UNSUPPORTED

// RESOURCE_EXHAUSTED.
absl::Status HeadersTooLarge();                        // HEADERS_TOO_LARGE
absl::Status MessageTooLarge(uint64_t bytes, uint64_t limit);  // MESSAGE_TOO_LARGE
absl::Status GatewayOverloaded(absl::string_view what);        // GATEWAY_OVERLOADED, RetryInfo

// DEADLINE_EXCEEDED, UNAVAILABLE.
absl::Status DeadlinePassed();                             // DEADLINE_PASSED
absl::Status UpstreamUnreachable(absl::Duration retry);    // UPSTREAM_UNREACHABLE, RetryInfo
absl::Status UpstreamLost();                               // UPSTREAM_LOST
absl::Status GatewayDraining();                            // GATEWAY_DRAINING, RetryInfo
// UPSTREAM_RESET; the code follows the HTTP/2 error as the gRPC specification maps it.
absl::Status UpstreamReset(uint32_t http2_error);
// INTERNAL UPSTREAM_ANSWER_INVALID: the provider broke the protocol.
absl::Status UpstreamAnswerInvalid(absl::string_view what);

}  // namespace lgsp::gateway
