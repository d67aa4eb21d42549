// Counters, gauges and histograms for Prometheus.
//
// Names and labels follow the Prometheus rules; gRPC families are named as in go-grpc-middleware,
// so that public dashboards fit. Labels are bounded: enums, services, methods; never a person, a
// dossier or a raw path.
#pragma once

#include <initializer_list>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace lgsp::metrics {

using Labels = std::initializer_list<std::pair<absl::string_view, absl::string_view>>;

// Handles are small, copied freely, thread-safe, and valid as long as the registry. Default-made
// ones do nothing.
class Counter {
 public:
  void Add(double n = 1);

 private:
  friend class Registry;
  void* counter_ = nullptr;
};

class Gauge {
 public:
  void Set(double value);
  void Add(double delta);

 private:
  friend class Registry;
  void* gauge_ = nullptr;
};

class Histogram {
 public:
  void Observe(double value);

 private:
  friend class Registry;
  void* histogram_ = nullptr;
};

// Seconds, 1 ms to 10 s: for calls.
const std::vector<double>& LatencyBuckets();

class Registry {
 public:
  Registry();
  ~Registry();
  Registry(const Registry&) = delete;
  Registry& operator=(const Registry&) = delete;

  // The same name and labels give the same metric; take handles once, not per event.
  Counter GetCounter(absl::string_view name, absl::string_view help, Labels labels = {});
  Gauge GetGauge(absl::string_view name, absl::string_view help, Labels labels = {});
  Histogram GetHistogram(absl::string_view name, absl::string_view help, Labels labels = {},
                         const std::vector<double>& buckets = LatencyBuckets());

  // Serves `/metrics` by plain HTTP on `address` (`127.0.0.1:9101`; port 0 picks one) until the
  // registry dies. Returns the port. UNAVAILABLE METRICS_PORT_TAKEN.
  absl::StatusOr<int> Serve(absl::string_view address);

  // The exposition text, for tests.
  std::string Text() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace lgsp::metrics
