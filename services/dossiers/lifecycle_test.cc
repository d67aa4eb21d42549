#include "services/dossiers/lifecycle.h"

#include <catch2/catch.hpp>
#include <map>

#include "absl/strings/str_cat.h"
#include "libs/status/status.h"

namespace lgsp::dossiers {
namespace {

constexpr Command kCommands[] = {Command::kAccept, Command::kComplete, Command::kReturn,
                                 Command::kReject};

TEST_CASE("lifecycle: every state and every command, allowed or refused with what is allowed") {
  struct Row {
    // Where accept, complete, return and reject lead; STATE_UNSPECIFIED: refused.
    Dossier::State to[4];
    absl::string_view allowed;
    int portal;
  };
  constexpr Dossier::State kNo = Dossier::STATE_UNSPECIFIED;
  const std::map<Dossier::State, Row> table = {
      {Dossier::STATE_UNSPECIFIED, {{kNo, kNo, kNo, kNo}, "nothing", 0}},
      {Dossier::SUBMITTED, {{Dossier::ACCEPTED, kNo, kNo, Dossier::REJECTED}, "accept, reject", 1}},
      {Dossier::ACCEPTED, {{kNo, Dossier::COMPLETED, kNo, kNo}, "complete", 2}},
      {Dossier::COMPLETED, {{kNo, kNo, Dossier::RETURNED, kNo}, "return", 9}},
      {Dossier::RETURNED, {{kNo, kNo, kNo, kNo}, "nothing", 10}},
      {Dossier::REJECTED, {{kNo, kNo, kNo, kNo}, "nothing", 3}},
  };
  REQUIRE(static_cast<int>(table.size()) == Dossier::State_descriptor()->value_count());
  for (const auto& [state, row] : table) {
    CHECK(PortalStatus(state) == row.portal);
    for (size_t i = 0; i < std::size(kCommands); ++i) {
      INFO(Dossier::State_Name(state) << " " << CommandName(kCommands[i]));
      const auto next = Next(state, kCommands[i]);
      if (row.to[i] != kNo) {
        REQUIRE(next.ok());
        CHECK(*next == row.to[i]);
        continue;
      }
      CHECK(next.status().code() == absl::StatusCode::kFailedPrecondition);
      CHECK(ErrorReason(next.status()) == "STATE_FORBIDS_COMMAND");
      const std::string message(next.status().message());
      CHECK(message.find(Dossier::State_Name(state)) != std::string::npos);
      CHECK(message.find(std::string(CommandName(kCommands[i]))) != std::string::npos);
      CHECK(message.find(absl::StrCat("allowed now: ", row.allowed)) != std::string::npos);
    }
  }
}

}  // namespace
}  // namespace lgsp::dossiers
