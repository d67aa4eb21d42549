#include "libs/evidence/merkle.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <map>
#include <random>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "libs/evidence/fixture_test.h"
#include "libs/evidence/tiles.h"

namespace lgsp::evidence {
namespace {

std::string Hex(const Hash& hash) { return absl::BytesToHexString(Bytes(hash)); }

// The entries of the test vectors of Certificate Transparency's reference code.
std::vector<std::string> KnownEntries() {
  std::vector<std::string> entries;
  for (const char* hex : {"", "00", "10", "2021", "3031", "40414243", "5051525354555657",
                          "606162636465666768696a6b6c6d6e6f"}) {
    entries.push_back(absl::HexStringToBytes(hex));
  }
  return entries;
}

// A tree and all its tiles in memory, made by TreeEdge.
struct Grown {
  TreeEdge edge;
  Hasher hasher;
  std::map<std::pair<int, uint64_t>, std::vector<Hash>> full;
  std::vector<std::string> entries;

  void GrowTo(uint64_t size) {
    while (edge.size() < size) {
      entries.push_back(EntryAt(edge.size()));
      edge.Append(hasher.Leaf(entries.back()), &hasher,
                  [this](int level, uint64_t n, absl::Span<const Hash> hashes) {
                    full[{level, n}].assign(hashes.begin(), hashes.end());
                  });
    }
  }

  TileNodes Nodes() {
    return TileNodes(
        edge.size(),
        [this](int level, uint64_t n, uint64_t width) -> absl::StatusOr<std::vector<Hash>> {
          if (width == kTileWidth) return full.at({level, n});
          const auto part = edge.level(level);
          REQUIRE(part.size() == width);
          return std::vector<Hash>(part.begin(), part.end());
        });
  }
};

// One bit of one hash, or one hash more or less.
std::vector<Hash> Spoiled(std::vector<Hash> proof, std::mt19937_64* random) {
  const uint64_t how = (*random)() % 3;
  if (how == 0 || proof.empty()) {
    proof.push_back(Hash{});
  } else if (how == 1) {
    proof.pop_back();
  } else {
    proof[(*random)() % proof.size()][(*random)() % 32] ^= 1 << (*random)() % 8;
  }
  return proof;
}

}  // namespace

TEST_CASE("roots of the known vectors") {
  const std::vector<std::string> entries = KnownEntries();
  const std::vector<std::string> roots = {
      "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
      "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
      "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
      "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
      "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
      "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
      "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
      "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
      "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328"};
  Hasher hasher;
  TreeEdge edge;
  for (size_t size = 0; size <= entries.size(); ++size) {
    CHECK(Hex(edge.Root(&hasher)) == roots[size]);
    CHECK(Hex(NaiveRoot(entries, 0, size)) == roots[size]);
    if (size < entries.size()) {
      edge.Append(hasher.Leaf(entries[size]), &hasher, [](auto...) { FAIL("no tile is full"); });
    }
  }
}

TEST_CASE("inclusion and consistency for every size up to 300") {
  Grown tree;
  std::vector<Hash> roots = {NaiveRoot({}, 0, 0)};
  std::mt19937_64 random(20260101);
  for (uint64_t size = 1; size <= 300; ++size) {
    tree.GrowTo(size);
    const Hash root = NaiveRoot(tree.entries, 0, size);
    roots.push_back(root);
    REQUIRE(tree.edge.Root(&tree.hasher) == root);
    TileNodes nodes = tree.Nodes();
    for (uint64_t i = 0; i < size; ++i) {
      const Hash leaf = tree.hasher.Leaf(tree.entries[i]);
      const auto proof = *InclusionProof(i, size, nodes.AsReader());
      REQUIRE(VerifyInclusion(leaf, i, size, proof, root));
      REQUIRE_FALSE(VerifyInclusion(leaf, i, size, Spoiled(proof, &random), root));
      REQUIRE_FALSE(VerifyInclusion(leaf, i, size, proof, roots[size - 1]));
      if (size > 1) REQUIRE_FALSE(VerifyInclusion(leaf, (i + 1) % size, size, proof, root));
    }
    for (uint64_t old = 0; old <= size; ++old) {
      const auto proof = *ConsistencyProof(old, size, nodes.AsReader());
      REQUIRE(VerifyConsistency(old, roots[old], size, root, proof));
      REQUIRE_FALSE(VerifyConsistency(old, roots[old], size, root, Spoiled(proof, &random)));
      if (old > 0) REQUIRE_FALSE(VerifyConsistency(old, roots[old - 1], size, root, proof));
    }
  }
}

TEST_CASE("proofs in larger trees") {
  const uint64_t seed = std::random_device()();
  INFO("seed " << seed);
  std::mt19937_64 random(seed);
  Grown tree;
  Hash old_root = NaiveRoot({}, 0, 0);
  uint64_t old_size = 0;
  for (const uint64_t size : {uint64_t{5000}, uint64_t{65536}, 65537 + random() % 10000}) {
    tree.GrowTo(size);
    const Hash root = NaiveRoot(tree.entries, 0, size);
    REQUIRE(tree.edge.Root(&tree.hasher) == root);
    TileNodes nodes = tree.Nodes();
    for (int i = 0; i < 300; ++i) {
      const uint64_t index = random() % size;
      const auto proof = *InclusionProof(index, size, nodes.AsReader());
      REQUIRE(VerifyInclusion(tree.hasher.Leaf(tree.entries[index]), index, size, proof, root));
      const uint64_t before = 1 + random() % size;
      const Hash before_root = *RootAt(before, nodes.AsReader());
      if (i < 3) REQUIRE(before_root == NaiveRoot(tree.entries, 0, before));
      const auto consistent = *ConsistencyProof(before, size, nodes.AsReader());
      REQUIRE(VerifyConsistency(before, before_root, size, root, consistent));
    }
    const auto proof = *ConsistencyProof(old_size, size, nodes.AsReader());
    REQUIRE(VerifyConsistency(old_size, old_root, size, root, proof));
    old_root = root;
    old_size = size;
  }
}

TEST_CASE("a proof of what is not in the tree is refused") {
  Grown tree;
  tree.GrowTo(10);
  TileNodes nodes = tree.Nodes();
  CHECK(InclusionProof(10, 10, nodes.AsReader()).status().code() ==
        absl::StatusCode::kInvalidArgument);
  CHECK(ConsistencyProof(11, 10, nodes.AsReader()).status().code() ==
        absl::StatusCode::kInvalidArgument);
  CHECK(InclusionProof(3, 11, nodes.AsReader()).status().code() == absl::StatusCode::kOutOfRange);
  CHECK_FALSE(VerifyInclusion({}, 10, 10, {}, {}));
  CHECK_FALSE(VerifyConsistency(11, {}, 10, {}, {}));
}

TEST_CASE("paths of tiles") {
  CHECK(TilePath(0, 0, 256) == "tile/0/000");
  CHECK(TilePath(0, 1234067, 256) == "tile/0/x001/x234/067");
  CHECK(TilePath(1, 273, 17) == "tile/1/273.p/17");
  CHECK(BundlePath(999, 256) == "tile/entries/999");
  CHECK(BundlePath(1000, 1) == "tile/entries/x001/000.p/1");
  CHECK(TileWidth(0, 272, 70000) == 256);
  CHECK(TileWidth(0, 273, 70000) == 112);
  CHECK(TileWidth(0, 274, 70000) == 0);
  CHECK(TileWidth(1, 0, 70000) == 256);
  CHECK(TileWidth(1, 1, 70000) == 17);
  CHECK(TileWidth(2, 0, 70000) == 1);
  CHECK(TileWidth(3, 0, 70000) == 0);
  CHECK(TileWidth(1, 0, 256) == 1);
}

}  // namespace lgsp::evidence
