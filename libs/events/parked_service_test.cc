// What operators do about parked keys, by gRPC over mutual TLS.
#include "libs/events/parked_service.h"

#include <atomic>
#include <catch2/catch.hpp>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "libs/events/fixture_test.h"
#include "libs/events/parked.h"
#include "libs/log/log.h"
#include "libs/rpc/channel.h"
#include "libs/status/status.h"
#include "libs/testing/metric_value.h"

namespace lgsp::events {
namespace {

using lgsp::events::v1::DiscardParkedKeyRequest;
using lgsp::events::v1::DiscardParkedKeyResponse;
using lgsp::events::v1::Event;
using lgsp::events::v1::ListParkedEventsRequest;
using lgsp::events::v1::ListParkedEventsResponse;
using lgsp::events::v1::ListParkedKeysRequest;
using lgsp::events::v1::ListParkedKeysResponse;
using lgsp::events::v1::ParkedKey;
using lgsp::events::v1::ReplayParkedKeyRequest;
using lgsp::events::v1::ReplayParkedKeyResponse;
using ParkedStub = lgsp::events::v1::Parked::Stub;
using sql::Eventually;
using sql::kBothEngines;
using sql::ReadInt;

constexpr char kCalls[] =
    "rules { caller: 'operator' service: 'lgsp.events.v1.Parked' methods: '*' }";

// A consuming service. Its handler fails for good at revisions above `fails_from`, until healed.
class Operated {
 public:
  Operated(Publisher& publisher, sql::Database::Engine engine, int64_t fails_from)
      : fails_from(fails_from),
        publisher_(publisher),
        inbox(engine),
        service_(&*inbox.db, &publisher.clock(), &metrics, {{kConsumer, handler()}}) {
    server_ = publisher.platform().Start(
        "insights", {{lgsp::events::v1::Parked::service_full_name(), &service_}});
    stub_ = lgsp::events::v1::Parked::NewStub(ChannelOf("operator"));
    log::SetSink([this](const std::string& line) {
      absl::MutexLock lock(&mutex_);
      logged_ += line;
    });
  }
  ~Operated() {
    log::SetSink(nullptr);
    server_->Drain(sql::kPatience);
  }

  Handler handler() {
    return [this](sql::Transaction& tx, const Event& event) -> absl::Status {
      RETURN_IF_ERROR(Inbox::Effect(tx, event));
      if (event.subject() == "dossiers/a" && event.revision() >= fails_from) {
        return MakeError(absl::StatusCode::kFailedPrecondition, "WRONG", "as always");
      }
      return absl::OkStatus();
    };
  }
  std::shared_ptr<grpc::Channel> ChannelOf(absl::string_view caller) {
    return publisher_.platform().ChannelOf(caller, server_->port(), "insights");
  }
  template <typename Request, typename Response>
  absl::StatusOr<Response> Call(grpc::Status (ParkedStub::*method)(grpc::ClientContext*,
                                                                   const Request&, Response*),
                                const Request& request) {
    grpc::ClientContext context;
    rpc::SetDeadline(context, sql::kPatience);
    Response response;
    RETURN_IF_ERROR(rpc::FromGrpcStatus(((*stub_).*method)(&context, request, &response)));
    return response;
  }
  absl::StatusOr<ReplayParkedKeyResponse> Replay(const std::string& by = "nguyen.an") {
    ReplayParkedKeyRequest request;
    request.set_consumer(kConsumer);
    request.set_key("dossiers/a");
    request.set_operator_id(by);
    return Call(&ParkedStub::ReplayParkedKey, request);
  }
  absl::StatusOr<DiscardParkedKeyResponse> Discard(const std::string& first,
                                                   int64_t whole_key_of = 0) {
    DiscardParkedKeyRequest request;
    request.set_consumer(kConsumer);
    request.set_key("dossiers/a");
    request.set_first_event_id(first);
    request.set_whole_key(whole_key_of > 0);
    request.set_events(whole_key_of);
    request.set_operator_id("nguyen.an");
    return Call(&ParkedStub::DiscardParkedKey, request);
  }
  ListParkedKeysResponse List() {
    const auto listed = Call(&ParkedStub::ListParkedKeys, ListParkedKeysRequest());
    INFO(listed.status());
    REQUIRE(listed.ok());
    return *listed;
  }
  // `<action> <events> <outcome> <system> <operator>` of every command.
  std::vector<std::string> Audit() {
    const auto rows = ReadOne(*inbox.db,
                              "SELECT action, events, outcome, system, operator_id, subject FROM "
                              "parked_audit ORDER BY id");
    REQUIRE(rows.ok());
    std::vector<std::string> lines;
    for (const sql::Row& row : rows->rows) {
      CHECK(row.Text(5) == "dossiers/a");
      lines.push_back(absl::StrCat(row.Text(0), " ", row.Int(1), " ", row.Text(2), " ", row.Text(3),
                                   " ", row.Text(4)));
    }
    return lines;
  }
  std::string Logged() {
    absl::MutexLock lock(&mutex_);
    return logged_;
  }

  std::atomic<int64_t> fails_from;

 private:
  Publisher& publisher_;

 public:
  Inbox inbox;
  metrics::Registry metrics;

 private:
  ParkedService service_;
  std::unique_ptr<rpc::Server> server_;
  std::unique_ptr<ParkedStub> stub_;
  absl::Mutex mutex_;
  std::string logged_;
};

constexpr int64_t kHealed = 1'000'000;

TEST_CASE("parked: replay has the effects in order up to the next failure, and is kept") {
  Publisher publisher({}, 0, kCalls);
  Operated service(publisher, GENERATE(from_range(kBothEngines)), 2);
  const RunningConsumer consumer(publisher, service.inbox, service.handler());
  publisher.PublishMany("dossiers/a", 6);
  publisher.Publish({{"dossiers/b", 1}});
  REQUIRE(Eventually([&] { return service.inbox.Position(kConsumer).n() == 7; }));
  const auto listed = service.List();
  REQUIRE(listed.keys_size() == 1);
  CHECK(listed.keys(0).events() == 5);
  CHECK(listed.keys(0).first_event_revision() == 2);
  CHECK(ErrorReason(FromRpcStatus(listed.keys(0).failure())) == "WRONG");
  REQUIRE(listed.consumers_size() == 1);
  CHECK(listed.consumers(0).consumer() == kConsumer);
  CHECK(listed.consumers(0).parked_keys() == 1);
  CHECK(listed.consumers(0).parked_events() == 5);
  CHECK(listed.consumers(0).position().n() == 7);
  CHECK_FALSE(listed.consumers(0).full());

  auto replayed = service.Replay();
  REQUIRE(replayed.ok());
  CHECK(replayed->applied() == 0);
  CHECK(replayed->remaining() == 5);
  CHECK(ErrorReason(FromRpcStatus(replayed->failure())) == "WRONG");
  service.fails_from = 4;
  publisher.clock().Advance(absl::Seconds(60));
  replayed = service.Replay("tran.binh");
  REQUIRE(replayed.ok());
  CHECK(replayed->applied() == 2);
  CHECK(replayed->remaining() == 3);
  CHECK(replayed->has_failure());
  CHECK(service.List().keys(0).failure_time().seconds() -
            service.List().keys(0).park_time().seconds() ==
        60);
  service.fails_from = kHealed;
  replayed = service.Replay();
  REQUIRE(replayed.ok());
  CHECK(replayed->applied() == 3);
  CHECK(replayed->remaining() == 0);
  CHECK_FALSE(replayed->has_failure());
  CHECK(service.List().keys().empty());
  CHECK(ErrorReason(service.Replay().status()) == "PARKED_KEY_UNKNOWN");
  // The key is free.
  publisher.Publish({{"dossiers/a", 7}});
  REQUIRE(Eventually([&] { return service.inbox.Count() == 8; }));
  CHECK(service.inbox.Effects() ==
        std::vector<std::string>{"dossiers/a 1", "dossiers/b 1", "dossiers/a 2", "dossiers/a 3",
                                 "dossiers/a 4", "dossiers/a 5", "dossiers/a 6", "dossiers/a 7"});
  CHECK(service.Audit() ==
        std::vector<std::string>{"REPLAY 0 FAILED_PRECONDITION WRONG services/operator nguyen.an",
                                 "REPLAY 2 FAILED_PRECONDITION WRONG services/operator tran.binh",
                                 "REPLAY 3 OK services/operator nguyen.an"});
  CHECK(absl::StrContains(service.Logged(), "an operator's command"));
  CHECK_FALSE(absl::StrContains(service.Logged(), "nguyen.an"));
}

TEST_CASE("parked: discard takes the first event the operator saw, or the whole key") {
  Publisher publisher({}, 0, kCalls);
  Operated service(publisher, GENERATE(from_range(kBothEngines)), 2);
  const RunningConsumer consumer(publisher, service.inbox, service.handler());
  publisher.PublishMany("dossiers/a", 5);
  REQUIRE(Eventually([&] { return service.inbox.Position(kConsumer).n() == 5; }));
  const std::string first = service.List().keys(0).first_event_id();
  auto discarded = service.Discard(first);
  REQUIRE(discarded.ok());
  CHECK(discarded->discarded() == 1);
  CHECK(discarded->remaining() == 3);
  // The same command again, as after an answer that was lost, takes nothing more.
  const absl::Status again = service.Discard(first).status();
  CHECK(absl::IsFailedPrecondition(again));
  CHECK(ErrorReason(again) == "PARKED_EVENT_NOT_FIRST");
  service.fails_from = 4;
  CHECK(service.Replay()->applied() == 1);
  discarded = service.Discard(service.List().keys(0).first_event_id(), 2);
  REQUIRE(discarded.ok());
  CHECK(discarded->discarded() == 2);
  CHECK(discarded->remaining() == 0);
  CHECK(service.List().keys().empty());
  CHECK(ReadInt(*service.inbox.db, "SELECT COUNT(*) FROM parked") == 0);
  CHECK(service.inbox.Effects() == std::vector<std::string>{"dossiers/a 1", "dossiers/a 3"});
  CHECK(service.Audit() ==
        std::vector<std::string>{"DISCARD 1 OK services/operator nguyen.an",
                                 "REPLAY 1 FAILED_PRECONDITION WRONG services/operator nguyen.an",
                                 "DISCARD 2 OK services/operator nguyen.an"});
}

TEST_CASE("parked: events that joined since the operator looked are not discarded unseen") {
  Publisher publisher({}, 0, kCalls);
  Operated service(publisher, GENERATE(from_range(kBothEngines)), 1);
  const RunningConsumer consumer(publisher, service.inbox, service.handler());
  publisher.PublishMany("dossiers/a", 3);
  REQUIRE(Eventually([&] { return service.inbox.Position(kConsumer).n() == 3; }));
  const ParkedKey seen = service.List().keys(0);
  REQUIRE(seen.events() == 3);
  publisher.PublishMany("dossiers/a", 1, 0, 4);
  REQUIRE(Eventually([&] { return service.inbox.Position(kConsumer).n() == 4; }));
  const absl::Status refused = service.Discard(seen.first_event_id(), seen.events()).status();
  CHECK(absl::IsFailedPrecondition(refused));
  CHECK(ErrorReason(refused) == "PARKED_EVENTS_CHANGED");
  CHECK(service.List().keys(0).events() == 4);
  CHECK(service.Audit().empty());
  const auto discarded = service.Discard(seen.first_event_id(), 4);
  REQUIRE(discarded.ok());
  CHECK(discarded->discarded() == 4);
  CHECK(service.List().keys().empty());
}

TEST_CASE("parked: the events of a key are listed by pages") {
  Publisher publisher({}, 0, kCalls);
  Operated service(publisher, GENERATE(from_range(kBothEngines)), 1);
  const RunningConsumer consumer(publisher, service.inbox, service.handler());
  publisher.PublishMany("dossiers/a", 7);
  REQUIRE(Eventually([&] { return service.inbox.Position(kConsumer).n() == 7; }));
  ListParkedEventsRequest request;
  request.set_consumer(kConsumer);
  request.set_key("dossiers/a");
  request.set_page_size(3);
  std::vector<int64_t> revisions;
  int pages = 0;
  do {
    const auto page = service.Call(&ParkedStub::ListParkedEvents, request);
    INFO(page.status());
    REQUIRE(page.ok());
    for (const auto& event : page->events()) revisions.push_back(event.event().revision());
    request.set_page_token(page->next_page_token());
    REQUIRE(++pages <= 3);
  } while (!request.page_token().empty());
  CHECK(revisions == std::vector<int64_t>{1, 2, 3, 4, 5, 6, 7});
  request.set_page_token("x");
  CHECK(ErrorReason(service.Call(&ParkedStub::ListParkedEvents, request).status()) ==
        "PAGE_TOKEN_INVALID");
  request.clear_page_token();
  request.set_key("dossiers/b");
  CHECK(ErrorReason(service.Call(&ParkedStub::ListParkedEvents, request).status()) ==
        "PARKED_KEY_UNKNOWN");
  request.set_consumer("other");
  CHECK(ErrorReason(service.Call(&ParkedStub::ListParkedEvents, request).status()) ==
        "CONSUMER_UNKNOWN");
}

TEST_CASE("parked: only a named operator of the platform commands") {
  Publisher publisher({}, 0, kCalls);
  Operated service(publisher, sql::Database::Engine::kSqlite, 1);
  for (const char* by : {"", "nguyen an", "Nguyễn"}) {
    CHECK(ErrorReason(service.Replay(by).status()) == "OPERATOR_INVALID");
  }
  CHECK(ErrorReason(service.Replay().status()) == "PARKED_KEY_UNKNOWN");
  const auto stub = lgsp::events::v1::Parked::NewStub(service.ChannelOf("dossiers"));
  grpc::ClientContext context;
  rpc::SetDeadline(context, sql::kPatience);
  ListParkedKeysResponse response;
  CHECK(stub->ListParkedKeys(&context, {}, &response).error_code() ==
        grpc::StatusCode::PERMISSION_DENIED);
  CHECK(service.Audit().empty());
}

TEST_CASE("parked: metrics tell how many wait and how long") {
  Publisher publisher({}, 0, kCalls);
  Operated service(publisher, sql::Database::Engine::kSqlite, 2);
  const RunningConsumer consumer(publisher, service.inbox, service.handler());
  publisher.PublishMany("dossiers/a", 4);
  REQUIRE(Eventually([&] { return service.inbox.Position(kConsumer).n() == 4; }));
  publisher.clock().Advance(absl::Seconds(300));
  const auto metric = [&](absl::string_view name) {
    return testing::MetricValue(service.metrics,
                                absl::StrCat(name, "{consumer=\"", kConsumer, "\"}"));
  };
  CHECK(Eventually([&] { return metric("events_parked_age_seconds") == 300; }));
  CHECK(metric("events_parked_keys") == 1);
  CHECK(metric("events_parked_waiting") == 3);
  service.fails_from = kHealed;
  REQUIRE(service.Replay()->remaining() == 0);
  CHECK(Eventually([&] { return metric("events_parked_keys") == 0; }));
  CHECK(metric("events_parked_age_seconds") == 0);
}

TEST_CASE("parked: while a key is replayed, what comes joins it or follows it, never overtakes") {
  Publisher publisher({}, 0, kCalls);
  Operated service(publisher, GENERATE(from_range(kBothEngines)), 2);
  const RunningConsumer consumer(publisher, service.inbox, service.handler());
  constexpr int kRounds = 10, kEach = 20;
  for (int round = 0; round < kRounds; ++round) {
    // Parks anew in every round, while the events of the round before are replayed.
    service.fails_from = 2 + round * kEach;
    publisher.PublishMany("dossiers/a", kEach, 0, 1 + round * kEach);
    REQUIRE(Eventually([&] { return !service.List().keys().empty(); }));
    service.fails_from = kHealed;
    REQUIRE(Eventually([&] {
      const auto replayed = service.Replay();
      return ErrorReason(replayed.status()) == "PARKED_KEY_UNKNOWN" &&
             service.inbox.Count() == (round + 1) * kEach;
    }));
  }
  CHECK(service.inbox.Effects() == Range("dossiers/a", 1, kRounds * kEach));
  CHECK(ReadInt(*service.inbox.db, "SELECT COUNT(*) FROM parked") == 0);
}

}  // namespace
}  // namespace lgsp::events
