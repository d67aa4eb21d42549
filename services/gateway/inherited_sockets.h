// Listening sockets that whoever starts the gateway holds open for it (systemd's socket activation,
// `lgsp up`): while no gateway runs, connections wait instead of being refused.
#pragma once

#include <boost/asio/ip/tcp.hpp>
#include <vector>

namespace lgsp::gateway {

class InheritedSockets {
 public:
  InheritedSockets() = default;
  // By LISTEN_PID and LISTEN_FDS, as sd_listen_fds(3) has it; none when they are not for us. Call
  // once, before any thread.
  static InheritedSockets FromEnvironment();
  explicit InheritedSockets(std::vector<int> sockets) : sockets_(std::move(sockets)) {}
  ~InheritedSockets();
  InheritedSockets(InheritedSockets&& other) noexcept { sockets_.swap(other.sockets_); }
  InheritedSockets& operator=(InheritedSockets&&) = delete;

  // Those that listen at `endpoint`; the caller's from now on.
  std::vector<int> Take(const boost::asio::ip::tcp::endpoint& endpoint);
  // Nobody will take from them: they are closed when this is.
  size_t left() const { return sockets_.size(); }

 private:
  std::vector<int> sockets_;
};

}  // namespace lgsp::gateway
