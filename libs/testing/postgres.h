// A PostgreSQL server of the test's own: a new cluster in a temporary folder, reached by a socket
// there.
#pragma once

#include <sys/types.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace lgsp::testing {

// Not thread-safe. The kernel ends the server when the thread that started it ends, so that a test
// that dies leaves nothing running: start it on the main thread.
class PostgresCluster {
 public:
  // UNAVAILABLE POSTGRES_NOT_STARTED, with the end of the server's log in the message.
  static absl::StatusOr<std::unique_ptr<PostgresCluster>> Start();
  // The one of this process, started by the first call; the process stops when it cannot be.
  static PostgresCluster& Shared();

  ~PostgresCluster();
  PostgresCluster(const PostgresCluster&) = delete;
  PostgresCluster& operator=(const PostgresCluster&) = delete;

  // Makes an empty UTF-8 database with a name of its own. Returns its URL, for libs/sql.
  absl::StatusOr<std::string> CreateDatabase(absl::string_view locale = "C");

  // Ends the server at once, as if it had crashed; what was committed is there after StartServer.
  void KillServer();
  absl::Status StartServer();

 private:
  explicit PostgresCluster(std::string folder) : folder_(std::move(folder)) {}
  absl::Status RunTool(absl::string_view tool, const std::vector<std::string>& arguments);
  absl::Status NotStarted(absl::string_view what) const;

  const std::string folder_;
  pid_t server_ = -1;
  int databases_ = 0;
};

}  // namespace lgsp::testing
