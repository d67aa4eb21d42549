#include "libs/keys/cms_material_test.h"

#include <openssl/bn.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>

#include <catch2/catch.hpp>

#include "libs/keys/digest.h"

namespace lgsp::keys {
namespace {

constexpr long kTestSerialBits = 120;

template <auto kWrite, typename T>
std::string Der(T* object) {
  unsigned char* der = nullptr;
  const int size = kWrite(object, &der);
  REQUIRE(size > 0);
  std::string out(reinterpret_cast<char*>(der), static_cast<size_t>(size));
  OPENSSL_free(der);
  return out;
}

void Extend(X509* certificate, X509* issuer, int nid, const std::string& value) {
  if (value.empty()) return;
  X509V3_CTX context;
  X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
  X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, &context, nid, value.c_str());
  REQUIRE(extension != nullptr);
  REQUIRE(X509_add_ext(certificate, extension, -1) == 1);
  X509_EXTENSION_free(extension);
}

EVP_PKEY* NewKey(const std::string& kind) {
  if (kind == "RSA2048") return EVP_RSA_gen(2048);
  if (kind == "RSA1024") return EVP_RSA_gen(1024);
  return EVP_EC_gen(kind.c_str());
}

}  // namespace

std::string Certified::Pem() const {
  const BioPtr bio(BIO_new(BIO_s_mem()));
  REQUIRE(PEM_write_bio_X509(bio.get(), certificate.get()) == 1);
  return Written(bio.get());
}

std::string Certified::Der() const { return keys::Der<i2d_X509>(certificate.get()); }

std::string Certified::SerialHex() const {
  const ASN1_INTEGER* serial = X509_get0_serialNumber(certificate.get());
  return Hex(absl::string_view(reinterpret_cast<const char*>(serial->data),
                               static_cast<size_t>(serial->length)));
}

CertificateOptions AuthorityOptions(absl::string_view common_name) {
  CertificateOptions options;
  options.common_name = std::string(common_name);
  options.key_usage = "critical,keyCertSign,cRLSign";
  options.basic_constraints = "critical,CA:TRUE";
  return options;
}

Certified MakeCertificate(const CertificateOptions& options, const Certified* issuer) {
  Certified out{X509Ptr(X509_new()), PkeyPtr(NewKey(options.key))};
  REQUIRE(out.key != nullptr);
  X509* const certificate = out.certificate.get();
  X509_set_version(certificate, X509_VERSION_3);
  BIGNUM* number = BN_new();
  BN_rand(number, kTestSerialBits, BN_RAND_TOP_ONE, BN_RAND_BOTTOM_ANY);
  BN_to_ASN1_INTEGER(number, X509_get_serialNumber(certificate));
  BN_free(number);
  ASN1_TIME_set(X509_getm_notBefore(certificate), absl::ToTimeT(options.not_before));
  ASN1_TIME_set(X509_getm_notAfter(certificate), absl::ToTimeT(options.not_after));
  X509_set_pubkey(certificate, out.key.get());
  for (const auto& [field, value] : {std::pair<const char*, std::string>{"CN", options.common_name},
                                     {"O", "Sở Tư pháp"},
                                     {"organizationIdentifier", options.organization_identifier},
                                     {"UID", options.user_id}}) {
    X509_NAME_add_entry_by_txt(X509_get_subject_name(certificate), field, MBSTRING_UTF8,
                               reinterpret_cast<const unsigned char*>(value.c_str()), -1, -1, 0);
  }
  const Certified& above = issuer == nullptr ? out : *issuer;
  X509_set_issuer_name(certificate, X509_get_subject_name(above.certificate.get()));
  Extend(certificate, above.certificate.get(), NID_basic_constraints, options.basic_constraints);
  Extend(certificate, above.certificate.get(), NID_key_usage, options.key_usage);
  Extend(certificate, above.certificate.get(), NID_ext_key_usage, options.extended_key_usage);
  Extend(certificate, above.certificate.get(), NID_subject_key_identifier, "hash");
  REQUIRE(X509_sign(certificate, above.key.get(), options.sha1 ? EVP_sha1() : EVP_sha256()) > 0);
  return out;
}

namespace {

void AddRevoked(X509_CRL* list, const RevokedEntry& revoked) {
  X509_REVOKED* entry = X509_REVOKED_new();
  X509_REVOKED_set_serialNumber(
      entry, const_cast<ASN1_INTEGER*>(  // NOLINT: it copies
                 X509_get0_serialNumber(revoked.certificate->certificate.get())));
  ASN1_TIME* time = ASN1_TIME_set(nullptr, absl::ToTimeT(revoked.time));
  X509_REVOKED_set_revocationDate(entry, time);
  ASN1_TIME_free(time);
  if (revoked.invalid_since != absl::InfinitePast()) {
    ASN1_GENERALIZEDTIME* since =
        ASN1_GENERALIZEDTIME_set(nullptr, absl::ToTimeT(revoked.invalid_since));
    X509_REVOKED_add1_ext_i2d(entry, NID_invalidity_date, since, 0, 0);
    ASN1_GENERALIZEDTIME_free(since);
  }
  X509_CRL_add0_revoked(list, entry);
}

}  // namespace

std::string MakeCrl(const Certified& issuer, const CrlOptions& options) {
  const std::unique_ptr<X509_CRL, Deleter<X509_CRL_free>> list(X509_CRL_new());
  X509_CRL_set_version(list.get(), 1);
  X509_CRL_set_issuer_name(list.get(), X509_get_subject_name(issuer.certificate.get()));
  ASN1_TIME* time = ASN1_TIME_set(nullptr, absl::ToTimeT(options.this_update));
  X509_CRL_set1_lastUpdate(list.get(), time);
  ASN1_TIME_set(time, absl::ToTimeT(options.next_update));
  if (!options.without_next_update) X509_CRL_set1_nextUpdate(list.get(), time);
  ASN1_TIME_free(time);
  ASN1_INTEGER* number = ASN1_INTEGER_new();
  ASN1_INTEGER_set(number, options.number);
  X509_CRL_add1_ext_i2d(list.get(), NID_crl_number, number, 0, 0);
  ASN1_INTEGER_free(number);
  if (options.critical_extension) {
    ISSUING_DIST_POINT* point = ISSUING_DIST_POINT_new();
    point->onlyuser = 0xff;
    X509_CRL_add1_ext_i2d(list.get(), NID_issuing_distribution_point, point, 1, 0);
    ISSUING_DIST_POINT_free(point);
  }
  for (const RevokedEntry& revoked : options.revoked) AddRevoked(list.get(), revoked);
  X509_CRL_sort(list.get());
  REQUIRE(X509_CRL_sign(list.get(), issuer.key.get(), options.sha1 ? EVP_sha1() : EVP_sha256()) >
          0);
  return Der<i2d_X509_CRL>(list.get());
}

std::string CmsDer(CMS_ContentInfo* cms) { return Der<i2d_CMS_ContentInfo>(cms); }

std::string MakeCms(const Certified& signer, const CmsOptions& options) {
  const unsigned int flags = CMS_BINARY | CMS_DETACHED | CMS_PARTIAL | options.flags;
  const CmsPtr cms(CMS_sign(nullptr, nullptr, nullptr, nullptr, flags));
  REQUIRE(cms != nullptr);
  CMS_SignerInfo* const info =
      CMS_add1_signer(cms.get(), signer.certificate.get(), signer.key.get(),
                      options.digest == nullptr ? EVP_sha256() : options.digest, flags);
  REQUIRE(info != nullptr);
  for (const Certified* other : options.others) {
    REQUIRE(CMS_add1_cert(cms.get(), other->certificate.get()) == 1);
  }
  ASN1_TIME* time = ASN1_TIME_set(nullptr, absl::ToTimeT(options.signing_time));
  CMS_signed_add1_attr_by_NID(info, NID_pkcs9_signingTime, time->type, time, -1);
  ASN1_TIME_free(time);
  if (options.before_signing) options.before_signing(cms.get(), info);
  REQUIRE(CMS_final(cms.get(), ReadBio(options.content).get(), nullptr, flags) == 1);
  return CmsDer(cms.get());
}

}  // namespace lgsp::keys
