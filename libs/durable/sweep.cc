#include "libs/durable/sweep.h"

#include "libs/durable/calls.h"
#include "libs/durable/commands.h"
#include "libs/status/status.h"

namespace lgsp::durable {

absl::Status Sweep(sql::Database& db, const Clock& clock) {
  RETURN_IF_ERROR(DeleteExpiredAnswers(db, clock.SecurityNow()));
  return DeleteDoneCalls(db, clock.CivilNow());
}

}  // namespace lgsp::durable
