// What the matrices of who may do what share: the agencies of a dossier, the roles, whose system
// calls, what an answer amounts to, and how that is printed.
#pragma once

#include <catch2/catch.hpp>
#include <iostream>
#include <map>
#include <set>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "google/protobuf/descriptor.h"
#include "google/protobuf/message.h"
#include "libs/status/status.h"
#include "services/dossiers/samples_test.h"

namespace lgsp::dossiers {

// The agencies of a dossier: where it was filed, who settles it, who is asked, who hands it over;
// and one that has nothing to do with it.
inline constexpr char kWard[] = "H12.50.01";
inline constexpr char kDepartment[] = "H12.04";
inline constexpr char kAsked[] = "H12.05";
inline constexpr char kReturn[] = "H12.50.02";
inline constexpr char kStranger[] = "H12.50.09";
inline constexpr char kAssignee[] = "officer-1";

struct Role {
  absl::string_view name;
  // Of the calling system, and of its officer, if it names one.
  absl::string_view agencies;
  absl::string_view officer;
  absl::string_view unit;
  absl::string_view role;
};

// The columns, in the order of the outcomes of a row. Not constexpr: under AddressSanitizer GCC 12
// does not take the address of an inline array for a constant.
inline const Role kRoles[] = {
    {"intake", kWard, "officer-5", kWard, "intake"},
    {"processing", kDepartment, kAssignee, kDepartment, "processing"},
    {"head", kDepartment, "officer-2", kDepartment, "head"},
    {"consulted", kAsked, "officer-6", kAsked, "head"},
    {"return", kReturn, "officer-7", kReturn, "intake"},
    {"other unit", "H12.*", "officer-8", kStranger, "head"},
    {"not assignee", kDepartment, "officer-3", kDepartment, "processing"},
    {"none", kDepartment, "", "", ""},
};

// Whose system the caller is.
enum class Side {
  kOwn,
  // Of a stranger, whose officer has the same role there.
  kForeign,
  // Of a stranger, which says that its officer is one of the dossier's agency.
  kPretending,
};

inline lgsp::auth::v1::Caller CallerFor(const Role& role, Side side) {
  lgsp::auth::v1::Caller caller = CallerOf(side == Side::kOwn ? role.agencies : kStranger);
  if (role.officer.empty()) return caller;
  caller.mutable_officer()->set_id(std::string(role.officer));
  caller.mutable_officer()->set_unit(std::string(side == Side::kForeign ? kStranger : role.unit));
  caller.mutable_officer()->add_roles(std::string(role.role));
  return caller;
}

inline const lgsp::auth::v1::Caller& Head() {
  static const lgsp::auth::v1::Caller head = CallerFor(kRoles[2], Side::kOwn);
  return head;
}

// Sets a field of a request, if it has it.
inline void SetText(const char* field, const std::string& value,
                    google::protobuf::Message& request) {
  const auto* found = request.GetDescriptor()->FindFieldByName(field);
  if (found != nullptr) request.GetReflection()->SetString(&request, found, value);
}

// Outcomes, a letter for each role.
inline constexpr char kAllowed = 'y';
// OK, and nothing to see.
inline constexpr char kEmpty = '0';
// PERMISSION_DENIED COMMAND_NOT_YOURS.
inline constexpr char kNotYours = '-';
// NOT_FOUND DOSSIER_NOT_FOUND, of a mirror MIRROR_NOT_FOUND.
inline constexpr char kNotFound = '.';
// PERMISSION_DENIED AGENCY_NOT_REPRESENTED.
inline constexpr char kNotRepresented = 'r';
// None of these.
inline constexpr char kOther = '?';

// `answer`: whether something is seen, or took effect.
inline char OutcomeOf(const absl::StatusOr<bool>& answer) {
  if (answer.ok()) return *answer ? kAllowed : kEmpty;
  const std::string reason = ErrorReason(answer.status());
  if (absl::IsNotFound(answer.status())) {
    return reason == "DOSSIER_NOT_FOUND" || reason == "MIRROR_NOT_FOUND" ? kNotFound : kOther;
  }
  if (!absl::IsPermissionDenied(answer.status())) return kOther;
  if (reason == "COMMAND_NOT_YOURS") return kNotYours;
  return reason == "AGENCY_NOT_REPRESENTED" ? kNotRepresented : kOther;
}

// All that the caller is told by an error, in which `name` is hidden.
inline std::string ToldBy(const absl::Status& status, const std::string& name) {
  CHECK_FALSE(status.ok());
  const auto whole = ToRpcStatus(status);
  // Their order means nothing.
  std::set<std::string> details;
  for (const auto& detail : whole.details()) details.insert(detail.DebugString());
  return absl::StrReplaceAll(
      absl::StrCat(whole.code(), " ", whole.message(), "\n", absl::StrJoin(details, "")),
      {{name, "<name>"}});
}

inline void PrintHead() {
  std::cerr << absl::StrFormat("%-26s", "");
  for (const Role& role : kRoles) std::cerr << absl::StrFormat("%-14s", role.name);
  std::cerr << "strangers, those who pretend\n";
}

inline void PrintRow(absl::string_view method, absl::string_view own, char strangers) {
  static const auto& words =
      *new std::map<char, absl::string_view>{{kAllowed, "yes"},
                                             {kEmpty, "nothing"},
                                             {kNotYours, "not yours"},
                                             {kNotFound, "not found"},
                                             {kNotRepresented, "not its own"},
                                             {kOther, "?"}};
  std::cerr << absl::StrFormat("%-26s", method);
  for (const char outcome : own) std::cerr << absl::StrFormat("%-14s", words.at(outcome));
  std::cerr << words.at(strangers) << '\n';
}

inline const google::protobuf::ServiceDescriptor& DescriptorOf(absl::string_view service) {
  const auto* found =
      google::protobuf::DescriptorPool::generated_pool()->FindServiceByName(std::string(service));
  REQUIRE(found != nullptr);
  return *found;
}

}  // namespace lgsp::dossiers
