// dossiers as the gateway reaches it: a real server, mutual TLS, a signed caller; its database and
// clock in the test's hands.
#pragma once

#include <atomic>
#include <catch2/catch.hpp>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "lgsp/dossiers/v1/dossiers.grpc.pb.h"
#include "lgsp/events/v1/feed.pb.h"
#include "libs/auth/auth.h"
#include "libs/events/sequencer.h"
#include "libs/rpc/channel.h"
#include "libs/status/status.h"
#include "libs/testing/platform.h"
#include "services/dossiers/database_test.h"
#include "services/dossiers/dossier_service.h"
#include "services/dossiers/samples_test.h"

namespace lgsp::dossiers {

// Monday 16 November 2026, 9:00 in Vietnam.
absl::Time MondayMorning();

class TestService {
 public:
  explicit TestService(sql::Database::Engine engine = sql::Database::Engine::kSqlite);
  // Another process of the service, on the data of `other`.
  explicit TestService(const TestService& other);

  // Calls `method` as `caller`.
  template <typename Request, typename Response>
  absl::StatusOr<Response> Call(
      grpc::Status (v1::Dossiers::Stub::*method)(grpc::ClientContext*, const Request&, Response*),
      const Request& request, const lgsp::auth::v1::Caller& caller = CallerOf("H12.*")) {
    grpc::ClientContext context;
    rpc::SetDeadline(context, sql::kPatience);
    context.AddMetadata(
        auth::kCallerHeader,
        platform_.CallerJws(std::string(v1::Dossiers::service_full_name()), caller));
    context.AddMetadata("traceparent", kTraceparent);
    Response response;
    RETURN_IF_ERROR(rpc::FromGrpcStatus((stub_.get()->*method)(&context, request, &response)));
    return response;
  }

  // SampleSubmission with a request id of its own; must succeed.
  v1::Dossier Submit(absl::string_view procedure = kProvinceProcedure,
                     const lgsp::auth::v1::Caller& caller = CallerOf("H12.*"));
  // The next command on a dossier; must succeed.
  v1::Dossier Accept(const v1::Dossier& dossier);
  v1::Dossier Complete(const v1::Dossier& dossier);
  v1::Dossier Return(const v1::Dossier& dossier);
  v1::Dossier Reject(const v1::Dossier& dossier);
  absl::StatusOr<v1::Dossier> Get(const std::string& name,
                                  const lgsp::auth::v1::Caller& caller = CallerOf("H12.*"));

  // Any other; must succeed.
  template <typename Request>
  v1::Dossier Command(grpc::Status (v1::Dossiers::Stub::*method)(grpc::ClientContext*,
                                                                 const Request&, v1::Dossier*),
                      const v1::Dossier& dossier, Request request = {},
                      const lgsp::auth::v1::Caller& caller = CallerOf("H12.*")) {
    request.set_name(dossier.name());
    request.set_request_id(NewRequestId());
    request.set_etag(dossier.etag());
    const auto changed = Call(method, request, caller);
    INFO(changed.status());
    REQUIRE(changed.ok());
    return *changed;
  }

  // All events so far.
  std::vector<lgsp::events::v1::Event> Events();
  // How often the service said that it had committed.
  int committed() const { return committed_; }

  std::string NewRequestId();
  TestStore& database() { return *database_; }
  const DossierChanges& changes() const { return changes_; }
  FakeClock& clock() { return clock_; }
  v1::Dossiers::Stub& stub() { return *stub_; }

  static constexpr char kTraceparent[] = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

 private:
  TestService(std::shared_ptr<TestStore> database, std::unique_ptr<sql::Database> own_db);

  testing::Platform platform_;
  FakeClock clock_{MondayMorning()};
  std::shared_ptr<TestStore> database_;
  // Null: database_->db.
  std::unique_ptr<sql::Database> own_db_;
  metrics::Registry metrics_;
  std::atomic<int> committed_ = 0;
  std::atomic<int> request_ids_ = 0;
  DossierChanges changes_;
  events::Sequencer sequencer_;
  DossierService service_;
  std::unique_ptr<rpc::Server> server_;
  std::unique_ptr<v1::Dossiers::Stub> stub_;
};

}  // namespace lgsp::dossiers
