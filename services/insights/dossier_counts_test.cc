// What an event counts for, and its effect in the database.
#include "services/insights/dossier_counts.h"

#include <catch2/catch.hpp>

#include "lgsp/dossiers/v1/dossiers.pb.h"
#include "libs/clock/clock.h"
#include "libs/events/delivery.h"
#include "libs/sql/fixture_test.h"
#include "libs/status/status.h"
#include "services/insights/migrations.h"

namespace lgsp::insights {
namespace {

using lgsp::events::v1::Event;
using lgsp::events::v1::FollowResponse;
using sql::kBothEngines;
using sql::ReadInt;

Event MakeEvent(const std::string& type, const std::string& data) {
  Event event;
  event.set_type("lgsp.dossiers.v1." + type);
  event.set_data(data);
  return event;
}

Event Submitted(const std::string& agency, const std::string& time) {
  return MakeEvent("DossierSubmitted",
                   R"({"settlingAgency":")" + agency + R"(","submitTime":")" + time + R"("})");
}

TEST_CASE("each kind of event counts for the state it leads to, on the day in Vietnam") {
  const auto [type, time_field, state] = GENERATE(table<std::string, std::string, std::string>({
      {"DossierSubmitted", "submitTime", "SUBMITTED"},
      {"DossierAccepted", "acceptTime", "ACCEPTED"},
      {"DossierCompleted", "completeTime", "COMPLETED"},
      {"DossierReturned", "returnTime", "RETURNED"},
      {"DossierRejected", "rejectTime", "REJECTED"},
  }));
  const auto [time, day] = GENERATE(table<std::string, std::string>({
      {"2026-11-22T16:59:59.999999Z", "2026-11-22"},
      {"2026-11-22T17:00:00Z", "2026-11-23"},
      {"2026-12-31T17:00:00Z", "2027-01-01"},
      {"2027-01-01T00:30:00+07:00", "2027-01-01"},
  }));
  const auto read = ReadEvent(MakeEvent(
      type, R"({"dossier":"dossiers/a","procedure":"1.000001","settlingAgency":"H12.50.01",)"
            R"("dueTime":"2031-01-01T00:00:00Z","fieldOfNextYear":{"a":[1]},")" +
                time_field + R"(":")" + time + R"("})"));
  INFO(type << " " << read.status());
  REQUIRE(read.ok());
  REQUIRE(read->has_value());
  CHECK((*read)->agency == "H12.50.01");
  CHECK((*read)->state == state);
  CHECK((*read)->day == day);
  lgsp::dossiers::v1::Dossier::State known;
  CHECK(lgsp::dossiers::v1::Dossier::State_Parse(state, &known));
}

TEST_CASE("what is not what its type says is DATA_LOSS, what is not known counts for nothing") {
  for (const std::string& data :
       {std::string(), std::string("{"), std::string("[]"), std::string("{}"),
        std::string(R"({"settlingAgency":"H12"})"),
        std::string(R"({"submitTime":"2026-11-22T17:00:00Z"})"),
        std::string(R"({"settlingAgency":"H12","submitTime":"yesterday"})"),
        std::string(R"({"settlingAgency":"H12","acceptTime":"2026-11-22T17:00:00Z"})"),
        std::string(R"({"settlingAgency":["H12"],"submitTime":"2026-11-22T17:00:00Z"})")}) {
    const auto read = ReadEvent(MakeEvent("DossierSubmitted", data));
    INFO(data);
    CHECK(absl::IsDataLoss(read.status()));
    CHECK(ErrorReason(read.status()) == "EVENT_UNREADABLE");
  }
  for (const char* type : {"DossierForwarded", "dossiersubmitted", "DossierSubmitted2"}) {
    const auto read = ReadEvent(MakeEvent(type, "{"));
    REQUIRE(read.ok());
    CHECK_FALSE(read->has_value());
  }
}

// A database of insights, to which events come one by one.
class CountsFixture {
 public:
  explicit CountsFixture(sql::Database::Engine engine) : db(engine) {
    const absl::Status migrated = db->Migrate(Migrations());
    INFO(migrated);
    REQUIRE(migrated.ok());
  }
  absl::Status Apply(uint64_t n, const std::string& id, const Event& event) {
    FollowResponse response;
    response.mutable_position()->set_epoch(77);
    response.mutable_position()->set_n(n);
    *response.mutable_event() = event;
    response.mutable_event()->set_source("//dossiers.lgsp");
    response.mutable_event()->set_id(id);
    return events::ApplyEvent(*db, clock_, kConsumer, response, CountEvent);
  }
  int64_t Total() { return ReadInt(*db, "SELECT COALESCE(SUM(count), 0) FROM dossier_counts"); }
  int64_t Position() { return ReadInt(*db, "SELECT COALESCE(MAX(n), 0) FROM consumer_positions"); }

  sql::TestDatabase db;

 private:
  const FakeClock clock_{absl::FromUnixSeconds(1'900'000'000)};
};

TEST_CASE("an event counts once, with the position, whatever is told again") {
  CountsFixture fixture(GENERATE(from_range(kBothEngines)));
  const Event event = Submitted("H12.01", "2026-11-22T17:00:00Z");
  REQUIRE(fixture.Apply(1, "id1", event).ok());
  REQUIRE(fixture.Apply(2, "id2", event).ok());
  CHECK(fixture.Total() == 2);
  // The same again, at its place and at a later one.
  REQUIRE(fixture.Apply(2, "id2", event).ok());
  REQUIRE(fixture.Apply(3, "id1", event).ok());
  CHECK(fixture.Total() == 2);
  CHECK(fixture.Position() == 3);
  CHECK(ReadInt(*fixture.db, "SELECT COUNT(*) FROM dossier_counts") == 1);
  CHECK(ReadInt(*fixture.db,
                "SELECT count FROM dossier_counts WHERE agency = 'H12.01' "
                "AND state = 'SUBMITTED' AND day = '2026-11-23'") == 2);
  // One that is not counted is passed by.
  REQUIRE(fixture.Apply(4, "id4", MakeEvent("DossierForwarded", "{}")).ok());
  CHECK(fixture.Total() == 2);
  CHECK(fixture.Position() == 4);
}

TEST_CASE("an event that cannot be read or counted leaves nothing, and counts when it can be") {
  CountsFixture fixture(GENERATE(from_range(kBothEngines)));
  REQUIRE(fixture.Apply(1, "id1", Submitted("H12.01", "2026-11-22T17:00:00Z")).ok());
  CHECK(absl::IsDataLoss(fixture.Apply(2, "id2", MakeEvent("DossierSubmitted", "{}"))));
  // NUL is in no agency's code.
  CHECK(absl::IsInvalidArgument(
      fixture.Apply(2, "id2", Submitted("H12\\u0000", "2026-11-22T17:00:00Z"))));
  CHECK(fixture.Total() == 1);
  CHECK(fixture.Position() == 1);
  CHECK(ReadInt(*fixture.db, "SELECT COUNT(*) FROM inbox") == 1);
  REQUIRE(fixture.Apply(2, "id2", Submitted("H12.02", "2026-11-22T17:00:00Z")).ok());
  CHECK(fixture.Total() == 2);
  CHECK(fixture.Position() == 2);
}

}  // namespace
}  // namespace lgsp::insights
