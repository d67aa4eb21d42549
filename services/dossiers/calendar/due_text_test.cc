#include "services/dossiers/calendar/due_text.h"

#include <catch2/catch.hpp>

#include "libs/clock/clock.h"
#include "libs/config/config.h"
#include "services/dossiers/calendar/due_date.h"
#include "services/dossiers/oracle_test.h"

namespace lgsp::dossiers {
namespace {

using lgsp::dossiers::v1::DayRun;
using lgsp::dossiers::v1::Dossier;

Dossier Computed(absl::string_view term, absl::CivilMinute start) {
  const auto days = config::ReadFile(SourceFile(kDaysPath));
  REQUIRE(days.ok());
  const auto calendar = Calendar::FromCsv("days", *days);
  REQUIRE(calendar.ok());
  const auto hours = WorkingHours::Parse("07:00-11:30,13:30-17:00");
  REQUIRE(hours.ok());
  const auto due =
      ComputeDue(*calendar, {*hours}, *ParseTerm(term), absl::FromCivil(start, VietnamZone()));
  REQUIRE(due.ok());
  Dossier dossier;
  *dossier.mutable_due() = *due;
  return dossier;
}

TEST_CASE("due text: the day of rest in between, with its notice, in both languages") {
  const Dossier due = Computed("2 WORKING_DAY", absl::CivilMinute(2026, 8, 28, 9, 0));
  CHECK(ExplainDue(due, Language::kVietnamese) ==
        std::vector<std::string>{
            "Hạn trả kết quả: 17:00, thứ Sáu 04/09/2026",
            "thứ Sáu 28/08/2026: ngày bắt đầu, không tính vào thời hạn (khoản 2 Điều 147 Bộ luật "
            "Dân sự)",
            "thứ Bảy 29/08/2026 – Chủ nhật 30/08/2026: nghỉ hằng tuần, không tính",
            "thứ Hai 31/08/2026 – thứ Tư 02/09/2026: nghỉ lễ hoặc nghỉ hoán đổi, không tính "
            "(9441/TB-BNV; 12729/VPCP-KGVX; 3383/BNV-CVL; 28/2026/QH16)",
            "thứ Năm 03/09/2026 – thứ Sáu 04/09/2026: tính vào thời hạn"});
  CHECK(ExplainDue(due, Language::kEnglish)[3] ==
        "Monday 2026-08-31 – Wednesday 2026-09-02: day off, not counted (9441/TB-BNV; "
        "12729/VPCP-KGVX; 3383/BNV-CVL; 28/2026/QH16)");
}

TEST_CASE("due text: what is provisional or the officer's says so") {
  const Dossier across = Computed("3 DAY", absl::CivilMinute(2026, 12, 30, 9, 0));
  CHECK(ExplainDue(across, Language::kVietnamese)[0].find("tạm tính") != std::string::npos);
  CHECK(ExplainDue(across, Language::kEnglish)[0].find("provisional") != std::string::npos);
  Dossier officers;
  officers.mutable_start_time()->set_seconds(1'796'000'000 - 3 * 86'400);
  officers.mutable_due()->mutable_due_time()->set_seconds(1'796'000'000);
  officers.mutable_due()->set_officer_days(3);
  officers.mutable_due()->set_basis("Quyết định 1/QĐ");
  CHECK(ExplainDue(officers, Language::kEnglish).size() == 1);
  CHECK(ExplainDue(officers, Language::kVietnamese)[0].find("ấn định theo: Quyết định 1/QĐ") !=
        std::string::npos);
}

TEST_CASE("due text: what became of it") {
  Dossier dossier = Computed("2 WORKING_DAY", absl::CivilMinute(2026, 11, 16, 9, 0));
  dossier.mutable_due()->set_suspended(true);
  CHECK(ExplainDue(dossier, Language::kVietnamese)[1] ==
        "Thời hạn đang tạm dừng: hạn trả kết quả sẽ được tính lại sau đó");
  CHECK(ExplainDue(dossier, Language::kEnglish)[1] ==
        "The clock stands: the due date will be counted again");
  dossier.mutable_due()->set_suspended(false);
  const absl::Time later = absl::FromCivil(absl::CivilMinute(2026, 11, 20, 17, 0), VietnamZone());
  dossier.mutable_reappointment()->mutable_due_time()->set_seconds(absl::ToUnixSeconds(later));
  CHECK(ExplainDue(dossier, Language::kVietnamese)[1] ==
        "Đã xin lỗi và hẹn lại: 17:00, thứ Sáu 20/11/2026");
  CHECK(ExplainDue(dossier, Language::kEnglish)[1] ==
        "Apologised; new date: 17:00, Friday 2026-11-20");
  Dossier moved;
  moved.mutable_start_time()->set_seconds(1'796'000'000);
  moved.mutable_due()->mutable_due_time()->set_seconds(1'796'000'000 + 5 * 86'400);
  moved.mutable_due()->set_officer_days(3);
  CHECK(ExplainDue(moved, Language::kEnglish)[1] == "Moved by the days that do not count");
  moved.mutable_due()->set_officer_days(5);
  CHECK(ExplainDue(moved, Language::kEnglish).size() == 1);
}

TEST_CASE("due text: every kind of day has words in both languages") {
  for (int kind = DayRun::START; kind <= DayRun::Kind_MAX; ++kind) {
    Dossier due;
    DayRun* run = due.mutable_due()->add_explanation();
    run->set_first_day("2026-11-23");
    run->set_last_day("2026-11-23");
    run->set_kind(static_cast<DayRun::Kind>(kind));
    INFO(DayRun::Kind_Name(kind));
    CHECK(ExplainDue(due, Language::kVietnamese)[1].size() > sizeof("thứ Hai 23/11/2026: "));
    CHECK(ExplainDue(due, Language::kEnglish)[1].size() > sizeof("Monday 2026-11-23: "));
  }
}

TEST_CASE("due text: languages") {
  CHECK(ParseLanguage("") == Language::kVietnamese);
  CHECK(ParseLanguage("vi") == Language::kVietnamese);
  CHECK(ParseLanguage("en") == Language::kEnglish);
  CHECK_FALSE(ParseLanguage("fr").has_value());
}

}  // namespace
}  // namespace lgsp::dossiers
