// The journal of the portal's simulator (tools/national_sim/README.md): the portal's copies, made
// again from it.
#pragma once

#include <map>
#include <string>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace lgsp::cli {

// One dossier at the portal.
struct PortalCopy {
  int inserts = 0;
  // TrangThaiHoSo as it stands, `1` to `10`.
  std::string status;
  // TrichYeuHoSo.
  std::string subject;
  // (TrangThai, ThoiDiemXuLy) of a progress row -> how often it was added.
  std::map<std::pair<std::string, std::string>, int> progress;
};

// By MaHoSo.
using PortalCopies = std::map<std::string, PortalCopy>;

struct PortalJournal {
  PortalCopies copies;
  // Faults injected since the moment asked for, by kind.
  std::map<std::string, int> faults;
  int records = 0;
};

// Folds the lines of a journal; a last line without its end was never answered for.
// INVALID_ARGUMENT PORTAL_JOURNAL_BROKEN (names the line).
absl::StatusOr<PortalJournal> FoldPortalJournal(absl::string_view text, absl::Time faults_since);

// NOT_FOUND FILE_MISSING, FAILED_PRECONDITION FILE_UNREADABLE; as above.
absl::StatusOr<PortalJournal> ReadPortalJournal(absl::string_view path, absl::Time faults_since);

}  // namespace lgsp::cli
