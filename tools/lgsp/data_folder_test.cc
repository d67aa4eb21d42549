#include "tools/lgsp/data_folder.h"

#include <google/protobuf/descriptor.pb.h>
#include <google/protobuf/util/message_differencer.h>
#include <sys/stat.h>

#include <fstream>
#include <set>

#include "absl/strings/match.h"
#include "google/protobuf/dynamic_message.h"
#include "libs/config/config.h"
#include "libs/keys/envelope.h"
#include "libs/keys/jws.h"
#include "libs/status/status.h"
#include "nlohmann/json.hpp"
#include "tools/lgsp/certificates.h"
#include "tools/lgsp/policy_compiler.h"
#include "tools/lgsp/service_config.h"
#include "tools/lgsp/temporary_folder_test.h"

namespace lgsp::cli {
namespace {

namespace fs = std::filesystem;
using google::protobuf::Message;

int ModeOf(const fs::path& path) {
  struct stat info = {};
  REQUIRE(stat(path.c_str(), &info) == 0);
  return static_cast<int>(info.st_mode & 0777);
}

// Every file beneath `root` with its content.
std::map<std::string, std::string> ContentOf(const std::string& root) {
  std::map<std::string, std::string> content;
  for (const auto& entry : fs::recursive_directory_iterator(root)) {
    if (entry.is_regular_file()) content[entry.path()] = *config::ReadFile(entry.path().string());
  }
  return content;
}

TEST_CASE("a new folder opens as it was made") {
  const TemporaryFolder parent;
  const DataFolder made = MakeTestFolder(parent, /*demo=*/true, 20000);
  const auto opened = DataFolder::Open(made.root());
  REQUIRE(opened.ok());
  CHECK(google::protobuf::util::MessageDifferencer::Equals(made.platform(), opened->platform()));
  CHECK(opened->FindProcess("gateway")->address() == "127.0.0.1:20003");
  CHECK(opened->platform().processes(0).name() == "national_sim");
  CHECK(opened->FindProcess("agency_signing")->address() == "127.0.0.1:20011");
  CHECK(IsSimulator("agency_signing"));
  CHECK_FALSE(IsSimulator("national"));
  CHECK(ErrorReason(opened->FindProcess("nobody").status()) == "PROCESS_UNKNOWN");
  CHECK(PortOf("127.0.0.1:20003") == 20003);
  CHECK(PortOf("127.0.0.1") == 0);
}

TEST_CASE("all ports of a folder are different and inside its span") {
  const Platform platform = MakePlatform({true, kMaxPort - kPortSpan + 1});
  std::set<int> ports;
  for (const Process& process : platform.processes()) {
    CHECK(ports.insert(PortOf(process.address())).second);
    if (!process.metrics_address().empty())
      CHECK(ports.insert(PortOf(process.metrics_address())).second);
  }
  CHECK(*ports.begin() >= kMaxPort - kPortSpan + 1);
  CHECK(*ports.rbegin() <= kMaxPort);
}

TEST_CASE("keys and secrets are private, folders too") {
  const TemporaryFolder parent;
  const DataFolder folder = MakeTestFolder(parent);
  CHECK(ModeOf(folder.root()) == 0700);
  int private_files = 0;
  for (const auto& entry : fs::recursive_directory_iterator(folder.root())) {
    INFO(entry.path());
    if (entry.is_directory()) {
      CHECK(ModeOf(entry.path()) == 0700);
      continue;
    }
    const std::string extension = entry.path().extension();
    const bool secret =
        extension == ".key" || extension == ".ring" || extension == ".json" || extension == ".lock";
    CHECK(ModeOf(entry.path()) == (secret ? 0600 : 0644));
    private_files += secret ? 1 : 0;
  }
  // authority, 7 services, 7 signing keys, kek, index, 6 systems, credentials, lock of compile
  CHECK(private_files == 25);
}

TEST_CASE("what is made is what the libraries read") {
  const TemporaryFolder parent;
  const DataFolder folder = MakeTestFolder(parent);
  CHECK(keys::KeyRing::FromFile(folder.KeyRing()).ok());
  CHECK(config::ReadSecret(folder.IndexKey())->size() == 64);
  for (const char* name :
       {"policy", "caller", "evidence", "audit", "token", "operator-1", "operator-2"}) {
    const auto key = keys::SigningKey::FromPem(*config::ReadSecret(folder.PrivateKey(name)));
    const auto verify = keys::VerifyKey::FromPem(*config::ReadFile(folder.PublicKey(name)));
    REQUIRE((key.ok() && verify.ok()));
    CHECK(verify->Verify("x", key->Sign("x")));
  }
  const auto credentials =
      nlohmann::json::parse(*config::ReadSecret(folder.PortalCredentials()), nullptr, false);
  CHECK(credentials["password"].get<std::string>().size() >= 20);
  const absl::Time end = *keys::NotAfter(*config::ReadFile(folder.ServiceCertificate("operator")));
  CHECK(end - absl::Now() > absl::Hours(24 * 29));
  CHECK(end - absl::Now() <= kServiceCertificateLife);
  CHECK(fs::exists(folder.SystemCertificate("systems/demo-unregistered")));
}

TEST_CASE("two folders share no key and no password") {
  const TemporaryFolder one, two;
  const DataFolder a = MakeTestFolder(one), b = MakeTestFolder(two);
  for (const auto& [path, content] : ContentOf(a.root())) {
    if (fs::path(path).extension() != ".key" && fs::path(path).extension() != ".json") continue;
    CHECK(content != *config::ReadFile(absl::StrCat(b.root(), path.substr(a.root().size()))));
  }
}

TEST_CASE("a folder without --demo has no demo systems and no simulator") {
  const TemporaryFolder parent;
  const DataFolder folder = MakeTestFolder(parent, /*demo=*/false);
  CHECK(fs::is_empty(folder.Path("systems")));
  CHECK_FALSE(fs::exists(folder.PortalCredentials()));
  CHECK_FALSE(folder.FindProcess("national_sim").ok());
  CHECK_FALSE(folder.FindProcess("agency_signing").ok());
  const auto policy =
      ReadPolicy(folder.PolicySnapshot(),
                 *keys::VerifyKey::FromPem(*config::ReadFile(folder.PublicKey("policy"))));
  REQUIRE(policy.ok());
  REQUIRE(policy->systems_size() == 1);
  CHECK(policy->systems(0).name() == "systems/platform-dossiers");
  CHECK(policy->agreements_size() == 2);
}

TEST_CASE("a folder of others is refused and left alone") {
  const TemporaryFolder parent;
  const std::string path = parent.File("mine");
  fs::create_directory(path);
  std::ofstream(path + "/letter.txt") << "dear";
  const auto made = MakeDataFolder(path, {}, TestInstallation(), absl::Now());
  CHECK(ErrorReason(made.status()) == "FOLDER_NOT_EMPTY");
  CHECK(ContentOf(path).size() == 1);
  CHECK(ErrorReason(DataFolder::Open(path).status()) == "DATA_FOLDER_MISSING");
}

TEST_CASE("an empty folder is filled") {
  const TemporaryFolder parent;
  fs::create_directory(parent.File("data"));
  CHECK(DataFolder::Open(MakeTestFolder(parent).root()).ok());
}

TEST_CASE("what fails leaves nothing behind") {
  const TemporaryFolder parent;
  Installation broken = TestInstallation();
  broken.build = parent.File("no-build");  // without descriptors the policy cannot be compiled
  const auto made = MakeDataFolder(parent.File("data"), {true, 20000}, broken, absl::Now());
  CHECK(ErrorReason(made.status()) == "FILE_MISSING");
  CHECK(fs::is_empty(parent.File("")));
}

TEST_CASE("a folder of another layout is refused") {
  const TemporaryFolder parent;
  const DataFolder folder = MakeTestFolder(parent);
  std::ofstream(folder.PlatformFile()) << "layout: 99\n";
  CHECK(ErrorReason(DataFolder::Open(folder.root()).status()) == "DATA_FOLDER_LAYOUT");
}

// The services' configuration messages, as their .proto files have them (LGSP_CONFIG_DESCRIPTORS
// comes from CMake).
class ConfigMessages {
 public:
  ConfigMessages() {
    google::protobuf::FileDescriptorSet files;
    REQUIRE(files.ParseFromString(*config::ReadFile(LGSP_CONFIG_DESCRIPTORS)));
    for (const auto& file : files.file()) REQUIRE(pool_.BuildFile(file) != nullptr);
  }

  // `message`: `lgsp.gateway.GatewayConfig`.
  std::unique_ptr<Message> New(const std::string& message) {
    const auto* type = pool_.FindMessageTypeByName(message);
    REQUIRE(type != nullptr);
    return std::unique_ptr<Message>(factory_.GetPrototype(type)->New());
  }

 private:
  google::protobuf::DescriptorPool pool_;
  google::protobuf::DynamicMessageFactory factory_{&pool_};
};

// The fields, nested ones too, that are not set: `portal.agency`.
void CollectUnset(const Message& message, const std::string& prefix, std::set<std::string>& unset) {
  const auto* type = message.GetDescriptor();
  const auto* reflection = message.GetReflection();
  for (int i = 0; i < type->field_count(); ++i) {
    const auto* field = type->field(i);
    const bool set = field->is_repeated() ? reflection->FieldSize(message, field) > 0
                                          : reflection->HasField(message, field);
    if (!set) {
      unset.insert(absl::StrCat(prefix, field->name()));
    } else if (field->message_type() != nullptr && !field->is_repeated()) {
      CollectUnset(reflection->GetMessage(message, field), absl::StrCat(prefix, field->name(), "."),
                   unset);
    }
  }
}

// Every path in a configuration that begins with `../` is there.
void CheckPaths(const std::string& text, const std::string& folder) {
  for (size_t at = text.find("\"../"); at != std::string::npos; at = text.find("\"../", at + 1)) {
    const std::string path = text.substr(at + 1, text.find('"', at + 1) - at - 1);
    INFO(path);
    // What a gateway, or the simulator of the signing system, writes itself.
    const bool later =
        absl::EndsWith(path, "/state") || absl::StrContains(path, "/agency_signing/ca/");
    if (!later) CHECK(fs::exists(config::Resolve(folder, path)));
  }
}

TEST_CASE("every service can read its configuration, and no field is forgotten") {
  const TemporaryFolder parent;
  const DataFolder folder = MakeTestFolder(parent);
  struct Case {
    std::string service;
    std::string message;
    // What is left to its default.
    std::set<std::string> unset;
  };
  const Case cases[] = {
      {"gateway",
       "lgsp.gateway.GatewayConfig",
       {"h2c_listen", "h2c_system", "workers", "drain_seconds", "evidence_progress_seconds",
        "evidence_retention_days", "redis_address", "redis_password_file"}},
      {"dossiers", "lgsp.dossiers.DossiersConfig", {"rpc.threads", "kafka", "documents.scanner"}},
      {"insights", "lgsp.insights.InsightsConfig", {"rpc.threads", "kafka"}},
      {"evidence", "lgsp.evidence.EvidenceConfig", {"rpc.threads", "retention_days"}},
      {"national", "lgsp.national.NationalConfig", {"rpc.threads", "signing.authority_file"}}};
  ConfigMessages messages;
  for (const auto& [service, type, unset] : cases) {
    INFO(service);
    const auto message = messages.New(type);
    const absl::Status loaded = config::Load(folder.Config(service), message.get());
    INFO(loaded);
    REQUIRE(loaded.ok());
    std::set<std::string> found;
    CollectUnset(*message, "", found);
    CHECK(found == unset);
    CheckPaths(*config::ReadFile(folder.Config(service)), folder.Path("config"));
  }
}

TEST_CASE(
    "a configuration with Kafka says where its brokers and topics are, and the rest as before") {
  const TemporaryFolder parent;
  const DataFolder folder = MakeTestFolder(parent);
  const auto installation = FindInstallation(LGSP_SOURCE_ROOT);
  REQUIRE(installation.ok());
  ConfigMessages messages;
  const std::pair<std::string, std::string> services[] = {
      {"dossiers", "lgsp.dossiers.DossiersConfig"}, {"insights", "lgsp.insights.InsightsConfig"}};
  for (const auto& [service, type] : services) {
    const std::string text = *config::ReadFile(folder.Config(service));
    const auto with_kafka = WithKafka(text, "a.lgsp:9092,b.lgsp:9093", *installation);
    REQUIRE(with_kafka.ok());
    REQUIRE(config::WriteFile(folder.RunConfig(service), *with_kafka).ok());
    const auto message = messages.New(type), before = messages.New(type);
    REQUIRE(config::Load(folder.RunConfig(service), message.get()).ok());
    REQUIRE(config::Load(folder.Config(service), before.get()).ok());
    const auto* field = message->GetDescriptor()->FindFieldByName("kafka");
    const std::string kafka =
        message->GetReflection()->GetMessage(*message, field).ShortDebugString();
    CHECK(absl::StrContains(kafka, "brokers: \"a.lgsp:9092,b.lgsp:9093\""));
    CHECK(fs::exists(installation->TopicsFile()));
    CHECK(absl::StrContains(kafka, installation->TopicsFile()));
    message->GetReflection()->ClearField(message.get(), field);
    CHECK(message->DebugString() == before->DebugString());
    CHECK(ErrorReason(WithKafka(*with_kafka, "a:1", *installation).status()) == "KAFKA_CONFIGURED");
    for (const char* brokers : {"", "a", "a:1,", "a:x", "a b:1", "a\":1"}) {
      INFO(brokers);
      CHECK(ErrorReason(WithKafka(text, brokers, *installation).status()) == "BROKERS_INVALID");
    }
  }
}

TEST_CASE("certificates with under ten days to go are renewed with the same key") {
  const TemporaryFolder parent;
  const DataFolder folder = MakeTestFolder(parent);
  const absl::Time now = absl::Now();
  const auto nothing = RenewServiceCertificates(folder, now + absl::Hours(24 * 19));
  REQUIRE(nothing.status.ok());
  CHECK(nothing.renewed.empty());

  const std::string before = *config::ReadFile(folder.ServiceCertificate("dossiers"));
  const auto renewed = RenewServiceCertificates(folder, now + absl::Hours(24 * 21));
  REQUIRE(renewed.status.ok());
  CHECK(renewed.renewed.size() == 7);
  const std::string after = *config::ReadFile(folder.ServiceCertificate("dossiers"));
  CHECK(after != before);
  CHECK(*keys::SpkiSha256(after) == *keys::SpkiSha256(before));
  CHECK(*keys::NotAfter(after) - *keys::NotAfter(before) > absl::Hours(24 * 20));
  // The policy knows systems by their keys, so it is still right.
  const auto policy = CompilePolicy(
      folder, {TestInstallation().CatalogFolder(), TestInstallation().Descriptors()}, now);
  REQUIRE(policy.ok());
  CHECK_FALSE(policy->written);
}

TEST_CASE("a certificate that is broken does not keep the others from being renewed") {
  const TemporaryFolder parent;
  const DataFolder folder = MakeTestFolder(parent);
  // No process of the platform: not looked at.
  std::filesystem::create_directory(folder.Path("services/backup"));
  std::filesystem::remove(folder.ServiceCertificate("dossiers"));
  REQUIRE(config::WriteFile(folder.ServiceCertificate("gateway"), "nothing").ok());
  const auto done = RenewServiceCertificates(folder, absl::Now() + absl::Hours(24 * 21));
  CHECK(done.renewed ==
        std::vector<std::string>{"evidence", "insights", "national", "national_sim", "operator"});
  CHECK(ErrorReason(done.status) == "FILE_MISSING");
  CHECK(absl::StrContains(done.status.message(), "dossiers: "));
  CHECK(absl::StrContains(done.status.message(), "gateway: "));
  CHECK_FALSE(absl::StrContains(done.status.message(), "backup"));
}

TEST_CASE("the profile asked for is the gateway's") {
  const TemporaryFolder parent;
  const FolderOptions options = {false, kDefaultBasePort, Platform::PRODUCTION};
  const auto made = MakeDataFolder(parent.File("data"), options, TestInstallation(), absl::Now());
  INFO(made.status());
  REQUIRE(made.ok());
  CHECK(absl::StrContains(*config::ReadFile(made->Config("gateway")), "profile: PRODUCTION\n"));
  CHECK(DataFolder::Open(made->root())->platform().profile() == Platform::PRODUCTION);
}

}  // namespace
}  // namespace lgsp::cli
