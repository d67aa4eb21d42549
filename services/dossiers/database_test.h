// The database of dossiers in tests, on either engine.
#pragma once

#include <memory>
#include <string>

#include "lgsp/auth/v1/caller.pb.h"
#include "lgsp/dossiers/v1/dossiers.pb.h"
#include "libs/durable/subject_keys.h"
#include "libs/sql/fixture_test.h"
#include "libs/testing/files.h"
#include "services/dossiers/dossier_store.h"

namespace lgsp::dossiers {

// A new database with the schema, and the store on it.
class TestStore {
 public:
  explicit TestStore(sql::Database::Engine engine);

  // The dossier that a submission makes, stored with its first line of history.
  LoadedDossier Insert(const lgsp::dossiers::v1::Dossier& dossier);
  absl::StatusOr<LoadedDossier> Load(absl::string_view id);
  absl::Status Update(const LoadedDossier& loaded);
  absl::StatusOr<std::string> NextCode(absl::string_view agency, absl::CivilDay day);

  // SQLite: every byte of every file of the database, its write-ahead log included.
  std::string BytesOnDisk() const;

  sql::TestDatabase db;
  const durable::SubjectKeys keys;
  const PersonIndex persons{lgsp::keys::BlindIndex(std::string(32, 'i'))};
  const DossierStore store;
};

// A submitted dossier as decisions make it, with a name of its own; `number` sorts the names.
lgsp::dossiers::v1::Dossier SampleDossier(int number = 1);

}  // namespace lgsp::dossiers
