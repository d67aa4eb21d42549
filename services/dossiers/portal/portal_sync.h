// Keeping the national portal's copy of each dossier right, through the gateway and `national`.
// DESIGN.md sections 4, 9.
#pragma once

#include <memory>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "lgsp/dossiers/v1/dossiers.pb.h"
#include "lgsp/national/v1/portal.pb.h"
#include "libs/durable/calls.h"
#include "libs/sql/sql.h"
#include "services/dossiers/catalogue/catalogue.h"
#include "services/dossiers/dossier_store.h"

namespace lgsp::dossiers {

// Kind of the outward calls.
inline constexpr char kPortalSyncKind[] = "portal-sync";

// How the calls are made.
durable::CallWorker::Options PortalSyncOptions();

// PURE: the state the portal shall show. A dossier refused before acceptance is known there by its
// UUID.
lgsp::national::v1::SyncDossierRequest ToPortal(
    const Catalogue& catalogue, const lgsp::dossiers::v1::Dossier& dossier,
    const std::vector<lgsp::dossiers::v1::Transition>& transitions);

// Orders the portal to be told of the present state of a dossier; call it last in the transaction
// of a command. Nothing is told before acceptance or refusal.
absl::Status OrderPortalSync(sql::Transaction& tx, const Catalogue& catalogue,
                             const DossierStore& store, const LoadedDossier& loaded,
                             const Clock& clock);

// Orders the portal to be told once more of the present state, whatever became of the order that
// was made of it; the dossier is held (HoldDossier), so that no newer state is told before it.
// False: it is still to be told, and nothing was changed. FAILED_PRECONDITION PORTAL_COPY_UNKNOWN:
// the portal is not to know of it yet.
absl::StatusOr<bool> RepeatPortalSync(sql::Transaction& tx, const Catalogue& catalogue,
                                      const DossierStore& store, const LoadedDossier& loaded,
                                      const Clock& clock);

// Records how an attempt ended, in the dossier's portal_syncs row.
absl::Status RecordPortalSync(sql::Transaction& tx, const durable::Call& call,
                              const durable::Outcome& outcome, absl::Time now);

}  // namespace lgsp::dossiers
