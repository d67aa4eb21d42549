#include "tools/lgsp/journey/people.h"

#include <iterator>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/string_view.h"

namespace lgsp::cli {
namespace {

constexpr absl::string_view kFamilyNames[] = {
    "Nguyễn", "Trần", "Lê",    "Phạm", "Huỳnh", "Hoàng", "Phan",  "Võ",  "Đặng", "Bùi",   "Đỗ",
    "Hồ",     "Ngô",  "Dương", "Lý",   "Lâm",   "Mai",   "Trịnh", "Cao", "Đinh", "Thạch", "Quách"};
// Middle and given names of men, of women.
constexpr absl::string_view kMiddleNames[2][10] = {
    {"Văn", "Hữu", "Minh", "Quốc", "Đức", "Thanh", "Hoàng", "Công", "Trọng", "Chí"},
    {"Thị", "Ngọc", "Kim", "Mỹ", "Thu", "Thanh", "Bích", "Hồng", "Diễm", "Tuyết"}};
constexpr absl::string_view kGivenNames[2][12] = {
    {"An", "Bình", "Cường", "Dũng", "Đạt", "Hải", "Hùng", "Khánh", "Nghĩa", "Phúc", "Thịnh",
     "Trường"},
    {"Ánh", "Cúc", "Dung", "Đào", "Hằng", "Hường", "Lệ", "Nguyệt", "Phượng", "Thảo", "Trúc",
     "Yến"}};
// Places of birth registration: Bạc Liêu and Cà Mau as they were until 2025.
constexpr absl::string_view kBirthPlaces[] = {"095", "096"};

template <size_t kSize>
absl::string_view Pick(const absl::string_view (&list)[kSize], Chance& chance) {
  return list[chance.Below(kSize)];
}

}  // namespace

dossiers::v1::Applicant MakeCitizen(Chance& chance) {
  // The fourth digit of the ID of a man born in the 20th century is 0, of a woman 1.
  const uint32_t sex = chance.Below(2);
  const absl::string_view family = Pick(kFamilyNames, chance);
  const absl::string_view middle = Pick(kMiddleNames[sex], chance);
  const absl::string_view given = Pick(kGivenNames[sex], chance);
  const absl::string_view place = Pick(kBirthPlaces, chance);
  const uint32_t birth_year = chance.Below(10);
  const uint32_t serial = chance.Below(10'000);
  const uint32_t contact = chance.Below(1'000'000);
  dossiers::v1::Applicant applicant;
  applicant.set_kind(dossiers::v1::Applicant::CITIZEN);
  applicant.set_full_name(absl::StrCat(family, " ", middle, " ", given));
  applicant.set_id_number(absl::StrFormat("%s%d%02d99%04d", place, sex, birth_year, serial));
  applicant.set_phone(absl::StrFormat("0000%06d", contact));
  applicant.set_email(absl::StrFormat("nguoidan%06d@example.com", contact));
  return applicant;
}

dossiers::v1::Applicant MakeBusiness(Chance& chance) {
  const uint32_t sex = chance.Below(2);
  const absl::string_view family = Pick(kFamilyNames, chance);
  const absl::string_view given = Pick(kGivenNames[sex], chance);
  const uint32_t number = chance.Below(1'000'000);
  dossiers::v1::Applicant applicant;
  applicant.set_kind(dossiers::v1::Applicant::BUSINESS);
  applicant.set_full_name(absl::StrCat("Công ty TNHH ", family, " ", given));
  applicant.set_id_number(absl::StrFormat("0000%06d", number));
  applicant.set_email(absl::StrFormat("congty%06d@example.com", number));
  return applicant;
}

}  // namespace lgsp::cli
