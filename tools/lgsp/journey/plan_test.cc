#include "tools/lgsp/journey/plan.h"

#include <google/protobuf/util/message_differencer.h>

#include <catch2/catch.hpp>
#include <map>
#include <set>
#include <string>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "libs/clock/clock.h"
#include "libs/status/status.h"
#include "libs/text/text.h"
#include "tools/lgsp/journey/way.h"

namespace lgsp::cli {
namespace {

using dossiers::v1::Applicant;
using dossiers::v1::Dossier;
using dossiers::v1::SubmitDossierRequest;
using google::protobuf::util::MessageDifferencer;

const ProcedureCatalog& RealCatalog() {
  static const ProcedureCatalog catalog = *LoadProcedures(LGSP_CATALOG_FOLDER);
  return catalog;
}

const absl::Time kMade = absl::FromCivil(absl::CivilSecond(2026, 11, 23, 8, 0, 1), VietnamZone());

PlanHeader Header(int dossiers, uint32_t seed = 7, const std::string& id = "0123456789ab") {
  PlanHeader header;
  header.set_id(id);
  header.set_seed(seed);
  header.set_dossiers(dossiers);
  *header.mutable_made() = ToTimestamp(kMade);
  return header;
}

Plan Make(const PlanHeader& header) { return *MakePlan(header, RealCatalog()); }

bool ByCommune(const std::string& code) {
  static const std::set<std::string> codes = [] {
    std::set<std::string> of_communes;
    for (const Procedure& procedure : RealCatalog().procedures) {
      if (procedure.of_commune) of_communes.insert(procedure.code);
    }
    return of_communes;
  }();
  return codes.contains(code);
}

void CheckSame(const Plan& a, const Plan& b) {
  CHECK(MessageDifferencer::Equals(a.header, b.header));
  REQUIRE(a.dossiers.size() == b.dossiers.size());
  for (size_t i = 0; i < a.dossiers.size(); ++i) {
    CHECK(MessageDifferencer::Equals(a.dossiers[i], b.dossiers[i]));
  }
}

TEST_CASE("a seed determines the plan; the id keeps two plans of one seed apart") {
  const Plan plan = Make(Header(50));
  CheckSame(plan, Make(Header(50)));
  const Plan other_seed = Make(Header(50, 8));
  CHECK_FALSE(MessageDifferencer::Equals(plan.dossiers[0], other_seed.dossiers[0]));
  const Plan other_id = Make(Header(50, 7, "ba9876543210"));
  std::set<std::string> ids;
  for (const Plan* one : {&plan, &other_id}) {
    for (const PlannedDossier& planned : one->dossiers) {
      for (const PlannedStep& step : planned.steps()) {
        const std::string id = GetText(RequestOf(step), "request_id");
        CHECK(ids.insert(id).second);
        CHECK(!id.empty());
        CHECK(id.size() <= 64);
      }
      CHECK(ids.insert(planned.steps(0).submit().subject()).second);
    }
  }
  CHECK(plan.dossiers[3].steps(0).submit().procedure() ==
        other_id.dossiers[3].steps(0).submit().procedure());
}

const SubmitDossierRequest& SubmitOf(const PlannedDossier& planned) {
  return planned.steps(0).submit();
}

TEST_CASE(
    "refused, withdrawn, supplemented, helped, forwarded, asked: each as often as it should") {
  const int dossiers = GENERATE(1, 4, 5, 20, 200);
  const Plan plan = Make(Header(dossiers));
  std::map<std::string, int> ends, commands, levels;
  std::set<int> channels;
  int helped = 0;
  for (const PlannedDossier& planned : plan.dossiers) {
    ++ends[Dossier::State_Name(planned.end())];
    std::set<std::string> kinds;
    for (const PlannedStep& step : planned.steps()) {
      kinds.insert(RequestOf(step).GetDescriptor()->name());
    }
    for (const std::string& kind : kinds) ++commands[kind];
    CHECK(planned.steps().rbegin()->state() == planned.end());
    CHECK(planned.steps(0).has_submit());
    ++levels[ByCommune(SubmitOf(planned).procedure()) ? "commune" : "department"];
    channels.insert(SubmitOf(planned).channel());
    helped += SubmitOf(planned).has_assistance() ? 1 : 0;
  }
  const std::map<int, int> expected = {{1, 0}, {4, 0}, {5, 1}, {20, 2}, {200, 20}};
  CHECK(ends["REJECTED"] == expected.at(dossiers));
  CHECK(ends["RETURNED"] + ends["REJECTED"] + ends["WITHDRAWN"] == dossiers);
  if (dossiers < 200) return;
  CHECK(ends["WITHDRAWN"] >= 8);
  CHECK(commands["AskSupplementRequest"] >= 20);
  CHECK(commands["AskSupplementRequest"] == commands["AnswerSupplementRequest"]);
  CHECK(helped >= 20);
  CHECK(commands["ForwardDossierRequest"] >= 10);
  CHECK(commands["BeginWaitRequest"] >= 10);
  CHECK(commands["ReappointDossierRequest"] >= 8);
  CHECK(commands["SignDossierRequest"] >= 5);
  CHECK(commands["SignResultRequest"] >= 10);
  CHECK(commands["TransferDossierRequest"] >= 5);
  CHECK(levels["commune"] > 70);
  CHECK(levels["department"] > 70);
  CHECK(channels.size() == 3);
}

TEST_CASE("a commune's procedure filed elsewhere names the commune, or the centre finds out") {
  int named = 0, found_out = 0;
  for (const PlannedDossier& planned : Make(Header(200)).dossiers) {
    const SubmitDossierRequest& submit = SubmitOf(planned);
    CHECK(submit.intake_agency() == planned.steps(0).unit());
    if (!ByCommune(submit.procedure())) continue;
    named += submit.settling_agency().empty() ? 0 : 1;
    if (planned.steps_size() < 2 || !planned.steps(1).has_forward()) continue;
    ++found_out;
    CHECK(submit.settling_agency().empty());
    CHECK(planned.steps(1).unit() == "H12.15");
    CHECK(absl::StartsWith(planned.steps(1).forward().to_agency(), "H12.50."));
  }
  CHECK(named > 10);
  CHECK(found_out > 3);
}

TEST_CASE("an officer's date lies in the future and has its basis") {
  int set = 0;
  for (const PlannedDossier& planned : Make(Header(200)).dossiers) {
    for (const PlannedStep& step : planned.steps()) {
      if (!step.accept().has_due_time()) continue;
      ++set;
      CHECK(ToTime(step.accept().due_time()) > kMade + absl::Hours(24));
      CHECK_FALSE(step.accept().due_basis().empty());
    }
  }
  CHECK(set > 0);
}

TEST_CASE("no term reaches beyond the calendar, whenever the plan is made") {
  PlanHeader late = Header(300);
  *late.mutable_made() =
      ToTimestamp(absl::FromCivil(absl::CivilSecond(2027, 10, 1, 8, 0, 0), VietnamZone()));
  const auto plan = MakePlan(late, RealCatalog());
  REQUIRE(plan.ok());
  std::map<std::string, const Procedure*> by_code;
  for (const Procedure& procedure : RealCatalog().procedures) by_code[procedure.code] = &procedure;
  for (const PlannedDossier& planned : plan->dossiers) {
    const TermChoice term =
        ChooseTerm(*by_code.at(SubmitOf(planned).procedure()), SubmitOf(planned).channel());
    CHECK(term.at_most_days <= 91);
  }
}

// Born before 1910 and of the block: nobody's number.
void CheckNobodysId(const std::string& id) {
  CHECK(text::CheckPersonalId("id", id).ok());
  CHECK((id.substr(0, 3) == "095" || id.substr(0, 3) == "096"));
  CHECK((id[3] == '0' || id[3] == '1'));
  CHECK(id[4] == '0');
  CHECK(id.substr(6, 2) == "99");
}

TEST_CASE("applicants are synthetic, of valid form and in NFC") {
  int citizens = 0, foreigners = 0, single = 0, together = 0, staff = 0;
  for (const PlannedDossier& planned : Make(Header(200)).dossiers) {
    const Applicant& applicant = SubmitOf(planned).applicant();
    INFO(applicant.ShortDebugString());
    CHECK(*text::ToNfc(applicant.full_name()) == applicant.full_name());
    CHECK(absl::EndsWith(applicant.email(), "@example.com"));
    if (applicant.kind() != Applicant::CITIZEN) {
      CHECK(applicant.id_number().substr(0, 4) == "0000");
      CheckNobodysId(applicant.representative().id_number());
      staff += applicant.authorisations_size();
      continue;
    }
    ++citizens;
    CHECK(applicant.phone().substr(0, 4) == "0000");
    if (!applicant.nationality().empty()) {
      ++foreigners;
      CHECK(applicant.id_number()[0] == 'N');
      continue;
    }
    const std::string& id = applicant.id_number();
    CheckNobodysId(id);
    if (absl::StrContains(applicant.full_name(), " Thị ")) CHECK(id[3] == '1');
    for (const auto& other : applicant.co_applicants()) {
      ++together;
      CheckNobodysId(other.id_number());
      CHECK(other.id_number() != id);
    }
    if (!applicant.has_birth_date()) continue;
    ++single;
    CHECK_FALSE(absl::StrContains(applicant.full_name(), " "));
    CHECK(applicant.birth_date().month() == 0);
    CHECK(applicant.birth_date().year() % 100 == std::stoi(id.substr(4, 2)));
  }
  CHECK(citizens > 150);
  CHECK(foreigners > 5);
  CHECK(single > 5);
  CHECK(together > 5);
  CHECK(staff > 3);
}

TEST_CASE("a sixth is asked for by organisations, each for what it may ask for") {
  std::map<std::string, const Procedure*> by_code;
  for (const Procedure& procedure : RealCatalog().procedures) by_code[procedure.code] = &procedure;
  int organisations = 0;
  for (const PlannedDossier& planned : Make(Header(300)).dossiers) {
    const Procedure& procedure = *by_code.at(SubmitOf(planned).procedure());
    const bool organisation = SubmitOf(planned).applicant().kind() != Applicant::CITIZEN;
    CHECK((organisation ? procedure.for_organisations : procedure.for_citizens));
    organisations += organisation ? 1 : 0;
  }
  CHECK(organisations > 300 / 10);
  CHECK(organisations < 300 / 4);
}

TEST_CASE("papers come before the second step and with a supplement; some are reused") {
  const Plan plan = Make(Header(200));
  int reused = 0, digitised = 0;
  for (const PlannedDossier& planned : plan.dossiers) {
    bool supplement = false;
    for (int i = 0; i < planned.steps_size(); ++i) {
      const PlannedStep& step = planned.steps(i);
      supplement = supplement || step.has_ask_supplement();
      CHECK((step.papers() == 0 || i == 1 || step.has_answer_supplement()));
      if (step.has_answer_supplement()) CHECK(step.papers() == 3);
    }
    const PlannedStep& first = planned.steps(1);
    if (!supplement) CHECK(first.papers() == 3);
    CHECK(first.papers() <= (supplement ? 1 : 3));
    digitised += first.has_digitisation() ? 1 : 0;
    if (first.has_digitisation()) CHECK(SubmitOf(planned).channel() != Dossier::ONLINE);
    if (first.reuse_from() == 0) continue;
    ++reused;
    REQUIRE(first.reuse_from() < planned.number());
    const SubmitDossierRequest& earlier =
        SubmitOf(plan.dossiers[static_cast<size_t>(first.reuse_from() - 1)]);
    CHECK(MessageDifferencer::Equals(earlier.applicant(), SubmitOf(planned).applicant()));
    CHECK(earlier.procedure() == SubmitOf(planned).procedure());
    CHECK(first.papers() >= 1);
  }
  CHECK(reused > 15);
  CHECK(digitised > 20);
}

TEST_CASE("a plan reads back as it was written") {
  const Plan plan = Make(Header(20));
  const std::string text = *FormatPlan(plan);
  size_t whole = 0;
  const auto read = ParsePlan(text, RealCatalog(), &whole);
  REQUIRE(read.ok());
  CheckSame(plan, *read);
  CHECK(whole == text.size());
  CHECK_FALSE(read->done);
}

TEST_CASE("a plan that is cut anywhere is the same plan, or none") {
  const Plan plan = Make(Header(4));
  const std::string text = *FormatPlan(plan);
  const size_t header_end = text.find('\n') + 1;
  for (size_t cut = 0; cut <= text.size(); ++cut) {
    size_t whole = 0;
    const auto read = ParsePlan(text.substr(0, cut), RealCatalog(), &whole);
    if (cut < header_end) {
      REQUIRE(ErrorReason(read.status()) == "PLAN_UNREADABLE");
      continue;
    }
    REQUIRE(read.ok());
    CHECK(whole <= cut);
    CheckSame(plan, *read);
  }
}

TEST_CASE("ends and the last record count once they are whole") {
  std::string text = *FormatPlan(Make(Header(2)));
  PlanRecord record;
  record.mutable_ended()->set_number(2);
  record.mutable_ended()->set_name("dossiers/0");
  text += *FormatRecord(record);
  const size_t whole_before = text.size();
  record.mutable_done()->set_line("journey: 2 dossiers");
  text += *FormatRecord(record);
  size_t whole = 0;
  for (size_t cut = whole_before; cut < text.size(); ++cut) {
    const auto read = ParsePlan(text.substr(0, cut), RealCatalog(), &whole);
    REQUIRE(read.ok());
    CHECK(read->ended.size() == 1);
    CHECK_FALSE(read->done);
    CHECK(whole == whole_before);
  }
  CHECK(ParsePlan(text, RealCatalog(), &whole)->done);
}

TEST_CASE("a plan that makes no sense is refused with its line") {
  const std::string text = *FormatPlan(Make(Header(2)));
  const size_t second = text.find('\n') + 1;
  const size_t third = text.find('\n', second) + 1;
  PlanRecord record;
  record.mutable_ended()->set_number(3);
  const std::string stranger = *FormatRecord(record);
  record.mutable_ended()->set_number(1);
  const std::string end = *FormatRecord(record);
  size_t whole = 0;
  for (const std::string& broken :
       {text.substr(second), text.substr(0, second) + text.substr(third) + text.substr(third),
        text + "nonsense\n", text + stranger, text.substr(0, third) + end,
        text + text.substr(third), text + text.substr(0, second)}) {
    const auto read = ParsePlan(broken, RealCatalog(), &whole);
    CHECK(absl::IsInvalidArgument(read.status()));
    CHECK(ErrorReason(read.status()) == "PLAN_BROKEN");
  }
}

TEST_CASE("sizes are limited") {
  CHECK(ErrorReason(MakePlan(Header(0), RealCatalog()).status()) == "PLAN_SIZE_INVALID");
  CHECK(ErrorReason(MakePlan(Header(kMaxDossiers + 1), RealCatalog()).status()) ==
        "PLAN_SIZE_INVALID");
}

}  // namespace
}  // namespace lgsp::cli
