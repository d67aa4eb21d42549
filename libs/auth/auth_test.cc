#include "libs/auth/auth.h"

#include <catch2/catch.hpp>

#include "libs/status/status.h"

namespace lgsp::auth {
namespace {

constexpr char kService[] = "lgsp.dossiers.v1.Dossiers";

lgsp::auth::v1::Caller Onestop() {
  lgsp::auth::v1::Caller caller;
  caller.set_aud(kService);
  caller.set_system("systems/demo-onestop");
  caller.add_agencies("H12.*");
  caller.mutable_officer()->set_id("cb-1");
  caller.mutable_officer()->set_asserted(true);
  return caller;
}

TEST_CASE("a caller is who the gateway says, for one service and one minute") {
  FakeClock clock(absl::FromUnixSeconds(1'790'000'000));
  const keys::SigningKey key = keys::SigningKey::Generate();
  const CallerVerifier verifier({*keys::VerifyKey::FromPem(key.PublicPem())}, &clock);
  const std::string jws = *SignCaller(Onestop(), key, clock);
  for (int i = 0; i < 2; ++i) {  // the second time from memory
    const auto caller = verifier.Verify(jws, kService);
    REQUIRE(caller.ok());
    CHECK(caller->system() == "systems/demo-onestop");
    CHECK(caller->officer().asserted());
    CHECK(ErrorReason(verifier.Verify(jws, "lgsp.x.v1.X").status()) == "CALLER_FOR_OTHER_SERVICE");
  }
  clock.Advance(kCallerLifetime + kClockSkew);
  CHECK(ErrorReason(verifier.Verify(jws, kService).status()) == "CALLER_EXPIRED");
  clock.Advance(-kCallerLifetime - 3 * kClockSkew);
  CHECK(ErrorReason(verifier.Verify(jws, kService).status()) == "CALLER_EXPIRED");
}

TEST_CASE("a caller signed by anybody else is nobody") {
  FakeClock clock(absl::Now());
  const keys::SigningKey key = keys::SigningKey::Generate();
  const CallerVerifier verifier({*keys::VerifyKey::FromPem(key.PublicPem())}, &clock);
  const std::string forged = *SignCaller(Onestop(), keys::SigningKey::Generate(), clock);
  CHECK(ErrorReason(verifier.Verify(forged, kService).status()) == "CALLER_INVALID");
  CHECK(ErrorReason(verifier.Verify("", kService).status()) == "CALLER_INVALID");
  CHECK(ErrorReason(verifier.Verify(key.SignJws("{\"iss\":\"x\"}"), kService).status()) ==
        "CALLER_INVALID");
}

TEST_CASE("agencies match by code or subtree, never by a part of a code") {
  CHECK(AgencyMatches("H12.50.01", "H12.50.01"));
  CHECK_FALSE(AgencyMatches("H12.50.01", "H12.50.011"));
  CHECK(AgencyMatches("H12.*", "H12"));
  CHECK(AgencyMatches("H12.*", "H12.50.01"));
  CHECK_FALSE(AgencyMatches("H12.*", "H121.50"));
  CHECK(AgencyMatches("*", "G01"));
  CHECK_FALSE(AgencyMatches("", "H12"));
  CHECK(ActsFor(Onestop(), "H12.15"));
  CHECK_FALSE(ActsFor(lgsp::auth::v1::Caller(), "H12.15"));
}

TEST_CASE("officers are read strictly") {
  const auto officer = ParseOfficer("cb-0001; H12.50.01; intake, processing");
  REQUIRE(officer.ok());
  CHECK(officer->id() == "cb-0001");
  CHECK(officer->unit() == "H12.50.01");
  REQUIRE(officer->roles_size() == 2);
  CHECK(officer->roles(1) == "processing");
  CHECK_FALSE(officer->asserted());
  CHECK(ParseOfficer("a;b;")->roles_size() == 0);
  for (const char* bad : {"", "a;b", "a;b;c;d", ";b;c", "a;;c", "a b;c;d", "a;b;c,,d",
                          "a;b;1,2,3,4,5,6,7,8,9", "Nguyễn;b;c"}) {
    CHECK(ErrorReason(ParseOfficer(bad).status()) == "OFFICER_INVALID");
  }
}

}  // namespace
}  // namespace lgsp::auth
