#include "libs/events/parked_service.h"

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "libs/aip/aip.h"
#include "libs/auth/auth.h"
#include "libs/events/delivery.h"
#include "libs/events/parked.h"
#include "libs/log/log.h"
#include "libs/status/status.h"

namespace lgsp::events {
namespace {

using lgsp::events::v1::ConsumerState;
using lgsp::events::v1::DiscardParkedKeyRequest;
using lgsp::events::v1::DiscardParkedKeyResponse;
using lgsp::events::v1::ListParkedEventsRequest;
using lgsp::events::v1::ListParkedEventsResponse;
using lgsp::events::v1::ListParkedKeysRequest;
using lgsp::events::v1::ListParkedKeysResponse;
using lgsp::events::v1::ReplayParkedKeyRequest;
using lgsp::events::v1::ReplayParkedKeyResponse;

// 50 events of 64 kB are less than a message may have.
constexpr int kEventsPage = 50;
// A replay ends so long before its caller stops to wait for the answer.
constexpr absl::Duration kAnswerTime = absl::Seconds(2);

absl::Status CheckOperator(const std::string& name) {
  if (auth::IsOfficerId(name)) return absl::OkStatus();
  return MakeFieldError("OPERATOR_INVALID", "operator_id",
                        "must be 1 to 64 of A-Z a-z 0-9 - _ . and say who gives the command");
}

// Adds to the row of the command what this transaction does.
absl::Status Audit(sql::Transaction& tx, const ParkedCommand& command, const rpc::CallContext& call,
                   int64_t events, const absl::Status& outcome, absl::Time now) {
  return tx
      .Execute(
          "INSERT INTO parked_audit (id, consumer, subject, action, events, outcome, system, "
          "operator_id, traceparent, time) VALUES (:id, :consumer, :subject, :action, :events, "
          ":outcome, :system, :operator_id, :traceparent, :time) ON CONFLICT (id) DO UPDATE SET "
          "events = parked_audit.events + :events, outcome = :outcome",
          {{"id", command.id},
           {"consumer", command.consumer},
           {"subject", command.key},
           {"action", command.action},
           {"events", events},
           {"outcome", outcome.ok() ? "OK"
                                    : absl::StrCat(absl::StatusCodeToString(outcome.code()), " ",
                                                   ErrorReason(outcome))},
           {"system", call.caller.system()},
           {"operator_id", command.operator_id},
           {"traceparent", call.traceparent},
           {"time", now}})
      .status();
}

void LogCommand(const ParkedCommand& command, const rpc::CallContext& call, int64_t events,
                int64_t remaining) {
  log::Info("parked key: an operator's command", {{"action", command.action},
                                                  {"audit", command.id},
                                                  {"consumer", command.consumer},
                                                  {"key", command.key},
                                                  {"system", call.caller.system()},
                                                  {"events", events},
                                                  {"remaining", remaining}});
}

absl::StatusOr<ConsumerState> StateOf(sql::Transaction& tx, const std::string& consumer) {
  ConsumerState state;
  ASSIGN_OR_RETURN(const ParkedCounts counts, CountParked(tx, consumer));
  ASSIGN_OR_RETURN(*state.mutable_position(), ConsumerPosition(tx, consumer));
  state.set_consumer(consumer);
  state.set_parked_keys(static_cast<int32_t>(counts.keys));
  state.set_parked_events(counts.events);
  state.set_full(counts.keys >= kMaxParkedKeys);
  return state;
}

}  // namespace

ParkedService::ParkedService(sql::Database* db, const Clock* clock, metrics::Registry* metrics,
                             std::map<std::string, Handler> handlers)
    : db_(db),
      clock_(clock),
      handlers_(std::move(handlers)),
      gauges_([&] {
        std::map<std::string, Gauges> gauges;
        for (const auto& [name, handler] : handlers_) {
          const metrics::Labels labels = {{"consumer", name}};
          gauges[name] = {
              metrics->GetGauge("events_parked_keys", "Keys that wait for an operator.", labels),
              metrics->GetGauge("events_parked_waiting", "Events of parked keys.", labels),
              metrics->GetGauge("events_parked_age_seconds",
                                "How long the oldest parked key waits; 0 when there is none.",
                                labels)};
        }
        return gauges;
      }()),
      counting_("parked keys", kParkedMetricsInterval, metrics,
                [this] { return CountForMetrics(); }) {}

absl::StatusOr<const Handler*> ParkedService::HandlerOf(const std::string& consumer) const {
  const auto found = handlers_.find(consumer);
  if (found != handlers_.end()) return &found->second;
  return MakeError(absl::StatusCode::kNotFound, "CONSUMER_UNKNOWN",
                   "this service has no consumer of that name");
}

absl::Status ParkedService::CountForMetrics() {
  return db_->Read([&](sql::Transaction& tx) -> absl::Status {
    for (auto& [consumer, gauges] : gauges_) {
      ASSIGN_OR_RETURN(const ParkedCounts counts, CountParked(tx, consumer));
      gauges.keys.Set(static_cast<double>(counts.keys));
      gauges.waiting.Set(static_cast<double>(counts.events));
      gauges.age_seconds.Set(
          counts.keys == 0 ? 0 : absl::ToDoubleSeconds(clock_->CivilNow() - counts.oldest));
    }
    return absl::OkStatus();
  });
}

grpc::Status ParkedService::ListParkedKeys(grpc::ServerContext* context,
                                           const ListParkedKeysRequest* request,
                                           ListParkedKeysResponse* response) {
  return rpc::Unary(context, [&](const rpc::CallContext& call) -> absl::Status {
    if (!request->consumer().empty()) RETURN_IF_ERROR(HandlerOf(request->consumer()).status());
    return db_->Read(
        [&](sql::Transaction& tx) -> absl::Status {
          response->Clear();
          for (const auto& [consumer, handler] : handlers_) {
            if (!request->consumer().empty() && request->consumer() != consumer) continue;
            ASSIGN_OR_RETURN(*response->add_consumers(), StateOf(tx, consumer));
            ASSIGN_OR_RETURN(auto keys, events::ListParkedKeys(tx, consumer));
            for (auto& key : keys) response->add_keys()->Swap(&key);
          }
          return absl::OkStatus();
        },
        call.deadline);
  });
}

grpc::Status ParkedService::ListParkedEvents(grpc::ServerContext* context,
                                             const ListParkedEventsRequest* request,
                                             ListParkedEventsResponse* response) {
  return rpc::Unary(context, [&](const rpc::CallContext& call) -> absl::Status {
    RETURN_IF_ERROR(HandlerOf(request->consumer()).status());
    ASSIGN_OR_RETURN(const int size, aip::PageSize(request->page_size(), kEventsPage, kEventsPage));
    const std::string filters = absl::StrCat(request->consumer(), "\n", request->key());
    int64_t after = 0;
    if (!request->page_token().empty()) {
      ASSIGN_OR_RETURN(const auto place, aip::ParsePageToken(request->page_token(), 1, filters));
      if (!absl::SimpleAtoi(place[0], &after)) {
        return MakeFieldError("PAGE_TOKEN_INVALID", "page_token", "is not of this list");
      }
    }
    return db_->Read(
        [&](sql::Transaction& tx) -> absl::Status {
          ASSIGN_OR_RETURN(auto events, events::ListParkedEvents(tx, request->consumer(),
                                                                 request->key(), after, size + 1));
          if (events.empty()) {
            return MakeError(absl::StatusCode::kNotFound, "PARKED_KEY_UNKNOWN",
                             "the key is not parked, or has no more events");
          }
          const bool more = static_cast<int>(events.size()) > size;
          if (more) events.pop_back();
          for (auto& event : events) response->add_events()->Swap(&event.response);
          if (more) {
            response->set_next_page_token(
                aip::MakePageToken({absl::StrCat(events.back().n)}, filters));
          }
          return absl::OkStatus();
        },
        call.deadline);
  });
}

grpc::Status ParkedService::ReplayParkedKey(grpc::ServerContext* context,
                                            const ReplayParkedKeyRequest* request,
                                            ReplayParkedKeyResponse* response) {
  return rpc::Unary(
      context, [&](const rpc::CallContext& call) { return Replay(call, *request, *response); });
}

grpc::Status ParkedService::DiscardParkedKey(grpc::ServerContext* context,
                                             const DiscardParkedKeyRequest* request,
                                             DiscardParkedKeyResponse* response) {
  return rpc::Unary(
      context, [&](const rpc::CallContext& call) { return Discard(call, *request, *response); });
}

absl::Status ParkedService::Replay(const rpc::CallContext& call,
                                   const ReplayParkedKeyRequest& request,
                                   ReplayParkedKeyResponse& response) {
  RETURN_IF_ERROR(CheckOperator(request.operator_id()));
  ASSIGN_OR_RETURN(const Handler* const handler, HandlerOf(request.consumer()));
  const ParkedCommand command = {NewUuid(*clock_), request.consumer(), request.key(), "REPLAY",
                                 request.operator_id()};
  int64_t remaining = 0;
  do {
    // Whether it was the event that failed, and not the way to it.
    bool handled = false;
    const absl::Status status = db_->Run(
        [&](sql::Transaction& tx) -> absl::Status {
          handled = false;
          ASSIGN_OR_RETURN(remaining, LockParkedKey(tx, command.consumer, command.key));
          ASSIGN_OR_RETURN(const auto first,
                           events::ListParkedEvents(tx, command.consumer, command.key, 0, 1));
          handled = true;
          RETURN_IF_ERROR(RunHandler(tx, *handler, first.at(0).response.event()));
          ASSIGN_OR_RETURN(remaining, RemoveParked(tx, command.consumer, command.key, 1));
          return Audit(tx, command, call, 1, absl::OkStatus(), clock_->CivilNow());
        },
        call.deadline);
    if (status.ok()) {
      response.set_applied(response.applied() + 1);
      continue;
    }
    if (!handled && response.applied() == 0) return status;
    *response.mutable_failure() = ToRpcStatus(status);
    if (handled) RETURN_IF_ERROR(KeepFailure(call, command, status));
    break;
  } while (remaining > 0 && absl::Now() < call.deadline - kAnswerTime);
  response.set_remaining(remaining);
  LogCommand(command, call, response.applied(), remaining);
  return absl::OkStatus();
}

absl::Status ParkedService::KeepFailure(const rpc::CallContext& call, const ParkedCommand& command,
                                        const absl::Status& failure) {
  return db_->Run([&](sql::Transaction& tx) -> absl::Status {
    const absl::Time now = clock_->CivilNow();
    RETURN_IF_ERROR(SaveParkedFailure(tx, command.consumer, command.key, failure, now));
    return Audit(tx, command, call, 0, failure, now);
  });
}

absl::Status ParkedService::Discard(const rpc::CallContext& call,
                                    const DiscardParkedKeyRequest& request,
                                    DiscardParkedKeyResponse& response) {
  RETURN_IF_ERROR(CheckOperator(request.operator_id()));
  RETURN_IF_ERROR(HandlerOf(request.consumer()).status());
  const ParkedCommand command = {NewUuid(*clock_), request.consumer(), request.key(), "DISCARD",
                                 request.operator_id()};
  RETURN_IF_ERROR(db_->Run(
      [&](sql::Transaction& tx) -> absl::Status {
        ASSIGN_OR_RETURN(const int64_t events, LockParkedKey(tx, command.consumer, command.key));
        ASSIGN_OR_RETURN(const auto first,
                         events::ListParkedEvents(tx, command.consumer, command.key, 0, 1));
        if (first.at(0).response.event().id() != request.first_event_id()) {
          return MakeError(absl::StatusCode::kFailedPrecondition, "PARKED_EVENT_NOT_FIRST",
                           "the first event of the key is another one: look again",
                           {{"key", command.key}});
        }
        if (request.whole_key() && events != request.events()) {
          return MakeError(absl::StatusCode::kFailedPrecondition, "PARKED_EVENTS_CHANGED",
                           absl::StrCat("the key has ", events, " events, not ", request.events(),
                                        ": look again"),
                           {{"key", command.key}});
        }
        response.set_discarded(request.whole_key() ? events : 1);
        ASSIGN_OR_RETURN(const int64_t remaining,
                         RemoveParked(tx, command.consumer, command.key, response.discarded()));
        response.set_remaining(remaining);
        return Audit(tx, command, call, response.discarded(), absl::OkStatus(), clock_->CivilNow());
      },
      call.deadline));
  LogCommand(command, call, response.discarded(), response.remaining());
  return absl::OkStatus();
}

}  // namespace lgsp::events
