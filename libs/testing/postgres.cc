#include "libs/testing/postgres.h"

#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <pwd.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "libs/status/status.h"

namespace lgsp::testing {
namespace {

namespace fs = std::filesystem;

constexpr char kFolderPrefix[] = "lgsp-postgres-";
// PostgreSQL refuses to run as root; the package makes this user.
constexpr char kUnprivilegedUser[] = "postgres";
constexpr absl::Duration kStartTimeout = absl::Seconds(60);
constexpr int kPollMilliseconds = 10;
constexpr size_t kLogTail = 2000;

std::string ReadFile(const std::string& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

// Null when we are not root and run the server as ourselves.
const passwd* ServerUser() {
  static const passwd* user = geteuid() == 0 ? getpwnam(kUnprivilegedUser) : nullptr;
  return user;
}

// Between fork and exec: only calls that are safe there. `death_signal` comes when the parent dies.
[[noreturn]] void Become(char* const* argv, const passwd* user, const char* log, pid_t parent,
                         int death_signal) {
  if (user != nullptr &&
      (setgroups(0, nullptr) != 0 || setgid(user->pw_gid) != 0 || setuid(user->pw_uid) != 0)) {
    _exit(126);
  }
  // After the change of user, which resets it.
  prctl(PR_SET_PDEATHSIG, death_signal);
  if (getppid() != parent) _exit(125);
  const int fd = open(log, O_WRONLY | O_CREAT | O_APPEND, 0600);
  if (fd < 0) _exit(124);
  dup2(fd, STDOUT_FILENO);
  dup2(fd, STDERR_FILENO);
  close_range(STDERR_FILENO + 1, ~0U, 0);
  execv(argv[0], argv);
  _exit(127);
}

pid_t Spawn(const std::string& tool, const std::vector<std::string>& arguments,
            const std::string& log, int death_signal) {
  const std::string path = absl::StrCat(LGSP_POSTGRES_BIN, "/", tool);
  std::vector<char*> argv = {const_cast<char*>(path.c_str())};
  for (const std::string& argument : arguments) argv.push_back(const_cast<char*>(argument.c_str()));
  argv.push_back(nullptr);
  const passwd* user = ServerUser();
  const pid_t parent = getpid();
  const pid_t child = fork();
  if (child == 0) Become(argv.data(), user, log.c_str(), parent, death_signal);
  return child;
}

// Folders of tests that died, named by their process.
void RemoveLeftovers(const fs::path& temporary) {
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator(temporary, ignored)) {
    const std::string name = entry.path().filename().string();
    if (!absl::StartsWith(name, kFolderPrefix)) continue;
    const std::vector<std::string> parts = absl::StrSplit(name, '-');
    pid_t process = 0;
    if (parts.size() == 4 && absl::SimpleAtoi(parts[2], &process) && kill(process, 0) != 0 &&
        errno == ESRCH) {
      fs::remove_all(entry.path(), ignored);
    }
  }
}

}  // namespace

absl::StatusOr<std::unique_ptr<PostgresCluster>> PostgresCluster::Start() {
  const fs::path temporary = fs::temp_directory_path();
  RemoveLeftovers(temporary);
  std::string folder = (temporary / absl::StrCat(kFolderPrefix, getpid(), "-XXXXXX")).string();
  const bool made = mkdtemp(folder.data()) != nullptr;
  std::unique_ptr<PostgresCluster> cluster(new PostgresCluster(folder));
  const passwd* user = ServerUser();
  if (!made || (user != nullptr && chown(folder.c_str(), user->pw_uid, user->pw_gid) != 0)) {
    return cluster->NotStarted("no folder");
  }
  RETURN_IF_ERROR(cluster->RunTool("initdb", {"-D", folder + "/data", "-U", "postgres", "-A",
                                              "trust", "--locale=C", "-E", "UTF8", "--no-sync"}));
  RETURN_IF_ERROR(cluster->StartServer());
  return cluster;
}

PostgresCluster& PostgresCluster::Shared() {
  static const auto cluster = Start();
  if (cluster.ok()) return **cluster;
  std::cerr << cluster.status() << '\n';
  std::abort();
}

PostgresCluster::~PostgresCluster() {
  KillServer();
  std::error_code ignored;
  fs::remove_all(folder_, ignored);
}

absl::StatusOr<std::string> PostgresCluster::CreateDatabase(absl::string_view locale) {
  const std::string name = absl::StrCat("db", ++databases_);
  RETURN_IF_ERROR(RunTool("createdb", {"-h", folder_, "-U", "postgres", "-T", "template0", "-E",
                                       "UTF8", absl::StrCat("--locale=", locale), name}));
  return absl::StrCat("postgresql://postgres@/", name, "?host=", folder_);
}

void PostgresCluster::KillServer() {
  if (server_ < 0) return;
  kill(server_, SIGQUIT);
  waitpid(server_, nullptr, 0);
  server_ = -1;
}

absl::Status PostgresCluster::StartServer() {
  const std::string data = folder_ + "/data";
  const std::string state = data + "/postmaster.pid";
  std::error_code ignored;
  fs::remove(state, ignored);
  // Without fsync: a killed server loses nothing by that, only a machine without power would.
  server_ = Spawn("postgres",
                  {"-D", data, "-k", folder_, "-c", "listen_addresses=", "-c", "fsync=off", "-c",
                   "shared_buffers=16MB", "-c", "max_connections=60"},
                  folder_ + "/log", SIGQUIT);
  const absl::Time deadline = absl::Now() + kStartTimeout;
  // The server writes its state into the last line.
  while (!absl::StrContains(ReadFile(state), "\nready ")) {
    if (absl::Now() > deadline) return NotStarted("postgres is not ready");
    if (server_ < 0 || waitpid(server_, nullptr, WNOHANG) != 0) {
      server_ = -1;
      return NotStarted("postgres ended");
    }
    poll(nullptr, 0, kPollMilliseconds);
  }
  return absl::OkStatus();
}

absl::Status PostgresCluster::RunTool(absl::string_view tool,
                                      const std::vector<std::string>& arguments) {
  const pid_t child = Spawn(std::string(tool), arguments, folder_ + "/log", SIGKILL);
  int outcome = -1;
  if (child > 0) waitpid(child, &outcome, 0);
  return outcome == 0 ? absl::OkStatus() : NotStarted(tool);
}

absl::Status PostgresCluster::NotStarted(absl::string_view what) const {
  const std::string log = ReadFile(folder_ + "/log");
  return MakeError(absl::StatusCode::kUnavailable, "POSTGRES_NOT_STARTED",
                   absl::StrCat(what, " in ", folder_, ": ",
                                log.substr(log.size() - std::min(log.size(), kLogTail))));
}

}  // namespace lgsp::testing
