#include "services/gateway/grpc_wire.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "google/rpc/status.pb.h"
#include "libs/status/status.h"

namespace lgsp::gateway {
namespace {

constexpr size_t kMaxTimeoutDigits = 8;
constexpr size_t kPrefixBytes = 5;

absl::Status TooLarge(size_t announced, size_t max) {
  return MakeError(absl::StatusCode::kResourceExhausted, "MESSAGE_TOO_LARGE",
                   absl::StrCat("a message of ", announced, " bytes; at most ", max, " are taken"),
                   {{"limit", absl::StrCat(max)}});
}

uint32_t BigEndian(absl::string_view bytes) {
  uint32_t value = 0;
  for (const char c : bytes) value = (value << 8) | static_cast<unsigned char>(c);
  return value;
}

std::string PercentEncode(absl::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c >= ' ' && c <= '~' && c != '%') {
      out += c;
    } else {
      absl::StrAppendFormat(&out, "%%%02X", static_cast<unsigned char>(c));
    }
  }
  return out;
}

}  // namespace

absl::StatusOr<absl::Duration> ParseTimeout(absl::string_view text) {
  int64_t amount = 0;
  const absl::string_view digits = text.substr(0, text.empty() ? 0 : text.size() - 1);
  const bool plain = !digits.empty() && digits.size() <= kMaxTimeoutDigits &&
                     std::all_of(digits.begin(), digits.end(), absl::ascii_isdigit) &&
                     absl::SimpleAtoi(digits, &amount);
  if (plain) {
    switch (text.back()) {
      case 'H':
        return absl::Hours(amount);
      case 'M':
        return absl::Minutes(amount);
      case 'S':
        return absl::Seconds(amount);
      case 'm':
        return absl::Milliseconds(amount);
      case 'u':
        return absl::Microseconds(amount);
      case 'n':
        return absl::Nanoseconds(amount);
    }
  }
  return MakeFieldError("TIMEOUT_INVALID", "grpc-timeout", "must be 1 to 8 digits and a unit");
}

std::string FormatTimeout(absl::Duration timeout) {
  constexpr int64_t kMax = 99'999'999;
  const int64_t micros =
      std::max<int64_t>(1, absl::ToInt64Microseconds(absl::Ceil(timeout, absl::Microseconds(1))));
  if (micros <= kMax) return absl::StrCat(micros, "u");
  const int64_t millis = (micros + 999) / 1000;
  return millis <= kMax ? absl::StrCat(millis, "m") : absl::StrCat((millis + 999) / 1000, "S");
}

Headers StatusFields(const absl::Status& status) {
  Headers fields;
  fields.push_back({"grpc-status", absl::StrCat(static_cast<int>(status.code()))});
  if (status.ok()) return fields;
  fields.push_back({"grpc-message", PercentEncode(status.message())});
  std::string details = absl::Base64Escape(ToRpcStatus(status).SerializeAsString());
  while (!details.empty() && details.back() == '=') details.pop_back();
  fields.push_back({"grpc-status-details-bin", std::move(details)});
  return fields;
}

std::string FrameMessage(absl::string_view message) {
  const auto size = static_cast<uint32_t>(message.size());
  std::string out(1, '\0');
  for (int shift = 24; shift >= 0; shift -= 8) out += static_cast<char>((size >> shift) & 0xff);
  absl::StrAppend(&out, message);
  return out;
}

absl::Status PrefixScanner::Scan(absl::string_view data) {
  while (!data.empty()) {
    if (left_ > 0) {
      const size_t step = std::min<size_t>(left_, data.size());
      left_ -= static_cast<uint32_t>(step);
      data.remove_prefix(step);
      continue;
    }
    // The first byte says whether the message is compressed: not for a relay to judge.
    if (prefix_ > 0) announced_ = (announced_ << 8) | static_cast<unsigned char>(data.front());
    data.remove_prefix(1);
    if (++prefix_ < static_cast<int>(kPrefixBytes)) continue;
    if (announced_ > max_) return TooLarge(announced_, max_);
    left_ = announced_;
    announced_ = 0;
    prefix_ = 0;
  }
  return absl::OkStatus();
}

absl::StatusOr<std::optional<absl::string_view>> TakeMessage(absl::string_view bytes,
                                                             size_t max_message_bytes,
                                                             size_t& taken) {
  if (bytes.size() < kPrefixBytes) return std::nullopt;
  if (bytes[0] != '\0') {
    return MakeError(absl::StatusCode::kInvalidArgument, "MESSAGE_COMPRESSED",
                     "the gateway's own services take no compressed messages");
  }
  const uint32_t size = BigEndian(bytes.substr(1, 4));
  if (size > max_message_bytes) return TooLarge(size, max_message_bytes);
  if (bytes.size() < kPrefixBytes + size) return std::nullopt;
  taken = kPrefixBytes + size;
  return bytes.substr(kPrefixBytes, size);
}

}  // namespace lgsp::gateway
