// The results of the process: their service, and the work behind it.
#pragma once

#include <memory>
#include <string>

#include "absl/strings/string_view.h"
#include "libs/durable/calls.h"
#include "libs/metrics/metrics.h"
#include "services/dossiers/config.pb.h"
#include "services/dossiers/results/result_service.h"
#include "services/dossiers/results/result_signing.h"
#include "services/dossiers/results/signing_client.h"
#include "services/dossiers/results/signing_trust.h"

namespace lgsp::dossiers {

class ResultKeeping {
 public:
  // All outlive it. `base`: the folder relative paths in `config` are beneath.
  ResultKeeping(const ResultsConfig& config, absl::string_view base, const PartCommands* commands,
                metrics::Registry* metrics, SigningClient client);

  // Begins to have signed what was ordered. Call once.
  void Start() { worker_->Start(); }

  ResultService& service() { return service_; }

 private:
  const SigningClient client_;
  SigningTrust trust_;
  ResultSigning signing_;
  const std::unique_ptr<durable::CallWorker> worker_;
  ResultService service_;
};

}  // namespace lgsp::dossiers
