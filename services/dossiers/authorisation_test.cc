// Who may do what with dossiers: every method × role × own or foreign dossier, over the wire. A
// method without a row here fails the test. Their parts: authorisation_parts_test.cc.
#include <catch2/catch.hpp>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "google/protobuf/text_format.h"
#include "libs/aip/aip.h"
#include "services/dossiers/authorisation_fixture_test.h"
#include "services/dossiers/catalogue/catalogue_store.h"
#include "services/dossiers/catalogue/procedure_service.h"
#include "services/dossiers/service_test.h"

namespace lgsp::dossiers {
namespace {

using google::protobuf::Message;
using google::protobuf::ServiceDescriptor;
using lgsp::auth::v1::Caller;
using lgsp::dossiers::v1::CountDossiersResponse;
using lgsp::dossiers::v1::Dossiers;
using lgsp::dossiers::v1::ListDossiersResponse;
using lgsp::dossiers::v1::Procedures;
using lgsp::dossiers::v1::SearchDossiersResponse;

class ProcedureServer {
 public:
  explicit ProcedureServer(sql::Database& db)
      : platform_(
            "rules { caller: 'gateway' service: 'lgsp.dossiers.v1.Procedures' methods: '*' }"),
        catalogue_(TheCatalogue()),
        service_(&db, &catalogue_) {
    REQUIRE(ImportCatalogue(db, MondayMorning(), catalogue_).ok());
    server_ = platform_.Start("dossiers", {{Procedures::service_full_name(), &service_}});
    stub_ = Procedures::NewStub(platform_.ChannelOf("gateway", server_->port(), "dossiers"));
  }

  template <typename Request, typename Response>
  absl::StatusOr<Response> Call(grpc::Status (Procedures::Stub::*method)(grpc::ClientContext*,
                                                                         const Request&, Response*),
                                const Request& request, const Caller& caller) {
    grpc::ClientContext context;
    rpc::SetDeadline(context, sql::kPatience);
    context.AddMetadata(auth::kCallerHeader,
                        platform_.CallerJws(Procedures::service_full_name(), caller));
    Response response;
    RETURN_IF_ERROR(rpc::FromGrpcStatus((stub_.get()->*method)(&context, request, &response)));
    return response;
  }

 private:
  testing::Platform platform_;
  Catalogue catalogue_;
  ProcedureService service_;
  std::unique_ptr<rpc::Server> server_;
  std::unique_ptr<Procedures::Stub> stub_;
};

struct Services {
  TestService dossiers;
  // Null: not wanted.
  std::unique_ptr<ProcedureServer> procedures;

  template <typename Request, typename Response>
  absl::StatusOr<Response> Call(grpc::Status (Dossiers::Stub::*method)(grpc::ClientContext*,
                                                                       const Request&, Response*),
                                const Request& request, const Caller& caller) {
    return dossiers.Call(method, request, caller);
  }
  template <typename Request, typename Response>
  absl::StatusOr<Response> Call(grpc::Status (Procedures::Stub::*method)(grpc::ClientContext*,
                                                                         const Request&, Response*),
                                const Request& request, const Caller& caller) {
    return procedures->Call(method, request, caller);
  }
};

// What a request says of the dossier it is about, where it has a field for it.
struct Target {
  std::string name;
  std::string etag;
  std::string request_id;
};

// Whether an answer shows a dossier; of a command that it took effect.
bool Shows(const Message&) { return true; }
bool Shows(const ListDossiersResponse& response) { return response.dossiers_size() > 0; }
bool Shows(const SearchDossiersResponse& response) { return response.dossiers_size() > 0; }
bool Shows(const CountDossiersResponse& response) { return response.count() > 0; }

// The method and the rest of its request, as textproto.
struct Request {
  template <typename Stub, typename In, typename Out>
  Request(grpc::Status (Stub::*method)(grpc::ClientContext*, const In&, Out*), std::string rest)
      : input(In::descriptor()),
        send([method, rest](Services& services, const Target& target,
                            const Caller& caller) -> absl::StatusOr<bool> {
          In request;
          SetText("name", target.name, request);
          SetText("parent", target.name, request);
          SetText("etag", target.etag, request);
          SetText("request_id", target.request_id, request);
          REQUIRE(google::protobuf::TextFormat::MergeFromString(rest, &request));
          ASSIGN_OR_RETURN(const Out response, services.Call(method, request, caller));
          return Shows(response);
        }) {}

  const google::protobuf::Descriptor* input;
  std::function<absl::StatusOr<bool>(Services&, const Target&, const Caller&)> send;
};

// How far a dossier has come when a method is called. Filed at kWard, settled by kDepartment,
// assigned to kAssignee, handed over at kReturn.
enum class Stage {
  kNone,
  kDraft,
  kSubmitted,
  kSupplementAsked,
  kAcceptedAtWard,
  kAcceptedAtDepartment,
  kInProgress,
  kWaiting,
  kCompleted,
  kReturned,
};

Dossier Submitted(TestService& service) {
  auto request = SampleSubmission();
  request.set_request_id(service.NewRequestId());
  request.set_return_agency(kReturn);
  const auto dossier = service.Call(&Dossiers::Stub::SubmitDossier, request);
  INFO(dossier.status());
  REQUIRE(dossier.ok());
  v1::AssignDossierRequest assign;
  assign.set_officer(kAssignee);
  return service.Command(&Dossiers::Stub::AssignDossier, *dossier, assign, Head());
}

Dossier Drafted(TestService& service) {
  auto request = SampleSubmission();
  request.set_request_id(service.NewRequestId());
  request.set_draft(true);
  const auto dossier = service.Call(&Dossiers::Stub::SubmitDossier, request);
  INFO(dossier.status());
  REQUIRE(dossier.ok());
  return *dossier;
}

Dossier Waiting(TestService& service, const Dossier& in_progress) {
  v1::BeginWaitRequest wait;
  wait.set_kind(v1::DayRun::OTHER_AGENCY);
  wait.add_consultations()->set_agency(kAsked);
  wait.mutable_consultations(0)->set_question("Có quy hoạch không?");
  return service.Command(&Dossiers::Stub::BeginWait, in_progress, wait);
}

Dossier Make(TestService& service, Stage stage) {
  if (stage == Stage::kNone) return {};
  if (stage == Stage::kDraft) return Drafted(service);
  Dossier dossier = Submitted(service);
  if (stage == Stage::kSubmitted) return dossier;
  if (stage == Stage::kSupplementAsked) {
    v1::AskSupplementRequest ask;
    ask.add_items("Bản sao giấy chứng nhận");
    return service.Command(&Dossiers::Stub::AskSupplement, dossier, ask);
  }
  const bool at_ward = stage == Stage::kAcceptedAtWard;
  dossier = service.Command(&Dossiers::Stub::AcceptDossier, dossier, v1::AcceptDossierRequest(),
                            CallerOf(at_ward ? kWard : kDepartment));
  if (at_ward || stage == Stage::kAcceptedAtDepartment) return dossier;
  dossier = service.Command<v1::StartDossierRequest>(&Dossiers::Stub::StartDossier, dossier);
  if (stage == Stage::kInProgress) return dossier;
  if (stage == Stage::kWaiting) return Waiting(service, dossier);
  dossier = service.Complete(dossier);
  return stage == Stage::kCompleted ? dossier : service.Return(dossier);
}

// A method in a state in which it is possible, and what each role is answered: intake, processing,
// head, consulted, return point, officer of another unit, not the assignee, no officer. The agency
// that is asked sees the dossier only until it has answered.
struct Row {
  std::string method;
  Stage stage;
  std::string own;
  // Of strangers, also of those who pretend.
  char foreign;
  Request request;
};

constexpr char kReason[] = "reason: 'vì'";

// Until the settling agency has the file, and between agencies.
std::vector<Row> IntakeRows() {
  using Stub = Dossiers::Stub;
  const std::string submission =
      absl::StrCat("submission { ", SampleSubmission().ShortDebugString(), " }");
  return {
      {"UpdateDraft", Stage::kDraft, "y....-..", '.', {&Stub::UpdateDraft, submission}},
      {"FileDossier", Stage::kDraft, "y....-..", '.', {&Stub::FileDossier, submission}},
      {"AcceptDossier", Stage::kSubmitted, "yyy.---y", '.', {&Stub::AcceptDossier, ""}},
      {"AskSupplement", Stage::kSubmitted, "yyy.---y", '.', {&Stub::AskSupplement, "items: 'x'"}},
      {"AnswerSupplement", Stage::kSupplementAsked, "y--.----", '.', {&Stub::AnswerSupplement, ""}},
      {"TransferDossier", Stage::kAcceptedAtWard, "y--.----", '.', {&Stub::TransferDossier, ""}},
      // Who has it there comes after.
      {"ReceiveDossier", Stage::kAcceptedAtWard, "-yy.--yy", '.', {&Stub::ReceiveDossier, ""}},
      {"ForwardDossier",
       Stage::kSubmitted,
       "yyy.---y",
       '.',
       {&Stub::ForwardDossier, absl::StrCat("to_agency: 'H12.06' ", kReason)}},
      {"SendBackDossier", Stage::kInProgress, "-yy.---y", '.', {&Stub::SendBackDossier, kReason}},
      {"AssignDossier",
       Stage::kInProgress,
       "-yy.---y",
       '.',
       {&Stub::AssignDossier, "officer: 'officer-9'"}},
      {"AnswerConsultation",
       Stage::kWaiting,
       "---y----",
       '.',
       {&Stub::AnswerConsultation, absl::StrCat("agency: '", kAsked, "' answer: 'có'")}},
  };
}

std::vector<Row> SettlementRows() {
  using Stub = Dossiers::Stub;
  return {
      {"StartDossier", Stage::kAcceptedAtDepartment, "-yy.---y", '.', {&Stub::StartDossier, ""}},
      {"BeginWait", Stage::kInProgress, "-yy.---y", '.', {&Stub::BeginWait, "kind: PAYMENT"}},
      {"EndWait", Stage::kWaiting, "-yy----y", '.', {&Stub::EndWait, ""}},
      {"SignDossier", Stage::kInProgress, "--y.----", '.', {&Stub::SignDossier, ""}},
      {"ReappointDossier",
       Stage::kInProgress,
       "--y.----",
       '.',
       {&Stub::ReappointDossier,
        absl::StrCat("due_time { seconds: ", absl::ToUnixSeconds(MondayMorning()) + 90 * 86400,
                     " } ", kReason)}},
      {"WithdrawDossier", Stage::kInProgress, "y--.----", '.', {&Stub::WithdrawDossier, kReason}},
      {"StopDossier", Stage::kInProgress, "--y.----", '.', {&Stub::StopDossier, kReason}},
      {"CompleteDossier", Stage::kInProgress, "-yy.---y", '.', {&Stub::CompleteDossier, ""}},
      {"ReturnDossier", Stage::kCompleted, "yyy.y--y", '.', {&Stub::ReturnDossier, ""}},
      {"RejectDossier", Stage::kSubmitted, "yyy.---y", '.', {&Stub::RejectDossier, kReason}},
      {"EraseDossier",
       Stage::kReturned,
       "--y.----",
       '.',
       {&Stub::EraseDossier, "reason: RETENTION_ENDED"}},
      {"GetDossier", Stage::kWaiting, "yyyyyyyy", '.', {&Stub::GetDossier, ""}},
      {"ExplainDueDate", Stage::kWaiting, "yyyyyyyy", '.', {&Stub::ExplainDueDate, ""}},
      {"ListTransitions", Stage::kWaiting, "yyyyyyyy", '.', {&Stub::ListTransitions, ""}},
  };
}

std::vector<Row> UnnamedRows() {
  using Stub = Dossiers::Stub;
  return {
      // Those that name no dossier: agencies are no secret, what strangers have is nothing.
      {"SubmitDossier",
       Stage::kNone,
       "yrrrryrr",
       'r',
       {&Stub::SubmitDossier,
        absl::StrCat("procedure: '", kProvinceProcedure, "' channel: DIRECT intake_agency: '",
                     kWard, "' applicant { kind: CITIZEN full_name: 'Nguyễn Văn An' id_number: '",
                     kPersonalSamples[1], "' }")}},
      {"MoveWork",
       Stage::kSubmitted,
       "--y----y",
       '-',
       {&Stub::MoveWork, absl::StrCat("agency: '", kDepartment, "' from_officer: '", kAssignee,
                                      "' to_officer: 'officer-9'")}},
      {"ListDossiers", Stage::kWaiting, "yyyyyyyy", '0', {&Stub::ListDossiers, ""}},
      {"SearchDossiers",
       Stage::kWaiting,
       "yyyyyyyy",
       '0',
       {&Stub::SearchDossiers, absl::StrCat("name: '' id_number: '", kPersonalSamples[1], "'")}},
      {"CountDossiers", Stage::kWaiting, "yyyyyyyy", '0', {&Stub::CountDossiers, ""}},
  };
}

const std::vector<Row>& DossierRows() {
  static const auto& rows = *[] {
    auto* all = new std::vector<Row>;
    for (const auto& some : {IntakeRows(), SettlementRows(), UnnamedRows()}) {
      all->insert(all->end(), some.begin(), some.end());
    }
    return all;
  }();
  return rows;
}

// The catalogue is for everybody who has an agreement.
const std::vector<Row>& ProcedureRows() {
  using Stub = Procedures::Stub;
  static const auto& rows = *new std::vector<Row>{
      {"GetProcedure",
       Stage::kNone,
       "yyyyyyyy",
       'y',
       {&Stub::GetProcedure, absl::StrCat("name: 'procedures/", kProvinceProcedure, "'")}},
      {"ListProcedures", Stage::kNone, "yyyyyyyy", 'y', {&Stub::ListProcedures, ""}},
  };
  return rows;
}

// What each role on `side` is answered. A dossier that a command changed is replaced.
std::string Outcomes(Services& services, const Row& row, Side side) {
  const bool command = row.request.input->FindFieldByName("etag") != nullptr;
  Dossier dossier = Make(services.dossiers, row.stage);
  std::string outcomes;
  for (const Role& role : kRoles) {
    const auto answer = row.request.send(
        services, {dossier.name(), dossier.etag(), services.dossiers.NewRequestId()},
        CallerFor(role, side));
    outcomes += OutcomeOf(answer);
    INFO(row.method << " as " << role.name << ": " << answer.status());
    CHECK(outcomes.back() != kOther);
    if (command && outcomes.back() == kAllowed) dossier = Make(services.dossiers, row.stage);
  }
  return outcomes;
}

void CheckRows(const ServiceDescriptor& service, const std::vector<Row>& rows) {
  std::map<std::string, const Row*> by_method;
  for (const Row& row : rows) by_method[row.method] = &row;
  CHECK(static_cast<int>(by_method.size()) == service.method_count());
  for (int i = 0; i < service.method_count(); ++i) {
    const auto& method = *service.method(i);
    INFO(method.full_name());
    REQUIRE(by_method.count(method.name()) == 1);
    const Row& row = *by_method[method.name()];
    CHECK(row.request.input == method.input_type());
    // Its own, so that nothing stands in its way that another method left behind.
    Services services;
    if (&rows == &ProcedureRows()) {
      services.procedures = std::make_unique<ProcedureServer>(*services.dossiers.database().db);
    }
    const std::string own = Outcomes(services, row, Side::kOwn);
    CHECK(own == row.own);
    const std::string strangers(std::size(kRoles), row.foreign);
    CHECK(Outcomes(services, row, Side::kForeign) == strangers);
    CHECK(Outcomes(services, row, Side::kPretending) == strangers);
    PrintRow(row.method, own, row.foreign);
  }
}

TEST_CASE("authorisation: every method answers every role as the table says") {
  PrintHead();
  CheckRows(DescriptorOf(Procedures::service_full_name()), ProcedureRows());
  CheckRows(DescriptorOf(Dossiers::service_full_name()), DossierRows());
}

// The answer's status, in which `name` is hidden.
std::string Told(Services& services, const Row& row, const Target& target, const Caller& caller) {
  const absl::Status status = row.request.send(services, target, caller).status();
  INFO(row.method << ": " << status);
  return ToldBy(status, target.name);
}

TEST_CASE("authorisation: a stranger is told the same of a dossier as of none, whatever is wrong") {
  Services services;
  const Dossier dossier = Make(services.dossiers, Stage::kInProgress);
  constexpr char kNobody[] = "0197a000-7c00-7000-8000-00000000dead";
  const std::string no_name = absl::StrCat("dossiers/", kNobody);
  const std::string code = absl::StrCat("dossiers/", dossier.code());
  const std::string no_code = absl::StrCat("dossiers/", kDepartment, "-261116-9999");
  // Of a command on this dossier that took effect, by a system of the same name.
  v1::AssignDossierRequest assign;
  assign.set_name(dossier.name());
  assign.set_etag(dossier.etag());
  assign.set_request_id("the-owner-s");
  REQUIRE(services.Call(&Dossiers::Stub::AssignDossier, assign, Head()).ok());
  Caller namesake = CallerFor(kRoles[1], Side::kForeign);
  Caller other = namesake;
  other.set_system("systems/other");

  int asked = 0;
  for (const Row& row : DossierRows()) {
    if (row.foreign != kNotFound) continue;
    for (const Role& role : kRoles) {
      for (const Side side : {Side::kForeign, Side::kPretending}) {
        const Caller caller = CallerFor(role, side);
        const std::string fresh = services.dossiers.NewRequestId();
        const auto same = [&](const std::string& there, const std::string& not_there,
                              const std::string& etag, const std::string& no_etag,
                              const std::string& request_id) {
          INFO(row.method << " as " << role.name << ", etag " << etag << ", id " << request_id);
          CHECK(Told(services, row, {there, etag, request_id}, caller) ==
                Told(services, row, {not_there, no_etag, request_id}, caller));
          ++asked;
        };
        const std::string no_etag = aip::Etag(no_name, dossier.revision());
        same(dossier.name(), no_name, dossier.etag(), no_etag, fresh);
        same(dossier.name(), no_name, "1-00000000", "1-00000000", fresh);
        same(dossier.name(), no_name, "", "", fresh);
        same(dossier.name(), no_name, dossier.etag(), no_etag, "not valid!");
        same(code, no_code, dossier.etag(), no_etag, fresh);
        same(code, no_code, "", "", "");
      }
    }
    // Another system may use the owner's id; it learns nothing by that.
    CHECK(OutcomeOf(row.request.send(services, {dossier.name(), dossier.etag(), "the-owner-s"},
                                     other)) == kNotFound);
  }
  CHECK(asked > 0);
  // A system that lost the agency since gets its own first answer no more.
  CHECK(ErrorReason(services.Call(&Dossiers::Stub::AssignDossier, assign, namesake).status()) ==
        "DOSSIER_NOT_FOUND");
}

}  // namespace
}  // namespace lgsp::dossiers
