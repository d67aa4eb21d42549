// A server from its port to its end, its limits, and what a handler learns of its call.
#include <grpcpp/generic/generic_stub.h>

#include <atomic>
#include <catch2/catch.hpp>
#include <optional>
#include <thread>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/notification.h"
#include "grpc/health/v1/health.pb.h"
#include "lgsp/insights/v1/insights.grpc.pb.h"
#include "libs/auth/auth.h"
#include "libs/rpc/channel.h"
#include "libs/rpc/server.h"
#include "libs/status/status.h"
#include "libs/testing/platform.h"

namespace lgsp::rpc {
namespace {

using grpc::health::v1::HealthCheckResponse;
using insights::v1::Insights;
using insights::v1::ListDossierCountsRequest;
using insights::v1::ListDossierCountsResponse;

constexpr char kName[] = "lgsp.insights.v1.Insights";
constexpr absl::Duration kPatience = absl::Seconds(30);

// Does what it is told.
class Insightful final : public Insights::Service {
 public:
  using Handler =
      std::function<absl::Status(grpc::ServerContext*, const CallContext&,
                                 const ListDossierCountsRequest&, ListDossierCountsResponse*)>;
  explicit Insightful(Handler handler) : handler_(std::move(handler)) {}
  grpc::Status ListDossierCounts(grpc::ServerContext* context,
                                 const ListDossierCountsRequest* request,
                                 ListDossierCountsResponse* response) override {
    return Unary(context, [&](const CallContext& call) {
      return handler_(context, call, *request, response);
    });
  }

 private:
  const Handler handler_;
};

class LifePlatform : public testing::Platform {
 public:
  LifePlatform()
      : Platform(
            "rules { caller: 'dossiers' service: 'lgsp.insights.v1.Insights' methods: '*' }"
            "rules { caller: 'dossiers' service: 'grpc.health.v1.Health' methods: 'Watch' }") {}
  std::unique_ptr<Server> Start(grpc::Service* service) {
    return Platform::Start("insights", {{kName, service}});
  }
  std::shared_ptr<grpc::Channel> Channel(const Server& server) {
    return ChannelOf("dossiers", server.port(), "insights");
  }
};

absl::Status Call(const std::shared_ptr<grpc::Channel>& channel, grpc::ClientContext& context,
                  const ListDossierCountsRequest& request = {}) {
  ListDossierCountsResponse response;
  return FromGrpcStatus(
      Insights::NewStub(channel)->ListDossierCounts(&context, request, &response));
}

// A stream of grpc.health.v1.Health/Watch.
class HealthWatch {
 public:
  explicit HealthWatch(const std::shared_ptr<grpc::Channel>& channel) : stub_(channel) {
    SetDeadline(context_, kPatience);
    call_ = stub_.PrepareCall(&context_, "/grpc.health.v1.Health/Watch", &queue_);
    call_->StartCall(this);
    REQUIRE(Done());
    grpc::health::v1::HealthCheckRequest request;
    request.set_service(kName);
    const grpc::Slice slice(request.SerializeAsString());
    call_->WriteLast(grpc::ByteBuffer(&slice, 1), grpc::WriteOptions(), this);
    REQUIRE(Done());
  }
  // The next state; nothing when the stream ended.
  std::optional<HealthCheckResponse::ServingStatus> Next() {
    grpc::ByteBuffer bytes;
    call_->Read(&bytes, this);
    if (!Done()) return std::nullopt;
    grpc::Slice slice;
    REQUIRE(bytes.DumpToSingleSlice(&slice).ok());
    HealthCheckResponse response;
    REQUIRE(response.ParseFromArray(slice.begin(), static_cast<int>(slice.size())));
    return response.status();
  }
  ~HealthWatch() {
    context_.TryCancel();
    grpc::Status status;
    call_->Finish(&status, this);
    Done();
  }

 private:
  bool Done() {
    void* tag = nullptr;
    bool ok = false;
    return queue_.Next(&tag, &ok) && ok;
  }

  grpc::GenericStub stub_;
  grpc::CompletionQueue queue_;
  grpc::ClientContext context_;
  std::unique_ptr<grpc::GenericClientAsyncReaderWriter> call_;
};

TEST_CASE("health says NOT_SERVING as soon as a drain begins, which ends with the last call") {
  LifePlatform platform;
  absl::Notification begun, go;
  Insightful slow([&](auto*, const auto&, const auto&, auto*) {
    begun.Notify();
    go.WaitForNotificationWithTimeout(kPatience);
    return absl::OkStatus();
  });
  const auto server = platform.Start(&slow);
  const auto channel = platform.Channel(*server);
  std::optional<HealthWatch> watch;
  watch.emplace(channel);
  CHECK(watch->Next() == HealthCheckResponse::SERVING);
  absl::Status answered = absl::UnknownError("not yet");
  std::thread caller([&] {
    grpc::ClientContext context;
    SetDeadline(context, kPatience);
    answered = Call(channel, context);
  });
  CHECK(begun.WaitForNotificationWithTimeout(kPatience));
  const absl::Time begin = absl::Now();
  std::thread drain([&] { server->Drain(10 * kPatience); });
  // While a call is under way.
  CHECK(watch->Next() == HealthCheckResponse::NOT_SERVING);
  watch.reset();
  go.Notify();
  caller.join();
  CHECK(answered.ok());
  drain.join();
  CHECK(absl::Now() - begin < kPatience);
}

TEST_CASE("what is under way longer than the grace of a drain is cancelled") {
  LifePlatform platform;
  absl::Notification begun;
  std::atomic<bool> cancelled = false;
  Insightful endless([&](grpc::ServerContext* context, const auto&, const auto&, auto*) {
    begun.Notify();
    const absl::Time limit = absl::Now() + kPatience;
    while (!context->IsCancelled() && absl::Now() < limit) std::this_thread::yield();
    cancelled = context->IsCancelled();
    return absl::OkStatus();
  });
  const auto server = platform.Start(&endless);
  absl::Status answered;
  std::thread caller([&] {
    grpc::ClientContext context;
    SetDeadline(context, 2 * kPatience);
    answered = Call(platform.Channel(*server), context);
  });
  CHECK(begun.WaitForNotificationWithTimeout(kPatience));
  server->Drain(absl::Milliseconds(50));
  caller.join();
  CHECK(cancelled);
  CHECK_FALSE(answered.ok());
}

TEST_CASE("a handler knows how long it may take and who traces it") {
  LifePlatform platform;
  CallContext seen;
  Insightful service([&](auto*, const CallContext& call, const auto&, auto*) {
    seen = call;
    return absl::OkStatus();
  });
  const auto server = platform.Start(&service);
  const auto channel = platform.Channel(*server);
  {
    grpc::ClientContext context;
    context.AddMetadata("traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01");
    const absl::Time before = absl::Now();
    SetDeadline(context, absl::Seconds(20));
    REQUIRE(Call(channel, context).ok());
    CHECK(seen.traceparent == "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01");
    // gRPC sends the time that is left, rounded.
    CHECK(seen.deadline > before + absl::Seconds(15));
    CHECK(seen.deadline < absl::Now() + absl::Seconds(21));
  }
  grpc::ClientContext without;
  const absl::Time before = absl::Now();
  REQUIRE(Call(channel, without).ok());
  CHECK(seen.traceparent.empty());
  CHECK(seen.deadline >= before + kDefaultDeadline);
  CHECK(seen.deadline <= absl::Now() + kDefaultDeadline);
}

TEST_CASE("no message is larger than the limit, in either direction") {
  LifePlatform platform;
  Insightful service([&](auto*, const auto&, const ListDossierCountsRequest& request,
                         ListDossierCountsResponse* response) {
    response->set_next_page_token(std::string(request.page_size(), 'x'));
    return absl::OkStatus();
  });
  const auto server = platform.Start(&service);
  const auto channel = platform.Channel(*server);
  const auto call = [&](int asked, int answered) {
    ListDossierCountsRequest request;
    request.set_page_size(answered);
    request.set_agency(std::string(asked, 'x'));
    grpc::ClientContext context;
    SetDeadline(context, kPatience);
    return Call(channel, context, request);
  };
  // Tags, lengths and page_size take a few bytes.
  CHECK(call(kMaxMessageBytes - 20, kMaxMessageBytes - 20).ok());
  CHECK(absl::IsResourceExhausted(call(kMaxMessageBytes, 0)));
  CHECK(absl::IsResourceExhausted(call(0, kMaxMessageBytes)));
}

TEST_CASE("a server that cannot be as configured does not start") {
  LifePlatform platform;
  Insightful service([](auto*, const auto&, const auto&, auto*) { return absl::OkStatus(); });
  const auto server = platform.Start(&service);
  const SystemClock clock;
  metrics::Registry metrics;
  const auto start = [&](const RpcConfig& config) {
    return Server::Start(config, platform.folder().path(), {{kName, &service}}, &metrics, &clock)
        .status();
  };
  const RpcConfig good = platform.ConfigOf("insights");
  RpcConfig config = good;
  config.set_listen(absl::StrCat("127.0.0.1:", server->port()));
  CHECK(absl::IsUnavailable(start(config)));
  CHECK(ErrorReason(start(config)) == "LISTEN_FAILED");
  config = good;
  config.set_calls_file("none");
  CHECK(ErrorReason(start(config)) == "FILE_MISSING");
  config.set_calls_file(platform.folder().Write("wrong", "rules { colour: 1 }"));
  CHECK(ErrorReason(start(config)) == "CONFIG_INVALID");
  config = good;
  config.set_caller_key_files(0, "ca.crt");
  CHECK(ErrorReason(start(config)) == "KEY_INVALID");
}

TEST_CASE("a channel that cannot be as configured is refused at once") {
  LifePlatform platform;
  const RpcConfig good = platform.ConfigOf("dossiers");
  PeerConfig peer;
  peer.set_address("127.0.0.1:1");
  const auto connect = [&](const RpcConfig& config) {
    return ErrorReason(Connect(config, platform.folder().path(), peer).status());
  };
  CHECK(connect(good) == "CONFIG_INVALID");
  peer.set_service("insights");
  CHECK(connect(good).empty());
  RpcConfig config = good;
  config.set_authority_file("none");
  CHECK(connect(config) == "FILE_MISSING");
  peer.clear_address();
  CHECK(connect(good) == "CONFIG_INVALID");
}

TEST_CASE("a status comes through gRPC as it was; what is no status of ours keeps its code") {
  for (int code = 1; code <= 16; ++code) {
    const absl::Status sent = WithRetryDelay(
        MakeError(static_cast<absl::StatusCode>(code), "WHY", "mã hồ sơ", {{"key", "giá trị"}}),
        absl::Seconds(1));
    const grpc::Status wire = ToGrpcStatus(sent);
    CHECK(static_cast<int>(wire.error_code()) == code);
    CHECK(FromGrpcStatus(wire) == sent);
  }
  CHECK(ToGrpcStatus(absl::OkStatus()).ok());
  CHECK(FromGrpcStatus(grpc::Status::OK).ok());
  const auto code = grpc::StatusCode::NOT_FOUND;
  const std::string other = ToGrpcStatus(absl::AbortedError("x")).error_details();
  // Details of another status, or none at all.
  for (const std::string& details : {other, std::string(), std::string("\xff\xff")}) {
    const absl::Status status = FromGrpcStatus(grpc::Status(code, "gone", details));
    CHECK(absl::IsNotFound(status));
    CHECK(status.message() == "gone");
    CHECK(ErrorReason(status).empty());
  }
}

TEST_CASE("a caller with too many calls is refused, the others go on") {
  testing::Platform platform(
      "rules { caller: 'dossiers' service: 'lgsp.insights.v1.Insights' methods: '*' }"
      "rules { caller: 'national' service: 'lgsp.insights.v1.Insights' methods: '*' }");
  absl::Notification go_on;
  std::atomic<int> held = 0;
  Insightful service([&](grpc::ServerContext*, const CallContext& call,
                         const ListDossierCountsRequest&, ListDossierCountsResponse*) {
    if (call.caller.system() != "services/dossiers") return absl::OkStatus();
    ++held;
    go_on.WaitForNotification();
    return absl::OkStatus();
  });
  const auto server = platform.Start("insights", {{kName, &service}});
  const auto flood = platform.ChannelOf("dossiers", server->port(), "insights");
  const auto ask = [](const std::shared_ptr<grpc::Channel>& channel) {
    grpc::ClientContext context;
    SetDeadline(context, kPatience);
    return Call(channel, context);
  };
  std::atomic<int> answered = 0;
  std::vector<std::thread> callers;
  for (int i = 0; i < kMaxCallsPerCaller; ++i) {
    callers.emplace_back([&] { answered += ask(flood).ok(); });
  }
  const absl::Time limit = absl::Now() + kPatience;
  while (held < kMaxCallsPerCaller && absl::Now() < limit) std::this_thread::yield();
  REQUIRE(held == kMaxCallsPerCaller);
  const absl::Status refused = ask(flood);
  CHECK(absl::IsResourceExhausted(refused));
  CHECK(ErrorReason(refused) == "SERVER_OVERLOADED");
  CHECK(ask(platform.ChannelOf("national", server->port(), "insights")).ok());
  go_on.Notify();
  for (std::thread& caller : callers) caller.join();
  CHECK(answered == kMaxCallsPerCaller);
}

}  // namespace
}  // namespace lgsp::rpc
