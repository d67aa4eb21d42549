// Whether a process of a data folder does its work now.
#pragma once

#include "absl/time/time.h"
#include "tools/lgsp/data_folder.h"

namespace lgsp::cli {

// How long an answer may take.
inline constexpr absl::Duration kProbeLimit = absl::Seconds(1);

// How long a connection may take to come about; asked on the supervisor's thread.
inline constexpr absl::Duration kConnectLimit = absl::Milliseconds(250);

// Services: grpc.health.v1.Health/Check says SERVING, asked with the certificate of `operator`; the
// gateway with that of the system `platform-dossiers`, as it knows systems only. A simulator: its
// port is open. False at once when nothing listens.
bool IsReady(const DataFolder& folder, const Process& process);

// Whether anything listens at `host:port` (an IPv4 address) and takes connections within
// kConnectLimit.
bool IsListening(const std::string& address);

}  // namespace lgsp::cli
