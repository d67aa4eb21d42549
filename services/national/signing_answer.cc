#include "services/national/signing_answer.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <optional>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "libs/status/status.h"
#include "services/national/errors.h"
#include "services/national/limits.h"

namespace lgsp::national {
namespace {

using nlohmann::json;

constexpr char kAlgorithm[] = "SHA-256";
constexpr char kPemList[] = "-----BEGIN X509 CRL-----";
constexpr char kDerSequence = 0x30;

bool IsCode(absl::string_view text, absl::string_view also, size_t limit) {
  return text.size() <= limit && std::all_of(text.begin(), text.end(), [&](unsigned char c) {
           return absl::ascii_isalnum(c) ||
                  also.find(static_cast<char>(c)) != absl::string_view::npos;
         });
}

// A text member; nothing when it is not there or no text.
std::optional<std::string> Text(const json& body, const char* name) {
  if (!body.is_object()) return std::nullopt;
  const auto found = body.find(name);
  if (found == body.end() || !found->is_string()) return std::nullopt;
  return found->get<std::string>();
}

// Only as it is written by the rules: absl takes spaces, and what is left over at the end.
std::optional<std::string> FromBase64(const json& body, const char* name) {
  const auto text = Text(body, name);
  std::string bytes;
  if (!text.has_value() || !absl::Base64Unescape(*text, &bytes)) return std::nullopt;
  if (absl::Base64Escape(bytes) != *text) return std::nullopt;
  return bytes;
}

absl::Status RefusalOf(int status, const json& body) {
  const auto error = body.is_object() ? body.find("error") : body.end();
  const std::string code =
      body.is_object() && error != body.end() ? Text(*error, "code").value_or("") : "";
  if (status == 400 && code == "INVALID_REQUEST") {
    return SigningFieldInvalid("(not named)", "is refused by the signing system");
  }
  if (status == 404 && (code == "AGENCY_UNKNOWN" || code == "OFFICER_UNKNOWN")) {
    return SignerUnknown();
  }
  if (status == 409 && code == "REFERENCE_REUSED") return ReferenceReused();
  return SigningUnavailable(absl::StrCat("HTTP ", status));
}

// Whether `body` tells of `request`.
absl::Status CheckEcho(const json& body, const v1::SignDigestRequest& request) {
  const auto reference = Text(body, "reference");
  const auto agency = Text(body, "agency");
  const auto officer = Text(body, "officer");
  const auto digest = FromBase64(body, "digest");
  if (!reference.has_value() || !agency.has_value() || !officer.has_value() ||
      !digest.has_value() || Text(body, "digest_algorithm") != kAlgorithm) {
    return SigningUnavailable("the answer does not say what it is about");
  }
  if (*reference != request.reference()) {
    return SigningUnavailable("the answer is about another reference");
  }
  const bool same =
      *agency == request.agency() && *officer == request.officer() && *digest == request.digest();
  return same ? absl::OkStatus() : ReferenceReused();
}

}  // namespace

absl::StatusOr<std::string> ToSigningSystem(const v1::SignDigestRequest& request) {
  if (request.reference().empty() || !IsCode(request.reference(), "._-:/", kMaxReference)) {
    return SigningFieldInvalid("reference", "must be 1 to 128 of A-Z a-z 0-9 . _ - : /");
  }
  if (request.agency().empty() || !IsCode(request.agency(), "._-", kMaxSignerCode)) {
    return SigningFieldInvalid("agency", "must be 1 to 64 of A-Z a-z 0-9 . _ -");
  }
  if (!IsCode(request.officer(), "._-", kMaxSignerCode)) {
    return SigningFieldInvalid("officer", "must be at most 64 of A-Z a-z 0-9 . _ -");
  }
  if (request.digest().size() != kDigestBytes) {
    return SigningFieldInvalid("digest", "must have 32 bytes");
  }
  const json body = {{"reference", request.reference()},
                     {"agency", request.agency()},
                     {"officer", request.officer()},
                     {"digest", absl::Base64Escape(request.digest())},
                     {"digest_algorithm", kAlgorithm}};
  return body.dump();
}

absl::StatusOr<std::string> ReadSignature(const absl::StatusOr<http::Response>& response,
                                          const v1::SignDigestRequest& request) {
  if (!response.ok()) return SigningUnavailable(ErrorReason(response.status()));
  const json body = json::parse(response->body, nullptr, /*allow_exceptions=*/false);
  const int status = response->status;
  if (status != 200 && status != 202) return RefusalOf(status, body);
  RETURN_IF_ERROR(CheckEcho(body, request));
  const std::string state = Text(body, "state").value_or("");
  if (state == "PENDING") return SignaturePending();
  if (state == "REFUSED" && status == 200) return SignatureRefused();
  if (state != "DONE" || status != 200) return SigningUnavailable("the answer's state is unknown");
  auto cms = FromBase64(body, "cms");
  if (!cms.has_value() || cms->empty() || cms->size() > kMaxCmsBytes) {
    return SigningUnavailable("the answer holds no signature");
  }
  return *std::move(cms);
}

bool IsAnswerLost(const absl::StatusOr<http::Response>& response) {
  const std::string reason = ErrorReason(response.status());
  return reason == "HTTP_OUTCOME_UNKNOWN" || reason == "HTTP_TIMEOUT";
}

absl::StatusOr<std::string> ReadRevocationList(const absl::StatusOr<http::Response>& response) {
  if (!response.ok()) return SigningUnavailable(ErrorReason(response.status()));
  if (response->status != 200) {
    return SigningUnavailable(absl::StrCat("a revocation list: HTTP ", response->status));
  }
  const std::string& list = response->body;
  if (list.size() > kMaxCrlBytes) return SigningUnavailable("a revocation list is too large");
  if (list.empty() || (list[0] != kDerSequence && !absl::StartsWith(list, kPemList))) {
    return SigningUnavailable("what should be a revocation list is none");
  }
  return list;
}

}  // namespace lgsp::national
