#include <sys/stat.h>

#include <catch2/catch.hpp>
#include <cstdlib>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "libs/config/config.h"
#include "libs/keys/digest.h"
#include "libs/keys/envelope.h"
#include "libs/keys/jws.h"
#include "libs/keys/x509.h"
#include "libs/status/status.h"

namespace lgsp::keys {
namespace {

std::string Folder() {
  char name[] = "/tmp/keys_test_XXXXXX";
  REQUIRE(mkdtemp(name) != nullptr);
  return name;
}

TEST_CASE("digests agree with the published vectors") {
  CHECK(Hex(Sha256("abc")) == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  // RFC 4231 test case 2.
  CHECK(Hex(HmacSha256("Jefe", "what do ya want for nothing?")) ==
        "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
  CHECK(RandomBytes(16) != RandomBytes(16));
}

TEST_CASE("base64url is strict") {
  CHECK(Base64Url("\xfb\xff") == "-_8");
  CHECK(*Base64UrlDecode("-_8") == "\xfb\xff");
  for (const char* bad : {"-_8=", "-_9", "+/8", "a b", "a"}) {
    CHECK(ErrorReason(Base64UrlDecode(bad).status()) == "BASE64_INVALID");
  }
}

TEST_CASE("a JWS verifies by its own key only") {
  const SigningKey key = SigningKey::Generate();
  const SigningKey other = SigningKey::Generate();
  const std::vector<VerifyKey> trusted = {*VerifyKey::FromPem(key.PublicPem())};
  const std::string jws = key.SignJws("{\"a\":1}");
  CHECK(*VerifyJws(jws, trusted) == "{\"a\":1}");
  CHECK(ErrorReason(VerifyJws(other.SignJws("{}"), trusted).status()) == "JWS_KEY_UNKNOWN");
  std::string changed = jws;
  changed[jws.find('.') + 2] ^= 1;
  CHECK_FALSE(VerifyJws(changed, trusted).ok());
  CHECK(ErrorReason(VerifyJws("a.b", trusted).status()) == "JWS_MALFORMED");
  const std::string forged = Base64Url("{\"alg\":\"none\"}") + jws.substr(jws.find('.'));
  CHECK(ErrorReason(VerifyJws(forged, trusted).status()) == "JWS_KEY_UNKNOWN");
}

TEST_CASE("signing keys survive PEM; other keys are refused") {
  const SigningKey key = SigningKey::Generate();
  const SigningKey again = *SigningKey::FromPem(key.ToPem());
  CHECK(again.id() == key.id());
  CHECK(VerifyKey::FromPem(key.PublicPem())->Verify("x", again.Sign("x")));
  CHECK_FALSE(VerifyKey::FromPem(key.PublicPem())->Verify("y", again.Sign("x")));
  const auto authority = MakeAuthority("ca", absl::Now(), absl::Now() + absl::Hours(1));
  CHECK(ErrorReason(SigningKey::FromPem(authority->private_key_pem).status()) == "KEY_INVALID");
}

TEST_CASE("sealed data opens only with its key, in its place, unchanged") {
  const DataKey key = KeyRing::NewDataKey();
  const std::string sealed = Seal(key, "Nguyễn Văn An", "dossiers/1 applicant");
  CHECK(*Open(key, sealed, "dossiers/1 applicant") == "Nguyễn Văn An");
  CHECK(*Open(key, Seal(key, "", "c"), "c") == "");
  CHECK(ErrorReason(Open(key, sealed, "dossiers/2 applicant").status()) == "SEALED_DATA_INVALID");
  CHECK_FALSE(Open(KeyRing::NewDataKey(), sealed, "dossiers/1 applicant").ok());
  for (size_t i = 0; i < sealed.size(); ++i) {
    std::string changed = sealed;
    changed[i] ^= 1;
    REQUIRE_FALSE(Open(key, changed, "dossiers/1 applicant").ok());
  }
  CHECK_FALSE(Open(key, "short", "c").ok());
}

TEST_CASE("the newest key of a ring wraps, the older ones still unwrap") {
  const std::string path = Folder() + "/kek.ring";
  const std::string first = KeyRing::NewLine("k1");
  REQUIRE(config::WriteFile(path, first, 0600).ok());
  const auto before = KeyRing::FromFile(path);
  REQUIRE(before.ok());
  const DataKey key = KeyRing::NewDataKey();
  const WrappedKey old_wrapped = before->Wrap(key, "dossiers/1");
  CHECK(old_wrapped.kek_id == "k1");
  REQUIRE(config::WriteFile(path, first + KeyRing::NewLine("k2"), 0600).ok());
  const auto after = KeyRing::FromFile(path);
  CHECK(after->Wrap(key, "dossiers/1").kek_id == "k2");
  CHECK(*after->Unwrap(old_wrapped, "dossiers/1") == key);
  CHECK_FALSE(after->Unwrap(old_wrapped, "dossiers/2").ok());
  CHECK(ErrorReason(before->Unwrap(after->Wrap(key, "dossiers/1"), "dossiers/1").status()) ==
        "KEK_UNKNOWN");
  REQUIRE(config::WriteFile(path, "k1 abc\n", 0600).ok());
  CHECK(ErrorReason(KeyRing::FromFile(path).status()) == "KEY_RING_INVALID");
}

TEST_CASE("certificates carry what was asked; a renewal keeps the public key") {
  const absl::Time now = absl::FromUnixSeconds(absl::ToUnixSeconds(absl::Now()));
  const auto authority = MakeAuthority("Ca Mau platform", now, now + absl::Hours(24));
  REQUIRE(authority.ok());
  CertificateRequest request;
  request.common_name = "dossiers";
  request.dns_names = {"dossiers.lgsp", "localhost"};
  request.ip_addresses = {"127.0.0.1"};
  request.uris = {ServiceIdentity("dossiers")};
  request.not_before = now;
  request.not_after = now + absl::Hours(1);
  const auto leaf = IssueCertificate(*authority, request);
  REQUIRE(leaf.ok());
  CHECK(*NotAfter(leaf->certificate_pem) == now + absl::Hours(1));
  request.private_key_pem = leaf->private_key_pem;
  request.not_after = now + absl::Hours(2);
  const auto renewed = IssueCertificate(*authority, request);
  REQUIRE(renewed.ok());
  CHECK(*SpkiSha256(renewed->certificate_pem) == *SpkiSha256(leaf->certificate_pem));
  CHECK(renewed->certificate_pem != leaf->certificate_pem);
  CHECK(ErrorReason(SpkiSha256("nonsense").status()) == "CERTIFICATE_INVALID");
  request.ip_addresses = {"not-an-address"};
  CHECK(ErrorReason(IssueCertificate(*authority, request).status()) == "CERTIFICATE_INVALID");
}

TEST_CASE("sealed data is AES-256-GCM as others write it") {
  // Test case 16 of the GCM specification (McGrew, Viega).
  const auto bytes = [](absl::string_view hex) { return absl::HexStringToBytes(hex); };
  const DataKey key = bytes("feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308");
  const std::string sealed = bytes(
      "cafebabefacedbaddecaf888"
      "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa"
      "8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f662"
      "76fc6ece0f4e1768cddf8853bb2d551b");
  CHECK(*Open(key, sealed, bytes("feedfacedeadbeeffeedfacedeadbeefabaddad2")) ==
        bytes("d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a72"
              "1c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39"));
  // Two seals of one text share nothing: each has its own nonce.
  CHECK(Seal(key, "x", "c").substr(0, 12) != Seal(key, "x", "c").substr(0, 12));
}

TEST_CASE("signatures are Ed25519 as others write it") {
  // RFC 8032, 7.1, test 2; the key as PKCS#8 (RFC 8410).
  const std::string pkcs8 = absl::HexStringToBytes(
      "302e020100300506032b657004220420"
      "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb");
  const auto key = SigningKey::FromPem(absl::StrCat(
      "-----BEGIN PRIVATE KEY-----\n", absl::Base64Escape(pkcs8), "\n-----END PRIVATE KEY-----\n"));
  REQUIRE(key.ok());
  CHECK(Hex(key->Sign("\x72")) ==
        "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"
        "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00");
  CHECK(key->id().size() == 16);
  CHECK(VerifyKey::FromPem(key->PublicPem())->id() == key->id());
}

TEST_CASE("why a JWS is refused") {
  const SigningKey key = SigningKey::Generate();
  const std::vector<VerifyKey> trusted = {*VerifyKey::FromPem(key.PublicPem())};
  const auto reason = [&](const std::string& jws) {
    return ErrorReason(VerifyJws(jws, trusted).status());
  };
  const std::string jws = key.SignJws("{}");
  const std::string head = jws.substr(0, jws.find('.') + 1);
  const std::string signature = jws.substr(jws.rfind('.'));
  CHECK(reason(head + Base64Url("{ }") + signature) == "JWS_SIGNATURE_INVALID");
  CHECK(reason(head + Base64Url("{}") + ".") == "JWS_SIGNATURE_INVALID");
  CHECK(reason(head + "e30=" + signature) == "JWS_MALFORMED");
  CHECK(reason(jws + "=") == "JWS_MALFORMED");
  for (const std::string& bad : {std::string(), std::string("."), std::string("..."), jws + ".x",
                                 head + std::string(17'000, 'A') + signature}) {
    CHECK(reason(bad) == "JWS_MALFORMED");
  }
  CHECK(reason("..") == "JWS_KEY_UNKNOWN");
  CHECK(ErrorReason(VerifyJws(jws, {}).status()) == "JWS_KEY_UNKNOWN");
  // During a rotation both are trusted.
  const SigningKey next = SigningKey::Generate();
  const std::vector<VerifyKey> both = {trusted[0], *VerifyKey::FromPem(next.PublicPem())};
  CHECK(VerifyJws(jws, both).ok());
  CHECK(VerifyJws(next.SignJws("{}"), both).ok());
  CHECK(ErrorReason(VerifyKey::FromPem("nonsense").status()) == "KEY_INVALID");
  CHECK(ErrorReason(VerifyKey::FromPem(key.ToPem()).status()) == "KEY_INVALID");
}

TEST_CASE("a key ring is a secret, and strict") {
  const std::string path = Folder() + "/kek.ring";
  const std::string line = KeyRing::NewLine("k1");
  REQUIRE(config::WriteFile(path, line, 0644).ok());
  CHECK(ErrorReason(KeyRing::FromFile(path).status()) == "SECRET_EXPOSED");
  for (const std::string& bad :
       {line + line, line + "\n" + KeyRing::NewLine("k2"), " " + line, "k1  " + line.substr(3),
        line.substr(0, line.size() - 2), line.substr(0, 65) + "X", absl::AsciiStrToUpper(line)}) {
    REQUIRE(config::WriteFile(path, bad, 0600).ok());
    INFO(bad.size());
    CHECK(ErrorReason(KeyRing::FromFile(path).status()) == "KEY_RING_INVALID");
  }
  CHECK(ErrorReason(KeyRing::FromFile(path + ".none").status()) == "FILE_MISSING");
}

TEST_CASE("strings are compared whole") {
  CHECK(ConstantTimeEqual("", ""));
  CHECK(ConstantTimeEqual("abc", "abc"));
  CHECK_FALSE(ConstantTimeEqual("abc", "abd"));
  CHECK_FALSE(ConstantTimeEqual("abc", "ab"));
  CHECK_FALSE(ConstantTimeEqual(absl::string_view("a\0b", 3), absl::string_view("a\0c", 3)));
}

}  // namespace
}  // namespace lgsp::keys
