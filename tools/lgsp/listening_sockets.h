// Sockets that listen for a process while it is not there.
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace lgsp::cli {

class ListeningSockets {
 public:
  ListeningSockets() = default;
  ~ListeningSockets();
  ListeningSockets(ListeningSockets&& other) noexcept { sockets_.swap(other.sockets_); }
  ListeningSockets& operator=(ListeningSockets&& other) noexcept {
    sockets_.swap(other.sockets_);
    return *this;
  }

  // `count` of them at `address` (`127.0.0.1:18443`), among which the kernel shares connections
  // out. FAILED_PRECONDITION PORT_IN_USE.
  static absl::StatusOr<ListeningSockets> At(const std::string& address, int count);

  const std::vector<int>& get() const { return sockets_; }

 private:
  std::vector<int> sockets_;
};

}  // namespace lgsp::cli
