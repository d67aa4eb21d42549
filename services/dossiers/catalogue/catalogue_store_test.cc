// The catalogue on file: what an import writes, and that a dossier keeps its version.
#include "services/dossiers/catalogue/catalogue_store.h"

#include <catch2/catch.hpp>
#include <functional>

#include "libs/clock/clock.h"
#include "libs/clock/timestamp.h"
#include "libs/status/status.h"
#include "services/dossiers/database_test.h"
#include "services/dossiers/decisions.h"
#include "services/dossiers/samples_test.h"

namespace lgsp::dossiers {
namespace {

const absl::Time kFirst = absl::FromUnixSeconds(1'790'000'000);
const absl::Time kLater = kFirst + absl::Hours(24);

// The catalogue of the repository, after `change` was made to its files.
Catalogue With(
    const std::function<void(absl::btree_map<std::string, Catalogue::Versions>&)>& change) {
  Catalogue catalogue = TheCatalogue();
  auto procedures = catalogue.procedures();
  change(procedures);
  catalogue.SetProcedures(std::move(procedures));
  return catalogue;
}

std::vector<ProcedureChange> Import(sql::Database& db, absl::Time now, Catalogue& catalogue) {
  const auto compared = CompareCatalogue(db, catalogue);
  INFO(compared.status());
  REQUIRE(compared.ok());
  const auto changes = ImportCatalogue(db, now, catalogue);
  INFO(changes.status());
  REQUIRE(changes.ok());
  REQUIRE(changes->size() == compared->size());
  for (size_t i = 0; i < changes->size(); ++i) {
    CHECK(DescribeChange((*changes)[i]) == DescribeChange((*compared)[i]));
  }
  return *changes;
}

TEST_CASE("catalogue store: an import says what differs, writes it once, and forgets nothing") {
  TestStore store(GENERATE(from_range(sql::kBothEngines)));
  sql::Database& db = *store.db;
  const auto rows = [&] { return sql::ReadInt(db, "SELECT COUNT(*) FROM procedure_versions"); };
  Catalogue first = TheCatalogue();
  const auto all_new = Import(db, kFirst, first);
  CHECK(all_new.size() == 3789);
  CHECK(DescribeChange(all_new.front()) == "new 1.000005\n");
  CHECK(rows() == 3789);
  Catalogue again = TheCatalogue();
  CHECK(Import(db, kLater, again).empty());
  CHECK(rows() == 3789);
  CHECK(ToTime(again.FindProcedure(kProvinceProcedure)->version_time()) == kFirst);

  // One term is longer, one procedure gone.
  Catalogue second = With([](auto& procedures) {
    procedures[kProvinceProcedure].back().mutable_terms(1)->set_amount("7");
    procedures.erase(kOfficerProcedure);
  });
  const auto changes = Import(db, kLater, second);
  REQUIRE(changes.size() == 2);
  CHECK(DescribeChange(changes[0]) ==
        "changed 1.009491\n  modified: terms[1].amount: \"5\" -> \"7\"\n");
  CHECK(DescribeChange(changes[1]) == "withdrawn 1.000016\n");
  CHECK(rows() == 3791);
  CHECK(second.FindProcedure(kOfficerProcedure) == nullptr);
  CHECK(second.FindVersion(kOfficerProcedure, 1) != nullptr);
  CHECK(second.FindProcedure(kProvinceProcedure)->version() == 2);
  CHECK(second.FindProcedure(kProvinceProcedure)->terms(1).amount() == "7");
  CHECK(second.FindVersion(kProvinceProcedure, 1)->terms(1).amount() == "5");
  CHECK(second.FindVersion(kProvinceProcedure, 3) == nullptr);
  // Back in the files: a version more.
  Catalogue third = TheCatalogue();
  CHECK(Import(db, kLater, third).size() == 2);
  CHECK(third.FindProcedure(kOfficerProcedure)->version() == 3);
}

TEST_CASE("catalogue store: a dossier is settled by the version that it was submitted under") {
  TestStore store(sql::Database::Engine::kSqlite);
  Catalogue first = TheCatalogue();
  Import(*store.db, kFirst, first);
  const absl::Time now = absl::FromCivil(absl::CivilMinute(2026, 11, 2, 9, 0), VietnamZone());
  const auto submit = [&](const Catalogue& catalogue) {
    return DecideSubmit(catalogue, CallerOf("H12.*"), SampleSubmission(), now);
  };
  auto before = submit(first);
  REQUIRE(before.ok());
  CHECK(before->procedure_version() == 1);
  Catalogue second = With([](auto& procedures) {
    Procedure& procedure = procedures[kProvinceProcedure].back();
    for (auto& term : *procedure.mutable_terms()) term.set_amount("7");
    for (auto& policy : *procedure.mutable_policies()) {
      if (policy.policy() == "SIGNATURE") policy.set_value("REQUIRED");
    }
  });
  Import(*store.db, kLater, second);
  auto after = submit(second);
  REQUIRE(after.ok());
  CHECK(after->procedure_version() == 2);
  const Situation situation{second, kEverybody, now};
  REQUIRE(DecideAccept(situation, {}, *before).ok());
  REQUIRE(DecideAccept(situation, {}, *after).ok());
  CHECK(Rfc3339(before->due().due_time()) == "2026-11-09T17:00:00+07:00");
  CHECK(Rfc3339(after->due().due_time()) == "2026-11-11T17:00:00+07:00");
  CHECK(DecideComplete(situation, *before).ok());
  CHECK(ErrorReason(DecideComplete(situation, *after)) == "SIGNATURE_NEEDED");
  // Gone from the catalogue, or not in force any more: settled to its end, nothing new.
  Catalogue third = With([](auto& procedures) { procedures.erase(kProvinceProcedure); });
  Import(*store.db, kLater, third);
  CHECK(ErrorReason(submit(third).status()) == "PROCEDURE_UNKNOWN");
  CHECK(third.ProcedureOf(*before) != nullptr);
  Catalogue suspended = With([](auto& procedures) {
    for (auto& policy : *procedures[kProvinceProcedure].back().mutable_policies()) {
      if (policy.policy() == "IN_FORCE") policy.set_value("NO");
    }
  });
  CHECK(ErrorReason(submit(suspended).status()) == "PROCEDURE_NOT_IN_FORCE");
}

}  // namespace
}  // namespace lgsp::dossiers
