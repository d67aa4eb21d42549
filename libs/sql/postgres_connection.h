// One connection to PostgreSQL.
#pragma once

#include <libpq-fe.h>

#include <memory>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "libs/sql/connection.h"

namespace lgsp::sql {

// The Status of a SQLSTATE; an empty one is a lost connection. `detail` may hold no values.
absl::Status FromSqlState(absl::string_view sqlstate, absl::string_view detail);

class PostgresConnection final : public Connection {
 public:
  // UNAVAILABLE SQL_CONNECTION_LOST.
  static absl::StatusOr<std::unique_ptr<PostgresConnection>> Open(const std::string& url);

  bool lost() const { return PQstatus(connection_.get()) != CONNECTION_OK; }

  // BEGIN and the like, several at once too.
  absl::Status Command(const std::string& sql);

 private:
  struct Statement {
    std::string id;
    std::vector<std::string> names;
  };
  struct Finish {
    void operator()(PGconn* connection) const { PQfinish(connection); }
  };

  // A connection that died with an error in words is lost all the same.
  absl::Status Checked(absl::Status status) const {
    return !status.ok() && lost() ? FromSqlState("", "") : status;
  }

  absl::StatusOr<const Statement*> Prepare(absl::string_view sql, Params params);
  absl::StatusOr<Result> Perform(absl::string_view sql, Params params) override;
  absl::StatusOr<Result> Receive();

  std::unique_ptr<PGconn, Finish> connection_;
  // By the types of the values and the text: PostgreSQL prepares for given types.
  absl::flat_hash_map<std::string, Statement> statements_;
  int64_t prepared_ = 0;
};

}  // namespace lgsp::sql
