// Which agencies may settle a procedure, by level, field and place. PURE.
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "lgsp/dossiers/v1/procedures.pb.h"
#include "services/dossiers/catalogue/catalogue_tables.h"

namespace lgsp::dossiers {

// From competences.csv: level, field, place (the 5-digit code of a commune, or `*`), agency, basis.
// Its rows replace the department that the catalogue derives from a procedure's field. Immutable.
class Competences {
 public:
  // INVALID_ARGUMENT CSV_INVALID; CATALOGUE_INVALID with file and field: a level, place or agency
  // that is not known, no basis, a row twice.
  static absl::StatusOr<Competences> FromCsv(absl::string_view name, absl::string_view content,
                                             const std::vector<Agency>& agencies);

  // The codes of the agencies that may settle `procedure` in a case of `place` (may be empty), in
  // order. None: cannot be said without the place.
  std::vector<std::string> Of(const lgsp::dossiers::v1::Procedure& procedure,
                              absl::string_view place, const std::vector<Agency>& agencies) const;

 private:
  struct Row {
    lgsp::dossiers::v1::Procedure::Level level;
    std::string field, place, agency;
  };
  std::vector<Row> rows_;
};

}  // namespace lgsp::dossiers
