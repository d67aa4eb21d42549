#include "services/gateway/rest.h"

#include <catch2/catch.hpp>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "libs/keys/digest.h"
#include "libs/status/status.h"

namespace lgsp::gateway {
namespace {

constexpr char kService[] = "/r1/VN/GOV/BCA/POP/citizen";

std::string Sha512(absl::string_view data) {
  keys::Sha512Stream hash;
  hash.Update(data);
  return hash.Finish();
}

TEST_CASE("a REST path is a service and the rest, byte for byte") {
  const auto target = ParseRestTarget(
      absl::StrCat(kService, "/v1/persons/Nguy%E1%BB%85n%20V%C4%83n?full=true&q=a%2Fb"));
  REQUIRE(target.ok());
  CHECK(target->service == "r1/VN/GOV/BCA/POP/citizen");
  CHECK(target->segments == std::vector<std::string>{"v1", "persons", "Nguyễn Văn"});
  CHECK(target->rest == "/v1/persons/Nguy%E1%BB%85n%20V%C4%83n?full=true&q=a%2Fb");
  CHECK(ParseRestTarget(kService)->rest == "/");
  CHECK(ParseRestTarget(absl::StrCat(kService, "?a=1"))->rest == "/?a=1");
  CHECK(ParseRestTarget("/r1/VN/GOV/B%43A/POP/citizen/x")->service == "r1/VN/GOV/BCA/POP/citizen");
}

TEST_CASE("paths that could be judged otherwise than they are forwarded are refused") {
  for (const absl::string_view path :
       {"/r1/VN/GOV/BCA/POP", "/r1/VN%2FGOV/BCA/POP/citizen/x", "/r2/VN/GOV/BCA/POP/citizen",
        "/r1/VN/GOV/BCA/POP/citizen/", "/r1/VN/GOV/BCA/POP/citizen//x",
        "/r1/VN/GOV/BCA/POP/citizen/%2e%2e/x", "/r1/VN/GOV/BCA/POP/citizen/a%2Fb",
        "/r1/VN/GOV/BCA/POP/citizen/%zz", "/r1/VN/GOV/BCA/POP/citizen/%ff",
        "/r1/VN/GOV/BCA/POP/citizen?a b", "/r1/VN/GOV/BCA/POP/citizen?a#b",
        "/r1/VN/GOV/BCA/POP/citizen?\xc3\xa9"}) {
    INFO(path);
    CHECK(ErrorReason(ParseRestTarget(path).status()) == "PATH_INVALID");
  }
}

TEST_CASE("endpoints of an agreement") {
  const auto matches = [](absl::string_view pattern, absl::string_view method,
                          std::vector<std::string> segments) {
    const auto endpoint = ParseEndpointPattern(pattern);
    REQUIRE(endpoint.ok());
    return Matches(*endpoint, method, segments);
  };
  CHECK(matches("GET /v1/parcels/*", "GET", {"v1", "parcels", "7"}));
  CHECK_FALSE(matches("GET /v1/parcels/*", "POST", {"v1", "parcels", "7"}));
  CHECK_FALSE(matches("GET /v1/parcels/*", "GET", {"v1", "parcels"}));
  CHECK_FALSE(matches("GET /v1/parcels/*", "GET", {"v1", "parcels", "7", "owner"}));
  CHECK_FALSE(matches("GET /v1/parcels", "GET", {"v1", "parcels", "7"}));
  CHECK(matches("* /v1/**", "PUT", {"v1"}));
  CHECK(matches("* /v1/**", "PUT", {"v1", "a", "b"}));
  CHECK_FALSE(matches("* /v1/**", "PUT", {"v2", "a"}));
  CHECK(matches("* /**", "GET", {}));
  CHECK(matches("GET /", "GET", {}));
  CHECK_FALSE(matches("GET /", "GET", {"a"}));
  for (const absl::string_view bad : {"GET", "GET v1", "get /v1", "GET /v1 x", "GET /a//b",
                                      "GET /**/a", "CONNECT /a", "GET /a/../b"}) {
    INFO(bad);
    CHECK(ErrorReason(ParseEndpointPattern(bad).status()) == "ENDPOINT_INVALID");
  }
}

TEST_CASE("the request hash has the values of the protocol's example") {
  // reference: computed from PR-REST 4.3; the names keep their case here, which HTTP/2 has not.
  const Headers ids = {{"x-road-request-id", "f92591a3-6bf0-49b1-987b-0dd78c034cc3"}};
  const std::string get = HashedHead("GET", absl::StrCat(kService, "/v1/persons/1?full=true"),
                                     {{"X-Road-Client", "VN/GOV/CAMAU/DOSSIER"},
                                      {"host", "gateway"},
                                      {"Accept", "application/json"},
                                      {"X-Road-Id", "fa2e18a5-c2cb-4d09-b994-f57727f7c3fb"},
                                      {"x-road-request-hash", "forged"}},
                                     ids);
  CHECK(RequestHash(Sha512(get), "") ==
        "ioGK3oxt7x3xl4Axu0vk4zONBbGg0X45266yb+InzmdyeMHwA9fW54+deW5QUE2jGvBM+M85ybvflJVg1IAaEg==");
  const std::string post = HashedHead("POST", absl::StrCat(kService, "/v1/search"),
                                      {{"X-Road-Client", "VN/GOV/CAMAU/DOSSIER"},
                                       {"Content-Type", "application/json"},
                                       {"content-length", "12"},
                                       {"X-Road-Id", "fa2e18a5-c2cb-4d09-b994-f57727f7c3fb"}},
                                      ids);
  CHECK(RequestHash(Sha512(post), Sha512("{\"value\":42}")) ==
        "2QonVr7JvLqUWqvoUKkXyx0+r72vRzWiQR/w1OgmneeSWm1MsO4oWkr7ONYK7xma96Kcv5ve9XxVjmTP7R0gbw==");
}

TEST_CASE("who calls is the system's own identifier, and the last field counts") {
  const auto reason = [](const Headers& fields, absl::string_view client) {
    return ErrorReason(CheckClient(fields, client));
  };
  const Headers fields = {{"x-road-client", "VN/GOV/OTHER"}, {"x-road-client", "VN/GOV/CAMAU/A"}};
  CHECK(CheckClient(fields, "VN/GOV/CAMAU/A").ok());
  CHECK(CheckClient({{"x-road-client", "VN/GOV/CA%4DAU/A"}}, "VN/GOV/CAMAU/A").ok());
  CHECK(reason(fields, "VN/GOV/OTHER") == "CLIENT_NOT_ALLOWED");
  CHECK(reason(fields, "") == "CLIENT_NOT_ALLOWED");
  CHECK(reason({}, "VN/GOV/CAMAU/A") == "CLIENT_INVALID");
  CHECK(reason({{"x-road-client", "VN/GOV"}}, "VN/GOV") == "CLIENT_INVALID");
  CHECK(reason({{"x-road-client", "a/b/c/d/e"}}, "a/b/c/d/e") == "CLIENT_INVALID");
}

TEST_CASE("errors are JSON or XML, as the protocol's own tests have it") {
  const absl::Status status = WithRetryDelay(
      MakeError(absl::StatusCode::kResourceExhausted, "QUOTA_EXCEEDED", "no <more> \"now\""),
      absl::Milliseconds(1500));
  const auto type = [&](absl::string_view accept) {
    const HttpAnswer answer = RestError(status, "id", accept);
    for (const Header field : answer.head) {
      if (field.name == "content-type") return std::string(field.value);
    }
    return std::string();
  };
  for (const absl::string_view json :
       {"", "foobarbaz", "application/json;charset=utf-8", "text/xml-patch+xml", "*/*"}) {
    CHECK(type(json) == "application/json");
  }
  CHECK(type("application/xml, text/xml") == "application/xml;charset=utf-8");
  CHECK(type("text/xml") == "text/xml;charset=utf-8");
  CHECK(type("text/*;q=0.1") == "text/xml;charset=utf-8");
  const HttpAnswer json = RestError(status, "id", "");
  CHECK(
      json.body ==
      R"({"type":"server.clientproxy.service_failed","message":"QUOTA_EXCEEDED: no <more> \"now\"","detail":"id"})");
  CHECK(json.head[0].value == "429");
  std::string retry, error;
  for (const Header field : json.head) {
    if (field.name == "retry-after") retry = std::string(field.value);
    if (field.name == "x-road-error") error = std::string(field.value);
  }
  CHECK(retry == "2");
  CHECK(error == "server.clientproxy.service_failed");
  CHECK(RestError(status, "id", "text/xml").body ==
        "<error><type>server.clientproxy.service_failed</type><message>QUOTA_EXCEEDED: no "
        "&lt;more> \"now\"</message><detail>id</detail></error>");
}

}  // namespace
}  // namespace lgsp::gateway
