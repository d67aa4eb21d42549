// The service as dossiers reaches it: gRPC over mutual TLS, the caller as the gateway says, the
// portal over TLS.
#include "services/national/portal_service.h"

#include <catch2/catch.hpp>

#include "absl/strings/str_cat.h"
#include "google/rpc/error_details.pb.h"
#include "libs/auth/auth.h"
#include "libs/config/config.h"
#include "libs/keys/jws.h"
#include "libs/keys/x509.h"
#include "libs/rpc/channel.h"
#include "libs/rpc/server.h"
#include "libs/status/status.h"
#include "services/national/sim_process_test.h"

namespace lgsp::national {
namespace {

// The service, and the gateway's way to it.
class Platform {
 public:
  explicit Platform(SimProcess& sim) {
    const absl::Time now = absl::Now();
    const auto authority = keys::MakeAuthority("test", now - absl::Hours(1), now + absl::Hours(1));
    REQUIRE(authority.ok());
    scratch_.File("ca.crt", authority->certificate_pem);
    scratch_.File("caller.pub", signer_.PublicPem());
    scratch_.File("calls",
                  R"(rules { caller: "gateway" service: "lgsp.national.v1.Portal" methods: "*" })");
    auto client = PortalClient::Make(sim.Config(), sim.scratch().path(), &metrics_, &clock_);
    REQUIRE(client.ok());
    client_ = *std::move(client);
    sync_ = std::make_unique<PortalSync>(client_.get());
    service_ = std::make_unique<PortalService>(sync_.get(), "H12");
    auto server =
        rpc::Server::Start(ConfigOf("national", *authority), scratch_.path(),
                           {{v1::Portal::service_full_name(), service_.get()}}, &metrics_, &clock_);
    REQUIRE(server.ok());
    server_ = *std::move(server);
    rpc::PeerConfig peer;
    peer.set_address(absl::StrCat("127.0.0.1:", server_->port()));
    peer.set_service("national");
    const auto channel = rpc::Connect(ConfigOf("gateway", *authority), scratch_.path(), peer);
    REQUIRE(channel.ok());
    stub_ = v1::Portal::NewStub(*channel);
  }

  absl::Status Call(const v1::SyncDossierRequest& request, const std::string& dossier,
                    v1::SyncDossierResponse* response) {
    return Call(&v1::Portal::Stub::SyncDossier, request, dossier, response);
  }
  absl::Status Compare(const v1::SyncDossierRequest& wanted, const std::string& dossier,
                       v1::CompareDossierResponse* response) {
    v1::CompareDossierRequest request;
    *request.mutable_wanted() = wanted;
    return Call(&v1::Portal::Stub::CompareDossier, request, dossier, response);
  }

 private:
  template <typename Request, typename Response>
  absl::Status Call(grpc::Status (v1::Portal::Stub::*method)(grpc::ClientContext*, const Request&,
                                                             Response*),
                    const Request& request, const std::string& dossier, Response* response) {
    lgsp::auth::v1::Caller caller;
    caller.set_system("systems/platform-dossiers");
    caller.set_aud(v1::Portal::service_full_name());
    caller.set_dossier(dossier);
    const auto jws = auth::SignCaller(caller, signer_, clock_);
    REQUIRE(jws.ok());
    grpc::ClientContext context;
    context.AddMetadata(auth::kCallerHeader, *jws);
    rpc::SetDeadline(context, absl::Seconds(30));
    return rpc::FromGrpcStatus(((*stub_).*method)(&context, request, response));
  }

  rpc::RpcConfig ConfigOf(const std::string& service, const keys::CertifiedKey& authority) {
    keys::CertificateRequest request;
    request.common_name = service;
    request.dns_names = {service + ".lgsp"};
    request.uris = {keys::ServiceIdentity(service)};
    request.not_before = absl::Now() - absl::Hours(1);
    request.not_after = absl::Now() + absl::Hours(1);
    const auto made = keys::IssueCertificate(authority, request);
    REQUIRE(made.ok());
    scratch_.File(service + ".crt", made->certificate_pem);
    scratch_.File(service + ".key", made->private_key_pem);
    rpc::RpcConfig config;
    config.set_listen("127.0.0.1:0");
    config.set_certificate_file(service + ".crt");
    config.set_private_key_file(service + ".key");
    config.set_authority_file("ca.crt");
    config.set_calls_file("calls");
    config.add_caller_key_files("caller.pub");
    return config;
  }

  Scratch scratch_;
  keys::SigningKey signer_ = keys::SigningKey::Generate();
  SystemClock clock_;
  metrics::Registry metrics_;
  std::unique_ptr<PortalClient> client_;
  std::unique_ptr<PortalSync> sync_;
  std::unique_ptr<PortalService> service_;
  std::unique_ptr<rpc::Server> server_;
  std::unique_ptr<v1::Portal::Stub> stub_;
};

v1::SyncDossierRequest Accepted() {
  v1::SyncDossierRequest request;
  const std::string file =
      absl::StrCat(LGSP_SOURCE_DIR, "/services/national/testdata/accepted.textproto");
  REQUIRE(config::Load(file, &request).ok());
  return request;
}

TEST_CASE("a dossier reaches the portal, errors reach the caller with their details") {
  SimProcess sim({}, /*tls=*/true);
  Platform platform(sim);
  const std::string dossier = "dossiers/0197a000-7c00-7000-8000-3f2a91c0d4e5";
  v1::SyncDossierRequest request = Accepted();
  v1::SyncDossierResponse response;

  absl::Status status = platform.Call(request, "", &response);
  CHECK(status.code() == absl::StatusCode::kInvalidArgument);
  CHECK(ErrorReason(status) == "CALLER_DOSSIER_MISSING");

  request.mutable_progress(0)->clear_actor();
  status = platform.Call(request, dossier, &response);
  CHECK(status.code() == absl::StatusCode::kInvalidArgument);
  CHECK(ErrorReason(status) == "PORTAL_FIELD_INVALID");
  const google::rpc::Status whole = ToRpcStatus(status);
  google::rpc::BadRequest bad;
  bool named = false;
  for (const auto& detail : whole.details()) named = named || detail.UnpackTo(&bad);
  REQUIRE(named);
  CHECK(bad.field_violations(0).field() == "progress[0].actor");
  CHECK(sim.State()["dossiers"] == 0);

  request = Accepted();
  sim.Script("CapNhatTienDoHoSoMC", "reset_after");
  status = platform.Call(request, dossier, &response);
  CHECK(status.code() == absl::StatusCode::kUnavailable);
  CHECK(ErrorReason(status) == "PORTAL_OUTCOME_UNKNOWN");
  status = platform.Call(request, dossier, &response);
  REQUIRE(status.ok());
  CHECK(response.progress_rows_added() == 0);  // they had arrived
  CHECK(response.updated() == false);
  CHECK(sim.Dossier(request.number())["TienDo"].size() == 2);
}

TEST_CASE("a dossier is held against the portal's copy, over the wire") {
  SimProcess sim({}, /*tls=*/true);
  Platform platform(sim);
  const std::string dossier = "dossiers/0197a000-7c00-7000-8000-3f2a91c0d4e5";
  v1::SyncDossierRequest request = Accepted();
  v1::CompareDossierResponse response;
  CHECK(ErrorReason(platform.Compare(request, "", &response)) == "CALLER_DOSSIER_MISSING");
  REQUIRE(platform.Compare(request, dossier, &response).ok());
  CHECK(response.missing());
  CHECK(response.progress_rows_missing() == 2);
  v1::SyncDossierResponse synced;
  REQUIRE(platform.Call(request, dossier, &synced).ok());
  request.set_applicant_name("Một Người Khác");
  response.Clear();
  REQUIRE(platform.Compare(request, dossier, &response).ok());
  CHECK_FALSE(response.missing());
  REQUIRE(response.fields_size() == 1);
  CHECK(response.fields(0) == "ChuHoSo");
  request.mutable_progress(0)->clear_actor();
  CHECK(ErrorReason(platform.Compare(request, dossier, &response)) == "PORTAL_FIELD_INVALID");
  sim.Kill();
  const absl::Status away = platform.Compare(Accepted(), dossier, &response);
  CHECK(away.code() == absl::StatusCode::kUnavailable);
  CHECK(ErrorReason(away) == "PORTAL_UNAVAILABLE");
}

}  // namespace
}  // namespace lgsp::national
