#include "services/gateway/grpc_wire.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "libs/status/status.h"

namespace lgsp::gateway {
namespace {

constexpr char kContentType[] = "application/grpc";
constexpr size_t kMaxTimeoutDigits = 8;
constexpr int64_t kMaxTimeoutValue = 99'999'999;
constexpr int kPrefixBytes = 5;
constexpr size_t kTraceparentBytes = 55;

bool IsLowerHex(absl::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) {
    return absl::ascii_isdigit(c) || (c >= 'a' && c <= 'f');
  });
}

bool IsZero(absl::string_view hex) {
  return std::all_of(hex.begin(), hex.end(), [](char c) { return c == '0'; });
}

std::string PercentEncoded(absl::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c >= 0x20 && c <= 0x7e && c != '%') {
      out += c;
    } else {
      absl::StrAppendFormat(&out, "%%%02X", static_cast<unsigned char>(c));
    }
  }
  return out;
}

}  // namespace

bool IsGrpcContentType(absl::string_view value) {
  if (!absl::ConsumePrefix(&value, kContentType)) return false;
  return value.empty() || value[0] == '+' || value[0] == ';';
}

std::optional<absl::Duration> ParseTimeout(absl::string_view value) {
  if (value.size() < 2 || value.size() > kMaxTimeoutDigits + 1) return std::nullopt;
  int64_t number = 0;
  for (const char c : value.substr(0, value.size() - 1)) {
    if (!absl::ascii_isdigit(c)) return std::nullopt;
    number = number * 10 + (c - '0');
  }
  switch (value.back()) {
    case 'H':
      return absl::Hours(number);
    case 'M':
      return absl::Minutes(number);
    case 'S':
      return absl::Seconds(number);
    case 'm':
      return absl::Milliseconds(number);
    case 'u':
      return absl::Microseconds(number);
    case 'n':
      return absl::Nanoseconds(number);
    default:
      return std::nullopt;
  }
}

std::string FormatTimeout(absl::Duration timeout) {
  const int64_t nanos = std::max<int64_t>(1, absl::ToInt64Nanoseconds(timeout));
  if (nanos <= kMaxTimeoutValue) return absl::StrCat(nanos, "n");
  if (nanos / 1'000 <= kMaxTimeoutValue) return absl::StrCat(nanos / 1'000, "u");
  if (nanos / 1'000'000 <= kMaxTimeoutValue) return absl::StrCat(nanos / 1'000'000, "m");
  return absl::StrCat(std::min(nanos / 1'000'000'000, kMaxTimeoutValue), "S");
}

bool IsTraceparent(absl::string_view value) {
  return value.size() == kTraceparentBytes && absl::StartsWith(value, "00-") && value[35] == '-' &&
         value[52] == '-' && IsLowerHex(value.substr(3, 32)) && IsLowerHex(value.substr(36, 16)) &&
         IsLowerHex(value.substr(53)) && !IsZero(value.substr(3, 32)) &&
         !IsZero(value.substr(36, 16));
}

std::string MakeTraceparent(uint64_t trace_high, uint64_t trace_low, uint64_t parent) {
  return absl::StrCat("00-", absl::Hex(trace_high, absl::kZeroPad16),
                      absl::Hex(trace_low, absl::kZeroPad16), "-",
                      absl::Hex(parent, absl::kZeroPad16), "-00");
}

StatusTrailers ToTrailers(const absl::Status& status) {
  StatusTrailers out;
  out.code = absl::StrCat(static_cast<int>(status.code()));
  if (status.ok()) return out;
  out.message = PercentEncoded(status.message());
  out.details = absl::Base64Escape(ToRpcStatus(status).SerializeAsString());
  out.details.erase(out.details.find_last_not_of('=') + 1);
  return out;
}

std::string Framed(absl::string_view message) {
  const auto size = static_cast<uint32_t>(message.size());
  std::string out;
  out.reserve(kPrefixBytes + message.size());
  out += '\0';
  for (int shift = 24; shift >= 0; shift -= 8) out += static_cast<char>((size >> shift) & 0xff);
  out.append(message.data(), message.size());
  return out;
}

bool LengthScanner::Scan(absl::string_view data, uint32_t limit) {
  while (!data.empty()) {
    if (left_ > 0) {
      const size_t n = std::min<size_t>(left_, data.size());
      left_ -= static_cast<uint32_t>(n);
      data.remove_prefix(n);
      continue;
    }
    if (prefix_ == 0) length_ = 0;
    if (prefix_ > 0) length_ = (length_ << 8) | static_cast<unsigned char>(data[0]);
    data.remove_prefix(1);
    if (++prefix_ < kPrefixBytes) continue;
    prefix_ = 0;
    if (length_ > limit) return false;
    left_ = length_;
  }
  return true;
}

}  // namespace lgsp::gateway
