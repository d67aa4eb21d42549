#include "services/gateway/evidence_log.h"

#include <sys/statvfs.h>

#include <set>
#include <vector>

#include "lgsp/evidence/v1/record.pb.h"
#include "libs/clock/timestamp.h"
#include "libs/config/config.h"
#include "libs/evidence/reader.h"
#include "libs/evidence/tiles.h"
#include "libs/log/log.h"
#include "libs/status/status.h"
#include "services/gateway/limits.h"

namespace lgsp::gateway {
namespace {

using lgsp::evidence::v1::Outcome;
using lgsp::evidence::v1::Record;

constexpr absl::Duration kRecoveryPatience = absl::Seconds(30);

absl::Status CloseOpen(evidence::Log& log, const std::set<std::string>& open, const Clock& clock) {
  std::vector<std::string> records;
  for (const std::string& exchange_id : open) {
    Record record;
    Outcome& outcome = *record.mutable_outcome();
    outcome.set_exchange_id(exchange_id);
    *outcome.mutable_time() = ToTimestamp(clock.SecurityNow());
    outcome.set_end(Outcome::OUTCOME_UNKNOWN);
    records.push_back(record.SerializeAsString());
  }
  for (size_t begin = 0; begin < records.size(); begin += kMaxEvidenceBatch) {
    const size_t end = std::min(records.size(), begin + kMaxEvidenceBatch);
    const std::vector<absl::string_view> batch(records.begin() + static_cast<ptrdiff_t>(begin),
                                               records.begin() + static_cast<ptrdiff_t>(end));
    RETURN_IF_ERROR(log.Append(batch).status());
  }
  if (records.empty()) return absl::OkStatus();
  log::Warning("calls were under way when the last process ended: outcome unknown",
               {{"calls", static_cast<int64_t>(records.size())}});
  return log.WaitDurable(log.size(), absl::Now() + kRecoveryPatience);
}

// InfinitePast for what is no record.
absl::Time TimeOf(absl::string_view entry) {
  Record record;
  if (!record.ParseFromArray(entry.data(), static_cast<int>(entry.size()))) {
    return absl::InfinitePast();
  }
  if (record.has_intent()) return ToTime(record.intent().time());
  if (record.has_outcome()) return ToTime(record.outcome().time());
  return ToTime(record.progress().time());
}

}  // namespace

absl::StatusOr<std::unique_ptr<evidence::Log>> OpenEvidenceLog(const GatewayConfig& config,
                                                               absl::string_view base,
                                                               metrics::Registry* metrics,
                                                               const Clock& clock) {
  if (config.evidence_directory().empty()) {
    if (config.profile() == GatewayConfig::DEVELOPMENT) {
      log::Warning("no evidence is kept: evidence_directory is empty", {});
      return std::unique_ptr<evidence::Log>();
    }
    return MakeError(absl::StatusCode::kFailedPrecondition, "EVIDENCE_NOT_CONFIGURED",
                     "evidence_directory must be given");
  }
  ASSIGN_OR_RETURN(const std::string pem,
                   config::ReadSecret(config::Resolve(base, config.evidence_key_file())));
  ASSIGN_OR_RETURN(keys::SigningKey key, keys::SigningKey::FromPem(pem));
  std::set<std::string> open;
  int64_t unreadable = 0;
  const auto replay = [&](uint64_t, absl::string_view entry) {
    Record record;
    if (!record.ParseFromArray(entry.data(), static_cast<int>(entry.size()))) ++unreadable;
    if (record.has_intent()) open.insert(record.intent().exchange_id());
    if (record.has_outcome()) open.erase(record.outcome().exchange_id());
  };
  ASSIGN_OR_RETURN(auto log, evidence::Log::Open(
                                 {.directory = config::Resolve(base, config.evidence_directory()),
                                  .origin = config.evidence_origin(),
                                  .key = std::move(key),
                                  .metrics = metrics,
                                  .replay = replay}));
  // The log holds; one entry that says nothing must not keep the gateway from starting.
  if (unreadable > 0)
    log::Error("entries of the evidence log are no records", {{"entries", unreadable}});
  RETURN_IF_ERROR(CloseOpen(*log, open, clock));
  return log;
}

absl::StatusOr<uint64_t> ForgetEvidence(evidence::Log& log, const std::string& directory,
                                        absl::Time before) {
  evidence::Reader reader(directory, log.verifier());
  ASSIGN_OR_RETURN(const evidence::SignedCheckpoint latest, reader.Latest());
  // Records stand in the order of their time but for moments. Of the bundles, the last that begins
  // before `before` may hold later ones: it stays.
  uint64_t low = reader.MinimumIndex() / evidence::kTileWidth;
  uint64_t high = latest.checkpoint.size / evidence::kTileWidth;
  while (low + 1 < high) {
    const uint64_t middle = low + (high - low) / 2;
    ASSIGN_OR_RETURN(const std::string entry, reader.Entry(middle * evidence::kTileWidth));
    (TimeOf(entry) < before ? low : high) = middle;
  }
  return log.Forget(low * evidence::kTileWidth);
}

bool HasEvidenceRoom(const std::string& directory) {
  struct statvfs disk;
  if (statvfs(directory.c_str(), &disk) != 0) return true;
  return disk.f_bavail * disk.f_frsize > kEvidenceReserve;
}

}  // namespace lgsp::gateway
