#include "tools/lgsp/journey/platform_client.h"

#include <unistd.h>

#include "absl/memory/memory.h"
#include "absl/strings/str_cat.h"
#include "libs/rpc/channel.h"
#include "libs/rpc/server.h"
#include "libs/status/status.h"

namespace lgsp::cli {
namespace {

constexpr char kOfficer[] = "cb-0001";
constexpr char kRoles[] = "intake,processing";
constexpr size_t kChunkBytes = 64 << 10;

}  // namespace

PlatformClient::PlatformClient(std::string address, const std::shared_ptr<grpc::Channel>& channel)
    : address_(std::move(address)),
      dossiers_(dossiers::v1::Dossiers::NewStub(channel)),
      documents_(dossiers::v1::Documents::NewStub(channel)),
      results_(dossiers::v1::Results::NewStub(channel)),
      insights_(insights::v1::Insights::NewStub(channel)) {}

absl::StatusOr<std::unique_ptr<PlatformClient>> PlatformClient::Connect(const DataFolder& folder,
                                                                        absl::string_view system) {
  rpc::RpcConfig config;
  config.set_certificate_file(folder.SystemCertificate(system));
  config.set_private_key_file(folder.SystemKey(system));
  config.set_authority_file(folder.AuthorityCertificate());
  if (access(config.certificate_file().c_str(), R_OK) != 0) {
    return MakeError(absl::StatusCode::kNotFound, "SYSTEM_UNKNOWN",
                     absl::StrCat(config.certificate_file(), ": no certificate of ", system,
                                  " (demo systems are made by `lgsp init --demo`)"),
                     {{"system", system}});
  }
  ASSIGN_OR_RETURN(const Process gateway, folder.FindProcess("gateway"));
  rpc::PeerConfig peer;
  peer.set_address(gateway.address());
  peer.set_service("gateway");
  ASSIGN_OR_RETURN(const std::shared_ptr<grpc::Channel> channel,
                   rpc::Connect(config, folder.root(), peer));
  return absl::WrapUnique(new PlatformClient(gateway.address(), channel));
}

void PlatformClient::Prepare(absl::string_view unit, absl::string_view role,
                             grpc::ClientContext* context) {
  rpc::SetDeadline(*context, kCallTimeout);
  // A call that waits keeps its thread polling, so that a broken connection comes up again at once.
  context->set_wait_for_ready(true);
  if (unit.empty()) return;
  context->AddMetadata("lgsp-officer", absl::StrCat(kOfficer, "; ", unit, "; ", kRoles,
                                                    role.empty() ? "" : ",", role));
}

absl::StatusOr<dossiers::v1::Document> PlatformClient::Upload(const dossiers::v1::UploadHead& head,
                                                              absl::string_view content,
                                                              absl::string_view sha256,
                                                              absl::string_view unit,
                                                              absl::string_view role) {
  grpc::ClientContext context;
  Prepare(unit, role, &context);
  dossiers::v1::Document document;
  const auto writer = documents_->UploadDocument(&context, &document);
  dossiers::v1::UploadDocumentRequest message;
  *message.mutable_head() = head;
  bool open = writer->Write(message);
  for (size_t at = 0; open && at < content.size(); at += kChunkBytes) {
    message.set_chunk(std::string(content.substr(at, kChunkBytes)));
    open = writer->Write(message);
  }
  message.mutable_end()->set_size_bytes(static_cast<int64_t>(content.size()));
  message.mutable_end()->set_sha256(std::string(sha256));
  if (open) writer->Write(message);
  writer->WritesDone();
  const absl::Status status = Converted(writer->Finish());
  if (!status.ok()) return status;
  return document;
}

absl::StatusOr<std::string> PlatformClient::Download(const std::string& document) {
  grpc::ClientContext context;
  Prepare("", "", &context);
  dossiers::v1::DownloadDocumentRequest request;
  request.set_name(document);
  const auto reader = documents_->DownloadDocument(&context, request);
  std::string content;
  dossiers::v1::DownloadDocumentResponse message;
  while (reader->Read(&message)) content += message.chunk();
  const absl::Status status = Converted(reader->Finish());
  if (!status.ok()) return status;
  return content;
}

absl::Status PlatformClient::Converted(const grpc::Status& status) {
  return rpc::FromGrpcStatus(status);
}

}  // namespace lgsp::cli
