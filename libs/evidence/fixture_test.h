// What the tests of the evidence log share: logs in folders of their own, entries that can be made
// again, and a naive tree.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "libs/evidence/log.h"
#include "libs/evidence/merkle.h"
#include "libs/keys/jws.h"
#include "libs/metrics/metrics.h"

namespace lgsp::evidence {

inline constexpr absl::string_view kOrigin = "lgsp.example/gateway/0";
// No wait of a test is longer.
inline constexpr absl::Duration kPatience = absl::Seconds(60);

inline absl::Time Deadline() { return absl::Now() + kPatience; }

// Entry `index` of every test log: 0 to 40 bytes, all different from its neighbours.
std::string EntryAt(uint64_t index);

// Options of a log that signs at once.
LogOptions OptionsFor(const std::string& directory, const keys::SigningKey& key,
                      metrics::Registry* metrics);

// Appends EntryAt(log->size()) … until there are `size`, some at a time; one appender only.
void AppendUpTo(Log* log, uint64_t size);

// The tree of RFC 6962, section 2.1, as the RFC says it.
Hash NaiveRoot(const std::vector<std::string>& entries, uint64_t begin, uint64_t end);

// A folder copied into another, which must not exist.
void CopyFolder(const std::string& from, const std::string& to);

std::string ReadFile(const std::string& path);
void WriteFile(const std::string& path, absl::string_view content);

// Syncs of files by this process go through here: a test can hold them up or make them fail.
class SyncGate {
 public:
  // Until Open, syncs (fdatasync) of journal segments wait.
  static void Close();
  static void Open();
  // The next ones fail with EIO.
  static void Fail(bool fail);
};

}  // namespace lgsp::evidence
