#include "tools/lgsp/certificates.h"

#include <filesystem>
#include <system_error>

#include "absl/strings/str_cat.h"
#include "libs/config/config.h"
#include "libs/status/status.h"

namespace lgsp::cli {

absl::StatusOr<keys::CertifiedKey> IssueServiceCertificate(const keys::CertifiedKey& authority,
                                                           absl::string_view service,
                                                           absl::Time now,
                                                           absl::string_view private_key_pem) {
  keys::CertificateRequest request;
  request.common_name = std::string(service);
  request.dns_names = {absl::StrCat(service, ".lgsp"), "localhost"};
  request.ip_addresses = {"127.0.0.1"};
  request.uris = {keys::ServiceIdentity(service)};
  request.not_before = now - kClockSkew;
  request.not_after = now + kServiceCertificateLife;
  request.private_key_pem = std::string(private_key_pem);
  return keys::IssueCertificate(authority, request);
}

absl::StatusOr<std::vector<std::string>> RenewServiceCertificates(const DataFolder& folder,
                                                                  absl::Time now) {
  std::vector<std::string> renewed;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(folder.Path("services"), error)) {
    const std::string service = entry.path().filename().string();
    ASSIGN_OR_RETURN(const std::string old, config::ReadFile(folder.ServiceCertificate(service)));
    ASSIGN_OR_RETURN(const absl::Time end, keys::NotAfter(old));
    if (end - now >= kRenewBelow) continue;
    keys::CertifiedKey authority;
    ASSIGN_OR_RETURN(authority.certificate_pem, config::ReadFile(folder.AuthorityCertificate()));
    ASSIGN_OR_RETURN(authority.private_key_pem, config::ReadSecret(folder.AuthorityKey()));
    ASSIGN_OR_RETURN(const std::string key, config::ReadSecret(folder.ServiceKey(service)));
    ASSIGN_OR_RETURN(const keys::CertifiedKey made,
                     IssueServiceCertificate(authority, service, now, key));
    RETURN_IF_ERROR(config::WriteFile(folder.ServiceCertificate(service), made.certificate_pem));
    renewed.push_back(service);
  }
  if (error) {
    return MakeError(absl::StatusCode::kFailedPrecondition, "FILE_UNREADABLE",
                     absl::StrCat(folder.Path("services"), ": ", error.message()));
  }
  return renewed;
}

}  // namespace lgsp::cli
