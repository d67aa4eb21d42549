#include "tools/lgsp/folder_maker.h"

#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <set>
#include <system_error>

#include "absl/strings/str_cat.h"
#include "google/protobuf/text_format.h"
#include "libs/config/config.h"
#include "libs/keys/digest.h"
#include "libs/keys/envelope.h"
#include "libs/keys/jws.h"
#include "libs/status/status.h"
#include "nlohmann/json.hpp"
#include "tools/lgsp/catalog.h"
#include "tools/lgsp/certificates.h"
#include "tools/lgsp/policy_compiler.h"
#include "tools/lgsp/service_config.h"

namespace lgsp::cli {
namespace {

namespace fs = std::filesystem;

constexpr int kPrivate = 0600;
constexpr int kPublic = 0644;
constexpr mode_t kFolderMode = 0700;
constexpr size_t kPasswordBytes = 18;
constexpr size_t kIndexKeyBytes = 32;
constexpr char kPortalUser[] = "camau";
// In no catalogue: what the gateway must refuse.
constexpr char kUnregisteredSystem[] = "demo-unregistered";

absl::Status NotWritten(absl::string_view path, absl::string_view what) {
  return MakeError(absl::StatusCode::kUnavailable, "FILE_NOT_WRITTEN",
                   absl::StrCat(path, ": ", what), {{"path", path}});
}

absl::Status MakeFolder(const std::string& path) {
  std::error_code error;
  fs::create_directories(path, error);
  // chmod, as the umask may take away what mkdir is asked for.
  if (error || chmod(path.c_str(), kFolderMode) != 0) return NotWritten(path, "cannot be made");
  return absl::OkStatus();
}

absl::Status MakeFolders(const DataFolder& folder) {
  for (const char* name : {"ca", "services", "keys", "systems", "secrets", "config", "policy",
                           "data", "data/documents", "data/evidence", "data/evidence_mirror",
                           "data/national_sim", "data/agency_signing", "logs", "journey", "run"}) {
    RETURN_IF_ERROR(MakeFolder(folder.Path(name)));
  }
  return absl::OkStatus();
}

absl::Status WriteCertified(const std::string& certificate, const std::string& key,
                            const keys::CertifiedKey& made) {
  RETURN_IF_ERROR(config::WriteFile(certificate, made.certificate_pem, kPublic));
  return config::WriteFile(key, made.private_key_pem, kPrivate);
}

absl::Status MakeServiceCertificates(const DataFolder& folder, absl::Time now) {
  ASSIGN_OR_RETURN(const keys::CertifiedKey authority,
                   keys::MakeAuthority("LGSP platform", now - kClockSkew, now + kAuthorityLife));
  RETURN_IF_ERROR(WriteCertified(folder.AuthorityCertificate(), folder.AuthorityKey(), authority));
  for (const std::string& name : CertificateOwners(folder.platform())) {
    ASSIGN_OR_RETURN(const keys::CertifiedKey made,
                     IssueServiceCertificate(authority, name, now, ""));
    RETURN_IF_ERROR(MakeFolder(folder.Path(absl::StrCat("services/", name))));
    RETURN_IF_ERROR(WriteCertified(folder.ServiceCertificate(name), folder.ServiceKey(name), made));
  }
  return absl::OkStatus();
}

absl::Status MakeKeys(const DataFolder& folder) {
  for (const char* name :
       {"policy", "caller", "evidence", "audit", "token", "operator-1", "operator-2"}) {
    const keys::SigningKey key = keys::SigningKey::Generate();
    RETURN_IF_ERROR(config::WriteFile(folder.PrivateKey(name), key.ToPem(), kPrivate));
    RETURN_IF_ERROR(config::WriteFile(folder.PublicKey(name), key.PublicPem(), kPublic));
  }
  std::string line = keys::KeyRing::NewLine("kek-1");
  if (line.back() != '\n') line += '\n';
  RETURN_IF_ERROR(config::WriteFile(folder.KeyRing(), line, kPrivate));
  return config::WriteFile(folder.IndexKey(),
                           absl::StrCat(keys::Hex(keys::RandomBytes(kIndexKeyBytes)), "\n"),
                           kPrivate);
}

// Agencies get their certificates elsewhere, so the demo systems' are from an authority of their
// own, which is forgotten at once: the platform knows a system by its key.
absl::Status MakeDemoSystems(const DataFolder& folder, const std::string& catalog_folder,
                             absl::Time now) {
  ASSIGN_OR_RETURN(const MergedCatalog merged, ReadCatalog(catalog_folder));
  std::set<std::string> names = {kUnregisteredSystem};
  for (const auto& system : merged.catalog.systems()) {
    if (system.demo()) names.insert(system.name().substr(system.name().rfind('/') + 1));
  }
  const absl::Time begin = now - kClockSkew;
  const absl::Time end = now + kDemoCertificateLife;
  ASSIGN_OR_RETURN(const keys::CertifiedKey authority,
                   keys::MakeAuthority("LGSP demo agencies", begin, end));
  for (const std::string& name : names) {
    keys::CertificateRequest request;
    request.common_name = name;
    request.not_before = begin;
    request.not_after = end;
    ASSIGN_OR_RETURN(const keys::CertifiedKey made, keys::IssueCertificate(authority, request));
    RETURN_IF_ERROR(WriteCertified(folder.SystemCertificate(name), folder.SystemKey(name), made));
  }
  const nlohmann::json credentials = {
      {"username", kPortalUser}, {"password", keys::Base64Url(keys::RandomBytes(kPasswordBytes))}};
  return config::WriteFile(folder.PortalCredentials(), credentials.dump() + "\n", kPrivate);
}

absl::Status WriteTexts(const DataFolder& folder, const Installation& installation) {
  for (const auto& [service, text] : ServiceConfigs(folder, installation)) {
    RETURN_IF_ERROR(config::WriteFile(folder.Config(service), text, kPublic));
  }
  std::string platform;
  google::protobuf::TextFormat::PrintToString(folder.platform(), &platform);
  return config::WriteFile(folder.PlatformFile(),
                           absl::StrCat("# proto-file: tools/lgsp/platform.proto\n", platform),
                           kPublic);
}

absl::Status Fill(const DataFolder& folder, const Installation& installation, absl::Time now) {
  RETURN_IF_ERROR(MakeFolders(folder));
  RETURN_IF_ERROR(MakeServiceCertificates(folder, now));
  RETURN_IF_ERROR(MakeKeys(folder));
  if (folder.demo()) RETURN_IF_ERROR(MakeDemoSystems(folder, installation.CatalogFolder(), now));
  RETURN_IF_ERROR(WriteTexts(folder, installation));
  return CompilePolicy(folder, {installation.CatalogFolder(), installation.Descriptors()}, now)
      .status();
}

}  // namespace

Platform MakePlatform(const FolderOptions& options) {
  // Offsets as in 8443 … 8450; metrics lie 20 above.
  struct Place {
    const char* name;
    int offset;
  };
  constexpr Place kServices[] = {
      {"dossiers", 4}, {"insights", 6}, {"national", 5}, {"evidence", 7}, {"gateway", 3}};
  constexpr Place kSimulators[] = {{kNationalSimulator, 10}, {kSigningSimulator, 11}};
  constexpr int kMetricsOffset = 20;

  Platform platform;
  platform.set_layout(kDataFolderLayout);
  platform.set_profile(options.profile);
  platform.set_demo(options.demo);
  for (const Place& place : kSimulators) {
    if (!options.demo) break;
    Process& simulator = *platform.add_processes();
    simulator.set_name(place.name);
    simulator.set_address(absl::StrCat("127.0.0.1:", options.base_port + place.offset));
  }
  for (const Place& place : kServices) {
    Process& process = *platform.add_processes();
    const int port = options.base_port + place.offset;
    process.set_name(place.name);
    process.set_address(absl::StrCat("127.0.0.1:", port));
    process.set_metrics_address(absl::StrCat("127.0.0.1:", port + kMetricsOffset));
  }
  return platform;
}

absl::StatusOr<DataFolder> MakeDataFolder(absl::string_view path, const FolderOptions& options,
                                          const Installation& installation, absl::Time now) {
  const DataFolder folder(path, MakePlatform(options));
  std::error_code error;
  if (fs::exists(folder.root(), error) && !fs::is_empty(folder.root(), error)) {
    return MakeError(absl::StatusCode::kFailedPrecondition, "FOLDER_NOT_EMPTY",
                     absl::StrCat(path, " is not empty and was not made by lgsp: choose another"),
                     {{"path", path}});
  }
  const std::string parent = config::FolderOf(folder.root());
  fs::create_directories(parent, error);
  std::string temporary = absl::StrCat(folder.root(), ".making-XXXXXX");
  if (mkdtemp(temporary.data()) == nullptr) return NotWritten(parent, "nothing can be made in it");
  const absl::Status filled = Fill(DataFolder(temporary, folder.platform()), installation, now);
  if (!filled.ok()) {
    fs::remove_all(temporary, error);
    return filled;
  }
  fs::rename(temporary, folder.root(), error);
  if (error) {
    const std::string what = error.message();
    fs::remove_all(temporary, error);
    return NotWritten(folder.root(), what);
  }
  return folder;
}

}  // namespace lgsp::cli
