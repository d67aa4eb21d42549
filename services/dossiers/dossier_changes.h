// What goes with every change of a dossier, in its transaction: history, event, the order to tell
// the portal.
#pragma once

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "google/protobuf/message.h"
#include "lgsp/auth/v1/caller.pb.h"
#include "libs/clock/clock.h"
#include "libs/events/outbox.h"
#include "libs/sql/sql.h"
#include "services/dossiers/catalogue/catalogue.h"
#include "services/dossiers/dossier_store.h"
#include "services/dossiers/lifecycle.h"

namespace lgsp::dossiers {

// Stateless but for what it is made of; thread-safe.
class DossierChanges {
 public:
  // `engine`: of the database that the dossiers are in.
  DossierChanges(const Catalogue* catalogue, const durable::SubjectKeys* subject_keys,
                 const PersonIndex* persons, const Clock* clock, sql::Database::Engine engine)
      : catalogue_(catalogue),
        clock_(clock),
        store_(subject_keys, persons),
        outbox_(clock, engine) {}

  // Saves what `command` of `caller` made of a dossier: a new one with its key, or one whose
  // revision has grown by one. RevisionConflict() when another was faster.
  absl::Status Save(sql::Transaction& tx, Command command, const lgsp::auth::v1::Caller& caller,
                    absl::string_view traceparent, absl::Time now, LoadedDossier& loaded) const;

  // Publishes what happened to `subject`: a dossier, or a part of it - a document, a result - that
  // is an aggregate of its own. Save does so for dossiers.
  absl::Status Tell(sql::Transaction& tx, absl::string_view subject, int64_t revision,
                    absl::string_view traceparent, absl::Time now, const LoadedDossier& loaded,
                    const google::protobuf::Message& fact) const;

  // Looks at dossiers that wait for an answer, at most kMaxExpired. Where the time is over, for the
  // applicant the dossier is closed, also a draft, for other agencies settlement goes on; where it
  // soon will be, the applicant is to be warned. Calls `committed` when there were some.
  absl::Status EndOverdueWaits(sql::Database& db, absl::FunctionRef<void()> committed) const;

  // Moves open dossiers of an officer to another, at most kMaxMoved. Allowed by CheckMoveWork.
  absl::StatusOr<lgsp::dossiers::v1::MoveWorkResponse> MoveWork(
      sql::Database& db, const lgsp::auth::v1::Caller& caller,
      const lgsp::dossiers::v1::MoveWorkRequest& request, absl::string_view traceparent) const;

  // Counts the next kMaxRecounted provisional due dates after the dossier `after` again, with the
  // calendar there is now, and moves `after` on; it is empty after the last. Calls `committed` when
  // some moved.
  absl::Status RecountProvisional(sql::Database& db, absl::FunctionRef<void()> committed,
                                  std::string& after) const;

  const DossierStore& store() const { return store_; }

 private:
  // What was signed for a dossier that ended without a result has no effect any more.
  absl::Status EndResults(sql::Transaction& tx, absl::string_view traceparent, absl::Time now,
                          const LoadedDossier& loaded) const;
  absl::Status EndOverdueWait(sql::Database& db, const std::string& name) const;
  // Tells, once, that the time for the answer is nearly over.
  absl::Status Remind(sql::Transaction& tx, absl::Time now, const LoadedDossier& loaded) const;
  absl::Status Recount(sql::Database& db, const std::string& name, bool& moved) const;

  const Catalogue* const catalogue_;
  const Clock* const clock_;
  const DossierStore store_;
  const events::Outbox outbox_;
};

}  // namespace lgsp::dossiers
