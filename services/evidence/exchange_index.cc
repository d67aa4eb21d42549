#include "services/evidence/exchange_index.h"

#include <algorithm>
#include <map>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_split.h"
#include "libs/aip/aip.h"
#include "libs/clock/timestamp.h"
#include "libs/status/status.h"
#include "services/evidence/limits.h"

namespace lgsp::evidence {
namespace {

using lgsp::evidence::v1::Outcome;
using lgsp::evidence::v1::Record;

// As in migrations/0001_evidence.sql.
enum Kind { kAll = 0, kSystem = 1, kService = 2, kDossier = 3, kPerson = 4 };

constexpr char kInsert[] =
    "INSERT INTO exchanges (exchange_id, origin, intent_index, outcome_index, intent_time, system, "
    "service, method, dossier, person_hash, outcome_end, grpc_status) VALUES (:exchange_id, "
    ":origin, :intent_index, :outcome_index, :intent_time, :system, :service, :method, :dossier, "
    ":person_hash, :outcome_end, :grpc_status) ON CONFLICT (exchange_id, origin) DO NOTHING";
// At once: a statement is a journey to the server.
constexpr char kInsertKeys[] =
    "INSERT INTO exchange_keys (kind, value, intent_time, exchange_id, origin) SELECT column1, "
    "column2, :intent_time, :exchange_id, :origin FROM (VALUES (0, ''), (1, :system), (2, "
    ":service), (3, :dossier), (4, :person_hash)) AS k WHERE column1 = 0 OR column2 <> ''";
constexpr char kUpdate[] =
    "UPDATE exchanges SET outcome_index = :outcome_index, outcome_end = :outcome_end, grpc_status "
    "= "
    ":grpc_status WHERE exchange_id = :exchange_id AND origin = :origin AND outcome_index = -1";
constexpr char kFind[] =
    "SELECT exchange_id, origin, intent_index, outcome_index, intent_time, system, service, "
    "method, dossier, person_hash, outcome_end, grpc_status FROM exchanges WHERE exchange_id = "
    ":exchange_id ORDER BY origin";
constexpr char kList[] =
    "SELECT e.exchange_id, e.origin, e.intent_index, e.outcome_index, e.intent_time, e.system, "
    "e.service, e.method, e.dossier, e.person_hash, e.outcome_end, e.grpc_status "
    "FROM exchange_keys k JOIN exchanges e ON e.exchange_id = k.exchange_id AND e.origin = "
    "k.origin WHERE k.kind = :kind AND k.value = :value AND k.intent_time >= :start AND "
    "k.intent_time < :end AND (k.intent_time, k.exchange_id, k.origin) > (:after_time, :after_id, "
    ":after_origin) AND (:system = '' OR e.system = :system) AND (:service = '' OR e.service = "
    ":service) AND (:dossier = '' OR e.dossier = :dossier) "
    "ORDER BY k.intent_time, k.exchange_id, k.origin LIMIT :limit";
constexpr char kDeleteKey[] =
    "DELETE FROM exchange_keys WHERE kind = :kind AND value = :value AND intent_time = "
    ":intent_time AND exchange_id = :exchange_id AND origin = :origin";

bool IsIndexable(absl::string_view text) {
  return text.size() <= kMaxIndexedText && !absl::StrContains(text, '\0');
}

// What a call is looked for by.
std::vector<std::pair<int, std::string>> KeysOf(const IndexedExchange& exchange) {
  std::vector<std::pair<int, std::string>> out = {{kAll, ""}};
  const auto add = [&](int kind, const std::string& value) {
    if (!value.empty()) out.emplace_back(kind, value);
  };
  add(kSystem, exchange.system);
  add(kService, exchange.service);
  add(kDossier, exchange.dossier);
  add(kPerson, exchange.person_hash);
  return out;
}

IndexedExchange FromRow(const sql::Row& row) {
  IndexedExchange out;
  out.exchange_id = row.Text(0);
  out.origin = row.Text(1);
  out.intent_index = static_cast<uint64_t>(row.Int(2));
  if (row.Int(3) >= 0) out.outcome_index = static_cast<uint64_t>(row.Int(3));
  out.time = row.Time(4);
  out.system = row.Text(5);
  out.service = row.Text(6);
  out.method = row.Text(7);
  out.dossier = row.Text(8);
  out.person_hash = row.Text(9);
  out.end = static_cast<Outcome::End>(row.Int(10));
  out.grpc_status = static_cast<int32_t>(row.Int(11));
  return out;
}

int64_t OutcomeIndex(const IndexedExchange& exchange) {
  return exchange.outcome_index.has_value() ? static_cast<int64_t>(*exchange.outcome_index) : -1;
}

// Of a call whose intent is in the index, and whose outcome is not.
absl::Status Update(sql::Transaction& tx, const IndexedExchange& exchange) {
  return tx
      .Execute(kUpdate, {{"outcome_index", OutcomeIndex(exchange)},
                         {"outcome_end", static_cast<int64_t>(exchange.end)},
                         {"grpc_status", exchange.grpc_status},
                         {"exchange_id", exchange.exchange_id},
                         {"origin", exchange.origin}})
      .status();
}

absl::Status Insert(sql::Transaction& tx, const IndexedExchange& exchange) {
  ASSIGN_OR_RETURN(
      const sql::Result inserted,
      tx.Execute(kInsert, {{"exchange_id", exchange.exchange_id},
                           {"origin", exchange.origin},
                           {"intent_index", static_cast<int64_t>(exchange.intent_index)},
                           {"outcome_index", OutcomeIndex(exchange)},
                           {"intent_time", exchange.time},
                           {"system", exchange.system},
                           {"service", exchange.service},
                           {"method", exchange.method},
                           {"dossier", exchange.dossier},
                           {"person_hash", exchange.person_hash},
                           {"outcome_end", static_cast<int64_t>(exchange.end)},
                           {"grpc_status", exchange.grpc_status}}));
  // A second intent of one id is a log's own contradiction: the first stands.
  if (inserted.changed == 0) return Update(tx, exchange);
  return tx
      .Execute(kInsertKeys, {{"intent_time", exchange.time},
                             {"exchange_id", exchange.exchange_id},
                             {"origin", exchange.origin},
                             {"system", exchange.system},
                             {"service", exchange.service},
                             {"dossier", exchange.dossier},
                             {"person_hash", exchange.person_hash}})
      .status();
}

}  // namespace

std::optional<IndexedExchange> ReadIntent(const lgsp::evidence::v1::Intent& intent) {
  IndexedExchange out;
  const auto& caller = intent.caller();
  if (!aip::IsUuid(intent.exchange_id()) || !IsValid(intent.time()) ||
      !IsIndexable(caller.system()) || !IsIndexable(caller.dossier())) {
    return std::nullopt;
  }
  out.exchange_id = intent.exchange_id();
  out.time = ToTime(intent.time());
  out.system = caller.system();
  out.dossier = caller.dossier();
  const std::vector<absl::string_view> parts = absl::StrSplit(intent.path(), '/');
  // Other paths were refused, or are of no service.
  if (parts.size() == 3 && parts[0].empty() && IsIndexable(intent.path())) {
    out.service = std::string(parts[1]);
    out.method = std::string(parts[2]);
  }
  return out;
}

// What some entries of a log say.
struct ExchangeIndex::Batch {
  // `known`: what the index has; what follows may be forgotten up to `from`.
  uint64_t known = 0, from = 0, to = 0;
  // Those that begin here, some with their outcome, and those of which only the outcome is here.
  std::map<std::string, IndexedExchange> begun = {}, ended = {};
  int unreadable = 0;

  void AddOutcome(const std::string& origin, uint64_t index, const Outcome& outcome) {
    const auto found = begun.find(outcome.exchange_id());
    auto& exchange = found != begun.end() ? found->second : ended[outcome.exchange_id()];
    if (exchange.outcome_index.has_value()) return;
    exchange.exchange_id = outcome.exchange_id();
    exchange.origin = origin;
    exchange.outcome_index = index;
    exchange.end = outcome.end();
    exchange.grpc_status = outcome.grpc_status();
  }
};

absl::StatusOr<uint64_t> ExchangeIndex::Position(const std::string& origin) {
  uint64_t position = 0;
  RETURN_IF_ERROR(db_->Read([&](sql::Transaction& tx) -> absl::Status {
    ASSIGN_OR_RETURN(const sql::Result found,
                     tx.Execute("SELECT position FROM log_positions WHERE origin = :origin",
                                {{"origin", origin}}));
    if (!found.rows.empty()) position = static_cast<uint64_t>(found.rows[0].Int(0));
    return absl::OkStatus();
  }));
  return position;
}

absl::Status ExchangeIndex::Read(const std::string& origin, Reader& reader, Batch* batch) {
  ASSIGN_OR_RETURN(const std::vector<std::string> entries,
                   reader.Entries(batch->from, kIndexBatch));
  uint64_t index = batch->from;
  for (const std::string& entry : entries) {
    Record record;
    const bool read = record.ParseFromString(entry);
    if (read && record.has_intent()) {
      auto exchange = ReadIntent(record.intent());
      if (exchange.has_value()) {
        exchange->origin = origin;
        exchange->intent_index = index;
        const std::string& person = record.intent().caller().person();
        if (!person.empty()) {
          ASSIGN_OR_RETURN(exchange->person_hash, person_keys_->Hash(exchange->time, person));
        }
        batch->begun.try_emplace(exchange->exchange_id, *std::move(exchange));
      } else {
        ++batch->unreadable;
      }
    } else if (read && record.has_outcome() && aip::IsUuid(record.outcome().exchange_id())) {
      batch->AddOutcome(origin, index, record.outcome());
    } else if (!read || !record.has_progress()) {
      ++batch->unreadable;
    }
    ++index;
  }
  batch->to = index;
  return absl::OkStatus();
}

absl::Status ExchangeIndex::Apply(const std::string& origin, const Batch& batch) {
  return db_->Run([&](sql::Transaction& tx) -> absl::Status {
    RETURN_IF_ERROR(tx.Execute("INSERT INTO log_positions (origin, position) VALUES (:origin, 0) "
                               "ON CONFLICT (origin) DO NOTHING",
                               {{"origin", origin}})
                        .status());
    for (const auto& [id, exchange] : batch.begun) RETURN_IF_ERROR(Insert(tx, exchange));
    for (const auto& [id, exchange] : batch.ended) RETURN_IF_ERROR(Update(tx, exchange));
    ASSIGN_OR_RETURN(const sql::Result moved,
                     tx.Execute("UPDATE log_positions SET position = :to WHERE origin = :origin "
                                "AND position = :known",
                                {{"to", static_cast<int64_t>(batch.to)},
                                 {"known", static_cast<int64_t>(batch.known)},
                                 {"origin", origin}}));
    return moved.changed == 1 ? absl::OkStatus() : sql::RevisionConflict();
  });
}

absl::Status ExchangeIndex::Follow(const std::string& origin, Reader& reader) {
  metrics::Gauge position = metrics_->GetGauge(
      "evidence_index_position", "Entries of a log that are in the index.", {{"log", origin}});
  metrics::Counter unreadable = metrics_->GetCounter(
      "evidence_index_unreadable_total", "Entries of a log that are no records the index can hold.",
      {{"log", origin}});
  Batch batch;
  ASSIGN_OR_RETURN(batch.to, Position(origin));
  for (int i = 0; i < kIndexBatchesPerPoll; ++i) {
    position.Set(static_cast<double>(batch.to));
    batch = {.known = batch.to, .from = std::max(batch.to, reader.MinimumIndex())};
    const absl::Status read = Read(origin, reader, &batch);
    // At its end, or nothing is mirrored yet.
    if (absl::IsOutOfRange(read) || ErrorReason(read) == "EVIDENCE_FILE_MISSING") break;
    RETURN_IF_ERROR(read);
    RETURN_IF_ERROR(Apply(origin, batch));
    unreadable.Add(batch.unreadable);
  }
  return absl::OkStatus();
}

absl::StatusOr<std::vector<IndexedExchange>> ExchangeIndex::Find(absl::string_view exchange_id,
                                                                 absl::Time deadline) {
  std::vector<IndexedExchange> out;
  RETURN_IF_ERROR(db_->Read(
      [&](sql::Transaction& tx) -> absl::Status {
        ASSIGN_OR_RETURN(const sql::Result found,
                         tx.Execute(kFind, {{"exchange_id", exchange_id}}));
        for (const sql::Row& row : found.rows) out.push_back(FromRow(row));
        return absl::OkStatus();
      },
      deadline));
  return out;
}

absl::StatusOr<std::vector<IndexedExchange>> ExchangeIndex::List(const ExchangeFilter& filter,
                                                                 const ExchangePlace& after,
                                                                 int limit, absl::Time deadline) {
  std::vector<IndexedExchange> out;
  if (filter.nobody) return out;
  // By what chooses most.
  std::vector<std::pair<int, std::string>> keys;
  for (const std::string& hash : filter.person_hashes) keys.emplace_back(kPerson, hash);
  if (keys.empty() && !filter.dossier.empty()) keys.emplace_back(kDossier, filter.dossier);
  if (keys.empty() && !filter.system.empty()) keys.emplace_back(kSystem, filter.system);
  if (keys.empty() && !filter.service.empty()) keys.emplace_back(kService, filter.service);
  if (keys.empty()) keys.emplace_back(kAll, "");
  RETURN_IF_ERROR(db_->Read(
      [&](sql::Transaction& tx) -> absl::Status {
        for (const auto& [kind, value] : keys) {
          const int left = limit - static_cast<int>(out.size());
          if (left <= 0) break;
          ASSIGN_OR_RETURN(const sql::Result found,
                           tx.Execute(kList, {{"kind", kind},
                                              {"value", value},
                                              {"start", filter.start},
                                              {"end", filter.end},
                                              {"after_time", after.micros},
                                              {"after_id", after.exchange_id},
                                              {"after_origin", after.origin},
                                              {"system", filter.system},
                                              {"service", filter.service},
                                              {"dossier", filter.dossier},
                                              {"limit", left}}));
          for (const sql::Row& row : found.rows) out.push_back(FromRow(row));
        }
        return absl::OkStatus();
      },
      deadline));
  return out;
}

absl::Status ExchangeIndex::Forget(absl::Time before) {
  ExchangeFilter filter;
  filter.end = before;
  for (;;) {
    ASSIGN_OR_RETURN(const std::vector<IndexedExchange> old,
                     List(filter, {}, kForgottenRows, absl::InfiniteFuture()));
    if (old.empty()) return absl::OkStatus();
    RETURN_IF_ERROR(db_->Run([&](sql::Transaction& tx) -> absl::Status {
      for (const IndexedExchange& exchange : old) {
        for (const auto& [kind, value] : KeysOf(exchange)) {
          RETURN_IF_ERROR(tx.Execute(kDeleteKey, {{"kind", kind},
                                                  {"value", value},
                                                  {"intent_time", exchange.time},
                                                  {"exchange_id", exchange.exchange_id},
                                                  {"origin", exchange.origin}})
                              .status());
        }
        RETURN_IF_ERROR(
            tx.Execute("DELETE FROM exchanges WHERE exchange_id = :exchange_id AND "
                       "origin = :origin",
                       {{"exchange_id", exchange.exchange_id}, {"origin", exchange.origin}})
                .status());
      }
      return absl::OkStatus();
    }));
  }
}

}  // namespace lgsp::evidence
