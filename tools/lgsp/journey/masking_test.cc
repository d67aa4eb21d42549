#include "tools/lgsp/journey/masking.h"

#include <catch2/catch.hpp>

#include "tools/lgsp/journey/dossier_view.h"

namespace lgsp::cli {
namespace {

dossiers::v1::Applicant Person() {
  dossiers::v1::Applicant applicant;
  applicant.set_kind(dossiers::v1::Applicant::CITIZEN);
  applicant.set_full_name("Đặng Thị Ánh");
  applicant.set_id_number("096102991234");
  applicant.set_phone("0000123456");
  applicant.set_email("nguoidan@example.com");
  return applicant;
}

TEST_CASE("names become initials") {
  CHECK(MaskName("Đặng Thị Ánh") == "Đ. T. Á.");
  CHECK(MaskName("  An ") == "A.");
  CHECK(MaskName("") == "");
  // A name that came in decomposed keeps its whole first letter.
  CHECK(MaskName("E\xCC\x82\xCC\x81"
                 "ch") == "E\xCC\x82\xCC\x81.");
}

TEST_CASE("numbers keep their last three characters") {
  CHECK(MaskNumber("096102991234") == "*********234");
  CHECK(MaskNumber("1234") == "*234");
  CHECK(MaskNumber("123") == "***");
  CHECK(MaskNumber("") == "");
}

TEST_CASE("a masked applicant shows nothing personal, in text and in JSON") {
  DossierView view;
  view.dossier.set_name("dossiers/1");
  *view.dossier.mutable_applicant() = MaskApplicant(Person());
  for (const std::string& shown : {FormatDossier(view), *FormatDossierJson(view)}) {
    for (const char* personal : {"Đặng", "Thị", "Ánh", "096102", "0000123", "nguoidan", "@"}) {
      CHECK(shown.find(personal) == std::string::npos);
    }
    CHECK(shown.find("Đ. T. Á.") != std::string::npos);
    CHECK(shown.find("*********234") != std::string::npos);
  }
}

TEST_CASE("a dossier is shown with its due date, sync and history") {
  DossierView view;
  dossiers::v1::Dossier& dossier = view.dossier;
  dossier.set_name("dossiers/1");
  dossier.set_code("H12.04-261123-0001");
  dossier.set_state(dossiers::v1::Dossier::ACCEPTED);
  dossier.set_revision(2);
  dossier.mutable_due()->mutable_due_time()->set_seconds(
      1796119200);  // 2026-12-01 17:00 in Vietnam
  dossier.mutable_due()->set_provisional(true);
  dossier.mutable_due()->set_term_row(3);
  dossier.mutable_due()->set_term_amount("5");
  dossier.mutable_due()->set_term_unit("WORKING_DAY");
  auto* run = dossier.mutable_due()->add_explanation();
  run->set_first_day("2026-11-24");
  run->set_last_day("2026-11-24");
  run->set_kind(dossiers::v1::DayRun::DAY_OFF);
  run->set_basis("Culture Day");
  dossier.mutable_portal_sync()->set_state(dossiers::v1::PortalSync::PENDING);
  dossier.mutable_portal_sync()->set_attempts(4);
  dossier.mutable_portal_sync()->set_last_error_reason("PORTAL_UNAVAILABLE");
  auto* step = view.history.add_transitions();
  step->set_revision(1);
  step->set_state(dossiers::v1::Dossier::SUBMITTED);
  step->set_system("systems/demo-onestop");
  const std::string shown = FormatDossier(view);
  for (const char* part :
       {"H12.04-261123-0001", "ACCEPTED, revision 2", "2026-12-01 17:00:00 PROVISIONAL",
        "5 WORKING_DAY (term row 3)", "2026-11-24", "DAY_OFF, Culture Day",
        "PENDING, 4 attempts, last error PORTAL_UNAVAILABLE", "SUBMITTED",
        "systems/demo-onestop"}) {
    INFO(part << "\n" << shown);
    CHECK(shown.find(part) != std::string::npos);
  }
}

}  // namespace
}  // namespace lgsp::cli
