#include "tools/bench/exchange_load/flags.h"

#include <algorithm>
#include <iostream>
#include <random>

#include "absl/flags/flag.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_split.h"
#include "libs/config/config.h"
#include "libs/status/status.h"

ABSL_FLAG(std::string, target, "", "what is called: 127.0.0.1:8080");
ABSL_FLAG(bool, tls, false, "TLS 1.3 with --certificate, --key and --authority (PEM files)");
ABSL_FLAG(std::string, certificate, "", "of the client");
ABSL_FLAG(std::string, key, "", "of the client");
ABSL_FLAG(std::string, authority, "", "who must have signed the server's certificate");
ABSL_FLAG(int, connections, 8, "HTTP/2 connections");
ABSL_FLAG(int, streams, 50, "calls at a time on each");
ABSL_FLAG(std::string, paths, "", "file with a :path in each line");
ABSL_FLAG(std::string, tokens, "", "file with a bearer token in each line; none without it");
ABSL_FLAG(uint64_t, seed, 0, "of the order of the lines; 0 draws one");
ABSL_FLAG(uint32_t, request_bytes, 100, "length of the gRPC message, with its prefix of 5");
ABSL_FLAG(double, warmup_seconds, 1, "before the measured time");
ABSL_FLAG(double, seconds, 5, "measured");
ABSL_FLAG(double, rate, 0, "calls per second, whether answered or not; 0: as answers come");
ABSL_FLAG(std::string, watch, "", "processes whose CPU time is told: 123,124");

namespace lgsp::bench {
namespace {

constexpr uint32_t kLeastBytes = 5;
constexpr uint32_t kMostBytes = 64 << 20;
constexpr int kMostConnections = 10'000;

absl::Status FlagsWrong(absl::string_view why) {
  return MakeError(absl::StatusCode::kInvalidArgument, "LOAD_FLAGS_WRONG", why);
}

// Files of the same length stay line by line together: each is shuffled by the same seed.
absl::StatusOr<std::vector<std::string>> ShuffledLines(const std::string& file, uint64_t seed) {
  ASSIGN_OR_RETURN(const std::string text, config::ReadFile(file));
  std::vector<std::string> lines = absl::StrSplit(text, '\n', absl::SkipEmpty());
  if (lines.empty()) return FlagsWrong(file + ": has no line");
  std::mt19937_64 chance(seed);
  std::shuffle(lines.begin(), lines.end(), chance);
  return lines;
}

absl::Status ReadTarget(Load* load) {
  const std::string target = absl::GetFlag(FLAGS_target);
  const size_t colon = target.rfind(':');
  if (colon == std::string::npos) return FlagsWrong("--target=HOST:PORT is wanted");
  load->host = target.substr(0, colon);
  load->port = target.substr(colon + 1);
  if (absl::GetFlag(FLAGS_tls)) {
    load->tls = TlsFiles{absl::GetFlag(FLAGS_certificate), absl::GetFlag(FLAGS_key),
                         absl::GetFlag(FLAGS_authority)};
  }
  return absl::OkStatus();
}

absl::Status ReadCalls(Load* load) {
  uint64_t seed = absl::GetFlag(FLAGS_seed);
  if (seed == 0) seed = std::random_device()();
  std::cerr << "lgsp-bench-exchange-load: --seed=" << seed << '\n';
  if (absl::GetFlag(FLAGS_paths).empty()) return FlagsWrong("--paths=FILE is wanted");
  ASSIGN_OR_RETURN(load->paths, ShuffledLines(absl::GetFlag(FLAGS_paths), seed));
  if (absl::GetFlag(FLAGS_tokens).empty()) return absl::OkStatus();
  ASSIGN_OR_RETURN(load->tokens, ShuffledLines(absl::GetFlag(FLAGS_tokens), seed));
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<Load> LoadOfFlags() {
  Load load{.connections = absl::GetFlag(FLAGS_connections),
            .streams = absl::GetFlag(FLAGS_streams),
            .request_bytes = absl::GetFlag(FLAGS_request_bytes),
            .warm_up = absl::Seconds(absl::GetFlag(FLAGS_warmup_seconds)),
            .measured = absl::Seconds(absl::GetFlag(FLAGS_seconds)),
            .rate = absl::GetFlag(FLAGS_rate)};
  if (load.connections < 1 || load.connections > kMostConnections || load.streams < 1 ||
      load.streams > kMostConnections) {
    return FlagsWrong("--connections and --streams are 1 to 10000");
  }
  if (load.request_bytes < kLeastBytes || load.request_bytes > kMostBytes) {
    return FlagsWrong("--request_bytes is 5 to 67108864");
  }
  if (load.measured <= absl::ZeroDuration() || load.rate < 0 || load.rate > 1e7) {
    return FlagsWrong("--seconds is more than 0, --rate 0 to 10000000");
  }
  for (const absl::string_view text :
       absl::StrSplit(absl::GetFlag(FLAGS_watch), ',', absl::SkipEmpty())) {
    if (!absl::SimpleAtoi(text, &load.watched.emplace_back())) return FlagsWrong("--watch");
  }
  RETURN_IF_ERROR(ReadTarget(&load));
  RETURN_IF_ERROR(ReadCalls(&load));
  return load;
}

}  // namespace lgsp::bench
