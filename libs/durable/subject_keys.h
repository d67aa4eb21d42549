// One data key per subject, wrapped, in the service's own database. DESIGN.md section 8.
#pragma once

#include <memory>
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
  // be read again, wherever copies of it are.
  absl::Status Erase(sql::Transaction& tx, absl::string_view subject) const;

  // Reads the ring's file again; true when it has another newest key.
  absl::StatusOr<bool> Reload() const;

  // Wraps keys of subjects after `after` anew with the newest key, unless they are; looks at
  // kRewrapBatch and moves `after` on. It is empty after the last.
  absl::Status Rewrap(sql::Database& db, std::string& after) const;

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
// all keys anew with its newest.
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
  // A start begins with a look at all keys: the one before may have been cut short.
  bool walking_ = true;
  std::string after_;
};

}  // namespace lgsp::durable
