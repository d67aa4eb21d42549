// What a row of the table `calls` holds, beside calls.h; private to libs/durable.
#pragma once

#include <cstdint>
#include <limits>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

namespace lgsp::durable {

// calls.state
inline constexpr int kCallOpen = 0;
inline constexpr int kCallDone = 1;
inline constexpr int kCallFailed = 2;

// calls.next_attempt_time of a call that waits for those before it.
inline constexpr int64_t kAfterEarlier = std::numeric_limits<int64_t>::max();

// What calls.request is sealed for.
inline std::string CallContext(absl::string_view id) { return absl::StrCat("calls\n", id); }

}  // namespace lgsp::durable
