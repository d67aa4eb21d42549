#include "services/gateway/errors.h"

#include <nghttp2/nghttp2.h>

#include "absl/strings/str_cat.h"
#include "libs/auth/auth.h"
#include "libs/status/status.h"
#include "services/gateway/limits.h"

namespace lgsp::gateway {

using absl::StatusCode;

absl::Status PathInvalid(absl::string_view what) {
  return MakeFieldError("PATH_INVALID", ":path", what);
}

absl::Status MethodNotPost() {
  return MakeFieldError("METHOD_NOT_POST", ":method", "gRPC calls are POST");
}

absl::Status ContentTypeUnsupported() {
  return MakeFieldError("CONTENT_TYPE_UNSUPPORTED", "content-type", "must be application/grpc");
}

absl::Status HeaderReserved(absl::string_view name) {
  return MakeFieldError("HEADER_RESERVED", name, "only the gateway sets it");
}

absl::Status HeaderRepeated(absl::string_view name) {
  return MakeFieldError("HEADER_REPEATED", name, "may occur once");
}

absl::Status TimeoutInvalid() {
  return MakeFieldError("TIMEOUT_INVALID", "grpc-timeout", "must be 1 to 8 digits and a unit");
}

absl::Status PurposeInvalid() {
  return MakeFieldError("PURPOSE_INVALID", auth::kPurposeHeader,
                        "must be 1 to 64 of A-Z a-z 0-9 - _ .");
}

absl::Status PurposeRequired() {
  return MakeFieldError("PURPOSE_REQUIRED", auth::kPurposeHeader,
                        "the agreement demands a purpose");
}

absl::Status DossierInvalid() {
  return MakeFieldError("DOSSIER_INVALID", auth::kDossierHeader,
                        "must be `dossiers/` and an id, together at most 128 of A-Z a-z 0-9 . _ / -");
}

absl::Status DossierRequired() {
  return MakeFieldError("DOSSIER_REQUIRED", auth::kDossierHeader,
                        "the agreement demands the dossier in whose course the call is made");
}

absl::Status MessageMalformed(absl::string_view what) {
  return MakeError(StatusCode::kInvalidArgument, "MESSAGE_MALFORMED", what);
}

absl::Status SystemUnknown() {
  return MakeError(StatusCode::kUnauthenticated, "SYSTEM_UNKNOWN",
                   "the client certificate's key is not registered");
}

absl::Status NoAgreement() {
  return MakeError(StatusCode::kPermissionDenied, "NO_AGREEMENT",
                   "no agreement lets this system call this method");
}

absl::Status AgreementNotInForce(absl::string_view name) {
  return MakeError(StatusCode::kPermissionDenied, "AGREEMENT_NOT_IN_FORCE",
                   "the agreement is not in force at this time", {{"agreement", name}});
}

absl::Status PurposeNotAllowed(absl::string_view agreement) {
  return MakeError(StatusCode::kPermissionDenied, "PURPOSE_NOT_ALLOWED",
                   "the agreement does not name this purpose", {{"agreement", agreement}});
}

absl::Status OfficerNotAllowed(absl::string_view agreement) {
  return MakeError(StatusCode::kPermissionDenied, "OFFICER_NOT_ALLOWED",
                   "the agreement does not let the system name its officer",
                   {{"agreement", agreement}});
}

absl::Status AgencyNotRepresented(absl::string_view unit) {
  return MakeError(StatusCode::kPermissionDenied, "AGENCY_NOT_REPRESENTED",
                   "the system does not act for the officer's unit", {{"unit", unit}});
}

absl::Status NotFound() {
  return MakeError(StatusCode::kNotFound, "NOT_FOUND", "nothing is served at this path");
}

absl::Status ServiceUnknown() {
  return MakeError(StatusCode::kNotFound, "SERVICE_UNKNOWN", "no such service");
}

absl::Status MethodUnknown() {
  return MakeError(StatusCode::kUnimplemented, "METHOD_UNKNOWN",
                   "the gateway's own service has no such method");
}

absl::Status CompressionUnsupported() {
  return MakeError(StatusCode::kUnimplemented, "COMPRESSION_UNSUPPORTED",
                   "the gateway's own services take uncompressed messages only");
}

absl::Status HeadersTooLarge() {
  return MakeError(StatusCode::kResourceExhausted, "HEADERS_TOO_LARGE",
                   "the request's headers are too large",
                   {{"limit_bytes", absl::StrCat(kMaxHeaderBytes)}});
}

absl::Status MessageTooLarge(uint64_t bytes, uint64_t limit) {
  return MakeError(
      StatusCode::kResourceExhausted, "MESSAGE_TOO_LARGE", "a request message is too large",
      {{"message_bytes", absl::StrCat(bytes)}, {"limit_bytes", absl::StrCat(limit)}});
}

absl::Status GatewayOverloaded(absl::string_view what) {
  return WithRetryDelay(MakeError(StatusCode::kResourceExhausted, "GATEWAY_OVERLOADED",
                                  absl::StrCat("the gateway is at its limit of ", what)),
                        kOverloadRetry);
}

absl::Status DeadlinePassed() {
  return MakeError(StatusCode::kDeadlineExceeded, "DEADLINE_PASSED",
                   "the call's deadline passed at the gateway");
}

absl::Status UpstreamUnreachable(absl::Duration retry) {
  return WithRetryDelay(MakeError(StatusCode::kUnavailable, "UPSTREAM_UNREACHABLE",
                                  "no address of the service can be reached"),
                        retry);
}

absl::Status UpstreamLost() {
  return MakeError(StatusCode::kUnavailable, "UPSTREAM_LOST",
                   "the connection to the service was lost; the call may have been processed");
}

absl::Status GatewayDraining() {
  return WithRetryDelay(
      MakeError(StatusCode::kUnavailable, "GATEWAY_DRAINING", "this gateway is shutting down"),
      kOverloadRetry);
}

absl::Status UpstreamReset(uint32_t http2_error) {
  StatusCode code = StatusCode::kInternal;
  if (http2_error == NGHTTP2_REFUSED_STREAM) code = StatusCode::kUnavailable;
  if (http2_error == NGHTTP2_CANCEL) code = StatusCode::kCancelled;
  if (http2_error == NGHTTP2_ENHANCE_YOUR_CALM) code = StatusCode::kResourceExhausted;
  if (http2_error == NGHTTP2_INADEQUATE_SECURITY) code = StatusCode::kPermissionDenied;
  return MakeError(code, "UPSTREAM_RESET", "the service reset the call",
                   {{"http2_error", nghttp2_http2_strerror(http2_error)}});
}

absl::Status UpstreamAnswerInvalid(absl::string_view what) {
  return MakeError(StatusCode::kInternal, "UPSTREAM_ANSWER_INVALID", what);
}

}  // namespace lgsp::gateway
