// Reading metrics in tests.
#pragma once

#include "absl/strings/string_view.h"
#include "libs/metrics/metrics.h"

namespace lgsp::testing {

// The value of a metric as Prometheus shows it (`name{label="x"}`); 0 when there is none.
double MetricValue(const metrics::Registry& metrics, absl::string_view name_and_labels);

}  // namespace lgsp::testing
