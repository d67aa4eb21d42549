// The mirror of one log: its public files, byte for byte, taken over only as far as they fit what
// the log's key has signed before. What does not fit is a finding: it is counted, its note is kept,
// and nothing more is taken until the source shows what fits again.
//
// Metrics: evidence_mirror_size, evidence_mirror_stopped, evidence_mirror_heard_time_seconds
// {log}, evidence_findings_total {log, kind}.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "libs/clock/clock.h"
#include "libs/evidence/file.h"
#include "libs/evidence/note.h"
#include "libs/evidence/reader.h"
#include "libs/metrics/metrics.h"
#include "services/evidence/anchors.h"
#include "services/evidence/growth.h"
#include "services/evidence/log_source.h"

namespace lgsp::evidence {

struct MirrorOptions {
  // Of the service; `logs/<name>`, `anchors/<name>` and `findings` are beneath it.
  std::string directory;
  std::unique_ptr<LogSource> source;
  metrics::Registry* metrics;
  const Clock* clock;
};

// Poll and Forget by one thread; the rest is thread-safe.
class Mirror {
 public:
  // Reads what is mirrored. DATA_LOSS EVIDENCE_LOG_DAMAGED when that does not hold; errors as
  // ReadWhole, WriteError and Anchors::Open.
  static absl::StatusOr<std::unique_ptr<Mirror>> Open(const NoteKey& key, MirrorOptions options);

  // Takes over what is new, and looks again at some of what is there. Findings (errors.h); what
  // the source cannot answer now; errors as WriteError.
  absl::Status Poll();

  // Deletes the content of what was recorded before `before`, by whole bundles, as the gateway
  // does.
  absl::Status Forget(absl::Time before);

  const std::string& origin() const { return key_.name(); }
  const NoteKey& key() const { return key_; }
  const std::string& folder() const { return folder_; }
  Reader& reader() { return reader_; }
  Anchors& anchors() { return *anchors_; }

 private:
  Mirror(const NoteKey& key, MirrorOptions options, std::unique_ptr<Anchors> anchors);

  // What the folder holds, as the tree that growth_ continues.
  absl::Status Load();
  absl::Status Take();
  absl::Status Grow(const Checkpoint& next);
  absl::Status Keep(const std::vector<AtomicWriter::Item>& items);
  // Compares some full bundles and their tiles with the source's, in turn.
  absl::Status Recheck();
  absl::Status CompareBundle(uint64_t n);
  absl::Status Compare(const std::string& path, FindingKind missing, FindingKind mismatch);
  void Note(const absl::Status& status);
  void KeepFinding(absl::string_view kind) const;

  const NoteKey key_;
  const MirrorOptions options_;
  const std::string name_;
  const std::string folder_;
  const std::unique_ptr<Anchors> anchors_;
  AtomicWriter writer_;
  Reader reader_;
  std::unique_ptr<Growth> growth_;
  std::string note_;     // that is mirrored
  std::string offered_;  // by the source
  uint64_t rechecked_ = 0;
  absl::Status standing_;  // the finding or failure of the last poll
  metrics::Gauge size_, stopped_, heard_time_;
  std::map<std::string, metrics::Counter> findings_;  // by kind
};

// One of each log.
using Mirrors = std::vector<std::unique_ptr<Mirror>>;
// nullptr: none of this origin.
Mirror* FindMirror(const Mirrors& mirrors, absl::string_view origin);

// The name of a log's files: its origin without what a file name cannot hold, and a piece of its
// hash.
std::string LogFileName(absl::string_view origin);

// The time of a record; InfinitePast for what is none.
absl::Time RecordTime(absl::string_view entry);

}  // namespace lgsp::evidence
