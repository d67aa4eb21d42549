#include "tools/bench/exchange_load/cpu_time.h"

#include <ctime>
#include <filesystem>
#include <fstream>

#include "absl/strings/str_cat.h"
#include "libs/status/status.h"

namespace lgsp::bench {

int64_t OwnCpuTime() {
  timespec time = {};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
  return time.tv_sec * int64_t{1'000'000'000} + time.tv_nsec;
}

absl::StatusOr<int64_t> CpuTimeOf(const std::vector<pid_t>& processes) {
  int64_t sum = 0;
  for (const pid_t process : processes) {
    std::error_code error;
    const std::filesystem::directory_iterator threads(absl::StrCat("/proc/", process, "/task"),
                                                      error);
    if (error) {
      return MakeError(absl::StatusCode::kUnavailable, "LOAD_WATCHED_ENDED",
                       absl::StrCat("the watched process ", process, " has ended"));
    }
    for (const auto& thread : threads) {
      // One that has just ended has no number any more.
      int64_t ran = 0;
      if (std::ifstream(thread.path() / "schedstat") >> ran) sum += ran;
    }
  }
  return sum;
}

}  // namespace lgsp::bench
