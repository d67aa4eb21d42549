#include "libs/rpc/channel.h"

#include <grpcpp/security/tls_credentials_options.h>

#include "absl/strings/str_cat.h"
#include "libs/config/config.h"
#include "libs/rpc/credentials.h"
#include "libs/rpc/server.h"
#include "libs/status/status.h"

namespace lgsp::rpc {
namespace {

constexpr int kKeepaliveTimeoutMs = 10'000;
constexpr int kMaxReconnectBackoffMs = 2'000;
constexpr int kConnectTimeoutMs = 5000;
constexpr int kMinReconnectBackoffMs = 100;

}  // namespace

absl::StatusOr<std::shared_ptr<grpc::Channel>> Connect(const RpcConfig& config,
                                                       absl::string_view base,
                                                       const PeerConfig& peer) {
  if (peer.address().empty() || peer.service().empty()) {
    return MakeError(absl::StatusCode::kInvalidArgument, "CONFIG_INVALID",
                     "a peer needs address and service");
  }
  // The provider reads lazily; a missing file would show only as connections that never come up.
  for (const std::string& file :
       {config.private_key_file(), config.certificate_file(), config.authority_file()}) {
    RETURN_IF_ERROR(config::ReadFile(config::Resolve(base, file)).status());
  }
  grpc::experimental::TlsChannelCredentialsOptions options;
  options.set_certificate_provider(Certificates(config, base));
  options.watch_root_certs();
  options.watch_identity_key_cert_pairs();
  options.set_verify_server_certs(true);
  grpc::ChannelArguments arguments;
  arguments.SetSslTargetNameOverride(absl::StrCat(peer.service(), ".lgsp"));
  arguments.SetMaxReceiveMessageSize(kMaxMessageBytes);
  arguments.SetMaxSendMessageSize(kMaxMessageBytes);
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIME_MS, kKeepaliveTimeMs);
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, kKeepaliveTimeoutMs);
  // Also on streams on which nothing comes (a feed without events): otherwise two pings, then
  // silence.
  arguments.SetInt(GRPC_ARG_HTTP2_MAX_PINGS_WITHOUT_DATA, 0);
  arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, kMaxReconnectBackoffMs);
  arguments.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, kMinReconnectBackoffMs);
  // Despite its name: how long one attempt may take, with its handshake.
  arguments.SetInt(GRPC_ARG_MIN_RECONNECT_BACKOFF_MS, kConnectTimeoutMs);
  return grpc::CreateCustomChannel(peer.address(), grpc::experimental::TlsCredentials(options),
                                   arguments);
}

void SetDeadline(grpc::ClientContext& context, absl::Duration timeout) {
  context.set_deadline(absl::ToChronoTime(absl::Now() + timeout));
}

}  // namespace lgsp::rpc
