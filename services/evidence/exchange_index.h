// Where the records of a call are, and which calls there were: an index in SQL, made from the
// mirrored logs alone.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "lgsp/evidence/v1/evidence.pb.h"
#include "lgsp/evidence/v1/record.pb.h"
#include "libs/evidence/reader.h"
#include "libs/metrics/metrics.h"
#include "libs/sql/sql.h"
#include "services/evidence/person_keys.h"

namespace lgsp::evidence {

// A call, as the index knows it.
struct IndexedExchange {
  std::string exchange_id, origin;
  uint64_t intent_index = 0;
  // Nothing: the call is under way.
  std::optional<uint64_t> outcome_index;
  absl::Time time;
  std::string system, service, method, dossier, person_hash;
  lgsp::evidence::v1::Outcome::End end = lgsp::evidence::v1::Outcome::END_UNSPECIFIED;
  int32_t grpc_status = 0;
};

// PURE: what the index keeps of an intent, but for the person. Nothing when it is none of a gateway
// of ours: no UUID, no valid time, NUL in a text.
std::optional<IndexedExchange> ReadIntent(const lgsp::evidence::v1::Intent& intent);

// What is looked for; empty fields do not choose.
struct ExchangeFilter {
  absl::Time start = absl::UnixEpoch();
  absl::Time end = absl::FromUnixSeconds(253'402'300'799);
  std::string system, service, dossier;
  // By year, oldest first; with any of them.
  std::vector<std::string> person_hashes;
  // The answer can only be empty: a person for whose years there are no keys.
  bool nobody = false;
};

// The place of a call in the order of lists.
struct ExchangePlace {
  int64_t micros = 0;
  std::string exchange_id, origin;
};

// Metrics: evidence_index_position {log}, evidence_index_unreadable_total {log}.
// Errors of its methods: those of libs/sql, evidence::Reader and PersonKeys.
class ExchangeIndex {
 public:
  // All outlive it.
  ExchangeIndex(sql::Database* db, PersonKeys* person_keys, metrics::Registry* metrics)
      : db_(db), person_keys_(person_keys), metrics_(metrics) {}

  // Takes up what the mirrored log has beyond what the index knows; of one log by one thread.
  absl::Status Follow(const std::string& origin, Reader& reader);

  // The call by its id; more than one only where logs contradict each other.
  absl::StatusOr<std::vector<IndexedExchange>> Find(absl::string_view exchange_id,
                                                    absl::Time deadline);

  // At most `limit` behind `after`, in the order of time.
  absl::StatusOr<std::vector<IndexedExchange>> List(const ExchangeFilter& filter,
                                                    const ExchangePlace& after, int limit,
                                                    absl::Time deadline);

  // Deletes what was recorded before `before`, some rows at a time.
  absl::Status Forget(absl::Time before);

 private:
  struct Batch;
  absl::StatusOr<uint64_t> Position(const std::string& origin);
  absl::Status Read(const std::string& origin, Reader& reader, Batch* batch);
  absl::Status Apply(const std::string& origin, const Batch& batch);

  sql::Database* const db_;
  PersonKeys* const person_keys_;
  metrics::Registry* const metrics_;
};

}  // namespace lgsp::evidence
