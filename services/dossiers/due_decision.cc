#include "services/dossiers/due_decision.h"

#include <set>
#include <string>
#include <tuple>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "libs/clock/clock.h"
#include "libs/clock/timestamp.h"
#include "libs/status/status.h"
#include "services/dossiers/calendar/due_date.h"
#include "services/dossiers/calendar/term.h"
#include "services/dossiers/errors.h"
#include "services/dossiers/limits.h"

namespace lgsp::dossiers {
namespace {

using google::protobuf::Timestamp;
using lgsp::dossiers::v1::AcceptDossierRequest;
using lgsp::dossiers::v1::DueDate;
using lgsp::dossiers::v1::PrintedTerm;
using lgsp::dossiers::v1::Wait;

absl::StatusOr<DueDate> OfficersDue(const Procedure& procedure, const AcceptDossierRequest& request,
                                    absl::Time now) {
  if (!request.has_due_time()) return DueTimeNeeded(procedure.code());
  ASSIGN_OR_RETURN(const absl::Time due_time, CheckDueTime(request.due_time(), now));
  DueDate due;
  *due.mutable_due_time() = ToTimestamp(due_time);
  due.set_officer_days(static_cast<int32_t>(VietnamDay(due_time) - VietnamDay(now)));
  ASSIGN_OR_RETURN(*due.mutable_basis(),
                   CleanText("due_basis", request.due_basis(), 1, kMaxBasisCharacters));
  return due;
}

// The term that holds for `channel`, which the procedure offers: so there is one. Not every term
// can be computed.
absl::StatusOr<PrintedTerm> ChooseTerm(const Procedure& procedure, Dossier::Channel channel,
                                       int row) {
  std::vector<PrintedTerm> terms;
  std::vector<int> rows;
  std::set<std::tuple<int, std::string, std::string>> different;
  for (const PrintedTerm& term : procedure.terms()) {
    if (term.channel() != channel) continue;
    if (term.row() == row) return term;
    terms.push_back(term);
    rows.push_back(term.row());
    different.emplace(term.term_class(), term.amount(), term.unit());
  }
  if (row != 0) return TermRowUnknown(absl::StrJoin(rows, ", "));
  if (different.size() > 1) return TermAmbiguous(absl::StrJoin(rows, ", "));
  return terms.front();
}

// What is printed, as it is counted; nothing when an officer has to set the date.
std::optional<Term> TermOf(absl::string_view amount, absl::string_view unit,
                           const ProcedurePolicies& policies) {
  auto term = PrintedTermOf(amount, unit);
  if (!term.has_value() || !policies.consecutive_hours) return term;
  for (Term::Part& part : term->parts) {
    if (part.unit == Term::Unit::kHour) part.unit = Term::Unit::kConsecutiveHour;
  }
  return term;
}

// The waits since the clock began in which it stood.
std::vector<Pause> PausesOf(const Dossier& dossier) {
  std::vector<Pause> pauses;
  for (const Wait& wait : dossier.waits()) {
    if (!wait.clock_stands() || !wait.has_end_time()) continue;
    if (ToTime(wait.begin_time()) < ToTime(dossier.start_time())) continue;
    pauses.push_back({ToTime(wait.begin_time()), ToTime(wait.end_time()), wait.kind()});
  }
  return pauses;
}

// The due date of `dossier` by a term: since its start, without its pauses.
absl::StatusOr<DueDate> CountTerm(const Situation& situation, const Term& term,
                                  const Dossier& dossier) {
  const ProcedurePolicies policies = situation.catalogue.PoliciesOf(dossier);
  const DueRules rules{situation.catalogue.hours().Of(dossier.settling_agency()), policies.cut_off,
                       PausesOf(dossier)};
  return ComputeDue(situation.catalogue.calendar(), rules, term, ToTime(dossier.start_time()));
}

// When `days` working days of the settling agency after `from` end.
absl::StatusOr<absl::Time> WorkingDaysAfter(const Situation& situation, int days, absl::Time from,
                                            const Dossier& dossier) {
  const auto term = ParseTerm(absl::StrCat(days, " WORKING_DAY"));
  const DueRules rules{situation.catalogue.hours().Of(dossier.settling_agency())};
  ASSIGN_OR_RETURN(const DueDate due,
                   ComputeDue(situation.catalogue.calendar(), rules, *term, from));
  return ToTime(due.due_time());
}

int64_t DaysBetween(absl::Time from, absl::Time to) { return VietnamDay(to) - VietnamDay(from); }

// An officer's date again: as many days after the start as it was first, and those of the pauses
// that began before it, on a working day at the same hour. It may lie years ahead: days of unknown
// years are taken by their weekday.
void CountOfficersDate(const Situation& situation, Dossier& dossier) {
  DueDate& due = *dossier.mutable_due();
  const absl::Time given = ToTime(due.due_time());
  const absl::Duration hour = given - absl::FromCivil(VietnamDay(given), VietnamZone());
  absl::CivilDay day = VietnamDay(ToTime(dossier.start_time())) + due.officer_days();
  for (const Pause& pause : PausesOf(dossier)) {
    if (VietnamDay(pause.from) <= day) day += DaysBetween(pause.from, pause.to);
  }
  const Calendar& calendar = situation.catalogue.calendar();
  while (!calendar.DayOf(day).works()) ++day;
  const absl::Time counted = absl::FromCivil(day, VietnamZone()) + hour;
  if (counted > given) *due.mutable_due_time() = ToTimestamp(counted);
  due.set_provisional(!calendar.Knows(day.year()) || calendar.IsProvisional(day.year()));
  due.set_suspended(false);
}

}  // namespace

absl::StatusOr<absl::Time> CheckDueTime(const Timestamp& given, absl::Time now) {
  // Not by TimeUtil: it aborts on a time out of range.
  const absl::Time due_time = absl::FromUnixSeconds(given.seconds());
  if (due_time <= now || due_time > now + kFarthestDueTime) {
    return DueTimeInvalid("must be in the future, at most 10 years ahead");
  }
  return due_time;
}

absl::StatusOr<DueDate> DecideDue(const Situation& situation, const Procedure& procedure,
                                  const AcceptDossierRequest& request, const Dossier& dossier) {
  ASSIGN_OR_RETURN(const PrintedTerm printed,
                   ChooseTerm(procedure, dossier.channel(), request.term_row()));
  const auto term =
      printed.term_class() == PrintedTerm::KNOWN
          ? TermOf(printed.amount(), printed.unit(), situation.catalogue.PoliciesOf(procedure))
          : std::nullopt;
  if (!term.has_value()) return OfficersDue(procedure, request, situation.now);
  if (request.has_due_time()) return DueTimeInvalid("must not be given: the term is computed");
  ASSIGN_OR_RETURN(DueDate due, CountTerm(situation, *term, dossier));
  due.set_term_row(printed.row());
  due.set_term_amount(printed.amount());
  due.set_term_unit(printed.unit());
  return due;
}

absl::StatusOr<absl::Time> AnswerDeadline(const Situation& situation, int days,
                                          const Dossier& dossier) {
  return WorkingDaysAfter(situation, days, situation.now, dossier);
}

bool AnswerRestartsClock(const Situation& situation, const Dossier& dossier) {
  const absl::Time asked = ToTime(dossier.waits().rbegin()->begin_time());
  if (!situation.catalogue.PoliciesOf(dossier).supplement_restarts ||
      asked > ToTime(dossier.due().due_time())) {
    return false;
  }
  const auto limit =
      WorkingDaysAfter(situation, kRestartWorkingDays, ToTime(dossier.receive_time()), dossier);
  return limit.ok() && asked <= *limit;
}

absl::Status RestartClock(const Situation& situation, Dossier& dossier) {
  *dossier.mutable_start_time() = ToTimestamp(situation.now);
  return ResumeClock(situation, dossier);
}

absl::Status ResumeClock(const Situation& situation, Dossier& dossier) {
  const DueDate before = dossier.due();
  const auto term =
      TermOf(before.term_amount(), before.term_unit(), situation.catalogue.PoliciesOf(dossier));
  if (before.term_row() == 0 || !term.has_value()) {
    CountOfficersDate(situation, dossier);
    return absl::OkStatus();
  }
  // What happened must be recorded even when it cannot be counted.
  absl::StatusOr<DueDate> due = CountTerm(situation, *term, dossier);
  if (ErrorReason(due.status()) == "CALENDAR_MISSING") {
    dossier.mutable_due()->set_suspended(true);
    dossier.mutable_due()->set_provisional(true);
    return absl::OkStatus();
  }
  RETURN_IF_ERROR(due.status());
  if (ToTime(due->due_time()) < ToTime(before.due_time())) {
    dossier.mutable_due()->set_suspended(false);
    dossier.mutable_due()->set_provisional(due->provisional());
    return absl::OkStatus();
  }
  due->set_term_row(before.term_row());
  due->set_term_amount(before.term_amount());
  due->set_term_unit(before.term_unit());
  *dossier.mutable_due() = *std::move(due);
  return absl::OkStatus();
}

}  // namespace lgsp::dossiers
