#include "libs/keys/cms_trust.h"

#include <openssl/err.h>
#include <openssl/x509v3.h>

#include <cstdio>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "libs/keys/cms.h"
#include "libs/keys/digest.h"
#include "libs/keys/openssl_ptr.h"
#include "libs/status/status.h"

namespace lgsp::keys {
namespace {

using X509Ref = std::shared_ptr<X509>;
using CrlRef = std::shared_ptr<X509_CRL>;
using IntegerPtr = std::unique_ptr<ASN1_INTEGER, Deleter<ASN1_INTEGER_free>>;

absl::Status TrustInvalid(absl::string_view what) {
  return MakeError(absl::StatusCode::kFailedPrecondition, "CMS_TRUST_INVALID", what);
}

absl::Status CrlInvalid(absl::string_view what) {
  return MakeError(absl::StatusCode::kInvalidArgument, "CMS_CRL_INVALID", what);
}

bool IsPem(absl::string_view text) { return absl::StrContains(text, "-----BEGIN "); }

// PEM or DER, all of it; null when it is neither.
template <auto kReadPem, auto kReadDer, auto kFree, typename T>
std::shared_ptr<T> Read(absl::string_view text) {
  T* object = nullptr;
  if (IsPem(text)) {
    object = kReadPem(ReadBio(text).get(), nullptr, nullptr, nullptr);
  } else {
    const auto* at = reinterpret_cast<const unsigned char*>(text.data());
    const auto* const end = at + text.size();
    object = kReadDer(nullptr, &at, static_cast<long>(text.size()));
    if (object != nullptr && at != end) {
      kFree(object);
      return nullptr;
    }
  }
  if (object == nullptr) return nullptr;
  return std::shared_ptr<T>(object, kFree);
}

absl::StatusOr<std::vector<X509Ref>> ReadCertificates(const std::vector<std::string>& texts,
                                                      absl::string_view what) {
  if (texts.size() > kMaxCmsCertificates) {
    return TrustInvalid(absl::StrCat("more than ", kMaxCmsCertificates, " ", what, "s"));
  }
  std::vector<X509Ref> out;
  for (size_t i = 0; i < texts.size(); ++i) {
    auto certificate = texts[i].size() > kMaxCertificateBytes
                           ? nullptr
                           : Read<PEM_read_bio_X509, d2i_X509, X509_free, X509>(texts[i]);
    if (certificate == nullptr || SpkiSha256Of(certificate.get()).empty()) {
      return TrustInvalid(absl::StrCat(what, " ", i, " is not a certificate in PEM or DER"));
    }
    out.push_back(std::move(certificate));
  }
  return out;
}

bool IsSelfSigned(X509* certificate) {
  return X509_NAME_cmp(X509_get_subject_name(certificate), X509_get_issuer_name(certificate)) ==
             0 &&
         X509_verify(certificate, X509_get0_pubkey(certificate)) == 1;
}

bool HasCriticalExtension(const X509_CRL* list) {
  for (int i = 0; i < X509_CRL_get_ext_count(list); ++i) {
    if (X509_EXTENSION_get_critical(X509_CRL_get_ext(list, i)) != 0) return true;
  }
  return false;
}

bool HasStrongSignature(const X509_CRL* list) {
  int digest = NID_undef;
  return OBJ_find_sigid_algs(X509_CRL_get_signature_nid(list), &digest, nullptr) == 1 &&
         IsStrongDigest(digest);
}

// The certificate of the trust whose key signed the list; null when there is none.
X509* SignerOf(const CmsTrustContent& content, X509_CRL* list) {
  for (const auto* certificates : {&content.roots, &content.intermediates}) {
    for (const X509Ref& candidate : *certificates) {
      X509* const issuer = candidate.get();
      if (X509_NAME_cmp(X509_get_subject_name(issuer), X509_CRL_get_issuer(list)) == 0 &&
          (X509_get_key_usage(issuer) & KU_CRL_SIGN) != 0 &&
          X509_CRL_verify(list, X509_get0_pubkey(issuer)) == 1) {
        return issuer;
      }
    }
  }
  return nullptr;
}

// By the lists' numbers (RFC 5280 section 5.2.3) where both have one, else by their times.
bool IsOlder(const CmsCrl& list, const CmsCrl& than) {
  const auto number = [](const CmsCrl& crl) {
    return IntegerPtr(static_cast<ASN1_INTEGER*>(
        X509_CRL_get_ext_d2i(crl.list.get(), NID_crl_number, nullptr, nullptr)));
  };
  const IntegerPtr one = number(list);
  const IntegerPtr other = number(than);
  if (one != nullptr && other != nullptr) return ASN1_INTEGER_cmp(one.get(), other.get()) < 0;
  return list.this_update < than.this_update;
}

absl::StatusOr<CmsCrl> ReadCrl(const CmsTrustContent& content, absl::string_view text) {
  if (text.size() > kMaxCrlBytes) {
    return CrlInvalid(absl::StrCat("the list has more than ", kMaxCrlBytes, " bytes"));
  }
  const CrlRef list = Read<PEM_read_bio_X509_CRL, d2i_X509_CRL, X509_CRL_free, X509_CRL>(text);
  if (list == nullptr) return CrlInvalid("not a revocation list in PEM or DER");
  const auto this_update = TimeOf(X509_CRL_get0_lastUpdate(list.get()));
  const auto next_update = TimeOf(X509_CRL_get0_nextUpdate(list.get()));
  if (!this_update || !next_update) return CrlInvalid("the list does not say from when to when");
  if (HasCriticalExtension(list.get())) {
    return CrlInvalid("the list has a critical extension: only complete lists are read");
  }
  X509* const signer = HasStrongSignature(list.get()) ? SignerOf(content, list.get()) : nullptr;
  if (signer == nullptr) {
    return CrlInvalid(
        "the list is not signed, with SHA-256 or better, by an authority of the trust");
  }
  return CmsCrl{list, SpkiSha256Of(signer), *this_update, *next_update};
}

absl::Status PutCrl(CmsTrustContent& content, absl::string_view text) {
  ASSIGN_OR_RETURN(CmsCrl crl, ReadCrl(content, text));
  for (CmsCrl& there : content.crls) {
    if (there.signer_spki != crl.signer_spki ||
        X509_NAME_cmp(X509_CRL_get_issuer(there.list.get()), X509_CRL_get_issuer(crl.list.get())) !=
            0) {
      continue;
    }
    if (IsOlder(crl, there)) return CrlInvalid("the list is older than the one that is there");
    there = std::move(crl);
    return absl::OkStatus();
  }
  content.crls.push_back(std::move(crl));
  return absl::OkStatus();
}

// A certificate or list read from a file; at most `limit` bytes.
absl::StatusOr<std::string> ReadFile(const std::string& path, size_t limit) {
  const std::unique_ptr<FILE, Deleter<fclose>> file(fopen(path.c_str(), "rbe"));
  if (file == nullptr) return TrustInvalid(absl::StrCat("cannot open ", path));
  std::string out(limit + 1, '\0');
  out.resize(fread(out.data(), 1, out.size(), file.get()));
  if (ferror(file.get()) != 0) return TrustInvalid(absl::StrCat("cannot read ", path));
  if (out.size() > limit) return TrustInvalid(absl::StrCat(path, " has over ", limit, " bytes"));
  return out;
}

absl::StatusOr<std::vector<std::string>> ReadFiles(const std::vector<std::string>& paths,
                                                   size_t limit) {
  std::vector<std::string> out;
  for (const std::string& path : paths) {
    ASSIGN_OR_RETURN(out.emplace_back(), ReadFile(path, limit));
  }
  return out;
}

}  // namespace

ErrorScope::ErrorScope() { ERR_set_mark(); }
ErrorScope::~ErrorScope() { ERR_pop_to_mark(); }

std::string SpkiSha256Of(X509* certificate) {
  EVP_PKEY* const key = X509_get0_pubkey(certificate);
  return key == nullptr ? "" : Sha256(SpkiDer(key));
}

std::optional<absl::Time> TimeOf(const ASN1_TIME* time) {
  struct tm fields = {};
  if (time == nullptr || ASN1_TIME_to_tm(time, &fields) != 1) return std::nullopt;
  return absl::FromTM(fields, absl::UTCTimeZone());
}

bool IsStrongDigest(int nid) { return nid == NID_sha256 || nid == NID_sha384 || nid == NID_sha512; }

CmsTrust::CmsTrust(std::shared_ptr<const CmsTrustContent> content) : content_(std::move(content)) {}

absl::StatusOr<CmsTrust> CmsTrust::Make(const CmsTrustMaterial& material) {
  const ErrorScope errors;
  auto content = std::make_shared<CmsTrustContent>();
  content->store = {X509_STORE_new(), X509_STORE_free};
  ASSIGN_OR_RETURN(content->roots, ReadCertificates(material.roots, "root"));
  ASSIGN_OR_RETURN(content->intermediates,
                   ReadCertificates(material.intermediates, "intermediate"));
  if (content->roots.empty()) return TrustInvalid("no root");
  for (const X509Ref& root : content->roots) {
    if (!IsSelfSigned(root.get())) return TrustInvalid("a root is not signed by itself");
    X509_STORE_add_cert(content->store.get(), root.get());
  }
  for (const std::string& crl : material.crls) RETURN_IF_ERROR(PutCrl(*content, crl));
  return CmsTrust(std::move(content));
}

absl::StatusOr<CmsTrust> CmsTrust::WithCrl(absl::string_view crl) const {
  const ErrorScope errors;
  auto content = std::make_shared<CmsTrustContent>(*content_);
  RETURN_IF_ERROR(PutCrl(*content, crl));
  return CmsTrust(std::move(content));
}

std::vector<std::string> CmsTrust::Crls() const {
  std::vector<std::string> out;
  for (const CmsCrl& crl : content_->crls) {
    unsigned char* der = nullptr;
    const int size = i2d_X509_CRL(crl.list.get(), &der);
    if (size <= 0) continue;
    out.emplace_back(reinterpret_cast<char*>(der), static_cast<size_t>(size));
    OPENSSL_free(der);
  }
  return out;
}

absl::Time CmsTrust::next_crl_update() const {
  if (content_->crls.empty()) return absl::InfinitePast();
  absl::Time first = absl::InfiniteFuture();
  for (const CmsCrl& crl : content_->crls) first = std::min(first, crl.next_update);
  return first;
}

absl::StatusOr<CmsTrust> LoadTrust(const CmsTrustMaterial& paths) {
  CmsTrustMaterial material;
  ASSIGN_OR_RETURN(material.roots, ReadFiles(paths.roots, kMaxCertificateBytes));
  ASSIGN_OR_RETURN(material.intermediates, ReadFiles(paths.intermediates, kMaxCertificateBytes));
  ASSIGN_OR_RETURN(material.crls, ReadFiles(paths.crls, kMaxCrlBytes));
  return CmsTrust::Make(material);
}

}  // namespace lgsp::keys
