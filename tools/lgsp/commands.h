// The commands of `lgsp`: each Add… registers one below `app`. All share one Session.
//
// How a command ends: its callback sets `session.exit_code` (0 is the default) and returns; nothing
// is thrown. An error is reported by `session.exit_code = ReportError(status)` (output.h), which
// prints the one line and gives kExitFailure.
// `--output` is an option of the root (commands fall through to it): look at `session.json` inside
// the callback, not before. Options of a command live in a std::shared_ptr captured by its
// callback.
#pragma once

#include <CLI/CLI.hpp>
#include <string>

namespace lgsp::cli {

inline constexpr int kExitOk = 0;
inline constexpr int kExitFailure = 1;
inline constexpr int kExitUsage = 2;
inline constexpr int kExitNotReady = 3;
inline constexpr int kExitNotRunning = 4;

// What main and the commands share; outlives all callbacks.
struct Session {
  int exit_code = kExitOk;
  // `--output json`: a result is one JSON object (or one per line where a command goes on) on
  // standard output.
  bool json = false;
  // `--source-root FOLDER`: where deploy/ and tools/ are; empty: found from the binary
  // (installation.h).
  std::string source_root;
};

void AddInit(CLI::App& app, Session& session);
void AddUp(CLI::App& app, Session& session);
void AddStatus(CLI::App& app, Session& session);
void AddRegistry(CLI::App& app, Session& session);
void AddParked(CLI::App& app, Session& session);
void AddPortal(CLI::App& app, Session& session);
void AddEvidence(CLI::App& app, Session& session);
void AddJourney(CLI::App& app, Session& session);
void AddDossier(CLI::App& app, Session& session);

}  // namespace lgsp::cli
