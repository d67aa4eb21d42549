#include "services/dossiers/results/signing_trust.h"

#include "libs/log/log.h"
#include "libs/status/status.h"
#include "services/dossiers/limits.h"

namespace lgsp::dossiers {

absl::StatusOr<keys::CmsTrust> SigningTrust::Get(absl::Time deadline) {
  {
    absl::MutexLock lock(&mutex_);
    const bool fresh = clock_->SecurityNow() - fetched_ < kRevocationListLifetime;
    if (trust_.has_value() && fresh) return *trust_;
  }
  // Two at once fetch twice: better than one that waits for the other's call.
  auto lists = fetch_(deadline);
  if (!lists.ok()) log::Warning("revocation lists not fetched", {{"status", lists.status()}});
  ASSIGN_OR_RETURN(keys::CmsTrust trust, keys::LoadTrust(files_));
  absl::MutexLock lock(&mutex_);
  if (lists.ok()) fetched_ = clock_->SecurityNow();
  std::vector<std::string> known;
  if (trust_.has_value()) known = trust_->Crls();
  if (lists.ok()) known.insert(known.end(), lists->begin(), lists->end());
  for (const std::string& list : known) {
    auto with = trust.WithCrl(list);
    if (with.ok()) {
      trust = *std::move(with);
    } else {
      // The verification says whether it is missed.
      log::Warning("revocation list refused", {{"status", with.status()}});
    }
  }
  trust_ = trust;
  return trust;
}

}  // namespace lgsp::dossiers
