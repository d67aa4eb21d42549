#include "libs/events/kafka_broker_test.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <catch2/catch.hpp>
#include <csignal>
#include <map>
#include <memory>
#include <random>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "libs/config/config.h"
#include "libs/sql/fixture_test.h"

namespace lgsp::events {
namespace {

constexpr size_t kLogTail = 3000;

[[noreturn]] void Become(char* const* argv, const char* log, pid_t parent) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != parent) _exit(125);
  const int fd = open(log, O_WRONLY | O_CREAT | O_APPEND, 0600);
  if (fd < 0) _exit(124);
  dup2(fd, STDOUT_FILENO);
  dup2(fd, STDERR_FILENO);
  close_range(STDERR_FILENO + 1, ~0U, 0);
  execv(argv[0], argv);
  _exit(127);
}

pid_t Spawn(std::vector<std::string> line, const std::string& log) {
  std::vector<char*> argv;
  for (std::string& word : line) argv.push_back(word.data());
  argv.push_back(nullptr);
  const pid_t parent = getpid();
  const pid_t child = fork();
  if (child == 0) Become(argv.data(), log.c_str(), parent);
  return child;
}

}  // namespace

int FreePort() {
  std::random_device random;
  for (int attempt = 0; attempt < 100; ++attempt) {
    const int port = 20'000 + static_cast<int>(random() % 12'000);
    sockaddr_in address = {};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons(static_cast<uint16_t>(port));
    const int fd = socket(AF_INET, SOCK_STREAM, 0);
    const bool is_free = bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof(address)) == 0;
    close(fd);
    if (is_free) return port;
  }
  FAIL("no free port");
  return 0;
}

KafkaBroker::KafkaBroker(absl::string_view version)
    : version_(version), port_(FreePort()), controller_port_(FreePort()) {
  Start();
}

KafkaBroker::~KafkaBroker() { Kill(); }

KafkaBroker& KafkaBroker::Shared(absl::string_view version) {
  static std::map<std::string, std::unique_ptr<KafkaBroker>> brokers;
  auto& broker = brokers[std::string(version)];
  if (broker == nullptr) broker = std::make_unique<KafkaBroker>(version);
  return *broker;
}

std::string KafkaBroker::Log() const {
  const auto log = config::ReadFile(folder_.path() + "/broker.log");
  return log.ok() ? *log : "";
}

void KafkaBroker::Start() {
  const std::string log = folder_.path() + "/broker.log";
  unlink(log.c_str());
  process_ = Spawn(
      {LGSP_KAFKA_BROKER, "--version", version_, "--port", absl::StrCat(port_), "--controller-port",
       absl::StrCat(controller_port_), "--data", folder_.path() + "/data"},
      log);
  const bool started = sql::Eventually([&] {
    return absl::StrContains(Log(), "Kafka Server started") ||
           waitpid(process_, nullptr, WNOHANG) != 0;
  });
  const std::string text = Log();
  INFO(text.substr(text.size() - std::min(text.size(), kLogTail)));
  REQUIRE(started);
  REQUIRE(absl::StrContains(text, "Kafka Server started"));
}

void KafkaBroker::Kill() {
  if (process_ < 0) return;
  kill(process_, SIGKILL);
  waitpid(process_, nullptr, 0);
  process_ = -1;
}

KafkaTopic KafkaBroker::NewTopic(int partitions) const {
  static std::atomic<int> topics = 0;
  KafkaTopic topic;
  topic.topic = absl::StrCat("lgsp.test-", ++topics, ".v1");
  topic.base = folder_.path();
  topic.config.set_brokers(absl::StrCat("127.0.0.1:", port_));
  topic.config.set_topics_file(
      folder_.Write(absl::StrCat(topic.topic, ".textproto"),
                    absl::StrCat("topics { name: '", topic.topic, "' partitions: ", partitions,
                                 " retention_hours: 168 }")));
  return topic;
}

}  // namespace lgsp::events
