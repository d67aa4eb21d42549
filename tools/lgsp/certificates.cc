#include "tools/lgsp/certificates.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "libs/config/config.h"
#include "libs/status/status.h"

namespace lgsp::cli {
namespace {

constexpr char kOperator[] = "operator";

// Whether it was time to.
absl::StatusOr<bool> RenewOne(const DataFolder& folder, const std::string& service,
                              absl::Time now) {
  ASSIGN_OR_RETURN(const std::string old, config::ReadFile(folder.ServiceCertificate(service)));
  ASSIGN_OR_RETURN(const absl::Time end, keys::NotAfter(old));
  if (end - now >= kRenewBelow) return false;
  keys::CertifiedKey authority;
  ASSIGN_OR_RETURN(authority.certificate_pem, config::ReadFile(folder.AuthorityCertificate()));
  ASSIGN_OR_RETURN(authority.private_key_pem, config::ReadSecret(folder.AuthorityKey()));
  ASSIGN_OR_RETURN(const std::string key, config::ReadSecret(folder.ServiceKey(service)));
  ASSIGN_OR_RETURN(const keys::CertifiedKey made,
                   IssueServiceCertificate(authority, service, now, key));
  RETURN_IF_ERROR(config::WriteFile(folder.ServiceCertificate(service), made.certificate_pem));
  return true;
}

}  // namespace

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

std::set<std::string> CertificateOwners(const Platform& platform) {
  std::set<std::string> names = {kOperator};
  for (const Process& process : platform.processes()) {
    if (process.name() != kSigningSimulator) names.insert(process.name());
  }
  return names;
}

Renewals RenewServiceCertificates(const DataFolder& folder, absl::Time now) {
  Renewals done;
  std::vector<std::string> errors;
  for (const std::string& service : CertificateOwners(folder.platform())) {
    const auto renewed = RenewOne(folder, service, now);
    if (!renewed.ok()) {
      errors.push_back(absl::StrCat(service, ": ", renewed.status().message()));
      done.status.Update(renewed.status());
    } else if (*renewed) {
      done.renewed.push_back(service);
    }
  }
  if (!done.status.ok()) {
    done.status =
        MakeError(done.status.code(), ErrorReason(done.status), absl::StrJoin(errors, "; "));
  }
  return done;
}

}  // namespace lgsp::cli
