#include "services/gateway/reflection.h"

#include <algorithm>
#include <vector>

#include "google/protobuf/descriptor.pb.h"
#include "grpc/reflection/v1/reflection.pb.h"
#include "libs/status/status.h"

namespace lgsp::gateway {
namespace {

using google::protobuf::FileDescriptor;
using grpc::reflection::v1::ServerReflectionRequest;
using grpc::reflection::v1::ServerReflectionResponse;

constexpr char kHealthService[] = "grpc.health.v1.Health";

void SetNotFound(ServerReflectionResponse& response, absl::string_view what) {
  response.mutable_error_response()->set_error_code(static_cast<int>(absl::StatusCode::kNotFound));
  response.mutable_error_response()->set_error_message(std::string(what));
}

// `file` and all it imports, each once.
void AddWithImports(const FileDescriptor* file, absl::flat_hash_set<const FileDescriptor*>& seen,
                    ServerReflectionResponse& response) {
  if (!seen.insert(file).second) return;
  google::protobuf::FileDescriptorProto proto;
  file->CopyTo(&proto);
  response.mutable_file_descriptor_response()->add_file_descriptor_proto(proto.SerializeAsString());
  for (int i = 0; i < file->dependency_count(); ++i)
    AddWithImports(file->dependency(i), seen, response);
}

}  // namespace

Reflection::Reflection(const Policy* policy, const SystemEntry* system) : policy_(policy) {
  services_.insert(kHealthService);
  if (system != nullptr) {
    for (const auto& [path, grants] : system->grants) {
      services_.insert(grants.front().agreement->service());
    }
  }
  for (const std::string& name : services_) {
    const auto* service = policy_->descriptors().FindServiceByName(name);
    if (service != nullptr) AddFile(service->file());
  }
}

bool Reflection::AddFile(const FileDescriptor* file) {
  if (!files_.insert(file).second) return false;
  for (int i = 0; i < file->dependency_count(); ++i) AddFile(file->dependency(i));
  return true;
}

absl::StatusOr<std::string> Reflection::Answer(absl::string_view bytes) const {
  ServerReflectionRequest request;
  if (!request.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) {
    return MakeError(absl::StatusCode::kInvalidArgument, "MESSAGE_INVALID",
                     "not a ServerReflectionRequest");
  }
  ServerReflectionResponse response;
  response.set_valid_host(request.host());
  *response.mutable_original_request() = request;
  const FileDescriptor* file = nullptr;
  switch (request.message_request_case()) {
    case ServerReflectionRequest::kListServices: {
      std::vector<std::string> names(services_.begin(), services_.end());
      std::sort(names.begin(), names.end());
      for (const std::string& name : names) {
        response.mutable_list_services_response()->add_service()->set_name(name);
      }
      return response.SerializeAsString();
    }
    case ServerReflectionRequest::kFileByFilename:
      file = policy_->descriptors().FindFileByName(request.file_by_filename());
      break;
    case ServerReflectionRequest::kFileContainingSymbol:
      file = policy_->descriptors().FindFileContainingSymbol(request.file_containing_symbol());
      break;
    default:
      break;  // extensions: the platform's contracts declare none
  }
  if (file == nullptr || !files_.contains(file)) {
    SetNotFound(response, "not found");
  } else {
    absl::flat_hash_set<const FileDescriptor*> seen;
    AddWithImports(file, seen, response);
  }
  return response.SerializeAsString();
}

}  // namespace lgsp::gateway
