// gRPC adapter: receipts, an auditor's lists, anchors.
#pragma once

#include <string>

#include "absl/status/status.h"
#include "lgsp/evidence/v1/evidence.grpc.pb.h"
#include "libs/clock/clock.h"
#include "libs/evidence/log.h"
#include "libs/rpc/server.h"
#include "services/evidence/exchange_index.h"
#include "services/evidence/mirror.h"
#include "services/evidence/person_keys.h"
#include "services/evidence/providers.h"

namespace lgsp::evidence {

// All outlive the service.
struct EvidenceParts {
  const Mirrors* mirrors;
  ExchangeIndex* index;
  PersonKeys* person_keys;
  Providers* providers;
  // Of auditors' questions (AuditRecord).
  Log* audit;
  const Clock* clock;
};

class EvidenceService final : public lgsp::evidence::v1::Evidence::Service {
 public:
  explicit EvidenceService(const EvidenceParts& parts) : parts_(parts) {}

  grpc::Status GetReceipt(grpc::ServerContext* context,
                          const lgsp::evidence::v1::GetReceiptRequest* request,
                          lgsp::evidence::v1::Receipt* response) override;
  grpc::Status ListExchanges(grpc::ServerContext* context,
                             const lgsp::evidence::v1::ListExchangesRequest* request,
                             lgsp::evidence::v1::ListExchangesResponse* response) override;
  grpc::Status ListAnchors(grpc::ServerContext* context,
                           const lgsp::evidence::v1::ListAnchorsRequest* request,
                           lgsp::evidence::v1::ListAnchorsResponse* response) override;

 private:
  absl::Status Receive(const rpc::CallContext& call,
                       const lgsp::evidence::v1::GetReceiptRequest& request,
                       lgsp::evidence::v1::Receipt* response);
  absl::Status List(const rpc::CallContext& call,
                    const lgsp::evidence::v1::ListExchangesRequest& request,
                    lgsp::evidence::v1::ListExchangesResponse* response);
  // Whether the call was the caller's own: as the one that called, or the one that answered.
  bool IsParty(const lgsp::auth::v1::Caller& caller, const IndexedExchange& exchange) const;
  // Durable when it returns.
  absl::Status Audit(const rpc::CallContext& call, lgsp::evidence::v1::AuditRecord record);

  const EvidenceParts parts_;
};

}  // namespace lgsp::evidence
