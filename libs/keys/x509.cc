#include "libs/keys/x509.h"

#include <openssl/x509v3.h>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "libs/keys/digest.h"
#include "libs/keys/openssl_ptr.h"
#include "libs/status/status.h"

namespace lgsp::keys {
namespace {

absl::Status Invalid(absl::string_view what) {
  return MakeError(absl::StatusCode::kInvalidArgument, "CERTIFICATE_INVALID", what);
}

absl::StatusOr<X509Ptr> ParseCertificate(absl::string_view pem) {
  X509Ptr certificate(PEM_read_bio_X509(ReadBio(pem).get(), nullptr, nullptr, nullptr));
  if (certificate == nullptr) return Invalid("not a certificate in PEM");
  return certificate;
}

absl::StatusOr<PkeyPtr> ParseKey(absl::string_view pem) {
  PkeyPtr key(PEM_read_bio_PrivateKey(ReadBio(pem).get(), nullptr, nullptr, nullptr));
  if (key == nullptr) return Invalid("not a private key in PEM");
  return key;
}

std::string KeyPem(EVP_PKEY* key) {
  const BioPtr bio(BIO_new(BIO_s_mem()));
  PEM_write_bio_PKCS8PrivateKey(bio.get(), key, nullptr, nullptr, 0, nullptr, nullptr);
  return Written(bio.get());
}

std::string CertificatePem(X509* certificate) {
  const BioPtr bio(BIO_new(BIO_s_mem()));
  PEM_write_bio_X509(bio.get(), certificate);
  return Written(bio.get());
}

bool AddExtension(X509* certificate, X509* issuer, int nid, const std::string& value) {
  X509V3_CTX context;
  X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
  X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, &context, nid, value.c_str());
  const bool ok = extension != nullptr && X509_add_ext(certificate, extension, -1) == 1;
  X509_EXTENSION_free(extension);
  return ok;
}

std::string AlternativeNames(const CertificateRequest& request) {
  std::vector<std::string> names;
  for (const auto& name : request.dns_names) names.push_back(absl::StrCat("DNS:", name));
  for (const auto& address : request.ip_addresses) names.push_back(absl::StrCat("IP:", address));
  for (const auto& uri : request.uris) names.push_back(absl::StrCat("URI:", uri));
  return absl::StrJoin(names, ",");
}

// A certificate without extensions and signature.
X509Ptr Blank(const std::string& common_name, EVP_PKEY* key, absl::Time not_before,
              absl::Time not_after) {
  X509Ptr certificate(X509_new());
  X509_set_version(certificate.get(), X509_VERSION_3);
  std::string serial = RandomBytes(16);
  serial[0] = static_cast<char>(serial[0] & 0x7f);  // positive
  BIGNUM* number = BN_bin2bn(reinterpret_cast<const unsigned char*>(serial.data()),
                             static_cast<int>(serial.size()), nullptr);
  BN_to_ASN1_INTEGER(number, X509_get_serialNumber(certificate.get()));
  BN_free(number);
  ASN1_TIME_set(X509_getm_notBefore(certificate.get()), absl::ToTimeT(not_before));
  ASN1_TIME_set(X509_getm_notAfter(certificate.get()), absl::ToTimeT(not_after));
  X509_set_pubkey(certificate.get(), key);
  X509_NAME_add_entry_by_txt(X509_get_subject_name(certificate.get()), "CN", MBSTRING_UTF8,
                             reinterpret_cast<const unsigned char*>(common_name.c_str()), -1, -1,
                             0);
  return certificate;
}

}  // namespace

std::string ServiceIdentity(absl::string_view service) {
  return absl::StrCat("spiffe://lgsp.camau/service/", service);
}

absl::StatusOr<CertifiedKey> MakeAuthority(absl::string_view common_name, absl::Time not_before,
                                           absl::Time not_after) {
  const PkeyPtr key(EVP_EC_gen("P-256"));
  const X509Ptr certificate = Blank(std::string(common_name), key.get(), not_before, not_after);
  X509_set_issuer_name(certificate.get(), X509_get_subject_name(certificate.get()));
  if (!AddExtension(certificate.get(), certificate.get(), NID_basic_constraints,
                    "critical,CA:TRUE") ||
      !AddExtension(certificate.get(), certificate.get(), NID_key_usage,
                    "critical,keyCertSign,cRLSign") ||
      !AddExtension(certificate.get(), certificate.get(), NID_subject_key_identifier, "hash") ||
      X509_sign(certificate.get(), key.get(), EVP_sha256()) == 0) {
    return Invalid("the authority could not be made");
  }
  return CertifiedKey{CertificatePem(certificate.get()), KeyPem(key.get())};
}

absl::StatusOr<CertifiedKey> IssueCertificate(const CertifiedKey& authority,
                                              const CertificateRequest& request) {
  ASSIGN_OR_RETURN(const X509Ptr issuer, ParseCertificate(authority.certificate_pem));
  ASSIGN_OR_RETURN(const PkeyPtr issuer_key, ParseKey(authority.private_key_pem));
  PkeyPtr key;
  if (request.private_key_pem.empty()) {
    key.reset(EVP_EC_gen("P-256"));
  } else {
    ASSIGN_OR_RETURN(key, ParseKey(request.private_key_pem));
  }
  const X509Ptr certificate =
      Blank(request.common_name, key.get(), request.not_before, request.not_after);
  X509_set_issuer_name(certificate.get(), X509_get_subject_name(issuer.get()));
  const std::string names = AlternativeNames(request);
  if (!AddExtension(certificate.get(), issuer.get(), NID_basic_constraints, "critical,CA:FALSE") ||
      !AddExtension(certificate.get(), issuer.get(), NID_key_usage, "critical,digitalSignature") ||
      !AddExtension(certificate.get(), issuer.get(), NID_ext_key_usage, "serverAuth,clientAuth") ||
      !AddExtension(certificate.get(), issuer.get(), NID_subject_key_identifier, "hash") ||
      !AddExtension(certificate.get(), issuer.get(), NID_authority_key_identifier, "keyid") ||
      (!names.empty() &&
       !AddExtension(certificate.get(), issuer.get(), NID_subject_alt_name, names))) {
    return Invalid("a name of the certificate is not valid");
  }
  if (X509_sign(certificate.get(), issuer_key.get(), EVP_sha256()) == 0) {
    return Invalid("the authority's key cannot sign");
  }
  return CertifiedKey{CertificatePem(certificate.get()), KeyPem(key.get())};
}

absl::StatusOr<std::string> SpkiSha256(absl::string_view certificate_pem) {
  ASSIGN_OR_RETURN(const X509Ptr certificate, ParseCertificate(certificate_pem));
  EVP_PKEY* key = X509_get0_pubkey(certificate.get());
  if (key == nullptr) return Invalid("the certificate has no usable public key");
  return Sha256(SpkiDer(key));
}

absl::StatusOr<absl::Time> NotAfter(absl::string_view certificate_pem) {
  ASSIGN_OR_RETURN(const X509Ptr certificate, ParseCertificate(certificate_pem));
  struct tm fields = {};
  if (ASN1_TIME_to_tm(X509_get0_notAfter(certificate.get()), &fields) != 1) {
    return Invalid("the certificate has no valid end");
  }
  return absl::FromTM(fields, absl::UTCTimeZone());
}

}  // namespace lgsp::keys
