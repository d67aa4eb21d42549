#include "services/dossiers/results/result_service.h"

#include <vector>

#include "absl/strings/str_cat.h"
#include "libs/aip/aip.h"
#include "libs/rpc/server.h"
#include "libs/status/status.h"
#include "services/dossiers/documents/document_store.h"
#include "services/dossiers/part_names.h"
#include "services/dossiers/results/result_errors.h"
#include "services/dossiers/results/result_events.h"
#include "services/dossiers/results/result_signing.h"
#include "services/dossiers/results/result_store.h"
#include "services/dossiers/results/results.h"
#include "services/dossiers/results/verification_code.h"
#include "services/dossiers/routing.h"

namespace lgsp::dossiers {

using lgsp::dossiers::v1::GetResultRequest;
using lgsp::dossiers::v1::ListResultsRequest;
using lgsp::dossiers::v1::ListResultsResponse;
using lgsp::dossiers::v1::RevokeResultRequest;
using lgsp::dossiers::v1::SignResultRequest;
using lgsp::dossiers::v1::VerifyResultRequest;
using lgsp::dossiers::v1::VerifyResultResponse;

namespace {

constexpr char kSign[] = "sign-result";
constexpr char kRevoke[] = "revoke-result";

// `name` in the dossier that was loaded, which may have been named by its code.
absl::StatusOr<std::string> InDossier(absl::string_view field, absl::string_view name,
                                      absl::string_view collection, const Dossier& dossier) {
  ASSIGN_OR_RETURN(const PartName parts, ParsePartName(field, name, collection));
  const bool same = parts.dossier == dossier.name() ||
                    parts.dossier == absl::StrCat(kCollection, "/", dossier.code());
  if (!same) return collection == kDocumentCollection ? ResultDocumentInvalid() : ResultNotFound();
  return parts.In(dossier.name());
}

}  // namespace

absl::StatusOr<std::string> ResultService::Sign(sql::Transaction& tx, const rpc::CallContext& call,
                                                const SignResultRequest& request,
                                                const LoadedDossier& loaded, absl::Time now) const {
  const PartCommands::Parts& parts = commands_.parts();
  Dossier dossier = loaded.dossier;
  Succeed(*parts.catalogue, now, dossier);
  SignResultRequest named = request;
  ASSIGN_OR_RETURN(*named.mutable_document(),
                   InDossier("document", request.document(), kDocumentCollection, loaded.dossier));
  if (!request.replaces().empty()) {
    ASSIGN_OR_RETURN(*named.mutable_replaces(),
                     InDossier("replaces", request.replaces(), kResultCollection, loaded.dossier));
  }
  ASSIGN_OR_RETURN(const StoredDocument stored, LoadDocument(tx, named.document(), loaded.key));
  ASSIGN_OR_RETURN(const std::vector<Result> results,
                   LoadResults(tx, loaded.dossier.name(), loaded.key));
  const Situation situation{*parts.catalogue, ActorsOf(call.caller, dossier), now, &call.caller};
  ASSIGN_OR_RETURN(Result result,
                   DecideSignResult(situation, {dossier, results}, named, stored.document));
  if (!can_sign_) return SigningNotConfigured();
  result.set_name(
      absl::StrCat(loaded.dossier.name(), "/", kResultCollection, "/", NewUuid(*parts.clock)));
  RETURN_IF_ERROR(InsertResult(tx, result, loaded.key));
  RETURN_IF_ERROR(OrderSignature(tx, result, loaded, *parts.clock));
  RETURN_IF_ERROR(TellOfResult(tx, *parts.changes, result, call.traceparent, now, loaded));
  result.set_etag(aip::Etag(result.name(), result.revision()));
  return result.SerializeAsString();
}

grpc::Status ResultService::SignResult(grpc::ServerContext* context,
                                       const SignResultRequest* request, Result* response) {
  return rpc::Unary(context, [&](const rpc::CallContext& call) -> absl::Status {
    RETURN_IF_ERROR(aip::CheckRequestId(request->request_id()));
    const auto command =
        durable::MakeCommand(call.caller.system(), request->request_id(), kSign, *request);
    ASSIGN_OR_RETURN(
        const std::string answer,
        commands_.Run(call, call.deadline, command, {"parent", request->parent()},
                      [&](sql::Transaction& tx, const LoadedDossier& loaded, absl::Time now) {
                        return Sign(tx, call, *request, loaded, now);
                      }));
    response->ParseFromString(answer);
    ordered_();
    return absl::OkStatus();
  });
}

absl::StatusOr<std::string> ResultService::Revoke(
    sql::Transaction& tx, const rpc::CallContext& call, const RevokeResultRequest& request,
    const std::string& name, const LoadedDossier& loaded, absl::Time now) const {
  const PartCommands::Parts& parts = commands_.parts();
  Dossier dossier = loaded.dossier;
  Succeed(*parts.catalogue, now, dossier);
  ASSIGN_OR_RETURN(Result result, LoadResult(tx, name, loaded.key));
  RETURN_IF_ERROR(aip::CheckEtag(request.etag(), result.name(), result.revision()));
  ASSIGN_OR_RETURN(const std::vector<Result> results,
                   LoadResults(tx, loaded.dossier.name(), loaded.key));
  const Situation situation{*parts.catalogue, ActorsOf(call.caller, dossier), now, &call.caller};
  RETURN_IF_ERROR(DecideRevokeResult(situation, {dossier, results}, request, result));
  RETURN_IF_ERROR(UpdateResult(tx, result, loaded.key));
  RETURN_IF_ERROR(TellOfResult(tx, *parts.changes, result, call.traceparent, now, loaded));
  result.set_etag(aip::Etag(result.name(), result.revision()));
  return result.SerializeAsString();
}

grpc::Status ResultService::RevokeResult(grpc::ServerContext* context,
                                         const RevokeResultRequest* request, Result* response) {
  return rpc::Unary(context, [&](const rpc::CallContext& call) -> absl::Status {
    RETURN_IF_ERROR(aip::CheckRequestId(request->request_id()));
    ASSIGN_OR_RETURN(const PartName name,
                     ParsePartName("name", request->name(), kResultCollection));
    const auto command =
        durable::MakeCommand(call.caller.system(), request->request_id(), kRevoke, *request);
    ASSIGN_OR_RETURN(
        const std::string answer,
        commands_.Run(call, call.deadline, command, {"name", name.dossier},
                      [&](sql::Transaction& tx, const LoadedDossier& loaded, absl::Time now) {
                        return Revoke(tx, call, *request, name.In(loaded.dossier.name()), loaded,
                                      now);
                      }));
    response->ParseFromString(answer);
    return absl::OkStatus();
  });
}

grpc::Status ResultService::GetResult(grpc::ServerContext* context, const GetResultRequest* request,
                                      Result* response) {
  return rpc::Unary(context, [&](const rpc::CallContext& call) -> absl::Status {
    ASSIGN_OR_RETURN(const PartName name,
                     ParsePartName("name", request->name(), kResultCollection));
    return commands_.Read(
        call, {"name", name.dossier},
        [&](sql::Transaction& tx, const LoadedDossier& loaded) -> absl::Status {
          ASSIGN_OR_RETURN(*response, LoadResult(tx, name.In(loaded.dossier.name()), loaded.key));
          return absl::OkStatus();
        });
  });
}

grpc::Status ResultService::ListResults(grpc::ServerContext* context,
                                        const ListResultsRequest* request,
                                        ListResultsResponse* response) {
  return rpc::Unary(context, [&](const rpc::CallContext& call) -> absl::Status {
    return commands_.Read(call, {"parent", request->parent()},
                          [&](sql::Transaction& tx, const LoadedDossier& loaded) -> absl::Status {
                            ASSIGN_OR_RETURN(std::vector<Result> results,
                                             LoadResults(tx, loaded.dossier.name(), loaded.key));
                            for (Result& result : results) {
                              result.clear_signature();
                              response->add_results()->Swap(&result);
                            }
                            return absl::OkStatus();
                          });
  });
}

absl::Status ResultService::Verify(sql::Transaction& tx, const std::string& code,
                                   VerifyResultResponse& response) const {
  const PartCommands::Parts& parts = commands_.parts();
  ASSIGN_OR_RETURN(const std::string name, FindResult(tx, code));
  const auto loaded = parts.changes->store().Load(tx, IdOf(DossierOf(name)));
  if (ErrorReason(loaded.status()) == "DATA_KEY_ERASED") return ResultUnknown();
  RETURN_IF_ERROR(loaded.status());
  ASSIGN_OR_RETURN(const Result result, LoadResult(tx, name, loaded->key));
  response.set_state(result.state());
  response.set_agency(result.agency());
  if (const Agency* agency = parts.catalogue->FindAgency(result.agency()); agency != nullptr) {
    response.set_agency_name(agency->name);
  }
  response.set_procedure(loaded->dossier.procedure());
  if (const Procedure* procedure = parts.catalogue->ProcedureOf(loaded->dossier);
      procedure != nullptr) {
    response.set_procedure_name(procedure->display_name());
  }
  response.set_number(result.number());
  *response.mutable_signing_time() = result.signer().signing_time();
  if (result.has_end_time()) *response.mutable_end_time() = result.end_time();
  response.set_sha256(result.sha256());
  return absl::OkStatus();
}

grpc::Status ResultService::VerifyResult(grpc::ServerContext* context,
                                         const VerifyResultRequest* request,
                                         VerifyResultResponse* response) {
  return rpc::Unary(context, [&](const rpc::CallContext& call) -> absl::Status {
    ASSIGN_OR_RETURN(const std::string code, CleanVerificationCode(request->verification_code()));
    return commands_.parts().db->Read(
        [&](sql::Transaction& tx) { return Verify(tx, code, *response); }, call.deadline);
  });
}

}  // namespace lgsp::dossiers
