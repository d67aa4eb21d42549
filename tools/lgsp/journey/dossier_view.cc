#include "tools/lgsp/journey/dossier_view.h"

#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "google/protobuf/util/json_util.h"
#include "libs/clock/clock.h"
#include "libs/status/status.h"
#include "tools/lgsp/journey/plan.h"

namespace lgsp::cli {
namespace {

using dossiers::v1::Applicant;
using dossiers::v1::DayRun;
using dossiers::v1::Dossier;
using dossiers::v1::DueDate;
using dossiers::v1::PortalSync;

std::string Local(const google::protobuf::Timestamp& timestamp) {
  return absl::FormatTime("%Y-%m-%d %H:%M:%S", ToTime(timestamp), VietnamZone());
}

void Line(absl::string_view label, absl::string_view value, std::string* out) {
  if (!value.empty()) absl::StrAppendFormat(out, "%-11s %s\n", label, value);
}

std::string Contact(const Applicant& applicant) {
  std::string contact = applicant.phone();
  if (!applicant.email().empty()) {
    absl::StrAppend(&contact, contact.empty() ? "" : ", ", applicant.email());
  }
  return contact;
}

void FormatDue(const DueDate& due, std::string* out) {
  std::string rests_on = absl::StrCat("set by an officer: ", due.basis());
  if (due.basis().empty()) {
    rests_on =
        absl::StrCat(due.term_amount(), " ", due.term_unit(), " (term row ", due.term_row(), ")");
  }
  Line("due",
       absl::StrCat(Local(due.due_time()), due.provisional() ? " PROVISIONAL" : "", ", ", rests_on),
       out);
  for (const DayRun& run : due.explanation()) {
    std::string days = run.first_day();
    if (run.last_day() != run.first_day()) absl::StrAppend(&days, " to ", run.last_day());
    absl::StrAppendFormat(out, "  %-24s %s%s%s\n", days, DayRun::Kind_Name(run.kind()),
                          run.basis().empty() ? "" : ", ", run.basis());
  }
}

std::string SyncText(const PortalSync& sync) {
  std::string text = PortalSync::State_Name(sync.state());
  if (sync.synced_revision() > 0) {
    absl::StrAppend(&text, ", revision ", sync.synced_revision(), " at ", Local(sync.sync_time()));
  }
  if (sync.attempts() > 0) absl::StrAppend(&text, ", ", sync.attempts(), " attempts");
  if (!sync.last_error_reason().empty())
    absl::StrAppend(&text, ", last error ", sync.last_error_reason());
  return text;
}

absl::StatusOr<nlohmann::ordered_json> ToJson(const google::protobuf::Message& message) {
  std::string text;
  const auto printed = google::protobuf::util::MessageToJsonString(message, &text);
  if (!printed.ok()) {
    return MakeError(absl::StatusCode::kInternal, "DOSSIER_UNPRINTABLE", printed.ToString());
  }
  return nlohmann::ordered_json::parse(text, nullptr, /*allow_exceptions=*/false);
}

}  // namespace

std::string FormatDossier(const DossierView& view) {
  const Dossier& dossier = view.dossier;
  std::string out;
  Line("name", dossier.name(), &out);
  Line("code", dossier.code(), &out);
  Line("state",
       absl::StrCat(Dossier::State_Name(dossier.state()), ", revision ", dossier.revision()), &out);
  Line("procedure", dossier.procedure(), &out);
  Line("subject", dossier.subject(), &out);
  Line("filed",
       absl::StrCat(Dossier::Channel_Name(dossier.channel()), " at ", dossier.intake_agency()),
       &out);
  Line("settled by", dossier.settling_agency(), &out);
  Line("applicant",
       absl::StrCat(Applicant::Kind_Name(dossier.applicant().kind()), " ",
                    dossier.applicant().full_name(), ", ", dossier.applicant().id_number()),
       &out);
  Line("contact", Contact(dossier.applicant()), &out);
  Line("refused", dossier.reject_reason(), &out);
  if (dossier.has_due()) FormatDue(dossier.due(), &out);
  Line("portal", SyncText(dossier.portal_sync()), &out);
  absl::StrAppend(&out, "history\n");
  for (const auto& step : view.history.transitions()) {
    absl::StrAppendFormat(&out, "  %2d %s %-10s %s %s %s\n", step.revision(), Local(step.time()),
                          Dossier::State_Name(step.state()), step.system(), step.officer(),
                          step.unit());
  }
  return out;
}

absl::StatusOr<std::string> FormatDossierJson(const DossierView& view) {
  ASSIGN_OR_RETURN(nlohmann::ordered_json dossier, ToJson(view.dossier));
  ASSIGN_OR_RETURN(nlohmann::ordered_json history, ToJson(view.history));
  nlohmann::ordered_json all;
  all["dossier"] = std::move(dossier);
  all["transitions"] = history.contains("transitions") ? std::move(history["transitions"])
                                                       : nlohmann::ordered_json::array();
  return all.dump();
}

}  // namespace lgsp::cli
