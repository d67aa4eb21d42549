#include "libs/keys/cms.h"

#include <openssl/cms.h>
#include <openssl/x509v3.h>

#include <optional>

#include "absl/strings/str_cat.h"
#include "libs/keys/cms_trust.h"
#include "libs/keys/digest.h"
#include "libs/keys/openssl_ptr.h"
#include "libs/status/status.h"

namespace lgsp::keys {
namespace {

using CmsPtr = std::unique_ptr<CMS_ContentInfo, Deleter<CMS_ContentInfo_free>>;
using StoreContextPtr = std::unique_ptr<X509_STORE_CTX, Deleter<X509_STORE_CTX_free>>;
using AlgorithmPtr = std::unique_ptr<X509_ALGOR, Deleter<X509_ALGOR_free>>;
using BigNumberPtr = std::unique_ptr<BIGNUM, Deleter<BN_free>>;
using RevokedTimePtr = std::unique_ptr<ASN1_GENERALIZEDTIME, Deleter<ASN1_GENERALIZEDTIME_free>>;

using UsagesPtr = std::unique_ptr<EXTENDED_KEY_USAGE, Deleter<EXTENDED_KEY_USAGE_free>>;

void FreeCertificates(STACK_OF(X509) * certificates) { sk_X509_pop_free(certificates, X509_free); }
using CertificatesPtr = std::unique_ptr<STACK_OF(X509), Deleter<FreeCertificates>>;

// Authorities between the signer and the root.
constexpr int kMaxIntermediates = 3;
// OpenSSL's level of 112 bits: RSA of 2048 bits, no SHA-1.
constexpr int kSecurityLevel = 2;
// id-kp-emailProtection, id-kp-documentSigning (RFC 9336), Microsoft's document signing,
// anyExtendedKeyUsage.
constexpr absl::string_view kDocumentUsages[] = {"1.3.6.1.5.5.7.3.4", "1.3.6.1.5.5.7.3.36",
                                                 "1.3.6.1.4.1.311.10.3.12", "2.5.29.37.0"};
constexpr size_t kMaxOidText = 128;

absl::Status Refuse(absl::string_view reason, absl::string_view message,
                    ErrorMetadata metadata = {}) {
  return MakeError(absl::StatusCode::kFailedPrecondition, reason, message, metadata);
}

absl::Status Invalid(absl::string_view what) {
  return MakeError(absl::StatusCode::kInvalidArgument, "CMS_INVALID", what);
}

absl::string_view View(const ASN1_STRING* string) {
  return {reinterpret_cast<const char*>(ASN1_STRING_get0_data(string)),
          static_cast<size_t>(ASN1_STRING_length(string))};
}

// What of a CMS is checked; the pointers are into `cms` and `certificates`.
struct Parsed {
  CmsPtr cms;
  CertificatesPtr certificates;
  CMS_SignerInfo* info = nullptr;
  X509* signer = nullptr;
  absl::string_view message_digest;
  absl::string_view signing_certificate;  // DER of SigningCertificateV2
  absl::Time signing_time;
};

int DigestNid(absl::string_view digest) {
  switch (digest.size()) {
    case 32:
      return NID_sha256;
    case 48:
      return NID_sha384;
    case 64:
      return NID_sha512;
    default:
      return NID_undef;
  }
}

// The only value of the only signed attribute of this kind; null when there is not just one.
const ASN1_TYPE* Attribute(const CMS_SignerInfo* info, int nid) {
  const int at = CMS_signed_get_attr_by_NID(info, nid, -1);
  if (at < 0 || CMS_signed_get_attr_by_NID(info, nid, at) >= 0) return nullptr;
  X509_ATTRIBUTE* const attribute = CMS_signed_get_attr(info, at);
  return X509_ATTRIBUTE_count(attribute) == 1 ? X509_ATTRIBUTE_get0_type(attribute, 0) : nullptr;
}

absl::StatusOr<CmsPtr> ParseSignedData(absl::string_view der) {
  if (der.size() > kMaxCmsBytes) {
    return Invalid(absl::StrCat("the CMS has more than ", kMaxCmsBytes, " bytes"));
  }
  const auto* at = reinterpret_cast<const unsigned char*>(der.data());
  const auto* const end = at + der.size();
  CmsPtr cms(d2i_CMS_ContentInfo(nullptr, &at, static_cast<long>(der.size())));
  if (cms == nullptr || at != end) return Invalid("not a CMS, or more than one");
  if (OBJ_obj2nid(CMS_get0_type(cms.get())) != NID_pkcs7_signed) {
    return Invalid("the CMS is not SignedData");
  }
  ASN1_OCTET_STRING** const content = CMS_get0_content(cms.get());
  if (content == nullptr || *content != nullptr) {
    return Invalid("the CMS carries its content: only detached signatures are read");
  }
  if (OBJ_obj2nid(CMS_get0_eContentType(cms.get())) != NID_pkcs7_data) {
    return Invalid("the CMS signs something else than data");
  }
  return cms;
}

absl::Status ParseSigner(Parsed& parsed, int digest_nid) {
  STACK_OF(CMS_SignerInfo)* const infos = CMS_get0_SignerInfos(parsed.cms.get());
  if (sk_CMS_SignerInfo_num(infos) != 1) return Invalid("the CMS has not exactly one signer");
  parsed.info = sk_CMS_SignerInfo_value(infos, 0);
  X509_ALGOR* digest = nullptr;
  CMS_SignerInfo_get0_algs(parsed.info, nullptr, nullptr, &digest, nullptr);
  if (digest == nullptr || OBJ_obj2nid(digest->algorithm) != digest_nid) {
    return Invalid("the signer used another hash than the one of the digest");
  }
  parsed.certificates.reset(CMS_get1_certs(parsed.cms.get()));
  const int count = parsed.certificates == nullptr ? 0 : sk_X509_num(parsed.certificates.get());
  if (count > kMaxCmsCertificates) {
    return Invalid(absl::StrCat("the CMS has more than ", kMaxCmsCertificates, " certificates"));
  }
  for (int i = 0; i < count && parsed.signer == nullptr; ++i) {
    X509* const certificate = sk_X509_value(parsed.certificates.get(), i);
    if (CMS_SignerInfo_cert_cmp(parsed.info, certificate) == 0) parsed.signer = certificate;
  }
  if (parsed.signer == nullptr || X509_get0_pubkey(parsed.signer) == nullptr) {
    return Invalid("the CMS does not carry its signer's certificate");
  }
  return absl::OkStatus();
}

absl::Status ParseAttributes(Parsed& parsed) {
  const ASN1_TYPE* const type = Attribute(parsed.info, NID_pkcs9_contentType);
  if (type == nullptr || type->type != V_ASN1_OBJECT ||
      OBJ_obj2nid(type->value.object) != NID_pkcs7_data) {
    return Invalid("no signed content-type id-data");
  }
  const ASN1_TYPE* const digest = Attribute(parsed.info, NID_pkcs9_messageDigest);
  if (digest == nullptr || digest->type != V_ASN1_OCTET_STRING) {
    return Invalid("no signed message-digest");
  }
  parsed.message_digest = View(digest->value.octet_string);
  const ASN1_TYPE* const time = Attribute(parsed.info, NID_pkcs9_signingTime);
  std::optional<absl::Time> signing_time;
  if (time != nullptr && (time->type == V_ASN1_UTCTIME || time->type == V_ASN1_GENERALIZEDTIME)) {
    signing_time = TimeOf(time->value.asn1_string);
  }
  if (!signing_time) return Invalid("no signed signing-time");
  parsed.signing_time = *signing_time;
  const ASN1_TYPE* const certificate = Attribute(parsed.info, NID_id_smime_aa_signingCertificateV2);
  if (certificate == nullptr || certificate->type != V_ASN1_SEQUENCE) {
    return Invalid("no signed signing-certificate-v2");
  }
  parsed.signing_certificate = View(certificate->value.sequence);
  return absl::OkStatus();
}

absl::StatusOr<Parsed> Parse(absl::string_view der, absl::string_view digest) {
  const int digest_nid = DigestNid(digest);
  if (digest_nid == NID_undef) return Invalid("the expected digest is not of SHA-256, 384 or 512");
  Parsed parsed;
  ASSIGN_OR_RETURN(parsed.cms, ParseSignedData(der));
  RETURN_IF_ERROR(ParseSigner(parsed, digest_nid));
  RETURN_IF_ERROR(ParseAttributes(parsed));
  return parsed;
}

// Takes the next element of this universal type off `in`: its content, or all of it with `header`.
std::optional<absl::string_view> Take(absl::string_view& in, int wanted, bool header = false) {
  const auto* const start = reinterpret_cast<const unsigned char*>(in.data());
  const unsigned char* at = start;
  long size = 0;
  int tag = 0;
  int tag_class = 0;
  const int result = ASN1_get_object(&at, &size, &tag, &tag_class, static_cast<long>(in.size()));
  // 0x80: broken; 1: of indefinite length, which DER has not.
  if ((result & 0x81) != 0 || tag != wanted || tag_class != V_ASN1_UNIVERSAL) return std::nullopt;
  const size_t head = static_cast<size_t>(at - start);
  const absl::string_view whole = in.substr(0, head + static_cast<size_t>(size));
  in.remove_prefix(whole.size());
  return header ? whole : whole.substr(head);
}

// SigningCertificateV2 (RFC 5035): the first ESSCertIDv2 is the signer's; its hash defaults to
// SHA-256. The issuer and serial beside it say nothing that a hash of the certificate does not.
bool NamesCertificate(absl::string_view signing_certificate, X509* certificate) {
  auto outer = Take(signing_certificate, V_ASN1_SEQUENCE);
  auto list = outer ? Take(*outer, V_ASN1_SEQUENCE) : std::nullopt;
  auto first = list ? Take(*list, V_ASN1_SEQUENCE) : std::nullopt;
  if (!first) return false;
  const EVP_MD* method = EVP_sha256();
  if (const auto der = Take(*first, V_ASN1_SEQUENCE, /*header=*/true); der) {
    const auto* at = reinterpret_cast<const unsigned char*>(der->data());
    const AlgorithmPtr algorithm(d2i_X509_ALGOR(nullptr, &at, static_cast<long>(der->size())));
    const int nid = algorithm == nullptr ? NID_undef : OBJ_obj2nid(algorithm->algorithm);
    if (!IsStrongDigest(nid)) return false;
    method = EVP_get_digestbynid(nid);
  }
  const auto hash = Take(*first, V_ASN1_OCTET_STRING);
  unsigned char expected[EVP_MAX_MD_SIZE];
  unsigned int size = 0;
  return hash && X509_digest(certificate, method, expected, &size) == 1 &&
         *hash == absl::string_view(reinterpret_cast<const char*>(expected), size);
}

absl::Status CheckSignature(const Parsed& parsed, const CmsExpectation& expected) {
  if (!NamesCertificate(parsed.signing_certificate, parsed.signer)) {
    return Refuse("CMS_SIGNER_WRONG", "signing-certificate-v2 does not name the signer");
  }
  CMS_SignerInfo_set1_signer_cert(parsed.info, parsed.signer);
  if (CMS_SignerInfo_verify(parsed.info) != 1) {
    return Refuse("CMS_SIGNATURE_WRONG", "the signature over the attributes does not verify");
  }
  if (parsed.message_digest != expected.digest) {
    return Refuse("CMS_DIGEST_WRONG", "something else than the expected digest is signed");
  }
  if (parsed.signing_time > expected.now + kMaxSigningSkew ||
      parsed.signing_time < expected.not_before - kMaxSigningSkew) {
    return Refuse("CMS_TIME_WRONG", "the claimed signing time is not between asking and now",
                  {{"signing_time", absl::FormatTime(parsed.signing_time, absl::UTCTimeZone())}});
  }
  return absl::OkStatus();
}

absl::Status ChainError(int error) {
  switch (error) {
    case X509_V_ERR_CERT_HAS_EXPIRED:
      return Refuse("CMS_CERTIFICATE_EXPIRED", "a certificate had ended at the signing time",
                    {{"validity", "EXPIRED"}});
    case X509_V_ERR_CERT_NOT_YET_VALID:
      return Refuse("CMS_CERTIFICATE_EXPIRED", "a certificate had not begun at the signing time",
                    {{"validity", "NOT_YET_VALID"}});
    default:
      return Refuse("CMS_CHAIN_UNTRUSTED", absl::StrCat("no chain to a pinned root: ",
                                                        X509_verify_cert_error_string(error)));
  }
}

// The signer first, the root last; the certificates live as long as `context`.
absl::StatusOr<STACK_OF(X509) *> BuildChain(const Parsed& parsed, const CmsTrustContent& trust,
                                            X509_STORE_CTX* context, STACK_OF(X509) * untrusted) {
  for (const auto& intermediate : trust.intermediates) {
    X509_add_cert(untrusted, intermediate.get(), X509_ADD_FLAG_UP_REF);
  }
  X509_add_certs(untrusted, parsed.certificates.get(), X509_ADD_FLAG_UP_REF);
  if (X509_STORE_CTX_init(context, trust.store.get(), parsed.signer, untrusted) != 1) {
    return ChainError(X509_V_ERR_OUT_OF_MEM);
  }
  X509_VERIFY_PARAM* const param = X509_STORE_CTX_get0_param(context);
  X509_VERIFY_PARAM_set_time(param, absl::ToTimeT(parsed.signing_time));
  X509_VERIFY_PARAM_set_auth_level(param, kSecurityLevel);
  X509_VERIFY_PARAM_set_depth(param, kMaxIntermediates);
  if (X509_verify_cert(context) != 1) return ChainError(X509_STORE_CTX_get_error(context));
  return X509_STORE_CTX_get0_chain(context);
}

// The list for certificates of this issuer; null when the trust has none.
const CmsCrl* CrlOf(const CmsTrustContent& trust, X509* issuer) {
  const std::string spki = SpkiSha256Of(issuer);
  for (const CmsCrl& crl : trust.crls) {
    if (crl.signer_spki == spki &&
        X509_NAME_cmp(X509_CRL_get_issuer(crl.list.get()), X509_get_subject_name(issuer)) == 0) {
      return &crl;
    }
  }
  return nullptr;
}

// When the list says that the certificate stopped being good; infinite future when it does not.
absl::Time RevokedAt(const CmsCrl& crl, X509* certificate) {
  X509_REVOKED* entry = nullptr;
  if (X509_CRL_get0_by_cert(crl.list.get(), &entry, certificate) == 0)
    return absl::InfiniteFuture();
  // An entry whose times cannot be read counts from ever.
  const absl::Time revoked =
      TimeOf(X509_REVOKED_get0_revocationDate(entry)).value_or(absl::InfinitePast());
  const RevokedTimePtr invalid(static_cast<ASN1_GENERALIZEDTIME*>(
      X509_REVOKED_get_ext_d2i(entry, NID_invalidity_date, nullptr, nullptr)));
  if (invalid == nullptr) return revoked;
  return std::min(revoked, TimeOf(invalid.get()).value_or(absl::InfinitePast()));
}

absl::Status CheckRevocation(STACK_OF(X509) * chain, const CmsTrustContent& trust,
                             absl::Time signing_time, absl::Time now) {
  absl::Status stale;
  for (int i = 0; i + 1 < sk_X509_num(chain); ++i) {
    const CmsCrl* const crl = CrlOf(trust, sk_X509_value(chain, i + 1));
    if (crl != nullptr && RevokedAt(*crl, sk_X509_value(chain, i)) <= std::max(signing_time, now)) {
      return Refuse("CMS_CERTIFICATE_REVOKED", "a certificate was revoked when the signature came",
                    {{"certificate", i == 0 ? "SIGNER" : "AUTHORITY"}});
    }
    if (crl == nullptr || now > crl->next_update || now < crl->this_update - kMaxSigningSkew) {
      stale = MakeError(absl::StatusCode::kUnavailable, "CMS_CRL_STALE",
                        "no current revocation list of an issuer",
                        {{"certificate", i == 0 ? "SIGNER" : "AUTHORITY"}});
    }
  }
  return stale;
}

// A certificate of TLS, of time stamps, or of code signs no documents.
bool MaySignDocuments(X509* certificate) {
  int state = 0;
  const UsagesPtr usages(static_cast<EXTENDED_KEY_USAGE*>(
      X509_get_ext_d2i(certificate, NID_ext_key_usage, &state, nullptr)));
  // -1: without the extension; else it is there twice, or cannot be read.
  if (usages == nullptr) return state == -1;
  for (int i = 0; i < sk_ASN1_OBJECT_num(usages.get()); ++i) {
    char oid[kMaxOidText] = {};
    OBJ_obj2txt(oid, sizeof(oid), sk_ASN1_OBJECT_value(usages.get(), i), /*no_name=*/1);
    for (const absl::string_view usage : kDocumentUsages) {
      if (usage == oid) return true;
    }
  }
  return false;
}

absl::Status CheckCertificates(const Parsed& parsed, const CmsTrustContent& trust, absl::Time now) {
  const StoreContextPtr context(X509_STORE_CTX_new());
  const CertificatesPtr untrusted(sk_X509_new_null());
  ASSIGN_OR_RETURN(STACK_OF(X509)* const chain,
                   BuildChain(parsed, trust, context.get(), untrusted.get()));
  const uint32_t usage = X509_get_key_usage(parsed.signer);
  // Without the extension the answer is "all bits": the profile demands it.
  if (usage == UINT32_MAX || (usage & (KU_DIGITAL_SIGNATURE | KU_NON_REPUDIATION)) == 0) {
    return Refuse("CMS_KEY_USAGE_WRONG", "the signer's key is not for signatures");
  }
  if (!MaySignDocuments(parsed.signer)) {
    return Refuse("CMS_KEY_USAGE_WRONG", "the signer's certificate is not for documents");
  }
  return CheckRevocation(chain, trust, parsed.signing_time, now);
}

std::string NamePart(const X509_NAME* name, int nid) {
  const int at = X509_NAME_get_index_by_NID(name, nid, -1);
  if (at < 0) return "";
  unsigned char* text = nullptr;
  const int size =
      ASN1_STRING_to_UTF8(&text, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(name, at)));
  std::string out(reinterpret_cast<char*>(text), size > 0 ? static_cast<size_t>(size) : 0);
  OPENSSL_free(text);
  return out;
}

CmsSigner Describe(const Parsed& parsed) {
  CmsSigner out;
  const X509_NAME* const subject = X509_get_subject_name(parsed.signer);
  out.common_name = NamePart(subject, NID_commonName);
  out.organization = NamePart(subject, NID_organizationName);
  out.organization_identifier = NamePart(subject, NID_organizationIdentifier);
  out.user_id = NamePart(subject, NID_userId);
  const BigNumberPtr number(ASN1_INTEGER_to_BN(X509_get0_serialNumber(parsed.signer), nullptr));
  std::string serial(static_cast<size_t>(BN_num_bytes(number.get())), '\0');
  BN_bn2bin(number.get(), reinterpret_cast<unsigned char*>(serial.data()));
  out.serial = Hex(serial);
  const BioPtr issuer(BIO_new(BIO_s_mem()));
  // UTF-8 as it is, not as escapes of its bytes.
  X509_NAME_print_ex(issuer.get(), X509_get_issuer_name(parsed.signer), 0,
                     XN_FLAG_RFC2253 & ~ASN1_STRFLGS_ESC_MSB);
  out.issuer = Written(issuer.get());
  out.signing_time = parsed.signing_time;
  unsigned char hash[EVP_MAX_MD_SIZE];
  unsigned int size = 0;
  X509_digest(parsed.signer, EVP_sha256(), hash, &size);
  out.certificate_sha256.assign(reinterpret_cast<char*>(hash), size);
  return out;
}

}  // namespace

absl::StatusOr<CmsSigner> VerifyCms(absl::string_view cms_der, const CmsExpectation& expected,
                                    const CmsTrust& trust) {
  const ErrorScope errors;
  ASSIGN_OR_RETURN(const Parsed parsed, Parse(cms_der, expected.digest));
  RETURN_IF_ERROR(CheckSignature(parsed, expected));
  RETURN_IF_ERROR(CheckCertificates(parsed, trust.content(), expected.now));
  return Describe(parsed);
}

}  // namespace lgsp::keys
