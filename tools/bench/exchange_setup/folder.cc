#include "tools/bench/exchange_setup/folder.h"

#include <filesystem>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "google/protobuf/descriptor.pb.h"
#include "lgsp/registry/v1/policy.pb.h"
#include "libs/auth/access_token.h"
#include "libs/config/config.h"
#include "libs/keys/x509.h"
#include "libs/status/status.h"

namespace lgsp::bench {
namespace {

using lgsp::registry::v1::PolicySnapshot;

constexpr char kSystem[] = "systems/bench";
constexpr char kIssuer[] = "https://bench/oauth2";
constexpr char kAudience[] = "bench";
constexpr absl::Duration kValidity = absl::Hours(24);
constexpr absl::Duration kTokenLife = absl::Minutes(59);
// More than any machine does: the bucket is taken from, and never empty.
constexpr uint32_t kCallsPerSecond = 10'000'000;

class Folder {
 public:
  explicit Folder(const FolderOptions& options) : options_(options) {}

  absl::Status Make() {
    RETURN_IF_ERROR(MakeCertificates());
    RETURN_IF_ERROR(MakeKeys());
    RETURN_IF_ERROR(MakePolicy());
    RETURN_IF_ERROR(MakeTokens());
    return Write("gateway.textproto", Configuration());
  }

 private:
  absl::Status Write(absl::string_view name, absl::string_view content) const {
    const std::string path = absl::StrCat(options_.folder, "/", name);
    return config::WriteFile(path, content, absl::EndsWith(name, ".key") ? 0600 : 0644);
  }

  bool tls() const { return !options_.certificates.empty(); }

  // Those of the run, or new ones.
  absl::Status MakeCertificates() {
    if (!tls()) return MakeOwnCertificates();
    for (const char* name : {"authority.crt", "gateway.crt", "gateway.key", "client.crt"}) {
      ASSIGN_OR_RETURN(const std::string pem,
                       config::ReadFile(absl::StrCat(options_.certificates, "/", name)));
      RETURN_IF_ERROR(Write(name, pem));
      if (absl::string_view(name) == "client.crt") client_certificate_ = pem;
    }
    return absl::OkStatus();
  }

  absl::Status MakeOwnCertificates() {
    const absl::Time now = absl::Now();
    ASSIGN_OR_RETURN(const keys::CertifiedKey authority,
                     keys::MakeAuthority("bench", now - kValidity, now + kValidity));
    RETURN_IF_ERROR(Write("authority.crt", authority.certificate_pem));
    keys::CertificateRequest request;
    request.common_name = "gateway";
    request.ip_addresses = {"127.0.0.1"};
    request.uris = {keys::ServiceIdentity("gateway")};
    request.not_before = now - kValidity;
    request.not_after = now + kValidity;
    ASSIGN_OR_RETURN(const keys::CertifiedKey made, keys::IssueCertificate(authority, request));
    client_certificate_ = made.certificate_pem;
    RETURN_IF_ERROR(Write("gateway.crt", made.certificate_pem));
    return Write("gateway.key", made.private_key_pem);
  }

  absl::Status MakeKeys() const {
    RETURN_IF_ERROR(Write("caller.key", keys::SigningKey::Generate().ToPem()));
    RETURN_IF_ERROR(Write("evidence.key", keys::SigningKey::Generate().ToPem()));
    return Write("policy.pub", policy_key_.PublicPem());
  }

  absl::Status MakePolicy() const {
    PolicySnapshot policy;
    policy.set_epoch(1);
    policy.set_version(1);
    auto& system = *policy.add_systems();
    system.set_name(kSystem);
    system.set_participant("participants/bench");
    system.add_agencies("H12.*");
    ASSIGN_OR_RETURN(*system.add_spki_sha256(), keys::SpkiSha256(client_certificate_));
    google::protobuf::FileDescriptorSet files;
    std::string paths;
    for (int i = 0; i < options_.agreements; ++i) {
      AddService(i, policy, *files.add_file());
      absl::StrAppend(&paths, "/", policy.services(i).name(), "/Call\n");
    }
    policy.set_descriptors(files.SerializeAsString());
    auto& issuer = *policy.add_token_issuers();
    issuer.set_issuer(kIssuer);
    issuer.set_audience(kAudience);
    issuer.add_public_keys(token_key_.PublicBytes());
    lgsp::registry::v1::SignedSnapshot sealed;
    sealed.set_snapshot(policy.SerializeAsString());
    sealed.set_signature(policy_key_.Sign(absl::StrCat("lgsp-policy-v1\n", sealed.snapshot())));
    sealed.set_key_id(policy_key_.id());
    RETURN_IF_ERROR(Write("paths", paths));
    return Write("policy", sealed.SerializeAsString());
  }

  void AddService(int number, PolicySnapshot& policy,
                  google::protobuf::FileDescriptorProto& file) const {
    const std::string package = absl::StrCat("bench.s", number, ".v1");
    file.set_name(absl::StrCat("bench/s", number, "/v1/echo.proto"));
    file.set_package(package);
    file.set_syntax("proto3");
    file.add_message_type()->set_name("Note");
    auto& descriptor = *file.add_service();
    descriptor.set_name("Echo");
    auto& method = *descriptor.add_method();
    method.set_name("Call");
    method.set_input_type(absl::StrCat(".", package, ".Note"));
    method.set_output_type(method.input_type());
    auto& service = *policy.add_services();
    service.set_name(absl::StrCat(package, ".Echo"));
    auto& upstream = *service.add_upstreams();
    upstream.set_address(options_.upstream);
    if (tls()) upstream.set_tls_identity(keys::ServiceIdentity("upstream"));
    auto& agreement = *policy.add_agreements();
    agreement.set_name(absl::StrCat("agreements/bench-", number));
    agreement.set_consumer(kSystem);
    agreement.set_service(service.name());
    agreement.add_methods("*");
    if (!options_.bare) agreement.mutable_quota()->set_calls(kCallsPerSecond);
  }

  absl::Status MakeTokens() const {
    std::string lines;
    const auto now = static_cast<uint32_t>(absl::ToUnixSeconds(absl::Now()));
    for (int i = 0; i < options_.tokens; ++i) {
      lgsp::auth::v1::AccessToken token;
      token.set_iss(kIssuer);
      token.set_aud(kAudience);
      token.set_iat(now);
      token.set_exp(now + static_cast<uint32_t>(absl::ToInt64Seconds(kTokenLife)));
      token.set_sub(absl::StrCat("officers/officer-", i));
      token.set_client_id(kSystem);
      token.set_unit("H12.50.01");
      token.add_roles("intake");
      token.set_acr("high");
      ASSIGN_OR_RETURN(const std::string jws, auth::SignAccessToken(token, token_key_));
      absl::StrAppend(&lines, jws, "\n");
    }
    return Write("tokens", lines);
  }

  std::string Configuration() const {
    std::string text = absl::StrCat(
        "profile: DEVELOPMENT\nworkers: 1\nlisten: \"127.0.0.1:0\"\n",
        tls() ? "" : absl::StrCat("h2c_listen: \"127.0.0.1:0\"\nh2c_system: \"", kSystem, "\"\n"),
        "certificate_file: \"gateway.crt\"\nprivate_key_file: \"gateway.key\"\n"
        "authority_file: \"authority.crt\"\ncaller_key_file: \"caller.key\"\n"
        "policy_file: \"policy\"\npolicy_key_files: \"policy.pub\"\npolicy_state_file: "
        "\"policy.state\"\n"
        "metrics_listen: \"127.0.0.1:0\"\n");
    if (options_.bare) return text;
    return absl::StrCat(text,
                        "evidence_directory: \"evidence\"\nevidence_origin: \"bench/gateway/0\"\n"
                        "evidence_key_file: \"evidence.key\"\n");
  }

  const FolderOptions options_;
  const keys::SigningKey policy_key_ = keys::SigningKey::Generate();
  const keys::SigningKey token_key_ = keys::SigningKey::Generate();
  std::string client_certificate_;
};

}  // namespace

absl::Status MakeFolder(const FolderOptions& options) {
  std::error_code error;
  if (!std::filesystem::create_directory(options.folder, error)) {
    return MakeError(absl::StatusCode::kFailedPrecondition, "FOLDER_NOT_MADE",
                     absl::StrCat(options.folder, ": is there already, or cannot be made"));
  }
  return Folder(options).Make();
}

}  // namespace lgsp::bench
