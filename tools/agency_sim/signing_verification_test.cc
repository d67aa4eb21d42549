// libs/keys against the signing system of tools/agency_sim: two implementations that share nothing.
#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <csignal>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "libs/http/http.h"
#include "libs/keys/cms.h"
#include "libs/keys/digest.h"
#include "libs/status/status.h"
#include "libs/testing/files.h"

extern char** environ;

namespace lgsp {
namespace {

constexpr absl::Duration kWaitLimit = absl::Seconds(30);
constexpr char kAgency[] = "H12.03";

// One line of `fd`, or what came of it until the limit.
std::string ReadLine(int fd) {
  const absl::Time limit = absl::Now() + kWaitLimit;
  std::string line;
  while (!absl::EndsWith(line, "\n")) {
    pollfd ready = {fd, POLLIN, 0};
    const auto left = absl::ToInt64Milliseconds(limit - absl::Now());
    char c = 0;
    if (left <= 0 || poll(&ready, 1, static_cast<int>(left)) != 1 || read(fd, &c, 1) != 1) break;
    line += c;
  }
  return line;
}

// The simulator as a process, and what a client of it does.
class SigningSystem {
 public:
  explicit SigningSystem(const std::vector<std::string>& arguments = {}) {
    std::vector<std::string> words = {
        "/usr/bin/python3", absl::StrCat(LGSP_SOURCE_DIR, "/tools/agency_sim/signing"),
        "--listen",         "127.0.0.1:0",
        "--state",          folder_.path(),
        "--agencies",       absl::StrCat(LGSP_SOURCE_DIR, "/deploy/catalog/camau_agencies.csv")};
    words.insert(words.end(), arguments.begin(), arguments.end());
    std::vector<char*> argv;
    for (std::string& word : words) argv.push_back(word.data());
    argv.push_back(nullptr);
    int ends[2];
    REQUIRE(pipe2(ends, O_CLOEXEC) == 0);
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
    const int result = posix_spawn(&pid_, argv[0], &actions, nullptr, argv.data(), environ);
    posix_spawn_file_actions_destroy(&actions);
    close(ends[1]);
    output_ = ends[0];
    REQUIRE(result == 0);
    const std::string line = ReadLine(output_);
    INFO(line);
    const size_t at = line.find("ready on http");
    REQUIRE(at != std::string::npos);
    url_ = line.substr(at + 9, line.size() - at - 10);
    http::Options options;
    options.peer = "signing";
    client_ = *http::Client::Make(options);
  }

  ~SigningSystem() {
    kill(pid_, SIGKILL);
    waitpid(pid_, nullptr, 0);
    close(output_);
  }

  std::string Get(absl::string_view path) {
    const auto response = Call("GET", path, "");
    REQUIRE(response.ok());
    REQUIRE(response->status == 200);
    return response->body;
  }

  absl::StatusOr<http::Response> Send(const std::string& method, absl::string_view path,
                                      const nlohmann::json& body) {
    return Call(method, path, body.dump());
  }

  void Script(const std::string& endpoint, const std::string& kind) {
    const auto response =
        Send("PUT", "/sim/faults", {{"endpoint", endpoint}, {"kind", kind}, {"times", 1}});
    REQUIRE(response.ok());
    REQUIRE(response->status == 200);
  }

  absl::StatusOr<http::Response> Ask(absl::string_view digest, const std::string& reference,
                                     const std::string& officer) {
    return Send("POST", "/v1/signatures",
                {{"agency", kAgency},
                 {"officer", officer},
                 {"digest", absl::Base64Escape(digest)},
                 {"digest_algorithm", "SHA-256"},
                 {"reference", reference}});
  }

  // The answer to a request that is signed at once.
  nlohmann::json Sign(absl::string_view digest, const std::string& officer = "H12.03.head") {
    const auto response = Ask(digest, absl::StrCat("r", ++references_), officer);
    REQUIRE(response.ok());
    INFO(response->body);
    REQUIRE(response->status == 200);
    return nlohmann::json::parse(response->body);
  }

  keys::CmsTrust Trust() {
    const auto trust = keys::CmsTrust::Make({{Get("/ca/root.pem")},
                                             {Get("/ca/issuing.pem")},
                                             {Get("/crl/root.crl"), Get("/crl/issuing.crl")}});
    INFO(trust.status());
    REQUIRE(trust.ok());
    return *trust;
  }

  const std::string& folder() const { return folder_.path(); }

 private:
  absl::StatusOr<http::Response> Call(const std::string& method, absl::string_view path,
                                      const std::string& body) {
    http::Request request;
    request.method = method;
    request.url = absl::StrCat(url_, path);
    request.body = body;
    return client_->Call(request);
  }

  testing::TemporaryFolder folder_;
  pid_t pid_ = -1;
  int output_ = -1;
  std::string url_;
  std::unique_ptr<http::Client> client_;
  int references_ = 0;
};

std::string Cms(const nlohmann::json& answer) {
  std::string out;
  REQUIRE(answer["state"] == "DONE");
  REQUIRE(absl::Base64Unescape(answer["cms"].get<std::string>(), &out));
  return out;
}

absl::StatusOr<keys::CmsSigner> Verify(const nlohmann::json& answer, absl::string_view digest,
                                       absl::Time asked, const keys::CmsTrust& trust) {
  return keys::VerifyCms(Cms(answer), {.digest = digest, .not_before = asked, .now = absl::Now()},
                         trust);
}

TEST_CASE("what the agencies sign verifies, with either kind of key") {
  for (const char* kind : {"ec", "rsa"}) {
    INFO(kind);
    SigningSystem agency({"--keys", kind});
    const std::string digest = keys::RandomBytes(32);
    const absl::Time asked = absl::Now();
    const auto head = Verify(agency.Sign(digest), digest, asked, agency.Trust());
    INFO(head.status());
    REQUIRE(head.ok());
    CHECK(head->common_name == "Thủ trưởng Sở Tư pháp");
    CHECK(head->organization == "Sở Tư pháp");
    CHECK(head->organization_identifier == kAgency);
    CHECK(head->user_id == "H12.03.head");
    CHECK(absl::StartsWith(head->issuer, "CN=Government specialised signing CA (simulated)"));
    const auto seal = Verify(agency.Sign(digest, ""), digest, asked, agency.Trust());
    REQUIRE(seal.ok());
    CHECK(seal->common_name == "Sở Tư pháp");
    CHECK(seal->user_id.empty());
    CHECK(seal->serial != head->serial);
  }
}

TEST_CASE("the trust is read from the files that the system publishes") {
  SigningSystem agency;
  const std::string digest = keys::RandomBytes(32);
  const absl::Time asked = absl::Now();
  const auto file = [&](absl::string_view name) { return absl::StrCat(agency.folder(), name); };
  const auto trust = keys::LoadTrust({{file("/ca/root.pem")},
                                      {file("/ca/issuing.pem")},
                                      {file("/crl/root.crl"), file("/crl/issuing.crl")}});
  INFO(trust.status());
  REQUIRE(trust.ok());
  CHECK(Verify(agency.Sign(digest), digest, asked, *trust).ok());
}

TEST_CASE("every bad signature is found, with its reason") {
  const std::map<std::string, std::string> reasons = {
      {"wrong_digest", "CMS_DIGEST_WRONG"},
      {"tampered", "CMS_SIGNATURE_WRONG"},
      {"wrong_signing_certificate", "CMS_SIGNER_WRONG"},
      {"wrong_key_usage", "CMS_KEY_USAGE_WRONG"},
      {"expired_certificate", "CMS_CERTIFICATE_EXPIRED"},
      {"not_yet_valid_certificate", "CMS_CERTIFICATE_EXPIRED"},
      {"revoked_certificate", "CMS_CERTIFICATE_REVOKED"},
      {"foreign_authority", "CMS_CHAIN_UNTRUSTED"},
      {"past_signing_time", "CMS_TIME_WRONG"},
      {"future_signing_time", "CMS_TIME_WRONG"},
  };
  for (const char* keys : {"ec", "rsa"}) {
    SigningSystem agency({"--keys", keys});
    const auto kinds = nlohmann::json::parse(agency.Get("/sim/faults"))["kinds"]["signatures"];
    size_t bad = 0;
    for (const std::string kind : kinds) {
      const auto wanted = reasons.find(kind);
      if (wanted == reasons.end()) continue;  // those of the way of the answer, and "refused"
      ++bad;
      INFO(keys << " " << kind);
      const std::string digest = keys::RandomBytes(32);
      const absl::Time asked = absl::Now();
      agency.Script("signatures", kind);
      const auto answer = agency.Sign(digest);
      const auto signer = Verify(answer, digest, asked, agency.Trust());
      CHECK(ErrorReason(signer.status()) == wanted->second);
      CHECK(Verify(agency.Sign(digest), digest, asked, agency.Trust()).ok());
    }
    CHECK(bad == reasons.size());
    CHECK(kinds.size() == reasons.size() + 5);  // delay, http_503, lost_answer, pending, refused
  }
}

TEST_CASE("a revocation counts from its time") {
  SigningSystem agency;
  const std::string digest = keys::RandomBytes(32);
  const absl::Time asked = absl::Now();
  const auto answer = agency.Sign(digest);
  const auto revoke = [&](absl::Duration offset) {
    const auto response =
        agency.Send("POST", "/sim/revocations",
                    {{"serial", answer["serial"]},
                     {"time", absl::FormatTime(asked + offset, absl::UTCTimeZone())}});
    REQUIRE(response.ok());
    INFO(response->body);
    REQUIRE(response->status == 200);
  };
  const keys::CmsTrust before = agency.Trust();
  revoke(absl::Minutes(1));
  const auto after = before.WithCrl(agency.Get("/crl/issuing.crl"));
  REQUIRE(after.ok());
  CHECK(Verify(answer, digest, asked, *after).ok());
  revoke(-absl::Minutes(1));
  const auto earlier = after->WithCrl(agency.Get("/crl/issuing.crl"));
  REQUIRE(earlier.ok());
  CHECK(ErrorReason(Verify(answer, digest, asked, *earlier).status()) == "CMS_CERTIFICATE_REVOKED");
  CHECK(Verify(answer, digest, asked, *after).ok());
}

TEST_CASE("bad revocation lists are refused") {
  SigningSystem agency;
  const std::string digest = keys::RandomBytes(32);
  const absl::Time asked = absl::Now();
  const auto answer = agency.Sign(digest);
  const keys::CmsTrust trust = agency.Trust();
  for (const char* kind : {"foreign", "tampered", "stale"}) {  // the stale one is an older one too
    INFO(kind);
    agency.Script("crl", kind);
    CHECK(ErrorReason(trust.WithCrl(agency.Get("/crl/issuing.crl")).status()) == "CMS_CRL_INVALID");
  }
  agency.Script("crl", "stale");
  const auto stale =
      keys::CmsTrust::Make({{agency.Get("/ca/root.pem")},
                            {agency.Get("/ca/issuing.pem")},
                            {agency.Get("/crl/issuing.crl"), agency.Get("/crl/root.crl")}});
  REQUIRE(stale.ok());
  CHECK(ErrorReason(Verify(answer, digest, asked, *stale).status()) == "CMS_CRL_STALE");
  const auto again = stale->WithCrl(agency.Get("/crl/issuing.crl"));
  REQUIRE(again.ok());
  CHECK(Verify(answer, digest, asked, *again).ok());
}

TEST_CASE("a lost answer is recovered by its reference") {
  SigningSystem agency;
  const std::string digest = keys::RandomBytes(32);
  const absl::Time asked = absl::Now();
  agency.Script("signatures", "lost_answer");
  const auto lost = agency.Ask(digest, "dossier-1", "");
  CHECK(ErrorReason(lost.status()) == "HTTP_OUTCOME_UNKNOWN");
  const auto found = nlohmann::json::parse(agency.Get("/v1/signatures?reference=dossier-1"));
  CHECK(Verify(found, digest, asked, agency.Trust()).ok());
  const auto repeated = agency.Ask(digest, "dossier-1", "");
  REQUIRE(repeated.ok());
  CHECK(nlohmann::json::parse(repeated->body) == found);
}

}  // namespace
}  // namespace lgsp
