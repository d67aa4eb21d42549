#include "libs/redis/redis.h"

#include <catch2/catch.hpp>
#include <csignal>

#include "libs/status/status.h"
#include "libs/testing/redis.h"

namespace lgsp::redis {
namespace {

constexpr char kCount[] = "return {redis.call('INCRBY', KEYS[1], ARGV[1])}";

TEST_CASE("redis: a script runs with its keys and arguments") {
  testing::RedisServer server;
  FakeClock clock(absl::Now());
  Client client({server.address(), ""}, &clock);
  CHECK(*client.Eval(kCount, {"a"}, {"3"}) == std::vector<int64_t>{3});
  CHECK(*client.Eval(kCount, {"a"}, {"4"}) == std::vector<int64_t>{7});
  // Text with spaces and NUL goes as it is.
  CHECK(*client.Eval(kCount, {std::string("a b\0c", 5)}, {"1"}) == std::vector<int64_t>{1});
  CHECK(ErrorReason(client.Eval("return {'x'}", {}, {}).status()) == "REDIS_REFUSED");
  CHECK(ErrorReason(client.Eval("return 1", {}, {}).status()) == "REDIS_REFUSED");
  CHECK(ErrorReason(client.Eval("not lua", {}, {}).status()) == "REDIS_REFUSED");
  CHECK(client.Eval("return {}", {}, {})->empty());
}

TEST_CASE("redis: a password that is asked for must be the right one") {
  testing::RedisServer server("secret");
  FakeClock clock(absl::Now());
  CHECK(Client({server.address(), "secret"}, &clock).Eval(kCount, {"a"}, {"1"}).ok());
  CHECK(ErrorReason(Client({server.address(), "x"}, &clock).Eval(kCount, {"a"}, {"1"}).status()) ==
        "REDIS_REFUSED");
  CHECK(ErrorReason(Client({server.address(), ""}, &clock).Eval(kCount, {"a"}, {"1"}).status()) ==
        "REDIS_REFUSED");
}

TEST_CASE("redis: a server that goes is told, and asked again after a while") {
  testing::RedisServer server;
  FakeClock clock(absl::Now());
  Client client({server.address(), ""}, &clock);
  const auto reason = [&] { return ErrorReason(client.Eval(kCount, {"a"}, {"1"}).status()); };
  CHECK(reason().empty());
  // Nor does it end us: to a connection that was closed it is written, with SIGPIPE as it comes.
  const auto before = std::signal(SIGPIPE, SIG_DFL);
  server.Kill();
  CHECK(reason() == "REDIS_UNREACHABLE");
  std::signal(SIGPIPE, before);
  server.Start();
  CHECK(reason() == "REDIS_UNREACHABLE");
  clock.Advance(kConnectBackoff);
  CHECK(reason().empty());
}

TEST_CASE("redis: a server that is silent is not waited for longer than the limit") {
  testing::RedisServer server;
  FakeClock clock(absl::Now());
  Client client({server.address(), "", absl::Milliseconds(50)}, &clock);
  CHECK(client.Eval(kCount, {"a"}, {"1"}).ok());
  server.Pause();
  CHECK(ErrorReason(client.Eval(kCount, {"a"}, {"1"}).status()) == "REDIS_UNREACHABLE");
  server.Resume();
  clock.Advance(kConnectBackoff);
  // The answer that came too late is not taken for this one's.
  CHECK(client.Eval("return {42}", {}, {})->front() == 42);
}

TEST_CASE("redis: what is no address") {
  FakeClock clock(absl::Now());
  for (const char* address : {"", "x", ":1", "x:", "x:0", "x:99999"}) {
    INFO(address);
    CHECK(ErrorReason(Client({address, ""}, &clock).Eval(kCount, {"a"}, {"1"}).status()) ==
          "REDIS_ADDRESS_INVALID");
  }
}

}  // namespace
}  // namespace lgsp::redis
