// Runs processes: starts all, waits until they are ready, restarts what dies, stops in reverse
// order.
#pragma once

#include <sys/types.h>

#include <functional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "tools/lgsp/restart_policy.h"

namespace lgsp::cli {

// How long a process may take to be ready; longer than the gateway's drain of 20 s for it to stop.
inline constexpr absl::Duration kReadyLimit = absl::Seconds(60);
inline constexpr absl::Duration kStopLimit = absl::Seconds(25);
// How often a process that is not ready yet is asked.
inline constexpr absl::Duration kReadyInterval = absl::Milliseconds(20);
inline constexpr absl::Duration kChoreInterval = absl::Hours(24);
// How often logs are looked at for kMaxLogBytes.
inline constexpr absl::Duration kLogInterval = absl::Seconds(30);

// What to run.
struct ProcessSpec {
  std::string name;
  // argv[0] is an absolute path.
  std::vector<std::string> argv;
  std::string log_file;
  // Whether the process does its work now. Called on the supervisor's thread, so it must answer
  // soon; called first after signals are blocked, so threads it makes do not take them.
  std::function<bool()> ready;
  // Handed over to it at each start (child_process.h).
  std::vector<int> sockets;
};

enum class ProcessState { kStarting, kReady, kRestarting, kStopped };

// `starting`, `ready`, `restarting`, `stopped`.
absl::string_view StateName(ProcessState state);

// One process as it is now.
struct ProcessStatus {
  std::string name;
  ProcessState state = ProcessState::kStopped;
  // 0: none.
  pid_t pid = 0;
  int restarts = 0;
  // From its last start; zero while not ready.
  absl::Duration time_to_ready;
};

// What the supervisor tells. All are called on its thread.
struct SupervisorEvents {
  // `processes[index]` changed.
  std::function<void(const std::vector<ProcessStatus>& processes, size_t index)> changed;
  // All are ready for the first time.
  std::function<void(absl::Duration since_start)> all_ready;
  // Every kChoreInterval.
  std::function<void()> chores;
};

// Not thread-safe; the thread that calls Run must be the main one (see StartChild). Takes SIGTERM,
// SIGINT, SIGHUP and SIGCHLD of the process: no thread may have been started before it is made.
class Supervisor {
 public:
  Supervisor(std::vector<ProcessSpec> specs, SupervisorEvents events);
  ~Supervisor();
  Supervisor(const Supervisor&) = delete;
  Supervisor& operator=(const Supervisor&) = delete;

  // Returns when all are stopped: OK after SIGTERM, SIGINT or SIGHUP (a second one kills at once).
  // FAILED_PRECONDITION PROCESS_FAILED: one died, or could not be started again, more than
  // kMaxRestarts times within kRestartWindow. DEADLINE_EXCEEDED PROCESS_NOT_READY: not all were
  // ready within kReadyLimit. Those of StartChild until all were ready.
  absl::Status Run();

 private:
  // A process, its plan and its past.
  struct Child {
    ProcessSpec spec;
    RestartPolicy restart;
    SteadyTime started;
    SteadyTime next_start;
  };

  void Set(size_t i, ProcessState state, pid_t pid);
  absl::Status StartDue(SteadyTime now);
  // Child `i` is gone because of `why` (`ended with signal 9`): plans its next start or gives up.
  absl::Status PlanRestart(size_t i, absl::string_view why, SteadyTime now);
  // Also kills what was restarted and does not get ready.
  absl::Status AskStarting();
  // Collects the dead.
  absl::Status Reap(SteadyTime now);
  absl::Duration WaitTime(SteadyTime now) const;
  // Waits for a signal; true: one that asks to stop.
  bool WaitForSignal(absl::Duration limit);
  void DoChores(SteadyTime now);
  absl::Status Loop();
  void StopAll();
  void StopOne(size_t i);

  std::vector<Child> children_;
  std::vector<ProcessStatus> statuses_;
  SupervisorEvents events_;
  SteadyTime started_;
  SteadyTime next_chores_;
  SteadyTime next_logs_;
  bool was_ready_ = false;
  bool kill_at_once_ = false;
  int signals_ = -1;
};

}  // namespace lgsp::cli
