#include "services/dossiers/portal/portal_comparison.h"

#include <algorithm>
#include <thread>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "google/protobuf/util/time_util.h"
#include "libs/status/status.h"
#include "services/dossiers/limits.h"
#include "services/dossiers/portal/portal_report_store.h"
#include "services/dossiers/portal/portal_sync.h"

namespace lgsp::dossiers {
namespace {

using google::protobuf::util::TimeUtil;
using lgsp::dossiers::v1::Dossier;
using lgsp::dossiers::v1::PortalDifference;
using lgsp::dossiers::v1::PortalSync;
using lgsp::national::v1::CompareDossierResponse;

void AddDifferences(const CompareDossierResponse& answer, PortalDifference& difference) {
  if (answer.missing()) difference.add_kinds(PortalDifference::MISSING);
  if (answer.other_case()) difference.add_kinds(PortalDifference::OTHER_CASE);
  if (answer.fields_size() > 0) difference.add_kinds(PortalDifference::FIELDS);
  if (answer.progress_rows_missing() > 0) difference.add_kinds(PortalDifference::STEPS_MISSING);
  if (answer.progress_rows_unknown() > 0) difference.add_kinds(PortalDifference::STEPS_UNKNOWN);
  *difference.mutable_fields() = answer.fields();
  difference.set_progress_rows_missing(answer.progress_rows_missing());
  difference.set_progress_rows_unknown(answer.progress_rows_unknown());
}

Finding Failed(PortalDifference difference, absl::Status failure) {
  Finding finding;
  finding.difference = std::move(difference);
  finding.difference.add_kinds(PortalDifference::NOT_COMPARED);
  finding.difference.set_failure_reason(ErrorReason(failure));
  finding.erased = ErrorReason(failure) == "DATA_KEY_ERASED";
  finding.failure = std::move(failure);
  return finding;
}

}  // namespace

bool PortalComparison::Changed(const Snapshot& before, const Snapshot& after) {
  const PortalSync& a = before.known.portal_sync();
  const PortalSync& b = after.known.portal_sync();
  return before.revision != after.revision || a.state() != b.state() ||
         a.synced_revision() != b.synced_revision() || a.sync_time() != b.sync_time();
}

absl::StatusOr<PortalComparison::Snapshot> PortalComparison::Take(const std::string& id,
                                                                  absl::Time deadline) const {
  Snapshot snapshot;
  RETURN_IF_ERROR(db_->Read(
      [&](sql::Transaction& tx) -> absl::Status {
        ASSIGN_OR_RETURN(const LoadedDossier loaded, store_->Load(tx, id));
        const Dossier& dossier = loaded.dossier;
        ASSIGN_OR_RETURN(const absl::Time unsynced, UnsyncedTime(tx, dossier.name()));
        ASSIGN_OR_RETURN(const auto transitions, store_->Transitions(tx, dossier.name()));
        snapshot = Snapshot();
        snapshot.revision = dossier.revision();
        snapshot.wanted = ToPortal(*catalogue_, dossier, transitions);
        snapshot.known.set_dossier(dossier.name());
        snapshot.known.set_code(dossier.code());
        snapshot.known.set_number(snapshot.wanted.number());
        *snapshot.known.mutable_portal_sync() = dossier.portal_sync();
        if (dossier.portal_sync().state() != PortalSync::SYNCED) {
          *snapshot.known.mutable_unsynced_age() = TimeUtil::MicrosecondsToDuration(
              absl::ToInt64Microseconds(clock_->CivilNow() - unsynced));
        }
        return absl::OkStatus();
      },
      deadline));
  return snapshot;
}

Finding PortalComparison::Compare(const std::string& id, absl::Time deadline) const {
  PortalDifference unknown;
  unknown.set_dossier(absl::StrCat(kCollection, "/", id));
  absl::StatusOr<Snapshot> before = Take(id, deadline);
  for (int round = 1; before.ok(); ++round) {
    const auto answer = ask_(before->known.dossier(), before->wanted, deadline);
    Finding finding;
    if (answer.ok()) {
      finding.difference = before->known;
      AddDifferences(*answer, finding.difference);
    } else {
      finding = Failed(before->known, answer.status());
    }
    const bool right = finding.difference.kinds().empty();
    const bool refused = !answer.ok() && !IsTransient(answer.status());
    if (right || refused || round == kMaxComparisons || absl::Now() >= deadline) return finding;
    absl::StatusOr<Snapshot> after = Take(id, deadline);
    if (answer.ok() && after.ok() && !Changed(*before, *after)) return finding;
    before = std::move(after);
  }
  return Failed(std::move(unknown), before.status());
}

std::vector<Finding> PortalComparison::CompareAll(const std::vector<std::string>& ids,
                                                  absl::Time deadline) const {
  std::vector<Finding> findings(ids.size());
  absl::Mutex mutex;
  size_t begun = 0;
  const auto work = [&] {
    for (;;) {
      size_t mine = 0;
      {
        absl::MutexLock lock(&mutex);
        if (begun == ids.size() || absl::Now() + kMinComparisonTime > deadline) return;
        mine = begun++;
      }
      findings[mine] = Compare(ids[mine], std::min(deadline, absl::Now() + kLongestComparison));
    }
  };
  std::vector<std::thread> threads;
  const size_t others = std::min(ids.size(), size_t{kComparisonsAtOnce});
  for (size_t i = 1; i < others; ++i) threads.emplace_back(work);
  work();
  for (std::thread& thread : threads) thread.join();
  findings.resize(begun);
  return findings;
}

}  // namespace lgsp::dossiers
