// A dossier in the words of the national portal. Pure. Inside this service only.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "lgsp/national/v1/portal.pb.h"

namespace lgsp::national {

// What the portal holds, or shall hold, about one dossier.
struct PortalDossier {
  // The data item of DongBoHoSoMC: literal field names in the portal's order.
  nlohmann::ordered_json item = nlohmann::ordered_json::object();
  // The rows of CapNhatTienDoHoSoMC, oldest first, each known by its status and time.
  std::vector<nlohmann::ordered_json> progress;
};

// The request in the portal's words. `agency` is our `madonvi`. Texts become NFC and are cut to the
// portal's limits on the border of a character; codes are never cut. PORTAL_FIELD_INVALID with the
// field of the request that is missing or cannot be said.
absl::StatusOr<PortalDossier> ToPortal(const v1::SyncDossierRequest& request,
                                       absl::string_view agency);

// MaLinhVuc, assumed: `<agency>-LV` and the first 8 hex digits of the SHA-256 of the folded name.
std::string FieldCode(absl::string_view agency, absl::string_view field_name);

}  // namespace lgsp::national
