// PURE: who asks: persons, organisations and who acts for them, and with whose help.
#pragma once

#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "lgsp/auth/v1/caller.pb.h"
#include "lgsp/dossiers/v1/dossiers.pb.h"

namespace lgsp::dossiers {

// What was given, checked; text in NFC. INVALID_ARGUMENT with the field.
absl::StatusOr<lgsp::dossiers::v1::Applicant> CleanApplicant(
    const lgsp::dossiers::v1::Applicant& given, absl::Time now);
absl::StatusOr<lgsp::dossiers::v1::Assistance> CleanAssistance(
    const lgsp::dossiers::v1::Assistance& given, const lgsp::auth::v1::Caller& caller,
    absl::Time now);

// Everybody who asks or acts for who asks, the applicant first.
std::vector<lgsp::dossiers::v1::Person> PersonsOf(const lgsp::dossiers::v1::Applicant& applicant);

}  // namespace lgsp::dossiers
