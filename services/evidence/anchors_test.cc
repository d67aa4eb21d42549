#include "services/evidence/anchors.h"

#include <catch2/catch.hpp>

#include "absl/strings/str_cat.h"
#include "libs/status/status.h"
#include "services/evidence/fixture_test.h"
#include "services/evidence/limits.h"
#include "services/evidence/log_source.h"

namespace lgsp::evidence {
namespace {

struct AnchorsFixture {
  std::string Note(uint64_t size) {
    return SignCheckpoint({kGateway, size, Hasher().Root({})}, name, key);
  }
  absl::StatusOr<std::unique_ptr<Anchors>> Open() { return Anchors::Open(path, name, &clock); }

  testing::TemporaryFolder folder;
  const std::string path = folder.path() + "/anchors/log";
  FakeClock clock{kNoon};
  keys::SigningKey key = keys::SigningKey::Generate();
  NoteKey name = *NoteKey::Of(kGateway, key);
};

TEST_CASE("so often one is kept, in one text that splits into notes, over every restart") {
  AnchorsFixture fixture;
  std::vector<std::string> kept;
  for (int start = 0; start < 3; ++start) {
    auto anchors = fixture.Open();
    REQUIRE(anchors.ok());
    for (uint64_t i = 1; i < 4; ++i) {
      const std::string note = fixture.Note(kept.size() + i);
      REQUIRE((*anchors)->Add(note).ok());
      kept.push_back(note);
      REQUIRE((*anchors)->Add(note).ok());
      REQUIRE((*anchors)->Add(fixture.Note(99)).ok());  // too soon
      fixture.clock.Advance(kAnchorInterval);
      REQUIRE((*anchors)->Add(note).ok());  // the same
    }
    CHECK(*(*anchors)->List(0, 100) == kept);
  }
  CHECK(SplitNotes(ReadText(fixture.path)) == kept);
  const auto anchors = *fixture.Open();
  CHECK(OpenCheckpoint(kept.back(), fixture.name)->size == anchors->newest_at_start().size);
  CHECK(*anchors->List(7, 1) == std::vector<std::string>{kept[7]});
  CHECK(anchors->List(9, 1)->empty());
  CHECK(anchors->List(UINT64_MAX, UINT64_MAX)->empty());
}

TEST_CASE("what a kill cut off is dropped at every byte; other damage is refused") {
  AnchorsFixture fixture;
  const std::string one = fixture.Note(1), two = fixture.Note(2);
  REQUIRE((*fixture.Open())->Add(one).ok());
  for (size_t size = 0; size <= two.size(); ++size) {
    WriteText(fixture.path, absl::StrCat(one, two.substr(0, size)));
    const auto anchors = fixture.Open();
    INFO(size << " " << anchors.status());
    REQUIRE(anchors.ok());
    CHECK((*anchors)->newest_at_start().size == (size == two.size() ? 2 : 1));
    const std::string three = fixture.Note(3);
    REQUIRE((*anchors)->Add(three).ok());
    CHECK((*anchors)->List(0, 10)->back() == three);
    CHECK(SplitNotes(ReadText(fixture.path)).size() == (size == two.size() ? 3 : 2));
  }
  std::string damaged = absl::StrCat(one, two);
  damaged[3] ^= 1;
  WriteText(fixture.path, damaged);
  CHECK(ErrorReason(fixture.Open().status()) == "EVIDENCE_LOG_DAMAGED");
}

TEST_CASE("only paths of a log, in the one form they have, are given to others") {
  for (const char* path :
       {"minimum-index", "tile/0/000", "tile/6/999", "tile/0/x001/234", "tile/0/x001/x234/067",
        "tile/0/x001/234.p/1", "tile/entries/000.p/255", "tile/entries/x001/000"}) {
    INFO(path);
    CHECK(IsLogPath(path));
  }
  for (const char* path : {"",
                           "checkpoint",
                           "/",
                           "tile",
                           "tile/0",
                           "tile/0/",
                           "tile/7/000",
                           "tile/-1/000",
                           "tile/00/000",
                           "tile/0/0",
                           "tile/0/0000",
                           "tile/0/x000/000",
                           "tile/0/001/234",
                           "tile/0/x001",
                           "tile/0/x001/x234",
                           "tile/0/000.p/0",
                           "tile/0/000.p/256",
                           "tile/0/000.p/01",
                           "tile/0/000.p",
                           "tile/0/000.p/1/",
                           "tile/0/+01",
                           "tile/0/../../key",
                           "tile/entries/..",
                           "../minimum-index",
                           "journal/lock",
                           "tile/0/ 01",
                           "tile/0/x001/x001/x001/x001/x001/x001/x001/000",
                           "/tile/0/000",
                           "tile//0/000"}) {
    INFO(path);
    CHECK_FALSE(IsLogPath(path));
  }
}

}  // namespace
}  // namespace lgsp::evidence
