// What the tests of this service share: a gateway's log with records of calls, and its mirror.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "lgsp/evidence/v1/record.pb.h"
#include "libs/clock/clock.h"
#include "libs/evidence/log.h"
#include "libs/metrics/metrics.h"
#include "libs/testing/files.h"
#include "services/evidence/mirror.h"

namespace lgsp::evidence {

inline constexpr char kGateway[] = "lgsp.example/gateway/0";
// Noon in Vietnam.
const absl::Time kNoon =
    absl::FromCivil(absl::CivilSecond(2026, 11, 23, 5, 0, 0), absl::UTCTimeZone());

std::string ReadText(const std::string& path);
void WriteText(const std::string& path, absl::string_view content);
void CopyFolder(const std::string& from, const std::string& to);

// Path -> content of the public files of a log in `folder`.
std::map<std::string, std::string> PublicFiles(const std::string& folder);

// A UUID, different for each number.
std::string ExchangeId(int number);

// A call, and how it ended.
struct Call {
  std::string id;
  absl::Time time = kNoon;
  std::string system = "systems/onestop";
  std::string path = "/lgsp.dossiers.v1.Dossiers/GetDossier";
  std::string dossier = {}, person = {};
};
std::string IntentOf(const Call& call);
std::string OutcomeOf(const Call& call);

// The log of a gateway that runs; signs at once.
class Node {
 public:
  explicit Node(const std::string& folder) : Node(folder, keys::SigningKey::Generate()) {}
  Node(const std::string& folder, keys::SigningKey key);

  // Returns when a checkpoint covers all.
  void Append(const std::vector<std::string>& entries);
  // Entries that say nothing, until there are `size`; those of two variants differ.
  void AppendUpTo(uint64_t size, absl::string_view variant = "");
  // Both records of each.
  void AppendCalls(const std::vector<Call>& calls);
  Log& log() { return *log_; }
  // Ends the writer; the files stay.
  void Stop() { log_.reset(); }

  const std::string folder;
  const keys::SigningKey key;
  const NoteKey verifier;

 private:
  metrics::Registry metrics_;
  std::unique_ptr<Log> log_;
};

// A gateway's log beside the folder in which it is mirrored.
class MirrorFixture {
 public:
  MirrorFixture() { OpenMirror(); }

  // Anew, as after a start of the service.
  void OpenMirror();
  Mirror& mirror() { return *mirror_; }
  // Its reason; empty when all was well.
  std::string Poll();
  // Whether the mirror holds the log's files, byte for byte, and they verify.
  bool IsExact();
  double Metric(absl::string_view name) const;
  double Findings(absl::string_view kind) const;
  // What the findings folder holds.
  std::vector<std::string> KeptNotes() const;
  std::string directory() const { return folder.path() + "/mirror"; }
  std::string SourceFile(absl::string_view path) const;

  testing::TemporaryFolder folder;
  FakeClock clock{kNoon};
  Node node{folder.path() + "/node"};
  metrics::Registry metrics;

 private:
  std::unique_ptr<Mirror> mirror_;
};

}  // namespace lgsp::evidence
