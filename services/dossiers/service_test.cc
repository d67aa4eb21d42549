#include "services/dossiers/service_test.h"

#include <catch2/catch.hpp>

#include "absl/strings/str_cat.h"
#include "libs/clock/clock.h"
#include "libs/events/outbox.h"

namespace lgsp::dossiers {

using lgsp::dossiers::v1::Dossier;
using lgsp::dossiers::v1::Dossiers;

namespace {

constexpr int kAllEvents = 10'000;

}  // namespace

absl::Time MondayMorning() {
  return absl::FromCivil(absl::CivilMinute(2026, 11, 16, 9, 0), VietnamZone());
}

TestService::TestService(sql::Database::Engine engine)
    : TestService(std::make_shared<TestStore>(engine), nullptr) {}

TestService::TestService(const TestService& other)
    : TestService(other.database_, other.database_->db.OpenAnother()) {}

TestService::TestService(std::shared_ptr<TestStore> database, std::unique_ptr<sql::Database> own_db)
    : platform_("rules { caller: 'gateway' service: 'lgsp.dossiers.v1.Dossiers' methods: '*' }"),
      database_(std::move(database)),
      own_db_(std::move(own_db)),
      changes_(&TheCatalogue(), &database_->keys, &database_->persons, &clock_,
               database_->db->engine()),
      sequencer_(own_db_ == nullptr ? &*database_->db : own_db_.get(), &clock_, &metrics_, [] {}),
      service_({own_db_ == nullptr ? &*database_->db : own_db_.get(), &database_->keys,
                &TheCatalogue(), &clock_, &changes_, [this] {
                  ++committed_;
                  sequencer_.Notify();
                }}) {
  const std::string name(Dossiers::service_full_name());
  server_ = platform_.Start("dossiers", {{name, &service_}});
  stub_ = Dossiers::NewStub(platform_.ChannelOf("gateway", server_->port(), "dossiers"));
}

std::string TestService::NewRequestId() {
  return absl::StrCat("request-", reinterpret_cast<uintptr_t>(this), "-", ++request_ids_);
}

Dossier TestService::Submit(absl::string_view procedure, const lgsp::auth::v1::Caller& caller) {
  auto request = SampleSubmission();
  request.set_request_id(NewRequestId());
  request.set_procedure(std::string(procedure));
  const auto dossier = Call(&Dossiers::Stub::SubmitDossier, request, caller);
  INFO(dossier.status());
  REQUIRE(dossier.ok());
  return *dossier;
}

Dossier TestService::Accept(const Dossier& dossier) {
  return Command(&Dossiers::Stub::AcceptDossier, dossier);
}
Dossier TestService::Complete(const Dossier& dossier) {
  return Command(&Dossiers::Stub::CompleteDossier, dossier);
}
Dossier TestService::Return(const Dossier& dossier) {
  return Command(&Dossiers::Stub::ReturnDossier, dossier);
}
Dossier TestService::Reject(const Dossier& dossier) {
  v1::RejectDossierRequest request;
  request.set_reason("thiếu giấy tờ");
  return Command(&Dossiers::Stub::RejectDossier, dossier, request);
}

absl::StatusOr<Dossier> TestService::Get(const std::string& name,
                                         const lgsp::auth::v1::Caller& caller) {
  v1::GetDossierRequest request;
  request.set_name(name);
  return Call(&Dossiers::Stub::GetDossier, request, caller);
}

std::vector<lgsp::events::v1::Event> TestService::Events() {
  sql::Database& db = *database_->db;
  REQUIRE(sql::Eventually([&] { return sql::ReadInt(db, "SELECT COUNT(*) FROM outbox") == 0; }));
  std::vector<lgsp::events::v1::Event> events;
  const absl::Status status = db.Read([&](sql::Transaction& tx) -> absl::Status {
    ASSIGN_OR_RETURN(const auto feed, events::ReadFeed(tx, "//dossiers.lgsp", {}, kAllEvents));
    for (const auto& response : feed) events.push_back(response.event());
    return absl::OkStatus();
  });
  INFO(status);
  REQUIRE(status.ok());
  return events;
}

}  // namespace lgsp::dossiers
