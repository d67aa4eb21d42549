#include "libs/testing/metric_value.h"

#include <string>

#include "absl/strings/numbers.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"

namespace lgsp::testing {

double MetricValue(const metrics::Registry& metrics, absl::string_view name_and_labels) {
  const std::string text = metrics.Text();
  for (absl::string_view line : absl::StrSplit(text, '\n')) {
    double value = 0;
    if (absl::ConsumePrefix(&line, name_and_labels) && absl::ConsumePrefix(&line, " ") &&
        absl::SimpleAtod(line, &value)) {
      return value;
    }
  }
  return 0;
}

}  // namespace lgsp::testing
