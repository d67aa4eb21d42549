#include "services/national/portal_answer.h"

#include <catch2/catch.hpp>

#include "libs/status/status.h"

namespace lgsp::national {
namespace {

absl::StatusOr<PortalAnswer> Read(int status, const std::string& body,
                                  Effect effect = Effect::kPossible) {
  return ReadAnswer(http::Response{status, body}, effect);
}

std::string ReasonOf(const absl::Status& status) { return ErrorReason(status); }

PortalAnswer Good(const std::string& body) {
  auto answer = Read(200, body);
  REQUIRE(answer.ok());
  return *std::move(answer);
}

TEST_CASE("codes come as numbers and as texts") {
  CHECK(Good(R"({"error_code":0})").code == kDone);
  CHECK(Good(R"({"error_code":"0"})").code == kDone);
  CHECK(Good(R"({"error_code":"00","message":""})").code == kDone);
  CHECK(Good(R"({"error_code":"-1"})").code == kSessionExpired);
  CHECK(Good(R"({"error_code":-1})").code == kSessionExpired);
  CHECK(Good(R"({"message":"duplicate refId","error_code":1})").code == kDuplicate);
}

TEST_CASE("what is not the portal's answer may have taken effect when the call could") {
  const std::string deep(100'000, '[');
  for (const std::string& body :
       {std::string(), std::string("<html>"), std::string("[]"), std::string("{}"),
        std::string("null"), std::string(R"({"error_code":null})"),
        std::string(R"({"error_code":"x"})"), std::string(R"({"error_code":0.5})"),
        std::string(R"({"error_code":99999999999999999999})"),
        std::string("{\"error_code\":0,\"message\":\"\xff\"}"), deep}) {
    INFO(body.substr(0, 40));
    CHECK(ReasonOf(Read(200, body).status()) == "PORTAL_OUTCOME_UNKNOWN");
    CHECK(ReasonOf(Read(200, body, Effect::kNone).status()) == "PORTAL_UNAVAILABLE");
  }
}

TEST_CASE("HTTP statuses") {
  const std::string body = R"({"error_code":0})";
  CHECK(Read(201, body).ok());
  for (const int status : {301, 400, 404, 413, 429}) {
    CHECK(ReasonOf(Read(status, body).status()) == "PORTAL_UNAVAILABLE");
  }
  for (const int status : {401, 403}) {
    CHECK(ReasonOf(Read(status, body).status()) == "PORTAL_LOGIN_REFUSED");
  }
  for (const int status : {500, 502, 503, 504}) {
    CHECK(ReasonOf(Read(status, body).status()) == "PORTAL_OUTCOME_UNKNOWN");
    CHECK(ReasonOf(Read(status, body, Effect::kNone).status()) == "PORTAL_UNAVAILABLE");
  }
}

TEST_CASE("without an answer the reason tells whether the call can have arrived") {
  const auto after = [](absl::StatusCode code, const char* reason, Effect effect) {
    return ReasonOf(ReadAnswer(MakeError(code, reason, "portal"), effect).status());
  };
  for (const char* reason : {"HTTP_NOT_SENT", "HTTP_CIRCUIT_OPEN"}) {
    CHECK(after(absl::StatusCode::kUnavailable, reason, Effect::kPossible) == "PORTAL_UNAVAILABLE");
  }
  for (const char* reason : {"HTTP_OUTCOME_UNKNOWN", "HTTP_TIMEOUT", "HTTP_ANSWER_TOO_LARGE"}) {
    CHECK(after(absl::StatusCode::kDeadlineExceeded, reason, Effect::kPossible) ==
          "PORTAL_OUTCOME_UNKNOWN");
    CHECK(after(absl::StatusCode::kDeadlineExceeded, reason, Effect::kNone) ==
          "PORTAL_UNAVAILABLE");
  }
}

TEST_CASE("refusals name the field and never repeat what the portal wrote") {
  const auto refusal = [](const std::string& body) { return RefusalOf(Good(body)); };
  const absl::Status field =
      refusal(R"({"error_code":3,"message":"DinhDanhCHS.SoDinhDanh: 096190000001 is refused"})");
  CHECK(field.code() == absl::StatusCode::kInvalidArgument);
  CHECK(ReasonOf(field) == "PORTAL_FIELD_INVALID");
  CHECK(std::string(field.message()).find("DinhDanhCHS.SoDinhDanh") != std::string::npos);
  CHECK(std::string(field.message()).find("096190000001") == std::string::npos);
  for (const char* body : {R"({"error_code":3,"message":"Nguyen Van A khong hop le"})",
                           R"({"error_code":"03","message":7})", R"({"error_code":3})"}) {
    CHECK(ReasonOf(refusal(body)) == "PORTAL_FIELD_INVALID");
    CHECK(std::string(refusal(body).message()).find("Nguyen") == std::string::npos);
  }
  CHECK(ReasonOf(refusal(R"({"error_code":4,"message":"khong ho tro dich vu"})")) ==
        "PORTAL_UNAVAILABLE");
  CHECK(ReasonOf(refusal(R"({"error_code":99})")) == "PORTAL_UNAVAILABLE");
}

TEST_CASE("a look-up gives the dossier that was asked for, or is no answer") {
  const auto found = [](const std::string& result) {
    return FoundDossier(Good(R"({"error_code":0,"result":)" + result + "}"), "H12-1");
  };
  const auto whole =
      found(R"({"MaHoSo":"H12-1","TenTTHC":"x","TienDo":[{"TrangThai":"1"},{"TrangThai":"2"}]})");
  REQUIRE(whole.ok());
  CHECK(whole->item.dump() == R"({"MaHoSo":"H12-1","TenTTHC":"x"})");
  REQUIRE(whole->progress.size() == 2);
  CHECK(whole->progress[1]["TrangThai"] == "2");
  for (const char* without : {R"({"MaHoSo":"H12-1"})", R"({"MaHoSo":"H12-1","TienDo":null})",
                              R"({"MaHoSo":"H12-1","TienDo":[]})"}) {
    REQUIRE(found(without).ok());
    CHECK(found(without)->progress.empty());
  }
  for (const char* bad :
       {R"({"MaHoSo":"H12-2","TienDo":[]})", R"({"MaHoSo":7})", "{}", "[]", "null", "\"x\"",
        R"({"MaHoSo":"H12-1","TienDo":{}})", R"({"MaHoSo":"H12-1","TienDo":["x"]})"}) {
    INFO(bad);
    CHECK(ReasonOf(found(bad).status()) == "PORTAL_UNAVAILABLE");
  }
  CHECK(ReasonOf(FoundDossier(Good(R"({"error_code":0})"), "H12-1").status()) ==
        "PORTAL_UNAVAILABLE");
}

}  // namespace
}  // namespace lgsp::national
