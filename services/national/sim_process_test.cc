#include "services/national/sim_process_test.h"

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "libs/config/config.h"
#include "libs/keys/x509.h"

extern char** environ;

namespace lgsp::national {
namespace {

constexpr absl::Duration kStartLimit = absl::Seconds(30);
constexpr char kPython[] = "/usr/bin/python3";
constexpr char kDstcode[] = "VN:GOV:000.00.00.G22:vpcpdvcprovider";

// One line of `fd`, or what came of it until the limit.
std::string ReadLine(int fd) {
  const absl::Time limit = absl::Now() + kStartLimit;
  std::string line;
  while (!absl::EndsWith(line, "\n")) {
    pollfd ready = {fd, POLLIN, 0};
    const auto left = absl::ToInt64Milliseconds(limit - absl::Now());
    char c = 0;
    if (left <= 0 || poll(&ready, 1, static_cast<int>(left)) != 1 || read(fd, &c, 1) != 1) break;
    line += c;
  }
  return line;
}

}  // namespace

Scratch::Scratch() {
  char name[] = "/tmp/national_test_XXXXXX";
  REQUIRE(mkdtemp(name) != nullptr);
  path_ = name;
}

Scratch::~Scratch() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

std::string Scratch::File(absl::string_view name) const { return absl::StrCat(path_, "/", name); }

std::string Scratch::File(absl::string_view name, absl::string_view content) const {
  REQUIRE(config::WriteFile(File(name), content, 0600).ok());
  return File(name);
}

Simulator::~Simulator() { Kill(); }

void Simulator::Kill() {
  if (pid_ <= 0) return;
  kill(pid_, SIGKILL);
  waitpid(pid_, nullptr, 0);
  close(output_);
  pid_ = -1;
}

void Simulator::Start(std::vector<std::string> words, const std::string& authority_file) {
  std::vector<char*> argv;
  argv.reserve(words.size() + 1);
  for (std::string& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  int ends[2];
  REQUIRE(pipe2(ends, O_CLOEXEC) == 0);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
  const int result = posix_spawn(&pid_, argv[0], &actions, nullptr, argv.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  close(ends[1]);
  output_ = ends[0];
  REQUIRE(result == 0);
  const std::string line = ReadLine(output_);
  INFO(line);
  const size_t at = line.find("http");
  REQUIRE(at != std::string::npos);
  url_ = line.substr(at, line.find_first_of("/)\n", at + sizeof("https://")) - at);
  http::Options options;
  options.peer = "admin";
  options.authority_file = authority_file;
  auto admin = http::Client::Make(options);
  REQUIRE(admin.ok());
  admin_ = *std::move(admin);
}

nlohmann::json Simulator::Admin(const std::string& method, absl::string_view path,
                                absl::string_view body) {
  http::Request request;
  request.method = method;
  request.url = absl::StrCat(url_, path);
  request.body = std::string(body);
  const auto response = admin_->Call(request);
  REQUIRE(response.ok());
  if (response->status == 404) return nullptr;
  INFO(response->body);
  REQUIRE(response->status == 200);
  return nlohmann::json::parse(response->body);
}

void Simulator::Script(absl::string_view endpoint, absl::string_view kind, int times) {
  const nlohmann::json script = {
      {"endpoint", std::string(endpoint)}, {"kind", std::string(kind)}, {"times", times}};
  Admin("PUT", "/sim/faults", script.dump());
}

SimProcess::SimProcess(const std::vector<std::string>& arguments, bool tls) {
  std::vector<std::string> words = {
      kPython,
      absl::StrCat(LGSP_SOURCE_DIR, "/tools/national_sim"),
      "--listen",
      "127.0.0.1:0",
      "--data",
      scratch().path(),
      "--credentials",
      scratch().File("credentials.json", R"({"username":"camau","password":"mật khẩu bí mật"})")};
  words.insert(words.end(), arguments.begin(), arguments.end());
  if (!tls) {
    Start(std::move(words));
    return;
  }
  const absl::Time now = absl::Now();
  const auto authority = keys::MakeAuthority("sim", now - absl::Hours(1), now + absl::Hours(1));
  REQUIRE(authority.ok());
  keys::CertificateRequest request;
  request.common_name = "national_sim";
  request.ip_addresses = {"127.0.0.1"};
  request.not_before = now - absl::Hours(1);
  request.not_after = now + absl::Hours(1);
  const auto made = keys::IssueCertificate(*authority, request);
  REQUIRE(made.ok());
  for (const auto& word :
       {std::string("--cert"), scratch().File("tls.crt", made->certificate_pem),
        std::string("--key"), scratch().File("tls.key", made->private_key_pem)}) {
    words.push_back(word);
  }
  Start(std::move(words), scratch().File("ca.pem", authority->certificate_pem));
}

PortalConfig SimProcess::Config() const {
  PortalConfig config;
  config.set_adapter_url(url() + "/XrdAdapter/RestService/forward");
  config.set_dstcode(kDstcode);
  config.set_agency("H12");
  config.set_credentials_file("credentials.json");
  if (absl::StartsWith(url(), "https")) config.set_authority_file("ca.pem");
  return config;
}

nlohmann::json SimProcess::Dossier(absl::string_view number) {
  return Admin("GET", absl::StrCat("/sim/dossiers/", number));
}

SigningProcess::SigningProcess(const std::vector<std::string>& arguments) {
  std::vector<std::string> words = {
      kPython,      absl::StrCat(LGSP_SOURCE_DIR, "/tools/agency_sim/signing"),
      "--listen",   "127.0.0.1:0",
      "--state",    scratch().path(),
      "--agencies", absl::StrCat(LGSP_SOURCE_DIR, "/deploy/catalog/camau_agencies.csv")};
  words.insert(words.end(), arguments.begin(), arguments.end());
  Start(std::move(words));
}

SigningConfig SigningProcess::Config() const {
  SigningConfig config;
  config.set_url(url());
  config.add_crl_urls(absl::StrCat(url(), "/crl/root.crl"));
  config.add_crl_urls(absl::StrCat(url(), "/crl/issuing.crl"));
  return config;
}

FileServer::FileServer() {
  Start({kPython, "-u", "-m", "http.server", "--bind", "127.0.0.1", "--directory", scratch().path(),
         "0"});
}

}  // namespace lgsp::national
