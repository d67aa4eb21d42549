// Authorities, certificates, revocation lists and CMS for the tests, made with OpenSSL's own
// signing side, which shares nothing with the verification.
#pragma once

#include <openssl/cms.h>

#include <functional>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "libs/keys/openssl_ptr.h"

namespace lgsp::keys {

using CmsPtr = std::unique_ptr<CMS_ContentInfo, Deleter<CMS_ContentInfo_free>>;

// A certificate and its key.
struct Certified {
  X509Ptr certificate;
  PkeyPtr key;

  std::string Pem() const;
  std::string Der() const;
  std::string SerialHex() const;
};

struct CertificateOptions {
  std::string common_name = "signer";
  std::string organization_identifier = "H12.03";
  std::string user_id = "officer-7";
  absl::Time not_before = absl::Now() - absl::Hours(48);
  absl::Time not_after = absl::Now() + absl::Hours(48);
  // As OpenSSL writes them; empty: without the extension.
  std::string key_usage = "critical,digitalSignature,nonRepudiation";
  std::string extended_key_usage;
  std::string basic_constraints = "critical,CA:FALSE";
  // "P-256", "RSA2048", "RSA1024".
  std::string key = "P-256";
  bool sha1 = false;
};

CertificateOptions AuthorityOptions(absl::string_view common_name);
// Without an issuer: signed by itself.
Certified MakeCertificate(const CertificateOptions& options, const Certified* issuer = nullptr);

struct RevokedEntry {
  const Certified* certificate = nullptr;
  absl::Time time;
  // Infinite past: without the extension.
  absl::Time invalid_since = absl::InfinitePast();
};

struct CrlOptions {
  absl::Time this_update = absl::Now() - absl::Hours(1);
  absl::Time next_update = absl::Now() + absl::Hours(1);
  long number = 1;
  std::vector<RevokedEntry> revoked;
  bool without_next_update = false;
  // Makes it a partitioned list.
  bool critical_extension = false;
  bool sha1 = false;
};

// DER, signed by the issuer.
std::string MakeCrl(const Certified& issuer, const CrlOptions& options);

struct CmsOptions {
  absl::Time signing_time = absl::Now();
  std::string content = "result";
  const EVP_MD* digest = nullptr;  // SHA-256
  unsigned int flags = CMS_CADES;
  std::vector<const Certified*> others;
  // Called before the attributes are signed.
  std::function<void(CMS_ContentInfo*, CMS_SignerInfo*)> before_signing;
};

// DER, detached.
std::string MakeCms(const Certified& signer, const CmsOptions& options);
std::string CmsDer(CMS_ContentInfo* cms);

}  // namespace lgsp::keys
