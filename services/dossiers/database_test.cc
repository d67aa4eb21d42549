#include "services/dossiers/database_test.h"

#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>

#include "absl/strings/str_format.h"
#include "libs/clock/clock.h"
#include "libs/status/status.h"
#include "services/dossiers/decisions.h"
#include "services/dossiers/migrations.h"
#include "services/dossiers/samples_test.h"

namespace lgsp::dossiers {

using lgsp::dossiers::v1::Dossier;

TestStore::TestStore(sql::Database::Engine engine)
    : db(engine), keys(testing::NewKeyRing()), store(&keys, &persons) {
  const absl::Status migrated = db->Migrate(Migrations());
  INFO(migrated);
  REQUIRE(migrated.ok());
}

LoadedDossier TestStore::Insert(const Dossier& dossier) {
  LoadedDossier loaded{dossier, {}, ListRowsOf(dossier)};
  const absl::Status status = db->Run([&](sql::Transaction& tx) -> absl::Status {
    ASSIGN_OR_RETURN(loaded.key, store.Insert(tx, dossier));
    return store.AddTransition(tx, dossier, "submit", ToTime(dossier.submit_time()),
                               CallerOf("H12.*"));
  });
  INFO(status);
  REQUIRE(status.ok());
  return loaded;
}

absl::StatusOr<LoadedDossier> TestStore::Load(absl::string_view id) {
  LoadedDossier loaded;
  RETURN_IF_ERROR(db->Read([&](sql::Transaction& tx) -> absl::Status {
    ASSIGN_OR_RETURN(loaded, store.Load(tx, id));
    return absl::OkStatus();
  }));
  return loaded;
}

absl::Status TestStore::Update(const LoadedDossier& loaded) {
  return db->Run([&](sql::Transaction& tx) { return store.Update(tx, loaded); });
}

absl::StatusOr<std::string> TestStore::NextCode(absl::string_view agency, absl::CivilDay day) {
  std::string code;
  RETURN_IF_ERROR(db->Run([&](sql::Transaction& tx) -> absl::Status {
    ASSIGN_OR_RETURN(code, store.NextCode(tx, agency, day));
    return absl::OkStatus();
  }));
  return code;
}

std::string TestStore::BytesOnDisk() const {
  const std::filesystem::path file(db.url().substr(db.url().find(':') + 1));
  std::string bytes;
  int files = 0;
  for (const auto& entry : std::filesystem::directory_iterator(file.parent_path())) {
    std::ifstream in(entry.path(), std::ios::binary);
    bytes.append(std::istreambuf_iterator<char>(in), {});
    ++files;
  }
  REQUIRE(files >= 2);
  return bytes;
}

Dossier SampleDossier(int number) {
  const absl::Time now = absl::FromCivil(absl::CivilMinute(2026, 11, 16, 9, 0), VietnamZone());
  auto dossier = DecideSubmit(TheCatalogue(), CallerOf("H12.*"), SampleSubmission(), now);
  REQUIRE(dossier.ok());
  dossier->set_name(absl::StrFormat("dossiers/0197a000-7c00-7000-8000-%012d", number));
  return *std::move(dossier);
}

}  // namespace lgsp::dossiers
