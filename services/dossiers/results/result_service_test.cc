// Results over the wire, on both engines: ordered, signed by an authority of the test's own,
// verified, replaced, revoked, looked up by code.
#include "services/dossiers/results/result_service.h"

#include <functional>
#include <map>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "libs/clock/timestamp.h"
#include "libs/events/outbox.h"
#include "libs/keys/cms_material_test.h"
#include "libs/keys/digest.h"
#include "services/dossiers/documents/document_service_fixture_test.h"
#include "services/dossiers/limits.h"
#include "services/dossiers/results/result_signing.h"
#include "services/dossiers/results/results.h"

namespace lgsp::dossiers {
namespace {

using lgsp::auth::v1::Caller;
using lgsp::dossiers::v1::Document;
using lgsp::dossiers::v1::GetResultRequest;
using lgsp::dossiers::v1::ListResultsRequest;
using lgsp::dossiers::v1::ListResultsResponse;
using lgsp::dossiers::v1::Results;
using lgsp::dossiers::v1::RevokeResultRequest;
using lgsp::dossiers::v1::SignResultRequest;
using lgsp::dossiers::v1::UploadHead;
using lgsp::dossiers::v1::VerifyResultRequest;
using lgsp::dossiers::v1::VerifyResultResponse;
using lgsp::national::v1::SignDigestRequest;

constexpr char kHeadOfficer[] = "officer-2";
constexpr char kAgency[] = "H12.04";

Caller HeadOf(absl::string_view agency = kAgency) {
  Caller caller = CallerOf("H12.*");
  caller.mutable_officer()->set_id(kHeadOfficer);
  caller.mutable_officer()->set_unit(std::string(agency));
  caller.mutable_officer()->add_roles("head");
  return caller;
}

// The signing system: its authorities, and what it has to sign, by digest.
class SigningSystem {
 public:
  SigningSystem() {
    lists = {keys::MakeCrl(issuing, {}), keys::MakeCrl(root, {})};
    folder.Write("root.pem", root.Pem());
    folder.Write("issuing.pem", issuing.Pem());
  }

  keys::CmsTrustMaterial Files() const {
    return {{folder.path() + "/root.pem"}, {folder.path() + "/issuing.pem"}, {}};
  }

  absl::StatusOr<std::string> Sign(const SignDigestRequest& request) {
    ++asked;
    last = request;
    RETURN_IF_ERROR(away);
    keys::CertificateOptions options;
    options.organization_identifier = signs_as.empty() ? request.agency() : signs_as;
    options.user_id = request.officer();
    const keys::Certified signer = keys::MakeCertificate(options, &issuing);
    keys::CmsOptions cms;
    cms.content = contents.at(request.digest());
    cms.signing_time = absl::Now();
    cms.others = {&issuing};
    return keys::MakeCms(signer, cms);
  }

  testing::TemporaryFolder folder;
  keys::Certified root = keys::MakeCertificate(keys::AuthorityOptions("root"));
  keys::Certified issuing = keys::MakeCertificate(keys::AuthorityOptions("issuing"), &root);
  std::vector<std::string> lists;
  std::map<std::string, std::string> contents;
  absl::Status away = absl::OkStatus();
  std::string signs_as;
  int asked = 0;
  SignDigestRequest last;
};

class ResultsOnTheWire {
 public:
  explicit ResultsOnTheWire(sql::Database::Engine engine, bool configured = true)
      : documents(engine),
        platform_("rules { caller: 'gateway' service: 'lgsp.dossiers.v1.Results' methods: '*' }"),
        trust_(
            configured ? system.Files() : keys::CmsTrustMaterial(),
            [this](absl::Time) -> absl::StatusOr<std::vector<std::string>> {
              if (!system.away.ok()) return system.away;
              return system.lists;
            },
            &documents.clock()),
        signing_(&documents.commands(), &trust_,
                 [this](const SignDigestRequest& request, const std::string&, absl::Time) {
                   return system.Sign(request);
                 }),
        service_(&documents.commands(), trust_.configured(), [this] { ++ordered; }),
        server_(platform_.Start("dossiers", {{Results::service_full_name(), &service_}})),
        stub_(Results::NewStub(platform_.ChannelOf("gateway", server_->port(), "dossiers"))) {
    // Signatures are verified by the machine's time.
    documents.clock().Set(absl::FromUnixSeconds(absl::ToUnixSeconds(absl::Now())));
  }

  template <typename Request, typename Response>
  absl::StatusOr<Response> Call(grpc::Status (Results::Stub::*method)(grpc::ClientContext*,
                                                                      const Request&, Response*),
                                const Request& request, const Caller& caller) {
    grpc::ClientContext context;
    rpc::SetDeadline(context, sql::kPatience);
    context.set_wait_for_ready(true);
    context.AddMetadata(auth::kCallerHeader,
                        platform_.CallerJws(Results::service_full_name(), caller));
    Response response;
    RETURN_IF_ERROR(rpc::FromGrpcStatus((stub_.get()->*method)(&context, request, &response)));
    return response;
  }

  // A dossier of kAgency that is in `state`.
  Dossier NewDossier(Dossier::State state = Dossier::IN_PROGRESS) {
    const Dossier dossier = documents.NewDossier();
    documents.Change(dossier, [&](Dossier& changed) {
      changed.set_state(state);
      changed.set_code(absl::StrCat("H12.04-261116-", 1000 + ++numbers_));
      *changed.mutable_accept_time() = changed.submit_time();
      if (state == Dossier::RETURNED) *changed.mutable_return_time() = changed.submit_time();
    });
    return *GetDossier(dossier.name());
  }
  absl::StatusOr<Dossier> GetDossier(const std::string& name) {
    ASSIGN_OR_RETURN(const LoadedDossier loaded, documents.database().Load(IdOf(name)));
    return loaded.dossier;
  }
  // As a command does that made `state` of it.
  void Save(const Dossier& dossier, Command command, Dossier::State state) {
    const DossierChanges& changes = *documents.commands().parts().changes;
    const absl::Status saved = documents.db().Run([&](sql::Transaction& tx) -> absl::Status {
      ASSIGN_OR_RETURN(LoadedDossier loaded, changes.store().Load(tx, IdOf(dossier.name())));
      loaded.dossier.set_state(state);
      loaded.dossier.set_revision(loaded.dossier.revision() + 1);
      *loaded.dossier.mutable_close_time() = ToTimestamp(documents.clock().CivilNow());
      return changes.Save(tx, command, HeadOf(), "", documents.clock().CivilNow(), loaded);
    });
    INFO(saved);
    REQUIRE(saved.ok());
  }
  Document NewContent(const Dossier& dossier) {
    const std::string content = absl::StrCat(SamplePdf(200), "%", ++numbers_, "\n%%EOF\n");
    system.contents[keys::Sha256(content)] = content;
    UploadHead head = documents.Head(dossier, 0);
    head.set_origin(Document::RESULT);
    const auto document = documents.Upload(head, content, HeadOf());
    INFO(document.status());
    REQUIRE(document.ok());
    return *document;
  }
  SignResultRequest Order(const Dossier& dossier, const Document& document) {
    SignResultRequest request;
    request.set_parent(dossier.name());
    request.set_request_id(documents.NewRequestId());
    request.set_document(document.name());
    request.set_title("Giấy chứng nhận canary");
    request.set_number("12/GCN-STC");
    return request;
  }
  absl::StatusOr<Result> Sign(const SignResultRequest& request, const Caller& caller = HeadOf()) {
    return Call(&Results::Stub::SignResult, request, caller);
  }
  // Orders, and has the call made until it has ended; the result then.
  Result MustSign(
      const Dossier& dossier,
      const std::function<void(SignResultRequest&)>& change = [](SignResultRequest&) {}) {
    SignResultRequest request = Order(dossier, NewContent(dossier));
    change(request);
    const auto ordered = Sign(request);
    INFO(ordered.status());
    REQUIRE(ordered.ok());
    CHECK(ordered->state() == Result::SIGNING);
    Work();
    return *Get(ordered->name());
  }
  // Makes the calls that are due.
  int Work() {
    const auto made = worker().RunOnce();
    INFO(made.status());
    REQUIRE(made.ok());
    return *made;
  }
  absl::StatusOr<Result> Get(const std::string& name, const Caller& caller = HeadOf()) {
    GetResultRequest request;
    request.set_name(name);
    return Call(&Results::Stub::GetResult, request, caller);
  }
  absl::StatusOr<Result> Revoke(const Result& result, const std::string& reason = "Cấp sai canary",
                                const Caller& caller = HeadOf()) {
    RevokeResultRequest request;
    request.set_name(result.name());
    request.set_request_id(documents.NewRequestId());
    request.set_etag(result.etag());
    request.set_reason(reason);
    return Call(&Results::Stub::RevokeResult, request, caller);
  }
  // As a stranger, without an officer.
  absl::StatusOr<VerifyResultResponse> Verify(const std::string& code) {
    VerifyResultRequest request;
    request.set_verification_code(code);
    return Call(&Results::Stub::VerifyResult, request, CallerOf("H12.77"));
  }
  std::vector<std::string> EventTypes(const std::string& subject) {
    std::vector<std::string> types;
    const auto status = documents.db().Read([&](sql::Transaction& tx) -> absl::Status {
      ASSIGN_OR_RETURN(const auto feed, events::ReadFeed(tx, "//dossiers.lgsp", {}, 1000));
      for (const auto& response : feed) {
        const auto& event = response.event();
        if (event.subject() != subject) continue;
        CHECK(event.revision() == static_cast<int64_t>(types.size()) + 1);
        types.push_back(event.type());
      }
      return absl::OkStatus();
    });
    REQUIRE(status.ok());
    return types;
  }

  durable::CallWorker& worker() {
    if (worker_ == nullptr) {
      worker_ = MakeSigningWorker(&signing_, documents.commands().parts(), &documents.metrics());
    }
    return *worker_;
  }

  SigningSystem system;
  DocumentsOnTheWire documents;
  int ordered = 0;

 private:
  int numbers_ = 0;
  testing::Platform platform_;
  SigningTrust trust_;
  ResultSigning signing_;
  ResultService service_;
  std::unique_ptr<rpc::Server> server_;
  std::unique_ptr<Results::Stub> stub_;
  std::unique_ptr<durable::CallWorker> worker_;
};

TEST_CASE("results: a signature is ordered, verified and kept; the dossier is signed by it") {
  ResultsOnTheWire wire(GENERATE(from_range(sql::kBothEngines)));
  const Dossier dossier = wire.NewDossier();
  const Document document = wire.NewContent(dossier);
  const SignResultRequest request = wire.Order(dossier, document);
  const auto ordered = wire.Sign(request);
  INFO(ordered.status());
  REQUIRE(ordered.ok());
  CHECK(ordered->state() == Result::SIGNING);
  CHECK(ordered->agency() == kAgency);
  CHECK(ordered->officer() == kHeadOfficer);
  CHECK(ordered->sha256() == document.sha256());
  CHECK(wire.ordered == 1);
  // Again is the same order.
  CHECK(wire.Sign(request)->SerializeAsString() == ordered->SerializeAsString());

  CHECK(wire.Work() == 1);
  CHECK(wire.system.last.reference() == ordered->name());
  CHECK(wire.system.last.agency() == kAgency);
  CHECK(wire.system.last.officer() == kHeadOfficer);
  CHECK(keys::Hex(wire.system.last.digest()) == document.sha256());
  const auto result = wire.Get(ordered->name());
  REQUIRE(result.ok());
  CHECK(result->state() == Result::SIGNED);
  CHECK(result->revision() == 2);
  CHECK(result->title() == "Giấy chứng nhận canary");
  CHECK(result->signer().common_name() == "signer");
  CHECK_FALSE(result->signature().empty());
  CHECK(result->verification_code().size() == kVerificationCodeLength + 3);
  CHECK(wire.GetDossier(dossier.name())->state() == Dossier::SIGNED);
  CHECK(wire.Work() == 0);

  ListResultsRequest list;
  list.set_parent(dossier.name());
  const auto listed = wire.Call(&Results::Stub::ListResults, list, HeadOf());
  REQUIRE(listed.ok());
  REQUIRE(listed->results_size() == 1);
  CHECK(listed->results(0).signature().empty());
  CHECK(listed->results(0).verification_code() == result->verification_code());
}

TEST_CASE("results: every change is an event, the dossier's own among them") {
  ResultsOnTheWire wire(sql::Database::Engine::kSqlite);
  const Dossier dossier = wire.NewDossier();
  const Result first = wire.MustSign(dossier);
  const Result second = wire.MustSign(dossier, [&](SignResultRequest& request) {
    request.set_replaces(first.name());
    request.set_replacement(Result::CORRECTION);
    request.set_reason("Sai năm sinh");
  });
  REQUIRE(wire.Revoke(second).ok());
  const std::string prefix = "lgsp.dossiers.v1.";
  CHECK(wire.EventTypes(first.name()) == std::vector<std::string>{prefix + "ResultOrdered",
                                                                  prefix + "ResultSigned",
                                                                  prefix + "ResultEnded"});
  CHECK(wire.EventTypes(second.name()) == std::vector<std::string>{prefix + "ResultOrdered",
                                                                   prefix + "ResultSigned",
                                                                   prefix + "ResultEnded"});
  CHECK(wire.EventTypes(first.document()) == std::vector<std::string>{prefix + "DocumentAdded"});
}

TEST_CASE("results: one is corrected, replaced, revoked, and says so") {
  ResultsOnTheWire wire(GENERATE(from_range(sql::kBothEngines)));
  const Dossier dossier = wire.NewDossier();
  const Result first = wire.MustSign(dossier);
  wire.documents.Change(dossier, [](Dossier& changed) {
    changed.set_state(Dossier::RETURNED);
    *changed.mutable_return_time() = changed.submit_time();
  });
  const auto replacing = [](const Result& old, Result::Replacement kind) {
    return [name = old.name(), kind](SignResultRequest& request) {
      request.set_replaces(name);
      request.set_replacement(kind);
      request.set_reason("Sai năm sinh canary");
    };
  };
  const Result second = wire.MustSign(dossier, replacing(first, Result::CORRECTION));
  CHECK(second.state() == Result::SIGNED);
  const auto corrected = wire.Get(first.name());
  CHECK(corrected->state() == Result::CORRECTED);
  CHECK(corrected->replaced_by() == second.name());
  CHECK(corrected->has_end_time());
  // Returned it stays.
  CHECK(wire.GetDossier(dossier.name())->state() == Dossier::RETURNED);

  const Result third = wire.MustSign(dossier, replacing(second, Result::SUBSTITUTE));
  CHECK(wire.Get(second.name())->state() == Result::REPLACED);
  // What stands no more is neither replaced nor revoked.
  SignResultRequest again = wire.Order(dossier, wire.NewContent(dossier));
  replacing(second, Result::SUBSTITUTE)(again);
  CHECK(ErrorReason(wire.Sign(again).status()) == "RESULT_NOT_VALID");
  CHECK(ErrorReason(wire.Revoke(*wire.Get(second.name())).status()) == "RESULT_NOT_VALID");

  CHECK(ErrorReason(wire.Revoke(third, "").status()) == "TEXT_EMPTY");
  CHECK(ErrorReason(wire.Revoke(first).status()) == "ETAG_STALE");
  const auto revoked = wire.Revoke(third);
  REQUIRE(revoked.ok());
  CHECK(revoked->state() == Result::REVOKED);
  CHECK(revoked->revocation() == Result::DECISION);
  CHECK(revoked->revocation_reason() == "Cấp sai canary");
}

TEST_CASE("results: whoever has the code learns whether it stands, and nobody's name") {
  ResultsOnTheWire wire(GENERATE(from_range(sql::kBothEngines)));
  const Dossier dossier = wire.NewDossier();
  const Result result = wire.MustSign(dossier);
  const std::string& code = result.verification_code();
  for (const std::string& typed :
       {code, absl::AsciiStrToLower(absl::StrReplaceAll(code, {{"-", " "}})),
        absl::StrReplaceAll(code, {{"-", ""}, {"0", "O"}, {"1", "l"}})}) {
    const auto verified = wire.Verify(typed);
    INFO(verified.status());
    REQUIRE(verified.ok());
    CHECK(verified->state() == Result::SIGNED);
    CHECK(verified->agency() == kAgency);
    CHECK_FALSE(verified->agency_name().empty());
    CHECK(verified->procedure() == kCommuneProcedure);
    CHECK_FALSE(verified->procedure_name().empty());
    CHECK(verified->number() == "12/GCN-STC");
    CHECK(verified->sha256() == result.sha256());
    CHECK_FALSE(absl::StrContains(verified->DebugString(), "canary"));
  }

  REQUIRE(wire.Revoke(result).ok());
  CHECK(wire.Verify(code)->state() == Result::REVOKED);
  CHECK(wire.Verify(code)->has_end_time());

  CHECK(ErrorReason(wire.Verify("00000-00000-00000-00000").status()) == "RESULT_UNKNOWN");
  for (const std::string& wrong :
       {std::string(), code + "A", code.substr(1), "U" + code.substr(1)}) {
    CHECK(ErrorReason(wire.Verify(wrong).status()) == "VERIFICATION_CODE_INVALID");
  }
}

TEST_CASE("results: an officer who declines, and a signature that is not good") {
  ResultsOnTheWire wire(GENERATE(from_range(sql::kBothEngines)));
  const Dossier dossier = wire.NewDossier();
  wire.system.away =
      MakeError(absl::StatusCode::kFailedPrecondition, "SIGNATURE_REFUSED", "declined");
  const Result declined = wire.MustSign(dossier);
  CHECK(declined.state() == Result::REFUSED);
  CHECK(declined.failure().empty());
  wire.system.away = absl::OkStatus();

  wire.system.signs_as = "H12.05";
  const Result foreign = wire.MustSign(dossier);
  CHECK(foreign.state() == Result::FAILED);
  CHECK(foreign.failure() == "SIGNER_WRONG");
  CHECK_FALSE(foreign.has_signer());
  CHECK(foreign.verification_code().empty());
  wire.system.signs_as.clear();
  CHECK(wire.GetDossier(dossier.name())->state() == Dossier::IN_PROGRESS);

  // The same content may be signed after that.
  SignResultRequest again = wire.Order(dossier, wire.NewContent(dossier));
  again.set_document(foreign.document());
  const auto ordered = wire.Sign(again);
  REQUIRE(ordered.ok());
  wire.Work();
  CHECK(wire.Get(ordered->name())->state() == Result::SIGNED);
}

TEST_CASE("results: while the signing system is away, the order waits") {
  ResultsOnTheWire wire(GENERATE(from_range(sql::kBothEngines)));
  const Dossier dossier = wire.NewDossier();
  wire.system.away =
      MakeError(absl::StatusCode::kUnavailable, "SIGNATURE_PENDING", "not confirmed yet");
  const Result waiting = wire.MustSign(dossier);
  CHECK(waiting.state() == Result::SIGNING);
  CHECK(waiting.revision() == 1);
  SignResultRequest other = wire.Order(dossier, wire.NewContent(dossier));
  other.set_document(waiting.document());
  CHECK(ErrorReason(wire.Sign(other).status()) == "RESULT_UNDER_WAY");

  SECTION("until it answers") {
    wire.system.away = absl::OkStatus();
    wire.documents.clock().Advance(absl::Minutes(1));
    CHECK(wire.Work() == 1);
    CHECK(wire.Get(waiting.name())->state() == Result::SIGNED);
  }
  SECTION("or until it is given up") {
    wire.documents.clock().Advance(kLongestSigning + absl::Minutes(1));
    CHECK(wire.Work() == 1);
    CHECK(wire.Get(waiting.name())->state() == Result::FAILED);
    CHECK(wire.Get(waiting.name())->failure() == "SIGNATURE_OVERDUE");
  }
  SECTION("what comes after the dossier was withdrawn is of no effect") {
    wire.documents.Change(dossier, [](Dossier& changed) { changed.set_state(Dossier::WITHDRAWN); });
    wire.system.away = absl::OkStatus();
    wire.documents.clock().Advance(absl::Minutes(1));
    CHECK(wire.Work() == 1);
    const auto late = wire.Get(waiting.name());
    CHECK(late->state() == Result::REVOKED);
    CHECK(late->revocation() == Result::DOSSIER_ENDED);
    CHECK(wire.GetDossier(dossier.name())->state() == Dossier::WITHDRAWN);
  }
}

TEST_CASE("results: what comes after the dossier went to another agency is of no effect there") {
  ResultsOnTheWire wire(GENERATE(from_range(sql::kBothEngines)));
  const Dossier dossier = wire.NewDossier();
  wire.system.away =
      MakeError(absl::StatusCode::kUnavailable, "SIGNATURE_PENDING", "not confirmed yet");
  const Result waiting = wire.MustSign(dossier);
  wire.documents.Change(dossier, [](Dossier& changed) { changed.set_settling_agency("H12.05"); });
  wire.system.away = absl::OkStatus();
  wire.documents.clock().Advance(absl::Minutes(1));
  CHECK(wire.Work() == 1);
  const auto late = wire.Get(waiting.name(), HeadOf("H12.05"));
  REQUIRE(late.ok());
  CHECK(late->state() == Result::REVOKED);
  CHECK(late->revocation() == Result::AGENCY_CHANGED);
  CHECK(wire.GetDossier(dossier.name())->state() == Dossier::IN_PROGRESS);
}

TEST_CASE("results: of a dossier that ends without a result none stands") {
  const auto engine = GENERATE(from_range(sql::kBothEngines));
  ResultsOnTheWire wire(engine);
  // ACCEPTED: its signature does not sign the dossier.
  const Dossier dossier = wire.NewDossier(Dossier::ACCEPTED);
  const Result partial = wire.MustSign(dossier);
  const Result revoked = wire.MustSign(dossier);
  REQUIRE(partial.state() == Result::SIGNED);
  // Revoked before there is a decision.
  REQUIRE(wire.Revoke(revoked).ok());
  wire.Save(dossier, Command::kWithdraw, Dossier::WITHDRAWN);
  const auto ended = wire.Get(partial.name());
  CHECK(ended->state() == Result::REVOKED);
  CHECK(ended->revocation() == Result::DOSSIER_ENDED);
  CHECK(ended->has_end_time());
  // PostgreSQL's feed has them only once the sequencer has been there.
  if (engine == sql::Database::Engine::kSqlite) {
    CHECK(wire.EventTypes(partial.name()).back() == "lgsp.dossiers.v1.ResultEnded");
  }
  CHECK(wire.Get(revoked.name())->revocation() == Result::DECISION);
}

TEST_CASE("results: revocation lists that cannot be had stop nothing for good") {
  ResultsOnTheWire wire(sql::Database::Engine::kSqlite);
  const Dossier dossier = wire.NewDossier();
  std::vector<std::string> lists;
  lists.swap(wire.system.lists);
  const Result waiting = wire.MustSign(dossier);
  CHECK(waiting.state() == Result::SIGNING);
  lists.swap(wire.system.lists);
  wire.documents.clock().Advance(kRevocationListLifetime + absl::Seconds(1));
  CHECK(wire.Work() == 1);
  CHECK(wire.Get(waiting.name())->state() == Result::SIGNED);
}

TEST_CASE("results: who may, when, and of what") {
  ResultsOnTheWire wire(sql::Database::Engine::kSqlite);
  const Dossier dossier = wire.NewDossier();
  const Document document = wire.NewContent(dossier);
  const SignResultRequest request = wire.Order(dossier, document);
  Caller officer = HeadOf();
  officer.mutable_officer()->clear_roles();
  officer.mutable_officer()->add_roles("processing");
  CHECK(ErrorReason(wire.Sign(request, officer).status()) == "COMMAND_NOT_YOURS");
  CHECK(ErrorReason(wire.Sign(request, HeadOf("H12.05")).status()) == "COMMAND_NOT_YOURS");
  CHECK(ErrorReason(wire.Sign(request, CallerOf("H12.77")).status()) == "DOSSIER_NOT_FOUND");

  const auto refused = [&](const std::function<void(SignResultRequest&)>& change) {
    SignResultRequest changed = wire.Order(dossier, document);
    change(changed);
    return std::string(ErrorReason(wire.Sign(changed).status()));
  };
  CHECK(refused([](auto& r) { r.clear_title(); }) == "TEXT_EMPTY");
  CHECK(refused([](auto& r) { r.set_document("dossiers/x"); }) == "NAME_INVALID");
  CHECK(refused([](auto& r) { r.set_document("dossiers/x/documents/y"); }) ==
        "RESULT_DOCUMENT_INVALID");
  CHECK(refused([&](auto& r) { r.set_document(dossier.name() + "/documents/y"); }) ==
        "DOCUMENT_NOT_FOUND");
  CHECK(refused([](auto& r) { r.set_reason("warum"); }) == "REPLACEMENT_INVALID");
  CHECK(refused([](auto& r) { r.set_replacement(Result::CORRECTION); }) == "REPLACEMENT_INVALID");
  const Dossier plain = wire.NewDossier();
  const Document paper = wire.documents.MustUpload(plain, 0);
  CHECK(ErrorReason(wire.Sign(wire.Order(plain, paper)).status()) == "RESULT_DOCUMENT_INVALID");
  for (const auto state : {Dossier::SUBMITTED, Dossier::TRANSFERRED, Dossier::WAITING_PAYMENT,
                           Dossier::COMPLETED, Dossier::RETURNED, Dossier::WITHDRAWN}) {
    const Dossier other = wire.NewDossier();
    const Document content = wire.NewContent(other);
    wire.documents.Change(other, [&](Dossier& changed) { changed.set_state(state); });
    CHECK(ErrorReason(wire.Sign(wire.Order(other, content)).status()) == "STATE_FORBIDS_COMMAND");
  }
  CHECK(wire.system.asked == 0);

  ResultsOnTheWire unconfigured(sql::Database::Engine::kSqlite, false);
  const Dossier there = unconfigured.NewDossier();
  const auto order = unconfigured.Order(there, unconfigured.NewContent(there));
  CHECK(ErrorReason(unconfigured.Sign(order).status()) == "SIGNING_NOT_CONFIGURED");
}

TEST_CASE("results: nothing of them is readable on the disk, nor after erasure by their code") {
  ResultsOnTheWire wire(sql::Database::Engine::kSqlite);
  const Dossier dossier = wire.NewDossier();
  const Result result = wire.MustSign(dossier);
  REQUIRE(wire.Revoke(result).ok());
  const std::string bytes = wire.documents.BytesOnDisk();
  for (const std::string& secret : {std::string("canary"), result.verification_code(),
                                    result.sha256(), absl::HexStringToBytes(result.sha256()),
                                    std::string("12/GCN-STC"), result.signature().substr(0, 64)}) {
    INFO(absl::CHexEscape(secret));
    CHECK_FALSE(absl::StrContains(bytes, secret));
  }
  REQUIRE(wire.documents.db()
              .Run([&](sql::Transaction& tx) {
                return wire.documents.keys().Erase(tx, dossier.name());
              })
              .ok());
  CHECK(ErrorReason(wire.Verify(result.verification_code()).status()) == "RESULT_UNKNOWN");
}

}  // namespace
}  // namespace lgsp::dossiers
