#include "services/dossiers/catalogue/catalogue.h"

#include <catch2/catch.hpp>
#include <map>

#include "absl/strings/str_cat.h"
#include "libs/status/status.h"
#include "libs/testing/files.h"
#include "services/dossiers/oracle_test.h"

namespace lgsp::dossiers {
namespace {

using lgsp::dossiers::v1::Dossier;

TEST_CASE("catalogue: deploy/catalog loads whole") {
  const auto catalogue = Catalogue::Load(SourceFile("deploy/catalog"));
  INFO(catalogue.status());
  REQUIRE(catalogue.ok());
  CHECK(catalogue->procedures().size() == 3789);
  CHECK(catalogue->agencies().size() == 86);
  int communes = 0;
  for (const Agency& agency : catalogue->agencies()) {
    communes += agency.kind == Agency::Kind::kCommune ? 1 : 0;
    CHECK(catalogue->FindAgency(agency.code) == &agency);
  }
  CHECK(communes == 64);
  CHECK(catalogue->calendar().IsProvisional(2027));
  CHECK_FALSE(catalogue->calendar().IsProvisional(2026));
  CHECK_FALSE(catalogue->calendar().Knows(2028));
  const auto policies = [&](absl::string_view code) {
    return ReadPolicies(*catalogue->FindProcedure(code));
  };
  CHECK(policies("1.011441").cut_off == CutOff::kAfter15);
  CHECK(policies("1.000016").cut_off == CutOff::kNone);
  CHECK(policies("1.012084").consecutive_hours);
  CHECK_FALSE(policies("1.000016").consecutive_hours);
  CHECK(catalogue->hours().Of("H12.01").Daily() == absl::Hours(8));

  const Procedure* procedure = catalogue->FindProcedure("1.000016");
  REQUIRE(procedure != nullptr);
  CHECK(procedure->display_name() ==
        "Thông báo tăng, giảm vốn góp của quỹ đầu tư khởi nghiệp sáng tạo (cấp tỉnh)");
  CHECK(procedure->field() == "Hỗ trợ doanh nghiệp nhỏ và vừa");
  CHECK(procedure->scope() == Procedure::HERE);
  CHECK(procedure->level() == Procedure::PROVINCE);
  CHECK(procedure->sector_agency() == "H12.04");
  CHECK(Offers(*procedure, Dossier::DIRECT));
  CHECK(Offers(*procedure, Dossier::POSTAL));
  CHECK_FALSE(Offers(*procedure, Dossier::ONLINE));
  CHECK_FALSE(Offers(*procedure, Dossier::CHANNEL_UNSPECIFIED));
  for (const absl::string_view unknown : {"", "1", "1.00001", "1.000016 ", "9.999999"}) {
    CHECK(catalogue->FindProcedure(unknown) == nullptr);
  }
  for (const absl::string_view unknown : {"", "H12", "H12.50", "H12.50.65", "H99", "h12.01"}) {
    CHECK(catalogue->FindAgency(unknown) == nullptr);
  }
}

constexpr char kAgencies[] = "camau_agencies.csv";
constexpr char kChanges[] = "agency_changes.csv";
constexpr char kCompetences[] = "competences.csv";
constexpr char kProcedures[] = "tthc.csv";
constexpr char kTerms[] = "tthc_terms.csv";
constexpr char kFees[] = "tthc_fees.csv";
constexpr char kComponents[] = "tthc_components.csv";
constexpr char kDays[] = "vn_civil_service_days_2021_2027.csv";
constexpr char kPolicies[] = "procedure_policies.csv";
constexpr char kHours[] = "working_hours.csv";

// A small catalogue that loads.
std::map<std::string, std::string> SmallCatalogue() {
  const std::string source = "# source: test\n";
  return {
      {kAgencies, source + "agency_code,name,kind,ward_code\n"
                           "H12.01,Sở A,DEPARTMENT,\n"
                           "H12.02,Sở C,DEPARTMENT,\n"
                           "H12.15,Trung tâm,SERVICE_CENTRE,\n"
                           "H12.50.01,Phường B,COMMUNE,31825\n"},
      {kChanges, source + "agency,first_day,last_day,successor,basis\n"
                          "H12.02,2026-01-01,2026-06-30,H12.01,1/NQ\n"},
      {kCompetences, source + "level,field,place,agency,basis\n"
                              "Tỉnh,Đất đai,31825,H12.01,1/QĐ\n"},
      {kProcedures,
       source + "code,name,level,field,kind,decision,scope,sector_agency,applicants,channels\n"
                "1.1,Một,Tỉnh,Đất đai,Thường,1/QĐ,HERE,H12.01,CITIZEN,DIRECT|ONLINE\n"
                "1.2,Hai,Xã,Đất đai,Thường,1/QĐ,HERE,H12.01,CITIZEN,DIRECT\n"},
      {kTerms, source + "code,row,channel,class,amount,unit\n"
                        "1.1,1,DIRECT,KNOWN,5,WORKING_DAY\n"
                        "1.1,2,ONLINE,KNOWN,3,WORKING_DAY\n"
                        "1.2,1,DIRECT,OTHER,1,OTHER\n"},
      {kFees, source + "code,row,item,channel,class,amount_vnd_as_printed,per\n"
                       "1.1,1,1,DIRECT,KNOWN,20000,tờ\n"
                       "1.1,2,1,ONLINE,FREE,,\n"},
      {kComponents, source + "code,item,group,kind,title,originals,copies\n"
                             "1.1,1,Nhóm,PAPER,Đơn,1,0\n"},
      {kDays, source + "date,kind,status,basis\n2026-01-01,WEEKDAY_OFF,notice,1/TB\n"},
      {kPolicies, source + "procedure,policy,value,basis\n"
                           "*,CUT_OFF,NONE,assumed\n"
                           "1.1,CUT_OFF,AFTER_15,its page\n"},
      {kHours, source + "agency,hours,basis\n"
                        "*,\"07:00-11:30,13:30-17:00\",assumed\n"
                        "H12.01,08:00-16:00,its page\n"},
  };
}

absl::Status Load(const std::map<std::string, std::string>& files) {
  const testing::TemporaryFolder folder;
  for (const auto& [name, content] : files) folder.Write(name, content);
  return Catalogue::Load(folder.path()).status();
}

struct BrokenTable {
  absl::string_view file, from, to, reason, says;
};
constexpr BrokenTable kBrokenTables[] = {
    {kAgencies, "# source: test\n", "", "CSV_INVALID", "camau_agencies.csv:1: "},
    {kAgencies, ",kind,", ",sort,", "CSV_INVALID", "camau_agencies.csv:2: no column kind"},
    {kAgencies, "Sở A,", "Sở A,,", "CSV_INVALID", "camau_agencies.csv:3: "},
    {kAgencies, "H12.50.01", "H12.01", "CATALOGUE_INVALID", "camau_agencies.csv: H12.01: "},
    {kAgencies, "COMMUNE", "WARD", "CATALOGUE_INVALID", "camau_agencies.csv: H12.50.01: "},
    {kAgencies, "31825", "", "CATALOGUE_INVALID", "camau_agencies.csv: H12.50.01: a commune"},
    {kAgencies, "SERVICE_CENTRE", "DEPARTMENT", "CATALOGUE_INVALID", "camau_agencies.csv: SERVICE"},
    {kChanges, "H12.02", "H12.99", "CATALOGUE_INVALID", "agency_changes.csv: H12.99: is not"},
    {kChanges, "2026-06-30", "2025-06-30", "CATALOGUE_INVALID",
     "agency_changes.csv: H12.02: first"},
    {kChanges, "2026-06-30", "30/6/2026", "CATALOGUE_INVALID", "agency_changes.csv: H12.02: first"},
    {kChanges, "2026-06-30", "", "CATALOGUE_INVALID", "agency_changes.csv: H12.02: an end"},
    {kChanges, ",H12.01,", ",,", "CATALOGUE_INVALID", "agency_changes.csv: H12.02: an end"},
    {kChanges, ",H12.01,", ",H12.02,", "CATALOGUE_INVALID", "agency_changes.csv: H12.02: the succ"},
    {kChanges, ",H12.01,", ",H12.50.01,", "CATALOGUE_INVALID", "agency_changes.csv: H12.02: the s"},
    {kChanges, "1/NQ", "", "CATALOGUE_INVALID", "agency_changes.csv: H12.02: names no"},
    {kCompetences, "Tỉnh", "Huyện", "CATALOGUE_INVALID", "competences.csv: Đất đai: level"},
    {kCompetences, "31825", "31826", "CATALOGUE_INVALID", "competences.csv: Đất đai: 31826"},
    {kCompetences, "H12.01", "H12.99", "CATALOGUE_INVALID", "competences.csv: Đất đai: H12.99"},
    {kCompetences, "1/QĐ", "", "CATALOGUE_INVALID", "competences.csv: Đất đai: names no"},
    {kProcedures, "Hai,", "\"Hai,", "CSV_INVALID", "tthc.csv:4: a quote is not closed"},
    {kProcedures, "1.2,Hai", "1.1,Hai", "CATALOGUE_INVALID", "tthc.csv: 1.1: occurs twice"},
    {kProcedures, ",Xã,", ",Huyện,", "CATALOGUE_INVALID", "tthc.csv: 1.2: level"},
    {kProcedures, "H12.01,CITIZEN,DIRECT\n", "H12.03,CITIZEN,DIRECT\n", "CATALOGUE_INVALID",
     "tthc.csv: 1.2: sector_agency"},
    {kProcedures, "H12.01,CITIZEN,DIRECT\n", "H12.50.01,CITIZEN,DIRECT\n", "CATALOGUE_INVALID",
     "tthc.csv: 1.2: sector_agency"},
    {kProcedures, "HERE,H12.01,CITIZEN,DIRECT\n", "HEER,H12.01,CITIZEN,DIRECT\n",
     "CATALOGUE_INVALID", "tthc.csv: 1.2: scope"},
    {kProcedures, "DIRECT|ONLINE", "DIRECT|FAX", "CATALOGUE_INVALID", "tthc.csv: 1.1: channels"},
    {kProcedures, "DIRECT|ONLINE", "", "CATALOGUE_INVALID", "tthc.csv: 1.1: channels"},
    {kTerms, "1.2,1", "1.3,1", "CATALOGUE_INVALID", "tthc_terms.csv: 1.3: "},
    {kTerms, "1.2,1,DIRECT", "1.2,0,DIRECT", "CATALOGUE_INVALID", "tthc_terms.csv: 1.2: row"},
    {kTerms, "1.2,1,DIRECT", "1.2,x,DIRECT", "CATALOGUE_INVALID", "tthc_terms.csv: 1.2: row"},
    {kTerms, "1.2,1,DIRECT", "1.2,1,FAX", "CATALOGUE_INVALID", "tthc_terms.csv: 1.2: row"},
    {kTerms, "1.1,2,ONLINE", "1.1,1,ONLINE", "CATALOGUE_INVALID",
     "tthc_terms.csv: 1.1: row 1 occurs twice"},
    {kTerms, "1.2,1,DIRECT,OTHER,1,OTHER\n", "", "CATALOGUE_INVALID",
     "tthc_terms.csv: 1.2: no term for DIRECT"},
    {kTerms, "KNOWN,5,WORKING_DAY", "GUESS,5,WORKING_DAY", "CATALOGUE_INVALID",
     "tthc_terms.csv: 1.1: class"},
    {kFees, "1.1,1,1", "1.9,1,1", "CATALOGUE_INVALID", "tthc_fees.csv: 1.9: "},
    {kFees, "1.1,1,1", "1.1,0,1", "CATALOGUE_INVALID", "tthc_fees.csv: 1.1: row"},
    {kFees, "1.1,1,1", "1.1,1,x", "CATALOGUE_INVALID", "tthc_fees.csv: 1.1: row"},
    {kFees, "DIRECT", "FAX", "CATALOGUE_INVALID", "tthc_fees.csv: 1.1: row"},
    {kFees, "FREE", "GIFT", "CATALOGUE_INVALID", "tthc_fees.csv: 1.1: class"},
    {kFees, "20000", "0", "CATALOGUE_INVALID", "tthc_fees.csv: 1.1: class"},
    {kFees, "20000", "20.000", "CATALOGUE_INVALID", "tthc_fees.csv: 1.1: class"},
    {kComponents, "1.1,1", "1.9,1", "CATALOGUE_INVALID", "tthc_components.csv: 1.9: "},
    {kComponents, "1.1,1", "1.1,0", "CATALOGUE_INVALID", "tthc_components.csv: 1.1: item"},
    {kComponents, "1,0\n", "1,-1\n", "CATALOGUE_INVALID", "tthc_components.csv: 1.1: item"},
    {kComponents, "PAPER", "CARD", "CATALOGUE_INVALID", "tthc_components.csv: 1.1: kind"},
    {kDays, "2026-01-01", "2026-01-32", "CSV_INVALID",
     "vn_civil_service_days_2021_2027.csv: row 2026-01-32: "},
    {kPolicies, "1.1,CUT", "1.9,CUT", "CATALOGUE_INVALID", "procedure_policies.csv: 1.9: "},
    {kPolicies, "AFTER_15", "AFTER_16", "CATALOGUE_INVALID",
     "procedure_policies.csv: 1.1: CUT_OFF AFTER_16"},
    {kPolicies, "its page", "", "CATALOGUE_INVALID", "procedure_policies.csv: 1.1: "},
    {kPolicies, "1.1,CUT", "*,CUT", "CATALOGUE_INVALID", "procedure_policies.csv: *: CUT_OFF occ"},
    {kHours, "H12.01", "H12.99", "CATALOGUE_INVALID", "working_hours.csv: H12.99: "},
    {kHours, "08:00-16:00", "8-16", "CATALOGUE_INVALID", "working_hours.csv: H12.01: working h"},
    {kHours, "its page", "", "CATALOGUE_INVALID", "working_hours.csv: H12.01: names no"},
    {kHours, "H12.01", "*", "CATALOGUE_INVALID", "working_hours.csv: *: occurs twice"},
    {kHours, "*,", "H12.50.01,", "CATALOGUE_INVALID", "working_hours.csv: *: is missing"},
    {kDays, "1/TB", "1/TB,", "CSV_INVALID", "vn_civil_service_days_2021_2027.csv:3: "},
};

TEST_CASE("catalogue: a broken table is refused, and the error says where") {
  REQUIRE(Load(SmallCatalogue()).ok());
  for (const BrokenTable& c : kBrokenTables) {
    auto files = SmallCatalogue();
    std::string& content = files[std::string(c.file)];
    const size_t at = content.find(std::string(c.from));
    REQUIRE(at != std::string::npos);
    content.replace(at, c.from.size(), std::string(c.to));
    const absl::Status status = Load(files);
    INFO(c.file << ": `" << c.from << "` → `" << c.to << "`: " << status);
    CHECK(status.code() == absl::StatusCode::kInvalidArgument);
    CHECK(ErrorReason(status) == c.reason);
    CHECK(status.message().find(c.says) == 0);
  }
}

TEST_CASE("catalogue: every table must be there") {
  for (const auto& [name, content] : SmallCatalogue()) {
    auto files = SmallCatalogue();
    files.erase(name);
    const absl::Status status = Load(files);
    INFO(status);
    CHECK(ErrorReason(status) == "FILE_MISSING");
  }
}

}  // namespace
}  // namespace lgsp::dossiers
