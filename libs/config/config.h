// Configuration from files: one textproto per process, secrets by path.
#pragma once

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "google/protobuf/message.h"

namespace lgsp::config {

// The whole of a file, at most 64 MiB. NOT_FOUND FILE_MISSING, FAILED_PRECONDITION FILE_UNREADABLE.
absl::StatusOr<std::string> ReadFile(absl::string_view path);

// Writes to a temporary file beside `path`, syncs it, renames it over `path` and syncs the folder:
// after a crash the file is whole, old or new. `mode` as in chmod. UNAVAILABLE FILE_NOT_WRITTEN.
absl::Status WriteFile(absl::string_view path, absl::string_view content, int mode = 0644);

// A secret: a file that only its owner may read, not empty, without its last line break.
// FAILED_PRECONDITION SECRET_EXPOSED, SECRET_EMPTY, SECRET_DEFAULT (a well-known default such as
// `changeme`).
absl::StatusOr<std::string> ReadSecret(absl::string_view path);

// Fills `message` from a textproto file. Unknown fields, doubled ones and syntax errors are
// INVALID_ARGUMENT CONFIG_INVALID with file, line and column.
absl::Status Load(absl::string_view path, google::protobuf::Message* message);

// `path` as it is when absolute, else beneath `base`.
std::string Resolve(absl::string_view base, absl::string_view path);

// The folder of a file: `.` when it has none.
std::string FolderOf(absl::string_view path);

}  // namespace lgsp::config
