// TLS for both sides from the files of a RpcConfig, read again when they change. Private to
// libs/rpc.
#pragma once

#include <grpcpp/grpcpp.h>
#include <grpcpp/security/tls_certificate_provider.h>

#include <memory>

#include "absl/strings/string_view.h"
#include "libs/config/config.h"
#include "libs/rpc/config.pb.h"

namespace lgsp::rpc {

// Certificates live 30 days; a renewed one is in use after a minute.
inline constexpr unsigned kCertificateRefreshSeconds = 60;

inline std::shared_ptr<grpc::experimental::CertificateProviderInterface> Certificates(
    const RpcConfig& config, absl::string_view base) {
  return std::make_shared<grpc::experimental::FileWatcherCertificateProvider>(
      config::Resolve(base, config.private_key_file()),
      config::Resolve(base, config.certificate_file()),
      config::Resolve(base, config.authority_file()), kCertificateRefreshSeconds);
}

}  // namespace lgsp::rpc
