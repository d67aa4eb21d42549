#include "tools/lgsp/policy_compiler.h"

#include <google/protobuf/descriptor.pb.h>

#include <fstream>

#include "absl/algorithm/container.h"
#include "absl/strings/match.h"
#include "absl/strings/str_replace.h"
#include "libs/config/config.h"
#include "libs/keys/digest.h"
#include "libs/keys/x509.h"
#include "libs/status/status.h"
#include "tools/lgsp/temporary_folder_test.h"

namespace lgsp::cli {
namespace {

namespace fs = std::filesystem;
using registry::v1::PolicySnapshot;
using registry::v1::SignedSnapshot;

// A catalogue of one of each, in two files.
constexpr char kFirst[] = R"(
participants { name: "participants/H12.15" display_name: "centre" source: "assumed" }
systems { name: "systems/demo-onestop" participant: "participants/H12.15" agencies: "H12.*"
          certificate_files: "systems/demo-onestop.crt" demo: true source: "invented" }
services { name: "lgsp.dossiers.v1.Dossiers" provider: "participants/H12.15" platform_service: "dossiers"
           source: "assumed" }
)";
constexpr char kSecond[] = R"(
agreements { name: "agreements/a" consumer: "systems/demo-onestop" service: "lgsp.dossiers.v1.Dossiers"
             methods: "GetDossier" legal_basis: "decree" demo: true source: "invented" }
)";

// A demo folder with a catalogue that a test may spoil.
class Compiler {
 public:
  Compiler() : folder_(MakeTestFolder(parent_)) {
    fs::create_directory(parent_.File("catalog"));
    Write("first.textproto", kFirst);
    Write("second.textproto", kSecond);
  }

  void Write(absl::string_view file, absl::string_view text) {
    std::ofstream(parent_.File(absl::StrCat("catalog/", file))) << std::string(text);
  }

  absl::StatusOr<CompiledPolicy> Compile(absl::Time now = absl::Now()) {
    return CompilePolicy(folder_, {parent_.File("catalog"), TestInstallation().Descriptors()}, now);
  }

  PolicySnapshot Policy() {
    const auto policy = ReadPolicy(folder_.PolicySnapshot(), Key());
    REQUIRE(policy.ok());
    return *policy;
  }

  keys::VerifyKey Key() {
    return *keys::VerifyKey::FromPem(*config::ReadFile(folder_.PublicKey("policy")));
  }

  const DataFolder& folder() const { return folder_; }

 private:
  TemporaryFolder parent_;
  DataFolder folder_;
};

TEST_CASE("the policy is signed by the folder's key, over the prefix and the bytes") {
  Compiler compiler;
  SignedSnapshot stored;
  REQUIRE(stored.ParseFromString(*config::ReadFile(compiler.folder().PolicySnapshot())));
  const keys::VerifyKey key = compiler.Key();
  CHECK(stored.key_id() == key.id());
  CHECK(key.Verify(absl::StrCat("lgsp-policy-v1\n", stored.snapshot()), stored.signature()));
  CHECK_FALSE(key.Verify(stored.snapshot(), stored.signature()));

  stored.mutable_snapshot()->append(1, '\0');
  REQUIRE(config::WriteFile(compiler.folder().PolicySnapshot(), stored.SerializeAsString()).ok());
  CHECK(ErrorReason(ReadPolicy(compiler.folder().PolicySnapshot(), key).status()) ==
        "POLICY_INVALID");
  // Its version is not known, so no next one can be made.
  CHECK(ErrorReason(compiler.Compile().status()) == "POLICY_INVALID");
}

TEST_CASE("the first policy holds the whole catalogue with keys and addresses") {
  Compiler compiler;
  const PolicySnapshot policy = compiler.Policy();
  CHECK(policy.epoch() == 1);
  CHECK(policy.version() == 1);
  CHECK(policy.systems_size() == 6);
  CHECK(policy.services_size() == 9);
  CHECK(policy.agreements_size() == 15);
  for (const auto& system : policy.systems()) {
    if (system.name() != "systems/demo-onestop") continue;
    REQUIRE(system.spki_sha256_size() == 1);
    CHECK(system.spki_sha256(0) == *keys::SpkiSha256(*config::ReadFile(
                                       compiler.folder().SystemCertificate("demo-onestop"))));
  }
  CHECK(policy.services(0).upstreams(0).address() ==
        compiler.folder().FindProcess("dossiers")->address());
  CHECK(policy.services(0).provider() == "participants/platform");
  CHECK(policy.services(0).upstreams(0).tls_identity() == keys::ServiceIdentity("dossiers"));
  google::protobuf::FileDescriptorSet files;
  REQUIRE(files.ParseFromString(policy.descriptors()));
  google::protobuf::DescriptorPool pool;
  for (const auto& file : files.file()) REQUIRE(pool.BuildFile(file) != nullptr);
  CHECK(pool.FindServiceByName("lgsp.national.v1.Portal") != nullptr);
  CHECK(pool.FindServiceByName("lgsp.events.v1.Feed") == nullptr);  // not in the catalogue
}

TEST_CASE("a change raises the version and is told by names; no change writes nothing") {
  Compiler compiler;
  const auto replaced = compiler.Compile();
  REQUIRE(replaced.ok());
  CHECK(replaced->version == 2);
  CHECK(replaced->diff.added == std::vector<std::string>{"agreements/a"});
  CHECK(absl::c_linear_search(replaced->diff.removed, "systems/demo-steering"));
  CHECK(absl::c_linear_search(replaced->diff.changed, "descriptors"));

  const std::string bytes = *config::ReadFile(compiler.folder().PolicySnapshot());
  const auto same = compiler.Compile();
  REQUIRE(same.ok());
  CHECK(same->version == 2);
  CHECK_FALSE(same->written);
  CHECK(same->diff.empty());
  CHECK(*config::ReadFile(compiler.folder().PolicySnapshot()) == bytes);

  compiler.Write("second.textproto",
                 absl::StrReplaceAll(kSecond, {{"\"GetDossier\"", "\"ListDossiers\""}}));
  const auto changed = compiler.Compile();
  REQUIRE(changed.ok());
  CHECK(changed->version == 3);
  CHECK(changed->diff.changed == std::vector<std::string>{"agreements/a"});
  CHECK((changed->diff.added.empty() && changed->diff.removed.empty()));
}

TEST_CASE("the version goes on where the gateway is, whatever became of the policy") {
  Compiler compiler;
  REQUIRE(compiler.Compile()->version == 2);
  REQUIRE(config::WriteFile(compiler.folder().PolicyState(), "1 7\n").ok());
  fs::remove(compiler.folder().PolicySnapshot());
  CHECK(compiler.Compile()->version == 8);
  CHECK(compiler.Policy().epoch() == 1);
  CHECK_FALSE(compiler.Compile()->written);

  // An older file put back: says the same, yet the gateway would not take it.
  REQUIRE(config::WriteFile(compiler.folder().PolicyState(), "3 9\n").ok());
  const auto again = compiler.Compile();
  CHECK((again->written && again->diff.empty() && again->version == 10));
  CHECK(compiler.Policy().epoch() == 3);

  REQUIRE(config::WriteFile(compiler.folder().PolicyState(), "nine").ok());
  CHECK(ErrorReason(compiler.Compile().status()) == "POLICY_STATE_INVALID");
}

TEST_CASE("an agreement that has ended is left out, one to come is not") {
  Compiler compiler;
  compiler.Write(
      "second.textproto",
      absl::StrReplaceAll(kSecond, {{"demo: true", "demo: true valid_until { seconds: 1000 }"}}));
  REQUIRE(compiler.Compile(absl::FromUnixSeconds(999)).ok());
  CHECK(compiler.Policy().agreements_size() == 1);
  REQUIRE(compiler.Compile(absl::FromUnixSeconds(1000)).ok());
  CHECK(compiler.Policy().agreements_size() == 0);
  compiler.Write(
      "second.textproto",
      absl::StrReplaceAll(kSecond, {{"demo: true", "demo: true valid_from { seconds: 2000 }"}}));
  REQUIRE(compiler.Compile(absl::FromUnixSeconds(1000)).ok());
  CHECK(compiler.Policy().agreements_size() == 1);
}

struct Spoiled {
  const char* file;
  const char* text;         // what is replaced …
  const char* replacement;  // … by what
  const char* reason;
  const char* entry;  // named in the message
};

const Spoiled kSpoiled[] = {
    {"first.textproto", "participants { name", "participants { nome", "CONFIG_INVALID",
     "first.textproto:2:"},
    {"second.textproto", "agreements/a", "systems/demo-onestop", "CATALOG_NAME_TWICE",
     "systems/demo-onestop"},
    {"first.textproto", "name: \"systems/demo-onestop\"", "name: \"systems/Demo\"",
     "CATALOG_NAME_INVALID", "systems/Demo"},
    {"first.textproto", "name: \"participants/H12.15\"", "name: \"H12.15\"", "CATALOG_NAME_INVALID",
     "H12.15"},
    {"second.textproto", "agreements/a", "agreements/", "CATALOG_NAME_INVALID", "agreements/"},
    {"first.textproto", "display_name: \"centre\"", "", "CATALOG_VALUE_INVALID",
     "participants/H12.15"},
    {"first.textproto", "participant: \"participants/H12.15\"",
     "participant: \"participants/H12.16\"", "CATALOG_REFERENCE_UNKNOWN", "systems/demo-onestop"},
    {"first.textproto", "agencies: \"H12.*\"", "agencies: \"h12\"", "CATALOG_VALUE_INVALID",
     "systems/demo-onestop"},
    {"first.textproto", "certificate_files: \"systems/demo-onestop.crt\"", "",
     "CATALOG_VALUE_INVALID", "systems/demo-onestop"},
    {"first.textproto", "\"systems/demo-onestop.crt\"", "\"systems/nobody.crt\"",
     "CATALOG_CERTIFICATE_INVALID", "systems/demo-onestop"},
    {"first.textproto", "\"systems/demo-onestop.crt\"", "\"../secret.crt\"",
     "CATALOG_CERTIFICATE_INVALID", "systems/demo-onestop"},
    {"first.textproto", "\"systems/demo-onestop.crt\"", "\"systems/demo-onestop.key\"",
     "CATALOG_CERTIFICATE_INVALID", "systems/demo-onestop"},
    {"first.textproto", "services { name: \"lgsp.dossiers.v1.Dossiers\"",
     "services { name: \"lgsp.dossiers.v1.Nothing\"", "CATALOG_SERVICE_UNKNOWN",
     "lgsp.dossiers.v1.Nothing"},
    {"first.textproto", "provider: \"participants/H12.15\"", "provider: \"participants/X\"",
     "CATALOG_REFERENCE_UNKNOWN", "lgsp.dossiers.v1.Dossiers"},
    {"first.textproto", "platform_service: \"dossiers\"", "platform_service: \"payments\"",
     "CATALOG_REFERENCE_UNKNOWN", "lgsp.dossiers.v1.Dossiers"},
    {"first.textproto", "source: \"invented\"", "", "CATALOG_SOURCE_MISSING",
     "systems/demo-onestop"},
    {"second.textproto", "consumer: \"systems/demo-onestop\"", "consumer: \"systems/x\"",
     "CATALOG_REFERENCE_UNKNOWN", "agreements/a"},
    {"second.textproto", "service: \"lgsp.dossiers.v1.Dossiers\"",
     "service: \"lgsp.insights.v1.Insights\"", "CATALOG_REFERENCE_UNKNOWN", "agreements/a"},
    {"second.textproto", "methods: \"GetDossier\"", "", "CATALOG_VALUE_INVALID", "agreements/a"},
    {"second.textproto", "methods: \"GetDossier\"", "methods: \"getDossier\"",
     "CATALOG_METHOD_UNKNOWN", "agreements/a"},
    {"second.textproto", "methods: \"GetDossier\"", "methods: \"*\" methods: \"GetDossier\"",
     "CATALOG_METHOD_UNKNOWN", "agreements/a"},
    {"second.textproto", "methods: \"GetDossier\"",
     "methods: \"GetDossier\" methods: \"GetDossier\"", "CATALOG_VALUE_INVALID", "agreements/a"},
    {"second.textproto", "legal_basis: \"decree\"", "", "CATALOG_VALUE_INVALID", "agreements/a"},
    {"second.textproto", "demo: true", "demo: true purposes: \"Any thing\"",
     "CATALOG_VALUE_INVALID", "agreements/a"},
    {"second.textproto", "demo: true",
     "demo: true valid_from { seconds: 9 } valid_until { seconds: 9 }", "CATALOG_VALUE_INVALID",
     "agreements/a"},
    {"second.textproto", "demo: true", "", "CATALOG_DEMO_REFERENCE", "agreements/a"},
};

TEST_CASE("a catalogue that is wrong names the file and the entry and changes nothing") {
  Compiler compiler;
  const std::string before = *config::ReadFile(compiler.folder().PolicySnapshot());
  for (const Spoiled& spoiled : kSpoiled) {
    INFO(spoiled.file << ": " << spoiled.text << " -> " << spoiled.replacement);
    const std::string original =
        absl::string_view(spoiled.file) == "first.textproto" ? kFirst : kSecond;
    REQUIRE(absl::StrContains(original, spoiled.text));
    compiler.Write(spoiled.file,
                   absl::StrReplaceAll(original, {{spoiled.text, spoiled.replacement}}));
    const absl::Status status = compiler.Compile().status();
    INFO(status);
    CHECK(status.code() == absl::StatusCode::kInvalidArgument);
    CHECK(ErrorReason(status) == spoiled.reason);
    CHECK(absl::StrContains(status.message(), spoiled.file));
    CHECK(absl::StrContains(status.message(), spoiled.entry));
    CHECK(*config::ReadFile(compiler.folder().PolicySnapshot()) == before);
    compiler.Write(spoiled.file, original);
  }
  CHECK(compiler.Compile().ok());  // and the unspoilt one is right
}

TEST_CASE("two systems with one key are refused") {
  Compiler compiler;
  compiler.Write("third.textproto", R"(
      systems { name: "systems/twin" participant: "participants/H12.15" source: "invented"
                certificate_files: "systems/demo-onestop.crt" })");
  const absl::Status status = compiler.Compile().status();
  CHECK(ErrorReason(status) == "CATALOG_CERTIFICATE_INVALID");
  CHECK(absl::StrContains(status.message(), "third.textproto"));
  CHECK(absl::StrContains(status.message(), "systems/demo-onestop too"));
}

TEST_CASE("a folder without a catalogue, a file without descriptors") {
  Compiler compiler;
  const TemporaryFolder empty;
  CHECK(ErrorReason(CompilePolicy(compiler.folder(),
                                  {empty.File(""), TestInstallation().Descriptors()}, absl::Now())
                        .status()) == "CATALOG_MISSING");
  std::ofstream(empty.File("x")) << "not descriptors";
  CHECK(
      ErrorReason(CompilePolicy(compiler.folder(),
                                {TestInstallation().CatalogFolder(), empty.File("x")}, absl::Now())
                      .status()) == "DESCRIPTORS_INVALID");
}

}  // namespace
}  // namespace lgsp::cli
