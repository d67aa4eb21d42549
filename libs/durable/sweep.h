// What libs/durable keeps for a time only.
#pragma once

#include "absl/status/status.h"
#include "libs/clock/clock.h"
#include "libs/sql/sql.h"

namespace lgsp::durable {

// Deletes answers of commands and outward calls whose time is over; for a PeriodicJob.
absl::Status Sweep(sql::Database& db, const Clock& clock);

}  // namespace lgsp::durable
