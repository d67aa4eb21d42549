// Latencies in buckets of at most 1/64 of their value, so that counting one costs no memory.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>

namespace lgsp::bench {

class Histogram {
 public:
  void Add(int64_t nanoseconds) {
    const uint64_t value = nanoseconds < 0 ? 0 : static_cast<uint64_t>(nanoseconds);
    ++buckets_[BucketOf(value)];
    ++count_;
    largest_ = std::max(largest_, value);
  }

  int64_t count() const { return count_; }
  double MaxMicroseconds() const { return static_cast<double>(largest_) / 1e3; }

  // What `share` of all did not exceed; 0 when there is none.
  double Microseconds(double share) const {
    const auto wanted = static_cast<int64_t>(share * static_cast<double>(count_));
    int64_t seen = 0;
    for (size_t bucket = 0; bucket < buckets_.size(); ++bucket) {
      seen += buckets_[bucket];
      if (seen > wanted) return static_cast<double>(std::min(UpperEnd(bucket), largest_)) / 1e3;
    }
    return MaxMicroseconds();
  }

 private:
  static constexpr int kBits = 6;
  static constexpr uint64_t kParts = 1 << kBits;

  // Below kParts a bucket is one number; above, each doubling has kParts of them.
  static size_t BucketOf(uint64_t value) {
    if (value < kParts) return value;
    const int shift = std::bit_width(value) - 1 - kBits;
    return kParts * static_cast<uint64_t>(shift + 1) + (value >> shift) - kParts;
  }

  static uint64_t UpperEnd(size_t bucket) {
    if (bucket < kParts) return bucket;
    const uint64_t shift = bucket / kParts - 1;
    return ((bucket % kParts + kParts + 1) << shift) - 1;
  }

  std::array<int64_t, kParts * (64 - kBits + 1)> buckets_ = {};
  int64_t count_ = 0;
  uint64_t largest_ = 0;
};

}  // namespace lgsp::bench
