// What a journey will do, drawn from a seed before it does anything. No I/O here.
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "google/protobuf/timestamp.pb.h"
#include "tools/lgsp/journey/plan.pb.h"
#include "tools/lgsp/journey/procedures.h"

namespace lgsp::cli {

inline constexpr int kMaxDossiers = 20'000;

struct Plan {
  PlanHeader header;
  // One per number, in order.
  std::vector<PlannedDossier> dossiers;
  std::vector<EndedDossier> ended;
  bool done = false;
};

// The whole plan that `header` stands for. INVALID_ARGUMENT PLAN_SIZE_INVALID.
absl::StatusOr<Plan> MakePlan(const PlanHeader& header, const ProcedureCatalog& catalog);

// The plan as JSON lines.
absl::StatusOr<std::string> FormatPlan(const Plan& plan);
absl::StatusOr<std::string> FormatRecord(const PlanRecord& record);

// Reads what FormatPlan and later appends have written, cut off anywhere: a last line without its
// end was never relied upon. NOT_FOUND PLAN_UNREADABLE when not even the header is whole. A plan
// without all its dossiers was cut before the first was submitted: it is made again from its
// header. INVALID_ARGUMENT PLAN_BROKEN (names the line). `whole_bytes`: how much of `text` counts.
absl::StatusOr<Plan> ParsePlan(absl::string_view text, const ProcedureCatalog& catalog,
                               size_t* whole_bytes);

// What every planned dossier is asked for; no other dossier has it.
std::string SubjectOf(const PlanHeader& header, int number);

absl::Time ToTime(const google::protobuf::Timestamp& timestamp);
google::protobuf::Timestamp ToTimestamp(absl::Time time);

}  // namespace lgsp::cli
