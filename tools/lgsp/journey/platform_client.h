// The platform as a registered system sees it: through the gateway, with the system's certificate.
#pragma once

#include <grpcpp/grpcpp.h>

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "lgsp/dossiers/v1/documents.grpc.pb.h"
#include "lgsp/dossiers/v1/dossiers.grpc.pb.h"
#include "lgsp/dossiers/v1/results.grpc.pb.h"
#include "lgsp/insights/v1/insights.grpc.pb.h"
#include "tools/lgsp/data_folder.h"

namespace lgsp::cli {

// Of one call; what is not answered by then is asked again.
inline constexpr absl::Duration kCallTimeout = absl::Seconds(10);

// Thread-safe.
class PlatformClient {
 public:
  // `system`: one with a certificate in the data folder, `demo-onestop`. NOT_FOUND SYSTEM_UNKNOWN,
  // PROCESS_UNKNOWN; what rpc::Connect answers.
  static absl::StatusOr<std::unique_ptr<PlatformClient>> Connect(const DataFolder& folder,
                                                                 absl::string_view system);

  const std::string& address() const { return address_; }

  // One unary call as an officer who acts for `unit`, with `role` beside the usual ones; no officer
  // is named when `unit` is empty. Any status of the platform.
  template <typename Stub, typename Request, typename Response>
  absl::StatusOr<Response> Call(grpc::Status (Stub::*method)(grpc::ClientContext*, const Request&,
                                                             Response*),
                                const Request& request, absl::string_view unit = "",
                                absl::string_view role = "") {
    grpc::ClientContext context;
    Prepare(unit, role, &context);
    Response response;
    const absl::Status status =
        Converted((StubOf(static_cast<Stub*>(nullptr))->*method)(&context, request, &response));
    if (!status.ok()) return status;
    return response;
  }

  // Sends a document in one piece after the other; reads one whole. As Call.
  absl::StatusOr<dossiers::v1::Document> Upload(const dossiers::v1::UploadHead& head,
                                                absl::string_view content, absl::string_view sha256,
                                                absl::string_view unit, absl::string_view role);
  absl::StatusOr<std::string> Download(const std::string& document);

 private:
  using DocumentsStub = dossiers::v1::Documents::Stub;
  using ResultsStub = dossiers::v1::Results::Stub;
  using DossiersStub = dossiers::v1::Dossiers::Stub;
  using InsightsStub = insights::v1::Insights::Stub;

  PlatformClient(std::string address, const std::shared_ptr<grpc::Channel>& channel);
  static void Prepare(absl::string_view unit, absl::string_view role, grpc::ClientContext* context);
  static absl::Status Converted(const grpc::Status& status);
  DossiersStub* StubOf(DossiersStub*) { return dossiers_.get(); }
  DocumentsStub* StubOf(DocumentsStub*) { return documents_.get(); }
  ResultsStub* StubOf(ResultsStub*) { return results_.get(); }
  InsightsStub* StubOf(InsightsStub*) { return insights_.get(); }

  const std::string address_;
  const std::unique_ptr<DossiersStub> dossiers_;
  const std::unique_ptr<DocumentsStub> documents_;
  const std::unique_ptr<ResultsStub> results_;
  const std::unique_ptr<InsightsStub> insights_;
};

}  // namespace lgsp::cli
