#include "libs/testing/platform.h"

#include <catch2/catch.hpp>

#include "absl/strings/str_cat.h"
#include "libs/auth/auth.h"
#include "libs/rpc/channel.h"

namespace lgsp::testing {
namespace {

constexpr absl::Duration kValidity = absl::Hours(1);

}  // namespace

Platform::Platform(absl::string_view calls) {
  const absl::Time now = clock_.SecurityNow();
  auto authority = keys::MakeAuthority("test", now - kValidity, now + kValidity);
  REQUIRE(authority.ok());
  authority_ = *std::move(authority);
  folder_.Write("ca.crt", authority_.certificate_pem);
  folder_.Write("caller.pub", signer_.PublicPem());
  folder_.Write("calls", calls);
}

rpc::RpcConfig Platform::ConfigOf(absl::string_view service) {
  const auto [known, is_new] = configs_.try_emplace(std::string(service));
  rpc::RpcConfig& config = known->second;
  // A server that runs reads its files again: they stay.
  if (!is_new) return config;
  const absl::Time now = clock_.SecurityNow();
  keys::CertificateRequest request;
  request.common_name = std::string(service);
  request.dns_names = {absl::StrCat(service, ".lgsp")};
  request.uris = {keys::ServiceIdentity(service)};
  request.not_before = now - kValidity;
  request.not_after = now + kValidity;
  const auto made = keys::IssueCertificate(authority_, request);
  REQUIRE(made.ok());
  config.set_listen("127.0.0.1:0");
  config.set_certificate_file(folder_.Write(absl::StrCat(service, ".crt"), made->certificate_pem));
  config.set_private_key_file(folder_.Write(absl::StrCat(service, ".key"), made->private_key_pem));
  config.set_authority_file("ca.crt");
  config.set_calls_file("calls");
  config.add_caller_key_files("caller.pub");
  return config;
}

std::unique_ptr<rpc::Server> Platform::Start(absl::string_view service,
                                             const std::vector<rpc::NamedService>& services,
                                             int port) {
  rpc::RpcConfig config = ConfigOf(service);
  config.set_listen(absl::StrCat("127.0.0.1:", port));
  auto server = rpc::Server::Start(config, folder_.path(), services, &metrics_, &clock_);
  INFO(server.status());
  REQUIRE(server.ok());
  return *std::move(server);
}

std::shared_ptr<grpc::Channel> Platform::ChannelOf(absl::string_view service, int port,
                                                   absl::string_view peer) {
  rpc::PeerConfig to;
  to.set_address(absl::StrCat("127.0.0.1:", port));
  to.set_service(std::string(peer));
  auto channel = rpc::Connect(ConfigOf(service), folder_.path(), to);
  INFO(channel.status());
  REQUIRE(channel.ok());
  return *std::move(channel);
}

std::string Platform::CallerJws(absl::string_view service, lgsp::auth::v1::Caller caller) {
  caller.set_aud(std::string(service));
  // No REQUIRE: many threads call at once, which Catch does not bear. What is empty is refused.
  return auth::SignCaller(std::move(caller), signer_, clock_).value_or("");
}

}  // namespace lgsp::testing
