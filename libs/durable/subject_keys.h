// One data key per subject, wrapped, in the service's own database. DESIGN.md section 8.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "libs/keys/envelope.h"
#include "libs/sql/sql.h"

namespace lgsp::durable {

// Makes and finds the data keys of subjects (resource names). Thread-safe.
class SubjectKeys {
 public:
  explicit SubjectKeys(keys::KeyRing ring) : ring_(std::move(ring)) {}

  // A new key for a new subject. ALREADY_EXISTS when it has one.
  absl::StatusOr<keys::DataKey> Create(sql::Transaction& tx, absl::string_view subject) const;

  // NOT_FOUND DATA_KEY_ERASED when there is none (any more), and those of KeyRing::Unwrap.
  absl::StatusOr<keys::DataKey> Get(sql::Transaction& tx, absl::string_view subject) const;

 private:
  const keys::KeyRing ring_;
};

}  // namespace lgsp::durable
