// What is sent: every head field and the message are made once, before the load.
#pragma once

#include <nghttp2/nghttp2.h>

#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "tools/bench/exchange_load/load.h"

namespace lgsp::bench {

class Requests {
 public:
  // `load` must outlive it.
  explicit Requests(const Load& load);
  Requests(const Requests&) = delete;
  Requests& operator=(const Requests&) = delete;

  // The head of the next call, valid until the next Next().
  const std::vector<nghttp2_nv>& Next();
  // A gRPC message whose content is a protobuf message: field 1, text.
  absl::string_view message() const { return message_; }

 private:
  const std::string scheme_;
  const std::string authority_;
  std::vector<nghttp2_nv> paths_;
  // `authorization`, with values that are kept here.
  std::vector<std::string> bearers_;
  std::vector<nghttp2_nv> tokens_;
  std::vector<nghttp2_nv> head_;
  const std::string message_;
  uint64_t next_ = 0;
};

}  // namespace lgsp::bench
