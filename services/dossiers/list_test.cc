// ListDossiers, over the wire.
#include <catch2/catch.hpp>
#include <functional>
#include <set>

#include "absl/strings/str_cat.h"
#include "libs/aip/aip.h"
#include "services/dossiers/limits.h"
#include "services/dossiers/service_test.h"

namespace lgsp::dossiers {
namespace {

using lgsp::auth::v1::Caller;
using lgsp::dossiers::v1::Dossier;
using lgsp::dossiers::v1::ListDossiersRequest;
using lgsp::dossiers::v1::ListDossiersResponse;
using Stub = lgsp::dossiers::v1::Dossiers::Stub;

std::vector<std::string> Names(const ListDossiersResponse& page) {
  std::vector<std::string> names;
  for (const Dossier& dossier : page.dossiers()) names.push_back(dossier.name());
  return names;
}

ListDossiersResponse List(TestService& service, const ListDossiersRequest& request,
                          const Caller& caller = CallerOf("H12.*")) {
  const auto page = service.Call(&Stub::ListDossiers, request, caller);
  INFO(page.status());
  REQUIRE(page.ok());
  return *page;
}

// All pages of `request`, one after the other; `between` is called after each.
std::vector<std::string> AllPages(
    TestService& service, ListDossiersRequest request,
    const std::function<void()>& between = [] {}) {
  std::vector<std::string> names;
  do {
    const ListDossiersResponse page = List(service, request);
    CHECK(page.dossiers_size() <= request.page_size());
    for (const std::string& name : Names(page)) names.push_back(name);
    request.set_page_token(page.next_page_token());
    between();
  } while (!request.page_token().empty());
  return names;
}

TEST_CASE("list: newest first, whole, with nothing twice") {
  TestService service;
  CHECK(List(service, {}).dossiers_size() == 0);
  CHECK(List(service, {}).next_page_token().empty());
  std::vector<std::string> newest_first;
  for (int i = 0; i < 7; ++i) newest_first.insert(newest_first.begin(), service.Submit().name());
  for (const int size : {1, 2, 3, 6, 7, 8}) {
    ListDossiersRequest request;
    request.set_page_size(size);
    CHECK(AllPages(service, request) == newest_first);
  }
  const ListDossiersResponse page = List(service, {});
  CHECK(Names(page) == newest_first);
  CHECK(page.dossiers(0).applicant().full_name() == kPersonalSamples[0]);
  CHECK(page.dossiers(0).etag() == aip::Etag(newest_first[0], 1));
}

TEST_CASE("list: pages stay right while dossiers come and change") {
  TestService service;
  std::vector<std::string> newest_first;
  for (int i = 0; i < 7; ++i) newest_first.insert(newest_first.begin(), service.Submit().name());
  ListDossiersRequest request;
  request.set_page_size(2);
  // Between two pages one comes and the oldest and newest change.
  const auto disturb = [&] {
    service.Submit();
    for (const size_t at : {size_t{0}, newest_first.size() - 1}) {
      const Dossier dossier = *service.Get(newest_first[at]);
      if (dossier.state() == Dossier::SUBMITTED) service.Accept(dossier);
    }
  };
  CHECK(AllPages(service, request, disturb) == newest_first);
}

TEST_CASE("list: by state and by settling agency") {
  TestService service;
  const Dossier first = service.Submit();                     // H12.04
  const Dossier second = service.Submit(kCommuneProcedure);   // H12.50.01
  const Dossier third = service.Submit(kAmbiguousProcedure);  // H12.06
  service.Accept(first);
  const auto list = [&](const Caller& caller, Dossier::State state, const std::string& settling) {
    ListDossiersRequest request;
    request.set_state(state);
    request.set_settling_agency(settling);
    return Names(List(service, request, caller));
  };
  using V = std::vector<std::string>;
  const Caller all = CallerOf("H12.*");
  const Caller ward = CallerOf("H12.50.01");
  constexpr auto kAny = Dossier::STATE_UNSPECIFIED;
  CHECK(list(all, kAny, "") == V{third.name(), second.name(), first.name()});
  CHECK(list(all, Dossier::ACCEPTED, "") == V{first.name()});
  CHECK(list(all, Dossier::SUBMITTED, "") == V{third.name(), second.name()});
  CHECK(list(all, kAny, "H12.04") == V{first.name()});
  CHECK(list(all, Dossier::SUBMITTED, "H12.04") == V{});
  // The ward took in all three; it may look at those that a department settles.
  CHECK(list(ward, kAny, "") == V{third.name(), second.name(), first.name()});
  CHECK(list(ward, kAny, "H12.06") == V{third.name()});
  CHECK(list(ward, kAny, "H12.50.01") == V{second.name()});
  CHECK(list(CallerOf("H12.06"), kAny, "") == V{third.name()});
  CHECK(list(CallerOf("H12.06"), kAny, "H12.04") == V{});
  CHECK(list(CallerOf("H12.50.02"), kAny, "") == V{});
  Caller nobody;
  nobody.set_system("systems/nobody");
  CHECK(list(nobody, kAny, "") == V{});
}

TEST_CASE("list: tokens of other lists, forged tokens and bad sizes are refused") {
  TestService service;
  for (int i = 0; i < 3; ++i) service.Submit();
  ListDossiersRequest request;
  request.set_page_size(1);
  const std::string token = List(service, request).next_page_token();
  REQUIRE_FALSE(token.empty());
  const auto refused = [&](const ListDossiersRequest& r, const Caller& caller, const char* reason) {
    const absl::Status status = service.Call(&Stub::ListDossiers, r, caller).status();
    INFO(status);
    CHECK(status.code() == absl::StatusCode::kInvalidArgument);
    CHECK(ErrorReason(status) == reason);
  };
  const Caller same = CallerOf("H12.*");
  Caller other = same;
  other.set_system("systems/other");
  request.set_page_token(token);
  CHECK(List(service, request).dossiers_size() == 1);
  refused(request, other, "PAGE_TOKEN_INVALID");
  ListDossiersRequest by_state = request;
  by_state.set_state(Dossier::SUBMITTED);
  refused(by_state, same, "PAGE_TOKEN_INVALID");
  ListDossiersRequest by_agency = request;
  by_agency.set_settling_agency("H12.04");
  refused(by_agency, same, "PAGE_TOKEN_INVALID");
  for (const std::string& forged :
       {std::string("x"), token.substr(1), token + "A", std::string(5000, 'A'), std::string("đ"),
        aip::MakePageToken({"a", "b"}, "systems/test\n0\n")}) {
    request.set_page_token(forged);
    refused(request, same, "PAGE_TOKEN_INVALID");
  }
  ListDossiersRequest state;
  state.set_state(static_cast<Dossier::State>(99));
  refused(state, same, "STATE_INVALID");
  ListDossiersRequest agency;
  agency.set_settling_agency("H12.77");
  refused(agency, same, "AGENCY_UNKNOWN");
  ListDossiersRequest negative;
  negative.set_page_size(-1);
  refused(negative, same, "PAGE_SIZE_INVALID");
}

TEST_CASE("list: a page is never larger than a message may be") {
  TestService service;
  // The longest texts that are taken.
  constexpr int kDossiers = kLargestPageSize + 10;
  for (int i = 1; i <= kDossiers; ++i) {
    Dossier dossier = SampleDossier(i);
    dossier.mutable_applicant()->set_full_name(
        std::string(kMaxNameCharacters * kMaxBytesPerCharacter, 'x'));
    dossier.set_subject(std::string(kMaxSubjectCharacters * kMaxBytesPerCharacter, 'x'));
    dossier.set_reject_reason(std::string(kMaxReasonCharacters * kMaxBytesPerCharacter, 'x'));
    service.database().Insert(dossier);
  }
  ListDossiersRequest request;
  request.set_page_size(1000);
  const ListDossiersResponse page = List(service, request);
  CHECK(page.dossiers_size() < kLargestPageSize);
  CHECK(page.ByteSizeLong() > kMaxPageBytes / 2);
  const std::vector<std::string> names = AllPages(service, request);
  CHECK(names.size() == kDossiers);
  CHECK(std::set<std::string>(names.begin(), names.end()).size() == kDossiers);
}

TEST_CASE("list: dossiers whose personal data were erased are left out, the others come") {
  TestService service;
  std::vector<std::string> names;
  for (int i = 0; i < 6; ++i) names.insert(names.begin(), service.Submit().name());
  for (const int erased : {4, 3, 0}) {
    REQUIRE(sql::RunOne(*service.database().db, "DELETE FROM data_keys WHERE subject = :subject",
                        {{"subject", names[erased]}})
                .ok());
    names.erase(names.begin() + erased);
  }
  for (const int size : {1, 2, 6}) {
    ListDossiersRequest request;
    request.set_page_size(size);
    CHECK(AllPages(service, request) == names);
  }
}

TEST_CASE("list: a damaged dossier does not keep the others from coming") {
  TestService service;
  std::vector<std::string> names;
  for (int i = 0; i < 3; ++i) names.insert(names.begin(), service.Submit().name());
  REQUIRE(sql::RunOne(*service.database().db,
                      "UPDATE dossiers SET sealed = :nothing WHERE name = :name",
                      {{"nothing", sql::Bytes{"x"}}, {"name", names[1]}})
              .ok());
  CHECK(absl::IsDataLoss(service.Get(names[1]).status()));
  names.erase(names.begin() + 1);
  ListDossiersRequest request;
  request.set_page_size(2);
  CHECK(AllPages(service, request) == names);
}

TEST_CASE("list: at most 200 to a page, 50 when nothing is said") {
  TestService service;
  for (int i = 1; i <= kLargestPageSize + 1; ++i) service.database().Insert(SampleDossier(i));
  ListDossiersRequest request;
  CHECK(List(service, request).dossiers_size() == kStandardPageSize);
  request.set_page_size(kLargestPageSize + 1);
  CHECK(List(service, request).dossiers_size() == kLargestPageSize);
}

}  // namespace
}  // namespace lgsp::dossiers
