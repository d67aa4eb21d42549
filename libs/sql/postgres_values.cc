#include "libs/sql/postgres_values.h"

#include <endian.h>

#include <bit>
#include <cmath>
#include <cstring>
#include <limits>

#include "absl/strings/str_cat.h"
#include "libs/sql/connection.h"

namespace lgsp::sql {
namespace {

constexpr TypeId kBool = 16, kBytea = 17, kName = 19, kInt8 = 20, kInt2 = 21, kInt4 = 23,
                 kText = 25;
constexpr TypeId kFloat4 = 700, kFloat8 = 701, kBpchar = 1042, kVarchar = 1043, kNumeric = 1700;
constexpr TypeId kVoid = 2278;

// A big-endian two's-complement number of data.size() bytes.
int64_t Integer(absl::string_view data) {
  uint64_t bits = !data.empty() && (data[0] & 0x80) != 0 ? ~uint64_t{0} : 0;
  for (const char c : data) bits = (bits << 8) | static_cast<uint8_t>(c);
  return static_cast<int64_t>(bits);
}

// Four 16-bit numbers (count of digits, weight of the first, sign, decimals), then the digits to
// base 10000.
Value Numeric(absl::string_view data) {
  constexpr int kHeader = 4;
  constexpr double kBase = 10000;
  constexpr int64_t kNegative = 0x4000;
  const auto field = [data](int64_t i) { return Integer(data.substr(2 * i, 2)); };
  const int64_t digits = field(0), weight = field(1), decimals = field(3);
  const int64_t sign = field(2) & 0xFFFF;
  if (sign != 0 && sign != kNegative) return std::numeric_limits<double>::quiet_NaN();
  double real = 0;
  __int128 whole = 0;
  // A BIGINT has at most five such digits.
  const bool integral = decimals == 0 && weight < 5;
  for (int64_t i = 0; i < digits; ++i) {
    real += static_cast<double>(field(kHeader + i)) * std::pow(kBase, weight - i);
  }
  for (int64_t i = 0; integral && i <= weight; ++i) {
    whole = whole * 10000 + (i < digits ? field(kHeader + i) : 0);
  }
  if (sign == kNegative) {
    whole = -whole;
    real = -real;
  }
  const bool fits =
      whole >= std::numeric_limits<int64_t>::min() && whole <= std::numeric_limits<int64_t>::max();
  if (integral && fits) return static_cast<int64_t>(whole);
  return real;
}

}  // namespace

TypeId TypeOf(const Value& value) {
  constexpr TypeId kTypes[] = {0, kInt8, kFloat8, kText, kBytea};
  static_assert(std::size(kTypes) == std::variant_size_v<Value>);
  return kTypes[value.index()];
}

BinaryParams::BinaryParams(const std::vector<const Value*>& values) : formats(values.size(), 1) {
  const auto add = [this](const void* start, size_t size) {
    data.push_back(static_cast<const char*>(start));
    lengths.push_back(static_cast<int>(size));
  };
  const auto number = [&](uint64_t bits) {
    add(&numbers_.emplace_back(htobe64(bits)), sizeof(bits));
  };
  for (const Value* value : values) {
    if (const auto* v = std::get_if<int64_t>(value)) {
      number(static_cast<uint64_t>(*v));
    } else if (const auto* v = std::get_if<double>(value)) {
      number(std::bit_cast<uint64_t>(*v));
    } else if (const auto* v = std::get_if<std::string>(value)) {
      add(v->data(), v->size());
    } else if (const auto* v = std::get_if<Bytes>(value)) {
      add(v->data.data(), v->data.size());
    } else {
      add(nullptr, 0);
    }
  }
}

absl::StatusOr<Value> Decode(TypeId type, absl::string_view data) {
  switch (type) {
    case kBool:
    case kInt2:
    case kInt4:
    case kInt8:
      return Integer(data);
    case kFloat4:
      return double{std::bit_cast<float>(static_cast<uint32_t>(Integer(data)))};
    case kFloat8:
      return std::bit_cast<double>(Integer(data));
    case kNumeric:
      return Numeric(data);
    case kText:
    case kVarchar:
    case kBpchar:
    case kName:
      return std::string(data);
    case kBytea:
      return Bytes{std::string(data)};
    case kVoid:
      return std::monostate();
    default:
      return StatementWrong(
          absl::StrCat("a column has the PostgreSQL type ", type, ", which is not used here"));
  }
}

}  // namespace lgsp::sql
