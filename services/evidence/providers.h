// Who provides which service, from the signed policy snapshot that the gateways decide by.
#pragma once

#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "libs/keys/jws.h"

namespace lgsp::evidence {

// Thread-safe.
class Providers {
 public:
  Providers(std::string file, std::vector<keys::VerifyKey> keys)
      : file_(std::move(file)), keys_(std::move(keys)) {}

  // Reads the file again when it has changed. Errors of config::ReadFile; DATA_LOSS POLICY_INVALID:
  // what was known before goes on to hold.
  absl::Status Refresh();

  // `participants/platform` for `lgsp.dossiers.v1.Dossiers`; empty: unknown.
  std::string ProviderOf(absl::string_view service) const;

 private:
  const std::string file_;
  const std::vector<keys::VerifyKey> keys_;
  mutable absl::Mutex mutex_;
  std::string content_ ABSL_GUARDED_BY(mutex_);
  absl::flat_hash_map<std::string, std::string> by_service_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace lgsp::evidence
