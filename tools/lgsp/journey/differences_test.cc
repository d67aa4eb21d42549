#include "tools/lgsp/journey/differences.h"

#include <catch2/catch.hpp>
#include <string>
#include <vector>

namespace lgsp::cli {
namespace {

using dossiers::v1::Dossier;
using Kind = Difference::Kind;

const std::vector<ExpectedCopy> kExpected = {{1, "H12.04-261123-0001", "one", "10"},
                                             {2, "0192-uuid", "two", "3"}};

PortalCopies RightCopies() {
  PortalCopies copies;
  copies["H12.04-261123-0001"] = {
      1, "10", "one", {{{"2", "t1"}, 1}, {{"9", "t2"}, 1}, {{"10", "t3"}, 1}}};
  copies["0192-uuid"] = {1, "3", "two", {{{"3", "t1"}, 1}}};
  copies["somebody else's"] = {2, "1", "three", {{{"1", "t"}, 5}}};
  return copies;
}

Difference Only(const std::vector<Difference>& differences) {
  REQUIRE(differences.size() == 1);
  return differences[0];
}

TEST_CASE("portal: what is right is silent, others' copies do not count") {
  CHECK(ComparePortal(kExpected, RightCopies()).empty());
}

TEST_CASE("portal: missing, doubled and unfinished copies are found") {
  PortalCopies copies = RightCopies();
  SECTION("missing") {
    copies.erase("0192-uuid");
    const Difference found = Only(ComparePortal(kExpected, copies));
    CHECK(found.number == 2);
    CHECK(found.kind == Kind::kLost);
  }
  SECTION("inserted twice") {
    copies["0192-uuid"].inserts = 2;
    CHECK(Only(ComparePortal(kExpected, copies)).kind == Kind::kLost);
  }
  SECTION("never inserted, only updated") {
    copies["0192-uuid"].inserts = 0;
    CHECK(Only(ComparePortal(kExpected, copies)).kind == Kind::kLost);
  }
  SECTION("a doubled progress row") {
    copies["H12.04-261123-0001"].progress[{"9", "t2"}] = 2;
    const Difference found = Only(ComparePortal(kExpected, copies));
    CHECK(found.number == 1);
    CHECK(found.kind == Kind::kLost);
    CHECK(found.text.find("9 of t2") != std::string::npos);
  }
  SECTION("another status") {
    copies["H12.04-261123-0001"].status = "9";
    CHECK(Only(ComparePortal(kExpected, copies)).kind == Kind::kStuck);
  }
  SECTION("the last progress row is missing") {
    copies["H12.04-261123-0001"].progress.erase({"10", "t3"});
    CHECK(Only(ComparePortal(kExpected, copies)).kind == Kind::kStuck);
  }
  SECTION("the same case under a second number") {
    copies["H12.04-261123-0002"] = copies["H12.04-261123-0001"];
    const Difference found = Only(ComparePortal(kExpected, copies));
    CHECK(found.number == 1);
    CHECK(found.kind == Kind::kLost);
  }
}

EndedPapers Papers(int number, std::vector<std::vector<std::string>> documents) {
  EndedPapers papers{number, {}};
  for (const std::vector<std::string>& one : documents) {
    AddedDocument& document = papers.documents.emplace_back();
    document.set_name(one[0]);
    document.set_item(one[1] == "result" ? 0 : 1);
    if (one.size() > 2) document.set_source(one[2]);
  }
  return papers;
}

TEST_CASE("papers: lost, doubled and wrongly reused ones are found") {
  Plan plan;
  plan.header.set_dossiers(2);
  for (int number = 1; number <= 2; ++number) {
    PlannedDossier& planned = plan.dossiers.emplace_back();
    planned.set_number(number);
    planned.add_steps()->mutable_submit();
    planned.add_steps()->mutable_accept();
    planned.mutable_steps(1)->set_papers(2);
  }
  plan.dossiers[0].add_steps()->mutable_sign_result();
  plan.dossiers[1].mutable_steps(1)->set_reuse_from(1);
  const EndedPapers first = Papers(1, {{"a", "paper"}, {"b", "paper"}, {"c", "result"}});
  const EndedPapers second = Papers(2, {{"d", "paper", "a"}, {"e", "paper"}});
  const auto compare = [&](const EndedPapers& one, const EndedPapers& other) {
    return ComparePapers(plan, {one, other});
  };
  CHECK(compare(first, second).empty());
  const PaperCounts counts = CountPapers({first, second});
  CHECK(counts.uploaded == 3);
  CHECK(counts.reused == 1);
  CHECK(counts.results == 1);
  // Without the earlier one, or where it had no paper, nothing is to be reused.
  CHECK(ComparePapers(plan, {Papers(2, {{"e", "paper"}})}).empty());
  CHECK(compare(Papers(1, {{"c", "result"}}), Papers(2, {})).empty());

  CHECK(Only(compare(first, Papers(2, {{"e", "paper"}}))).number == 2);
  CHECK(Only(compare(first, Papers(2, {{"d", "paper", "b"}}))).number == 2);
  CHECK(Only(compare(first, Papers(2, {{"d", "paper", "a"}, {"e", "paper", "b"}}))).number == 2);
  CHECK(Only(compare(Papers(1, {{"a", "paper"}}), second)).number == 1);
  CHECK(Only(compare(first, Papers(2, {{"d", "paper", "a"}, {"b", "paper"}}))).text ==
        "papers: b was added twice");
  CHECK(
      Only(compare(first, Papers(2, {{"d", "paper", "a"}, {"e", "paper"}, {"f", "paper"}}))).text ==
      "papers: dossier 2 has 3 papers, at most 2");
}

TEST_CASE("insights: every cell that differs, missing ones on either side") {
  const Counts ours = {{{"H12.04", "SUBMITTED", "2026-11-23"}, 3},
                       {{"H12.04", "RETURNED", "2026-11-23"}, 2},
                       {{"H12.04", "REJECTED", "2026-11-23"}, 1}};
  CHECK(CompareCounts(ours, ours).empty());
  Counts theirs = ours;
  theirs[{"H12.04", "RETURNED", "2026-11-23"}] = 3;
  theirs.erase({"H12.04", "REJECTED", "2026-11-23"});
  theirs[{"H12.05", "SUBMITTED", "2026-11-23"}] = 1;
  const auto differences = CompareCounts(ours, theirs);
  REQUIRE(differences.size() == 3);
  for (const Difference& difference : differences) CHECK(difference.number == 0);
}

TEST_CASE("totals: each dossier once, by the worst") {
  Plan plan;
  plan.header.set_dossiers(6);
  for (int number = 1; number <= 6; ++number) {
    PlannedDossier& planned = plan.dossiers.emplace_back();
    planned.set_number(number);
    planned.set_end(number <= 2 ? Dossier::REJECTED : Dossier::RETURNED);
  }
  CHECK(FormatTotals(Sum(plan, {})) ==
        "journey: 6 dossiers, 4 returned, 2 rejected, 0 withdrawn, 0 stuck, 0 lost");
  const std::vector<Difference> differences = {{Kind::kStuck, 1, ""}, {Kind::kLost, 3, ""},
                                               {Kind::kStuck, 3, ""}, {Kind::kLost, 3, ""},
                                               {Kind::kStuck, 4, ""}, {Kind::kLost, 0, ""}};
  CHECK(FormatTotals(Sum(plan, differences)) ==
        "journey: 6 dossiers, 2 returned, 1 rejected, 0 withdrawn, 2 stuck, 2 lost");
  const std::vector<Difference> nobody_to_ask = {{Kind::kStuck, 0, ""}, {Kind::kLost, 3, ""}};
  CHECK(FormatTotals(Sum(plan, nobody_to_ask)) ==
        "journey: 6 dossiers, 0 returned, 0 rejected, 0 withdrawn, 5 stuck, 1 lost");
}

}  // namespace
}  // namespace lgsp::cli
