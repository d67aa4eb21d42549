#include "tools/lgsp/run_state.h"

#include <google/protobuf/util/json_util.h>
#include <google/protobuf/util/time_util.h>
#include <unistd.h>

#include <cstdio>
#include <fstream>
#include <sstream>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "libs/config/config.h"
#include "libs/status/status.h"

namespace lgsp::cli {
namespace {

constexpr char kPssLabel[] = "Pss:";

}  // namespace

RunState MakeRunState(absl::Time start, const std::vector<ProcessStatus>& processes) {
  RunState state;
  state.set_pid(getpid());
  *state.mutable_start_time() =
      google::protobuf::util::TimeUtil::SecondsToTimestamp(absl::ToUnixSeconds(start));
  for (const ProcessStatus& process : processes) {
    ProcessRun& run = *state.add_processes();
    run.set_name(process.name);
    run.set_state(std::string(StateName(process.state)));
    run.set_pid(process.pid);
    run.set_restarts(process.restarts);
    run.set_ready_seconds(
        absl::ToDoubleSeconds(absl::Trunc(process.time_to_ready, absl::Milliseconds(1))));
  }
  return state;
}

absl::Status WriteRunState(const std::string& file, const RunState& state) {
  google::protobuf::util::JsonPrintOptions options;
  options.add_whitespace = true;
  options.preserve_proto_field_names = true;
  options.always_print_primitive_fields = true;
  std::string text;
  const auto printed = google::protobuf::util::MessageToJsonString(state, &text, options);
  const std::string temporary = absl::StrCat(file, ".tmp");
  std::ofstream out(temporary, std::ios::trunc);
  out << text;
  out.close();
  if (!printed.ok() || !out.good() || rename(temporary.c_str(), file.c_str()) != 0) {
    return MakeError(absl::StatusCode::kUnavailable, "FILE_NOT_WRITTEN",
                     absl::StrCat(file, ": cannot be written"), {{"path", file}});
  }
  return absl::OkStatus();
}

absl::StatusOr<RunState> ReadRunState(const std::string& file) {
  ASSIGN_OR_RETURN(const std::string text, config::ReadFile(file));
  RunState state;
  if (!google::protobuf::util::JsonStringToMessage(text, &state).ok()) {
    return MakeError(absl::StatusCode::kDataLoss, "STATE_INVALID",
                     absl::StrCat(file, ": not written by lgsp up"), {{"path", file}});
  }
  return state;
}

absl::StatusOr<int64_t> PssKilobytes(pid_t pid) {
  std::ifstream in(absl::StrCat("/proc/", pid, "/smaps_rollup"));
  for (std::string line; std::getline(in, line);) {
    if (!absl::StartsWith(line, kPssLabel)) continue;
    int64_t kilobytes = 0;
    std::istringstream(line.substr(sizeof(kPssLabel) - 1)) >> kilobytes;
    return kilobytes;
  }
  return MakeError(absl::StatusCode::kNotFound, "PROCESS_GONE",
                   absl::StrCat("process ", pid, " does not run"));
}

}  // namespace lgsp::cli
