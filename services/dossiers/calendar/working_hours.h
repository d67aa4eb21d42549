// PURE: the hours in which an agency works on a working day.
#pragma once

#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace lgsp::dossiers {

// Times of the day, since midnight. Immutable; at least one interval.
class WorkingHours {
 public:
  struct Interval {
    absl::Duration begin, end;
  };

  // `07:00-11:30,13:30-17:00`. INVALID_ARGUMENT WORKING_HOURS_INVALID when that is not at most
  // kMaxIntervals intervals of whole minutes, in order and apart.
  static absl::StatusOr<WorkingHours> Parse(absl::string_view text);

  const std::vector<Interval>& intervals() const { return intervals_; }
  absl::Duration opening() const { return intervals_.front().begin; }
  absl::Duration close() const { return intervals_.back().end; }
  // All of a day together.
  absl::Duration Daily() const;
  // The earliest time at which `worked` have passed since the opening; at most Daily().
  absl::Duration After(absl::Duration worked) const;

 private:
  explicit WorkingHours(std::vector<Interval> intervals) : intervals_(std::move(intervals)) {}

  std::vector<Interval> intervals_;
};

inline constexpr size_t kMaxIntervals = 4;

}  // namespace lgsp::dossiers
