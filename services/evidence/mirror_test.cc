// A mirror takes what is right, and nothing else: every way in which a source can be wrong, with
// files that are really changed.
#include "services/evidence/mirror.h"

#include <catch2/catch.hpp>
#include <filesystem>

#include "absl/algorithm/container.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "libs/evidence/tiles.h"
#include "libs/status/status.h"
#include "services/evidence/fixture_test.h"
#include "services/evidence/limits.h"

namespace lgsp::evidence {
namespace {

namespace fs = std::filesystem;

std::string Flipped(std::string content, size_t at) {
  content.at(at) ^= 1;
  return content;
}

TEST_CASE("a mirror holds the files of its log byte for byte, however it grows") {
  MirrorFixture fixture;
  CHECK(fixture.Poll().empty());
  for (const uint64_t size : {1, 2, 255, 256, 257, 700, 1024, 1030}) {
    INFO(size);
    fixture.node.AppendUpTo(size);
    if (size == 700) fixture.OpenMirror();
    CHECK(fixture.Poll().empty());
    CHECK(fixture.IsExact());
    CHECK(fixture.Metric("evidence_mirror_size") == static_cast<double>(size));
  }
  CHECK(fixture.Poll().empty());
  CHECK(fixture.KeptNotes().empty());
}

TEST_CASE("a log of more than one tile of tiles is taken over in pieces") {
  MirrorFixture fixture;
  constexpr uint64_t kSize = 256 * 256 + 600;
  fixture.node.AppendUpTo(256 * 256 - 10);
  CHECK(fixture.Poll().empty());
  fixture.node.AppendUpTo(kSize);
  CHECK(fixture.Poll().empty());
  CHECK(fixture.IsExact());
  fixture.OpenMirror();
  fixture.node.AppendUpTo(kSize + 1);
  CHECK(fixture.Poll().empty());
  CHECK(fixture.IsExact());
  // A tile of the level above, after it was taken.
  const std::string path = fixture.SourceFile(TilePath(1, 0, 256)), content = ReadText(path);
  WriteText(path, Flipped(content, 77));
  std::string reason;
  for (int i = 0; i < 2 + 257 / kRecheckedBundles && reason.empty(); ++i) reason = fixture.Poll();
  CHECK(reason == "TILE_MISMATCH");
  WriteText(path, content);
  CHECK(fixture.Poll().empty());
}

// A file of the source, a change of it, and what it is.
struct Change {
  std::string path;
  std::string kind;
  std::function<std::string(std::string)> change;  // null: deleted
};

TEST_CASE("a changed, cut, missing file is found, counted, and does not reach the mirror") {
  MirrorFixture fixture;
  fixture.node.AppendUpTo(300);
  CHECK(fixture.Poll().empty());
  const auto before = PublicFiles(fixture.mirror().folder());
  fixture.node.AppendUpTo(700);
  fixture.node.Stop();
  const auto flip = [](size_t at) {
    return [at](std::string content) { return Flipped(std::move(content), at); };
  };
  const auto cut = [](std::string content) { return content.substr(0, content.size() - 1); };
  const auto longer = [](const std::string& content) { return content + "x"; };
  const Change changes[] = {
      {"checkpoint", "CHECKPOINT_MISSING", nullptr},
      {"checkpoint", "CHECKPOINT_INVALID", flip(2)},
      {"checkpoint", "CHECKPOINT_INVALID", flip(120)},
      {"checkpoint", "CHECKPOINT_INVALID", cut},
      {TilePath(0, 1, 256), "TILE_MISMATCH", flip(5)},         // of what is mirrored
      {TilePath(0, 1, 256), "TILE_MISMATCH", flip(32 * 100)},  // new
      {TilePath(0, 2, 188), "TILE_MISMATCH", flip(32 * 100)},
      {TilePath(1, 0, 2), "TILE_MISMATCH", flip(40)},
      {TilePath(0, 1, 256), "TILE_MISSING", nullptr},
      {TilePath(0, 2, 188), "TILE_MISSING", nullptr},
      {TilePath(1, 0, 2), "TILE_MISSING", nullptr},
      {TilePath(0, 2, 188), "TILE_MALFORMED", cut},
      {TilePath(0, 2, 188), "TILE_MALFORMED", longer},
      {BundlePath(1, 256), "ENTRY_MISMATCH", flip(3)},
      {BundlePath(2, 188), "ENTRY_MISMATCH", flip(700)},
      {BundlePath(2, 188), "ENTRIES_MALFORMED", cut},
      {BundlePath(2, 188), "ENTRIES_MALFORMED", longer},
      {BundlePath(1, 256), "ENTRIES_MISSING", nullptr},
      {BundlePath(2, 188), "ENTRIES_MISSING", nullptr},
  };
  std::map<std::string, int> counted;
  for (const Change& change : changes) {
    INFO(change.path << " " << change.kind);
    const std::string path = fixture.SourceFile(change.path), content = ReadText(path);
    REQUIRE_FALSE(content.empty());
    if (change.change) {
      WriteText(path, change.change(content));
    } else {
      fs::remove(path);
    }
    CHECK(fixture.Poll() == change.kind);
    CHECK(fixture.Findings(change.kind) == ++counted[change.kind]);
    CHECK(fixture.Metric("evidence_mirror_stopped") == 1);
    // The same again is one finding.
    CHECK(fixture.Poll() == change.kind);
    CHECK(fixture.Findings(change.kind) == counted[change.kind]);
    CHECK(PublicFiles(fixture.mirror().folder())["checkpoint"] == before.at("checkpoint"));
    WriteText(path, content);
    fixture.OpenMirror();
  }
  CHECK(fixture.KeptNotes().size() >= 6);
  // Mended, it goes on.
  CHECK(fixture.Poll().empty());
  CHECK(fixture.Metric("evidence_mirror_stopped") == 0);
  CHECK(fixture.IsExact());
}

TEST_CASE("what was mirrored is looked at again: a change of old files is found, too") {
  MirrorFixture fixture;
  fixture.node.AppendUpTo(600);
  CHECK(fixture.Poll().empty());
  const std::pair<std::string, std::string> cases[] = {{TilePath(0, 0, 256), "TILE_MISMATCH"},
                                                       {BundlePath(1, 256), "ENTRY_MISMATCH"}};
  for (const auto& [file, kind] : cases) {
    const std::string path = fixture.SourceFile(file), content = ReadText(path);
    WriteText(path, Flipped(content, 200));
    CHECK(fixture.Poll() == kind);
    CHECK(fixture.Findings(kind) == 1);
    fs::remove(path);
    CHECK(absl::EndsWith(fixture.Poll(), "MISSING"));
    WriteText(path, content);
    CHECK(fixture.Poll().empty());
    CHECK(fixture.IsExact());
  }
}

TEST_CASE("a log cut short or written anew with the same key is found, its note is kept") {
  MirrorFixture fixture;
  fixture.node.AppendUpTo(300);
  const std::string early = fixture.folder.path() + "/early";
  CopyFolder(fixture.node.folder, early);
  fixture.node.AppendUpTo(700);
  CHECK(fixture.Poll().empty());
  fixture.node.Stop();
  const auto before = PublicFiles(fixture.mirror().folder());
  const std::string whole = fixture.folder.path() + "/whole";
  CopyFolder(fixture.node.folder, whole);

  CopyFolder(early, fixture.node.folder);
  CHECK(fixture.Poll() == "TRUNCATED");
  for (const uint64_t size : {uint64_t{700}, uint64_t{701}, uint64_t{1300}}) {
    INFO(size);
    const std::string forged = absl::StrCat(fixture.folder.path(), "/forged-", size);
    Node other(forged, fixture.node.key);
    other.AppendUpTo(500);
    other.AppendUpTo(size, "another");
    other.Stop();
    CopyFolder(forged, fixture.node.folder);
    CHECK(fixture.Poll() == "FORK");
    const std::string note = ReadText(fixture.SourceFile("checkpoint"));
    CHECK(absl::c_linear_search(fixture.KeptNotes(), note));
    CopyFolder(whole, fixture.node.folder);
    CHECK(fixture.Poll().empty());
  }
  CHECK(fixture.Findings("FORK") == 3);
  CHECK(PublicFiles(fixture.mirror().folder()) == before);
  // Another key.
  Node stranger(fixture.folder.path() + "/stranger");
  stranger.AppendUpTo(800);
  stranger.Stop();
  CopyFolder(stranger.folder, fixture.node.folder);
  CHECK(fixture.Poll() == "CHECKPOINT_INVALID");

  CopyFolder(whole, fixture.node.folder);
  CHECK(fixture.Poll().empty());
  CHECK(fixture.IsExact());
}

TEST_CASE("a mirror that is filled anew still holds its log to the anchors") {
  MirrorFixture fixture;
  fixture.node.AppendUpTo(300);
  CHECK(fixture.Poll().empty());
  fixture.node.AppendUpTo(700);
  fixture.clock.Advance(kAnchorInterval);
  CHECK(fixture.Poll().empty());
  CHECK(fixture.mirror().anchors().List(0, 10)->size() == 2);
  fixture.node.Stop();
  const std::string whole = fixture.folder.path() + "/whole";
  CopyFolder(fixture.node.folder, whole);
  const std::string forged = fixture.folder.path() + "/forged";
  Node other(forged, fixture.node.key);
  other.AppendUpTo(650);
  const std::string cut = fixture.folder.path() + "/cut";
  CopyFolder(forged, cut);
  other.AppendUpTo(900, "another");
  other.Stop();
  for (const auto& [source, reason] : std::vector<std::pair<std::string, std::string>>{
           {cut, "TRUNCATED"}, {forged, "FORK"}, {whole, ""}}) {
    INFO(source);
    fs::remove_all(fixture.mirror().folder());
    CopyFolder(source, fixture.node.folder);
    fixture.OpenMirror();
    CHECK(fixture.Poll() == reason);
  }
  CHECK(fixture.IsExact());
}

TEST_CASE("a kill between files and checkpoint does no harm; damage of the mirror itself shows") {
  MirrorFixture fixture;
  fixture.node.AppendUpTo(300);
  CHECK(fixture.Poll().empty());
  const std::string checkpoint = fixture.mirror().folder() + "/checkpoint";
  const std::string early = ReadText(checkpoint);
  fixture.node.AppendUpTo(700);
  CHECK(fixture.Poll().empty());
  // As if it had come to the last file and no further.
  WriteText(checkpoint, early);
  fixture.OpenMirror();
  CHECK(fixture.Metric("evidence_mirror_size") == 300);
  CHECK(fixture.Poll().empty());
  CHECK(fixture.IsExact());

  const std::string tile = absl::StrCat(fixture.mirror().folder(), "/", TilePath(0, 2, 188));
  WriteText(tile, Flipped(ReadText(tile), 9));
  const auto damaged = Mirror::Open(fixture.node.verifier,
                                    {.directory = fixture.directory(),
                                     .source = std::make_unique<FolderSource>(fixture.node.folder),
                                     .metrics = &fixture.metrics,
                                     .clock = &fixture.clock});
  CHECK(ErrorReason(damaged.status()) == "EVIDENCE_LOG_DAMAGED");
}

TEST_CASE("a source that does not answer is no finding") {
  MirrorFixture fixture;
  fixture.node.AppendUpTo(10);
  CHECK(fixture.Poll().empty());
  const std::string path = fixture.SourceFile("checkpoint"), note = ReadText(path);
  fs::remove(path);
  fs::create_directory(path);
  const double heard = fixture.Metric("evidence_mirror_heard_time_seconds");
  fixture.clock.Advance(absl::Minutes(5));
  CHECK(fixture.Poll() == "EVIDENCE_LOG_UNREADABLE");
  CHECK(fixture.Metric("evidence_mirror_stopped") == 0);
  CHECK(fixture.Metric("evidence_mirror_heard_time_seconds") == heard);
  fs::remove(path);
  WriteText(path, note);
  CHECK(fixture.Poll().empty());
  CHECK(fixture.Metric("evidence_mirror_heard_time_seconds") == heard + 300);
}

TEST_CASE("retention at the source: what was deleted before the mirror began is not asked for") {
  MirrorFixture fixture;
  fixture.node.AppendUpTo(900);
  REQUIRE(*fixture.node.log().Forget(600) == 512);
  CHECK(fixture.Poll().empty());
  CHECK(fixture.IsExact());
  CHECK(fixture.mirror().reader().MinimumIndex() == 512);
  // What is deleted later was mirrored, and stays until its own retention ends.
  REQUIRE(*fixture.node.log().Forget(800) == 768);
  CHECK(fixture.Poll().empty());
  CHECK(*fixture.mirror().reader().Entry(520) == "520/");
  // Deleted before it was mirrored: somebody hides something.
  fixture.node.AppendUpTo(1300);
  REQUIRE(*fixture.node.log().Forget(1300) == 1280);
  CHECK(fixture.Poll() == "ENTRIES_MISSING");
}

TEST_CASE("what the mirror's own retention is over for is deleted, and the rest verifies") {
  MirrorFixture fixture;
  for (int hour = 0; hour < 4; ++hour) {
    std::vector<Call> calls;
    for (int i = 0; i < 128; ++i) {
      calls.push_back({.id = ExchangeId(hour * 1000 + i), .time = kNoon + absl::Hours(hour)});
    }
    fixture.node.AppendCalls(calls);
  }
  CHECK(fixture.Poll().empty());
  REQUIRE(fixture.mirror().Forget(kNoon).ok());
  CHECK(fixture.mirror().reader().MinimumIndex() == 0);
  REQUIRE(fixture.mirror().Forget(kNoon + absl::Minutes(150)).ok());
  CHECK(fixture.mirror().reader().MinimumIndex() == 512);
  CHECK_FALSE(fs::exists(absl::StrCat(fixture.mirror().folder(), "/", BundlePath(1, 256))));
  CHECK(fixture.Poll().empty());
  CHECK(fixture.IsExact());
}

}  // namespace
}  // namespace lgsp::evidence
