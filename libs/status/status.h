// Errors as values. absl::Status inside the process; google.rpc.Status on every wire.
//
// Every error carries exactly one google.rpc.ErrorInfo whose `reason` is stable and documented with
// the method that returns it (AIP-193); the message is for people and may change.
#pragma once

#include <initializer_list>
#include <optional>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "google/rpc/status.pb.h"

namespace lgsp {

// The `domain` of every ErrorInfo of this platform.
inline constexpr char kErrorDomain[] = "lgsp.camau.gov.vn";

using ErrorMetadata = std::initializer_list<std::pair<absl::string_view, absl::string_view>>;

// `reason`: at most 63 characters of A-Z 0-9 _. `message`: lower case, says what and where, no
// personal data.
absl::Status MakeError(absl::StatusCode code, absl::string_view reason, absl::string_view message,
                       ErrorMetadata metadata = {});

// INVALID_ARGUMENT with a google.rpc.BadRequest that names the field (`applicant.id_number`).
absl::Status MakeFieldError(absl::string_view reason, absl::string_view field,
                            absl::string_view what);

// Adds google.rpc.RetryInfo: when to try again.
absl::Status WithRetryDelay(absl::Status status, absl::Duration delay);
// Zero when it has none.
absl::Duration RetryDelayOf(const absl::Status& status);

// Adds google.rpc.QuotaFailure: whose limit, and which.
absl::Status WithQuotaFailure(absl::Status status, absl::string_view subject,
                              absl::string_view description);

// The reason of a status made by MakeError or received from a peer; empty when it has none.
std::string ErrorReason(const absl::Status& status);

// Both directions keep code, message and every detail.
google::rpc::Status ToRpcStatus(const absl::Status& status);
absl::Status FromRpcStatus(const google::rpc::Status& status);

// True for the codes that a later attempt may cure without a change by the caller: UNAVAILABLE,
// DEADLINE_EXCEEDED, ABORTED, RESOURCE_EXHAUSTED.
bool IsTransient(const absl::Status& status);

}  // namespace lgsp

// Returns from the enclosing function (which returns Status or StatusOr) when `expression` is not
// OK.
#define RETURN_IF_ERROR(expression)                                                \
  do {                                                                             \
    if (auto lgsp_status_ = (expression); !lgsp_status_.ok()) return lgsp_status_; \
  } while (false)

// ASSIGN_OR_RETURN(auto dossier, Load(name));
#define ASSIGN_OR_RETURN(lhs, expression) \
  LGSP_ASSIGN_OR_RETURN_(LGSP_CONCAT_(lgsp_statusor_, __LINE__), lhs, expression)
#define LGSP_ASSIGN_OR_RETURN_(temporary, lhs, expression) \
  auto temporary = (expression);                           \
  if (!temporary.ok()) return temporary.status();          \
  lhs = *std::move(temporary)
#define LGSP_CONCAT_(a, b) LGSP_CONCAT_INNER_(a, b)
#define LGSP_CONCAT_INNER_(a, b) a##b
