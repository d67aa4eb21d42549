#include "tools/lgsp/journey/portal_journal.h"

#include <catch2/catch.hpp>
#include <string>

#include "absl/strings/str_cat.h"
#include "libs/status/status.h"

namespace lgsp::cli {
namespace {

constexpr char kInsert[] =
    R"({"n":1,"time":"2026-11-23T02:00:00.000001Z","system":"portal","endpoint":"DongBoHoSoMC","madonvi":"H12",)"
    R"("MaHoSo":["H12.04-261123-0001"],"effect":"insert","status":["2"],"data":[{"MaHoSo":"H12.04-261123-0001",)"
    R"("TrangThaiHoSo":"2","TrichYeuHoSo":"Hồ sơ 1"}],"fault":null,"answer":{"http":200}})"
    "\n";
constexpr char kUpdate[] =
    R"({"n":2,"time":"2026-11-23T02:00:01.000000Z","effect":"update","data":[{"MaHoSo":"H12.04-261123-0001",)"
    R"("TrangThaiHoSo":"10","TrichYeuHoSo":"Hồ sơ 1"}],"fault":"reset_after"})"
    "\n";
constexpr char kProgress[] =
    R"({"n":3,"time":"2026-11-23T02:00:02.000000Z","effect":"progress","data":[{"MaHoSo":"H12.04-261123-0001",)"
    R"("TrangThai":"10","ThoiDiemXuLy":"20261123090000"}],"fault":"duplicate"})"
    "\n";
constexpr char kNothing[] =
    R"({"n":4,"time":"2026-11-23T02:00:03.000000Z","effect":"none","data":[],"fault":"http_500","answer":null})"
    "\n";

const absl::Time kBegin =
    absl::FromCivil(absl::CivilSecond(2026, 11, 23, 2, 0, 0), absl::UTCTimeZone());

TEST_CASE("copies and faults are folded from the records") {
  const auto journal =
      FoldPortalJournal(absl::StrCat(kInsert, kUpdate, kProgress, kProgress, kNothing), kBegin);
  REQUIRE(journal.ok());
  REQUIRE(journal->copies.size() == 1);
  const PortalCopy& copy = journal->copies.at("H12.04-261123-0001");
  CHECK(copy.inserts == 1);
  CHECK(copy.status == "10");
  CHECK(copy.subject == "Hồ sơ 1");
  CHECK(copy.progress.at({"10", "20261123090000"}) == 2);
  CHECK(journal->faults ==
        std::map<std::string, int>{{"duplicate", 2}, {"http_500", 1}, {"reset_after", 1}});
  CHECK(journal->records == 5);
}

TEST_CASE("what the administration of the simulator replaced or removed is so") {
  const std::string replaced =
      R"({"effect":"replace","data":[{"MaHoSo":"H12.04-261123-0001","TrangThaiHoSo":"2",)"
      R"("TrichYeuHoSo":"x","TienDo":[{"TrangThai":"2","ThoiDiemXuLy":"20261123080000"}]}]})"
      "\n";
  const std::string removed = R"({"effect":"remove","data":[{"MaHoSo":"H12.04-261123-0001"}]})"
                              "\n";
  auto journal = FoldPortalJournal(absl::StrCat(kInsert, kProgress, replaced), kBegin);
  REQUIRE(journal.ok());
  const PortalCopy& copy = journal->copies.at("H12.04-261123-0001");
  CHECK(copy.status == "2");
  CHECK(copy.subject == "x");
  CHECK(copy.inserts == 1);
  CHECK(copy.progress ==
        std::map<std::pair<std::string, std::string>, int>{{{"2", "20261123080000"}, 1}});
  journal = FoldPortalJournal(absl::StrCat(kInsert, replaced, removed), kBegin);
  REQUIRE(journal.ok());
  CHECK(journal->copies.empty());
  journal = FoldPortalJournal(absl::StrCat(kInsert, removed, kInsert), kBegin);
  REQUIRE(journal.ok());
  CHECK(journal->copies.at("H12.04-261123-0001").inserts == 1);
}

TEST_CASE("faults before the moment asked for are others' faults") {
  const auto journal = FoldPortalJournal(absl::StrCat(kUpdate, kProgress, kNothing),
                                         kBegin + absl::Milliseconds(1500));
  REQUIRE(journal.ok());
  CHECK(journal->faults == std::map<std::string, int>{{"duplicate", 1}, {"http_500", 1}});
  CHECK(journal->copies.at("H12.04-261123-0001").status == "10");
}

TEST_CASE("a journal cut anywhere counts its whole lines") {
  const std::string text = absl::StrCat(kInsert, kUpdate);
  const size_t first = std::string(kInsert).size();
  for (size_t cut = 0; cut <= text.size(); ++cut) {
    const auto journal = FoldPortalJournal(text.substr(0, cut), kBegin);
    REQUIRE(journal.ok());
    CHECK(journal->records == (cut < first ? 0 : cut < text.size() ? 1 : 2));
  }
}

TEST_CASE("a broken line is named") {
  for (const std::string& broken :
       {std::string("{\"n\":\n"), std::string("[]\n"),
        std::string(R"({"effect":"delete","data":[{"MaHoSo":"a"}]})") + "\n",
        std::string(R"({"effect":"insert","data":[{}]})") + "\n",
        std::string(R"({"effect":"none","data":[],"fault":"delay"})") + "\n"}) {
    const auto journal = FoldPortalJournal(absl::StrCat(kInsert, broken), kBegin);
    CHECK(ErrorReason(journal.status()) == "PORTAL_JOURNAL_BROKEN");
    CHECK(std::string(journal.status().message()).find("line 2") != std::string::npos);
  }
}

TEST_CASE("no journal") {
  CHECK(ErrorReason(ReadPortalJournal("/nonexistent/journal.jsonl", kBegin).status()) ==
        "FILE_MISSING");
}

}  // namespace
}  // namespace lgsp::cli
