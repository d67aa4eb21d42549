#include "tools/lgsp/journey/journey_run.h"

#include <algorithm>
#include <thread>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "libs/status/status.h"

namespace lgsp::cli {
namespace {

using dossiers::v1::Dossier;
using DossiersStub = dossiers::v1::Dossiers::Stub;

// Between looks for dossiers whose turn it is.
constexpr absl::Duration kWatchPause = absl::Milliseconds(20);
// A dossier that others have moved away from its plan.
constexpr char kMoved[] = "JOURNEY_DOSSIER_MOVED";

// How far along the way a state is; -1: not on it.
int Stage(Dossier::State state) {
  switch (state) {
    case Dossier::SUBMITTED:
      return 0;
    case Dossier::ACCEPTED:
      return 1;
    case Dossier::COMPLETED:
      return 2;
    case Dossier::RETURNED:
      return 3;
    default:
      return -1;
  }
}

bool HasReached(Dossier::State state, Dossier::State goal) {
  if (state == goal) return true;
  return Stage(goal) > 0 && Stage(state) > Stage(goal);
}

// The request is refused as it is; only the dossier itself can tell how to go on.
bool IsOutOfDate(const absl::Status& status) {
  const std::string reason = ErrorReason(status);
  return reason == "ETAG_STALE" || reason == "REQUEST_ID_REUSED" ||
         reason == "STATE_FORBIDS_COMMAND";
}

template <typename Request>
Request Addressed(Request request, const Dossier& dossier) {
  request.set_name(dossier.name());
  request.set_etag(dossier.etag());
  return request;
}

std::string Trouble(const absl::Status& status) {
  std::string reason = ErrorReason(status);
  if (reason.empty()) reason = absl::StatusCodeToString(status.code());
  return absl::StrCat(std::string(status.message()), " (", reason, ")");
}

}  // namespace

std::string PortalNumber(const Dossier& dossier) {
  if (!dossier.code().empty()) return dossier.code();
  return std::string(absl::StripPrefix(dossier.name(), "dossiers/"));
}

JourneyRun::JourneyRun(PlanFile* file, PlatformClient* client, Patience* patience)
    : file_(file),
      client_(client),
      patience_(patience),
      outcomes_(static_cast<size_t>(file->plan().header.dossiers())) {}

absl::Status JourneyRun::Run() {
  {
    absl::MutexLock lock(&mutex_);
    walking_ = kInFlight;
    for (const EndedDossier& ended : file_->plan().ended) {
      const size_t index = static_cast<size_t>(ended.number() - 1);
      outcomes_[index].ended = true;
      outcomes_[index].name = ended.name();
      outcomes_[index].portal_number = ended.portal_number();
      waiting_.push_back({index, begun_, kFirstWait});
    }
    ended_before_ = static_cast<int>(waiting_.size());
    ended_ = ended_before_;
  }
  std::vector<std::thread> walkers;
  for (int i = 0; i < kInFlight; ++i) {
    walkers.emplace_back([this] {
      TakePlanned();
      absl::MutexLock lock(&mutex_);
      --walking_;
      settling_time_ = absl::Now() - begun_;
    });
  }
  Watch();
  for (std::thread& walker : walkers) walker.join();
  syncing_time_ = absl::Now() - begun_;
  absl::MutexLock lock(&mutex_);
  return failure_;
}

void JourneyRun::TakePlanned() {
  const std::vector<PlannedDossier>& planned = file_->plan().dossiers;
  for (size_t i = next_++; i < planned.size() && !patience_->Over(); i = next_++) {
    if (outcomes_[i].ended) continue;
    Dossier dossier;
    const absl::Status walked = Walk(planned[i], &dossier);
    outcomes_[i].name = dossier.name();
    if (walked.ok()) {
      Ended(i, dossier);
      continue;
    }
    outcomes_[i].trouble = Trouble(walked);
    if (!MayRepeat(walked) && ErrorReason(walked) != kMoved) Fail(walked);
  }
}

absl::Status JourneyRun::Walk(const PlannedDossier& planned, Dossier* dossier) {
  ASSIGN_OR_RETURN(*dossier, patience_->Repeat([&] {
    return client_->Call(&DossiersStub::SubmitDossier, planned.submit(), planned.intake_unit());
  }));
  const std::string& unit = planned.settling_unit();
  if (planned.end() == Dossier::REJECTED) {
    return Advance(
        planned, Dossier::REJECTED,
        [&](const Dossier& at) {
          return client_->Call(&DossiersStub::RejectDossier, Addressed(planned.reject(), at), unit);
        },
        dossier);
  }
  RETURN_IF_ERROR(Advance(
      planned, Dossier::ACCEPTED,
      [&](const Dossier& at) {
        return client_->Call(&DossiersStub::AcceptDossier, Addressed(planned.accept(), at), unit);
      },
      dossier));
  RETURN_IF_ERROR(Advance(
      planned, Dossier::COMPLETED,
      [&](const Dossier& at) {
        return client_->Call(&DossiersStub::CompleteDossier, Addressed(planned.complete(), at),
                             unit);
      },
      dossier));
  return Advance(
      planned, Dossier::RETURNED,
      [&](const Dossier& at) {
        return client_->Call(&DossiersStub::ReturnDossier, Addressed(planned.return_(), at), unit);
      },
      dossier);
}

// The same request is repeated until its outcome is known. Only when it is refused because the
// dossier is no longer at this etag — so this request has had no effect, and will have none — the
// dossier is read: it may be there already, else the command goes on from its new etag. Each turn
// needs a new etag, so it ends.
absl::Status JourneyRun::Advance(const PlannedDossier& planned, Dossier::State to, const Send& send,
                                 Dossier* dossier) {
  for (;;) {
    const auto answer = patience_->Repeat([&] { return send(*dossier); });
    if (answer.ok()) {
      *dossier = *answer;
      return absl::OkStatus();
    }
    if (!IsOutOfDate(answer.status())) return answer.status();
    ASSIGN_OR_RETURN(const Dossier now, Get(dossier->name(), planned.settling_unit()));
    const bool unchanged = now.etag() == dossier->etag();
    *dossier = now;
    if (HasReached(now.state(), to)) return absl::OkStatus();
    if (unchanged || Stage(now.state()) < 0 || now.state() == Dossier::RETURNED) {
      return MakeError(
          absl::StatusCode::kFailedPrecondition, kMoved,
          absl::StrCat(now.name(), " is ", Dossier::State_Name(now.state()), ", cannot become ",
                       Dossier::State_Name(to), ": ", std::string(answer.status().message())),
          {{"dossier", now.name()}});
    }
  }
}

absl::StatusOr<Dossier> JourneyRun::Get(const std::string& name, const std::string& unit) {
  dossiers::v1::GetDossierRequest request;
  request.set_name(name);
  return patience_->Repeat([&] { return client_->Call(&DossiersStub::GetDossier, request, unit); });
}

void JourneyRun::Ended(size_t index, const Dossier& dossier) {
  EndedDossier ended;
  ended.set_number(static_cast<int>(index) + 1);
  ended.set_name(dossier.name());
  ended.set_portal_number(PortalNumber(dossier));
  ended.set_state(dossier.state());
  const absl::Status appended = file_->Append(ended);
  if (!appended.ok()) return Fail(appended);
  ++ended_;
  absl::MutexLock lock(&mutex_);
  outcomes_[index].ended = true;
  outcomes_[index].portal_number = ended.portal_number();
  waiting_.push_back({index, absl::Now() + kFirstWait, kFirstWait});
}

void JourneyRun::Watch() {
  while (!patience_->Over()) {
    for (Waiting& waiting : TakeDue()) {
      if (patience_->Over()) return;
      if (LookAt(&waiting)) continue;
      absl::MutexLock lock(&mutex_);
      waiting_.push_back(waiting);
    }
    {
      absl::MutexLock lock(&mutex_);
      if (walking_ == 0 && waiting_.empty()) return;
    }
    patience_->Wait(kWatchPause);
  }
}

std::vector<JourneyRun::Waiting> JourneyRun::TakeDue() {
  const absl::Time now = absl::Now();
  absl::MutexLock lock(&mutex_);
  const auto due = std::stable_partition(waiting_.begin(), waiting_.end(),
                                         [&](const Waiting& one) { return one.next > now; });
  std::vector<Waiting> taken(due, waiting_.end());
  waiting_.erase(due, waiting_.end());
  return taken;
}

// True when nothing more is to be expected of it.
bool JourneyRun::LookAt(Waiting* waiting) {
  using PortalSync = dossiers::v1::PortalSync;
  Outcome& outcome = outcomes_[waiting->index];
  dossiers::v1::GetDossierRequest request;
  request.set_name(outcome.name);
  // Not repeated here: the others should not wait for this one.
  const auto dossier = client_->Call(&DossiersStub::GetDossier, request,
                                     file_->plan().dossiers[waiting->index].settling_unit());
  if (!dossier.ok() && !MayRepeat(dossier.status())) {
    Fail(dossier.status());
    return true;
  }
  waiting->next = absl::Now() + waiting->wait;
  waiting->wait = std::min(waiting->wait * 1.5, kLongestWait);
  if (!dossier.ok()) {
    outcome.trouble = Trouble(dossier.status());
    return false;
  }
  const PortalSync& sync = dossier->portal_sync();
  outcome.trouble = absl::StrCat("portal sync is ", PortalSync::State_Name(sync.state()), " after ",
                                 sync.attempts(), " attempts ", sync.last_error_reason());
  outcome.synced =
      sync.state() == PortalSync::SYNCED && sync.synced_revision() == dossier->revision();
  if (outcome.synced) ++synced_;
  return outcome.synced || sync.state() == PortalSync::FAILED;
}

void JourneyRun::Fail(absl::Status status) {
  {
    absl::MutexLock lock(&mutex_);
    if (failure_.ok()) failure_ = std::move(status);
  }
  patience_->Stop();
}

}  // namespace lgsp::cli
