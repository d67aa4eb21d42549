// What the gateway answers itself: health and reflection. And the tokens it makes.
#include "services/gateway/local_call.h"

#include <catch2/catch.hpp>

#include "absl/strings/str_cat.h"
#include "google/protobuf/descriptor.pb.h"
#include "grpc/health/v1/health.pb.h"
#include "grpc/reflection/v1/reflection.pb.h"
#include "libs/auth/auth.h"
#include "libs/clock/clock.h"
#include "libs/status/status.h"
#include "services/gateway/caller_cache.h"
#include "services/gateway/limits.h"
#include "services/gateway/policy_fixture_test.h"

namespace lgsp::gateway {
namespace {

using grpc::health::v1::HealthCheckRequest;
using grpc::health::v1::HealthCheckResponse;
using grpc::reflection::v1::ServerReflectionRequest;
using grpc::reflection::v1::ServerReflectionResponse;

constexpr char kCheck[] = "/grpc.health.v1.Health/Check";
constexpr char kReflection[] = "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo";
constexpr char kReflectionAlpha[] =
    "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo";

std::shared_ptr<const Policy> TestPolicy() {
  metrics::Registry registry;
  GatewayMetrics metrics(&registry);
  return *Policy::Compile(MakeSnapshot(), Policy::Upstreams::kNotLocal, &metrics);
}

std::unique_ptr<LocalCall> Call(absl::string_view path, absl::string_view key = "alpha",
                                bool serving = true) {
  const auto policy = TestPolicy();
  return MakeLocalCall(path, policy, policy->FindSystem(key), serving);
}

ServerReflectionResponse Reflect(const ServerReflectionRequest& request,
                                 absl::string_view key = "alpha",
                                 absl::string_view path = kReflection) {
  const auto call = Call(path, key);
  REQUIRE(call != nullptr);
  CHECK_FALSE(call->is_unary());
  const auto bytes = call->Answer(request.SerializeAsString());
  REQUIRE(bytes.ok());
  ServerReflectionResponse response;
  REQUIRE(response.ParseFromString(*bytes));
  CHECK(response.original_request().SerializeAsString() == request.SerializeAsString());
  return response;
}

std::vector<std::string> Services(absl::string_view key, absl::string_view path = kReflection) {
  ServerReflectionRequest request;
  request.set_list_services("*");
  std::vector<std::string> names;
  const ServerReflectionResponse response = Reflect(request, key, path);
  for (const auto& service : response.list_services_response().service()) {
    names.push_back(service.name());
  }
  return names;
}

// Names of the files that come with a symbol; `error 5` when it is not found.
std::vector<std::string> Files(const ServerReflectionResponse& response) {
  if (response.has_error_response()) {
    return {absl::StrCat("error ", response.error_response().error_code())};
  }
  std::vector<std::string> names;
  for (const std::string& bytes : response.file_descriptor_response().file_descriptor_proto()) {
    google::protobuf::FileDescriptorProto file;
    REQUIRE(file.ParseFromString(bytes));
    names.push_back(file.name());
  }
  return names;
}
std::vector<std::string> FilesOfSymbol(const std::string& symbol, absl::string_view key = "alpha") {
  ServerReflectionRequest request;
  request.set_file_containing_symbol(symbol);
  return Files(Reflect(request, key));
}
std::vector<std::string> FilesOfName(const std::string& name, absl::string_view key = "alpha") {
  ServerReflectionRequest request;
  request.set_file_by_filename(name);
  return Files(Reflect(request, key));
}

using Names = std::vector<std::string>;
const Names kNotFound = {"error 5"};

TEST_CASE("the gateway answers health and reflection, nothing else") {
  CHECK(IsLocal(kCheck));
  CHECK(IsLocal("/grpc.health.v1.Health/Watch"));
  CHECK(IsLocal(kReflection));
  CHECK(IsLocal(kReflectionAlpha));
  CHECK_FALSE(IsLocal(kUnary));
  CHECK_FALSE(IsLocal("/grpc.health.v1.HealthX/Check"));
  CHECK_FALSE(IsLocal("/grpc.reflection.v1.ServerReflection/Other"));
  CHECK(Call("/grpc.health.v1.Health/Watch") == nullptr);
  CHECK(Call("/grpc.health.v1.Health/") == nullptr);
}

TEST_CASE("health of the gateway and of the services it knows") {
  const auto ask = [](const std::string& service, bool serving) {
    HealthCheckRequest request;
    request.set_service(service);
    const auto call = Call(kCheck, "alpha", serving);
    CHECK(call->is_unary());
    return call->Answer(request.SerializeAsString());
  };
  const auto status_of = [&](const std::string& service, bool serving) {
    const auto bytes = ask(service, serving);
    REQUIRE(bytes.ok());
    HealthCheckResponse response;
    REQUIRE(response.ParseFromString(*bytes));
    return response.status();
  };
  CHECK(status_of("", true) == HealthCheckResponse::SERVING);
  CHECK(status_of(kEcho, true) == HealthCheckResponse::SERVING);
  CHECK(status_of("", false) == HealthCheckResponse::NOT_SERVING);
  const absl::Status unknown = ask("test.v1.Gone", true).status();
  CHECK(absl::IsNotFound(unknown));
  CHECK(ErrorReason(unknown) == "SERVICE_UNKNOWN");
  CHECK(ErrorReason(Call(kCheck)->Answer("\xff").status()) == "MESSAGE_INVALID");
}

TEST_CASE("reflection lists what the system has an agreement for, and health") {
  CHECK(Services("alpha") == Names{"grpc.health.v1.Health", kEcho});
  CHECK(Services("alpha", kReflectionAlpha) == Names{"grpc.health.v1.Health", kEcho});
  CHECK(Services("beta") == Names{"grpc.health.v1.Health"});
  CHECK(Services("nobody") == Names{"grpc.health.v1.Health"});
}

TEST_CASE("reflection describes a service with all that its file imports") {
  const Names echo = {"test/v1/echo.proto", "test/v1/note.proto"};
  CHECK(FilesOfSymbol(kEcho) == echo);
  CHECK(FilesOfSymbol("test.v1.Echo.Unary") == echo);
  CHECK(FilesOfName("test/v1/echo.proto") == echo);
  CHECK(FilesOfSymbol("test.v1.Note") == Names{"test/v1/note.proto"});
  CHECK(FilesOfSymbol("grpc.health.v1.Health").size() == 1);
  CHECK(FilesOfSymbol("grpc.health.v1.HealthCheckRequest", "beta").size() == 1);
}

TEST_CASE("reflection does not tell what is not the system's, nor that it exists") {
  CHECK(FilesOfSymbol("test.v1.Other") == kNotFound);
  CHECK(FilesOfSymbol("test.v1.Secret") == kNotFound);
  CHECK(FilesOfName("test/v1/other.proto") == kNotFound);
  CHECK(FilesOfSymbol(kEcho, "beta") == kNotFound);
  CHECK(FilesOfSymbol("test.v1.Note", "beta") == kNotFound);
  CHECK(FilesOfSymbol("test.v1.Gone") == kNotFound);
  CHECK(FilesOfName("") == kNotFound);
  ServerReflectionRequest extension;
  extension.set_all_extension_numbers_of_type("test.v1.Note");
  CHECK(Files(Reflect(extension)) == kNotFound);
  CHECK(Files(Reflect(ServerReflectionRequest())) == kNotFound);
  CHECK(ErrorReason(Call(kReflection)->Answer("\xff").status()) == "MESSAGE_INVALID");
}

TEST_CASE("a token is made once per caller and renewed before its end") {
  FakeClock clock(absl::FromUnixSeconds(1'800'000'000));
  const keys::SigningKey key = keys::SigningKey::Generate();
  CallerCache cache(&key, &clock);
  int made = 0;
  const auto token = [&](absl::string_view key_of_caller) {
    const auto known = cache.Find(key_of_caller, [&] {
      ++made;
      lgsp::auth::v1::Caller caller;
      caller.set_system(kAlpha);
      caller.set_aud(kEcho);
      caller.add_agencies("H12.*");
      caller.set_purpose(std::string(key_of_caller));
      return absl::StatusOr<lgsp::auth::v1::Caller>(caller);
    });
    lgsp::auth::v1::Caller kept;
    CHECK(kept.ParseFromString((*known)->evidence));
    CHECK(kept.purpose() == key_of_caller);
    CHECK(kept.agencies().empty());
    return (*known)->token;
  };
  const std::string first = token("a");
  CHECK(token("a") == first);
  CHECK(made == 1);
  CHECK(token("b") != first);

  // What it gives out is good for at least kCallerRenewal.
  clock.Advance(auth::kCallerLifetime - kCallerRenewal - absl::Microseconds(1));
  CHECK(token("a") == first);
  clock.Advance(absl::Microseconds(1));
  const std::string second = token("a");
  CHECK(second != first);
  const auth::CallerVerifier verifier({*keys::VerifyKey::FromPem(key.PublicPem())}, &clock);
  const auto verified = verifier.Verify(second, kEcho);
  REQUIRE(verified.ok());
  CHECK(verified->system() == kAlpha);
  CHECK_FALSE(verifier.Verify(second, "test.v1.Other").ok());
  // Who may not call is asked anew each time.
  for (int i = 0; i < 2; ++i) {
    const auto refused = cache.Find("c", [&] {
      ++made;
      return absl::StatusOr<lgsp::auth::v1::Caller>(absl::PermissionDeniedError("no"));
    });
    CHECK(absl::IsPermissionDenied(refused.status()));
  }
  CHECK(made == 5);
}

TEST_CASE("the cache of tokens is bounded and right beyond its bound") {
  FakeClock clock(absl::FromUnixSeconds(1'800'000'000));
  const keys::SigningKey key = keys::SigningKey::Generate();
  CallerCache cache(&key, &clock);
  const auto token = [&](size_t i) {
    const std::string dossier = absl::StrCat("dossiers/", i);
    const auto known = cache.Find(dossier, [&] {
      lgsp::auth::v1::Caller caller;
      caller.set_dossier(dossier);
      return absl::StatusOr<lgsp::auth::v1::Caller>(caller);
    });
    return (*known)->token;
  };
  const std::string first = token(0);
  for (size_t i = 1; i < kMaxKnownCallers; ++i) token(i);
  clock.Advance(absl::Seconds(1));
  // Full, and `first` still in it; one more makes room, and it is made anew with the time of now.
  CHECK(token(0) == first);
  token(kMaxKnownCallers);
  CHECK(token(0) != first);
}

}  // namespace
}  // namespace lgsp::gateway
