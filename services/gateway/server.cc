#include "services/gateway/server.h"

#include <unistd.h>

#include <algorithm>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "libs/config/config.h"
#include "libs/log/log.h"
#include "libs/status/status.h"
#include "services/gateway/endpoint.h"
#include "services/gateway/evidence_log.h"
#include "services/gateway/policy_source.h"
#include "services/gateway/quota.h"
#include "services/gateway/worker.h"

namespace lgsp::gateway {
namespace {

absl::Status CheckH2c(const GatewayConfig& config, const boost::asio::ip::tcp::endpoint& endpoint) {
  if (config.profile() == GatewayConfig::DEVELOPMENT && endpoint.address().is_loopback()) {
    return absl::OkStatus();
  }
  return MakeError(absl::StatusCode::kFailedPrecondition, "H2C_NOT_ALLOWED",
                   "h2c_listen needs profile DEVELOPMENT and a loopback address");
}

}  // namespace

struct Server::Impl {
  GatewayConfig config;
  std::string base;
  const Clock* clock = nullptr;
  std::unique_ptr<GatewayMetrics> metrics;
  std::unique_ptr<keys::SigningKey> caller_key;
  std::unique_ptr<PolicySource> policy_source;
  std::vector<std::unique_ptr<Worker>> workers;
  // Gone before the workers, whom they tell what is durable, and what quotas have left.
  std::unique_ptr<evidence::Log> evidence;
  std::unique_ptr<QuotaTable> quotas;
  int port = 0, h2c_port = 0;
  std::string tls_stamp;
  absl::Time forget_at = absl::InfinitePast();
  absl::Mutex mutex;
  bool stop ABSL_GUARDED_BY(mutex) = false;
  std::thread watcher;

  std::string File(const std::string& path) const { return config::Resolve(base, path); }
  std::string TlsStamp() const {
    return FileStamp(File(config.certificate_file())) + FileStamp(File(config.private_key_file())) +
           FileStamp(File(config.authority_file()));
  }
  absl::Status OpenQuotas(metrics::Registry* registry);
  absl::Status LoadTls();
  absl::Status Listen(InheritedSockets inherited);
  // The port.
  absl::StatusOr<int> ListenAt(Listener listener, InheritedSockets& inherited);
  void Watch();
  void WatchEvidence();
  void ForgetOldEvidence();
};

absl::Status Server::Impl::OpenQuotas(metrics::Registry* registry) {
  std::unique_ptr<redis::Client> client;
  if (!config.redis_address().empty()) {
    redis::Options options;
    options.address = config.redis_address();
    if (!config.redis_password_file().empty()) {
      ASSIGN_OR_RETURN(options.password, config::ReadSecret(File(config.redis_password_file())));
    }
    RETURN_IF_ERROR(redis::CheckAddress(options.address));
    client = std::make_unique<redis::Client>(std::move(options), clock);
  }
  quotas = std::make_unique<QuotaTable>(std::move(client), registry);
  return absl::OkStatus();
}

absl::Status Server::Impl::LoadTls() {
  tls_stamp = TlsStamp();
  ASSIGN_OR_RETURN(const TlsContext server,
                   MakeServerTls(File(config.certificate_file()), File(config.private_key_file())));
  ASSIGN_OR_RETURN(const TlsContext client,
                   MakeClientTls(File(config.certificate_file()), File(config.private_key_file()),
                                 File(config.authority_file())));
  for (const auto& worker : workers) worker->SetTls(server, client);
  return absl::OkStatus();
}

absl::StatusOr<int> Server::Impl::ListenAt(Listener listener, InheritedSockets& inherited) {
  const std::vector<int> sockets = inherited.Take(listener.endpoint);
  // Each socket has a worker, and each worker a socket: nothing waits where nobody looks.
  for (size_t i = 0; i < std::max(sockets.size(), workers.size()) && !sockets.empty(); ++i) {
    const int socket = i < sockets.size() ? sockets[i] : dup(sockets[i % sockets.size()]);
    RETURN_IF_ERROR(workers[i % workers.size()]->Adopt(listener, socket));
  }
  if (!sockets.empty()) return listener.endpoint.port();
  int port = 0;
  for (const auto& worker : workers) {
    ASSIGN_OR_RETURN(port, worker->Listen(listener));
    listener.endpoint.port(static_cast<uint16_t>(port));
  }
  return port;
}

absl::Status Server::Impl::Listen(InheritedSockets inherited) {
  Listener tls;
  ASSIGN_OR_RETURN(tls.endpoint, ParseEndpoint(config.listen()));
  ASSIGN_OR_RETURN(port, ListenAt(tls, inherited));
  if (!config.h2c_listen().empty()) {
    Listener plain;
    plain.tls = false;
    plain.fixed_system = config.h2c_system();
    ASSIGN_OR_RETURN(plain.endpoint, ParseEndpoint(config.h2c_listen()));
    RETURN_IF_ERROR(CheckH2c(config, plain.endpoint));
    ASSIGN_OR_RETURN(h2c_port, ListenAt(plain, inherited));
  }
  if (inherited.left() > 0) {
    log::Warning("sockets were handed over for addresses that are not configured",
                 {{"sockets", static_cast<int64_t>(inherited.left())}});
  }
  return absl::OkStatus();
}

void Server::Impl::WatchEvidence() {
  if (evidence == nullptr) return metrics->evidence_room.Set(1);
  const bool room = HasEvidenceRoom(File(config.evidence_directory()));
  metrics->evidence_room.Set(room ? 1 : 0);
  // First the size: what is appended meanwhile lies behind it.
  uint64_t open_from = evidence->size();
  for (const auto& worker : workers) {
    worker->evidence().SetRoom(room);
    open_from = std::min(open_from, worker->evidence().open_from());
  }
  evidence->SetReplayFrom(open_from);
}

void Server::Impl::ForgetOldEvidence() {
  const absl::Time now = clock->SecurityNow();
  if (evidence == nullptr || config.evidence_retention_days() <= 0 || now < forget_at) return;
  forget_at = now + kRetentionInterval;
  const auto gone = ForgetEvidence(*evidence, File(config.evidence_directory()),
                                   now - absl::Hours(24) * config.evidence_retention_days());
  if (!gone.ok()) log::Error("old evidence could not be deleted", {{"status", gone.status()}});
}

void Server::Impl::Watch() {
  for (;;) {
    {
      absl::MutexLock lock(&mutex);
      mutex.AwaitWithTimeout(absl::Condition(&stop), kFileInterval);
      if (stop) return;
    }
    WatchEvidence();
    ForgetOldEvidence();
    auto policy = policy_source->LoadIfChanged();
    if (!policy.ok()) {
      log::Error("policy refused, the last good one stays", {{"status", policy.status()}});
    } else if (*policy != nullptr) {
      log::Info("policy in force", {{"version", static_cast<int64_t>((*policy)->version())}});
      for (const auto& worker : workers) worker->SetPolicy(*policy);
    }
    if (TlsStamp() == tls_stamp) continue;
    if (const absl::Status status = LoadTls(); !status.ok()) {
      log::Error("certificates refused, the last good ones stay", {{"status", status}});
    } else {
      log::Info("certificates read again");
    }
  }
}

Server::Server(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Server::~Server() { Drain(); }
int Server::port() const { return impl_->port; }
int Server::h2c_port() const { return impl_->h2c_port; }

absl::StatusOr<std::unique_ptr<Server>> Server::Start(const GatewayConfig& config,
                                                      absl::string_view base,
                                                      metrics::Registry* registry,
                                                      const Clock* clock,
                                                      InheritedSockets inherited) {
  auto impl = std::make_unique<Impl>();
  impl->config = config;
  impl->base = std::string(base);
  impl->clock = clock;
  impl->metrics = std::make_unique<GatewayMetrics>(registry);
  ASSIGN_OR_RETURN(const std::string key_pem,
                   config::ReadSecret(impl->File(config.caller_key_file())));
  ASSIGN_OR_RETURN(keys::SigningKey key, keys::SigningKey::FromPem(key_pem));
  impl->caller_key = std::make_unique<keys::SigningKey>(std::move(key));
  RETURN_IF_ERROR(impl->OpenQuotas(registry));
  ASSIGN_OR_RETURN(PolicySource source,
                   PolicySource::Make(config, base, impl->metrics.get(), impl->quotas.get()));
  impl->policy_source = std::make_unique<PolicySource>(std::move(source));
  ASSIGN_OR_RETURN(const std::shared_ptr<const Policy> policy, impl->policy_source->Load());

  ASSIGN_OR_RETURN(impl->evidence, OpenEvidenceLog(config, base, registry, *clock));
  const int cores = static_cast<int>(std::max(1u, std::thread::hardware_concurrency()));
  const int count = config.workers() > 0 ? config.workers() : cores;
  for (int i = 0; i < count; ++i) {
    impl->workers.push_back(std::make_unique<Worker>(clock, impl->caller_key.get(),
                                                     impl->metrics.get(), impl->evidence.get()));
  }
  if (impl->evidence != nullptr) {
    const absl::Duration progress = config.evidence_progress_seconds() > 0
                                        ? absl::Seconds(config.evidence_progress_seconds())
                                        : kEvidenceProgress;
    for (const auto& worker : impl->workers) worker->evidence().SetProgressInterval(progress);
    impl->evidence->AddDurableListener([raw = impl.get()](const absl::StatusOr<uint64_t>& durable) {
      for (const auto& worker : raw->workers) worker->evidence().OnDurable(durable);
    });
  }
  impl->WatchEvidence();
  RETURN_IF_ERROR(impl->Listen(std::move(inherited)));
  for (const auto& worker : impl->workers) worker->SetPolicy(policy);
  RETURN_IF_ERROR(impl->LoadTls());
  for (const auto& worker : impl->workers) worker->Start();
  impl->quotas->Start([raw = impl.get()] {
    for (const auto& worker : raw->workers) worker->OnQuotaTrip();
  });
  impl->watcher = std::thread([raw = impl.get()] { raw->Watch(); });
  return std::unique_ptr<Server>(new Server(std::move(impl)));
}

void Server::Drain() {
  if (impl_ == nullptr || !impl_->watcher.joinable()) return;
  {
    absl::MutexLock lock(&impl_->mutex);
    impl_->stop = true;
  }
  impl_->watcher.join();
  const int seconds =
      impl_->config.drain_seconds() > 0 ? impl_->config.drain_seconds() : kDefaultDrainSeconds;
  for (const auto& worker : impl_->workers) worker->Drain(absl::Seconds(seconds));
  for (const auto& worker : impl_->workers) worker->Join();
  // Nothing is open any more: the next start need not read the log again.
  impl_->WatchEvidence();
}

}  // namespace lgsp::gateway
