#include "libs/sql/statement_text.h"

#include <catch2/catch.hpp>

namespace lgsp::sql {
namespace {

using Names = std::vector<std::string>;
using Texts = std::vector<absl::string_view>;

TEST_CASE("parameters are numbered, each name once") {
  const StatementText text = NumberParameters("SELECT :a, :b_2+:a WHERE x=:a", '$');
  REQUIRE(text.sql == "SELECT $1, $2+$1 WHERE x=$1");
  REQUIRE(text.names == Names{"a", "b_2"});
  REQUIRE(NumberParameters(":a", '?').sql == "?1");
}

TEST_CASE("a colon in literals, names, comments, casts and alone is no parameter") {
  for (const absl::string_view sql :
       {"SELECT ':a'", "SELECT 'it''s :a'", "SELECT \":a\"", "SELECT 1 -- :a",
        "SELECT /* :a\n */ 1", "SELECT $$ :a $$", "SELECT $x_1$ :a $$ $x_1$", "SELECT x::text",
        "SELECT a[1 : 2]", "':a", "/* :a", "$$ :a", "", ":", "SELECT '-- ' , 2"}) {
    const StatementText text = NumberParameters(sql, '?');
    REQUIRE(text.sql == sql);
    REQUIRE(text.names.empty());
  }
  REQUIRE(NumberParameters("SELECT ':a', :b -- :c\n, :d", '?').sql ==
          "SELECT ':a', ?1 -- :c\n, ?2");
}

TEST_CASE("a script ends its statements at the ends of lines") {
  REQUIRE(SplitStatements("A 1;\n\nB;  \r\n C 2") == Texts{"A 1", "B", "C 2"});
  REQUIRE(SplitStatements("A ';\n';\nB; -- why\nC;") == Texts{"A ';\n'", "B", "-- why\nC"});
  REQUIRE(SplitStatements("BEGIN a; b; END;\n") == Texts{"BEGIN a; b; END"});
  REQUIRE(SplitStatements("F $$ a;\n b;\n $$;\nG;\n") == Texts{"F $$ a;\n b;\n $$", "G"});
  REQUIRE(SplitStatements("-- nothing;\n/* at;\n all */\n;\n \n").empty());
  REQUIRE(SplitStatements("").empty());
}

TEST_CASE("the type BYTES is replaced as a word, outside of literals") {
  REQUIRE(ReplaceBytesType("a BYTES, b BYTES NOT NULL)", "BLOB") == "a BLOB, b BLOB NOT NULL)");
  const absl::string_view kept = "MAX_BYTES BYTES2 bytes 'BYTES' \"BYTES\" -- BYTES\n/* BYTES */";
  REQUIRE(ReplaceBytesType(kept, "BLOB") == kept);
}

TEST_CASE("text is UTF-8 without NUL") {
  for (const absl::string_view good :
       {"", "a", "Trần Thị Ngọc Ánh", "\xF0\x9F\x8F\x9B", "\x7F", "\xED\x9F\xBF", "\xEE\x80\x80",
        "\xF4\x8F\xBF\xBF", "\xC2\x80", "\xE0\xA0\x80", "\xF0\x90\x80\x80"}) {
    INFO(good);
    REQUIRE(IsText(good));
  }
  for (const absl::string_view bad :
       {absl::string_view("\0", 1), absl::string_view("a\0b", 3), absl::string_view("\x80"),
        absl::string_view("\xC0\x80"), absl::string_view("\xC1\xBF"), absl::string_view("\xC3"),
        absl::string_view("\xE0\x9F\xBF"), absl::string_view("\xED\xA0\x80"),
        absl::string_view("\xE1\xBA"), absl::string_view("\xE1\xBA\x41"),
        absl::string_view("\xF0\x8F\xBF\xBF"), absl::string_view("\xF4\x90\x80\x80"),
        absl::string_view("\xF5\x80\x80\x80"), absl::string_view("\xFF"),
        absl::string_view("ok \xF0\x9F\x8F")}) {
    REQUIRE_FALSE(IsText(bad));
  }
}

TEST_CASE("a script without its comments") {
  REQUIRE(WithoutComments("").empty());
  REQUIRE(WithoutComments("-- a\n/* b\n */ ").empty());
  REQUIRE(WithoutComments("-- a;\nSELECT  '--  x',\n\t\"/* y\" /* z */ FROM t; -- end\n") ==
          "SELECT '--  x', \"/* y\" FROM t;");
}

}  // namespace
}  // namespace lgsp::sql
