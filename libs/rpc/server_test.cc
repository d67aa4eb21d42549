// A real server and real clients over mutual TLS.
#include "libs/rpc/server.h"

#include <catch2/catch.hpp>
#include <thread>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/notification.h"
#include "google/rpc/error_details.pb.h"
#include "lgsp/insights/v1/insights.grpc.pb.h"
#include "libs/auth/auth.h"
#include "libs/rpc/channel.h"
#include "libs/status/status.h"
#include "libs/testing/metric_value.h"
#include "libs/testing/platform.h"

namespace lgsp::rpc {
namespace {

using insights::v1::Insights;
using insights::v1::ListDossierCountsRequest;
using insights::v1::ListDossierCountsResponse;

constexpr char kName[] = "lgsp.insights.v1.Insights";

// Answers with the caller's system in next_page_token, or with the error asked for in `agency`.
class Echo final : public Insights::Service {
 public:
  grpc::Status ListDossierCounts(grpc::ServerContext* context,
                                 const ListDossierCountsRequest* request,
                                 ListDossierCountsResponse* response) override {
    return Unary(context, [&](const CallContext& call) -> absl::Status {
      if (request->agency() == "bad")
        return MakeFieldError("AGENCY_UNKNOWN", "agency", "is unknown");
      response->set_next_page_token(call.caller.system());
      return absl::OkStatus();
    });
  }
};

// An installation whose insights are called by gateway and dossiers.
class InsightsPlatform : public testing::Platform {
 public:
  InsightsPlatform()
      : Platform(
            "rules { caller: 'gateway' service: 'lgsp.insights.v1.Insights' methods: '*' }"
            "rules { caller: 'dossiers' service: 'lgsp.insights.v1.Insights' methods: '*' }") {}

  std::unique_ptr<Server> Start(grpc::Service* service) {
    return Platform::Start("insights", {{kName, service}});
  }
  std::unique_ptr<Insights::Stub> StubOf(const std::string& service, int port,
                                         const std::string& peer = "insights") {
    return Insights::NewStub(ChannelOf(service, port, peer));
  }
  std::string CallerJws() {
    lgsp::auth::v1::Caller caller;
    caller.set_system("systems/demo");
    return Platform::CallerJws(kName, caller);
  }
};

absl::Status Call(Insights::Stub& stub, const std::string& jws, ListDossierCountsResponse* response,
                  const std::string& agency = "") {
  grpc::ClientContext context;
  SetDeadline(context, absl::Seconds(10));
  if (!jws.empty()) context.AddMetadata(auth::kCallerHeader, jws);
  ListDossierCountsRequest request;
  request.set_agency(agency);
  return FromGrpcStatus(stub.ListDossierCounts(&context, request, response));
}

TEST_CASE("callers arrive verified, errors with their details, and all is counted") {
  InsightsPlatform platform;
  Echo echo;
  const auto server = platform.Start(&echo);
  ListDossierCountsResponse response;

  const auto gateway = platform.StubOf("gateway", server->port());
  REQUIRE(Call(*gateway, platform.CallerJws(), &response).ok());
  CHECK(response.next_page_token() == "systems/demo");

  const auto dossiers = platform.StubOf("dossiers", server->port());
  REQUIRE(Call(*dossiers, "", &response).ok());
  CHECK(response.next_page_token() == "services/dossiers");

  const absl::Status error = Call(*gateway, platform.CallerJws(), &response, "bad");
  CHECK(error.code() == absl::StatusCode::kInvalidArgument);
  CHECK(ErrorReason(error) == "AGENCY_UNKNOWN");

  const absl::Status missing = Call(*gateway, "", &response);
  CHECK(missing.code() == absl::StatusCode::kUnauthenticated);
  CHECK(std::string(missing.message()).find("CALLER_MISSING") == 0);
  const auto national = platform.StubOf("national", server->port());
  const absl::Status unlisted = Call(*national, "", &response);
  CHECK(unlisted.code() == absl::StatusCode::kPermissionDenied);
  CHECK(std::string(unlisted.message()).find("CALL_NOT_LISTED") == 0);

  const auto handled = [&](absl::string_view code) {
    return testing::MetricValue(
        platform.metrics(),
        absl::StrCat("grpc_server_handled_total{grpc_code=\"", code,
                     "\",grpc_method=\"ListDossierCounts\",grpc_service=\"", kName, "\"}"));
  };
  CHECK(handled("OK") == 2);
  CHECK(handled("INVALID_ARGUMENT") == 1);
  CHECK(testing::MetricValue(platform.metrics(), "rpc_refused_total") == 2);
}

TEST_CASE("a peer that is not the service meant is not talked to") {
  InsightsPlatform platform;
  Echo echo;
  const auto server = platform.Start(&echo);
  ListDossierCountsResponse response;
  const auto stub = platform.StubOf("gateway", server->port(), "dossiers");
  CHECK(Call(*stub, platform.CallerJws(), &response).code() == absl::StatusCode::kUnavailable);
}

TEST_CASE("a certificate of another authority does not get in") {
  InsightsPlatform platform;
  InsightsPlatform stranger;
  Echo echo;
  const auto server = platform.Start(&echo);
  // The stranger trusts our authority, but has a certificate of its own.
  RpcConfig config = stranger.ConfigOf("gateway");
  config.set_authority_file(platform.folder().path() + "/ca.crt");
  PeerConfig to;
  to.set_address(absl::StrCat("127.0.0.1:", server->port()));
  to.set_service("insights");
  auto channel = Connect(config, stranger.folder().path(), to);
  REQUIRE(channel.ok());
  const auto stub = Insights::NewStub(*channel);
  ListDossierCountsResponse response;
  CHECK(Call(*stub, platform.CallerJws(), &response).code() == absl::StatusCode::kUnavailable);
}

// Holds its call until told.
class Slow final : public Insights::Service {
 public:
  grpc::Status ListDossierCounts(grpc::ServerContext* context, const ListDossierCountsRequest*,
                                 ListDossierCountsResponse*) override {
    return Unary(context, [&](const CallContext&) -> absl::Status {
      begun.Notify();
      go.WaitForNotification();
      return absl::OkStatus();
    });
  }
  absl::Notification begun, go;
};

TEST_CASE("a drain lets the call under way end well") {
  InsightsPlatform platform;
  Slow slow;
  const auto server = platform.Start(&slow);
  const auto stub = platform.StubOf("gateway", server->port());
  absl::Status status;
  std::thread caller([&] {
    ListDossierCountsResponse response;
    status = Call(*stub, platform.CallerJws(), &response);
  });
  slow.begun.WaitForNotification();
  std::thread drain([&] { server->Drain(absl::Seconds(20)); });
  slow.go.Notify();
  drain.join();
  caller.join();
  CHECK(status.ok());
}

}  // namespace
}  // namespace lgsp::rpc
