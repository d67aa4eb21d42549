// The outbox and the feed, on both engines.
#include "libs/events/outbox.h"

#include <atomic>
#include <catch2/catch.hpp>
#include <map>
#include <optional>

#include "absl/strings/str_cat.h"
#include "libs/events/fixture_test.h"
#include "libs/events/sequencer.h"
#include "libs/status/status.h"

namespace lgsp::events {
namespace {

using sql::kBothEngines;

TEST_CASE("an event is read as it was told") {
  OutboxFixture fixture(GENERATE(from_range(kBothEngines)));
  CHECK(fixture.Last().n() == 0);
  REQUIRE(fixture.AddOne("dossiers/a", 3).ok());
  fixture.Move();
  const auto read = fixture.Read(0, 10);
  REQUIRE(read.size() == 1);
  CHECK(read[0].position().epoch() == fixture.Last().epoch());
  CHECK(read[0].position().n() == 1);
  const auto& event = read[0].event();
  CHECK(event.id().size() == 36);
  CHECK(event.source() == "//dossiers.lgsp");
  CHECK(event.type() == "lgsp.dossiers.v1.DossierSubmitted");
  CHECK(event.subject() == "dossiers/a");
  CHECK(event.revision() == 3);
  CHECK(event.time().seconds() == 1'900'000'000);
  CHECK(event.time().nanos() == 123'456'000);
  CHECK(event.traceparent() == "00-abc-def-01");
  REQUIRE(event.audience_size() == 2);
  CHECK(event.audience(0) == "H12.01");
  CHECK(event.audience(1) == "H12.50.01");
  CHECK(event.data() ==
        R"({"dossier":"dossiers/a","procedure":"1.000001","settlingAgency":"H12.01"})");
  CHECK(sql::ReadInt(*fixture.db,
                     "SELECT COUNT(*) FROM feed WHERE aggregatetype = 'dossiers' "
                     "AND aggregateid = 'dossiers/a'") == 1);
}

TEST_CASE("a revision of an aggregate is told once") {
  OutboxFixture fixture(GENERATE(from_range(kBothEngines)));
  REQUIRE(fixture.AddOne("dossiers/a", 1).ok());
  CHECK(absl::IsAlreadyExists(fixture.AddOne("dossiers/a", 1)));
  fixture.Move();
  CHECK(absl::IsAlreadyExists(fixture.AddOne("dossiers/a", 1)));
  REQUIRE(fixture.AddOne("dossiers/b", 1).ok());
  REQUIRE(fixture.AddOne("dossiers/a", 2).ok());
  fixture.Move();
  const auto read = fixture.Read(0, 10);
  REQUIRE(read.size() == 3);
  CHECK(read[1].event().subject() == "dossiers/b");
  CHECK(read[2].position().n() == 3);
}

TEST_CASE("an event that is too large is refused") {
  OutboxFixture fixture(GENERATE(from_range(kBothEngines)));
  const absl::Status large = fixture.AddOne("dossiers/a", 1, std::string(kMaxEventBytes, 'x'));
  CHECK(absl::IsInvalidArgument(large));
  CHECK(ErrorReason(large) == "EVENT_INVALID");
  CHECK(fixture.Last().n() == 0);
}

TEST_CASE("positions have no gaps and follow the commits, whatever is rolled back") {
  OutboxFixture fixture(GENERATE(from_range(kBothEngines)));
  // On PostgreSQL two processes write, and both would move.
  const auto other_db = fixture.db.OpenAnother();
  std::optional<Sequencer> one, other;
  if (fixture.db->engine() == sql::Database::Engine::kPostgres) {
    one.emplace(&*fixture.db, &fixture.clock, &fixture.metrics, [] {});
    other.emplace(other_db.get(), &fixture.clock, &fixture.metrics, [] {});
  }
  constexpr int kThreads = 8, kEach = 40;
  std::atomic<bool> done = false;
  std::atomic<int> holes = 0;
  // Whoever reads meanwhile must never see n + 1 before n.
  sql::Crowd reader(1, [&](int) {
    while (!done) {
      uint64_t expected = 0;
      for (const auto& response : fixture.Read(0, 100'000)) {
        if (response.position().n() != ++expected) ++holes;
      }
    }
    return absl::OkStatus();
  });
  // Every third fails after it has told; of the others a second event is in the same transaction.
  sql::Crowd writers(kThreads, [&](int t) -> absl::Status {
    for (int i = 0; i < kEach; ++i) {
      const std::string subject = absl::StrCat("dossiers/", t);
      sql::Database& db = t % 2 == 0 ? *fixture.db : *other_db;
      const absl::Status status = db.Run([&](sql::Transaction& tx) -> absl::Status {
        RETURN_IF_ERROR(fixture.Add(tx, subject, 2 * i));
        if (i % 3 == 2) return absl::FailedPreconditionError("after all");
        return fixture.Add(tx, subject, 2 * i + 1);
      });
      if (status.ok() == (i % 3 == 2)) return absl::InternalError("not as told");
    }
    return absl::OkStatus();
  });
  const std::vector<absl::Status> written = writers.Join();
  done = true;
  reader.Join();
  for (const absl::Status& status : written) CHECK(status.ok());
  CHECK(holes == 0);

  constexpr int kKept = kEach - kEach / 3;
  REQUIRE(sql::Eventually([&] { return fixture.Last().n() == 2 * kThreads * kKept; }));
  const auto all = fixture.Read(0, 100'000);
  CHECK(all.size() == static_cast<size_t>(2 * kThreads * kKept));
  CHECK(fixture.Last().n() == all.size());
  std::map<std::string, int64_t> last;
  uint64_t n = 0;
  for (const auto& response : all) {
    REQUIRE(response.position().n() == ++n);
    const auto [it, first] = last.try_emplace(response.event().subject(), -1);
    // A thread commits one after the other.
    REQUIRE(it->second < response.event().revision());
    it->second = response.event().revision();
  }
}

TEST_CASE("the feed is read in portions") {
  OutboxFixture fixture(GENERATE(from_range(kBothEngines)));
  for (int i = 1; i <= 7; ++i) REQUIRE(fixture.AddOne("dossiers/a", i).ok());
  fixture.Move();
  CHECK(fixture.Read(0, 3).size() == 3);
  const auto rest = fixture.Read(3, 100);
  REQUIRE(rest.size() == 4);
  CHECK(rest[0].position().n() == 4);
  CHECK(fixture.Read(7, 100).empty());
}

TEST_CASE("an epoch is made once per database, and never twice the same") {
  OutboxFixture one(GENERATE(from_range(kBothEngines))), two(one.db->engine());
  const uint64_t epoch = one.Last().epoch();
  CHECK(epoch > 0);
  CHECK(epoch < (uint64_t{1} << 53));
  CHECK(epoch != two.Last().epoch());
  sql::Crowd again(8, [&](int) { return EnsureEpoch(*one.db); });
  for (const absl::Status& status : again.Join()) CHECK(status.ok());
  CHECK(one.Last().epoch() == epoch);
}

}  // namespace
}  // namespace lgsp::events
