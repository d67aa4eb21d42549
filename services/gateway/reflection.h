// PURE: gRPC server reflection from the descriptors of the policy. v1 and v1alpha have the same
// messages on the wire.
#pragma once

#include <string>

#include "absl/container/flat_hash_set.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "services/gateway/policy.h"

namespace lgsp::gateway {

// What one system may know: the services it has an agreement for, with all that their files import,
// and health.
class Reflection {
 public:
  Reflection(const Policy* policy, const SystemEntry* system);

  // A serialised ServerReflectionResponse. INVALID_ARGUMENT MESSAGE_INVALID.
  absl::StatusOr<std::string> Answer(absl::string_view request) const;

 private:
  bool AddFile(const google::protobuf::FileDescriptor* file);

  const Policy* const policy_;
  absl::flat_hash_set<std::string> services_;
  absl::flat_hash_set<const google::protobuf::FileDescriptor*> files_;
};

}  // namespace lgsp::gateway
