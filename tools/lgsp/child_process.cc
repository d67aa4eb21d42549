#include "tools/lgsp/child_process.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <string>
#include <system_error>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "libs/status/status.h"

namespace lgsp::cli {
namespace {

constexpr size_t kMaxLineBytes = 200;
constexpr int kExecFailed = 127;
// SD_LISTEN_FDS_START, and above all that may be handed over.
constexpr int kFirstSocket = 3;
constexpr int kOutOfTheWay = 128;
constexpr char kListenPid[] = "LISTEN_PID=";

class Fd {
 public:
  explicit Fd(int fd) : fd_(fd) {}
  ~Fd() { Close(); }
  Fd(const Fd&) = delete;
  Fd& operator=(const Fd&) = delete;
  int get() const { return fd_; }
  void Close() {
    if (fd_ >= 0) close(fd_);
    fd_ = -1;
  }

 private:
  int fd_;
};

// What of the child is made before the fork, as nothing may be allocated after it.
struct Plan {
  std::vector<char*> argv, environment;
  std::vector<int> sockets;
  // Of the environment; the pid goes behind it.
  std::string listen_fds, listen_pid;
};

void WritePid(char* out) {
  char digits[16];
  int count = 0;
  for (pid_t pid = getpid(); pid > 0; pid /= 10)
    digits[count++] = static_cast<char>('0' + pid % 10);
  while (count > 0) *out++ = digits[--count];
  *out = '\0';
}

// Async-signal-safe. Returns where `error_pipe` is now.
int HandOver(Plan& plan, int error_pipe) {
  // First out of the way of the numbers they are to have.
  for (int& socket : plan.sockets) socket = fcntl(socket, F_DUPFD_CLOEXEC, kOutOfTheWay);
  error_pipe = fcntl(error_pipe, F_DUPFD_CLOEXEC, kOutOfTheWay);
  int next = kFirstSocket;
  for (const int socket : plan.sockets) dup2(socket, next++);
  WritePid(plan.listen_pid.data() + strlen(kListenPid));
  return error_pipe;
}

// Runs in the child between fork and exec: only async-signal-safe calls, nothing that allocates.
[[noreturn]] void BecomeChild(Plan& plan, pid_t parent, int log, int error_pipe) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  // A parent that died before prctl took effect will send no signal any more.
  if (getppid() != parent) _exit(kExecFailed);
  setpgid(0, 0);
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
  signal(SIGPIPE, SIG_DFL);
  const int nothing = open("/dev/null", O_RDONLY);
  dup2(nothing, STDIN_FILENO);
  dup2(log, STDOUT_FILENO);
  dup2(log, STDERR_FILENO);
  if (!plan.sockets.empty()) error_pipe = HandOver(plan, error_pipe);
  execve(plan.argv[0], plan.argv.data(), plan.environment.data());
  const int error = errno;
  // The parent sees a short read at worst; there is no one else to tell.
  [[maybe_unused]] const ssize_t written = write(error_pipe, &error, sizeof(error));
  _exit(kExecFailed);
}

Plan PlanOf(const std::vector<std::string>& argv, const std::vector<int>& sockets) {
  Plan plan;
  for (const std::string& argument : argv) plan.argv.push_back(const_cast<char*>(argument.c_str()));
  plan.argv.push_back(nullptr);
  for (char** variable = environ; *variable != nullptr; ++variable) {
    if (!absl::StartsWith(*variable, "LISTEN_")) plan.environment.push_back(*variable);
  }
  plan.sockets = sockets;
  if (!sockets.empty()) {
    plan.listen_fds = absl::StrCat("LISTEN_FDS=", sockets.size());
    plan.listen_pid = absl::StrCat(kListenPid, "0000000000000000");
    plan.environment.push_back(plan.listen_fds.data());
    plan.environment.push_back(plan.listen_pid.data());
  }
  plan.environment.push_back(nullptr);
  return plan;
}

}  // namespace

void SetAsideLargeLog(const std::string& log_file) {
  std::error_code error;
  const auto size = std::filesystem::file_size(log_file, error);
  if (error || size <= static_cast<uintmax_t>(kMaxLogBytes)) return;
  if (!std::filesystem::copy_file(log_file, log_file + ".1",
                                  std::filesystem::copy_options::overwrite_existing, error)) {
    return;
  }
  std::filesystem::resize_file(log_file, 0, error);
}

absl::StatusOr<pid_t> StartChild(const std::vector<std::string>& argv, const std::string& log_file,
                                 const std::vector<int>& sockets) {
  SetAsideLargeLog(log_file);
  const Fd log(open(log_file.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600));
  if (log.get() < 0) {
    return MakeError(absl::StatusCode::kUnavailable, "LOG_NOT_WRITABLE",
                     absl::StrCat(log_file, ": ", strerror(errno)), {{"path", log_file}});
  }
  Plan plan = PlanOf(argv, sockets);
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) {
    return MakeError(absl::StatusCode::kUnavailable, "PROCESS_LIMIT",
                     "no more files can be opened");
  }
  const Fd read_end(ends[0]);
  Fd write_end(ends[1]);
  const pid_t parent = getpid();
  const pid_t pid = fork();
  if (pid < 0) {
    return MakeError(absl::StatusCode::kUnavailable, "PROCESS_LIMIT",
                     "no more processes can be made");
  }
  if (pid == 0) BecomeChild(plan, parent, log.get(), write_end.get());
  write_end.Close();
  // exec closes the child's end without a byte; its failure is told through it.
  int error = 0;
  ssize_t n;
  do {
    n = read(read_end.get(), &error, sizeof(error));
  } while (n < 0 && errno == EINTR);
  if (n == 0) return pid;
  waitpid(pid, nullptr, 0);
  return MakeError(absl::StatusCode::kFailedPrecondition, "PROGRAM_NOT_STARTED",
                   absl::StrCat(argv[0], ": ", strerror(error)), {{"path", argv[0]}});
}

std::string LastLine(const std::string& file) {
  std::ifstream in(file);
  std::string last;
  for (std::string line; std::getline(in, line);) {
    if (!line.empty()) last = line;
  }
  return last.substr(0, kMaxLineBytes);
}

std::string DescribeExit(int wait_status) {
  if (WIFSIGNALED(wait_status)) return absl::StrCat("signal ", WTERMSIG(wait_status));
  return absl::StrCat("exit status ", WEXITSTATUS(wait_status));
}

}  // namespace lgsp::cli
