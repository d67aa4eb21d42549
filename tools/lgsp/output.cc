#include "tools/lgsp/output.h"

#include <iostream>
#include <string>

#include "absl/strings/str_replace.h"
#include "libs/status/status.h"
#include "tools/lgsp/commands.h"

namespace lgsp::cli {

int ReportError(const absl::Status& status) {
  std::string reason = ErrorReason(status);
  // Of a peer that knows no reasons, the code says most.
  if (reason.empty()) reason = absl::StatusCodeToString(status.code());
  const std::string message =
      absl::StrReplaceAll(std::string(status.message()), {{"\n", " "}, {"\r", " "}});
  std::cerr << "lgsp: error: " << message << " (" << reason << ")" << std::endl;
  return kExitFailure;
}

}  // namespace lgsp::cli
