#include <pwd.h>
#include <unistd.h>

#include <iostream>
#include <memory>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "google/protobuf/util/json_util.h"
#include "lgsp/events/v1/feed.grpc.pb.h"
#include "lgsp/events/v1/parked.grpc.pb.h"
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

using events::v1::DiscardParkedKeyRequest;
using events::v1::DiscardParkedKeyResponse;
using events::v1::ListParkedEventsRequest;
using events::v1::ListParkedEventsResponse;
using events::v1::ListParkedKeysRequest;
using events::v1::ListParkedKeysResponse;
using events::v1::ParkedKey;
using events::v1::ReplayParkedKeyRequest;
using events::v1::ReplayParkedKeyResponse;
using Stub = events::v1::Parked::Stub;

// A replay of many events takes its time.
constexpr absl::Duration kCallLimit = absl::Seconds(60);
// More than a key can have.
constexpr int64_t kMaxDiscarded = 1'000'000;
constexpr char kOperator[] = "operator";

struct ParkedOptions {
  std::string folder;
  std::string service = "insights";
  std::string consumer;
  std::string key;
  std::string event;
  std::string by;
  // Of the whole key, as the operator saw it; 0: only the first.
  int64_t events = 0;
};

// To a service of the data folder, as the platform's operator.
absl::StatusOr<std::shared_ptr<grpc::Channel>> ConnectTo(const ParkedOptions& options) {
  ASSIGN_OR_RETURN(const DataFolder folder, DataFolder::Open(options.folder));
  ASSIGN_OR_RETURN(const Process process, folder.FindProcess(options.service));
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
  return rpc::Connect(config, folder.root(), peer);
}

// A call of the service that consumes.
class ParkedClient {
 public:
  static absl::StatusOr<std::unique_ptr<ParkedClient>> Connect(const ParkedOptions& options) {
    ASSIGN_OR_RETURN(const auto channel, ConnectTo(options));
    return std::make_unique<ParkedClient>(channel);
  }
  explicit ParkedClient(const std::shared_ptr<grpc::Channel>& channel)
      : stub_(events::v1::Parked::NewStub(channel)) {}

  template <typename Request, typename Response>
  absl::StatusOr<Response> Call(grpc::Status (Stub::*method)(grpc::ClientContext*, const Request&,
                                                             Response*),
                                const Request& request) {
    grpc::ClientContext context;
    rpc::SetDeadline(context, kCallLimit);
    Response response;
    RETURN_IF_ERROR(rpc::FromGrpcStatus(((*stub_).*method)(&context, request, &response)));
    return response;
  }

  // The consumer at which `key` is parked, when the options name none.
  absl::StatusOr<std::string> ConsumerOf(const ParkedOptions& options) {
    if (!options.consumer.empty()) return options.consumer;
    ASSIGN_OR_RETURN(const auto listed, Call(&Stub::ListParkedKeys, ListParkedKeysRequest()));
    std::string consumer;
    for (const ParkedKey& key : listed.keys()) {
      if (key.key() != options.key) continue;
      if (!consumer.empty()) {
        return MakeError(absl::StatusCode::kInvalidArgument, "CONSUMER_AMBIGUOUS",
                         absl::StrCat(options.key, " is parked at ", consumer, " and ",
                                      key.consumer(), ": name one with --consumer"));
      }
      consumer = key.consumer();
    }
    if (!consumer.empty()) return consumer;
    return MakeError(absl::StatusCode::kNotFound, "PARKED_KEY_UNKNOWN",
                     absl::StrCat(options.key, " is not parked at ", options.service));
  }

 private:
  const std::unique_ptr<Stub> stub_;
};

std::string Local(const google::protobuf::Timestamp& timestamp) {
  return absl::FormatTime("%Y-%m-%d %H:%M:%S", ToTime(timestamp), VietnamZone());
}

std::string FailureText(const google::rpc::Status& failure) {
  const absl::Status status = FromRpcStatus(failure);
  return absl::StrCat(absl::StatusCodeToString(status.code()), " ", ErrorReason(status), " ",
                      std::string(status.message()));
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

absl::Status List(const ParkedOptions& options, bool json) {
  ASSIGN_OR_RETURN(const auto client, ParkedClient::Connect(options));
  ListParkedKeysRequest request;
  request.set_consumer(options.consumer);
  ASSIGN_OR_RETURN(const auto listed, client->Call(&Stub::ListParkedKeys, request));
  if (json) return PrintJson(listed);
  for (const auto& consumer : listed.consumers()) {
    std::cout << absl::StreamFormat("%s: position %d, %d keys parked with %d events%s\n",
                                    consumer.consumer(), consumer.position().n(),
                                    consumer.parked_keys(), consumer.parked_events(),
                                    consumer.full() ? ", FULL: the next failure stops it" : "");
  }
  for (const ParkedKey& key : listed.keys()) {
    std::cout << absl::StreamFormat(
        "%s  %d events since %s\n  first: %s, revision %d, event %s\n  failed %s: %s\n", key.key(),
        key.events(), Local(key.park_time()), key.first_event_type(), key.first_event_revision(),
        key.first_event_id(), Local(key.failure_time()), FailureText(key.failure()));
  }
  return absl::OkStatus();
}

absl::Status Show(const ParkedOptions& options, bool json) {
  ASSIGN_OR_RETURN(const auto client, ParkedClient::Connect(options));
  ListParkedEventsRequest request;
  ASSIGN_OR_RETURN(*request.mutable_consumer(), client->ConsumerOf(options));
  request.set_key(options.key);
  do {
    ASSIGN_OR_RETURN(const auto page, client->Call(&Stub::ListParkedEvents, request));
    for (const auto& event : page.events()) {
      if (json) {
        RETURN_IF_ERROR(PrintJson(event));
        continue;
      }
      std::cout << absl::StreamFormat("%s  revision %d  %s  position %d\n  %s  %s\n",
                                      event.event().id(), event.event().revision(),
                                      Local(event.event().time()), event.position().n(),
                                      event.event().type(), event.event().data());
    }
    request.set_page_token(page.next_page_token());
  } while (!request.page_token().empty());
  return absl::OkStatus();
}

absl::Status Replay(const ParkedOptions& options, bool json) {
  ASSIGN_OR_RETURN(const auto client, ParkedClient::Connect(options));
  ReplayParkedKeyRequest request;
  ASSIGN_OR_RETURN(*request.mutable_consumer(), client->ConsumerOf(options));
  request.set_key(options.key);
  request.set_operator_id(options.by);
  ASSIGN_OR_RETURN(const auto replayed, client->Call(&Stub::ReplayParkedKey, request));
  if (json) {
    RETURN_IF_ERROR(PrintJson(replayed));
  } else {
    std::cout << replayed.applied() << " events applied, " << replayed.remaining() << " wait"
              << std::endl;
  }
  return replayed.has_failure() ? FromRpcStatus(replayed.failure()) : absl::OkStatus();
}

absl::Status Discard(const ParkedOptions& options, bool json) {
  ASSIGN_OR_RETURN(const auto client, ParkedClient::Connect(options));
  DiscardParkedKeyRequest request;
  ASSIGN_OR_RETURN(*request.mutable_consumer(), client->ConsumerOf(options));
  request.set_key(options.key);
  request.set_first_event_id(options.event);
  request.set_whole_key(options.events > 0);
  request.set_events(options.events);
  request.set_operator_id(options.by);
  ASSIGN_OR_RETURN(const auto discarded, client->Call(&Stub::DiscardParkedKey, request));
  if (json) return PrintJson(discarded);
  std::cout << discarded.discarded() << " events discarded, " << discarded.remaining() << " wait"
            << std::endl;
  return absl::OkStatus();
}

absl::Status NewEpoch(const ParkedOptions& options, bool json) {
  ASSIGN_OR_RETURN(const auto channel, ConnectTo(options));
  grpc::ClientContext context;
  rpc::SetDeadline(context, kCallLimit);
  events::v1::RaiseEpochResponse response;
  RETURN_IF_ERROR(rpc::FromGrpcStatus(events::v1::Feed::NewStub(channel)->RaiseEpoch(
      &context, events::v1::RaiseEpochRequest(), &response)));
  if (json) return PrintJson(response);
  std::cout << absl::StreamFormat(
      "the feed of %s has epoch %d now, with %d events: rebuild its consumers\n", options.service,
      response.position().epoch(), response.position().n());
  return absl::OkStatus();
}

// The login that runs this command.
std::string Login() {
  const passwd* user = getpwuid(getuid());
  return user == nullptr ? "" : user->pw_name;
}

using Run = absl::Status (*)(const ParkedOptions&, bool json);

CLI::App* AddOne(CLI::App& group, Session& session, const char* name, const char* what,
                 const std::shared_ptr<ParkedOptions>& options, Run run) {
  CLI::App* command = group.add_subcommand(name, what);
  command->add_option("DIR", options->folder, "data folder; `lgsp up` runs on it")->required();
  command->add_option("--service", options->service, "the service that consumes")
      ->capture_default_str();
  command->add_option("--consumer", options->consumer,
                      "the consumer, where a service has several of them");
  command->callback([options, run, &session] {
    const absl::Status done = run(*options, session.json);
    if (!done.ok()) session.exit_code = ReportError(done);
  });
  return command;
}

void AddFeed(CLI::App& app, Session& session) {
  auto options = std::make_shared<ParkedOptions>();
  options->service = "dossiers";
  CLI::App* group = app.add_subcommand("feed", "the events that a service publishes");
  group->require_subcommand(1)->fallthrough();
  CLI::App* command = group->add_subcommand(
      "new-epoch", "after its database was restored: consumers stop and are rebuilt");
  command->add_option("DIR", options->folder, "data folder; `lgsp up` runs on it")->required();
  command->add_option("--service", options->service, "the service that publishes")
      ->capture_default_str();
  command->callback([options, &session] {
    const absl::Status done = NewEpoch(*options, session.json);
    if (!done.ok()) session.exit_code = ReportError(done);
  });
  group->footer(
      "Example:\n  lgsp feed new-epoch ~/lgsp\n\n"
      "A backup does not have the last events that were told, and their places in the feed are\n"
      "given again. So after a restore the feed gets a new epoch before anything else: who\n"
      "followed the old one stops (events_consumer_stopped) until its database is rebuilt, and a\n"
      "Kafka topic gets the whole feed again.");
}

}  // namespace

void AddParked(CLI::App& app, Session& session) {
  AddFeed(app, session);
  auto options = std::make_shared<ParkedOptions>();
  options->by = Login();
  CLI::App* group = app.add_subcommand("parked", "events that wait for an operator");
  group->require_subcommand(1)->fallthrough();
  AddOne(*group, session, "list", "parked keys, since when and why", options, List);
  CLI::App* show = AddOne(*group, session, "show", "the events of a key in order", options, Show);
  CLI::App* replay =
      AddOne(*group, session, "replay", "apply the events of a key, up to the first that fails",
             options, Replay);
  CLI::App* discard =
      AddOne(*group, session, "discard", "throw away the first event of a key, or all of them",
             options, Discard);
  for (CLI::App* command : {show, replay, discard}) {
    command->add_option("KEY", options->key, "the key, `dossiers/0197…`")->required();
  }
  for (CLI::App* command : {replay, discard}) {
    command->add_option("--as", options->by, "who gives the command, kept for audit")
        ->capture_default_str();
  }
  discard->add_option("--event", options->event, "id of the first event, as `list` shows it")
      ->required();
  discard
      ->add_option("--all", options->events,
                   "also all events behind it: how many the key has, as `list` shows it")
      ->check(CLI::Range(int64_t{1}, kMaxDiscarded));
  group->footer(
      "Example:\n  lgsp parked list ~/lgsp\n  lgsp parked replay ~/lgsp dossiers/0197…\n\n"
      "An event that fails for good parks its key: it and the later events of that key wait\n"
      "here, all others go on. Repair the reason, then replay; discard is for an event that must\n"
      "never have its effect. Each command is kept for audit in the service's database.");
}

}  // namespace lgsp::cli
