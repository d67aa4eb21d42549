// A data folder (`lgsp init DIR`): where everything in it is, and what its platform file says.
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "tools/lgsp/platform.pb.h"

namespace lgsp::cli {

// The layout this tool makes and understands.
inline constexpr int kDataFolderLayout = 1;

// The processes of a demo folder that stand for what others run.
inline constexpr char kNationalSimulator[] = "national_sim";
inline constexpr char kSigningSimulator[] = "agency_signing";
bool IsSimulator(absl::string_view process);

// Immutable; copies are cheap enough.
class DataFolder {
 public:
  // An existing folder. NOT_FOUND DATA_FOLDER_MISSING (no such folder, or not made by `lgsp init`),
  // FAILED_PRECONDITION DATA_FOLDER_LAYOUT, INVALID_ARGUMENT CONFIG_INVALID.
  static absl::StatusOr<DataFolder> Open(absl::string_view path);
  // A folder that is being made at `path`: nothing is read.
  DataFolder(absl::string_view path, Platform platform);

  // Absolute, without a slash at its end.
  const std::string& root() const { return root_; }
  const Platform& platform() const { return platform_; }
  bool demo() const { return platform_.demo(); }
  // NOT_FOUND PROCESS_UNKNOWN.
  absl::StatusOr<Process> FindProcess(absl::string_view name) const;

  // `relative` beneath the folder.
  std::string Path(absl::string_view relative) const;
  std::string PlatformFile() const { return Path("platform.textproto"); }
  std::string AuthorityCertificate() const { return Path("ca/authority.crt"); }
  std::string AuthorityKey() const { return Path("ca/authority.key"); }
  // `service`: `gateway`, `dossiers`, `operator` …
  std::string ServiceCertificate(absl::string_view service) const;
  std::string ServiceKey(absl::string_view service) const;
  // `system`: with or without `systems/`, `demo-onestop`.
  std::string SystemCertificate(absl::string_view system) const;
  std::string SystemKey(absl::string_view system) const;
  // `key`: `policy`, `caller`, `evidence`, `audit`, `token`, `operator-1`, `operator-2`.
  std::string PrivateKey(absl::string_view key) const;
  std::string PublicKey(absl::string_view key) const;
  std::string KeyRing() const { return Path("keys/kek.ring"); }
  std::string IndexKey() const { return Path("keys/index.key"); }
  std::string PortalCredentials() const { return Path("secrets/portal-credentials.json"); }
  std::string Config(absl::string_view service) const;
  // That of a run with Kafka or PostgreSQL, beside the other because of the relative paths in it.
  std::string RunConfig(absl::string_view service) const;
  // PostgresData; missing: the databases are where the configuration says.
  std::string PostgresFile() const { return Path("data/postgres.textproto"); }
  std::string PolicySnapshot() const { return Path("policy/snapshot.binpb"); }
  // `<epoch> <version>` the gateway took last; written by it.
  std::string PolicyState() const { return Path("policy/state"); }
  // Written by the gateway.
  std::string EvidenceLog() const { return Path("data/evidence"); }
  std::string SimulatorData() const { return Path("data/national_sim"); }
  std::string SigningSimulatorData() const { return Path("data/agency_signing"); }
  std::string Log(absl::string_view process) const;
  std::string JourneyFolder() const { return Path("journey"); }
  std::string LockFile() const { return Path("run/lock"); }
  std::string CompileLockFile() const { return Path("run/compile.lock"); }
  std::string StateFile() const { return Path("run/state.json"); }

 private:
  std::string root_;
  Platform platform_;
};

// The port of `host:port`; 0 when it has none.
int PortOf(absl::string_view address);

}  // namespace lgsp::cli
