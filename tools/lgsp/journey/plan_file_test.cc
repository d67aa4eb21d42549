#include "tools/lgsp/journey/plan_file.h"

#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <random>
#include <string>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "libs/config/config.h"
#include "libs/status/status.h"

namespace lgsp::cli {
namespace {

const ProcedureCatalog& RealCatalog() {
  static const ProcedureCatalog catalog = *LoadProcedures(LGSP_CATALOG_FOLDER);
  return catalog;
}

// A folder that goes away with the test.
class Folder {
 public:
  Folder()
      : path_(std::filesystem::temp_directory_path() /
              absl::StrCat("journey_test_", std::random_device()())) {
    std::filesystem::create_directory(path_);
  }
  ~Folder() { std::filesystem::remove_all(path_); }
  std::string Journey() const { return (path_ / "journey").string(); }
  std::string File(const std::string& name) const { return (path_ / "journey" / name).string(); }

 private:
  const std::filesystem::path path_;
};

const absl::Time kNow =
    absl::FromCivil(absl::CivilSecond(2026, 11, 23, 9, 0, 0), absl::UTCTimeZone());

EndedDossier Ended(int number) {
  EndedDossier ended;
  ended.set_number(number);
  ended.set_name(absl::StrCat("dossiers/", number));
  return ended;
}

TEST_CASE("a plan is on the disk when it is opened, and is gone on with") {
  const Folder folder;
  FakeClock clock(kNow);
  std::string before;
  std::string id;
  {
    const auto file = PlanFile::Open(folder.Journey(), RealCatalog(), 5, 7, clock);
    REQUIRE(file.ok());
    CHECK_FALSE((*file)->resumed());
    before = *config::ReadFile((*file)->path());
    CHECK(before == *FormatPlan((*file)->plan()));
    id = (*file)->plan().header.id();
    CHECK(id.size() == 12);
    REQUIRE((*file)->Append(Ended(3)).ok());
  }
  clock.Advance(absl::Hours(1));
  const auto again = PlanFile::Open(folder.Journey(), RealCatalog(), 9, 8, clock);
  REQUIRE(again.ok());
  CHECK((*again)->resumed());
  CHECK((*again)->plan().header.id() == id);
  CHECK((*again)->plan().header.seed() == 7);
  CHECK((*again)->plan().dossiers.size() == 5);
  REQUIRE((*again)->plan().ended.size() == 1);
  CHECK((*again)->plan().ended[0].number() == 3);
  CHECK(absl::StartsWith(*config::ReadFile((*again)->path()), before));
}

TEST_CASE("a torn end is cut off before more is appended") {
  const Folder folder;
  const FakeClock clock(kNow);
  {
    REQUIRE(PlanFile::Open(folder.Journey(), RealCatalog(), 2, 7, clock).ok());
  }
  std::ofstream(folder.File("plan.jsonl"), std::ios::app) << R"({"ended":{"numb)";
  {
    const auto file = PlanFile::Open(folder.Journey(), RealCatalog(), 2, 7, clock);
    REQUIRE(file.ok());
    REQUIRE((*file)->Append(Ended(1)).ok());
  }
  const auto file = PlanFile::Open(folder.Journey(), RealCatalog(), 2, 7, clock);
  REQUIRE(file.ok());
  CHECK((*file)->plan().ended.size() == 1);
}

TEST_CASE("a plan cut within its dossiers is completed on the disk") {
  const Folder folder;
  const FakeClock clock(kNow);
  std::string whole;
  {
    const auto file = PlanFile::Open(folder.Journey(), RealCatalog(), 3, 7, clock);
    REQUIRE(file.ok());
    whole = *config::ReadFile((*file)->path());
  }
  std::filesystem::resize_file(folder.File("plan.jsonl"), whole.size() - 100);
  const auto file = PlanFile::Open(folder.Journey(), RealCatalog(), 9, 8, clock);
  REQUIRE(file.ok());
  CHECK((*file)->resumed());
  CHECK(*config::ReadFile((*file)->path()) == whole);
}

TEST_CASE("finished plans are put aside, none is ever overwritten") {
  const Folder folder;
  const FakeClock clock(kNow);
  for (int i = 0; i < 3; ++i) {
    const auto file = PlanFile::Open(folder.Journey(), RealCatalog(), 2, 7, clock);
    REQUIRE(file.ok());
    CHECK_FALSE((*file)->resumed());
    REQUIRE((*file)->Finish(absl::StrCat("journey: ", i)).ok());
  }
  CHECK(absl::StrContains(*config::ReadFile(folder.File("plan-7.jsonl")), "journey: 0"));
  CHECK(absl::StrContains(*config::ReadFile(folder.File("plan-7-2.jsonl")), "journey: 1"));
  CHECK(absl::StrContains(*config::ReadFile(folder.File("plan.jsonl")), "journey: 2"));
}

TEST_CASE("one journey at a time") {
  const Folder folder;
  const FakeClock clock(kNow);
  const auto first = PlanFile::Open(folder.Journey(), RealCatalog(), 2, 7, clock);
  REQUIRE(first.ok());
  const auto second = PlanFile::Open(folder.Journey(), RealCatalog(), 2, 7, clock);
  CHECK(ErrorReason(second.status()) == "JOURNEY_RUNNING");
}

TEST_CASE("a plan older than the memory of the services is not gone on with") {
  const Folder folder;
  FakeClock clock(kNow);
  {
    REQUIRE(PlanFile::Open(folder.Journey(), RealCatalog(), 2, 7, clock).ok());
  }
  clock.Advance(kMaxPlanAge);
  CHECK(PlanFile::Open(folder.Journey(), RealCatalog(), 2, 7, clock).ok());
  clock.Advance(absl::Seconds(1));
  const auto late = PlanFile::Open(folder.Journey(), RealCatalog(), 2, 7, clock);
  CHECK(ErrorReason(late.status()) == "PLAN_TOO_OLD");
}

}  // namespace
}  // namespace lgsp::cli
