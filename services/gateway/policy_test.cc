#include "services/gateway/policy.h"

#include <catch2/catch.hpp>
#include <functional>

#include "google/protobuf/descriptor.pb.h"
#include "libs/status/status.h"
#include "services/gateway/policy_fixture_test.h"

namespace lgsp::gateway {
namespace {

using lgsp::registry::v1::PolicySnapshot;

absl::StatusOr<std::shared_ptr<const Policy>> Compile(
    const PolicySnapshot& snapshot, Policy::Upstreams upstreams = Policy::Upstreams::kNotLocal) {
  metrics::Registry registry;
  GatewayMetrics metrics(&registry);
  return Policy::Compile(snapshot, upstreams, &metrics);
}

// The reason why the policy of the fixture, once changed, is not taken; empty when it is.
std::string Refusal(const std::function<void(PolicySnapshot&)>& change) {
  PolicySnapshot snapshot = MakeSnapshot();
  change(snapshot);
  const absl::Status status = Compile(snapshot).status();
  CHECK((status.ok() || absl::IsInvalidArgument(status)));
  return ErrorReason(status);
}

std::string AddressRefusal(absl::string_view address, Policy::Upstreams upstreams) {
  return ErrorReason(Compile(MakeSnapshot(address), upstreams).status());
}

TEST_CASE("a policy knows its systems, routes and grants, and nothing else") {
  const auto policy = *Compile(MakeSnapshot());
  const SystemEntry* alpha = policy->FindSystem("alpha");
  REQUIRE(alpha != nullptr);
  CHECK(alpha->system->name() == kAlpha);
  CHECK(alpha == policy->FindSystemByName(kAlpha));
  CHECK(policy->FindSystem("") == nullptr);
  CHECK(policy->FindSystem("gamma") == nullptr);
  CHECK(policy->FindSystemByName("systems/gamma") == nullptr);

  REQUIRE(policy->FindRoute(kUnary) != nullptr);
  CHECK(policy->FindRoute(kUnary)->service == kEcho);
  CHECK(policy->FindRoute(kUnary)->method == "Unary");
  CHECK(policy->FindRoute("/test.v1.Other/Call") != nullptr);
  CHECK(policy->FindRoute("/test.v1.Echo/Gone") == nullptr);
  CHECK(policy->FindRoute("test.v1.Echo/Unary") == nullptr);

  CHECK(alpha->grants.size() == 2);
  CHECK(FindGrant(alpha, kChat, absl::Now()).ok());
  CHECK(ErrorReason(FindGrant(alpha, "/test.v1.Other/Call", absl::Now()).status()) ==
        "NO_AGREEMENT");
  const SystemEntry* beta = policy->FindSystem("beta");
  CHECK(absl::IsPermissionDenied(FindGrant(beta, kUnary, absl::Now()).status()));
  CHECK(ErrorReason(FindGrant(nullptr, kUnary, absl::Now()).status()) == "NO_AGREEMENT");
}

TEST_CASE("an agreement that names methods grants these only") {
  PolicySnapshot snapshot = MakeSnapshot();
  snapshot.mutable_agreements(0)->set_methods(0, "Chat");
  const auto policy = *Compile(snapshot);
  CHECK(FindGrant(policy->FindSystem("alpha"), kChat, absl::Now()).ok());
  CHECK(ErrorReason(FindGrant(policy->FindSystem("alpha"), kUnary, absl::Now()).status()) ==
        "NO_AGREEMENT");
}

TEST_CASE("an agreement and the one that continues it leave no gap and no overlap") {
  PolicySnapshot snapshot = MakeSnapshot();
  auto* first = snapshot.mutable_agreements(0);
  first->mutable_valid_from()->set_seconds(100);
  first->mutable_valid_until()->set_seconds(200);
  auto* second = snapshot.add_agreements();
  *second = *first;
  second->set_name("agreements/next");
  second->mutable_valid_from()->set_seconds(200);
  second->mutable_valid_until()->set_seconds(300);
  const auto policy = *Compile(snapshot);
  const SystemEntry* alpha = policy->FindSystem("alpha");
  const auto name_at = [&](int64_t seconds, int64_t micros = 0) {
    const absl::Time now = absl::FromUnixSeconds(seconds) + absl::Microseconds(micros);
    const auto grant = FindGrant(alpha, kUnary, now);
    return grant.ok() ? (*grant)->agreement->name() : ErrorReason(grant.status());
  };
  CHECK(name_at(100, -1) == "AGREEMENT_NOT_IN_FORCE");
  CHECK(name_at(100) == "agreements/alpha-echo");
  CHECK(name_at(200, -1) == "agreements/alpha-echo");
  CHECK(name_at(200) == "agreements/next");
  CHECK(name_at(300, -1) == "agreements/next");
  CHECK(name_at(300) == "AGREEMENT_NOT_IN_FORCE");
}

TEST_CASE("a policy that does not hold together is refused") {
  CHECK(Refusal([](PolicySnapshot&) {}).empty());
  CHECK(Refusal([](PolicySnapshot& p) { p.set_descriptors("\xff"); }) == "POLICY_INVALID");
  CHECK(Refusal([](PolicySnapshot& p) { p.clear_descriptors(); }) == "POLICY_INVALID");
  // A file whose import is not there.
  CHECK(Refusal([](PolicySnapshot& p) {
          google::protobuf::FileDescriptorSet files;
          REQUIRE(files.ParseFromString(p.descriptors()));
          files.mutable_file()->DeleteSubrange(0, 1);
          p.set_descriptors(files.SerializeAsString());
        }) == "POLICY_INVALID");
  CHECK(Refusal([](PolicySnapshot& p) { p.mutable_services(0)->set_name("test.v1.Gone"); }) ==
        "POLICY_INVALID");
  CHECK(Refusal([](PolicySnapshot& p) { p.mutable_services(0)->clear_upstreams(); }) ==
        "POLICY_INVALID");
  CHECK(Refusal([](PolicySnapshot& p) { p.mutable_systems(1)->set_spki_sha256(0, "alpha"); }) ==
        "POLICY_INVALID");
  auto agreement = [](const std::function<void(lgsp::registry::v1::Agreement&)>& change) {
    return Refusal([&](PolicySnapshot& p) { change(*p.mutable_agreements(0)); });
  };
  CHECK(agreement([](auto& a) { a.set_consumer("systems/gone"); }) == "POLICY_INVALID");
  CHECK(agreement([](auto& a) { a.set_service("test.v1.Gone"); }) == "POLICY_INVALID");
  CHECK(agreement([](auto& a) { a.set_methods(0, "Gone"); }) == "POLICY_INVALID");
  CHECK(agreement([](auto& a) { a.add_methods("Unary"); }) == "POLICY_INVALID");  // `*` not alone
}

TEST_CASE("an upstream is an address and a port, not a name") {
  for (const char* bad :
       {"", "203.0.113.7", "203.0.113.7:", ":9000", "echo.example:9000", "203.0.113.7:0",
        "203.0.113.7:65536", "203.0.113.7:-1", "203.0.113.7:9000x", "203.0.113:9000", "[::1:9000",
        "203.0.113.7:9000/", "http://203.0.113.7:9000"}) {
    INFO(bad);
    CHECK(AddressRefusal(bad, Policy::Upstreams::kAnywhere) == "POLICY_INVALID");
  }
  for (const char* good : {"203.0.113.7:9000", "10.0.0.1:1", "[2001:db8::1]:65535"}) {
    INFO(good);
    CHECK(AddressRefusal(good, Policy::Upstreams::kNotLocal).empty());
  }
}

TEST_CASE("outside development no upstream is on our own machine or link") {
  for (const char* local : {"127.0.0.1:9000", "127.255.255.254:9000", "[::1]:9000",
                            "169.254.169.254:80", "[fe80::1]:9000"}) {
    INFO(local);
    CHECK(AddressRefusal(local, Policy::Upstreams::kNotLocal) == "POLICY_INVALID");
    CHECK(AddressRefusal(local, Policy::Upstreams::kAnywhere).empty());
  }
  for (const char* never : {"0.0.0.0:9000", "[::]:9000", "224.0.0.1:9000", "[ff02::1]:9000"}) {
    INFO(never);
    CHECK(AddressRefusal(never, Policy::Upstreams::kNotLocal) == "POLICY_INVALID");
    CHECK(AddressRefusal(never, Policy::Upstreams::kAnywhere) == "POLICY_INVALID");
  }
}

TEST_CASE("an IPv4 address written as IPv6 is judged as what it is") {
  for (const char* local :
       {"[::ffff:127.0.0.1]:9000", "[::ffff:169.254.169.254]:80", "[::ffff:0.0.0.0]:80"}) {
    INFO(local);
    CHECK(AddressRefusal(local, Policy::Upstreams::kNotLocal) == "POLICY_INVALID");
  }
}

}  // namespace
}  // namespace lgsp::gateway
