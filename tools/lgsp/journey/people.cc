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
// An only name.
constexpr absl::string_view kSingleNames[] = {"Nguyệt", "Phượng", "Hường", "Trúc-Yến"};
// Who asks with a passport.
struct Foreigner {
  const char* nationality;
  const char* name;
};
constexpr Foreigner kForeigners[] = {
    {"KH", "Sok Dara"}, {"FR", "Zoé D'Été-Œuvre"}, {"JP", "山田 花子"}};
// Places of birth registration: Bạc Liêu and Cà Mau as they were until 2025.
constexpr int kBirthCentury = 1900;
constexpr absl::string_view kBirthPlaces[] = {"095", "096"};

template <size_t kSize>
absl::string_view Pick(const absl::string_view (&list)[kSize], Chance& chance) {
  return list[chance.Below(kSize)];
}

// A citizen, or who acts or asks for or with an applicant. The fourth digit of the ID of a man born
// in the 20th century is 0, of a woman 1.
dossiers::v1::Person MakePerson(Chance& chance) {
  const uint32_t sex = chance.Below(2);
  const absl::string_view family = Pick(kFamilyNames, chance);
  const absl::string_view middle = Pick(kMiddleNames[sex], chance);
  const absl::string_view given = Pick(kGivenNames[sex], chance);
  const absl::string_view place = Pick(kBirthPlaces, chance);
  const uint32_t birth_year = chance.Below(10);
  dossiers::v1::Person person;
  person.set_full_name(absl::StrCat(family, " ", middle, " ", given));
  person.set_id_number(
      absl::StrFormat("%s%d%02d99%04d", place, sex, birth_year, chance.Below(10'000)));
  return person;
}

// Nobody may occur twice in one application.
dossiers::v1::Person OtherPerson(absl::string_view than_id_number, Chance& chance) {
  for (;;) {
    dossiers::v1::Person person = MakePerson(chance);
    if (person.id_number() != than_id_number) return person;
  }
}

}  // namespace

dossiers::v1::Applicant MakeCitizen(Chance& chance) {
  const dossiers::v1::Person person = MakePerson(chance);
  const uint32_t contact = chance.Below(1'000'000);
  dossiers::v1::Applicant applicant;
  applicant.set_kind(dossiers::v1::Applicant::CITIZEN);
  applicant.set_full_name(person.full_name());
  applicant.set_id_number(person.id_number());
  applicant.set_phone(absl::StrFormat("0000%06d", contact));
  applicant.set_email(absl::StrFormat("nguoidan%06d@example.com", contact));
  switch (chance.Below(8)) {
    case 0:
      applicant.set_full_name(std::string(Pick(kSingleNames, chance)));
      applicant.mutable_birth_date()->set_year(kBirthCentury + (person.id_number()[5] - '0'));
      break;
    case 1:
      *applicant.add_co_applicants() = OtherPerson(applicant.id_number(), chance);
      break;
    case 2: {
      const Foreigner& foreigner = kForeigners[chance.Below(std::size(kForeigners))];
      applicant.set_nationality(foreigner.nationality);
      applicant.set_full_name(foreigner.name);
      applicant.set_id_number(absl::StrFormat("N%07d", contact));
      break;
    }
    default:
      break;
  }
  return applicant;
}

dossiers::v1::Applicant MakeOrganisation(Chance& chance) {
  const dossiers::v1::Person head = MakePerson(chance);
  const uint32_t number = chance.Below(1'000'000);
  const bool cooperative = chance.Below(4) == 0;
  dossiers::v1::Applicant applicant;
  applicant.set_kind(cooperative ? dossiers::v1::Applicant::OTHER
                                 : dossiers::v1::Applicant::BUSINESS);
  applicant.set_full_name(
      absl::StrCat(cooperative ? "Hợp tác xã " : "Công ty TNHH ", head.full_name()));
  applicant.set_id_number(absl::StrFormat("0000%06d", number));
  applicant.set_email(absl::StrFormat("tochuc%06d@example.com", number));
  *applicant.mutable_representative() = head;
  applicant.mutable_representative()->set_position("Giám đốc");
  if (chance.Below(3) == 0) {
    auto& authorisation = *applicant.add_authorisations();
    *authorisation.mutable_person() = OtherPerson(head.id_number(), chance);
    authorisation.set_basis("Giấy ủy quyền (dữ liệu thử nghiệm)");
  }
  return applicant;
}

}  // namespace lgsp::cli
