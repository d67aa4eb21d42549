// What the tests of libs/sql share: a new database of either engine, and threads that wait for each
// other.
#pragma once

#include <array>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/statusor.h"
#include "libs/metrics/metrics.h"
#include "libs/sql/sql.h"

namespace lgsp::sql {

inline constexpr std::array kBothEngines = {Database::Engine::kSqlite, Database::Engine::kPostgres};
// Everything a test waits for comes within this, or the test fails.
inline constexpr absl::Duration kPatience = absl::Seconds(30);

// A new, empty database, gone with this object.
class TestDatabase {
 public:
  explicit TestDatabase(Database::Engine engine, const Options& options = {});
  ~TestDatabase();

  Database& operator*() { return *database_; }
  Database* operator->() { return database_.get(); }
  const std::string& url() const { return options_.url; }
  // Another Database on the same data, as another process has it.
  std::unique_ptr<Database> OpenAnother(Options options = {}) const;
  // Ends the Database; the data stays.
  void Close() { database_.reset(); }
  // The value of a metric, as Prometheus shows it; 0 when there is none.
  double Metric(absl::string_view name_and_labels) const;

 private:
  std::string folder_;
  metrics::Registry metrics_;
  Options options_;
  std::unique_ptr<Database> database_;
};

// One statement in a transaction of its own.
absl::StatusOr<Result> RunOne(Database& database, absl::string_view sql, Params params = {});
absl::StatusOr<Result> ReadOne(Database& database, absl::string_view sql, Params params = {});
// The one number that a query answers; -1 when it fails.
int64_t ReadInt(Database& database, absl::string_view sql, Params params = {});

// The body that does nothing.
absl::Status Nothing(Transaction& tx);

// Whether `condition` comes true within kPatience.
bool Eventually(const std::function<bool()>& condition);

// Closed until opened.
class Gate {
 public:
  void Open();
  // False when it stayed closed for kPatience.
  bool Wait();

 private:
  std::mutex mutex_;
  std::condition_variable opened_;
  bool open_ = false;
};

// A Run or Read whose body stays inside until Leave.
class Occupant {
 public:
  Occupant(Database& database, bool read);
  ~Occupant() { (void)Leave(); }
  // What the Run answered.
  absl::Status Leave();

 private:
  Gate inside_;
  Gate leave_;
  absl::Status status_;
  std::thread thread_;
};

// Calls `work(0)` to `work(n - 1)`, each on a thread of its own, and waits for all; what each
// answered.
class Crowd {
 public:
  Crowd(int n, const std::function<absl::Status(int)>& work);
  ~Crowd() { Join(); }
  const std::vector<absl::Status>& Join();

 private:
  std::vector<absl::Status> answers_;
  std::vector<std::thread> threads_;
};

}  // namespace lgsp::sql
