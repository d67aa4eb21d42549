#include "libs/durable/fixture_test.h"

#include <catch2/catch.hpp>

#include "absl/strings/str_cat.h"
#include "libs/durable/migrations.h"
#include "libs/status/status.h"
#include "libs/testing/files.h"

namespace lgsp::durable {

CallsFixture::CallsFixture(sql::Database::Engine engine) : db(engine), keys(testing::NewKeyRing()) {
  const absl::Status migrated = db->Migrate(Migrations());
  INFO(migrated);
  REQUIRE(migrated.ok());
}

void CallsFixture::AddSubject(const std::string& subject) {
  REQUIRE(db->Run([&](sql::Transaction& tx) { return keys.Create(tx, subject).status(); }).ok());
}

absl::Status CallsFixture::AddCall(const std::string& id, const std::string& subject,
                                   int64_t sequence) {
  return db->Run([&](sql::Transaction& tx) -> absl::Status {
    ASSIGN_OR_RETURN(const keys::DataKey key, keys.Get(tx, subject));
    return durable::AddCall(tx, kKind, {id, subject, sequence, absl::StrCat("request of ", id)},
                            key, clock);
  });
}

absl::StatusOr<bool> CallsFixture::RepeatCall(const std::string& id, const std::string& subject,
                                              int64_t sequence) {
  bool opened = false;
  RETURN_IF_ERROR(db->Run([&](sql::Transaction& tx) -> absl::Status {
    ASSIGN_OR_RETURN(const keys::DataKey key, keys.Get(tx, subject));
    ASSIGN_OR_RETURN(
        opened,
        durable::RepeatCall(tx, kKind, {id, subject, sequence, absl::StrCat("request of ", id)},
                            key, clock));
    return absl::OkStatus();
  }));
  return opened;
}

void CallsFixture::Erase(const std::string& subject) {
  REQUIRE(
      RunOne(*db, "DELETE FROM data_keys WHERE subject = :subject", {{"subject", subject}}).ok());
}

int64_t CallsFixture::StateOf(const std::string& id) {
  return ReadInt(*db, "SELECT state FROM calls WHERE id = :id", {{"id", id}});
}

int64_t CallsFixture::CountOf(int64_t state) {
  return ReadInt(*db, "SELECT COUNT(*) FROM calls WHERE state = :state", {{"state", state}});
}

std::unique_ptr<CallWorker> CallsFixture::NewWorker(CallWorker::Perform perform,
                                                    CallWorker::Record record,
                                                    CallWorker::Options options) {
  return std::make_unique<CallWorker>(&*db, &keys, &clock, &metrics, std::move(options),
                                      std::move(perform), std::move(record));
}

absl::Status NothingRecorded(sql::Transaction&, const Call&, const Outcome&) {
  return absl::OkStatus();
}

}  // namespace lgsp::durable
