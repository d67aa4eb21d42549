// Real processes under a supervisor in a process of its own.
#include "tools/lgsp/supervisor.h"

#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <fstream>
#include <functional>
#include <sstream>

#include "absl/strings/match.h"
#include "absl/time/clock.h"
#include "libs/status/status.h"
#include "tools/lgsp/child_process.h"
#include "tools/lgsp/folder_lock.h"
#include "tools/lgsp/listening_sockets.h"
#include "tools/lgsp/policy_compiler.h"
#include "tools/lgsp/run_state.h"
#include "tools/lgsp/temporary_folder_test.h"

namespace lgsp::cli {
namespace {

constexpr absl::Duration kLimit = absl::Seconds(20);

// Waits until `condition` holds, with a limit.
void Await(const std::function<bool()>& condition) {
  const absl::Time limit = absl::Now() + kLimit;
  while (!condition()) {
    REQUIRE(absl::Now() < limit);
    poll(nullptr, 0, 1);  // lets the others run
  }
}

// A fork that runs `body` and ends with what it returns; killed with the test.
class Fork {
 public:
  explicit Fork(const std::function<int()>& body) : pid_(fork()) {
    REQUIRE(pid_ >= 0);
    if (pid_ == 0) {
      prctl(PR_SET_PDEATHSIG, SIGKILL);
      _exit(body());
    }
  }
  ~Fork() {
    if (pid_ == 0) return;
    kill(pid_, SIGKILL);
    waitpid(pid_, nullptr, 0);
  }
  Fork(const Fork&) = delete;
  Fork& operator=(const Fork&) = delete;

  pid_t pid() const { return pid_; }
  void Signal(int number) const { REQUIRE(kill(pid_, number) == 0); }
  // The wait status.
  int Wait() {
    int status = 0;
    Await([&] { return waitpid(pid_, &status, WNOHANG) != 0; });
    pid_ = 0;
    return status;
  }

 private:
  pid_t pid_;
};

// Waits until the state file satisfies `wanted`.
RunState AwaitState(const std::string& file, const std::function<bool(const RunState&)>& wanted) {
  absl::StatusOr<RunState> state;
  Await([&] {
    state = ReadRunState(file);
    return state.ok() && wanted(*state);
  });
  return *state;
}

bool AllReady(const RunState& state) {
  for (const ProcessRun& run : state.processes()) {
    if (run.state() != "ready") return false;
  }
  return state.processes_size() > 0;
}

ProcessSpec Spec(const TemporaryFolder& folder, const std::string& name,
                 std::vector<std::string> argv) {
  return {name, std::move(argv), folder.File(name + ".log"), [] { return true; }};
}

ProcessSpec Sleeper(const TemporaryFolder& folder, const std::string& name) {
  return Spec(folder, name, {"/bin/sleep", "1000"});
}

// Supervises in this process: writes its state to `state`, and each change as a line to `events`.
int Supervise(const TemporaryFolder& folder, std::vector<ProcessSpec> specs) {
  SupervisorEvents events;
  const absl::Time start = absl::Now();
  std::ofstream lines(folder.File("events"));
  events.changed = [&](const std::vector<ProcessStatus>& processes, size_t i) {
    lines << processes[i].name << " " << StateName(processes[i].state) << std::endl;
    // A read-only test folder would be seen as a state that never comes.
    static_cast<void>(WriteRunState(folder.File("state"), MakeRunState(start, processes)));
  };
  Supervisor supervisor(std::move(specs), std::move(events));
  const absl::Status ended = supervisor.Run();
  std::ofstream(folder.File("error")) << ErrorReason(ended) << ": " << ended.message();
  return ended.ok() ? 0 : 1;
}

std::string Content(const std::string& file) {
  std::ostringstream text;
  text << std::ifstream(file).rdbuf();
  return text.str();
}

TEST_CASE("delays between restarts double; the sixth death within a minute is the last") {
  RestartPolicy policy;
  const SteadyTime start{std::chrono::seconds(1000)};
  for (const int delay : {100, 200, 400, 800, 1600}) {
    CHECK(policy.OnExit(start) == absl::Milliseconds(delay));
  }
  CHECK_FALSE(policy.OnExit(start + absl::ToChronoSeconds(kRestartWindow)).has_value());

  RestartPolicy patient;
  for (int i = 0; i < 100; ++i) {
    // At most five in any minute.
    CHECK(patient.OnExit(start + i * std::chrono::seconds(13)).has_value());
  }
}

TEST_CASE("what dies is started again; SIGTERM stops all in reverse order") {
  const TemporaryFolder folder;
  Fork supervisor([&] { return Supervise(folder, {Sleeper(folder, "a"), Sleeper(folder, "b")}); });
  const RunState first = AwaitState(folder.File("state"), AllReady);
  CHECK(first.pid() == supervisor.pid());
  REQUIRE(kill(first.processes(0).pid(), SIGKILL) == 0);
  const RunState second = AwaitState(folder.File("state"), [](const RunState& state) {
    return AllReady(state) && state.processes(0).restarts() == 1;
  });
  CHECK(second.processes(0).pid() != first.processes(0).pid());
  CHECK(second.processes(1).pid() == first.processes(1).pid());
  CHECK(second.processes(1).restarts() == 0);

  supervisor.Signal(SIGTERM);
  const int status = supervisor.Wait();
  CHECK((WIFEXITED(status) && WEXITSTATUS(status) == 0));
  CHECK(absl::EndsWith(Content(folder.File("events")), "b stopped\na stopped\n"));
  for (const ProcessRun& run : second.processes()) CHECK(kill(run.pid(), 0) != 0);
}

TEST_CASE("children die with a supervisor that is killed") {
  const TemporaryFolder folder;
  // Orphans become ours, so that we see how they end.
  REQUIRE(prctl(PR_SET_CHILD_SUBREAPER, 1) == 0);
  Fork supervisor([&] { return Supervise(folder, {Sleeper(folder, "a"), Sleeper(folder, "b")}); });
  const RunState state = AwaitState(folder.File("state"), AllReady);
  supervisor.Signal(SIGKILL);
  CHECK(WIFSIGNALED(supervisor.Wait()));
  for (const ProcessRun& run : state.processes()) {
    int status = 0;
    Await([&] { return waitpid(run.pid(), &status, WNOHANG) != 0; });
    CHECK((WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL));
  }
  REQUIRE(prctl(PR_SET_CHILD_SUBREAPER, 0) == 0);
}

TEST_CASE("a second signal kills what does not stop") {
  const TemporaryFolder folder;
  Fork supervisor([&] {
    return Supervise(folder, {Spec(folder, "deaf",
                                   {"/bin/sh", "-c", "trap '' TERM; echo deaf; exec sleep 1000"}),
                              Sleeper(folder, "b")});
  });
  AwaitState(folder.File("state"), AllReady);
  Await([&] { return LastLine(folder.File("deaf.log")) == "deaf"; });
  supervisor.Signal(SIGINT);
  AwaitState(folder.File("state"),
             [](const RunState& state) { return state.processes(1).state() == "stopped"; });
  supervisor.Signal(SIGINT);
  const int status = supervisor.Wait();
  CHECK((WIFEXITED(status) && WEXITSTATUS(status) == 0));
}

TEST_CASE("a process that dies again and again stops all, and says what it said last") {
  const TemporaryFolder folder;
  Fork supervisor([&] {
    return Supervise(folder,
                     {Sleeper(folder, "a"),
                      Spec(folder, "broken", {"/bin/sh", "-c", "echo port is taken; exit 3"})});
  });
  const int status = supervisor.Wait();
  CHECK((WIFEXITED(status) && WEXITSTATUS(status) == 1));
  const std::string error = Content(folder.File("error"));
  INFO(error);
  CHECK(absl::StartsWith(error, "PROCESS_FAILED: broken ended with exit status 3"));
  CHECK(absl::StrContains(error, "port is taken"));
  CHECK(absl::EndsWith(Content(folder.File("events")), "a stopped\n"));
}

TEST_CASE("a program that is missing stops what was started before it") {
  const TemporaryFolder folder;
  Fork supervisor([&] {
    return Supervise(folder,
                     {Sleeper(folder, "a"), Spec(folder, "b", {folder.File("no-program")})});
  });
  const int status = supervisor.Wait();
  CHECK((WIFEXITED(status) && WEXITSTATUS(status) == 1));
  CHECK(absl::StartsWith(Content(folder.File("error")), "PROGRAM_NOT_STARTED: "));
  CHECK(Content(folder.File("events")) == "a starting\na stopped\n");
}

TEST_CASE("a program that is gone for a while is started when it is back, others go on") {
  const TemporaryFolder folder;
  const std::string program = folder.File("program");
  std::filesystem::copy_file("/bin/sleep", program);
  Fork supervisor([&] {
    return Supervise(folder, {Sleeper(folder, "a"), Spec(folder, "b", {program, "1000"})});
  });
  const RunState first = AwaitState(folder.File("state"), AllReady);
  std::filesystem::rename(program, program + ".away");
  REQUIRE(kill(first.processes(1).pid(), SIGKILL) == 0);
  // Its death, and one attempt at least that found no program.
  AwaitState(folder.File("state"),
             [](const RunState& state) { return state.processes(1).restarts() >= 2; });
  std::filesystem::rename(program + ".away", program);
  const RunState second = AwaitState(folder.File("state"), AllReady);
  CHECK(second.processes(0).pid() == first.processes(0).pid());
  supervisor.Signal(SIGTERM);
  CHECK(supervisor.Wait() == 0);
}

TEST_CASE("a program that stays away stops all") {
  const TemporaryFolder folder;
  const std::string program = folder.File("program");
  std::filesystem::copy_file("/bin/sleep", program);
  Fork supervisor([&] {
    return Supervise(folder, {Sleeper(folder, "a"), Spec(folder, "b", {program, "1000"})});
  });
  const RunState state = AwaitState(folder.File("state"), AllReady);
  std::filesystem::remove(program);
  REQUIRE(kill(state.processes(1).pid(), SIGKILL) == 0);
  const int status = supervisor.Wait();
  CHECK((WIFEXITED(status) && WEXITSTATUS(status) == 1));
  CHECK(absl::StartsWith(Content(folder.File("error")), "PROCESS_FAILED: b could not be started"));
}

TEST_CASE("ready is told once, when all are") {
  const TemporaryFolder folder;
  Fork supervisor([&] {
    int asked = 0;
    std::vector<ProcessSpec> specs = {Sleeper(folder, "a"), Sleeper(folder, "slow")};
    specs[1].ready = [&asked] { return ++asked == 3; };
    std::ofstream told(folder.File("told"));
    SupervisorEvents events;
    events.all_ready = [&](absl::Duration took) {
      told << asked << (took > kReadyInterval ? " later" : " at once") << std::endl;
      kill(getpid(), SIGTERM);
    };
    Supervisor under_test(std::move(specs), std::move(events));
    return under_test.Run().ok() ? 0 : 1;
  });
  CHECK(supervisor.Wait() == 0);
  CHECK(Content(folder.File("told")) == "3 later\n");
}

TEST_CASE("one lgsp up per folder") {
  const TemporaryFolder folder;
  const std::string file = folder.File("lock");
  CHECK(FolderLock::Holder(file) == 0);
  Fork holder([&] {
    const auto lock = FolderLock::Take(file, "lgsp up");
    if (!lock.ok()) return 1;
    for (;;) pause();
  });
  Await([&] { return FolderLock::Holder(file) == holder.pid(); });
  const absl::Status refused = FolderLock::Take(file, "lgsp up").status();
  CHECK(ErrorReason(refused) == "ALREADY_RUNNING");
  CHECK(absl::StrContains(refused.message(),
                          absl::StrCat("process ", holder.pid(), " holds ", file)));
  holder.Signal(SIGKILL);
  holder.Wait();
  CHECK(FolderLock::Take(file, "lgsp up").ok());
}

TEST_CASE("one compilation per folder: two would sign two policies with one version") {
  const TemporaryFolder parent;
  const DataFolder folder = MakeTestFolder(parent);
  const PolicySources sources = {TestInstallation().CatalogFolder(),
                                 TestInstallation().Descriptors()};
  Fork holder([&] {
    const auto lock = FolderLock::Take(folder.CompileLockFile(), "a test");
    if (!lock.ok()) return 1;
    for (;;) pause();
  });
  Await([&] { return FolderLock::Holder(folder.CompileLockFile()) == holder.pid(); });
  CHECK(ErrorReason(CompilePolicy(folder, sources, absl::Now()).status()) == "ALREADY_RUNNING");
  holder.Signal(SIGKILL);
  holder.Wait();
  CHECK(CompilePolicy(folder, sources, absl::Now()).ok());
}

TEST_CASE("the log of a process is private, kept over restarts and set aside when large") {
  const TemporaryFolder folder;
  const std::string log = folder.File("log");
  const auto run = [&] {
    const auto pid = StartChild({"/bin/sh", "-c", "echo hello"}, log);
    REQUIRE(pid.ok());
    REQUIRE(waitpid(*pid, nullptr, 0) == *pid);
  };
  run();
  run();
  CHECK(Content(log) == "hello\nhello\n");
  CHECK(std::filesystem::status(log).permissions() ==
        (std::filesystem::perms::owner_read | std::filesystem::perms::owner_write));
  std::filesystem::resize_file(log, kMaxLogBytes + 1);
  run();
  CHECK(Content(log) == "hello\n");
  CHECK(std::filesystem::file_size(log + ".1") == kMaxLogBytes + 1);
  CHECK(LastLine(folder.File("none")).empty());

  // A process that runs goes on in the emptied file.
  const std::string more = folder.File("more");
  const auto pid = StartChild(
      {"/bin/sh", "-c", absl::StrCat("until [ -e ", more, " ]; do :; done; echo again")}, log);
  REQUIRE(pid.ok());
  std::filesystem::resize_file(log, kMaxLogBytes + 2);
  SetAsideLargeLog(log);
  std::ofstream{more};
  REQUIRE(waitpid(*pid, nullptr, 0) == *pid);
  CHECK(Content(log) == "again\n");
  CHECK(std::filesystem::file_size(log + ".1") == kMaxLogBytes + 2);
  CHECK(std::filesystem::status(log + ".1").permissions() ==
        std::filesystem::status(log).permissions());
}

TEST_CASE("listening sockets are handed over as systemd does, at the numbers it gives them") {
  const TemporaryFolder folder;
  const std::string log = folder.File("log");
  auto sockets = ListeningSockets::At("127.0.0.1:0", 2);
  REQUIRE(sockets.ok());
  const auto pid = StartChild({"/bin/sh", "-c",
                               "echo $LISTEN_FDS; [ $LISTEN_PID = $$ ] && echo ours; "
                               "readlink /proc/$$/fd/3 /proc/$$/fd/4 | cut -d: -f1; "
                               "[ -e /proc/$$/fd/5 ] || echo no more"},
                              log, sockets->get());
  REQUIRE(pid.ok());
  REQUIRE(waitpid(*pid, nullptr, 0) == *pid);
  CHECK(Content(log) == "2\nours\nsocket\nsocket\nno more\n");
  // A program that is not there is still told.
  CHECK(ErrorReason(StartChild({"/nowhere"}, log, sockets->get()).status()) ==
        "PROGRAM_NOT_STARTED");
}

TEST_CASE("memory of a process; a state file that is none") {
  CHECK(*PssKilobytes(getpid()) > 100);
  CHECK(ErrorReason(PssKilobytes(0).status()) == "PROCESS_GONE");
  const TemporaryFolder folder;
  CHECK(ErrorReason(ReadRunState(folder.File("state")).status()) == "FILE_MISSING");
  std::ofstream(folder.File("state")) << "[1,";
  CHECK(ErrorReason(ReadRunState(folder.File("state")).status()) == "STATE_INVALID");
}

}  // namespace
}  // namespace lgsp::cli
