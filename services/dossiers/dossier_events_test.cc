#include "services/dossiers/dossier_events.h"

#include <catch2/catch.hpp>
#include <set>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "google/protobuf/util/json_util.h"
#include "lgsp/dossiers/v1/events.pb.h"
#include "services/dossiers/results/result_events.h"
#include "services/dossiers/samples_test.h"

namespace lgsp::dossiers {
namespace {

using google::protobuf::FieldDescriptor;
using lgsp::dossiers::v1::Dossier;

// A dossier in which every field that an event may carry is different.
Dossier WholeDossier() {
  Dossier dossier;
  dossier.set_name("dossiers/0197a000-7c00-7000-8000-000000000001");
  dossier.set_code("H12.04-261116-0001");
  dossier.set_procedure(kProvinceProcedure);
  dossier.set_intake_agency("H12.50.01");
  dossier.set_settling_agency("H12.04");
  *dossier.mutable_applicant() = SampleSubmission().applicant();
  dossier.set_subject(SampleSubmission().subject());
  dossier.set_reject_reason("canary-reason");
  dossier.mutable_draft_deadline()->set_seconds(10);
  dossier.mutable_submit_time()->set_seconds(1);
  dossier.mutable_accept_time()->set_seconds(2);
  dossier.mutable_complete_time()->set_seconds(3);
  dossier.mutable_return_time()->set_seconds(4);
  dossier.mutable_reject_time()->set_seconds(5);
  dossier.mutable_due()->mutable_due_time()->set_seconds(6);
  dossier.set_close_reason("canary-close");
  dossier.add_supplements()->add_items("canary-item");
  auto* hop = dossier.add_hops();
  hop->set_from_agency("H12.05");
  hop->set_reason("canary-hop");
  auto* asked = dossier.add_consultations();
  asked->set_agency("H12.06");
  asked->set_question("canary-question");
  asked->set_answer("canary-answer");
  asked->mutable_answer_time()->set_seconds(9);
  dossier.set_assigned_officer("canary-officer");
  dossier.mutable_erasure()->set_reason(v1::Erasure::RETENTION_ENDED);
  auto* wait = dossier.add_waits();
  wait->set_kind(v1::DayRun::PAYMENT);
  wait->mutable_answer_deadline()->set_seconds(7);
  dossier.mutable_reappointment()->mutable_due_time()->set_seconds(8);
  dossier.mutable_reappointment()->set_reason("canary-apology");
  return dossier;
}

struct Case {
  Command command;
  absl::string_view type, json;
};
// What follows the name of the dossier; `@` stands for code and settling agency.
const Case kCases[] = {
    {Command::kSubmit, "DossierSubmitted",
     R"("procedure":"1.009491","intakeAgency":"H12.50.01","settlingAgency":"H12.04",)"
     R"("submitTime":"1970-01-01T00:00:01Z"})"},
    {Command::kFile, "DossierSubmitted",
     R"("procedure":"1.009491","intakeAgency":"H12.50.01","settlingAgency":"H12.04",)"
     R"("submitTime":"1970-01-01T00:00:01Z"})"},
    {Command::kDraft, "DossierDrafted",
     R"("procedure":"1.009491","intakeAgency":"H12.50.01","draftDeadline":"1970-01-01T00:00:10Z"})"},
    {Command::kUpdateDraft, "DossierDraftUpdated",
     R"("intakeAgency":"H12.50.01","draftDeadline":"1970-01-01T00:00:10Z"})"},
    {Command::kAccept, "DossierAccepted",
     R"("code":"H12.04-261116-0001","procedure":"1.009491","settlingAgency":"H12.04",)"
     R"("acceptTime":"1970-01-01T00:00:09Z","dueTime":"1970-01-01T00:00:06Z"})"},
    {Command::kReject, "DossierRejected",
     R"("settlingAgency":"H12.04","rejectTime":"1970-01-01T00:00:05Z"})"},
    {Command::kAskSupplement, "DossierSupplementAsked",
     R"(@,"askTime":"1970-01-01T00:00:09Z","answerDeadline":"1970-01-01T00:00:07Z"})"},
    {Command::kAnswerSupplement, "DossierSupplementAnswered",
     R"(@,"answerTime":"1970-01-01T00:00:09Z","dueTime":"1970-01-01T00:00:06Z"})"},
    {Command::kTransfer, "DossierTransferred",
     R"(@,"intakeAgency":"H12.50.01","transferTime":"1970-01-01T00:00:09Z"})"},
    {Command::kReceive, "DossierReceived",
     R"(@,"receiveTime":"1970-01-01T00:00:09Z","dueTime":"1970-01-01T00:00:06Z"})"},
    {Command::kForward, "DossierForwarded",
     R"(@,"fromAgency":"H12.05","forwardTime":"1970-01-01T00:00:09Z"})"},
    {Command::kSendBack, "DossierSentBack",
     R"(@,"fromAgency":"H12.05","sendBackTime":"1970-01-01T00:00:09Z"})"},
    {Command::kAssign, "DossierAssigned", R"(@,"assignTime":"1970-01-01T00:00:09Z"})"},
    {Command::kAnswerConsultation, "DossierConsultationAnswered",
     R"(@,"agency":"H12.06","answerTime":"1970-01-01T00:00:09Z"})"},
    {Command::kStart, "DossierStarted", R"(@,"beginTime":"1970-01-01T00:00:09Z"})"},
    {Command::kWaitForPayment, "DossierWaitBegun",
     R"(@,"waitsFor":"PAYMENT","beginTime":"1970-01-01T00:00:09Z"})"},
    {Command::kEndWait, "DossierWaitEnded",
     R"(@,"endTime":"1970-01-01T00:00:09Z","dueTime":"1970-01-01T00:00:06Z"})"},
    {Command::kLapse, "DossierWaitEnded",
     R"(@,"endTime":"1970-01-01T00:00:09Z","dueTime":"1970-01-01T00:00:06Z"})"},
    {Command::kSign, "DossierSigned", R"(@,"signTime":"1970-01-01T00:00:09Z"})"},
    {Command::kReappoint, "DossierReappointed",
     R"(@,"reappointTime":"1970-01-01T00:00:09Z","dueTime":"1970-01-01T00:00:06Z",)"
     R"("newDueTime":"1970-01-01T00:00:08Z"})"},
    {Command::kComplete, "DossierCompleted",
     R"(@,"completeTime":"1970-01-01T00:00:09Z","dueTime":"1970-01-01T00:00:06Z"})"},
    {Command::kReturn, "DossierReturned", R"(@,"returnTime":"1970-01-01T00:00:09Z"})"},
    {Command::kWithdraw, "DossierWithdrawn", R"(@,"withdrawTime":"1970-01-01T00:00:09Z"})"},
    {Command::kStop, "DossierStopped", R"(@,"stopTime":"1970-01-01T00:00:09Z"})"},
    {Command::kExpire, "DossierExpired", R"(@,"expireTime":"1970-01-01T00:00:09Z"})"},
    {Command::kErase, "DossierErased",
     R"(@,"reason":"RETENTION_ENDED","eraseTime":"1970-01-01T00:00:09Z"})"},
    {Command::kRecount, "DossierRecounted",
     R"(@,"recountTime":"1970-01-01T00:00:09Z","dueTime":"1970-01-01T00:00:06Z"})"},
};

TEST_CASE("events: each command has its event, whole, and nothing personal in it") {
  std::set<std::string> types;
  for (const Case& c : kCases) {
    const auto event = MakeEvent(WholeDossier(), c.command, absl::FromUnixSeconds(9));
    CHECK(event->GetDescriptor()->name() == c.type);
    types.insert(event->GetDescriptor()->full_name());
    std::string json;
    REQUIRE(google::protobuf::util::MessageToJsonString(*event, &json).ok());
    CHECK(json == absl::StrReplaceAll(
                      absl::StrCat(R"({"dossier":"dossiers/0197a000-7c00-7000-8000-000000000001",)",
                                   c.json),
                      {{"@", R"("code":"H12.04-261116-0001","settlingAgency":"H12.04")"}}));
    for (const absl::string_view personal : kPersonalSamples) {
      CHECK_FALSE(absl::StrContains(json, personal));
    }
    CHECK_FALSE(absl::StrContains(json, "canary"));
    // Every field of the event is filled: none was forgotten.
    std::vector<const FieldDescriptor*> set;
    event->GetReflection()->ListFields(*event, &set);
    CHECK(static_cast<int>(set.size()) == event->GetDescriptor()->field_count());
  }
  // Every message of events.proto about dossiers is the event of some command.
  const auto* file = v1::DossierSubmitted::descriptor()->file();
  int of_dossiers = 0;
  for (int i = 0; i < file->message_type_count(); ++i) {
    of_dossiers += absl::StartsWith(file->message_type(i)->name(), "Dossier") ? 1 : 0;
  }
  // But of drafts that ended, which two commands do.
  CHECK(static_cast<int>(types.size()) == of_dossiers - 1);
}

TEST_CASE("events: the end of a draft is no end of a dossier; a warning has its own") {
  Dossier draft = WholeDossier();
  draft.clear_submit_time();
  for (const Command command : {Command::kWithdraw, Command::kExpire}) {
    draft.set_state(command == Command::kWithdraw ? Dossier::WITHDRAWN : Dossier::EXPIRED);
    const auto event = MakeEvent(draft, command, absl::FromUnixSeconds(9));
    CHECK(event->GetDescriptor()->name() == "DossierDraftEnded");
    std::vector<const FieldDescriptor*> set;
    event->GetReflection()->ListFields(*event, &set);
    CHECK(static_cast<int>(set.size()) == event->GetDescriptor()->field_count());
  }
  const auto reminder = MakeReminder(WholeDossier());
  CHECK(reminder->GetDescriptor()->name() == "SupplementDue");
  CHECK(absl::StrContains(reminder->ShortDebugString(), "answer_deadline { seconds: 7 }"));
}

TEST_CASE("events: each change of a result has its event, whole") {
  v1::Result result;
  result.set_name("dossiers/0197a000-7c00-7000-8000-000000000001/results/1");
  result.set_replaced_by("dossiers/0197a000-7c00-7000-8000-000000000001/results/2");
  result.set_title("canary");
  const std::map<v1::Result::State, std::string> wanted = {
      {v1::Result::SIGNING, "ResultOrdered"},   {v1::Result::SIGNED, "ResultSigned"},
      {v1::Result::REFUSED, "ResultNotSigned"}, {v1::Result::FAILED, "ResultNotSigned"},
      {v1::Result::CORRECTED, "ResultEnded"},   {v1::Result::REPLACED, "ResultEnded"},
      {v1::Result::REVOKED, "ResultEnded"}};
  for (int state = 1; v1::Result::State_IsValid(state); ++state) {
    result.set_state(static_cast<v1::Result::State>(state));
    INFO(v1::Result::State_Name(result.state()));
    const auto event = MakeResultEvent(result, WholeDossier(), absl::FromUnixSeconds(9));
    CHECK(event->GetDescriptor()->name() == wanted.at(result.state()));
    std::vector<const FieldDescriptor*> set;
    event->GetReflection()->ListFields(*event, &set);
    CHECK(static_cast<int>(set.size()) == event->GetDescriptor()->field_count());
    CHECK_FALSE(absl::StrContains(event->DebugString(), "canary"));
  }
}

TEST_CASE("events: no field of an event can carry personal data") {
  // Codes and names of resources; whatever else is text could hold anything.
  const std::set<std::string> codes = {
      "dossier",     "code",   "procedure", "intake_agency", "settling_agency",
      "from_agency", "agency", "document",  "result",        "replaced_by"};
  const auto* file = v1::DossierSubmitted::descriptor()->file();
  REQUIRE(file->message_type_count() == 33);
  for (int i = 0; i < file->message_type_count(); ++i) {
    for (int j = 0; j < file->message_type(i)->field_count(); ++j) {
      const FieldDescriptor* field = file->message_type(i)->field(j);
      INFO(field->full_name());
      const bool instant = field->cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE &&
                           field->message_type()->full_name() == "google.protobuf.Timestamp";
      const bool code =
          field->cpp_type() == FieldDescriptor::CPPTYPE_STRING && codes.contains(field->name());
      const bool word = field->cpp_type() == FieldDescriptor::CPPTYPE_ENUM;
      CHECK((instant || code || word));
    }
    CHECK(file->message_type(i)->nested_type_count() == 0);
  }
}

}  // namespace
}  // namespace lgsp::dossiers
