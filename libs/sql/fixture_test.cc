#include "libs/sql/fixture_test.h"

#include <poll.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <cstdlib>
#include <filesystem>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "libs/status/status.h"
#include "libs/testing/postgres.h"

namespace lgsp::sql {
namespace {

constexpr int kPollMilliseconds = 2;

absl::StatusOr<Result> One(Database& database, bool read, absl::string_view sql, Params params) {
  Result result;
  const auto body = [&](Transaction& tx) -> absl::Status {
    ASSIGN_OR_RETURN(result, tx.Execute(sql, params));
    return absl::OkStatus();
  };
  RETURN_IF_ERROR(read ? database.Read(body) : database.Run(body));
  return result;
}

}  // namespace

TestDatabase::TestDatabase(Database::Engine engine, const Options& options) : options_(options) {
  if (engine == Database::Engine::kSqlite) {
    folder_ = (std::filesystem::temp_directory_path() / "lgsp-sql-XXXXXX").string();
    REQUIRE(mkdtemp(folder_.data()) != nullptr);
    options_.url = absl::StrCat("sqlite:", folder_, "/test.db");
  } else {
    const auto url = testing::PostgresCluster::Shared().CreateDatabase();
    INFO(url.status());
    REQUIRE(url.ok());
    options_.url = *url;
  }
  options_.metrics = &metrics_;
  auto database = Database::Open(options_);
  INFO(database.status());
  REQUIRE(database.ok());
  database_ = *std::move(database);
}

TestDatabase::~TestDatabase() {
  database_.reset();
  if (!folder_.empty()) std::filesystem::remove_all(folder_);
}

std::unique_ptr<Database> TestDatabase::OpenAnother(Options options) const {
  options.url = options_.url;
  auto database = Database::Open(options);
  INFO(database.status());
  REQUIRE(database.ok());
  return *std::move(database);
}

double TestDatabase::Metric(absl::string_view name_and_labels) const {
  const std::string text = metrics_.Text();
  for (absl::string_view line : absl::StrSplit(text, '\n')) {
    double value = 0;
    if (absl::ConsumePrefix(&line, name_and_labels) && absl::ConsumePrefix(&line, " ") &&
        absl::SimpleAtod(line, &value)) {
      return value;
    }
  }
  return 0;
}

absl::StatusOr<Result> RunOne(Database& database, absl::string_view sql, Params params) {
  return One(database, false, sql, params);
}

absl::StatusOr<Result> ReadOne(Database& database, absl::string_view sql, Params params) {
  return One(database, true, sql, params);
}

int64_t ReadInt(Database& database, absl::string_view sql, Params params) {
  const auto result = ReadOne(database, sql, params);
  return result.ok() && result->rows.size() == 1 ? result->rows[0].Int(0) : -1;
}

absl::Status Nothing(Transaction&) { return absl::OkStatus(); }

bool Eventually(const std::function<bool()>& condition) {
  for (const absl::Time deadline = absl::Now() + kPatience; absl::Now() < deadline;) {
    if (condition()) return true;
    poll(nullptr, 0, kPollMilliseconds);
  }
  return false;
}

void Gate::Open() {
  const std::lock_guard lock(mutex_);
  open_ = true;
  opened_.notify_all();
}

bool Gate::Wait() {
  std::unique_lock lock(mutex_);
  return opened_.wait_until(lock, absl::ToChronoTime(absl::Now() + kPatience),
                            [this] { return open_; });
}

Occupant::Occupant(Database& database, bool read) {
  thread_ = std::thread([this, &database, read] {
    const auto body = [this](Transaction&) {
      inside_.Open();
      leave_.Wait();
      return absl::OkStatus();
    };
    status_ = read ? database.Read(body) : database.Run(body);
  });
  REQUIRE(inside_.Wait());
}

absl::Status Occupant::Leave() {
  leave_.Open();
  if (thread_.joinable()) thread_.join();
  return status_;
}

Crowd::Crowd(int n, const std::function<absl::Status(int)>& work) : answers_(n) {
  for (int i = 0; i < n; ++i) {
    threads_.emplace_back([this, i, work] { answers_[i] = work(i); });
  }
}

const std::vector<absl::Status>& Crowd::Join() {
  for (std::thread& thread : threads_) {
    if (thread.joinable()) thread.join();
  }
  return answers_;
}

}  // namespace lgsp::sql
