// The index on both engines: what is found by what, and that it is made again from the files alone.
#include "services/evidence/exchange_index.h"

#include <catch2/catch.hpp>
#include <filesystem>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "libs/sql/fixture_test.h"
#include "libs/status/status.h"
#include "services/evidence/fixture_test.h"
#include "services/evidence/follower.h"
#include "services/evidence/limits.h"
#include "services/evidence/migrations.h"

namespace lgsp::evidence {
namespace {

using sql::kBothEngines;

constexpr char kPerson[] = "persons/0193-hường";

// An index of a mirrored log.
struct IndexFixture {
  explicit IndexFixture(sql::Database::Engine engine) : engine(engine) { NewDatabase(); }

  void NewDatabase() {
    db = std::make_unique<sql::TestDatabase>(engine);
    REQUIRE((*db)->Migrate(Migrations()).ok());
    auto opened = PersonKeys::Open(keys_folder, &mirror.clock);
    REQUIRE(opened.ok());
    person_keys = *std::move(opened);
    index = std::make_unique<ExchangeIndex>(&**db, person_keys.get(), &mirror.metrics);
  }
  absl::Status Turn(absl::Duration retention = absl::InfiniteDuration()) {
    return Follower(&mirror.mirror(), index.get(), retention, &mirror.clock).Turn();
  }
  // The last digits of the ids of the calls that are found, in order, by pages of `size`.
  std::string Found(const ExchangeFilter& filter, int size = 100) {
    std::string found;
    ExchangePlace after;
    for (;;) {
      const auto page = index->List(filter, after, size, absl::InfiniteFuture());
      INFO(page.status());
      REQUIRE(page.ok());
      for (const IndexedExchange& exchange : *page) {
        absl::StrAppend(&found, found.empty() ? "" : " ", exchange.exchange_id.substr(33));
      }
      if (page->size() < static_cast<size_t>(size)) return found;
      after = {sql::Micros(page->back().time), page->back().exchange_id, page->back().origin};
    }
  }
  ExchangeFilter ByPerson(absl::Time start, absl::Time end) {
    ExchangeFilter filter;
    filter.person_hashes = person_keys->Hashes(start, end, kPerson);
    filter.nobody = filter.person_hashes.empty();
    return filter;
  }
  // Everything in it, as text.
  std::string Dump() {
    std::string dump;
    for (const char* sql :
         {"SELECT origin, CAST(position AS TEXT) FROM log_positions ORDER BY origin",
          "SELECT value, exchange_id || origin || CAST(kind AS TEXT) || CAST(intent_time AS TEXT) "
          "FROM exchange_keys ORDER BY kind, value, intent_time, exchange_id",
          "SELECT exchange_id, origin || system || service || method || dossier || person_hash || "
          "CAST(intent_index AS TEXT) || '/' || CAST(outcome_index AS TEXT) || '/' || "
          "CAST(outcome_end AS TEXT) || CAST(grpc_status AS TEXT) FROM exchanges ORDER BY "
          "exchange_id"}) {
      const auto rows = sql::ReadOne(**db, sql);
      REQUIRE(rows.ok());
      for (const sql::Row& row : rows->rows) {
        absl::StrAppend(&dump, row.Text(0), " ", row.Text(1), "\n");
      }
    }
    return dump;
  }

  const sql::Database::Engine engine;
  MirrorFixture mirror;
  const std::string keys_folder = mirror.folder.path() + "/keys";
  std::unique_ptr<sql::TestDatabase> db;
  std::unique_ptr<PersonKeys> person_keys;
  std::unique_ptr<ExchangeIndex> index;
};

// Five calls, an hour from each other.
std::vector<Call> SomeCalls() {
  std::vector<Call> calls;
  for (int i = 0; i < 5; ++i) {
    calls.push_back({.id = ExchangeId(i), .time = kNoon + absl::Hours(i - 5)});
  }
  calls[1].system = "systems/other";
  calls[1].dossier = calls[2].dossier = calls[4].dossier = "dossiers/a";
  calls[2].path = "/lgsp.national.v1.Portal/SyncDossier";
  calls[3].person = calls[4].person = kPerson;
  calls[0].path = "/no service";
  return calls;
}

TEST_CASE("calls are found by time, system, service, dossier and person") {
  IndexFixture fixture(GENERATE(from_range(kBothEngines)));
  fixture.mirror.node.AppendCalls(SomeCalls());
  REQUIRE(fixture.Turn().ok());
  CHECK(fixture.mirror.Metric("evidence_index_position") == 10);
  ExchangeFilter filter;
  CHECK(fixture.Found(filter) == "000 001 002 003 004");
  CHECK(fixture.Found(filter, 1) == "000 001 002 003 004");
  CHECK(fixture.Found(filter, 5) == "000 001 002 003 004");
  filter.start = kNoon - absl::Hours(4);
  filter.end = kNoon - absl::Hours(1);
  CHECK(fixture.Found(filter) == "001 002 003");
  filter = {};
  filter.system = "systems/onestop";
  CHECK(fixture.Found(filter, 2) == "000 002 003 004");
  filter.dossier = "dossiers/a";
  CHECK(fixture.Found(filter) == "002 004");
  filter.service = "lgsp.national.v1.Portal";
  CHECK(fixture.Found(filter) == "002");
  filter = {};
  filter.service = "lgsp.dossiers.v1.Dossiers";
  CHECK(fixture.Found(filter) == "001 003 004");
  filter = fixture.ByPerson(kNoon - absl::Hours(9), kNoon);
  CHECK(fixture.Found(filter, 1) == "003 004");
  filter.dossier = "dossiers/a";
  CHECK(fixture.Found(filter) == "004");
  // Nothing of the person but the hash is in the database.
  CHECK(fixture.Dump().find("persons") == std::string::npos);

  const auto found = fixture.index->Find(ExchangeId(2), absl::InfiniteFuture());
  REQUIRE(found->size() == 1);
  const IndexedExchange& call = found->front();
  CHECK(call.origin == kGateway);
  CHECK(call.intent_index == 4);
  CHECK(call.outcome_index == 5);
  CHECK(call.method == "SyncDossier");
  CHECK(call.end == lgsp::evidence::v1::Outcome::ANSWERED);
  CHECK(call.grpc_status == 5);
  CHECK(fixture.index->Find(ExchangeId(9), absl::InfiniteFuture())->empty());
}

TEST_CASE("a person is found over the years, by another hash in each") {
  IndexFixture fixture(GENERATE(from_range(kBothEngines)));
  const absl::Time year = absl::FromCivil(absl::CivilDay(2027, 1, 1), VietnamZone());
  fixture.mirror.clock.Set(year + absl::Hours(1));
  std::vector<Call> calls;
  for (int i = 0; i < 4; ++i) {
    calls.push_back({.id = ExchangeId(i), .time = year + absl::Minutes(i - 2), .person = kPerson});
  }
  // Of a year to come, and of one long gone.
  calls.push_back({.id = ExchangeId(4), .time = year + absl::Hours(9000), .person = kPerson});
  calls.push_back({.id = ExchangeId(5), .time = year - absl::Hours(90000), .person = kPerson});
  fixture.mirror.node.AppendCalls(calls);
  REQUIRE(fixture.Turn().ok());
  CHECK(fixture.Found(fixture.ByPerson(year - absl::Hours(1), year + absl::Hours(1)), 1) ==
        "000 001 002 003");
  CHECK(fixture.Found(fixture.ByPerson(year, year)) == "002 003");
  CHECK(fixture.Found(fixture.ByPerson(year - absl::Hours(1), year - absl::Hours(1))) == "000 001");
  CHECK(fixture.ByPerson(year + absl::Hours(9000), absl::InfiniteFuture()).nobody);
  const auto hashes =
      fixture.person_keys->Hashes(absl::InfinitePast(), absl::InfiniteFuture(), kPerson);
  REQUIRE(hashes.size() == 2);
  CHECK(hashes[0] != hashes[1]);
  // Forgotten with its key, and not made again.
  REQUIRE(fixture.person_keys->Forget(year).ok());
  CHECK_FALSE(std::filesystem::exists(fixture.keys_folder + "/2026.key"));
  CHECK(fixture.ByPerson(year - absl::Hours(1), year - absl::Hours(1)).nobody);
  CHECK(fixture.person_keys->Hash(year - absl::Hours(1), kPerson)->empty());
}

TEST_CASE("the index is the same when it is made anew, or in steps, or beside another process") {
  IndexFixture fixture(GENERATE(from_range(kBothEngines)));
  std::vector<Call> calls;
  for (int i = 0; i < 700; ++i) {
    calls.push_back({.id = ExchangeId(i), .time = kNoon + absl::Seconds(i)});
    if (i % 7 == 0) calls.back().person = kPerson;
  }
  const std::vector<Call> early(calls.begin(), calls.begin() + 200);
  fixture.mirror.node.AppendCalls(early);
  REQUIRE(fixture.Turn().ok());
  // An intent at the end of what is mirrored, its outcome later.
  fixture.mirror.node.Append({IntentOf(calls[200])});
  REQUIRE(fixture.Turn().ok());
  const auto open = fixture.index->Find(ExchangeId(200), absl::InfiniteFuture());
  CHECK_FALSE(open->at(0).outcome_index.has_value());
  fixture.mirror.node.Append({OutcomeOf(calls[200])});
  fixture.mirror.node.AppendCalls({calls.begin() + 201, calls.end()});
  REQUIRE(fixture.Turn().ok());
  CHECK(fixture.index->Find(ExchangeId(200), absl::InfiniteFuture())->at(0).outcome_index == 401);
  const std::string dump = fixture.Dump();
  fixture.NewDatabase();
  REQUIRE(fixture.Turn().ok());
  CHECK(fixture.Dump() == dump);
  CHECK(fixture.mirror.Metric("evidence_index_unreadable_total") == 0);
}

TEST_CASE("what is no record of ours is counted and passed by") {
  IndexFixture fixture(GENERATE(from_range(kBothEngines)));
  const Call good = {.id = ExchangeId(1)};
  Call nul = {.id = ExchangeId(2), .dossier = std::string("dossiers/\0", 10)};
  Call endless = {.id = ExchangeId(3), .system = std::string(kMaxIndexedText + 1, 's')};
  lgsp::evidence::v1::Record ancient;
  REQUIRE(ancient.ParseFromString(IntentOf({.id = ExchangeId(4)})));
  ancient.mutable_intent()->mutable_time()->set_seconds(INT64_MIN);
  const Call twice = {.id = ExchangeId(1), .system = "systems/forger"};
  fixture.mirror.node.Append({"", "no record", std::string(100, '\xff'), IntentOf({.id = "x"}),
                              IntentOf(nul), IntentOf(endless), ancient.SerializeAsString(),
                              IntentOf(good), OutcomeOf(good), OutcomeOf(good), IntentOf(twice),
                              OutcomeOf({.id = ExchangeId(7)})});
  REQUIRE(fixture.Turn().ok());
  CHECK(fixture.Found({}) == "001");
  CHECK(fixture.mirror.Metric("evidence_index_unreadable_total") == 7);
  CHECK(fixture.mirror.Metric("evidence_index_position") == 12);
  CHECK(fixture.index->Find(ExchangeId(1), absl::InfiniteFuture())->at(0).outcome_index == 8);
  // A path that is endless is only not told.
  fixture.mirror.node.AppendCalls(
      {{.id = ExchangeId(8), .path = "/" + std::string(900, 'a') + "/b"}});
  REQUIRE(fixture.Turn().ok());
  CHECK(fixture.index->Find(ExchangeId(8), absl::InfiniteFuture())->at(0).service.empty());
}

TEST_CASE("when retention is over, rows, content and keys of persons go") {
  IndexFixture fixture(GENERATE(from_range(kBothEngines)));
  std::vector<Call> calls;
  for (int i = 0; i < 600; ++i) {
    calls.push_back({.id = ExchangeId(i), .time = kNoon + absl::Minutes(i), .person = kPerson});
  }
  fixture.mirror.node.AppendCalls(calls);
  fixture.mirror.clock.Set(kNoon + absl::Hours(24));
  REQUIRE(fixture.Turn(absl::Hours(24)).ok());
  CHECK(fixture.mirror.mirror().reader().MinimumIndex() == 0);
  const FakeClock& clock = fixture.mirror.clock;
  fixture.mirror.clock.Set(kNoon + absl::Hours(24) + absl::Minutes(598));
  REQUIRE(fixture.Turn(absl::Hours(24)).ok());
  CHECK(fixture.mirror.mirror().reader().MinimumIndex() == 768);
  REQUIRE(ForgetIndexed(absl::Hours(24), clock, *fixture.index, *fixture.person_keys).ok());
  CHECK(fixture.Found({}) == "598 599");
  CHECK(sql::ReadInt(**fixture.db, "SELECT COUNT(*) FROM exchange_keys") == 8);
  // Made anew it has what is left of the files.
  fixture.NewDatabase();
  REQUIRE(fixture.Turn().ok());
  CHECK(fixture.index->Find(ExchangeId(383), absl::InfiniteFuture())->empty());
  CHECK(fixture.index->Find(ExchangeId(384), absl::InfiniteFuture())->size() == 1);
}

}  // namespace
}  // namespace lgsp::evidence
