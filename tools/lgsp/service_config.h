// The configuration files of the services of a data folder, as text:
// DIR/config/<service>.textproto.
//
// Text, because a tool includes no service's code; a test parses each with the service's own
// config.proto and looks that no field was forgotten.
#pragma once

#include <map>
#include <string>

#include "tools/lgsp/data_folder.h"
#include "tools/lgsp/installation.h"

namespace lgsp::cli {

// Service name -> text, for every service of the platform file. All paths in them are relative to
// DIR/config but those into the installation, so the folder can be moved.
std::map<std::string, std::string> ServiceConfigs(const DataFolder& folder,
                                                  const Installation& installation);

}  // namespace lgsp::cli
