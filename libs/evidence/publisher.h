// Makes the public files of a log from its entries: bundles, tiles, signed checkpoints. Used by one
// thread at a time.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "libs/evidence/file.h"
#include "libs/evidence/merkle.h"
#include "libs/evidence/note.h"
#include "libs/keys/jws.h"

namespace lgsp::evidence {

class Publisher {
 public:
  // `edge`: the tree so far, whose size is a multiple of 256 and whose full tiles are all there.
  Publisher(std::string directory, NoteKey name, keys::SigningKey key, TreeEdge edge);

  // Takes entries in the form of a bundle into the tree, in memory. `check` is called with the size
  // after each entry, for recovery; may be null.
  void Add(absl::string_view entries, const std::function<void(uint64_t size)>& check = nullptr);

  uint64_t size() const { return edge_.size(); }
  Hash Root() { return edge_.Root(&hasher_); }
  // Entries in full tiles that are synced.
  uint64_t tiled() const { return tiled_; }
  // Of full bundles that are not.
  uint64_t waiting_bytes() const { return waiting_bytes_; }

  // Writes and syncs the full tiles, then removes their partial forms. Errors as WriteError: all of
  // it is tried again by the next call.
  absl::Status WriteFullTiles();

  // After WriteFullTiles: writes the incomplete tiles, then `replay_from`, then, when the log grew
  // or has none, the checkpoint. Errors as WriteError. Returns the signed note.
  absl::StatusOr<std::string> Publish(uint64_t replay_from);

  // Bundles that end before `minimum_index` are not written again.
  void SetForgotten(uint64_t minimum_index) { first_bundle_ = minimum_index / kTileWidth; }
  // What the folder holds already; `note` is its checkpoint.
  void SetPublished(std::string note, uint64_t size, uint64_t replay_from);

 private:
  void AddFullTile(int level, uint64_t n, absl::Span<const Hash> hashes);

  const std::string directory_;
  const NoteKey name_;
  const keys::SigningKey key_;
  AtomicWriter writer_;
  Hasher hasher_;
  TreeEdge edge_;
  uint64_t tiled_;
  std::string bundle_;  // the incomplete one
  std::vector<AtomicWriter::Item> waiting_;
  uint64_t waiting_bytes_ = 0;
  uint64_t first_bundle_ = 0;
  std::string note_;
  uint64_t published_size_ = 0;
  uint64_t published_replay_from_ = 0;
};

}  // namespace lgsp::evidence
