// Every kind of tampering, looked for in copies of one log.
#include "libs/evidence/verify.h"

#include <catch2/catch.hpp>
#include <filesystem>
#include <random>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "libs/evidence/fixture_test.h"
#include "libs/evidence/log.h"
#include "libs/evidence/reader.h"
#include "libs/evidence/tiles.h"
#include "libs/status/status.h"
#include "libs/testing/files.h"

namespace lgsp::evidence {
namespace {

constexpr uint64_t kSize = 700;
constexpr uint64_t kAnchoredSize = 300;

// A log of kSize entries, and the checkpoints that others have kept of it.
struct Kept {
  Kept() {
    auto log = Log::Open(OptionsFor(directory, key, &metrics));
    REQUIRE(log.ok());
    AppendUpTo(log->get(), kAnchoredSize);
    early = (*log)->WaitCheckpoint(kAnchoredSize, Deadline()).value();
    CopyFolder(directory, folder.path() + "/early");
    AppendUpTo(log->get(), kSize);
    late = (*log)->WaitCheckpoint(kSize, Deadline()).value();
  }

  std::string Copy() {
    const std::string copy = absl::StrCat(folder.path(), "/copy-", ++copies);
    CopyFolder(directory, copy);
    return copy;
  }
  std::vector<FindingKind> Kinds(const std::string& at, std::vector<std::string> anchors = {}) {
    std::vector<FindingKind> kinds;
    for (const Finding& finding : Verify(at, verifier, anchors).findings) {
      kinds.push_back(finding.kind);
    }
    return kinds;
  }
  bool Finds(const std::string& at, FindingKind kind, std::vector<std::string> anchors = {}) {
    const std::vector<FindingKind> kinds = Kinds(at, std::move(anchors));
    return std::find(kinds.begin(), kinds.end(), kind) != kinds.end();
  }

  testing::TemporaryFolder folder;
  const std::string directory = folder.path() + "/log";
  keys::SigningKey key = keys::SigningKey::Generate();
  NoteKey verifier = *NoteKey::Of(kOrigin, key);
  metrics::Registry metrics;
  std::string early, late;
  int copies = 0;
};

// The public files: those that a checkpoint is about.
std::vector<std::string> PublicFiles(const std::string& directory) {
  std::vector<std::string> files = {"checkpoint"};
  for (const auto& entry : std::filesystem::recursive_directory_iterator(directory + "/tile")) {
    if (entry.is_regular_file()) {
      files.push_back(entry.path().string().substr(directory.size() + 1));
    }
  }
  return files;
}

}  // namespace

TEST_CASE("a log as it was written has no findings, with and without anchors") {
  Kept kept;
  CHECK(kept.Kinds(kept.directory).empty());
  const Verification verification =
      Verify(kept.directory, kept.verifier, {{kept.early, kept.late}});
  CHECK(verification.ok());
  CHECK(verification.anchors == 2);
  CHECK(verification.Summary() == "consistent with 2 anchors");
  CHECK(verification.entries_checked == kSize);
}

TEST_CASE("a changed byte in any public file is found, a deleted or a cut file too") {
  Kept kept;
  const uint32_t seed = std::random_device()();
  INFO("seed " << seed);
  std::mt19937 random(seed);
  const auto files = PublicFiles(kept.directory);
  REQUIRE(files.size() > 6);
  for (const std::string& file : files) {
    INFO(file);
    const std::string content = ReadFile(kept.directory + "/" + file);
    const std::string copy = kept.Copy();
    for (int turn = 0; turn < 5; ++turn) {
      std::string changed = content;
      changed[random() % changed.size()] ^= static_cast<char>(1 << random() % 8);
      WriteFile(copy + "/" + file, changed);
      CHECK_FALSE(kept.Kinds(copy).empty());
    }
    // What the checkpoint does not need may be gone: partial forms of tiles that are full now.
    const bool superseded = absl::StrContains(file, ".p/") &&
                            std::filesystem::exists(copy + "/" + file.substr(0, file.find(".p/")));
    const bool of_late = !absl::StrContains(file, ".p/") ||
                         absl::StrContains(kept.late, absl::StrCat("\n", kSize, "\n"));
    std::filesystem::remove(copy + "/" + file);
    const auto gone = kept.Kinds(copy);
    if (!superseded && of_late && !absl::StrContains(file, ".p/")) CHECK_FALSE(gone.empty());
    WriteFile(copy + "/" + file, content.substr(0, content.size() - 1));
    CHECK_FALSE(kept.Kinds(copy).empty());
  }
}

TEST_CASE("entries that change places are found") {
  Kept kept;
  const std::string copy = kept.Copy();
  const std::string file = copy + "/" + BundlePath(0, 256);
  const std::string bundle = ReadFile(file);
  std::vector<std::string> entries;
  REQUIRE(ForEachEntry(bundle, 256, [&](absl::string_view entry) { entries.emplace_back(entry); }));
  std::swap(entries[10], entries[11]);
  std::string changed;
  for (const std::string& entry : entries) AppendToBundle(entry, &changed);
  REQUIRE(changed != bundle);
  WriteFile(file, changed);
  const Verification verification = Verify(copy, kept.verifier, {});
  REQUIRE(verification.findings.size() >= 1);
  CHECK(verification.findings[0].kind == FindingKind::kEntryMismatch);
  CHECK(verification.findings[0].index == 10);
}

TEST_CASE(
    "a log that was cut short, or written anew with the same key, shows by its anchors only") {
  Kept kept;
  const std::string early = kept.folder.path() + "/early";
  CHECK(kept.Kinds(early).empty());
  CHECK(kept.Finds(early, FindingKind::kTruncated, {kept.late}));
  CHECK(kept.Kinds(early, {kept.early}).empty());

  const std::string forged = kept.folder.path() + "/forged";
  {
    metrics::Registry metrics;
    auto log = Log::Open(OptionsFor(forged, kept.key, &metrics));
    REQUIRE(log.ok());
    for (uint64_t i = 0; i < kSize; ++i) {
      const std::string entry = i == 5 ? "another" : EntryAt(i);
      REQUIRE((*log)->Append({entry}).ok());
    }
  }
  CHECK(kept.Kinds(forged).empty());
  CHECK(kept.Finds(forged, FindingKind::kFork, {kept.early}));
  CHECK(kept.Finds(forged, FindingKind::kFork, {kept.late}));
}

TEST_CASE("another key, a foreign anchor, no log at all") {
  Kept kept;
  const NoteKey other = *NoteKey::Of(kOrigin, keys::SigningKey::Generate());
  const Verification foreign = Verify(kept.directory, other, {});
  REQUIRE_FALSE(foreign.ok());
  CHECK(foreign.findings[0].kind == FindingKind::kCheckpointInvalid);
  CHECK(kept.Finds(kept.directory, FindingKind::kAnchorInvalid, {"not a note"}));
  CHECK(kept.Finds(kept.folder.path() + "/nowhere", FindingKind::kCheckpointMissing));
}

}  // namespace lgsp::evidence
