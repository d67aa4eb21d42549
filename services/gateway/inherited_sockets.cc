#include "services/gateway/inherited_sockets.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdlib>

#include "absl/strings/numbers.h"
#include "absl/strings/string_view.h"

namespace lgsp::gateway {
namespace {

// SD_LISTEN_FDS_START
constexpr int kFirst = 3;
constexpr int kMost = 64;

int NumberIn(const char* variable) {
  const char* const value = getenv(variable);
  int number = 0;
  return value != nullptr && absl::SimpleAtoi(value, &number) ? number : 0;
}

bool ListensAt(int socket, const boost::asio::ip::tcp::endpoint& endpoint) {
  boost::asio::ip::tcp::endpoint bound;
  auto size = static_cast<socklen_t>(bound.capacity());
  int listens = 0;
  socklen_t flag_size = sizeof(listens);
  if (getsockopt(socket, SOL_SOCKET, SO_ACCEPTCONN, &listens, &flag_size) != 0 || listens == 0 ||
      getsockname(socket, bound.data(), &size) != 0) {
    return false;
  }
  bound.resize(size);
  return bound == endpoint;
}

}  // namespace

InheritedSockets InheritedSockets::FromEnvironment() {
  std::vector<int> sockets;
  const int count = NumberIn("LISTEN_FDS");
  if (NumberIn("LISTEN_PID") != getpid() || count < 0 || count > kMost) return {};
  for (int i = 0; i < count; ++i) {
    fcntl(kFirst + i, F_SETFD, FD_CLOEXEC);
    sockets.push_back(kFirst + i);
  }
  // Not for those whom we start.
  unsetenv("LISTEN_FDS");
  unsetenv("LISTEN_PID");
  return InheritedSockets(std::move(sockets));
}

InheritedSockets::~InheritedSockets() {
  for (const int socket : sockets_) close(socket);
}

std::vector<int> InheritedSockets::Take(const boost::asio::ip::tcp::endpoint& endpoint) {
  std::vector<int> taken, left;
  for (const int socket : sockets_) (ListensAt(socket, endpoint) ? taken : left).push_back(socket);
  sockets_ = std::move(left);
  return taken;
}

}  // namespace lgsp::gateway
