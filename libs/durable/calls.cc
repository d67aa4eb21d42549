#include "libs/durable/calls.h"

#include "libs/durable/call_rows.h"
#include "libs/status/status.h"

namespace lgsp::durable {
namespace {

// calls.next_attempt_time of a new call.
absl::StatusOr<int64_t> FirstTurn(sql::Transaction& tx, absl::string_view kind, const Call& call,
                                  const Clock& clock) {
  // Changes nothing, but holds the calls before it, so that none of them ends unseen between this
  // look and the commit.
  ASSIGN_OR_RETURN(
      const sql::Result earlier,
      tx.Execute("UPDATE calls SET claimed_by = claimed_by WHERE subject = :subject "
                 "AND kind = :kind AND state = 0 AND sequence < :sequence",
                 {{"subject", call.subject}, {"kind", kind}, {"sequence", call.sequence}}));
  return earlier.changed > 0 ? kAfterEarlier : sql::Micros(clock.SecurityNow());
}

}  // namespace

absl::Status AddCall(sql::Transaction& tx, absl::string_view kind, const Call& call,
                     const keys::DataKey& key, const Clock& clock) {
  ASSIGN_OR_RETURN(const int64_t due, FirstTurn(tx, kind, call, clock));
  return tx
      .Execute(
          "INSERT INTO calls (id, kind, subject, sequence, request, state, attempts, create_time, "
          "next_attempt_time, claimed_until, claimed_by) VALUES (:id, :kind, :subject, :sequence, "
          ":request, 0, 0, :now, :due, 0, '')",
          {{"id", call.id},
           {"kind", kind},
           {"subject", call.subject},
           {"sequence", call.sequence},
           {"request", sql::Bytes{keys::Seal(key, call.request, CallContext(call.id))}},
           {"now", clock.CivilNow()},
           {"due", due}})
      .status();
}

absl::StatusOr<bool> RepeatCall(sql::Transaction& tx, absl::string_view kind, const Call& call,
                                const keys::DataKey& key, const Clock& clock) {
  ASSIGN_OR_RETURN(const int64_t due, FirstTurn(tx, kind, call, clock));
  // A worker that was late with the old attempt settles nothing: it knows the old id.
  ASSIGN_OR_RETURN(
      const sql::Result opened,
      tx.Execute(
          "INSERT INTO calls (id, kind, subject, sequence, request, state, attempts, create_time, "
          "next_attempt_time, claimed_until, claimed_by) VALUES (:id, :kind, :subject, :sequence, "
          ":request, 0, 0, :now, :due, 0, '') ON CONFLICT (subject, kind, sequence) DO UPDATE SET "
          "id = :id, request = :request, state = 0, attempts = 0, create_time = :now, "
          "next_attempt_time = :due, claimed_until = 0, claimed_by = '' WHERE calls.state <> 0",
          {{"id", call.id},
           {"kind", kind},
           {"subject", call.subject},
           {"sequence", call.sequence},
           {"request", sql::Bytes{keys::Seal(key, call.request, CallContext(call.id))}},
           {"now", clock.CivilNow()},
           {"due", due}}));
  return opened.changed == 1;
}

absl::Status DeleteDoneCalls(sql::Database& db, absl::Time now) {
  int64_t deleted = 0;
  do {
    RETURN_IF_ERROR(db.Run([&](sql::Transaction& tx) -> absl::Status {
      ASSIGN_OR_RETURN(
          const sql::Result result,
          tx.Execute("DELETE FROM calls WHERE id IN (SELECT id FROM calls WHERE state = 1 "
                     "AND create_time <= :before ORDER BY create_time LIMIT :limit)",
                     {{"before", now - kDoneLifetime}, {"limit", kMaxDeletedCalls}}));
      deleted = result.changed;
      return absl::OkStatus();
    }));
  } while (deleted == kMaxDeletedCalls);
  return absl::OkStatus();
}

}  // namespace lgsp::durable
