#include "tools/bench/load/load_client.h"

#include <algorithm>
#include <atomic>
#include <thread>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "libs/clock/clock.h"
#include "libs/rpc/channel.h"
#include "libs/rpc/server.h"
#include "libs/status/status.h"
#include "tools/bench/load/people.h"

namespace lgsp::bench {
namespace {

constexpr absl::Duration kCallTimeout = absl::Seconds(30);

// What one client saw.
struct Seen {
  std::vector<absl::Duration> latencies;
  absl::Status refusal;
};

class Clients {
 public:
  explicit Clients(const Load& load) : load_(load), seen_(load.clients.size()) {}

  void Run() {
    const absl::Time start = absl::Now() + load_.warm_up;
    const absl::Time end = start + load_.measured;
    std::vector<std::thread> threads;
    for (size_t i = 0; i < load_.clients.size(); ++i) {
      threads.emplace_back([this, i, start, end] { Submit(i, start, end); });
    }
    for (std::thread& thread : threads) thread.join();
  }

  const std::vector<Seen>& seen() const { return seen_; }

 private:
  void Submit(size_t client, absl::Time start, absl::Time end) {
    Seen& seen = seen_[client];
    while (!refused_) {
      const uint32_t number = next_++;
      dossiers::v1::SubmitDossierRequest request = load_.templates[number % load_.templates.size()];
      request.set_request_id(NewUuid(clock_));
      *request.mutable_applicant() = ApplicantOf(load_.first_applicant + number);
      grpc::ClientContext context;
      rpc::SetDeadline(context, kCallTimeout);
      context.AddMetadata("lgsp-caller", load_.token);
      dossiers::v1::Dossier dossier;
      const absl::Time begun = absl::Now();
      const grpc::Status status = load_.clients[client]->SubmitDossier(&context, request, &dossier);
      const absl::Time ended = absl::Now();
      if (!status.ok()) {
        seen.refusal = rpc::FromGrpcStatus(status);
        refused_ = true;
      }
      if (ended >= end) return;
      if (ended >= start) seen.latencies.push_back(ended - begun);
    }
  }

  const Load& load_;
  const SystemClock clock_;
  std::atomic<uint32_t> next_ = 0;
  std::atomic<bool> refused_ = false;
  std::vector<Seen> seen_;
};

double Milliseconds(const std::vector<absl::Duration>& sorted, double share) {
  return absl::ToDoubleMilliseconds(sorted[static_cast<size_t>(share * (sorted.size() - 1))]);
}

}  // namespace

absl::StatusOr<Told> Submit(const Load& load) {
  Clients clients(load);
  clients.Run();
  std::vector<absl::Duration> latencies;
  for (const Seen& seen : clients.seen()) {
    if (!seen.refusal.ok()) return seen.refusal;
    latencies.insert(latencies.end(), seen.latencies.begin(), seen.latencies.end());
  }
  if (latencies.empty()) {
    return MakeError(absl::StatusCode::kDeadlineExceeded, "LOAD_UNANSWERED",
                     "no submission was answered within the measured time");
  }
  std::sort(latencies.begin(), latencies.end());
  return Told{static_cast<int64_t>(latencies.size()), absl::ToDoubleSeconds(load.measured),
              Milliseconds(latencies, 0.5), Milliseconds(latencies, 0.99)};
}

}  // namespace lgsp::bench
