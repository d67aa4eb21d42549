#include "tools/bench/exchange_load/requests.h"

#include "absl/strings/str_cat.h"

namespace lgsp::bench {
namespace {

constexpr size_t kPrefixBytes = 5;
// Places in the head.
constexpr size_t kPath = 2;

nghttp2_nv Field(absl::string_view name, absl::string_view value) {
  return {reinterpret_cast<uint8_t*>(const_cast<char*>(name.data())),
          reinterpret_cast<uint8_t*>(const_cast<char*>(value.data())), name.size(), value.size(),
          NGHTTP2_NV_FLAG_NO_COPY_NAME | NGHTTP2_NV_FLAG_NO_COPY_VALUE};
}

// The length in base 128, with at least `bytes` of them: protobuf permits more than it needs.
std::string Varint(uint64_t number, size_t bytes) {
  std::string out;
  while (number > 0x7f || out.size() + 1 < bytes) {
    out.push_back(static_cast<char>((number & 0x7f) | 0x80));
    number >>= 7;
  }
  out.push_back(static_cast<char>(number));
  return out;
}

std::string MessageOf(size_t bytes) {
  const size_t content = bytes - kPrefixBytes;
  std::string message(1, '\0');
  for (int shift = 24; shift >= 0; shift -= 8) {
    message.push_back(static_cast<char>(content >> shift & 0xff));
  }
  // Room for the tag and the length; a shorter message is empty or not protobuf.
  if (content >= 2) {
    size_t length_bytes = 1;
    while ((content - 1 - length_bytes) >> (7 * length_bytes) != 0) ++length_bytes;
    message.push_back('\x0a');
    absl::StrAppend(&message, Varint(content - 1 - length_bytes, length_bytes));
  }
  for (size_t i = message.size(); i < bytes; ++i) {
    message.push_back(static_cast<char>('a' + i * 7 % 26));
  }
  return message;
}

}  // namespace

Requests::Requests(const Load& load)
    : scheme_(load.tls.has_value() ? "https" : "http"),
      authority_(absl::StrCat(load.host, ":", load.port)),
      message_(MessageOf(load.request_bytes)) {
  for (const std::string& path : load.paths) paths_.push_back(Field(":path", path));
  for (const std::string& token : load.tokens) bearers_.push_back(absl::StrCat("Bearer ", token));
  for (const std::string& bearer : bearers_) tokens_.push_back(Field("authorization", bearer));
  head_ = {Field(":method", "POST"),
           Field(":scheme", scheme_),
           paths_.front(),
           Field(":authority", authority_),
           Field("te", "trailers"),
           Field("content-type", "application/grpc"),
           Field("user-agent", "lgsp-bench")};
  if (!tokens_.empty()) head_.push_back(tokens_.front());
}

const std::vector<nghttp2_nv>& Requests::Next() {
  head_[kPath] = paths_[next_ % paths_.size()];
  if (!tokens_.empty()) head_.back() = tokens_[next_ % tokens_.size()];
  ++next_;
  return head_;
}

}  // namespace lgsp::bench
