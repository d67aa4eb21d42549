#include "services/dossiers/catalogue/fees.h"

#include <set>
#include <string>

#include "absl/strings/numbers.h"

namespace lgsp::dossiers {
namespace {

using lgsp::dossiers::v1::ChannelFee;
using lgsp::dossiers::v1::PrintedFee;
using lgsp::dossiers::v1::Procedure;

ChannelFee::Class ClassOf(const std::set<int>& printed, size_t amounts) {
  const bool doubtful = printed.contains(PrintedFee::UNKNOWN) ||
                        printed.contains(PrintedFee::DOUBTFUL) ||
                        printed.contains(PrintedFee::FOREIGN);
  if (printed.empty() || doubtful) return ChannelFee::UNKNOWN;
  if (printed.contains(PrintedFee::BY_COUNCIL)) return ChannelFee::BY_COUNCIL;
  if (!printed.contains(PrintedFee::KNOWN)) return ChannelFee::FREE;
  return printed.size() == 1 && amounts == 1 ? ChannelFee::FIXED : ChannelFee::CHOICE;
}

}  // namespace

void SetChannelFees(Procedure& procedure) {
  procedure.clear_channel_fees();
  for (const int channel : procedure.channels()) {
    std::set<int> printed;
    std::set<std::string> amounts;
    for (const PrintedFee& fee : procedure.fees()) {
      if (fee.channel() != channel) continue;
      printed.insert(fee.fee_class());
      if (fee.fee_class() == PrintedFee::KNOWN) amounts.insert(fee.amount());
    }
    ChannelFee& of_channel = *procedure.add_channel_fees();
    of_channel.set_channel(static_cast<lgsp::dossiers::v1::Dossier::Channel>(channel));
    of_channel.set_fee_class(ClassOf(printed, amounts.size()));
    int64_t amount = 0;
    if (of_channel.fee_class() == ChannelFee::FIXED &&
        absl::SimpleAtoi(*amounts.begin(), &amount)) {
      of_channel.set_amount(amount);
    }
  }
}

}  // namespace lgsp::dossiers
