#include <iostream>
#include <memory>
#include <string>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "libs/status/status.h"
#include "tools/lgsp/commands.h"
#include "tools/lgsp/data_folder.h"
#include "tools/lgsp/journey/dossier_view.h"
#include "tools/lgsp/journey/masking.h"
#include "tools/lgsp/journey/patience.h"
#include "tools/lgsp/journey/platform_client.h"
#include "tools/lgsp/output.h"
#include "tools/lgsp/readiness.h"

namespace lgsp::cli {
namespace {

using DossiersStub = dossiers::v1::Dossiers::Stub;

// A person waits for the answer.
constexpr absl::Duration kShowLimit = absl::Seconds(10);
constexpr char kCollection[] = "dossiers/";

struct ShowOptions {
  std::string folder;
  std::string dossier;
  std::string system = "demo-onestop";
  bool reveal = false;
};

absl::StatusOr<DossierView> Fetch(const ShowOptions& options) {
  ASSIGN_OR_RETURN(const DataFolder folder, DataFolder::Open(options.folder));
  ASSIGN_OR_RETURN(const auto client, PlatformClient::Connect(folder, options.system));
  // Else it would wait for the whole limit.
  if (!IsListening(client->address())) {
    return MakeError(absl::StatusCode::kUnavailable, "NOT_RUNNING",
                     absl::StrCat("no gateway at ", client->address(), ": start it with `lgsp up ",
                                  folder.root(), "`"));
  }
  Patience patience(absl::Now() + kShowLimit);
  dossiers::v1::GetDossierRequest get;
  get.set_name(absl::StartsWith(options.dossier, kCollection)
                   ? options.dossier
                   : absl::StrCat(kCollection, options.dossier));
  DossierView view;
  ASSIGN_OR_RETURN(view.dossier,
                   patience.Repeat([&] { return client->Call(&DossiersStub::GetDossier, get); }));
  dossiers::v1::ListTransitionsRequest list;
  list.set_parent(view.dossier.name());
  ASSIGN_OR_RETURN(view.history, patience.Repeat([&] {
    return client->Call(&DossiersStub::ListTransitions, list);
  }));
  if (!options.reveal) *view.dossier.mutable_applicant() = MaskApplicant(view.dossier.applicant());
  return view;
}

absl::Status Show(const ShowOptions& options, bool json) {
  ASSIGN_OR_RETURN(const DossierView view, Fetch(options));
  if (!json) {
    std::cout << FormatDossier(view) << std::flush;
    return absl::OkStatus();
  }
  ASSIGN_OR_RETURN(const std::string text, FormatDossierJson(view));
  std::cout << text << std::endl;
  return absl::OkStatus();
}

}  // namespace

void AddDossier(CLI::App& app, Session& session) {
  auto options = std::make_shared<ShowOptions>();
  CLI::App* group = app.add_subcommand("dossier", "look at a dossier");
  group->require_subcommand(1);
  CLI::App* show = group->add_subcommand(
      "show", "state, due date and why, the portal's copy, and everything that happened");
  show->add_option("DIR", options->folder, "data folder; `lgsp up` runs on it")->required();
  show->add_option("DOSSIER", options->dossier, "its code or its resource name")->required();
  show->add_option("--system", options->system, "the registered system that asks")
      ->capture_default_str();
  show->add_flag("--reveal", options->reveal, "show the applicant's personal data");
  show->footer("Example:\n  lgsp dossier show ~/lgsp H12.50.01-261123-0001");
  show->callback([options, &session] {
    const absl::Status shown = Show(*options, session.json);
    if (!shown.ok()) session.exit_code = ReportError(shown);
  });
}

}  // namespace lgsp::cli
