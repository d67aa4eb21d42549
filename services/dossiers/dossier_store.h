// SQL of the dossier aggregate. No business rules.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/civil_time.h"
#include "lgsp/auth/v1/caller.pb.h"
#include "lgsp/dossiers/v1/dossiers.pb.h"
#include "libs/durable/subject_keys.h"
#include "libs/sql/sql.h"
#include "services/dossiers/dossier_list.h"
#include "services/dossiers/person_index.h"

namespace lgsp::dossiers {

// Dossiers are `dossiers/<uuid>`.
inline constexpr char kCollection[] = "dossiers";
// `0197…` of `dossiers/0197…`.
std::string IdOf(absl::string_view name);

// A dossier with the data key that seals what is personal in it.
struct LoadedDossier {
  lgsp::dossiers::v1::Dossier dossier;
  keys::DataKey key;
  // Its places in the lists when it was loaded.
  std::vector<ListRow> listed;
};

// Stateless but for the keys; thread-safe. Every dossier that comes out has its etag and
// portal_sync.
class DossierStore {
 public:
  DossierStore(const durable::SubjectKeys* subject_keys, const PersonIndex* persons)
      : subject_keys_(subject_keys), persons_(persons) {}

  // `id`: a UUID or a code. NOT_FOUND DOSSIER_NOT_FOUND, also when it is not `visible` by what is
  // not personal in it: judged before anything is unsealed, so that nobody learns of a dossier by
  // the error with which it cannot be. NOT_FOUND DATA_KEY_ERASED, DATA_LOSS DOSSIER_UNREADABLE.
  absl::StatusOr<LoadedDossier> Load(
      sql::Transaction& tx, absl::string_view id,
      absl::FunctionRef<bool(const lgsp::dossiers::v1::Dossier& plain)> visible) const;
  absl::StatusOr<LoadedDossier> Load(sql::Transaction& tx, absl::string_view id) const {
    return Load(tx, id, [](const lgsp::dossiers::v1::Dossier&) { return true; });
  }

  // Stores a new dossier and makes its data key.
  absl::StatusOr<keys::DataKey> Insert(sql::Transaction& tx,
                                       const lgsp::dossiers::v1::Dossier& dossier) const;

  // Saves a dossier whose revision has grown by one; RevisionConflict() when another was faster.
  absl::Status Update(sql::Transaction& tx, const LoadedDossier& loaded) const;

  // Notes when `dossier` has to be looked at for want of an answer, or that it need not be.
  absl::Status SetAnswerDeadline(sql::Transaction& tx, absl::string_view name,
                                 std::optional<absl::Time> look) const;
  // Has it looked at again at `later` only; false when that was done, or it was answered, since
  // `now`.
  absl::StatusOr<bool> PostponeAnswerDeadline(sql::Transaction& tx, absl::string_view name,
                                              absl::Time now, absl::Time later) const;
  // Notes, or forgets, that the due date of a dossier is provisional.
  absl::Status AddProvisionalDue(sql::Transaction& tx, absl::string_view name) const;
  absl::Status RemoveProvisionalDue(sql::Transaction& tx, absl::string_view name) const;
  // Names of those noted, in order, after `after`.
  absl::StatusOr<std::vector<std::string>> ProvisionalDues(sql::Transaction& tx,
                                                           absl::string_view after,
                                                           int limit) const;
  // Names of dossiers that have to be looked at at `now`, the longest overdue first.
  absl::StatusOr<std::vector<std::string>> OverdueAnswers(sql::Transaction& tx, absl::Time now,
                                                          int limit) const;

  // One row of history: the state that `dossier` has entered.
  absl::Status AddTransition(sql::Transaction& tx, const lgsp::dossiers::v1::Dossier& dossier,
                             absl::string_view command, absl::Time time,
                             const lgsp::auth::v1::Caller& caller) const;
  absl::StatusOr<std::vector<lgsp::dossiers::v1::Transition>> Transitions(
      sql::Transaction& tx, absl::string_view name) const;

  // Keeps the codes that others gave a new dossier; ALREADY_EXISTS FOREIGN_CODE_TAKEN.
  absl::Status AddForeignCodes(sql::Transaction& tx,
                               const lgsp::dossiers::v1::Dossier& dossier) const;

  // The dossier that has a code of somebody else's; empty when none has.
  absl::StatusOr<std::string> FindForeignCode(sql::Transaction& tx,
                                              const lgsp::dossiers::v1::ForeignCode& code) const;

  // Makes what is personal of a dossier unreadable for ever, wherever it is kept, and saves the
  // rest; its revision has grown by one. RevisionConflict() when another was faster.
  absl::Status Erase(sql::Transaction& tx, const LoadedDossier& loaded) const;

  // The next code of `agency` on `day`; the row is contended, so take it last.
  absl::StatusOr<std::string> NextCode(sql::Transaction& tx, absl::string_view agency,
                                       absl::CivilDay day) const;

  const PersonIndex& persons() const { return *persons_; }

 private:
  // Makes the lists and the index of persons say whose the dossier is now.
  absl::Status SetLists(sql::Transaction& tx, const lgsp::dossiers::v1::Dossier& dossier,
                        const std::vector<ListRow>& before) const;

  const durable::SubjectKeys* const subject_keys_;
  const PersonIndex* const persons_;
};

// `H12.50.01-261123-0001` (Circular 03/2025/TT-VPCP art. 13, clause 3 by Circular 04 of 2026): at
// least four digits.
std::string FormatCode(absl::string_view agency, absl::CivilDay day, int64_t sequence);

}  // namespace lgsp::dossiers
