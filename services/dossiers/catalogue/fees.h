// PURE: what a procedure costs, as far as its printed fees tell.
#pragma once

#include "lgsp/dossiers/v1/procedures.pb.h"

namespace lgsp::dossiers {

// Sets one channel_fee for each channel, from the printed fees of that channel. A page in doubt
// about one fee is in doubt about the channel (vietnam.md 0a, the procedure data).
void SetChannelFees(lgsp::dossiers::v1::Procedure& procedure);

}  // namespace lgsp::dossiers
