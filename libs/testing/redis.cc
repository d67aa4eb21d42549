#include "libs/testing/redis.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <filesystem>

namespace lgsp::testing {
namespace {

// Debian's redis-tools has the server's program under this name; what it does it decides by the
// name that it is called by. The package redis-server would start one for the whole machine.
constexpr char kProgram[] = "/usr/bin/redis-check-rdb";
constexpr int kPollMilliseconds = 5, kPolls = 4000;

[[noreturn]] void Stop(const char* what) {
  perror(what);
  abort();
}

bool Answers(const std::string& path) {
  const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  path.copy(address.sun_path, sizeof(address.sun_path) - 1);
  const bool connected =
      connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0;
  close(fd);
  return connected;
}

}  // namespace

RedisServer::RedisServer(const std::string& password) : password_(password) {
  folder_ = (std::filesystem::temp_directory_path() / "lgsp-redis-XXXXXX").string();
  if (mkdtemp(folder_.data()) == nullptr) Stop("mkdtemp");
  Start();
}

void RedisServer::Start() {
  const std::string socket_path = folder_ + "/socket";
  const pid_t parent = getpid();
  server_ = fork();
  if (server_ < 0) Stop("fork");
  if (server_ == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent) _exit(125);
    const int null = open("/dev/null", O_RDWR);
    dup2(null, STDOUT_FILENO);
    dup2(null, STDERR_FILENO);
    close_range(STDERR_FILENO + 1, ~0U, 0);
    execl(kProgram, "redis-server", "--port", "0", "--unixsocket", socket_path.c_str(), "--save",
          "", "--appendonly", "no", "--dir", folder_.c_str(), "--requirepass", password_.c_str(),
          static_cast<char*>(nullptr));
    _exit(127);
  }
  for (int i = 0; i < kPolls && !Answers(socket_path); ++i) poll(nullptr, 0, kPollMilliseconds);
  if (!Answers(socket_path)) Stop("redis-server (package redis-tools) did not start");
}

void RedisServer::Kill() {
  if (server_ < 0) return;
  kill(server_, SIGKILL);
  waitpid(server_, nullptr, 0);
  server_ = -1;
}

void RedisServer::Pause() { kill(server_, SIGSTOP); }
void RedisServer::Resume() { kill(server_, SIGCONT); }

RedisServer::~RedisServer() {
  Kill();
  std::error_code ignored;
  std::filesystem::remove_all(folder_, ignored);
}

}  // namespace lgsp::testing
