// What the program lgsp-dossiers does.
#pragma once

#include <string>

#include "absl/status/status.h"

namespace lgsp::dossiers {

// Serves until SIGTERM or SIGINT, as `config_file` (config.proto) says.
absl::Status Serve(const std::string& config_file);

// Writes to the log what a start would change in the stored catalogue, and changes nothing.
absl::Status ShowCatalogueChanges(const std::string& config_file);

}  // namespace lgsp::dossiers
