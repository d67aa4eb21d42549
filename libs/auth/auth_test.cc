#include "libs/auth/auth.h"

#include <atomic>
#include <catch2/catch.hpp>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
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

TEST_CASE("the time of a caller, to the second") {
  FakeClock clock(absl::FromUnixSeconds(1'790'000'000));
  const keys::SigningKey key = keys::SigningKey::Generate();
  const CallerVerifier verifier({*keys::VerifyKey::FromPem(key.PublicPem())}, &clock);
  const absl::Time signed_at = clock.SecurityNow();
  const std::string jws = *SignCaller(Onestop(), key, clock);
  const auto at = [&](absl::Duration after) {
    clock.Set(signed_at + after);
    return ErrorReason(verifier.Verify(jws, kService).status());
  };
  CHECK(at(-kClockSkew).empty());
  CHECK(at(-kClockSkew - absl::Seconds(1)) == "CALLER_EXPIRED");
  CHECK(at(kCallerLifetime + kClockSkew - absl::Seconds(1)).empty());
  CHECK(at(kCallerLifetime + kClockSkew) == "CALLER_EXPIRED");
  // Signed by the gateway or not: nothing is good for longer.
  clock.Set(signed_at);
  const auto payload = [&](int64_t exp) {
    return key.SignJws(absl::StrCat(R"({"iss":"gateway","aud":")", kService,
                                    R"(","system":"systems/x","iat":1790000000,"exp":)", exp, "}"));
  };
  CHECK(verifier.Verify(payload(1'790'000'060), kService).ok());
  CHECK(ErrorReason(verifier.Verify(payload(1'790'000'061), kService).status()) ==
        "CALLER_EXPIRED");
}

TEST_CASE("a caller must be the gateway's word, and of somebody") {
  FakeClock clock(absl::FromUnixSeconds(1'790'000'000));
  const keys::SigningKey key = keys::SigningKey::Generate();
  const CallerVerifier verifier({*keys::VerifyKey::FromPem(key.PublicPem())}, &clock);
  for (const char* payload :
       {"", "[]", "{", R"({"iss":"gateway"})", R"({"iss":"identity","system":"systems/x"})",
        R"({"system":"systems/x"})", R"({"iss":"gateway","system":"systems/x","root":true})"}) {
    INFO(payload);
    CHECK(ErrorReason(verifier.Verify(key.SignJws(payload), kService).status()) ==
          "CALLER_INVALID");
  }
}

TEST_CASE("many callers are verified, remembered or not, by many threads") {
  FakeClock clock(absl::FromUnixSeconds(1'790'000'000));
  const keys::SigningKey key = keys::SigningKey::Generate();
  const CallerVerifier verifier({*keys::VerifyKey::FromPem(key.PublicPem())}, &clock);
  std::atomic<int> wrong = 0;
  std::vector<std::thread> threads;
  // More than are remembered.
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < 1100; ++i) {
        lgsp::auth::v1::Caller caller = Onestop();
        caller.set_system(absl::StrCat("systems/", t, "-", i));
        const std::string jws = *SignCaller(caller, key, clock);
        for (int again = 0; again < 2; ++again) {
          const auto verified = verifier.Verify(jws, kService);
          if (!verified.ok() || verified->system() != caller.system()) ++wrong;
        }
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  CHECK(wrong == 0);
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
  const std::string word(64, 'x');
  CHECK(ParseOfficer(word + ";" + word + ";1,2,3,4,5,6,7," + word)->roles_size() == 8);
  CHECK_FALSE(ParseOfficer(word + "x;b;").ok());
  CHECK_FALSE(ParseOfficer("a;" + word + "x;").ok());
  CHECK_FALSE(ParseOfficer("a;b;" + word + "x").ok());
  for (const char* bad : {"", "a;b", "a;b;c;d", ";b;c", "a;;c", "a b;c;d", "a;b;c,,d",
                          "a;b;1,2,3,4,5,6,7,8,9", "Nguyễn;b;c"}) {
    CHECK(ErrorReason(ParseOfficer(bad).status()) == "OFFICER_INVALID");
  }
}

}  // namespace
}  // namespace lgsp::auth
