#include "services/dossiers/dossier_store.h"

#include <catch2/catch.hpp>
#include <set>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_replace.h"
#include "google/protobuf/util/message_differencer.h"
#include "libs/aip/aip.h"
#include "libs/clock/clock.h"
#include "libs/status/status.h"
#include "services/dossiers/database_test.h"
#include "services/dossiers/samples_test.h"

namespace lgsp::dossiers {
namespace {

using google::protobuf::util::MessageDifferencer;
using lgsp::dossiers::v1::Dossier;
using lgsp::dossiers::v1::PortalSync;
using lgsp::dossiers::v1::Transition;

const std::string kSampleId = "0197a000-7c00-7000-8000-000000000001";
constexpr absl::CivilDay kMonday(2026, 11, 16);

TEST_CASE("store: what goes in comes out, by name and by code") {
  for (const auto engine : sql::kBothEngines) {
    TestStore test(engine);
    Dossier dossier = SampleDossier();
    LoadedDossier stored = test.Insert(dossier);

    auto loaded = test.Load(kSampleId);
    INFO(loaded.status());
    REQUIRE(loaded.ok());
    CHECK(loaded->key == stored.key);
    CHECK(loaded->dossier.etag() == aip::Etag(dossier.name(), 1));
    CHECK(loaded->dossier.portal_sync().state() == PortalSync::NOT_NEEDED);
    Dossier expected = dossier;
    expected.set_etag(loaded->dossier.etag());
    expected.mutable_portal_sync()->set_state(PortalSync::NOT_NEEDED);
    CHECK(MessageDifferencer::Equals(loaded->dossier, expected));

    stored.dossier.set_revision(2);
    stored.dossier.set_state(Dossier::REJECTED);
    stored.dossier.set_reject_reason("thiếu giấy tờ");
    stored.dossier.set_code("H12.04-261116-0001");
    REQUIRE(test.Update(stored).ok());
    loaded = test.Load("H12.04-261116-0001");
    REQUIRE(loaded.ok());
    CHECK(loaded->dossier.name() == dossier.name());
    CHECK(loaded->dossier.state() == Dossier::REJECTED);
    CHECK(loaded->dossier.reject_reason() == "thiếu giấy tờ");
    CHECK(loaded->dossier.subject() == kPersonalSamples[4]);
    CHECK(loaded->dossier.etag() == aip::Etag(dossier.name(), 2));

    for (const absl::string_view id :
         {"0197a000-7c00-7000-8000-000000000002", "H12.04-261116-0002", "x"}) {
      const absl::Status status = test.Load(id).status();
      CHECK(status.code() == absl::StatusCode::kNotFound);
      CHECK(ErrorReason(status) == "DOSSIER_NOT_FOUND");
    }
  }
}

TEST_CASE("store: the slower of two saves of one revision meets a conflict and changes nothing") {
  for (const auto engine : sql::kBothEngines) {
    TestStore test(engine);
    LoadedDossier first = test.Insert(SampleDossier());
    LoadedDossier second = first;
    first.dossier.set_revision(2);
    first.dossier.set_reject_reason("the first");
    second.dossier.set_revision(2);
    second.dossier.set_reject_reason("the second");
    REQUIRE(test.Update(first).ok());
    const absl::Status conflict = test.Update(second);
    CHECK(conflict.code() == absl::StatusCode::kAborted);
    CHECK(ErrorReason(conflict) == "REVISION_CONFLICT");
    // Nor may a revision be left out.
    second.dossier.set_revision(4);
    CHECK(ErrorReason(test.Update(second)) == "REVISION_CONFLICT");
    CHECK(test.Load(kSampleId)->dossier.reject_reason() == "the first");
    CHECK(test.Load(kSampleId)->dossier.revision() == 2);
  }
}

TEST_CASE("store: personal data sealed for one dossier do not open in the row of another") {
  TestStore test(sql::Database::Engine::kSqlite);
  test.Insert(SampleDossier(1));
  test.Insert(SampleDossier(2));
  const auto moved = sql::RunOne(
      *test.db,
      "UPDATE dossiers SET sealed = (SELECT o.sealed FROM dossiers o WHERE o.name = :other) "
      "WHERE name = :name",
      {{"other", SampleDossier(2).name()}, {"name", SampleDossier(1).name()}});
  REQUIRE(moved.ok());
  const absl::Status status = test.Load(kSampleId).status();
  CHECK(status.code() == absl::StatusCode::kDataLoss);
  CHECK(ErrorReason(status) == "SEALED_DATA_INVALID");
}

TEST_CASE("store: a damaged row is told as such") {
  TestStore test(sql::Database::Engine::kSqlite);
  test.Insert(SampleDossier());
  REQUIRE(sql::RunOne(*test.db, "UPDATE dossiers SET body = :body", {{"body", sql::Bytes{"\xff"}}})
              .ok());
  const absl::Status status = test.Load(kSampleId).status();
  CHECK(status.code() == absl::StatusCode::kDataLoss);
  CHECK(ErrorReason(status) == "DOSSIER_UNREADABLE");
}

TEST_CASE("store: erased is erased") {
  TestStore test(sql::Database::Engine::kSqlite);
  test.Insert(SampleDossier());
  REQUIRE(sql::RunOne(*test.db, "DELETE FROM data_keys").ok());
  CHECK(ErrorReason(test.Load(kSampleId).status()) == "DATA_KEY_ERASED");
}

TEST_CASE("store: no personal data lies readable on the disk") {
  TestStore test(sql::Database::Engine::kSqlite);
  LoadedDossier stored = test.Insert(SampleDossier());
  stored.dossier.set_revision(2);
  stored.dossier.set_reject_reason("canary-reject");
  stored.dossier.set_close_reason("canary-close");
  stored.dossier.add_supplements()->add_items("canary-item");
  stored.dossier.mutable_reappointment()->set_reason("canary-apology");
  stored.dossier.mutable_due()->set_basis("canary-basis");
  REQUIRE(test.Update(stored).ok());
  const auto loaded = test.Load(kSampleId);
  REQUIRE(loaded.ok());
  CHECK(loaded->dossier.supplements(0).items(0) == "canary-item");
  CHECK(loaded->dossier.reappointment().reason() == "canary-apology");
  CHECK(loaded->dossier.due().basis() == "canary-basis");

  const std::string bytes = test.BytesOnDisk();
  // It would be found: what is not personal is.
  CHECK(absl::StrContains(bytes, kSampleId));
  CHECK(absl::StrContains(bytes, "H12.50.01"));
  for (const absl::string_view personal : kPersonalSamples) {
    CHECK_FALSE(absl::StrContains(bytes, personal));
  }
  CHECK_FALSE(absl::StrContains(bytes, "canary"));
  CHECK_FALSE(absl::StrContains(bytes, stored.key));
}

TEST_CASE("store: codes count per agency and day, without gaps, also when many ask at once") {
  for (const auto engine : sql::kBothEngines) {
    TestStore test(engine);
    CHECK(*test.NextCode("H12.04", kMonday) == "H12.04-261116-0001");
    CHECK(*test.NextCode("H12.04", kMonday) == "H12.04-261116-0002");
    CHECK(*test.NextCode("H12.50.01", kMonday) == "H12.50.01-261116-0001");
    // At least four digits: more when they are needed.
    REQUIRE(test.NextCode("H12.09", kMonday).ok());
    REQUIRE(
        sql::RunOne(*test.db, "UPDATE dossier_codes SET last = 9998 WHERE agency = 'H12.09'").ok());
    CHECK(*test.NextCode("H12.09", kMonday) == "H12.09-261116-9999");
    CHECK(*test.NextCode("H12.09", kMonday) == "H12.09-261116-10000");
    CHECK(*test.NextCode("H12.09", kMonday) == "H12.09-261116-10001");
    CHECK(*test.NextCode("H12.04", kMonday + 1) == "H12.04-261117-0001");
    CHECK(*test.NextCode("H12.04", kMonday) == "H12.04-261116-0003");

    // Two processes on one database.
    const auto other = test.db.OpenAnother();
    constexpr int kThreads = 4;
    constexpr int kEach = 10;
    std::vector<std::string> codes(kThreads * kEach);
    sql::Crowd crowd(kThreads, [&](int thread) -> absl::Status {
      sql::Database& db = thread % 2 == 0 ? *test.db : *other;
      for (int i = 0; i < kEach; ++i) {
        RETURN_IF_ERROR(db.Run([&](sql::Transaction& tx) -> absl::Status {
          ASSIGN_OR_RETURN(codes[thread * kEach + i], test.store.NextCode(tx, "H12.05", kMonday));
          return absl::OkStatus();
        }));
      }
      return absl::OkStatus();
    });
    for (const absl::Status& status : crowd.Join()) {
      INFO(status);
      CHECK(status.ok());
    }
    std::set<std::string> expected;
    for (int i = 1; i <= kThreads * kEach; ++i) expected.insert(FormatCode("H12.05", kMonday, i));
    CHECK(std::set<std::string>(codes.begin(), codes.end()) == expected);

    // A command that fails after its number was taken gives it back.
    CHECK_FALSE(test.db
                    ->Run([&](sql::Transaction& tx) -> absl::Status {
                      RETURN_IF_ERROR(test.store.NextCode(tx, "H12.04", kMonday).status());
                      return absl::CancelledError("");
                    })
                    .ok());
    CHECK(*test.NextCode("H12.04", kMonday) == "H12.04-261116-0004");
  }
}

TEST_CASE("store: codes grow beyond four digits") {
  CHECK(FormatCode("H12.04", kMonday, 9999) == "H12.04-261116-9999");
  CHECK(FormatCode("H12.04", kMonday, 10000) == "H12.04-261116-10000");
  CHECK(FormatCode("H12.50.01", absl::CivilDay(2030, 1, 2), 7) == "H12.50.01-300102-0007");
}

TEST_CASE("store: two dossiers never share a code") {
  for (const auto engine : sql::kBothEngines) {
    TestStore test(engine);
    for (const int number : {1, 2}) {
      LoadedDossier loaded = test.Insert(SampleDossier(number));
      loaded.dossier.set_revision(2);
      loaded.dossier.set_code("H12.04-261116-0001");
      CHECK(test.Update(loaded).ok() == (number == 1));
    }
  }
}

TEST_CASE("store: names of an agency's dossiers, newest first, by state and settling agency") {
  for (const auto engine : sql::kBothEngines) {
    TestStore test(engine);
    // 1 to 6; even ones are settled by the ward itself, 3 and 6 are refused.
    for (int i = 1; i <= 6; ++i) {
      Dossier dossier = SampleDossier(i);
      if (i % 2 == 0) dossier.set_settling_agency("H12.50.01");
      if (i % 3 == 0) dossier.set_state(Dossier::REJECTED);
      test.Insert(dossier);
    }
    const auto numbers = [&](absl::string_view agency, absl::string_view settling,
                             Dossier::State state, int after, int limit) {
      std::string found;
      const absl::Status status = test.db->Read([&](sql::Transaction& tx) -> absl::Status {
        ListFilter filter;
        filter.state = state;
        filter.settling = std::string(settling);
        const ListPlace from{0, after == 0 ? "" : SampleDossier(after).name()};
        ASSIGN_OR_RETURN(const auto places,
                         ReadList(tx, {std::string(agency)}, filter, from, limit));
        for (const ListPlace& place : places) found += place.name.back();
        return absl::OkStatus();
      });
      INFO(status);
      CHECK(status.ok());
      return found;
    };
    constexpr auto kAny = Dossier::STATE_UNSPECIFIED;
    CHECK(numbers("H12.50.01", "", kAny, 0, 100) == "654321");
    CHECK(numbers("H12.50.01", "", kAny, 0, 2) == "65");
    CHECK(numbers("H12.50.01", "", kAny, 5, 2) == "43");
    CHECK(numbers("H12.50.01", "", kAny, 1, 2) == "");
    CHECK(numbers("H12.50.01", "H12.50.01", kAny, 0, 100) == "642");
    // What the ward took in for the department.
    CHECK(numbers("H12.50.01", "H12.04", kAny, 0, 100) == "531");
    CHECK(numbers("H12.04", "", kAny, 0, 100) == "531");
    CHECK(numbers("H12.04", "H12.50.01", kAny, 0, 100) == "");
    CHECK(numbers("H12.50.01", "", Dossier::REJECTED, 0, 100) == "63");
    CHECK(numbers("H12.50.01", "H12.04", Dossier::REJECTED, 0, 100) == "3");
    CHECK(numbers("H12.50.01", "", Dossier::RETURNED, 0, 100) == "");
    CHECK(numbers("H12.50.02", "", kAny, 0, 100) == "");
  }
}

// 4,000 dossiers of one agency, as lists know them.
void FillLists(TestStore& test) {
  const absl::Status filled = test.db->Run([&](sql::Transaction& tx) -> absl::Status {
    for (int i = 0; i < 4000; ++i) {
      ListRow row{"H12.04",
                  i % 100 == 0 ? Dossier::SUBMITTED : Dossier::RETURNED,
                  "H12.04",
                  absl::StrCat("1.", i % 40),
                  i % 50 == 0 ? 1'000'000 + i : 0,
                  i % 2 == 0 ? "an" : ""};
      RETURN_IF_ERROR(SetListRows(tx, absl::StrFormat("dossiers/%05d", i), {}, {row}));
    }
    return absl::OkStatus();
  });
  INFO(filled);
  REQUIRE(filled.ok());
  if (test.db->engine() == sql::Database::Engine::kPostgres) {
    REQUIRE(sql::RunOne(*test.db, "ANALYZE dossier_list").ok());
  }
}

TEST_CASE("store: every list is read from its index, in order, without sorting") {
  for (const auto engine : sql::kBothEngines) {
    TestStore test(engine);
    FillLists(test);
    const bool sqlite = engine == sql::Database::Engine::kSqlite;
    for (const absl::string_view statement : ListStatements()) {
      // What is not asked for passes everything.
      const auto unless = [&](absl::string_view passed, absl::string_view value) {
        return absl::StrContains(statement, passed) ? absl::string_view("''") : value;
      };
      const std::string literal = absl::StrReplaceAll(
          statement, {{":agency", "'H12.04'"},
                      {":after", "'dossiers/02000'"},
                      {":limit", "51"},
                      {":state", absl::StrContains(statement, ":state = 0") ? "0" : "1"},
                      {":procedure", unless(":procedure = ''", "'1.1'")},
                      {":settling", unless(":settling = ''", "'H12.04'")},
                      {":officer", unless(":officer = ''", "'an'")},
                      {":due", "0"},
                      {":before", "9000000"}});
      std::string plan;
      const absl::Status explained = test.db->Read([&](sql::Transaction& tx) -> absl::Status {
        // With few rows PostgreSQL would rather gather and sort them.
        if (!sqlite) RETURN_IF_ERROR(tx.Execute("SET LOCAL enable_bitmapscan = off").status());
        ASSIGN_OR_RETURN(
            const sql::Result result,
            tx.Execute(absl::StrCat(sqlite ? "EXPLAIN QUERY PLAN " : "EXPLAIN ", literal)));
        for (const sql::Row& row : result.rows) {
          absl::StrAppend(&plan, row.Text(sqlite ? 3 : 0), "\n");
        }
        return absl::OkStatus();
      });
      INFO(explained << "\n" << statement << "\n" << plan);
      CHECK(explained.ok());
      CHECK(absl::StrContains(plan, sqlite ? "INDEX" : "Index"));
      for (const absl::string_view bad : {"SCAN dossier_list", "TEMP B-TREE", "Seq Scan", "Sort"}) {
        CHECK_FALSE(absl::StrContains(plan, bad));
      }
    }
  }
}

TEST_CASE("store: history says who, when and what, oldest first") {
  TestStore test(sql::Database::Engine::kSqlite);
  LoadedDossier loaded = test.Insert(SampleDossier());
  lgsp::auth::v1::Caller officer = CallerOf("H12.04");
  officer.mutable_officer()->set_id("cb-17");
  officer.mutable_officer()->set_unit("H12.04");
  loaded.dossier.set_revision(2);
  loaded.dossier.set_state(Dossier::ACCEPTED);
  const absl::Time later = ToTime(loaded.dossier.submit_time()) + absl::Hours(1);
  std::vector<Transition> transitions;
  REQUIRE(test.db
              ->Run([&](sql::Transaction& tx) -> absl::Status {
                RETURN_IF_ERROR(
                    test.store.AddTransition(tx, loaded.dossier, "accept", later, officer));
                ASSIGN_OR_RETURN(transitions, test.store.Transitions(tx, loaded.dossier.name()));
                return absl::OkStatus();
              })
              .ok());
  REQUIRE(transitions.size() == 2);
  CHECK(transitions[0].revision() == 1);
  CHECK(transitions[0].state() == Dossier::SUBMITTED);
  CHECK(transitions[0].system() == "systems/test");
  CHECK(transitions[0].officer().empty());
  CHECK(transitions[1].revision() == 2);
  CHECK(transitions[1].state() == Dossier::ACCEPTED);
  CHECK(ToTime(transitions[1].time()) == later);
  CHECK(transitions[1].officer() == "cb-17");
  CHECK(transitions[1].unit() == "H12.04");
  CHECK(transitions[0].command() == "submit");
  CHECK(transitions[0].settling_agency() == "H12.04");
  CHECK(transitions[1].command() == "accept");
}

}  // namespace
}  // namespace lgsp::dossiers
