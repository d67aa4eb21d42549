#include "tools/lgsp/supervisor.h"

#include <poll.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "libs/status/status.h"
#include "tools/lgsp/child_process.h"

namespace lgsp::cli {
namespace {

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
    children_.push_back(
        {std::move(spec), RestartPolicy(), absl::InfinitePast(), absl::InfinitePast()});
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

absl::Status Supervisor::StartDue(absl::Time now) {
  for (size_t i = 0; i < children_.size(); ++i) {
    Child& child = children_[i];
    if (statuses_[i].pid != 0 || child.next_start > now) continue;
    ASSIGN_OR_RETURN(const pid_t pid, StartChild(child.spec.argv, child.spec.log_file));
    child.started = absl::Now();
    Set(i, ProcessState::kStarting, pid);
  }
  return absl::OkStatus();
}

absl::Status Supervisor::AskStarting() {
  bool all_ready = true;
  for (size_t i = 0; i < children_.size(); ++i) {
    if (statuses_[i].state == ProcessState::kStarting) {
      const Child& child = children_[i];
      const bool ready = child.spec.ready();
      const absl::Duration took = absl::Now() - child.started;
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
    if (events_.all_ready) events_.all_ready(absl::Now() - started_);
  }
  return absl::OkStatus();
}

absl::Status Supervisor::Reap(absl::Time now) {
  for (size_t i = 0; i < children_.size(); ++i) {
    int wait_status = 0;
    if (statuses_[i].pid == 0 || waitpid(statuses_[i].pid, &wait_status, WNOHANG) <= 0) continue;
    Child& child = children_[i];
    const auto delay = child.restart.OnExit(now);
    if (!delay.has_value()) {
      Set(i, ProcessState::kStopped, 0);
      return MakeError(
          absl::StatusCode::kFailedPrecondition, "PROCESS_FAILED",
          absl::StrCat(child.spec.name, " ended with ", DescribeExit(wait_status), " for the ",
                       kMaxRestarts + 1, "th time within ", absl::FormatDuration(kRestartWindow),
                       "; the end of ", child.spec.log_file, ": ", LastLine(child.spec.log_file)),
          {{"process", child.spec.name}});
    }
    child.next_start = now + *delay;
    ++statuses_[i].restarts;
    statuses_[i].time_to_ready = absl::ZeroDuration();
    Set(i, ProcessState::kRestarting, 0);
  }
  return absl::OkStatus();
}

absl::Duration Supervisor::WaitTime(absl::Time now) const {
  absl::Time next = next_chores_;
  for (size_t i = 0; i < children_.size(); ++i) {
    if (statuses_[i].state == ProcessState::kStarting) return kReadyInterval;
    if (statuses_[i].pid == 0) next = std::min(next, children_[i].next_start);
  }
  return std::max(next - now, absl::ZeroDuration());
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

absl::Status Supervisor::Loop() {
  for (;;) {
    RETURN_IF_ERROR(StartDue(absl::Now()));
    RETURN_IF_ERROR(AskStarting());
    if (WaitForSignal(WaitTime(absl::Now()))) return absl::OkStatus();
    const absl::Time now = absl::Now();
    RETURN_IF_ERROR(Reap(now));
    if (now >= next_chores_) {
      next_chores_ = now + kChoreInterval;
      if (events_.chores) events_.chores();
    }
  }
}

void Supervisor::StopOne(size_t i) {
  const pid_t pid = statuses_[i].pid;
  kill(pid, kill_at_once_ ? SIGKILL : SIGTERM);
  const absl::Time limit = absl::Now() + kStopLimit;
  while (waitpid(pid, nullptr, WNOHANG) == 0) {
    const absl::Duration left = limit - absl::Now();
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
  started_ = absl::Now();
  next_chores_ = started_ + kChoreInterval;
  const absl::Status ended = Loop();
  StopAll();
  return ended;
}

}  // namespace lgsp::cli
