// The procedures a journey draws from: deploy/catalog/tthc.csv and tthc_terms.csv, as the platform
// itself reads them.
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/civil_time.h"
#include "lgsp/dossiers/v1/dossiers.pb.h"

namespace lgsp::cli {

// One printed term of one way of submission.
struct Term {
  int row = 0;
  dossiers::v1::Dossier::Channel channel = dossiers::v1::Dossier::CHANNEL_UNSPECIFIED;
  // `KNOWN`, `OTHER`, `NONE`; the amount as printed; `WORKING_DAY`, `DAY`, `HOUR`, `MONTH`, `OTHER`
  // or empty.
  std::string term_class;
  std::string amount;
  std::string unit;
};

// A procedure of scope HERE of which level and field say who settles it.
struct Procedure {
  std::string code;
  // Level Xã: a commune settles it; else the department `sector_agency`.
  bool of_commune = false;
  std::string sector_agency;
  // Who may file it.
  bool for_citizens = false;
  bool for_organisations = false;
  std::vector<dossiers::v1::Dossier::Channel> channels;
  std::vector<Term> terms;
};

struct ProcedureCatalog {
  // In the order of the file.
  std::vector<Procedure> procedures;
  // Codes of the communes.
  std::vector<std::string> communes;
  // The last day of the last year whose working days are on file.
  absl::CivilDay calendar_end;
};

// NOT_FOUND FILE_MISSING; INVALID_ARGUMENT CSV_INVALID, CATALOG_INVALID (no procedure).
absl::StatusOr<ProcedureCatalog> LoadProcedures(absl::string_view catalog_folder);

// What an acceptance must say about the term.
struct TermChoice {
  // 0: nothing, the channel has one term only.
  int term_row = 0;
  // The term cannot be computed: the officer sets the due date with its basis.
  bool officer_sets_due_time = false;
  // Days, weekends and rather too many holidays included, until a computed term ends; 0 for an
  // officer's.
  int at_most_days = 0;
};

TermChoice ChooseTerm(const Procedure& procedure, dossiers::v1::Dossier::Channel channel);

}  // namespace lgsp::cli
