#include "services/evidence/log_files_client.h"

#include "absl/strings/str_cat.h"
#include "libs/evidence/limits.h"
#include "libs/rpc/channel.h"
#include "libs/rpc/server.h"
#include "libs/status/status.h"
#include "services/evidence/limits.h"

namespace lgsp::evidence {
namespace {

// Only that there is no such file says something about the log.
absl::Status FromPeer(const grpc::Status& status) {
  const absl::Status converted = rpc::FromGrpcStatus(status);
  if (converted.ok() || ErrorReason(converted) == "EVIDENCE_FILE_MISSING") return converted;
  return MakeError(absl::StatusCode::kUnavailable, "PEER_UNAVAILABLE",
                   absl::StrCat("the other evidence service: ", converted.message()));
}

}  // namespace

absl::StatusOr<std::string> PeerSource::Checkpoint() {
  grpc::ClientContext context;
  rpc::SetDeadline(context, kPieceTimeout);
  lgsp::evidence::v1::GetCheckpointRequest request;
  lgsp::evidence::v1::GetCheckpointResponse response;
  request.set_origin(origin_);
  RETURN_IF_ERROR(FromPeer(stub_->GetCheckpoint(&context, request, &response)));
  return response.checkpoint();
}

absl::StatusOr<std::string> PeerSource::Read(absl::string_view path) {
  std::string content;
  lgsp::evidence::v1::ReadFileRequest request;
  request.set_origin(origin_);
  request.set_path(std::string(path));
  for (;;) {
    grpc::ClientContext context;
    rpc::SetDeadline(context, kPieceTimeout);
    lgsp::evidence::v1::ReadFileResponse response;
    request.set_offset(static_cast<int64_t>(content.size()));
    RETURN_IF_ERROR(FromPeer(stub_->ReadFile(&context, request, &response)));
    content += response.content();
    const auto size = static_cast<int64_t>(content.size());
    if (size == response.size()) return content;
    if (response.content().empty() || size > response.size() || content.size() > kMaxFileBytes) {
      return MakeError(absl::StatusCode::kUnavailable, "PEER_UNAVAILABLE",
                       absl::StrCat(path, " of the other evidence service has no end"));
    }
  }
}

}  // namespace lgsp::evidence
