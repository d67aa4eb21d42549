#include "services/gateway/byte_queue.h"

#include <algorithm>
#include <cstring>

#include "services/gateway/limits.h"

namespace lgsp::gateway {

void ByteQueue::Append(absl::string_view data) {
  // Moving the rest to the front is cheap while it is smaller than what was taken before it.
  if (head_ > keep_ && head_ >= size()) {
    data_.erase(0, head_);
    head_ = 0;
    whole_ = false;
  }
  data_.append(data.data(), data.size());
}

absl::string_view ByteQueue::Waiting() const {
  return absl::string_view(data_).substr(head_);
}

size_t ByteQueue::Take(uint8_t* out, size_t limit) {
  const size_t n = std::min(limit, size());
  std::memcpy(out, data_.data() + head_, n);
  Drop(n);
  return n;
}

void ByteQueue::Drop(size_t n) {
  head_ += n;
  if (head_ == data_.size() && head_ > keep_) {
    data_.clear();
    head_ = 0;
    whole_ = false;
  }
}

bool ByteQueue::Rewind() {
  if (!whole_) return false;
  head_ = 0;
  return true;
}

void ByteQueue::Clear() {
  if (data_.capacity() > kKeepBytes) std::string().swap(data_);
  data_.clear();
  head_ = 0;
  keep_ = 0;
  whole_ = true;
}

}  // namespace lgsp::gateway
