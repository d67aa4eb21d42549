// PURE: how a call ends that was allowed and yet could not be relayed to its end.
#pragma once

#include <cstdint>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "lgsp/registry/v1/catalog.pb.h"

namespace lgsp::gateway {

// DEADLINE_EXCEEDED DEADLINE_PASSED.
absl::Status DeadlinePassed();
// PERMISSION_DENIED AGREEMENT_WITHDRAWN: by a newer policy, while the call was under way.
absl::Status AgreementWithdrawn();
// INVALID_ARGUMENT BODY_NOT_ALLOWED: of a REST call whose method has no body.
absl::Status BodyNotAllowed();
// RESOURCE_EXHAUSTED QUOTA_EXCEEDED, with QuotaFailure and RetryInfo.
absl::Status QuotaExceeded(const lgsp::registry::v1::Agreement& agreement, absl::Duration after);
// UNAVAILABLE UPSTREAM_UNREACHABLE: there is no connection; the call was not sent.
absl::Status UpstreamUnreachable();
// UNAVAILABLE UPSTREAM_EJECTED: the last connections to every address of it broke; the call was not
// sent.
absl::Status UpstreamEjected();
// RESOURCE_EXHAUSTED UPSTREAM_OVERLOADED: too many calls wait for a connection.
absl::Status UpstreamOverloaded();
// UNAVAILABLE EVIDENCE_UNAVAILABLE: the log takes nothing; the call was not sent.
absl::Status EvidenceUnavailable();
// UNAVAILABLE EVIDENCE_LOST: the call may have had its effect, and the log has failed.
absl::Status EvidenceLost();
// The service's stream ended without an answer, by the HTTP/2 error code: UNAVAILABLE
// UPSTREAM_NOT_TAKEN (`not_taken`: it has certainly not begun the call) or UPSTREAM_LOST, CANCELLED
// UPSTREAM_CANCELLED, RESOURCE_EXHAUSTED UPSTREAM_OVERLOADED.
absl::Status UpstreamLost(uint32_t error_code, bool not_taken);

}  // namespace lgsp::gateway
