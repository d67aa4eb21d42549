// A Redis server of the test's own, without persistence, on a socket in a temporary folder.
#pragma once

#include <sys/types.h>

#include <string>

namespace lgsp::testing {

// Not thread-safe. The kernel ends the server when the thread that started it ends.
class RedisServer {
 public:
  // Starts it; the process stops when that cannot be done. `password`: empty for none.
  explicit RedisServer(const std::string& password = "");
  ~RedisServer();
  RedisServer(const RedisServer&) = delete;
  RedisServer& operator=(const RedisServer&) = delete;

  // For libs/redis.
  std::string address() const { return "unix:" + folder_ + "/socket"; }
  // Ends it at once, with all that it held; Start starts an empty one at the same address.
  void Kill();
  void Start();
  // It takes connections, and answers nothing until Resume.
  void Pause();
  void Resume();

 private:
  std::string folder_;
  const std::string password_;
  pid_t server_ = -1;
};

}  // namespace lgsp::testing
