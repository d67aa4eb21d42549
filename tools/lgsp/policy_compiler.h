// Catalogue + public keys and addresses of a data folder -> the signed policy the gateways enforce.
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "lgsp/registry/v1/policy.pb.h"
#include "libs/keys/jws.h"
#include "tools/lgsp/data_folder.h"

namespace lgsp::cli {

// What a snapshot's signature is over, before its bytes.
inline constexpr char kPolicySignaturePrefix[] = "lgsp-policy-v1\n";

// Names of systems, services and agreements (and `descriptors`) by what became of them.
struct PolicyDiff {
  std::vector<std::string> added;
  std::vector<std::string> removed;
  std::vector<std::string> changed;

  bool empty() const { return added.empty() && removed.empty() && changed.empty(); }
};

// What a compilation did.
struct CompiledPolicy {
  uint64_t version = 0;
  // False: the policy in the folder says the same already; nothing was written.
  bool written = false;
  PolicyDiff diff;
};

// What goes in.
struct PolicySources {
  std::string catalog_folder;
  // A serialised google.protobuf.FileDescriptorSet.
  std::string descriptors_file;
};

// Reads, checks and joins the sources; when the outcome differs from the folder's policy, or the
// gateway knows a newer one (a lost or restored file), signs it with the next version of both and
// replaces the file. On an error nothing is written. Those of FolderLock::Take, ReadCatalog
// and CheckCatalog, and INVALID_ARGUMENT CATALOG_CERTIFICATE_INVALID (unreadable, outside the
// folder, or the key of another system), FAILED_PRECONDITION DESCRIPTORS_INVALID, DATA_LOSS
// POLICY_INVALID (the old policy; its version is not known then), POLICY_STATE_INVALID (the
// gateway's).
absl::StatusOr<CompiledPolicy> CompilePolicy(const DataFolder& folder, const PolicySources& sources,
                                             absl::Time now);

// The policy in a file, once its signature is found to be `key`'s. NOT_FOUND FILE_MISSING;
// DATA_LOSS POLICY_INVALID.
absl::StatusOr<registry::v1::PolicySnapshot> ReadPolicy(absl::string_view path,
                                                        const keys::VerifyKey& key);

}  // namespace lgsp::cli
