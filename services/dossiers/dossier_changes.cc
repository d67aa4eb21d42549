#include "services/dossiers/dossier_changes.h"

#include <set>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "libs/clock/timestamp.h"
#include "libs/log/log.h"
#include "libs/status/status.h"
#include "services/dossiers/assignment.h"
#include "services/dossiers/documents/document_store.h"
#include "services/dossiers/dossier_events.h"
#include "services/dossiers/limits.h"
#include "services/dossiers/portal/portal_sync.h"
#include "services/dossiers/results/result_events.h"
#include "services/dossiers/results/result_store.h"
#include "services/dossiers/results/results.h"
#include "services/dossiers/routing.h"
#include "services/dossiers/settlement.h"

namespace lgsp::dossiers {
namespace {

using lgsp::auth::v1::Caller;
using lgsp::dossiers::v1::Result;

constexpr char kReminderCollection[] = "reminders";
// Who acts when a limit has passed.
constexpr char kOurselves[] = "services/dossiers";

// Its result is there, or there will be none: its due date is history.
bool Ended(const Dossier& dossier) {
  return dossier.has_complete_time() || dossier.has_close_time() || dossier.has_reject_time();
}

}  // namespace

absl::Status DossierChanges::Save(sql::Transaction& tx, Command command, const Caller& caller,
                                  absl::string_view traceparent, absl::Time now,
                                  LoadedDossier& loaded) const {
  const Dossier& dossier = loaded.dossier;
  if (command == Command::kErase) {
    RETURN_IF_ERROR(store_.Erase(tx, loaded));
    // After it, which holds the dossier: an upload that was under way has ended.
    RETURN_IF_ERROR(DeleteDocumentsOf(tx, dossier.name()));
    RETURN_IF_ERROR(store_.RemoveProvisionalDue(tx, dossier.name()));
    RETURN_IF_ERROR(store_.AddTransition(tx, dossier, CommandName(command), now, caller));
    return Tell(tx, dossier.name(), dossier.revision(), traceparent, now, loaded,
                *MakeEvent(dossier, command, now));
  }
  if (command == Command::kSubmit || command == Command::kDraft) {
    ASSIGN_OR_RETURN(loaded.key, store_.Insert(tx, dossier));
  } else {
    RETURN_IF_ERROR(store_.Update(tx, loaded));
  }
  // Most dossiers never wait for their applicant.
  if (!dossier.waits().empty() || dossier.has_draft_deadline() || command == Command::kFile) {
    RETURN_IF_ERROR(store_.SetAnswerDeadline(tx, dossier.name(), NextLook(dossier, now)));
  }
  if (dossier.due().provisional()) RETURN_IF_ERROR(store_.AddProvisionalDue(tx, dossier.name()));
  if (EndsResults(dossier.state())) RETURN_IF_ERROR(EndResults(tx, traceparent, now, loaded));
  RETURN_IF_ERROR(store_.AddTransition(tx, dossier, CommandName(command), now, caller));
  if (command != Command::kAssign) {
    RETURN_IF_ERROR(OrderPortalSync(tx, *catalogue_, store_, loaded, *clock_));
  }
  return Tell(tx, dossier.name(), dossier.revision(), traceparent, now, loaded,
              *MakeEvent(dossier, command, now));
}

absl::Status DossierChanges::EndResults(sql::Transaction& tx, absl::string_view traceparent,
                                        absl::Time now, const LoadedDossier& loaded) const {
  ASSIGN_OR_RETURN(std::vector<Result> results, LoadResults(tx, loaded.dossier.name(), loaded.key));
  for (Result& result : results) {
    if (result.state() != Result::SIGNED) continue;
    DecideDossierEnded(now, result);
    RETURN_IF_ERROR(UpdateResult(tx, result, loaded.key));
    RETURN_IF_ERROR(TellOfResult(tx, *this, result, traceparent, now, loaded));
  }
  return absl::OkStatus();
}

absl::Status DossierChanges::Tell(sql::Transaction& tx, absl::string_view subject, int64_t revision,
                                  absl::string_view traceparent, absl::Time now,
                                  const LoadedDossier& loaded,
                                  const google::protobuf::Message& fact) const {
  // Also those it leaves: they have to learn that it is theirs no more.
  std::set<std::string> audience;
  for (const ListRow& row : loaded.listed) audience.insert(row.agency);
  for (const std::string& agency : AgenciesOf(loaded.dossier)) audience.insert(agency);
  return outbox_.Add(tx, {std::string(subject),
                          revision,
                          now,
                          {audience.begin(), audience.end()},
                          std::string(traceparent),
                          &fact});
}

absl::Status DossierChanges::Remind(sql::Transaction& tx, absl::Time now,
                                    const LoadedDossier& loaded) const {
  const Dossier& dossier = loaded.dossier;
  const std::optional<absl::Time> next = NextLook(dossier, now);
  if (!next.has_value()) return store_.SetAnswerDeadline(tx, dossier.name(), next);
  ASSIGN_OR_RETURN(const bool ours, store_.PostponeAnswerDeadline(tx, dossier.name(), now, *next));
  if (!ours) return absl::OkStatus();
  const std::string reminder =
      absl::StrCat(dossier.name(), "/", kReminderCollection, "/", NewUuid(*clock_));
  return Tell(tx, reminder, 1, "", now, loaded, *MakeReminder(dossier));
}

absl::Status DossierChanges::EndOverdueWait(sql::Database& db, const std::string& name) const {
  Caller ourselves;
  ourselves.set_system(kOurselves);
  return db.Run([&](sql::Transaction& tx) -> absl::Status {
    const absl::Time now = clock_->CivilNow();
    ASSIGN_OR_RETURN(LoadedDossier loaded, store_.Load(tx, IdOf(name)));
    Dossier& dossier = loaded.dossier;
    Succeed(*catalogue_, now, dossier);
    const bool draft = dossier.state() == Dossier::DRAFT;
    const lgsp::dossiers::v1::Wait* wait = OpenWait(dossier);
    const absl::Time deadline = draft ? ToTime(dossier.draft_deadline())
                                : wait != nullptr && wait->has_answer_deadline()
                                    ? ToTime(wait->answer_deadline())
                                    : absl::InfiniteFuture();
    // Not yet; or answered since it was looked for, and maybe asked again.
    if (now <= deadline) return Remind(tx, now, loaded);
    const bool expires = draft || wait->kind() == lgsp::dossiers::v1::DayRun::SUPPLEMENT;
    const Situation situation{*catalogue_, kSystem, now};
    RETURN_IF_ERROR(expires ? DecideExpire(situation, dossier) : DecideLapse(situation, dossier));
    return Save(tx, expires ? Command::kExpire : Command::kLapse, ourselves, "", now, loaded);
  });
}

absl::Status DossierChanges::EndOverdueWaits(sql::Database& db,
                                             absl::FunctionRef<void()> committed) const {
  std::vector<std::string> names;
  RETURN_IF_ERROR(db.Read([&](sql::Transaction& tx) -> absl::Status {
    ASSIGN_OR_RETURN(names, store_.OverdueAnswers(tx, clock_->CivilNow(), kMaxExpired));
    return absl::OkStatus();
  }));
  bool expired = false;
  for (const std::string& name : names) {
    // One that cannot be must not keep the others.
    const absl::Status status = EndOverdueWait(db, name);
    expired = expired || status.ok();
    if (!status.ok()) {
      log::Error("overdue wait cannot be ended", {{"dossier", name}, {"status", status}});
      // Nor come first for ever.
      RETURN_IF_ERROR(db.Run([&](sql::Transaction& tx) {
        const absl::Time now = clock_->CivilNow();
        return store_.PostponeAnswerDeadline(tx, name, now, now + kExpiryAgain).status();
      }));
    }
  }
  if (expired) committed();
  return absl::OkStatus();
}

absl::StatusOr<lgsp::dossiers::v1::MoveWorkResponse> DossierChanges::MoveWork(
    sql::Database& db, const Caller& caller, const lgsp::dossiers::v1::MoveWorkRequest& request,
    absl::string_view traceparent) const {
  std::vector<ListPlace> work;
  ListFilter of_officer;
  of_officer.officer = request.from_officer();
  RETURN_IF_ERROR(db.Read([&](sql::Transaction& tx) -> absl::Status {
    ASSIGN_OR_RETURN(work, ReadList(tx, {request.agency()}, of_officer, {}, kMaxMoved + 1));
    return absl::OkStatus();
  }));
  lgsp::dossiers::v1::MoveWorkResponse response;
  response.set_remaining(work.size() > kMaxMoved);
  if (response.remaining()) work.pop_back();
  lgsp::dossiers::v1::AssignDossierRequest assign;
  assign.set_officer(request.to_officer());
  for (const ListPlace& place : work) {
    bool moved = false;
    RETURN_IF_ERROR(db.Run([&](sql::Transaction& tx) -> absl::Status {
      const absl::Time now = clock_->CivilNow();
      ASSIGN_OR_RETURN(LoadedDossier loaded, store_.Load(tx, IdOf(place.name)));
      // Moved or ended since it was looked for.
      moved = loaded.dossier.assigned_officer() == request.from_officer() &&
              loaded.dossier.settling_agency() == request.agency() && !Ended(loaded.dossier);
      if (!moved) return absl::OkStatus();
      RETURN_IF_ERROR(DecideAssign({*catalogue_, kHead, now}, assign, loaded.dossier));
      return Save(tx, Command::kAssign, caller, traceparent, now, loaded);
    }));
    if (moved) response.set_moved(response.moved() + 1);
  }
  return response;
}

absl::Status DossierChanges::Recount(sql::Database& db, const std::string& name,
                                     bool& moved) const {
  Caller ourselves;
  ourselves.set_system(kOurselves);
  return db.Run([&](sql::Transaction& tx) -> absl::Status {
    moved = false;
    const absl::Time now = clock_->CivilNow();
    ASSIGN_OR_RETURN(LoadedDossier loaded, store_.Load(tx, IdOf(name)));
    Dossier& dossier = loaded.dossier;
    const int64_t revision = dossier.revision();
    Succeed(*catalogue_, now, dossier);
    if (!Ended(dossier)) RETURN_IF_ERROR(DecideRecount({*catalogue_, kSystem, now}, dossier));
    moved = dossier.revision() != revision;
    if (moved) RETURN_IF_ERROR(Save(tx, Command::kRecount, ourselves, "", now, loaded));
    if (dossier.due().provisional() && !Ended(dossier)) return absl::OkStatus();
    return store_.RemoveProvisionalDue(tx, name);
  });
}

absl::Status DossierChanges::RecountProvisional(sql::Database& db,
                                                absl::FunctionRef<void()> committed,
                                                std::string& after) const {
  std::vector<std::string> names;
  RETURN_IF_ERROR(db.Read([&](sql::Transaction& tx) -> absl::Status {
    ASSIGN_OR_RETURN(names, store_.ProvisionalDues(tx, after, kMaxRecounted));
    return absl::OkStatus();
  }));
  bool any = false;
  for (const std::string& name : names) {
    bool moved = false;
    // One that cannot be must not keep the others.
    if (const absl::Status status = Recount(db, name, moved); !status.ok()) {
      log::Error("due date cannot be counted again", {{"dossier", name}, {"status", status}});
    }
    any = any || moved;
  }
  if (any) committed();
  after = names.size() < kMaxRecounted ? "" : names.back();
  return absl::OkStatus();
}

}  // namespace lgsp::dossiers
