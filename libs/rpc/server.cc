#include "libs/rpc/server.h"

#include <grpcpp/health_check_service_interface.h>
#include <grpcpp/security/tls_credentials_options.h>
#include <pthread.h>

#include <csignal>

#include "absl/strings/str_cat.h"
#include "google/protobuf/descriptor.h"
#include "google/protobuf/util/json_util.h"
#include "libs/auth/auth.h"
#include "libs/config/config.h"
#include "libs/keys/digest.h"
#include "libs/log/log.h"
#include "libs/rpc/admission.h"
#include "libs/rpc/call_slots.h"
#include "libs/rpc/channel.h"
#include "libs/rpc/credentials.h"
#include "libs/rpc/red_metrics.h"
#include "libs/status/status.h"

namespace lgsp::rpc {
namespace {

constexpr int kDefaultThreads = 16;
constexpr int kMaxMetadataBytes = 32 << 10;
constexpr int kMaxStreamsPerConnection = 1000;
// Every call has a thread, also for the moment in which it is refused. Beyond what some connections
// can bring at once gRPC itself refuses, whoever calls and in words of its own.
constexpr int kMaxThreads = 4 * kMaxStreamsPerConnection;
constexpr char kServicePrefix[] = "services/";

absl::string_view ToView(grpc::string_ref text) { return {text.data(), text.size()}; }

absl::string_view Find(const std::multimap<grpc::string_ref, grpc::string_ref>& metadata,
                       const char* name) {
  const auto it = metadata.find(name);
  return it == metadata.end() ? absl::string_view() : ToView(it->second);
}

std::string PeerService(const grpc::AuthContext& context) {
  const auto names = context.FindPropertyValues(GRPC_PEER_SPIFFE_ID_PROPERTY_NAME);
  return names.size() == 1 ? ServiceOfIdentity(ToView(names[0])) : "";
}

// Asks Admission before gRPC runs any handler. Its answer cannot carry details: the reason goes
// into the message.
class AdmissionProcessor final : public grpc::AuthMetadataProcessor {
 public:
  AdmissionProcessor(std::unique_ptr<const Admission> admission, metrics::Registry* metrics)
      : admission_(std::move(admission)),
        refused_(metrics->GetCounter("rpc_refused_total", "Calls refused before any handler.")) {}

  bool IsBlocking() const override { return false; }

  grpc::Status Process(const InputMetadata& metadata, grpc::AuthContext* context, OutputMetadata*,
                       OutputMetadata*) override {
    const absl::Status status = admission_->Check(PeerService(*context), Find(metadata, ":path"),
                                                  Find(metadata, auth::kCallerHeader));
    if (status.ok()) return grpc::Status::OK;
    refused_.Add();
    return grpc::Status(static_cast<grpc::StatusCode>(status.code()),
                        absl::StrCat(ErrorReason(status), ": ", status.message()));
  }

 private:
  const std::unique_ptr<const Admission> admission_;
  metrics::Counter refused_;
};

absl::StatusOr<std::unique_ptr<const Admission>> LoadAdmission(const RpcConfig& config,
                                                               absl::string_view base,
                                                               const Clock* clock) {
  CallRules rules;
  RETURN_IF_ERROR(config::Load(config::Resolve(base, config.calls_file()), &rules));
  std::vector<keys::VerifyKey> caller_keys;
  for (const std::string& file : config.caller_key_files()) {
    ASSIGN_OR_RETURN(const std::string pem, config::ReadFile(config::Resolve(base, file)));
    ASSIGN_OR_RETURN(keys::VerifyKey key, keys::VerifyKey::FromPem(pem));
    caller_keys.push_back(std::move(key));
  }
  return std::make_unique<const Admission>(rules, std::move(caller_keys), clock);
}

std::shared_ptr<grpc::ServerCredentials> Credentials(
    const RpcConfig& config, absl::string_view base,
    std::shared_ptr<grpc::AuthMetadataProcessor> processor) {
  grpc::experimental::TlsServerCredentialsOptions options(Certificates(config, base));
  options.watch_root_certs();
  options.watch_identity_key_cert_pairs();
  options.set_cert_request_type(GRPC_SSL_REQUEST_AND_REQUIRE_CLIENT_CERTIFICATE_AND_VERIFY);
  auto credentials = grpc::experimental::TlsServerCredentials(options);
  credentials->SetAuthMetadataProcessor(std::move(processor));
  return credentials;
}

// The paths of all methods of `service_name`, from its descriptor.
void AddMethods(const std::string& service_name, std::vector<std::string>& paths) {
  const auto* service =
      google::protobuf::DescriptorPool::generated_pool()->FindServiceByName(service_name);
  for (int i = 0; service != nullptr && i < service->method_count(); ++i) {
    paths.push_back(absl::StrCat("/", service_name, "/", service->method(i)->name()));
  }
}

}  // namespace

struct Server::Impl {
  std::unique_ptr<grpc::Server> server;
  std::vector<std::string> service_names;
  int port = 0;
};

Server::Server(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Server::~Server() { Drain(absl::ZeroDuration()); }

absl::StatusOr<std::unique_ptr<Server>> Server::Start(const RpcConfig& config,
                                                      absl::string_view base,
                                                      const std::vector<NamedService>& services,
                                                      metrics::Registry* metrics,
                                                      const Clock* clock) {
  ASSIGN_OR_RETURN(auto admission, LoadAdmission(config, base, clock));
  auto impl = std::make_unique<Impl>();
  grpc::EnableDefaultHealthCheckService(true);
  grpc::ServerBuilder builder;
  builder.AddListeningPort(
      config.listen(),
      Credentials(config, base,
                  std::make_shared<AdmissionProcessor>(std::move(admission), metrics)),
      &impl->port);
  std::vector<std::string> methods;
  for (const NamedService& service : services) {
    builder.RegisterService(service.service);
    impl->service_names.push_back(service.name);
    AddMethods(service.name, methods);
  }
  std::vector<std::unique_ptr<grpc::experimental::ServerInterceptorFactoryInterface>> interceptors;
  interceptors.push_back(MakeRedMetrics(metrics, methods));
  interceptors.push_back(MakeCallSlotReleaser(metrics));
  builder.experimental().SetInterceptorCreators(std::move(interceptors));
  builder.SetMaxReceiveMessageSize(kMaxMessageBytes);
  builder.SetMaxSendMessageSize(kMaxMessageBytes);
  builder.AddChannelArgument(GRPC_ARG_MAX_METADATA_SIZE, kMaxMetadataBytes);
  builder.AddChannelArgument(GRPC_ARG_MAX_CONCURRENT_STREAMS, kMaxStreamsPerConnection);
  // Clients ping idle streams (channel.cc); half their interval is no abuse.
  builder.AddChannelArgument(GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS,
                             kKeepaliveTimeMs / 2);
  // Two processes on one port would share its calls by chance.
  builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
  const int threads = config.threads() > 0 ? config.threads() : kDefaultThreads;
  builder.SetSyncServerOption(grpc::ServerBuilder::NUM_CQS, 1);
  builder.SetSyncServerOption(grpc::ServerBuilder::MAX_POLLERS, threads);
  // The pollers' number does not bound the handlers'.
  grpc::ResourceQuota quota;
  quota.SetMaxThreads(kMaxThreads);
  builder.SetResourceQuota(quota);
  impl->server = builder.BuildAndStart();
  if (impl->server == nullptr || impl->port == 0) {
    return MakeError(absl::StatusCode::kUnavailable, "LISTEN_FAILED",
                     "cannot listen on the configured address", {{"listen", config.listen()}});
  }
  for (const std::string& name : impl->service_names) {
    impl->server->GetHealthCheckService()->SetServingStatus(name, true);
  }
  return std::unique_ptr<Server>(new Server(std::move(impl)));
}

int Server::port() const { return impl_->port; }

void Server::Drain(absl::Duration grace) {
  if (impl_->server == nullptr) return;
  impl_->server->GetHealthCheckService()->SetServingStatus(false);
  impl_->server->Shutdown(absl::ToChronoTime(absl::Now() + grace));
  impl_->server->Wait();
  impl_->server.reset();
}

CallContext ContextOf(const grpc::ServerContextBase& context) {
  CallContext out;
  const auto& metadata = context.client_metadata();
  const std::string jws(Find(metadata, auth::kCallerHeader));
  const size_t first = jws.find('.');
  const size_t second = jws.find('.', first + 1);
  if (second != std::string::npos) {
    // The signature was verified by AdmissionProcessor on this very call.
    const auto payload = keys::Base64UrlDecode(jws.substr(first + 1, second - first - 1));
    if (payload.ok()) {
      [[maybe_unused]] const auto parsed =
          google::protobuf::util::JsonStringToMessage(*payload, &out.caller);
    }
  } else {
    out.caller.set_system(absl::StrCat(kServicePrefix, PeerService(*context.auth_context())));
  }
  out.deadline = absl::FromChrono(context.deadline());
  out.traceparent = std::string(Find(metadata, "traceparent"));
  return out;
}

grpc::Status Unary(grpc::ServerContext* context,
                   absl::FunctionRef<absl::Status(const CallContext&)> handler) {
  CallContext call = ContextOf(*context);
  const absl::Time now = absl::Now();
  // Without a deadline gRPC gives the far future.
  if (call.deadline > now + absl::Hours(24)) call.deadline = now + kDefaultDeadline;
  if (call.deadline <= now || context->IsCancelled()) {
    return ToGrpcStatus(MakeError(absl::StatusCode::kDeadlineExceeded, "DEADLINE_PASSED",
                                  "the deadline passed before the call began"));
  }
  if (!TakeCallSlot(context, call.caller.system())) {
    return ToGrpcStatus(
        WithRetryDelay(MakeError(absl::StatusCode::kResourceExhausted, "SERVER_OVERLOADED",
                                 "too many calls are being handled; this one had no effect"),
                       kOverloadRetryDelay));
  }
  return ToGrpcStatus(handler(call));
}

namespace {

sigset_t StopSignals() {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  return signals;
}

}  // namespace

int RunService(absl::string_view name, const std::string& config_file,
               absl::FunctionRef<absl::Status(const std::string& config_file)> serve) {
  log::Init(name);
  const sigset_t signals = StopSignals();
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  const absl::Status status = serve(config_file);
  if (status.ok()) {
    log::Info("stopped");
    return 0;
  }
  // Configuration errors name files and lines, never data: the whole message may be shown.
  log::Error("cannot serve", {{"status", status}, {"detail", status.message()}});
  return 1;
}

void WaitForSignal() {
  const sigset_t signals = StopSignals();
  int signal = 0;
  sigwait(&signals, &signal);
}

}  // namespace lgsp::rpc
