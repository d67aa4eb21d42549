#include "services/gateway/grpc_wire.h"

#include <catch2/catch.hpp>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "google/rpc/status.pb.h"
#include "libs/status/status.h"

namespace lgsp::gateway {
namespace {

TEST_CASE("grpc-timeout: 1 to 8 digits and a unit") {
  CHECK(*ParseTimeout("1H") == absl::Hours(1));
  CHECK(*ParseTimeout("2M") == absl::Minutes(2));
  CHECK(*ParseTimeout("3S") == absl::Seconds(3));
  CHECK(*ParseTimeout("4m") == absl::Milliseconds(4));
  CHECK(*ParseTimeout("5u") == absl::Microseconds(5));
  CHECK(*ParseTimeout("6n") == absl::Nanoseconds(6));
  CHECK(*ParseTimeout("0S") == absl::ZeroDuration());
  CHECK(*ParseTimeout("99999999H") == absl::Hours(99'999'999));
  CHECK(*ParseTimeout("00000001S") == absl::Seconds(1));
  for (const char* bad : {"", "S", "1", "1s", "1h", "-1S", "+1S", " 1S", "1 S", "1.5S",
                          "123456789S", "0x1S", "1S ", "1SS"}) {
    INFO(bad);
    CHECK(ErrorReason(ParseTimeout(bad).status()) == "TIMEOUT_INVALID");
    CHECK(absl::IsInvalidArgument(ParseTimeout(bad).status()));
  }
}

TEST_CASE("a timeout is written with the unit that keeps 8 digits, never shortened") {
  CHECK(FormatTimeout(absl::Milliseconds(200)) == "200000u");
  CHECK(FormatTimeout(absl::Microseconds(99'999'999)) == "99999999u");
  CHECK(FormatTimeout(absl::Microseconds(100'000'000)) == "100000m");
  CHECK(FormatTimeout(absl::Microseconds(100'000'001)) == "100001m");
  CHECK(FormatTimeout(absl::Hours(1)) == "3600000m");
  CHECK(FormatTimeout(absl::Hours(100)) == "360000S");
  // What is over still is a timeout on the wire.
  CHECK(FormatTimeout(absl::ZeroDuration()) == "1u");
  CHECK(FormatTimeout(-absl::Seconds(1)) == "1u");
  CHECK(FormatTimeout(absl::Nanoseconds(1)) == "1u");
  for (const absl::Duration timeout :
       {absl::Nanoseconds(1'500), absl::Milliseconds(7), absl::Seconds(61), absl::Minutes(59),
        absl::Hours(1), absl::Hours(40)}) {
    CHECK(*ParseTimeout(FormatTimeout(timeout)) >= timeout);
  }
}

TEST_CASE("a status as fields: percent encoding, and details without padding") {
  const Headers ok = StatusFields(absl::OkStatus());
  REQUIRE(ok.size() == 1);
  CHECK(ok[0].name == "grpc-status");
  CHECK(ok[0].value == "0");

  const absl::Status status =
      MakeError(absl::StatusCode::kNotFound, "THING_UNKNOWN", "không 100% \n\x7f~ !", {{"k", "v"}});
  const Headers fields = StatusFields(status);
  REQUIRE(fields.size() == 3);
  CHECK(fields[0].value == "5");
  CHECK(fields[1].name == "grpc-message");
  CHECK(fields[1].value == "kh%C3%B4ng 100%25 %0A%7F~ !");
  CHECK(fields[2].name == "grpc-status-details-bin");
  CHECK(fields[2].value.find('=') == std::string::npos);
  std::string bytes;
  REQUIRE(absl::Base64Unescape(fields[2].value, &bytes));
  google::rpc::Status details;
  REQUIRE(details.ParseFromString(bytes));
  CHECK(FromRpcStatus(details) == status);
}

TEST_CASE("details are without padding whatever their length is") {
  // Three lengths in a row, so that each remainder of 3 occurs.
  for (const char* message : {"a", "ab", "abc"}) {
    const Headers fields = StatusFields(MakeError(absl::StatusCode::kAborted, "REASON", message));
    std::string bytes;
    CHECK(fields[2].value.find('=') == std::string::npos);
    CHECK(absl::Base64Unescape(fields[2].value, &bytes));
  }
}

TEST_CASE("prefixes are followed wherever the stream is cut") {
  const std::string stream =
      absl::StrCat(FrameMessage("abc"), FrameMessage(""), FrameMessage(std::string(300, 'x')));
  for (size_t cut = 0; cut <= stream.size(); ++cut) {
    PrefixScanner scanner(300);
    CHECK(scanner.Scan(absl::string_view(stream).substr(0, cut)).ok());
    CHECK(scanner.Scan(absl::string_view(stream).substr(cut)).ok());
    // Still in step: the next message too long is found, at the last byte of its prefix.
    const std::string too_long("\0\0\0\1\x2d", 5);  // 301
    CHECK(scanner.Scan(absl::string_view(too_long).substr(0, 4)).ok());
    const absl::Status status = scanner.Scan(absl::string_view(too_long).substr(4));
    CHECK(absl::IsResourceExhausted(status));
    CHECK(ErrorReason(status) == "MESSAGE_TOO_LARGE");
  }
  PrefixScanner by_byte(300);
  for (size_t i = 0; i < stream.size(); ++i) {
    REQUIRE(by_byte.Scan(absl::string_view(stream).substr(i, 1)).ok());
  }
}

TEST_CASE("a compressed message is measured like any other") {
  PrefixScanner scanner(4);
  CHECK(scanner.Scan(absl::string_view("\1\0\0\0\4abcd", 9)).ok());
  CHECK(ErrorReason(scanner.Scan(absl::string_view("\1\xff\xff\xff\xff", 5))) ==
        "MESSAGE_TOO_LARGE");
}

TEST_CASE("whole messages are taken one by one") {
  const std::string stream = absl::StrCat(FrameMessage("one"), FrameMessage(""));
  size_t taken = 0;
  for (size_t size = 0; size < 8; ++size) {
    const auto part = TakeMessage(absl::string_view(stream).substr(0, size), 8, taken);
    REQUIRE(part.ok());
    CHECK(!part->has_value());
    CHECK(taken == 0);
  }
  const auto first = TakeMessage(stream, 8, taken);
  REQUIRE(first.ok());
  CHECK(first->value() == "one");
  REQUIRE(taken == 8);
  const auto second = TakeMessage(absl::string_view(stream).substr(taken), 8, taken);
  REQUIRE(second.ok());
  CHECK(second->value().empty());
  CHECK(taken == 5);

  CHECK(ErrorReason(TakeMessage(FrameMessage("four"), 3, taken).status()) == "MESSAGE_TOO_LARGE");
  CHECK(ErrorReason(TakeMessage(absl::string_view("\1\0\0\0\0", 5), 3, taken).status()) ==
        "MESSAGE_COMPRESSED");
}

}  // namespace
}  // namespace lgsp::gateway
