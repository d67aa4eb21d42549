// What the tests of libs/durable share: a database of either engine with the schema, data keys, and
// clocks that stand still.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "libs/clock/clock.h"
#include "libs/durable/calls.h"
#include "libs/durable/subject_keys.h"
#include "libs/metrics/metrics.h"
#include "libs/sql/fixture_test.h"

namespace lgsp::durable {

// Civil and security time apart, as in a simulation.
class SimulatedClock final : public Clock {
 public:
  absl::Time CivilNow() const override { return civil.CivilNow(); }
  absl::Time SecurityNow() const override { return security.SecurityNow(); }
  FakeClock civil{absl::FromUnixSeconds(1'900'000'000)};
  FakeClock security{absl::FromUnixSeconds(1'780'000'000)};
};

inline constexpr char kKind[] = "test-sync";

// The database of a service that makes calls of kKind.
class CallsFixture {
 public:
  explicit CallsFixture(sql::Database::Engine engine);

  // A new subject with its data key.
  void AddSubject(const std::string& subject);
  absl::Status AddCall(const std::string& id, const std::string& subject, int64_t sequence);
  // RepeatCall, with the request `request of <id>`.
  absl::StatusOr<bool> RepeatCall(const std::string& id, const std::string& subject,
                                  int64_t sequence);
  // The personal data of a subject is gone.
  void Erase(const std::string& subject);
  // calls.state of one call, and how many calls have a state.
  int64_t StateOf(const std::string& id);
  int64_t CountOf(int64_t state);

  std::unique_ptr<CallWorker> NewWorker(CallWorker::Perform perform, CallWorker::Record record,
                                        CallWorker::Options options = {.kind = kKind});

  sql::TestDatabase db;
  SubjectKeys keys;
  SimulatedClock clock;
  metrics::Registry metrics;
};

// A Record that does nothing.
absl::Status NothingRecorded(sql::Transaction& tx, const Call& call, const Outcome& outcome);

}  // namespace lgsp::durable
