#include "services/national/signing_answer.h"

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "libs/status/status.h"
#include "services/national/limits.h"

namespace lgsp::national {
namespace {

using nlohmann::json;

const char kDigest[] = "0123456789abcdef0123456789abcdef";

v1::SignDigestRequest Asked() {
  v1::SignDigestRequest request;
  request.set_reference("results/7-a:1");
  request.set_agency("H12.03");
  request.set_officer("H12.03.head");
  request.set_digest(kDigest);
  return request;
}

// What the system answers to it, signed.
json Signed() {
  return {{"signature_id", "sig-1"},
          {"reference", "results/7-a:1"},
          {"agency", "H12.03"},
          {"officer", "H12.03.head"},
          {"digest", "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="},
          {"digest_algorithm", "SHA-256"},
          {"state", "DONE"},
          {"cms", "MIIBBg=="},
          {"serial", "0a"}};
}

std::string ReasonFor(int status, const std::string& body) {
  return ErrorReason(ReadSignature(http::Response{status, body}, Asked()).status());
}

std::string ReasonWith(const char* member, const json& value) {
  json body = Signed();
  body[member] = value;
  return ReasonFor(200, body.dump());
}

TEST_CASE("a request holds the digest and who is to sign, nothing else") {
  const auto body = ToSigningSystem(Asked());
  REQUIRE(body.ok());
  CHECK(json::parse(*body) == json{{"reference", "results/7-a:1"},
                                   {"agency", "H12.03"},
                                   {"officer", "H12.03.head"},
                                   {"digest", "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="},
                                   {"digest_algorithm", "SHA-256"}});
  v1::SignDigestRequest seal = Asked();
  seal.clear_officer();
  CHECK(json::parse(*ToSigningSystem(seal))["officer"] == "");
}

TEST_CASE("a request is checked before anything is sent") {
  const auto refused = [](const char* field, const std::string& value) {
    INFO(field << " " << value);
    v1::SignDigestRequest request = Asked();
    const auto* descriptor = v1::SignDigestRequest::descriptor()->FindFieldByName(field);
    request.GetReflection()->SetString(&request, descriptor, value);
    const absl::Status status = ToSigningSystem(request).status();
    CHECK(ErrorReason(status) == "SIGNING_FIELD_INVALID");
    CHECK(absl::StrContains(status.message(), field));
  };
  refused("reference", "");
  refused("reference", "a&officer=b");
  refused("reference", "a b");
  refused("reference", std::string(kMaxReference + 1, 'a'));
  refused("agency", "");
  refused("agency", "H12/03");
  refused("agency", std::string(kMaxSignerCode + 1, 'H'));
  refused("officer", "Nguyễn Văn A");
  refused("officer", std::string(kMaxSignerCode + 1, 'o'));
  refused("digest", "");
  refused("digest", std::string(31, 'x'));
  refused("digest", std::string(48, 'x'));
  v1::SignDigestRequest longest = Asked();
  longest.set_reference(std::string(kMaxReference, 'a'));
  longest.set_agency(std::string(kMaxSignerCode, 'H'));
  CHECK(ToSigningSystem(longest).ok());
}

TEST_CASE("a signature is given out when the answer is about the request") {
  const auto cms = ReadSignature(http::Response{200, Signed().dump()}, Asked());
  REQUIRE(cms.ok());
  CHECK(*cms == std::string("\x30\x82\x01\x06", 4));
  json largest = Signed();
  largest["cms"] = absl::Base64Escape(std::string(kMaxCmsBytes, '0'));
  CHECK(ReadSignature(http::Response{200, largest.dump()}, Asked())->size() == kMaxCmsBytes);
}

TEST_CASE("an answer about something else is none of ours") {
  // By them the reference stands for another request.
  CHECK(ReasonWith("agency", "H12.04") == "REFERENCE_REUSED");
  CHECK(ReasonWith("officer", "") == "REFERENCE_REUSED");
  CHECK(ReasonWith("digest", absl::Base64Escape(std::string(32, 'x'))) == "REFERENCE_REUSED");
  CHECK(ReasonWith("reference", "results/8") == "SIGNING_UNAVAILABLE");
  CHECK(ReasonWith("digest_algorithm", "SHA-512") == "SIGNING_UNAVAILABLE");
  CHECK(ReasonWith("digest", "MDEy MzQ1") == "SIGNING_UNAVAILABLE");
  for (const char* member :
       {"reference", "agency", "officer", "digest", "digest_algorithm", "state", "cms"}) {
    INFO(member);
    json body = Signed();
    body.erase(member);
    CHECK(ReasonFor(200, body.dump()) == "SIGNING_UNAVAILABLE");
    for (const json& value : {json(7), json(nullptr), json::array({"H12.03"})}) {
      CHECK(ReasonWith(member, value) == "SIGNING_UNAVAILABLE");
    }
  }
}

TEST_CASE("a signature that is none is not given out") {
  for (const std::string& cms :
       {std::string(), std::string("MIIBBg"), std::string("MIIBBg==\n"), std::string("MII BBg=="),
        std::string("!"), std::string("MIIB_g=="), std::string("MIIBBh=="),
        absl::Base64Escape(std::string(kMaxCmsBytes + 1, '0'))}) {
    INFO(cms.substr(0, 20));
    CHECK(ReasonWith("cms", cms) == "SIGNING_UNAVAILABLE");
  }
}

TEST_CASE("states") {
  const auto with_state = [](int status, const char* state) {
    json body = Signed();
    body["state"] = state;
    body["reason"] = "Nguyễn Văn A declined";
    return ReadSignature(http::Response{status, body.dump()}, Asked()).status();
  };
  const absl::Status pending = with_state(202, "PENDING");
  CHECK(pending.code() == absl::StatusCode::kUnavailable);
  CHECK(ErrorReason(pending) == "SIGNATURE_PENDING");
  CHECK(ErrorReason(with_state(200, "PENDING")) == "SIGNATURE_PENDING");
  const absl::Status refused = with_state(200, "REFUSED");
  CHECK(refused.code() == absl::StatusCode::kFailedPrecondition);
  CHECK(ErrorReason(refused) == "SIGNATURE_REFUSED");
  CHECK_FALSE(absl::StrContains(refused.message(), "Nguy"));
  // Neither is what it says.
  CHECK(ErrorReason(with_state(202, "DONE")) == "SIGNING_UNAVAILABLE");
  CHECK(ErrorReason(with_state(202, "REFUSED")) == "SIGNING_UNAVAILABLE");
  CHECK(ErrorReason(with_state(200, "LOST")) == "SIGNING_UNAVAILABLE");
}

TEST_CASE("refusals are told by status and code, and nothing of what the system wrote") {
  const auto refusal = [](int status, const std::string& code) {
    const json body = {{"error", {{"code", code}, {"message", "officer: Nguyễn Văn A"}}}};
    const absl::Status told = ReadSignature(http::Response{status, body.dump()}, Asked()).status();
    CHECK_FALSE(absl::StrContains(ToRpcStatus(told).ShortDebugString(), "Nguy"));
    return ErrorReason(told);
  };
  CHECK(refusal(400, "INVALID_REQUEST") == "SIGNING_FIELD_INVALID");
  CHECK(refusal(404, "AGENCY_UNKNOWN") == "SIGNER_UNKNOWN");
  CHECK(refusal(404, "OFFICER_UNKNOWN") == "SIGNER_UNKNOWN");
  CHECK(refusal(409, "REFERENCE_REUSED") == "REFERENCE_REUSED");
  // A look-up's answer: it was not asked yet.
  CHECK(refusal(404, "SIGNATURE_UNKNOWN") == "SIGNING_UNAVAILABLE");
  // Of something between, or not foreseen: final only what is known to be.
  for (const int status : {301, 400, 401, 403, 404, 409, 413, 429, 500, 502, 503, 507}) {
    INFO(status);
    CHECK(refusal(status, "OTHER") == "SIGNING_UNAVAILABLE");
    for (const char* body : {"", "<html>", "[]", "7", R"({"error":"x"})", R"({"error":[1]})",
                             R"({"error":{"code":7}})"}) {
      CHECK(ReasonFor(status, body) == "SIGNING_UNAVAILABLE");
    }
  }
  CHECK(refusal(500, "REFERENCE_REUSED") == "SIGNING_UNAVAILABLE");
}

TEST_CASE("what is not the system's JSON is no answer") {
  for (const std::string& body :
       {std::string(), std::string("<html>"), std::string("[]"), std::string("null"),
        std::string("{}"), std::string("{\"state\":\"\xff\"}"), std::string(100'000, '[')}) {
    INFO(body.substr(0, 40));
    CHECK(ReasonFor(200, body) == "SIGNING_UNAVAILABLE");
    CHECK(ReasonFor(202, body) == "SIGNING_UNAVAILABLE");
  }
}

TEST_CASE("an answer is lost when the request may have arrived") {
  const auto after = [](const char* reason) -> absl::StatusOr<http::Response> {
    return MakeError(absl::StatusCode::kUnavailable, reason, "signing");
  };
  CHECK(IsAnswerLost(after("HTTP_OUTCOME_UNKNOWN")));
  CHECK(IsAnswerLost(after("HTTP_TIMEOUT")));
  for (const char* reason : {"HTTP_NOT_SENT", "HTTP_CIRCUIT_OPEN", "HTTP_ANSWER_TOO_LARGE"}) {
    CHECK_FALSE(IsAnswerLost(after(reason)));
    const absl::Status told = ReadSignature(after(reason), Asked()).status();
    CHECK(ErrorReason(told) == "SIGNING_UNAVAILABLE");
    CHECK(absl::StrContains(told.message(), reason));
  }
  CHECK_FALSE(IsAnswerLost(http::Response{503, ""}));
}

TEST_CASE("revocation lists are taken by their first bytes and within their limit") {
  const auto read = [](int status, const std::string& body) {
    return ReadRevocationList(http::Response{status, body});
  };
  const std::string largest = "\x30" + std::string(kMaxCrlBytes - 1, 'x');
  CHECK(read(200, "\x30\x82").value() == "\x30\x82");
  CHECK(read(200, "-----BEGIN X509 CRL-----\n").ok());
  CHECK(read(200, largest).ok());
  for (const std::string& body : {std::string(), std::string("<html>"),
                                  std::string("-----BEGIN CERTIFICATE-----\n"), largest + "x"}) {
    CHECK(ErrorReason(read(200, body).status()) == "SIGNING_UNAVAILABLE");
  }
  for (const int status : {204, 302, 404, 503}) {
    CHECK(ErrorReason(read(status, "\x30\x82").status()) == "SIGNING_UNAVAILABLE");
  }
  CHECK(ErrorReason(
            ReadRevocationList(MakeError(absl::StatusCode::kUnavailable, "HTTP_CIRCUIT_OPEN", "x"))
                .status()) == "SIGNING_UNAVAILABLE");
}

}  // namespace
}  // namespace lgsp::national
