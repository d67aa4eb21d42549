// A real server and real clients over mutual TLS.
#include "libs/rpc/server.h"

#include <catch2/catch.hpp>
#include <cstdlib>
#include <thread>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/notification.h"
#include "google/rpc/error_details.pb.h"
#include "lgsp/insights/v1/insights.grpc.pb.h"
#include "libs/auth/auth.h"
#include "libs/config/config.h"
#include "libs/keys/jws.h"
#include "libs/keys/x509.h"
#include "libs/rpc/channel.h"
#include "libs/status/status.h"

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

// A folder with an authority, and certificates of services.
class Platform {
 public:
  Platform() {
    char name[] = "/tmp/rpc_test_XXXXXX";
    REQUIRE(mkdtemp(name) != nullptr);
    folder_ = name;
    authority_ =
        *keys::MakeAuthority("test", absl::Now() - absl::Hours(1), absl::Now() + absl::Hours(1));
    Write("ca.crt", authority_.certificate_pem);
    Write("caller.pub", signer_.PublicPem());
    Write("calls",
          "rules { caller: \"gateway\" service: \"lgsp.insights.v1.Insights\" methods: \"*\" }"
          "rules { caller: \"dossiers\" service: \"lgsp.insights.v1.Insights\" methods: \"*\" }");
  }

  void Write(absl::string_view file, absl::string_view content) {
    REQUIRE(config::WriteFile(absl::StrCat(folder_, "/", file), content, 0600).ok());
  }

  RpcConfig ConfigOf(const std::string& service) {
    keys::CertificateRequest request;
    request.common_name = service;
    request.dns_names = {service + ".lgsp"};
    request.uris = {keys::ServiceIdentity(service)};
    request.not_before = absl::Now() - absl::Hours(1);
    request.not_after = absl::Now() + absl::Hours(1);
    const auto made = keys::IssueCertificate(authority_, request);
    REQUIRE(made.ok());
    Write(service + ".crt", made->certificate_pem);
    Write(service + ".key", made->private_key_pem);
    RpcConfig config;
    config.set_listen("127.0.0.1:0");
    config.set_certificate_file(service + ".crt");
    config.set_private_key_file(service + ".key");
    config.set_authority_file("ca.crt");
    config.set_calls_file("calls");
    config.add_caller_key_files("caller.pub");
    return config;
  }

  std::unique_ptr<Server> Start(grpc::Service* service) {
    auto server =
        Server::Start(ConfigOf("insights"), folder_, {{kName, service}}, &metrics_, &clock_);
    REQUIRE(server.ok());
    return *std::move(server);
  }

  std::unique_ptr<Insights::Stub> StubOf(const std::string& service, int port,
                                         const std::string& peer = "insights") {
    PeerConfig to;
    to.set_address(absl::StrCat("127.0.0.1:", port));
    to.set_service(peer);
    auto channel = Connect(ConfigOf(service), folder_, to);
    REQUIRE(channel.ok());
    return Insights::NewStub(*channel);
  }

  std::string CallerJws() {
    lgsp::auth::v1::Caller caller;
    caller.set_system("systems/demo");
    caller.set_aud(kName);
    return *auth::SignCaller(caller, signer_, clock_);
  }

  const std::string& folder() const { return folder_; }
  metrics::Registry& metrics() { return metrics_; }

 private:
  std::string folder_;
  keys::CertifiedKey authority_;
  keys::SigningKey signer_ = keys::SigningKey::Generate();
  SystemClock clock_;
  metrics::Registry metrics_;
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
  Platform platform;
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

  const std::string text = platform.metrics().Text();
  CHECK(text.find("grpc_server_handled_total{grpc_code=\"OK\",grpc_method=\"ListDossierCounts\","
                  "grpc_service=\"lgsp.insights.v1.Insights\"} 2") != std::string::npos);
  CHECK(text.find("grpc_code=\"INVALID_ARGUMENT\",grpc_method=\"ListDossierCounts\","
                  "grpc_service=\"lgsp.insights.v1.Insights\"} 1") != std::string::npos);
  CHECK(text.find("rpc_refused_total 2") != std::string::npos);
}

TEST_CASE("a peer that is not the service meant is not talked to") {
  Platform platform;
  Echo echo;
  const auto server = platform.Start(&echo);
  ListDossierCountsResponse response;
  const auto stub = platform.StubOf("gateway", server->port(), "dossiers");
  CHECK(Call(*stub, platform.CallerJws(), &response).code() == absl::StatusCode::kUnavailable);
}

TEST_CASE("a certificate of another authority does not get in") {
  Platform platform;
  Platform stranger;
  Echo echo;
  const auto server = platform.Start(&echo);
  // The stranger trusts our authority, but has a certificate of its own.
  stranger.Write("other.crt", *config::ReadFile(platform.folder() + "/ca.crt"));
  RpcConfig config = stranger.ConfigOf("gateway");
  config.set_authority_file("other.crt");
  PeerConfig to;
  to.set_address(absl::StrCat("127.0.0.1:", server->port()));
  to.set_service("insights");
  auto channel = Connect(config, stranger.folder(), to);
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
  Platform platform;
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
