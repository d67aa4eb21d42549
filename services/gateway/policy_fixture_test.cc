#include "services/gateway/policy_fixture_test.h"

#include <catch2/catch.hpp>

#include "absl/strings/str_cat.h"
#include "google/protobuf/descriptor.pb.h"
#include "google/protobuf/text_format.h"
#include "grpc/health/v1/health.pb.h"

namespace lgsp::gateway {
namespace {

using google::protobuf::TextFormat;

constexpr char kFiles[] = R"(
  file {
    name: "test/v1/note.proto" package: "test.v1" syntax: "proto3"
    message_type { name: "Note" }
  }
  file {
    name: "test/v1/echo.proto" package: "test.v1" syntax: "proto3"
    dependency: "test/v1/note.proto"
    service {
      name: "Echo"
      method { name: "Unary" input_type: ".test.v1.Note" output_type: ".test.v1.Note" }
      method {
        name: "Chat" input_type: ".test.v1.Note" output_type: ".test.v1.Note"
        client_streaming: true server_streaming: true
      }
    }
  }
  file {
    name: "test/v1/other.proto" package: "test.v1" syntax: "proto3"
    dependency: "test/v1/note.proto"
    message_type { name: "Secret" }
    service {
      name: "Other"
      method { name: "Call" input_type: ".test.v1.Note" output_type: ".test.v1.Secret" }
    }
  })";

constexpr char kPolicy[] = R"(
  epoch: 1 version: 1
  systems {
    name: "systems/alpha" participant: "participants/A" agencies: "H12.15" agencies: "H12.50.*"
  }
  systems { name: "systems/beta" participant: "participants/B" spki_sha256: "beta" }
  services { name: "test.v1.Echo" upstreams { tls_identity: "spiffe://lgsp.camau/service/echo" } }
  services { name: "test.v1.Other" upstreams { tls_identity: "spiffe://lgsp.camau/service/other" } }
  agreements {
    name: "agreements/alpha-echo" consumer: "systems/alpha" service: "test.v1.Echo" methods: "*"
  })";

}  // namespace

lgsp::registry::v1::PolicySnapshot MakeSnapshot(absl::string_view address,
                                                absl::string_view alpha_key) {
  google::protobuf::FileDescriptorSet files;
  REQUIRE(TextFormat::ParseFromString(kFiles, &files));
  grpc::health::v1::HealthCheckRequest::descriptor()->file()->CopyTo(files.add_file());
  lgsp::registry::v1::PolicySnapshot snapshot;
  REQUIRE(TextFormat::ParseFromString(kPolicy, &snapshot));
  snapshot.set_descriptors(files.SerializeAsString());
  snapshot.mutable_systems(0)->add_spki_sha256(std::string(alpha_key));
  for (auto& service : *snapshot.mutable_services()) {
    service.mutable_upstreams(0)->set_address(std::string(address));
  }
  return snapshot;
}

std::string Sign(const lgsp::registry::v1::PolicySnapshot& snapshot, const keys::SigningKey& key) {
  lgsp::registry::v1::SignedSnapshot sealed;
  sealed.set_snapshot(snapshot.SerializeAsString());
  sealed.set_signature(key.Sign(absl::StrCat("lgsp-policy-v1\n", sealed.snapshot())));
  sealed.set_key_id(key.id());
  return sealed.SerializeAsString();
}

}  // namespace lgsp::gateway
