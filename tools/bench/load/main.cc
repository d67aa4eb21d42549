// The load of tools/bench: prints one JSON object of what it did, exits with 1 at the first
// refusal.
#include <google/protobuf/util/json_util.h>

#include <iostream>

#include "absl/flags/flag.h"
#include "absl/flags/parse.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_split.h"
#include "libs/config/config.h"
#include "libs/rpc/channel.h"
#include "libs/status/status.h"
#include "tools/bench/load/load_client.h"

ABSL_FLAG(std::string, address, "", "of dossiers: 127.0.0.1:8444");
ABSL_FLAG(std::string, folder, "",
          "data folder of `lgsp init`: its gateway's certificate is shown");
ABSL_FLAG(std::string, token_file, "", "file with the value of lgsp-caller");
ABSL_FLAG(std::string, templates_file, "", "a SubmitDossierRequest as JSON in each line");
ABSL_FLAG(int, clients, 16, "connections, each with one call at a time");
ABSL_FLAG(uint32_t, first_applicant, 0, "number of the first applicant");
ABSL_FLAG(absl::Duration, warm_up, absl::Seconds(1), "before the measured time");
ABSL_FLAG(absl::Duration, measured, absl::Seconds(10), "how long answers are counted");

namespace lgsp::bench {
namespace {

absl::Status TemplatesWrong(absl::string_view why) {
  return MakeError(absl::StatusCode::kInvalidArgument, "LOAD_TEMPLATES_WRONG", why);
}

absl::StatusOr<Load> ReadLoad() {
  Load load{.first_applicant = absl::GetFlag(FLAGS_first_applicant),
            .warm_up = absl::GetFlag(FLAGS_warm_up),
            .measured = absl::GetFlag(FLAGS_measured)};
  ASSIGN_OR_RETURN(load.token, config::ReadFile(absl::GetFlag(FLAGS_token_file)));
  ASSIGN_OR_RETURN(const std::string lines, config::ReadFile(absl::GetFlag(FLAGS_templates_file)));
  for (const absl::string_view line : absl::StrSplit(lines, '\n', absl::SkipEmpty())) {
    const auto parsed = google::protobuf::util::JsonStringToMessage(std::string(line),
                                                                    &load.templates.emplace_back());
    if (!parsed.ok()) return TemplatesWrong(parsed.ToString());
  }
  if (load.templates.empty()) return TemplatesWrong("none");
  rpc::RpcConfig config;
  config.set_certificate_file("services/gateway/tls.crt");
  config.set_private_key_file("services/gateway/tls.key");
  config.set_authority_file("ca/authority.crt");
  rpc::PeerConfig peer;
  peer.set_address(absl::GetFlag(FLAGS_address));
  peer.set_service("dossiers");
  for (int i = 0; i < absl::GetFlag(FLAGS_clients); ++i) {
    ASSIGN_OR_RETURN(const auto channel, rpc::Connect(config, absl::GetFlag(FLAGS_folder), peer));
    load.clients.push_back(dossiers::v1::Dossiers::NewStub(channel));
  }
  return load;
}

absl::StatusOr<Told> Run() {
  ASSIGN_OR_RETURN(const Load load, ReadLoad());
  return Submit(load);
}

}  // namespace
}  // namespace lgsp::bench

int main(int argc, char** argv) {
  absl::ParseCommandLine(argc, argv);
  const auto told = lgsp::bench::Run();
  if (!told.ok()) {
    std::cerr << "lgsp-bench-load: " << told.status() << '\n';
    return 1;
  }
  std::cout << absl::StrFormat(R"({"submitted": %d, "seconds": %g, "p50_ms": %g, "p99_ms": %g})",
                               told->submitted, told->seconds, told->p50_ms, told->p99_ms)
            << '\n';
  return 0;
}
