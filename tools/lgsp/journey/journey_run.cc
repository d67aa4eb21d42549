#include "tools/lgsp/journey/journey_run.h"

#include <algorithm>
#include <thread>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "libs/status/status.h"
#include "tools/lgsp/journey/way.h"

namespace lgsp::cli {
namespace {

using dossiers::v1::Dossier;
using DossiersStub = dossiers::v1::Dossiers::Stub;

// Between looks for dossiers whose turn it is.
constexpr absl::Duration kWatchPause = absl::Milliseconds(20);
// A dossier that others have moved away from its plan.
constexpr char kMoved[] = "JOURNEY_DOSSIER_MOVED";

// The request is refused as it is; only the dossier itself can tell how to go on.
bool IsOutOfDate(const absl::Status& status) {
  const std::string reason = ErrorReason(status);
  return reason == "ETAG_STALE" || reason == "REQUEST_ID_REUSED" ||
         reason == "STATE_FORBIDS_COMMAND";
}

// Sends one command as it stands.
absl::StatusOr<Dossier> Send(PlatformClient& client, const PlannedStep& step) {
  const auto call = [&](auto method, const auto& request) {
    return client.Call(method, request, step.unit(), step.role());
  };
  switch (step.command_case()) {
    case PlannedStep::kSubmit:
      return call(&DossiersStub::SubmitDossier, step.submit());
    case PlannedStep::kAccept:
      return call(&DossiersStub::AcceptDossier, step.accept());
    case PlannedStep::kReject:
      return call(&DossiersStub::RejectDossier, step.reject());
    case PlannedStep::kAskSupplement:
      return call(&DossiersStub::AskSupplement, step.ask_supplement());
    case PlannedStep::kAnswerSupplement:
      return call(&DossiersStub::AnswerSupplement, step.answer_supplement());
    case PlannedStep::kTransfer:
      return call(&DossiersStub::TransferDossier, step.transfer());
    case PlannedStep::kReceive:
      return call(&DossiersStub::ReceiveDossier, step.receive());
    case PlannedStep::kForward:
      return call(&DossiersStub::ForwardDossier, step.forward());
    case PlannedStep::kStart:
      return call(&DossiersStub::StartDossier, step.start());
    case PlannedStep::kBeginWait:
      return call(&DossiersStub::BeginWait, step.begin_wait());
    case PlannedStep::kAnswerConsultation:
      return call(&DossiersStub::AnswerConsultation, step.answer_consultation());
    case PlannedStep::kEndWait:
      return call(&DossiersStub::EndWait, step.end_wait());
    case PlannedStep::kReappoint:
      return call(&DossiersStub::ReappointDossier, step.reappoint());
    case PlannedStep::kSign:
      return call(&DossiersStub::SignDossier, step.sign());
    case PlannedStep::kComplete:
      return call(&DossiersStub::CompleteDossier, step.complete());
    case PlannedStep::kReturn:
      return call(&DossiersStub::ReturnDossier, step.return_());
    case PlannedStep::kWithdraw:
      return call(&DossiersStub::WithdrawDossier, step.withdraw());
    // By Papers.
    case PlannedStep::kSignResult:
    case PlannedStep::COMMAND_NOT_SET:
      break;
  }
  return MakeError(absl::StatusCode::kInternal, "PLAN_BROKEN", "a step without a command");
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
      outcomes_[index].documents.assign(ended.documents().begin(), ended.documents().end());
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
    Papers papers(client_, patience_, [this](int number) { return FirstPaperOf(number); });
    const absl::Status walked = Walk(planned[i], &papers, &dossier);
    outcomes_[i].name = dossier.name();
    if (walked.ok()) {
      Ended(i, dossier, papers.documents());
    } else {
      GiveUp(i, walked);
    }
  }
}

// Goes on from where the dossier is, wherever that is. What was done before a crash is asked for
// again by the same requests, so that its answers are known: papers always, a command unless the
// dossier is known to be past it.
absl::Status JourneyRun::Walk(const PlannedDossier& planned, Papers* papers, Dossier* dossier) {
  ASSIGN_OR_RETURN(*dossier, patience_->Repeat([&] { return Send(*client_, planned.steps(0)); }));
  for (int taken = 1; taken < planned.steps_size(); ++taken) {
    const PlannedStep& step = planned.steps(taken);
    RETURN_IF_ERROR(papers->Add(dossier->name(), step));
    if (step.has_sign_result()) RETURN_IF_ERROR(papers->Sign(dossier->name(), step));
    if (dossier->revision() > taken) continue;
    const absl::StatusOr<Dossier> answer =
        step.has_sign_result() ? Get(dossier->name()) : Take(step, papers, *dossier);
    if (!answer.ok() && !IsOutOfDate(answer.status())) return answer.status();
    // Refused as it is: either the step was taken before, or others have moved the dossier.
    ASSIGN_OR_RETURN(*dossier, answer.ok() ? answer : Get(dossier->name()));
    if (dossier->revision() > taken) continue;
    return MakeError(absl::StatusCode::kFailedPrecondition, kMoved,
                     absl::StrCat(dossier->name(), " is ", Dossier::State_Name(dossier->state()),
                                  " and does not go on: ", std::string(answer.status().message())),
                     {{"dossier", dossier->name()}});
  }
  return absl::OkStatus();
}

absl::StatusOr<Dossier> JourneyRun::Take(const PlannedStep& planned, Papers* papers,
                                         const Dossier& dossier) {
  PlannedStep step = planned;
  SetText(RequestOf(step), "name", dossier.name());
  SetText(RequestOf(step), "etag", dossier.etag());
  if (step.has_accept()) RETURN_IF_ERROR(papers->Check(dossier.name(), step));
  if (step.has_ask_supplement()) {
    ASSIGN_OR_RETURN(const std::vector<std::string> missing, papers->Missing(dossier.name(), step));
    auto& items = *step.mutable_ask_supplement()->mutable_items();
    if (!missing.empty()) items.Assign(missing.begin(), missing.end());
  }
  return patience_->Repeat([&] { return Send(*client_, step); });
}

absl::StatusOr<Dossier> JourneyRun::Get(const std::string& name) {
  dossiers::v1::GetDossierRequest request;
  request.set_name(name);
  return patience_->Repeat([&] { return client_->Call(&DossiersStub::GetDossier, request); });
}

absl::StatusOr<AddedDocument> JourneyRun::FirstPaperOf(int number) {
  const Outcome& earlier = outcomes_[static_cast<size_t>(number - 1)];
  for (;;) {
    {
      absl::MutexLock lock(&mutex_);
      if (earlier.ended) {
        const auto paper =
            std::find_if(earlier.documents.begin(), earlier.documents.end(),
                         [](const AddedDocument& document) { return document.item() != 0; });
        return paper == earlier.documents.end() ? AddedDocument() : *paper;
      }
      if (earlier.given_up || patience_->Over()) {
        return MakeError(absl::StatusCode::kUnavailable, "JOURNEY_EARLIER_DOSSIER_MISSING",
                         absl::StrCat("dossier ", number, " has not ended"));
      }
    }
    patience_->Wait(kWatchPause);
  }
}

void JourneyRun::GiveUp(size_t index, const absl::Status& why) {
  {
    absl::MutexLock lock(&mutex_);
    outcomes_[index].trouble = Trouble(why);
    outcomes_[index].given_up = true;
  }
  const std::string reason = ErrorReason(why);
  if (!MayRepeat(why) && reason != kMoved && reason != kPaperWrong) Fail(why);
}

void JourneyRun::Ended(size_t index, const Dossier& dossier,
                       const std::vector<AddedDocument>& documents) {
  EndedDossier ended;
  ended.set_number(static_cast<int>(index) + 1);
  ended.set_name(dossier.name());
  ended.set_portal_number(PortalNumber(dossier));
  ended.set_state(dossier.state());
  ended.mutable_documents()->Assign(documents.begin(), documents.end());
  const absl::Status appended = file_->Append(ended);
  if (!appended.ok()) return Fail(appended);
  ++ended_;
  absl::MutexLock lock(&mutex_);
  outcomes_[index].ended = true;
  outcomes_[index].portal_number = ended.portal_number();
  outcomes_[index].documents = documents;
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
  const auto dossier = client_->Call(&DossiersStub::GetDossier, request);
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
