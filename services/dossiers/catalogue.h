// Procedures, their terms, and agencies, as loaded from deploy/catalog. Immutable after loading.
#pragma once

#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "lgsp/dossiers/v1/dossiers.pb.h"
#include "services/dossiers/calendar.h"
#include "services/dossiers/policies.h"

namespace lgsp::dossiers {

// One way of submission with its term, as printed. A channel may have several: alternatives.
struct PrintedTerm {
  int row = 0;
  lgsp::dossiers::v1::Dossier::Channel channel;
  // KNOWN, OTHER or NONE.
  std::string term_class;
  std::string amount;
  std::string unit;
};

struct Procedure {
  std::string code;
  std::string name;
  // Field of administration, `Đất đai`.
  std::string field;
  // Settled by the province (`Tỉnh`) or by a commune (`Xã`).
  enum class Level { kProvince, kCommune } level = Level::kProvince;
  // HERE: new dossiers are taken. CENTRAL, OTHER_PROVINCE, INTERNAL: they are not.
  std::string scope;
  // The department of the field.
  std::string sector_agency;
  // As printed: `DIRECT|ONLINE|POSTAL`. Each has at least one term.
  std::string channels;
  std::vector<PrintedTerm> terms;

  bool Offers(lgsp::dossiers::v1::Dossier::Channel channel) const;
};

struct Agency {
  std::string code;
  std::string name;
  bool is_commune = false;
};

class Catalogue {
 public:
  // Reads tthc.csv, tthc_terms.csv, camau_agencies.csv, vn_civil_service_days_2021_2027.csv,
  // procedure_policies.csv and working_hours.csv in `folder`. NOT_FOUND FILE_MISSING;
  // INVALID_ARGUMENT CSV_INVALID (with file and line), CATALOGUE_INVALID (with file and code of the
  // row: a word that is not known, a reference that leads nowhere, a code twice).
  static absl::StatusOr<Catalogue> Load(absl::string_view folder);

  // nullptr when unknown.
  const Procedure* FindProcedure(absl::string_view code) const;
  const Agency* FindAgency(absl::string_view code) const;
  // In order of their codes.
  const std::vector<Agency>& agencies() const { return agencies_; }
  const Calendar& calendar() const { return calendar_; }
  const Policies& policies() const { return policies_; }
  const AgencyHours& hours() const { return hours_; }
  const absl::flat_hash_map<std::string, Procedure>& procedures() const { return procedures_; }

 private:
  absl::Status LoadAgencies(absl::string_view folder);
  absl::Status LoadProcedures(absl::string_view folder);
  absl::Status LoadTerms(absl::string_view folder);
  absl::Status LoadPolicies(absl::string_view folder);

  absl::flat_hash_map<std::string, Procedure> procedures_;
  std::vector<Agency> agencies_;
  Calendar calendar_;
  Policies policies_;
  AgencyHours hours_;
};

}  // namespace lgsp::dossiers
