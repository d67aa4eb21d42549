// Personal data as it may be shown without need.
#pragma once

#include <string>

#include "absl/strings/string_view.h"
#include "lgsp/dossiers/v1/dossiers.pb.h"

namespace lgsp::cli {

// `Nguyễn Thị Ánh` -> `N. T. Á.`
std::string MaskName(absl::string_view name);

// All but the last three characters of a number as `*`; of three or fewer nothing is left.
std::string MaskNumber(absl::string_view number);

// Name, number and telephone masked, the e-mail address as `***` when there is one.
dossiers::v1::Applicant MaskApplicant(const dossiers::v1::Applicant& applicant);

}  // namespace lgsp::cli
