// Drafts: begun, changed, filed, given up; over the wire, on both databases.
#include <catch2/catch.hpp>
#include <functional>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "libs/clock/timestamp.h"
#include "services/dossiers/limits.h"
#include "services/dossiers/service_test.h"

namespace lgsp::dossiers {
namespace {

using lgsp::auth::v1::Caller;
using lgsp::dossiers::v1::AcceptDossierRequest;
using lgsp::dossiers::v1::EraseDossierRequest;
using lgsp::dossiers::v1::FileDossierRequest;
using lgsp::dossiers::v1::ListDossiersRequest;
using lgsp::dossiers::v1::PortalSync;
using lgsp::dossiers::v1::SearchDossiersRequest;
using lgsp::dossiers::v1::SubmitDossierRequest;
using lgsp::dossiers::v1::UpdateDraftRequest;
using lgsp::dossiers::v1::WithdrawDossierRequest;
using Stub = lgsp::dossiers::v1::Dossiers::Stub;

constexpr char kId[] = "096300123457";

// Where it is begun, and who will settle it.
Caller Ward() { return CallerOf("H12.50.01"); }
Caller Department() { return CallerOf("H12.04"); }

Dossier Begin(TestService& service) {
  SubmitDossierRequest request = SampleSubmission();
  request.set_request_id(service.NewRequestId());
  request.set_draft(true);
  const auto draft = service.Call(&Stub::SubmitDossier, request, Ward());
  INFO(draft.status());
  REQUIRE(draft.ok());
  return *draft;
}

template <typename Request>
Request With(const std::function<void(SubmitDossierRequest&)>& change = {}) {
  Request request;
  *request.mutable_submission() = SampleSubmission();
  if (change) change(*request.mutable_submission());
  return request;
}

size_t Listed(TestService& service, const Caller& caller) {
  const auto page = service.Call(&Stub::ListDossiers, ListDossiersRequest(), caller);
  INFO(page.status());
  REQUIRE(page.ok());
  return static_cast<size_t>(page->dossiers_size());
}

size_t Found(TestService& service, const std::string& id, const Caller& caller) {
  SearchDossiersRequest request;
  request.set_id_number(id);
  const auto page = service.Call(&Stub::SearchDossiers, request, caller);
  INFO(page.status());
  REQUIRE(page.ok());
  return static_cast<size_t>(page->dossiers_size());
}

std::vector<std::string> Types(TestService& service, const std::string& name) {
  std::vector<std::string> types;
  for (const auto& event : service.Events()) {
    if (event.subject() != name) continue;
    types.push_back(event.type().substr(event.type().rfind('.') + 1));
    CHECK(event.revision() == static_cast<int64_t>(types.size()));
  }
  return types;
}

TEST_CASE("drafts: only the intake knows of one, until it is filed as if it were submitted then") {
  TestService service(GENERATE(from_range(sql::kBothEngines)));
  const Dossier draft = Begin(service);
  CHECK(draft.state() == Dossier::DRAFT);
  CHECK_FALSE(draft.has_submit_time());
  CHECK(ToTime(draft.draft_deadline()) == service.clock().CivilNow() + kDraftLifetime);
  CHECK(Listed(service, Ward()) == 1);
  CHECK(Listed(service, Department()) == 0);
  CHECK(ErrorReason(service.Get(draft.name(), Department()).status()) == "DOSSIER_NOT_FOUND");
  CHECK(Found(service, kId, Ward()) == 0);

  service.clock().Advance(absl::Hours(24 * 20));
  const Dossier updated =
      service.Command(&Stub::UpdateDraft, draft, With<UpdateDraftRequest>([](auto& s) {
        s.mutable_applicant()->set_id_number("096300000025");
      }),
                      Ward());
  CHECK(updated.state() == Dossier::DRAFT);
  CHECK(updated.revision() == 2);
  CHECK(updated.applicant().id_number() == "096300000025");
  CHECK(ToTime(updated.draft_deadline()) == service.clock().CivilNow() + kDraftLifetime);

  service.clock().Advance(absl::Hours(24 * 20));
  // Not given up: it was changed since.
  REQUIRE(service.changes().EndOverdueWaits(*service.database().db, [] {}).ok());
  const Dossier filed =
      service.Command(&Stub::FileDossier, updated, With<FileDossierRequest>(), Ward());
  CHECK(filed.name() == draft.name());
  CHECK(filed.state() == Dossier::SUBMITTED);
  CHECK(ToTime(filed.submit_time()) == service.clock().CivilNow());
  CHECK_FALSE(filed.has_draft_deadline());
  CHECK(filed.applicant().id_number() == kId);
  CHECK(Listed(service, Department()) == 1);
  CHECK(Found(service, kId, Ward()) == 1);
  CHECK(Found(service, kId, Department()) == 1);
  CHECK(Found(service, "096300000025", Ward()) == 0);
  CHECK(sql::ReadInt(*service.database().db, "SELECT COUNT(*) FROM answer_deadlines") == 0);
  CHECK(Types(service, draft.name()) ==
        std::vector<std::string>{"DossierDrafted", "DossierDraftUpdated", "DossierSubmitted"});
  CHECK(service.Accept(filed).state() == Dossier::ACCEPTED);
}

TEST_CASE("drafts: what is not filed ends, and nobody else hears of it") {
  TestService service(GENERATE(from_range(sql::kBothEngines)));
  const Dossier forgotten = Begin(service);
  const Dossier given_up = Begin(service);
  WithdrawDossierRequest withdraw;
  withdraw.set_reason("Tôi đổi ý");
  service.Command(&Stub::WithdrawDossier, given_up, withdraw, Ward());
  service.clock().Advance(kDraftLifetime + absl::Seconds(1));
  for (int i = 0; i < 2; ++i) {
    REQUIRE(service.changes().EndOverdueWaits(*service.database().db, [] {}).ok());
  }
  const auto expired = service.Get(forgotten.name(), Ward());
  REQUIRE(expired.ok());
  CHECK(expired->state() == Dossier::EXPIRED);
  CHECK(expired->portal_sync().state() == PortalSync::NOT_NEEDED);
  CHECK(Listed(service, Department()) == 0);
  for (const Dossier& draft : {forgotten, given_up}) {
    CHECK(Types(service, draft.name()) ==
          std::vector<std::string>{"DossierDrafted", "DossierDraftEnded"});
  }
  CHECK(sql::ReadInt(*service.database().db, "SELECT COUNT(*) FROM answer_deadlines") == 0);
}

TEST_CASE("drafts: one that was given up is found by nobody, and erased by its intake's head") {
  TestService service(GENERATE(from_range(sql::kBothEngines)));
  WithdrawDossierRequest withdraw;
  withdraw.set_reason("Tôi đổi ý");
  const Dossier draft = Begin(service);
  const Dossier given_up = service.Command(&Stub::WithdrawDossier, draft, withdraw, Ward());
  CHECK(Found(service, kId, Ward()) == 0);
  const auto head = [](Caller caller, absl::string_view unit) {
    caller.mutable_officer()->set_id("head-1");
    caller.mutable_officer()->set_unit(std::string(unit));
    caller.mutable_officer()->add_roles("head");
    return caller;
  };
  EraseDossierRequest erase;
  erase.set_name(given_up.name());
  erase.set_etag(given_up.etag());
  erase.set_reason(lgsp::dossiers::v1::Erasure::ASKED_BY_PERSON);
  const auto by = [&](const Caller& caller) {
    return ErrorReason(service.Call(&Stub::EraseDossier, erase, caller).status());
  };
  CHECK(by(Ward()) == "COMMAND_NOT_YOURS");
  CHECK(by(head(Department(), "H12.04")) == "DOSSIER_NOT_FOUND");
  CHECK(by(head(Ward(), "H12.50.01")).empty());
  CHECK(ErrorReason(service.Get(given_up.name(), Ward()).status()) == "DATA_KEY_ERASED");
}

TEST_CASE("drafts: what is refused") {
  TestService service;
  SubmitDossierRequest begin = SampleSubmission();
  begin.set_request_id(service.NewRequestId());
  begin.set_draft(true);
  auto* code = begin.add_foreign_codes();
  code->set_issuer("portal");
  code->set_code("1");
  CHECK(ErrorReason(service.Call(&Stub::SubmitDossier, begin, Ward()).status()) ==
        "FOREIGN_CODE_INVALID");

  const Dossier draft = Begin(service);
  const auto file = [&](const Dossier& dossier,
                        const std::function<void(SubmitDossierRequest&)>& change,
                        const Caller& caller) {
    auto request = With<FileDossierRequest>(change);
    request.set_name(dossier.name());
    request.set_request_id(service.NewRequestId());
    request.set_etag(dossier.etag());
    return std::string(ErrorReason(service.Call(&Stub::FileDossier, request, caller).status()));
  };
  CHECK(file(
            draft, [](auto& s) { s.set_procedure(std::string(kCommuneProcedure)); }, Ward()) ==
        "DRAFT_OF_OTHER_PROCEDURE");
  CHECK(file(
            draft, [](auto& s) { s.mutable_applicant()->clear_full_name(); }, Ward()) ==
        "TEXT_EMPTY");
  CHECK(file(draft, {}, Department()) == "DOSSIER_NOT_FOUND");
  const auto accepted = [&] {
    AcceptDossierRequest accept;
    accept.set_name(draft.name());
    accept.set_request_id(service.NewRequestId());
    accept.set_etag(draft.etag());
    return service.Call(&Stub::AcceptDossier, accept, Ward()).status();
  }();
  CHECK(ErrorReason(accepted) == "STATE_FORBIDS_COMMAND");
  const Dossier submitted = service.Submit(kProvinceProcedure, Ward());
  CHECK(file(submitted, {}, Ward()) == "STATE_FORBIDS_COMMAND");
}

}  // namespace
}  // namespace lgsp::dossiers
