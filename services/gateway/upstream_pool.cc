#include "services/gateway/upstream_pool.h"

#include <algorithm>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/str_cat.h"
#include "libs/log/log.h"
#include "services/gateway/relay_errors.h"
#include "services/gateway/worker.h"

namespace lgsp::gateway {
namespace {

std::string KeyOf(const lgsp::registry::v1::Upstream& upstream) {
  return absl::StrCat(upstream.address(), "\n", upstream.tls_identity(), "\n",
                      static_cast<int>(upstream.protocol()));
}

// True when a connection of the group takes calls, now or soon.
bool TakesCalls(const UpstreamGroup& group) {
  return std::any_of(group.connections.begin(), group.connections.end(),
                     [](const auto& connection) { return connection->TakesCalls(); });
}

bool IsConnecting(const UpstreamGroup& group) {
  return std::any_of(group.connections.begin(), group.connections.end(),
                     [](const auto& connection) { return connection->connecting(); });
}

size_t LoadOf(const UpstreamGroup& group) {
  size_t load = group.waiting.size();
  for (const auto& connection : group.connections) load += connection->load();
  return load;
}

Upstream* RoomIn(const UpstreamGroup& group) {
  for (const auto& connection : group.connections) {
    if (connection->HasRoom()) return connection.get();
  }
  return nullptr;
}

}  // namespace

UpstreamGroup* UpstreamPool::GroupOf(const lgsp::registry::v1::Upstream& upstream) {
  const auto [it, added] = groups_.try_emplace(KeyOf(upstream));
  UpstreamGroup& group = it->second;
  if (!added) return &group;
  group.http1 = upstream.protocol() == lgsp::registry::v1::Upstream::HTTP1;
  group.address = upstream.address();
  group.tls_identity = upstream.tls_identity();
  worker_->metrics().Ejected(group.address).Add(0);
  return &group;
}

void UpstreamPool::ConnectIfNeeded(UpstreamGroup* group) {
  int taking_calls = 0;
  size_t coming_up = 0;
  for (const auto& connection : group->connections) {
    if (connection->connecting()) ++coming_up;
    if (connection->TakesCalls()) ++taking_calls;
  }
  // One connection of HTTP/2 will serve all that wait, one of HTTP/1.1 one of them.
  const size_t waiting = group->waiting.size();
  const size_t wanted = group->http1 ? waiting : std::min<size_t>(waiting, 1);
  const int limit = group->http1 ? kMaxHttp1Connections : kMaxConnectionsPerUpstream;
  if (coming_up < wanted && taking_calls < limit) Connect(group);
}

void UpstreamPool::Connect(UpstreamGroup* group) {
  if (worker_->closing()) return;
  const TlsContext tls = group->tls_identity.empty() ? nullptr : worker_->client_tls();
  auto upstream = std::make_shared<Upstream>(worker_, TcpSocket(worker_->io()), tls, group);
  group->connections.push_back(upstream);
  worker_->Remember(upstream);
  upstream->Connect();
}

void UpstreamPool::Wait(UpstreamGroup* group, Exchange* exchange) {
  if (group->waiting.size() >= kMaxQueuedPerUpstream) return exchange->Fail(UpstreamOverloaded());
  group->waiting.push_back(exchange);
  ConnectIfNeeded(group);
}

void UpstreamPool::Open(Exchange* exchange) {
  UpstreamGroup *best = nullptr, *passed_over = nullptr;
  bool unreachable = true;
  for (const auto& upstream : exchange->decision().route->upstreams->upstreams()) {
    UpstreamGroup* group = GroupOf(upstream);
    // One that is coming up again is as good as there.
    if (group->outlier.ejected() && !(group->outlier.unreachable() && IsConnecting(*group))) {
      unreachable = unreachable && group->outlier.unreachable();
      if (passed_over == nullptr) passed_over = group;
    } else if (best == nullptr || LoadOf(*group) < LoadOf(*best)) {
      best = group;
    }
  }
  if (best == nullptr) {
    // All are passed over: now and then a call tries.
    if (passed_over == nullptr || !passed_over->outlier.TakeTry(worker_->now())) {
      return exchange->Fail(unreachable ? UpstreamUnreachable() : UpstreamEjected());
    }
    best = passed_over;
  }
  Upstream* const connection = RoomIn(*best);
  return connection != nullptr ? connection->Open(exchange) : Wait(best, exchange);
}

void UpstreamPool::StopWaiting(Exchange* exchange) {
  for (auto& [key, group] : groups_) {
    const auto it = std::find(group.waiting.begin(), group.waiting.end(), exchange);
    if (it != group.waiting.end()) {
      group.waiting.erase(it);
      return;
    }
  }
}

void UpstreamPool::Changed(UpstreamGroup* group) {
  for (const auto& connection : std::vector<std::shared_ptr<Upstream>>(group->connections)) {
    while (!group->waiting.empty() && connection->HasRoom()) {
      Exchange* exchange = group->waiting.front();
      group->waiting.pop_front();
      connection->Open(exchange);
    }
  }
  ConnectIfNeeded(group);
}

void UpstreamPool::Ended(UpstreamGroup* group, Upstream* upstream, bool was_usable) {
  auto& connections = group->connections;
  connections.erase(
      std::remove_if(connections.begin(), connections.end(),
                     [upstream](const auto& connection) { return connection.get() == upstream; }),
      connections.end());
  if (was_usable) return ConnectIfNeeded(group);
  // Those that wait can still be served when another connection gets room again.
  if (TakesCalls(*group)) return;
  group->outlier.OnConnectFailed(worker_->now());
  Count(group);
  std::deque<Exchange*> waiting;
  waiting.swap(group->waiting);
  for (Exchange* exchange : waiting) exchange->OnConnectFailed();
}

void UpstreamPool::Connected(UpstreamGroup* group) {
  group->outlier.OnConnected();
  Count(group);
}

void UpstreamPool::Answered(UpstreamGroup* group) {
  group->outlier.OnAnswered();
  Count(group);
}

void UpstreamPool::ConnectionLost(UpstreamGroup* group) {
  group->outlier.OnConnectionLost(worker_->now());
  Count(group);
}

void UpstreamPool::Count(UpstreamGroup* group) {
  const bool ejected = group->outlier.ejected();
  if (ejected == group->counted_ejected) return;
  group->counted_ejected = ejected;
  worker_->metrics().Ejected(group->address).Add(ejected ? 1 : -1);
  if (ejected) {
    log::Warning("an address of a service is passed over",
                 {{"address", group->address}, {"reached", !group->outlier.unreachable()}});
  } else {
    log::Info("an address of a service is taken again", {{"address", group->address}});
  }
}

void UpstreamPool::Sweep(const Policy& policy) {
  absl::flat_hash_set<std::string> known;
  for (const auto& service : policy.snapshot().services()) {
    for (const auto& upstream : service.upstreams()) known.insert(KeyOf(upstream));
  }
  for (auto it = groups_.begin(); it != groups_.end();) {
    UpstreamGroup* const group = &it->second;
    const bool gone = known.count(it->first) == 0;
    if (gone) {
      group->outlier.OnAnswered();
    } else {
      group->outlier.Forgive(worker_->now());
    }
    Count(group);
    const bool idle = group->connections.empty() && group->waiting.empty();
    if (gone && idle) {
      groups_.erase(it++);
      continue;
    }
    const bool probe = group->outlier.unreachable() && !IsConnecting(*group) &&
                       group->outlier.TakeTry(worker_->now());
    ++it;
    if (probe) Connect(group);
  }
}

}  // namespace lgsp::gateway
