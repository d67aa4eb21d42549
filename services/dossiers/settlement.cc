#include "services/dossiers/settlement.h"

#include <algorithm>
#include <string>
#include <utility>

#include "google/protobuf/util/message_differencer.h"
#include "libs/clock/clock.h"
#include "libs/clock/timestamp.h"
#include "libs/status/status.h"
#include "services/dossiers/consultation.h"
#include "services/dossiers/due_decision.h"
#include "services/dossiers/errors.h"
#include "services/dossiers/limits.h"

namespace lgsp::dossiers {
namespace {

using google::protobuf::util::MessageDifferencer;
using lgsp::dossiers::v1::AskSupplementRequest;
using lgsp::dossiers::v1::BeginWaitRequest;
using lgsp::dossiers::v1::DayRun;
using lgsp::dossiers::v1::EraseDossierRequest;
using lgsp::dossiers::v1::Erasure;
using lgsp::dossiers::v1::ReappointDossierRequest;
using lgsp::dossiers::v1::Reappointment;
using lgsp::dossiers::v1::StopDossierRequest;
using lgsp::dossiers::v1::SupplementItems;
using lgsp::dossiers::v1::Wait;
using lgsp::dossiers::v1::WithdrawDossierRequest;

// What the applicant reads of a dossier that the platform closed.
constexpr char kNotFiled[] = "Người nộp không nộp hồ sơ đã khởi tạo";
constexpr char kNoAnswer[] = "Người nộp không bổ sung hồ sơ trong thời hạn yêu cầu";

void BeginWaiting(const Situation& situation, DayRun::Kind kind, bool clock_stands,
                  Dossier& dossier) {
  Wait& wait = *dossier.add_waits();
  wait.set_kind(kind);
  *wait.mutable_begin_time() = ToTimestamp(situation.now);
  wait.set_clock_stands(clock_stands);
  if (clock_stands) dossier.mutable_due()->set_suspended(true);
}

// Ends the wait that is open, if any.
void EndWaiting(const Situation& situation, Dossier& dossier) {
  if (OpenWait(dossier) == nullptr) return;
  *dossier.mutable_waits()->rbegin()->mutable_end_time() = ToTimestamp(situation.now);
  CloseConsultations(dossier);
}

// Settlement goes on after a wait for a payment or for others.
absl::Status GoOn(const Situation& situation, Dossier& dossier) {
  EndWaiting(situation, dossier);
  return dossier.waits().rbegin()->clock_stands() ? ResumeClock(situation, dossier)
                                                  : absl::OkStatus();
}

// Once before acceptance, once after it (Decree 61/2018 art. 17: everything at once).
bool WasAskedInThisStage(const Dossier& dossier) {
  return std::any_of(dossier.waits().begin(), dossier.waits().end(), [&](const Wait& wait) {
    const bool at_intake =
        !dossier.has_accept_time() || ToTime(wait.begin_time()) < ToTime(dossier.accept_time());
    return wait.kind() == DayRun::SUPPLEMENT && at_intake == !dossier.has_accept_time();
  });
}

// Ends a dossier without a result.
absl::Status Close(const Situation& situation, std::string reason, Dossier& dossier) {
  EndWaiting(situation, dossier);
  if (dossier.has_due()) dossier.mutable_due()->set_suspended(false);
  *dossier.mutable_close_time() = ToTimestamp(situation.now);
  dossier.set_close_reason(std::move(reason));
  return absl::OkStatus();
}

absl::StatusOr<SupplementItems> CleanItems(const AskSupplementRequest& request) {
  if (request.items().empty() || request.items_size() > kMaxSupplementItems) {
    return SupplementItemsInvalid();
  }
  SupplementItems items;
  for (const std::string& item : request.items()) {
    ASSIGN_OR_RETURN(*items.add_items(), CleanText("items", item, 1, kMaxSupplementItemCharacters));
  }
  return items;
}

}  // namespace

absl::Status DecideAskSupplement(const Situation& situation, const AskSupplementRequest& request,
                                 Dossier& dossier) {
  return Apply(situation, Command::kAskSupplement, dossier, [&](Dossier& d) -> absl::Status {
    ASSIGN_OR_RETURN(SupplementItems items, CleanItems(request));
    if (WasAskedInThisStage(d)) return SupplementAskedAlready();
    const int days = situation.catalogue.PoliciesOf(d).supplement_working_days;
    ASSIGN_OR_RETURN(const absl::Time deadline, AnswerDeadline(situation, days, d));
    BeginWaiting(situation, DayRun::SUPPLEMENT, d.has_accept_time(), d);
    *d.mutable_waits()->rbegin()->mutable_answer_deadline() = ToTimestamp(deadline);
    *d.add_supplements() = std::move(items);
    return absl::OkStatus();
  });
}

absl::Status DecideAnswerSupplement(const Situation& situation, Dossier& dossier) {
  return Apply(situation, Command::kAnswerSupplement, dossier, [&](Dossier& d) -> absl::Status {
    EndWaiting(situation, d);
    if (!d.has_accept_time()) return absl::OkStatus();
    return AnswerRestartsClock(situation, d) ? RestartClock(situation, d)
                                             : ResumeClock(situation, d);
  });
}

absl::Status DecideStart(const Situation& situation, Dossier& dossier) {
  return Apply(situation, Command::kStart, dossier, [](Dossier&) { return absl::OkStatus(); });
}

absl::Status DecideBeginWait(const Situation& situation, const BeginWaitRequest& request,
                             Dossier& dossier) {
  const bool payment = request.kind() == DayRun::PAYMENT;
  if (!payment && request.kind() != DayRun::OTHER_AGENCY) return WaitKindInvalid();
  const Command command = payment ? Command::kWaitForPayment : Command::kWaitForAgency;
  return Apply(situation, command, dossier, [&](Dossier& d) -> absl::Status {
    if (d.waits_size() >= kMaxWaits) return WaitsExhausted();
    const ProcedurePolicies policies = situation.catalogue.PoliciesOf(d);
    BeginWaiting(situation, request.kind(),
                 payment ? policies.payment_stops_clock : policies.agency_stops_clock, d);
    return AskAgencies(situation, request, d);
  });
}

absl::Status DecideEndWait(const Situation& situation, Dossier& dossier) {
  return Apply(situation, Command::kEndWait, dossier,
               [&](Dossier& d) { return GoOn(situation, d); });
}

absl::Status DecideLapse(const Situation& situation, Dossier& dossier) {
  return Apply(situation, Command::kLapse, dossier, [&](Dossier& d) { return GoOn(situation, d); });
}

absl::Status DecideSign(const Situation& situation, Dossier& dossier) {
  return Apply(situation, Command::kSign, dossier, [&](Dossier& d) {
    *d.mutable_sign_time() = ToTimestamp(situation.now);
    return absl::OkStatus();
  });
}

absl::Status DecideReappoint(const Situation& situation, const ReappointDossierRequest& request,
                             Dossier& dossier) {
  return Apply(situation, Command::kReappoint, dossier, [&](Dossier& d) -> absl::Status {
    if (d.has_reappointment()) return ReappointedAlready();
    // An apology for a date that moves by itself would be wasted: there is only one.
    if (d.due().suspended()) return ClockStands();
    ASSIGN_OR_RETURN(const absl::Time due_time, CheckDueTime(request.due_time(), situation.now));
    const absl::Time first = ToTime(d.due().due_time());
    if (due_time <= first) return DueTimeInvalid("must be after the due date");
    Reappointment& appointment = *d.mutable_reappointment();
    *appointment.mutable_due_time() = ToTimestamp(due_time);
    *appointment.mutable_time() = ToTimestamp(situation.now);
    // At the latest one day before the due date (vietnam.md 0a.9).
    appointment.set_late(VietnamDay(situation.now) > VietnamDay(first) - 1);
    ASSIGN_OR_RETURN(*appointment.mutable_reason(),
                     CleanText("reason", request.reason(), 1, kMaxReasonCharacters));
    return absl::OkStatus();
  });
}

absl::Status DecideWithdraw(const Situation& situation, const WithdrawDossierRequest& request,
                            Dossier& dossier) {
  return Apply(situation, Command::kWithdraw, dossier, [&](Dossier& d) -> absl::Status {
    ASSIGN_OR_RETURN(std::string reason,
                     CleanText("reason", request.reason(), 1, kMaxReasonCharacters));
    return Close(situation, std::move(reason), d);
  });
}

absl::Status DecideStop(const Situation& situation, const StopDossierRequest& request,
                        Dossier& dossier) {
  return Apply(situation, Command::kStop, dossier, [&](Dossier& d) -> absl::Status {
    ASSIGN_OR_RETURN(std::string reason,
                     CleanText("reason", request.reason(), 1, kMaxReasonCharacters));
    return Close(situation, std::move(reason), d);
  });
}

absl::Status DecideErase(const Situation& situation, const EraseDossierRequest& request,
                         Dossier& dossier) {
  return Apply(situation, Command::kErase, dossier, [&](Dossier& d) -> absl::Status {
    if (!Erasure::Reason_IsValid(request.reason()) ||
        request.reason() == Erasure::REASON_UNSPECIFIED) {
      return EraseReasonInvalid();
    }
    d.mutable_erasure()->set_reason(request.reason());
    *d.mutable_erasure()->mutable_time() = ToTimestamp(situation.now);
    return absl::OkStatus();
  });
}

absl::Status DecideRecount(const Situation& situation, Dossier& dossier) {
  // What waits, or is not received, is counted when that ends.
  const bool waits = OpenWait(dossier) != nullptr && OpenWait(dossier)->clock_stands();
  if (!dossier.due().provisional() || waits || !dossier.has_receive_time()) return absl::OkStatus();
  Dossier counted = dossier;
  RETURN_IF_ERROR(ResumeClock(situation, counted));
  if (MessageDifferencer::Equals(counted.due(), dossier.due())) return absl::OkStatus();
  return Apply(situation, Command::kRecount, dossier, [&](Dossier& d) {
    d.mutable_due()->Swap(counted.mutable_due());
    return absl::OkStatus();
  });
}

absl::Status DecideExpire(const Situation& situation, Dossier& dossier) {
  const bool draft = dossier.state() == Dossier::DRAFT;
  return Apply(situation, Command::kExpire, dossier,
               [&](Dossier& d) { return Close(situation, draft ? kNotFiled : kNoAnswer, d); });
}

}  // namespace lgsp::dossiers
