// SubjectKeys and the answers of commands.
#include "libs/durable/commands.h"

#include <atomic>
#include <catch2/catch.hpp>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "lgsp/dossiers/v1/dossiers.pb.h"
#include "libs/durable/fixture_test.h"
#include "libs/status/status.h"

namespace lgsp::durable {
namespace {

using lgsp::dossiers::v1::AcceptDossierRequest;
using sql::kBothEngines;
using sql::ReadInt;
using sql::ReadOne;
using sql::RunOne;

AcceptDossierRequest RequestFor(absl::string_view name) {
  AcceptDossierRequest request;
  request.set_name(std::string(name));
  request.set_request_id("r1");
  return request;
}

// A command that makes a new subject and answers with its name.
absl::StatusOr<std::string> Submit(CallsFixture& fixture, sql::Database& db, const Command& command,
                                   const std::string& subject, std::atomic<int>* runs = nullptr) {
  std::string answer;
  RETURN_IF_ERROR(db.Run([&](sql::Transaction& tx) -> absl::Status {
    if (runs != nullptr) ++*runs;
    ASSIGN_OR_RETURN(const auto known, FindAnswer(tx, fixture.keys, command));
    if (known.has_value()) {
      answer = *known;
      return absl::OkStatus();
    }
    ASSIGN_OR_RETURN(const keys::DataKey key, fixture.keys.Create(tx, subject));
    answer = absl::StrCat("made ", subject);
    return SaveAnswer(tx, command, subject, key, answer, fixture.clock.CivilNow());
  }));
  return answer;
}

TEST_CASE("a subject has one key, for as long as it is not erased") {
  CallsFixture fixture(GENERATE(from_range(kBothEngines)));
  keys::DataKey made;
  REQUIRE(fixture.db
              ->Run([&](sql::Transaction& tx) -> absl::Status {
                ASSIGN_OR_RETURN(made, fixture.keys.Create(tx, "dossiers/a"));
                return fixture.keys.Create(tx, "dossiers/b").status();
              })
              .ok());
  const auto get = [&](absl::string_view subject) {
    keys::DataKey key;
    const absl::Status status = fixture.db->Read([&](sql::Transaction& tx) -> absl::Status {
      ASSIGN_OR_RETURN(key, fixture.keys.Get(tx, subject));
      return absl::OkStatus();
    });
    return status.ok() ? absl::StatusOr<keys::DataKey>(key) : status;
  };
  CHECK(*get("dossiers/a") == made);
  CHECK(*get("dossiers/b") != made);
  const auto stored = ReadOne(*fixture.db, "SELECT sealed FROM data_keys");
  for (const sql::Row& row : stored->rows) CHECK_FALSE(absl::StrContains(row.Blob(0), made));

  CHECK(absl::IsAlreadyExists(fixture.db->Run(
      [&](sql::Transaction& tx) { return fixture.keys.Create(tx, "dossiers/a").status(); })));
  // A wrapped key moved to another subject opens nothing.
  REQUIRE(RunOne(*fixture.db,
                 "UPDATE data_keys SET sealed = (SELECT sealed FROM data_keys WHERE subject = "
                 "'dossiers/a') WHERE subject = 'dossiers/b'")
              .ok());
  CHECK(absl::IsDataLoss(get("dossiers/b").status()));
  fixture.Erase("dossiers/a");
  CHECK(get("dossiers/a").status().code() == absl::StatusCode::kNotFound);
  CHECK(ErrorReason(get("dossiers/a").status()) == "DATA_KEY_ERASED");
}

TEST_CASE("a repeated command gets the first answer, another one under its id is refused") {
  CallsFixture fixture(GENERATE(from_range(kBothEngines)));
  const auto command = MakeCommand("systems/x", "r1", "AcceptDossier", RequestFor("dossiers/1"));
  CHECK(*Submit(fixture, *fixture.db, command, "dossiers/a") == "made dossiers/a");
  CHECK(*Submit(fixture, *fixture.db, command, "dossiers/b") == "made dossiers/a");

  const auto reused = [&](const Command& other) {
    const absl::Status status = Submit(fixture, *fixture.db, other, "dossiers/c").status();
    return absl::IsAborted(status) && ErrorReason(status) == "REQUEST_ID_REUSED";
  };
  CHECK(reused(MakeCommand("systems/x", "r1", "AcceptDossier", RequestFor("dossiers/2"))));
  CHECK(reused(MakeCommand("systems/x", "r1", "RejectDossier", RequestFor("dossiers/1"))));
  // The id of one caller is nothing to another.
  const auto other = MakeCommand("systems/y", "r1", "AcceptDossier", RequestFor("dossiers/1"));
  CHECK(*Submit(fixture, *fixture.db, other, "dossiers/d") == "made dossiers/d");

  const auto stored = ReadOne(*fixture.db, "SELECT answer FROM request_records");
  REQUIRE(stored->rows.size() == 2);
  for (const sql::Row& row : stored->rows) {
    CHECK_FALSE(absl::StrContains(row.Blob(0), "made"));
    // Nor can a request be guessed from its fingerprint.
    CHECK_FALSE(absl::StrContains(row.Blob(0), command.fingerprint));
  }
  fixture.Erase("dossiers/a");
  CHECK(ErrorReason(Submit(fixture, *fixture.db, command, "dossiers/e").status()) ==
        "DATA_KEY_ERASED");
}

TEST_CASE("a command that fails may be sent again") {
  CallsFixture fixture(GENERATE(from_range(kBothEngines)));
  const auto command = MakeCommand("systems/x", "r1", "AcceptDossier", RequestFor("dossiers/1"));
  const absl::Status failed = fixture.db->Run([&](sql::Transaction& tx) -> absl::Status {
    ASSIGN_OR_RETURN(const keys::DataKey key, fixture.keys.Create(tx, "dossiers/a"));
    RETURN_IF_ERROR(SaveAnswer(tx, command, "dossiers/a", key, "answer", fixture.clock.CivilNow()));
    return absl::FailedPreconditionError("after all");
  });
  CHECK(absl::IsFailedPrecondition(failed));
  CHECK(*Submit(fixture, *fixture.db, command, "dossiers/b") == "made dossiers/b");
}

TEST_CASE("the same command from many threads at once has one effect and one answer") {
  CallsFixture fixture(GENERATE(from_range(kBothEngines)));
  constexpr int kThreads = 12, kCommands = 10;
  for (int c = 0; c < kCommands; ++c) {
    const auto command =
        MakeCommand("systems/x", absl::StrCat("r", c), "AcceptDossier", RequestFor("dossiers/1"));
    std::vector<std::string> answers(kThreads);
    sql::Gate go;
    sql::Crowd crowd(kThreads, [&](int i) -> absl::Status {
      go.Wait();
      ASSIGN_OR_RETURN(answers[i],
                       Submit(fixture, *fixture.db, command, absl::StrCat("dossiers/", c, "-", i)));
      return absl::OkStatus();
    });
    go.Open();
    for (const absl::Status& status : crowd.Join()) {
      INFO(status);
      REQUIRE(status.ok());
    }
    for (const std::string& answer : answers) CHECK(answer == answers[0]);
    CHECK(absl::StartsWith(answers[0], absl::StrCat("made dossiers/", c, "-")));
  }
  CHECK(ReadInt(*fixture.db, "SELECT COUNT(*) FROM data_keys") == kCommands);
  CHECK(ReadInt(*fixture.db, "SELECT COUNT(*) FROM request_records") == kCommands);
}

TEST_CASE("of two that both found nothing, the later one is run again") {
  // On SQLite the one writer never lets two in at once.
  CallsFixture fixture(sql::Database::Engine::kPostgres);
  const auto other_db = fixture.db.OpenAnother();
  const auto command = MakeCommand("systems/x", "r1", "AcceptDossier", RequestFor("dossiers/1"));
  sql::Gate found_nothing, go_on;
  std::string late_answer;
  std::atomic<int> late_runs = 0;
  sql::Crowd late(1, [&](int) {
    return other_db->Run([&](sql::Transaction& tx) -> absl::Status {
      ++late_runs;
      ASSIGN_OR_RETURN(const auto known, FindAnswer(tx, fixture.keys, command));
      if (known.has_value()) {
        late_answer = *known;
        return absl::OkStatus();
      }
      found_nothing.Open();
      go_on.Wait();
      ASSIGN_OR_RETURN(const keys::DataKey key, fixture.keys.Create(tx, "dossiers/late"));
      return SaveAnswer(tx, command, "dossiers/late", key, "late", fixture.clock.CivilNow());
    });
  });
  REQUIRE(found_nothing.Wait());
  CHECK(*Submit(fixture, *fixture.db, command, "dossiers/first") == "made dossiers/first");
  go_on.Open();
  CHECK(late.Join()[0].ok());
  CHECK(late_runs == 2);
  CHECK(late_answer == "made dossiers/first");
  CHECK(ReadInt(*fixture.db, "SELECT COUNT(*) FROM data_keys") == 1);
}

TEST_CASE("answers are kept for seven days, then deleted a portion at a time") {
  CallsFixture fixture(GENERATE(from_range(kBothEngines)));
  constexpr int kOld = kMaxDeletedAnswers + 5;
  REQUIRE(fixture.db
              ->Run([&](sql::Transaction& tx) -> absl::Status {
                ASSIGN_OR_RETURN(const keys::DataKey key, fixture.keys.Create(tx, "dossiers/a"));
                for (int i = 0; i < kOld; ++i) {
                  const auto command = MakeCommand("systems/x", absl::StrCat("old", i), "M",
                                                   RequestFor("dossiers/a"));
                  RETURN_IF_ERROR(
                      SaveAnswer(tx, command, "dossiers/a", key, "old", fixture.clock.CivilNow()));
                }
                return absl::OkStatus();
              })
              .ok());
  const auto sweep = [&] {
    REQUIRE(DeleteExpiredAnswers(*fixture.db, fixture.clock.CivilNow()).ok());
    return ReadInt(*fixture.db, "SELECT COUNT(*) FROM request_records");
  };
  fixture.clock.civil.Advance(kAnswerLifetime - absl::Microseconds(1));
  const auto young = MakeCommand("systems/x", "young", "M", RequestFor("dossiers/b"));
  REQUIRE(Submit(fixture, *fixture.db, young, "dossiers/b").ok());
  CHECK(sweep() == kOld + 1);
  fixture.clock.civil.Advance(absl::Microseconds(1));
  CHECK(sweep() == 1);
  CHECK(*Submit(fixture, *fixture.db, young, "dossiers/c") == "made dossiers/b");
}

}  // namespace
}  // namespace lgsp::durable
