#include "libs/durable/subject_keys.h"

#include <utility>

#include "libs/log/log.h"
#include "libs/status/status.h"

namespace lgsp::durable {

absl::StatusOr<std::unique_ptr<SubjectKeys>> SubjectKeys::FromFile(std::string path) {
  ASSIGN_OR_RETURN(keys::KeyRing ring, keys::KeyRing::FromFile(path));
  auto subject_keys = std::make_unique<SubjectKeys>(std::move(ring));
  subject_keys->path_ = std::move(path);
  return subject_keys;
}

absl::StatusOr<keys::DataKey> SubjectKeys::Create(sql::Transaction& tx,
                                                  absl::string_view subject) const {
  keys::DataKey key = keys::KeyRing::NewDataKey();
  keys::WrappedKey wrapped = ring()->Wrap(key, subject);
  RETURN_IF_ERROR(
      tx.Execute(
            "INSERT INTO data_keys (subject, kek_id, sealed) VALUES (:subject, :kek_id, :sealed)",
            {{"subject", subject},
             {"kek_id", wrapped.kek_id},
             {"sealed", sql::Bytes{std::move(wrapped.sealed)}}})
          .status());
  return key;
}

absl::StatusOr<keys::DataKey> SubjectKeys::Get(sql::Transaction& tx,
                                               absl::string_view subject) const {
  ASSIGN_OR_RETURN(const sql::Result found,
                   tx.Execute("SELECT kek_id, sealed FROM data_keys WHERE subject = :subject",
                              {{"subject", subject}}));
  if (found.rows.empty()) {
    return MakeError(absl::StatusCode::kNotFound, "DATA_KEY_ERASED",
                     "the personal data of this subject was erased", {{"subject", subject}});
  }
  const keys::WrappedKey wrapped{found.rows[0].Text(0), found.rows[0].Blob(1)};
  if (!ring()->Has(wrapped.kek_id) && !path_.empty()) RETURN_IF_ERROR(Reload());
  return ring()->Unwrap(wrapped, subject);
}

absl::Status SubjectKeys::Erase(sql::Transaction& tx, absl::string_view subject) const {
  RETURN_IF_ERROR(
      tx.Execute("DELETE FROM request_records WHERE subject = :subject", {{"subject", subject}})
          .status());
  return tx.Execute("DELETE FROM data_keys WHERE subject = :subject", {{"subject", subject}})
      .status();
}

absl::Status SubjectKeys::Reload() const {
  if (path_.empty()) return absl::OkStatus();
  ASSIGN_OR_RETURN(keys::KeyRing read, keys::KeyRing::FromFile(path_));
  auto newer = std::make_shared<const keys::KeyRing>(std::move(read));
  absl::MutexLock lock(&mutex_);
  ring_ = std::move(newer);
  return absl::OkStatus();
}

absl::Status SubjectKeys::RewrapOne(sql::Transaction& tx, const keys::KeyRing& ring,
                                    const std::string& subject, const keys::WrappedKey& old) const {
  ASSIGN_OR_RETURN(const keys::DataKey key, ring.Unwrap(old, subject));
  keys::WrappedKey wrapped = ring.Wrap(key, subject);
  return tx
      .Execute(
          "UPDATE data_keys SET kek_id = :kek_id, sealed = :sealed "
          "WHERE subject = :subject AND kek_id = :old",
          {{"kek_id", wrapped.kek_id},
           {"sealed", sql::Bytes{std::move(wrapped.sealed)}},
           {"subject", subject},
           {"old", old.kek_id}})
      .status();
}

absl::StatusOr<int> SubjectKeys::Rewrap(sql::Database& db, std::string& after) const {
  const auto ring = this->ring();
  std::string last;
  int wrapped = 0;
  RETURN_IF_ERROR(db.Run([&](sql::Transaction& tx) -> absl::Status {
    last.clear();
    wrapped = 0;
    ASSIGN_OR_RETURN(const sql::Result found,
                     tx.Execute("SELECT subject, kek_id, sealed FROM data_keys "
                                "WHERE subject > :after ORDER BY subject LIMIT :limit",
                                {{"after", after}, {"limit", kRewrapBatch}}));
    for (const sql::Row& row : found.rows) {
      if (row.Text(1) == ring->newest()) continue;
      RETURN_IF_ERROR(RewrapOne(tx, *ring, row.Text(0), {row.Text(1), row.Blob(2)}));
      ++wrapped;
    }
    if (static_cast<int>(found.rows.size()) == kRewrapBatch) last = found.rows.back().Text(0);
    return absl::OkStatus();
  }));
  after = last;
  return wrapped;
}

absl::Status KeyRotation::Step() {
  if (!walk_.has_value()) {
    RETURN_IF_ERROR(subject_keys_->Reload());
    if (subject_keys_->newest() == walked_) return absl::OkStatus();
    if (!walked_.empty()) {
      log::Info("a newer key-encryption key: all data keys are wrapped anew", {});
    }
    walk_ = Walk{subject_keys_->newest()};
  }
  ASSIGN_OR_RETURN(const int wrapped, subject_keys_->Rewrap(*db_, walk_->after));
  walk_->wrapped += wrapped;
  if (!walk_->after.empty()) return absl::OkStatus();
  // Another, until one finds nothing to do: a transaction that began with the old ring may have
  // ended behind the walk.
  if (walk_->wrapped == 0) {
    walked_ = walk_->newest;
    log::Info("all data keys are wrapped with the newest key-encryption key", {{"kek", walked_}});
  }
  walk_.reset();
  return absl::OkStatus();
}

}  // namespace lgsp::durable
