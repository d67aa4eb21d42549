// Signatures of agencies on results (DESIGN.md section 8): verification of a detached CMS (RFC
// 5652, the profile CAdES-B of ETSI EN 319 122-1) over a digest; the content itself is not needed.
//
// One trust per issuer of signatures: pinned roots, issuing authorities, revocation lists. Every
// certificate below a root needs the list of its issuer, so the root's list too. Whoever keeps the
// trust fetches the lists and replaces it by WithCrl; verification does no I/O.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace lgsp::keys {

// Larger input is refused before it is parsed.
inline constexpr size_t kMaxCmsBytes = 64 << 10;
inline constexpr size_t kMaxCrlBytes = 16 << 20;
inline constexpr size_t kMaxCertificateBytes = 64 << 10;
// Certificates in a CMS, and of each kind in a trust.
inline constexpr int kMaxCmsCertificates = 16;
// How far the clocks of the signing system and ours may differ.
inline constexpr absl::Duration kMaxSigningSkew = absl::Minutes(5);

// Each text is one certificate or list, PEM or DER.
struct CmsTrustMaterial {
  std::vector<std::string> roots;
  // The issuing authorities. A CMS usually carries them too, but their lists verify by these.
  std::vector<std::string> intermediates;
  std::vector<std::string> crls;
};

struct CmsTrustContent;

// Immutable and thread-safe; a copy costs a pointer.
class CmsTrust {
 public:
  // FAILED_PRECONDITION CMS_TRUST_INVALID: no root, a root that is not self-signed, or a text that
  // is not what it should be. CMS_CRL_INVALID as with WithCrl.
  static absl::StatusOr<CmsTrust> Make(const CmsTrustMaterial& material);

  // The same trust with this list (PEM or DER) in place of the one of the same issuer. Lists travel
  // over plain HTTP, so: INVALID_ARGUMENT CMS_CRL_INVALID when it is not a complete list (a
  // critical extension, such as of delta and partitioned lists, is refused), when no root or
  // intermediate of this trust signed it, or when it is older than the one that is there.
  absl::StatusOr<CmsTrust> WithCrl(absl::string_view crl) const;

  // The lists that are there, DER.
  std::vector<std::string> Crls() const;

  // When the first of the lists ends; infinite past without lists.
  absl::Time next_crl_update() const;

  // For libs/keys itself.
  const CmsTrustContent& content() const { return *content_; }

 private:
  explicit CmsTrust(std::shared_ptr<const CmsTrustContent> content);
  std::shared_ptr<const CmsTrustContent> content_;
};

// Paths instead of texts. FAILED_PRECONDITION CMS_TRUST_INVALID also for a file that cannot be
// read.
absl::StatusOr<CmsTrust> LoadTrust(const CmsTrustMaterial& paths);

// What the signature is held against.
struct CmsExpectation {
  // The raw digest that was to be signed: 32 bytes SHA-256, 48 SHA-384, 64 SHA-512.
  absl::string_view digest;
  // When we asked for the signature, and when we got it. The signing time between them is the
  // signer's claim and proves nothing: it may lie in [not_before - kMaxSigningSkew,
  // now + kMaxSigningSkew].
  absl::Time not_before;
  absl::Time now;
};

// Who signed, as the certificate says. Names are UTF-8, empty where the subject has none.
struct CmsSigner {
  std::string common_name;
  std::string organization;
  std::string organization_identifier;  // 2.5.4.97
  std::string user_id;                  // 0.9.2342.19200300.100.1.1
  std::string serial;                   // lower-case hex digits, whole bytes
  std::string issuer;                   // RFC 2253 text
  absl::Time signing_time;
  std::string certificate_sha256;  // 32 raw bytes, of the DER
};

// The signer, when all of this holds, checked in this order (reason; INVALID_ARGUMENT for the
// first, UNAVAILABLE for the last, else FAILED_PRECONDITION):
//   CMS_INVALID              a detached SignedData, DER or BER, at most kMaxCmsBytes, one signer
//                            with the certificate of it, the digest's algorithm, one each of the
//                            signed attributes content-type (id-data), message-digest, signing-time
//                            and signing-certificate-v2
//   CMS_SIGNER_WRONG         signing-certificate-v2 names that certificate, by SHA-256 or better
//   CMS_SIGNATURE_WRONG      the signature over the attributes verifies
//   CMS_DIGEST_WRONG         message-digest is the expected digest
//   CMS_TIME_WRONG           the signing time lies in the window above
//   CMS_CHAIN_UNTRUSTED      a chain to a pinned root; keys and hashes of 112 bits or more
//   CMS_CERTIFICATE_EXPIRED  every certificate of it was valid at the signing time (metadata
//                            `validity`: EXPIRED or NOT_YET_VALID)
//   CMS_KEY_USAGE_WRONG      the signer's key is for digitalSignature or nonRepudiation; when its
//                            certificate has extended usages, documents or mail are among them
//   CMS_CERTIFICATE_REVOKED  none was revoked, or invalid by the list's invalidityDate, at or
//                            before `now`, or the signing time where that is later: whoever stole
//                            the key could claim any time before. Revoked after that is good. A
//                            known revocation refuses even when a list is stale
//   CMS_CRL_STALE            the list of every issuer of it is there, signed by it, and current at
//                            `now`: fetch it and ask again
absl::StatusOr<CmsSigner> VerifyCms(absl::string_view cms_der, const CmsExpectation& expected,
                                    const CmsTrust& trust);

}  // namespace lgsp::keys
