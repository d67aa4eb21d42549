// Who may ask, who may act for them, and with whose help.
#include "services/dossiers/applicants.h"

#include <catch2/catch.hpp>
#include <functional>

#include "libs/clock/clock.h"
#include "libs/clock/timestamp.h"
#include "libs/status/status.h"
#include "services/dossiers/decisions.h"
#include "services/dossiers/limits.h"
#include "services/dossiers/samples_test.h"
#include "services/dossiers/service_test.h"

namespace lgsp::dossiers {
namespace {

using lgsp::auth::v1::Caller;
using lgsp::dossiers::v1::Applicant;
using lgsp::dossiers::v1::Assistance;
using lgsp::dossiers::v1::Person;

Person SamplePerson(absl::string_view id = "096300123465") {
  Person person;
  person.set_full_name("Trần Văn Bình");
  person.set_id_number(std::string(id));
  return person;
}

Applicant Organisation() {
  Applicant applicant = SampleSubmission().applicant();
  applicant.set_kind(Applicant::BUSINESS);
  applicant.set_full_name("Công ty TNHH Một thành viên Đất Mũi");
  applicant.set_id_number("2001234567");
  *applicant.mutable_representative() = SamplePerson();
  applicant.mutable_representative()->set_position("Giám đốc");
  auto& staff = *applicant.add_authorisations();
  *staff.mutable_person() = SamplePerson("096300123473");
  staff.set_basis("Giấy ủy quyền 01/GUQ");
  *staff.mutable_end_time() = ToTimestamp(MondayMorning() + absl::Hours(24));
  return applicant;
}

struct Case {
  absl::string_view what;
  std::function<void(Applicant&)> change;
  // Empty: it is taken.
  absl::string_view reason;
  absl::string_view field = "";
};

void CheckAll(const Applicant& base, const std::vector<Case>& cases) {
  for (const Case& c : cases) {
    Applicant applicant = base;
    c.change(applicant);
    const auto cleaned = CleanApplicant(applicant, MondayMorning());
    INFO(c.what << ": " << cleaned.status());
    CHECK(ErrorReason(cleaned.status()) == c.reason);
    if (!c.field.empty()) CHECK(cleaned.status().message().find(c.field) == 0);
  }
}

std::function<void(Applicant&)> Born(int year, int month, int day) {
  return [=](Applicant& a) {
    a.mutable_birth_date()->set_year(year);
    a.mutable_birth_date()->set_month(month);
    a.mutable_birth_date()->set_day(day);
  };
}

TEST_CASE("applicants: persons, as they come") {
  CheckAll(
      SampleSubmission().applicant(),
      {
          {"as it is", [](auto&) {}, ""},
          {"one word", [](auto& a) { a.set_full_name("Y"); }, ""},
          {"foreign", [](auto& a) { a.set_full_name("O'Brien-Müller José"); }, ""},
          {"a highland name", [](auto& a) { a.set_full_name("H'Hen Niê"); }, ""},
          {"only the year", Born(1948, 0, 0), ""},
          {"year and month", Born(1948, 2, 0), ""},
          {"whole", Born(1948, 2, 29), ""},
          {"no leap year", Born(1947, 2, 29), "BIRTH_DATE_INVALID", "applicant.birth_date"},
          {"a day without a month", Born(1948, 0, 5), "BIRTH_DATE_INVALID", ""},
          {"no 13th month", Born(1948, 13, 1), "BIRTH_DATE_INVALID", ""},
          {"no year", Born(0, 1, 1), "BIRTH_DATE_INVALID", ""},
          {"born today", Born(2026, 11, 16), ""},
          {"born tomorrow", Born(2026, 11, 17), "BIRTH_DATE_INVALID", ""},
          {"far off", Born(2147483647, 2147483647, 2147483647), "BIRTH_DATE_INVALID", ""},
          {"negative", Born(1948, -1, -1), "BIRTH_DATE_INVALID", ""},
          {"an old number", [](auto& a) { a.set_old_id_number("380012345"); }, ""},
          {"too short", [](auto& a) { a.set_old_id_number("38001234"); }, "OLD_ID_NUMBER_INVALID"},
          {"letters", [](auto& a) { a.set_old_id_number("38001234a"); }, "OLD_ID_NUMBER_INVALID"},
          {"Vietnamese", [](auto& a) { a.set_nationality("VN"); }, ""},
          {"a passport without a nationality", [](auto& a) { a.set_id_number("C1234567"); },
           "PERSONAL_ID_INVALID", "applicant.id_number"},
          {"a foreigner's passport",
           [](auto& a) {
             a.set_nationality("KH");
             a.set_id_number("N1234567");
           },
           ""},
          {"no code", [](auto& a) { a.set_nationality("Lào"); }, "NATIONALITY_INVALID"},
      });
}

TEST_CASE("applicants: several who ask together, nobody twice") {
  CheckAll(
      SampleSubmission().applicant(),
      {
          {"two", [](auto& a) { *a.add_co_applicants() = SamplePerson(); }, ""},
          {"one twice",
           [](auto& a) {
             *a.add_co_applicants() = SamplePerson();
             *a.add_co_applicants() = SamplePerson();
           },
           "PERSONS_INVALID", "applicant.co_applicants"},
          {"the applicant again",
           [](auto& a) { *a.add_co_applicants() = SamplePerson(a.id_number()); },
           "PERSONS_INVALID"},
          {"no name", [](auto& a) { a.add_co_applicants()->set_id_number("096300123465"); },
           "TEXT_EMPTY", "applicant.co_applicants.full_name"},
          {"no personal ID", [](auto& a) { a.add_co_applicants()->set_full_name("Lê Thị Cúc"); },
           "PERSONAL_ID_INVALID", "applicant.co_applicants.id_number"},
          {"too many",
           [](auto& a) {
             for (int i = 0; i <= kMaxCoApplicants; ++i) a.add_co_applicants();
           },
           "PERSONS_INVALID"},
      });
}

TEST_CASE("applicants: organisations, who represents them and whom they send") {
  CheckAll(Organisation(),
           {
               {"as it is", [](auto&) {}, ""},
               {"a representative without a personal ID",
                [](auto& a) { a.mutable_representative()->set_id_number("1"); },
                "PERSONAL_ID_INVALID", "applicant.representative.id_number"},
               {"no paper", [](auto& a) { a.mutable_authorisations(0)->clear_basis(); },
                "TEXT_EMPTY", "applicant.authorisations.basis"},
               {"it has ended",
                [](auto& a) {
                  *a.mutable_authorisations(0)->mutable_end_time() = ToTimestamp(MondayMorning());
                },
                "PERSONS_INVALID", "applicant.authorisations"},
               {"too many",
                [](auto& a) {
                  for (int i = 0; i < kMaxAuthorisations; ++i) a.add_authorisations();
                },
                "PERSONS_INVALID"},
           });
  const auto cleaned = CleanApplicant(Organisation(), MondayMorning());
  REQUIRE(cleaned.ok());
  const std::vector<Person> persons = PersonsOf(*cleaned);
  REQUIRE(persons.size() == 3);
  CHECK(persons[0].id_number() == "2001234567");
  CHECK(persons[1].id_number() == "096300123465");
  CHECK(persons[2].id_number() == "096300123473");
}

TEST_CASE("applicants: helped, with consent, the applicant stays the one who asks") {
  Caller officer = CallerOf("H12.*");
  officer.mutable_officer()->set_id("cb-7");
  const auto reason = [&](Assistance assistance, const Caller& caller) {
    return ErrorReason(CleanAssistance(assistance, caller, MondayMorning()).status());
  };
  Assistance assistance;
  assistance.set_kind(Assistance::OFFICER);
  CHECK(reason(assistance, officer) == "ASSISTANCE_INVALID");
  assistance.set_consent(Assistance::SIGNED);
  CHECK(reason(assistance, officer) == "ASSISTANCE_INVALID");
  *assistance.mutable_consent_time() = ToTimestamp(MondayMorning());
  CHECK(reason(assistance, officer) == "");
  CHECK(CleanAssistance(assistance, officer, MondayMorning())->helper() == "cb-7");
  // The call has to name the officer; another cannot be put in.
  assistance.set_helper("cb-8");
  CHECK(CleanAssistance(assistance, officer, MondayMorning())->helper() == "cb-7");
  CHECK(reason(assistance, CallerOf("H12.*")) == "ASSISTANCE_INVALID");
  assistance.set_kind(Assistance::COLLABORATOR);
  CHECK(reason(assistance, CallerOf("H12.*")) == "");
  assistance.set_helper("not an id");
  CHECK(reason(assistance, officer) == "ASSISTANCE_INVALID");
  assistance.set_kind(Assistance::RELATIVE);
  assistance.clear_helper();
  CHECK(reason(assistance, officer) == "ASSISTANCE_INVALID");
  *assistance.mutable_relative() = SamplePerson();
  CHECK(reason(assistance, officer) == "");
  *assistance.mutable_consent_time() = ToTimestamp(MondayMorning() + absl::Hours(1));
  CHECK(reason(assistance, officer) == "ASSISTANCE_INVALID");
}

TEST_CASE("applicants: all of it is stored, and what is personal of it sealed") {
  for (const auto engine : sql::kBothEngines) {
    TestService service(engine);
    auto request = SampleSubmission();
    *request.mutable_applicant() = Organisation();
    *request.mutable_applicant()->add_co_applicants() = SamplePerson("096300123481");
    Assistance& assistance = *request.mutable_assistance();
    assistance.set_kind(Assistance::RELATIVE);
    assistance.set_consent(Assistance::VNEID);
    *assistance.mutable_consent_time() = ToTimestamp(MondayMorning());
    *assistance.mutable_relative() = SamplePerson("096300123499");
    const auto submitted = service.Call(&v1::Dossiers::Stub::SubmitDossier, request);
    INFO(submitted.status());
    REQUIRE(submitted.ok());
    const auto found = service.Get(submitted->name());
    REQUIRE(found.ok());
    CHECK(found->applicant().representative().position() == "Giám đốc");
    CHECK(found->applicant().co_applicants(0).id_number() == "096300123481");
    CHECK(found->assistance().relative().id_number() == "096300123499");
    CHECK(found->assistance().kind() == Assistance::RELATIVE);
    std::string body;
    REQUIRE(service.database()
                .db
                ->Read([&](sql::Transaction& tx) -> absl::Status {
                  ASSIGN_OR_RETURN(const sql::Result row, tx.Execute("SELECT body FROM dossiers"));
                  body = row.rows[0].Blob(0);
                  return absl::OkStatus();
                })
                .ok());
    for (const absl::string_view personal :
         {"Trần Văn Bình", "096300123465", "096300123473", "096300123481", "096300123499",
          "2001234567", "01/GUQ", "Giám đốc"}) {
      CHECK(body.find(std::string(personal)) == std::string::npos);
    }
  }
}

}  // namespace
}  // namespace lgsp::dossiers
