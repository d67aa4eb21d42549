// The keys by which calls are found by the person they were made for: one of each year (UTC+7), a
// file each, so that a year can be forgotten by deleting its key.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "libs/clock/clock.h"
#include "libs/keys/blind_index.h"

namespace lgsp::evidence {

// Thread-safe. Of one process per folder.
class PersonKeys {
 public:
  // Files `<year>.key` in `folder`, which is made when missing. Errors as WriteError and of
  // keys::BlindIndex::FromFile.
  static absl::StatusOr<std::unique_ptr<PersonKeys>> Open(const std::string& folder,
                                                          const Clock* clock);

  // The hash of `person` with the key of the year of `time`, as hex digits. The key is made when it
  // is missing; empty for a year that has none: before kFirstPersonYear, forgotten, or to come.
  // UNAVAILABLE FILE_NOT_WRITTEN.
  absl::StatusOr<std::string> Hash(absl::Time time, absl::string_view person);

  // With each key of the years from that of `begin` to that of `end`, oldest first.
  std::vector<std::string> Hashes(absl::Time begin, absl::Time end, absl::string_view person) const;

  // Deletes the keys of years that ended before `before`; they are not made again.
  absl::Status Forget(absl::Time before);

 private:
  PersonKeys(std::string folder, const Clock* clock) : folder_(std::move(folder)), clock_(clock) {}
  std::string PathOf(int64_t year) const;

  const std::string folder_;
  const Clock* const clock_;
  mutable absl::Mutex mutex_;
  std::map<int64_t, keys::BlindIndex> keys_ ABSL_GUARDED_BY(mutex_);
  int64_t first_year_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace lgsp::evidence
