#include "services/dossiers/documents/clamd.h"

#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <memory>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "libs/status/status.h"

namespace lgsp::dossiers {
namespace {

constexpr absl::string_view kUnix = "unix:";
constexpr absl::string_view kTcp = "tcp:";
// clamd(8): `z` begins a command that ends with NUL, as does its answer.
constexpr absl::string_view kCommand("zINSTREAM\0", 10);
constexpr size_t kMaxAnswerBytes = 4 << 10;

absl::Status Unavailable(absl::string_view what) {
  return MakeError(absl::StatusCode::kUnavailable, "SCANNER_UNAVAILABLE",
                   absl::StrCat("scanner: ", what));
}

absl::Status Failed(absl::string_view what) {
  return Unavailable(absl::StrCat(what, ": ", std::strerror(errno)));
}

// `host` and `port` of `tcp:host:port`.
bool SplitTcp(absl::string_view address, std::string& host, std::string& port) {
  if (!absl::ConsumePrefix(&address, kTcp)) return false;
  const size_t colon = address.rfind(':');
  if (colon == absl::string_view::npos) return false;
  host = std::string(address.substr(0, colon));
  port = std::string(address.substr(colon + 1));
  return !host.empty() && !port.empty();
}

// A socket that waits until a deadline and no longer.
class Connection {
 public:
  explicit Connection(absl::Time deadline) : deadline_(deadline) {}
  ~Connection() {
    if (socket_ >= 0) close(socket_);
  }
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  absl::Status Open(absl::string_view address) {
    sockaddr_un local = {};
    local.sun_family = AF_UNIX;
    if (absl::ConsumePrefix(&address, kUnix)) {
      address.copy(local.sun_path, sizeof(local.sun_path) - 1);
      return Connect(AF_UNIX, reinterpret_cast<sockaddr*>(&local), sizeof(local));
    }
    std::string host, port;
    SplitTcp(address, host, port);
    addrinfo hints = {};
    hints.ai_socktype = SOCK_STREAM;
    addrinfo* found = nullptr;
    if (getaddrinfo(host.c_str(), port.c_str(), &hints, &found) != 0) {
      return Unavailable("its name cannot be resolved");
    }
    const std::unique_ptr<addrinfo, void (*)(addrinfo*)> owner(found, freeaddrinfo);
    return Connect(found->ai_family, found->ai_addr, found->ai_addrlen);
  }

  absl::Status Send(absl::string_view bytes) {
    while (!bytes.empty()) {
      const ssize_t sent = send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (sent >= 0) {
        bytes.remove_prefix(static_cast<size_t>(sent));
      } else if (errno == EAGAIN) {
        RETURN_IF_ERROR(Wait(POLLOUT));
      } else if (errno != EINTR) {
        return Failed("cannot send");
      }
    }
    return absl::OkStatus();
  }

  // All up to NUL or the end.
  absl::StatusOr<std::string> Receive() {
    std::string answer;
    char buffer[512];
    while (answer.size() < kMaxAnswerBytes) {
      const ssize_t got = recv(socket_, buffer, sizeof(buffer), 0);
      if (got == 0) return answer;
      if (got < 0 && errno == EAGAIN) {
        RETURN_IF_ERROR(Wait(POLLIN));
      } else if (got < 0 && errno != EINTR) {
        return Failed("cannot receive");
      } else if (got > 0) {
        answer.append(buffer, static_cast<size_t>(got));
        const size_t end = answer.find('\0');
        if (end != std::string::npos) return answer.substr(0, end);
      }
    }
    return answer;
  }

 private:
  absl::Status Connect(int family, const sockaddr* address, socklen_t size) {
    socket_ = socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (socket_ < 0) return Failed("cannot make a socket");
    if (connect(socket_, address, size) == 0) return absl::OkStatus();
    if (errno != EINPROGRESS) return Failed("cannot connect");
    RETURN_IF_ERROR(Wait(POLLOUT));
    socklen_t length = sizeof(errno);
    int error = 0;
    getsockopt(socket_, SOL_SOCKET, SO_ERROR, &error, &length);
    errno = error;
    return error == 0 ? absl::OkStatus() : Failed("cannot connect");
  }

  absl::Status Wait(short events) {
    const int64_t left = absl::ToInt64Milliseconds(deadline_ - absl::Now());
    pollfd waiting = {socket_, events, 0};
    if (left <= 0 || poll(&waiting, 1, static_cast<int>(left)) == 0) {
      return Unavailable("not done in time");
    }
    return absl::OkStatus();
  }

  const absl::Time deadline_;
  int socket_ = -1;
};

// A length in network order, then as many bytes; none end the content.
std::string Chunk(absl::string_view content) {
  const uint32_t size = static_cast<uint32_t>(content.size());
  const char length[] = {static_cast<char>(size >> 24), static_cast<char>(size >> 16),
                         static_cast<char>(size >> 8), static_cast<char>(size)};
  return absl::StrCat(absl::string_view(length, sizeof(length)), content);
}

absl::StatusOr<ScanVerdict> ToVerdict(absl::string_view answer) {
  answer = absl::StripSuffix(answer, "\n");
  if (answer == "stream: OK") return ScanVerdict::kClean;
  if (absl::StartsWith(answer, "stream: ") && absl::EndsWith(answer, " FOUND")) {
    return ScanVerdict::kInfected;
  }
  if (absl::StartsWith(answer, "INSTREAM size limit exceeded")) return ScanVerdict::kTooLarge;
  return MakeError(absl::StatusCode::kUnavailable, "SCANNER_ANSWER_INVALID",
                   "the scanner's answer is no verdict");
}

}  // namespace

absl::Status CheckScannerAddress(absl::string_view address) {
  std::string host, port;
  const bool local = absl::StartsWith(address, kUnix) && address.size() > kUnix.size() &&
                     address.size() - kUnix.size() < sizeof(sockaddr_un::sun_path);
  if (local || SplitTcp(address, host, port)) return absl::OkStatus();
  return MakeFieldError("SCANNER_ADDRESS_INVALID", "documents.scanner",
                        "must be unix:/path or tcp:host:port");
}

absl::StatusOr<ScanVerdict> ScanWithClamd(absl::string_view address,
                                          absl::FunctionRef<absl::StatusOr<std::string>()> next,
                                          absl::Time deadline) {
  RETURN_IF_ERROR(CheckScannerAddress(address));
  Connection connection(deadline);
  RETURN_IF_ERROR(connection.Open(address));
  absl::Status sent = connection.Send(kCommand);
  for (bool more = true; more && sent.ok();) {
    ASSIGN_OR_RETURN(const std::string content, next());
    more = !content.empty();
    sent = connection.Send(Chunk(content));
  }
  // What is too large for it is answered before the end.
  const auto answer = connection.Receive();
  if (!answer.ok() || answer->empty()) {
    RETURN_IF_ERROR(sent);
    RETURN_IF_ERROR(answer.status());
    return Unavailable("closed without an answer");
  }
  return ToVerdict(*answer);
}

}  // namespace lgsp::dossiers
