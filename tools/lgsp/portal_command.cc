#include <pwd.h>
#include <unistd.h>

#include <algorithm>
#include <iostream>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "google/protobuf/util/json_util.h"
#include "lgsp/dossiers/v1/portal_reports.grpc.pb.h"
#include "libs/clock/clock.h"
#include "libs/clock/timestamp.h"
#include "libs/rpc/channel.h"
#include "libs/rpc/server.h"
#include "libs/status/status.h"
#include "tools/lgsp/commands.h"
#include "tools/lgsp/data_folder.h"
#include "tools/lgsp/output.h"
#include "tools/lgsp/readiness.h"

namespace lgsp::cli {
namespace {

using dossiers::v1::CompareWithPortalRequest;
using dossiers::v1::CompareWithPortalResponse;
using dossiers::v1::PortalDifference;
using dossiers::v1::PortalReports;
using dossiers::v1::PortalSync;
using dossiers::v1::PortalTotals;
using dossiers::v1::RepairPortalCopyRequest;
using dossiers::v1::RepairPortalCopyResponse;
using Stub = PortalReports::Stub;

// A page of comparisons takes its time.
constexpr absl::Duration kCallLimit = absl::Seconds(60);
// So long the portal may take to be told of what was repaired; every so often it is looked at.
constexpr absl::Duration kMendLimit = absl::Seconds(60);
constexpr absl::Duration kMendInterval = absl::Milliseconds(200);
constexpr char kOperator[] = "operator";
constexpr char kService[] = "dossiers";

struct PortalOptions {
  std::string folder;
  std::string since;
  std::string state = "all";
  std::string dossier;
  std::string by;
  bool repair = false;
};

absl::StatusOr<std::unique_ptr<Stub>> Connect(const PortalOptions& options) {
  ASSIGN_OR_RETURN(const DataFolder folder, DataFolder::Open(options.folder));
  ASSIGN_OR_RETURN(const Process process, folder.FindProcess(kService));
  if (!IsListening(process.address())) {
    return MakeError(absl::StatusCode::kUnavailable, "NOT_RUNNING",
                     absl::StrCat("no ", process.name(), " at ", process.address(),
                                  ": start it with `lgsp up ", folder.root(), "`"));
  }
  rpc::RpcConfig config;
  config.set_certificate_file(folder.ServiceCertificate(kOperator));
  config.set_private_key_file(folder.ServiceKey(kOperator));
  config.set_authority_file(folder.AuthorityCertificate());
  rpc::PeerConfig peer;
  peer.set_address(process.address());
  peer.set_service(process.name());
  ASSIGN_OR_RETURN(const auto channel, rpc::Connect(config, folder.root(), peer));
  return PortalReports::NewStub(channel);
}

template <typename Request, typename Response>
absl::StatusOr<Response> Call(Stub& stub,
                              grpc::Status (Stub::*method)(grpc::ClientContext*, const Request&,
                                                           Response*),
                              const Request& request) {
  grpc::ClientContext context;
  rpc::SetDeadline(context, kCallLimit);
  Response response;
  RETURN_IF_ERROR(rpc::FromGrpcStatus((stub.*method)(&context, request, &response)));
  return response;
}

absl::StatusOr<CompareWithPortalRequest> RequestOf(const PortalOptions& options) {
  CompareWithPortalRequest request;
  request.set_dossier(options.dossier);
  if (options.state == "failed") request.set_state(PortalSync::FAILED);
  if (options.state == "pending") request.set_state(PortalSync::PENDING);
  if (options.since.empty()) return request;
  absl::CivilDay day;
  if (!absl::ParseCivilTime(options.since, &day)) {
    return MakeError(absl::StatusCode::kInvalidArgument, "DATE_INVALID",
                     absl::StrCat("--since ", options.since, ": must be a date, 2026-11-23"));
  }
  *request.mutable_submitted_from() = ToTimestamp(absl::FromCivil(day, VietnamZone()));
  return request;
}

absl::Status PrintJson(const google::protobuf::Message& message) {
  google::protobuf::util::JsonPrintOptions print;
  print.always_print_primitive_fields = true;
  print.preserve_proto_field_names = true;
  std::string text;
  if (!google::protobuf::util::MessageToJsonString(message, &text, print).ok()) {
    return MakeError(absl::StatusCode::kDataLoss, "NO_JSON", "the answer has no JSON form");
  }
  std::cout << text << std::endl;
  return absl::OkStatus();
}

// `not there; fields ChuHoSo, GhiChu; 2 steps missing`
std::string WhatDiffers(const PortalDifference& difference) {
  std::vector<std::string> parts;
  for (const int kind : difference.kinds()) {
    switch (kind) {
      case PortalDifference::MISSING:
        parts.emplace_back("not there");
        break;
      case PortalDifference::OTHER_CASE:
        parts.emplace_back("another case has its number");
        break;
      case PortalDifference::FIELDS:
        parts.push_back(absl::StrCat("fields ", absl::StrJoin(difference.fields(), ", ")));
        break;
      case PortalDifference::STEPS_MISSING:
        parts.push_back(absl::StrCat(difference.progress_rows_missing(), " steps missing"));
        break;
      case PortalDifference::STEPS_UNKNOWN:
        parts.push_back(
            absl::StrCat(difference.progress_rows_unknown(), " steps that are none of ours"));
        break;
      default:
        parts.push_back(absl::StrCat("not compared: ", difference.failure_reason()));
    }
  }
  return absl::StrJoin(parts, "; ");
}

void PrintText(const PortalDifference& difference) {
  const PortalSync& sync = difference.portal_sync();
  std::string stands = PortalSync::State_Name(sync.state());
  if (difference.has_unsynced_age()) {
    absl::StrAppend(&stands, " for ",
                    absl::FormatDuration(absl::Seconds(difference.unsynced_age().seconds())));
  }
  if (sync.attempts() > 0) {
    absl::StrAppend(&stands, ", ", sync.attempts(), " attempts, ", sync.last_error_reason());
  }
  std::cout << absl::StreamFormat("%s  %s\n  %s\n  %s\n", difference.dossier(), difference.code(),
                                  WhatDiffers(difference), stands);
}

absl::Status Print(const PortalDifference& difference, bool json) {
  if (json) return PrintJson(difference);
  PrintText(difference);
  return absl::OkStatus();
}

// The differences of all pages, each printed as it comes.
absl::StatusOr<PortalTotals> Report(Stub& stub, CompareWithPortalRequest request, bool json,
                                    std::vector<PortalDifference>& differences) {
  PortalTotals totals;
  do {
    ASSIGN_OR_RETURN(const CompareWithPortalResponse page,
                     Call(stub, &Stub::CompareWithPortal, request));
    for (const PortalDifference& difference : page.differences()) {
      RETURN_IF_ERROR(Print(difference, json));
      differences.push_back(difference);
    }
    totals = page.totals();
    request.set_page_token(page.next_page_token());
  } while (!request.page_token().empty());
  return totals;
}

// Looks at what was repaired until it is right, is refused again, or the time is over; returns what
// is not right.
absl::StatusOr<std::vector<PortalDifference>> AwaitMended(
    Stub& stub, const std::vector<PortalDifference>& repaired) {
  const absl::Time limit = absl::Now() + kMendLimit;
  std::vector<PortalDifference> remaining;
  for (const PortalDifference& one : repaired) {
    CompareWithPortalRequest request;
    request.set_dossier(one.dossier());
    for (;;) {
      const auto looked = Call(stub, &Stub::CompareWithPortal, request);
      // A portal that is away now may be back in time.
      if (!looked.ok() && !IsTransient(looked.status())) return looked.status();
      if (looked.ok() && looked->differences().empty()) break;
      const bool ended =
          looked.ok() && looked->differences(0).portal_sync().state() != PortalSync::PENDING;
      if (ended || absl::Now() > limit) {
        remaining.push_back(looked.ok() ? looked->differences(0) : one);
        break;
      }
      absl::SleepFor(kMendInterval);
    }
  }
  return remaining;
}

// Whether telling the portal again can make a difference less.
bool IsCurable(const PortalDifference& difference) {
  const auto& kinds = difference.kinds();
  return std::any_of(kinds.begin(), kinds.end(), [](int kind) {
    return kind == PortalDifference::MISSING || kind == PortalDifference::FIELDS ||
           kind == PortalDifference::STEPS_MISSING;
  });
}

// Repairs what can be of `differences`, and leaves in them what remains.
absl::Status RepairAll(Stub& stub, const PortalOptions& options, bool json,
                       std::vector<PortalDifference>& differences) {
  int ordered = 0;
  std::vector<PortalDifference> repaired;
  std::vector<PortalDifference> remaining;
  for (const PortalDifference& difference : differences) {
    if (!IsCurable(difference)) {
      remaining.push_back(difference);
      continue;
    }
    RepairPortalCopyRequest request;
    request.set_dossier(difference.dossier());
    request.set_operator_id(options.by);
    ASSIGN_OR_RETURN(const RepairPortalCopyResponse response,
                     Call(stub, &Stub::RepairPortalCopy, request));
    ordered += response.ordered() ? 1 : 0;
    repaired.push_back(difference);
  }
  ASSIGN_OR_RETURN(const std::vector<PortalDifference> unmended, AwaitMended(stub, repaired));
  remaining.insert(remaining.end(), unmended.begin(), unmended.end());
  differences = std::move(remaining);
  if (!json) {
    std::cout << absl::StreamFormat("%d ordered to be told again, %d mended, %d remain\n", ordered,
                                    repaired.size() - unmended.size(), differences.size());
  }
  for (const PortalDifference& difference : differences) {
    RETURN_IF_ERROR(Print(difference, json));
  }
  return absl::OkStatus();
}

// Whether differences remain.
absl::StatusOr<bool> Differences(const PortalOptions& options, bool json) {
  ASSIGN_OR_RETURN(const CompareWithPortalRequest request, RequestOf(options));
  ASSIGN_OR_RETURN(const std::unique_ptr<Stub> stub, Connect(options));
  std::vector<PortalDifference> differences;
  ASSIGN_OR_RETURN(const PortalTotals totals, Report(*stub, request, json, differences));
  if (json) {
    RETURN_IF_ERROR(PrintJson(totals));
  } else {
    std::cout << absl::StreamFormat("%d dossiers, %d different, %d not compared, %d erased\n",
                                    totals.dossiers(), totals.different(), totals.not_compared(),
                                    totals.erased());
  }
  if (options.repair && !differences.empty()) {
    RETURN_IF_ERROR(RepairAll(*stub, options, json, differences));
  }
  return !differences.empty();
}

// The login that runs this command.
std::string Login() {
  const passwd* user = getpwuid(getuid());
  return user == nullptr ? "" : user->pw_name;
}

}  // namespace

void AddPortal(CLI::App& app, Session& session) {
  auto options = std::make_shared<PortalOptions>();
  options->by = Login();
  CLI::App* group = app.add_subcommand("portal", "the national portal's copies of our dossiers");
  group->require_subcommand(1)->fallthrough();
  CLI::App* command =
      group->add_subcommand("differences", "what the portal has otherwise than we; 1 if anything");
  command->add_option("DIR", options->folder, "data folder; `lgsp up` runs on it")->required();
  command->add_option("--since", options->since, "submitted on this day or later, 2026-11-23");
  command
      ->add_option("--state", options->state,
                   "only those that the portal refused, or that are still to be told")
      ->check(CLI::IsMember({"failed", "pending", "all"}))
      ->capture_default_str();
  command->add_option("--dossier", options->dossier, "only this one, `dossiers/…` with id or code");
  command->add_flag("--repair", options->repair,
                    "have the portal told the present state of each again, and look again");
  command->add_option("--as", options->by, "who gives the command, kept for audit")
      ->capture_default_str();
  command->callback([options, &session] {
    const auto remain = Differences(*options, session.json);
    session.exit_code = !remain.ok() ? ReportError(remain.status())
                        : *remain    ? kExitFailure
                                     : kExitOk;
  });
  group->footer(
      "Example:\n  lgsp portal differences ~/lgsp --since 2026-11-01\n"
      "  lgsp portal differences ~/lgsp --state failed --repair\n\n"
      "Each dossier that the portal should know is looked up there and compared; shown are names "
      "of\n"
      "fields and numbers of steps, never a value. Nothing is written without --repair. Exit code "
      "1\n"
      "while differences remain. A step at the portal that is none of ours, and a number that "
      "stands\n"
      "for another case there, no repair cures: the portal's operators have to.");
}

}  // namespace lgsp::cli
