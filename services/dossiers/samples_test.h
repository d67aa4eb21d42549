// What the tests of dossiers share: the catalogue of the repository, callers, a submission.
#pragma once

#include <string>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "google/protobuf/timestamp.pb.h"
#include "lgsp/auth/v1/caller.pb.h"
#include "lgsp/dossiers/v1/dossiers.pb.h"
#include "libs/clock/timestamp.h"
#include "services/dossiers/catalogue/catalogue.h"

namespace lgsp::dossiers {

// Settled by the department H12.04; by counter or post, 5 working days (rows 2 and 1).
inline constexpr char kProvinceProcedure[] = "1.009491";
// Settled by a commune; by every channel, 5 working days.
inline constexpr char kCommuneProcedure[] = "1.000314";
// Settled by the department H12.06; at the counter 2, 3 or 4 working days (rows 1, 3, 4), by post 2
// (row 2).
inline constexpr char kAmbiguousProcedure[] = "1.000045";
// Settled by the department H12.04; by counter or post; the term is OTHER.
inline constexpr char kOfficerProcedure[] = "1.000016";
// Of a branch of a central agency: scope CENTRAL.
inline constexpr char kCentralProcedure[] = "1.000005";

// What SampleSubmission says of the applicant: none of it may be found where personal data must not
// be.
inline constexpr absl::string_view kPersonalSamples[] = {"Nguyễn Thị Canary", "096300123457",
                                                         "0912345678", "canary@camau.example",
                                                         "Xin canary về vốn góp"};

// deploy/catalog.
const Catalogue& TheCatalogue();

// kProvinceProcedure, filed at the counter of the ward H12.50.01.
lgsp::dossiers::v1::SubmitDossierRequest SampleSubmission();

// A system that acts for `agencies`.
lgsp::auth::v1::Caller CallerOf(absl::string_view agencies);

// In Vietnam's time, whole seconds.
std::string Rfc3339(const google::protobuf::Timestamp& time);

}  // namespace lgsp::dossiers
