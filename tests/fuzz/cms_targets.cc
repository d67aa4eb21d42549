// Signatures of agencies and their revocation lists, held against a trust that was made for this:
// trust/ has the certificates, whose keys were thrown away.
#include <fstream>
#include <iterator>
#include <string>

#include "absl/strings/match.h"
#include "libs/keys/cms.h"
#include "libs/keys/digest.h"
#include "libs/status/status.h"
#include "tests/fuzz/targets.h"

namespace lgsp::fuzz {
namespace {

// What was signed, and when.
constexpr char kContent[] = "result";
constexpr int64_t kSigned = 1795445266;

const keys::CmsTrust& Trust() {
  static const keys::CmsTrust& trust = *[] {
    const std::string folder = LGSP_FUZZ_TRUST;
    auto loaded = keys::LoadTrust({{folder + "/root.pem"},
                                   {folder + "/issuing.pem"},
                                   {folder + "/issuing.crl", folder + "/root.crl"}});
    Promise(loaded.ok(), loaded.status().ToString().c_str());
    return new keys::CmsTrust(*std::move(loaded));
  }();
  return trust;
}

}  // namespace

bool Cms(absl::string_view input) {
  const std::string digest = keys::Sha256(kContent);
  const absl::Time now = absl::FromUnixSeconds(kSigned);
  const auto signer =
      keys::VerifyCms(input, {.digest = digest, .not_before = now, .now = now}, Trust());
  if (!signer.ok()) {
    Promise(absl::StartsWith(ErrorReason(signer.status()), "CMS_"), "a reason of its own");
    return false;
  }
  // Nobody has the keys: whatever else is in the message, it is the one signature that was made.
  Promise(signer->common_name == "signer", "only who signed");
  Promise(signer->certificate_sha256.size() == 32, "a whole digest");
  Promise(absl::AbsDuration(signer->signing_time - now) <= keys::kMaxSigningSkew, "when he did");
  return true;
}

bool Crl(absl::string_view input) {
  const auto trust = Trust().WithCrl(input);
  if (!trust.ok()) {
    Promise(ErrorReason(trust.status()) == "CMS_CRL_INVALID", "one reason for bad lists");
    return false;
  }
  Promise(trust->next_crl_update() == Trust().next_crl_update(), "only lists that were signed");
  return true;
}

}  // namespace lgsp::fuzz
