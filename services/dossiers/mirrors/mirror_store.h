// SQL of the copies of central systems' dossiers.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "lgsp/dossiers/v1/mirrors.pb.h"
#include "libs/sql/sql.h"

namespace lgsp::dossiers {

// Mirrors are `mirrors/<code>`.
inline constexpr char kMirrorCollection[] = "mirrors";

absl::StatusOr<std::optional<lgsp::dossiers::v1::Mirror>> FindMirror(sql::Transaction& tx,
                                                                     absl::string_view code);

// Puts `mirror` in the place of `before`, if there was one, and counts. RevisionConflict() when
// another was faster.
absl::Status SaveMirror(sql::Transaction& tx,
                        const std::optional<lgsp::dossiers::v1::Mirror>& before,
                        const lgsp::dossiers::v1::Mirror& mirror);

// Of one agency, in the order of their codes after `after`; status 0: every one.
absl::StatusOr<std::vector<lgsp::dossiers::v1::Mirror>> ReadMirrors(sql::Transaction& tx,
                                                                    absl::string_view agency,
                                                                    int portal_status,
                                                                    absl::string_view after,
                                                                    int limit);

// By status.
absl::StatusOr<std::map<int, int64_t>> CountMirrors(sql::Transaction& tx, absl::string_view agency);

}  // namespace lgsp::dossiers
