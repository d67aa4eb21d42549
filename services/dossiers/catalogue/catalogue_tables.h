// The tables of deploy/catalog as they are read: what is printed of each procedure, and the
// agencies. PURE but for reading files.
#pragma once

#include <string>
#include <vector>

#include "absl/container/btree_map.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/civil_time.h"
#include "lgsp/dossiers/v1/procedures.pb.h"

namespace lgsp::dossiers {

struct Agency {
  enum class Kind { kDepartment, kCentralBranch, kCommune, kServiceCentre };

  std::string code;
  std::string name;
  Kind kind = Kind::kDepartment;
  // Of a commune: its 5-digit code in the national list.
  std::string place;
  // The days on which it acts, both included.
  absl::CivilDay first_day = absl::CivilDay::min();
  absl::CivilDay last_day = absl::CivilDay::max();
  // Who goes on with its dossiers after that.
  std::string successor;

  bool ActsOn(absl::CivilDay day) const { return first_day <= day && day <= last_day; }
};

// From camau_agencies.csv and agency_changes.csv, in order of their codes. Errors as
// Catalogue::Load.
absl::StatusOr<std::vector<Agency>> ReadAgencies(absl::string_view folder);

// By code, from tthc.csv, tthc_terms.csv, tthc_fees.csv and tthc_components.csv; without policies.
// Errors as Catalogue::Load.
absl::StatusOr<absl::btree_map<std::string, lgsp::dossiers::v1::Procedure>> ReadProcedures(
    absl::string_view folder, const std::vector<Agency>& agencies);

// nullptr when unknown.
const Agency* FindCommuneOf(const std::vector<Agency>& agencies, absl::string_view place);
const Agency* FindAgencyIn(const std::vector<Agency>& agencies, absl::string_view code);

}  // namespace lgsp::dossiers
