// What a log is after its writer was killed, or its journal cut.
#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <csignal>
#include <filesystem>
#include <random>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "libs/evidence/fixture_test.h"
#include "libs/evidence/log.h"
#include "libs/evidence/reader.h"
#include "libs/evidence/verify.h"
#include "libs/status/status.h"
#include "libs/testing/files.h"

namespace lgsp::evidence {
namespace {

bool IsSegment(const std::filesystem::path& path) {
  uint64_t first = 0;
  return absl::SimpleAtoi(path.filename().string(), &first);
}

// The last segment of the journal of a log.
std::string LastSegment(const std::string& directory) {
  std::string last;
  for (const auto& entry : std::filesystem::directory_iterator(directory + "/journal")) {
    if (IsSegment(entry.path())) last = std::max(last, entry.path().string());
  }
  REQUIRE_FALSE(last.empty());
  return last;
}

// What there is of a log that has signed nothing yet; its writer comes and goes with other files.
void CopyJournal(const std::string& from, const std::string& to) {
  std::filesystem::create_directories(to + "/journal");
  for (const auto& entry : std::filesystem::directory_iterator(from + "/journal")) {
    if (IsSegment(entry.path())) std::filesystem::copy(entry.path(), to + "/journal");
  }
}

// All entries of a log that nobody writes, which must verify.
void RequireEntries(const std::string& directory, const NoteKey& verifier, uint64_t size) {
  const Verification verification = Verify(directory, verifier, {});
  INFO(verification.Summary());
  REQUIRE(verification.ok());
  REQUIRE(verification.checkpoint.size == size);
  Reader reader(directory, verifier);
  for (uint64_t index = 0; index < size;) {
    const auto entries = reader.Entries(index, kMaxEntriesPerRead);
    REQUIRE(entries.ok());
    bool same = true;
    for (const std::string& entry : *entries) same = entry == EntryAt(index++) && same;
    REQUIRE(same);
  }
}

}  // namespace

TEST_CASE("a journal that is cut at any byte gives its whole frames, and goes on") {
  const testing::TemporaryFolder folder;
  const std::string original = folder.path() + "/original";
  const keys::SigningKey key = keys::SigningKey::Generate();
  const NoteKey verifier = *NoteKey::Of(kOrigin, key);
  metrics::Registry metrics;
  const auto open = [&](const std::string& directory) {
    LogOptions options = OptionsFor(directory, key, &metrics);
    options.limits.checkpoint_interval = absl::InfiniteDuration();
    auto log = Log::Open(std::move(options));
    INFO(log.status());
    REQUIRE(log.ok());
    return *std::move(log);
  };
  constexpr uint64_t kEntries = 12;
  const std::string killed = folder.path() + "/killed";
  {
    const auto log = open(original);
    for (uint64_t i = 0; i < kEntries; ++i) {
      const std::string entry = EntryAt(i);
      REQUIRE(log->Append({entry}).ok());
    }
    // As a kill would leave it.
    CopyJournal(original, killed);
  }
  const std::string segment = LastSegment(killed);
  uint64_t whole = 0;
  REQUIRE(absl::SimpleAtoi(std::filesystem::path(segment).filename().string(), &whole));
  const uint64_t first = whole;
  for (uint64_t bytes = 0; bytes <= std::filesystem::file_size(segment); ++bytes) {
    INFO("cut at " << bytes);
    const std::string cut = absl::StrCat(folder.path(), "/cut-", bytes);
    CopyFolder(killed, cut);
    std::filesystem::resize_file(LastSegment(cut), bytes);
    {
      const auto log = open(cut);
      // With each byte as many as before, or one more.
      REQUIRE((log->size() == whole || log->size() == whole + 1));
      whole = log->size();
      const std::string next = EntryAt(whole);
      REQUIRE(log->Append({next}).value() == whole);
    }
    RequireEntries(cut, verifier, whole + 1);
    std::filesystem::remove_all(cut);
  }
  CHECK(whole == kEntries);
  CHECK(first < kEntries);
}

TEST_CASE("a changed byte in what is not the journal's torn end is damage, not an end") {
  const testing::TemporaryFolder folder;
  const std::string directory = folder.path() + "/log";
  const keys::SigningKey key = keys::SigningKey::Generate();
  metrics::Registry metrics;
  LogOptions options = OptionsFor(directory, key, &metrics);
  options.limits.checkpoint_interval = absl::InfiniteDuration();
  {
    auto log = Log::Open(options);
    REQUIRE(log.ok());
    for (uint64_t i = 0; i < 6; ++i) {
      const std::string entry = absl::StrCat("entry ", i);
      REQUIRE((*log)->Append({entry}).ok());
      REQUIRE((*log)->WaitDurable(i + 1, Deadline()).ok());
    }
    CopyJournal(directory, folder.path() + "/killed");
  }
  const std::string killed = folder.path() + "/killed";
  const std::string segment = LastSegment(killed);
  std::string content = ReadFile(segment);
  // In the first frames: later ones say that they were durable.
  content[content.size() / 4] ^= 1;
  WriteFile(segment, content);
  options.directory = killed;
  const absl::Status damaged = Log::Open(options).status();
  INFO(damaged);
  CHECK(ErrorReason(damaged) == "EVIDENCE_LOG_DAMAGED");
}

TEST_CASE("whatever moment a writer is killed in, what it was told durable is there") {
  const testing::TemporaryFolder folder;
  const std::string directory = folder.path() + "/log";
  const keys::SigningKey key = keys::SigningKey::Generate();
  const uint32_t seed = std::random_device()();
  INFO("seed " << seed);
  std::mt19937 random(seed);
  constexpr int kRounds = 12;
  for (int round = 0; round < kRounds; ++round) {
    int pipe_ends[2];
    REQUIRE(pipe(pipe_ends) == 0);
    const pid_t writer = fork();
    if (writer == 0) {
      // Nothing of Catch here.
      metrics::Registry metrics;
      LogOptions options = OptionsFor(directory, key, &metrics);
      options.limits.segment_bytes = 20'000;
      auto log = Log::Open(std::move(options));
      if (!log.ok()) _exit(1);
      (*log)->AddDurableListener([&](const absl::StatusOr<uint64_t>& durable) {
        const uint64_t size = durable.value_or(0);
        if (write(pipe_ends[1], &size, sizeof(size)) != sizeof(size)) _exit(1);
      });
      for (uint64_t i = (*log)->size();; ++i) {
        const std::string entry = EntryAt(i);
        if (!(*log)->Append({entry}).ok()) _exit(1);
        // Or it would write faster than the disk takes.
        if (i % 50 == 0 && !(*log)->WaitDurable(i, Deadline()).ok()) _exit(1);
      }
    }
    close(pipe_ends[1]);
    uint64_t durable = 0;
    // So many syncs, then at once.
    for (uint32_t left = 1 + random() % 40; left > 0; --left) {
      REQUIRE(read(pipe_ends[0], &durable, sizeof(durable)) == sizeof(durable));
    }
    kill(writer, SIGKILL);
    int status = 0;
    REQUIRE(waitpid(writer, &status, 0) == writer);
    REQUIRE(WIFSIGNALED(status));
    // What it was told after that, too.
    for (uint64_t told = 0; read(pipe_ends[0], &told, sizeof(told)) == sizeof(told);) {
      durable = told;
    }
    close(pipe_ends[0]);
    metrics::Registry metrics;
    auto log = Log::Open(OptionsFor(directory, key, &metrics));
    INFO(log.status());
    REQUIRE(log.ok());
    const uint64_t size = (*log)->size();
    REQUIRE(size >= durable);
    log->reset();
    RequireEntries(directory, *NoteKey::Of(kOrigin, key), size);
  }
}

}  // namespace lgsp::evidence
