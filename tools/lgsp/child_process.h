// One child process: started so that it cannot outlive us.
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace lgsp::cli {

// A log larger than this is set aside as `<log>.1` (the former one is lost).
inline constexpr int64_t kMaxLogBytes = 16 << 20;

// Starts `argv` (argv[0] an absolute path) with its output appended to `log_file`, in a process
// group of its own so that the terminal's Ctrl-C does not reach it. It is killed by the kernel when
// the calling THREAD ends: call from the main thread. `sockets` are handed over as sd_listen_fds(3)
// has it (descriptors 3 and up, LISTEN_FDS, LISTEN_PID). FAILED_PRECONDITION PROGRAM_NOT_STARTED
// (missing, not executable); UNAVAILABLE LOG_NOT_WRITABLE, PROCESS_LIMIT.
absl::StatusOr<pid_t> StartChild(const std::vector<std::string>& argv, const std::string& log_file,
                                 const std::vector<int>& sockets = {});

// Sets `log_file` aside when it is larger than kMaxLogBytes: copied and emptied, as a process that
// runs goes on writing to the file it has open (O_APPEND: at its new end). Lines written meanwhile
// may be lost; when the copy fails (disk full) nothing is emptied.
void SetAsideLargeLog(const std::string& log_file);

// The last line of a file that is not empty, at most 200 bytes of it; empty when there is none.
std::string LastLine(const std::string& file);

// `exit status 3`, `signal 9`: a status of waitpid in words.
std::string DescribeExit(int wait_status);

}  // namespace lgsp::cli
