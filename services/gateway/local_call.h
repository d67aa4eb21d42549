// Calls that the gateway answers itself: health and reflection.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "services/gateway/policy.h"

namespace lgsp::gateway {

// One such call. Messages in, messages out, then a status.
class LocalCall {
 public:
  virtual ~LocalCall() = default;
  // What one message is answered with (serialised). An error ends the call.
  virtual absl::StatusOr<std::string> Answer(absl::string_view message) = 0;
  // True when the call ends with its first answer; else with the end of the request.
  virtual bool is_unary() const = 0;
};

// True for methods that the gateway answers itself.
bool IsLocal(absl::string_view path);

// nullptr for a method that is not there (UNIMPLEMENTED). `serving`: false while draining.
std::unique_ptr<LocalCall> MakeLocalCall(absl::string_view path,
                                         std::shared_ptr<const Policy> policy,
                                         const SystemEntry* system, bool serving);

}  // namespace lgsp::gateway
