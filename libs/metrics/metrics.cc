#include "libs/metrics/metrics.h"

#include <netdb.h>
#include <prometheus/counter.h>
#include <prometheus/exposer.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>
#include <prometheus/text_serializer.h>
#include <sys/socket.h>
#include <unistd.h>

#include <exception>
#include <map>
#include <thread>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/notification.h"
#include "libs/status/status.h"

namespace lgsp::metrics {
namespace {

// Scrapes are rare; the server's default of two threads is one too many.
constexpr size_t kServerThreads = 1;
constexpr absl::Duration kKnockInterval = absl::Milliseconds(10);

std::map<std::string, std::string> ToMap(Labels labels) {
  std::map<std::string, std::string> map;
  for (const auto& [key, value] : labels) map.emplace(std::string(key), std::string(value));
  return map;
}

// Connects and hangs up.
void Knock(const std::string& host, int port) {
  addrinfo hints = {};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV;
  addrinfo* found = nullptr;
  if (getaddrinfo(host.c_str(), absl::StrCat(port).c_str(), &hints, &found) != 0) return;
  const int fd = socket(found->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd >= 0) {
    connect(fd, found->ai_addr, found->ai_addrlen);
    close(fd);
  }
  freeaddrinfo(found);
}

// Of a bare port: a host that reaches it.
std::string HostOf(const std::string& address) {
  const size_t colon = address.rfind(':');
  return colon == std::string::npos ? "127.0.0.1" : address.substr(0, colon);
}

}  // namespace

void Counter::Add(double n) {
  if (counter_ != nullptr) static_cast<prometheus::Counter*>(counter_)->Increment(n);
}
void Gauge::Set(double value) {
  if (gauge_ != nullptr) static_cast<prometheus::Gauge*>(gauge_)->Set(value);
}
void Gauge::Add(double delta) {
  if (gauge_ != nullptr) static_cast<prometheus::Gauge*>(gauge_)->Increment(delta);
}
void Histogram::Observe(double value) {
  if (histogram_ != nullptr) static_cast<prometheus::Histogram*>(histogram_)->Observe(value);
}

const std::vector<double>& LatencyBuckets() {
  static const auto* buckets = new std::vector<double>{0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1,
                                                       0.25,  0.5,    1,     2.5,  5,     10};
  return *buckets;
}

struct Registry::Impl {
  std::shared_ptr<prometheus::Registry> registry =
      std::make_shared<prometheus::Registry>(prometheus::Registry::InsertBehavior::Merge);
  std::unique_ptr<prometheus::Exposer> exposer;
  std::string host;
  int port = 0;
};

Registry::Registry() : impl_(std::make_unique<Impl>()) {}

Registry::~Registry() {
  if (impl_->exposer == nullptr) return;
  // The server looks whether it is to end only every two seconds, or when somebody comes.
  absl::Notification ended;
  std::thread end([&] {
    impl_->exposer.reset();
    ended.Notify();
  });
  while (!ended.WaitForNotificationWithTimeout(kKnockInterval)) Knock(impl_->host, impl_->port);
  end.join();
}

Counter Registry::GetCounter(absl::string_view name, absl::string_view help, Labels labels) {
  Counter handle;
  handle.counter_ = &prometheus::BuildCounter()
                         .Name(std::string(name))
                         .Help(std::string(help))
                         .Register(*impl_->registry)
                         .Add(ToMap(labels));
  return handle;
}

Gauge Registry::GetGauge(absl::string_view name, absl::string_view help, Labels labels) {
  Gauge handle;
  handle.gauge_ = &prometheus::BuildGauge()
                       .Name(std::string(name))
                       .Help(std::string(help))
                       .Register(*impl_->registry)
                       .Add(ToMap(labels));
  return handle;
}

Histogram Registry::GetHistogram(absl::string_view name, absl::string_view help, Labels labels,
                                 const std::vector<double>& buckets) {
  Histogram handle;
  handle.histogram_ = &prometheus::BuildHistogram()
                           .Name(std::string(name))
                           .Help(std::string(help))
                           .Register(*impl_->registry)
                           .Add(ToMap(labels), buckets);
  return handle;
}

absl::StatusOr<int> Registry::Serve(absl::string_view address) {
  // The library reports a taken port by an exception.
  try {
    impl_->exposer = std::make_unique<prometheus::Exposer>(std::string(address), kServerThreads);
    impl_->exposer->RegisterCollectable(impl_->registry);
    impl_->host = HostOf(std::string(address));
    impl_->port = impl_->exposer->GetListeningPorts().at(0);
    return impl_->port;
  } catch (const std::exception& e) {
    impl_->exposer.reset();
    return MakeError(absl::StatusCode::kUnavailable, "METRICS_PORT_TAKEN",
                     "cannot serve metrics on the configured address", {{"address", address}});
  }
}

std::string Registry::Text() const {
  return prometheus::TextSerializer().Serialize(impl_->registry->Collect());
}

}  // namespace lgsp::metrics
