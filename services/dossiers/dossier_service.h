// gRPC adapter of dossiers: authorise, validate, then in one transaction load, decide, save, tell;
// answer.
#pragma once

#include <functional>
#include <string>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "lgsp/dossiers/v1/dossiers.grpc.pb.h"
#include "libs/clock/clock.h"
#include "libs/durable/subject_keys.h"
#include "libs/rpc/server.h"
#include "libs/sql/sql.h"
#include "services/dossiers/catalogue/catalogue.h"
#include "services/dossiers/decisions.h"
#include "services/dossiers/dossier_changes.h"
#include "services/dossiers/dossier_store.h"

namespace lgsp::dossiers {

class DossierService final : public lgsp::dossiers::v1::Dossiers::Service {
 public:
  // What the service works with; all outlive it.
  struct Parts {
    sql::Database* db;
    const durable::SubjectKeys* subject_keys;
    const Catalogue* catalogue;
    const Clock* clock;
    const DossierChanges* changes;
    // Called after every command that took effect: events and outward calls may have been added.
    std::function<void()> committed;
  };
  explicit DossierService(Parts parts);

  grpc::Status SubmitDossier(grpc::ServerContext* context,
                             const lgsp::dossiers::v1::SubmitDossierRequest* request,
                             lgsp::dossiers::v1::Dossier* response) override;
  grpc::Status UpdateDraft(grpc::ServerContext* context,
                           const lgsp::dossiers::v1::UpdateDraftRequest* request,
                           lgsp::dossiers::v1::Dossier* response) override;
  grpc::Status FileDossier(grpc::ServerContext* context,
                           const lgsp::dossiers::v1::FileDossierRequest* request,
                           lgsp::dossiers::v1::Dossier* response) override;
  grpc::Status AcceptDossier(grpc::ServerContext* context,
                             const lgsp::dossiers::v1::AcceptDossierRequest* request,
                             lgsp::dossiers::v1::Dossier* response) override;
  grpc::Status CompleteDossier(grpc::ServerContext* context,
                               const lgsp::dossiers::v1::CompleteDossierRequest* request,
                               lgsp::dossiers::v1::Dossier* response) override;
  grpc::Status ReturnDossier(grpc::ServerContext* context,
                             const lgsp::dossiers::v1::ReturnDossierRequest* request,
                             lgsp::dossiers::v1::Dossier* response) override;
  grpc::Status RejectDossier(grpc::ServerContext* context,
                             const lgsp::dossiers::v1::RejectDossierRequest* request,
                             lgsp::dossiers::v1::Dossier* response) override;
  grpc::Status AskSupplement(grpc::ServerContext* context,
                             const lgsp::dossiers::v1::AskSupplementRequest* request,
                             lgsp::dossiers::v1::Dossier* response) override;
  grpc::Status AnswerSupplement(grpc::ServerContext* context,
                                const lgsp::dossiers::v1::AnswerSupplementRequest* request,
                                lgsp::dossiers::v1::Dossier* response) override;
  grpc::Status TransferDossier(grpc::ServerContext* context,
                               const lgsp::dossiers::v1::TransferDossierRequest* request,
                               lgsp::dossiers::v1::Dossier* response) override;
  grpc::Status ReceiveDossier(grpc::ServerContext* context,
                              const lgsp::dossiers::v1::ReceiveDossierRequest* request,
                              lgsp::dossiers::v1::Dossier* response) override;
  grpc::Status ForwardDossier(grpc::ServerContext* context,
                              const lgsp::dossiers::v1::ForwardDossierRequest* request,
                              lgsp::dossiers::v1::Dossier* response) override;
  grpc::Status SendBackDossier(grpc::ServerContext* context,
                               const lgsp::dossiers::v1::SendBackDossierRequest* request,
                               lgsp::dossiers::v1::Dossier* response) override;
  grpc::Status AssignDossier(grpc::ServerContext* context,
                             const lgsp::dossiers::v1::AssignDossierRequest* request,
                             lgsp::dossiers::v1::Dossier* response) override;
  grpc::Status MoveWork(grpc::ServerContext* context,
                        const lgsp::dossiers::v1::MoveWorkRequest* request,
                        lgsp::dossiers::v1::MoveWorkResponse* response) override;
  grpc::Status EraseDossier(grpc::ServerContext* context,
                            const lgsp::dossiers::v1::EraseDossierRequest* request,
                            lgsp::dossiers::v1::EraseDossierResponse* response) override;
  grpc::Status AnswerConsultation(grpc::ServerContext* context,
                                  const lgsp::dossiers::v1::AnswerConsultationRequest* request,
                                  lgsp::dossiers::v1::Dossier* response) override;
  grpc::Status StartDossier(grpc::ServerContext* context,
                            const lgsp::dossiers::v1::StartDossierRequest* request,
                            lgsp::dossiers::v1::Dossier* response) override;
  grpc::Status BeginWait(grpc::ServerContext* context,
                         const lgsp::dossiers::v1::BeginWaitRequest* request,
                         lgsp::dossiers::v1::Dossier* response) override;
  grpc::Status EndWait(grpc::ServerContext* context,
                       const lgsp::dossiers::v1::EndWaitRequest* request,
                       lgsp::dossiers::v1::Dossier* response) override;
  grpc::Status SignDossier(grpc::ServerContext* context,
                           const lgsp::dossiers::v1::SignDossierRequest* request,
                           lgsp::dossiers::v1::Dossier* response) override;
  grpc::Status ReappointDossier(grpc::ServerContext* context,
                                const lgsp::dossiers::v1::ReappointDossierRequest* request,
                                lgsp::dossiers::v1::Dossier* response) override;
  grpc::Status WithdrawDossier(grpc::ServerContext* context,
                               const lgsp::dossiers::v1::WithdrawDossierRequest* request,
                               lgsp::dossiers::v1::Dossier* response) override;
  grpc::Status StopDossier(grpc::ServerContext* context,
                           const lgsp::dossiers::v1::StopDossierRequest* request,
                           lgsp::dossiers::v1::Dossier* response) override;
  grpc::Status GetDossier(grpc::ServerContext* context,
                          const lgsp::dossiers::v1::GetDossierRequest* request,
                          lgsp::dossiers::v1::Dossier* response) override;
  grpc::Status ListDossiers(grpc::ServerContext* context,
                            const lgsp::dossiers::v1::ListDossiersRequest* request,
                            lgsp::dossiers::v1::ListDossiersResponse* response) override;
  grpc::Status SearchDossiers(grpc::ServerContext* context,
                              const lgsp::dossiers::v1::SearchDossiersRequest* request,
                              lgsp::dossiers::v1::SearchDossiersResponse* response) override;
  grpc::Status CountDossiers(grpc::ServerContext* context,
                             const lgsp::dossiers::v1::CountDossiersRequest* request,
                             lgsp::dossiers::v1::CountDossiersResponse* response) override;
  grpc::Status ExplainDueDate(grpc::ServerContext* context,
                              const lgsp::dossiers::v1::ExplainDueDateRequest* request,
                              lgsp::dossiers::v1::ExplainDueDateResponse* response) override;
  grpc::Status ListTransitions(grpc::ServerContext* context,
                               const lgsp::dossiers::v1::ListTransitionsRequest* request,
                               lgsp::dossiers::v1::ListTransitionsResponse* response) override;

 private:
  // Runs a command in one transaction: repeated → its first answer; else `decide`, save, answer.
  template <typename Request>
  grpc::Status RunCommand(grpc::ServerContext* context, Command kind, const Request& request,
                          absl::FunctionRef<absl::StatusOr<LoadedDossier>(
                              sql::Transaction&, const lgsp::auth::v1::Caller&, absl::Time now)>
                              decide,
                          lgsp::dossiers::v1::Dossier* response);

  // A command on an existing dossier: load, check etag, `decide`, allocate the code.
  template <typename Request>
  grpc::Status RunChange(
      grpc::ServerContext* context, Command kind, const Request& request,
      absl::FunctionRef<absl::Status(const Situation&, lgsp::dossiers::v1::Dossier& dossier)>
          decide,
      lgsp::dossiers::v1::Dossier* response);

  // The dossier named, when it concerns the caller; else as if there were none.
  absl::StatusOr<LoadedDossier> LoadFor(sql::Transaction& tx, const lgsp::auth::v1::Caller& caller,
                                        absl::string_view field, absl::string_view name);

  // ALREADY_EXISTS FOREIGN_CODE_TAKEN with the dossier that was made of the same case before.
  absl::Status CheckNotFiled(sql::Transaction& tx, const lgsp::auth::v1::Caller& caller,
                             const lgsp::dossiers::v1::SubmitDossierRequest& request);

  // Whose lists the caller reads: of the agencies it acts for, and of those they succeeded.
  std::vector<std::string> ListsOf(const lgsp::auth::v1::Caller& caller) const;
  // Those of them in which what is asked for can be; what an agency settles is in its own list,
  // whole, or in that of an agency that it succeeded.
  std::vector<std::string> Narrow(std::vector<std::string> lists, ListFilter& filter) const;

  const DossierStore& store() const { return parts_.changes->store(); }

  const Parts parts_;
};

}  // namespace lgsp::dossiers
