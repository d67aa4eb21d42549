#include "services/dossiers/catalogue/policies.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "libs/status/status.h"
#include "libs/text/csv.h"
#include "services/dossiers/errors.h"

namespace lgsp::dossiers {
namespace {

using lgsp::dossiers::v1::Policy;
using lgsp::dossiers::v1::Procedure;

constexpr char kAll[] = "*";
constexpr char kSupplementDays[] = "SUPPLEMENT_WORKING_DAYS";
constexpr char kConsultationDays[] = "CONSULTATION_WORKING_DAYS";

struct Choice {
  absl::string_view policy, value;
};
// The first of a policy holds where nothing is said.
constexpr Choice kChoices[] = {
    {"CUT_OFF", "NONE"},           {"CUT_OFF", "AFTER_15"},      {"CUT_OFF", "LAST_WORKING_HOUR"},
    {"HOUR_TERM", "WORKING"},      {"HOUR_TERM", "CONSECUTIVE"}, {"SUPPLEMENT", "RESTART"},
    {"SUPPLEMENT", "RESUME"},      {"PAYMENT_WAIT", "COUNTED"},  {"PAYMENT_WAIT", "TAKEN_OUT"},
    {"AGENCY_WAIT", "COUNTED"},    {"AGENCY_WAIT", "TAKEN_OUT"}, {"CLOCK_START", "RECEIPT"},
    {"CLOCK_START", "ACCEPTANCE"}, {"IN_FORCE", "YES"},          {"IN_FORCE", "NO"},
    {"SIGNATURE", "OPTIONAL"},     {"SIGNATURE", "REQUIRED"},    {"INTAKE", "PROVINCE"},
    {"INTAKE", "NATIONWIDE"},      {"RESULT", "LATER"},          {"RESULT", "IMMEDIATE"},
    {"ASSURANCE", "LOW"},          {"ASSURANCE", "SUBSTANTIAL"}, {"ASSURANCE", "HIGH"},
};

// Of SUPPLEMENT_WORKING_DAYS and CONSULTATION_WORKING_DAYS.
constexpr int kMaxWorkingDays = 60;

bool IsKnown(absl::string_view policy, absl::string_view value) {
  int days = 0;
  if (policy == kSupplementDays || policy == kConsultationDays) {
    return absl::SimpleAtoi(value, &days) && days > 0 && days <= kMaxWorkingDays;
  }
  const auto fits = [&](const Choice& c) { return c.policy == policy && c.value == value; };
  return std::any_of(std::begin(kChoices), std::end(kChoices), fits);
}

}  // namespace

absl::StatusOr<Policies> Policies::FromCsv(absl::string_view name, absl::string_view content) {
  ASSIGN_OR_RETURN(const text::CsvTable table,
                   text::ParseCsv(name, content, {"procedure", "policy", "value", "basis"}));
  Policies policies;
  for (const auto& row : table.rows) {
    if (!IsKnown(row[1], row[2])) {
      return CatalogueInvalid(name, row[0], absl::StrCat(row[1], " ", row[2], " is not known"));
    }
    if (row[3].empty()) return CatalogueInvalid(name, row[0], "names no basis");
    Policy policy;
    policy.set_policy(row[1]);
    policy.set_value(row[2]);
    policy.set_basis(row[3]);
    policy.set_own(row[0] != kAll);
    if (!policies.rows_[row[0]].emplace(row[1], std::move(policy)).second) {
      return CatalogueInvalid(name, row[0], absl::StrCat(row[1], " occurs twice"));
    }
  }
  return policies;
}

std::vector<Policy> Policies::Of(absl::string_view procedure) const {
  absl::btree_map<std::string, Policy> chosen;
  for (const absl::string_view whose : {procedure, absl::string_view(kAll)}) {
    const auto rows = rows_.find(whose);
    if (rows != rows_.end()) chosen.insert(rows->second.begin(), rows->second.end());
  }
  std::vector<Policy> policies;
  for (auto& [name, policy] : chosen) policies.push_back(std::move(policy));
  return policies;
}

std::vector<std::string> Policies::Named() const {
  std::vector<std::string> named;
  for (const auto& [procedure, rows] : rows_) {
    if (procedure != kAll) named.push_back(procedure);
  }
  return named;
}

ProcedurePolicies ReadPolicies(const Procedure& procedure) {
  const auto value = [&](absl::string_view name) -> absl::string_view {
    for (const Policy& policy : procedure.policies()) {
      if (policy.policy() == name) return policy.value();
    }
    return "";
  };
  ProcedurePolicies policies;
  policies.in_force = value("IN_FORCE") != "NO";
  policies.cut_off = value("CUT_OFF") == "AFTER_15"            ? CutOff::kAfter15
                     : value("CUT_OFF") == "LAST_WORKING_HOUR" ? CutOff::kLastWorkingHour
                                                               : CutOff::kNone;
  policies.clock_starts_at_receipt = value("CLOCK_START") != "ACCEPTANCE";
  policies.consecutive_hours = value("HOUR_TERM") == "CONSECUTIVE";
  policies.supplement_restarts = value("SUPPLEMENT") != "RESUME";
  if (const absl::string_view days = value(kSupplementDays); !days.empty()) {
    (void)absl::SimpleAtoi(days, &policies.supplement_working_days);
  }
  if (const absl::string_view days = value(kConsultationDays); !days.empty()) {
    (void)absl::SimpleAtoi(days, &policies.consultation_working_days);
  }
  policies.nationwide_intake = value("INTAKE") == "NATIONWIDE";
  policies.immediate_result = value("RESULT") == "IMMEDIATE";
  policies.signature_required = value("SIGNATURE") == "REQUIRED";
  policies.payment_stops_clock = value("PAYMENT_WAIT") == "TAKEN_OUT";
  policies.agency_stops_clock = value("AGENCY_WAIT") == "TAKEN_OUT";
  return policies;
}

absl::StatusOr<AgencyHours> AgencyHours::FromCsv(absl::string_view name,
                                                 absl::string_view content) {
  ASSIGN_OR_RETURN(const text::CsvTable table,
                   text::ParseCsv(name, content, {"agency", "hours", "basis"}));
  AgencyHours agencies;
  for (const auto& row : table.rows) {
    const auto hours = WorkingHours::Parse(row[1]);
    if (!hours.ok()) return CatalogueInvalid(name, row[0], hours.status().message());
    if (row[2].empty()) return CatalogueInvalid(name, row[0], "names no basis");
    if (!agencies.hours_.emplace(row[0], *hours).second) {
      return CatalogueInvalid(name, row[0], "occurs twice");
    }
  }
  if (!agencies.hours_.contains(kAll)) {
    return CatalogueInvalid(name, kAll, "is missing: the hours where nothing else is said");
  }
  return agencies;
}

const WorkingHours& AgencyHours::Of(absl::string_view agency) const {
  const auto it = hours_.find(agency);
  return it == hours_.end() ? hours_.find(kAll)->second : it->second;
}

std::vector<std::string> AgencyHours::Named() const {
  std::vector<std::string> named;
  for (const auto& [agency, hours] : hours_) {
    if (agency != kAll) named.push_back(agency);
  }
  return named;
}

}  // namespace lgsp::dossiers
