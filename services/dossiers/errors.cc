#include "services/dossiers/errors.h"

#include <algorithm>
#include <string>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "libs/status/status.h"
#include "services/dossiers/limits.h"

namespace lgsp::dossiers {

using lgsp::dossiers::v1::Dossier;
namespace {

absl::Status Precondition(absl::string_view reason, absl::string_view message,
                          ErrorMetadata metadata) {
  return MakeError(absl::StatusCode::kFailedPrecondition, reason, message, metadata);
}

// What was given as a code, for a message: when it cannot be one it may be anything, also personal
// data, and of any length.
absl::string_view Shown(absl::string_view code) {
  const bool possible = !code.empty() && code.size() <= kMaxCodeLength &&
                        std::all_of(code.begin(), code.end(), [](char c) {
                          return absl::ascii_isalnum(c) || c == '.' || c == '-';
                        });
  return possible ? code : "what was given";
}

}  // namespace

absl::Status DossierNotFound(absl::string_view name) {
  return MakeError(absl::StatusCode::kNotFound, "DOSSIER_NOT_FOUND", "no such dossier",
                   {{"name", name}});
}

absl::Status ProcedureUnknown(absl::string_view code) {
  return MakeError(absl::StatusCode::kNotFound, "PROCEDURE_UNKNOWN",
                   absl::StrCat("procedure: ", Shown(code), " is not in the catalogue"),
                   {{"procedure", Shown(code)}});
}

absl::Status ProcedureNotSettledHere(absl::string_view code, absl::string_view scope) {
  return Precondition(
      "PROCEDURE_NOT_SETTLED_HERE",
      absl::StrCat("procedure ", code, " is not settled by the province's agencies (scope ", scope,
                   ")"),
      {{"procedure", code}, {"scope", scope}});
}

absl::Status QueryTooLong() {
  return MakeFieldError("QUERY_TOO_LONG", "query",
                        absl::StrCat("is longer than ", kMaxQueryBytes, " bytes"));
}

absl::Status ScopeInvalid() {
  return MakeFieldError("SCOPE_INVALID", "scope", "must be one of the scopes");
}

absl::Status ProcedureNotInForce(absl::string_view code) {
  return Precondition("PROCEDURE_NOT_IN_FORCE",
                      absl::StrCat("procedure ", code, " is not in force in this province"),
                      {{"procedure", code}});
}

absl::Status ChannelNotOffered(const lgsp::dossiers::v1::Procedure& procedure) {
  std::vector<std::string> names;
  for (const int channel : procedure.channels()) {
    names.push_back(Dossier::Channel_Name(static_cast<Dossier::Channel>(channel)));
  }
  const std::string channels = absl::StrJoin(names, "|");
  return Precondition(
      "CHANNEL_NOT_OFFERED",
      absl::StrCat("procedure ", procedure.code(), " can be submitted by ", channels, " only"),
      {{"procedure", procedure.code()}, {"channels", channels}});
}

absl::Status AgencyUnknown(absl::string_view field, absl::string_view code) {
  return MakeFieldError("AGENCY_UNKNOWN", field,
                        absl::StrCat(Shown(code), " is not an agency of the catalogue"));
}

absl::Status AgencyNotRepresented(absl::string_view code) {
  return MakeError(absl::StatusCode::kPermissionDenied, "AGENCY_NOT_REPRESENTED",
                   absl::StrCat("the calling system does not act for ", code), {{"agency", code}});
}

absl::Status IntakeAgencyNeeded() {
  return MakeFieldError("INTAKE_AGENCY_NEEDED", "intake_agency",
                        "must be given: the calling system does not act for exactly one agency");
}

absl::Status AgencyClosed(absl::string_view code, absl::string_view successor) {
  return Precondition("AGENCY_CLOSED",
                      successor.empty()
                          ? absl::StrCat(code, " does not act yet")
                          : absl::StrCat(code, " acts no more; ", successor, " goes on for it"),
                      {{"agency", code}, {"successor", successor}});
}

absl::Status IntakeNotOffered(absl::string_view field, absl::string_view code) {
  return Precondition(
      "INTAKE_NOT_OFFERED",
      absl::StrCat(field, ": ", Shown(code),
                   " is neither a commune of the province, its service centre, nor the agency that "
                   "settles; of other provinces only for the procedures listed for that"),
      {{"field", field}, {"agency", Shown(code)}});
}

absl::Status SettledAtOnce(absl::string_view agency) {
  return Precondition(
      "SETTLED_AT_ONCE",
      absl::StrCat("the result is given at once, so only ",
                   agency.empty() ? "the agency that settles it" : agency, " takes it in"),
      {{"agency", agency}});
}

absl::Status PlaceUnknown(absl::string_view place) {
  return MakeFieldError("PLACE_UNKNOWN", "place",
                        absl::StrCat(Shown(place), " is not the code of a commune here"));
}

absl::Status DraftOfOtherProcedure() {
  return Precondition("DRAFT_OF_OTHER_PROCEDURE", "a draft keeps its procedure: begin another one",
                      {});
}

absl::Status ForeignCodeInvalid(absl::string_view what) {
  return MakeFieldError("FOREIGN_CODE_INVALID", "foreign_codes", what);
}

absl::Status ForeignCodeTaken(absl::string_view issuer, absl::string_view dossier) {
  return MakeError(absl::StatusCode::kAlreadyExists, "FOREIGN_CODE_TAKEN",
                   absl::StrCat("another dossier has this code of ", Shown(issuer)),
                   {{"issuer", Shown(issuer)}, {"dossier", dossier}});
}

absl::Status CompetenceUndetermined() {
  return Precondition("COMPETENCE_UNDETERMINED",
                      "which agency settles it is not known yet: it has to be forwarded first", {});
}

absl::Status ForwardWrong(absl::string_view what) {
  return MakeFieldError("FORWARD_WRONG", "to_agency", what);
}

absl::Status HopsExhausted() {
  return Precondition("HOPS_EXHAUSTED",
                      absl::StrCat("a file changes agencies at most ", kMaxHops, " times"), {});
}

absl::Status SettledWhereAccepted() {
  return Precondition("SETTLED_WHERE_ACCEPTED",
                      "the settling agency accepted it itself: there is nobody to send it back to",
                      {});
}

absl::Status ConsultationsInvalid(absl::string_view what) {
  return MakeFieldError("CONSULTATIONS_INVALID", "consultations", what);
}

absl::Status AnswerDaysInvalid() {
  return MakeFieldError("ANSWER_DAYS_INVALID", "answer_days",
                        absl::StrCat("must be 1 to ", kMaxAnswerDays, ", or 0"));
}

absl::Status NotConsulted(absl::string_view agency) {
  return Precondition("NOT_CONSULTED",
                      absl::StrCat(Shown(agency), " was not asked, or its answer is closed"),
                      {{"agency", Shown(agency)}});
}

absl::Status SettlingAgencyWrong(absl::string_view agency) {
  return MakeFieldError("SETTLING_AGENCY_WRONG", "settling_agency",
                        absl::StrCat("this procedure is settled by ", agency));
}

absl::Status StateForbidsCommand(absl::string_view state, absl::string_view command,
                                 absl::string_view allowed) {
  return Precondition("STATE_FORBIDS_COMMAND",
                      absl::StrCat("a dossier that is ", state, " cannot be told to ", command,
                                   "; allowed now: ", allowed.empty() ? "nothing" : allowed),
                      {{"state", state}, {"command", command}, {"allowed", allowed}});
}

absl::Status CommandNotYours(absl::string_view command, absl::string_view who) {
  return MakeError(absl::StatusCode::kPermissionDenied, "COMMAND_NOT_YOURS",
                   absl::StrCat("only ", who, " may ", command, " a dossier in this state"),
                   {{"command", command}, {"who", who}});
}

absl::Status SupplementAskedAlready() {
  return Precondition("SUPPLEMENT_ASKED_ALREADY",
                      "one supplement request states everything: there has been one in this stage",
                      {});
}

absl::Status SupplementItemsInvalid() {
  return MakeFieldError("SUPPLEMENT_ITEMS_INVALID", "items",
                        absl::StrCat("must be 1 to ", kMaxSupplementItems));
}

absl::Status FileReceivedAlready() {
  return Precondition("FILE_RECEIVED_ALREADY", "the settling agency has the file already", {});
}

absl::Status WaitKindInvalid() {
  return MakeFieldError("WAIT_KIND_INVALID", "kind", "must be PAYMENT or OTHER_AGENCY");
}

absl::Status WaitsExhausted() {
  return Precondition("WAITS_EXHAUSTED",
                      absl::StrCat("a dossier waits at most ", kMaxWaits, " times"), {});
}

absl::Status SignatureNeeded() {
  return Precondition("SIGNATURE_NEEDED",
                      "the head of the agency has to sign the result of this procedure first", {});
}

absl::Status ReappointedAlready() {
  return Precondition("REAPPOINTED_ALREADY", "there is one new date at most, and it is given", {});
}

absl::Status ClockStands() {
  return Precondition("CLOCK_STANDS", "the clock stands: the due date will move anyway", {});
}

absl::Status TermAmbiguous(absl::string_view rows) {
  return Precondition(
      "TERM_AMBIGUOUS",
      absl::StrCat("the channel has several different terms: name term_row, one of ", rows),
      {{"term_rows", rows}});
}

absl::Status TermRowUnknown(absl::string_view rows) {
  return MakeFieldError("TERM_ROW_UNKNOWN", "term_row", absl::StrCat("must be one of ", rows));
}

absl::Status DueTimeNeeded(absl::string_view procedure) {
  return Precondition("DUE_TIME_NEEDED",
                      "the term of this procedure cannot be computed: give due_time and due_basis",
                      {{"procedure", procedure}});
}

absl::Status DueTimeInvalid(absl::string_view what) {
  return MakeFieldError("DUE_TIME_INVALID", "due_time", what);
}

absl::Status CalendarMissing(int year) {
  return Precondition("CALENDAR_MISSING", absl::StrCat("no working days are on file for ", year),
                      {{"year", absl::StrCat(year)}});
}

absl::Status MirrorNotFound(absl::string_view name) {
  return MakeError(absl::StatusCode::kNotFound, "MIRROR_NOT_FOUND", "no such mirror",
                   {{"name", name}});
}

absl::Status MirrorNotCentral(absl::string_view procedure) {
  return Precondition(
      "MIRROR_NOT_CENTRAL",
      absl::StrCat("procedure ", procedure, " is not one that central systems settle"),
      {{"procedure", procedure}});
}

absl::Status MirrorOfAnother(absl::string_view code) {
  return MakeError(absl::StatusCode::kPermissionDenied, "MIRROR_OF_ANOTHER",
                   absl::StrCat("another system tells of the dossier ", Shown(code)),
                   {{"code", Shown(code)}});
}

absl::Status MirrorInvalid(absl::string_view field, absl::string_view what) {
  return MakeFieldError("MIRROR_INVALID", field, what);
}

absl::Status EraseReasonInvalid() {
  return MakeFieldError("ERASE_REASON_INVALID", "reason", "must be one of the reasons");
}

absl::Status PersonQueryInvalid(absl::string_view what) {
  return MakeFieldError("PERSON_QUERY_INVALID", "person", what);
}

absl::Status DueDateNotSet() {
  return Precondition("DUE_DATE_NOT_SET", "the dossier is not accepted yet: it has no due date",
                      {});
}

absl::Status LanguageUnknown() {
  return MakeFieldError("LANGUAGE_UNKNOWN", "language_code", "must be vi or en");
}

absl::Status CatalogueInvalid(absl::string_view file, absl::string_view code,
                              absl::string_view what) {
  return MakeError(absl::StatusCode::kInvalidArgument, "CATALOGUE_INVALID",
                   absl::StrCat(file, ": ", code, ": ", what), {{"file", file}, {"code", code}});
}

}  // namespace lgsp::dossiers
