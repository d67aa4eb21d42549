// Bad input and its documented reasons, over the wire; and that every reason is documented.
#include <catch2/catch.hpp>
#include <filesystem>
#include <functional>
#include <regex>
#include <set>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "google/rpc/error_details.pb.h"
#include "libs/config/config.h"
#include "services/dossiers/oracle_test.h"
#include "services/dossiers/service_test.h"

namespace lgsp::dossiers {
namespace {

using lgsp::dossiers::v1::AcceptDossierRequest;
using lgsp::dossiers::v1::Dossier;
using lgsp::dossiers::v1::ListDossiersRequest;
using lgsp::dossiers::v1::ListTransitionsRequest;
using lgsp::dossiers::v1::RejectDossierRequest;
using lgsp::dossiers::v1::SubmitDossierRequest;
using Stub = lgsp::dossiers::v1::Dossiers::Stub;

// The field that a google.rpc.BadRequest names; empty without one.
std::string FieldOf(const absl::Status& status) {
  const google::rpc::Status whole = ToRpcStatus(status);
  for (const auto& detail : whole.details()) {
    google::rpc::BadRequest bad;
    if (detail.UnpackTo(&bad)) return bad.field_violations(0).field();
  }
  return "";
}

void CheckBad(const absl::Status& status, absl::string_view reason, absl::string_view field) {
  INFO(status);
  CHECK(status.code() == absl::StatusCode::kInvalidArgument);
  CHECK(ErrorReason(status) == reason);
  CHECK(FieldOf(status) == field);
}

TEST_CASE("refusals: bad input is named with its field") {
  TestService service;
  const Dossier dossier = service.Submit();
  const auto submit = [&](const std::function<void(SubmitDossierRequest&)>& change) {
    auto request = SampleSubmission();
    change(request);
    return service.Call(&Stub::SubmitDossier, request).status();
  };
  for (const std::string& id :
       {std::string(), std::string("a b"), std::string("đ"), std::string(65, 'a')}) {
    CheckBad(submit([&](auto& r) { r.set_request_id(id); }), "REQUEST_ID_INVALID", "request_id");
  }
  CheckBad(submit([](auto& r) { r.clear_channel(); }), "CHANNEL_INVALID", "channel");
  CheckBad(submit([](auto& r) { r.set_intake_agency("H12.77"); }), "AGENCY_UNKNOWN",
           "intake_agency");
  CheckBad(submit([](auto& r) { r.clear_intake_agency(); }), "INTAKE_AGENCY_NEEDED",
           "intake_agency");
  CheckBad(submit([](auto& r) { r.clear_applicant(); }), "APPLICANT_KIND_INVALID",
           "applicant.kind");
  CheckBad(submit([](auto& r) { r.mutable_applicant()->set_id_number("1"); }),
           "PERSONAL_ID_INVALID", "applicant.id_number");
  CheckBad(submit([](auto& r) { r.set_settling_agency("H12.05"); }), "SETTLING_AGENCY_WRONG",
           "settling_agency");

  AcceptDossierRequest accept;
  accept.set_name(dossier.name());
  accept.set_request_id("accept-1");
  accept.set_etag(dossier.etag());
  accept.set_term_row(77);
  CheckBad(service.Call(&Stub::AcceptDossier, accept).status(), "TERM_ROW_UNKNOWN", "term_row");

  RejectDossierRequest reject;
  reject.set_name(dossier.name());
  reject.set_request_id("reject-1");
  reject.set_etag(dossier.etag());
  CheckBad(service.Call(&Stub::RejectDossier, reject).status(), "TEXT_EMPTY", "reason");

  for (const std::string& name :
       {std::string(), std::string("dossiers/"), std::string("dossier/x"), dossier.name() + "/x",
        std::string("dossiers/a b"), absl::StrCat("dossiers/", std::string(65, 'a'))}) {
    CheckBad(service.Get(name).status(), "NAME_INVALID", "name");
    ListTransitionsRequest history;
    history.set_parent(name);
    CheckBad(service.Call(&Stub::ListTransitions, history).status(), "NAME_INVALID", "parent");
    reject.set_name(name);
    CheckBad(service.Call(&Stub::RejectDossier, reject).status(), "NAME_INVALID", "name");
  }
}

TEST_CASE("refusals: a code of any length is answered, not swallowed") {
  TestService service;
  auto request = SampleSubmission();
  request.set_procedure(std::string(1 << 20, '1'));
  const absl::Status status = service.Call(&Stub::SubmitDossier, request).status();
  CHECK(status.code() == absl::StatusCode::kNotFound);
  CHECK(ErrorReason(status) == "PROCEDURE_UNKNOWN");
}

TEST_CASE("refusals: text that is not UTF-8 never reaches the service") {
  TestService service;
  auto request = SampleSubmission();
  request.set_subject("\xc3\x28");
  CHECK(service.Call(&Stub::SubmitDossier, request).status().code() == absl::StatusCode::kInternal);
  CHECK(service.committed() == 0);
}

TEST_CASE("refusals: who calls must be known") {
  TestService service;
  grpc::ClientContext context;
  rpc::SetDeadline(context, sql::kPatience);
  Dossier response;
  const grpc::Status status = service.stub().SubmitDossier(&context, SampleSubmission(), &response);
  CHECK(status.error_code() == grpc::StatusCode::UNAUTHENTICATED);
  CHECK(absl::StartsWith(status.error_message(), "CALLER_MISSING"));
}

std::string Read(const std::string& path) {
  const auto content = config::ReadFile(path);
  INFO(content.status());
  REQUIRE(content.ok());
  return *content;
}

// The reasons written in MakeError(…, "REASON" or MakeFieldError("REASON" and the like.
std::set<std::string> ReasonsIn(const std::string& code) {
  std::set<std::string> reasons;
  const std::regex reason("\"([A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+)\"");
  for (std::sregex_iterator it(code.begin(), code.end(), reason), end; it != end; ++it) {
    reasons.insert((*it)[1]);
  }
  return reasons;
}

// Words of the data, and reasons that no caller sees: of the catalogue at start, of calls to the
// portal and to the signing systems.
const std::set<std::string>& NotAnswered() {
  static const std::set<std::string> words = {"CENTRAL_BRANCH",
                                              "SERVICE_CENTRE",
                                              "OTHER_PROVINCE",
                                              "WEEKDAY_OFF",
                                              "SATURDAY_WORKED",
                                              "WORKING_DAY",
                                              "CSV_INVALID",
                                              "CATALOGUE_INVALID",
                                              "PROCEDURE_UNREADABLE",
                                              "CALL_UNREADABLE",
                                              "CONSECUTIVE_HOUR",
                                              "CUT_OFF",
                                              "AFTER_15",
                                              "LAST_WORKING_HOUR",
                                              "HOUR_TERM",
                                              "CLOCK_START",
                                              "WORKING_HOURS_INVALID",
                                              "AGENCY_WAIT",
                                              "PAYMENT_WAIT",
                                              "TAKEN_OUT",
                                              "SUPPLEMENT_WORKING_DAYS",
                                              "CONSULTATION_WORKING_DAYS",
                                              "NOT_DEMANDABLE",
                                              "FROM_STORE",
                                              "SQL_OUTCOME_UNKNOWN",
                                              "SCANNER_ADDRESS_INVALID",
                                              "SCANNER_ANSWER_INVALID",
                                              "SCANNER_UNAVAILABLE"};
  return words;
}

// Those of the libraries that our methods answer with.
std::set<std::string> OfLibraries() {
  return {"CALLER_MISSING",
          "CALLER_INVALID",
          "CALLER_EXPIRED",
          "CALLER_FOR_OTHER_SERVICE",
          "CALL_NOT_LISTED",
          "NAME_INVALID",
          "REQUEST_ID_INVALID",
          "REQUEST_ID_REUSED",
          "ETAG_MISSING",
          "ETAG_STALE",
          "REVISION_CONFLICT",
          "PAGE_SIZE_INVALID",
          "PAGE_TOKEN_INVALID",
          "PERSONAL_ID_INVALID",
          "TEXT_EMPTY",
          "TEXT_TOO_LONG",
          "TEXT_CONTROL_CHARACTER",
          "DATA_KEY_ERASED",
          "DEADLINE_PASSED",
          "SQL_QUEUE_TIMEOUT",
          "SQL_QUEUE_FULL",
          "SEALED_DATA_INVALID"};
}

TEST_CASE("refusals: every reason stands in the proto's comments, and none that does not exist") {
  std::set<std::string> answered = OfLibraries();
  int files = 0;
  for (const auto& entry :
       std::filesystem::recursive_directory_iterator(SourceFile("services/dossiers"))) {
    const std::string name = entry.path().filename();
    if (entry.path().extension() != ".cc" || absl::EndsWith(name, "_test.cc")) continue;
    ++files;
    for (const std::string& reason : ReasonsIn(Read(entry.path()))) {
      if (!NotAnswered().contains(reason)) answered.insert(reason);
    }
  }
  CHECK(files >= 10);
  CHECK(answered.size() >= 30);
  const std::string proto = Read(SourceFile("protos/lgsp/dossiers/v1/dossiers.proto")) +
                            Read(SourceFile("protos/lgsp/dossiers/v1/documents.proto")) +
                            Read(SourceFile("protos/lgsp/dossiers/v1/mirrors.proto")) +
                            Read(SourceFile("protos/lgsp/dossiers/v1/portal_reports.proto")) +
                            Read(SourceFile("protos/lgsp/dossiers/v1/procedures.proto")) +
                            Read(SourceFile("protos/lgsp/dossiers/v1/results.proto"));
  for (const std::string& reason : answered) {
    INFO(reason);
    CHECK(absl::StrContains(proto, reason));
  }
  // The other way round: a reason in a comment is one that we answer.
  const std::set<std::string> codes = {
      "NOT_FOUND",         "INVALID_ARGUMENT",   "FAILED_PRECONDITION", "PERMISSION_DENIED",
      "DEADLINE_EXCEEDED", "RESOURCE_EXHAUSTED", "DATA_LOSS",           "OTHER_AGENCY",
      "BY_COUNCIL",        "ALREADY_EXISTS",     "NOT_IN_SOURCE",       "EARLIER_DOSSIER",
      "DOSSIER_ENDED",     "IN_PROGRESS"};
  const std::regex comment("//[^\n]*");
  for (std::sregex_iterator it(proto.begin(), proto.end(), comment), end; it != end; ++it) {
    const std::string text = it->str();
    const std::regex reason("[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+");
    for (std::sregex_iterator found(text.begin(), text.end(), reason); found != end; ++found) {
      INFO(found->str());
      CHECK((codes.contains(found->str()) || answered.contains(found->str())));
    }
  }
}

}  // namespace
}  // namespace lgsp::dossiers
