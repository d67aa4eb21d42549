#include "services/evidence/evidence_service.h"

#include <algorithm>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "libs/aip/aip.h"
#include "libs/clock/timestamp.h"
#include "libs/status/status.h"
#include "services/evidence/errors.h"
#include "services/evidence/limits.h"

namespace lgsp::evidence {
namespace {

using lgsp::auth::v1::Caller;
using lgsp::evidence::v1::AuditRecord;
using lgsp::evidence::v1::ListExchangesRequest;
using lgsp::evidence::v1::ProvedRecord;
using lgsp::evidence::v1::Receipt;

constexpr char kAuditorRole[] = "auditor";

// Which systems may name officers here is in their agreements.
bool IsAuditor(const Caller& caller) {
  const auto& roles = caller.officer().roles();
  return !caller.officer().unit().empty() &&
         std::find(roles.begin(), roles.end(), kAuditorRole) != roles.end();
}

absl::Status Prove(Reader& reader, uint64_t index, uint64_t size, ProvedRecord* out) {
  ASSIGN_OR_RETURN(const std::string entry, reader.Entry(index));
  ASSIGN_OR_RETURN(const std::vector<Hash> proof, reader.InclusionProof(index, size));
  out->set_index(index);
  out->set_entry(entry);
  out->mutable_record()->ParseFromString(entry);
  for (const Hash& hash : proof) out->add_inclusion_proof(std::string(Bytes(hash)));
  return absl::OkStatus();
}

absl::Status MakeReceipt(Mirror& mirror, const IndexedExchange& exchange, Receipt* out) {
  ASSIGN_OR_RETURN(const SignedCheckpoint latest, mirror.reader().Latest());
  const uint64_t size = latest.checkpoint.size;
  // Indexed by another process, whose mirror was ahead.
  if (std::max(exchange.intent_index, exchange.outcome_index.value_or(0)) >= size) {
    return NotMirrored();
  }
  out->set_origin(mirror.origin());
  out->set_key(mirror.key().ToString());
  out->set_checkpoint(latest.note);
  RETURN_IF_ERROR(Prove(mirror.reader(), exchange.intent_index, size, out->mutable_intent()));
  if (!exchange.outcome_index.has_value()) return absl::OkStatus();
  return Prove(mirror.reader(), *exchange.outcome_index, size, out->mutable_outcome());
}

absl::Status CheckTexts(const ListExchangesRequest& request) {
  const std::pair<absl::string_view, absl::string_view> texts[] = {{"system", request.system()},
                                                                   {"service", request.service()},
                                                                   {"dossier", request.dossier()},
                                                                   {"person", request.person()}};
  for (const auto& [field, text] : texts) {
    if (text.size() > kMaxIndexedText || absl::StrContains(text, '\0')) return FilterInvalid(field);
  }
  return absl::OkStatus();
}

absl::StatusOr<ExchangeFilter> FilterOf(const ListExchangesRequest& request,
                                        const PersonKeys& person_keys) {
  RETURN_IF_ERROR(CheckTexts(request));
  ExchangeFilter filter;
  filter.system = request.system();
  filter.service = request.service();
  filter.dossier = request.dossier();
  if (!IsValid(request.start_time())) return TimeInvalid("start_time", "must be an instant");
  if (!IsValid(request.end_time())) return TimeInvalid("end_time", "must be an instant");
  if (request.has_start_time()) filter.start = ToTime(request.start_time());
  if (request.has_end_time()) filter.end = ToTime(request.end_time());
  if (filter.end < filter.start) return TimeInvalid("end_time", "must not be before start_time");
  if (request.person().empty()) return filter;
  filter.person_hashes = person_keys.Hashes(filter.start, filter.end, request.person());
  filter.nobody = filter.person_hashes.empty();
  return filter;
}

// What a page token is bound to; nothing of the person but the hashes.
std::string FilterText(const ExchangeFilter& filter) {
  return absl::StrCat(sql::Micros(filter.start), "\n", sql::Micros(filter.end), "\n", filter.system,
                      "\n", filter.service, "\n", filter.dossier, "\n",
                      absl::StrJoin(filter.person_hashes, "\n"));
}

absl::StatusOr<ExchangePlace> PlaceOf(const std::string& token, absl::string_view filters) {
  ExchangePlace place;
  if (token.empty()) return place;
  ASSIGN_OR_RETURN(const std::vector<std::string> parts, aip::ParsePageToken(token, 3, filters));
  // It is ours: the number is one.
  (void)absl::SimpleAtoi(parts[0], &place.micros);
  place.exchange_id = parts[1];
  place.origin = parts[2];
  return place;
}

lgsp::evidence::v1::Exchange InShort(const IndexedExchange& exchange) {
  lgsp::evidence::v1::Exchange out;
  out.set_exchange_id(exchange.exchange_id);
  out.set_origin(exchange.origin);
  *out.mutable_time() = ToTimestamp(exchange.time);
  out.set_system(exchange.system);
  out.set_service(exchange.service);
  out.set_method(exchange.method);
  out.set_dossier(exchange.dossier);
  out.set_end(exchange.end);
  out.set_grpc_status(exchange.grpc_status);
  return out;
}

}  // namespace

bool EvidenceService::IsParty(const Caller& caller, const IndexedExchange& exchange) const {
  if (!exchange.system.empty() && exchange.system == caller.system()) return true;
  return !caller.participant().empty() &&
         parts_.providers->ProviderOf(exchange.service) == caller.participant();
}

absl::Status EvidenceService::Audit(const rpc::CallContext& call, AuditRecord record) {
  *record.mutable_time() = ToTimestamp(parts_.clock->SecurityNow());
  *record.mutable_caller() = call.caller;
  record.set_traceparent(call.traceparent);
  const std::string entry = record.SerializeAsString();
  ASSIGN_OR_RETURN(const uint64_t index, parts_.audit->Append({entry}));
  return parts_.audit->WaitDurable(index + 1, call.deadline);
}

absl::Status EvidenceService::Receive(const rpc::CallContext& call,
                                      const lgsp::evidence::v1::GetReceiptRequest& request,
                                      Receipt* response) {
  if (!aip::IsUuid(request.exchange_id())) return ExchangeIdInvalid();
  ASSIGN_OR_RETURN(const std::vector<IndexedExchange> found,
                   parts_.index->Find(request.exchange_id(), call.deadline));
  const auto own = std::find_if(found.begin(), found.end(), [&](const IndexedExchange& exchange) {
    return IsParty(call.caller, exchange);
  });
  const IndexedExchange* chosen = own == found.end() ? nullptr : &*own;
  if (chosen == nullptr && IsAuditor(call.caller)) {
    AuditRecord record;
    record.set_exchange_id(request.exchange_id());
    RETURN_IF_ERROR(Audit(call, std::move(record)));
    if (!found.empty()) chosen = &found.front();
  }
  if (chosen == nullptr) return ExchangeUnknown();
  Mirror* const mirror = FindMirror(*parts_.mirrors, chosen->origin);
  if (mirror == nullptr) return NotMirrored();
  return MakeReceipt(*mirror, *chosen, response);
}

absl::Status EvidenceService::List(const rpc::CallContext& call,
                                   const ListExchangesRequest& request,
                                   lgsp::evidence::v1::ListExchangesResponse* response) {
  if (!IsAuditor(call.caller)) return AuditorRequired();
  ASSIGN_OR_RETURN(const int size,
                   aip::PageSize(request.page_size(), kStandardPageSize, kLargestPageSize));
  ASSIGN_OR_RETURN(const ExchangeFilter filter, FilterOf(request, *parts_.person_keys));
  const std::string filters = FilterText(filter);
  ASSIGN_OR_RETURN(const ExchangePlace after, PlaceOf(request.page_token(), filters));
  AuditRecord record;
  *record.mutable_list() = request;
  record.mutable_list()->clear_person();
  for (const std::string& hash : filter.person_hashes) record.add_person_hashes(hash);
  RETURN_IF_ERROR(Audit(call, std::move(record)));
  ASSIGN_OR_RETURN(std::vector<IndexedExchange> found,
                   parts_.index->List(filter, after, size + 1, call.deadline));
  const bool more = static_cast<int>(found.size()) > size;
  if (more) found.pop_back();
  for (const IndexedExchange& exchange : found) *response->add_exchanges() = InShort(exchange);
  if (more) {
    const IndexedExchange& last = found.back();
    response->set_next_page_token(aip::MakePageToken(
        {absl::StrCat(sql::Micros(last.time)), last.exchange_id, last.origin}, filters));
  }
  return absl::OkStatus();
}

grpc::Status EvidenceService::GetReceipt(grpc::ServerContext* context,
                                         const lgsp::evidence::v1::GetReceiptRequest* request,
                                         Receipt* response) {
  return rpc::Unary(
      context, [&](const rpc::CallContext& call) { return Receive(call, *request, response); });
}

grpc::Status EvidenceService::ListExchanges(grpc::ServerContext* context,
                                            const ListExchangesRequest* request,
                                            lgsp::evidence::v1::ListExchangesResponse* response) {
  return rpc::Unary(context,
                    [&](const rpc::CallContext& call) { return List(call, *request, response); });
}

grpc::Status EvidenceService::ListAnchors(grpc::ServerContext* context,
                                          const lgsp::evidence::v1::ListAnchorsRequest* request,
                                          lgsp::evidence::v1::ListAnchorsResponse* response) {
  return rpc::Unary(context, [&](const rpc::CallContext&) -> absl::Status {
    Mirror* const mirror = FindMirror(*parts_.mirrors, request->origin());
    if (mirror == nullptr) return LogUnknown();
    ASSIGN_OR_RETURN(const int size,
                     aip::PageSize(request->page_size(), kStandardPageSize, kLargestPageSize));
    uint64_t from = 0;
    if (!request->page_token().empty()) {
      ASSIGN_OR_RETURN(const std::vector<std::string> place,
                       aip::ParsePageToken(request->page_token(), 1, request->origin()));
      (void)absl::SimpleAtoi(place[0], &from);
    }
    const auto limit = static_cast<uint64_t>(size);
    ASSIGN_OR_RETURN(std::vector<std::string> anchors, mirror->anchors().List(from, limit + 1));
    const bool more = anchors.size() > limit;
    if (more) anchors.pop_back();
    for (std::string& anchor : anchors) response->add_anchors(std::move(anchor));
    if (more) {
      response->set_next_page_token(
          aip::MakePageToken({absl::StrCat(from + limit)}, request->origin()));
    }
    return absl::OkStatus();
  });
}

}  // namespace lgsp::evidence
