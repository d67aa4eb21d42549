// The way of one planned dossier, step by step. PURE.
#pragma once

#include <string>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "google/protobuf/message.h"
#include "tools/lgsp/journey/people.h"
#include "tools/lgsp/journey/plan.pb.h"
#include "tools/lgsp/journey/procedures.h"

namespace lgsp::cli {

// The service centre of the province.
inline constexpr char kServiceCentre[] = "H12.15";

// What is special about a dossier; drawn for the whole plan, so that each occurs as often as it
// should.
struct Special {
  dossiers::v1::Dossier::State end = dossiers::v1::Dossier::RETURNED;
  bool supplement = false;
  bool assisted = false;
  bool forwarded = false;
  bool consulted = false;
  bool apology = false;
  // An organisation asks, else a citizen.
  bool organisation = false;
  // Asks for the same as an earlier dossier of the same applicant, and reuses a paper of it.
  bool again = false;
};

// What is drawn for one dossier.
struct Drawn {
  const Procedure* procedure = nullptr;
  dossiers::v1::Dossier::Channel channel = dossiers::v1::Dossier::DIRECT;
  TermChoice term;
  // A commune, by chance.
  std::string commune;
};

// Appends the steps of one dossier, all but request ids and subject.
void PlanWay(const Drawn& drawn, const Special& special, absl::Time made, Chance& chance,
             PlannedDossier& planned);

// The request of a step, to be given a request id, a name, an etag.
google::protobuf::Message& RequestOf(PlannedStep& step);
const google::protobuf::Message& RequestOf(const PlannedStep& step);
// Sets a text field of it that every command but the first has: `name`, `etag`, `request_id`.
void SetText(google::protobuf::Message& request, const std::string& field, std::string text);
std::string GetText(const google::protobuf::Message& request, const std::string& field);

}  // namespace lgsp::cli
