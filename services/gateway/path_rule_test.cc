#include "services/gateway/path_rule.h"

#include <catch2/catch.hpp>

#include "absl/strings/string_view.h"
#include "libs/status/status.h"

namespace lgsp::gateway {
namespace {

using Segments = std::vector<std::string>;

TEST_CASE("good paths are split, each segment decoded once") {
  CHECK(*SplitPath("/a") == Segments{"a"});
  CHECK(*SplitPath("/lgsp.dossiers.v1.Dossiers/GetDossier") ==
        Segments{"lgsp.dossiers.v1.Dossiers", "GetDossier"});
  CHECK(*SplitPath("/r1/VN/GOV") == Segments{"r1", "VN", "GOV"});
  CHECK(*SplitPath("/a%20b/c%3Ad") == Segments{"a b", "c:d"});
  CHECK(*SplitPath("/%C3%A0/\xc3\xa0") == Segments{"\xc3\xa0", "\xc3\xa0"});
  CHECK(*SplitPath("/%f0%9f%98%80") == Segments{"\xf0\x9f\x98\x80"});
  CHECK(*SplitPath("/...") == Segments{"..."});
  CHECK(*SplitPath("/.a/a.") == Segments{".a", "a."});
  CHECK(*SplitPath("/a;b=c,d@e!") == Segments{"a;b=c,d@e!"});
}

TEST_CASE("bad paths are refused") {
  const absl::string_view bad[] = {
      "",
      "a",
      "*",
      "/",
      "//",
      "/a/",
      "/a//b",
      "//a",
      // Dot segments in any encoding.
      "/.",
      "/..",
      "/a/.",
      "/a/..",
      "/a/../b",
      "/%2e",
      "/%2E%2e",
      "/.%2e",
      "/a/%2e./b",
      // Encoded delimiters, also doubly encoded ones.
      "/a%2fb",
      "/a%2Fb",
      "/a%5cb",
      "/a%3fb",
      "/a%23b",
      "/a%25b",
      "/a%252fb",
      "/a%00",
      // Raw delimiters and controls.
      "/a?b",
      "/a#b",
      "/a\\b",
      "/a b",
      "/a\tb",
      "/a\x7f",
      absl::string_view("/a\0b", 4),
      // Malformed percent encodings.
      "/%",
      "/a%",
      "/a%2",
      "/a%zz",
      "/a%2g",
      "/a%-1",
      "/a% 1",
      // Not UTF-8: stray, cut, overlong, surrogate, beyond the last code point.
      "/\x80",
      "/%80",
      "/\xc3",
      "/%c3/a",
      "/%c3(",
      "/%c0%af",
      "/%c1%bf",
      "/%e0%80%af",
      "/%f0%80%80%af",
      "/%ed%a0%80",
      "/%f4%90%80%80",
      "/%ff",
  };
  for (const absl::string_view path : bad) {
    INFO(std::string(path));
    const absl::Status status = SplitPath(path).status();
    CHECK(absl::IsInvalidArgument(status));
    CHECK(ErrorReason(status) == "PATH_INVALID");
    CHECK(ErrorReason(ParseGrpcPath(path).status()) == "PATH_INVALID");
  }
}

TEST_CASE("a gRPC path has two segments") {
  const auto path = ParseGrpcPath("/test.v1.Echo/Unary");
  REQUIRE(path.ok());
  CHECK(path->service == "test.v1.Echo");
  CHECK(path->method == "Unary");
  for (const char* bad : {"/a", "/a/b/c", "/a/b/"}) {
    CHECK(ErrorReason(ParseGrpcPath(bad).status()) == "PATH_INVALID");
  }
}

}  // namespace
}  // namespace lgsp::gateway
