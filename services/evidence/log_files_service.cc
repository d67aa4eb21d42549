#include "services/evidence/log_files_service.h"

#include "absl/strings/str_cat.h"
#include "libs/evidence/file.h"
#include "libs/evidence/tiles.h"
#include "libs/rpc/server.h"
#include "libs/status/status.h"
#include "services/evidence/errors.h"
#include "services/evidence/limits.h"

namespace lgsp::evidence {

grpc::Status LogFilesService::GetCheckpoint(grpc::ServerContext* context,
                                            const lgsp::evidence::v1::GetCheckpointRequest* request,
                                            lgsp::evidence::v1::GetCheckpointResponse* response) {
  return rpc::Unary(context, [&](const rpc::CallContext&) -> absl::Status {
    const Mirror* const mirror = FindMirror(*mirrors_, request->origin());
    if (mirror == nullptr) return LogUnknown();
    ASSIGN_OR_RETURN(*response->mutable_checkpoint(),
                     evidence::ReadWhole(absl::StrCat(mirror->folder(), "/", kCheckpointFile)));
    return absl::OkStatus();
  });
}

grpc::Status LogFilesService::ReadFile(grpc::ServerContext* context,
                                       const lgsp::evidence::v1::ReadFileRequest* request,
                                       lgsp::evidence::v1::ReadFileResponse* response) {
  return rpc::Unary(context, [&](const rpc::CallContext&) -> absl::Status {
    const Mirror* const mirror = FindMirror(*mirrors_, request->origin());
    if (mirror == nullptr) return LogUnknown();
    if (!IsLogPath(request->path())) return PathInvalid();
    ASSIGN_OR_RETURN(const std::string content,
                     ReadWhole(absl::StrCat(mirror->folder(), "/", request->path())));
    const auto size = static_cast<int64_t>(content.size());
    if (request->offset() < 0 || request->offset() > size) return OffsetInvalid();
    response->set_content(content.substr(static_cast<size_t>(request->offset()), kMaxFilePiece));
    response->set_size(size);
    return absl::OkStatus();
  });
}

}  // namespace lgsp::evidence
