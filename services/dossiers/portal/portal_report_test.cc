// The report on the portal's copies as an operator gets it, and repairs by it: over mutual TLS, on
// both engines. What stands where the gateway is says what is asked of it, and answers as told; the
// whole way is tests/contract/portal_report_test.py.
#include <catch2/catch.hpp>
#include <map>
#include <set>
#include <thread>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/synchronization/notification.h"
#include "google/protobuf/util/message_differencer.h"
#include "lgsp/national/v1/portal.grpc.pb.h"
#include "libs/aip/aip.h"
#include "libs/log/log.h"
#include "libs/status/status.h"
#include "libs/testing/platform.h"
#include "services/dossiers/database_test.h"
#include "services/dossiers/limits.h"
#include "services/dossiers/migrations.h"
#include "services/dossiers/portal/portal_client.h"
#include "services/dossiers/portal/portal_report_service.h"
#include "services/dossiers/portal/portal_sync.h"
#include "services/dossiers/samples_test.h"

namespace lgsp::dossiers {
namespace {

using lgsp::dossiers::v1::CompareWithPortalRequest;
using lgsp::dossiers::v1::CompareWithPortalResponse;
using lgsp::dossiers::v1::Dossier;
using lgsp::dossiers::v1::PortalDifference;
using lgsp::dossiers::v1::PortalReports;
using lgsp::dossiers::v1::PortalSync;
using lgsp::dossiers::v1::RepairPortalCopyRequest;
using lgsp::dossiers::v1::RepairPortalCopyResponse;
using lgsp::national::v1::CompareDossierRequest;
using lgsp::national::v1::CompareDossierResponse;
using lgsp::national::v1::Portal;
using lgsp::national::v1::SyncDossierRequest;
using lgsp::national::v1::SyncDossierResponse;
using sql::kBothEngines;

constexpr char kCalls[] =
    "rules { caller: 'operator' service: 'lgsp.dossiers.v1.PortalReports' methods: '*' } "
    "rules { caller: 'dossiers' service: 'lgsp.national.v1.Portal' methods: '*' }";

// Stands where the gateway is.
class Peer final : public Portal::Service {
 public:
  using Answer = std::function<absl::StatusOr<CompareDossierResponse>(absl::Time deadline)>;

  grpc::Status CompareDossier(grpc::ServerContext* context, const CompareDossierRequest* request,
                              CompareDossierResponse* response) override {
    return rpc::Unary(context, [&](const rpc::CallContext& call) -> absl::Status {
      Answer answer;
      {
        absl::MutexLock lock(&mutex_);
        asked_.push_back(request->wanted().number());
        most_ = std::max(most_, ++now_);
        if (const auto found = answers_.find(request->wanted().number()); found != answers_.end()) {
          answer = found->second;
        }
      }
      absl::StatusOr<CompareDossierResponse> answered = CompareDossierResponse();
      if (answer) answered = answer(call.deadline);
      absl::MutexLock lock(&mutex_);
      --now_;
      if (!answered.ok()) return answered.status();
      *response = *std::move(answered);
      return absl::OkStatus();
    });
  }
  grpc::Status SyncDossier(grpc::ServerContext* context, const SyncDossierRequest* request,
                           SyncDossierResponse*) override {
    return rpc::Unary(context, [&](const rpc::CallContext&) {
      absl::MutexLock lock(&mutex_);
      told_.push_back(absl::StrCat(request->number(), " ", request->portal_status()));
      return sync_answer_;
    });
  }

  // What is said of a number from now on; nothing: its copy is right.
  void Say(const std::string& number, Answer answer) {
    absl::MutexLock lock(&mutex_);
    answers_[number] = std::move(answer);
  }
  void Differs(const std::string& number, const CompareDossierResponse& response) {
    Say(number, [response](absl::Time) { return response; });
  }
  void Fails(const std::string& number, const absl::Status& status) {
    Say(number, [status](absl::Time) { return status; });
  }
  void SyncAnswers(const absl::Status& status) {
    absl::MutexLock lock(&mutex_);
    sync_answer_ = status;
  }
  std::vector<std::string> TakeAsked() {
    absl::MutexLock lock(&mutex_);
    return std::exchange(asked_, {});
  }
  std::vector<std::string> TakeTold() {
    absl::MutexLock lock(&mutex_);
    return std::exchange(told_, {});
  }
  int most() {
    absl::MutexLock lock(&mutex_);
    return most_;
  }

 private:
  absl::Mutex mutex_;
  std::map<std::string, Answer> answers_;
  absl::Status sync_answer_;
  std::vector<std::string> asked_, told_;
  int now_ = 0, most_ = 0;
};

CompareDossierResponse Missing() {
  CompareDossierResponse response;
  response.set_missing(true);
  response.set_progress_rows_missing(2);
  return response;
}
absl::Status Unavailable() {
  return MakeError(absl::StatusCode::kUnavailable, "PORTAL_UNAVAILABLE", "not reached");
}
absl::Status Refused() {
  return MakeError(absl::StatusCode::kInvalidArgument, "PORTAL_FIELD_INVALID", "not taken");
}

// The service, its database, and dossiers that the portal should know: number n is submitted n
// hours after the first and has the code `code-n`.
class Reports {
 public:
  explicit Reports(sql::Database::Engine engine) : test(engine), platform_(kCalls) {
    gateway_ = platform_.Start("gateway", {{Portal::service_full_name(), &peer}});
    const auto channel = platform_.ChannelOf("dossiers", gateway_->port(), "gateway");
    service_ = std::make_unique<PortalReportService>(PortalReportService::Parts{
        &*test.db, &TheCatalogue(), &test.store, &clock, std::bind_front(ComparePortal, channel),
        [this] { ++committed; }});
    server_ = platform_.Start("dossiers", {{PortalReports::service_full_name(), service_.get()}});
    stub_ = PortalReports::NewStub(platform_.ChannelOf("operator", server_->port(), "dossiers"));
    worker_ = MakePortalWorker(&*test.db, &test.keys, &clock, &metrics_, channel);
    log::SetSink([this](const std::string& line) {
      absl::MutexLock lock(&mutex_);
      logged_ += line;
    });
  }
  ~Reports() { log::SetSink(nullptr); }

  static std::string Code(int n) { return absl::StrCat("code-", n); }
  static std::string Name(int n) { return SampleDossier(n).name(); }
  static absl::Time SubmitTime(int n) {
    return absl::FromUnixSeconds(1'790'000'000) + absl::Hours(n);
  }

  LoadedDossier Add(int n) {
    Dossier dossier = SampleDossier(n);
    *dossier.mutable_submit_time() = ToTimestamp(SubmitTime(n));
    return test.Insert(dossier);
  }
  // The next revision, in `state`, as a command makes it.
  void Enter(LoadedDossier& loaded, Dossier::State state) {
    Dossier& dossier = loaded.dossier;
    dossier.set_state(state);
    dossier.set_revision(dossier.revision() + 1);
    const absl::Status status = test.db->Run([&](sql::Transaction& tx) -> absl::Status {
      RETURN_IF_ERROR(test.store.Update(tx, loaded));
      RETURN_IF_ERROR(
          test.store.AddTransition(tx, dossier, "any", clock.CivilNow(), CallerOf("H12.04")));
      return OrderPortalSync(tx, TheCatalogue(), test.store, loaded, clock);
    });
    INFO(status);
    REQUIRE(status.ok());
    loaded.listed = ListRowsOf(dossier);
  }
  LoadedDossier AddAccepted(int n) {
    LoadedDossier loaded = Add(n);
    loaded.dossier.set_code(Code(n));
    *loaded.dossier.mutable_accept_time() = ToTimestamp(clock.CivilNow());
    Enter(loaded, Dossier::ACCEPTED);
    return loaded;
  }
  void Work() { REQUIRE(worker_->RunOnce().ok()); }
  void Erase(int n) {
    REQUIRE(test.db->Run([&](sql::Transaction& tx) { return test.keys.Erase(tx, Name(n)); }).ok());
  }

  template <typename Request, typename Response>
  absl::StatusOr<Response> Call(grpc::Status (PortalReports::Stub::*method)(grpc::ClientContext*,
                                                                            const Request&,
                                                                            Response*),
                                const Request& request, absl::Duration limit = sql::kPatience) {
    grpc::ClientContext context;
    rpc::SetDeadline(context, limit);
    Response response;
    RETURN_IF_ERROR(rpc::FromGrpcStatus(((*stub_).*method)(&context, request, &response)));
    return response;
  }
  absl::StatusOr<CompareWithPortalResponse> Compare(const CompareWithPortalRequest& request = {},
                                                    absl::Duration limit = sql::kPatience) {
    return Call(&PortalReports::Stub::CompareWithPortal, request, limit);
  }
  CompareWithPortalResponse CompareOne(int n) {
    CompareWithPortalRequest request;
    request.set_dossier(Name(n));
    const auto response = Compare(request);
    INFO(response.status());
    REQUIRE(response.ok());
    return *response;
  }
  absl::StatusOr<RepairPortalCopyResponse> Repair(const std::string& dossier,
                                                  const std::string& by = "nguyen.an") {
    RepairPortalCopyRequest request;
    request.set_dossier(dossier);
    request.set_operator_id(by);
    return Call(&PortalReports::Stub::RepairPortalCopy, request);
  }
  PortalSync Sync(int n) {
    const auto loaded = test.Load(IdOf(Name(n)));
    REQUIRE(loaded.ok());
    return loaded->dossier.portal_sync();
  }
  int64_t Count(absl::string_view sql) { return sql::ReadInt(*test.db, sql); }
  std::string Logged() {
    absl::MutexLock lock(&mutex_);
    return logged_;
  }
  rpc::Server& server() { return *server_; }
  testing::Platform& platform() { return platform_; }

  FakeClock clock{absl::FromUnixSeconds(1'800'000'000)};
  TestStore test;
  Peer peer;
  std::atomic<int> committed = 0;

 private:
  testing::Platform platform_;
  metrics::Registry metrics_;
  std::unique_ptr<rpc::Server> gateway_;
  std::unique_ptr<PortalReportService> service_;
  std::unique_ptr<rpc::Server> server_;
  std::unique_ptr<PortalReports::Stub> stub_;
  std::unique_ptr<durable::CallWorker> worker_;
  absl::Mutex mutex_;
  std::string logged_;
};

// `<code>` of all differences of all pages, and the totals of the last: `<dossiers> <different>
// <not compared> <erased>`.
struct Whole {
  std::vector<std::string> codes;
  std::string totals;
  int pages = 0;
};

Whole ReadAll(
    Reports& reports, CompareWithPortalRequest request,
    const std::function<void(int page)>& between = [](int) {}) {
  Whole whole;
  do {
    const auto page = reports.Compare(request);
    INFO(page.status());
    REQUIRE(page.ok());
    for (const auto& difference : page->differences()) whole.codes.push_back(difference.code());
    const auto& totals = page->totals();
    whole.totals = absl::StrCat(totals.dossiers(), " ", totals.different(), " ",
                                totals.not_compared(), " ", totals.erased());
    request.set_page_token(page->next_page_token());
    REQUIRE(++whole.pages < 50);
    between(whole.pages);
  } while (!request.page_token().empty());
  return whole;
}

TEST_CASE("portal report: pages hold exactly what differs, in the order of submission") {
  Reports reports(GENERATE(from_range(kBothEngines)));
  for (const int n : {5, 3, 1, 7, 2, 6, 4}) reports.AddAccepted(n);
  reports.Add(8);  // not accepted: the portal is not to know of it
  for (const int n : {2, 3, 7}) reports.peer.Differs(Reports::Code(n), Missing());
  reports.peer.Fails(Reports::Code(5), Refused());
  CompareWithPortalRequest request;
  Whole whole = ReadAll(reports, request);
  CHECK(whole.codes == std::vector<std::string>{"code-2", "code-3", "code-5", "code-7"});
  CHECK(whole.totals == "7 3 1 0");
  CHECK(whole.pages == 1);

  request.set_page_size(2);
  // One that changes is not told twice; what is filed meanwhile comes last.
  const auto between = [&](int page) {
    if (page == 1) reports.AddAccepted(9);
    if (page == 2) reports.Work();
  };
  reports.peer.Differs(Reports::Code(9), Missing());
  whole = ReadAll(reports, request, between);
  CHECK(whole.codes == std::vector<std::string>{"code-2", "code-3", "code-5", "code-7", "code-9"});
  CHECK(whole.totals == "8 4 1 0");
  CHECK(whole.pages == 4);

  *request.mutable_submitted_from() = ToTimestamp(Reports::SubmitTime(3));
  *request.mutable_submitted_before() = ToTimestamp(Reports::SubmitTime(7));
  whole = ReadAll(reports, request);
  CHECK(whole.codes == std::vector<std::string>{"code-3", "code-5"});
  CHECK(whole.totals == "4 1 1 0");

  const auto page = reports.Compare(request);
  REQUIRE(page.ok());
  // Nor are its totals believed: whoever writes tokens must not make them overflow.
  const auto parts = aip::ParsePageToken(page->next_page_token(), 6,
                                         absl::StrCat(0, "\n", sql::Micros(Reports::SubmitTime(3)),
                                                      "\n", sql::Micros(Reports::SubmitTime(7))));
  INFO(parts.status());
  REQUIRE(parts.ok());
  for (const int64_t total : {std::numeric_limits<int64_t>::max(), int64_t{-1}}) {
    std::vector<std::string> changed = *parts;
    changed[2] = absl::StrCat(total);
    request.set_page_token(
        aip::MakePageToken(changed, absl::StrCat(0, "\n", sql::Micros(Reports::SubmitTime(3)), "\n",
                                                 sql::Micros(Reports::SubmitTime(7)))));
    CHECK(ErrorReason(reports.Compare(request).status()) == "PAGE_TOKEN_INVALID");
  }
  // A token is of its filters.
  request.set_page_token(page->next_page_token());
  request.clear_submitted_from();
  CHECK(ErrorReason(reports.Compare(request).status()) == "PAGE_TOKEN_INVALID");
}

TEST_CASE("portal report: by how the copy stands") {
  Reports reports(GENERATE(from_range(kBothEngines)));
  for (const int n : {1, 2}) reports.AddAccepted(n);
  reports.Work();
  for (const int n : {3, 4}) reports.AddAccepted(n);
  reports.peer.SyncAnswers(Refused());
  reports.Work();
  for (const int n : {5, 6, 7}) reports.AddAccepted(n);
  for (int n = 1; n <= 7; ++n) reports.peer.Differs(Reports::Code(n), Missing());
  const std::vector<std::pair<PortalSync::State, std::string>> states = {
      {PortalSync::SYNCED, "code-1 code-2"},
      {PortalSync::FAILED, "code-3 code-4"},
      {PortalSync::PENDING, "code-5 code-6 code-7"}};
  for (const auto& [state, codes] : states) {
    CompareWithPortalRequest request;
    request.set_state(state);
    request.set_page_size(2);
    CHECK(absl::StrJoin(ReadAll(reports, request).codes, " ") == codes);
    *request.mutable_submitted_before() = ToTimestamp(Reports::SubmitTime(2));
    CHECK(ReadAll(reports, request).codes.size() == (state == PortalSync::SYNCED ? 1 : 0));
  }
}

TEST_CASE("portal report: each difference says what, how it stands here and for how long") {
  Reports reports(GENERATE(from_range(kBothEngines)));
  LoadedDossier first = reports.AddAccepted(1);
  CompareDossierResponse differs;
  for (const char* field : {"ChuHoSo", "GhiChu"}) differs.add_fields(field);
  differs.set_progress_rows_missing(3);
  differs.set_progress_rows_unknown(1);
  reports.peer.Differs("code-1", differs);
  reports.clock.Advance(absl::Hours(2));
  reports.peer.SyncAnswers(Unavailable());
  reports.Work();
  PortalDifference difference = reports.CompareOne(1).differences(0);
  CHECK(difference.dossier() == Reports::Name(1));
  CHECK(difference.code() == "code-1");
  CHECK(difference.number() == "code-1");
  CHECK(difference.portal_sync().state() == PortalSync::PENDING);
  CHECK(difference.portal_sync().attempts() == 1);
  CHECK(difference.portal_sync().last_error_reason() == "PORTAL_UNAVAILABLE");
  CHECK(difference.unsynced_age().seconds() == 7200);
  CHECK(absl::StrJoin(difference.fields(), " ") == "ChuHoSo GhiChu");
  CHECK(difference.progress_rows_missing() == 3);
  CHECK(difference.progress_rows_unknown() == 1);
  REQUIRE(difference.kinds_size() == 3);
  CHECK(difference.kinds(0) == PortalDifference::FIELDS);
  CHECK(difference.kinds(1) == PortalDifference::STEPS_MISSING);
  CHECK(difference.kinds(2) == PortalDifference::STEPS_UNKNOWN);
  // A newer change does not make it younger.
  reports.clock.Advance(absl::Hours(1));
  reports.Enter(first, Dossier::COMPLETED);
  CHECK(reports.CompareOne(1).differences(0).unsynced_age().seconds() == 10'800);
  reports.peer.SyncAnswers(absl::OkStatus());
  reports.clock.Advance(absl::Hours(1));
  reports.Work();
  difference = reports.CompareOne(1).differences(0);
  CHECK(difference.portal_sync().state() == PortalSync::SYNCED);
  CHECK_FALSE(difference.has_unsynced_age());
  // Then it counts anew.
  reports.Enter(first, Dossier::RETURNED);
  reports.clock.Advance(absl::Minutes(1));
  CHECK(reports.CompareOne(1).differences(0).unsynced_age().seconds() == 60);

  CompareDossierResponse other;
  other.set_other_case(true);
  reports.peer.Differs("code-1", other);
  CHECK(reports.CompareOne(1).differences(0).kinds(0) == PortalDifference::OTHER_CASE);
  reports.peer.Differs("code-1", Missing());
  const auto whole = reports.CompareOne(1);
  CHECK(whole.differences(0).kinds(0) == PortalDifference::MISSING);
  for (const absl::string_view personal : kPersonalSamples) {
    CHECK_FALSE(absl::StrContains(whole.SerializeAsString(), personal));
    CHECK_FALSE(absl::StrContains(reports.Logged(), personal));
  }
}

TEST_CASE("portal report: what cannot be compared is told; a portal that is away is an error") {
  Reports reports(GENERATE(from_range(kBothEngines)));
  for (int n = 1; n <= 4; ++n) reports.AddAccepted(n);
  reports.peer.Fails("code-2", Unavailable());
  const auto page = reports.Compare();
  REQUIRE(page.ok());
  REQUIRE(page->differences_size() == 1);
  CHECK(page->differences(0).code() == "code-2");
  CHECK(page->differences(0).kinds(0) == PortalDifference::NOT_COMPARED);
  CHECK(page->differences(0).failure_reason() == "PORTAL_UNAVAILABLE");
  CHECK(page->totals().not_compared() == 1);
  CHECK(page->totals().different() == 0);
  for (int n = 1; n <= 4; ++n) reports.peer.Fails(Reports::Code(n), Unavailable());
  const absl::Status away = reports.Compare().status();
  CHECK(absl::IsUnavailable(away));
  CHECK(ErrorReason(away) == "PORTAL_UNAVAILABLE");
  // Refused values are the dossiers' own affair.
  for (int n = 1; n <= 4; ++n) reports.peer.Fails(Reports::Code(n), Refused());
  CHECK(reports.Compare()->totals().not_compared() == 4);
  reports.Erase(3);
  const auto erased = reports.Compare();
  REQUIRE(erased.ok());
  CHECK(erased->totals().dossiers() == 4);
  CHECK(erased->totals().not_compared() == 3);
  CHECK(erased->totals().erased() == 1);
  CHECK(reports.CompareOne(3).totals().erased() == 1);
}

TEST_CASE("portal report: a dossier that changes while it is compared is compared again") {
  Reports reports(GENERATE(from_range(kBothEngines)));
  LoadedDossier first = reports.AddAccepted(1);
  reports.Work();
  int times = 0;
  // What is wrong at the first look is right at the second, as `change` came between ours and it.
  const auto differs_until = [&](const std::function<void()>& change) {
    times = 0;
    reports.peer.Say("code-1", [&times, change](absl::Time) {
      if (++times > 1) return CompareDossierResponse();
      change();
      return Missing();
    });
  };
  differs_until([&] { reports.Enter(first, Dossier::COMPLETED); });
  CHECK(reports.CompareOne(1).differences().empty());
  CHECK(times == 2);
  differs_until([&] { reports.Work(); });
  CHECK(reports.CompareOne(1).differences().empty());
  CHECK(times == 2);
  // Nothing changed: it is looked at once.
  differs_until([] {});
  CHECK(reports.CompareOne(1).differences_size() == 1);
  CHECK(times == 1);
  // No answer: it is asked again.
  times = 0;
  reports.peer.Say("code-1", [&times](absl::Time) -> absl::StatusOr<CompareDossierResponse> {
    if (++times < kMaxComparisons) return Unavailable();
    return CompareDossierResponse();
  });
  CHECK(reports.CompareOne(1).differences().empty());
  CHECK(times == kMaxComparisons);
  reports.peer.Fails("code-1", Refused());
  reports.peer.TakeAsked();
  CHECK(reports.CompareOne(1).differences_size() == 1);
  CHECK(reports.peer.TakeAsked().size() == 1);
  // One that never stands still is told as it is at last.
  reports.peer.TakeAsked();
  reports.peer.Say("code-1", [&](absl::Time) {
    reports.Enter(first, Dossier::COMPLETED);
    return Missing();
  });
  CHECK(reports.CompareOne(1).differences_size() == 1);
  CHECK(reports.peer.TakeAsked().size() == kMaxComparisons);
}

TEST_CASE("portal report: a page ends before its deadline and goes on where it ended") {
  Reports reports(sql::Database::Engine::kSqlite);
  constexpr int kDossiers = 12;
  for (int n = 1; n <= kDossiers; ++n) reports.AddAccepted(n);
  absl::Notification begun;
  absl::Mutex mutex;
  int waiting = 0;
  for (int n = 5; n <= 8; ++n) {
    reports.peer.Say(Reports::Code(n),
                     [&](absl::Time deadline) -> absl::StatusOr<CompareDossierResponse> {
                       {
                         absl::MutexLock lock(&mutex);
                         if (++waiting == 4) begun.Notify();
                       }
                       absl::Notification never;
                       never.WaitForNotificationWithTimeout(deadline - absl::Now());
                       return Unavailable();
                     });
  }
  constexpr absl::Duration kLimit = absl::Seconds(6);
  absl::StatusOr<CompareWithPortalResponse> page;
  std::thread operator_thread([&] { page = reports.Compare({}, kLimit); });
  const bool all_wait = begun.WaitForNotificationWithTimeout(sql::kPatience);
  // One page at a time.
  const absl::Status second = reports.Compare({}, absl::Seconds(2)).status();
  operator_thread.join();
  REQUIRE(all_wait);
  CHECK(second.code() == absl::StatusCode::kResourceExhausted);
  CHECK(ErrorReason(second) == "COMPARISONS_UNDER_WAY");
  INFO(page.status());
  REQUIRE(page.ok());
  CHECK(page->totals().dossiers() == 8);
  CHECK(page->totals().not_compared() == 4);
  CHECK(reports.peer.most() == kComparisonsAtOnce);
  for (int n = 5; n <= 8; ++n) reports.peer.Differs(Reports::Code(n), CompareDossierResponse());
  reports.peer.TakeAsked();
  CompareWithPortalRequest rest;
  rest.set_page_token(page->next_page_token());
  CHECK(ReadAll(reports, rest).totals == "12 0 4 0");
  const auto asked = reports.peer.TakeAsked();
  CHECK(std::set<std::string>(asked.begin(), asked.end()) ==
        std::set<std::string>{"code-9", "code-10", "code-11", "code-12"});
  CHECK(ErrorReason(reports.Compare({}, absl::Seconds(1.5)).status()) == "DEADLINE_PASSED");
}

TEST_CASE("portal report: bad input is named") {
  Reports reports(sql::Database::Engine::kSqlite);
  reports.Add(1);
  const auto reason = [&](const std::function<void(CompareWithPortalRequest&)>& change) {
    CompareWithPortalRequest request;
    change(request);
    return ErrorReason(reports.Compare(request).status());
  };
  CHECK(reason([](auto& r) { r.set_state(PortalSync::NOT_NEEDED); }) == "PORTAL_STATE_INVALID");
  CHECK(reason([](auto& r) { r.mutable_submitted_from()->set_nanos(-1); }) == "TIME_RANGE_INVALID");
  CHECK(reason([](auto& r) { r.mutable_submitted_before()->set_nanos(-1); }) ==
        "TIME_RANGE_INVALID");
  CHECK(reason([](auto& r) {
          r.mutable_submitted_from()->set_seconds(2);
          r.mutable_submitted_before()->set_seconds(2);
        }) == "TIME_RANGE_INVALID");
  CHECK(reason([](auto& r) { r.set_page_size(-1); }) == "PAGE_SIZE_INVALID");
  CHECK(reason([](auto& r) { r.set_page_token("x"); }) == "PAGE_TOKEN_INVALID");
  CHECK(reason([](auto& r) { r.set_dossier("x"); }) == "NAME_INVALID");
  CHECK(reason([](auto& r) { r.set_dossier("dossiers/x"); }) == "DOSSIER_NOT_FOUND");
  CHECK(reason([](auto& r) { r.set_dossier(Reports::Name(1)); }) == "PORTAL_COPY_UNKNOWN");

  CHECK(ErrorReason(reports.Repair("x").status()) == "NAME_INVALID");
  CHECK(ErrorReason(reports.Repair("dossiers/x").status()) == "DOSSIER_NOT_FOUND");
  CHECK(ErrorReason(reports.Repair(Reports::Name(1)).status()) == "PORTAL_COPY_UNKNOWN");
  CHECK(ErrorReason(reports.Repair(Reports::Name(1), "an name").status()) == "OPERATOR_INVALID");
  CHECK(ErrorReason(reports.Repair(Reports::Name(1), "").status()) == "OPERATOR_INVALID");
  reports.AddAccepted(2);
  reports.Erase(2);
  CHECK(ErrorReason(reports.Repair(Reports::Name(2)).status()) == "DATA_KEY_ERASED");
  CHECK(reports.Count("SELECT COUNT(*) FROM portal_repairs") == 0);

  // Nobody but an operator.
  const auto stranger = PortalReports::NewStub(
      reports.platform().ChannelOf("insights", reports.server().port(), "dossiers"));
  grpc::ClientContext context;
  rpc::SetDeadline(context, sql::kPatience);
  CompareWithPortalResponse response;
  const grpc::Status refused = stranger->CompareWithPortal(&context, {}, &response);
  CHECK(refused.error_code() == grpc::StatusCode::PERMISSION_DENIED);
  CHECK(absl::StartsWith(refused.error_message(), "CALL_NOT_LISTED"));
}

TEST_CASE("portal report: a repair tells the present state again, once, and is kept") {
  Reports reports(GENERATE(from_range(kBothEngines)));
  reports.AddAccepted(1);
  // It is to be told anyway.
  CHECK_FALSE(reports.Repair(Reports::Name(1))->ordered());
  reports.Work();
  CHECK(reports.peer.TakeTold() == std::vector<std::string>{"code-1 2"});
  REQUIRE(reports.Sync(1).state() == PortalSync::SYNCED);
  // Told, and changed there behind our back.
  reports.clock.Advance(absl::Hours(1));
  CHECK(reports.Repair("dossiers/code-1", "tran.binh")->ordered());
  CHECK(reports.Sync(1).state() == PortalSync::PENDING);
  CHECK_FALSE(reports.Repair(Reports::Name(1))->ordered());
  reports.Work();
  CHECK(reports.peer.TakeTold() == std::vector<std::string>{"code-1 2"});
  CHECK(reports.Sync(1).state() == PortalSync::SYNCED);
  CHECK(ToTime(reports.Sync(1).sync_time()) == reports.clock.CivilNow());
  // Refused, and the reason repaired.
  LoadedDossier second = reports.AddAccepted(2);
  reports.peer.SyncAnswers(Refused());
  reports.Work();
  reports.Enter(second, Dossier::COMPLETED);
  reports.Work();
  CHECK(reports.peer.TakeTold() == std::vector<std::string>{"code-2 2", "code-2 9"});
  REQUIRE(reports.Sync(2).state() == PortalSync::FAILED);
  reports.peer.SyncAnswers(absl::OkStatus());
  CHECK(reports.Repair(Reports::Name(2))->ordered());
  CHECK(reports.Sync(2).last_error_reason().empty());
  reports.Work();
  // The present state only: older ones are past.
  CHECK(reports.peer.TakeTold() == std::vector<std::string>{"code-2 9"});
  CHECK(reports.Sync(2).state() == PortalSync::SYNCED);
  CHECK(reports.Sync(2).synced_revision() == 3);
  // The call was made so long ago that it is not kept any more.
  REQUIRE(sql::RunOne(*reports.test.db, "DELETE FROM calls").ok());
  CHECK(reports.Repair(Reports::Name(2))->ordered());
  reports.Work();
  CHECK(reports.peer.TakeTold() == std::vector<std::string>{"code-2 9"});
  CHECK(reports.committed == 5);

  const auto rows = sql::ReadOne(*reports.test.db,
                                 "SELECT dossier, revision, ordered, system, operator_id FROM "
                                 "portal_repairs ORDER BY time, id");
  REQUIRE(rows.ok());
  std::vector<std::string> lines;
  for (const sql::Row& row : rows->rows) {
    lines.push_back(absl::StrCat(row.Text(0) == Reports::Name(1) ? "1" : "2", " ", row.Int(1), " ",
                                 row.Int(2), " ", row.Text(3), " ", row.Text(4)));
  }
  CHECK(lines == std::vector<std::string>{
                     "1 2 0 services/operator nguyen.an", "1 2 1 services/operator tran.binh",
                     "1 2 0 services/operator nguyen.an", "2 3 1 services/operator nguyen.an",
                     "2 3 1 services/operator nguyen.an"});
  CHECK(absl::StrContains(reports.Logged(), "an operator's command"));
  CHECK_FALSE(absl::StrContains(reports.Logged(), "nguyen.an"));
}

TEST_CASE("portal report: repairs at once and among commands order one telling, of the newest") {
  Reports reports(GENERATE(from_range(kBothEngines)));
  LoadedDossier first = reports.AddAccepted(1);
  reports.Work();
  std::atomic<int> ordered = 0, answered = 0;
  std::vector<std::thread> threads;
  threads.reserve(4);
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      const auto repaired = reports.Repair(Reports::Name(1));
      answered += repaired.ok();
      ordered += repaired.ok() && repaired->ordered();
    });
  }
  for (std::thread& thread : threads) thread.join();
  CHECK(answered == 4);
  CHECK(ordered == 1);
  CHECK(reports.Count("SELECT COUNT(*) FROM portal_repairs") == 4);
  // A command after the repair: both are told, in order.
  reports.Enter(first, Dossier::COMPLETED);
  reports.peer.TakeTold();
  reports.Work();
  CHECK(reports.peer.TakeTold() == std::vector<std::string>{"code-1 2", "code-1 9"});
  CHECK(reports.Sync(1).state() == PortalSync::SYNCED);
  CHECK(reports.Sync(1).synced_revision() == 3);
}

TEST_CASE("portal report: a database from before it is brought up with its dossiers") {
  sql::TestDatabase db(GENERATE(from_range(kBothEngines)));
  const auto& all = Migrations();
  const auto report = std::find_if(all.begin(), all.end(), [](const sql::Migration& migration) {
    return absl::StrContains(migration.portable, "portal_repairs");
  });
  REQUIRE(report != all.end());
  REQUIRE(db->Migrate({all.begin(), report}).ok());
  REQUIRE(
      sql::RunOne(*db,
                  "INSERT INTO dossiers (name, revision, state, procedure_code, intake_agency, "
                  "settling_agency, submit_time, body, sealed) VALUES ('dossiers/a', 3, 3, 'p', "
                  "'i', 's', 100, :nothing, :nothing)",
                  {{"nothing", sql::Bytes{}}})
          .ok());
  for (const int revision : {1, 2, 3}) {
    REQUIRE(sql::RunOne(*db,
                        "INSERT INTO transitions (dossier, revision, state, command, "
                        "settling_agency, time, system, officer, unit) VALUES ('dossiers/a', "
                        ":revision, 1, 'c', 's', :time, 'y', '', '')",
                        {{"revision", revision}, {"time", 100 * revision}})
                .ok());
  }
  REQUIRE(
      sql::RunOne(*db,
                  "INSERT INTO portal_syncs (dossier, state, wanted_revision, synced_revision, "
                  "sync_time, attempts, last_error_reason) VALUES ('dossiers/a', 4, 3, 2, 0, 1, "
                  "'PORTAL_FIELD_INVALID')")
          .ok());
  REQUIRE(db->Migrate(all).ok());
  CHECK(sql::ReadInt(*db, "SELECT submit_time FROM portal_syncs") == 100);
  CHECK(sql::ReadInt(*db, "SELECT unsynced_time FROM portal_syncs") == 300);
}

}  // namespace
}  // namespace lgsp::dossiers
