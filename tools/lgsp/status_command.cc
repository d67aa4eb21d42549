#include <iostream>
#include <memory>

#include "absl/strings/str_format.h"
#include "libs/status/status.h"
#include "nlohmann/json.hpp"
#include "tools/lgsp/commands.h"
#include "tools/lgsp/data_folder.h"
#include "tools/lgsp/folder_lock.h"
#include "tools/lgsp/output.h"
#include "tools/lgsp/readiness.h"
#include "tools/lgsp/run_state.h"

namespace lgsp::cli {
namespace {

constexpr char kSupervisor[] = "up";
constexpr double kKilobytesPerMegabyte = 1024.0;

// One line of the table.
struct Row {
  ProcessRun run;
  int port = 0;
  int64_t pss_kb = 0;
};

// As `lgsp up` last wrote it, but ready only if it says so itself now.
std::vector<Row> RowsOf(const DataFolder& folder, const RunState& state) {
  std::vector<Row> rows;
  for (const ProcessRun& run : state.processes()) {
    Row row{run, 0, PssKilobytes(run.pid()).value_or(0)};
    const auto process = folder.FindProcess(run.name());
    if (process.ok()) row.port = PortOf(process->address());
    if (run.state() == StateName(ProcessState::kReady) &&
        !(process.ok() && IsReady(folder, *process))) {
      row.run.set_state("not ready");
    }
    rows.push_back(std::move(row));
  }
  Row own;
  own.run.set_name(kSupervisor);
  own.run.set_state("running");
  own.run.set_pid(state.pid());
  own.pss_kb = PssKilobytes(state.pid()).value_or(0);
  rows.push_back(std::move(own));
  return rows;
}

// Of the platform: the simulators stand for what others run.
int64_t TotalKilobytes(const std::vector<Row>& rows) {
  int64_t total = 0;
  for (const Row& row : rows) total += IsSimulator(row.run.name()) ? 0 : row.pss_kb;
  return total;
}

bool AllReady(const std::vector<Row>& rows) {
  for (const Row& row : rows) {
    if (row.run.name() != kSupervisor && row.run.state() != StateName(ProcessState::kReady))
      return false;
  }
  return true;
}

void PrintJson(const std::vector<Row>& rows, pid_t pid) {
  nlohmann::json processes = nlohmann::json::array();
  for (const Row& row : rows) {
    processes.push_back({{"name", row.run.name()},
                         {"state", row.run.state()},
                         {"pid", row.run.pid()},
                         {"port", row.port},
                         {"pss_kb", row.pss_kb},
                         {"restarts", row.run.restarts()},
                         {"ready_seconds", row.run.ready_seconds()}});
  }
  std::cout << nlohmann::json{{"running", true},
                              {"ready", AllReady(rows)},
                              {"pid", pid},
                              {"processes", processes},
                              {"total_pss_kb", TotalKilobytes(rows)}}
            << std::endl;
}

void PrintText(const std::vector<Row>& rows) {
  std::cout << absl::StreamFormat("%-14s %-11s %8s %6s %9s %9s %9s\n", "process", "state", "pid",
                                  "port", "PSS MB", "restarts", "ready s");
  for (const Row& row : rows) {
    const std::string port = row.port == 0 ? "-" : std::to_string(row.port);
    std::cout << absl::StreamFormat("%-14s %-11s %8d %6s %9.1f %9d %9.2f\n", row.run.name(),
                                    row.run.state(), row.run.pid(), port,
                                    static_cast<double>(row.pss_kb) / kKilobytesPerMegabyte,
                                    row.run.restarts(), row.run.ready_seconds());
  }
  std::cout << absl::StreamFormat("total PSS %.1f MB, the simulators not counted\n",
                                  static_cast<double>(TotalKilobytes(rows)) / kKilobytesPerMegabyte)
            << std::flush;
}

absl::StatusOr<int> ShowStatus(const std::string& path, const Session& session) {
  ASSIGN_OR_RETURN(const DataFolder folder, DataFolder::Open(path));
  const pid_t holder = FolderLock::Holder(folder.LockFile());
  const auto state = ReadRunState(folder.StateFile());
  if (holder == 0) {
    if (session.json) {
      std::cout << nlohmann::json{{"running", false}, {"ready", false}} << std::endl;
    } else {
      std::cout << "not running: lgsp up " << folder.root() << std::endl;
    }
    return kExitNotRunning;
  }
  // A state of another pid is that of the run before: the present one has started nothing yet.
  std::vector<Row> rows;
  RunState current;
  if (state.ok() && state->pid() == holder) current = *state;
  current.set_pid(holder);
  rows = RowsOf(folder, current);
  session.json ? PrintJson(rows, holder) : PrintText(rows);
  return !current.processes().empty() && AllReady(rows) ? kExitOk : kExitNotReady;
}

}  // namespace

void AddStatus(CLI::App& app, Session& session) {
  auto folder = std::make_shared<std::string>();
  CLI::App* command = app.add_subcommand("status", "what runs, whether it is ready, what it takes");
  command->add_option("DIR", *folder, "data folder")->required();
  command->footer(
      "Example:\n  lgsp status ~/lgsp --output json\n\n"
      "Exit codes: 0 all are ready, 3 some are not, 4 `lgsp up` does not run.");
  command->callback([folder, &session] {
    const auto code = ShowStatus(*folder, session);
    session.exit_code = code.ok() ? *code : ReportError(code.status());
  });
}

}  // namespace lgsp::cli
