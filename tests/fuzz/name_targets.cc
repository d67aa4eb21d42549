// Page tokens, etags, resource names, and the header that names an officer.
#include <algorithm>
#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "libs/aip/aip.h"
#include "libs/auth/auth.h"
#include "libs/status/status.h"
#include "tests/fuzz/targets.h"

namespace lgsp::fuzz {
namespace {

constexpr char kFilters[] = "systems/test\nstate=2";
constexpr size_t kMostParts = 3;
// Beyond it a token may be refused for its length.
constexpr size_t kShortPlace = 1000;

bool ReadToken(absl::string_view token) {
  bool accepted = false;
  for (size_t parts = 0; parts <= kMostParts; ++parts) {
    const auto place = aip::ParsePageToken(token, parts, kFilters);
    if (!place.ok()) {
      Promise(ErrorReason(place.status()) == "PAGE_TOKEN_INVALID", "one reason for bad tokens");
      continue;
    }
    accepted = true;
    Promise(place->size() == parts, "a token has the parts that were asked for");
    Promise(Has(aip::ParsePageToken(aip::MakePageToken(*place, kFilters), parts, kFilters), *place),
            "a place that was read can be written and read again");
    Promise(!aip::ParsePageToken(token, parts, "other filters").ok(),
            "a token is good for its filters only");
  }
  return accepted;
}

}  // namespace

bool PageToken(absl::string_view input) {
  const bool accepted = ReadToken(input);
  // As a place, too: mutations rarely make the right check sum.
  std::vector<std::string> place;
  size_t bytes = 0;
  while (!input.empty() && place.size() < kMostParts) {
    place.emplace_back(TakePart(input));
    bytes += place.back().size();
  }
  if (bytes > kShortPlace) return accepted;
  const std::string token = aip::MakePageToken(place, kFilters);
  Promise(Has(aip::ParsePageToken(token, place.size(), kFilters), place),
          "what was written is read");
  Promise(!aip::ParsePageToken(token, place.size() + 1, kFilters).ok(), "not with another shape");
  return accepted;
}

bool Etag(absl::string_view input) {
  constexpr char kName[] = "dossiers/0197a000-7c00-7000-8000-000000000001";
  const absl::string_view number = TakePart(input);
  int64_t revision = 0;
  std::memcpy(&revision, number.data(), std::min(sizeof(revision), number.size()));
  const std::string etag = aip::Etag(kName, revision);
  Promise(aip::CheckEtag(etag, kName, revision).ok(), "an etag is good for its revision");
  Promise(!aip::CheckEtag(etag, kName, revision ^ 1).ok(), "and for no other");
  Promise(!aip::CheckEtag(etag, absl::StrCat(kName, "0"), revision).ok(), "nor another resource");
  const bool accepted = aip::CheckEtag(input, kName, revision).ok();
  Promise(accepted == (input == etag), "only what was made");
  return accepted;
}

bool ResourceName(absl::string_view input) {
  const auto id = aip::ParseName("name", input, "dossiers");
  if (id.ok()) {
    Promise(absl::StrCat("dossiers/", *id) == input, "a name is its collection and id");
    Promise(aip::CheckRequestId(*id).ok(), "ids and request ids have one form");
  } else {
    Promise(ErrorReason(id.status()) == "NAME_INVALID", "one reason for bad names");
  }
  const std::string name = absl::StrCat("dossiers/", input);
  Promise(aip::ParseName("name", name, "dossiers").ok() == aip::CheckRequestId(input).ok(),
          "what is an id makes a name");
  if (aip::IsUuid(input)) Promise(aip::CheckRequestId(input).ok(), "a UUID is an id");
  return id.ok();
}

bool Officer(absl::string_view input) {
  const auto officer = auth::ParseOfficer(input);
  if (!officer.ok()) {
    Promise(ErrorReason(officer.status()) == "OFFICER_INVALID", "one reason for bad officers");
    return false;
  }
  Promise(auth::IsOfficerId(officer->id()) && auth::IsOfficerId(officer->unit()), "id and unit");
  Promise(officer->roles_size() <= 8, "at most 8 roles");
  for (const std::string& role : officer->roles()) Promise(auth::IsOfficerId(role), "roles");
  Promise(!officer->asserted(), "who asserts is not for the header to say");
  const std::string again = absl::StrCat(officer->id(), "; ", officer->unit(), "; ",
                                         absl::StrJoin(officer->roles(), ","));
  const auto same = auth::ParseOfficer(again);
  Promise(same.ok() && same->SerializeAsString() == officer->SerializeAsString(),
          "what was read can be written and read again");
  return true;
}

}  // namespace lgsp::fuzz
