#include "services/dossiers/applicants.h"

#include <algorithm>
#include <set>
#include <string>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/time/civil_time.h"
#include "libs/auth/auth.h"
#include "libs/clock/clock.h"
#include "libs/clock/timestamp.h"
#include "libs/status/status.h"
#include "libs/text/text.h"
#include "services/dossiers/decisions.h"
#include "services/dossiers/limits.h"

namespace lgsp::dossiers {
namespace {

using lgsp::auth::v1::Caller;
using lgsp::dossiers::v1::Applicant;
using lgsp::dossiers::v1::Assistance;
using lgsp::dossiers::v1::Authorisation;
using lgsp::dossiers::v1::BirthDate;
using lgsp::dossiers::v1::Person;

constexpr char kVietnam[] = "VN";

bool AreDigits(absl::string_view text) {
  return std::all_of(text.begin(), text.end(), absl::ascii_isdigit);
}

absl::Status CheckPhone(absl::string_view field, absl::string_view phone) {
  if (phone.empty()) return absl::OkStatus();
  const absl::string_view digits = phone.substr(absl::StartsWith(phone, "+") ? 1 : 0);
  const auto size = static_cast<int>(digits.size());
  if (size >= kMinPhoneDigits && size <= kMaxPhoneDigits && AreDigits(digits)) {
    return absl::OkStatus();
  }
  return MakeFieldError("PHONE_INVALID", absl::StrCat(field, ".phone"), "must be 8 to 15 digits");
}

absl::Status CheckEmail(absl::string_view field, absl::string_view email) {
  if (email.empty()) return absl::OkStatus();
  const size_t at = email.find('@');
  const bool plain =
      std::all_of(email.begin(), email.end(), [](char c) { return c > ' ' && c < 0x7f; });
  if (plain && at > 0 && at != absl::string_view::npos && at + 1 < email.size() &&
      email.size() <= kMaxEmailLength) {
    return absl::OkStatus();
  }
  return MakeFieldError("EMAIL_INVALID", absl::StrCat(field, ".email"),
                        "must be name@domain in ASCII");
}

absl::Status CheckIdNumber(absl::string_view field, const std::string& id, bool personal_id) {
  const std::string name = absl::StrCat(field, ".id_number");
  if (personal_id) return text::CheckPersonalId(name, id);
  const bool plain =
      std::all_of(id.begin(), id.end(), [](char c) { return absl::ascii_isalnum(c) || c == '-'; });
  if (!id.empty() && id.size() <= kMaxIdNumberLength && plain) return absl::OkStatus();
  return MakeFieldError("ID_NUMBER_INVALID", name, "must be 1 to 20 letters, digits and hyphens");
}

absl::Status CheckBirthDate(absl::string_view field, const BirthDate& birth, absl::Time now) {
  const absl::CivilDay day(birth.year(), std::max(birth.month(), 1), std::max(birth.day(), 1));
  // CivilDay carries what does not exist over into the next month.
  const bool exists = day.year() == birth.year() && day.month() == std::max(birth.month(), 1) &&
                      day.day() == std::max(birth.day(), 1);
  const bool partly =
      birth.month() >= 0 && birth.day() >= 0 && (birth.day() == 0 || birth.month() != 0);
  if (exists && partly && birth.year() >= kEarliestBirthYear && day <= VietnamDay(now)) {
    return absl::OkStatus();
  }
  return MakeFieldError("BIRTH_DATE_INVALID", absl::StrCat(field, ".birth_date"),
                        "must be a year, with month and day where they are known, not to come");
}

// What an applicant and a person have in common.
template <typename Message>
absl::Status CleanPerson(absl::string_view field, bool organisation, absl::Time now,
                         Message& person) {
  ASSIGN_OR_RETURN(
      *person.mutable_full_name(),
      CleanText(absl::StrCat(field, ".full_name"), person.full_name(), 1, kMaxNameCharacters));
  const std::string& nationality = person.nationality();
  if (!nationality.empty() && (nationality.size() != 2 || !absl::ascii_isupper(nationality[0]) ||
                               !absl::ascii_isupper(nationality[1]))) {
    return MakeFieldError("NATIONALITY_INVALID", absl::StrCat(field, ".nationality"),
                          "must be two capital letters (ISO 3166-1)");
  }
  const bool personal_id = !organisation && (nationality.empty() || nationality == kVietnam);
  RETURN_IF_ERROR(CheckIdNumber(field, person.id_number(), personal_id));
  const std::string& old = person.old_id_number();
  if (!old.empty() && (old.size() != kOldIdDigits || !AreDigits(old))) {
    return MakeFieldError("OLD_ID_NUMBER_INVALID", absl::StrCat(field, ".old_id_number"),
                          "must be 9 digits");
  }
  if (person.has_birth_date()) RETURN_IF_ERROR(CheckBirthDate(field, person.birth_date(), now));
  RETURN_IF_ERROR(CheckPhone(field, person.phone()));
  return CheckEmail(field, person.email());
}

absl::Status CleanOther(absl::string_view field, absl::Time now, Person& person) {
  RETURN_IF_ERROR(CleanPerson(field, /*organisation=*/false, now, person));
  ASSIGN_OR_RETURN(*person.mutable_position(), CleanText(absl::StrCat(field, ".position"),
                                                         person.position(), 0, kMaxNameCharacters));
  return absl::OkStatus();
}

absl::Status PersonsInvalid(absl::string_view field, absl::string_view what) {
  return MakeFieldError("PERSONS_INVALID", field, what);
}

absl::Status CleanCoApplicants(absl::Time now, Applicant& applicant) {
  constexpr char kField[] = "applicant.co_applicants";
  if (applicant.co_applicants_size() > kMaxCoApplicants) {
    return PersonsInvalid(kField, absl::StrCat("must be at most ", kMaxCoApplicants));
  }
  std::set<std::string> ids = {applicant.id_number()};
  for (Person& person : *applicant.mutable_co_applicants()) {
    RETURN_IF_ERROR(CleanOther(kField, now, person));
    if (!ids.insert(person.id_number()).second) {
      return PersonsInvalid(kField, "somebody occurs twice");
    }
  }
  return absl::OkStatus();
}

absl::Status CleanAuthorisations(absl::Time now, Applicant& applicant) {
  constexpr char kField[] = "applicant.authorisations";
  if (applicant.authorisations_size() > kMaxAuthorisations) {
    return PersonsInvalid(kField, absl::StrCat("must be at most ", kMaxAuthorisations));
  }
  for (Authorisation& one : *applicant.mutable_authorisations()) {
    RETURN_IF_ERROR(CleanOther(absl::StrCat(kField, ".person"), now, *one.mutable_person()));
    ASSIGN_OR_RETURN(*one.mutable_basis(), CleanText(absl::StrCat(kField, ".basis"), one.basis(), 1,
                                                     kMaxBasisCharacters));
    if (one.has_end_time() && ToTime(one.end_time()) <= now) {
      return PersonsInvalid(kField, "an authorisation has ended");
    }
  }
  return absl::OkStatus();
}

absl::Status AssistanceInvalid(absl::string_view what) {
  return MakeFieldError("ASSISTANCE_INVALID", "assistance", what);
}

Person AsPerson(const Applicant& applicant) {
  Person person;
  person.set_full_name(applicant.full_name());
  person.set_id_number(applicant.id_number());
  person.set_old_id_number(applicant.old_id_number());
  return person;
}

}  // namespace

absl::StatusOr<Applicant> CleanApplicant(const Applicant& given, absl::Time now) {
  Applicant applicant = given;
  // Nobody has checked what they hold, or how much of it.
  applicant.DiscardUnknownFields();
  if (!Applicant::Kind_IsValid(given.kind()) || given.kind() == Applicant::KIND_UNSPECIFIED) {
    return MakeFieldError("APPLICANT_KIND_INVALID", "applicant.kind", "must be one of the kinds");
  }
  const bool organisation = given.kind() != Applicant::CITIZEN;
  RETURN_IF_ERROR(CleanPerson("applicant", organisation, now, applicant));
  if (applicant.has_representative()) {
    RETURN_IF_ERROR(
        CleanOther("applicant.representative", now, *applicant.mutable_representative()));
  }
  RETURN_IF_ERROR(CleanAuthorisations(now, applicant));
  RETURN_IF_ERROR(CleanCoApplicants(now, applicant));
  return applicant;
}

absl::StatusOr<Assistance> CleanAssistance(const Assistance& given, const Caller& caller,
                                           absl::Time now) {
  Assistance assistance = given;
  assistance.DiscardUnknownFields();
  if (!Assistance::Kind_IsValid(given.kind()) || given.kind() == Assistance::KIND_UNSPECIFIED) {
    return AssistanceInvalid("kind must be one of the kinds");
  }
  if (!Assistance::Consent_IsValid(given.consent()) ||
      given.consent() == Assistance::CONSENT_UNSPECIFIED || !given.has_consent_time() ||
      ToTime(given.consent_time()) > now + kClockTolerance) {
    return AssistanceInvalid("how the applicant agreed, and when, must be given");
  }
  if (given.kind() == Assistance::OFFICER) assistance.set_helper(caller.officer().id());
  const bool by_relative = given.kind() == Assistance::RELATIVE;
  if (by_relative != assistance.has_relative() ||
      by_relative == auth::IsOfficerId(assistance.helper())) {
    return AssistanceInvalid(
        "OFFICER needs an officer named by the call, COLLABORATOR a helper, RELATIVE a relative; "
        "no other");
  }
  if (by_relative) {
    RETURN_IF_ERROR(CleanOther("assistance.relative", now, *assistance.mutable_relative()));
  }
  return assistance;
}

std::vector<Person> PersonsOf(const Applicant& applicant) {
  std::vector<Person> persons = {AsPerson(applicant)};
  if (applicant.has_representative()) persons.push_back(applicant.representative());
  for (const Authorisation& one : applicant.authorisations()) persons.push_back(one.person());
  persons.insert(persons.end(), applicant.co_applicants().begin(), applicant.co_applicants().end());
  return persons;
}

}  // namespace lgsp::dossiers
