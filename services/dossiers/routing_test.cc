// The ways of a file between agencies, what they ask each other, and which officer has it: what
// they make of a dossier, and over the wire who sees what.
#include "services/dossiers/routing.h"

#include <catch2/catch.hpp>
#include <filesystem>
#include <functional>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "libs/clock/clock.h"
#include "libs/config/config.h"
#include "libs/testing/files.h"
#include "services/dossiers/assignment.h"
#include "services/dossiers/calendar/due_text.h"
#include "services/dossiers/consultation.h"
#include "services/dossiers/limits.h"
#include "services/dossiers/oracle_test.h"
#include "services/dossiers/service_test.h"
#include "services/dossiers/settlement.h"

namespace lgsp::dossiers {
namespace {

using lgsp::auth::v1::Caller;
using lgsp::dossiers::v1::AnswerConsultationRequest;
using lgsp::dossiers::v1::AssignDossierRequest;
using lgsp::dossiers::v1::BeginWaitRequest;
using lgsp::dossiers::v1::DayRun;
using lgsp::dossiers::v1::ForwardDossierRequest;
using lgsp::dossiers::v1::Hop;
using lgsp::dossiers::v1::ListDossiersRequest;
using lgsp::dossiers::v1::MoveWorkRequest;
using lgsp::dossiers::v1::SendBackDossierRequest;
using lgsp::dossiers::v1::SubmitDossierRequest;
using Stub = lgsp::dossiers::v1::Dossiers::Stub;

// Of level Tỉnh and the field "Đầu tư tại Việt nam": H12.04 or H12.14.
constexpr char kInvestmentProcedure[] = "1.009642";
// The ward Bạc Liêu, H12.50.01.
constexpr char kWard[] = "31825";

absl::Time At(int month, int day, int hour) {
  return absl::FromCivil(absl::CivilHour(2026, month, day, hour), VietnamZone());
}
Situation By(absl::Time now, Actors actors = kEverybody) {
  return {TheCatalogue(), actors, now, nullptr};
}

using Change = std::function<void(SubmitDossierRequest&)>;

absl::StatusOr<Dossier> Submitted(const Change& change, const Catalogue& catalogue,
                                  absl::string_view agencies = "H12.*") {
  SubmitDossierRequest request = SampleSubmission();
  change(request);
  return DecideSubmit(catalogue, CallerOf(agencies), request, At(11, 2, 9));
}
absl::StatusOr<Dossier> Submitted(const Change& change) {
  return Submitted(change, TheCatalogue());
}

std::string ReasonOf(const absl::StatusOr<Dossier>& dossier) {
  return ErrorReason(dossier.status());
}

Catalogue CatalogueWith(absl::string_view procedure, absl::string_view policy,
                        absl::string_view value) {
  auto procedures = TheCatalogue().procedures();
  for (auto& one : *procedures[std::string(procedure)].back().mutable_policies()) {
    if (one.policy() == policy) one.set_value(std::string(value));
  }
  Catalogue catalogue = TheCatalogue();
  catalogue.SetProcedures(std::move(procedures));
  return catalogue;
}

// deploy/catalog with these rows in agency_changes.csv.
Catalogue CatalogueAfterChanges(absl::string_view rows) {
  const testing::TemporaryFolder folder;
  for (const auto& entry : std::filesystem::directory_iterator(SourceFile("deploy/catalog"))) {
    std::filesystem::copy(entry.path(), folder.path());
  }
  const std::string path = absl::StrCat(folder.path(), "/agency_changes.csv");
  const auto content = config::ReadFile(path);
  REQUIRE(content.ok());
  std::filesystem::remove(path);
  folder.Write("agency_changes.csv", absl::StrCat(*content, rows));
  auto catalogue = Catalogue::Load(folder.path());
  INFO(catalogue.status());
  REQUIRE(catalogue.ok());
  return *std::move(catalogue);
}

TEST_CASE("routing: who settles is found by level, field and place") {
  // Level Tỉnh: the department of the field, wherever it is filed.
  auto dossier = Submitted([](auto& r) { r.set_place(kWard); });
  REQUIRE(dossier.ok());
  CHECK(dossier->settling_agency() == "H12.04");
  CHECK(dossier->intake_agency() == "H12.50.01");
  CHECK(dossier->return_agency() == "H12.50.01");
  CHECK_FALSE(dossier->undetermined());
  // Level Xã: the commune of the place before the one that takes it in.
  const auto of_commune = [](absl::string_view intake, absl::string_view place) {
    return [=](SubmitDossierRequest& r) {
      r.set_procedure(kCommuneProcedure);
      r.set_intake_agency(std::string(intake));
      r.set_place(std::string(place));
    };
  };
  CHECK(Submitted(of_commune("H12.50.02", ""))->settling_agency() == "H12.50.02");
  CHECK(Submitted(of_commune("H12.50.02", kWard))->settling_agency() == "H12.50.01");
  CHECK(Submitted(of_commune("H12.15", kWard))->settling_agency() == "H12.50.01");
  CHECK(ReasonOf(Submitted(of_commune("H12.15", "99999"))) == "PLACE_UNKNOWN");
  // Nothing says which: the service centre finds out.
  dossier = Submitted(of_commune("H12.15", ""));
  REQUIRE(dossier.ok());
  CHECK(dossier->undetermined());
  CHECK(dossier->settling_agency() == "H12.15");
  // Named beside a place, it must be that place's.
  const auto both = [&](auto& r) {
    of_commune("H12.15", kWard)(r);
    r.set_settling_agency("H12.50.02");
  };
  CHECK(ReasonOf(Submitted(both)) == "SETTLING_AGENCY_WRONG");
}

TEST_CASE("routing: a field of several agencies is one's when it is named, else the centre's") {
  const auto with = [](absl::string_view settling) {
    return [=](SubmitDossierRequest& r) {
      r.set_procedure(kInvestmentProcedure);
      r.set_settling_agency(std::string(settling));
      const Procedure* procedure = TheCatalogue().FindProcedure(kInvestmentProcedure);
      REQUIRE(procedure != nullptr);
      r.set_channel(static_cast<Dossier::Channel>(procedure->channels(0)));
    };
  };
  CHECK(Submitted(with("H12.14"))->settling_agency() == "H12.14");
  CHECK(Submitted(with("H12.04"))->settling_agency() == "H12.04");
  CHECK(ReasonOf(Submitted(with("H12.05"))) == "SETTLING_AGENCY_WRONG");
  CHECK(Submitted(with(""))->undetermined());
}

TEST_CASE("routing: where a dossier may be taken in and handed over") {
  const auto intake = [](absl::string_view code) {
    return [=](SubmitDossierRequest& r) { r.set_intake_agency(std::string(code)); };
  };
  for (const absl::string_view code : {"H12.50.64", "H12.15", "H12.04"}) {
    CHECK(Submitted(intake(code)).ok());
  }
  // Another department is no counter; a commune of another province neither, unless listed.
  CHECK(ReasonOf(Submitted(intake("H12.05"))) == "INTAKE_NOT_OFFERED");
  CHECK(ReasonOf(Submitted(intake("H49.15.02"), TheCatalogue(), "*")) == "INTAKE_NOT_OFFERED");
  CHECK(ReasonOf(Submitted(intake("H49.15.02"))) == "AGENCY_NOT_REPRESENTED");
  CHECK(ReasonOf(Submitted(intake("49.15"), TheCatalogue(), "*")) == "AGENCY_UNKNOWN");
  const Catalogue listed = CatalogueWith(kProvinceProcedure, "INTAKE", "NATIONWIDE");
  const auto foreign = Submitted(intake("H49.15.02"), listed, "*");
  REQUIRE(foreign.ok());
  CHECK(foreign->intake_agency() == "H49.15.02");
  CHECK(foreign->settling_agency() == "H12.04");
  const auto back = [](absl::string_view code) {
    return [=](SubmitDossierRequest& r) { r.set_return_agency(std::string(code)); };
  };
  CHECK(Submitted(back("H12.50.07"))->return_agency() == "H12.50.07");
  CHECK(Submitted(back("H12.04"))->return_agency() == "H12.04");
  CHECK(ReasonOf(Submitted(back("H12.05"))) == "INTAKE_NOT_OFFERED");
  CHECK(ReasonOf(Submitted(back("H12.77"))) == "AGENCY_UNKNOWN");
}

TEST_CASE("routing: what is settled at once is taken in only where it is settled") {
  const Catalogue at_once = CatalogueWith(kCommuneProcedure, "RESULT", "IMMEDIATE");
  const auto at = [](absl::string_view intake, absl::string_view settling) {
    return [=](SubmitDossierRequest& r) {
      r.set_procedure(kCommuneProcedure);
      r.set_intake_agency(std::string(intake));
      r.set_settling_agency(std::string(settling));
    };
  };
  CHECK(Submitted(at("H12.50.02", "H12.50.02"), at_once).ok());
  CHECK(ReasonOf(Submitted(at("H12.50.03", "H12.50.02"), at_once)) == "SETTLED_AT_ONCE");
  CHECK(ReasonOf(Submitted(at("H12.15", ""), at_once)) == "SETTLED_AT_ONCE");
}

ForwardDossierRequest To(absl::string_view agency) {
  ForwardDossierRequest request;
  request.set_to_agency(std::string(agency));
  request.set_reason("Không thuộc thẩm quyền");
  return request;
}
SendBackDossierRequest Back() {
  SendBackDossierRequest request;
  request.set_reason("Hồ sơ giấy chưa đủ");
  return request;
}
Dossier Filed(absl::string_view procedure, absl::string_view intake) {
  const auto dossier = Submitted([&](auto& r) {
    r.set_procedure(std::string(procedure));
    r.set_intake_agency(std::string(intake));
  });
  INFO(dossier.status());
  REQUIRE(dossier.ok());
  return *dossier;
}

TEST_CASE("routing: the centre forwards what it found out; before that nobody accepts it") {
  Dossier dossier = Filed(kCommuneProcedure, "H12.15");
  REQUIRE(dossier.undetermined());
  CHECK(ErrorReason(DecideAccept(By(At(11, 2, 10)), {}, dossier)) == "COMPETENCE_UNDETERMINED");
  CHECK(ErrorReason(DecideForward(By(At(11, 2, 10)), To("H12.04"), dossier)) == "FORWARD_WRONG");
  CHECK(ErrorReason(DecideForward(By(At(11, 2, 10)), To("H12.15"), dossier)) == "FORWARD_WRONG");
  CHECK(ErrorReason(DecideForward(By(At(11, 2, 10)), To("H12.77"), dossier)) == "AGENCY_UNKNOWN");
  ForwardDossierRequest silent = To("H12.50.09");
  silent.clear_reason();
  CHECK(ErrorReason(DecideForward(By(At(11, 2, 10)), silent, dossier)) == "TEXT_EMPTY");
  CHECK(dossier.hops().empty());
  REQUIRE(DecideForward(By(At(11, 2, 10)), To("H12.50.09"), dossier).ok());
  CHECK(dossier.state() == Dossier::SUBMITTED);
  CHECK_FALSE(dossier.undetermined());
  CHECK(dossier.settling_agency() == "H12.50.09");
  REQUIRE(DecideAccept(By(At(11, 2, 11), kProcessing), {}, dossier).ok());
  CHECK(dossier.fee_agency() == "H12.50.09");
  CHECK(dossier.has_receive_time());
}

TEST_CASE("routing: each new agency's clock begins with its receipt; what comes back goes on") {
  Dossier dossier = Filed(kCommuneProcedure, "H12.50.01");
  REQUIRE(DecideAccept(By(At(11, 2, 9), kProcessing), {}, dossier).ok());
  CHECK(ToTime(dossier.start_time()) == At(11, 2, 9));
  REQUIRE(DecideStart(By(At(11, 2, 10)), dossier).ok());
  REQUIRE(DecideForward(By(At(11, 3, 9), kProcessing), To("H12.50.02"), dossier).ok());
  CHECK(dossier.state() == Dossier::TRANSFERRED);
  CHECK(dossier.due().suspended());
  CHECK_FALSE(dossier.has_receive_time());
  // From whom it came may not take it on, nor forward it again.
  CHECK(ErrorReason(DecideForward(By(At(11, 3, 10), kIntake), To("H12.50.03"), dossier)) ==
        "COMMAND_NOT_YOURS");
  REQUIRE(DecideReceive(By(At(11, 4, 9), kReceiver), dossier).ok());
  CHECK(ToTime(dossier.start_time()) == At(11, 4, 9));
  CHECK(Rfc3339(dossier.due().due_time()) == "2026-11-11T17:00:00+07:00");
  // Back to the first one, which had it before: no new term.
  REQUIRE(DecideSendBack(By(At(11, 5, 9), kProcessing), Back(), dossier).ok());
  CHECK(dossier.state() == Dossier::ACCEPTED);
  CHECK(dossier.settling_agency() == "H12.50.01");
  CHECK(dossier.due().suspended());
  REQUIRE(DecideReceive(By(At(11, 9, 9), kReceiver), dossier).ok());
  CHECK(ToTime(dossier.start_time()) == At(11, 4, 9));
  CHECK(Rfc3339(dossier.due().due_time()) == "2026-11-11T17:00:00+07:00");
  CHECK_FALSE(dossier.due().suspended());
  // Nobody gave it to the one that accepted it itself.
  CHECK(ErrorReason(DecideSendBack(By(At(11, 9, 10)), Back(), dossier)) ==
        "SETTLED_WHERE_ACCEPTED");
  const std::string told = absl::StrJoin(ExplainDue(dossier, Language::kEnglish), "\n");
  CHECK(absl::StrContains(told, "H12.50.01 → H12.50.02, forwarded to the competent agency"));
  CHECK(absl::StrContains(told, "H12.50.02 → H12.50.01, sent back: Hồ sơ giấy chưa đủ"));
  CHECK(absl::StrContains(told, "has the file since: 09:00, Monday 2026-11-09"));
}

TEST_CASE("routing: a transferred file goes back to its intake, and comes again") {
  Dossier dossier = Filed(kProvinceProcedure, "H12.50.01");
  REQUIRE(DecideAccept(By(At(11, 2, 9), kIntake), {}, dossier).ok());
  REQUIRE(DecideTransfer(By(At(11, 2, 16), kIntake), dossier).ok());
  REQUIRE(DecideSendBack(By(At(11, 3, 9), kReceiver), Back(), dossier).ok());
  CHECK(dossier.state() == Dossier::ACCEPTED);
  CHECK(dossier.settling_agency() == "H12.04");
  CHECK(dossier.hops(0).kind() == Hop::SENT_BACK);
  CHECK(dossier.hops(0).to_agency() == "H12.50.01");
  REQUIRE(DecideTransfer(By(At(11, 4, 16), kIntake), dossier).ok());
  REQUIRE(DecideReceive(By(At(11, 5, 8), kReceiver), dossier).ok());
  // It never had it before: its clock begins.
  CHECK(ToTime(dossier.start_time()) == At(11, 5, 8));
}

TEST_CASE("routing: ways between agencies have an end") {
  Dossier dossier = Filed(kCommuneProcedure, "H12.50.01");
  for (int i = 0; i < kMaxHops; ++i) {
    const std::string to = i % 2 == 0 ? "H12.50.02" : "H12.50.03";
    REQUIRE(DecideForward(By(At(11, 2, 10)), To(to), dossier).ok());
  }
  CHECK(ErrorReason(DecideForward(By(At(11, 2, 10)), To("H12.50.04"), dossier)) ==
        "HOPS_EXHAUSTED");
}

TEST_CASE("routing: codes of others are kept as given") {
  const auto with = [](std::vector<std::pair<std::string, std::string>> codes) {
    return [=](SubmitDossierRequest& r) {
      for (const auto& [issuer, code] : codes) {
        r.add_foreign_codes()->set_issuer(issuer);
        r.mutable_foreign_codes()->rbegin()->set_code(code);
      }
    };
  };
  const auto dossier = Submitted(with({{"portal", "G01.99.20-261102-260001234"}, {"H49", "x/1"}}));
  REQUIRE(dossier.ok());
  CHECK(dossier->foreign_codes(0).code() == "G01.99.20-261102-260001234");
  CHECK(dossier->foreign_codes(1).issuer() == "H49");
  for (const auto& bad : std::vector<std::vector<std::pair<std::string, std::string>>>{
           {{"", "1"}},
           {{"portal", ""}},
           {{"portal", "a b"}},
           {{"po rtal", "1"}},
           {{"portal", std::string(65, '1')}},
           {{"portal", "1"}, {"portal", "2"}},
           {{"a", "1"}, {"b", "1"}, {"c", "1"}, {"d", "1"}, {"e", "1"}, {"f", "1"}}}) {
    CHECK(ReasonOf(Submitted(with(bad))) == "FOREIGN_CODE_INVALID");
  }
}

constexpr char kEndOfOctober[] =
    "H12.04,,2026-10-31,H12.05,assumed: a test\n"
    "H12.05,,2027-06-30,H12.06,assumed: a test\n"
    "H12.07,2027-01-01,,,assumed: a test\n";

TEST_CASE("routing: an agency that has ended is gone on for by its successor") {
  const Catalogue catalogue = CatalogueAfterChanges(kEndOfOctober);
  CHECK(catalogue.ActingAgency("H12.04", absl::CivilDay(2026, 10, 31)) == "H12.04");
  CHECK(catalogue.ActingAgency("H12.04", absl::CivilDay(2026, 11, 1)) == "H12.05");
  CHECK(catalogue.ActingAgency("H12.04", absl::CivilDay(2027, 7, 1)) == "H12.06");
  // New dossiers go to the successor.
  CHECK(Submitted([](auto&) {}, catalogue)->settling_agency() == "H12.05");
  const auto named = [](auto& r) { r.set_settling_agency("H12.04"); };
  CHECK(ReasonOf(Submitted(named, catalogue)) == "AGENCY_CLOSED");
  const auto early = [](auto& r) { r.set_return_agency("H12.07"); };
  CHECK(ReasonOf(Submitted(early, catalogue)) == "AGENCY_CLOSED");
  // One from before becomes the successor's, and is its to see before that.
  Dossier dossier = Filed(kProvinceProcedure, "H12.50.01");
  dossier.set_assigned_officer("cb-1");
  CHECK(Concerns(catalogue, CallerOf("H12.05"), dossier, At(11, 2, 9)));
  CHECK_FALSE(Concerns(TheCatalogue(), CallerOf("H12.05"), dossier, At(11, 2, 9)));
  Succeed(catalogue, At(11, 2, 9), dossier);
  CHECK(dossier.settling_agency() == "H12.05");
  CHECK(dossier.assigned_officer().empty());
  REQUIRE(dossier.hops_size() == 1);
  CHECK(dossier.hops(0).kind() == Hop::SUCCEEDED);
  Succeed(catalogue, At(11, 2, 9), dossier);
  CHECK(dossier.hops_size() == 1);
}

Situation After(const Catalogue& catalogue, absl::Time now, Actors actors) {
  return {catalogue, actors, now};
}

TEST_CASE("routing: what goes back goes to the successor, whose clock had begun already") {
  const Catalogue catalogue = CatalogueAfterChanges(
      "H12.50.01,,2026-11-04,H12.50.03,assumed: a test\n"
      "H12.50.02,,2026-11-04,H12.50.05,assumed: a test\n");
  Dossier dossier = Filed(kCommuneProcedure, "H12.50.01");
  REQUIRE(DecideAccept(After(catalogue, At(11, 2, 9), kProcessing), {}, dossier).ok());
  REQUIRE(
      DecideForward(After(catalogue, At(11, 3, 9), kProcessing), To("H12.50.02"), dossier).ok());
  REQUIRE(DecideReceive(After(catalogue, At(11, 3, 10), kReceiver), dossier).ok());
  const auto start = dossier.start_time();
  // Both have ended: it is with the one's successor, and goes back to the other's.
  Succeed(catalogue, At(11, 5, 9), dossier);
  CHECK(dossier.settling_agency() == "H12.50.05");
  REQUIRE(DecideSendBack(After(catalogue, At(11, 5, 9), kProcessing), Back(), dossier).ok());
  CHECK(dossier.settling_agency() == "H12.50.03");
  REQUIRE(DecideReceive(After(catalogue, At(11, 6, 9), kReceiver), dossier).ok());
  CHECK(ToTime(dossier.start_time()) == ToTime(start));
}

TEST_CASE("routing: of two competent agencies that were merged the one is competent") {
  const Catalogue catalogue = CatalogueAfterChanges("H12.14,,2026-10-31,H12.04,assumed: a test\n");
  const auto dossier = Submitted(
      [](SubmitDossierRequest& r) {
        r.set_procedure(kInvestmentProcedure);
        const Procedure* procedure = TheCatalogue().FindProcedure(kInvestmentProcedure);
        r.set_channel(static_cast<Dossier::Channel>(procedure->channels(0)));
      },
      catalogue);
  INFO(dossier.status());
  REQUIRE(dossier.ok());
  CHECK(dossier->settling_agency() == "H12.04");
  CHECK_FALSE(dossier->undetermined());
}

BeginWaitRequest Asking(std::vector<std::string> agencies, int days = 0) {
  BeginWaitRequest request;
  request.set_kind(DayRun::OTHER_AGENCY);
  for (std::string& agency : agencies) {
    request.add_consultations()->set_agency(std::move(agency));
    request.mutable_consultations()->rbegin()->set_question("Thửa đất có tranh chấp không?");
  }
  request.set_answer_days(days);
  return request;
}

TEST_CASE("consultation: asked with a limit, answered by the agency asked, or given up") {
  Dossier dossier = Filed(kProvinceProcedure, "H12.50.01");
  REQUIRE(DecideAccept(By(At(11, 2, 9), kProcessing), {}, dossier).ok());
  REQUIRE(DecideStart(By(At(11, 2, 9)), dossier).ok());
  const auto refused = [&](const BeginWaitRequest& request) {
    const int64_t before = dossier.revision();
    const absl::Status status = DecideBeginWait(By(At(11, 2, 10)), request, dossier);
    CHECK(dossier.revision() == before);
    return ErrorReason(status);
  };
  CHECK(refused(Asking({"H12.77"})) == "AGENCY_UNKNOWN");
  CHECK(refused(Asking({"H12.04"})) == "CONSULTATIONS_INVALID");
  CHECK(refused(Asking({"H12.05", "H12.05"})) == "CONSULTATIONS_INVALID");
  CHECK(refused(Asking(std::vector<std::string>(11, "H12.05"))) == "CONSULTATIONS_INVALID");
  CHECK(refused(Asking({"H12.05"}, 61)) == "ANSWER_DAYS_INVALID");
  CHECK(refused(Asking({"H12.05"}, -1)) == "ANSWER_DAYS_INVALID");
  BeginWaitRequest payment = Asking({"H12.05"});
  payment.set_kind(DayRun::PAYMENT);
  CHECK(refused(payment) == "CONSULTATIONS_INVALID");
  CHECK(DecideBeginWait(By(At(11, 2, 10)), Asking({"H12.05"}, 60), dossier).ok());
}

Dossier Asked(std::vector<std::string> agencies, int days = 0) {
  Dossier dossier = Filed(kProvinceProcedure, "H12.50.01");
  REQUIRE(DecideAccept(By(At(11, 2, 9), kProcessing), {}, dossier).ok());
  REQUIRE(DecideStart(By(At(11, 2, 9)), dossier).ok());
  REQUIRE(DecideBeginWait(By(At(11, 2, 10)), Asking(std::move(agencies), days), dossier).ok());
  return dossier;
}

TEST_CASE("consultation: who is asked has the dossier until it has answered or the wait ends") {
  Dossier dossier = Asked({"H12.05", "H12.50.02"}, 3);
  CHECK(Rfc3339(dossier.waits(0).answer_deadline()) == "2026-11-05T17:00:00+07:00");
  CHECK(AgenciesOf(dossier) ==
        std::vector<std::string>{"H12.04", "H12.05", "H12.50.01", "H12.50.02"});
  const Caller asked = CallerOf("H12.05");
  CHECK(ActorsOf(asked, dossier) == kConsulted);
  AnswerConsultationRequest answer;
  answer.set_agency("H12.50.02");
  answer.set_answer("Không có tranh chấp");
  const Situation by_asked{TheCatalogue(), kConsulted, At(11, 3, 9), &asked};
  // Not for another.
  CHECK(ErrorReason(DecideAnswerConsultation(by_asked, answer, dossier)) == "NOT_CONSULTED");
  answer.set_agency("H12.05");
  REQUIRE(DecideAnswerConsultation(by_asked, answer, dossier).ok());
  CHECK(dossier.state() == Dossier::WAITING_AGENCY);
  CHECK(ErrorReason(DecideAnswerConsultation(by_asked, answer, dossier)) == "NOT_CONSULTED");
  CHECK(ActorsOf(asked, dossier) == 0);
  REQUIRE(DecideLapse(By(At(11, 6, 8), kSystem), dossier).ok());
  CHECK(dossier.state() == Dossier::IN_PROGRESS);
  CHECK(dossier.consultations(0).answer() == "Không có tranh chấp");
  CHECK_FALSE(dossier.consultations(0).unanswered());
  CHECK(dossier.consultations(1).unanswered());
  CHECK(AgenciesOf(dossier) == std::vector<std::string>{"H12.04", "H12.50.01"});
}

Caller Officer(absl::string_view id, absl::string_view role = "",
               absl::string_view unit = "H12.04") {
  Caller caller = CallerOf("H12.*");
  caller.mutable_officer()->set_id(std::string(id));
  caller.mutable_officer()->set_unit(std::string(unit));
  if (!role.empty()) caller.mutable_officer()->add_roles(std::string(role));
  return caller;
}

TEST_CASE("assignment: an officer takes what nobody has, gives on what is his; the head decides") {
  Dossier dossier = Filed(kProvinceProcedure, "H12.50.01");
  const auto assign = [&](const Caller& by, absl::string_view to) {
    AssignDossierRequest request;
    request.set_officer(std::string(to));
    return ErrorReason(
        DecideAssign({TheCatalogue(), ActorsOf(by, dossier), At(11, 2, 9), &by}, request, dossier));
  };
  const Caller an = Officer("an"), binh = Officer("binh"), head = Officer("chi", "head");
  CHECK(assign(an, "binh") == "COMMAND_NOT_YOURS");
  CHECK(assign(an, "not an id") == "OFFICER_INVALID");
  CHECK(assign(an, "an") == "");
  CHECK((ActorsOf(an, dossier) & kProcessing) != 0);
  CHECK((ActorsOf(binh, dossier) & kProcessing) == 0);
  CHECK((ActorsOf(head, dossier) & kProcessing) != 0);
  CHECK((ActorsOf(CallerOf("H12.04"), dossier) & kProcessing) != 0);
  CHECK(assign(binh, "binh") == "COMMAND_NOT_YOURS");
  CHECK(assign(an, "binh") == "");
  CHECK(assign(an, "an") == "COMMAND_NOT_YOURS");
  CHECK(assign(head, "an") == "");
  CHECK(assign(an, "") == "");
  CHECK(dossier.assigned_officer().empty());
  CHECK(assign(Officer("dung", "head", "H12.05"), "dung") == "COMMAND_NOT_YOURS");
}

std::vector<std::string> NamesFor(TestService& service, const Caller& caller) {
  const auto page = service.Call(&Stub::ListDossiers, ListDossiersRequest(), caller);
  INFO(page.status());
  REQUIRE(page.ok());
  std::vector<std::string> names;
  for (const Dossier& dossier : page->dossiers()) names.push_back(dossier.name());
  return names;
}

TEST_CASE("routing: over the wire, a dossier is there for those whose it is now, and no longer") {
  for (const auto engine : sql::kBothEngines) {
    TestService service(engine);
    Dossier dossier = service.Submit(kCommuneProcedure);
    const std::vector<std::string> only = {dossier.name()};
    const Caller second = CallerOf("H12.50.02"), third = CallerOf("H12.50.03");
    CHECK(NamesFor(service, second).empty());
    dossier = service.Command(&Stub::ForwardDossier, dossier, To("H12.50.02"));
    CHECK(NamesFor(service, second) == only);
    CHECK(NamesFor(service, CallerOf("H12.50.01")) == only);  // took it in
    dossier = service.Command(&Stub::ForwardDossier, dossier, To("H12.50.03"), second);
    CHECK(NamesFor(service, second).empty());
    CHECK(ErrorReason(service.Get(dossier.name(), second).status()) == "DOSSIER_NOT_FOUND");
    CHECK(NamesFor(service, third) == only);
    // The one it left learns of it by the event.
    const auto events = service.Events();
    REQUIRE(events.size() == 3);
    CHECK(absl::EndsWith(events[2].type(), "DossierForwarded"));
    CHECK(std::set<std::string>(events[2].audience().begin(), events[2].audience().end()) ==
          std::set<std::string>{"H12.50.01", "H12.50.02", "H12.50.03"});
    CHECK(service.Get(dossier.name())->hops(1).reason() == "Không thuộc thẩm quyền");
  }
}

TEST_CASE("consultation: over the wire, with a limit that ends by itself") {
  for (const auto engine : sql::kBothEngines) {
    TestService service(engine);
    Dossier dossier = service.Accept(service.Submit());
    dossier = service.Command(&Stub::StartDossier, dossier);
    const Caller asked = CallerOf("H12.05");
    CHECK(NamesFor(service, asked).empty());
    dossier = service.Command(&Stub::BeginWait, dossier, Asking({"H12.05", "H12.06"}));
    CHECK(NamesFor(service, asked).size() == 1);
    AnswerConsultationRequest answer;
    answer.set_agency("H12.05");
    answer.set_answer("Đồng ý");
    dossier = service.Command(&Stub::AnswerConsultation, dossier, answer, CallerOf("H12.*"));
    CHECK(NamesFor(service, asked).empty());
    const auto sweep = [&] {
      const absl::Status status = service.changes().EndOverdueWaits(*service.database().db, [] {});
      INFO(status);
      CHECK(status.ok());
      return service.Get(dossier.name())->state();
    };
    CHECK(sweep() == Dossier::WAITING_AGENCY);
    service.clock().Advance(absl::Hours(24 * 8));
    CHECK(sweep() == Dossier::IN_PROGRESS);
    const auto ended = service.Get(dossier.name());
    CHECK(ended->consultations(0).answer() == "Đồng ý");
    CHECK(ended->consultations(0).question() == "Thửa đất có tranh chấp không?");
    CHECK(ended->consultations(1).unanswered());
    CHECK(NamesFor(service, CallerOf("H12.06")).empty());
  }
}

TEST_CASE("assignment: the head moves an officer's open work, page by page, and only that") {
  for (const auto engine : sql::kBothEngines) {
    TestService service(engine);
    AssignDossierRequest to_an;
    to_an.set_officer("an");
    const Caller head = Officer("chi", "head");
    const int count = kMaxMoved + 3;
    for (int i = 0; i < count; ++i) {
      service.Command(&Stub::AssignDossier, service.Submit(), to_an, head);
    }
    // One of them is on its way.
    Dossier on_its_way = service.Command(&Stub::AssignDossier, service.Submit(), to_an, head);
    const Caller ward = CallerOf("H12.50.01");
    on_its_way =
        service.Command(&Stub::AcceptDossier, on_its_way, v1::AcceptDossierRequest(), ward);
    service.Command(&Stub::TransferDossier, on_its_way, v1::TransferDossierRequest(), ward);
    const Dossier ended =
        service.Reject(service.Command(&Stub::AssignDossier, service.Submit(), to_an, head));
    MoveWorkRequest move;
    move.set_agency("H12.04");
    move.set_from_officer("an");
    move.set_to_officer("binh");
    CHECK(ErrorReason(service.Call(&Stub::MoveWork, move, Officer("an")).status()) ==
          "COMMAND_NOT_YOURS");
    const auto first = service.Call(&Stub::MoveWork, move, head);
    REQUIRE(first.ok());
    CHECK(first->moved() == kMaxMoved);
    CHECK(first->remaining());
    const auto second = service.Call(&Stub::MoveWork, move, head);
    REQUIRE(second.ok());
    CHECK(second->moved() == 4);
    CHECK_FALSE(second->remaining());
    CHECK(service.Call(&Stub::MoveWork, move, head)->moved() == 0);
    CHECK(service.Get(ended.name())->assigned_officer() == "an");
    move.clear_from_officer();
    CHECK(ErrorReason(service.Call(&Stub::MoveWork, move, head).status()) == "OFFICER_INVALID");
  }
}

TEST_CASE("routing: a code of others is one dossier's only") {
  for (const auto engine : sql::kBothEngines) {
    TestService service(engine);
    SubmitDossierRequest request = SampleSubmission();
    request.add_foreign_codes()->set_issuer("portal");
    request.mutable_foreign_codes(0)->set_code("G01-1");
    const auto first = service.Call(&Stub::SubmitDossier, request);
    REQUIRE(first.ok());
    request.set_request_id("another");
    const auto again = service.Call(&Stub::SubmitDossier, request);
    CHECK(again.status().code() == absl::StatusCode::kAlreadyExists);
    CHECK(ErrorReason(again.status()) == "FOREIGN_CODE_TAKEN");
    CHECK(absl::StrContains(again.status().ToString(), first->name()));
    request.set_intake_agency("H12.50.02");
    const auto elsewhere = service.Call(&Stub::SubmitDossier, request, CallerOf("H12.50.02"));
    CHECK(ErrorReason(elsewhere.status()) == "FOREIGN_CODE_TAKEN");
    CHECK_FALSE(absl::StrContains(elsewhere.status().ToString(), first->name()));
    request.set_intake_agency("H12.50.01");
    // The portal knows it, and is told of it under its own number from the beginning.
    CHECK(first->portal_sync().state() == v1::PortalSync::PENDING);
    request.mutable_foreign_codes(0)->set_issuer("H49");
    CHECK(service.Call(&Stub::SubmitDossier, request).ok());
  }
}

}  // namespace
}  // namespace lgsp::dossiers
