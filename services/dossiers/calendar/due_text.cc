#include "services/dossiers/calendar/due_text.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/time/civil_time.h"
#include "absl/time/time.h"
#include "libs/clock/clock.h"
#include "libs/clock/timestamp.h"

namespace lgsp::dossiers {
namespace {

using lgsp::dossiers::v1::DayRun;
using lgsp::dossiers::v1::Dossier;
using lgsp::dossiers::v1::DueDate;
using lgsp::dossiers::v1::Hop;

struct Words {
  DayRun::Kind kind;
  absl::string_view vietnamese, english;
};
constexpr Words kWords[] = {
    {DayRun::START, "ngày bắt đầu, không tính vào thời hạn (khoản 2 Điều 147 Bộ luật Dân sự)",
     "the day of the start, not counted (Civil Code art. 147.2)"},
    {DayRun::COUNTED, "tính vào thời hạn", "counted"},
    {DayRun::WEEKEND, "nghỉ hằng tuần, không tính", "weekend, not counted"},
    {DayRun::DAY_OFF, "nghỉ lễ hoặc nghỉ hoán đổi, không tính", "day off, not counted"},
    {DayRun::WORKED_SATURDAY, "thứ Bảy làm việc theo thông báo hoán đổi, tính vào thời hạn",
     "worked Saturday, counted"},
    {DayRun::EXTENDED,
     "thời hạn kết thúc vào ngày nghỉ nên chuyển sang ngày làm việc này (khoản 5 Điều 148 Bộ luật "
     "Dân sự)",
     "the term ended on a day of rest and moves to this working day (Civil Code art. 148.5)"},
    {DayRun::HOURS, "tính theo giờ", "hours of this day counted"},
    {DayRun::CUT_OFF, "bắt đầu muộn trong ngày nên chuyển sang ngày làm việc này",
     "begun late in the day, so moved to this working day"},
    {DayRun::SUPPLEMENT, "chờ bổ sung hồ sơ, không tính",
     "waiting for the applicant's supplement, not counted"},
    {DayRun::PAYMENT, "chờ thực hiện nghĩa vụ tài chính, không tính",
     "waiting for a payment, not counted"},
    {DayRun::OTHER_AGENCY, "chờ cơ quan khác trả lời, không tính",
     "waiting for another agency, not counted"},
};

struct Weekday {
  absl::string_view vietnamese, english;
};
// From Monday, as absl::Weekday.
constexpr Weekday kWeekdays[] = {
    {"thứ Hai", "Monday"},   {"thứ Ba", "Tuesday"}, {"thứ Tư", "Wednesday"},
    {"thứ Năm", "Thursday"}, {"thứ Sáu", "Friday"}, {"thứ Bảy", "Saturday"},
    {"Chủ nhật", "Sunday"},
};

bool IsVietnamese(Language language) { return language == Language::kVietnamese; }

absl::string_view WordsOf(DayRun::Kind kind, Language language) {
  const auto* words = std::find_if(std::begin(kWords), std::end(kWords),
                                   [kind](const Words& w) { return w.kind == kind; });
  if (words == std::end(kWords)) return "";
  return IsVietnamese(language) ? words->vietnamese : words->english;
}

// `thứ Hai 23/11/2026`, `Monday 2026-11-23`.
std::string DayText(absl::CivilDay day, Language language) {
  const Weekday& weekday = kWeekdays[static_cast<int>(absl::GetWeekday(day))];
  if (!IsVietnamese(language)) return absl::StrCat(weekday.english, " ", FormatDay(day));
  return absl::StrCat(weekday.vietnamese, " ", absl::Dec(day.day(), absl::kZeroPad2), "/",
                      absl::Dec(day.month(), absl::kZeroPad2), "/", day.year());
}

std::string DayText(absl::string_view day, Language language) {
  absl::CivilDay parsed;
  return absl::ParseCivilTime(day, &parsed) ? DayText(parsed, language) : std::string(day);
}

// `17:00, Monday 2026-11-23`.
std::string TimeText(const google::protobuf::Timestamp& stamp, Language language) {
  const absl::Time time = ToTime(stamp);
  return absl::StrCat(absl::FormatTime("%H:%M", time, VietnamZone()), ", ",
                      DayText(VietnamDay(time), language));
}

std::string Heading(const DueDate& due, Language language) {
  const bool vietnamese = IsVietnamese(language);
  std::string text =
      absl::StrCat(vietnamese ? "Hạn trả kết quả: " : "Due: ", TimeText(due.due_time(), language));
  if (!due.basis().empty()) {
    absl::StrAppend(&text, vietnamese ? "; do cán bộ ấn định theo: " : "; set by the officer by: ",
                    due.basis());
  }
  if (due.provisional()) {
    absl::StrAppend(&text, vietnamese ? "; tạm tính, vì chưa có thông báo ngày nghỉ của năm sau"
                                      : "; provisional: the notice of days off is not out yet");
  }
  return text;
}

// An officer's date is so many days after the start of the clock; the pauses moved it on.
bool OfficersDateMoved(const Dossier& dossier) {
  const DueDate& due = dossier.due();
  return due.officer_days() > 0 &&
         VietnamDay(ToTime(due.due_time())) !=
             VietnamDay(ToTime(dossier.start_time())) + due.officer_days();
}

void AddWhatBecame(const Dossier& dossier, Language language, std::vector<std::string>& lines) {
  const bool vietnamese = IsVietnamese(language);
  if (dossier.due().suspended()) {
    lines.emplace_back(vietnamese
                           ? "Thời hạn đang tạm dừng: hạn trả kết quả sẽ được tính lại sau đó"
                           : "The clock stands: the due date will be counted again");
  }
  if (OfficersDateMoved(dossier)) {
    lines.emplace_back(vietnamese ? "Đã dời theo những ngày không tính vào thời hạn"
                                  : "Moved by the days that do not count");
  }
  if (dossier.has_reappointment()) {
    lines.push_back(absl::StrCat(vietnamese ? "Đã xin lỗi và hẹn lại: " : "Apologised; new date: ",
                                 TimeText(dossier.reappointment().due_time(), language)));
  }
}

struct HopWords {
  Hop::Kind kind;
  absl::string_view vietnamese, english;
};
constexpr HopWords kHopWords[] = {
    {Hop::FORWARDED, "chuyển đến cơ quan có thẩm quyền", "forwarded to the competent agency"},
    {Hop::SENT_BACK, "trả lại", "sent back"},
    {Hop::SUCCEEDED, "cơ quan kế thừa tiếp nhận", "taken over by the successor"},
};

// Why it was with several agencies: each way of the file, and since when the last has it.
void AddHops(const Dossier& dossier, Language language, std::vector<std::string>& lines) {
  for (const Hop& hop : dossier.hops()) {
    const auto* words = std::find_if(std::begin(kHopWords), std::end(kHopWords),
                                     [&](const HopWords& one) { return one.kind == hop.kind(); });
    if (words == std::end(kHopWords)) continue;
    std::string line = absl::StrCat(TimeText(hop.time(), language), ": ", hop.from_agency(), " → ",
                                    hop.to_agency(), ", ",
                                    IsVietnamese(language) ? words->vietnamese : words->english);
    if (!hop.reason().empty()) absl::StrAppend(&line, ": ", hop.reason());
    lines.push_back(std::move(line));
  }
  if (dossier.hops().empty() || !dossier.has_receive_time()) return;
  lines.push_back(absl::StrCat(IsVietnamese(language) ? "Cơ quan giải quyết nhận hồ sơ: "
                                                      : "The settling agency has the file since: ",
                               TimeText(dossier.receive_time(), language)));
}

}  // namespace

std::optional<Language> ParseLanguage(absl::string_view code) {
  if (code.empty() || code == "vi") return Language::kVietnamese;
  if (code == "en") return Language::kEnglish;
  return std::nullopt;
}

std::vector<std::string> ExplainDue(const Dossier& dossier, Language language) {
  std::vector<std::string> lines = {Heading(dossier.due(), language)};
  AddWhatBecame(dossier, language, lines);
  AddHops(dossier, language, lines);
  for (const DayRun& run : dossier.due().explanation()) {
    std::string line = DayText(run.first_day(), language);
    if (run.last_day() != run.first_day()) {
      absl::StrAppend(&line, " – ", DayText(run.last_day(), language));
    }
    absl::StrAppend(&line, ": ", WordsOf(run.kind(), language));
    if (!run.basis().empty()) absl::StrAppend(&line, " (", run.basis(), ")");
    lines.push_back(std::move(line));
  }
  return lines;
}

}  // namespace lgsp::dossiers
