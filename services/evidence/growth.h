// What a new checkpoint adds to a log, read from a source that is not trusted: judged first, copied
// then. Nothing is kept of what does not fit the tree that is known.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "libs/evidence/file.h"
#include "libs/evidence/merkle.h"
#include "libs/evidence/note.h"
#include "libs/evidence/verify.h"
#include "services/evidence/log_source.h"

namespace lgsp::evidence {

// Of one log, for one thread. Errors of its methods: findings (Found), and what the source cannot
// answer now.
class Growth {
 public:
  // Writes files, each whole or not at all.
  using Keep = std::function<absl::Status(const std::vector<AtomicWriter::Item>& items)>;

  // `edge`: the tree that is mirrored. `trusted`: the largest checkpoint ever taken, which the
  // edge's tree may be smaller than (a mirror that is filled anew).
  Growth(LogSource* source, TreeEdge edge, Checkpoint trusted);

  // Whether `next` is the head of a tree that continues the trusted one, by the source's tiles.
  absl::Status Judge(const Checkpoint& next);

  // After Judge of the same: reads tiles and entries, holds each against the tree, and lets `keep`
  // have them, some at a time. A bundle that ends at or before `forgotten` may be missing.
  absl::Status Copy(const Checkpoint& next, uint64_t forgotten, const Keep& keep);

  const TreeEdge& edge() const { return edge_; }
  const Checkpoint& trusted() const { return trusted_; }

 private:
  // A file's content; `replaced`: of the full form, which has replaced the partial one.
  absl::StatusOr<std::string> ReadForm(const std::string& path, const std::string& full_path,
                                       FindingKind missing, bool* replaced);
  absl::StatusOr<std::vector<Hash>> ReadTile(int level, uint64_t n, uint64_t width);
  absl::StatusOr<std::string> ReadBundle(uint64_t n, absl::Span<const Hash> hashes);
  // A tile that must be these hashes.
  absl::Status CompareTile(int level, uint64_t n, absl::Span<const Hash> hashes);
  // Why a tree that is not ours gives no checkpoint of ours: changed tiles, or a fork.
  absl::Status Diagnose(const Checkpoint& next);

  LogSource* const source_;
  TreeEdge edge_;
  Checkpoint trusted_;
  Hasher hasher_;
  // By Judge: the roots of the tiles of level 0 from the edge on, the last may be incomplete.
  std::vector<Hash> judged_;
};

}  // namespace lgsp::evidence
