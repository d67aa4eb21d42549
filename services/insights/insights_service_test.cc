// insights as others see it: events in from a feed, answers out, both by gRPC over mutual TLS.
#include "services/insights/insights_service.h"

#include <catch2/catch.hpp>

#include "absl/strings/str_cat.h"
#include "google/protobuf/util/time_util.h"
#include "lgsp/dossiers/v1/events.pb.h"
#include "libs/auth/auth.h"
#include "libs/events/feed_consumer.h"
#include "libs/events/fixture_test.h"
#include "libs/rpc/channel.h"
#include "libs/rpc/server.h"
#include "libs/status/status.h"
#include "libs/testing/metric_value.h"
#include "services/insights/dossier_counts.h"
#include "services/insights/migrations.h"

namespace lgsp::insights {
namespace {

using events::Publisher;
using lgsp::insights::v1::Insights;
using lgsp::insights::v1::ListDossierCountsRequest;
using lgsp::insights::v1::ListDossierCountsResponse;
using sql::Eventually;
using sql::kBothEngines;

constexpr char kCalls[] =
    "rules { caller: 'gateway' service: 'lgsp.insights.v1.Insights' methods: '*' }";
// Noon in Vietnam.
const absl::Time kNoon =
    absl::FromCivil(absl::CivilSecond(2026, 11, 23, 5, 0, 0), absl::UTCTimeZone());

google::protobuf::Timestamp Stamp(absl::Time time) {
  return google::protobuf::util::TimeUtil::MicrosecondsToTimestamp(absl::ToUnixMicros(time));
}

// insights beside the dossiers it follows. Its consumer runs from Follow on.
class InsightsFixture {
 public:
  InsightsFixture(Publisher& publisher, sql::Database::Engine engine)
      : publisher_(publisher), db(engine), service_(&*db) {
    const absl::Status migrated = db->Migrate(Migrations());
    INFO(migrated);
    REQUIRE(migrated.ok());
    server_ = publisher_.platform().Start("insights", {{Insights::service_full_name(), &service_}});
    stub_ = Insights::NewStub(ChannelOf("gateway"));
  }
  ~InsightsFixture() { server_->Drain(sql::kPatience); }

  void Follow() {
    metrics_ = std::make_unique<metrics::Registry>();
    consumer_ = std::make_unique<events::FeedConsumer>(
        events::ConsumerParts{kConsumer, &*db, &publisher_.clock(), metrics_.get(), CountEvent},
        publisher_.ChannelOf("insights"));
    consumer_->Start();
  }
  void StopFollowing() { consumer_.reset(); }
  bool Stopped() {
    return testing::MetricValue(*metrics_, absl::StrCat("events_consumer_stopped{consumer=\"",
                                                        kConsumer, "\"}")) == 1;
  }

  std::shared_ptr<grpc::Channel> ChannelOf(absl::string_view caller) {
    return publisher_.platform().ChannelOf(caller, server_->port(), "insights");
  }
  absl::StatusOr<ListDossierCountsResponse> List(const ListDossierCountsRequest& request = {}) {
    lgsp::auth::v1::Caller caller;
    caller.set_system("systems/reports");
    grpc::ClientContext context;
    context.AddMetadata(auth::kCallerHeader,
                        publisher_.platform().CallerJws(Insights::service_full_name(), caller));
    rpc::SetDeadline(context, sql::kPatience);
    ListDossierCountsResponse response;
    RETURN_IF_ERROR(rpc::FromGrpcStatus(stub_->ListDossierCounts(&context, request, &response)));
    return response;
  }
  // `<agency> <state> <day> <count>` of every cell of the answer.
  std::vector<std::string> Cells(const ListDossierCountsRequest& request = {}) {
    const auto response = List(request);
    INFO(response.status());
    REQUIRE(response.ok());
    std::vector<std::string> cells;
    for (const auto& count : response->counts()) {
      cells.push_back(
          absl::StrCat(count.agency(), " ", count.state(), " ", count.day(), " ", count.count()));
    }
    return cells;
  }
  // Whether the counts come as far as the feed.
  bool Reaches(uint64_t position) {
    return Eventually([&] { return List().value().position() == position; });
  }

 private:
  Publisher& publisher_;

 public:
  sql::TestDatabase db;

 private:
  InsightsService service_;
  std::unique_ptr<rpc::Server> server_;
  std::unique_ptr<Insights::Stub> stub_;
  std::unique_ptr<metrics::Registry> metrics_;
  std::unique_ptr<events::Consumer> consumer_;
};

// The events of one dossier, one a day from noon of the first on: submitted, accepted, completed,
// returned, as many as `steps`.
void PublishLife(Publisher& publisher, const std::string& dossier, const std::string& agency,
                 int steps) {
  lgsp::dossiers::v1::DossierSubmitted submitted;
  lgsp::dossiers::v1::DossierAccepted accepted;
  lgsp::dossiers::v1::DossierCompleted completed;
  lgsp::dossiers::v1::DossierReturned returned;
  *submitted.mutable_submit_time() = Stamp(kNoon);
  *accepted.mutable_accept_time() = Stamp(kNoon + absl::Hours(24));
  *completed.mutable_complete_time() = Stamp(kNoon + absl::Hours(48));
  *returned.mutable_return_time() = Stamp(kNoon + absl::Hours(48));
  submitted.set_settling_agency(agency);
  accepted.set_settling_agency(agency);
  completed.set_settling_agency(agency);
  returned.set_settling_agency(agency);
  const google::protobuf::Message* const life[] = {&submitted, &accepted, &completed, &returned};
  for (int i = 0; i < steps; ++i) {
    publisher.Publish({{.subject = dossier, .revision = i + 1, .data = life[i]}});
  }
}

void PublishRejection(Publisher& publisher, const std::string& dossier, const std::string& agency,
                      absl::Time time) {
  lgsp::dossiers::v1::DossierRejected rejected;
  rejected.set_settling_agency(agency);
  *rejected.mutable_reject_time() = Stamp(time);
  publisher.Publish({{.subject = dossier, .data = &rejected}});
}

TEST_CASE("what dossiers tell is counted, and the answer says how far it follows") {
  Publisher publisher({}, 0, kCalls);
  InsightsFixture insights(publisher, GENERATE(from_range(kBothEngines)));
  CHECK(insights.Cells().empty());
  PublishLife(publisher, "dossiers/a", "H12.50.02", 4);
  PublishLife(publisher, "dossiers/b", "H12.50.02", 2);
  insights.Follow();
  REQUIRE(insights.Reaches(6));
  PublishLife(publisher, "dossiers/c", "H12.01", 1);
  PublishRejection(publisher, "dossiers/d", "H12.01", kNoon);
  REQUIRE(insights.Reaches(8));
  CHECK(insights.Cells() == std::vector<std::string>{
                                "H12.01 REJECTED 2026-11-23 1",
                                "H12.01 SUBMITTED 2026-11-23 1",
                                "H12.50.02 ACCEPTED 2026-11-24 2",
                                "H12.50.02 COMPLETED 2026-11-25 1",
                                "H12.50.02 RETURNED 2026-11-25 1",
                                "H12.50.02 SUBMITTED 2026-11-23 2",
                            });
}

TEST_CASE("a restart goes on where it was, with nothing counted twice") {
  Publisher publisher({}, 0, kCalls);
  InsightsFixture insights(publisher, GENERATE(from_range(kBothEngines)));
  constexpr int kRounds = 4, kEach = 25;
  for (int round = 0; round < kRounds; ++round) {
    for (int i = 0; i < kEach; ++i) {
      PublishLife(publisher, absl::StrCat("dossiers/", round, "-", i), "H12.01", 1);
    }
    insights.Follow();
    // Ends in the middle of it, wherever that is.
    REQUIRE(Eventually(
        [&] { return insights.List().value().position() > static_cast<uint64_t>(round * kEach); }));
    insights.StopFollowing();
  }
  insights.Follow();
  REQUIRE(insights.Reaches(kRounds * kEach));
  CHECK(insights.Cells() == std::vector<std::string>{"H12.01 SUBMITTED 2026-11-23 100"});
}

TEST_CASE("a feed of another life is not added to the counts; a new database counts it all") {
  Publisher publisher({}, 0, kCalls);
  const auto engine = GENERATE(from_range(kBothEngines));
  InsightsFixture insights(publisher, engine);
  PublishLife(publisher, "dossiers/a", "H12.01", 3);
  insights.Follow();
  REQUIRE(insights.Reaches(3));
  insights.StopFollowing();
  const auto counted = insights.Cells();

  REQUIRE(RunOne(publisher.db(), "UPDATE feed_epoch SET epoch = epoch + 1").ok());
  PublishLife(publisher, "dossiers/b", "H12.02", 1);
  insights.Follow();
  REQUIRE(Eventually([&] { return insights.Stopped(); }));
  // What was counted is still answered.
  CHECK(insights.Cells() == counted);
  CHECK(insights.List()->position() == 3);

  InsightsFixture rebuilt(publisher, engine);
  rebuilt.Follow();
  REQUIRE(rebuilt.Reaches(4));
  auto expected = counted;
  expected.push_back("H12.02 SUBMITTED 2026-11-23 1");
  CHECK(rebuilt.Cells() == expected);
}

TEST_CASE("filters choose agency and days, both ends included") {
  Publisher publisher({}, 0, kCalls);
  InsightsFixture insights(publisher, GENERATE(from_range(kBothEngines)));
  for (int i = 0; i < 4; ++i) {
    PublishRejection(publisher, absl::StrCat("dossiers/", i), i == 3 ? "H12.1" : "H12.10",
                     kNoon + absl::Hours(24 * i));
  }
  insights.Follow();
  REQUIRE(insights.Reaches(4));
  const auto days = [&](const std::string& agency, const std::string& first,
                        const std::string& last) {
    ListDossierCountsRequest request;
    request.set_agency(agency);
    request.set_first_day(first);
    request.set_last_day(last);
    std::string found;
    for (const std::string& cell : insights.Cells(request)) {
      absl::StrAppend(&found, found.empty() ? "" : " ", cell.substr(cell.size() - 4, 2));
    }
    return found;
  };
  // H12.1 comes before H12.10 on both engines.
  CHECK(days("", "", "") == "26 23 24 25");
  CHECK(days("H12.10", "", "") == "23 24 25");
  CHECK(days("H12", "", "").empty());
  CHECK(days("", "2026-11-24", "") == "26 24 25");
  CHECK(days("", "", "2026-11-24") == "23 24");
  CHECK(days("", "2026-11-24", "2026-11-24") == "24");
  CHECK(days("H12.1", "2026-11-24", "2026-11-25").empty());
  CHECK(days("", "2026-11-25", "2026-11-24").empty());
}

TEST_CASE("pages hold every count once; a token is good for its own list only") {
  Publisher publisher({}, 0, kCalls);
  InsightsFixture insights(publisher, GENERATE(from_range(kBothEngines)));
  for (int i = 0; i < 5; ++i) {
    PublishLife(publisher, absl::StrCat("dossiers/", i), absl::StrCat("H12.0", i), 3);
  }
  insights.Follow();
  REQUIRE(insights.Reaches(15));
  const auto all = insights.Cells();
  REQUIRE(all.size() == 15);
  for (const int size : {1, 4, 5, 14, 15, 16, 1000, 2'000'000'000}) {
    ListDossierCountsRequest request;
    request.set_page_size(size);
    std::vector<std::string> found;
    do {
      const auto page = insights.Cells(request);
      CHECK(page.size() <= static_cast<size_t>(size));
      found.insert(found.end(), page.begin(), page.end());
      request.set_page_token(insights.List(request)->next_page_token());
      REQUIRE(found.size() <= all.size());
    } while (!request.page_token().empty());
    INFO(size);
    CHECK(found == all);
  }
  ListDossierCountsRequest request;
  request.set_page_size(2);
  request.set_page_token(insights.List(request)->next_page_token());
  request.set_page_size(3);
  CHECK(insights.List(request).ok());
  request.set_agency("H12.01");
  CHECK(ErrorReason(insights.List(request).status()) == "PAGE_TOKEN_INVALID");
}

TEST_CASE("a wrong request is INVALID_ARGUMENT with its reason") {
  Publisher publisher({}, 0, kCalls);
  InsightsFixture insights(publisher, GENERATE(from_range(kBothEngines)));
  const auto check = [&](const ListDossierCountsRequest& request, absl::string_view reason) {
    const absl::Status status = insights.List(request).status();
    INFO(request.ShortDebugString() << " " << status);
    CHECK(absl::IsInvalidArgument(status));
    CHECK(ErrorReason(status) == reason);
  };
  for (const char* day : {"2026-1-2", "2026-02-29", "20260102", "2026-01-02T00:00:00Z", "today",
                          "2026-13-01", " 2026-01-02", "10000-01-01", "-001-01-01"}) {
    ListDossierCountsRequest first, last;
    first.set_first_day(day);
    check(first, "DAY_INVALID");
    last.set_last_day(day);
    check(last, "DAY_INVALID");
  }
  ListDossierCountsRequest negative;
  negative.set_page_size(-1);
  check(negative, "PAGE_SIZE_INVALID");
  for (const char* token : {"x", "AAAA", "!!", "eyJhIjoxfQ"}) {
    ListDossierCountsRequest request;
    request.set_page_token(token);
    check(request, "PAGE_TOKEN_INVALID");
  }
  ListDossierCountsRequest nul;
  nul.set_agency(std::string("H12\0", 4));
  check(nul, "SQL_TEXT_INVALID");
}

TEST_CASE("only who may call is answered") {
  Publisher publisher({}, 0, kCalls);
  InsightsFixture insights(publisher, sql::Database::Engine::kSqlite);
  const auto stub = Insights::NewStub(insights.ChannelOf("dossiers"));
  grpc::ClientContext context;
  rpc::SetDeadline(context, sql::kPatience);
  ListDossierCountsResponse response;
  const grpc::Status status = stub->ListDossierCounts(&context, {}, &response);
  CHECK(status.error_code() == grpc::StatusCode::PERMISSION_DENIED);
}

}  // namespace
}  // namespace lgsp::insights
