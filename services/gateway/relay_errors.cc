#include "services/gateway/relay_errors.h"

#include <nghttp2/nghttp2.h>

#include "absl/strings/str_cat.h"
#include "libs/status/status.h"
#include "services/gateway/limits.h"

namespace lgsp::gateway {

absl::Status AgreementWithdrawn() {
  return MakeError(absl::StatusCode::kPermissionDenied, "AGREEMENT_WITHDRAWN",
                   "the agreement of the call is no longer in force");
}

absl::Status QuotaExceeded(const lgsp::registry::v1::Agreement& agreement, absl::Duration after) {
  return WithQuotaFailure(
      WithRetryDelay(
          MakeError(absl::StatusCode::kResourceExhausted, "QUOTA_EXCEEDED",
                    "the agreement allows no more calls now", {{"agreement", agreement.name()}}),
          after),
      agreement.name(), absl::StrCat(agreement.quota().calls(), " calls in every period"));
}

absl::Status BodyNotAllowed() {
  return MakeError(absl::StatusCode::kInvalidArgument, "BODY_NOT_ALLOWED",
                   "a request of this method has no body");
}

absl::Status UpstreamUnreachable() {
  return WithRetryDelay(MakeError(absl::StatusCode::kUnavailable, "UPSTREAM_UNREACHABLE",
                                  "the service cannot be reached; the call was not sent"),
                        kConnectBackoff);
}

absl::Status UpstreamEjected() {
  return WithRetryDelay(
      MakeError(absl::StatusCode::kUnavailable, "UPSTREAM_EJECTED",
                "the last connections to the service broke; the call was not sent"),
      kConnectBackoff);
}

absl::Status UpstreamOverloaded() {
  return WithRetryDelay(MakeError(absl::StatusCode::kResourceExhausted, "UPSTREAM_OVERLOADED",
                                  "too many calls wait for the service"),
                        kConnectBackoff);
}

absl::Status DeadlinePassed() {
  return MakeError(absl::StatusCode::kDeadlineExceeded, "DEADLINE_PASSED",
                   "the deadline of the call has passed");
}

absl::Status EvidenceUnavailable() {
  return WithRetryDelay(
      MakeError(absl::StatusCode::kUnavailable, "EVIDENCE_UNAVAILABLE",
                "the gateway cannot keep evidence of calls now; the call was not sent"),
      absl::Seconds(1));
}

absl::Status EvidenceLost() {
  return MakeError(absl::StatusCode::kUnavailable, "EVIDENCE_LOST",
                   "the evidence of the call could not be kept; it may have had its effect");
}

absl::Status UpstreamLost(uint32_t error_code, bool not_taken) {
  if (not_taken) {
    return WithRetryDelay(
        MakeError(absl::StatusCode::kUnavailable, "UPSTREAM_NOT_TAKEN",
                  "the service did not take the call; it had no effect and may be repeated"),
        kConnectBackoff);
  }
  switch (error_code) {
    case NGHTTP2_CANCEL:
      return MakeError(absl::StatusCode::kCancelled, "UPSTREAM_CANCELLED",
                       "the service cancelled the call");
    case NGHTTP2_ENHANCE_YOUR_CALM:
      return MakeError(absl::StatusCode::kResourceExhausted, "UPSTREAM_OVERLOADED",
                       "the service is overloaded");
    default:
      return MakeError(absl::StatusCode::kUnavailable, "UPSTREAM_LOST",
                       "the connection to the service broke; the call may have had its effect");
  }
}

}  // namespace lgsp::gateway
