// Finding dossiers by the people in them, without what is sealed being readable: tokens per agency
// of the ID numbers, the names and their words. DESIGN.md section 8.
#pragma once

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "lgsp/dossiers/v1/dossiers.pb.h"
#include "libs/keys/blind_index.h"
#include "libs/sql/sql.h"

namespace lgsp::dossiers {

// What is looked for: one of the two.
struct PersonQuery {
  // A personal ID, an old 9-digit number, a tax code, a passport number.
  std::string id_number;
  // With `exact_name` the whole name as written, else words of it, with or without marks.
  std::string name;
  bool exact_name = false;
};

// Stateless but for the key; thread-safe.
class PersonIndex {
 public:
  explicit PersonIndex(keys::BlindIndex blind_index) : blind_index_(std::move(blind_index)) {}

  // For one agency of a dossier.
  absl::Status Add(sql::Transaction& tx, absl::string_view agency,
                   const lgsp::dossiers::v1::Dossier& dossier) const;
  absl::Status Remove(sql::Transaction& tx, absl::string_view agency,
                      const lgsp::dossiers::v1::Dossier& dossier) const;

  // Names of at most `limit` dossiers of `agency` that come after `after` in the order newest
  // first; empty `after`: from the newest.
  absl::StatusOr<std::vector<std::string>> Find(sql::Transaction& tx, absl::string_view agency,
                                                const PersonQuery& query, absl::string_view after,
                                                int limit) const;

  // Words of a query that are looked at; more are not needed to tell people apart.
  static constexpr size_t kMaxWords = 6;

 private:
  // Every token of a dossier for one agency, each once.
  std::vector<std::string> TokensOf(absl::string_view agency,
                                    const lgsp::dossiers::v1::Dossier& dossier) const;
  // All of these must be there; the first is the rarest.
  std::vector<std::string> TokensFor(absl::string_view agency, const PersonQuery& query) const;

  const keys::BlindIndex blind_index_;
};

}  // namespace lgsp::dossiers
