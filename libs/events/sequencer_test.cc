// The sequencer on PostgreSQL: one moves, another takes over, nothing is lost or told twice.
#include "libs/events/sequencer.h"

#include <catch2/catch.hpp>

#include "absl/strings/str_cat.h"
#include "libs/events/fixture_test.h"
#include "libs/status/status.h"
#include "libs/testing/metric_value.h"

namespace lgsp::events {
namespace {

using sql::Database;
using sql::ReadInt;
using sql::RunOne;

// A sequencer that is also moved by hand, to wait for nothing.
class ByHand {
 public:
  ByHand(Database& db, const Clock& clock) : sequencer_(&db, &clock, &metrics_, [] {}) {}
  int64_t Move() {
    const auto moved = sequencer_.MoveOnce();
    INFO(moved.status());
    REQUIRE(moved.ok());
    return *moved;
  }
  double Leads() { return testing::MetricValue(metrics_, "events_sequencer_leads"); }

 private:
  metrics::Registry metrics_;
  Sequencer sequencer_;
};

TEST_CASE("sequencer: the lower revision goes first, whatever ids say") {
  OutboxFixture fixture(Database::Engine::kPostgres);
  // Written by processes whose clocks disagree: the ids sort the other way round.
  for (const int revision : {3, 2, 1}) REQUIRE(fixture.AddOne("dossiers/a", revision).ok());
  REQUIRE(fixture.AddOne("dossiers/b", 1).ok());
  fixture.Move();
  const auto feed = fixture.Read(0, 10);
  REQUIRE(feed.size() == 4);
  std::vector<int64_t> of_a;
  for (size_t i = 0; i < feed.size(); ++i) {
    CHECK(feed[i].position().n() == i + 1);
    if (feed[i].event().subject() == "dossiers/a") of_a.push_back(feed[i].event().revision());
  }
  CHECK(of_a == std::vector<int64_t>{1, 2, 3});
}

TEST_CASE("sequencer: what is not committed is not moved, and leaves no gap") {
  OutboxFixture fixture(Database::Engine::kPostgres);
  ByHand sequencer(*fixture.db, fixture.clock);
  sql::Gate told, go;
  sql::Crowd slow(1, [&](int) {
    return fixture.db->Run([&](sql::Transaction& tx) -> absl::Status {
      const absl::Status status = fixture.Add(tx, "dossiers/slow", 1);
      told.Open();
      return go.Wait() ? status : absl::InternalError("waited in vain");
    });
  });
  REQUIRE(told.Wait());
  REQUIRE(fixture.AddOne("dossiers/fast", 1).ok());
  REQUIRE(sql::Eventually([&] {
    sequencer.Move();
    return fixture.Last().n() == 1;
  }));
  go.Open();
  REQUIRE(slow.Join()[0].ok());
  REQUIRE(sql::Eventually([&] {
    sequencer.Move();
    return fixture.Last().n() == 2;
  }));
  CHECK(fixture.Read(1, 10)[0].event().subject() == "dossiers/slow");
}

TEST_CASE("sequencer: while one lives the others leave it to it; after its death one takes over") {
  OutboxFixture fixture(Database::Engine::kPostgres);
  const auto other_db = fixture.db.OpenAnother();
  ByHand one(*fixture.db, fixture.clock);
  one.Move();
  CHECK(one.Leads() == 1);
  ByHand other(*other_db, fixture.clock);
  CHECK(other.Move() == 0);
  CHECK(other.Leads() == 0);
  // As if the first had died: nobody renews the turn.
  REQUIRE(RunOne(*fixture.db, "UPDATE feed_sequencer SET owner = 'dead'").ok());
  REQUIRE(fixture.AddOne("dossiers/a", 1).ok());
  CHECK(other.Move() == 0);
  CHECK(fixture.Last().n() == 0);
  fixture.clock.Advance(kSequencerLease + absl::Microseconds(1));
  REQUIRE(sql::Eventually([&] {
    other.Move();
    return fixture.Last().n() == 1;
  }));
}

TEST_CASE("sequencer: who has nothing to do writes nothing until half of its turn is over") {
  OutboxFixture fixture(Database::Engine::kPostgres);
  const auto other_db = fixture.db.OpenAnother();
  ByHand one(*fixture.db, fixture.clock), other(*other_db, fixture.clock);
  one.Move();
  other.Move();
  const auto written = [&] {
    // Another one with every version of the row.
    return ReadInt(*fixture.db, "SELECT CAST(CAST(xmin AS TEXT) AS BIGINT) FROM feed_sequencer");
  };
  const int64_t before = written();
  for (int i = 0; i < 10; ++i) {
    one.Move();
    other.Move();
  }
  CHECK(written() == before);
  CHECK(one.Leads() == 1);
  fixture.clock.Advance(kSequencerLease / 2 + absl::Microseconds(1));
  one.Move();
  other.Move();
  CHECK(written() > before);
  CHECK(one.Leads() + other.Leads() == 1);
}

TEST_CASE("sequencer: one that ends gives its turn away at once") {
  OutboxFixture fixture(Database::Engine::kPostgres);
  ByHand(*fixture.db, fixture.clock).Move();
  ByHand other(*fixture.db, fixture.clock);
  other.Move();
  CHECK(other.Leads() == 1);
}

TEST_CASE("sequencer: more than a batch, with a repeated event refused in outbox and feed") {
  OutboxFixture fixture(Database::Engine::kPostgres);
  constexpr int kEvents = 2 * kSequencerBatch + 7;
  REQUIRE(fixture.db
              ->Run([&](sql::Transaction& tx) -> absl::Status {
                for (int i = 1; i <= kEvents; ++i) {
                  RETURN_IF_ERROR(fixture.Add(tx, "dossiers/a", i));
                }
                return absl::OkStatus();
              })
              .ok());
  CHECK(absl::IsAlreadyExists(fixture.AddOne("dossiers/a", 5)));
  fixture.Move();
  CHECK(absl::IsAlreadyExists(fixture.AddOne("dossiers/a", 5)));
  CHECK(fixture.Last().n() == kEvents);
  CHECK(ReadInt(*fixture.db, "SELECT COUNT(*) FROM feed") == kEvents);
}

TEST_CASE("sequencer: on SQLite there is nothing to do") {
  OutboxFixture fixture(Database::Engine::kSqlite);
  REQUIRE(fixture.AddOne("dossiers/a", 1).ok());
  CHECK(fixture.Last().n() == 1);
  CHECK(ReadInt(*fixture.db, "SELECT COUNT(*) FROM outbox") == 0);
}

}  // namespace
}  // namespace lgsp::events
