// The commands between acceptance and result: what they make of the dossier and of its clock, and
// over the wire what goes with them.
#include "services/dossiers/settlement.h"

#include <catch2/catch.hpp>
#include <filesystem>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "google/protobuf/util/message_differencer.h"
#include "libs/clock/clock.h"
#include "libs/config/config.h"
#include "libs/testing/files.h"
#include "services/dossiers/limits.h"
#include "services/dossiers/oracle_test.h"
#include "services/dossiers/routing.h"
#include "services/dossiers/service_test.h"

namespace lgsp::dossiers {
namespace {

using google::protobuf::util::MessageDifferencer;
using lgsp::auth::v1::Caller;
using lgsp::dossiers::v1::AcceptDossierRequest;
using lgsp::dossiers::v1::AskSupplementRequest;
using lgsp::dossiers::v1::BeginWaitRequest;
using lgsp::dossiers::v1::DayRun;
using lgsp::dossiers::v1::PortalSync;
using lgsp::dossiers::v1::ReappointDossierRequest;
using lgsp::dossiers::v1::StopDossierRequest;
using lgsp::dossiers::v1::WithdrawDossierRequest;
using Stub = lgsp::dossiers::v1::Dossiers::Stub;

absl::Time At(int month, int day, int hour, int minute = 0) {
  return absl::FromCivil(absl::CivilMinute(2026, month, day, hour, minute), VietnamZone());
}
Situation By(absl::Time now) { return {TheCatalogue(), kEverybody, now}; }
Situation AtIntake(absl::Time now) { return {TheCatalogue(), kIntake | kApplicant, now}; }

AskSupplementRequest Asking(std::vector<std::string> items = {"Bản sao giấy chứng nhận"}) {
  AskSupplementRequest request;
  for (std::string& item : items) request.add_items(std::move(item));
  return request;
}

// Submitted on 2 November 2026 at 9:00, to H12.04 at the ward H12.50.01; 5 working days.
Dossier Submitted() {
  auto dossier = DecideSubmit(TheCatalogue(), CallerOf("H12.*"), SampleSubmission(), At(11, 2, 9));
  REQUIRE(dossier.ok());
  return *dossier;
}
Dossier Accepted() {
  Dossier dossier = Submitted();
  REQUIRE(DecideAccept(By(At(11, 2, 9)), {}, dossier).ok());
  REQUIRE(Rfc3339(dossier.due().due_time()) == "2026-11-09T17:00:00+07:00");
  return dossier;
}

// By the ward, so that the department does not have the file yet.
Dossier AcceptedElsewhere() {
  Dossier dossier = Submitted();
  REQUIRE(DecideAccept(AtIntake(At(11, 2, 9)), {}, dossier).ok());
  return dossier;
}

TEST_CASE("settlement: a supplement before acceptance leads back to it, and has no clock yet") {
  Dossier dossier = Submitted();
  REQUIRE(DecideAskSupplement(By(At(11, 2, 10)), Asking(), dossier).ok());
  CHECK(dossier.state() == Dossier::SUPPLEMENT_ASKED_AT_INTAKE);
  CHECK(dossier.supplements(0).items(0) == "Bản sao giấy chứng nhận");
  // 15 working days, 24 November off.
  CHECK(Rfc3339(dossier.waits(0).answer_deadline()) == "2026-11-23T17:00:00+07:00");
  CHECK_FALSE(dossier.waits(0).clock_stands());
  REQUIRE(DecideAnswerSupplement(By(At(11, 5, 10)), dossier).ok());
  CHECK(dossier.state() == Dossier::SUBMITTED);
  CHECK(ToTime(dossier.waits(0).end_time()) == At(11, 5, 10));
  CHECK_FALSE(dossier.has_due());
  // Everything at once: not again in this stage, but once during settlement.
  CHECK(ErrorReason(DecideAskSupplement(By(At(11, 5, 11)), Asking(), dossier)) ==
        "SUPPLEMENT_ASKED_ALREADY");
  REQUIRE(DecideAccept(By(At(11, 5, 12)), {}, dossier).ok());
  CHECK(DecideAskSupplement(By(At(11, 6, 11)), Asking(), dossier).ok());
}

TEST_CASE("settlement: a supplement during settlement stops the clock; then it begins again") {
  Dossier dossier = Accepted();
  REQUIRE(DecideAskSupplement(By(At(11, 4, 10)), Asking(), dossier).ok());
  CHECK(dossier.state() == Dossier::SUPPLEMENT_ASKED);
  CHECK(dossier.due().suspended());
  CHECK(dossier.waits(0).clock_stands());
  REQUIRE(DecideAnswerSupplement(By(At(11, 10, 14)), dossier).ok());
  CHECK(dossier.state() == Dossier::IN_PROGRESS);
  CHECK_FALSE(dossier.due().suspended());
  CHECK(ToTime(dossier.start_time()) == At(11, 10, 14));
  // Five working days after Tuesday the 10th.
  CHECK(Rfc3339(dossier.due().due_time()) == "2026-11-17T17:00:00+07:00");
  CHECK(dossier.due().term_amount() == "5");
  CHECK(ErrorReason(DecideAskSupplement(By(At(11, 11, 9)), Asking(), dossier)) ==
        "SUPPLEMENT_ASKED_ALREADY");
}

TEST_CASE("settlement: an officer's date moves by the days that do not count") {
  auto request = SampleSubmission();
  request.set_procedure(kOfficerProcedure);
  auto dossier = DecideSubmit(TheCatalogue(), CallerOf("H12.*"), request, At(11, 2, 9));
  REQUIRE(dossier.ok());
  AcceptDossierRequest accept;
  accept.mutable_due_time()->set_seconds(absl::ToUnixSeconds(At(11, 12, 11, 30)));
  accept.set_due_basis("Quyết định 1/QĐ");
  REQUIRE(DecideAccept(By(At(11, 2, 9)), accept, *dossier).ok());
  REQUIRE(DecideStart(By(At(11, 2, 9)), *dossier).ok());
  BeginWaitRequest wait;
  wait.set_kind(DayRun::PAYMENT);
  REQUIRE(DecideBeginWait(By(At(11, 3, 9)), wait, *dossier).ok());
  REQUIRE(DecideEndWait(By(At(11, 5, 9)), *dossier).ok());
  // Two days later is Saturday the 14th: Monday.
  CHECK(Rfc3339(dossier->due().due_time()) == "2026-11-16T11:30:00+07:00");
  CHECK(dossier->due().basis() == "Quyết định 1/QĐ");
  REQUIRE(DecideAskSupplement(By(At(11, 5, 10)), Asking(), *dossier).ok());
  // It begins again: ten days, as at first.
  REQUIRE(DecideAnswerSupplement(By(At(11, 10, 9)), *dossier).ok());
  CHECK(Rfc3339(dossier->due().due_time()) == "2026-11-20T11:30:00+07:00");
}

TEST_CASE("settlement: what happened is recorded even when the calendar ends") {
  auto request = SampleSubmission();
  request.set_procedure(kOfficerProcedure);
  auto officers = DecideSubmit(TheCatalogue(), CallerOf("H12.*"), request, At(11, 2, 9));
  REQUIRE(officers.ok());
  AcceptDossierRequest accept;
  accept.mutable_due_time()->set_seconds(
      absl::ToUnixSeconds(absl::FromCivil(absl::CivilMinute(2029, 1, 15, 17, 0), VietnamZone())));
  accept.set_due_basis("Quyết định 1/QĐ");
  REQUIRE(DecideAccept(AtIntake(At(11, 2, 9)), accept, *officers).ok());
  REQUIRE(DecideTransfer(By(At(11, 2, 10)), *officers).ok());
  REQUIRE(DecideReceive(By(At(11, 3, 10)), *officers).ok());
  CHECK(officers->due().provisional());
  CHECK(Rfc3339(officers->due().due_time()) == "2029-01-16T17:00:00+07:00");

  const absl::Time end_of_file =
      absl::FromCivil(absl::CivilMinute(2027, 12, 30, 9, 0), VietnamZone());
  Dossier computed = Accepted();
  REQUIRE(DecideAskSupplement(By(At(11, 4, 10)), Asking(), computed).ok());
  REQUIRE(DecideAnswerSupplement(By(end_of_file), computed).ok());
  CHECK(computed.state() == Dossier::IN_PROGRESS);
  CHECK(computed.due().suspended());
  CHECK(computed.due().provisional());
}

TEST_CASE("settlement: accepted elsewhere, the clock begins with the settling agency's receipt") {
  for (const bool carried : {true, false}) {
    Dossier dossier = AcceptedElsewhere();
    // A first date, for the slip; it will move.
    CHECK(Rfc3339(dossier.due().due_time()) == "2026-11-09T17:00:00+07:00");
    CHECK(dossier.due().suspended());
    CHECK_FALSE(dossier.has_receive_time());
    if (carried) {
      REQUIRE(DecideTransfer(By(At(11, 2, 16)), dossier).ok());
      CHECK(dossier.state() == Dossier::TRANSFERRED);
    }
    REQUIRE(DecideReceive(By(At(11, 4, 8)), dossier).ok());
    CHECK(dossier.state() == Dossier::IN_PROGRESS);
    CHECK(ToTime(dossier.accept_time()) == At(11, 2, 9));
    CHECK(ToTime(dossier.receive_time()) == At(11, 4, 8));
    CHECK(ToTime(dossier.start_time()) == At(11, 4, 8));
    CHECK_FALSE(dossier.due().suspended());
    CHECK(Rfc3339(dossier.due().due_time()) == "2026-11-11T17:00:00+07:00");
  }
  Dossier at_home = Accepted();
  CHECK(ToTime(at_home.receive_time()) == At(11, 2, 9));
  CHECK_FALSE(at_home.due().suspended());
  CHECK(ErrorReason(DecideTransfer(By(At(11, 2, 16)), at_home)) == "FILE_RECEIVED_ALREADY");
}

TEST_CASE("settlement: a late request for a supplement does not make a dossier punctual") {
  const auto due_after = [](absl::Time asked, absl::Time answered) {
    Dossier dossier = Accepted();
    REQUIRE(DecideStart(By(At(11, 2, 10)), dossier).ok());
    REQUIRE(DecideAskSupplement(By(asked), Asking(), dossier).ok());
    REQUIRE(DecideAnswerSupplement(By(answered), dossier).ok());
    return Rfc3339(dossier.due().due_time());
  };
  // Received on Monday the 2nd: until the end of Thursday the 5th the term begins again.
  CHECK(due_after(At(11, 5, 17), At(11, 10, 14)) == "2026-11-17T17:00:00+07:00");
  // Later it goes on: without Friday the 6th and Monday the 9th, two working days more.
  CHECK(due_after(At(11, 6, 9), At(11, 10, 9)) == "2026-11-11T17:00:00+07:00");
  // After the due date nothing moves it.
  CHECK(due_after(At(11, 9, 17, 1), At(11, 20, 9)) == "2026-11-09T17:00:00+07:00");
}

TEST_CASE("settlement: waiting for a payment stops the clock, for another agency it does not") {
  for (const auto kind : {DayRun::PAYMENT, DayRun::OTHER_AGENCY}) {
    INFO(DayRun::Kind_Name(kind));
    const bool payment = kind == DayRun::PAYMENT;
    Dossier dossier = Accepted();
    REQUIRE(DecideStart(By(At(11, 2, 10)), dossier).ok());
    BeginWaitRequest request;
    request.set_kind(kind);
    REQUIRE(DecideBeginWait(By(At(11, 4, 10)), request, dossier).ok());
    CHECK(dossier.state() == (payment ? Dossier::WAITING_PAYMENT : Dossier::WAITING_AGENCY));
    CHECK(dossier.due().suspended() == payment);
    REQUIRE(DecideEndWait(By(At(11, 6, 10)), dossier).ok());
    CHECK(dossier.state() == Dossier::IN_PROGRESS);
    CHECK_FALSE(dossier.due().suspended());
    // Without the 4th and the 5th: two working days more.
    CHECK(Rfc3339(dossier.due().due_time()) ==
          (payment ? "2026-11-11T17:00:00+07:00" : "2026-11-09T17:00:00+07:00"));
  }
  Dossier dossier = Accepted();
  for (const int kind : {0, 1, 9, 77}) {
    BeginWaitRequest request;
    request.set_kind(static_cast<DayRun::Kind>(kind));
    CHECK(ErrorReason(DecideBeginWait(By(At(11, 4, 10)), request, dossier)) == "WAIT_KIND_INVALID");
  }
}

TEST_CASE(
    "settlement: by policy a supplement does not begin the term again, and another agency's time "
    "is taken out") {
  auto procedures = TheCatalogue().procedures();
  for (auto& policy : *procedures[kProvinceProcedure].back().mutable_policies()) {
    if (policy.policy() == "SUPPLEMENT") policy.set_value("RESUME");
    if (policy.policy() == "AGENCY_WAIT") policy.set_value("TAKEN_OUT");
  }
  Catalogue catalogue = TheCatalogue();
  catalogue.SetProcedures(std::move(procedures));
  const auto by = [&](absl::Time now) { return Situation{catalogue, kEverybody, now}; };
  Dossier dossier = Accepted();
  REQUIRE(DecideAskSupplement(by(At(11, 3, 9)), Asking(), dossier).ok());
  REQUIRE(DecideAnswerSupplement(by(At(11, 5, 9)), dossier).ok());
  CHECK(ToTime(dossier.start_time()) == At(11, 2, 9));
  // Without the 3rd and the 4th.
  CHECK(Rfc3339(dossier.due().due_time()) == "2026-11-11T17:00:00+07:00");
  BeginWaitRequest wait;
  wait.set_kind(DayRun::OTHER_AGENCY);
  REQUIRE(DecideBeginWait(by(At(11, 9, 9)), wait, dossier).ok());
  CHECK(dossier.due().suspended());
  REQUIRE(DecideEndWait(by(At(11, 10, 9)), dossier).ok());
  CHECK(Rfc3339(dossier.due().due_time()) == "2026-11-12T17:00:00+07:00");
}

TEST_CASE("settlement: a calendar that changed makes nothing earlier") {
  Dossier dossier = Accepted();
  REQUIRE(DecideStart(By(At(11, 2, 10)), dossier).ok());
  // As it was counted before a day off was taken back.
  dossier.mutable_due()->mutable_due_time()->set_seconds(absl::ToUnixSeconds(At(11, 20, 17)));
  BeginWaitRequest wait;
  wait.set_kind(DayRun::PAYMENT);
  REQUIRE(DecideBeginWait(By(At(11, 3, 9)), wait, dossier).ok());
  REQUIRE(DecideEndWait(By(At(11, 4, 9)), dossier).ok());
  CHECK(Rfc3339(dossier.due().due_time()) == "2026-11-20T17:00:00+07:00");
  CHECK_FALSE(dossier.due().suspended());
}

TEST_CASE("settlement: the number of waits has a limit") {
  Dossier dossier = Accepted();
  REQUIRE(DecideStart(By(At(11, 2, 10)), dossier).ok());
  BeginWaitRequest request;
  request.set_kind(DayRun::OTHER_AGENCY);
  for (int i = 0; i < kMaxWaits; ++i) {
    REQUIRE(DecideBeginWait(By(At(11, 4, 10)), request, dossier).ok());
    REQUIRE(DecideEndWait(By(At(11, 4, 11)), dossier).ok());
  }
  CHECK(ErrorReason(DecideBeginWait(By(At(11, 4, 12)), request, dossier)) == "WAITS_EXHAUSTED");
}

TEST_CASE("settlement: one apology, with a later date; late unless a day before") {
  const auto reappoint = [](absl::Time now, absl::Time to, Dossier& dossier) {
    ReappointDossierRequest request;
    request.mutable_due_time()->set_seconds(absl::ToUnixSeconds(to));
    request.set_reason("Hồ sơ phức tạp");
    return DecideReappoint(By(now), request, dossier);
  };
  // Due on Monday the 9th.
  Dossier in_time = Accepted();
  CHECK(ErrorReason(reappoint(At(11, 4, 9), At(11, 9, 17), in_time)) == "DUE_TIME_INVALID");
  CHECK(ErrorReason(reappoint(At(11, 4, 9), At(11, 3, 17), in_time)) == "DUE_TIME_INVALID");
  REQUIRE(reappoint(At(11, 8, 23), At(11, 12, 17), in_time).ok());
  CHECK_FALSE(in_time.reappointment().late());
  CHECK(in_time.state() == Dossier::ACCEPTED);
  // The first date is what it is judged by.
  CHECK(Rfc3339(in_time.due().due_time()) == "2026-11-09T17:00:00+07:00");
  CHECK(Rfc3339(in_time.reappointment().due_time()) == "2026-11-12T17:00:00+07:00");
  CHECK(ErrorReason(reappoint(At(11, 8, 23), At(11, 13, 17), in_time)) == "REAPPOINTED_ALREADY");
  Dossier waiting = Accepted();
  REQUIRE(DecideStart(By(At(11, 2, 10)), waiting).ok());
  BeginWaitRequest payment;
  payment.set_kind(DayRun::PAYMENT);
  REQUIRE(DecideBeginWait(By(At(11, 4, 10)), payment, waiting).ok());
  CHECK(ErrorReason(reappoint(At(11, 5, 9), At(11, 12, 17), waiting)) == "CLOCK_STANDS");
  Dossier late = Accepted();
  REQUIRE(reappoint(At(11, 9, 0), At(11, 12, 17), late).ok());
  CHECK(late.reappointment().late());
}

TEST_CASE("settlement: withdrawn, stopped and expired dossiers are closed") {
  WithdrawDossierRequest withdraw;
  withdraw.set_reason(" Tôi xin rút hồ sơ ");
  Dossier withdrawn = Accepted();
  REQUIRE(DecideAskSupplement(By(At(11, 4, 10)), Asking(), withdrawn).ok());
  REQUIRE(DecideWithdraw(By(At(11, 5, 9)), withdraw, withdrawn).ok());
  CHECK(withdrawn.state() == Dossier::WITHDRAWN);
  CHECK(withdrawn.close_reason() == "Tôi xin rút hồ sơ");
  CHECK(ToTime(withdrawn.close_time()) == At(11, 5, 9));
  CHECK(withdrawn.waits(0).has_end_time());
  CHECK_FALSE(withdrawn.due().suspended());

  StopDossierRequest stop;
  stop.set_reason("Không thuộc trường hợp giải quyết");
  Dossier stopped = Accepted();
  REQUIRE(DecideStop(By(At(11, 5, 9)), stop, stopped).ok());
  CHECK(stopped.state() == Dossier::STOPPED);

  // A decision exists.
  Dossier is_signed = Accepted();
  REQUIRE(DecideStart(By(At(11, 3, 9)), is_signed).ok());
  REQUIRE(DecideSign(By(At(11, 4, 9)), is_signed).ok());
  CHECK(ToTime(is_signed.sign_time()) == At(11, 4, 9));
  CHECK(ErrorReason(DecideStop(By(At(11, 5, 9)), stop, is_signed)) == "STATE_FORBIDS_COMMAND");
  CHECK(ErrorReason(DecideWithdraw(By(At(11, 5, 9)), withdraw, is_signed)) ==
        "STATE_FORBIDS_COMMAND");
  CHECK(DecideComplete(By(At(11, 5, 9)), is_signed).ok());
}

TEST_CASE("settlement: what is refused changes nothing") {
  Dossier dossier = Accepted();
  const Dossier before = dossier;
  for (const auto& [request, reason] : std::vector<std::pair<AskSupplementRequest, std::string>>{
           {Asking({}), "SUPPLEMENT_ITEMS_INVALID"},
           {Asking(std::vector<std::string>(51, "x")), "SUPPLEMENT_ITEMS_INVALID"},
           {Asking({"x", " "}), "TEXT_EMPTY"},
           {Asking({std::string(501, 'x')}), "TEXT_TOO_LONG"}}) {
    CHECK(ErrorReason(DecideAskSupplement(By(At(11, 4, 10)), request, dossier)) == reason);
  }
  const absl::Time year_end = absl::FromCivil(absl::CivilMinute(2027, 12, 30, 9, 0), VietnamZone());
  CHECK(ErrorReason(DecideAskSupplement(By(year_end), Asking(), dossier)) == "CALENDAR_MISSING");
  CHECK(MessageDifferencer::Equals(dossier, before));
}

// The catalogue with a notice for 2027 that makes Tuesday 5 January a day off.
Catalogue CatalogueWithDayOff2027() {
  const testing::TemporaryFolder folder;
  for (const auto& entry : std::filesystem::directory_iterator(SourceFile("deploy/catalog"))) {
    std::string content = *config::ReadFile(entry.path().string());
    const std::string name = entry.path().filename();
    if (name == "vn_civil_service_days_2021_2027.csv") {
      absl::StrReplaceAll({{",provisional,", ",notice,"}}, &content);
      absl::StrAppend(&content, "2027-01-05,WEEKDAY_OFF,notice,1/TB\n");
    }
    folder.Write(name, content);
  }
  auto catalogue = Catalogue::Load(folder.path());
  INFO(catalogue.status());
  REQUIRE(catalogue.ok());
  return *std::move(catalogue);
}

// Over the wire.

Caller Head() {
  Caller head = CallerOf("H12.*");
  head.mutable_officer()->set_id("ld-1");
  head.mutable_officer()->set_unit("H12.04");
  head.mutable_officer()->add_roles("head");
  return head;
}

TEST_CASE("service: the long way, told to the portal and in events, one for each step") {
  TestService service(GENERATE(from_range(sql::kBothEngines)));
  // Filed and accepted at the ward by its own software.
  const Caller ward = CallerOf("H12.50.01");
  Dossier dossier =
      service.Command(&Stub::AcceptDossier, service.Submit(), AcceptDossierRequest(), ward);
  dossier = service.Command(&Stub::TransferDossier, dossier, {}, ward);
  service.clock().Advance(absl::Hours(1));
  dossier = service.Command(&Stub::ReceiveDossier, dossier);
  dossier = service.Command(&Stub::AskSupplement, dossier, Asking());
  dossier = service.Command(&Stub::AnswerSupplement, dossier);
  BeginWaitRequest wait;
  wait.set_kind(DayRun::OTHER_AGENCY);
  dossier = service.Command(&Stub::BeginWait, dossier, wait);
  dossier = service.Command(&Stub::EndWait, dossier);
  ReappointDossierRequest reappoint;
  reappoint.mutable_due_time()->set_seconds(dossier.due().due_time().seconds() + 86'400);
  reappoint.set_reason("Xin lỗi");
  dossier = service.Command(&Stub::ReappointDossier, dossier, reappoint, Head());
  dossier = service.Command(&Stub::SignDossier, dossier, {}, Head());
  dossier = service.Return(service.Complete(dossier));
  CHECK(dossier.revision() == 12);
  CHECK(dossier.supplements(0).items(0) == "Bản sao giấy chứng nhận");
  CHECK(dossier.reappointment().reason() == "Xin lỗi");
  std::vector<std::string> types;
  for (const auto& event : service.Events()) {
    types.push_back(event.type().substr(event.type().rfind('.') + 1));
    CHECK_FALSE(absl::StrContains(event.data(), "Bản sao"));
    CHECK_FALSE(absl::StrContains(event.data(), "Xin lỗi"));
  }
  CHECK(types == std::vector<std::string>{
                     "DossierSubmitted", "DossierAccepted", "DossierTransferred", "DossierReceived",
                     "DossierSupplementAsked", "DossierSupplementAnswered", "DossierWaitBegun",
                     "DossierWaitEnded", "DossierReappointed", "DossierSigned", "DossierCompleted",
                     "DossierReturned"});
  // Eleven orders to the portal: all but the submission.
  CHECK(sql::ReadInt(*service.database().db, "SELECT COUNT(*) FROM calls") == 11);
}

TEST_CASE("service: what only the head may, nobody else may") {
  TestService service;
  const Dossier accepted = service.Accept(service.Submit());
  StopDossierRequest stop;
  stop.set_name(accepted.name());
  stop.set_request_id("stop-1");
  stop.set_etag(accepted.etag());
  stop.set_reason("không đủ điều kiện");
  const absl::Status status = service.Call(&Stub::StopDossier, stop).status();
  CHECK(status.code() == absl::StatusCode::kPermissionDenied);
  CHECK(ErrorReason(status) == "COMMAND_NOT_YOURS");
  const auto stopped = service.Call(&Stub::StopDossier, stop, Head());
  REQUIRE(stopped.ok());
  CHECK(stopped->state() == Dossier::STOPPED);
  CHECK(stopped->close_reason() == "không đủ điều kiện");
}

TEST_CASE("service: without an answer in time a dossier is closed, once, by the platform itself") {
  TestService service(GENERATE(from_range(sql::kBothEngines)));
  Dossier asked = service.Command(&Stub::AskSupplement, service.Submit(), Asking());
  Dossier answered = service.Command(
      &Stub::AnswerSupplement, service.Command(&Stub::AskSupplement, service.Submit(), Asking()));
  auto& db = *service.database().db;
  CHECK(sql::ReadInt(db, "SELECT COUNT(*) FROM answer_deadlines") == 1);
  const absl::Time deadline = ToTime(asked.waits(0).answer_deadline());
  service.clock().Advance(deadline - service.clock().CivilNow());
  int told = 0;
  const auto committed = [&] { ++told; };
  // A late warning only.
  REQUIRE(service.changes().EndOverdueWaits(db, committed).ok());
  CHECK(told == 1);
  CHECK(service.Get(asked.name())->state() == Dossier::SUPPLEMENT_ASKED_AT_INTAKE);
  service.clock().Advance(absl::Seconds(1));
  for (int i = 0; i < 2; ++i) {
    REQUIRE(service.changes().EndOverdueWaits(db, committed).ok());
    CHECK(told == 2);
  }
  const auto expired = service.Get(asked.name());
  REQUIRE(expired.ok());
  CHECK(expired->state() == Dossier::EXPIRED);
  CHECK(expired->has_close_time());
  CHECK(service.Get(answered.name())->state() == Dossier::SUBMITTED);
  CHECK(sql::ReadInt(db, "SELECT COUNT(*) FROM answer_deadlines") == 0);
  const auto events = service.Events();
  CHECK(events.back().type() == "lgsp.dossiers.v1.DossierExpired");
  // Never accepted: the portal knows nothing of it.
  CHECK(expired->portal_sync().state() == PortalSync::NOT_NEEDED);
}

TEST_CASE("service: the applicant is to be warned 10 and 3 days before a supplement is due") {
  TestService service(GENERATE(from_range(sql::kBothEngines)));
  const Dossier asked = service.Command(&Stub::AskSupplement, service.Submit(), Asking());
  const absl::Time deadline = ToTime(asked.waits(0).answer_deadline());
  auto& db = *service.database().db;
  const auto warnings_at = [&](absl::Time now) {
    service.clock().Advance(now - service.clock().CivilNow());
    // Two processes, and twice each.
    for (int i = 0; i < 4; ++i) REQUIRE(service.changes().EndOverdueWaits(db, [] {}).ok());
    int warnings = 0;
    for (const auto& event : service.Events()) {
      if (event.type() != "lgsp.dossiers.v1.SupplementDue") continue;
      ++warnings;
      CHECK(event.revision() == 1);
      CHECK(absl::StartsWith(event.subject(), absl::StrCat(asked.name(), "/reminders/")));
      CHECK(absl::StrContains(event.data(), "answerDeadline"));
    }
    return warnings;
  };
  CHECK(warnings_at(deadline - absl::Hours(24 * 10)) == 0);
  CHECK(warnings_at(deadline - absl::Hours(24 * 10) + absl::Seconds(1)) == 1);
  CHECK(warnings_at(deadline - absl::Hours(24 * 3)) == 1);
  CHECK(warnings_at(deadline - absl::Hours(24 * 3) + absl::Seconds(1)) == 2);
  CHECK(service.Get(asked.name())->revision() == asked.revision());
  CHECK(warnings_at(deadline + absl::Seconds(1)) == 2);
  CHECK(service.Get(asked.name())->state() == Dossier::EXPIRED);
}

TEST_CASE("service: a provisional due date is counted again when the notice is loaded") {
  const auto engine = GENERATE(from_range(sql::kBothEngines));
  TestService service(engine);
  // Wednesday 30 December 2026, 9:00: the term reaches a year without its notice.
  service.clock().Advance(absl::FromCivil(absl::CivilMinute(2026, 12, 30, 9, 0), VietnamZone()) -
                          MondayMorning());
  const Dossier first = service.Accept(service.Submit());
  const Dossier other = service.Complete(service.Accept(service.Submit()));
  REQUIRE(first.due().provisional());
  auto& db = *service.database().db;
  const auto noted = [&] { return sql::ReadInt(db, "SELECT COUNT(*) FROM provisional_dues"); };
  CHECK(noted() == 2);
  int told = 0;
  const auto committed = [&] { ++told; };
  // Nothing new: nothing moves; what is completed is forgotten.
  std::string after;
  REQUIRE(service.changes().RecountProvisional(db, committed, after).ok());
  CHECK(after.empty());
  CHECK(told == 0);
  CHECK(noted() == 1);
  CHECK(service.Get(first.name())->revision() == first.revision());

  const Catalogue with_notice = CatalogueWithDayOff2027();
  const DossierChanges changes(&with_notice, &service.database().keys, &service.database().persons,
                               &service.clock(), engine);
  for (int i = 0; i < 2; ++i) {
    REQUIRE(changes.RecountProvisional(db, committed, after).ok());
    CHECK(told == 1);
  }
  const auto moved = service.Get(first.name());
  REQUIRE(moved.ok());
  CHECK(moved->revision() == first.revision() + 1);
  CHECK(moved->state() == Dossier::ACCEPTED);
  CHECK_FALSE(moved->due().provisional());
  CHECK(ToTime(moved->due().due_time()) == ToTime(first.due().due_time()) + absl::Hours(24));
  CHECK(service.Events().back().type() == "lgsp.dossiers.v1.DossierRecounted");
  CHECK(service.Get(other.name())->revision() == other.revision());
  CHECK(noted() == 0);
}

TEST_CASE("service: one that cannot be closed does not come first for ever") {
  TestService service;
  const Dossier damaged = service.Command(&Stub::AskSupplement, service.Submit(), Asking());
  auto& db = *service.database().db;
  REQUIRE(sql::RunOne(db, "DELETE FROM data_keys").ok());
  const auto first = [&] {
    return sql::ReadInt(db, "SELECT COUNT(*) FROM answer_deadlines WHERE deadline < :now",
                        {{"now", service.clock().CivilNow()}});
  };
  service.clock().Advance(absl::Hours(24 * 30));
  REQUIRE(first() == 1);
  REQUIRE(service.changes().EndOverdueWaits(db, [] {}).ok());
  CHECK(first() == 0);
  service.clock().Advance(kExpiryAgain + absl::Seconds(1));
  CHECK(first() == 1);
}

}  // namespace
}  // namespace lgsp::dossiers
