#include "tools/bench/evidence_log/measure.h"

#include <random>
#include <vector>

#include "absl/time/clock.h"
#include "libs/evidence/log.h"
#include "libs/evidence/verify.h"
#include "libs/keys/digest.h"
#include "libs/keys/jws.h"
#include "libs/metrics/metrics.h"
#include "libs/status/status.h"
#include "tools/bench/exchange_load/cpu_time.h"

namespace lgsp::bench {
namespace {

// What the gateway writes of one call: an intent and an outcome.
constexpr size_t kIntentBytes = 440, kOutcomeBytes = 180;
// Of one turn of a busy worker's loop.
constexpr size_t kRecordsInAppend = 32;
constexpr size_t kDistinct = 4096;
constexpr absl::Duration kPatience = absl::Minutes(10);
constexpr absl::Duration kBacklogPause = absl::Milliseconds(1);
constexpr char kOrigin[] = "bench.invalid/log";

std::vector<std::string> MakeRecords(uint64_t seed) {
  std::mt19937_64 random(seed);
  std::vector<std::string> records(kDistinct);
  for (size_t i = 0; i < records.size(); ++i) {
    records[i].resize(i % 2 == 0 ? kIntentBytes : kOutcomeBytes);
    for (char& byte : records[i]) byte = static_cast<char>(random());
  }
  return records;
}

// CPU seconds of `work`.
template <typename Work>
double Spend(Work work) {
  const int64_t before = OwnCpuTime();
  work();
  return static_cast<double>(OwnCpuTime() - before) / 1e9;
}

// A virtual machine pays for memory that its host has to give first: that is no cost of the log.
void TouchMemory(uint64_t bytes) {
  std::vector<char> touched(bytes);
  touched[bytes / 2] = 1;
}

absl::Status AppendAll(evidence::Log& log, const std::vector<std::string>& records,
                       uint64_t count) {
  std::vector<absl::string_view> unit;
  for (uint64_t done = 0; done < count; done += unit.size()) {
    unit.clear();
    while (unit.size() < kRecordsInAppend && done + unit.size() < count) {
      unit.push_back(records[(done + unit.size()) % records.size()]);
    }
    absl::Status appended = log.Append(unit).status();
    // The disk is behind: whoever calls waits.
    while (appended.code() == absl::StatusCode::kResourceExhausted) {
      absl::SleepFor(kBacklogPause);
      appended = log.Append(unit).status();
    }
    RETURN_IF_ERROR(appended);
  }
  const absl::Time patience = absl::Now() + kPatience;
  RETURN_IF_ERROR(log.WaitDurable(count, patience));
  return log.WaitCheckpoint(count, patience).status();
}

}  // namespace

absl::StatusOr<nlohmann::json> MeasureLog(const std::string& folder, uint64_t count,
                                          uint64_t seed) {
  const std::vector<std::string> records = MakeRecords(seed);
  nlohmann::json told = {{"records", count}};
  uint64_t bytes = 0;
  char sum = 0;  // so that nothing is left out
  told["sha256"] = Spend([&] {
    for (uint64_t i = 0; i < count; ++i) {
      const std::string& record = records[i % records.size()];
      bytes += record.size();
      sum ^= keys::Sha256(record)[0];
    }
  });
  told["bytes"] = bytes;
  told["sum"] = static_cast<int>(sum);

  const keys::SigningKey key = keys::SigningKey::Generate();
  metrics::Registry metrics;
  absl::Status status;
  const absl::Time begun = absl::Now();
  // Journal, bundles, and both on their way to the disk.
  TouchMemory(4 * bytes);
  told["append"] = Spend([&] {
    auto log = evidence::Log::Open({folder, kOrigin, key, &metrics});
    status = log.ok() ? AppendAll(**log, records, count) : log.status();
  });
  RETURN_IF_ERROR(status);
  told["append_seconds"] = absl::ToDoubleSeconds(absl::Now() - begun);

  ASSIGN_OR_RETURN(const evidence::NoteKey verifier, evidence::NoteKey::Of(kOrigin, key));
  evidence::Verification found;
  told["verify"] = Spend([&] { found = evidence::Verify(folder, verifier, {}); });
  if (!found.ok() || found.entries_checked != count) {
    return MakeError(absl::StatusCode::kDataLoss, "BENCH_LOG_DAMAGED", found.Summary());
  }
  return told;
}

}  // namespace lgsp::bench
