#include "tools/lgsp/journey/progress.h"

#include <algorithm>
#include <string>
#include <utility>

#include "absl/strings/str_format.h"

namespace lgsp::cli {
namespace {

constexpr int kBarWidth = 40;
// A little less than the second that is promised.
constexpr absl::Duration kLineInterval = absl::Milliseconds(900);
constexpr absl::Duration kBarInterval = absl::Milliseconds(100);

}  // namespace

Progress::Progress(std::ostream* out, bool terminal, int total, std::function<int()> done)
    : out_(out), terminal_(terminal), total_(total), done_(std::move(done)) {
  Show();
  thread_ = std::thread([this] { Tick(); });
}

void Progress::Stop() {
  if (!thread_.joinable()) return;
  {
    absl::MutexLock lock(&mutex_);
    stopped_ = true;
  }
  thread_.join();
  Show();
  if (terminal_) *out_ << std::endl;
}

void Progress::Tick() {
  const absl::Duration interval = terminal_ ? kBarInterval : kLineInterval;
  for (;;) {
    {
      absl::MutexLock lock(&mutex_);
      if (mutex_.AwaitWithTimeout(absl::Condition(&stopped_), interval)) return;
    }
    Show();
  }
}

void Progress::Show() {
  const int done = done_();
  if (!terminal_) {
    *out_ << absl::StreamFormat("journey: %d/%d", done, total_) << std::endl;
    return;
  }
  const int filled = total_ == 0 ? kBarWidth : std::clamp(done * kBarWidth / total_, 0, kBarWidth);
  *out_ << absl::StreamFormat("\rjourney: [%s%s] %d/%d  %.0f s ",
                              std::string(static_cast<size_t>(filled), '#'),
                              std::string(static_cast<size_t>(kBarWidth - filled), '.'), done,
                              total_, absl::ToDoubleSeconds(absl::Now() - begun_))
        << std::flush;
}

}  // namespace lgsp::cli
