// What an answer of the national portal means. Pure. Inside this service only.
#pragma once

#include <nlohmann/json.hpp>

#include "absl/status/statusor.h"
#include "libs/http/http.h"
#include "services/national/portal_mapping.h"

namespace lgsp::national {

// Whether a call can change what the portal holds: decides what a missing answer means.
enum class Effect { kNone, kPossible };

// The codes of README.md's table.
inline constexpr int kDone = 0;
inline constexpr int kSessionExpired = -1;
inline constexpr int kDuplicate = 1;
inline constexpr int kUnknownDossier = 2;
inline constexpr int kFieldInvalid = 3;

struct PortalAnswer {
  int code = kDone;
  nlohmann::ordered_json body;
};

// The portal's own answer. PORTAL_LOGIN_REFUSED for HTTP 401 and 403. Without an answer of the
// portal: PORTAL_UNAVAILABLE when the call has certainly changed nothing, else
// PORTAL_OUTCOME_UNKNOWN.
absl::StatusOr<PortalAnswer> ReadAnswer(const absl::StatusOr<http::Response>& response,
                                        Effect effect);

// The error of a code that tells a refusal: PORTAL_FIELD_INVALID with the portal's name of the
// field, else PORTAL_UNAVAILABLE.
absl::Status RefusalOf(const PortalAnswer& answer);

// The dossier of a TraCuuHoSo that found it. PORTAL_UNAVAILABLE when the answer is not about
// `number`.
absl::StatusOr<PortalDossier> FoundDossier(const PortalAnswer& answer, absl::string_view number);

}  // namespace lgsp::national
