#include "services/dossiers/dossier_store.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "google/protobuf/util/time_util.h"
#include "libs/aip/aip.h"
#include "libs/clock/clock.h"
#include "libs/clock/timestamp.h"
#include "libs/status/status.h"
#include "services/dossiers/errors.h"
#include "services/dossiers/lifecycle.h"
#include "services/dossiers/limits.h"

namespace lgsp::dossiers {
namespace {

using google::protobuf::util::TimeUtil;
using lgsp::dossiers::v1::Dossier;
using lgsp::dossiers::v1::PortalSync;
using lgsp::dossiers::v1::Transition;

std::string SealContext(absl::string_view name) { return absl::StrCat("dossiers.sealed\n", name); }

// Moves what is personal out of `dossier` into a message of its own; the parts of other tables are
// dropped.
Dossier TakePersonal(Dossier& dossier) {
  Dossier personal;
  personal.mutable_applicant()->Swap(dossier.mutable_applicant());
  personal.set_subject(dossier.subject());
  personal.set_reject_reason(dossier.reject_reason());
  dossier.clear_applicant();
  dossier.clear_subject();
  dossier.clear_reject_reason();
  personal.mutable_supplements()->Swap(dossier.mutable_supplements());
  personal.set_close_reason(dossier.close_reason());
  dossier.clear_close_reason();
  // Free text of an officer, who may name a person in it.
  if (!dossier.due().basis().empty()) {
    personal.mutable_due()->set_basis(dossier.due().basis());
    dossier.mutable_due()->clear_basis();
  }
  // What officers write to each other may name a person.
  for (lgsp::dossiers::v1::Hop& hop : *dossier.mutable_hops()) {
    personal.add_hops()->set_reason(hop.reason());
    hop.clear_reason();
  }
  for (lgsp::dossiers::v1::Consultation& one : *dossier.mutable_consultations()) {
    personal.add_consultations()->set_question(one.question());
    personal.mutable_consultations()->rbegin()->set_answer(one.answer());
    one.clear_question();
    one.clear_answer();
  }
  if (dossier.assistance().has_relative()) {
    personal.mutable_assistance()->mutable_relative()->Swap(
        dossier.mutable_assistance()->mutable_relative());
    dossier.mutable_assistance()->clear_relative();
  }
  if (dossier.has_reappointment()) {
    personal.mutable_reappointment()->set_reason(dossier.reappointment().reason());
    dossier.mutable_reappointment()->clear_reason();
  }
  dossier.clear_etag();
  dossier.clear_portal_sync();
  return personal;
}

struct Stored {
  sql::Bytes body;
  sql::Bytes sealed;
};

// Puts it back.
void AddPersonal(Dossier& personal, Dossier& dossier) {
  // Merging appends to lists: these have their place by number.
  for (int i = 0; i < std::min(personal.hops_size(), dossier.hops_size()); ++i) {
    dossier.mutable_hops(i)->MergeFrom(personal.hops(i));
  }
  const int asked = std::min(personal.consultations_size(), dossier.consultations_size());
  for (int i = 0; i < asked; ++i) {
    dossier.mutable_consultations(i)->MergeFrom(personal.consultations(i));
  }
  personal.clear_hops();
  personal.clear_consultations();
  dossier.MergeFrom(personal);
}

Stored ToStored(const Dossier& dossier, const keys::DataKey& key) {
  Dossier plain = dossier;
  const Dossier personal = TakePersonal(plain);
  return {{plain.SerializeAsString()},
          {keys::Seal(key, personal.SerializeAsString(), SealContext(dossier.name()))}};
}

sql::Value CodeOrNull(const Dossier& dossier) {
  return dossier.code().empty() ? sql::Value() : sql::Value(dossier.code());
}

// Columns of `portal_syncs` from `column` on; none yet means that nothing need be told.
PortalSync ToPortalSync(const sql::Row& row, int column) {
  PortalSync sync;
  if (row.IsNull(column)) {
    sync.set_state(PortalSync::NOT_NEEDED);
    return sync;
  }
  sync.set_state(static_cast<PortalSync::State>(row.Int(column)));
  sync.set_synced_revision(row.Int(column + 1));
  if (row.Int(column + 2) > 0) {
    *sync.mutable_sync_time() = TimeUtil::MicrosecondsToTimestamp(row.Int(column + 2));
  }
  sync.set_attempts(static_cast<int32_t>(row.Int(column + 3)));
  sync.set_last_error_reason(row.Text(column + 4));
  return sync;
}

}  // namespace

std::string IdOf(absl::string_view name) { return std::string(name.substr(name.find('/') + 1)); }

std::string FormatCode(absl::string_view agency, absl::CivilDay day, int64_t sequence) {
  return absl::StrFormat("%s-%02d%02d%02d-%04d", agency, day.year() % 100, day.month(), day.day(),
                         sequence);
}

absl::StatusOr<LoadedDossier> DossierStore::Load(
    sql::Transaction& tx, absl::string_view id,
    absl::FunctionRef<bool(const Dossier& plain)> visible) const {
  const std::string name = absl::StrCat(kCollection, "/", id);
  ASSIGN_OR_RETURN(
      const sql::Result found,
      aip::IsUuid(id)
          ? tx.Execute(
                "SELECT d.body, d.sealed, s.state, s.synced_revision, s.sync_time, s.attempts, "
                "s.last_error_reason FROM dossiers d LEFT JOIN portal_syncs s "
                "ON s.dossier = d.name WHERE d.name = :name",
                {{"name", name}})
          : tx.Execute(
                "SELECT d.body, d.sealed, s.state, s.synced_revision, s.sync_time, s.attempts, "
                "s.last_error_reason FROM dossiers d LEFT JOIN portal_syncs s "
                "ON s.dossier = d.name WHERE d.code = :code",
                {{"code", id}}));
  if (found.rows.empty()) return DossierNotFound(name);
  const sql::Row& row = found.rows[0];
  LoadedDossier loaded;
  if (!loaded.dossier.ParseFromString(row.Blob(0))) {
    return MakeError(absl::StatusCode::kDataLoss, "DOSSIER_UNREADABLE",
                     "the stored dossier is damaged", {{"name", name}});
  }
  if (!visible(loaded.dossier)) return DossierNotFound(name);
  ASSIGN_OR_RETURN(loaded.key, subject_keys_->Get(tx, loaded.dossier.name()));
  ASSIGN_OR_RETURN(const std::string personal,
                   keys::Open(loaded.key, row.Blob(1), SealContext(loaded.dossier.name())));
  loaded.listed = ListRowsOf(loaded.dossier);
  Dossier opened;
  opened.ParseFromString(personal);
  AddPersonal(opened, loaded.dossier);
  *loaded.dossier.mutable_portal_sync() = ToPortalSync(row, 2);
  loaded.dossier.set_etag(aip::Etag(loaded.dossier.name(), loaded.dossier.revision()));
  return loaded;
}

absl::StatusOr<keys::DataKey> DossierStore::Insert(sql::Transaction& tx,
                                                   const Dossier& dossier) const {
  ASSIGN_OR_RETURN(keys::DataKey key, subject_keys_->Create(tx, dossier.name()));
  Stored stored = ToStored(dossier, key);
  RETURN_IF_ERROR(
      tx.Execute(
            "INSERT INTO dossiers (name, revision, state, code, procedure_code, intake_agency, "
            "settling_agency, submit_time, body, sealed) VALUES (:name, :revision, :state, "
            "NULL, :procedure, :intake, :settling, :submit_time, :body, :sealed)",
            {{"name", dossier.name()},
             {"revision", dossier.revision()},
             {"state", static_cast<int>(dossier.state())},
             {"procedure", dossier.procedure()},
             {"intake", dossier.intake_agency()},
             {"settling", dossier.settling_agency()},
             {"submit_time", TimeUtil::TimestampToMicroseconds(dossier.submit_time())},
             {"body", std::move(stored.body)},
             {"sealed", std::move(stored.sealed)}})
          .status());
  RETURN_IF_ERROR(SetLists(tx, dossier, {}));
  RETURN_IF_ERROR(AddForeignCodes(tx, dossier));
  return key;
}

absl::Status DossierStore::SetLists(sql::Transaction& tx, const Dossier& dossier,
                                    const std::vector<ListRow>& before) const {
  const std::vector<ListRow> now = ListRowsOf(dossier);
  RETURN_IF_ERROR(SetListRows(tx, dossier.name(), before, now));
  // People of drafts are not searched for: what a draft says may still change, or is given up.
  if (!dossier.has_submit_time()) return absl::OkStatus();
  const auto has = [](const std::vector<ListRow>& rows, const std::string& agency) {
    return std::any_of(rows.begin(), rows.end(), [&](const ListRow& row) {
      return row.agency == agency && row.state != Dossier::DRAFT;
    });
  };
  for (const ListRow& row : now) {
    if (has(now, row.agency) && !has(before, row.agency)) {
      RETURN_IF_ERROR(persons_->Add(tx, row.agency, dossier));
    }
  }
  for (const ListRow& row : before) {
    if (has(before, row.agency) && !has(now, row.agency)) {
      RETURN_IF_ERROR(persons_->Remove(tx, row.agency, dossier));
    }
  }
  return absl::OkStatus();
}

absl::Status DossierStore::Erase(sql::Transaction& tx, const LoadedDossier& loaded) const {
  for (const ListRow& row : loaded.listed) {
    RETURN_IF_ERROR(persons_->Remove(tx, row.agency, loaded.dossier));
  }
  Dossier plain = loaded.dossier;
  TakePersonal(plain);
  ASSIGN_OR_RETURN(
      const sql::Result updated,
      tx.Execute("UPDATE dossiers SET revision = :revision, body = :body, sealed = :nothing "
                 "WHERE name = :name AND revision = :loaded",
                 {{"revision", plain.revision()},
                  {"body", sql::Bytes{plain.SerializeAsString()}},
                  {"nothing", sql::Bytes{}},
                  {"name", plain.name()},
                  {"loaded", plain.revision() - 1}}));
  if (updated.changed != 1) return sql::RevisionConflict();
  return subject_keys_->Erase(tx, plain.name());
}

absl::Status DossierStore::AddForeignCodes(sql::Transaction& tx, const Dossier& dossier) const {
  for (const lgsp::dossiers::v1::ForeignCode& code : dossier.foreign_codes()) {
    ASSIGN_OR_RETURN(
        const sql::Result inserted,
        tx.Execute(
            "INSERT INTO foreign_codes (issuer, code, dossier) "
            "VALUES (:issuer, :code, :dossier) "
            "ON CONFLICT (issuer, code) DO NOTHING",
            {{"issuer", code.issuer()}, {"code", code.code()}, {"dossier", dossier.name()}}));
    if (inserted.changed == 0) return ForeignCodeTaken(code.issuer(), "");
  }
  return absl::OkStatus();
}

absl::StatusOr<std::string> DossierStore::FindForeignCode(
    sql::Transaction& tx, const lgsp::dossiers::v1::ForeignCode& code) const {
  ASSIGN_OR_RETURN(
      const sql::Result found,
      tx.Execute("SELECT dossier FROM foreign_codes WHERE issuer = :issuer AND code = :code",
                 {{"issuer", code.issuer()}, {"code", code.code()}}));
  return found.rows.empty() ? "" : found.rows[0].Text(0);
}

absl::Status DossierStore::Update(sql::Transaction& tx, const LoadedDossier& loaded) const {
  const Dossier& dossier = loaded.dossier;
  Stored stored = ToStored(dossier, loaded.key);
  ASSIGN_OR_RETURN(
      const sql::Result updated,
      tx.Execute("UPDATE dossiers SET revision = :revision, state = :state, code = :code, "
                 "intake_agency = :intake, settling_agency = :settling, "
                 "body = :body, sealed = :sealed "
                 "WHERE name = :name AND revision = :loaded",
                 {{"revision", dossier.revision()},
                  {"state", static_cast<int>(dossier.state())},
                  {"code", CodeOrNull(dossier)},
                  {"intake", dossier.intake_agency()},
                  {"settling", dossier.settling_agency()},
                  {"body", std::move(stored.body)},
                  {"sealed", std::move(stored.sealed)},
                  {"name", dossier.name()},
                  {"loaded", dossier.revision() - 1}}));
  if (updated.changed != 1) return sql::RevisionConflict();
  return SetLists(tx, dossier, loaded.listed);
}

absl::Status DossierStore::SetAnswerDeadline(sql::Transaction& tx, absl::string_view name,
                                             std::optional<absl::Time> look) const {
  if (!look.has_value()) {
    return tx.Execute("DELETE FROM answer_deadlines WHERE dossier = :dossier", {{"dossier", name}})
        .status();
  }
  return tx
      .Execute(
          "INSERT INTO answer_deadlines (dossier, deadline) VALUES (:dossier, :deadline) "
          "ON CONFLICT (dossier) DO UPDATE SET deadline = :deadline",
          {{"dossier", name}, {"deadline", *look}})
      .status();
}

absl::StatusOr<bool> DossierStore::PostponeAnswerDeadline(sql::Transaction& tx,
                                                          absl::string_view name, absl::Time now,
                                                          absl::Time later) const {
  ASSIGN_OR_RETURN(const sql::Result postponed,
                   tx.Execute("UPDATE answer_deadlines SET deadline = :later "
                              "WHERE dossier = :dossier AND deadline < :now",
                              {{"later", later}, {"dossier", name}, {"now", now}}));
  return postponed.changed == 1;
}

absl::Status DossierStore::AddProvisionalDue(sql::Transaction& tx, absl::string_view name) const {
  return tx
      .Execute(
          "INSERT INTO provisional_dues (dossier) VALUES (:dossier) "
          "ON CONFLICT (dossier) DO NOTHING",
          {{"dossier", name}})
      .status();
}

absl::Status DossierStore::RemoveProvisionalDue(sql::Transaction& tx,
                                                absl::string_view name) const {
  return tx.Execute("DELETE FROM provisional_dues WHERE dossier = :dossier", {{"dossier", name}})
      .status();
}

absl::StatusOr<std::vector<std::string>> DossierStore::ProvisionalDues(sql::Transaction& tx,
                                                                       absl::string_view after,
                                                                       int limit) const {
  ASSIGN_OR_RETURN(const sql::Result found,
                   tx.Execute("SELECT dossier FROM provisional_dues WHERE dossier > :after "
                              "ORDER BY dossier LIMIT :limit",
                              {{"after", after}, {"limit", limit}}));
  std::vector<std::string> names;
  for (const sql::Row& row : found.rows) names.push_back(row.Text(0));
  return names;
}

absl::StatusOr<std::vector<std::string>> DossierStore::OverdueAnswers(sql::Transaction& tx,
                                                                      absl::Time now,
                                                                      int limit) const {
  ASSIGN_OR_RETURN(const sql::Result found,
                   tx.Execute("SELECT dossier FROM answer_deadlines WHERE deadline < :now "
                              "ORDER BY deadline LIMIT :limit",
                              {{"now", now}, {"limit", limit}}));
  std::vector<std::string> names;
  for (const sql::Row& row : found.rows) names.push_back(row.Text(0));
  return names;
}

absl::Status DossierStore::AddTransition(sql::Transaction& tx, const Dossier& dossier,
                                         absl::string_view command, absl::Time time,
                                         const lgsp::auth::v1::Caller& caller) const {
  return tx
      .Execute(
          "INSERT INTO transitions (dossier, revision, state, command, settling_agency, time, "
          "system, officer, unit) VALUES (:dossier, :revision, :state, :command, :settling, :time, "
          ":system, :officer, :unit)",
          {{"dossier", dossier.name()},
           {"revision", dossier.revision()},
           {"state", static_cast<int>(dossier.state())},
           {"command", command},
           {"settling", dossier.settling_agency()},
           {"time", time},
           {"system", caller.system()},
           {"officer", caller.officer().id()},
           {"unit", caller.officer().unit()}})
      .status();
}

absl::StatusOr<std::vector<Transition>> DossierStore::Transitions(sql::Transaction& tx,
                                                                  absl::string_view name) const {
  ASSIGN_OR_RETURN(const sql::Result found,
                   tx.Execute("SELECT revision, state, time, system, officer, unit, command, "
                              "settling_agency FROM transitions "
                              "WHERE dossier = :dossier ORDER BY revision LIMIT :limit",
                              {{"dossier", name}, {"limit", kMaxTransitions}}));
  std::vector<Transition> transitions;
  for (const sql::Row& row : found.rows) {
    Transition& transition = transitions.emplace_back();
    transition.set_revision(row.Int(0));
    transition.set_state(static_cast<Dossier::State>(row.Int(1)));
    *transition.mutable_time() = TimeUtil::MicrosecondsToTimestamp(row.Int(2));
    transition.set_system(row.Text(3));
    transition.set_officer(row.Text(4));
    transition.set_unit(row.Text(5));
    transition.set_command(row.Text(6));
    transition.set_settling_agency(row.Text(7));
  }
  return transitions;
}

absl::StatusOr<std::string> DossierStore::NextCode(sql::Transaction& tx, absl::string_view agency,
                                                   absl::CivilDay day) const {
  ASSIGN_OR_RETURN(
      const sql::Result counted,
      tx.Execute("INSERT INTO dossier_codes (agency, day, last) VALUES (:agency, :day, 1) "
                 "ON CONFLICT (agency, day) DO UPDATE SET last = dossier_codes.last + 1 "
                 "RETURNING last",
                 {{"agency", agency}, {"day", FormatDay(day)}}));
  return FormatCode(agency, day, counted.rows[0].Int(0));
}

}  // namespace lgsp::dossiers
