// Walks planned dossiers through the platform and waits until the portal shows them.
#pragma once

#include <atomic>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "tools/lgsp/journey/papers.h"
#include "tools/lgsp/journey/patience.h"
#include "tools/lgsp/journey/plan_file.h"
#include "tools/lgsp/journey/platform_client.h"

namespace lgsp::cli {

// Dossiers that have a command under way at one time.
inline constexpr int kInFlight = 8;

// What has become of one planned dossier.
struct Outcome {
  // Its last command was answered.
  bool ended = false;
  // The portal shows its last revision.
  bool synced = false;
  // `dossiers/{uuid}`; empty before submission was answered.
  std::string name;
  std::string portal_number;
  // What was added on its way.
  std::vector<AddedDocument> documents;
  // Why it did not end, or is not synced.
  std::string trouble;
  // It will not end in this run.
  bool given_up = false;
};

// The code, or the UUID of a dossier that has none.
std::string PortalNumber(const dossiers::v1::Dossier& dossier);

// One run over a plan. Every request is repeated as it is until its outcome is known, so nothing is
// done twice: a run after a crash sends the same requests and gets the same answers.
class JourneyRun {
 public:
  // All outlive the run.
  JourneyRun(PlanFile* file, PlatformClient* client, Patience* patience);

  // Returns when every dossier is synced or `patience` is over. An error is one that repetition
  // does not cure.
  absl::Status Run();

  // May be read while it runs: dossiers that ended, that are synced.
  int ended() const { return ended_.load(std::memory_order_relaxed); }
  int synced() const { return synced_.load(std::memory_order_relaxed); }

  // After Run. By number - 1.
  const std::vector<Outcome>& outcomes() const { return outcomes_; }
  // From its beginning until the last dossier ended, and until the last was synced.
  absl::Duration settling_time() const { return settling_time_; }
  absl::Duration syncing_time() const { return syncing_time_; }
  // Dossiers that ended in this run.
  int walked() const { return ended() - ended_before_; }

 private:
  using Dossier = dossiers::v1::Dossier;

  struct Waiting {
    size_t index;
    absl::Time next;
    absl::Duration wait;
  };

  void TakePlanned();
  // `papers`: of this dossier.
  absl::Status Walk(const PlannedDossier& planned, Papers* papers, Dossier* dossier);
  absl::StatusOr<Dossier> Take(const PlannedStep& step, Papers* papers, const Dossier& dossier);
  absl::StatusOr<Dossier> Get(const std::string& name);
  // Of a dossier that was taken before the one that asks, so that somebody walks it or has.
  absl::StatusOr<AddedDocument> FirstPaperOf(int number);
  void Ended(size_t index, const Dossier& dossier, const std::vector<AddedDocument>& documents);
  void GiveUp(size_t index, const absl::Status& why);
  void Watch();
  bool LookAt(Waiting* waiting);
  std::vector<Waiting> TakeDue();
  void Fail(absl::Status status);

  PlanFile* const file_;
  PlatformClient* const client_;
  Patience* const patience_;
  const absl::Time begun_ = absl::Now();
  int ended_before_ = 0;
  std::vector<Outcome> outcomes_;
  absl::Duration settling_time_;
  absl::Duration syncing_time_;
  std::atomic<size_t> next_{0};
  std::atomic<int> ended_{0};
  std::atomic<int> synced_{0};
  absl::Mutex mutex_;
  std::vector<Waiting> waiting_ ABSL_GUARDED_BY(mutex_);
  int walking_ ABSL_GUARDED_BY(mutex_) = 0;
  absl::Status failure_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace lgsp::cli
