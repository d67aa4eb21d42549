// How the law's choices are made for a procedure, and the hours of agencies: data of
// deploy/catalog, each row with what it rests on or the word "assumed". PURE.
#pragma once

#include <string>

#include "absl/container/btree_map.h"
#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "lgsp/dossiers/v1/procedures.pb.h"
#include "services/dossiers/calendar/due_date.h"
#include "services/dossiers/calendar/working_hours.h"

namespace lgsp::dossiers {

// What holds for one procedure.
struct ProcedurePolicies {
  // New dossiers are taken.
  bool in_force = true;
  // On the list of procedures that agencies of other provinces take in (Decree 309/2026 art. 7.2);
  // within the province every commune and the service centre do.
  bool nationwide_intake = false;
  // Settled while the applicant waits: taken in only where it is settled.
  bool immediate_result = false;
  // For the answers of agencies that are asked, where the one who asks does not say.
  int consultation_working_days = 5;
  CutOff cut_off = CutOff::kNone;
  // Accepted by another agency: the clock begins when the settling agency has the file; else with
  // the acceptance.
  bool clock_starts_at_receipt = true;
  // HOUR terms run by the clock: the protection of persons.
  bool consecutive_hours = false;
  // After a supplement asked for in time the term begins again; else it goes on.
  bool supplement_restarts = true;
  // For the applicant's answer.
  int supplement_working_days = 15;
  // Nothing is completed without the head's signature.
  bool signature_required = false;
  // The clock stands while a payment, or another agency, is waited for.
  bool payment_stops_clock = false;
  bool agency_stops_clock = false;
};

// What `procedure` carries, as the decisions read it.
ProcedurePolicies ReadPolicies(const lgsp::dossiers::v1::Procedure& procedure);

// From procedure_policies.csv: procedure (or `*`), policy, value, basis. Immutable.
class Policies {
 public:
  // INVALID_ARGUMENT CSV_INVALID; CATALOGUE_INVALID with file and procedure: a policy or value that
  // is not known, one given twice, no basis.
  static absl::StatusOr<Policies> FromCsv(absl::string_view name, absl::string_view content);

  // What is chosen for a procedure: its own rows, else those of `*`.
  std::vector<lgsp::dossiers::v1::Policy> Of(absl::string_view procedure) const;
  // The codes of procedures that are named.
  std::vector<std::string> Named() const;

 private:
  // Procedure → policy → the row.
  absl::btree_map<std::string, absl::btree_map<std::string, lgsp::dossiers::v1::Policy>> rows_;
};

// From working_hours.csv: agency (or `*`, which must be there), hours, basis. Immutable.
class AgencyHours {
 public:
  // INVALID_ARGUMENT CSV_INVALID; CATALOGUE_INVALID with file and agency.
  static absl::StatusOr<AgencyHours> FromCsv(absl::string_view name, absl::string_view content);

  const WorkingHours& Of(absl::string_view agency) const;
  // The codes of agencies that are named.
  std::vector<std::string> Named() const;

 private:
  absl::flat_hash_map<std::string, WorkingHours> hours_;
};

}  // namespace lgsp::dossiers
