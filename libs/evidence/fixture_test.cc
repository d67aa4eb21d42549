#include "libs/evidence/fixture_test.h"

#include <sys/syscall.h>
#include <unistd.h>

#include <bit>
#include <catch2/catch.hpp>
#include <cerrno>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "absl/base/const_init.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "libs/keys/digest.h"

namespace lgsp::evidence {
namespace {

absl::Mutex gate_mutex(absl::kConstInit);
bool gate_open = true;
bool gate_fails = false;

}  // namespace

void SyncGate::Close() {
  absl::MutexLock lock(&gate_mutex);
  gate_open = false;
}

void SyncGate::Open() {
  absl::MutexLock lock(&gate_mutex);
  gate_open = true;
}

void SyncGate::Fail(bool fail) {
  absl::MutexLock lock(&gate_mutex);
  gate_fails = fail;
}

// Whether a sync of this descriptor may go on.
bool PassGate(int fd) {
  const std::string path =
      std::filesystem::read_symlink(absl::StrCat("/proc/self/fd/", fd)).string();
  if (!absl::StrContains(path, "/journal/0")) return true;
  absl::MutexLock lock(&gate_mutex);
  gate_mutex.Await(absl::Condition(&gate_open));
  return !gate_fails;
}

std::string EntryAt(uint64_t index) {
  if (index % 50 == 49) return "";
  return absl::StrCat(index, "/", std::string(index * 7 % 29, static_cast<char>(index)));
}

LogOptions OptionsFor(const std::string& directory, const keys::SigningKey& key,
                      metrics::Registry* metrics) {
  return {.directory = directory,
          .origin = std::string(kOrigin),
          .key = key,
          .metrics = metrics,
          .limits = {.checkpoint_interval = absl::ZeroDuration()}};
}

void AppendUpTo(Log* log, uint64_t size) {
  for (uint64_t next = log->size(); next < size;) {
    std::vector<std::string> entries;
    for (uint64_t n = 1 + next % 97; n > 0 && next < size; --n) entries.push_back(EntryAt(next++));
    const std::vector<absl::string_view> views(entries.begin(), entries.end());
    const auto first = log->Append(views);
    REQUIRE(first.ok());
    REQUIRE(*first == next - entries.size());
  }
}

Hash NaiveRoot(const std::vector<std::string>& entries, uint64_t begin, uint64_t end) {
  std::string text;
  if (end - begin == 1) {
    text = absl::StrCat(absl::string_view("\0", 1), entries[begin]);
  } else if (end > begin) {
    const uint64_t middle = begin + std::bit_floor(end - begin - 1);
    text = absl::StrCat("\1", Bytes(NaiveRoot(entries, begin, middle)),
                        Bytes(NaiveRoot(entries, middle, end)));
  }
  Hash hash;
  const std::string digest = keys::Sha256(text);
  std::copy(digest.begin(), digest.end(), hash.begin());
  return hash;
}

void CopyFolder(const std::string& from, const std::string& to) {
  std::filesystem::copy(from, to, std::filesystem::copy_options::recursive);
}

std::string ReadFile(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream content;
  content << file.rdbuf();
  return content.str();
}

void WriteFile(const std::string& path, absl::string_view content) {
  std::ofstream file(path, std::ios::binary | std::ios::trunc);
  file << content;
  REQUIRE(file.good());
}

}  // namespace lgsp::evidence

// In place of the C library's: a disk that fails or does not answer cannot be had otherwise.
extern "C" int fdatasync(int fd) {
  if (lgsp::evidence::PassGate(fd)) return static_cast<int>(syscall(SYS_fdatasync, fd));
  errno = EIO;
  return -1;
}
