#include "tools/lgsp/listening_sockets.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "absl/strings/str_cat.h"
#include "libs/status/status.h"
#include "tools/lgsp/data_folder.h"

namespace lgsp::cli {

ListeningSockets::~ListeningSockets() {
  for (const int socket : sockets_) close(socket);
}

absl::StatusOr<ListeningSockets> ListeningSockets::At(const std::string& address, int count) {
  sockaddr_in at = {};
  at.sin_family = AF_INET;
  at.sin_port = htons(static_cast<uint16_t>(PortOf(address)));
  ListeningSockets out;
  // Another form of address is the process's own business.
  if (inet_pton(AF_INET, address.substr(0, address.rfind(':')).c_str(), &at.sin_addr) != 1) {
    return out;
  }
  for (int i = 0; i < count; ++i) {
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const int yes = 1;
    if (fd >= 0) out.sockets_.push_back(fd);
    if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes)) != 0 ||
        setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &yes, sizeof(yes)) != 0 ||
        bind(fd, reinterpret_cast<sockaddr*>(&at), sizeof(at)) != 0 || listen(fd, SOMAXCONN) != 0) {
      return MakeError(absl::StatusCode::kFailedPrecondition, "PORT_IN_USE",
                       absl::StrCat(address, " is taken by another program"),
                       {{"address", address}});
    }
  }
  return out;
}

}  // namespace lgsp::cli
