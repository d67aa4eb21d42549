#include "libs/text/text.h"

#include <catch2/catch.hpp>

#include "libs/status/status.h"

namespace lgsp::text {
namespace {

constexpr char kNfd[] = "Nguye\xCC\x82\xCC\x83n Th\xC6\xB0\xCC\xA3";  // e + ^ + ~, ư + .
constexpr char kNfc[] = "Nguyễn Thự";

TEST_CASE("NFD comes out as NFC, ill-formed bytes are refused") {
  CHECK(*ToNfc(kNfd) == kNfc);
  CHECK(*ToNfc(kNfc) == kNfc);
  for (const char* bad : {"\xC0\x80", "a\xFF", "\xED\xA0\x80", "\xC3"}) {
    CHECK(ErrorReason(ToNfc(bad).status()) == "TEXT_NOT_UTF8");
  }
}

TEST_CASE("typed text is trimmed and bounded, counted as a reader counts") {
  CHECK(*Clean("f", std::string("  ") + kNfd + "\n", 1, 10) == kNfc);
  CHECK(ErrorReason(Clean("f", "  ", 1, 10).status()) == "TEXT_EMPTY");
  CHECK(*Clean("f", "", 0, 10) == "");
  CHECK(ErrorReason(Clean("f", kNfc, 1, 9).status()) == "TEXT_TOO_LONG");
  CHECK(ErrorReason(Clean("f", "a\x01z", 1, 9).status()) == "TEXT_CONTROL_CHARACTER");
  CHECK(ErrorReason(Clean("f", std::string("a\0z", 3), 1, 9).status()) == "TEXT_CONTROL_CHARACTER");
  CHECK(ErrorReason(Clean("f", "a\xFF", 1, 9).status()) == "TEXT_NOT_UTF8");
}

TEST_CASE("cutting never splits a character") {
  CHECK(Truncate(kNfc, 5) == "Nguyễ");
  CHECK(Truncate(kNfd, 5) == "Nguye\xCC\x82\xCC\x83");
  CHECK(Truncate("👨‍👩‍👧x", 1) == "👨‍👩‍👧");
  CHECK(Truncate("abc", 10) == "abc");
  CHECK(Truncate("abc", 0) == "");
  CHECK(Length(kNfd) == 10);
}

TEST_CASE("the search key knows no marks and no case") {
  CHECK(Fold("Đặng Thị HOÀ") == "dang thi hoa");
  CHECK(Fold("Ð") == "d");
  CHECK(Fold(kNfd) == Fold(kNfc));
}

TEST_CASE("words are parted by white space of any kind") {
  using V = std::vector<std::string>;
  CHECK(Words("") == V{});
  CHECK(Words(" \t\u00a0\u3000\n") == V{});
  CHECK(Words(" a\u00a0b\u2003ç\r\nđ ") == V{"a", "b", "ç", "đ"});
  CHECK(Words("\u200ba\u200db\ufeff") == V{"ab"});
}

TEST_CASE("personal ID numbers are judged by form alone") {
  CHECK(CheckPersonalId("id", "096099001234").ok());
  CHECK(CheckPersonalId("id", "095300001234").ok());
  for (const char* bad : {"", "09609900123", "0960990012345", "09609900123x", "000099001234"}) {
    CHECK(ErrorReason(CheckPersonalId("id", bad)) == "PERSONAL_ID_INVALID");
  }
}

}  // namespace
}  // namespace lgsp::text
