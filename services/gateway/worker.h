// One thread of the data path: its own loop, listener, connections, upstream pool and deadlines.
// Nothing here is shared with other workers but immutable objects.
#pragma once

#include <boost/asio.hpp>
#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "absl/status/status.h"
#include "libs/clock/clock.h"
#include "services/gateway/caller_cache.h"
#include "services/gateway/connection.h"
#include "services/gateway/evidence.h"
#include "services/gateway/gateway_metrics.h"
#include "services/gateway/policy.h"
#include "services/gateway/token_cache.h"
#include "services/gateway/upstream_pool.h"

namespace lgsp::gateway {

// A listening address: with TLS, or plain for one fixed system.
struct Listener {
  boost::asio::ip::tcp::endpoint endpoint;
  bool tls = true;
  std::string fixed_system;
};

class Worker {
 public:
  // `log`: where evidence is kept; nullptr: nowhere. All outlive it.
  Worker(const Clock* clock, const keys::SigningKey* caller_key, GatewayMetrics* metrics,
         evidence::Log* log);
  ~Worker();

  // Before Start: where to listen. The port is the same for all workers (SO_REUSEPORT). UNAVAILABLE
  // LISTEN_FAILED.
  absl::StatusOr<int> Listen(const Listener& listener);
  // The same with a socket that listens there already, the worker's from now on.
  absl::Status Adopt(const Listener& listener, int socket);
  void Start();

  // From any thread.
  void SetPolicy(std::shared_ptr<const Policy> policy);
  void SetTls(TlsContext server, TlsContext client);
  // Stops taking calls, lets those under way end until `grace`, then ends the thread. Join waits
  // for that.
  void Drain(absl::Duration grace);
  void Join();

  // On the worker's thread only, from here on.
  boost::asio::io_context& io() { return io_; }
  SteadyTime now() const { return std::chrono::steady_clock::now(); }
  const Clock& clock() const { return *clock_; }
  GatewayMetrics& metrics() { return *metrics_; }
  const std::shared_ptr<const Policy>& policy() const { return policy_; }
  const TlsContext& client_tls() const { return client_tls_; }
  CallerCache& callers() { return callers_; }
  TokenCache& tokens() { return tokens_; }
  EvidenceWriter& evidence() { return evidence_; }
  UpstreamPool& pool() { return pool_; }
  bool draining() const { return draining_; }
  // What health says.
  bool serving() const { return !draining_ && !evidence_.broken(); }
  // All that is left is being closed: nothing new may begin.
  bool closing() const { return closing_; }

  void Post(std::function<void()> work) { boost::asio::post(io_, std::move(work)); }
  void PostAfter(absl::Duration after, std::function<void()> work);
  void AddDirty(std::shared_ptr<Connection> connection);
  void Remember(const std::shared_ptr<Connection>& connection);
  void Forget(Connection* connection);

  // Calls that wait to know what their quota has left; all are told after each trip to Redis.
  void WaitForQuota(Exchange* exchange) { quota_waiting_.insert(exchange); }
  void StopWaitingForQuota(Exchange* exchange) {
    quota_waiting_.erase(exchange);
    quota_told_.erase(exchange);
  }
  // From any thread.
  void OnQuotaTrip();

  // Room for one more call: RESOURCE_EXHAUSTED GATEWAY_OVERLOADED.
  absl::Status Admit() const;
  void AddExchange();
  void RemoveExchange();
  void CountBuffered(int64_t change);
  void CountRefused(const absl::Status& status);

  std::multimap<SteadyTime, Exchange*>& deadlines() { return deadlines_; }
  std::multimap<SteadyTime, Exchange*>::iterator AddDeadline(absl::Duration after,
                                                             Exchange* exchange);

 private:
  struct Acceptor {
    boost::asio::ip::tcp::acceptor acceptor;
    Listener listener;
    boost::asio::steady_timer pause;
  };
  void Accept(Acceptor& acceptor);
  void OnAccepted(Acceptor& acceptor, TcpSocket socket);
  std::vector<std::shared_ptr<Connection>> Connections() const;
  std::vector<std::shared_ptr<Downstream>> Downstreams() const;
  // Closes the connections that hold most, until what is held is within its limit.
  void ShedMemory();
  void FlushDirty();
  void ArmDeadlines();
  void Sweep();
  // Every kDrainPoll: closes the connections when all calls have ended or the time is over.
  void FinishDrain(SteadyTime force_at);
  void EndDrain(SteadyTime force_at);

  boost::asio::io_context io_{1};
  const Clock* const clock_;
  GatewayMetrics* const metrics_;
  CallerCache callers_;
  TokenCache tokens_;
  EvidenceWriter evidence_;
  UpstreamPool pool_;
  std::shared_ptr<const Policy> policy_;
  TlsContext server_tls_, client_tls_;
  std::vector<std::unique_ptr<Acceptor>> acceptors_;
  absl::flat_hash_map<Connection*, std::shared_ptr<Connection>> connections_;
  std::vector<std::shared_ptr<Connection>> dirty_;
  bool flush_posted_ = false, shed_posted_ = false, draining_ = false, closing_ = false;
  size_t exchanges_ = 0;
  absl::flat_hash_set<Exchange*> quota_waiting_, quota_told_;
  int64_t buffered_bytes_ = 0;
  std::multimap<SteadyTime, Exchange*> deadlines_;
  boost::asio::steady_timer deadline_timer_{io_}, sweep_timer_{io_}, drain_timer_{io_};
  SteadyTime armed_for_ = SteadyTime::max();
  absl::flat_hash_map<std::string, metrics::Counter> refused_;
  std::thread thread_;
};

}  // namespace lgsp::gateway
