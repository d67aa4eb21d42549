#include "services/dossiers/dossier_events.h"

#include <catch2/catch.hpp>
#include <set>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "google/protobuf/util/json_util.h"
#include "lgsp/dossiers/v1/events.pb.h"
#include "services/dossiers/samples_test.h"

namespace lgsp::dossiers {
namespace {

using google::protobuf::FieldDescriptor;
using lgsp::dossiers::v1::Dossier;

// A dossier in which every field that an event may carry is different.
Dossier WholeDossier(Dossier::State state) {
  Dossier dossier;
  dossier.set_name("dossiers/0197a000-7c00-7000-8000-000000000001");
  dossier.set_code("H12.04-261116-0001");
  dossier.set_state(state);
  dossier.set_procedure(kProvinceProcedure);
  dossier.set_intake_agency("H12.50.01");
  dossier.set_settling_agency("H12.04");
  *dossier.mutable_applicant() = SampleSubmission().applicant();
  dossier.set_subject(SampleSubmission().subject());
  dossier.set_reject_reason("canary-reason");
  dossier.mutable_submit_time()->set_seconds(1);
  dossier.mutable_accept_time()->set_seconds(2);
  dossier.mutable_complete_time()->set_seconds(3);
  dossier.mutable_return_time()->set_seconds(4);
  dossier.mutable_reject_time()->set_seconds(5);
  dossier.mutable_due()->mutable_due_time()->set_seconds(6);
  return dossier;
}

TEST_CASE("events: each state entered has its event, whole, and nothing personal in it") {
  struct Case {
    Dossier::State state;
    absl::string_view type, json;
  };
  const Case cases[] = {
      {Dossier::SUBMITTED, "DossierSubmitted",
       R"("procedure":"1.009491","intakeAgency":"H12.50.01","settlingAgency":"H12.04",)"
       R"("submitTime":"1970-01-01T00:00:01Z"})"},
      {Dossier::ACCEPTED, "DossierAccepted",
       R"("code":"H12.04-261116-0001","procedure":"1.009491","settlingAgency":"H12.04",)"
       R"("acceptTime":"1970-01-01T00:00:02Z","dueTime":"1970-01-01T00:00:06Z"})"},
      {Dossier::COMPLETED, "DossierCompleted",
       R"("code":"H12.04-261116-0001","settlingAgency":"H12.04",)"
       R"("completeTime":"1970-01-01T00:00:03Z","dueTime":"1970-01-01T00:00:06Z"})"},
      {Dossier::RETURNED, "DossierReturned",
       R"("code":"H12.04-261116-0001","settlingAgency":"H12.04",)"
       R"("returnTime":"1970-01-01T00:00:04Z"})"},
      {Dossier::REJECTED, "DossierRejected",
       R"("settlingAgency":"H12.04","rejectTime":"1970-01-01T00:00:05Z"})"},
  };
  std::set<std::string> types;
  for (const Case& c : cases) {
    const auto event = MakeEvent(WholeDossier(c.state));
    CHECK(event->GetDescriptor()->name() == c.type);
    types.insert(event->GetDescriptor()->full_name());
    std::string json;
    REQUIRE(google::protobuf::util::MessageToJsonString(*event, &json).ok());
    CHECK(json ==
          absl::StrCat(R"({"dossier":"dossiers/0197a000-7c00-7000-8000-000000000001",)", c.json));
    for (const absl::string_view personal : kPersonalSamples) {
      CHECK_FALSE(absl::StrContains(json, personal));
    }
    CHECK_FALSE(absl::StrContains(json, "canary"));
    // Every field of the event is filled: none was forgotten.
    std::vector<const FieldDescriptor*> set;
    event->GetReflection()->ListFields(*event, &set);
    CHECK(static_cast<int>(set.size()) == event->GetDescriptor()->field_count());
  }
  // Every message of events.proto is the event of some state.
  CHECK(static_cast<int>(types.size()) ==
        v1::DossierSubmitted::descriptor()->file()->message_type_count());
}

TEST_CASE("events: no field of an event can carry personal data") {
  // Codes and names of resources; whatever else is text could hold anything.
  const std::set<std::string> codes = {"dossier", "code", "procedure", "intake_agency",
                                       "settling_agency"};
  const auto* file = v1::DossierSubmitted::descriptor()->file();
  REQUIRE(file->message_type_count() == 5);
  for (int i = 0; i < file->message_type_count(); ++i) {
    for (int j = 0; j < file->message_type(i)->field_count(); ++j) {
      const FieldDescriptor* field = file->message_type(i)->field(j);
      INFO(field->full_name());
      const bool instant = field->cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE &&
                           field->message_type()->full_name() == "google.protobuf.Timestamp";
      const bool code =
          field->cpp_type() == FieldDescriptor::CPPTYPE_STRING && codes.contains(field->name());
      CHECK((instant || code));
    }
    CHECK(file->message_type(i)->nested_type_count() == 0);
  }
}

}  // namespace
}  // namespace lgsp::dossiers
