#include "libs/evidence/merkle.h"

#include <openssl/evp.h>

#include <algorithm>
#include <bit>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "libs/status/status.h"

namespace lgsp::evidence {
namespace {

// Fetched once: an implicit fetch per call costs more than the hash of a short text.
const EVP_MD* Sha256Method() {
  static const EVP_MD* method = EVP_MD_fetch(nullptr, "SHA256", nullptr);
  return method;
}

// The largest power of two below n, for n > 1.
uint64_t Split(uint64_t n) { return std::bit_floor(n - 1); }

// The root of entries [begin, end), where `begin` is a multiple of every power of two <= its
// length.
absl::StatusOr<Hash> RangeRoot(uint64_t begin, uint64_t end, const NodeReader& nodes,
                               Hasher* hasher) {
  std::vector<Hash> peaks;
  while (begin < end) {
    const int height = std::bit_width(end - begin) - 1;
    ASSIGN_OR_RETURN(const Hash peak, nodes(height, begin >> height));
    peaks.push_back(peak);
    begin += uint64_t{1} << height;
  }
  if (peaks.empty()) return hasher->Root({});
  Hash root = peaks.back();
  for (size_t i = peaks.size() - 1; i > 0; --i) root = hasher->Node(peaks[i - 1], root);
  return root;
}

absl::Status RangeError(uint64_t wanted, uint64_t size) {
  return MakeError(absl::StatusCode::kInvalidArgument, "EVIDENCE_PROOF_RANGE",
                   absl::StrCat("no proof of ", wanted, " in a tree of ", size, " entries"));
}

}  // namespace

absl::string_view Bytes(const Hash& hash) {
  return {reinterpret_cast<const char*>(hash.data()), hash.size()};
}

struct Hasher::Context {
  EVP_MD_CTX* const digest = EVP_MD_CTX_new();
  // A node is hashed in one piece: prefix, left, right.
  std::array<uint8_t, 65> node = {0x01};

  ~Context() { EVP_MD_CTX_free(digest); }

  void Begin() { EVP_DigestInit_ex2(digest, Sha256Method(), nullptr); }
  Hash End() {
    Hash out;
    EVP_DigestFinal_ex(digest, out.data(), nullptr);
    return out;
  }
};

Hasher::Hasher() : context_(std::make_unique<Context>()) {}
Hasher::~Hasher() = default;

Hash Hasher::Leaf(absl::string_view entry) {
  constexpr uint8_t kPrefix = 0x00;
  context_->Begin();
  EVP_DigestUpdate(context_->digest, &kPrefix, 1);
  EVP_DigestUpdate(context_->digest, entry.data(), entry.size());
  return context_->End();
}

Hash Hasher::Node(const Hash& left, const Hash& right) {
  std::memcpy(&context_->node[1], left.data(), left.size());
  std::memcpy(&context_->node[33], right.data(), right.size());
  context_->Begin();
  EVP_DigestUpdate(context_->digest, context_->node.data(), context_->node.size());
  return context_->End();
}

Hash Hasher::Root(absl::Span<const Hash> hashes) {
  if (hashes.empty()) {
    context_->Begin();
    return context_->End();
  }
  scratch_.assign(hashes.begin(), hashes.end());
  // A lone last node is promoted: the same tree as RFC 6962's split at powers of two.
  for (size_t n = scratch_.size(); n > 1; n = (n + 1) / 2) {
    for (size_t i = 0; i + 1 < n; i += 2) scratch_[i / 2] = Node(scratch_[i], scratch_[i + 1]);
    if (n % 2 == 1) scratch_[n / 2] = scratch_[n - 1];
  }
  return scratch_[0];
}

TreeEdge::TreeEdge(uint64_t size, std::array<std::vector<Hash>, kMaxLevels> levels)
    : size_(size), levels_(std::move(levels)) {}

void TreeEdge::Append(const Hash& leaf, Hasher* hasher, FullTile full) {
  Hash hash = leaf;
  ++size_;
  for (int level = 0; level < kMaxLevels; ++level) {
    std::vector<Hash>& tile = levels_[static_cast<size_t>(level)];
    tile.push_back(hash);
    if (tile.size() < kTileWidth) return;
    full(level, (size_ >> (kTileHeight * (level + 1))) - 1, tile);
    hash = hasher->Root(tile);
    tile.clear();
  }
}

Hash TreeEdge::Root(Hasher* hasher) const {
  std::vector<Hash> hashes;
  for (const std::vector<Hash>& level : levels_) {
    // What is below and incomplete is the last child of this level.
    std::vector<Hash> row = level;
    row.insert(row.end(), hashes.begin(), hashes.end());
    hashes.clear();
    if (!row.empty()) hashes.push_back(hasher->Root(row));
  }
  return hashes.empty() ? hasher->Root({}) : hashes[0];
}

absl::StatusOr<Hash> RootAt(uint64_t size, const NodeReader& nodes) {
  Hasher hasher;
  return RangeRoot(0, size, nodes, &hasher);
}

absl::StatusOr<std::vector<Hash>> InclusionProof(uint64_t index, uint64_t size,
                                                 const NodeReader& nodes) {
  if (index >= size) return RangeError(index, size);
  Hasher hasher;
  std::vector<Hash> proof;
  for (uint64_t begin = 0, end = size; end - begin > 1;) {
    const uint64_t middle = begin + Split(end - begin);
    const bool left = index < middle;
    ASSIGN_OR_RETURN(const Hash sibling, left ? RangeRoot(middle, end, nodes, &hasher)
                                              : RangeRoot(begin, middle, nodes, &hasher));
    proof.push_back(sibling);
    (left ? end : begin) = middle;
  }
  std::reverse(proof.begin(), proof.end());
  return proof;
}

absl::StatusOr<std::vector<Hash>> ConsistencyProof(uint64_t old_size, uint64_t size,
                                                   const NodeReader& nodes) {
  if (old_size > size) return RangeError(old_size, size);
  std::vector<Hash> proof;
  if (old_size == 0) return proof;
  Hasher hasher;
  uint64_t begin = 0, end = size;
  while (end != old_size) {
    const uint64_t middle = begin + Split(end - begin);
    const bool left = old_size <= middle;
    ASSIGN_OR_RETURN(const Hash sibling, left ? RangeRoot(middle, end, nodes, &hasher)
                                              : RangeRoot(begin, middle, nodes, &hasher));
    proof.push_back(sibling);
    (left ? end : begin) = middle;
  }
  // A complete left part is the old root itself, which the verifier has.
  if (begin > 0) {
    ASSIGN_OR_RETURN(const Hash last, RangeRoot(begin, end, nodes, &hasher));
    proof.push_back(last);
  }
  std::reverse(proof.begin(), proof.end());
  return proof;
}

bool VerifyInclusion(const Hash& leaf, uint64_t index, uint64_t size, absl::Span<const Hash> proof,
                     const Hash& root) {
  if (index >= size) return false;
  Hasher hasher;
  uint64_t fn = index, sn = size - 1;
  Hash hash = leaf;
  for (const Hash& sibling : proof) {
    if (sn == 0) return false;
    if ((fn & 1) == 1 || fn == sn) {
      hash = hasher.Node(sibling, hash);
      while ((fn & 1) == 0 && fn != 0) fn >>= 1, sn >>= 1;
    } else {
      hash = hasher.Node(hash, sibling);
    }
    fn >>= 1;
    sn >>= 1;
  }
  return sn == 0 && hash == root;
}

bool VerifyConsistency(uint64_t old_size, const Hash& old_root, uint64_t size, const Hash& root,
                       absl::Span<const Hash> proof) {
  if (old_size > size) return false;
  Hasher hasher;
  if (old_size == 0) return proof.empty() && old_root == hasher.Root({});
  if (old_size == size) return proof.empty() && old_root == root;
  std::vector<Hash> path(proof.begin(), proof.end());
  if (std::has_single_bit(old_size)) path.insert(path.begin(), old_root);
  if (path.empty()) return false;
  uint64_t fn = old_size - 1, sn = size - 1;
  while ((fn & 1) == 1) fn >>= 1, sn >>= 1;
  Hash old_hash = path[0], hash = path[0];
  for (size_t i = 1; i < path.size(); ++i) {
    if (sn == 0) return false;
    if ((fn & 1) == 1 || fn == sn) {
      old_hash = hasher.Node(path[i], old_hash);
      hash = hasher.Node(path[i], hash);
      while ((fn & 1) == 0 && fn != 0) fn >>= 1, sn >>= 1;
    } else {
      hash = hasher.Node(hash, path[i]);
    }
    fn >>= 1;
    sn >>= 1;
  }
  return sn == 0 && old_hash == old_root && hash == root;
}

}  // namespace lgsp::evidence
