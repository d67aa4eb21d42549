// Makes the portal's copy of one dossier equal to the desired state.
#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_set.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "lgsp/national/v1/portal.pb.h"
#include "services/national/portal_client.h"
#include "services/national/portal_mapping.h"

namespace lgsp::national {

// What is to be done at the portal.
struct Plan {
  enum class Item { kNothing, kInsert, kUpdate };
  Item item = Item::kNothing;
  // Rows the portal does not have, oldest first.
  std::vector<nlohmann::ordered_json> missing;
};

// Pure. `stored` is what the look-up gave. The item is updated when any field we send differs; a
// row is missing when none with its status and time is there; of two wanted rows with both equal
// one counts.
Plan Decide(const PortalDossier& desired, const std::optional<PortalDossier>& stored);

// Pure. Of a dossier that was filed at the portal (it has a MaHoSoDonVi), whether what stands there
// under its number is the same case: procedure, and number or name of the applicant.
// FAILED_PRECONDITION PORTAL_NUMBER_UNKNOWN, PORTAL_NUMBER_OF_ANOTHER: nothing is overwritten by a
// number that was mistyped.
absl::Status CheckSameCase(const PortalDossier& desired,
                           const std::optional<PortalDossier>& stored);

// Pure. What `stored` has otherwise than `desired`, by the same rules.
v1::CompareDossierResponse Compare(const PortalDossier& desired,
                                   const std::optional<PortalDossier>& stored);

// Thread-safe. Calls for one dossier follow each other, also when a later one begins before an
// earlier one has ended.
class PortalSync {
 public:
  explicit PortalSync(PortalClient* client) : client_(client) {}

  // Those of PortalClient and CheckSameCase. After PORTAL_OUTCOME_UNKNOWN nothing more is tried:
  // the next call begins with a look-up anyway.
  absl::StatusOr<v1::SyncDossierResponse> Sync(const PortalDossier& desired, absl::Time deadline);

  // One look-up; nothing is written. Errors are those of PortalClient::LookUp.
  absl::StatusOr<v1::CompareDossierResponse> Compare(const PortalDossier& desired,
                                                     absl::Time deadline);

 private:
  // Waits until no other call for the dossier is under way; EndTurn must follow. PORTAL_UNAVAILABLE
  // when that outlasts `deadline`.
  absl::Status AwaitTurn(const std::string& number, absl::Time deadline);
  void EndTurn(const std::string& number);
  absl::StatusOr<v1::SyncDossierResponse> SyncAlone(const PortalDossier& desired,
                                                    absl::string_view number, absl::Time deadline);

  PortalClient* const client_;
  absl::Mutex mutex_;
  // Numbers of the dossiers that are being synced or compared.
  absl::flat_hash_set<std::string> busy_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace lgsp::national
