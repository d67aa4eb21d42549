// One function per reason with which reports on the portal's copies are refused (documented in
// portal_reports.proto).
#pragma once

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace lgsp::dossiers {

absl::Status PortalCopyUnknown(absl::string_view dossier);
absl::Status PortalStateInvalid();
absl::Status TimeRangeInvalid(absl::string_view field, absl::string_view what);
absl::Status OperatorInvalid();
absl::Status ComparisonsUnderWay();
absl::Status NoTimeToCompare();

}  // namespace lgsp::dossiers
