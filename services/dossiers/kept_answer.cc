#include "services/dossiers/kept_answer.h"

#include <set>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "libs/auth/auth.h"
#include "libs/clock/clock.h"
#include "services/dossiers/errors.h"
#include "services/dossiers/lifecycle.h"

namespace lgsp::dossiers {

// One line of agencies, then the answer.
std::string MakeKeptAnswer(const LoadedDossier& before, const Dossier& answer) {
  std::set<std::string> agencies;
  for (const ListRow& row : before.listed) agencies.insert(row.agency);
  for (const std::string& agency : AgenciesOf(answer)) agencies.insert(agency);
  return absl::StrCat(absl::StrJoin(agencies, ","), "\n", answer.SerializeAsString());
}

absl::StatusOr<Dossier> TakeKeptAnswer(const Catalogue& catalogue,
                                       const lgsp::auth::v1::Caller& caller, absl::string_view kept,
                                       absl::Time now) {
  const size_t line = kept.find('\n');
  const absl::string_view body = kept.substr(line + 1);
  Dossier answer;
  answer.ParseFromArray(body.data(), static_cast<int>(body.size()));
  for (const absl::string_view agency : absl::StrSplit(kept.substr(0, line), ',')) {
    const bool theirs = auth::ActsFor(caller, agency) ||
                        auth::ActsFor(caller, catalogue.ActingAgency(agency, VietnamDay(now)));
    if (theirs) return answer;
  }
  return DossierNotFound(answer.name());
}

}  // namespace lgsp::dossiers
