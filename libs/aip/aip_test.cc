#include "libs/aip/aip.h"

#include <catch2/catch.hpp>

#include "libs/status/status.h"

namespace lgsp::aip {
namespace {

TEST_CASE("names have one collection and a plain id") {
  CHECK(*ParseName("name", "dossiers/H12.50.01-261123-0001", "dossiers") ==
        "H12.50.01-261123-0001");
  for (const char* bad : {"", "dossiers/", "dossier/a", "dossiers/a/b", "dossiers/a b", "a"}) {
    CHECK(ErrorReason(ParseName("name", bad, "dossiers").status()) == "NAME_INVALID");
  }
  CHECK_FALSE(ParseName("name", "dossiers/" + std::string(65, 'a'), "dossiers").ok());
  CHECK(IsUuid("0197a000-0000-7000-8000-123456789012"));
  CHECK_FALSE(IsUuid("0197A000-0000-7000-8000-123456789012"));
  CHECK_FALSE(IsUuid("0197a000-0000-7000-8000-12345678901"));
}

TEST_CASE("an etag is of one revision of one resource") {
  const std::string etag = Etag("dossiers/a", 7);
  CHECK(CheckEtag(etag, "dossiers/a", 7).ok());
  CHECK(ErrorReason(CheckEtag(etag, "dossiers/a", 8)) == "ETAG_STALE");
  CHECK(CheckEtag(etag, "dossiers/b", 7).code() == absl::StatusCode::kAborted);
  CHECK(ErrorReason(CheckEtag("", "dossiers/a", 7)) == "ETAG_MISSING");
}

TEST_CASE("request ids") {
  CHECK(CheckRequestId("0197a000-0000-7000-8000-123456789012").ok());
  CHECK(ErrorReason(CheckRequestId("")) == "REQUEST_ID_INVALID");
  CHECK(ErrorReason(CheckRequestId("a b")) == "REQUEST_ID_INVALID");
}

TEST_CASE("page sizes are bounded") {
  CHECK(*PageSize(0, 50, 200) == 50);
  CHECK(*PageSize(20, 50, 200) == 20);
  CHECK(*PageSize(1000, 50, 200) == 200);
  CHECK(ErrorReason(PageSize(-1, 50, 200).status()) == "PAGE_SIZE_INVALID");
}

TEST_CASE("page tokens come back, only for their own list") {
  const std::vector<std::string> place = {"2026-11-23", "a:b", ""};
  const std::string token = MakePageToken(place, "state=2");
  CHECK(*ParsePageToken(token, 3, "state=2") == place);
  CHECK(ErrorReason(ParsePageToken(token, 3, "state=3").status()) == "PAGE_TOKEN_INVALID");
  CHECK_FALSE(ParsePageToken(token, 2, "state=2").ok());
  for (size_t i = 0; i < token.size(); ++i) {
    std::string changed = token;
    changed[i] = changed[i] == 'A' ? 'B' : 'A';
    REQUIRE_FALSE(ParsePageToken(changed, 3, "state=2").ok());
    REQUIRE_FALSE(ParsePageToken(token.substr(0, i), 3, "state=2").ok());
  }
}

}  // namespace
}  // namespace lgsp::aip
