#include "libs/sql/sql.h"

#include <cstdlib>
#include <iostream>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "libs/sql/connection.h"
#include "libs/sql/postgres_database.h"
#include "libs/sql/sqlite_database.h"
#include "libs/sql/statement_text.h"
#include "libs/status/status.h"

namespace lgsp::sql {
namespace {

constexpr char kSqliteScheme[] = "sqlite:";

// Any number no other program uses for advisory locks of this database.
constexpr int64_t kMigrationLock = 0x6c677370'73716c;

[[noreturn]] void StopAt(const std::vector<Value>& values, int column, absl::string_view what) {
  std::cerr << "libs/sql: column " << column << " of " << values.size() << ' ' << what << '\n';
  std::abort();
}

const Value& At(const std::vector<Value>& values, int column) {
  if (column < 0 || static_cast<size_t>(column) >= values.size()) {
    StopAt(values, column, "does not exist");
  }
  return values[column];
}

template <class T>
const T& Get(const std::vector<Value>& values, int column, absl::string_view otherwise) {
  if (const T* value = std::get_if<T>(&At(values, column))) return *value;
  StopAt(values, column, otherwise);
}

// Of what the database was told: comments may be mended. FNV-1a stays the same in every build and
// needs no library; it finds edits, not attacks.
std::string Checksum(absl::string_view script) {
  uint64_t hash = 0xcbf29ce484222325;
  for (const char c : WithoutComments(script))
    hash = (hash ^ static_cast<uint8_t>(c)) * 0x100000001b3;
  return absl::StrCat(absl::Hex(hash, absl::kZeroPad16));
}

absl::Status Failed(absl::string_view reason, absl::string_view message, int64_t number) {
  return MakeError(absl::StatusCode::kFailedPrecondition, reason, message,
                   {{"migration", absl::StrCat(number)}});
}

std::string TextFor(Database::Engine engine, const Migration& migration) {
  const bool postgres = engine == Database::Engine::kPostgres;
  return ReplaceBytesType(
      postgres && !migration.postgres.empty() ? migration.postgres : migration.portable,
      postgres ? "BYTEA" : "BLOB");
}

// Checks all that was applied, applies the first that was not. Answers whether there was one.
absl::StatusOr<bool> ApplyNext(Database::Engine engine, const std::vector<Migration>& migrations,
                               Transaction& tx) {
  if (engine == Database::Engine::kPostgres) {
    RETURN_IF_ERROR(
        tx.Execute("SELECT pg_advisory_xact_lock(:lock)", {{"lock", kMigrationLock}}).status());
  }
  RETURN_IF_ERROR(tx.Execute("CREATE TABLE IF NOT EXISTS schema_migrations (number BIGINT NOT NULL "
                             "PRIMARY KEY, checksum TEXT NOT NULL, applied_at BIGINT NOT NULL)")
                      .status());
  ASSIGN_OR_RETURN(const Result applied,
                   tx.Execute("SELECT number, checksum FROM schema_migrations ORDER BY number"));
  for (size_t i = 0; i < applied.rows.size(); ++i) {
    const int64_t number = applied.rows[i].Int(0);
    if (i >= migrations.size()) {
      return Failed("SQL_SCHEMA_NEWER", "the database has a schema newer than this program",
                    number);
    }
    if (number != migrations[i].number ||
        applied.rows[i].Text(1) != Checksum(TextFor(engine, migrations[i]))) {
      return Failed("SQL_MIGRATION_CHANGED", "an applied migration has another text now", number);
    }
  }
  if (applied.rows.size() == migrations.size()) return false;
  const Migration& next = migrations[applied.rows.size()];
  const std::string text = TextFor(engine, next);
  for (const absl::string_view statement : SplitStatements(text)) {
    RETURN_IF_ERROR(tx.Execute(statement).status());
  }
  RETURN_IF_ERROR(
      tx.Execute("INSERT INTO schema_migrations (number, checksum, applied_at) "
                 "VALUES (:number, :checksum, :now)",
                 {{"number", next.number}, {"checksum", Checksum(text)}, {"now", absl::Now()}})
          .status());
  return true;
}

}  // namespace

int64_t Micros(absl::Time time) { return absl::ToUnixMicros(time); }
absl::Time FromMicros(int64_t micros) { return absl::FromUnixMicros(micros); }

bool Row::IsNull(int column) const {
  return std::holds_alternative<std::monostate>(At(values_, column));
}
int64_t Row::Int(int column) const { return Get<int64_t>(values_, column, "is not BIGINT"); }
double Row::Double(int column) const {
  // SQLite keeps a whole DOUBLE as an integer, and RETURNING shows it.
  if (const auto* whole = std::get_if<int64_t>(&At(values_, column)))
    return static_cast<double>(*whole);
  return Get<double>(values_, column, "is not DOUBLE");
}
const std::string& Row::Text(int column) const {
  return Get<std::string>(values_, column, "is not TEXT");
}
const std::string& Row::Blob(int column) const {
  return Get<Bytes>(values_, column, "is not BYTES").data;
}

absl::Status RevisionConflict() {
  return MakeError(absl::StatusCode::kAborted, "REVISION_CONFLICT",
                   "somebody else changed it at the same time");
}

absl::StatusOr<std::unique_ptr<Database>> Database::Open(const Options& options) {
  absl::string_view path = options.url;
  if (absl::ConsumePrefix(&path, kSqliteScheme) && !path.empty()) return OpenSqlite(path, options);
  if (absl::StartsWith(options.url, "postgresql://")) return OpenPostgres(options);
  // Not the URL itself: it may have a password.
  return MakeError(absl::StatusCode::kInvalidArgument, "SQL_URL_INVALID",
                   "the database is sqlite:<path> or postgresql://<…>");
}

absl::Status Database::Migrate(const std::vector<Migration>& migrations) {
  for (size_t i = 0; i < migrations.size(); ++i) {
    if (migrations[i].number != static_cast<int>(i) + 1) {
      return StatementWrong("migrations are not numbered 1, 2, 3 and so on");
    }
  }
  for (bool more = true; more;) {
    RETURN_IF_ERROR(Run([&](Transaction& tx) -> absl::Status {
      ASSIGN_OR_RETURN(more, ApplyNext(engine(), migrations, tx));
      return absl::OkStatus();
    }));
  }
  return absl::OkStatus();
}

std::string ResolveUrl(absl::string_view base, absl::string_view url) {
  absl::string_view path = url;
  if (!absl::ConsumePrefix(&path, kSqliteScheme) || absl::StartsWith(path, "/")) {
    return std::string(url);
  }
  return absl::StrCat(kSqliteScheme, base, "/", path);
}

}  // namespace lgsp::sql
