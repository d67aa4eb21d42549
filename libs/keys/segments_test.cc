// Segments: round trips at every border, and that nothing but the whole content in its order opens.
#include "libs/keys/segments.h"

#include <catch2/catch.hpp>

#include "absl/strings/str_cat.h"
#include "libs/keys/digest.h"
#include "libs/status/status.h"

namespace lgsp::keys {
namespace {

std::string SealAll(const DataKey& key, absl::string_view plain, size_t chunk) {
  SegmentSealer sealer(key);
  std::string sealed;
  for (size_t at = 0; at < plain.size(); at += chunk)
    sealer.Update(plain.substr(at, chunk), sealed);
  sealer.Finish(sealed);
  return sealed;
}

absl::StatusOr<std::string> OpenAll(const DataKey& key, absl::string_view sealed) {
  SegmentOpener opener(key);
  std::string plain;
  while (!sealed.empty()) {
    const absl::string_view segment = sealed.substr(0, kSealedSegmentBytes);
    sealed.remove_prefix(segment.size());
    ASSIGN_OR_RETURN(const std::string part, opener.Open(segment, sealed.empty()));
    plain += part;
  }
  return plain;
}

bool Opens(const DataKey& key, absl::string_view sealed) {
  const auto plain = OpenAll(key, sealed);
  if (!plain.ok()) {
    CHECK(plain.status().code() == absl::StatusCode::kDataLoss);
    CHECK(ErrorReason(plain.status()) == "SEALED_DATA_INVALID");
  }
  return plain.ok();
}

TEST_CASE("segments: what was sealed opens, whatever its length and the pieces it came in") {
  const DataKey key = KeyRing::NewDataKey();
  for (const size_t size : {size_t{1}, kSegmentBytes - 1, kSegmentBytes, kSegmentBytes + 1,
                            2 * kSegmentBytes, 3 * kSegmentBytes + 5}) {
    const std::string plain = RandomBytes(size);
    for (const size_t chunk : {size_t{997}, kSegmentBytes, size_t{1} << 20}) {
      INFO(size << " in pieces of " << chunk);
      const std::string sealed = SealAll(key, plain, chunk);
      const size_t segments = (size + kSegmentBytes - 1) / kSegmentBytes;
      CHECK(sealed.size() == size + segments * kSegmentOverhead);
      const auto opened = OpenAll(key, sealed);
      REQUIRE(opened.ok());
      CHECK(*opened == plain);
    }
  }
}

TEST_CASE("segments: cut, appended, changed, moved and mixed content does not open") {
  const DataKey key = KeyRing::NewDataKey();
  const std::string plain = RandomBytes(3 * kSegmentBytes);
  const std::string sealed = SealAll(key, plain, kSegmentBytes);
  const auto part = [&](size_t n) {
    return sealed.substr(n * kSealedSegmentBytes, kSealedSegmentBytes);
  };
  REQUIRE(Opens(key, sealed));
  // At the border of a segment, and elsewhere.
  CHECK_FALSE(Opens(key, part(0) + part(1)));
  CHECK_FALSE(Opens(key, sealed.substr(0, sealed.size() - 1)));
  CHECK_FALSE(Opens(key, sealed.substr(0, kSealedSegmentBytes + 7)));
  CHECK_FALSE(Opens(key, part(1) + part(0) + part(2)));
  CHECK_FALSE(Opens(key, part(0) + part(2)));
  CHECK_FALSE(Opens(key, part(0) + part(0) + part(1) + part(2)));
  CHECK_FALSE(Opens(key, sealed + part(2)));
  CHECK_FALSE(Opens(key, sealed + "x"));
  CHECK_FALSE(Opens(KeyRing::NewDataKey(), sealed));
  const std::string other = SealAll(KeyRing::NewDataKey(), plain, kSegmentBytes);
  CHECK_FALSE(Opens(key, part(0) + other.substr(kSealedSegmentBytes)));
  for (const size_t at : {size_t{0}, kSegmentBytes + 3, sealed.size() - 1}) {
    std::string changed = sealed;
    changed[at] ^= 1;
    CHECK_FALSE(Opens(key, changed));
  }
}

TEST_CASE("a hash made in pieces is the hash of the whole") {
  Sha256Stream stream;
  std::string whole;
  for (int i = 0; i < 100; ++i) {
    const std::string piece = absl::StrCat("piece ", i);
    whole += piece;
    stream.Update(piece);
  }
  CHECK(stream.Finish() == Sha256(whole));
  CHECK(Sha256Stream().Finish() == Sha256(""));
}

}  // namespace
}  // namespace lgsp::keys
