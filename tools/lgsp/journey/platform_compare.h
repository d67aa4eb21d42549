// What the platform says of a journey's dossiers, by its API.
#pragma once

#include <vector>

#include "absl/status/statusor.h"
#include "tools/lgsp/journey/differences.h"
#include "tools/lgsp/journey/journey_run.h"
#include "tools/lgsp/journey/patience.h"
#include "tools/lgsp/journey/platform_client.h"

namespace lgsp::cli {

// Dossiers that did not end or are not synced: stuck.
std::vector<Difference> Unfinished(const Plan& plan, const std::vector<Outcome>& outcomes);

// Lists the dossiers made since the plan: each planned one that ended is there once and at its
// planned end, of the planned applicant.
absl::StatusOr<std::vector<Difference>> CompareWithList(const Plan& plan,
                                                        const std::vector<Outcome>& outcomes,
                                                        PlatformClient* client, Patience* patience);

// Reads a document of some of the dossiers that ended, its content compared with what was added.
// `read`: how many were right.
absl::StatusOr<std::vector<Difference>> CompareContents(const std::vector<EndedPapers>& ended,
                                                        PlatformClient* client, Patience* patience,
                                                        int* read);

// All counts of `insights`; `client` is a system that may ask for them.
absl::StatusOr<Counts> ListCounts(PlatformClient* client, Patience* patience);

}  // namespace lgsp::cli
