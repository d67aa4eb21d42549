// PURE: the fact that a command on a dossier makes known.
#pragma once

#include <memory>

#include "absl/time/time.h"
#include "google/protobuf/message.h"
#include "lgsp/dossiers/v1/dossiers.pb.h"
#include "services/dossiers/lifecycle.h"

namespace lgsp::dossiers {

// The event of `command`, which took effect on `dossier` at `time`.
std::unique_ptr<google::protobuf::Message> MakeEvent(const lgsp::dossiers::v1::Dossier& dossier,
                                                     Command command, absl::Time time);

// That the answer to the open supplement request of `dossier` will soon be due.
std::unique_ptr<google::protobuf::Message> MakeReminder(const lgsp::dossiers::v1::Dossier& dossier);

}  // namespace lgsp::dossiers
