// One data key per subject, wrapped, in the service's own database. DESIGN.md section 8.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "libs/keys/envelope.h"
#include "libs/sql/sql.h"

namespace lgsp::durable {

// Keys wrapped anew in one transaction.
inline constexpr int kRewrapBatch = 500;

// Makes and finds the data keys of subjects (resource names). Thread-safe.
class SubjectKeys {
 public:
  explicit SubjectKeys(keys::KeyRing ring)
      : ring_(std::make_shared<const keys::KeyRing>(std::move(ring))) {}
  // The ring is read again when a key was wrapped with one that is not in it: another process may
  // have got a newer ring first. Errors as KeyRing::FromFile.
  static absl::StatusOr<std::unique_ptr<SubjectKeys>> FromFile(std::string path);

  // A new key for a new subject. ALREADY_EXISTS when it has one.
  absl::StatusOr<keys::DataKey> Create(sql::Transaction& tx, absl::string_view subject) const;

  // NOT_FOUND DATA_KEY_ERASED when there is none (any more), and those of KeyRing::Unwrap.
  absl::StatusOr<keys::DataKey> Get(sql::Transaction& tx, absl::string_view subject) const;

  // Deletes the key of a subject, and the answers that are sealed with it: what it sealed can never
  // be read again, but with a copy of the database that is older than that.
  absl::Status Erase(sql::Transaction& tx, absl::string_view subject) const;

  // Reads the ring's file again.
  absl::Status Reload() const;
  // The ID of the ring's newest key.
  std::string newest() const { return ring()->newest(); }

  // Wraps keys of subjects after `after` anew with the newest key, unless they are; looks at
  // kRewrapBatch and moves `after` on. It is empty after the last. Says how many were wrapped anew.
  absl::StatusOr<int> Rewrap(sql::Database& db, std::string& after) const;

 private:
  std::shared_ptr<const keys::KeyRing> ring() const {
    absl::MutexLock lock(&mutex_);
    return ring_;
  }
  // Puts a key wrapped anew in the place of `old`, unless it was erased since.
  absl::Status RewrapOne(sql::Transaction& tx, const keys::KeyRing& ring,
                         const std::string& subject, const keys::WrappedKey& old) const;

  std::string path_;
  mutable absl::Mutex mutex_;
  mutable std::shared_ptr<const keys::KeyRing> ring_ ABSL_GUARDED_BY(mutex_);
};

// What a service calls again and again while it runs: takes up a ring that has changed, and wraps
// all keys anew with its newest. Where several processes share a database, the old key can go once
// each of them has said that all are wrapped with the new one.
class KeyRotation {
 public:
  // Both outlive it.
  KeyRotation(sql::Database* db, const SubjectKeys* subject_keys)
      : db_(db), subject_keys_(subject_keys) {}

  // Looks at the file, or goes on by one batch.
  absl::Status Step();

 private:
  sql::Database* const db_;
  const SubjectKeys* const subject_keys_;
  // Once through all keys.
  struct Walk {
    std::string newest;
    std::string after = {};
    int wrapped = 0;
  };
  std::optional<Walk> walk_;
  // The newest key as of the last walk that found nothing to do. Of this object, not of the ring: a
  // ring is also read again when a key is wrapped with one that it does not have. Empty at a start,
  // which begins with a walk: the one before may have been cut short.
  std::string walked_;
};

}  // namespace lgsp::durable
