// PURE: the fact that a command on a dossier makes known.
#pragma once

#include <memory>

#include "google/protobuf/message.h"
#include "lgsp/dossiers/v1/dossiers.pb.h"

namespace lgsp::dossiers {

// The event of the state that `dossier` has just entered.
std::unique_ptr<google::protobuf::Message> MakeEvent(const lgsp::dossiers::v1::Dossier& dossier);

}  // namespace lgsp::dossiers
