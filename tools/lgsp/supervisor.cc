#include "tools/lgsp/supervisor.h"

#include <poll.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "libs/status/status.h"
#include "tools/lgsp/child_process.h"

namespace lgsp::cli {
namespace {

SteadyTime SteadyNow() { return std::chrono::steady_clock::now(); }

SteadyTime After(SteadyTime time, absl::Duration duration) {
  return time + absl::ToChronoNanoseconds(duration);
}

sigset_t OurSignals() {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGTERM);
  sigaddset(&set, SIGINT);
  sigaddset(&set, SIGHUP);
  sigaddset(&set, SIGCHLD);
  return set;
}

}  // namespace

absl::string_view StateName(ProcessState state) {
  switch (state) {
    case ProcessState::kStarting:
      return "starting";
    case ProcessState::kReady:
      return "ready";
    case ProcessState::kRestarting:
      return "restarting";
    case ProcessState::kStopped:
      break;
  }
  return "stopped";
}

Supervisor::Supervisor(std::vector<ProcessSpec> specs, SupervisorEvents events)
    : events_(std::move(events)) {
  const sigset_t set = OurSignals();
  sigprocmask(SIG_BLOCK, &set, nullptr);
  signals_ = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
  for (ProcessSpec& spec : specs) {
    statuses_.emplace_back().name = spec.name;
    children_.push_back({std::move(spec), RestartPolicy(), SteadyTime::min(), SteadyTime::min()});
  }
}

Supervisor::~Supervisor() {
  StopAll();
  close(signals_);
  const sigset_t set = OurSignals();
  sigprocmask(SIG_UNBLOCK, &set, nullptr);
}

void Supervisor::Set(size_t i, ProcessState state, pid_t pid) {
  statuses_[i].state = state;
  statuses_[i].pid = pid;
  if (events_.changed) events_.changed(statuses_, i);
}

absl::Status Supervisor::StartDue(SteadyTime now) {
  for (size_t i = 0; i < children_.size(); ++i) {
    Child& child = children_[i];
    if (statuses_[i].pid != 0 || child.next_start > now) continue;
    const auto pid = StartChild(child.spec.argv, child.spec.log_file, child.spec.sockets);
    if (pid.ok()) {
      child.started = SteadyNow();
      Set(i, ProcessState::kStarting, *pid);
    } else if (was_ready_) {
      // A program that is just being replaced, a full disk: may be over at the next attempt.
      RETURN_IF_ERROR(
          PlanRestart(i, absl::StrCat("could not be started (", pid.status().message(), ")"), now));
    } else {
      return pid.status();
    }
  }
  return absl::OkStatus();
}

absl::Status Supervisor::AskStarting() {
  bool all_ready = true;
  for (size_t i = 0; i < children_.size(); ++i) {
    if (statuses_[i].state == ProcessState::kStarting) {
      const Child& child = children_[i];
      const bool ready = child.spec.ready();
      const absl::Duration took = absl::FromChrono(SteadyNow() - child.started);
      if (ready) {
        statuses_[i].time_to_ready = took;
        Set(i, ProcessState::kReady, statuses_[i].pid);
      } else if (took > kReadyLimit && was_ready_) {
        kill(statuses_[i].pid, SIGKILL);
      } else if (took > kReadyLimit) {
        return MakeError(
            absl::StatusCode::kDeadlineExceeded, "PROCESS_NOT_READY",
            absl::StrCat(child.spec.name, " is not ready after ", absl::FormatDuration(kReadyLimit),
                         "; see ", child.spec.log_file),
            {{"process", child.spec.name}});
      }
    }
    all_ready = all_ready && statuses_[i].state == ProcessState::kReady;
  }
  if (all_ready && !was_ready_) {
    was_ready_ = true;
    if (events_.all_ready) events_.all_ready(absl::FromChrono(SteadyNow() - started_));
  }
  return absl::OkStatus();
}

absl::Status Supervisor::PlanRestart(size_t i, absl::string_view why, SteadyTime now) {
  Child& child = children_[i];
  const auto delay = child.restart.OnExit(now);
  if (!delay.has_value()) {
    Set(i, ProcessState::kStopped, 0);
    return MakeError(
        absl::StatusCode::kFailedPrecondition, "PROCESS_FAILED",
        absl::StrCat(child.spec.name, " ", why, " for the ", kMaxRestarts + 1, "th time within ",
                     absl::FormatDuration(kRestartWindow), "; the end of ", child.spec.log_file,
                     ": ", LastLine(child.spec.log_file)),
        {{"process", child.spec.name}});
  }
  child.next_start = After(now, *delay);
  ++statuses_[i].restarts;
  statuses_[i].time_to_ready = absl::ZeroDuration();
  Set(i, ProcessState::kRestarting, 0);
  return absl::OkStatus();
}

absl::Status Supervisor::Reap(SteadyTime now) {
  for (size_t i = 0; i < children_.size(); ++i) {
    int wait_status = 0;
    if (statuses_[i].pid == 0 || waitpid(statuses_[i].pid, &wait_status, WNOHANG) <= 0) continue;
    RETURN_IF_ERROR(PlanRestart(i, absl::StrCat("ended with ", DescribeExit(wait_status)), now));
  }
  return absl::OkStatus();
}

absl::Duration Supervisor::WaitTime(SteadyTime now) const {
  SteadyTime next = std::min(next_chores_, next_logs_);
  for (size_t i = 0; i < children_.size(); ++i) {
    if (statuses_[i].state == ProcessState::kStarting) return kReadyInterval;
    if (statuses_[i].pid == 0) next = std::min(next, children_[i].next_start);
  }
  // next_start may be the smallest of all times, from which nothing can be taken away.
  return next <= now ? absl::ZeroDuration() : absl::FromChrono(next - now);
}

bool Supervisor::WaitForSignal(absl::Duration limit) {
  pollfd ready = {signals_, POLLIN, 0};
  // Rounded up, so that a timer is never found a fraction early and polled for in vain.
  const absl::Duration rounded = absl::Ceil(limit, absl::Milliseconds(1));
  poll(&ready, 1, static_cast<int>(std::min<int64_t>(absl::ToInt64Milliseconds(rounded), 1 << 30)));
  bool stop = false;
  signalfd_siginfo info = {};
  while (read(signals_, &info, sizeof(info)) == sizeof(info)) {
    stop = stop || info.ssi_signo != SIGCHLD;
  }
  return stop;
}

void Supervisor::DoChores(SteadyTime now) {
  if (now >= next_logs_) {
    next_logs_ = After(now, kLogInterval);
    for (const Child& child : children_) SetAsideLargeLog(child.spec.log_file);
  }
  if (now >= next_chores_) {
    next_chores_ = After(now, kChoreInterval);
    if (events_.chores) events_.chores();
  }
}

absl::Status Supervisor::Loop() {
  for (;;) {
    RETURN_IF_ERROR(StartDue(SteadyNow()));
    RETURN_IF_ERROR(AskStarting());
    if (WaitForSignal(WaitTime(SteadyNow()))) return absl::OkStatus();
    const SteadyTime now = SteadyNow();
    RETURN_IF_ERROR(Reap(now));
    DoChores(now);
  }
}

void Supervisor::StopOne(size_t i) {
  const pid_t pid = statuses_[i].pid;
  kill(pid, kill_at_once_ ? SIGKILL : SIGTERM);
  const SteadyTime limit = After(SteadyNow(), kStopLimit);
  while (waitpid(pid, nullptr, WNOHANG) == 0) {
    const absl::Duration left = absl::FromChrono(limit - SteadyNow());
    if (left <= absl::ZeroDuration() || kill_at_once_) {
      kill(pid, SIGKILL);
      waitpid(pid, nullptr, 0);
      break;
    }
    kill_at_once_ = WaitForSignal(left);
  }
  Set(i, ProcessState::kStopped, 0);
}

void Supervisor::StopAll() {
  for (size_t i = children_.size(); i-- > 0;) {
    if (statuses_[i].pid != 0) {
      StopOne(i);
    } else if (statuses_[i].state != ProcessState::kStopped) {
      Set(i, ProcessState::kStopped, 0);
    }
  }
}

absl::Status Supervisor::Run() {
  started_ = SteadyNow();
  next_chores_ = After(started_, kChoreInterval);
  next_logs_ = After(started_, kLogInterval);
  const absl::Status ended = Loop();
  StopAll();
  return ended;
}

}  // namespace lgsp::cli
