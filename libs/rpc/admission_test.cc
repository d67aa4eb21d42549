#include "libs/rpc/admission.h"

#include <catch2/catch.hpp>

#include "google/protobuf/text_format.h"
#include "libs/keys/jws.h"
#include "libs/keys/x509.h"
#include "libs/status/status.h"

namespace lgsp::rpc {
namespace {

TEST_CASE("only listed calls are let in, and only with a caller where there must be one") {
  FakeClock clock(absl::Now());
  const keys::SigningKey key = keys::SigningKey::Generate();
  CallRules rules;
  REQUIRE(google::protobuf::TextFormat::ParseFromString(
      R"(rules { caller: "gateway" service: "a.v1.A" methods: "*" }
         rules { caller: "gateway" service: "grpc.health.v1.Health" methods: "Check" }
         rules { caller: "insights" service: "a.v1.A" methods: "Get" })",
      &rules));
  const Admission admission(rules, {*keys::VerifyKey::FromPem(key.PublicPem())}, &clock);
  lgsp::auth::v1::Caller caller;
  caller.set_system("systems/x");
  caller.set_aud("a.v1.A");
  const std::string jws = *auth::SignCaller(caller, key, clock);

  struct Case {
    const char* peer;
    const char* path;
    std::string jws;
    const char* reason;
  };
  const Case cases[] = {
      {"gateway", "/a.v1.A/Get", jws, ""},
      {"gateway", "/a.v1.A/Other", jws, ""},
      {"gateway", "/a.v1.A/Get", "", "CALLER_MISSING"},
      {"gateway", "/a.v1.A/Get", "x.y.z", "CALLER_INVALID"},
      {"gateway", "/grpc.health.v1.Health/Check", "", ""},
      {"gateway", "/grpc.health.v1.Health/Watch", "", "CALL_NOT_LISTED"},
      {"gateway", "/b.v1.B/Get", jws, "CALL_NOT_LISTED"},
      {"insights", "/a.v1.A/Get", "", ""},
      {"insights", "/a.v1.A/Other", "", "CALL_NOT_LISTED"},
      {"insights", "/a.v1.A/Get", "x.y.z", "CALLER_INVALID"},
      {"national", "/a.v1.A/Get", jws, "CALL_NOT_LISTED"},
      {"", "/a.v1.A/Get", jws, "CALL_NOT_LISTED"},
      {"gateway", "", jws, "CALL_NOT_LISTED"},
  };
  for (const Case& c : cases) {
    INFO(c.peer << " " << c.path);
    CHECK(ErrorReason(admission.Check(c.peer, c.path, c.jws)) == c.reason);
  }
}

TEST_CASE("only identities of this platform name a service") {
  CHECK(ServiceOfIdentity(keys::ServiceIdentity("dossiers")) == "dossiers");
  CHECK(ServiceOfIdentity("spiffe://other/service/dossiers") == "");
  CHECK(ServiceOfIdentity("") == "");
}

}  // namespace
}  // namespace lgsp::rpc
