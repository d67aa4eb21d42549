#include "tools/lgsp/journey/procedures.h"

#include <catch2/catch.hpp>
#include <map>
#include <set>
#include <string>
#include <tuple>

#include "libs/clock/clock.h"
#include "libs/status/status.h"

namespace lgsp::cli {
namespace {

using dossiers::v1::Dossier;

const ProcedureCatalog& RealCatalog() {
  static const ProcedureCatalog catalog = *LoadProcedures(LGSP_CATALOG_FOLDER);
  return catalog;
}

const Procedure& Find(const std::string& code) {
  for (const Procedure& procedure : RealCatalog().procedures) {
    if (procedure.code == code) return procedure;
  }
  FAIL("no procedure " << code);
  return RealCatalog().procedures.front();
}

TEST_CASE("the catalogue has every procedure that is settled here") {
  const ProcedureCatalog& catalog = RealCatalog();
  CHECK(catalog.procedures.size() == 1902);
  int of_communes = 0;
  for (const Procedure& procedure : catalog.procedures) {
    INFO(procedure.code);
    of_communes += procedure.of_commune ? 1 : 0;
    CHECK(procedure.sector_agency.substr(0, 4) == "H12.");
    for (const Dossier::Channel channel : procedure.channels) {
      CHECK(channel != Dossier::CHANNEL_UNSPECIFIED);
    }
  }
  CHECK(of_communes == 394);
  CHECK(catalog.communes.size() == 64);
  CHECK(catalog.calendar_end == absl::CivilDay(2027, 12, 31));
}

// The rule of AcceptDossier, written from its documentation: several different terms need a row;
// what is not KNOWN needs an officer's date, and so do 110 hours; what is may have none.
TEST_CASE("every procedure and channel gets what its acceptance needs") {
  int with_row = 0;
  int with_officer = 0;
  int plain = 0;
  for (const Procedure& procedure : RealCatalog().procedures) {
    for (const Dossier::Channel channel : procedure.channels) {
      INFO(procedure.code << " " << Dossier::Channel_Name(channel));
      std::set<std::tuple<std::string, std::string, std::string>> different;
      std::map<int, const Term*> rows;
      for (const Term& term : procedure.terms) {
        if (term.channel != channel) continue;
        different.insert({term.term_class, term.amount, term.unit});
        rows[term.row] = &term;
      }
      const TermChoice choice = ChooseTerm(procedure, channel);
      CHECK((choice.term_row != 0) == (different.size() > 1));
      if (choice.term_row != 0) REQUIRE(rows.count(choice.term_row) == 1);
      const Term* term = nullptr;
      if (choice.term_row != 0) {
        term = rows[choice.term_row];
      } else if (!rows.empty()) {
        term = rows.begin()->second;
      }
      const bool computed =
          term != nullptr && term->term_class == "KNOWN" &&
          (term->unit == "DAY" || term->unit == "WORKING_DAY" || term->unit == "MONTH" ||
           (term->unit == "HOUR" && term->amount != "110"));
      CHECK(choice.officer_sets_due_time == !computed);
      CHECK((choice.at_most_days > 0) == computed);
      with_row += choice.term_row != 0 ? 1 : 0;
      with_officer += choice.officer_sets_due_time ? 1 : 0;
      plain += choice.term_row == 0 && !choice.officer_sets_due_time ? 1 : 0;
    }
  }
  // As counted in the files by other means, without the 29 of competences.csv.
  CHECK(with_row == 125);
  CHECK(with_officer == 523);
  CHECK(plain == 4089);
}

TEST_CASE("term choices of procedures that were read") {
  // WORKING_DAY 2 or HOUR 8: the one that can be computed.
  CHECK(ChooseTerm(Find("1.000400"), Dossier::ONLINE).term_row == 1);
  // OTHER 0 or DAY 1.
  const TermChoice mixed = ChooseTerm(Find("1.014952"), Dossier::ONLINE);
  CHECK(mixed.term_row == 2);
  CHECK_FALSE(mixed.officer_sets_due_time);
  // One and two working days at the counter.
  CHECK(ChooseTerm(Find("1.000028"), Dossier::DIRECT).term_row == 1);
  // Months are counted; NONE: an officer.
  CHECK_FALSE(ChooseTerm(Find("1.012422"), Dossier::POSTAL).officer_sets_due_time);
  CHECK(ChooseTerm(Find("1.008923"), Dossier::ONLINE).officer_sets_due_time);
}

TEST_CASE("a folder without the catalogue is told apart") {
  const auto catalog = LoadProcedures("/nonexistent");
  CHECK(absl::IsNotFound(catalog.status()));
  CHECK(ErrorReason(catalog.status()) == "FILE_MISSING");
}

}  // namespace
}  // namespace lgsp::cli
