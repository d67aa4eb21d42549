// What the tests of libs/events and of those who follow a feed share: a publisher with its feed on
// a real server, a follower, a database of a consumer.
#pragma once

#include <grpcpp/grpcpp.h>

#include <array>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "lgsp/events/v1/feed.grpc.pb.h"
#include "libs/clock/clock.h"
#include "libs/events/delivery.h"
#include "libs/events/feed_consumer.h"
#include "libs/events/feed_service.h"
#include "libs/events/kafka_broker_test.h"
#include "libs/events/kafka_producer.h"
#include "libs/events/outbox.h"
#include "libs/events/sequencer.h"
#include "libs/sql/fixture_test.h"
#include "libs/testing/platform.h"

namespace lgsp::events {

inline constexpr char kFeed[] = "lgsp.events.v1.Feed";
inline constexpr char kSource[] = "//dossiers.lgsp";
inline constexpr char kConsumer[] = "dossier-counts";
inline constexpr char kGroup[] = "lgsp.insights";
// After it a process of a group that died has died for the others too.
inline constexpr absl::Duration kTestSession = absl::Seconds(2);

// Nothing but Notify moves this feed.
inline constexpr FeedOptions kNoPolling = {.poll_interval = absl::Hours(1),
                                           .heartbeat = absl::Hours(1)};

// The database of a publisher, without a server.
class OutboxFixture {
 public:
  explicit OutboxFixture(sql::Database::Engine engine);

  absl::Status Add(sql::Transaction& tx, const std::string& subject, int64_t revision,
                   const std::string& procedure = "1.000001") const;
  // In a transaction of its own.
  absl::Status AddOne(const std::string& subject, int64_t revision,
                      const std::string& procedure = "1.000001");
  // On PostgreSQL: gives all events their positions, in this thread.
  void Move();
  lgsp::events::v1::Position Last();
  std::vector<lgsp::events::v1::FollowResponse> Read(uint64_t after, int limit);

  sql::TestDatabase db;
  FakeClock clock{absl::FromUnixMicros(1'900'000'000'123'456)};
  metrics::Registry metrics;
  Outbox outbox;
};

struct TestEvent {
  std::string subject;
  int64_t revision = 1;
  std::vector<std::string> audience = {};
  // Makes the event larger.
  size_t padding = 0;
  // What happened; by default a DossierSubmitted that says little.
  const google::protobuf::Message* data = nullptr;
};

// How events come from a publisher to a consumer.
struct Transport {
  sql::Database::Engine engine;
  // Of Kafka; null: by the feed.
  const char* kafka = nullptr;
  // At Kafka: a topic of its own.
  std::optional<KafkaTopic> NewTopic() const;
};
inline constexpr std::array kTransports = {Transport{sql::Database::Engine::kSqlite},
                                           Transport{sql::Database::Engine::kPostgres},
                                           Transport{sql::Database::Engine::kSqlite, kOldKafka},
                                           Transport{sql::Database::Engine::kPostgres, kNewKafka}};

// A platform whose dossiers publish. insights and gateway may follow.
class Publisher {
 public:
  // `more_calls`: rules beside those of the feed, as in libs/rpc/calls.proto.
  explicit Publisher(FeedOptions options = {}, int port = 0, absl::string_view more_calls = "",
                     sql::Database::Engine engine = sql::Database::Engine::kSqlite,
                     std::optional<KafkaTopic> topic = std::nullopt);
  explicit Publisher(const Transport& transport)
      : Publisher({}, 0, "", transport.engine, transport.NewTopic()) {}
  ~Publisher() { Stop(); }

  // As main of a service does it.
  void Start();
  void Stop();
  bool IsRunning() const { return server_ != nullptr; }

  absl::Status Add(sql::Transaction& tx, const TestEvent& event) const;
  // In one transaction each; then Notify.
  void Publish(const std::vector<TestEvent>& events);
  // `n` events of one subject, revisions from `first` on, in one transaction; then Notify.
  void PublishMany(const std::string& subject, int n, size_t padding = 0, int64_t first = 1);

  std::shared_ptr<grpc::Channel> ChannelOf(absl::string_view service);
  double Followers();
  int64_t epoch() { return ReadInt(*db_, "SELECT epoch FROM feed_epoch"); }

  testing::Platform& platform() { return platform_; }
  // Where it also produces to.
  const std::optional<KafkaTopic>& topic() const { return topic_; }
  // Says that something was told.
  void Notify();
  sql::Database& db() { return *db_; }
  FakeClock& clock() { return clock_; }
  FeedService& feed() { return *feed_; }
  rpc::Server& server() { return *server_; }

 private:
  const FeedOptions options_;
  const std::optional<KafkaTopic> topic_;
  int port_;
  testing::Platform platform_;
  sql::TestDatabase db_;
  FakeClock clock_;
  const Outbox outbox_;
  std::unique_ptr<FeedService> feed_;
  std::unique_ptr<KafkaProducer> producer_;
  std::unique_ptr<Sequencer> sequencer_;
  std::unique_ptr<rpc::Server> server_;
};

// A client that reads the stream by hand. Ends its call with it.
class Follower {
 public:
  explicit Follower(std::shared_ptr<grpc::Channel> channel,
                    const lgsp::events::v1::FollowRequest& request = {},
                    const std::string& caller_jws = "");
  ~Follower();

  // The next message; nothing when the stream ended or kPatience passed.
  std::optional<lgsp::events::v1::FollowResponse> Next();
  // `<subject> <revision>` of the next `n` events; fewer when the stream ends.
  std::vector<std::string> Events(int n);
  // Why the stream ended; cancels it first with `cancel`.
  absl::Status End(bool cancel = false);

 private:
  std::unique_ptr<lgsp::events::v1::Feed::Stub> stub_;
  grpc::ClientContext context_;
  std::unique_ptr<grpc::ClientReader<lgsp::events::v1::FollowResponse>> reader_;
  std::optional<absl::Status> ended_;
};

lgsp::events::v1::FollowRequest After(int64_t epoch, uint64_t n);

// The database of a consumer. Its effect of an event is a line in a table.
class Inbox {
 public:
  explicit Inbox(sql::Database::Engine engine = sql::Database::Engine::kSqlite);

  static absl::Status Effect(sql::Transaction& tx, const lgsp::events::v1::Event& event);
  // `<subject> <revision>` of every effect, in order.
  std::vector<std::string> Effects();
  int64_t Count();
  lgsp::events::v1::Position Position(absl::string_view consumer);

  sql::TestDatabase db;
};

// A consumer of `publisher` by the transport that it has, as a process of its own has it.
class RunningConsumer {
 public:
  // `db`: that of the inbox, unless it is another process's connection to it.
  RunningConsumer(Publisher& publisher, Inbox& inbox, Handler handler = Inbox::Effect,
                  sql::Database* db = nullptr);
  double Metric(absl::string_view name) const;

 private:
  metrics::Registry metrics_;
  std::unique_ptr<Consumer> consumer_;
};

// An effect that shows loss, doubling and disorder, whatever number of processes has it: per
// subject how many events came and how many of them out of turn.
class Ledger {
 public:
  explicit Ledger(Inbox& inbox);
  static absl::Status Effect(sql::Transaction& tx, const lgsp::events::v1::Event& event);
  int64_t Count();
  // `<subject> <events> <out of turn>` of all, where they are not `n` in order.
  std::vector<std::string> Wrong(int64_t n);

 private:
  Inbox& inbox_;
};

// `<subject> <first>` … `<subject> <last>`.
std::vector<std::string> Range(const std::string& subject, int first, int last);

}  // namespace lgsp::events
