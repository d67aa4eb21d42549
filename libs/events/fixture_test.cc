#include "libs/events/fixture_test.h"

#include <catch2/catch.hpp>

#include "absl/strings/str_cat.h"
#include "lgsp/dossiers/v1/events.pb.h"
#include "libs/auth/auth.h"
#include "libs/events/kafka_consumer.h"
#include "libs/events/migrations.h"
#include "libs/rpc/server.h"
#include "libs/status/status.h"
#include "libs/testing/metric_value.h"

namespace lgsp::events {

using lgsp::events::v1::Feed;
using lgsp::events::v1::FollowRequest;
using lgsp::events::v1::FollowResponse;

OutboxFixture::OutboxFixture(sql::Database::Engine engine) : db(engine), outbox(&clock, engine) {
  REQUIRE(db->Migrate(Migrations()).ok());
  REQUIRE(EnsureEpoch(*db).ok());
}

absl::Status OutboxFixture::Add(sql::Transaction& tx, const std::string& subject, int64_t revision,
                                const std::string& procedure) const {
  lgsp::dossiers::v1::DossierSubmitted data;
  data.set_dossier(subject);
  data.set_procedure(procedure);
  data.set_settling_agency("H12.01");
  return outbox.Add(
      tx, {subject, revision, clock.CivilNow(), {"H12.01", "H12.50.01"}, "00-abc-def-01", &data});
}

absl::Status OutboxFixture::AddOne(const std::string& subject, int64_t revision,
                                   const std::string& procedure) {
  return db->Run([&](sql::Transaction& tx) { return Add(tx, subject, revision, procedure); });
}

void OutboxFixture::Move() {
  if (db->engine() != sql::Database::Engine::kPostgres) return;
  // Its own thread moves too.
  const Sequencer sequencer(&*db, &clock, &metrics, [] {});
  REQUIRE(sql::Eventually([&] { return ReadInt(*db, "SELECT COUNT(*) FROM outbox") == 0; }));
}

lgsp::events::v1::Position OutboxFixture::Last() {
  lgsp::events::v1::Position last;
  REQUIRE(db->Read([&](sql::Transaction& tx) -> absl::Status {
              ASSIGN_OR_RETURN(last, LastPosition(tx));
              return absl::OkStatus();
            }).ok());
  return last;
}

std::vector<FollowResponse> OutboxFixture::Read(uint64_t after, int limit) {
  std::vector<FollowResponse> out;
  lgsp::events::v1::Position position = Last();
  position.set_n(after);
  REQUIRE(db->Read([&](sql::Transaction& tx) -> absl::Status {
              ASSIGN_OR_RETURN(out, ReadFeed(tx, kSource, position, limit));
              return absl::OkStatus();
            }).ok());
  return out;
}

std::optional<KafkaTopic> Transport::NewTopic() const {
  if (kafka == nullptr) return std::nullopt;
  return KafkaBroker::Shared(kafka).NewTopic();
}

Publisher::Publisher(FeedOptions options, int port, absl::string_view more_calls,
                     sql::Database::Engine engine, std::optional<KafkaTopic> topic)
    : options_(options),
      topic_(std::move(topic)),
      port_(port),
      platform_(absl::StrCat(
          "rules { caller: 'insights' service: 'lgsp.events.v1.Feed' methods: 'Follow' }"
          "rules { caller: 'gateway' service: 'lgsp.events.v1.Feed' methods: 'Follow' }",
          more_calls)),
      db_(engine),
      clock_(absl::FromUnixSeconds(1'900'000'000)),
      outbox_(&clock_, engine) {
  REQUIRE(db_->Migrate(Migrations()).ok());
  REQUIRE(EnsureEpoch(*db_).ok());
  Start();
}

void Publisher::Start() {
  feed_ = std::make_unique<FeedService>(&*db_, kSource, &platform_.metrics(), options_);
  if (topic_.has_value()) {
    producer_ =
        std::make_unique<KafkaProducer>(&*db_, &clock_, &platform_.metrics(), kSource, *topic_);
  }
  sequencer_ = std::make_unique<Sequencer>(&*db_, &clock_, &platform_.metrics(), [this] {
    feed_->Notify();
    if (producer_ != nullptr) producer_->Notify();
  });
  server_ = platform_.Start("dossiers", {{kFeed, feed_.get()}}, port_);
}

void Publisher::Stop() {
  if (server_ == nullptr) return;
  feed_->Stop();
  server_->Drain(sql::kPatience);
  server_.reset();
  sequencer_.reset();
  producer_.reset();
  feed_.reset();
}

absl::Status Publisher::Add(sql::Transaction& tx, const TestEvent& event) const {
  lgsp::dossiers::v1::DossierSubmitted submitted;
  submitted.set_dossier(event.subject);
  submitted.set_procedure(std::string(event.padding, 'p'));
  return outbox_.Add(tx, {event.subject, event.revision, clock_.CivilNow(), event.audience,
                          "00-trace", event.data == nullptr ? &submitted : event.data});
}

void Publisher::Publish(const std::vector<TestEvent>& events) {
  for (const TestEvent& event : events) {
    const absl::Status status = db_->Run([&](sql::Transaction& tx) { return Add(tx, event); });
    INFO(status);
    REQUIRE(status.ok());
  }
  Notify();
}

void Publisher::Notify() {
  if (feed_ == nullptr) return;
  feed_->Notify();
  if (producer_ != nullptr) producer_->Notify();
}

void Publisher::PublishMany(const std::string& subject, int n, size_t padding, int64_t first) {
  const absl::Status status = db_->Run([&](sql::Transaction& tx) -> absl::Status {
    for (int64_t i = first; i < first + n; ++i) {
      RETURN_IF_ERROR(Add(tx, {subject, i, {}, padding}));
    }
    return absl::OkStatus();
  });
  INFO(status);
  REQUIRE(status.ok());
  Notify();
}

std::shared_ptr<grpc::Channel> Publisher::ChannelOf(absl::string_view service) {
  return platform_.ChannelOf(service, server_->port(), "dossiers");
}

double Publisher::Followers() {
  return testing::MetricValue(platform_.metrics(), "events_feed_followers");
}

Follower::Follower(std::shared_ptr<grpc::Channel> channel, const FollowRequest& request,
                   const std::string& caller_jws)
    : stub_(Feed::NewStub(channel)) {
  context_.set_deadline(absl::ToChronoTime(absl::Now() + sql::kPatience));
  if (!caller_jws.empty()) context_.AddMetadata(auth::kCallerHeader, caller_jws);
  reader_ = stub_->Follow(&context_, request);
}

Follower::~Follower() { (void)End(true); }

std::optional<FollowResponse> Follower::Next() {
  FollowResponse response;
  return reader_->Read(&response) ? std::make_optional(response) : std::nullopt;
}

std::vector<std::string> Follower::Events(int n) {
  std::vector<std::string> events;
  while (static_cast<int>(events.size()) < n) {
    const auto response = Next();
    if (!response.has_value()) break;
    if (!response->has_event()) continue;
    events.push_back(absl::StrCat(response->event().subject(), " ", response->event().revision()));
  }
  return events;
}

absl::Status Follower::End(bool cancel) {
  if (ended_.has_value()) return *ended_;
  if (cancel) context_.TryCancel();
  while (Next().has_value()) {
  }
  ended_ = rpc::FromGrpcStatus(reader_->Finish());
  return *ended_;
}

FollowRequest After(int64_t epoch, uint64_t n) {
  FollowRequest request;
  request.mutable_after()->set_epoch(static_cast<uint64_t>(epoch));
  request.mutable_after()->set_n(n);
  return request;
}

Inbox::Inbox(sql::Database::Engine engine) : db(engine) {
  REQUIRE(db->Migrate(Migrations()).ok());
  REQUIRE(RunOne(*db,
                 "CREATE TABLE effects (n BIGINT NOT NULL PRIMARY KEY, subject TEXT NOT NULL, "
                 "revision BIGINT NOT NULL)")
              .ok());
}

absl::Status Inbox::Effect(sql::Transaction& tx, const lgsp::events::v1::Event& event) {
  return tx
      .Execute(
          "INSERT INTO effects (n, subject, revision) VALUES ((SELECT COUNT(*) FROM effects), "
          ":subject, :revision)",
          {{"subject", event.subject()}, {"revision", event.revision()}})
      .status();
}

std::vector<std::string> Inbox::Effects() {
  const auto rows = ReadOne(*db, "SELECT subject, revision FROM effects ORDER BY n");
  REQUIRE(rows.ok());
  std::vector<std::string> effects;
  for (const sql::Row& row : rows->rows) {
    effects.push_back(absl::StrCat(row.Text(0), " ", row.Int(1)));
  }
  return effects;
}

int64_t Inbox::Count() { return ReadInt(*db, "SELECT COUNT(*) FROM effects"); }

lgsp::events::v1::Position Inbox::Position(absl::string_view consumer) {
  lgsp::events::v1::Position position;
  const absl::Status status = db->Read([&](sql::Transaction& tx) -> absl::Status {
    ASSIGN_OR_RETURN(position, ConsumerPosition(tx, consumer));
    return absl::OkStatus();
  });
  REQUIRE(status.ok());
  return position;
}

RunningConsumer::RunningConsumer(Publisher& publisher, Inbox& inbox, Handler handler,
                                 sql::Database* db) {
  ConsumerParts parts = {kConsumer, db == nullptr ? &*inbox.db : db, &publisher.clock(), &metrics_,
                         std::move(handler)};
  if (publisher.topic().has_value()) {
    // As a process that has an address: a publisher that is stopped does not answer.
    const auto channel = publisher.IsRunning() ? publisher.ChannelOf("insights") : nullptr;
    const auto epoch = [channel]() -> absl::StatusOr<uint64_t> {
      if (channel != nullptr) return FeedEpoch(channel);
      return absl::UnavailableError("the publisher was stopped");
    };
    consumer_ = std::make_unique<KafkaConsumer>(std::move(parts), *publisher.topic(), kGroup, epoch,
                                                kTestSession);
  } else {
    consumer_ = std::make_unique<FeedConsumer>(std::move(parts), publisher.ChannelOf("insights"));
  }
  consumer_->Start();
}

double RunningConsumer::Metric(absl::string_view name) const {
  return testing::MetricValue(metrics_, absl::StrCat(name, "{consumer=\"", kConsumer, "\"}"));
}

Ledger::Ledger(Inbox& inbox) : inbox_(inbox) {
  REQUIRE(
      RunOne(*inbox.db,
             "CREATE TABLE ledger (subject TEXT NOT NULL PRIMARY KEY, revision BIGINT NOT NULL, "
             "events BIGINT NOT NULL, wrong BIGINT NOT NULL)")
          .ok());
}

absl::Status Ledger::Effect(sql::Transaction& tx, const lgsp::events::v1::Event& event) {
  return tx
      .Execute(
          "INSERT INTO ledger (subject, revision, events, wrong) VALUES (:subject, :revision, 1, "
          ":first) ON CONFLICT (subject) DO UPDATE SET revision = :revision, "
          "events = ledger.events + 1, wrong = ledger.wrong + "
          "CASE WHEN ledger.revision = :before THEN 0 ELSE 1 END",
          {{"subject", event.subject()},
           {"revision", event.revision()},
           {"before", event.revision() - 1},
           {"first", event.revision() == 1 ? 0 : 1}})
      .status();
}

int64_t Ledger::Count() {
  return ReadInt(*inbox_.db, "SELECT CAST(COALESCE(SUM(events), 0) AS BIGINT) FROM ledger");
}

std::vector<std::string> Ledger::Wrong(int64_t n) {
  const auto rows = ReadOne(*inbox_.db,
                            "SELECT subject, events, wrong FROM ledger "
                            "WHERE events <> :n OR revision <> :n OR wrong <> 0 ORDER BY subject",
                            {{"n", n}});
  REQUIRE(rows.ok());
  std::vector<std::string> wrong;
  for (const sql::Row& row : rows->rows) {
    wrong.push_back(absl::StrCat(row.Text(0), " ", row.Int(1), " ", row.Int(2)));
  }
  return wrong;
}

std::vector<std::string> Range(const std::string& subject, int first, int last) {
  std::vector<std::string> events;
  for (int i = first; i <= last; ++i) events.push_back(absl::StrCat(subject, " ", i));
  return events;
}

}  // namespace lgsp::events
