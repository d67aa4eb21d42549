#include "services/national/portal_answer.h"

#include <algorithm>
#include <optional>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "libs/status/status.h"
#include "services/national/errors.h"

namespace lgsp::national {
namespace {

using nlohmann::ordered_json;

constexpr size_t kMaxFieldName = 64;

absl::Status NoAnswer(Effect effect, absl::string_view what) {
  return effect == Effect::kPossible ? OutcomeUnknown(what) : PortalUnavailable(what);
}

// Both 0 and "00" occur.
std::optional<int> ErrorCode(const ordered_json& body) {
  if (!body.is_object()) return std::nullopt;
  const auto code = body.find("error_code");
  if (code == body.end()) return std::nullopt;
  if (code->is_number_integer()) {
    const auto number = code->get<int64_t>();
    if (number < -1'000'000 || number > 1'000'000) return std::nullopt;
    return static_cast<int>(number);
  }
  int number = 0;
  if (!code->is_string() || !absl::SimpleAtoi(code->get_ref<const std::string&>(), &number)) {
    return std::nullopt;
  }
  return number;
}

// `TrichYeuHoSo` of `TrichYeuHoSo: is longer than 1000 characters`. What follows may repeat the
// value.
std::string FieldName(const ordered_json& body) {
  const auto message = body.find("message");
  if (message == body.end() || !message->is_string()) return "";
  const std::string& text = message->get_ref<const std::string&>();
  const std::string name = text.substr(0, text.find(':'));
  const bool plain = std::all_of(
      name.begin(), name.end(), [](unsigned char c) { return absl::ascii_isalpha(c) || c == '.'; });
  return plain && name.size() < text.size() && name.size() <= kMaxFieldName ? name : "";
}

}  // namespace

absl::StatusOr<PortalAnswer> ReadAnswer(const absl::StatusOr<http::Response>& response,
                                        Effect effect) {
  if (!response.ok()) {
    const std::string reason = ErrorReason(response.status());
    const bool tried = reason != "HTTP_NOT_SENT" && reason != "HTTP_CIRCUIT_OPEN" &&
                       reason != "HTTP_REQUEST_INVALID";
    return NoAnswer(tried ? effect : Effect::kNone, reason);
  }
  const int status = response->status;
  const std::string what = absl::StrCat("HTTP ", status);
  if (status == 401 || status == 403) return LoginRefused(what);
  // The adapter refuses what it does not pass on; behind a 5xx anything can have happened.
  if (status >= 300 && status < 500) return PortalUnavailable(what);
  if (status < 200 || status >= 500) return NoAnswer(effect, what);
  PortalAnswer answer;
  answer.body = ordered_json::parse(response->body, nullptr, /*allow_exceptions=*/false);
  const std::optional<int> code = ErrorCode(answer.body);
  if (!code.has_value()) return NoAnswer(effect, "the answer is not the portal's JSON");
  answer.code = *code;
  return answer;
}

absl::Status RefusalOf(const PortalAnswer& answer) {
  if (answer.code == kFieldInvalid) {
    const std::string field = FieldName(answer.body);
    return FieldInvalid(field.empty() ? "(not named)" : field, "is refused by the national portal");
  }
  return PortalUnavailable(absl::StrCat("error_code ", answer.code));
}

absl::StatusOr<PortalDossier> FoundDossier(const PortalAnswer& answer, absl::string_view number) {
  PortalDossier dossier;
  const auto result = answer.body.find("result");
  if (result == answer.body.end() || !result->is_object()) {
    return PortalUnavailable("the look-up has no result");
  }
  dossier.item = *result;
  const auto name = dossier.item.find("MaHoSo");
  if (name == dossier.item.end() || !name->is_string() ||
      absl::string_view(name->get_ref<const std::string&>()) != number) {
    return PortalUnavailable("the look-up gives another dossier");
  }
  const auto rows = dossier.item.find("TienDo");
  if (rows == dossier.item.end()) return dossier;
  if (!rows->is_array() && !rows->is_null()) return PortalUnavailable("TienDo is not a list");
  for (const ordered_json& row : *rows) {
    if (!row.is_object()) return PortalUnavailable("TienDo holds something else than rows");
    dossier.progress.push_back(row);
  }
  dossier.item.erase(rows);
  return dossier;
}

}  // namespace lgsp::national
