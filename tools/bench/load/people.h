// Applicants of a load: their own ID number each, names from a few words as people's are.
#pragma once

#include <cstdint>
#include <string>

#include "lgsp/dossiers/v1/dossiers.pb.h"

namespace lgsp::bench {

// The applicant of `number`; the same number is the same person, another one has another ID number.
dossiers::v1::Applicant ApplicantOf(uint32_t number);

}  // namespace lgsp::bench
