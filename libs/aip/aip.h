// Resource names, etags, request ids and page tokens by the API Improvement Proposals (AIP-122,
// 154, 155, 158).
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace lgsp::aip {

// The id in `name` when it is `<collection>/<id>` with an id of 1 to 64 of A-Z a-z 0-9 - _ .
// INVALID_ARGUMENT NAME_INVALID with `field`.
absl::StatusOr<std::string> ParseName(absl::string_view field, absl::string_view name,
                                      absl::string_view collection);

// True for a UUID in lower case.
bool IsUuid(absl::string_view text);

// 1 to 64 of A-Z a-z 0-9 - _ . INVALID_ARGUMENT REQUEST_ID_INVALID.
absl::Status CheckRequestId(absl::string_view request_id);

// The etag of a revision of a resource, and its check. INVALID_ARGUMENT ETAG_MISSING; ABORTED
// ETAG_STALE, also for what is no etag at all: the caller's way out is the same, to read the
// resource again.
std::string Etag(absl::string_view name, int64_t revision);
absl::Status CheckEtag(absl::string_view etag, absl::string_view name, int64_t revision);

// `requested` bounded: 0 means `standard`, more than `largest` is cut to it. INVALID_ARGUMENT
// PAGE_SIZE_INVALID below 0.
absl::StatusOr<int> PageSize(int32_t requested, int standard, int largest);

// A page token holds where to go on (a few texts) and is bound to the filters of the list. Opaque,
// not secret.
std::string MakePageToken(const std::vector<std::string>& place, absl::string_view filters);
// INVALID_ARGUMENT PAGE_TOKEN_INVALID: not ours, of other filters, or of another shape than `parts`
// texts.
absl::StatusOr<std::vector<std::string>> ParsePageToken(absl::string_view token, size_t parts,
                                                        absl::string_view filters);

}  // namespace lgsp::aip
