// Documents as the gateway reaches them: a real server, mutual TLS, a signed caller; database,
// clock and files in the test's hands.
#pragma once

#include <atomic>
#include <catch2/catch.hpp>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "lgsp/dossiers/v1/documents.grpc.pb.h"
#include "libs/auth/auth.h"
#include "libs/rpc/channel.h"
#include "libs/status/status.h"
#include "libs/testing/platform.h"
#include "services/dossiers/database_test.h"
#include "services/dossiers/documents/document_samples_test.h"
#include "services/dossiers/documents/document_service.h"
#include "services/dossiers/samples_test.h"

namespace lgsp::dossiers {

// Of scope HERE, without a paper in its list.
inline constexpr char kUnlistedProcedure[] = "1.000091";

class DocumentsOnTheWire {
 public:
  using Stub = v1::Documents::Stub;

  explicit DocumentsOnTheWire(sql::Database::Engine engine,
                              v1::Scan::State first_scan_state = v1::Scan::NOT_SCANNED);

  // A stored dossier of kCommuneProcedure, and changed ones of it; `applicant` is its ID number.
  v1::Dossier NewDossier(absl::string_view procedure = kCommuneProcedure,
                         absl::string_view applicant = kPersonalSamples[1]);
  void Change(const v1::Dossier& dossier, const std::function<void(v1::Dossier&)>& change);

  template <typename Request, typename Response>
  absl::StatusOr<Response> Call(grpc::Status (Stub::*method)(grpc::ClientContext*, const Request&,
                                                             Response*),
                                const Request& request,
                                const lgsp::auth::v1::Caller& caller = CallerOf("H12.*")) {
    grpc::ClientContext context;
    Prepare(context, caller);
    Response response;
    RETURN_IF_ERROR(rpc::FromGrpcStatus((stub_.get()->*method)(&context, request, &response)));
    return response;
  }
  // Metadata and deadline of a call.
  void Prepare(grpc::ClientContext& context, const lgsp::auth::v1::Caller& caller);

  v1::UploadHead Head(const v1::Dossier& dossier, int item = 1);
  absl::StatusOr<v1::Document> Upload(const v1::UploadHead& head, const std::string& content,
                                      const lgsp::auth::v1::Caller& caller = CallerOf("H12.*"));
  // Must succeed.
  v1::Document MustUpload(const v1::Dossier& dossier, int item = 1,
                          const std::string& content = SamplePdf(100));
  // The content; `document` gets what came with it.
  absl::StatusOr<std::string> Download(const std::string& name,
                                       const lgsp::auth::v1::Caller& caller = CallerOf("H12.*"),
                                       v1::Document* document = nullptr);
  absl::StatusOr<v1::FileList> List(const v1::Dossier& dossier,
                                    const lgsp::auth::v1::Caller& caller = CallerOf("H12.*"));

  std::string NewRequestId();
  // Paths of all files of documents.
  std::vector<std::string> Files() const;
  // Every byte of every file of the database and of documents, and every path.
  std::string BytesOnDisk() const;

  sql::Database& db() { return *database_.db; }
  const durable::SubjectKeys& keys() { return database_.keys; }
  TestStore& database() { return database_; }
  FakeClock& clock() { return clock_; }
  metrics::Registry& metrics() { return platform_.metrics(); }
  const PartCommands& commands() const { return commands_; }
  const DocumentFiles& files() const { return files_; }
  DocumentTransfers& transfers() { return transfers_; }
  Stub& stub() { return *stub_; }
  rpc::Server& server() { return *server_; }

 private:
  testing::Platform platform_;
  testing::TemporaryFolder folder_;
  FakeClock clock_;
  TestStore database_;
  Catalogue catalogue_;
  const DocumentPolicies policies_;
  const DocumentFiles files_;
  DocumentTransfers transfers_;
  const DossierChanges changes_;
  const PartCommands commands_;
  DocumentService service_;
  std::unique_ptr<rpc::Server> server_;
  std::unique_ptr<Stub> stub_;
  std::atomic<int> numbers_ = 0;
};

}  // namespace lgsp::dossiers
