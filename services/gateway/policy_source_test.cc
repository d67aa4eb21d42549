#include "services/gateway/policy_source.h"

#include <catch2/catch.hpp>

#include "libs/config/config.h"
#include "libs/status/status.h"
#include "libs/testing/files.h"
#include "libs/testing/metric_value.h"
#include "services/gateway/policy_fixture_test.h"

namespace lgsp::gateway {
namespace {

using keys::SigningKey;
using lgsp::registry::v1::PolicySnapshot;
using lgsp::testing::MetricValue;

constexpr char kStateFile[] = "policy.state";

struct Files {
  Files() {
    config.set_policy_file("policy.pb");
    config.set_policy_state_file(kStateFile);
    Pin(key);
  }
  void Pin(const SigningKey& pinned) {
    const std::string name = pinned.id() + ".pub";
    folder.Write(name, pinned.PublicPem());
    config.add_policy_key_files(name);
  }
  // A policy of this version on disk.
  void Put(uint64_t epoch, uint64_t version) {
    PolicySnapshot snapshot = MakeSnapshot();
    snapshot.set_epoch(epoch);
    snapshot.set_version(version);
    folder.Write("policy.pb", Sign(snapshot, key));
  }
  // As after a restart.
  absl::StatusOr<std::shared_ptr<const Policy>> LoadAnew() {
    auto source = PolicySource::Make(config, folder.path(), &metrics);
    REQUIRE(source.ok());
    return source->Load();
  }

  lgsp::testing::TemporaryFolder folder;
  const SigningKey key = SigningKey::Generate();
  metrics::Registry registry;
  GatewayMetrics metrics{&registry};
  GatewayConfig config = [] {
    GatewayConfig made;
    made.set_profile(GatewayConfig::PRODUCTION);
    return made;
  }();
};

TEST_CASE("a policy signed by a pinned key is taken and remembered") {
  Files files;
  files.Put(3, 7);
  const auto policy = files.LoadAnew();
  REQUIRE(policy.ok());
  CHECK((*policy)->epoch() == 3);
  CHECK((*policy)->version() == 7);
  CHECK(*config::ReadFile(files.folder.path() + "/" + kStateFile) == "3 7\n");
  CHECK(MetricValue(files.registry, "gateway_policy_epoch") == 3);
  CHECK(MetricValue(files.registry, "gateway_policy_version") == 7);
}

TEST_CASE("a policy of anyone else is not taken") {
  Files files;
  const PolicySnapshot snapshot = MakeSnapshot();
  lgsp::registry::v1::SignedSnapshot sealed;
  REQUIRE(sealed.ParseFromString(Sign(snapshot, files.key)));
  const auto refusal = [&](const std::string& content) {
    files.folder.Write("policy.pb", content);
    const absl::Status status = files.LoadAnew().status();
    CHECK(absl::IsFailedPrecondition(status));
    return ErrorReason(status);
  };
  CHECK(refusal("") == "POLICY_UNSIGNED");
  CHECK(refusal("\xff") == "POLICY_UNSIGNED");
  CHECK(refusal(Sign(snapshot, SigningKey::Generate())) == "POLICY_UNSIGNED");
  auto changed = sealed;
  changed.mutable_snapshot()->back() ^= 1;
  CHECK(refusal(changed.SerializeAsString()) == "POLICY_UNSIGNED");
  changed = sealed;
  changed.mutable_signature()->back() ^= 1;
  CHECK(refusal(changed.SerializeAsString()) == "POLICY_UNSIGNED");
  // Another's key under the pinned key's name.
  REQUIRE(changed.ParseFromString(Sign(snapshot, SigningKey::Generate())));
  changed.set_key_id(files.key.id());
  CHECK(refusal(changed.SerializeAsString()) == "POLICY_UNSIGNED");
  // A good signature of the bytes without their prefix.
  changed = sealed;
  changed.set_signature(files.key.Sign(changed.snapshot()));
  CHECK(refusal(changed.SerializeAsString()) == "POLICY_UNSIGNED");
  // Signed, but no snapshot.
  changed.set_snapshot("\xff");
  changed.set_signature(files.key.Sign("lgsp-policy-v1\n\xff"));
  CHECK(refusal(changed.SerializeAsString()) == "POLICY_UNSIGNED");
  // None of them was remembered.
  CHECK(absl::IsNotFound(config::ReadFile(files.folder.path() + "/" + kStateFile).status()));
}

TEST_CASE("one or two keys are pinned, and either signs") {
  Files files;
  const SigningKey next = SigningKey::Generate();
  files.Pin(next);
  files.Put(1, 1);
  CHECK(files.LoadAnew().ok());
  files.folder.Write("policy.pb", Sign(MakeSnapshot(), next));
  CHECK(files.LoadAnew().ok());

  files.Pin(SigningKey::Generate());
  CHECK(
      ErrorReason(PolicySource::Make(files.config, files.folder.path(), &files.metrics).status()) ==
      "POLICY_KEYS_INVALID");
  files.config.clear_policy_key_files();
  CHECK(
      ErrorReason(PolicySource::Make(files.config, files.folder.path(), &files.metrics).status()) ==
      "POLICY_KEYS_INVALID");
}

TEST_CASE("an older policy is refused, also after a restart; a newer epoch begins anew") {
  Files files;
  files.Put(2, 5);
  REQUIRE(files.LoadAnew().ok());
  for (const auto& [epoch, version] : {std::pair(2, 4), std::pair(1, 99), std::pair(0, 0)}) {
    files.Put(static_cast<uint64_t>(epoch), static_cast<uint64_t>(version));
    const absl::Status status = files.LoadAnew().status();
    CHECK(absl::IsFailedPrecondition(status));
    CHECK(ErrorReason(status) == "POLICY_OLDER");
  }
  files.Put(2, 5);
  CHECK(files.LoadAnew().ok());
  files.Put(3, 1);
  CHECK(files.LoadAnew().ok());
  files.Put(2, 6);
  CHECK(ErrorReason(files.LoadAnew().status()) == "POLICY_OLDER");
}

TEST_CASE("a state file that cannot be read or understood lets no policy in") {
  Files files;
  files.Put(1, 1);
  for (const char* content : {"", "\n", "1", "1 1 1", "a b", "-1 1", "1  1"}) {
    files.folder.Write(kStateFile, content);
    INFO(content);
    CHECK(ErrorReason(files.LoadAnew().status()) == "POLICY_STATE_INVALID");
  }
  // A folder in its place, which even root cannot read as a file.
  files.config.set_policy_state_file(".");
  CHECK_FALSE(files.LoadAnew().ok());
}

TEST_CASE("a version that cannot be written down holds within the process, and shows") {
  Files files;
  files.config.set_policy_state_file("missing/policy.state");
  files.Put(2, 5);
  auto source = PolicySource::Make(files.config, files.folder.path(), &files.metrics);
  REQUIRE(source.ok());
  CHECK(source->Load().ok());
  CHECK(MetricValue(files.registry, "gateway_policy_unremembered") == 1);
  files.Put(2, 4);
  CHECK(ErrorReason(source->Load().status()) == "POLICY_OLDER");
}

TEST_CASE("the file is read again only when it has changed; a bad one counts and changes nothing") {
  Files files;
  files.Put(1, 1);
  auto source = PolicySource::Make(files.config, files.folder.path(), &files.metrics);
  REQUIRE(source.ok());
  REQUIRE(source->Load().ok());
  CHECK(*source->LoadIfChanged() == nullptr);
  // Replaced as `lgsp registry compile` does it: another inode.
  const auto replace = [&](const std::string& content) {
    REQUIRE(config::WriteFile(files.folder.path() + "/policy.pb", content).ok());
  };
  PolicySnapshot snapshot = MakeSnapshot();
  snapshot.set_version(2);
  replace(Sign(snapshot, files.key));
  const auto second = source->LoadIfChanged();
  REQUIRE(second.ok());
  REQUIRE(*second != nullptr);
  CHECK((*second)->version() == 2);

  replace("not a policy");
  CHECK(ErrorReason(source->LoadIfChanged().status()) == "POLICY_UNSIGNED");
  CHECK(MetricValue(files.registry, "gateway_policy_refused_total") == 1);
  CHECK(MetricValue(files.registry, "gateway_policy_version") == 2);
  // Said once, not every second.
  CHECK(*source->LoadIfChanged() == nullptr);
  CHECK(MetricValue(files.registry, "gateway_policy_refused_total") == 1);
}

TEST_CASE("a policy whose upstreams are local is taken in development only") {
  Files files;
  files.folder.Write("policy.pb", Sign(MakeSnapshot("127.0.0.1:9000"), files.key));
  CHECK(ErrorReason(files.LoadAnew().status()) == "POLICY_INVALID");
  CHECK(absl::IsNotFound(config::ReadFile(files.folder.path() + "/" + kStateFile).status()));
  files.config.set_profile(GatewayConfig::DEVELOPMENT);
  CHECK(files.LoadAnew().ok());
}

}  // namespace
}  // namespace lgsp::gateway
