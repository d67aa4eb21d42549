// A real Apache Kafka for tests: one broker of its own, started by tools/kafka/broker.
#pragma once

#include <sys/types.h>

#include <string>

#include "absl/strings/string_view.h"
#include "libs/events/kafka_client.h"
#include "libs/testing/files.h"

namespace lgsp::events {

inline constexpr char kOldKafka[] = "3.9.2";
inline constexpr char kNewKafka[] = "4.3.1";

// A port nobody has. Below 32768: the kernel gives those to nobody by itself.
int FreePort();

// What fails, fails the test. Start it on the main thread: the kernel ends the broker when the
// thread that started it ends.
class KafkaBroker {
 public:
  explicit KafkaBroker(absl::string_view version);
  ~KafkaBroker();
  KafkaBroker(const KafkaBroker&) = delete;
  KafkaBroker& operator=(const KafkaBroker&) = delete;

  // The one of this process for `version`, started by the first call.
  static KafkaBroker& Shared(absl::string_view version);

  // A topic of its own at this broker; it is made by who uses it.
  KafkaTopic NewTopic(int partitions = 3) const;

  // Ends the broker as kill -9 does; what it had is there after Start.
  void Kill();
  void Start();

 private:
  std::string Log() const;

  const std::string version_;
  const testing::TemporaryFolder folder_;
  const int port_, controller_port_;
  pid_t process_ = -1;
};

}  // namespace lgsp::events
