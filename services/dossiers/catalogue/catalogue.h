// Procedures in all their versions, agencies, working days and hours. Immutable after loading.
#pragma once

#include <string>
#include <vector>

#include "absl/container/btree_map.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/civil_time.h"
#include "lgsp/dossiers/v1/dossiers.pb.h"
#include "lgsp/dossiers/v1/procedures.pb.h"
#include "services/dossiers/calendar/calendar.h"
#include "services/dossiers/catalogue/catalogue_tables.h"
#include "services/dossiers/catalogue/policies.h"
#include "services/dossiers/competence.h"

namespace lgsp::dossiers {

using lgsp::dossiers::v1::Procedure;

inline constexpr char kProcedureCollection[] = "procedures";

bool Offers(const Procedure& procedure, lgsp::dossiers::v1::Dossier::Channel channel);

class Catalogue {
 public:
  // The versions of one procedure, oldest first; never empty.
  using Versions = std::vector<Procedure>;

  // Reads tthc.csv, tthc_terms.csv, tthc_fees.csv, tthc_components.csv, camau_agencies.csv,
  // agency_changes.csv, competences.csv, vn_civil_service_days_2021_2027.csv,
  // procedure_policies.csv and working_hours.csv in `folder`;
  // each procedure in version 1. NOT_FOUND FILE_MISSING; INVALID_ARGUMENT CSV_INVALID (with file
  // and line), CATALOGUE_INVALID (with file and code of the row: a word that is not known, a
  // reference that leads nowhere, a code twice).
  static absl::StatusOr<Catalogue> Load(absl::string_view folder);

  // The newest version; nullptr when unknown or withdrawn.
  const Procedure* FindProcedure(absl::string_view code) const;
  // nullptr when there is no such version.
  const Procedure* FindVersion(absl::string_view code, int64_t version) const;
  // The version that a dossier was submitted under; nullptr when it is not on file.
  const Procedure* ProcedureOf(const lgsp::dossiers::v1::Dossier& dossier) const;
  // The choices made for a version; for one that is not on file what holds where nothing is said.
  ProcedurePolicies PoliciesOf(const Procedure& procedure) const;
  ProcedurePolicies PoliciesOf(const lgsp::dossiers::v1::Dossier& dossier) const;

  // At most `limit` that are in the catalogue, in the order of their codes after `after`. `query`:
  // every word of it, folded, stands in the folded name or field, or begins the code.
  std::vector<const Procedure*> Search(absl::string_view query, Procedure::Scope scope,
                                       absl::string_view after, size_t limit) const;

  // nullptr when unknown.
  const Agency* FindAgency(absl::string_view code) const;
  // Who acts for `code` on `day`: itself, or the successor of its successor … One that is unknown
  // is itself.
  std::string ActingAgency(absl::string_view code, absl::CivilDay day) const;
  // The service centre, which finds out who is competent.
  const Agency& centre() const { return agencies_[centre_]; }
  const Competences& competences() const { return competences_; }
  // In order of their codes.
  const std::vector<Agency>& agencies() const { return agencies_; }
  const Calendar& calendar() const { return calendar_; }
  const AgencyHours& hours() const { return hours_; }
  const absl::btree_map<std::string, Versions>& procedures() const { return procedures_; }

  // Replaces what Load gave by what is on file (catalogue_store.h).
  void SetProcedures(absl::btree_map<std::string, Versions> procedures);
  // Drops what no decision needs and the database has: fees, file lists, policies as text.
  void KeepWhatDecides();

 private:
  static absl::Status LoadPolicies(absl::string_view folder,
                                   absl::btree_map<std::string, Versions>& procedures);

  absl::btree_map<std::string, Versions> procedures_;
  // In the order of the versions.
  absl::btree_map<std::string, std::vector<ProcedurePolicies>> policies_;
  // Folded name and field of the newest version.
  absl::btree_map<std::string, std::string> folded_;
  std::vector<Agency> agencies_;
  // Its place in agencies_.
  size_t centre_ = 0;
  Competences competences_;
  Calendar calendar_;
  AgencyHours hours_;
};

}  // namespace lgsp::dossiers
