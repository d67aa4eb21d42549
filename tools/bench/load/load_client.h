// Clients that submit dossiers one after the other, each on a connection of its own.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "lgsp/dossiers/v1/dossiers.grpc.pb.h"

namespace lgsp::bench {

struct Load {
  // One for each client; they are not shared.
  std::vector<std::unique_ptr<dossiers::v1::Dossiers::Stub>> clients = {};
  // What is submitted, in turn; request_id and applicant are filled in.
  std::vector<dossiers::v1::SubmitDossierRequest> templates = {};
  // `lgsp-caller`.
  std::string token = {};
  // Before the applicants of this load: no number twice on one database.
  uint32_t first_applicant = 0;
  absl::Duration warm_up = absl::ZeroDuration();
  absl::Duration measured = absl::ZeroDuration();
};

// Of the submissions whose answer came within the measured time.
struct Told {
  int64_t submitted = 0;
  double seconds = 0;
  double p50_ms = 0;
  double p99_ms = 0;
};

// The first refusal ends the load and is returned.
absl::StatusOr<Told> Submit(const Load& load);

}  // namespace lgsp::bench
