#include "tools/bench/load/people.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace lgsp::bench {
namespace {

constexpr const char* kFamilyNames[] = {"Nguyễn", "Trần", "Lê",  "Phạm", "Huỳnh", "Hoàng", "Phan",
                                        "Vũ",     "Đặng", "Bùi", "Đỗ",   "Hồ",    "Ngô",   "Dương"};
constexpr const char* kMiddleNames[] = {"Thị", "Văn", "Minh", "Ngọc", "Hữu", "Thanh", "Quốc"};
constexpr const char* kGivenNames[] = {"Hường", "An",   "Bình", "Cường", "Dung", "Đức",  "Giang",
                                       "Hà",    "Khoa", "Lan",  "Mai",   "Nam",  "Oanh", "Phúc",
                                       "Quyên", "Sơn",  "Tâm",  "Uyên",  "Vinh", "Xuân"};

template <size_t n>
const char* Pick(const char* const (&words)[n], uint32_t& from) {
  const char* word = words[from % n];
  from /= n;
  return word;
}

}  // namespace

dossiers::v1::Applicant ApplicantOf(uint32_t number) {
  // An odd factor: consecutive numbers have different names, and no two the same ID.
  const uint32_t mixed = number * 2654435761U;
  uint32_t rest = mixed;
  dossiers::v1::Applicant applicant;
  applicant.set_kind(dossiers::v1::Applicant::CITIZEN);
  const char* family = Pick(kFamilyNames, rest);
  const char* middle = Pick(kMiddleNames, rest);
  applicant.set_full_name(absl::StrCat(family, " ", middle, " ", Pick(kGivenNames, rest)));
  // Province, century and sex, year of birth, number: `096 3 00 000017`.
  applicant.set_id_number(
      absl::StrFormat("0963%02d%06d", number / 1'000'000 % 20, number % 1'000'000));
  applicant.set_phone(absl::StrFormat("09%08d", mixed % 100'000'000));
  return applicant;
}

}  // namespace lgsp::bench
