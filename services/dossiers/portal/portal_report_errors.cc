#include "services/dossiers/portal/portal_report_errors.h"

#include "libs/status/status.h"

namespace lgsp::dossiers {

absl::Status PortalCopyUnknown(absl::string_view dossier) {
  return MakeError(absl::StatusCode::kFailedPrecondition, "PORTAL_COPY_UNKNOWN",
                   "the portal is not to know of this dossier yet", {{"dossier", dossier}});
}

absl::Status PortalStateInvalid() {
  return MakeFieldError("PORTAL_STATE_INVALID", "state", "must be PENDING, SYNCED or FAILED");
}

absl::Status TimeRangeInvalid(absl::string_view field, absl::string_view what) {
  return MakeFieldError("TIME_RANGE_INVALID", field, what);
}

absl::Status OperatorInvalid() {
  return MakeFieldError("OPERATOR_INVALID", "operator_id",
                        "must be 1 to 64 of A-Z a-z 0-9 - _ . and say who gives the command");
}

absl::Status ComparisonsUnderWay() {
  return MakeError(absl::StatusCode::kResourceExhausted, "COMPARISONS_UNDER_WAY",
                   "another page is being compared with the portal: try again");
}

absl::Status NoTimeToCompare() {
  return MakeError(absl::StatusCode::kDeadlineExceeded, "DEADLINE_PASSED",
                   "the deadline leaves no time to compare one dossier");
}

}  // namespace lgsp::dossiers
