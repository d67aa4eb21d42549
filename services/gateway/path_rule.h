// PURE: which paths are judged at all (DESIGN.md section 6).
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace lgsp::gateway {

// The segments of a raw path, each decoded once. INVALID_ARGUMENT PATH_INVALID: not beginning with
// `/`, an empty segment, `.` or `..` in any encoding, an encoded `/ \ ? # %` or NUL, a malformed
// `%`, text that is not UTF-8, a query. What was judged is forwarded byte for byte.
absl::StatusOr<std::vector<std::string>> SplitPath(absl::string_view raw);

// A gRPC path.
struct GrpcPath {
  std::string service;  // `lgsp.dossiers.v1.Dossiers`
  std::string method;
};
absl::StatusOr<GrpcPath> ParseGrpcPath(absl::string_view raw);

}  // namespace lgsp::gateway
