// The service as others see it, by gRPC over mutual TLS: receipts that prove, who may have them,
// auditors and what is kept of their questions, anchors, and a mirror of the mirror.
#include "services/evidence/evidence_service.h"

#include <catch2/catch.hpp>
#include <filesystem>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "lgsp/registry/v1/policy.pb.h"
#include "libs/auth/auth.h"
#include "libs/clock/timestamp.h"
#include "libs/evidence/tiles.h"
#include "libs/evidence/verify.h"
#include "libs/rpc/channel.h"
#include "libs/sql/fixture_test.h"
#include "libs/status/status.h"
#include "libs/testing/platform.h"
#include "services/evidence/fixture_test.h"
#include "services/evidence/limits.h"
#include "services/evidence/log_files_client.h"
#include "services/evidence/log_files_service.h"
#include "services/evidence/migrations.h"
#include "services/evidence/opening.h"

namespace lgsp::evidence {
namespace {

using lgsp::auth::v1::Caller;
using lgsp::evidence::v1::AuditRecord;
using lgsp::evidence::v1::GetReceiptRequest;
using lgsp::evidence::v1::ListAnchorsRequest;
using lgsp::evidence::v1::ListExchangesRequest;
using lgsp::evidence::v1::ProvedRecord;
using lgsp::evidence::v1::Receipt;
using sql::kBothEngines;
using Stub = lgsp::evidence::v1::Evidence::Stub;

constexpr char kService[] = "lgsp.evidence.v1.Evidence";
constexpr char kCalls[] =
    "rules { caller: 'gateway' service: 'lgsp.evidence.v1.Evidence' methods: '*' }"
    "rules { caller: 'evidence' service: 'lgsp.evidence.v1.LogFiles' methods: '*' }";
constexpr char kPerson[] = "persons/7d0c";

Caller CallerOf(absl::string_view system, absl::string_view participant = "participants/H12.1") {
  Caller caller;
  caller.set_system(std::string(system));
  caller.set_participant(std::string(participant));
  return caller;
}

Caller Auditor() {
  Caller caller = CallerOf("systems/inspectorate");
  caller.mutable_officer()->set_id("tt-7");
  caller.mutable_officer()->set_unit("H12.12");
  caller.mutable_officer()->add_roles("auditor");
  return caller;
}

// The service, opened from a configuration, beside the log of a gateway.
class ServiceFixture {
 public:
  explicit ServiceFixture(sql::Database::Engine engine) : db(engine) {
    REQUIRE(db->Migrate(Migrations()).ok());
    WritePolicy("participants/platform", policy_key);
    config_.set_directory("evidence");
    LogConfig& log = *config_.add_logs();
    log.set_origin(kGateway);
    log.set_key_file(files().Write("log.pub", node.key.PublicPem()));
    log.set_directory(node.folder);
    config_.set_audit_origin("lgsp.example/evidence/0/audit");
    config_.set_audit_key_file(files().Write("audit.key", audit_key.ToPem()));
    config_.set_policy_file("policy");
    config_.add_policy_key_files(files().Write("policy.pub", policy_key.PublicPem()));
    *config_.mutable_rpc() = platform.ConfigOf("evidence");
    Start();
  }
  ~ServiceFixture() { server_->Drain(sql::kPatience); }

  void Start() {
    const std::string& base = files().path();
    audit = Opened(OpenAudit(config_, base, &metrics));
    mirrors = Opened(OpenMirrors(config_, base, &metrics, &clock));
    person_keys = Opened(OpenPersonKeys(config_, base, &clock));
    providers = Opened(OpenProviders(config_, base));
    index = std::make_unique<ExchangeIndex>(&*db, person_keys.get(), &metrics);
    service_ = std::make_unique<EvidenceService>(EvidenceParts{
        &mirrors, index.get(), person_keys.get(), providers.get(), audit.get(), &clock});
    files_ = std::make_unique<LogFilesService>(&mirrors);
    server_ = platform.Start(
        "evidence", {{kService, service_.get()}, {"lgsp.evidence.v1.LogFiles", files_.get()}});
    stub = lgsp::evidence::v1::Evidence::NewStub(
        platform.ChannelOf("gateway", server_->port(), "evidence"));
  }
  template <typename T>
  T Opened(absl::StatusOr<T> opened) {
    INFO(opened.status());
    REQUIRE(opened.ok());
    return *std::move(opened);
  }
  void WritePolicy(absl::string_view provider, const keys::SigningKey& key) {
    lgsp::registry::v1::PolicySnapshot policy;
    auto& service = *policy.add_services();
    service.set_name("lgsp.dossiers.v1.Dossiers");
    service.set_provider(std::string(provider));
    lgsp::registry::v1::SignedSnapshot stored;
    stored.set_snapshot(policy.SerializeAsString());
    stored.set_signature(key.Sign(absl::StrCat("lgsp-policy-v1\n", stored.snapshot())));
    files().Write("policy", stored.SerializeAsString());
  }
  void Turn() {
    REQUIRE(mirrors[0]->Poll().ok());
    REQUIRE(index->Follow(kGateway, mirrors[0]->reader()).ok());
  }
  std::shared_ptr<grpc::Channel> ChannelOf(absl::string_view caller) {
    return platform.ChannelOf(caller, server_->port(), "evidence");
  }

  // The answer of a method to `caller`.
  template <typename Request, typename Response>
  absl::StatusOr<Response> Ask(grpc::Status (Stub::*method)(grpc::ClientContext*, const Request&,
                                                            Response*),
                               const Request& request, const Caller& caller) {
    grpc::ClientContext context;
    context.AddMetadata(auth::kCallerHeader, platform.CallerJws(kService, caller));
    rpc::SetDeadline(context, sql::kPatience);
    Response response;
    RETURN_IF_ERROR(rpc::FromGrpcStatus((stub.get()->*method)(&context, request, &response)));
    return response;
  }
  absl::StatusOr<Receipt> GetReceipt(const std::string& id, const Caller& caller) {
    GetReceiptRequest request;
    request.set_exchange_id(id);
    return Ask(&Stub::GetReceipt, request, caller);
  }
  absl::StatusOr<lgsp::evidence::v1::ListExchangesResponse> List(
      const ListExchangesRequest& request, const Caller& caller = Auditor()) {
    return Ask(&Stub::ListExchanges, request, caller);
  }
  // What is kept of auditors' questions.
  std::vector<AuditRecord> Audited() {
    const uint64_t size = audit->size();
    REQUIRE(audit->WaitCheckpoint(size, absl::Now() + sql::kPatience).ok());
    Reader reader(files().path() + "/evidence/audit", audit->verifier());
    std::vector<AuditRecord> records;
    for (uint64_t i = 0; i < size; ++i) {
      REQUIRE(records.emplace_back().ParseFromString(*reader.Entry(i)));
    }
    return records;
  }
  const testing::TemporaryFolder& files() { return platform.folder(); }

  testing::Platform platform{kCalls};
  sql::TestDatabase db;
  FakeClock clock{kNoon + absl::Hours(1)};
  metrics::Registry metrics;
  const keys::SigningKey policy_key = keys::SigningKey::Generate();
  const keys::SigningKey audit_key = keys::SigningKey::Generate();
  Node node{platform.folder().path() + "/node"};
  std::unique_ptr<Log> audit;
  Mirrors mirrors;
  std::unique_ptr<PersonKeys> person_keys;
  std::unique_ptr<Providers> providers;
  std::unique_ptr<ExchangeIndex> index;
  std::unique_ptr<Stub> stub;

 private:
  EvidenceConfig config_;
  std::unique_ptr<EvidenceService> service_;
  std::unique_ptr<LogFilesService> files_;
  std::unique_ptr<rpc::Server> server_;
};

// Whether the entry is in the tree of the receipt's checkpoint, by the receipt and the key alone.
bool Proves(const Receipt& receipt, const ProvedRecord& proved, const NoteKey& key) {
  const auto checkpoint = OpenCheckpoint(receipt.checkpoint(), key);
  if (!checkpoint.ok()) return false;
  std::vector<Hash> proof;
  for (const std::string& bytes : proved.inclusion_proof()) {
    if (bytes.size() != sizeof(Hash)) return false;
    std::copy(bytes.begin(), bytes.end(), proof.emplace_back().begin());
  }
  return VerifyInclusion(Hasher().Leaf(proved.entry()), proved.index(), checkpoint->size, proof,
                         checkpoint->root) &&
         proved.record().SerializeAsString() == proved.entry();
}

std::vector<Call> CallsOf(int number) {
  std::vector<Call> calls;
  for (int i = 0; i < number; ++i) calls.push_back({.id = ExchangeId(i), .person = kPerson});
  return calls;
}

TEST_CASE("a receipt proves both records of a call") {
  ServiceFixture fixture(GENERATE(from_range(kBothEngines)));
  fixture.node.AppendCalls(CallsOf(150));
  fixture.node.Append({IntentOf({.id = ExchangeId(900)})});
  fixture.Turn();
  for (const int number : {0, 1, 64, 127, 128, 149}) {
    const auto receipt = fixture.GetReceipt(ExchangeId(number), CallerOf("systems/onestop"));
    INFO(number << " " << receipt.status());
    REQUIRE(receipt.ok());
    CHECK(receipt->origin() == kGateway);
    CHECK(receipt->key() == fixture.node.verifier.ToString());
    CHECK(Proves(*receipt, receipt->intent(), fixture.node.verifier));
    CHECK(Proves(*receipt, receipt->outcome(), fixture.node.verifier));
    CHECK(receipt->intent().record().intent().exchange_id() == ExchangeId(number));
    CHECK(receipt->outcome().record().outcome().exchange_id() == ExchangeId(number));
  }
  const auto open = fixture.GetReceipt(ExchangeId(900), CallerOf("systems/onestop"));
  REQUIRE(open.ok());
  CHECK(Proves(*open, open->intent(), fixture.node.verifier));
  CHECK_FALSE(open->has_outcome());
  CHECK(fixture.Audited().empty());
}

TEST_CASE("a receipt is for the two sides of a call, and for an auditor, who leaves a trace") {
  ServiceFixture fixture(GENERATE(from_range(kBothEngines)));
  fixture.node.AppendCalls(CallsOf(1));
  fixture.Turn();
  const auto reason = [&](const std::string& id, const Caller& caller) {
    return ErrorReason(fixture.GetReceipt(id, caller).status());
  };
  CHECK(reason(ExchangeId(0), CallerOf("systems/onestop")).empty());
  CHECK(reason(ExchangeId(0), CallerOf("systems/x", "participants/platform")).empty());
  CHECK(reason(ExchangeId(0), CallerOf("systems/x")) == "EXCHANGE_UNKNOWN");
  CHECK(reason(ExchangeId(1), CallerOf("systems/onestop")) == "EXCHANGE_UNKNOWN");
  CHECK(reason("x", Auditor()) == "EXCHANGE_ID_INVALID");
  Caller headless = Auditor();
  headless.mutable_officer()->clear_unit();
  CHECK(reason(ExchangeId(0), headless) == "EXCHANGE_UNKNOWN");
  CHECK(fixture.Audited().empty());

  CHECK(reason(ExchangeId(0), Auditor()).empty());
  CHECK(reason(ExchangeId(1), Auditor()) == "EXCHANGE_UNKNOWN");
  const auto audited = fixture.Audited();
  REQUIRE(audited.size() == 2);
  CHECK(audited[0].exchange_id() == ExchangeId(0));
  CHECK(audited[0].caller().officer().id() == "tt-7");
  CHECK(audited[0].time().seconds() == absl::ToUnixSeconds(fixture.clock.SecurityNow()));
  CHECK(audited[1].exchange_id() == ExchangeId(1));

  // Another provides it now; a policy of a stranger changes nothing.
  fixture.WritePolicy("participants/H12.1", fixture.policy_key);
  REQUIRE(fixture.providers->Refresh().ok());
  CHECK(reason(ExchangeId(0), CallerOf("systems/x")).empty());
  CHECK(reason(ExchangeId(0), CallerOf("systems/x", "participants/platform")) ==
        "EXCHANGE_UNKNOWN");
  fixture.WritePolicy("participants/platform", fixture.audit_key);
  CHECK(ErrorReason(fixture.providers->Refresh()) == "POLICY_INVALID");
  CHECK(reason(ExchangeId(0), CallerOf("systems/x")).empty());
}

TEST_CASE("lists are for auditors; each question is kept, the person only as a hash") {
  ServiceFixture fixture(GENERATE(from_range(kBothEngines)));
  std::vector<Call> calls = CallsOf(5);
  calls[3].person = "persons/other";
  fixture.node.AppendCalls(calls);
  fixture.Turn();
  CHECK(ErrorReason(fixture.List({}, CallerOf("systems/onestop")).status()) == "AUDITOR_REQUIRED");
  ListExchangesRequest request;
  request.set_person(kPerson);
  request.set_page_size(3);
  const auto first = fixture.List(request);
  INFO(first.status());
  REQUIRE(first.ok());
  REQUIRE(first->exchanges_size() == 3);
  CHECK(first->exchanges(0).method() == "GetDossier");
  CHECK(first->exchanges(0).grpc_status() == 5);
  CHECK(ToTime(first->exchanges(0).time()) == kNoon);
  request.set_page_token(first->next_page_token());
  const auto second = fixture.List(request);
  REQUIRE(second->exchanges_size() == 1);
  CHECK(second->exchanges(0).exchange_id() == ExchangeId(4));
  CHECK(second->next_page_token().empty());
  request.set_person("persons/other");
  CHECK(ErrorReason(fixture.List(request).status()) == "PAGE_TOKEN_INVALID");

  const auto audited = fixture.Audited();
  REQUIRE(audited.size() == 2);
  CHECK(audited[0].list().page_size() == 3);
  CHECK(audited[0].list().person().empty());
  REQUIRE(audited[0].person_hashes_size() == 1);
  CHECK(audited[0].person_hashes(0).size() == 32);
  for (const AuditRecord& record : audited) {
    CHECK_FALSE(absl::StrContains(record.SerializeAsString(), kPerson));
  }
  // Nobody of that year can be found, and nobody is.
  request = {};
  request.set_person(kPerson);
  *request.mutable_end_time() = ToTimestamp(kNoon - absl::Hours(24 * 400));
  CHECK(fixture.List(request)->exchanges().empty());
}

TEST_CASE("a wrong question is INVALID_ARGUMENT with its reason, and none that is kept") {
  ServiceFixture fixture(sql::Database::Engine::kSqlite);
  const auto check = [&](const ListExchangesRequest& request, absl::string_view reason) {
    INFO(request.ShortDebugString());
    const absl::Status status = fixture.List(request).status();
    CHECK(absl::IsInvalidArgument(status));
    CHECK(ErrorReason(status) == reason);
  };
  ListExchangesRequest request;
  request.set_page_size(-1);
  check(request, "PAGE_SIZE_INVALID");
  request = {};
  request.set_page_token("x");
  check(request, "PAGE_TOKEN_INVALID");
  request = {};
  request.mutable_start_time()->set_nanos(-1);
  check(request, "TIME_INVALID");
  request = {};
  *request.mutable_start_time() = ToTimestamp(kNoon);
  *request.mutable_end_time() = ToTimestamp(kNoon - absl::Seconds(1));
  check(request, "TIME_INVALID");
  request = {};
  request.set_person(std::string(kMaxIndexedText + 1, 'p'));
  check(request, "FILTER_INVALID");
  request = {};
  request.set_dossier(std::string("a\0b", 3));
  check(request, "FILTER_INVALID");
  CHECK(fixture.Audited().empty());
}

TEST_CASE("anchors come by pages, and verify the log they were taken of") {
  ServiceFixture fixture(sql::Database::Engine::kSqlite);
  std::vector<std::string> notes;
  for (uint64_t size = 1; size <= 5; ++size) {
    fixture.node.AppendUpTo(size * 100);
    fixture.Turn();
    notes.push_back(ReadText(fixture.node.folder + "/checkpoint"));
    fixture.clock.Advance(kAnchorInterval);
  }
  ListAnchorsRequest request;
  request.set_origin("lgsp.example/gateway/1");
  const auto caller = CallerOf("systems/onestop");
  CHECK(ErrorReason(fixture.Ask(&Stub::ListAnchors, request, caller).status()) == "LOG_UNKNOWN");
  request.set_origin(kGateway);
  request.set_page_size(2);
  std::vector<std::string> found;
  do {
    const auto page = fixture.Ask(&Stub::ListAnchors, request, caller);
    REQUIRE(page.ok());
    found.insert(found.end(), page->anchors().begin(), page->anchors().end());
    request.set_page_token(page->next_page_token());
  } while (!request.page_token().empty());
  CHECK(found == notes);
  CHECK(Verify(fixture.node.folder, fixture.node.verifier, found).anchors == 5);
}

TEST_CASE("another evidence service mirrors the mirror, and finds what is changed in it") {
  ServiceFixture fixture(sql::Database::Engine::kSqlite);
  fixture.node.AppendUpTo(700);
  const auto channel = fixture.ChannelOf("evidence");
  const std::string directory = fixture.files().path() + "/second";
  metrics::Registry metrics;
  const auto second = fixture.Opened(Mirror::Open(
      fixture.node.verifier, {.directory = directory,
                              .source = std::make_unique<PeerSource>(kGateway, channel),
                              .metrics = &metrics,
                              .clock = &fixture.clock}));
  // Nothing is mirrored there yet.
  CHECK(second->Poll().ok());
  fixture.Turn();
  CHECK(second->Poll().ok());
  CHECK(PublicFiles(second->folder()) == PublicFiles(fixture.node.folder));
  // A file in several pieces.
  for (int i = 0; i < 40; ++i) fixture.node.Append({std::string(60'000, 'x')});
  fixture.Turn();
  CHECK(second->Poll().ok());
  CHECK(Verify(second->folder(), fixture.node.verifier, {}).ok());
  CHECK(*second->reader().Entry(739) == std::string(60'000, 'x'));

  const std::string tile =
      absl::StrCat(fixture.mirrors[0]->folder(), "/", TilePath(0, 1, kTileWidth));
  std::string content = ReadText(tile);
  content[9] ^= 1;
  WriteText(tile, content);
  CHECK(ErrorReason(second->Poll()) == "TILE_MISMATCH");
  // Only a missing file says something about the log; a peer that is away does not.
  PeerSource unknown("lgsp.example/gateway/1", channel);
  CHECK(absl::IsUnavailable(unknown.Checkpoint().status()));
  PeerSource known(kGateway, channel);
  CHECK(absl::IsNotFound(known.Read("tile/0/999").status()));
  CHECK(absl::IsUnavailable(known.Read("journal/lock").status()));
}

TEST_CASE("only who may call is answered") {
  ServiceFixture fixture(sql::Database::Engine::kSqlite);
  grpc::ClientContext context;
  rpc::SetDeadline(context, sql::kPatience);
  lgsp::evidence::v1::ReadFileResponse response;
  const auto files = lgsp::evidence::v1::LogFiles::NewStub(fixture.ChannelOf("insights"));
  CHECK(files->ReadFile(&context, {}, &response).error_code() ==
        grpc::StatusCode::PERMISSION_DENIED);
}

}  // namespace
}  // namespace lgsp::evidence
