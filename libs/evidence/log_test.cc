#include "libs/evidence/log.h"

#include <sys/mount.h>
#include <sys/resource.h>

#include <atomic>
#include <catch2/catch.hpp>
#include <csignal>
#include <filesystem>
#include <map>
#include <set>
#include <thread>

#include "absl/strings/str_cat.h"
#include "libs/evidence/fixture_test.h"
#include "libs/evidence/reader.h"
#include "libs/evidence/tiles.h"
#include "libs/evidence/verify.h"
#include "libs/status/status.h"
#include "libs/testing/files.h"
#include "libs/testing/metric_value.h"

namespace lgsp::evidence {
namespace {

using testing::MetricValue;

struct Fixture {
  testing::TemporaryFolder folder;
  std::string directory = folder.path() + "/log";
  keys::SigningKey key = keys::SigningKey::Generate();
  NoteKey verifier = *NoteKey::Of(kOrigin, key);
  metrics::Registry metrics;
  LogOptions options = OptionsFor(directory, key, &metrics);

  std::unique_ptr<Log> Open() {
    auto log = Log::Open(options);
    INFO(log.status());
    REQUIRE(log.ok());
    return *std::move(log);
  }
  std::string OpenError() { return ErrorReason(Log::Open(options).status()); }
};

// Every public file that the standard wants for a log of these entries, made the slow way.
std::map<std::string, std::string> ExpectedFiles(uint64_t size) {
  std::map<std::string, std::string> files;
  std::vector<Hash> row;
  for (uint64_t i = 0; i < size; ++i) row.push_back(NaiveRoot({EntryAt(i)}, 0, 1));
  for (uint64_t begin = 0; begin < size; begin += 256) {
    std::string bundle;
    const uint64_t end = std::min(size, begin + 256);
    for (uint64_t i = begin; i < end; ++i) AppendToBundle(EntryAt(i), &bundle);
    files[BundlePath(begin / 256, end - begin)] = bundle;
  }
  Hasher hasher;
  for (int level = 0; !row.empty(); ++level) {
    std::vector<Hash> above;
    for (size_t begin = 0; begin < row.size(); begin += 256) {
      const size_t width = std::min<size_t>(256, row.size() - begin);
      std::vector<Hash> tile(row.begin() + static_cast<ptrdiff_t>(begin),
                             row.begin() + static_cast<ptrdiff_t>(begin + width));
      files[TilePath(level, begin / 256, width)] = std::string(TileBytes(tile));
      while (width == 256 && tile.size() > 1) {
        for (size_t i = 0; i < tile.size() / 2; ++i) {
          tile[i] = hasher.Node(tile[2 * i], tile[2 * i + 1]);
        }
        tile.resize(tile.size() / 2);
      }
      if (width == 256) above.push_back(tile[0]);
    }
    row = above;
  }
  return files;
}

std::map<std::string, std::string> FilesBelow(const std::string& folder) {
  std::map<std::string, std::string> files;
  if (!std::filesystem::exists(folder + "/tile")) return files;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder + "/tile")) {
    if (!entry.is_regular_file()) continue;
    const std::string path = entry.path().string();
    files[path.substr(folder.size() + 1)] = ReadFile(path);
  }
  return files;
}

std::vector<std::string> EntriesUpTo(uint64_t size) {
  std::vector<std::string> entries;
  for (uint64_t i = 0; i < size; ++i) entries.push_back(EntryAt(i));
  return entries;
}

}  // namespace

TEST_CASE("the files of a log are those of the standard") {
  for (const uint64_t size : {0, 1, 255, 256, 257, 65535, 65536, 65537, 70000}) {
    INFO("size " << size);
    Fixture fixture;
    // One checkpoint, at the end: earlier ones leave partial tiles, as they must.
    fixture.options.limits.checkpoint_interval = absl::InfiniteDuration();
    AppendUpTo(fixture.Open().get(), size);
    REQUIRE(FilesBelow(fixture.directory) == ExpectedFiles(size));
    Reader reader(fixture.directory, fixture.verifier);
    const auto latest = reader.Latest();
    REQUIRE(latest.ok());
    CHECK(latest->checkpoint.size == size);
    CHECK(latest->checkpoint.root == NaiveRoot(EntriesUpTo(size), 0, size));
    const Verification verification = Verify(fixture.directory, fixture.verifier, {});
    CHECK(verification.entries_checked == size);
    CHECK(verification.Summary() == "internally consistent, not anchored");
  }
}

TEST_CASE("a log grows over many openings, with small segments") {
  Fixture fixture;
  fixture.options.limits.segment_bytes = 3000;
  std::string anchor;
  for (uint64_t size = 1; size < 3000; size = size * 7 / 5 + 1) {
    auto log = fixture.Open();
    CHECK(log->size() == log->durable_size());
    AppendUpTo(log.get(), size);
    const auto note = log->WaitCheckpoint(size, Deadline());
    REQUIRE(note.ok());
    log.reset();
    const auto verification = Verify(
        fixture.directory, fixture.verifier,
        anchor.empty() ? std::vector<std::string>{} : std::vector<std::string>{anchor, *note});
    for (const Finding& finding : verification.findings)
      UNSCOPED_INFO(finding.file << finding.what);
    REQUIRE(verification.ok());
    anchor = *note;
  }
  Reader reader(fixture.directory, fixture.verifier);
  for (uint64_t i = 0; i < 1000; ++i) REQUIRE(*reader.Entry(i) == EntryAt(i));
  // What is in full tiles is no longer in the journal.
  uint64_t journal = 0;
  for (const auto& file : std::filesystem::directory_iterator(fixture.directory + "/journal")) {
    journal += file.file_size();
  }
  CHECK(journal < 256 * 45 + 2 * 3000);
}

TEST_CASE("many threads append, listeners hear of every entry") {
  Fixture fixture;
  fixture.options.limits.segment_bytes = 20000;
  auto log = fixture.Open();
  std::atomic<uint64_t> durable = 0;
  std::atomic<bool> backwards = false;
  log->AddDurableListener([&](const absl::StatusOr<uint64_t>& now) {
    if (!now.ok() || *now < durable.load()) backwards = true;
    durable = now.value_or(0);
  });
  constexpr int kThreads = 4, kAppends = 500;
  std::vector<std::vector<uint64_t>> got(kThreads);
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < kAppends; ++i) {
        const std::string a = absl::StrCat(t, ":", i, ":a"), b = absl::StrCat(t, ":", i, ":b");
        got[t].push_back(log->Append({a, b}).value_or(UINT64_MAX));
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  constexpr uint64_t kSize = 2 * kThreads * kAppends;
  REQUIRE(log->WaitDurable(kSize, Deadline()).ok());
  REQUIRE(log->WaitCheckpoint(kSize, Deadline()).ok());
  Reader reader(fixture.directory, fixture.verifier);
  for (int t = 0; t < kThreads; ++t) {
    for (int i = 0; i < kAppends; ++i) {
      REQUIRE(*reader.Entry(got[t][i]) == absl::StrCat(t, ":", i, ":a"));
      REQUIRE(*reader.Entry(got[t][i] + 1) == absl::StrCat(t, ":", i, ":b"));
    }
  }
  log.reset();
  CHECK(durable == kSize);
  CHECK_FALSE(backwards);
  CHECK(MetricValue(fixture.metrics, "evidence_log_entries_total") == kSize);
  CHECK(MetricValue(fixture.metrics, "evidence_log_signed_size") == kSize);
  CHECK(MetricValue(fixture.metrics, "evidence_log_syncs_total") >= 1);
  CHECK(MetricValue(fixture.metrics, "evidence_log_sync_seconds_count") ==
        MetricValue(fixture.metrics, "evidence_log_syncs_total"));
  CHECK(MetricValue(fixture.metrics, "evidence_log_unsynced_entries") == 0);
  CHECK(MetricValue(fixture.metrics, "evidence_log_writable") == 1);
  CHECK(MetricValue(fixture.metrics, "evidence_log_checkpoint_time_seconds") > 1e9);
}

TEST_CASE("one writer") {
  Fixture fixture;
  auto log = fixture.Open();
  CHECK(fixture.OpenError() == "EVIDENCE_LOG_IN_USE");
  log.reset();
  CHECK(fixture.Open() != nullptr);
}

TEST_CASE("another key or origin does not continue a log") {
  Fixture fixture;
  AppendUpTo(fixture.Open().get(), 10);
  LogOptions other = fixture.options;
  other.key = keys::SigningKey::Generate();
  CHECK(ErrorReason(Log::Open(other).status()) == "EVIDENCE_LOG_FOREIGN");
  other = fixture.options;
  other.origin = "lgsp.example/gateway/1";
  CHECK(ErrorReason(Log::Open(other).status()) == "EVIDENCE_LOG_FOREIGN");
  other.origin = "with space";
  CHECK(ErrorReason(Log::Open(other).status()) == "EVIDENCE_ORIGIN_INVALID");
}

TEST_CASE("what cannot be appended") {
  Fixture fixture;
  auto log = fixture.Open();
  const std::string longest(kMaxEntryBytes, 'x'), longer(kMaxEntryBytes + 1, 'x');
  CHECK(ErrorReason(log->Append({}).status()) == "EVIDENCE_APPEND_INVALID");
  CHECK(ErrorReason(log->Append({longer}).status()) == "EVIDENCE_APPEND_INVALID");
  const std::vector<absl::string_view> many(kMaxAppendBytes / kMaxEntryBytes + 1, longest);
  CHECK(ErrorReason(log->Append(many).status()) == "EVIDENCE_APPEND_INVALID");
  CHECK(*log->Append({longest, ""}) == 0);
  REQUIRE(log->WaitCheckpoint(2, Deadline()).ok());
  Reader reader(fixture.directory, fixture.verifier);
  CHECK(*reader.Entry(0) == longest);
  CHECK(reader.Entry(1)->empty());
}

TEST_CASE("the backlog of what is not synced is bounded") {
  Fixture fixture;
  fixture.options.limits.unsynced_bytes = 10000;
  auto log = fixture.Open();
  SyncGate::Close();
  const std::string entry(998, 'e');
  for (uint64_t i = 0; i < 10; ++i) REQUIRE(*log->Append({entry}) == i);
  CHECK(ErrorReason(log->Append({entry}).status()) == "EVIDENCE_BACKLOG_FULL");
  CHECK(MetricValue(fixture.metrics, "evidence_log_writable") == 0);
  CHECK(log->durable_size() == 0);
  CHECK(ErrorReason(log->WaitDurable(1, absl::InfinitePast())) == "EVIDENCE_NOT_YET");
  CHECK(ErrorReason(log->WaitCheckpoint(1, absl::InfinitePast()).status()) == "EVIDENCE_NOT_YET");
  SyncGate::Open();
  REQUIRE(log->WaitDurable(10, Deadline()).ok());
  CHECK(*log->Append({entry}) == 10);
  CHECK(MetricValue(fixture.metrics, "evidence_log_writable") == 1);
}

TEST_CASE("a sync that fails ends the log in this process") {
  Fixture fixture;
  auto log = fixture.Open();
  AppendUpTo(log.get(), 10);
  REQUIRE(log->WaitDurable(10, Deadline()).ok());
  std::atomic<int> told = 0, failed = 0;
  log->AddDurableListener(
      // Of the sync before it may still be told.
      [&](const absl::StatusOr<uint64_t>& now) {
        if (!now.ok()) {
          ++failed;
        } else if (*now > 10) {
          ++told;
        }
      });
  SyncGate::Fail(true);
  const auto index = log->Append({"never told durable"});
  CHECK(ErrorReason(log->WaitDurable(11, Deadline())) == "EVIDENCE_LOG_UNWRITABLE");
  SyncGate::Fail(false);
  CHECK(*index == 10);
  CHECK(ErrorReason(log->Append({"more"}).status()) == "EVIDENCE_LOG_UNWRITABLE");
  CHECK(log->durable_size() == 10);
  CHECK(ErrorReason(log->WaitCheckpoint(11, Deadline()).status()) == "EVIDENCE_LOG_UNWRITABLE");
  CHECK(log->WaitCheckpoint(10, Deadline()).ok());
  CHECK(MetricValue(fixture.metrics, "evidence_log_writable") == 0);
  log.reset();
  CHECK(told == 0);
  CHECK(failed == 1);
  CHECK(Reader(fixture.directory, fixture.verifier).Latest()->checkpoint.size == 10);
  CHECK(fixture.Open()->size() >= 10);
}

TEST_CASE("a file that may not grow is a full disk, and the log comes back by itself") {
  Fixture fixture;
  auto log = fixture.Open();
  AppendUpTo(log.get(), 100);
  REQUIRE(log->WaitCheckpoint(100, Deadline()).ok());
  const auto before = std::signal(SIGXFSZ, SIG_IGN);
  rlimit old = {};
  REQUIRE(getrlimit(RLIMIT_FSIZE, &old) == 0);
  const std::string big(50000, 'b');
  // In the middle of a frame: a part of it is written and must go.
  const rlimit small = {
      std::filesystem::file_size(fixture.directory + "/journal/00000000000000000000") + 20000,
      old.rlim_max};
  REQUIRE(setrlimit(RLIMIT_FSIZE, &small) == 0);
  std::vector<std::string> reasons;
  for (int i = 0; i < 3; ++i) reasons.push_back(ErrorReason(log->Append({big}).status()));
  const auto fits = log->Append({EntryAt(100)});
  REQUIRE(setrlimit(RLIMIT_FSIZE, &old) == 0);
  std::signal(SIGXFSZ, before);
  CHECK(reasons == std::vector<std::string>(3, "EVIDENCE_DISK_FULL"));
  CHECK(fits.value_or(0) == 100);
  AppendUpTo(log.get(), 300);
  REQUIRE(log->WaitDurable(300, Deadline()).ok());
  log.reset();
  CHECK(fixture.Open()->size() == 300);
  CHECK(Verify(fixture.directory, fixture.verifier, {}).ok());
}

TEST_CASE("replay starts where the owner said") {
  Fixture fixture;
  std::map<uint64_t, std::string> replayed;
  fixture.options.replay = [&](uint64_t index, absl::string_view entry) {
    REQUIRE((replayed.empty() || replayed.rbegin()->first + 1 == index));
    replayed[index] = std::string(entry);
  };
  fixture.options.limits.segment_bytes = 2000;
  auto log = fixture.Open();
  CHECK(replayed.empty());
  AppendUpTo(log.get(), 1000);
  for (const uint64_t from : {uint64_t{0}, uint64_t{100}, uint64_t{255}, uint64_t{256},
                              uint64_t{700}, uint64_t{990}, uint64_t{1000}, uint64_t{900}}) {
    log->SetReplayFrom(from);
    log.reset();
    replayed.clear();
    log = fixture.Open();
    // It never goes back.
    const uint64_t first = from == 900 ? 1000 : from;
    REQUIRE(replayed.size() == 1000 - first);
    for (const auto& [index, entry] : replayed) REQUIRE(entry == EntryAt(index));
  }
  // Beyond what is there: what is appended later is replayed all the same.
  log->SetReplayFrom(5000);
  log.reset();
  log = fixture.Open();
  AppendUpTo(log.get(), 1010);
  log.reset();
  replayed.clear();
  log = fixture.Open();
  CHECK(replayed.size() == 10);
}

TEST_CASE("retention forgets whole bundles") {
  Fixture fixture;
  std::set<uint64_t> replayed;
  fixture.options.limits.segment_bytes = 2000;
  auto log = fixture.Open();
  AppendUpTo(log.get(), 1500);
  const std::string note = *log->WaitCheckpoint(1500, Deadline());
  CHECK(*log->Forget(255) == 0);
  CHECK(*log->Forget(600) == 512);
  CHECK(*log->Forget(100) == 512);
  Reader reader(fixture.directory, fixture.verifier);
  for (const uint64_t index : {0, 255, 511}) {
    CHECK(ErrorReason(reader.Entry(index).status()) == "EVIDENCE_ENTRY_FORGOTTEN");
    const auto proof = reader.InclusionProof(index, 1500);
    REQUIRE(proof.ok());
    CHECK(VerifyInclusion(Hasher().Leaf(EntryAt(index)), index, 1500, *proof,
                          reader.Latest()->checkpoint.root));
  }
  CHECK(*reader.Entry(512) == EntryAt(512));
  Verification verification = Verify(fixture.directory, fixture.verifier, {note});
  CHECK(verification.ok());
  CHECK(verification.minimum_index == 512);
  CHECK(verification.entries_checked == 1500 - 512);
  // Only what is signed, and never the incomplete bundle.
  CHECK(*log->Forget(5000) == 1280);
  log.reset();
  // A Forget that was killed is finished.
  WriteFile(fixture.directory + "/" + BundlePath(4, 256), "left over");
  log = fixture.Open();
  CHECK_FALSE(std::filesystem::exists(fixture.directory + "/" + BundlePath(4, 256)));
  AppendUpTo(log.get(), 2000);
  log.reset();
  CHECK(Verify(fixture.directory, fixture.verifier, {note}).ok());

  // What is to be replayed is not forgotten.
  fixture.options.replay = [&](uint64_t index, absl::string_view) { replayed.insert(index); };
  log = fixture.Open();
  CHECK(replayed.size() == 2000 - 1280);
  log->SetReplayFrom(1600);
  CHECK(*log->Forget(2000) == 1280);
  AppendUpTo(log.get(), 2001);
  REQUIRE(log->WaitCheckpoint(2001, Deadline()).ok());
  CHECK(*log->Forget(2000) == 1536);
}

TEST_CASE("a reader beside a live writer sees only what is signed and can be proved") {
  Fixture fixture;
  auto log = fixture.Open();
  REQUIRE(log->WaitCheckpoint(0, Deadline()).ok());
  std::atomic<bool> done = false;
  std::thread writer([&] {
    for (uint64_t size = 1; size < 6000; size += 1 + size % 37) {
      AppendUpTo(log.get(), size);
      if (size % 5 == 0) log->WaitCheckpoint(size, Deadline()).IgnoreError();
    }
    done = true;
  });
  Reader reader(fixture.directory, fixture.verifier);
  Checkpoint before = reader.Latest()->checkpoint;
  uint64_t looks = 0;
  std::string problem;
  while (problem.empty() && (!done || looks < 5)) {
    ++looks;
    const auto latest = reader.Latest();
    if (!latest.ok()) problem = latest.status().ToString();
    const Checkpoint now = latest->checkpoint;
    const auto consistent = reader.ConsistencyProof(before.size, now.size);
    if (!consistent.ok() ||
        !VerifyConsistency(before.size, before.root, now.size, now.root, *consistent)) {
      problem = absl::StrCat("inconsistent ", before.size, " ", now.size, " ",
                             consistent.status().ToString());
    }
    if (now.size > 0) {
      const uint64_t index = looks * 7919 % now.size;
      const auto entry = reader.Entry(index);
      const auto proof = reader.InclusionProof(index, now.size);
      if (!entry.ok() || *entry != EntryAt(index) || !proof.ok() ||
          !VerifyInclusion(Hasher().Leaf(*entry), index, now.size, *proof, now.root)) {
        problem = absl::StrCat("entry ", index, " ", entry.status().ToString(),
                               proof.status().ToString());
      }
    }
    before = now;
  }
  writer.join();
  CHECK(problem == "");
  const uint64_t size = log->size();
  REQUIRE(log->WaitCheckpoint(size, Deadline()).ok());
  CHECK(ErrorReason(reader.Entry(size).status()) == "EVIDENCE_NOT_IN_CHECKPOINT");
  CHECK(ErrorReason(reader.InclusionProof(0, size + 1).status()) == "EVIDENCE_NOT_IN_CHECKPOINT");
  CHECK(reader.Entries(size - 3, 100)->size() == 3);
  CHECK(reader.Entries(250, 300)->size() == 300);
  CHECK(reader.Entries(0, size)->size() == kMaxEntriesPerRead);
}

}  // namespace lgsp::evidence
