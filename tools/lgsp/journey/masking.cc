#include "tools/lgsp/journey/masking.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "libs/text/text.h"

namespace lgsp::cli {
namespace {

constexpr size_t kShownDigits = 3;

}  // namespace

std::string MaskName(absl::string_view name) {
  std::string masked;
  for (absl::string_view word : absl::StrSplit(name, ' ', absl::SkipEmpty())) {
    absl::StrAppend(&masked, masked.empty() ? "" : " ", text::Truncate(word, 1), ".");
  }
  return masked;
}

std::string MaskNumber(absl::string_view number) {
  if (number.size() <= kShownDigits) return std::string(number.size(), '*');
  const size_t hidden = number.size() - kShownDigits;
  return absl::StrCat(std::string(hidden, '*'), number.substr(hidden));
}

dossiers::v1::Applicant MaskApplicant(const dossiers::v1::Applicant& applicant) {
  dossiers::v1::Applicant masked = applicant;
  masked.set_full_name(MaskName(applicant.full_name()));
  masked.set_id_number(MaskNumber(applicant.id_number()));
  masked.set_phone(MaskNumber(applicant.phone()));
  if (!applicant.email().empty()) masked.set_email("***");
  return masked;
}

}  // namespace lgsp::cli
