// A real server of the platform, asked as `lgsp up` asks.
#include "tools/lgsp/readiness.h"

#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <vector>

#include "lgsp/insights/v1/insights.grpc.pb.h"
#include "libs/clock/clock.h"
#include "libs/metrics/metrics.h"
#include "libs/rpc/server.h"
#include "tools/lgsp/temporary_folder_test.h"

namespace lgsp::cli {
namespace {

rpc::RpcConfig ConfigOf(const std::string& service) {
  rpc::RpcConfig config;
  config.set_listen("127.0.0.1:0");
  config.set_certificate_file(absl::StrCat("services/", service, "/tls.crt"));
  config.set_private_key_file(absl::StrCat("services/", service, "/tls.key"));
  config.set_authority_file("ca/authority.crt");
  config.set_calls_file(TestInstallation().CallsFile());
  config.add_caller_key_files("keys/caller.pub");
  return config;
}

Process ProcessAt(const std::string& name, int port) {
  Process process;
  process.set_name(name);
  process.set_address(absl::StrCat("127.0.0.1:", port));
  return process;
}

TEST_CASE("a service is ready while it serves, asked by the operator") {
  const TemporaryFolder parent;
  const DataFolder folder = MakeTestFolder(parent);
  metrics::Registry metrics;
  const SystemClock clock;
  insights::v1::Insights::Service service;
  auto server = rpc::Server::Start(ConfigOf("insights"), folder.root(),
                                   {{"lgsp.insights.v1.Insights", &service}}, &metrics, &clock);
  INFO(server.status());
  REQUIRE(server.ok());
  const int port = (*server)->port();
  CHECK(IsReady(folder, ProcessAt("insights", port)));
  // It shows the certificate of another service than the one asked for.
  CHECK_FALSE(IsReady(folder, ProcessAt("dossiers", port)));
  // `dossiers`, whose certificate is shown to gateways, may not ask it.
  CHECK_FALSE(IsReady(folder, ProcessAt("gateway", port)));
  CHECK(IsListening(absl::StrCat("127.0.0.1:", port)));
  // A simulator is ready as soon as it listens.
  CHECK(IsReady(folder, ProcessAt("national_sim", port)));
  CHECK(IsReady(folder, ProcessAt("agency_signing", port)));

  (*server)->Drain(absl::ZeroDuration());
  CHECK_FALSE(IsReady(folder, ProcessAt("insights", port)));
  CHECK_FALSE(IsListening(absl::StrCat("127.0.0.1:", port)));
  CHECK_FALSE(IsListening("not an address"));
}

TEST_CASE("a server that takes no connections is given up soon") {
  sockaddr_in at = {};
  at.sin_family = AF_INET;
  at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  auto* const address = reinterpret_cast<sockaddr*>(&at);
  socklen_t size = sizeof(at);
  const int server = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  REQUIRE(bind(server, address, size) == 0);
  REQUIRE(getsockname(server, address, &size) == 0);
  REQUIRE(listen(server, 0) == 0);
  // Fill its queue: the kernel answers no further ones.
  std::vector<int> clients;
  for (int i = 0; i < 4; ++i) {
    clients.push_back(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    connect(clients.back(), address, size);
  }
  const absl::Time start = absl::Now();
  CHECK_FALSE(IsListening(absl::StrCat("127.0.0.1:", ntohs(at.sin_port))));
  CHECK(absl::Now() - start >= kConnectLimit);
  CHECK(absl::Now() - start < absl::Seconds(5));
  for (const int client : clients) close(client);
  close(server);
}

}  // namespace
}  // namespace lgsp::cli
