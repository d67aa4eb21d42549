// Who may do what with the parts of dossiers - documents, file lists, results - and with mirrors:
// every method × role × own or foreign dossier, over the wire. A method without a row here fails
// the test.
#include <catch2/catch.hpp>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "google/protobuf/text_format.h"
#include "lgsp/dossiers/v1/mirrors.grpc.pb.h"
#include "lgsp/dossiers/v1/results.grpc.pb.h"
#include "libs/aip/aip.h"
#include "services/dossiers/authorisation_fixture_test.h"
#include "services/dossiers/documents/document_service_fixture_test.h"
#include "services/dossiers/mirrors/mirror_service.h"
#include "services/dossiers/results/result_service.h"
#include "services/dossiers/results/result_store.h"
#include "services/dossiers/results/verification_code.h"

namespace lgsp::dossiers {
namespace {

using google::protobuf::Message;
using google::protobuf::ServiceDescriptor;
using lgsp::auth::v1::Caller;
using lgsp::dossiers::v1::Document;
using lgsp::dossiers::v1::Documents;
using lgsp::dossiers::v1::GetFileListRequest;
using lgsp::dossiers::v1::Mirror;
using lgsp::dossiers::v1::Mirrors;
using lgsp::dossiers::v1::PutMirrorRequest;
using lgsp::dossiers::v1::Result;
using lgsp::dossiers::v1::Results;
using lgsp::dossiers::v1::ReuseDocumentRequest;
using lgsp::dossiers::v1::SignResultRequest;
using lgsp::dossiers::v1::UploadDocumentRequest;
using lgsp::dossiers::v1::UploadHead;

// Of nothing.
constexpr char kNobody[] = "0197a000-7c00-7000-8000-00000000dead";
constexpr char kMirror[] = "G12-1";
constexpr char kOtherApplicant[] = "001203000001";

// The services on one database, each as the gateway reaches it.
class PartsOnTheWire {
 public:
  PartsOnTheWire()
      : documents(sql::Database::Engine::kSqlite),
        platform_(
            "rules { caller: 'gateway' service: 'lgsp.dossiers.v1.Results' methods: '*' } "
            "rules { caller: 'gateway' service: 'lgsp.dossiers.v1.Mirrors' methods: '*' }"),
        results_(&documents.commands(), true, [] {}),
        mirrors_(&documents.db(), &TheCatalogue(), &documents.clock()),
        server_(platform_.Start("dossiers", {{Results::service_full_name(), &results_},
                                             {Mirrors::service_full_name(), &mirrors_}})),
        results_stub_(Results::NewStub(Channel())),
        mirrors_stub_(Mirrors::NewStub(Channel())) {}

  template <typename In, typename Out>
  absl::StatusOr<Out> Call(grpc::Status (Documents::Stub::*method)(grpc::ClientContext*, const In&,
                                                                   Out*),
                           const In& request, const Caller& caller) {
    return documents.Call(method, request, caller);
  }
  template <typename In, typename Out>
  absl::StatusOr<Out> Call(grpc::Status (Results::Stub::*method)(grpc::ClientContext*, const In&,
                                                                 Out*),
                           const In& request, const Caller& caller) {
    return Call(*results_stub_, Results::service_full_name(), method, request, caller);
  }
  template <typename In, typename Out>
  absl::StatusOr<Out> Call(grpc::Status (Mirrors::Stub::*method)(grpc::ClientContext*, const In&,
                                                                 Out*),
                           const In& request, const Caller& caller) {
    return Call(*mirrors_stub_, Mirrors::service_full_name(), method, request, caller);
  }

  // All that a call could leave behind.
  std::string Stored() {
    std::string stored = absl::StrCat("files ", documents.Files().size());
    for (const char* table : {"documents", "document_contents", "document_totals", "file_lists",
                              "results", "mirrors", "outbox", "request_records", "calls"}) {
      absl::StrAppend(&stored, ", ", table, " ",
                      sql::ReadInt(documents.db(), absl::StrCat("SELECT COUNT(*) FROM ", table)));
    }
    return stored;
  }

  DocumentsOnTheWire documents;

 private:
  std::shared_ptr<grpc::Channel> Channel() {
    return platform_.ChannelOf("gateway", server_->port(), "dossiers");
  }
  template <typename Stub, typename In, typename Out>
  absl::StatusOr<Out> Call(Stub& stub, absl::string_view service,
                           grpc::Status (Stub::*method)(grpc::ClientContext*, const In&, Out*),
                           const In& request, const Caller& caller) {
    grpc::ClientContext context;
    rpc::SetDeadline(context, sql::kPatience);
    context.set_wait_for_ready(true);
    context.AddMetadata(auth::kCallerHeader, platform_.CallerJws(service, caller));
    Out response;
    RETURN_IF_ERROR(rpc::FromGrpcStatus((stub.*method)(&context, request, &response)));
    return response;
  }

  testing::Platform platform_;
  ResultService results_;
  MirrorService mirrors_;
  std::unique_ptr<rpc::Server> server_;
  std::unique_ptr<Results::Stub> results_stub_;
  std::unique_ptr<Mirrors::Stub> mirrors_stub_;
};

// How far a dossier has come when a method is called.
enum class Stage { kDraft, kSubmitted, kInProgress, kWaiting, kSigned };

// What a call may be about. Documents and results are those of `dossier` with these ids.
struct Target {
  // `dossiers/x`, by UUID or code.
  std::string dossier;
  // A paper of the applicant's; what is signed.
  std::string paper, content;
  std::string result;
  // A document of an earlier dossier of the same applicant.
  std::string source;
  std::string mirror = kMirror;
  std::string verification_code;
  std::string request_id;
  // Of a command of the owner's that took effect.
  std::string taken_request_id;
  // Instead of the right one.
  std::optional<std::string> etag;
  std::string upload = SamplePdf(100);
};

// Which of these the field `name` names.
enum class About { kDossier, kPaper, kFileList, kResult, kMirror };

std::string NameOf(About about, const Target& target) {
  switch (about) {
    case About::kDossier:
      return target.dossier;
    case About::kPaper:
      return absl::StrCat(target.dossier, "/documents/", target.paper);
    case About::kFileList:
      return target.dossier + "/fileList";
    case About::kResult:
      return absl::StrCat(target.dossier, "/results/", target.result);
    case About::kMirror:
      return absl::StrCat("mirrors/", target.mirror);
  }
  return "";
}

std::string ContentName(const Target& target) {
  return absl::StrCat(target.dossier, "/documents/", target.content);
}

std::string IdAtEnd(const std::string& name) { return name.substr(name.rfind('/') + 1); }

// Brings a dossier of the agencies of the matrix to a stage.
void Bring(PartsOnTheWire& wire, const Dossier& dossier, Stage stage) {
  wire.documents.Change(dossier, [&](Dossier& changed) {
    changed.set_assigned_officer(kAssignee);
    changed.set_return_agency(kReturn);
    if (stage == Stage::kDraft) {
      changed.set_state(Dossier::DRAFT);
      changed.clear_submit_time();
      return;
    }
    if (stage == Stage::kSubmitted) return;
    *changed.mutable_accept_time() = changed.submit_time();
    *changed.mutable_receive_time() = changed.submit_time();
    changed.set_code(absl::StrCat("H12.04-261116-", IdAtEnd(dossier.name()).substr(32)));
    changed.set_state(stage == Stage::kInProgress ? Dossier::IN_PROGRESS
                      : stage == Stage::kSigned   ? Dossier::SIGNED
                                                  : Dossier::WAITING_AGENCY);
    if (stage == Stage::kWaiting) changed.add_consultations()->set_agency(kAsked);
  });
}

// A result as signing leaves it, its id that of the dossier.
void AddResult(PartsOnTheWire& wire, const Dossier& dossier, Result::State state, Target& target) {
  target.result = IdAtEnd(dossier.name());
  Result result;
  result.set_name(NameOf(About::kResult, target));
  result.set_revision(1);
  result.set_state(state);
  result.set_document(ContentName(target));
  result.set_agency(dossier.settling_agency());
  if (state == Result::SIGNED) {
    // As long as a code is.
    target.verification_code = MakeVerificationCode(target.result.substr(16));
    result.set_verification_code(target.verification_code);
  }
  const absl::Status inserted = wire.documents.db().Run([&](sql::Transaction& tx) -> absl::Status {
    ASSIGN_OR_RETURN(const keys::DataKey key, wire.documents.keys().Get(tx, dossier.name()));
    return InsertResult(tx, result, key);
  });
  INFO(inserted);
  REQUIRE(inserted.ok());
}

// The id of a new document that can be signed.
std::string NewContent(PartsOnTheWire& wire, const std::string& dossier) {
  UploadHead head;
  head.set_request_id(wire.documents.NewRequestId());
  head.set_parent(dossier);
  head.set_title("Kết quả");
  head.set_origin(Document::RESULT);
  const auto content = wire.documents.Upload(head, SamplePdf(100));
  INFO(content.status());
  REQUIRE(content.ok());
  return IdAtEnd(content->name());
}

// A dossier at `stage` with a paper and, once it is accepted, what is to be signed and a result.
// `strange`: of a stranger.
Target Make(PartsOnTheWire& wire, Stage stage, bool strange = false,
            absl::string_view applicant = kPersonalSamples[1]) {
  const Dossier dossier = wire.documents.NewDossier(kCommuneProcedure, applicant);
  Bring(wire, dossier, stage);
  Target target;
  target.dossier = dossier.name();
  target.paper = IdAtEnd(wire.documents.MustUpload(dossier).name());
  target.request_id = wire.documents.NewRequestId();
  if (stage != Stage::kDraft && stage != Stage::kSubmitted) {
    target.content = NewContent(wire, dossier.name());
    AddResult(wire, dossier, stage == Stage::kSigned ? Result::SIGNED : Result::FAILED, target);
  }
  if (!strange) return target;
  wire.documents.Change(dossier, [](Dossier& changed) {
    changed.set_intake_agency(kStranger);
    changed.set_settling_agency(kStranger);
    changed.clear_return_agency();
  });
  return target;
}

// The method and the rest of its request, as textproto.
struct Request {
  template <typename Stub, typename In, typename Out>
  Request(grpc::Status (Stub::*method)(grpc::ClientContext*, const In&, Out*), About about,
          std::string rest = "")
      : input(In::descriptor()),
        send([method, about, rest](PartsOnTheWire& wire, const Target& target,
                                   const Caller& caller) -> absl::StatusOr<bool> {
          In request;
          SetText("name", NameOf(about, target), request);
          SetText("parent", target.dossier, request);
          // Statements begin with revision 0.
          const int revision = about == About::kFileList ? 0 : 1;
          SetText("etag", target.etag.value_or(aip::Etag(NameOf(about, target), revision)),
                  request);
          SetText("request_id", target.request_id, request);
          SetText("source", target.source, request);
          SetText("document", ContentName(target), request);
          SetText("verification_code", target.verification_code, request);
          REQUIRE(google::protobuf::TextFormat::MergeFromString(rest, &request));
          RETURN_IF_ERROR(wire.Call(method, request, caller).status());
          return true;
        }) {}
  Request(const google::protobuf::Descriptor* descriptor,
          std::function<absl::StatusOr<bool>(PartsOnTheWire&, const Target&, const Caller&)> call)
      : input(descriptor), send(std::move(call)) {}

  const google::protobuf::Descriptor* input;
  std::function<absl::StatusOr<bool>(PartsOnTheWire&, const Target&, const Caller&)> send;
};

Request Upload(Document::Origin origin) {
  return {UploadDocumentRequest::descriptor(),
          [origin](PartsOnTheWire& wire, const Target& target,
                   const Caller& caller) -> absl::StatusOr<bool> {
            UploadHead head;
            head.set_request_id(target.request_id);
            head.set_parent(target.dossier);
            head.set_title("Giấy tờ");
            head.set_origin(origin);
            RETURN_IF_ERROR(wire.documents.Upload(head, target.upload, caller).status());
            return true;
          }};
}

// Sees something only with the content.
Request Download() {
  return {
      v1::DownloadDocumentRequest::descriptor(),
      [](PartsOnTheWire& wire, const Target& target, const Caller& caller) -> absl::StatusOr<bool> {
        ASSIGN_OR_RETURN(const std::string content,
                         wire.documents.Download(NameOf(About::kPaper, target), caller));
        return !content.empty();
      }};
}

// A method in a state in which it is possible, and what each role is answered, in the order of
// kRoles. The agency that is asked sees the dossier only while it waits.
struct Row {
  std::string method;
  Stage stage;
  std::string own;
  // Of strangers, also of those who pretend.
  char foreign;
  Request request;
  // Where a method has several rows.
  std::string what = "";
};

const std::vector<Row>& DocumentRows() {
  using Stub = Documents::Stub;
  static const auto& rows = *new std::vector<Row>{
      {"UploadDocument", Stage::kSubmitted, "yyy.---y", '.', Upload(Document::APPLICANT)},
      {"UploadDocument", Stage::kWaiting, "yyy----y", '.', Upload(Document::APPLICANT),
       ", waiting"},
      {"UploadDocument", Stage::kWaiting, "-yy----y", '.', Upload(Document::RESULT), ", result"},
      // Only its intake knows of it.
      {"UploadDocument", Stage::kDraft, "y....-..", '.', Upload(Document::APPLICANT), ", draft"},
      {"DownloadDocument", Stage::kWaiting, "yyyyyyyy", '.', Download()},
      {"GetDocument", Stage::kWaiting, "yyyyyyyy", '.', {&Stub::GetDocument, About::kPaper}},
      {"ListDocuments", Stage::kWaiting, "yyyyyyyy", '.', {&Stub::ListDocuments, About::kDossier}},
      {"DeleteDocument",
       Stage::kSubmitted,
       "yyy.---y",
       '.',
       {&Stub::DeleteDocument, About::kPaper}},
      {"ReuseDocument",
       Stage::kWaiting,
       "yyy----y",
       '.',
       {&Stub::ReuseDocument, About::kDossier, "item: 1"}},
      {"GetFileList", Stage::kWaiting, "yyyyyyyy", '.', {&Stub::GetFileList, About::kFileList}},
      {"StateFileList",
       Stage::kWaiting,
       "yyy----y",
       '.',
       {&Stub::StateFileList, About::kFileList,
        "basis: 'không có' rulings { item: 3 kind: NOT_IN_SOURCE }"}},
  };
  return rows;
}

const std::vector<Row>& ResultRows() {
  using Stub = Results::Stub;
  static const auto& rows = *new std::vector<Row>{
      {"SignResult",
       Stage::kInProgress,
       "--y.----",
       '.',
       {&Stub::SignResult, About::kDossier, "title: 'Giấy chứng nhận'"}},
      {"RevokeResult",
       Stage::kSigned,
       "--y.----",
       '.',
       {&Stub::RevokeResult, About::kResult, "reason: 'cấp sai'"}},
      {"GetResult", Stage::kWaiting, "yyyyyyyy", '.', {&Stub::GetResult, About::kResult}},
      {"ListResults", Stage::kWaiting, "yyyyyyyy", '.', {&Stub::ListResults, About::kDossier}},
      // For everybody who has the code.
      {"VerifyResult", Stage::kSigned, "yyyyyyyy", 'y', {&Stub::VerifyResult, About::kDossier}},
  };
  return rows;
}

Mirror SampleMirror(absl::string_view code) {
  Mirror mirror;
  mirror.set_code(std::string(code));
  mirror.set_procedure(kCentralProcedure);
  mirror.set_agency(kDepartment);
  mirror.set_owner_state("IN_PROGRESS");
  mirror.set_portal_status(2);
  mirror.mutable_event_time()->set_seconds(1);
  return mirror;
}

// Mirrors are those of agencies, whatever the unit of the officer of the call.
const std::vector<Row>& MirrorRows() {
  using Stub = Mirrors::Stub;
  const std::string put = absl::StrCat("mirror { ", SampleMirror("G12-2").ShortDebugString(), " }");
  const std::string agency = absl::StrCat("agency: '", kDepartment, "'");
  static const auto& rows = *new std::vector<Row>{
      {"PutMirror", Stage::kWaiting, "ryyrryyy", 'r', {&Stub::PutMirror, About::kDossier, put}},
      {"GetMirror", Stage::kWaiting, ".yy..yyy", '.', {&Stub::GetMirror, About::kMirror}},
      {"ListMirrors",
       Stage::kWaiting,
       "ryyrryyy",
       'r',
       {&Stub::ListMirrors, About::kDossier, agency}},
      {"CountMirrors",
       Stage::kWaiting,
       "ryyrryyy",
       'r',
       {&Stub::CountMirrors, About::kDossier, agency}},
  };
  return rows;
}

bool IsCommand(const Row& row) {
  return row.method == "UploadDocument" ||
         row.request.input->FindFieldByName("request_id") != nullptr;
}

// What every row finds.
struct World {
  World() {
    PutMirrorRequest put;
    *put.mutable_mirror() = SampleMirror(kMirror);
    REQUIRE(wire.Call(&Mirrors::Stub::PutMirror, put, Head()).ok());
    const Target earlier = dossiers::Make(wire, Stage::kSubmitted);
    source = NameOf(About::kPaper, earlier);
  }
  Target Make(Stage stage) {
    Target target = dossiers::Make(wire, stage);
    target.source = source;
    return target;
  }

  PartsOnTheWire wire;
  std::string source;
};

// What each role on `side` is answered. What is refused leaves nothing behind.
std::string Outcomes(World& world, const Row& row, Side side) {
  Target target = world.Make(row.stage);
  std::string outcomes;
  for (const Role& role : kRoles) {
    target.request_id = world.wire.documents.NewRequestId();
    const std::string before = world.wire.Stored();
    const auto answer = row.request.send(world.wire, target, CallerFor(role, side));
    outcomes += OutcomeOf(answer);
    INFO(row.method << row.what << " as " << role.name << ": " << answer.status());
    CHECK(outcomes.back() != kOther);
    if (!answer.ok()) CHECK(world.wire.Stored() == before);
    if (IsCommand(row) && answer.ok()) target = world.Make(row.stage);
  }
  return outcomes;
}

void CheckRows(World& world, const ServiceDescriptor& service, const std::vector<Row>& rows) {
  std::set<std::string> methods;
  for (const Row& row : rows) {
    const auto* method = service.FindMethodByName(row.method);
    INFO(row.method << row.what);
    REQUIRE(method != nullptr);
    CHECK(row.request.input == method->input_type());
    methods.insert(row.method);
    const std::string own = Outcomes(world, row, Side::kOwn);
    CHECK(own == row.own);
    const std::string strangers(std::size(kRoles), row.foreign);
    CHECK(Outcomes(world, row, Side::kForeign) == strangers);
    CHECK(Outcomes(world, row, Side::kPretending) == strangers);
    PrintRow(row.method + row.what, own, row.foreign);
  }
  for (int i = 0; i < service.method_count(); ++i) {
    INFO(service.method(i)->full_name());
    CHECK(methods.count(service.method(i)->name()) == 1);
  }
}

TEST_CASE("authorisation: every method of the parts answers every role as the table says") {
  World world;
  PrintHead();
  CheckRows(world, DescriptorOf(Documents::service_full_name()), DocumentRows());
  CheckRows(world, DescriptorOf(Results::service_full_name()), ResultRows());
  CheckRows(world, DescriptorOf(Mirrors::service_full_name()), MirrorRows());
}

// All rows in which a stranger finds nothing.
std::vector<const Row*> HiddenRows() {
  std::vector<const Row*> hidden;
  for (const auto* rows : {&DocumentRows(), &ResultRows(), &MirrorRows()}) {
    for (const Row& row : *rows) {
      if (row.foreign == kNotFound) hidden.push_back(&row);
    }
  }
  return hidden;
}

std::string Told(World& world, const Row& row, const Target& target, const Caller& caller) {
  const absl::Status status = row.request.send(world.wire, target, caller).status();
  INFO(row.method << row.what << ": " << status);
  const bool mirror = row.method == "GetMirror";
  return ToldBy(status, mirror ? NameOf(About::kMirror, target) : target.dossier);
}

using Change = std::function<void(Target&)>;

// What a stranger may have wrong, or right, in a field of a request.
struct Mistake {
  const char* field;
  Change make;
};

const std::vector<Mistake>& Mistakes() {
  static const auto& mistakes = *new std::vector<Mistake>{
      {"etag", [](Target& target) { target.etag = "1-00000000"; }},
      {"etag", [](Target& target) { target.etag = ""; }},
      {"request_id", [](Target& target) { target.request_id = "not valid!"; }},
      {"request_id", [](Target& target) { target.request_id = target.taken_request_id; }},
      {"chunk", [](Target& target) { target.upload = "no document"; }},
      {"source", [](Target& target) { target.source = "dossiers/x"; }},
      {"source",
       [](Target& target) { target.source = absl::StrCat("dossiers/", kNobody, "/documents/x"); }},
  };
  return mistakes;
}

// None, and those that the request of `row` has a field for.
std::vector<Change> MistakesIn(const Row& row) {
  std::vector<Change> mistakes = {[](Target&) {}};
  for (const Mistake& mistake : Mistakes()) {
    const bool of_upload = row.method == "UploadDocument" &&
                           UploadHead::descriptor()->FindFieldByName(mistake.field) != nullptr;
    if (of_upload || row.request.input->FindFieldByName(mistake.field) != nullptr) {
      mistakes.push_back(mistake.make);
    }
  }
  return mistakes;
}

// Who may in the row: the intake of a draft, else the head.
Caller OwnerIn(const Row& row) {
  return row.own[2] == kAllowed ? Head() : CallerFor(kRoles[0], Side::kOwn);
}

// Whatever is wrong, that a dossier or part is there makes no difference to `caller`.
void CheckHidden(World& world, const Row& row, const Target& there, const Caller& caller) {
  const Dossier dossier = world.wire.documents.database().Load(IdOf(there.dossier))->dossier;
  for (const Change& mistake : MistakesIn(row)) {
    const auto told = [&](const Change& change) {
      Target target = there;
      change(target);
      mistake(target);
      return Told(world, row, target, caller);
    };
    const std::string of_what_is_there = told([](Target&) {});
    CHECK(of_what_is_there == told([](Target& target) {
            target.dossier = absl::StrCat("dossiers/", kNobody);
            target.mirror = "G12-9";
          }));
    CHECK(of_what_is_there ==
          told([](Target& target) { target.paper = target.content = target.result = kNobody; }));
    if (dossier.code().empty()) continue;
    CHECK(told([&](Target& target) { target.dossier = "dossiers/" + dossier.code(); }) ==
          told([](Target& target) { target.dossier = "dossiers/H12.04-261116-9999"; }));
  }
}

TEST_CASE("authorisation: a stranger is told the same of a part as of none, whatever is wrong") {
  World world;
  for (const Row* row : HiddenRows()) {
    Target there = world.Make(row->stage);
    const Target owner_s = world.Make(row->stage);
    there.taken_request_id = owner_s.request_id;
    const auto owned = row->request.send(world.wire, owner_s, OwnerIn(*row));
    INFO(row->method << row->what << ": " << owned.status());
    REQUIRE(owned.ok());
    const std::string stored = world.wire.Stored();
    for (const Role& role : kRoles) {
      for (const Side side : {Side::kForeign, Side::kPretending}) {
        INFO(row->method << row->what << " as " << role.name);
        CheckHidden(world, *row, there, CallerFor(role, side));
      }
    }
    CHECK(world.wire.Stored() == stored);
  }
}

TEST_CASE("authorisation: the answer to another's command is nobody else's") {
  World world;
  int commands = 0;
  for (const Row* row : HiddenRows()) {
    if (!IsCommand(*row)) continue;
    ++commands;
    const Target target = world.Make(row->stage);
    const auto outcome = [&](const Caller& caller) {
      const auto answer = row->request.send(world.wire, target, caller);
      INFO(row->method << row->what << ": " << answer.status());
      return OutcomeOf(answer);
    };
    const Caller owner = OwnerIn(*row);
    CHECK(outcome(owner) == kAllowed);
    const std::string stored = world.wire.Stored();
    CHECK(outcome(owner) == kAllowed);
    // A system that lost the agency since gets its own first answer no more.
    Caller namesake = CallerFor(kRoles[2], Side::kForeign);
    CHECK(outcome(namesake) == kNotFound);
    namesake.set_system("systems/other");
    CHECK(outcome(namesake) == kNotFound);
    CHECK(world.wire.Stored() == stored);
  }
  CHECK(commands >= 8);
}

// A document or result of another dossier, by its own id under the name of the caller's.
TEST_CASE("authorisation: what is in another dossier is not found under the name of one's own") {
  World world;
  for (const Row* row : HiddenRows()) {
    const bool by_part =
        row->request.input->FindFieldByName("name") != nullptr || row->method == "SignResult";
    if (!by_part || row->method == "GetMirror" || row->method == "GetFileList" ||
        row->method == "StateFileList") {
      continue;
    }
    const Target mine = world.Make(row->stage);
    const Target of_stranger = Make(world.wire, Stage::kSigned, true);
    const Target of_neighbour = Make(world.wire, Stage::kSigned, false, kOtherApplicant);
    const auto told = [&](const Target& other) {
      Target target = mine;
      target.paper = other.paper;
      target.content = other.content;
      target.result = other.result;
      const absl::Status status = row->request.send(world.wire, target, Head()).status();
      INFO(row->method << ": " << status);
      CHECK(absl::IsNotFound(status));
      return ToldBy(status, target.dossier);
    };
    Target none = mine;
    none.paper = none.content = none.result = kNobody;
    CHECK(told(of_stranger) == told(none));
    CHECK(told(of_neighbour) == told(none));
  }
}

// Whole names of other dossiers' parts, where a request names a second one.
TEST_CASE("authorisation: a result is not signed from, and does not replace, another dossier's") {
  World world;
  Target mine = world.Make(Stage::kSigned);
  mine.content = NewContent(world.wire, mine.dossier);
  Target none = mine;
  none.dossier = absl::StrCat("dossiers/", kNobody);
  const auto told = [&](const Target& document, const Target& replaces) {
    SignResultRequest request;
    request.set_parent(mine.dossier);
    request.set_request_id(world.wire.documents.NewRequestId());
    request.set_title("Giấy chứng nhận");
    request.set_document(ContentName(document));
    request.set_replaces(NameOf(About::kResult, replaces));
    request.set_replacement(Result::CORRECTION);
    request.set_reason("sai");
    return world.wire.Call(&Results::Stub::SignResult, request, Head()).status();
  };
  for (const bool strange : {true, false}) {
    const Target other = Make(world.wire, Stage::kSigned, strange, kOtherApplicant);
    CHECK(ErrorReason(told(other, mine)) == "RESULT_DOCUMENT_INVALID");
    CHECK(ToldBy(told(other, mine), other.dossier) == ToldBy(told(none, mine), none.dossier));
    CHECK(ErrorReason(told(mine, other)) == "RESULT_NOT_FOUND");
    CHECK(ToldBy(told(mine, other), other.dossier) == ToldBy(told(mine, none), none.dossier));
  }
  CHECK(told(mine, mine).ok());
}

// What ReuseDocument says to each role when `source` is named.
class Reuse {
 public:
  explicit Reuse(World& world) : world_(world), mine_(world.Make(Stage::kWaiting)) {}

  absl::Status operator()(const Role& role, const std::string& source) {
    ReuseDocumentRequest request;
    request.set_parent(mine_.dossier);
    request.set_request_id(world_.wire.documents.NewRequestId());
    request.set_source(source);
    const Caller caller = CallerFor(role, Side::kOwn);
    return world_.wire.Call(&Documents::Stub::ReuseDocument, request, caller).status();
  }
  const Target& mine() const { return mine_; }

 private:
  World& world_;
  const Target mine_;
};

std::string DocumentIn(const Target& target, const std::string& id) {
  return absl::StrCat(target.dossier, "/documents/", id);
}

TEST_CASE("authorisation: nothing of another person or of a stranger's dossier is reused") {
  World world;
  Reuse reuse(world);
  const Target person = Make(world.wire, Stage::kSigned, false, kOtherApplicant);
  const Target hidden = Make(world.wire, Stage::kSigned, true);
  const Target hidden_person = Make(world.wire, Stage::kSigned, true, kOtherApplicant);
  Target none = hidden;
  none.dossier = absl::StrCat("dossiers/", kNobody);
  for (const Role& role : kRoles) {
    INFO(role.name);
    // As the row of ReuseDocument says.
    const bool may = DocumentRows()[8].own[static_cast<size_t>(&role - kRoles)] == kAllowed;
    const auto told = [&](const Target& target, const std::string& id) {
      return ToldBy(reuse(role, DocumentIn(target, id)), target.dossier);
    };
    const absl::Status of_person = reuse(role, DocumentIn(person, person.paper));
    CHECK(ErrorReason(of_person) == (may ? "APPLICANT_DIFFERS" : "COMMAND_NOT_YOURS"));
    for (const std::string& id : {person.paper, person.content, person.result, hidden.paper}) {
      CHECK(told(person, id) == ToldBy(of_person, person.dossier));
    }
    const std::string of_none = told(none, none.paper);
    const absl::Status of_hidden = reuse(role, DocumentIn(hidden, hidden.paper));
    CHECK(ErrorReason(of_hidden) == (may ? "DOSSIER_NOT_FOUND" : "COMMAND_NOT_YOURS"));
    for (const Target& target : {hidden, hidden_person}) {
      for (const std::string& id : {target.paper, target.content, target.result}) {
        CHECK(told(target, id) == of_none);
      }
    }
    // A result is no document, whosever it is.
    for (const Target& target : {reuse.mine(), person, hidden, none}) {
      CHECK(ErrorReason(reuse(role, NameOf(About::kResult, target))) == "NAME_INVALID");
    }
  }
  CHECK(reuse(kRoles[1], world.source).ok());
}

TEST_CASE("authorisation: a file list names no paper of a dossier that the caller does not have") {
  World world;
  const Target mine = world.Make(Stage::kSubmitted);
  const Target hidden = Make(world.wire, Stage::kSubmitted, true);
  v1::DeleteDocumentRequest drop;
  drop.set_name(NameOf(About::kPaper, mine));
  drop.set_request_id(world.wire.documents.NewRequestId());
  drop.set_etag(aip::Etag(drop.name(), kDocumentRevision));
  REQUIRE(world.wire.Call(&Documents::Stub::DeleteDocument, drop, Head()).ok());
  GetFileListRequest get;
  get.set_name(NameOf(About::kFileList, mine));
  const auto candidates = [&](const Caller& caller) {
    const auto list = world.wire.Call(&Documents::Stub::GetFileList, get, caller);
    INFO(list.status());
    REQUIRE(list.ok());
    const auto& named = list->items(0).candidates();
    return std::set<std::string>(named.begin(), named.end());
  };
  for (const size_t role : {0, 1, 2, 6, 7}) {
    CHECK(candidates(CallerFor(kRoles[role], Side::kOwn)) == std::set<std::string>{world.source});
  }
}

}  // namespace
}  // namespace lgsp::dossiers
