// The client against the simulator of the signing system as a real process.
#include "services/national/signing_client.h"

#include <catch2/catch.hpp>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "libs/keys/cms.h"
#include "libs/keys/digest.h"
#include "libs/status/status.h"
#include "libs/testing/metric_value.h"
#include "services/national/sim_process_test.h"

namespace lgsp::national {
namespace {

constexpr absl::Duration kWaitLimit = absl::Seconds(30);
constexpr char kHead[] = "H12.03.head";

v1::SignDigestRequest RequestOf(const std::string& reference, const std::string& officer = kHead) {
  v1::SignDigestRequest request;
  request.set_reference(reference);
  request.set_agency("H12.03");
  request.set_officer(officer);
  request.set_digest(keys::RandomBytes(kDigestBytes));
  return request;
}

// A client, its clock and metrics.
class Adapter {
 public:
  explicit Adapter(const SigningConfig& config, absl::Duration call_timeout = absl::Seconds(10)) {
    auto client = SigningClient::Make(config, "/", &metrics_, &clock_, call_timeout);
    INFO(client.status());
    REQUIRE(client.ok());
    client_ = *std::move(client);
  }

  absl::StatusOr<std::string> Sign(const v1::SignDigestRequest& request) {
    return client_->Sign(request, absl::Now() + absl::Seconds(30));
  }
  // Asks again, as long as that can help.
  absl::StatusOr<std::string> SignAtLast(const v1::SignDigestRequest& request) {
    const absl::Time limit = absl::Now() + kWaitLimit;
    auto cms = Sign(request);
    while (IsTransient(cms.status()) && absl::Now() < limit) cms = Sign(request);
    return cms;
  }
  absl::StatusOr<std::vector<std::string>> Lists() {
    return client_->RevocationLists(absl::Now() + absl::Seconds(30));
  }
  double Count(const std::string& peer, const std::string& outcome) const {
    return testing::MetricValue(metrics_, absl::StrCat("http_client_requests_total{outcome=\"",
                                                       outcome, "\",peer=\"", peer, "\"}"));
  }
  SigningClient& client() { return *client_; }
  FakeClock& clock() { return clock_; }

 private:
  FakeClock clock_{absl::Now()};
  metrics::Registry metrics_;
  std::unique_ptr<SigningClient> client_;
};

TEST_CASE("a digest comes back signed, verifiable by the lists that come the same way") {
  SigningProcess sim;
  Adapter adapter(sim.Config());
  const absl::Time asked = absl::Now();
  const v1::SignDigestRequest request = RequestOf("results/1");
  const auto cms = adapter.Sign(request);
  INFO(cms.status());
  REQUIRE(cms.ok());
  const auto lists = adapter.Lists();
  REQUIRE(lists.ok());
  REQUIRE(lists->size() == 2);
  auto trust = keys::LoadTrust(
      {{sim.scratch().File("ca/root.pem")}, {sim.scratch().File("ca/issuing.pem")}, {}});
  for (const std::string& list : *lists) trust = trust->WithCrl(list);
  REQUIRE(trust.ok());
  const auto signer = keys::VerifyCms(
      *cms, {.digest = request.digest(), .not_before = asked, .now = absl::Now()}, *trust);
  INFO(signer.status());
  REQUIRE(signer.ok());
  CHECK(signer->organization_identifier == "H12.03");
  CHECK(signer->user_id == kHead);

  CHECK(adapter.Sign(request).value() == *cms);
  CHECK(adapter.Sign(RequestOf("seal", "")).ok());
  CHECK(sim.State()["signatures"] == 2);
  CHECK(adapter.Count("signing", "answered") == 3);
  CHECK(adapter.Count("signing_crl", "answered") == 2);
}

TEST_CASE("an answer that is lost on its way is found by its reference") {
  SigningProcess sim;
  Adapter adapter(sim.Config());
  sim.Script("signatures", "lost_answer");
  const v1::SignDigestRequest request = RequestOf("lost");
  const auto cms = adapter.Sign(request);
  INFO(cms.status());
  REQUIRE(cms.ok());
  CHECK(adapter.Count("signing", "outcome_unknown") == 1);
  CHECK(adapter.Sign(request).value() == *cms);
  CHECK(sim.State()["signatures"] == 1);
}

TEST_CASE("so is one that comes too late") {
  SigningProcess sim({"--delay-seconds", "20"});
  Adapter adapter(sim.Config(), absl::Seconds(2));
  sim.Script("signatures", "delay");
  const auto cms = adapter.Sign(RequestOf("late"));
  INFO(cms.status());
  REQUIRE(cms.ok());
  CHECK(adapter.Count("signing", "timeout") == 1);
  CHECK(sim.State()["signatures"] == 1);
}

TEST_CASE("a system that is away for a moment is asked again by the caller") {
  SigningProcess sim;
  Adapter adapter(sim.Config());
  const v1::SignDigestRequest request = RequestOf("again");
  sim.Script("signatures", "http_503");
  const absl::Status away = adapter.Sign(request).status();
  CHECK(away.code() == absl::StatusCode::kUnavailable);
  CHECK(ErrorReason(away) == "SIGNING_UNAVAILABLE");
  CHECK(adapter.Sign(request).ok());

  sim.Kill();
  CHECK(ErrorReason(adapter.Sign(request).status()) == "SIGNING_UNAVAILABLE");
  CHECK(ErrorReason(adapter.Lists().status()) == "SIGNING_UNAVAILABLE");
  CHECK(adapter.Count("signing", "not_sent") == 1);
  CHECK(adapter.Count("signing_crl", "not_sent") == 2);
}

TEST_CASE("an officer who takes his time is asked again, one who declines is not") {
  SigningProcess sim({"--pending-seconds", "0.5"});
  Adapter adapter(sim.Config());
  sim.Script("signatures", "pending");
  const v1::SignDigestRequest slow = RequestOf("slow");
  CHECK(ErrorReason(adapter.Sign(slow).status()) == "SIGNATURE_PENDING");
  const auto cms = adapter.SignAtLast(slow);
  INFO(cms.status());
  CHECK(cms.ok());

  sim.Script("signatures", "refused");
  const v1::SignDigestRequest declined = RequestOf("declined");
  for (int i = 0; i < 2; ++i) {
    const absl::Status status = adapter.Sign(declined).status();
    CHECK(status.code() == absl::StatusCode::kFailedPrecondition);
    CHECK(ErrorReason(status) == "SIGNATURE_REFUSED");
  }
}

TEST_CASE("what the system cannot sign") {
  SigningProcess sim;
  Adapter adapter(sim.Config());
  v1::SignDigestRequest request = RequestOf("r");
  REQUIRE(adapter.Sign(request).ok());
  request.set_digest(keys::RandomBytes(kDigestBytes));
  CHECK(ErrorReason(adapter.Sign(request).status()) == "REFERENCE_REUSED");
  const absl::Status unknown = adapter.Sign(RequestOf("s", "nguyen-van-a")).status();
  CHECK(ErrorReason(unknown) == "SIGNER_UNKNOWN");
  CHECK_FALSE(absl::StrContains(unknown.message(), "nguyen"));
  v1::SignDigestRequest elsewhere = RequestOf("t");
  elsewhere.set_agency("H99");
  CHECK(ErrorReason(adapter.Sign(elsewhere).status()) == "SIGNER_UNKNOWN");
  elsewhere.set_agency("");
  CHECK(ErrorReason(adapter.Sign(elsewhere).status()) == "SIGNING_FIELD_INVALID");
  CHECK(sim.State()["signatures"] == 1);
}

TEST_CASE("nothing is begun without time for it") {
  SigningProcess sim;
  Adapter adapter(sim.Config());
  const absl::Time soon = absl::Now() + kMinSigningCallTime / 2;
  CHECK(ErrorReason(adapter.client().Sign(RequestOf("r"), soon).status()) == "SIGNING_UNAVAILABLE");
  CHECK(ErrorReason(adapter.client().RevocationLists(soon).status()) == "SIGNING_UNAVAILABLE");
  CHECK(sim.State()["signatures"] == 0);
  CHECK(adapter.Count("signing", "not_sent") == 0);
}

TEST_CASE("with every other answer failing each digest is signed, once") {
  SigningProcess sim({"--faults", "50", "--delay-seconds", "0.1", "--pending-seconds", "0.2"});
  Adapter adapter(sim.Config());
  constexpr int kDigests = 30;
  for (int i = 0; i < kDigests; ++i) {
    const v1::SignDigestRequest request = RequestOf(absl::StrCat("storm-", i));
    const auto cms = adapter.SignAtLast(request);
    INFO(cms.status());
    REQUIRE(cms.ok());
    CHECK(adapter.SignAtLast(request).value() == *cms);
  }
  const nlohmann::json state = sim.State();
  INFO(state.dump());
  CHECK(state["signatures"] == kDigests);
  CHECK(state["states"] == nlohmann::json{{"DONE", kDigests}});
  CHECK(state["faults"].size() >= 2);
}

TEST_CASE("revocation lists are fetched again after a minute") {
  SigningProcess sim;
  Adapter adapter(sim.Config());
  const auto first = adapter.Lists();
  REQUIRE(first.ok());
  REQUIRE(adapter.Sign(RequestOf("r")).ok());
  const auto certificates = sim.Admin("GET", "/sim/certificates")["certificates"];
  REQUIRE(certificates.size() == 1);
  sim.Admin("POST", "/sim/revocations",
            nlohmann::json{{"serial", certificates[0]["serial"]}}.dump());

  adapter.clock().Advance(kCrlLifetime - absl::Milliseconds(1));
  CHECK(adapter.Lists().value() == *first);
  CHECK(adapter.Count("signing_crl", "answered") == 2);
  adapter.clock().Advance(absl::Milliseconds(1));
  sim.Script("crl", "http_503");
  // The root's cannot be had: the last one, which says itself how long it counts.
  const auto half = adapter.Lists();
  REQUIRE(half.ok());
  CHECK(half->front() == first->front());
  CHECK(half->back() != first->back());
  const auto second = adapter.Lists();
  REQUIRE(second.ok());
  CHECK(second->back() != first->back());
  // A clock that is set back by a year does not keep them for one.
  adapter.clock().Advance(-absl::Hours(24 * 365));
  const double before = adapter.Count("signing_crl", "answered");
  CHECK(adapter.Lists().ok());
  CHECK(adapter.Count("signing_crl", "answered") == before + 2);
}

TEST_CASE("one list that cannot be had, or is too large, does not take the others along") {
  FileServer server;
  SigningConfig config;
  config.set_url(server.url());
  const std::string half = "\x30" + std::string(kMaxCrlBytesTogether / 2 - 1, 'x');
  for (const char* name : {"one", "two", "three"}) server.scratch().File(name, half);
  for (const char* name : {"one", "two"}) {
    config.add_crl_urls(absl::StrCat(server.url(), "/", name));
  }
  CHECK(Adapter(config).Lists().value() == std::vector<std::string>{half, half});
  config.add_crl_urls(absl::StrCat(server.url(), "/three"));
  CHECK(Adapter(config).Lists().value() == std::vector<std::string>{half, half});
  config.set_crl_urls(0, absl::StrCat(server.url(), "/missing"));
  CHECK(Adapter(config).Lists().value() == std::vector<std::string>{half, half});
  config.mutable_crl_urls()->DeleteSubrange(1, 2);
  const absl::Status status = Adapter(config).Lists().status();
  CHECK(ErrorReason(status) == "SIGNING_UNAVAILABLE");
  CHECK(absl::StrContains(status.message(), "HTTP 404"));
  // Something else than a signing system answers there.
  CHECK(ErrorReason(Adapter(config).Sign(RequestOf("r")).status()) == "SIGNING_UNAVAILABLE");
}

TEST_CASE("a configuration that cannot work is refused at start") {
  const auto field_of = [](const SigningConfig& config) {
    metrics::Registry metrics;
    const SystemClock clock;
    const auto made = SigningClient::Make(config, "/", &metrics, &clock);
    return absl::StrCat(ErrorReason(made.status()), " ", made.status().message());
  };
  SigningConfig config;
  CHECK(absl::StartsWith(field_of(config), "CONFIG_INVALID signing.url"));
  config.set_url("ftp://signing");
  CHECK(absl::StartsWith(field_of(config), "CONFIG_INVALID signing.url"));
  config.set_url("https://signing");
  CHECK(absl::StartsWith(field_of(config), "CONFIG_INVALID signing.crl_urls"));
  config.add_crl_urls("/crl/root.crl");
  CHECK(absl::StartsWith(field_of(config), "CONFIG_INVALID signing.crl_urls"));
  config.set_crl_urls(0, "http://crl/root.crl");
  CHECK(field_of(config) == " ");
  config.set_authority_file("no-such-file");
  CHECK(absl::StartsWith(field_of(config), "FILE_MISSING"));
  config.clear_authority_file();
  for (int i = 1; i <= kMaxCrls; ++i) config.add_crl_urls("http://crl/root.crl");
  CHECK(absl::StartsWith(field_of(config), "CONFIG_INVALID signing.crl_urls"));
}

}  // namespace
}  // namespace lgsp::national
