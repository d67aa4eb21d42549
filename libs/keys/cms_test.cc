#include "libs/keys/cms.h"

#include <openssl/err.h>
#include <openssl/x509v3.h>

#include <atomic>
#include <catch2/catch.hpp>
#include <map>
#include <random>
#include <set>
#include <thread>

#include "absl/strings/str_cat.h"
#include "libs/keys/cms_material_test.h"
#include "libs/keys/digest.h"
#include "libs/status/status.h"
#include "libs/testing/files.h"

namespace lgsp::keys {
namespace {

// A root, an issuing authority, a signer; `now` has whole seconds, as certificates have.
struct World {
  absl::Time now = absl::FromUnixSeconds(absl::ToUnixSeconds(absl::Now()));
  Certified root = MakeCertificate(AuthorityOptions("root"));
  Certified issuing = MakeCertificate(AuthorityOptions("issuing"), &root);
  Certified signer = MakeCertificate({}, &issuing);

  CmsTrustMaterial Material(const CrlOptions& issuing_crl = {}, const CrlOptions& root_crl = {}) {
    return {
        {root.Pem()}, {issuing.Pem()}, {MakeCrl(issuing, issuing_crl), MakeCrl(root, root_crl)}};
  }
  CmsTrust Trust(const CrlOptions& issuing_crl = {}, const CrlOptions& root_crl = {}) {
    const auto trust = CmsTrust::Make(Material(issuing_crl, root_crl));
    INFO(trust.status());
    REQUIRE(trust.ok());
    return *trust;
  }
  CmsOptions Options() const {
    CmsOptions options;
    options.signing_time = now;
    options.others = {&issuing};
    return options;
  }
  std::string Cms() const { return MakeCms(signer, Options()); }
  absl::StatusOr<CmsSigner> Verify(absl::string_view cms, const CmsTrust& trust,
                                   absl::string_view content = "result") const {
    const std::string digest = Sha256(content);
    return VerifyCms(cms, {.digest = digest, .not_before = now, .now = now}, trust);
  }
  std::string Reason(absl::string_view cms, const CmsTrust& trust,
                     absl::string_view content = "result") const {
    const auto signer = Verify(cms, trust, content);
    return signer.ok() ? "OK" : ErrorReason(signer.status());
  }
};

TEST_CASE("a good signature tells who signed") {
  World world;
  const auto signer = world.Verify(world.Cms(), world.Trust());
  INFO(signer.status());
  REQUIRE(signer.ok());
  CHECK(signer->common_name == "signer");
  CHECK(signer->organization == "Sở Tư pháp");
  CHECK(signer->organization_identifier == "H12.03");
  CHECK(signer->user_id == "officer-7");
  CHECK(signer->serial == world.signer.SerialHex());
  CHECK(signer->issuer == "UID=officer-7,organizationIdentifier=H12.03,O=Sở Tư pháp,CN=issuing");
  CHECK(signer->signing_time == world.now);
  CHECK(signer->certificate_sha256 == Sha256(world.signer.Der()));
}

TEST_CASE("RSA and the longer hashes are read too") {
  World world;
  CertificateOptions rsa;
  rsa.key = "RSA2048";
  const Certified signer = MakeCertificate(rsa, &world.issuing);
  CHECK(world.Reason(MakeCms(signer, world.Options()), world.Trust()) == "OK");
  CmsOptions options = world.Options();
  options.digest = EVP_sha384();
  unsigned char digest[EVP_MAX_MD_SIZE];
  REQUIRE(EVP_Digest("result", 6, digest, nullptr, EVP_sha384(), nullptr) == 1);
  const absl::string_view expected(reinterpret_cast<char*>(digest), 48);
  CHECK(VerifyCms(MakeCms(world.signer, options),
                  {.digest = expected, .not_before = world.now, .now = world.now}, world.Trust())
            .ok());
  // PSS, with the same hash.
  options = world.Options();
  options.flags |= CMS_KEY_PARAM;
  options.before_signing = [](CMS_ContentInfo*, CMS_SignerInfo* info) {
    EVP_PKEY_CTX* context = CMS_SignerInfo_get0_pkey_ctx(info);
    REQUIRE(EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_PSS_PADDING) == 1);
  };
  CHECK(world.Reason(MakeCms(signer, options), world.Trust()) == "OK");
}

TEST_CASE("what is not one detached signature of the profile is invalid") {
  World world;
  const CmsTrust trust = world.Trust();
  const std::string good = world.Cms();
  CHECK(world.Reason("", trust) == "CMS_INVALID");
  CHECK(world.Reason("garbage", trust) == "CMS_INVALID");
  CHECK(world.Reason(good + good, trust) == "CMS_INVALID");
  CHECK(world.Reason(good.substr(0, good.size() - 1), trust) == "CMS_INVALID");
  CHECK(world.Reason(std::string(kMaxCmsBytes + 1, '\x30'), trust) == "CMS_INVALID");
  CHECK(VerifyCms(good, {.digest = "short", .not_before = world.now, .now = world.now}, trust)
            .status()
            .code() == absl::StatusCode::kInvalidArgument);

  CmsOptions options = world.Options();
  options.flags = 0;  // without signing-certificate-v2
  CHECK(world.Reason(MakeCms(world.signer, options), trust) == "CMS_INVALID");
  options.flags = CMS_CADES | CMS_NOCERTS;
  options.others = {};
  CHECK(world.Reason(MakeCms(world.signer, options), trust) == "CMS_INVALID");
  options = world.Options();
  options.digest = EVP_sha1();
  CHECK(world.Reason(MakeCms(world.signer, options), trust) == "CMS_INVALID");
  options.digest = EVP_sha512();  // strong, but not what was asked for
  CHECK(world.Reason(MakeCms(world.signer, options), trust) == "CMS_INVALID");
}

TEST_CASE("two signers, two attributes of a kind, content inside: invalid") {
  World world;
  const CmsTrust trust = world.Trust();
  const Certified second = MakeCertificate({}, &world.issuing);
  CmsOptions options = world.Options();
  options.before_signing = [&](CMS_ContentInfo* cms, CMS_SignerInfo*) {
    REQUIRE(CMS_add1_signer(cms, second.certificate.get(), second.key.get(), EVP_sha256(),
                            CMS_CADES) != nullptr);
  };
  CHECK(world.Reason(MakeCms(world.signer, options), trust) == "CMS_INVALID");

  // OpenSSL does not sign that, so it is added afterwards; it is refused before the signature
  // counts.
  const std::string good = world.Cms();
  const auto* at = reinterpret_cast<const unsigned char*>(good.data());
  const CmsPtr doubled(d2i_CMS_ContentInfo(nullptr, &at, static_cast<long>(good.size())));
  REQUIRE(doubled != nullptr);
  const std::string digest = Sha256("another");
  REQUIRE(CMS_signed_add1_attr_by_NID(
              sk_CMS_SignerInfo_value(CMS_get0_SignerInfos(doubled.get()), 0),
              NID_pkcs9_messageDigest, V_ASN1_OCTET_STRING, digest.data(), 32) == 1);
  CHECK(world.Reason(CmsDer(doubled.get()), trust) == "CMS_INVALID");

  const CmsPtr attached(CMS_sign(world.signer.certificate.get(), world.signer.key.get(), nullptr,
                                 ReadBio("result").get(), CMS_BINARY | CMS_CADES));
  REQUIRE(attached != nullptr);
  CHECK(world.Reason(CmsDer(attached.get()), trust) == "CMS_INVALID");

  const CmsPtr enveloped(CMS_data_create(ReadBio("result").get(), CMS_BINARY));
  REQUIRE(enveloped != nullptr);
  CHECK(world.Reason(CmsDer(enveloped.get()), trust) == "CMS_INVALID");
}

TEST_CASE("more certificates than a chain needs are refused") {
  World world;
  std::vector<Certified> many;
  for (int i = 0; i < kMaxCmsCertificates; ++i) many.push_back(MakeCertificate({}, &world.issuing));
  CmsOptions options = world.Options();
  options.others = {};
  for (const Certified& one : many) options.others.push_back(&one);
  CHECK(world.Reason(MakeCms(world.signer, options), world.Trust()) == "CMS_INVALID");
}

TEST_CASE("signing-certificate-v2 must name the certificate that verifies") {
  World world;
  // Another certificate for the same key, under the same issuer and number: the signature holds. It
  // is exchanged in the bytes, so it is signed until it is as long (ECDSA varies by a byte or two).
  Certified twin{X509Ptr(X509_dup(world.signer.certificate.get())), PkeyPtr()};
  ASN1_TIME_set(X509_getm_notAfter(twin.certificate.get()),
                absl::ToTimeT(world.now + absl::Hours(99)));
  const std::string original = world.signer.Der();
  int attempts = 0;
  do {
    REQUIRE(++attempts < 1000);
    REQUIRE(X509_sign(twin.certificate.get(), world.issuing.key.get(), EVP_sha256()) > 0);
  } while (twin.Der().size() != original.size());
  std::string cms = world.Cms();
  const size_t place = cms.find(original);
  REQUIRE(place != std::string::npos);
  cms.replace(place, original.size(), twin.Der());
  CHECK(world.Reason(cms, world.Trust()) == "CMS_SIGNER_WRONG");
}

TEST_CASE("signing-certificate-v2 by a weak hash or none names nobody") {
  World world;
  unsigned char sha1[20];
  REQUIRE(X509_digest(world.signer.certificate.get(), EVP_sha1(), sha1, nullptr) == 1);
  const std::string hash =
      absl::StrCat("\x04\x14", absl::string_view(reinterpret_cast<const char*>(sha1), sizeof sha1));
  const auto sequence = [](const std::string& content) {
    return std::string("\x30") + static_cast<char>(content.size()) + content;
  };
  const std::string sha256 = std::string("\x04\x20") + Sha256(world.signer.Der());
  const std::map<std::string, std::string> values = {
      {sequence(sequence(sequence(sha256))), "OK"},  // what the others are variations of
      {sequence(sequence(sequence(sequence("\x06\x05\x2b\x0e\x03\x02\x1a") + hash))),
       "CMS_SIGNER_WRONG"},
      {sequence(sequence(sequence(hash))), "CMS_SIGNER_WRONG"},
      {sequence(sequence("")), "CMS_SIGNER_WRONG"},
      {sequence(""), "CMS_SIGNER_WRONG"},
      {sequence(sequence(sequence("\x04\x7f"))), "CMS_SIGNER_WRONG"},
  };
  for (const auto& [value, wanted] : values) {
    INFO(Hex(value));
    CmsOptions options = world.Options();
    options.flags = 0;
    options.before_signing = [&der = value](CMS_ContentInfo*, CMS_SignerInfo* info) {
      REQUIRE(CMS_signed_add1_attr_by_NID(info, NID_id_smime_aa_signingCertificateV2,
                                          V_ASN1_SEQUENCE, der.data(),
                                          static_cast<int>(der.size())) == 1);
    };
    CHECK(world.Reason(MakeCms(world.signer, options), world.Trust()) == wanted);
  }
}

TEST_CASE("signature and digest") {
  World world;
  const CmsTrust trust = world.Trust();
  std::string cms = world.Cms();
  CHECK(world.Reason(cms, trust, "another result") == "CMS_DIGEST_WRONG");
  cms.back() ^= 1;  // the signature stands last
  CHECK(world.Reason(cms, trust) == "CMS_SIGNATURE_WRONG");
  // Whoever changes the attribute to the digest that is expected breaks the signature.
  cms = world.Cms();
  const size_t place = cms.find(Sha256("result"));
  REQUIRE(place != std::string::npos);
  cms.replace(place, 32, Sha256("another result"));
  CHECK(world.Reason(cms, trust, "another result") == "CMS_SIGNATURE_WRONG");
}

TEST_CASE("the signing time is a claim within bounds") {
  World world;
  const CmsTrust trust = world.Trust();
  const auto reason = [&](absl::Duration offset) {
    CmsOptions options = world.Options();
    options.signing_time = world.now + offset;
    return world.Reason(MakeCms(world.signer, options), trust);
  };
  CHECK(reason(kMaxSigningSkew) == "OK");
  CHECK(reason(kMaxSigningSkew + absl::Seconds(1)) == "CMS_TIME_WRONG");
  CHECK(reason(-kMaxSigningSkew) == "OK");
  CHECK(reason(-kMaxSigningSkew - absl::Seconds(1)) == "CMS_TIME_WRONG");
  // Checked again later, with the time of asking kept.
  const std::string digest = Sha256("result");
  CHECK(VerifyCms(world.Cms(),
                  {.digest = digest, .not_before = world.now, .now = world.now + absl::Minutes(50)},
                  trust)
            .ok());
}

TEST_CASE("every certificate is valid at the signing time, not now") {
  World world;
  const auto reason = [&](absl::Time begin, absl::Time end) {
    CertificateOptions options;
    options.not_before = begin;
    options.not_after = end;
    const Certified signer = MakeCertificate(options, &world.issuing);
    const auto result = world.Verify(MakeCms(signer, world.Options()), world.Trust());
    if (result.ok()) return std::string("OK");
    const auto rpc = ToRpcStatus(result.status());
    return ErrorReason(result.status()) +
           (rpc.DebugString().find("NOT_YET_VALID") != std::string::npos ? " NOT_YET" : "");
  };
  const absl::Duration hour = absl::Hours(1);
  CHECK(reason(world.now - hour, world.now + hour) == "OK");
  CHECK(reason(world.now - hour, world.now - absl::Seconds(1)) == "CMS_CERTIFICATE_EXPIRED");
  CHECK(reason(world.now + absl::Seconds(1), world.now + hour) ==
        "CMS_CERTIFICATE_EXPIRED NOT_YET");

  // It ended between signing and now: still good.
  CertificateOptions options;
  options.not_after = world.now + absl::Seconds(10);
  const Certified ended = MakeCertificate(options, &world.issuing);
  const std::string digest = Sha256("result");
  CHECK(VerifyCms(MakeCms(ended, world.Options()),
                  {.digest = digest, .not_before = world.now, .now = world.now + absl::Minutes(9)},
                  world.Trust())
            .ok());

  CertificateOptions authority = AuthorityOptions("issuing");
  authority.not_after = world.now - hour;
  world.issuing = MakeCertificate(authority, &world.root);
  CHECK(reason(world.now - hour, world.now + hour) == "CMS_CERTIFICATE_EXPIRED");
}

TEST_CASE("the chain ends at a pinned root") {
  World world;
  const CmsTrust trust = world.Trust();
  // The same names, other keys.
  World other;
  CHECK(world.Reason(other.Cms(), trust) == "CMS_CHAIN_UNTRUSTED");
  // A root sent along is not trusted for it.
  CmsOptions options = other.Options();
  options.others.push_back(&other.root);
  CHECK(world.Reason(MakeCms(other.signer, options), trust) == "CMS_CHAIN_UNTRUSTED");
  CHECK(world.Reason(MakeCms(MakeCertificate({}), world.Options()), trust) ==
        "CMS_CHAIN_UNTRUSTED");
  // A signer is no authority.
  const Certified below = MakeCertificate({}, &world.signer);
  options = world.Options();
  options.others.push_back(&world.signer);
  CHECK(world.Reason(MakeCms(below, options), trust) == "CMS_CHAIN_UNTRUSTED");
  // Neither short keys nor SHA-1.
  CertificateOptions weak;
  weak.key = "RSA1024";
  CHECK(world.Reason(MakeCms(MakeCertificate(weak, &world.issuing), world.Options()), trust) ==
        "CMS_CHAIN_UNTRUSTED");
  weak.key = "P-256";
  weak.sha1 = true;
  CHECK(world.Reason(MakeCms(MakeCertificate(weak, &world.issuing), world.Options()), trust) ==
        "CMS_CHAIN_UNTRUSTED");
}

TEST_CASE("the issuing authority may come from the trust or from the CMS") {
  World world;
  CmsOptions options = world.Options();
  options.others = {};
  CHECK(world.Reason(MakeCms(world.signer, options), world.Trust()) == "OK");
  const auto only_root = CmsTrust::Make({{world.root.Pem()}, {}, {MakeCrl(world.root, {})}});
  REQUIRE(only_root.ok());
  CHECK(world.Reason(MakeCms(world.signer, options), *only_root) == "CMS_CHAIN_UNTRUSTED");
  // The chain stands, but nobody knows what that authority revoked.
  CHECK(world.Reason(world.Cms(), *only_root) == "CMS_CRL_STALE");
}

TEST_CASE("the signer's key is for signatures") {
  World world;
  for (const auto& [usage, wanted] : std::vector<std::pair<std::string, std::string>>{
           {"critical,nonRepudiation", "OK"},
           {"digitalSignature", "OK"},
           {"critical,keyEncipherment", "CMS_KEY_USAGE_WRONG"},
           {"", "CMS_KEY_USAGE_WRONG"}}) {
    INFO(usage);
    CertificateOptions options;
    options.key_usage = usage;
    const Certified signer = MakeCertificate(options, &world.issuing);
    CHECK(world.Reason(MakeCms(signer, world.Options()), world.Trust()) == wanted);
  }
}

TEST_CASE("a certificate for something else than documents signs none") {
  World world;
  for (const auto& [usages, wanted] : std::vector<std::pair<std::string, std::string>>{
           {"", "OK"},
           {"clientAuth,emailProtection", "OK"},
           {"critical,1.3.6.1.5.5.7.3.36", "OK"},
           {"anyExtendedKeyUsage", "OK"},
           {"serverAuth", "CMS_KEY_USAGE_WRONG"},
           {"critical,timeStamping", "CMS_KEY_USAGE_WRONG"},
           {"clientAuth,codeSigning,OCSPSigning", "CMS_KEY_USAGE_WRONG"}}) {
    INFO(usages);
    CertificateOptions options;
    options.extended_key_usage = usages;
    const Certified signer = MakeCertificate(options, &world.issuing);
    CHECK(world.Reason(MakeCms(signer, world.Options()), world.Trust()) == wanted);
  }
}

TEST_CASE("revoked at or before the receipt is refused, later is good") {
  World world;
  const auto reason = [&](absl::Duration revoked, absl::Duration invalid) {
    CrlOptions crl;
    crl.revoked = {
        {&world.signer, world.now + revoked,
         invalid == absl::InfiniteDuration() ? absl::InfinitePast() : world.now + invalid}};
    return world.Reason(world.Cms(), world.Trust(crl));
  };
  const absl::Duration none = absl::InfiniteDuration();
  const absl::Duration second = absl::Seconds(1);
  CHECK(reason(-second, none) == "CMS_CERTIFICATE_REVOKED");
  CHECK(reason(absl::ZeroDuration(), none) == "CMS_CERTIFICATE_REVOKED");
  CHECK(reason(second, none) == "OK");
  CHECK(reason(absl::Hours(1), -second) == "CMS_CERTIFICATE_REVOKED");
  CHECK(reason(absl::Hours(1), second) == "OK");

  const Certified neighbour = MakeCertificate({}, &world.issuing);
  CrlOptions crl;
  crl.revoked = {{&neighbour, world.now - absl::Hours(1)}};
  CHECK(world.Reason(world.Cms(), world.Trust(crl)) == "OK");

  CrlOptions root_crl;
  root_crl.revoked = {{&world.issuing, world.now - absl::Hours(1)}};
  CHECK(world.Reason(world.Cms(), world.Trust({}, root_crl)) == "CMS_CERTIFICATE_REVOKED");
}

TEST_CASE("a signing time that is claimed does not outlive a revocation before the receipt") {
  World world;
  CmsOptions options = world.Options();
  options.signing_time = world.now - absl::Hours(1);
  const std::string cms = MakeCms(world.signer, options);
  const std::string digest = Sha256("result");
  const auto reason = [&](absl::Duration revoked) {
    CrlOptions crl;
    crl.revoked = {{&world.signer, world.now + revoked}};
    const auto signer = VerifyCms(
        cms, {.digest = digest, .not_before = world.now - absl::Hours(2), .now = world.now},
        world.Trust(crl));
    return signer.ok() ? "OK" : ErrorReason(signer.status());
  };
  CHECK(reason(-absl::Minutes(30)) == "CMS_CERTIFICATE_REVOKED");
  CHECK(reason(absl::ZeroDuration()) == "CMS_CERTIFICATE_REVOKED");
  CHECK(reason(absl::Seconds(1)) == "OK");
}

TEST_CASE("without a current list nothing is good, and a known revocation stays known") {
  World world;
  CrlOptions stale;
  stale.next_update = world.now - absl::Seconds(1);
  const auto refused = world.Verify(world.Cms(), world.Trust(stale));
  CHECK(ErrorReason(refused.status()) == "CMS_CRL_STALE");
  CHECK(IsTransient(refused.status()));
  CHECK(world.Reason(world.Cms(), world.Trust({}, stale)) == "CMS_CRL_STALE");
  CrlOptions future;
  future.this_update = world.now + kMaxSigningSkew + absl::Seconds(1);
  CHECK(world.Reason(world.Cms(), world.Trust(future)) == "CMS_CRL_STALE");
  stale.revoked = {{&world.signer, world.now}};
  CHECK(world.Reason(world.Cms(), world.Trust(stale)) == "CMS_CERTIFICATE_REVOKED");

  const auto none = CmsTrust::Make({{world.root.Pem()}, {world.issuing.Pem()}, {}});
  REQUIRE(none.ok());
  CHECK(none->next_crl_update() == absl::InfinitePast());
  CHECK(world.Reason(world.Cms(), *none) == "CMS_CRL_STALE");
}

TEST_CASE("a list is replaced by a newer one of its authority only") {
  World world;
  CrlOptions options;
  options.number = 5;
  options.next_update = world.now + absl::Minutes(30);
  const CmsTrust trust = world.Trust(options);
  CHECK(trust.next_crl_update() == world.now + absl::Minutes(30));
  const auto reason = [&](const std::string& crl) {
    const auto changed = trust.WithCrl(crl);
    return changed.ok() ? "OK" : ErrorReason(changed.status());
  };
  options.number = 4;
  CHECK(reason(MakeCrl(world.issuing, options)) == "CMS_CRL_INVALID");
  options.number = 6;
  options.revoked = {{&world.signer, world.now}};
  const auto changed = trust.WithCrl(MakeCrl(world.issuing, options));
  REQUIRE(changed.ok());
  CHECK(world.Reason(world.Cms(), *changed) == "CMS_CERTIFICATE_REVOKED");
  CHECK(world.Reason(world.Cms(), trust) == "OK");  // a trust does not change

  World other;  // the same names, other keys
  CHECK(reason(MakeCrl(other.issuing, options)) == "CMS_CRL_INVALID");
  CHECK(reason(MakeCrl(world.signer, options)) == "CMS_CRL_INVALID");
  std::string tampered = MakeCrl(world.issuing, options);
  tampered.back() ^= 1;
  CHECK(reason(tampered) == "CMS_CRL_INVALID");
  CHECK(reason("") == "CMS_CRL_INVALID");
  CHECK(reason(MakeCrl(world.issuing, options) + "x") == "CMS_CRL_INVALID");
  CHECK(reason(std::string(kMaxCrlBytes + 1, '\x30')) == "CMS_CRL_INVALID");
  for (bool CrlOptions::* flaw :
       {&CrlOptions::without_next_update, &CrlOptions::critical_extension, &CrlOptions::sha1}) {
    CrlOptions flawed = options;
    flawed.*flaw = true;
    CHECK(reason(MakeCrl(world.issuing, flawed)) == "CMS_CRL_INVALID");
  }
}

TEST_CASE("a trust is made of certificates, in PEM or DER, texts or files") {
  World world;
  CHECK(CmsTrust::Make({{world.root.Der()}, {world.issuing.Der()}, {}}).ok());
  const auto reason = [](const CmsTrustMaterial& material) {
    return ErrorReason(CmsTrust::Make(material).status());
  };
  CHECK(reason({}) == "CMS_TRUST_INVALID");
  CHECK(reason({{"x"}, {}, {}}) == "CMS_TRUST_INVALID");
  CHECK(reason({{world.issuing.Pem()}, {}, {}}) == "CMS_TRUST_INVALID");
  CHECK(reason({{world.root.Der() + "x"}, {}, {}}) == "CMS_TRUST_INVALID");
  CHECK(reason({{world.root.Pem()}, {}, {"x"}}) == "CMS_CRL_INVALID");
  CHECK(reason({std::vector<std::string>(kMaxCmsCertificates + 1, world.root.Pem()), {}, {}}) ==
        "CMS_TRUST_INVALID");

  const testing::TemporaryFolder folder;
  const CmsTrustMaterial paths = {{folder.Write("root.pem", world.root.Pem())},
                                  {folder.Write("issuing.der", world.issuing.Der())},
                                  {folder.Write("issuing.crl", MakeCrl(world.issuing, {})),
                                   folder.Write("r.crl", MakeCrl(world.root, {}))}};
  const auto trust = LoadTrust(paths);
  INFO(trust.status());
  REQUIRE(trust.ok());
  CHECK(world.Reason(world.Cms(), *trust) == "OK");
  CHECK(ErrorReason(LoadTrust({{absl::StrCat(folder.path(), "/none")}, {}, {}}).status()) ==
        "CMS_TRUST_INVALID");
  const std::string large = folder.Write("large", std::string(kMaxCertificateBytes + 1, 'x'));
  CHECK(ErrorReason(LoadTrust({{large}, {}, {}}).status()) == "CMS_TRUST_INVALID");
}

TEST_CASE("no changed byte of a CMS makes another signer, and errors stay here") {
  World world;
  const CmsTrust trust = world.Trust();
  const std::string good = world.Cms();
  const auto original = world.Verify(good, trust);
  REQUIRE(original.ok());
  const std::set<std::string> reasons = {"CMS_INVALID", "CMS_SIGNER_WRONG", "CMS_SIGNATURE_WRONG",
                                         "CMS_CHAIN_UNTRUSTED"};
  const auto seed = std::random_device{}();
  CAPTURE(seed);
  std::mt19937 random(seed);
  ERR_clear_error();
  for (size_t i = 0; i < good.size(); ++i) {
    std::string changed = good;
    changed[i] = static_cast<char>(changed[i] ^ (1 << random() % 8));
    const auto signer = world.Verify(changed, trust);
    INFO(i);
    if (signer.ok()) {  // outside what is signed: the version, the other certificate
      REQUIRE(signer->certificate_sha256 == original->certificate_sha256);
      REQUIRE(signer->signing_time == original->signing_time);
    } else {
      REQUIRE(reasons.count(ErrorReason(signer.status())) == 1);
    }
    REQUIRE(ERR_peek_error() == 0);
  }
}

TEST_CASE("threads share a trust") {
  World world;
  CrlOptions crl;
  std::vector<Certified> revoked;
  for (int i = 0; i < 20; ++i) revoked.push_back(MakeCertificate({}, &world.issuing));
  for (const Certified& one : revoked) crl.revoked.push_back({&one, world.now});
  const CmsTrust trust = world.Trust(crl);
  const std::string cms = world.Cms();
  std::vector<std::thread> threads;
  std::atomic<int> good = 0;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      for (int n = 0; n < 20; ++n) good += world.Verify(cms, trust).ok() ? 1 : 0;
    });
  }
  for (std::thread& thread : threads) thread.join();
  CHECK(good == 80);
}

}  // namespace
}  // namespace lgsp::keys
