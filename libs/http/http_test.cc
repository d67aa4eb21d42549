// Against a real server that breaks in every way a peer can.
#include "libs/http/http.h"

#include <catch2/catch.hpp>
#include <cstdlib>
#include <filesystem>
#include <thread>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "libs/config/config.h"
#include "libs/http/scripted_server_test.h"
#include "libs/status/status.h"

namespace lgsp::http {
namespace {

using B = Behaviour;

std::unique_ptr<Client> MakeClient(Options options = {}) {
  options.peer = "portal";
  auto client = Client::Make(options);
  REQUIRE(client.ok());
  return *std::move(client);
}

Options Impatient() {
  Options options;
  options.timeout = absl::Milliseconds(300);
  return options;
}

Request Post(const std::string& url, absl::string_view body = "{\"a\":1}") {
  Request request;
  request.url = url;
  request.headers = {{"Content-Type", "application/json"}};
  request.body = std::string(body);
  return request;
}

std::string ReasonOf(const absl::StatusOr<Response>& answer) {
  return ErrorReason(answer.status());
}

// A port on which nobody listens.
std::string ClosedUrl() { return ScriptedServer().Url(); }

class Certificates {
 public:
  Certificates() : authority_(Authority()) {
    char name[] = "/tmp/http_test_XXXXXX";
    REQUIRE(mkdtemp(name) != nullptr);
    authority_file = absl::StrCat(name, "/ca.pem");
    REQUIRE(config::WriteFile(authority_file, authority_.certificate_pem).ok());
  }
  ~Certificates() {
    std::error_code ignored;
    std::filesystem::remove_all(config::FolderOf(authority_file), ignored);
  }

  static keys::CertifiedKey Authority() {
    return *keys::MakeAuthority("test", absl::Now() - absl::Hours(1), absl::Now() + absl::Hours(1));
  }
  keys::CertifiedKey Issue(const std::string& ip, absl::Duration valid = absl::Hours(1)) const {
    keys::CertificateRequest request;
    request.common_name = "server";
    request.ip_addresses = {ip};
    request.not_before = absl::Now() - absl::Hours(1);
    request.not_after = absl::Now() + valid;
    const auto made = keys::IssueCertificate(authority_, request);
    REQUIRE(made.ok());
    return *made;
  }
  Options ClientOptions() const {
    Options options;
    options.authority_file = authority_file;
    return options;
  }

  std::string authority_file;

 private:
  keys::CertifiedKey authority_;
};

TEST_CASE("the request arrives as given and any status is an answer") {
  ScriptedServer server;
  const auto client = MakeClient();
  server.Script({B::kAnswer, B::kUnavailable, B::kRedirect});
  Request request = Post(server.Url("/mapi/g?dstcode=VN:GOV:x"));
  request.headers.emplace_back("X-Empty", "");
  auto answer = client->Call(request);
  REQUIRE(answer.ok());
  CHECK(answer->status == 200);
  CHECK(answer->body == "hello");
  answer = client->Call(Post(server.Url()));
  REQUIRE(answer.ok());
  CHECK(answer->status == 503);
  CHECK(answer->body == "busy");
  answer = client->Call(Post(server.Url()));
  REQUIRE(answer.ok());
  CHECK(answer->status == 302);

  const auto requests = server.Requests();
  REQUIRE(requests.size() == 3);  // the redirect was not followed
  CHECK(absl::StartsWith(requests[0], "POST /mapi/g?dstcode=VN:GOV:x HTTP/1.1\r\n"));
  CHECK(absl::StrContains(requests[0], "\r\nContent-Type: application/json\r\n"));
  CHECK(absl::StrContains(requests[0], "\r\nX-Empty:\r\n"));
  CHECK_FALSE(absl::StrContains(requests[0], "Expect"));
  CHECK(absl::EndsWith(requests[0], "\r\n\r\n{\"a\":1}"));
  CHECK(server.Connections() == 1);  // kept
}

TEST_CASE("methods") {
  ScriptedServer server;
  const auto client = MakeClient();
  for (const std::string method : {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"}) {
    Request request;
    request.method = method;
    request.url = server.Url();
    if (method == "HEAD") server.Script({B::kUnavailable});
    const auto answer = client->Call(request);
    REQUIRE(answer.ok());
    CHECK(answer->status == (method == "HEAD" ? 503 : 200));
    CHECK(absl::StartsWith(server.Requests().back(), method + " / HTTP/1.1\r\n"));
    CHECK_FALSE(absl::StrContains(server.Requests().back(), "Content-Type"));
  }
  Request put = Post(server.Url(), std::string("a\0b", 3));
  put.method = "PUT";
  REQUIRE(client->Call(put).ok());
  CHECK(absl::StartsWith(server.Requests().back(), "PUT "));
  CHECK(absl::EndsWith(server.Requests().back(), std::string("\r\n\r\na\0b", 7)));
}

TEST_CASE("a large body is sent without waiting") {
  ScriptedServer server;
  const auto client = MakeClient();
  REQUIRE(client->Call(Post(server.Url(), std::string(3 << 20, 'x'))).ok());
  CHECK(server.Requests().at(0).size() > (3 << 20));
}

TEST_CASE("what cannot be a request is refused and not tried") {
  ScriptedServer server;
  const auto client = MakeClient();
  const auto reason_with = [&](auto change) {
    Request request = Post(server.Url());
    change(request);
    return ReasonOf(client->Call(request));
  };
  CHECK(reason_with([](Request& r) { r.url = "file:///etc/passwd"; }) == "HTTP_REQUEST_INVALID");
  CHECK(reason_with([](Request& r) { r.url = "gopher://127.0.0.1/"; }) == "HTTP_REQUEST_INVALID");
  CHECK(reason_with([](Request& r) { r.url = "http://a b/"; }) == "HTTP_REQUEST_INVALID");
  CHECK(reason_with([](Request& r) { r.url = "http://user:pass@127.0.0.1/"; }) ==
        "HTTP_REQUEST_INVALID");
  CHECK(reason_with([](Request& r) { r.method = "BREW"; }) == "HTTP_REQUEST_INVALID");
  CHECK(reason_with([](Request& r) { r.method = "GET"; }) == "HTTP_REQUEST_INVALID");
  CHECK(reason_with([](Request& r) { r.headers = {{"A", "b\r\nC: d"}}; }) ==
        "HTTP_REQUEST_INVALID");
  CHECK(reason_with([](Request& r) { r.headers = {{"A:B", "c"}}; }) == "HTTP_REQUEST_INVALID");
  CHECK(reason_with([](Request& r) { r.timeout = absl::ZeroDuration(); }) == "HTTP_NOT_SENT");
  CHECK(server.Connections() == 0);
}

TEST_CASE("options are checked") {
  Options options;
  CHECK(ErrorReason(Client::Make(options).status()) == "HTTP_OPTIONS_INVALID");
  options.peer = "portal";
  options.authority_file = "/nonexistent/ca.pem";
  CHECK(ErrorReason(Client::Make(options).status()) == "FILE_MISSING");
  options.authority_file = "";
  options.failures_to_open = 0;
  CHECK(ErrorReason(Client::Make(options).status()) == "HTTP_OPTIONS_INVALID");
}

TEST_CASE("whether the request can have arrived is told") {
  ScriptedServer server;
  Options options = Impatient();
  options.failures_to_open = 100;
  const auto client = MakeClient(options);
  const auto after = [&](B behaviour) {
    server.Script({behaviour});
    return ReasonOf(client->Call(Post(server.Url())));
  };
  CHECK(ReasonOf(client->Call(Post(ClosedUrl()))) == "HTTP_NOT_SENT");
  CHECK(ReasonOf(client->Call(Post("http://no-such-host.invalid/"))) == "HTTP_NOT_SENT");
  CHECK(after(B::kCloseBefore) == "HTTP_OUTCOME_UNKNOWN");
  CHECK(after(B::kResetBefore) == "HTTP_OUTCOME_UNKNOWN");
  CHECK(after(B::kCloseInside) == "HTTP_OUTCOME_UNKNOWN");
  CHECK(after(B::kStall) == "HTTP_TIMEOUT");
  CHECK(server.Requests().size() == 4);
  CHECK(after(B::kAnswer).empty());
}

// Left to itself, libcurl sends the request again when a kept connection breaks before the answer.
TEST_CASE(
    "a kept connection that breaks under a request is outcome unknown, and nothing is repeated") {
  for (const B behaviour : {B::kCloseBefore, B::kResetBefore}) {
    for (const char* method : {"POST", "GET", "DELETE"}) {
      ScriptedServer server;
      const auto client = MakeClient();
      Request request;
      request.method = method;
      request.url = server.Url();
      server.Script({B::kAnswer, behaviour});
      REQUIRE(client->Call(request).ok());
      CHECK(ReasonOf(client->Call(request)) == "HTTP_OUTCOME_UNKNOWN");
      CHECK(server.Requests().size() == 2);
      REQUIRE(client->Call(request).ok());
      CHECK(server.Requests().size() == 3);
    }
  }
}

TEST_CASE("a connection or handshake without end is not sent") {
  ScriptedServer mute;
  mute.MuteConnections();
  const auto client = MakeClient(Impatient());
  Request request = Post(absl::StrCat("https://127.0.0.1:", mute.port(), "/"));
  CHECK(ReasonOf(client->Call(request)) == "HTTP_NOT_SENT");
}

TEST_CASE("the caller's time counts when it is shorter") {
  ScriptedServer server;
  const auto client = MakeClient();
  server.Script({B::kStall});
  Request request = Post(server.Url());
  request.timeout = absl::Milliseconds(100);
  const absl::Time begin = absl::Now();
  CHECK(ReasonOf(client->Call(request)) == "HTTP_TIMEOUT");
  CHECK(absl::Now() - begin < absl::Seconds(5));
}

TEST_CASE("an answer has a limit") {
  ScriptedServer server;
  const auto client = MakeClient();
  server.Script({B::kLargest, B::kTooLargeBody, B::kTooLargeHeaders});
  const auto largest = client->Call(Post(server.Url()));
  REQUIRE(largest.ok());
  CHECK(largest->body.size() > kMaxAnswerBytes - 100);
  const auto body = client->Call(Post(server.Url()));
  CHECK(body.status().code() == absl::StatusCode::kResourceExhausted);
  CHECK(ReasonOf(body) == "HTTP_ANSWER_TOO_LARGE");
  // libcurl itself may end it earlier, with a limit of its own.
  const std::string headers = ReasonOf(client->Call(Post(server.Url())));
  CHECK((headers == "HTTP_ANSWER_TOO_LARGE" || headers == "HTTP_OUTCOME_UNKNOWN"));
}

TEST_CASE("certificate, host and authority are verified") {
  const Certificates certificates;
  const keys::CertifiedKey good = certificates.Issue("127.0.0.1");
  {
    ScriptedServer server(&good);
    const auto client = MakeClient(certificates.ClientOptions());
    for (int i = 0; i < 2; ++i) {
      const auto answer = client->Call(Post(server.Url()));
      REQUIRE(answer.ok());
      CHECK(answer->body == "hello");
    }
    CHECK(server.Connections() == 1);
    // Without the authority's file only the system's authorities count.
    CHECK(ReasonOf(MakeClient()->Call(Post(server.Url()))) == "HTTP_NOT_SENT");
    const Certificates others;
    CHECK(ReasonOf(MakeClient(others.ClientOptions())->Call(Post(server.Url()))) ==
          "HTTP_NOT_SENT");
    CHECK(server.Requests().size() == 2);
  }
  for (const auto& bad :
       {certificates.Issue("127.0.0.2"), certificates.Issue("127.0.0.1", -absl::Minutes(1))}) {
    ScriptedServer server(&bad);
    const auto client = MakeClient(certificates.ClientOptions());
    CHECK(ReasonOf(client->Call(Post(server.Url()))) == "HTTP_NOT_SENT");
    CHECK(server.Requests().empty());
  }
}

TEST_CASE("TLS below 1.2 is refused") {
  const Certificates certificates;
  const keys::CertifiedKey key = certificates.Issue("127.0.0.1");
  ScriptedServer current(&key, TLS1_2_VERSION);
  CHECK(MakeClient(certificates.ClientOptions())->Call(Post(current.Url())).ok());
  ScriptedServer old(&key, TLS1_1_VERSION);
  CHECK(ReasonOf(MakeClient(certificates.ClientOptions())->Call(Post(old.Url()))) ==
        "HTTP_NOT_SENT");
}

TEST_CASE("the circuit opens after failures in a row, and one answer closes it") {
  ScriptedServer server;
  FakeClock clock(absl::FromUnixSeconds(1'800'000'000));
  Options options;
  options.failures_to_open = 3;
  options.clock = &clock;
  const auto client = MakeClient(options);
  server.Script(
      {B::kCloseBefore, B::kUnavailable, B::kCloseBefore, B::kCloseBefore, B::kCloseBefore});
  for (const char* expected :
       {"HTTP_OUTCOME_UNKNOWN", "", "HTTP_OUTCOME_UNKNOWN", "HTTP_OUTCOME_UNKNOWN",
        "HTTP_OUTCOME_UNKNOWN", "HTTP_CIRCUIT_OPEN", "HTTP_CIRCUIT_OPEN"}) {
    CHECK(ReasonOf(client->Call(Post(server.Url()))) == expected);
  }
  CHECK(server.Requests().size() == 5);
  clock.Advance(absl::Seconds(5));
  CHECK(client->Call(Post(server.Url())).ok());
  CHECK(client->Call(Post(server.Url())).ok());
}

TEST_CASE("every outcome is counted") {
  ScriptedServer server;
  metrics::Registry registry;
  Options options = Impatient();
  options.metrics = &registry;
  options.failures_to_open = 3;
  const auto client = MakeClient(options);
  server.Script({B::kAnswer, B::kTooLargeBody, B::kStall, B::kCloseBefore});
  for (int i = 0; i < 4; ++i) (void)client->Call(Post(server.Url()));
  (void)client->Call(Post(ClosedUrl()));
  (void)client->Call(Post(server.Url()));
  const std::string text = registry.Text();
  for (const char* outcome :
       {"answered", "too_large", "timeout", "outcome_unknown", "not_sent", "circuit_open"}) {
    INFO(outcome);
    CHECK((absl::StrContains(text, absl::StrCat("http_client_requests_total{outcome=\"", outcome,
                                                "\",peer=\"portal\"} 1\n")) ||
           absl::StrContains(
               text, absl::StrCat("http_client_requests_total{peer=\"portal\",outcome=\"", outcome,
                                  "\"} 1\n"))));
  }
  CHECK(absl::StrContains(text, "http_client_seconds_count{peer=\"portal\"} 5\n"));
}

TEST_CASE("a client is shared by threads and keeps their connections") {
  constexpr int kThreads = 8;
  constexpr int kCalls = 50;
  ScriptedServer server;
  const auto client = MakeClient();
  std::atomic<int> good = 0;
  std::vector<std::thread> threads;
  threads.reserve(kThreads);
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < kCalls; ++i) {
        const auto answer = client->Call(Post(server.Url()));
        good += answer.ok() && answer->body == "hello";
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  CHECK(good == kThreads * kCalls);
  CHECK(server.Requests().size() == size_t{kThreads} * kCalls);
  CHECK(server.Connections() <= kThreads);
}

TEST_CASE("proxies of the environment are not used") {
  ScriptedServer server;
  setenv("http_proxy", ClosedUrl().c_str(), 1);
  setenv("all_proxy", ClosedUrl().c_str(), 1);
  const auto answer = MakeClient()->Call(Post(server.Url()));
  unsetenv("http_proxy");
  unsetenv("all_proxy");
  CHECK(answer.ok());
}

}  // namespace
}  // namespace lgsp::http
