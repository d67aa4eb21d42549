#include "services/gateway/worker.h"

#include <sys/socket.h>

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "libs/log/log.h"
#include "libs/status/status.h"
#include "services/gateway/downstream.h"

namespace lgsp::gateway {
namespace {

using boost::asio::ip::tcp;
using boost::system::error_code;
using ReusePort = boost::asio::detail::socket_option::boolean<SOL_SOCKET, SO_REUSEPORT>;

constexpr auto kSweepInterval = std::chrono::seconds(1);
constexpr auto kDrainPoll = std::chrono::milliseconds(20);

absl::Status ListenFailed(const Listener& listener) {
  return MakeError(absl::StatusCode::kUnavailable, "LISTEN_FAILED",
                   "cannot listen on the configured address",
                   {{"port", absl::StrCat(listener.endpoint.port())}});
}

}  // namespace

Worker::Worker(const Clock* clock, const keys::SigningKey* caller_key, GatewayMetrics* metrics,
               evidence::Log* log)
    : clock_(clock),
      metrics_(metrics),
      callers_(caller_key, clock),
      evidence_(this, log),
      pool_(this) {}

Worker::~Worker() { Join(); }

absl::StatusOr<int> Worker::Listen(const Listener& listener) {
  auto acceptor = std::make_unique<Acceptor>(
      Acceptor{tcp::acceptor(io_), listener, boost::asio::steady_timer(io_)});
  error_code error;
  tcp::acceptor& socket = acceptor->acceptor;
  socket.open(listener.endpoint.protocol(), error);
  if (!error) socket.set_option(tcp::acceptor::reuse_address(true), error);
  if (!error) socket.set_option(ReusePort(true), error);
  if (!error) socket.bind(listener.endpoint, error);
  if (!error) socket.listen(boost::asio::socket_base::max_listen_connections, error);
  if (error) return ListenFailed(listener);
  const int port = socket.local_endpoint().port();
  acceptors_.push_back(std::move(acceptor));
  return port;
}

absl::Status Worker::Adopt(const Listener& listener, int socket) {
  auto acceptor = std::make_unique<Acceptor>(
      Acceptor{tcp::acceptor(io_), listener, boost::asio::steady_timer(io_)});
  error_code error;
  acceptor->acceptor.assign(listener.endpoint.protocol(), socket, error);
  if (error) return ListenFailed(listener);
  acceptors_.push_back(std::move(acceptor));
  return absl::OkStatus();
}

void Worker::Start() {
  for (auto& acceptor : acceptors_) Accept(*acceptor);
  Sweep();
  thread_ = std::thread([this] { io_.run(); });
}

void Worker::Join() {
  if (thread_.joinable()) thread_.join();
}

void Worker::SetPolicy(std::shared_ptr<const Policy> policy) {
  Post([this, policy = std::move(policy)] {
    policy_ = policy;
    for (const auto& downstream : Downstreams()) downstream->OnPolicy(*policy_);
  });
}

void Worker::SetTls(TlsContext server, TlsContext client) {
  Post([this, server = std::move(server), client = std::move(client)] {
    server_tls_ = server;
    client_tls_ = client;
  });
}

void Worker::Accept(Acceptor& acceptor) {
  acceptor.acceptor.async_accept(
      io_, [this, &acceptor](const error_code& error, tcp::socket socket) {
        if (error == boost::asio::error::operation_aborted || draining_) return;
        if (!error) {
          OnAccepted(acceptor, std::move(socket));
          return Accept(acceptor);
        }
        // No more descriptors, most likely: at once it would only fail again.
        acceptor.pause.expires_after(absl::ToChronoNanoseconds(kAcceptBackoff));
        acceptor.pause.async_wait([this, &acceptor](const error_code&) {
          if (!draining_) Accept(acceptor);
        });
      });
}

void Worker::OnAccepted(Acceptor& acceptor, TcpSocket socket) {
  // One too many is closed as it comes.
  if (connections_.size() >= kMaxConnectionsPerWorker) return;
  auto connection = std::make_shared<Downstream>(this, std::move(socket),
                                                 acceptor.listener.tls ? server_tls_ : nullptr,
                                                 acceptor.listener.fixed_system);
  Remember(connection);
  metrics_->connections.Add(1);
  connection->Start();
}

std::vector<std::shared_ptr<Connection>> Worker::Connections() const {
  std::vector<std::shared_ptr<Connection>> connections;
  connections.reserve(connections_.size());
  for (const auto& [key, connection] : connections_) connections.push_back(connection);
  return connections;
}

std::vector<std::shared_ptr<Downstream>> Worker::Downstreams() const {
  std::vector<std::shared_ptr<Downstream>> downstreams;
  for (const auto& [key, connection] : connections_) {
    auto downstream = std::dynamic_pointer_cast<Downstream>(connection);
    if (downstream != nullptr) downstreams.push_back(std::move(downstream));
  }
  return downstreams;
}

void Worker::Remember(const std::shared_ptr<Connection>& connection) {
  connections_.emplace(connection.get(), connection);
}

void Worker::Forget(Connection* connection) {
  if (dynamic_cast<Downstream*>(connection) != nullptr) metrics_->connections.Add(-1);
  // The caller is a method of it: it goes when that has returned.
  const auto it = connections_.find(connection);
  if (it == connections_.end()) return;
  Post([gone = std::move(it->second)] {});
  connections_.erase(it);
}

void Worker::OnQuotaTrip() {
  Post([this] {
    // Who must wait again does so for the next trip.
    quota_told_.swap(quota_waiting_);
    while (!quota_told_.empty()) {
      Exchange* const exchange = *quota_told_.begin();
      quota_told_.erase(quota_told_.begin());
      exchange->OnQuota();
    }
  });
}

void Worker::AddDirty(std::shared_ptr<Connection> connection) {
  dirty_.push_back(std::move(connection));
  if (flush_posted_) return;
  flush_posted_ = true;
  Post([this] { FlushDirty(); });
}

void Worker::PostAfter(absl::Duration after, std::function<void()> work) {
  auto timer = std::make_shared<boost::asio::steady_timer>(io_);
  timer->expires_after(absl::ToChronoNanoseconds(after));
  timer->async_wait([timer, work = std::move(work)](const error_code&) { work(); });
}

void Worker::FlushDirty() {
  flush_posted_ = false;
  std::vector<std::shared_ptr<Connection>> dirty;
  dirty.swap(dirty_);
  for (const auto& connection : dirty) connection->Flush();
}

absl::Status Worker::Admit() const {
  if (exchanges_ <= kMaxExchangesPerWorker && buffered_bytes_ <= kMaxBufferedBytesPerWorker) {
    return absl::OkStatus();
  }
  return WithRetryDelay(MakeError(absl::StatusCode::kResourceExhausted, "GATEWAY_OVERLOADED",
                                  "the gateway has as many calls as it can hold"),
                        absl::Seconds(1));
}

void Worker::CountBuffered(int64_t change) {
  buffered_bytes_ += change;
  if (buffered_bytes_ <= kMaxBufferedBytesPerWorker || shed_posted_) return;
  // Not now: the caller is in the middle of a call of the connection that may be closed.
  shed_posted_ = true;
  Post([this] {
    shed_posted_ = false;
    ShedMemory();
  });
}

void Worker::ShedMemory() {
  while (buffered_bytes_ > kMaxBufferedBytesPerWorker) {
    const auto downstreams = Downstreams();
    const auto largest = std::max_element(
        downstreams.begin(), downstreams.end(),
        [](const auto& a, const auto& b) { return a->buffered() < b->buffered(); });
    if (largest == downstreams.end()) return;
    metrics_->shed_connections.Add();
    log::Warning("connection closed, as the gateway holds too many bytes",
                 {{"bytes", (*largest)->buffered()}, {"limit", kMaxBufferedBytesPerWorker}});
    (*largest)->Close();
  }
}

void Worker::AddExchange() {
  ++exchanges_;
  metrics_->inflight.Add(1);
}

void Worker::RemoveExchange() {
  --exchanges_;
  metrics_->inflight.Add(-1);
}

void Worker::CountRefused(const absl::Status& status) {
  // Our own reasons only: a fixed, small set.
  const std::string reason = ErrorReason(status);
  auto it = refused_.find(reason);
  if (it == refused_.end()) it = refused_.emplace(reason, metrics_->Refused(reason)).first;
  it->second.Add();
}

std::multimap<SteadyTime, Exchange*>::iterator Worker::AddDeadline(absl::Duration after,
                                                                   Exchange* exchange) {
  const auto it =
      deadlines_.emplace(exchange->begun() + absl::ToChronoNanoseconds(after), exchange);
  ArmDeadlines();
  return it;
}

void Worker::ArmDeadlines() {
  if (deadlines_.empty() || deadlines_.begin()->first >= armed_for_) return;
  armed_for_ = deadlines_.begin()->first;
  deadline_timer_.expires_at(armed_for_);
  deadline_timer_.async_wait([this](const error_code& error) {
    if (error) return;
    armed_for_ = SteadyTime::max();
    const SteadyTime passed = now();
    while (!deadlines_.empty() && deadlines_.begin()->first <= passed) {
      Exchange* exchange = deadlines_.begin()->second;
      deadlines_.erase(deadlines_.begin());
      exchange->OnDeadline();
    }
    ArmDeadlines();
  });
}

void Worker::Sweep() {
  sweep_timer_.expires_after(kSweepInterval);
  sweep_timer_.async_wait([this](const error_code& error) {
    if (error) return;
    evidence_.OnSecond();
    if (policy_ != nullptr) pool_.Sweep(*policy_);
    for (const auto& connection : Connections()) connection->Sweep(now());
    Sweep();
  });
}

void Worker::Drain(absl::Duration grace) {
  Post([this, grace] {
    draining_ = true;
    error_code ignored;
    for (auto& acceptor : acceptors_) {
      acceptor->acceptor.close(ignored);
      acceptor->pause.cancel();
    }
    for (const auto& downstream : Downstreams()) downstream->AnnounceDrain();
    drain_timer_.expires_after(absl::ToChronoNanoseconds(kDrainNotice));
    drain_timer_.async_wait(
        [this, force_at = now() + absl::ToChronoNanoseconds(grace)](const error_code&) {
          for (const auto& downstream : Downstreams()) downstream->EndStreams();
          FinishDrain(force_at);
        });
  });
}

void Worker::FinishDrain(SteadyTime force_at) {
  if (exchanges_ > 0 && now() < force_at) {
    drain_timer_.expires_after(kDrainPoll);
    drain_timer_.async_wait([this, force_at](const error_code&) { FinishDrain(force_at); });
    return;
  }
  // What was written last still has to leave.
  for (const auto& connection : Connections()) connection->CloseWhenWritten();
  EndDrain(now() + absl::ToChronoNanoseconds(kLinger));
}

void Worker::EndDrain(SteadyTime force_at) {
  if (!connections_.empty() && now() < force_at) {
    drain_timer_.expires_after(kDrainPoll);
    drain_timer_.async_wait([this, force_at](const error_code&) { EndDrain(force_at); });
    return;
  }
  closing_ = true;
  while (!connections_.empty()) std::shared_ptr(connections_.begin()->second)->Close();
  sweep_timer_.cancel();
  deadline_timer_.cancel();
}

}  // namespace lgsp::gateway
