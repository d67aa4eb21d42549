#include "tools/lgsp/service_config.h"

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "absl/strings/substitute.h"
#include "libs/status/status.h"

namespace lgsp::cli {
namespace {

// The portal as the national exchange names it, and the province's code at it.
constexpr char kPortalMember[] = "VN:GOV:000.00.00.G22:vpcpdvcprovider";
constexpr char kPortalAgency[] = "H12";
constexpr char kDatabaseField[] = "database_url:";
// Written by the simulator of the signing system at its first start.
constexpr char kSimulatedAuthorities[] =
    R"(results {
  root_files: "../data/agency_signing/ca/root.pem"
  intermediate_files: "../data/agency_signing/ca/issuing.pem"
}
)";
constexpr char kNoAuthorities[] =
    "# results { root_files intermediate_files }: whose signatures on results are trusted.\n";
constexpr char kAdapterPath[] = "/XrdAdapter/RestService/forward";

std::string Quoted(absl::string_view text) {
  return absl::StrCat("\"", absl::Utf8SafeCEscape(text), "\"");
}

std::string Address(const DataFolder& folder, absl::string_view process) {
  const auto found = folder.FindProcess(process);
  return Quoted(found.ok() ? found->address() : "");
}

std::string Header(absl::string_view service) {
  return absl::Substitute(
      "# proto-file: services/$0/config.proto\n"
      "# Written by `lgsp init`, yours from then on. Relative paths are beneath this folder.\n",
      service);
}

std::string Rpc(const Installation& installation, const Process& process) {
  return absl::Substitute(
      R"(rpc {
  listen: $0
  certificate_file: "../services/$1/tls.crt"
  private_key_file: "../services/$1/tls.key"
  authority_file: "../ca/authority.crt"
  calls_file: $2
  caller_key_files: "../keys/caller.pub"
}
metrics_listen: $3
)",
      Quoted(process.address()), process.name(), Quoted(installation.CallsFile()),
      Quoted(process.metrics_address()));
}

std::string Gateway(const DataFolder& folder, const Process& process) {
  return absl::Substitute(
      R"(profile: $0
listen: $1
# For load tools only: h2c_listen and h2c_system.
certificate_file: "../services/gateway/tls.crt"
private_key_file: "../services/gateway/tls.key"
authority_file: "../ca/authority.crt"
caller_key_file: "../keys/caller.key"
policy_file: "../policy/snapshot.binpb"
policy_key_files: "../keys/policy.pub"
policy_state_file: "../policy/state"
evidence_directory: "../data/evidence"
evidence_origin: $3
evidence_key_file: "../keys/evidence.key"
metrics_listen: $2
)",
      Platform::Profile_Name(folder.platform().profile()), Quoted(process.address()),
      Quoted(process.metrics_address()), Quoted(kGatewayLogOrigin));
}

std::string Dossiers(const DataFolder& folder, const Installation& installation,
                     const Process& process) {
  return absl::StrCat(
      Rpc(installation, process),
      absl::Substitute(R"(database_url: "sqlite:../data/dossiers.db"
catalog_folder: $0
key_ring_file: "../keys/kek.ring"
index_key_file: "../keys/index.key"
gateway { address: $1 service: "gateway" }
documents { directory: "../data/documents" }
)",
                       Quoted(installation.CatalogFolder()), Address(folder, "gateway")),
      folder.FindProcess(kSigningSimulator).ok() ? kSimulatedAuthorities : kNoAuthorities);
}

std::string Insights(const DataFolder& folder, const Installation& installation,
                     const Process& process) {
  return absl::StrCat(Rpc(installation, process),
                      absl::Substitute(R"(database_url: "sqlite:../data/insights.db"
dossiers { address: $0 service: "dossiers" }
)",
                                       Address(folder, "dossiers")));
}

std::string NationalSigning(const DataFolder& folder) {
  const auto simulator = folder.FindProcess(kSigningSimulator);
  if (!simulator.ok()) {
    return "# signing { url crl_urls }: the agencies' signing system; without it no result is "
           "signed.\n";
  }
  const std::string url = absl::StrCat("http://", simulator->address());
  return absl::Substitute(
      R"(signing {
  url: $0
  crl_urls: $1
  crl_urls: $2
}
)",
      Quoted(url), Quoted(absl::StrCat(url, "/crl/root.crl")),
      Quoted(absl::StrCat(url, "/crl/issuing.crl")));
}

std::string National(const DataFolder& folder, const Installation& installation,
                     const Process& process) {
  const auto simulator = folder.FindProcess(kNationalSimulator);
  const std::string adapter =
      simulator.ok() ? absl::StrCat("https://", simulator->address(), kAdapterPath) : "";
  return absl::StrCat(
      Rpc(installation, process),
      simulator.ok() ? "" : "# To be filled in before `lgsp up`: the province's security server.\n",
      absl::Substitute(
          R"(portal {
  adapter_url: $0
  dstcode: $1
  agency: $2
  credentials_file: "../secrets/portal-credentials.json"
  authority_file: $3
}
)",
          Quoted(adapter), Quoted(kPortalMember), Quoted(kPortalAgency),
          // The simulator's certificate is the platform's; a real server's is the system's.
          Quoted(simulator.ok() ? "../ca/authority.crt" : "")),
      NationalSigning(folder));
}

// The public key of a log comes to other machines as a file; a gateway of theirs is one more log.
std::string Evidence(const Installation& installation, const Process& process) {
  return absl::StrCat(Rpc(installation, process),
                      absl::Substitute(R"(database_url: "sqlite:../data/evidence.db"
directory: "../data/evidence_mirror"
logs {
  origin: $0
  key_file: "../keys/evidence.pub"
  directory: "../data/evidence"
}
# retention_days: as the gateway's evidence_retention_days; for ever otherwise.
audit_origin: $1
audit_key_file: "../keys/audit.key"
policy_file: "../policy/snapshot.binpb"
policy_key_files: "../keys/policy.pub"
)",
                                       Quoted(kGatewayLogOrigin), Quoted(kAuditLogOrigin)));
}

}  // namespace

std::map<std::string, std::string> ServiceConfigs(const DataFolder& folder,
                                                  const Installation& installation) {
  std::map<std::string, std::string> texts;
  for (const Process& process : folder.platform().processes()) {
    std::string text;
    if (process.name() == "gateway") text = Gateway(folder, process);
    if (process.name() == "dossiers") text = Dossiers(folder, installation, process);
    if (process.name() == "insights") text = Insights(folder, installation, process);
    if (process.name() == "national") text = National(folder, installation, process);
    if (process.name() == "evidence") text = Evidence(installation, process);
    if (!text.empty()) texts[process.name()] = absl::StrCat(Header(process.name()), text);
  }
  return texts;
}

absl::StatusOr<std::string> WithKafka(absl::string_view text, absl::string_view brokers,
                                      const Installation& installation) {
  for (const absl::string_view broker : absl::StrSplit(brokers, ',')) {
    if (PortOf(broker) != 0 && broker.find_first_of(" \"\\\n") == absl::string_view::npos) continue;
    return MakeError(absl::StatusCode::kInvalidArgument, "BROKERS_INVALID",
                     absl::StrCat("'", broker, "' is no broker: host:port,host:port"));
  }
  for (const absl::string_view line : absl::StrSplit(text, '\n')) {
    if (!absl::StartsWith(absl::StripLeadingAsciiWhitespace(line), "kafka")) continue;
    return MakeError(absl::StatusCode::kFailedPrecondition, "KAFKA_CONFIGURED",
                     "the configuration has a kafka of its own: leave --kafka away");
  }
  return absl::Substitute("$0kafka { brokers: $1 topics_file: $2 }\n", text, Quoted(brokers),
                          Quoted(installation.TopicsFile()));
}

std::string DatabaseUrlIn(absl::string_view text) {
  for (absl::string_view line : absl::StrSplit(text, '\n')) {
    line = absl::StripAsciiWhitespace(line);
    if (!absl::ConsumePrefix(&line, kDatabaseField)) continue;
    const std::vector<absl::string_view> parts = absl::StrSplit(line, '"');
    std::string url;
    if (parts.size() >= 3 && absl::CUnescape(parts[1], &url)) return url;
  }
  return "";
}

absl::StatusOr<std::string> WithDatabase(absl::string_view text, absl::string_view url) {
  std::vector<std::string> lines = absl::StrSplit(text, '\n');
  for (std::string& line : lines) {
    if (!absl::StartsWith(absl::StripLeadingAsciiWhitespace(line), kDatabaseField)) continue;
    if (!absl::StartsWith(DatabaseUrlIn(line), "sqlite:")) {
      return MakeError(absl::StatusCode::kFailedPrecondition, "DATABASE_CONFIGURED",
                       "the configuration has a server of its own: leave --postgres away");
    }
    line = absl::StrCat(kDatabaseField, " ", Quoted(url));
  }
  return absl::StrJoin(lines, "\n");
}

}  // namespace lgsp::cli
