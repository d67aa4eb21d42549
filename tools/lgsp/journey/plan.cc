#include "tools/lgsp/journey/plan.h"

#include <algorithm>
#include <functional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "google/protobuf/util/json_util.h"
#include "libs/clock/clock.h"
#include "libs/status/status.h"
#include "tools/lgsp/journey/people.h"
#include "tools/lgsp/journey/way.h"

namespace lgsp::cli {
namespace {

using dossiers::v1::Dossier;

absl::Status Broken(size_t line, absl::string_view what) {
  return MakeError(absl::StatusCode::kInvalidArgument, "PLAN_BROKEN",
                   absl::StrCat("plan, line ", line, ": ", what), {{"line", absl::StrCat(line)}});
}

// `count` of `dossiers`, by chance.
std::vector<bool> Choose(int dossiers, int count, Chance& chance) {
  std::vector<bool> chosen(static_cast<size_t>(dossiers), false);
  for (int i = 0; i < std::min(count, dossiers); ++i) chosen[static_cast<size_t>(i)] = true;
  for (uint32_t i = static_cast<uint32_t>(dossiers); i > 1; --i) {
    const uint32_t other = chance.Below(i);
    const bool last = chosen[i - 1];
    chosen[i - 1] = chosen[other];
    chosen[other] = last;
  }
  return chosen;
}

// Every so many dossiers one, rounded, and at least one where there are that many or half.
int OneIn(int every, int dossiers) { return (dossiers + every / 2) / every; }

// Between a dossier and the one that reuses its papers: more than are under way at one time, so
// that it does not wait.
constexpr int kReuseDistance = 12;

// A tenth is refused, a twentieth withdrawn; more than a tenth has a supplement, a tenth was
// helped; a sixth is an organisation's, an eighth comes again.
std::vector<Special> DrawSpecials(int dossiers, Chance& chance) {
  std::vector<Special> specials(static_cast<size_t>(dossiers));
  const auto choose = [&](int count, const std::function<void(Special&)>& mark) {
    const std::vector<bool> chosen = Choose(dossiers, count, chance);
    for (size_t i = 0; i < specials.size(); ++i) {
      if (chosen[i]) mark(specials[i]);
    }
  };
  choose(OneIn(18, dossiers), [](Special& s) { s.end = Dossier::WITHDRAWN; });
  choose(OneIn(10, dossiers), [](Special& s) { s.end = Dossier::REJECTED; });
  choose(OneIn(6, dossiers), [](Special& s) { s.supplement = true; });
  choose(OneIn(9, dossiers), [](Special& s) { s.assisted = true; });
  choose(OneIn(12, dossiers), [](Special& s) { s.forwarded = true; });
  choose(OneIn(12, dossiers), [](Special& s) { s.consulted = true; });
  choose(OneIn(15, dossiers), [](Special& s) { s.apology = true; });
  choose(OneIn(6, dossiers), [](Special& s) { s.organisation = true; });
  choose(OneIn(8, dossiers), [](Special& s) { s.again = true; });
  return specials;
}

// Draws the procedures and channels of a journey: departments' and communes' ones in turn by
// chance, those that organisations or citizens may file.
class Draw {
 public:
  Draw(const ProcedureCatalog& catalog, absl::Time made, Chance& chance)
      : catalog_(catalog), chance_(chance) {
    const int days_on_file = static_cast<int>(catalog.calendar_end - VietnamDay(made));
    for (const Procedure& procedure : catalog.procedures) {
      for (const Dossier::Channel channel : procedure.channels) {
        const TermChoice term = ChooseTerm(procedure, channel);
        // Acceptance would be refused: the due date lies in a year without working days on file.
        if (term.at_most_days > days_on_file) continue;
        const Drawn drawn = {&procedure, channel, term, ""};
        if (procedure.for_citizens) drawable_[procedure.of_commune][0].push_back(drawn);
        if (procedure.for_organisations) drawable_[procedure.of_commune][1].push_back(drawn);
      }
    }
  }

  absl::Status Check() const {
    for (const auto& level : drawable_) {
      for (const std::vector<Drawn>& of_kind : level) {
        if (!of_kind.empty()) continue;
        return MakeError(absl::StatusCode::kInvalidArgument, "CATALOG_INVALID",
                         "the catalogue has no procedure of one of the levels, for citizens or "
                         "for organisations, whose due date lies within the calendar");
      }
    }
    return absl::OkStatus();
  }

  Drawn Next(bool organisation) {
    const std::vector<Drawn>& of_kind = drawable_[chance_.Below(2)][organisation ? 1 : 0];
    Drawn drawn = of_kind[chance_.Below(static_cast<uint32_t>(of_kind.size()))];
    drawn.commune =
        catalog_.communes[chance_.Below(static_cast<uint32_t>(catalog_.communes.size()))];
    return drawn;
  }

 private:
  const ProcedureCatalog& catalog_;
  Chance& chance_;
  // Of departments, of communes; for citizens, for organisations.
  std::vector<Drawn> drawable_[2][2];
};

void SetRequestIds(const PlanHeader& header, PlannedDossier& planned) {
  for (int i = 0; i < planned.steps_size(); ++i) {
    SetText(RequestOf(*planned.mutable_steps(i)), "request_id",
            absl::StrCat("journey-", header.id(), "-", planned.number(), "-", i + 1));
  }
}

// `planned` is of the same applicant as `earlier`, and begins with a paper of it.
void ComeAgain(const PlannedDossier& earlier, PlannedDossier& planned) {
  *planned.mutable_steps(0)->mutable_submit()->mutable_applicant() =
      earlier.steps(0).submit().applicant();
  PlannedStep& step = *planned.mutable_steps(1);
  step.set_reuse_from(earlier.number());
  step.set_papers(std::max(step.papers(), 1));
}

absl::Status AddRecord(PlanRecord record, size_t line, Plan* plan) {
  const int planned = static_cast<int>(plan->dossiers.size());
  switch (record.record_case()) {
    case PlanRecord::kDossier:
      if (record.dossier().number() != planned + 1 || planned >= plan->header.dossiers()) {
        return Broken(line, "a dossier out of turn");
      }
      plan->dossiers.push_back(std::move(*record.mutable_dossier()));
      return absl::OkStatus();
    case PlanRecord::kEnded:
      if (record.ended().number() < 1 || record.ended().number() > planned) {
        return Broken(line, "the end of a dossier that is not planned");
      }
      plan->ended.push_back(std::move(*record.mutable_ended()));
      return absl::OkStatus();
    case PlanRecord::kDone:
      plan->done = true;
      return absl::OkStatus();
    default:
      return Broken(line, "not what may stand here");
  }
}

}  // namespace

absl::StatusOr<Plan> MakePlan(const PlanHeader& header, const ProcedureCatalog& catalog) {
  if (header.dossiers() < 1 || header.dossiers() > kMaxDossiers) {
    return MakeError(absl::StatusCode::kInvalidArgument, "PLAN_SIZE_INVALID",
                     absl::StrCat("a journey has 1 to ", kMaxDossiers, " dossiers"));
  }
  const absl::Time made = ToTime(header.made());
  Chance chance(header.seed());
  Draw draw(catalog, made, chance);
  RETURN_IF_ERROR(draw.Check());
  Plan plan;
  plan.header = header;
  std::vector<Special> specials = DrawSpecials(header.dossiers(), chance);
  std::vector<Drawn> drawn;
  for (int number = 1; number <= header.dossiers(); ++number) {
    const int earlier = std::max(number - kReuseDistance, 1);
    Special& special = specials[static_cast<size_t>(number - 1)];
    // The first one can reuse nothing.
    special.again = special.again && earlier < number;
    const Special& asker = specials[static_cast<size_t>(earlier - 1)];
    if (special.again) special.organisation = asker.organisation;
    drawn.push_back(special.again ? drawn[static_cast<size_t>(earlier - 1)]
                                  : draw.Next(special.organisation));
    PlannedDossier planned;
    planned.set_number(number);
    PlanWay(drawn.back(), special, made, chance, planned);
    if (special.again) ComeAgain(plan.dossiers[static_cast<size_t>(earlier - 1)], planned);
    planned.mutable_steps(0)->mutable_submit()->set_subject(SubjectOf(header, number));
    SetRequestIds(header, planned);
    plan.dossiers.push_back(std::move(planned));
  }
  return plan;
}

absl::StatusOr<std::string> FormatRecord(const PlanRecord& record) {
  std::string line;
  const auto printed = google::protobuf::util::MessageToJsonString(record, &line);
  if (!printed.ok()) {
    return MakeError(absl::StatusCode::kInternal, "PLAN_UNPRINTABLE", printed.ToString());
  }
  line.push_back('\n');
  return line;
}

absl::StatusOr<std::string> FormatPlan(const Plan& plan) {
  PlanRecord record;
  *record.mutable_plan() = plan.header;
  ASSIGN_OR_RETURN(std::string text, FormatRecord(record));
  for (const PlannedDossier& planned : plan.dossiers) {
    *record.mutable_dossier() = planned;
    ASSIGN_OR_RETURN(const std::string line, FormatRecord(record));
    text += line;
  }
  return text;
}

absl::StatusOr<Plan> ParsePlan(absl::string_view text, const ProcedureCatalog& catalog,
                               size_t* whole_bytes) {
  Plan plan;
  size_t line = 0;
  size_t at = 0;
  for (size_t end = text.find('\n'); end != absl::string_view::npos; end = text.find('\n', at)) {
    ++line;
    PlanRecord record;
    const auto parsed = google::protobuf::util::JsonStringToMessage(
        std::string(text.substr(at, end - at)), &record);
    if (!parsed.ok()) return Broken(line, parsed.ToString());
    at = end + 1;
    if (line == 1 && record.has_plan()) {
      plan.header = record.plan();
      continue;
    }
    RETURN_IF_ERROR(AddRecord(std::move(record), line, &plan));
  }
  *whole_bytes = at;
  if (line == 0) {
    return MakeError(absl::StatusCode::kNotFound, "PLAN_UNREADABLE", "the plan has no header");
  }
  if (static_cast<int>(plan.dossiers.size()) == plan.header.dossiers()) return plan;
  if (!plan.ended.empty() || plan.done) return Broken(line, "dossiers are missing before it");
  return MakePlan(plan.header, catalog);
}

std::string SubjectOf(const PlanHeader& header, int number) {
  return absl::StrCat("Hành trình thử nghiệm ", header.id(), ", hồ sơ ", number);
}

absl::Time ToTime(const google::protobuf::Timestamp& timestamp) {
  return absl::FromUnixSeconds(timestamp.seconds()) + absl::Nanoseconds(timestamp.nanos());
}

google::protobuf::Timestamp ToTimestamp(absl::Time time) {
  google::protobuf::Timestamp timestamp;
  timestamp.set_seconds(absl::ToUnixSeconds(time));
  timestamp.set_nanos(static_cast<int32_t>((time - absl::FromUnixSeconds(timestamp.seconds())) /
                                           absl::Nanoseconds(1)));
  return timestamp;
}

}  // namespace lgsp::cli
