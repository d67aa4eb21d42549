// What the gateway keeps of calls, read from its log's files as an auditor would.
#include <sys/resource.h>

#include <catch2/catch.hpp>
#include <csignal>
#include <filesystem>
#include <map>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "lgsp/evidence/v1/record.pb.h"
#include "libs/evidence/reader.h"
#include "libs/evidence/verify.h"
#include "libs/keys/digest.h"
#include "libs/status/status.h"
#include "services/gateway/evidence_log.h"
#include "services/gateway/gateway_fixture_test.h"
#include "services/gateway/limits.h"

namespace lgsp::gateway {
namespace {

using lgsp::evidence::v1::Intent;
using lgsp::evidence::v1::Outcome;
using lgsp::evidence::v1::Record;

constexpr char kOrigin[] = "test/gateway/0";

evidence::NoteKey Verifier(const GatewayFixture& fixture) {
  return *evidence::NoteKey::Of(kOrigin, fixture.evidence_key);
}

// The records of a log that nobody writes any more; it must verify.
std::vector<Record> RecordsOf(const std::string& directory, const evidence::NoteKey& verifier) {
  const evidence::Verification verified = evidence::Verify(directory, verifier, {});
  INFO(verified.Summary());
  REQUIRE(verified.ok());
  evidence::Reader reader(directory, verifier);
  std::vector<Record> records;
  while (records.size() < verified.checkpoint.size) {
    const auto entries = reader.Entries(records.size(), 100);
    INFO(entries.status());
    REQUIRE(entries.ok());
    for (const std::string& entry : *entries) {
      REQUIRE(records.emplace_back().ParseFromString(entry));
    }
  }
  return records;
}

std::vector<Record> Records(GatewayFixture& fixture) {
  fixture.loop.CloseAll();
  fixture.server.reset();
  return RecordsOf(fixture.folder.path() + "/evidence", Verifier(fixture));
}

// Its outcome, once; its intent stands before it.
Outcome OutcomeOf(const std::vector<Record>& records, absl::string_view exchange_id) {
  Outcome outcome;
  int intents = 0, outcomes = 0;
  for (const Record& record : records) {
    if (record.intent().exchange_id() == exchange_id) ++intents;
    if (record.outcome().exchange_id() != exchange_id) continue;
    CHECK(intents == 1);
    ++outcomes;
    outcome = record.outcome();
  }
  CHECK(intents == 1);
  CHECK(outcomes == 1);
  return outcome;
}

TEST_CASE("evidence: a call is kept with who, what and the hashes of both bodies") {
  GatewayFixture fixture;
  fixture.Start();
  H2Peer& client = fixture.Client();
  const std::string request = FrameMessage("question"), response = FrameMessage("answer");
  const int32_t id = client.Request(GrpcHead(kUnary), request, true);
  const Arrival arrival = fixture.NextArrival();
  arrival.peer->Respond(arrival.id, kAnswerHead);
  arrival.peer->Send(arrival.id, response);
  arrival.peer->End(arrival.id, kOkTrailers);
  CHECK(fixture.Finish(client, id).ok());
  const PeerStream stream = client.stream(id);
  const std::string exchange_id(stream.Field("lgsp-exchange-id"));
  CHECK(arrival.stream().Field("lgsp-exchange-id") == exchange_id);
  REQUIRE(stream.trailers.size() == 2);
  CHECK(stream.trailers[1].name == "lgsp-receipt");
  const std::string receipt(stream.trailers[1].value);

  const auto records = Records(fixture);
  const Outcome outcome = OutcomeOf(records, exchange_id);
  CHECK(outcome.end() == Outcome::ANSWERED);
  CHECK(outcome.grpc_status() == 0);
  CHECK(outcome.request_sha256() == keys::Sha256(request));
  CHECK(outcome.request_bytes() == static_cast<int64_t>(request.size()));
  CHECK(outcome.response_sha256() == keys::Sha256(response));
  CHECK(outcome.response_bytes() == static_cast<int64_t>(response.size()));
  const std::pair<std::string, std::string> parts = absl::StrSplit(receipt, '#');
  CHECK(parts.first == kOrigin);
  CHECK(records.at(std::stoul(parts.second)).outcome().exchange_id() == exchange_id);
  const Intent& intent = records.front().intent();
  CHECK(intent.path() == kUnary);
  CHECK(intent.caller().system() == fixture.snapshot.systems(0).name());
  CHECK_FALSE(intent.caller().agreement().empty());
  CHECK(intent.caller().agencies().empty());
  CHECK(intent.head_sha256().size() == 32);
}

TEST_CASE("evidence: refused calls are kept, with the reason, before their answer") {
  GatewayFixture fixture;
  fixture.Start();
  H2Peer& client = fixture.Client();
  const int32_t unknown =
      client.Request(GrpcHead("/no.such.Service/Method"), FrameMessage(""), true);
  CHECK(ErrorReason(fixture.Finish(client, unknown)) == "NO_AGREEMENT");
  const int32_t dots = client.Request(GrpcHead("/a/../b"), FrameMessage(""), true);
  CHECK(ErrorReason(fixture.Finish(client, dots)) == "PATH_INVALID");
  std::vector<std::pair<std::string, std::string>> refused;
  for (const int32_t id : {unknown, dots}) {
    const PeerStream& stream = client.stream(id);
    refused.push_back(
        {std::string(stream.Field("lgsp-exchange-id")), ErrorReason(stream.Outcome())});
    CHECK(absl::StartsWith(stream.Field("lgsp-receipt"), absl::StrCat(kOrigin, "#")));
  }
  const auto records = Records(fixture);
  for (const auto& [exchange_id, reason] : refused) {
    const Outcome outcome = OutcomeOf(records, exchange_id);
    CHECK(outcome.end() == Outcome::REFUSED);
    CHECK(outcome.reason() == reason);
  }
}

TEST_CASE("evidence: a caller who goes away, a service that breaks") {
  GatewayFixture fixture;
  fixture.Start();
  H2Peer& client = fixture.Client();
  const int32_t gone = client.Request(GrpcHead(kChat), FrameMessage("x"), false);
  const Arrival first = fixture.NextArrival();
  const std::string gone_id(first.stream().Field("lgsp-exchange-id"));
  client.Reset(gone, NGHTTP2_CANCEL);
  fixture.RunUntil([&] { return first.stream().closed(); });
  const int32_t broken = client.Request(GrpcHead(kChat), FrameMessage("x"), false);
  const Arrival second = fixture.NextArrival();
  const std::string broken_id(second.stream().Field("lgsp-exchange-id"));
  second.peer->Reset(second.id, NGHTTP2_INTERNAL_ERROR);
  CHECK(ErrorReason(fixture.Finish(client, broken)) == "UPSTREAM_LOST");
  const auto records = Records(fixture);
  CHECK(OutcomeOf(records, gone_id).end() == Outcome::CALLER_GONE);
  const Outcome failed = OutcomeOf(records, broken_id);
  CHECK(failed.end() == Outcome::FAILED);
  CHECK(failed.reason() == "UPSTREAM_LOST");
}

TEST_CASE("evidence: a call that lasts is noted between its intent and its outcome") {
  GatewayFixture fixture;
  fixture.config.set_evidence_progress_seconds(1);
  fixture.Start();
  H2Peer& client = fixture.Client();
  const std::string request = FrameMessage("x");
  const int32_t id = client.Request(GrpcHead(kChat), request, false);
  const Arrival arrival = fixture.NextArrival();
  // Intent, and the first note.
  fixture.RunUntil([&] { return fixture.Metric("evidence_log_entries_total") >= 2; });
  arrival.peer->Respond(arrival.id, kAnswerHead);
  arrival.peer->End(arrival.id, kOkTrailers);
  CHECK(fixture.Finish(client, id).ok());
  const std::string exchange_id(client.stream(id).Field("lgsp-exchange-id"));
  const auto records = Records(fixture);
  CHECK(OutcomeOf(records, exchange_id).end() == Outcome::ANSWERED);
  REQUIRE(records.size() >= 3);
  CHECK(records[1].progress().exchange_id() == exchange_id);
  CHECK(records[1].progress().request_bytes() == static_cast<int64_t>(request.size()));
}

TEST_CASE(
    "evidence: what reached the service is in the file; after a kill its outcome is unknown") {
  GatewayFixture fixture;
  fixture.Start();
  H2Peer& client = fixture.Client();
  client.Request(GrpcHead(kChat), FrameMessage("x"), false);
  const Arrival arrival = fixture.NextArrival();
  const std::string exchange_id(arrival.stream().Field("lgsp-exchange-id"));
  // As a kill would leave the files at this moment.
  const lgsp::testing::TemporaryFolder killed;
  std::filesystem::copy(fixture.folder.path() + "/evidence", killed.path() + "/evidence",
                        std::filesystem::copy_options::recursive);
  killed.Write("evidence.key", fixture.evidence_key.ToPem());
  {
    metrics::Registry metrics;
    const auto log = OpenEvidenceLog(fixture.config, killed.path(), &metrics, fixture.clock);
    INFO(log.status());
    REQUIRE(log.ok());
  }
  const auto records = RecordsOf(killed.path() + "/evidence", Verifier(fixture));
  CHECK(OutcomeOf(records, exchange_id).end() == Outcome::OUTCOME_UNKNOWN);
}

TEST_CASE("evidence: with a full disk nothing is sent on; with room again everything goes on") {
  GatewayFixture fixture;
  fixture.Start();
  H2Peer& client = fixture.Client();
  // Under way when it happens: its outcome waits for room, past the deadline if it must.
  const int32_t open =
      client.Request(GrpcHead(kUnary, {{"grpc-timeout", "500m"}}), FrameMessage("x"), true);
  const absl::Time deadline = absl::Now() + absl::Milliseconds(500);
  const Arrival arrival = fixture.NextArrival();
  rlimit before;
  REQUIRE(getrlimit(RLIMIT_FSIZE, &before) == 0);
  signal(SIGXFSZ, SIG_IGN);
  const rlimit full{1, before.rlim_max};
  REQUIRE(setrlimit(RLIMIT_FSIZE, &full) == 0);
  const int32_t refused = client.Request(GrpcHead(kUnary), FrameMessage("x"), true);
  const absl::Status status = fixture.Finish(client, refused);
  arrival.peer->Respond(arrival.id, kAnswerHead);
  arrival.peer->End(arrival.id, kOkTrailers);
  fixture.RunUntil([&] { return !client.stream(open).head.empty(); });
  fixture.RunUntil([&] { return absl::Now() > deadline + absl::Milliseconds(100); });
  const bool waits = !client.stream(open).closed();
  REQUIRE(setrlimit(RLIMIT_FSIZE, &before) == 0);
  INFO(status);
  CHECK(ErrorReason(status) == "EVIDENCE_UNAVAILABLE");
  CHECK(waits);
  CHECK(arrival.peer->incoming().size() == 1);
  CHECK(fixture.Finish(client, open).ok());
  const int32_t next = client.Request(GrpcHead(kUnary), FrameMessage("x"), true);
  const Arrival later = fixture.NextArrival();
  later.peer->Respond(later.id, kAnswerHead);
  later.peer->End(later.id, kOkTrailers);
  CHECK(fixture.Finish(client, next).ok());
  const std::string first_id(client.stream(open).Field("lgsp-exchange-id"));
  const std::string last_id(client.stream(next).Field("lgsp-exchange-id"));
  const auto records = Records(fixture);
  CHECK(OutcomeOf(records, first_id).end() == Outcome::ANSWERED);
  CHECK(OutcomeOf(records, last_id).end() == Outcome::ANSWERED);
}

TEST_CASE("evidence: a path that is no text is kept as text, and the next start reads it") {
  GatewayFixture fixture;
  fixture.Start();
  H2Peer& client = fixture.Client();
  // In UTF-8 once it is decoded, as the path rule demands; not before.
  const int32_t id = client.Request(GrpcHead("/a%C3\xA9/b"), FrameMessage(""), true);
  CHECK_FALSE(fixture.Finish(client, id).ok());
  const std::string exchange_id(client.stream(id).Field("lgsp-exchange-id"));
  const auto records = Records(fixture);
  CHECK(OutcomeOf(records, exchange_id).end() == Outcome::REFUSED);
  CHECK(records.front().intent().path() == "/a%C3\\xa9/b");
  CHECK(records.front().intent().caller().system() == fixture.snapshot.systems(0).name());
}

TEST_CASE("evidence: of callers nobody knows a few refusals are kept, the others counted") {
  GatewayFixture fixture;
  fixture.Start();
  const keys::CertifiedKey stranger = fixture.Certify(-absl::Hours(1), absl::Hours(1));
  PeerOptions options;
  options.tls = fixture.ClientTls(&stranger);
  H2Peer& client = fixture.Client(options);
  const std::string long_path = "/x/" + std::string(2000, 'y');
  const int calls = 3 * kMaxStrangerRecords;
  std::vector<int32_t> ids;
  for (int i = 0; i < calls; ++i) {
    ids.push_back(client.Request(GrpcHead(long_path), FrameMessage(""), true));
    if (ids.size() < 50) continue;
    for (const int32_t one : ids) {
      CHECK(ErrorReason(fixture.Finish(client, one)) == "SYSTEM_UNKNOWN");
    }
    ids.clear();
  }
  const double dropped = fixture.Metric("gateway_evidence_dropped_total");
  const auto records = Records(fixture);
  CHECK(records.size() == 2 * (static_cast<size_t>(calls) - static_cast<size_t>(dropped)));
  CHECK(dropped > 0);
  CHECK(records.front().intent().path() == long_path.substr(0, kMaxStrangerPath));
}

TEST_CASE("evidence: what its retention is over is deleted, and the rest verifies") {
  GatewayFixture fixture;
  fixture.Start();
  H2Peer& client = fixture.Client();
  const std::string directory = fixture.folder.path() + "/evidence";
  const auto call = [&](int times) {
    for (int i = 0; i < times; ++i) {
      const int32_t id = client.Request(GrpcHead("/no.such.Service/Method"), "", true);
      CHECK_FALSE(fixture.Finish(client, id).ok());
    }
  };
  call(300);
  const absl::Time middle = absl::Now();
  call(300);
  fixture.loop.CloseAll();
  fixture.server.reset();
  fixture.folder.Write("evidence.key", fixture.evidence_key.ToPem());
  metrics::Registry metrics;
  const auto log = OpenEvidenceLog(fixture.config, fixture.folder.path(), &metrics, fixture.clock);
  REQUIRE(log.ok());
  CHECK(*ForgetEvidence(**log, directory, absl::InfinitePast()) == 0);
  CHECK(*ForgetEvidence(**log, directory, middle) == 512);
  CHECK(*ForgetEvidence(**log, directory, middle) == 512);
  const auto verified = evidence::Verify(directory, Verifier(fixture), {});
  CHECK(verified.ok());
  CHECK(verified.minimum_index == 512);
  CHECK(verified.entries_checked == 1200 - 512);
}

TEST_CASE("evidence: production does not start without a log, nor two on one") {
  GatewayFixture fixture;
  fixture.Start();
  metrics::Registry metrics;
  const auto second =
      OpenEvidenceLog(fixture.config, fixture.folder.path(), &metrics, fixture.clock);
  CHECK(ErrorReason(second.status()) == "EVIDENCE_LOG_IN_USE");
  GatewayConfig config = fixture.config;
  config.clear_evidence_directory();
  CHECK(OpenEvidenceLog(config, fixture.folder.path(), &metrics, fixture.clock).value() == nullptr);
  config.set_profile(GatewayConfig::PRODUCTION);
  CHECK(ErrorReason(
            OpenEvidenceLog(config, fixture.folder.path(), &metrics, fixture.clock).status()) ==
        "EVIDENCE_NOT_CONFIGURED");
}

}  // namespace
}  // namespace lgsp::gateway
