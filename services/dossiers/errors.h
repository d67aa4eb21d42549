// One function per reason with which dossiers refuses (documented at the methods in
// dossiers.proto).
#pragma once

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "lgsp/dossiers/v1/procedures.pb.h"

namespace lgsp::dossiers {

absl::Status DossierNotFound(absl::string_view name);
absl::Status ProcedureUnknown(absl::string_view code);
absl::Status ProcedureNotSettledHere(absl::string_view code, absl::string_view scope);
absl::Status QueryTooLong();
absl::Status ScopeInvalid();
absl::Status ProcedureNotInForce(absl::string_view code);
absl::Status ChannelNotOffered(const lgsp::dossiers::v1::Procedure& procedure);
absl::Status AgencyUnknown(absl::string_view field, absl::string_view code);
absl::Status AgencyNotRepresented(absl::string_view code);
absl::Status IntakeAgencyNeeded();
absl::Status AgencyClosed(absl::string_view code, absl::string_view successor);
absl::Status IntakeNotOffered(absl::string_view field, absl::string_view code);
absl::Status SettledAtOnce(absl::string_view agency);
absl::Status PlaceUnknown(absl::string_view place);
absl::Status DraftOfOtherProcedure();
absl::Status ForeignCodeInvalid(absl::string_view what);
// `dossier`: the one that has it, where the caller may know; else empty.
absl::Status ForeignCodeTaken(absl::string_view issuer, absl::string_view dossier);
absl::Status CompetenceUndetermined();
absl::Status ForwardWrong(absl::string_view what);
absl::Status HopsExhausted();
absl::Status SettledWhereAccepted();
absl::Status ConsultationsInvalid(absl::string_view what);
absl::Status AnswerDaysInvalid();
absl::Status NotConsulted(absl::string_view agency);
absl::Status SettlingAgencyWrong(absl::string_view agency);
absl::Status StateForbidsCommand(absl::string_view state, absl::string_view command,
                                 absl::string_view allowed);
absl::Status CommandNotYours(absl::string_view command, absl::string_view who);
absl::Status SupplementAskedAlready();
absl::Status SupplementItemsInvalid();
absl::Status FileReceivedAlready();
absl::Status WaitKindInvalid();
absl::Status WaitsExhausted();
absl::Status SignatureNeeded();
absl::Status ReappointedAlready();
absl::Status ClockStands();
absl::Status TermAmbiguous(absl::string_view rows);
absl::Status TermRowUnknown(absl::string_view rows);
absl::Status DueTimeNeeded(absl::string_view procedure);
absl::Status DueTimeInvalid(absl::string_view what);
absl::Status CalendarMissing(int year);
absl::Status DueDateNotSet();
absl::Status MirrorNotFound(absl::string_view name);
absl::Status MirrorNotCentral(absl::string_view procedure);
absl::Status MirrorOfAnother(absl::string_view code);
absl::Status MirrorInvalid(absl::string_view field, absl::string_view what);
absl::Status EraseReasonInvalid();
absl::Status PersonQueryInvalid(absl::string_view what);
absl::Status LanguageUnknown();
// Of a row of the catalogue's tables, found while loading.
absl::Status CatalogueInvalid(absl::string_view file, absl::string_view code,
                              absl::string_view what);

}  // namespace lgsp::dossiers
