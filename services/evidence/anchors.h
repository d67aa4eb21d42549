// Checkpoints of one log that were kept when they were new, in a file that only grows: signed
// notes, one after another, as `lgsp evidence verify --anchors` reads them.
#pragma once

#include <cstdint>
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
#include "libs/evidence/file.h"
#include "libs/evidence/note.h"

namespace lgsp::evidence {

// Thread-safe.
class Anchors {
 public:
  // Opens or makes the file; what a kill has cut off at its end is dropped. Errors as ReadWhole and
  // WriteError; DATA_LOSS EVIDENCE_LOG_DAMAGED when what is not its end is no checkpoint of `key`.
  static absl::StatusOr<std::unique_ptr<Anchors>> Open(const std::string& path, const NoteKey& key,
                                                       const Clock* clock);

  // Appends `note`, durably, when it is another than the last and kAnchorInterval has passed since
  // this process added one.
  absl::Status Add(absl::string_view note);

  // The newest; of size 0 when there is none.
  const Checkpoint& newest_at_start() const { return newest_at_start_; }
  // At most `limit` from number `from` on, from 0, oldest first.
  absl::StatusOr<std::vector<std::string>> List(uint64_t from, uint64_t limit);

 private:
  Anchors(std::string path, const Clock* clock) : path_(std::move(path)), clock_(clock) {}

  const std::string path_;
  const Clock* const clock_;
  Fd file_;
  Checkpoint newest_at_start_;
  absl::Mutex mutex_;
  absl::Time last_ ABSL_GUARDED_BY(mutex_) = absl::InfinitePast();
  std::string newest_ ABSL_GUARDED_BY(mutex_);
  // Where each begins, and where the last ends.
  std::vector<uint64_t> offsets_ ABSL_GUARDED_BY(mutex_) = {0};
};

}  // namespace lgsp::evidence
