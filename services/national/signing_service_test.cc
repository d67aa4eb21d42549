// The service as dossiers reaches it: gRPC over mutual TLS, the caller as the gateway says.
#include "services/national/signing_service.h"

#include <catch2/catch.hpp>

#include "google/rpc/error_details.pb.h"
#include "libs/auth/auth.h"
#include "libs/status/status.h"
#include "libs/testing/platform.h"
#include "services/national/sim_process_test.h"

namespace lgsp::national {
namespace {

constexpr char kDossier[] = "dossiers/0197a000-7c00-7000-8000-3f2a91c0d4e5";

// The service before `client`, and the gateway's way to it.
class Gateway {
 public:
  explicit Gateway(SigningClient* client) : service_(client) {
    server_ = platform_.Start("national", {{v1::Signing::service_full_name(), &service_}});
    stub_ = v1::Signing::NewStub(platform_.ChannelOf("gateway", server_->port(), "national"));
  }

  absl::Status Sign(const v1::SignDigestRequest& request, const std::string& dossier,
                    v1::SignDigestResponse* response) {
    grpc::ClientContext context;
    Prepare(context, dossier);
    return rpc::FromGrpcStatus(stub_->SignDigest(&context, request, response));
  }

  absl::Status Lists(v1::GetRevocationListsResponse* response) {
    grpc::ClientContext context;
    Prepare(context, "");
    return rpc::FromGrpcStatus(stub_->GetRevocationLists(&context, {}, response));
  }

 private:
  void Prepare(grpc::ClientContext& context, const std::string& dossier) {
    lgsp::auth::v1::Caller caller;
    caller.set_system("systems/platform-dossiers");
    caller.set_dossier(dossier);
    context.AddMetadata(auth::kCallerHeader,
                        platform_.CallerJws(v1::Signing::service_full_name(), caller));
    rpc::SetDeadline(context, absl::Seconds(30));
  }

  testing::Platform platform_{
      R"(rules { caller: "gateway" service: "lgsp.national.v1.Signing" methods: "*" })"};
  SigningService service_;
  std::unique_ptr<rpc::Server> server_;
  std::unique_ptr<v1::Signing::Stub> stub_;
};

v1::SignDigestRequest Wanted(const std::string& reference) {
  v1::SignDigestRequest request;
  request.set_reference(reference);
  request.set_agency("H12.03");
  request.set_digest(std::string(kDigestBytes, 'd'));
  return request;
}

TEST_CASE("digests are signed for a dossier, lists given without one") {
  SigningProcess sim;
  metrics::Registry metrics;
  const SystemClock clock;
  auto client = SigningClient::Make(sim.Config(), "/", &metrics, &clock);
  REQUIRE(client.ok());
  Gateway gateway(client->get());

  v1::SignDigestResponse signature;
  absl::Status status = gateway.Sign(Wanted("r1"), "", &signature);
  CHECK(status.code() == absl::StatusCode::kInvalidArgument);
  CHECK(ErrorReason(status) == "CALLER_DOSSIER_MISSING");
  CHECK(sim.State()["signatures"] == 0);

  status = gateway.Sign(Wanted("r1"), kDossier, &signature);
  INFO(status);
  REQUIRE(status.ok());
  CHECK(signature.cms().substr(0, 1) == "\x30");

  v1::GetRevocationListsResponse lists;
  REQUIRE(gateway.Lists(&lists).ok());
  CHECK(lists.crls_size() == 2);

  sim.Script("signatures", "pending");
  status = gateway.Sign(Wanted("r2"), kDossier, &signature);
  CHECK(ErrorReason(status) == "SIGNATURE_PENDING");
  google::rpc::RetryInfo retry;
  bool told = false;
  const google::rpc::Status whole = ToRpcStatus(status);
  for (const auto& detail : whole.details()) told = told || detail.UnpackTo(&retry);
  REQUIRE(told);
  CHECK(retry.retry_delay().seconds() == absl::ToInt64Seconds(kPendingRetryDelay));
}

TEST_CASE("without a signing system both methods say so") {
  Gateway gateway(nullptr);
  v1::SignDigestResponse signature;
  v1::GetRevocationListsResponse lists;
  for (const absl::Status& status :
       {gateway.Sign(Wanted("r"), kDossier, &signature), gateway.Lists(&lists)}) {
    CHECK(status.code() == absl::StatusCode::kFailedPrecondition);
    CHECK(ErrorReason(status) == "SIGNING_NOT_CONFIGURED");
  }
}

}  // namespace
}  // namespace lgsp::national
