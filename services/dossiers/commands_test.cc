// The commands of the service, over the wire.
#include "libs/durable/commands.h"

#include <catch2/catch.hpp>
#include <functional>
#include <map>
#include <set>
#include <thread>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "google/protobuf/util/message_differencer.h"
#include "libs/aip/aip.h"
#include "libs/clock/clock.h"
#include "services/dossiers/documents/document_store.h"
#include "services/dossiers/results/result_store.h"
#include "services/dossiers/service_test.h"

namespace lgsp::dossiers {
namespace {

using google::protobuf::util::MessageDifferencer;
using lgsp::auth::v1::Caller;
using lgsp::dossiers::v1::AcceptDossierRequest;
using lgsp::dossiers::v1::CompleteDossierRequest;
using lgsp::dossiers::v1::Dossier;
using lgsp::dossiers::v1::EraseDossierRequest;
using lgsp::dossiers::v1::ExplainDueDateRequest;
using lgsp::dossiers::v1::ListTransitionsRequest;
using lgsp::dossiers::v1::PortalSync;
using lgsp::dossiers::v1::RejectDossierRequest;
using lgsp::dossiers::v1::Result;
using lgsp::dossiers::v1::ReturnDossierRequest;
using lgsp::dossiers::v1::Transition;
using Stub = lgsp::dossiers::v1::Dossiers::Stub;

template <typename Request>
Request CommandOn(const Dossier& dossier, const std::string& request_id) {
  Request request;
  request.set_name(dossier.name());
  request.set_request_id(request_id);
  request.set_etag(dossier.etag());
  return request;
}

// What the four commands on a dossier answer, by name.
std::map<std::string, absl::Status> TryAll(TestService& service, const Dossier& dossier,
                                           const Caller& caller = CallerOf("H12.*")) {
  auto reject = CommandOn<RejectDossierRequest>(dossier, service.NewRequestId());
  reject.set_reason("thiếu giấy tờ");
  return {
      {"accept", service
                     .Call(&Stub::AcceptDossier,
                           CommandOn<AcceptDossierRequest>(dossier, service.NewRequestId()), caller)
                     .status()},
      {"complete",
       service
           .Call(&Stub::CompleteDossier,
                 CommandOn<CompleteDossierRequest>(dossier, service.NewRequestId()), caller)
           .status()},
      {"return", service
                     .Call(&Stub::ReturnDossier,
                           CommandOn<ReturnDossierRequest>(dossier, service.NewRequestId()), caller)
                     .status()},
      {"reject", service.Call(&Stub::RejectDossier, reject, caller).status()},
  };
}

TEST_CASE("service: a dossier from submission to the returned result") {
  TestService service(GENERATE(from_range(sql::kBothEngines)));
  Caller officer = CallerOf("H12.*");
  officer.mutable_officer()->set_id("cb-17");
  officer.mutable_officer()->set_unit("H12.50.01");
  const Dossier submitted = service.Submit(kProvinceProcedure, officer);
  CHECK(aip::ParseName("name", submitted.name(), "dossiers").ok());
  CHECK(submitted.state() == Dossier::SUBMITTED);
  CHECK(submitted.etag() == aip::Etag(submitted.name(), 1));
  CHECK(submitted.portal_sync().state() == PortalSync::NOT_NEEDED);
  CHECK(MessageDifferencer::Equals(submitted.applicant(), SampleSubmission().applicant()));

  service.clock().Advance(absl::Hours(1));
  const Dossier accepted = service.Accept(submitted);
  CHECK(accepted.code() == "H12.04-261116-0001");
  CHECK(accepted.state() == Dossier::ACCEPTED);
  CHECK(accepted.revision() == 2);
  CHECK(Rfc3339(accepted.due().due_time()) == "2026-11-23T17:00:00+07:00");
  CHECK(accepted.portal_sync().state() == PortalSync::PENDING);
  CHECK(accepted.applicant().full_name() == kPersonalSamples[0]);
  const Dossier completed = service.Complete(accepted);
  CHECK(completed.state() == Dossier::COMPLETED);
  const Dossier returned = service.Return(completed);
  CHECK(returned.state() == Dossier::RETURNED);
  CHECK(returned.revision() == 4);
  CHECK(service.committed() == 4);

  // By name and by code.
  CHECK(MessageDifferencer::Equals(*service.Get(returned.name()), returned));
  CHECK(MessageDifferencer::Equals(*service.Get("dossiers/H12.04-261116-0001"), returned));

  ListTransitionsRequest history;
  history.set_parent(returned.name());
  const auto transitions = service.Call(&Stub::ListTransitions, history);
  REQUIRE(transitions.ok());
  REQUIRE(transitions->transitions_size() == 4);
  for (int i = 0; i < 4; ++i) {
    CHECK(transitions->transitions(i).revision() == i + 1);
    CHECK(transitions->transitions(i).system() == "systems/test");
  }
  CHECK(transitions->transitions(0).officer() == "cb-17");
  CHECK(transitions->transitions(0).unit() == "H12.50.01");
  CHECK(transitions->transitions(3).officer().empty());
  CHECK(transitions->transitions(3).state() == Dossier::RETURNED);
}

TEST_CASE("service: why a dossier is due when it is, in words") {
  TestService service;
  const Dossier submitted = service.Submit();
  ExplainDueDateRequest explain;
  explain.set_name(submitted.name());
  CHECK(ErrorReason(service.Call(&Stub::ExplainDueDate, explain).status()) == "DUE_DATE_NOT_SET");
  const Dossier accepted = service.Accept(submitted);
  const auto vietnamese = service.Call(&Stub::ExplainDueDate, explain);
  REQUIRE(vietnamese.ok());
  REQUIRE(vietnamese->lines_size() > 1);
  CHECK(vietnamese->lines(0).find("Hạn trả kết quả: 17:00, ") == 0);
  explain.set_name(absl::StrCat("dossiers/", accepted.code()));
  explain.set_language_code("en");
  const auto english = service.Call(&Stub::ExplainDueDate, explain);
  REQUIRE(english.ok());
  CHECK(english->lines_size() == vietnamese->lines_size());
  CHECK(english->lines(1).find("Monday 2026-11-16: the day of the start") == 0);
  explain.set_language_code("fr");
  CHECK(ErrorReason(service.Call(&Stub::ExplainDueDate, explain).status()) == "LANGUAGE_UNKNOWN");
}

TEST_CASE("service: a refused dossier keeps its reason, has no code, and the portal is told") {
  TestService service;
  const Dossier rejected = service.Reject(service.Submit());
  CHECK(rejected.state() == Dossier::REJECTED);
  CHECK(rejected.reject_reason() == "thiếu giấy tờ");
  CHECK(rejected.code().empty());
  CHECK(rejected.portal_sync().state() == PortalSync::PENDING);
}

TEST_CASE("service: every command makes its event, for the agencies concerned") {
  TestService service;
  const Dossier returned = service.Return(service.Complete(service.Accept(service.Submit())));
  const Dossier rejected = service.Reject(service.Submit(kCommuneProcedure));
  const auto events = service.Events();
  struct Expected {
    std::string type, subject;
    int64_t revision;
    std::vector<std::string> audience;
  };
  const std::vector<std::string> both = {"H12.04", "H12.50.01"};
  const std::vector<Expected> expected = {
      {"DossierSubmitted", returned.name(), 1, both},
      {"DossierAccepted", returned.name(), 2, both},
      {"DossierCompleted", returned.name(), 3, both},
      {"DossierReturned", returned.name(), 4, both},
      {"DossierSubmitted", rejected.name(), 1, {"H12.50.01"}},
      {"DossierRejected", rejected.name(), 2, {"H12.50.01"}},
  };
  REQUIRE(events.size() == expected.size());
  for (size_t i = 0; i < expected.size(); ++i) {
    INFO(events[i].ShortDebugString());
    CHECK(events[i].type() == absl::StrCat("lgsp.dossiers.v1.", expected[i].type));
    CHECK(events[i].subject() == expected[i].subject);
    CHECK(events[i].revision() == expected[i].revision);
    CHECK(std::vector<std::string>(events[i].audience().begin(), events[i].audience().end()) ==
          expected[i].audience);
    CHECK(events[i].traceparent() == TestService::kTraceparent);
    CHECK(ToTime(events[i].time()) == service.clock().CivilNow());
    for (const absl::string_view personal : kPersonalSamples) {
      CHECK(events[i].data().find(std::string(personal)) == std::string::npos);
    }
  }
}

TEST_CASE("service: no personal data lies readable on the disk: rows, answers, orders, events") {
  TestService service;
  const Dossier returned = service.Return(service.Complete(service.Accept(service.Submit())));
  const Dossier submitted = service.Submit();
  auto reject = CommandOn<RejectDossierRequest>(submitted, service.NewRequestId());
  reject.set_reason("canary-reason");
  REQUIRE(service.Call(&Stub::RejectDossier, reject).ok());

  const std::string bytes = service.database().BytesOnDisk();
  // It would be found: what is not personal is, in each of the tables.
  for (const std::string& plain : {returned.code(), std::string("lgsp.dossiers.v1.DossierReturned"),
                                   std::string("portal-sync"), reject.request_id()}) {
    CHECK(absl::StrContains(bytes, plain));
  }
  for (const absl::string_view personal : kPersonalSamples) {
    CHECK_FALSE(absl::StrContains(bytes, personal));
  }
  CHECK_FALSE(absl::StrContains(bytes, "canary"));
  CHECK_FALSE(absl::StrContains(bytes, "Canary"));
}

TEST_CASE("service: what the state does not allow is refused and changes nothing") {
  TestService service;
  const Dossier submitted = service.Submit();
  const Dossier accepted = service.Accept(service.Submit());
  const Dossier completed = service.Complete(service.Accept(service.Submit()));
  const Dossier returned = service.Return(service.Complete(service.Accept(service.Submit())));
  const Dossier rejected = service.Reject(service.Submit());
  const std::pair<Dossier, std::set<std::string>> forbidden[] = {
      {submitted, {"complete", "return"}},
      {accepted, {"accept", "return", "reject"}},
      {completed, {"accept", "complete", "reject"}},
      {returned, {"accept", "complete", "return", "reject"}},
      {rejected, {"accept", "complete", "return", "reject"}},
  };
  for (const auto& [dossier, commands] : forbidden) {
    const size_t events = service.Events().size();
    // Those allowed would change it: each dossier is tried with the forbidden ones only.
    auto etag_wrong = dossier;
    etag_wrong.set_etag("1-00000000");
    for (const auto& [command, status] : TryAll(service, etag_wrong)) {
      CHECK(ErrorReason(status) == "ETAG_STALE");
    }
    for (const std::string& command : commands) {
      const absl::Status status = [&] {
        const std::string id = service.NewRequestId();
        if (command == "accept") {
          return service.Call(&Stub::AcceptDossier, CommandOn<AcceptDossierRequest>(dossier, id))
              .status();
        }
        if (command == "complete") {
          return service
              .Call(&Stub::CompleteDossier, CommandOn<CompleteDossierRequest>(dossier, id))
              .status();
        }
        if (command == "return") {
          return service.Call(&Stub::ReturnDossier, CommandOn<ReturnDossierRequest>(dossier, id))
              .status();
        }
        auto request = CommandOn<RejectDossierRequest>(dossier, id);
        request.set_reason("x");
        return service.Call(&Stub::RejectDossier, request).status();
      }();
      INFO(Dossier::State_Name(dossier.state()) << " " << command << ": " << status);
      CHECK(status.code() == absl::StatusCode::kFailedPrecondition);
      CHECK(ErrorReason(status) == "STATE_FORBIDS_COMMAND");
    }
    CHECK(MessageDifferencer::Equals(*service.Get(dossier.name()), dossier));
    CHECK(service.Events().size() == events);
  }
}

TEST_CASE("service: a repeated command gets its first answer, whatever happened since") {
  TestService service;
  auto request = SampleSubmission();
  const auto first = service.Call(&Stub::SubmitDossier, request);
  REQUIRE(first.ok());
  const auto accept = CommandOn<AcceptDossierRequest>(*first, "accept-1");
  const auto accepted = service.Call(&Stub::AcceptDossier, accept);
  REQUIRE(accepted.ok());
  service.Complete(*accepted);
  service.clock().Advance(absl::Hours(24));

  const auto again = service.Call(&Stub::SubmitDossier, request);
  REQUIRE(again.ok());
  CHECK(MessageDifferencer::Equals(*again, *first));
  const auto accepted_again = service.Call(&Stub::AcceptDossier, accept);
  REQUIRE(accepted_again.ok());
  CHECK(MessageDifferencer::Equals(*accepted_again, *accepted));
  CHECK(service.Events().size() == 3);

  // The same id for something else: another body, another method.
  request.set_subject("something else");
  const absl::Status other_body = service.Call(&Stub::SubmitDossier, request).status();
  CHECK(other_body.code() == absl::StatusCode::kAborted);
  CHECK(ErrorReason(other_body) == "REQUEST_ID_REUSED");
  const absl::Status other_method =
      service.Call(&Stub::CompleteDossier, CommandOn<CompleteDossierRequest>(*accepted, "accept-1"))
          .status();
  CHECK(ErrorReason(other_method) == "REQUEST_ID_REUSED");
  // Ids are a system's own.
  Caller neighbour = CallerOf("H12.50.01");
  neighbour.set_system("systems/neighbour");
  const auto others = service.Call(&Stub::SubmitDossier, SampleSubmission(), neighbour);
  REQUIRE(others.ok());
  CHECK(others->name() != first->name());

  // Until the answer has expired.
  service.clock().Advance(durable::kAnswerLifetime);
  REQUIRE(durable::DeleteExpiredAnswers(*service.database().db, service.clock().CivilNow()).ok());
  const auto anew = service.Call(&Stub::SubmitDossier, SampleSubmission());
  REQUIRE(anew.ok());
  CHECK(anew->name() != first->name());
}

TEST_CASE("service: a refused command may be corrected under the same request id") {
  TestService service;
  auto request = SampleSubmission();
  request.mutable_applicant()->clear_full_name();
  CHECK(ErrorReason(service.Call(&Stub::SubmitDossier, request).status()) == "TEXT_EMPTY");
  CHECK(service.Call(&Stub::SubmitDossier, SampleSubmission()).ok());
}

TEST_CASE("service: commands take the etag of what their sender saw") {
  TestService service;
  const Dossier submitted = service.Submit();
  const Dossier accepted = service.Accept(submitted);
  auto request = CommandOn<CompleteDossierRequest>(accepted, "complete-1");
  for (const std::string& etag : {submitted.etag(), service.Submit().etag(), std::string("x")}) {
    request.set_etag(etag);
    const absl::Status status = service.Call(&Stub::CompleteDossier, request).status();
    CHECK(status.code() == absl::StatusCode::kAborted);
    CHECK(ErrorReason(status) == "ETAG_STALE");
  }
  request.clear_etag();
  const absl::Status missing = service.Call(&Stub::CompleteDossier, request).status();
  CHECK(missing.code() == absl::StatusCode::kInvalidArgument);
  CHECK(ErrorReason(missing) == "ETAG_MISSING");
  // By code, with the right one.
  request.set_etag(accepted.etag());
  request.set_name(absl::StrCat("dossiers/", accepted.code()));
  CHECK(service.Call(&Stub::CompleteDossier, request).ok());
}

// Runs `write` in a transaction on a held dossier that ends only once `meanwhile`, in a thread of
// its own, waits for it.
void WhileHeld(TestService& service, const Dossier& dossier,
               absl::FunctionRef<absl::Status(sql::Transaction&, const LoadedDossier&)> write,
               const std::function<void()>& meanwhile) {
  std::thread other;
  const absl::Status done = service.database().db->Run([&](sql::Transaction& tx) -> absl::Status {
    ASSIGN_OR_RETURN(const LoadedDossier loaded,
                     service.database().store.Load(tx, IdOf(dossier.name())));
    RETURN_IF_ERROR(HoldDossier(tx, dossier.name(), dossier.revision()));
    RETURN_IF_ERROR(write(tx, loaded));
    if (other.joinable()) return absl::InternalError("run again");
    other = std::thread(meanwhile);
    // At the latest until our transaction's time is over.
    for (int64_t waiting = 0; waiting == 0;) {
      ASSIGN_OR_RETURN(const sql::Result locks,
                       tx.Execute("SELECT count(*) FROM pg_locks WHERE NOT granted"));
      waiting = locks.rows[0].Int(0);
    }
    return absl::OkStatus();
  });
  if (other.joinable()) other.join();
  INFO(done);
  REQUIRE(done.ok());
}

TEST_CASE("service: nothing is completed while a result is being ordered") {
  TestService service(sql::Database::Engine::kPostgres);
  const Dossier accepted = service.Accept(service.Submit());
  absl::Status refused;
  WhileHeld(
      service, accepted,
      [&](sql::Transaction& tx, const LoadedDossier& loaded) {
        Result result;
        result.set_name(absl::StrCat(accepted.name(), "/results/1"));
        result.set_revision(1);
        result.set_state(Result::SIGNING);
        return InsertResult(tx, result, loaded.key);
      },
      [&] {
        const auto request = CommandOn<CompleteDossierRequest>(accepted, "complete-1");
        refused = service.Call(&Stub::CompleteDossier, request).status();
      });
  CHECK(ErrorReason(refused) == "RESULT_UNDER_WAY");
}

TEST_CASE("service: an upload that was under way is erased with its dossier") {
  TestService service(sql::Database::Engine::kPostgres);
  const Dossier rejected = service.Reject(service.Submit());
  Caller head = CallerOf("H12.*");
  head.mutable_officer()->set_id("head-1");
  head.mutable_officer()->set_unit(rejected.settling_agency());
  head.mutable_officer()->add_roles("head");
  EraseDossierRequest erase;
  erase.set_name(rejected.name());
  erase.set_etag(rejected.etag());
  erase.set_reason(lgsp::dossiers::v1::Erasure::ORDERED);
  absl::Status erased;
  WhileHeld(
      service, rejected,
      [&](sql::Transaction& tx, const LoadedDossier& loaded) {
        StoredDocument stored{{}, "00ff", keys::KeyRing::NewDataKey()};
        stored.document.set_name(absl::StrCat(rejected.name(), "/documents/1"));
        return InsertDocument(tx, stored, loaded.key);
      },
      [&] { erased = service.Call(&Stub::EraseDossier, erase, head).status(); });
  INFO(erased);
  CHECK(erased.ok());
  CHECK(sql::ReadInt(*service.database().db, "SELECT COUNT(*) FROM documents") == 0);
  CHECK(sql::ReadInt(*service.database().db, "SELECT COUNT(*) FROM document_contents") == 0);
}

TEST_CASE("service: another agency's dossier does not exist") {
  TestService service;
  const Dossier dossier = service.Accept(service.Submit());
  Dossier missing = dossier;
  missing.set_name("dossiers/0197a000-7c00-7000-8000-000000000001");
  const Caller neighbour = CallerOf("H12.50.02");
  const auto answers = [&](const Dossier& asked) {
    auto statuses = TryAll(service, asked, neighbour);
    statuses["get"] = service.Get(asked.name(), neighbour).status();
    ListTransitionsRequest history;
    history.set_parent(asked.name());
    statuses["history"] = service.Call(&Stub::ListTransitions, history, neighbour).status();
    ExplainDueDateRequest explain;
    explain.set_name(history.parent());
    statuses["explain"] = service.Call(&Stub::ExplainDueDate, explain, neighbour).status();
    return statuses;
  };
  for (const auto& [method, status] : answers(missing)) {
    INFO(method << ": " << status);
    CHECK(status.code() == absl::StatusCode::kNotFound);
    CHECK(ErrorReason(status) == "DOSSIER_NOT_FOUND");
    // Both answers are the same, but for the name that was asked for.
    const absl::Status others = answers(dossier)[method];
    CHECK(others.code() == status.code());
    CHECK(others.message() == status.message());
    CHECK(ErrorReason(others) == ErrorReason(status));
  }
  const std::string by_code = absl::StrCat("dossiers/", dossier.code());
  CHECK(ErrorReason(service.Get(by_code, neighbour).status()) == "DOSSIER_NOT_FOUND");
  // Both of its own agencies see it.
  CHECK(service.Get(by_code, CallerOf("H12.04")).ok());
  CHECK(service.Get(by_code, CallerOf("H12.50.01")).ok());
  CHECK(MessageDifferencer::Equals(*service.Get(dossier.name()), dossier));
}

TEST_CASE("service: codes of many at once have no gap and none twice; midnight is Vietnam's") {
  TestService service(GENERATE(from_range(sql::kBothEngines)));
  service.clock().Set(absl::FromCivil(absl::CivilSecond(2026, 11, 16, 23, 59, 59), VietnamZone()));
  constexpr int kThreads = 6;
  constexpr int kEach = 4;
  std::vector<std::string> codes(kThreads * kEach);
  sql::Crowd crowd(kThreads, [&](int thread) -> absl::Status {
    for (int i = 0; i < kEach; ++i) {
      auto request = SampleSubmission();
      request.set_request_id(service.NewRequestId());
      ASSIGN_OR_RETURN(const Dossier submitted, service.Call(&Stub::SubmitDossier, request));
      ASSIGN_OR_RETURN(const Dossier accepted,
                       service.Call(&Stub::AcceptDossier, CommandOn<AcceptDossierRequest>(
                                                              submitted, service.NewRequestId())));
      codes[thread * kEach + i] = accepted.code();
    }
    return absl::OkStatus();
  });
  for (const absl::Status& status : crowd.Join()) {
    INFO(status);
    CHECK(status.ok());
  }
  std::set<std::string> expected;
  for (int i = 1; i <= kThreads * kEach; ++i) {
    expected.insert(FormatCode("H12.04", absl::CivilDay(2026, 11, 16), i));
  }
  CHECK(std::set<std::string>(codes.begin(), codes.end()) == expected);

  const Dossier before = service.Submit();
  service.clock().Advance(absl::Seconds(1));
  CHECK(service.Accept(before).code() == "H12.04-261117-0001");
}

// Each thread settles dossiers of its own, by one process or the other.
absl::Status SettleSome(std::vector<TestService*> processes, int thread, int dossiers) {
  for (int i = 0; i < dossiers; ++i) {
    const auto process = [&](int step) -> TestService& {
      return *processes[(thread + i + step) % processes.size()];
    };
    auto submit = SampleSubmission();
    submit.set_request_id(process(0).NewRequestId());
    ASSIGN_OR_RETURN(Dossier dossier, process(0).Call(&Stub::SubmitDossier, submit));
    ASSIGN_OR_RETURN(
        dossier, process(1).Call(&Stub::AcceptDossier, CommandOn<AcceptDossierRequest>(
                                                           dossier, process(1).NewRequestId())));
    ASSIGN_OR_RETURN(
        dossier, process(2).Call(&Stub::CompleteDossier, CommandOn<CompleteDossierRequest>(
                                                             dossier, process(2).NewRequestId())));
  }
  return absl::OkStatus();
}

TEST_CASE("service: two processes on one PostgreSQL: no code twice, no event lost or out of turn") {
  TestService one(sql::Database::Engine::kPostgres);
  TestService two(one);
  constexpr int kThreads = 6, kEach = 15, kAll = kThreads * kEach;
  sql::Crowd crowd(kThreads, [&](int thread) { return SettleSome({&one, &two}, thread, kEach); });
  for (const absl::Status& status : crowd.Join()) {
    INFO(status);
    CHECK(status.ok());
  }
  auto& db = *one.database().db;
  CHECK(sql::ReadInt(db, "SELECT COUNT(DISTINCT code) FROM dossiers") == kAll);
  CHECK(sql::ReadInt(db, "SELECT last FROM dossier_codes") == kAll);
  std::map<std::string, int64_t> revisions;
  int told = 0;
  for (const auto& event : one.Events()) {
    ++told;
    CHECK(event.revision() == ++revisions[event.subject()]);
  }
  CHECK(told == 3 * kAll);
  CHECK(sql::ReadInt(db, "SELECT MAX(position) FROM feed") == 3 * kAll);
}

TEST_CASE("service: of two at once with one etag one is right; with one request id both are") {
  TestService service(GENERATE(from_range(sql::kBothEngines)));
  const Dossier submitted = service.Submit();
  sql::Crowd acceptances(4, [&](int) {
    return service
        .Call(&Stub::AcceptDossier,
              CommandOn<AcceptDossierRequest>(submitted, service.NewRequestId()))
        .status();
  });
  int accepted = 0;
  for (const absl::Status& status : acceptances.Join()) {
    accepted += status.ok() ? 1 : 0;
    if (!status.ok()) CHECK(ErrorReason(status) == "ETAG_STALE");
  }
  CHECK(accepted == 1);

  std::vector<std::string> names(4);
  sql::Crowd submissions(4, [&](int i) -> absl::Status {
    ASSIGN_OR_RETURN(const Dossier dossier, service.Call(&Stub::SubmitDossier, SampleSubmission()));
    names[i] = dossier.name();
    return absl::OkStatus();
  });
  for (const absl::Status& status : submissions.Join()) CHECK(status.ok());
  CHECK(std::set<std::string>(names.begin(), names.end()).size() == 1);
}

TEST_CASE("commands: what is erased or damaged is, to strangers, not there") {
  TestService service;
  const Dossier dossier = service.Submit();
  const Caller stranger = CallerOf("H99");
  const auto reason = [&](const Caller& caller) {
    return ErrorReason(service.Get(dossier.name(), caller).status());
  };
  CHECK(reason(stranger) == "DOSSIER_NOT_FOUND");
  REQUIRE(sql::RunOne(*service.database().db, "DELETE FROM data_keys").ok());
  CHECK(reason(stranger) == "DOSSIER_NOT_FOUND");
  CHECK(reason(CallerOf("H12.*")) == "DATA_KEY_ERASED");
}

TEST_CASE("commands: fields that nobody knows are not kept") {
  TestService service;
  auto request = SampleSubmission();
  request.set_request_id(service.NewRequestId());
  request.mutable_applicant()
      ->GetReflection()
      ->MutableUnknownFields(request.mutable_applicant())
      ->AddLengthDelimited(99, std::string(1 << 20, 'x'));
  const auto submitted = service.Call(&Stub::SubmitDossier, request);
  REQUIRE(submitted.ok());
  CHECK(submitted->ByteSizeLong() < 10'000);
}

TEST_CASE("commands: what took the dossier from its sender is answered again alike") {
  TestService service;
  const Dossier dossier = service.Submit(kCommuneProcedure);
  lgsp::dossiers::v1::ForwardDossierRequest first;
  first.set_to_agency("H12.50.02");
  first.set_reason("Không thuộc thẩm quyền");
  const Dossier there = service.Command(&Stub::ForwardDossier, dossier, first);
  auto on = CommandOn<lgsp::dossiers::v1::ForwardDossierRequest>(there, service.NewRequestId());
  on.set_to_agency("H12.50.03");
  on.set_reason("Không thuộc thẩm quyền");
  // Neither intake nor return point, nor settling any more.
  const Caller sender = CallerOf("H12.50.02");
  const auto answer = service.Call(&Stub::ForwardDossier, on, sender);
  INFO(answer.status());
  REQUIRE(answer.ok());
  CHECK(ErrorReason(service.Get(there.name(), sender).status()) == "DOSSIER_NOT_FOUND");
  const auto again = service.Call(&Stub::ForwardDossier, on, sender);
  INFO(again.status());
  REQUIRE(again.ok());
  CHECK(again->SerializeAsString() == answer->SerializeAsString());
}

TEST_CASE("commands: a repeated answer is given to those who may still see it") {
  TestService service;
  auto request = SampleSubmission();
  request.set_request_id(service.NewRequestId());
  REQUIRE(service.Call(&Stub::SubmitDossier, request).ok());
  CHECK(service.Call(&Stub::SubmitDossier, request).ok());
  Caller narrowed = CallerOf("H12.*");
  narrowed.mutable_agencies()->Clear();
  narrowed.add_agencies("H99");
  CHECK(ErrorReason(service.Call(&Stub::SubmitDossier, request, narrowed).status()) ==
        "DOSSIER_NOT_FOUND");
}

}  // namespace
}  // namespace lgsp::dossiers
