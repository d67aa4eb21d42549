#include "services/dossiers/lifecycle.h"

#include <catch2/catch.hpp>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "libs/status/status.h"

namespace lgsp::dossiers {
namespace {

// The life cycle as it was agreed, in words: state, portal's status, then `command by actors >
// state` (i intake, p processing, r receiver, h head, a applicant, s system,
// c consulted, t return point).
constexpr absl::string_view kAgreed[] = {
    "STATE_UNSPECIFIED 0",
    "DRAFT 0: update-draft a > DRAFT; file a > SUBMITTED; withdraw a > WITHDRAWN; expire s > "
    "EXPIRED",
    "SUBMITTED 1: accept ip > ACCEPTED; reject ip > REJECTED; "
    "ask-supplement ip > SUPPLEMENT_ASKED_AT_INTAKE; forward ip > SUBMITTED; "
    "assign ph > SUBMITTED; withdraw a > WITHDRAWN",
    "SUPPLEMENT_ASKED_AT_INTAKE 5: answer-supplement a > SUBMITTED; withdraw a > WITHDRAWN; "
    "assign ph > SUPPLEMENT_ASKED_AT_INTAKE; "
    "expire s > EXPIRED",
    "ACCEPTED 2: transfer i > TRANSFERRED; receive r > IN_PROGRESS; forward ipr > TRANSFERRED; "
    "assign prh > ACCEPTED; start p > IN_PROGRESS; "
    "ask-supplement p > SUPPLEMENT_ASKED; reappoint h > ACCEPTED; complete p > COMPLETED; "
    "withdraw a > WITHDRAWN; stop h > STOPPED; "
    "recount s > ACCEPTED",
    "TRANSFERRED 2: receive r > IN_PROGRESS; forward r > TRANSFERRED; send-back r > ACCEPTED; "
    "assign rh > TRANSFERRED; withdraw a > WITHDRAWN",
    "IN_PROGRESS 4: forward p > TRANSFERRED; send-back p > ACCEPTED; assign ph > IN_PROGRESS; "
    "ask-supplement p > SUPPLEMENT_ASKED; wait-for-payment p > WAITING_PAYMENT; "
    "wait-for-agency p > WAITING_AGENCY; sign h > SIGNED; reappoint h > IN_PROGRESS; "
    "complete p > COMPLETED; withdraw a > WITHDRAWN; stop h > STOPPED; "
    "recount s > IN_PROGRESS",
    "SUPPLEMENT_ASKED 5: assign ph > SUPPLEMENT_ASKED; answer-supplement a > IN_PROGRESS; withdraw "
    "a > WITHDRAWN; "
    "stop h > STOPPED; expire s > EXPIRED",
    "WAITING_PAYMENT 6: assign ph > WAITING_PAYMENT; end-wait p > IN_PROGRESS; reappoint h > "
    "WAITING_PAYMENT; "
    "withdraw a > WITHDRAWN; stop h > STOPPED; "
    "recount s > WAITING_PAYMENT",
    "WAITING_AGENCY 4: answer-consultation c > WAITING_AGENCY; lapse s > IN_PROGRESS; "
    "assign ph > WAITING_AGENCY; end-wait p > IN_PROGRESS; reappoint h > WAITING_AGENCY; "
    "withdraw a > WITHDRAWN; stop h > STOPPED; "
    "recount s > WAITING_AGENCY",
    "SIGNED 4: assign ph > SIGNED; complete p > COMPLETED; recount s > SIGNED",
    "COMPLETED 9: return ipt > RETURNED",
    "RETURNED 10: erase h > RETURNED",
    "REJECTED 3: erase h > REJECTED",
    "WITHDRAWN 7: erase h > WITHDRAWN",
    "STOPPED 8: erase h > STOPPED",
    "EXPIRED 8: erase h > EXPIRED",
};

const std::map<char, Actors> kLetters = {{'i', kIntake},    {'p', kProcessing}, {'r', kReceiver},
                                         {'h', kHead},      {'a', kApplicant},  {'s', kSystem},
                                         {'c', kConsulted}, {'t', kReturnPoint}};

struct Way {
  Actors by = 0;
  std::string to;
};
struct Agreed {
  int portal = 0;
  std::map<std::string, Way> ways;
};

std::map<std::string, Agreed> ReadAgreed() {
  std::map<std::string, Agreed> states;
  for (const absl::string_view line : kAgreed) {
    const std::vector<std::string> parts = absl::StrSplit(line, absl::MaxSplits(": ", 1));
    const std::vector<std::string> head = absl::StrSplit(parts[0], ' ');
    Agreed& agreed = states[head[0]];
    agreed.portal = std::stoi(head[1]);
    if (parts.size() == 1) continue;
    for (const absl::string_view way : absl::StrSplit(parts[1], "; ")) {
      const std::vector<std::string> words = absl::StrSplit(way, ' ');
      REQUIRE(words.size() == 4);
      Way& read = agreed.ways[words[0]];
      for (const char letter : words[1]) read.by |= kLetters.at(letter);
      read.to = words[3];
    }
  }
  return states;
}

std::vector<Command> AllCommands() {
  std::vector<Command> commands;
  for (int i = 0; i <= static_cast<int>(Command::kErase); ++i) {
    commands.push_back(static_cast<Command>(i));
  }
  return commands;
}

void CheckRefused(const absl::Status& status, const std::string& state, absl::string_view command,
                  const Agreed& agreed, Actors actors) {
  const std::string message(status.message());
  if (agreed.ways.contains(std::string(command))) {
    CHECK(status.code() == absl::StatusCode::kPermissionDenied);
    CHECK(ErrorReason(status) == "COMMAND_NOT_YOURS");
    return;
  }
  CHECK(status.code() == absl::StatusCode::kFailedPrecondition);
  CHECK(ErrorReason(status) == "STATE_FORBIDS_COMMAND");
  CHECK(absl::StrContains(message, state));
  const std::string told = message.substr(message.find("allowed now: ") + 13);
  std::set<std::string> allowed, expected;
  for (const auto& [name, way] : agreed.ways) {
    if ((way.by & actors) != 0) expected.insert(name);
  }
  if (told != "nothing") allowed = absl::StrSplit(told, ", ");
  CHECK(allowed == expected);
}

TEST_CASE("lifecycle: every state, every command, every capacity") {
  const auto states = ReadAgreed();
  REQUIRE(static_cast<int>(states.size()) == Dossier::State_descriptor()->value_count());
  for (const auto& [name, agreed] : states) {
    Dossier::State state;
    REQUIRE(Dossier::State_Parse(name, &state));
    CHECK(PortalStatus(state) == agreed.portal);
    for (const Command command : AllCommands()) {
      for (const Actors actors : {kIntake, kProcessing, kReceiver, kHead, kApplicant, kSystem,
                                  kConsulted, kReturnPoint, kEverybody}) {
        const std::string word(CommandName(command));
        INFO(name << " " << word << " by " << static_cast<int>(actors));
        const auto next = Next(state, command, actors);
        const auto way = agreed.ways.find(word);
        if (way != agreed.ways.end() && (way->second.by & actors) != 0) {
          REQUIRE(next.ok());
          CHECK(Dossier::State_Name(*next) == way->second.to);
        } else {
          CheckRefused(next.status(), name, word, agreed, actors);
        }
      }
    }
  }
}

TEST_CASE("lifecycle: from every state that is not final an end can be reached") {
  for (int start = Dossier::SUBMITTED; start <= Dossier::State_MAX; ++start) {
    std::set<int> reached = {start};
    for (size_t before = 0; before != reached.size();) {
      before = reached.size();
      for (const Step& step : kSteps) {
        if (reached.contains(step.from)) reached.insert(step.to);
      }
    }
    INFO(Dossier::State_Name(static_cast<Dossier::State>(start)));
    const bool ends = reached.contains(Dossier::RETURNED) || reached.contains(Dossier::REJECTED) ||
                      reached.contains(Dossier::WITHDRAWN) || reached.contains(Dossier::STOPPED) ||
                      reached.contains(Dossier::EXPIRED);
    CHECK(ends);
  }
}

TEST_CASE(
    "lifecycle: the agencies can end every dossier without the applicant and without an expiry") {
  for (int start = Dossier::SUBMITTED; start <= Dossier::State_MAX; ++start) {
    std::set<int> reached = {start};
    for (size_t before = 0; before != reached.size();) {
      before = reached.size();
      for (const Step& step : kSteps) {
        if (reached.contains(step.from) && (step.by & ~(kApplicant | kSystem)) != 0)
          reached.insert(step.to);
      }
    }
    const auto state = static_cast<Dossier::State>(start);
    INFO(Dossier::State_Name(state));
    const bool ends = reached.contains(Dossier::RETURNED) || reached.contains(Dossier::REJECTED) ||
                      reached.contains(Dossier::STOPPED);
    const bool ended = state == Dossier::WITHDRAWN || state == Dossier::EXPIRED;
    // A draft is the applicant's, and before acceptance a supplement to answer, until they expire.
    const bool of_applicant =
        state == Dossier::DRAFT || state == Dossier::SUPPLEMENT_ASKED_AT_INTAKE;
    CHECK(ends == (!ended && !of_applicant));
  }
}

TEST_CASE("lifecycle: in what capacity a caller acts") {
  lgsp::auth::v1::Caller caller;
  Dossier dossier;
  dossier.set_intake_agency("H12.50.01");
  dossier.set_settling_agency("H12.04");
  dossier.mutable_submit_time();
  const auto actors = [&] { return ActorsOf(caller, dossier); };
  CHECK(actors() == 0);
  caller.add_agencies("H12.50.01");
  CHECK(actors() == (kIntake | kApplicant));
  caller.add_agencies("H12.04");
  CHECK(actors() == (kIntake | kApplicant | kProcessing));
  // Accepted, and the file is not there yet.
  dossier.mutable_accept_time();
  CHECK(actors() == (kIntake | kApplicant | kReceiver));
  dossier.mutable_receive_time();
  CHECK(actors() == (kIntake | kApplicant | kProcessing));
  // A role without a unit, or in another, is none.
  caller.mutable_officer()->add_roles("head");
  CHECK((actors() & kHead) == 0);
  // An officer acts for his unit only, and only where his system may.
  caller.mutable_officer()->set_unit("H12.50.01");
  CHECK(actors() == (kIntake | kApplicant));
  caller.mutable_officer()->set_unit("H12.04");
  CHECK(actors() == (kProcessing | kHead));
  caller.mutable_officer()->set_unit("H12.05");
  CHECK(actors() == 0);
  dossier.set_intake_agency("H12.06");
  caller.mutable_officer()->set_unit("H12.06");
  CHECK(actors() == 0);
}

}  // namespace
}  // namespace lgsp::dossiers
