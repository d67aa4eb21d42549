// The Merkle tree of RFC 6962 and RFC 9162: hashes, the right edge of a tree that grows, proofs and
// their verification. Pure: no files, no clock.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"

namespace lgsp::evidence {

// Raw SHA-256.
using Hash = std::array<uint8_t, 32>;

absl::string_view Bytes(const Hash& hash);

// Hashes a tile holds when it is full, and the levels that a tree of less than 2^56 entries has.
inline constexpr uint64_t kTileWidth = 256;
inline constexpr int kTileHeight = 8;
inline constexpr int kMaxLevels = 7;

// Hashes leaves and nodes with one reused context. Not thread-safe.
class Hasher {
 public:
  Hasher();
  ~Hasher();

  // SHA-256(0x00 || entry).
  Hash Leaf(absl::string_view entry);
  // SHA-256(0x01 || left || right).
  Hash Node(const Hash& left, const Hash& right);
  // The root of a tree with these leaves (or with these roots of complete subtrees of one size, of
  // which the last may be incomplete). Of none: SHA-256 of nothing.
  Hash Root(absl::Span<const Hash> hashes);

 private:
  struct Context;
  const std::unique_ptr<Context> context_;
  std::vector<Hash> scratch_;
};

// The incomplete tiles at the right edge of a tree: all that is needed to append to it and to know
// its root.
class TreeEdge {
 public:
  using FullTile = absl::FunctionRef<void(int level, uint64_t n, absl::Span<const Hash> hashes)>;

  TreeEdge() = default;
  // The edge of a tree of `size`: `levels[l]` are the hashes of its incomplete tile of level l.
  TreeEdge(uint64_t size, std::array<std::vector<Hash>, kMaxLevels> levels);

  // Calls `full` for each tile that this leaf completes, lowest level first.
  void Append(const Hash& leaf, Hasher* hasher, FullTile full);

  uint64_t size() const { return size_; }
  absl::Span<const Hash> level(int level) const { return levels_[static_cast<size_t>(level)]; }
  Hash Root(Hasher* hasher) const;

 private:
  uint64_t size_ = 0;
  std::array<std::vector<Hash>, kMaxLevels> levels_;
};

// Gives the root of the complete subtree of entries [index << height, (index + 1) << height).
using NodeReader = std::function<absl::StatusOr<Hash>(int height, uint64_t index)>;

// The root of the tree of the first `size` entries; 0 is fine.
absl::StatusOr<Hash> RootAt(uint64_t size, const NodeReader& nodes);

// RFC 9162, 2.1.3.1 and 2.1.4.1. INVALID_ARGUMENT EVIDENCE_PROOF_RANGE when not index < size, or
// not old_size <= size; else only errors of `nodes`. The proof from 0 or from `size` is empty.
absl::StatusOr<std::vector<Hash>> InclusionProof(uint64_t index, uint64_t size,
                                                 const NodeReader& nodes);
absl::StatusOr<std::vector<Hash>> ConsistencyProof(uint64_t old_size, uint64_t size,
                                                   const NodeReader& nodes);

// RFC 9162, 2.1.3.2 and 2.1.4.2. False for every proof that does not prove it.
bool VerifyInclusion(const Hash& leaf, uint64_t index, uint64_t size, absl::Span<const Hash> proof,
                     const Hash& root);
bool VerifyConsistency(uint64_t old_size, const Hash& old_root, uint64_t size, const Hash& root,
                       absl::Span<const Hash> proof);

}  // namespace lgsp::evidence
