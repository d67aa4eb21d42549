// The call as the gateway gets it: over mutual TLS, with purpose and dossier.
#include "services/dossiers/portal/portal_client.h"

#include <catch2/catch.hpp>

#include "google/protobuf/util/message_differencer.h"
#include "lgsp/national/v1/portal.grpc.pb.h"
#include "libs/auth/auth.h"
#include "libs/status/status.h"
#include "libs/testing/platform.h"
#include "services/dossiers/database_test.h"
#include "services/dossiers/portal/portal_sync.h"
#include "services/dossiers/samples_test.h"

namespace lgsp::dossiers {
namespace {

using lgsp::national::v1::Portal;
using lgsp::national::v1::SyncDossierRequest;
using lgsp::national::v1::SyncDossierResponse;

// Stands where the gateway is: remembers what came, answers as told.
class Peer final : public Portal::Service {
 public:
  grpc::Status SyncDossier(grpc::ServerContext* context, const SyncDossierRequest* request,
                           SyncDossierResponse*) override {
    return rpc::Unary(context, [&](const rpc::CallContext& call) {
      for (const auto& [name, value] : context->client_metadata()) {
        metadata[std::string(name.data(), name.size())] = std::string(value.data(), value.size());
      }
      deadline = call.deadline;
      came = *request;
      return answer;
    });
  }

  absl::Status answer;
  std::map<std::string, std::string> metadata;
  absl::Time deadline;
  SyncDossierRequest came;
};

TEST_CASE("portal client: the stored call reaches the gateway, the answer comes back") {
  testing::Platform platform(
      "rules { caller: 'dossiers' service: 'lgsp.national.v1.Portal' methods: '*' }");
  Peer peer;
  const auto server =
      platform.Start("gateway", {{std::string(Portal::service_full_name()), &peer}});
  const auto channel = platform.ChannelOf("dossiers", server->port(), "gateway");

  durable::Call call;
  call.subject = SampleDossier().name();
  const SyncDossierRequest request = ToPortal(TheCatalogue(), SampleDossier(), {});
  call.request = request.SerializeAsString();
  const absl::Time deadline = absl::Now() + absl::Seconds(20);

  REQUIRE(CallPortal(channel, call, deadline).ok());
  CHECK(google::protobuf::util::MessageDifferencer::Equals(peer.came, request));
  CHECK(peer.metadata[auth::kPurposeHeader] == "portal-sync");
  CHECK(peer.metadata[auth::kDossierHeader] == call.subject);
  // What says who calls is the gateway's to add.
  CHECK(peer.metadata.count(auth::kCallerHeader) == 0);
  CHECK(peer.deadline <= deadline + absl::Seconds(1));

  peer.answer = MakeFieldError("PORTAL_FIELD_INVALID", "progress[0].actor", "is too long");
  const absl::Status refused = CallPortal(channel, call, deadline);
  CHECK(refused.code() == absl::StatusCode::kInvalidArgument);
  CHECK(ErrorReason(refused) == "PORTAL_FIELD_INVALID");

  call.request = "\xff";
  const absl::Status damaged = CallPortal(channel, call, deadline);
  CHECK(damaged.code() == absl::StatusCode::kDataLoss);
  CHECK(ErrorReason(damaged) == "CALL_UNREADABLE");
}

}  // namespace
}  // namespace lgsp::dossiers
