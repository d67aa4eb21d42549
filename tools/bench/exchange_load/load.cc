#include "tools/bench/exchange_load/load.h"

#include <sys/epoll.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <limits>
#include <memory>

#include "libs/status/status.h"
#include "tools/bench/exchange_load/connection.h"
#include "tools/bench/exchange_load/cpu_time.h"

namespace lgsp::bench {
namespace {

constexpr int64_t kSecond = 1'000'000'000;
// For answers after the end, with a rate.
constexpr int64_t kPatience = 5 * kSecond;
constexpr int64_t kNever = std::numeric_limits<int64_t>::max();
// A thread that sleeps is else woken up to 50 us late.
constexpr unsigned int kTimerSlack = 1000;

class Loop {
 public:
  explicit Loop(const Load& load) : load_(load), requests_(load), tally_(load.rate > 0) {}
  ~Loop() {
    if (poll_ >= 0) close(poll_);
  }
  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;

  absl::StatusOr<Told> Run() {
    RETURN_IF_ERROR(Open());
    begin_ = Now() + absl::ToInt64Nanoseconds(load_.warm_up);
    StartPace(Now());
    for (;;) {
      const int64_t now = Now();
      if (now >= begin_ && end_ == kNever) RETURN_IF_ERROR(BeginMeasuring(now));
      if (now >= end_ && !ended_) RETURN_IF_ERROR(EndMeasuring(now));
      if (ended_ && (load_.rate == 0 || AllAnswered() || now >= end_ + kPatience)) break;
      RETURN_IF_ERROR(SendDue(now));
      RETURN_IF_ERROR(Wait());
    }
    if (load_.rate > 0) CountUnanswered();
    return Result();
  }

 private:
  // One of the connections, and when its next call should leave.
  struct Paced {
    std::unique_ptr<Connection> connection;
    int64_t due = 0;
  };

  absl::Status Open() {
    prctl(PR_SET_TIMERSLACK, kTimerSlack);
    TlsContext tls;
    if (load_.tls.has_value()) {
      ASSIGN_OR_RETURN(tls, MakeTls(*load_.tls, false));
    }
    poll_ = epoll_create1(EPOLL_CLOEXEC);
    for (int i = 0; i < load_.connections; ++i) {
      auto connection = std::make_unique<Connection>(load_, &requests_, &tally_);
      RETURN_IF_ERROR(connection->Open(tls));
      // Told once of each change: no call to the kernel before a write or after it.
      epoll_event event = {.events = EPOLLIN | EPOLLOUT | EPOLLET,
                           .data = {.ptr = connection.get()}};
      epoll_ctl(poll_, EPOLL_CTL_ADD, connection->descriptor(), &event);
      paced_.push_back({std::move(connection)});
    }
    return absl::OkStatus();
  }

  // Connections take turns, so that calls leave one by one.
  void StartPace(int64_t now) {
    if (load_.rate == 0) return;
    step_ = static_cast<double>(kSecond) * load_.connections / load_.rate;
    for (size_t i = 0; i < paced_.size(); ++i) {
      paced_[i].due =
          now + static_cast<int64_t>(step_ * static_cast<double>(i) / load_.connections);
    }
  }

  absl::Status BeginMeasuring(int64_t now) {
    tally_.Begin(now);
    end_ = now + absl::ToInt64Nanoseconds(load_.measured);
    own_cpu_ = -OwnCpuTime();
    ASSIGN_OR_RETURN(const int64_t watched, CpuTimeOf(load_.watched));
    watched_cpu_ = -watched;
    return absl::OkStatus();
  }

  absl::Status EndMeasuring(int64_t now) {
    ended_ = true;
    // The calls that should have left before are the ones that are measured.
    end_ = now;
    tally_.End(now);
    own_cpu_ += OwnCpuTime();
    ASSIGN_OR_RETURN(const int64_t watched, CpuTimeOf(load_.watched));
    watched_cpu_ += watched;
    return absl::OkStatus();
  }

  absl::Status SendDue(int64_t now) {
    for (Paced& paced : paced_) {
      if (load_.rate == 0) {
        while (paced.connection->HasRoom()) RETURN_IF_ERROR(paced.connection->Send(now));
      } else {
        const int64_t until = std::min(now, end_ - 1);
        while (paced.due <= until && paced.connection->HasRoom()) {
          RETURN_IF_ERROR(paced.connection->Send(paced.due));
          paced.due += static_cast<int64_t>(step_);
        }
      }
      RETURN_IF_ERROR(paced.connection->Flush());
    }
    return absl::OkStatus();
  }

  // When something must be done even if nothing comes.
  int64_t WakeTime() const {
    int64_t wake = ended_ ? end_ + kPatience : std::min(begin_ > Now() ? begin_ : kNever, end_);
    if (load_.rate == 0) return wake;
    for (const Paced& paced : paced_) {
      if (paced.connection->HasRoom() && paced.due < end_) wake = std::min(wake, paced.due);
    }
    return wake;
  }

  absl::Status Wait() {
    const int64_t left = std::max<int64_t>(0, WakeTime() - Now());
    const timespec timeout = {.tv_sec = left / kSecond, .tv_nsec = left % kSecond};
    epoll_event events[64];
    const int ready = epoll_pwait2(poll_, events, std::size(events), &timeout, nullptr);
    if (ready < 0 && errno != EINTR) {
      return MakeError(absl::StatusCode::kInternal, "LOAD_POLL_FAILED", "epoll_pwait2 failed");
    }
    for (int i = 0; i < ready; ++i) {
      if ((events[i].events & ~EPOLLOUT) != 0) {
        RETURN_IF_ERROR(static_cast<Connection*>(events[i].data.ptr)->Receive());
      }
    }
    return absl::OkStatus();
  }

  bool AllAnswered() const {
    return std::all_of(paced_.begin(), paced_.end(), [this](const Paced& paced) {
      return paced.connection->UnderWay() == 0 && paced.due >= end_;
    });
  }

  void CountUnanswered() {
    for (const Paced& paced : paced_) {
      const int64_t unsent = std::max<int64_t>(
          0, (end_ - paced.due + static_cast<int64_t>(step_) - 1) / static_cast<int64_t>(step_));
      for (int64_t i = unsent + static_cast<int64_t>(paced.connection->UnderWay()); i > 0; --i) {
        tally_.Failed("no answer until 5 s after the end");
      }
    }
  }

  absl::StatusOr<Told> Result() const {
    const Histogram& latencies = tally_.latencies();
    const auto calls = static_cast<double>(std::max<int64_t>(1, latencies.count()));
    return Told{.calls = latencies.count(),
                .failed = tally_.failed(),
                .first_failure = tally_.first_failure(),
                .seconds = tally_.seconds(),
                .p50_us = latencies.Microseconds(0.5),
                .p90_us = latencies.Microseconds(0.9),
                .p99_us = latencies.Microseconds(0.99),
                .max_us = latencies.MaxMicroseconds(),
                .cpu_us_per_call = static_cast<double>(own_cpu_) / 1e3 / calls,
                .watched_cpu_us_per_call = static_cast<double>(watched_cpu_) / 1e3 / calls};
  }

  const Load& load_;
  Requests requests_;
  Tally tally_;
  int poll_ = -1;
  std::vector<Paced> paced_;
  // Between two calls of one connection.
  double step_ = 0;
  int64_t begin_ = 0;
  int64_t end_ = kNever;
  bool ended_ = false;
  int64_t own_cpu_ = 0;
  int64_t watched_cpu_ = 0;
};

}  // namespace

absl::StatusOr<Told> Run(const Load& load) { return Loop(load).Run(); }

}  // namespace lgsp::bench
