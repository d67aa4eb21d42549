// The path rule (DESIGN section 6): what a request path may look like, judged once, before
// anything is decided by it. Pure.
#pragma once

#include <string>

#include "absl/container/inlined_vector.h"
#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace lgsp::gateway {

// The segments of a path, each decoded once. Views into the raw path or into `decoded`: neither
// may change while they are used.
struct PathSegments {
  absl::InlinedVector<absl::string_view, 4> segments;
  std::string decoded;
};

// Splits `raw` (which begins with a slash and is forwarded byte for byte) into `out`.
// INVALID_ARGUMENT PATH_INVALID: empty segments, `.` and `..` in any encoding, encoded
// `/ \ ? # %00`, malformed `%`, control characters, a backslash, a query, a fragment, text that is
// not UTF-8.
absl::Status SplitPath(absl::string_view raw, PathSegments& out);

}  // namespace lgsp::gateway
