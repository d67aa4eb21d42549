// dossiers: settles administrative dossiers. See README.md.
#include "absl/flags/flag.h"
#include "absl/flags/parse.h"
#include "libs/rpc/server.h"
#include "services/dossiers/serve.h"

ABSL_FLAG(std::string, config, "", "textproto of services/dossiers/config.proto");
ABSL_FLAG(bool, catalogue_changes, false,
          "write to the log what a start would change in the stored catalogue, and end");

int main(int argc, char** argv) {
  absl::ParseCommandLine(argc, argv);
  return lgsp::rpc::RunService("dossiers", absl::GetFlag(FLAGS_config),
                               absl::GetFlag(FLAGS_catalogue_changes)
                                   ? lgsp::dossiers::ShowCatalogueChanges
                                   : lgsp::dossiers::Serve);
}
