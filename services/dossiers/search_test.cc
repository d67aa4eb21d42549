// Lists by what officers look for, counts, persons, and erasure; over the wire, on both databases.
#include <algorithm>
#include <catch2/catch.hpp>
#include <random>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "libs/clock/clock.h"
#include "libs/clock/timestamp.h"
#include "libs/config/config.h"
#include "libs/testing/files.h"
#include "services/dossiers/dossier_list.h"
#include "services/dossiers/limits.h"
#include "services/dossiers/migrations.h"
#include "services/dossiers/service_test.h"

namespace lgsp::dossiers {
namespace {

using lgsp::auth::v1::Caller;
using lgsp::dossiers::v1::Applicant;
using lgsp::dossiers::v1::AssignDossierRequest;
using lgsp::dossiers::v1::CountDossiersRequest;
using lgsp::dossiers::v1::EraseDossierRequest;
using lgsp::dossiers::v1::Erasure;
using lgsp::dossiers::v1::ForwardDossierRequest;
using lgsp::dossiers::v1::ListDossiersRequest;
using lgsp::dossiers::v1::SearchDossiersRequest;
using Stub = lgsp::dossiers::v1::Dossiers::Stub;

template <typename Page>
std::vector<std::string> Names(const absl::StatusOr<Page>& page) {
  INFO(page.status());
  REQUIRE(page.ok());
  std::vector<std::string> names;
  for (const Dossier& dossier : page->dossiers()) names.push_back(dossier.name());
  return names;
}

Dossier SubmitFor(TestService& service, absl::string_view name, absl::string_view id,
                  absl::string_view old_id = "", absl::string_view procedure = kProvinceProcedure) {
  auto request = SampleSubmission();
  request.set_request_id(service.NewRequestId());
  request.set_procedure(std::string(procedure));
  request.mutable_applicant()->set_full_name(std::string(name));
  request.mutable_applicant()->set_id_number(std::string(id));
  request.mutable_applicant()->set_old_id_number(std::string(old_id));
  const auto submitted = service.Call(&Stub::SubmitDossier, request);
  INFO(submitted.status());
  REQUIRE(submitted.ok());
  return *submitted;
}

TEST_CASE("list: by procedure, by officer, and by what is due first") {
  for (const auto engine : sql::kBothEngines) {
    TestService service(engine);
    const Dossier early = service.Accept(service.Submit(kProvinceProcedure));
    service.clock().Advance(absl::Hours(48));
    Dossier late = service.Accept(service.Submit(kProvinceProcedure));
    const Dossier other = service.Accept(service.Submit(kCommuneProcedure));
    const Dossier done = service.Complete(service.Accept(service.Submit(kProvinceProcedure)));
    AssignDossierRequest assign;
    assign.set_officer("an");
    late = service.Command(&Stub::AssignDossier, late, assign);
    using V = std::vector<std::string>;
    const auto list = [&](const ListDossiersRequest& request,
                          const Caller& caller = CallerOf("H12.*")) {
      return Names(service.Call(&Stub::ListDossiers, request, caller));
    };
    ListDossiersRequest by_procedure;
    by_procedure.set_procedure(kProvinceProcedure);
    CHECK(list(by_procedure) == V{done.name(), late.name(), early.name()});
    by_procedure.set_state(Dossier::ACCEPTED);
    CHECK(list(by_procedure) == V{late.name(), early.name()});
    by_procedure.set_settling_agency("H12.50.01");
    CHECK(list(by_procedure) == V{});
    ListDossiersRequest by_officer;
    by_officer.set_officer("an");
    CHECK(list(by_officer) == V{late.name()});
    by_officer.set_officer("not an id");
    CHECK(ErrorReason(service.Call(&Stub::ListDossiers, by_officer).status()) == "OFFICER_INVALID");
    ListDossiersRequest by_due;
    *by_due.mutable_due_before() = ToTimestamp(ToTime(late.due().due_time()) + absl::Seconds(1));
    CHECK(list(by_due).front() == early.name());
    CHECK(list(by_due).size() == 3);  // what is done is not due
    CHECK(list(by_due, CallerOf("H12.04")) == V{early.name(), late.name()});
    *by_due.mutable_due_before() = late.due().due_time();
    CHECK(list(by_due, CallerOf("H12.04")) == V{early.name()});
    // The ward sees what it took in, but what is due is the settling agency's list.
    by_due.clear_due_before();
    by_due.mutable_due_before()->set_seconds(32'503'680'000);
    CHECK(list(by_due, CallerOf("H12.50.01")) == V{other.name()});
    // Nor is it its own work that it is told when it asks for another's.
    by_due.set_settling_agency("H12.04");
    CHECK(list(by_due, CallerOf("H12.50.01")) == V{});
    CHECK(list(by_due, CallerOf("H12.04")).size() == 2);
  }
}

// Every filter and page size against a walk over everything.
TEST_CASE("list: random dossiers, every filter and page size, against the plain truth") {
  const uint32_t seed = std::random_device()();
  INFO("seed " << seed);
  std::mt19937 random(seed);
  for (const auto engine : sql::kBothEngines) {
    TestService service(engine);
    std::vector<Dossier> all;
    for (int i = 0; i < 40; ++i) {
      service.clock().Advance(absl::Hours(random() % 5));
      Dossier dossier = service.Submit(random() % 2 == 0 ? kProvinceProcedure : kCommuneProcedure);
      if (random() % 2 == 0) dossier = service.Accept(dossier);
      if (dossier.has_accept_time() && random() % 2 == 0) dossier = service.Complete(dossier);
      all.push_back(*service.Get(dossier.name()));
    }
    for (int turn = 0; turn < 40; ++turn) {
      ListDossiersRequest request;
      request.set_page_size(1 + static_cast<int>(random() % 12));
      if (random() % 2 == 0) request.set_procedure(kProvinceProcedure);
      if (random() % 2 == 0)
        request.set_settling_agency(random() % 2 == 0 ? "H12.04" : "H12.50.01");
      const Dossier::State states[] = {Dossier::STATE_UNSPECIFIED, Dossier::SUBMITTED,
                                       Dossier::ACCEPTED, Dossier::COMPLETED, Dossier::RETURNED};
      request.set_state(states[random() % 5]);
      const std::string agency =
          std::vector<std::string>{"H12.*", "H12.50.01", "H12.04"}[random() % 3];
      std::vector<std::string> expected, found;
      for (auto dossier = all.rbegin(); dossier != all.rend(); ++dossier) {
        const bool fits =
            Concerns(TheCatalogue(), CallerOf(agency), *dossier, MondayMorning()) &&
            (request.procedure().empty() || dossier->procedure() == request.procedure()) &&
            (request.settling_agency().empty() ||
             dossier->settling_agency() == request.settling_agency()) &&
            (request.state() == Dossier::STATE_UNSPECIFIED || dossier->state() == request.state());
        if (fits) expected.push_back(dossier->name());
      }
      do {
        const auto page = service.Call(&Stub::ListDossiers, request, CallerOf(agency));
        REQUIRE(page.ok());
        for (const Dossier& dossier : page->dossiers()) found.push_back(dossier.name());
        request.set_page_token(page->next_page_token());
      } while (!request.page_token().empty());
      INFO(request.ShortDebugString() << " for " << agency);
      CHECK(found == expected);
    }
  }
}

TEST_CASE("counts: by state exactly, whatever happened; others up to 1,000") {
  for (const auto engine : sql::kBothEngines) {
    TestService service(engine);
    const auto count = [&](absl::string_view settling) {
      CountDossiersRequest request;
      request.set_settling_agency(std::string(settling));
      const auto counted = service.Call(&Stub::CountDossiers, request);
      REQUIRE(counted.ok());
      std::string text = absl::StrCat(counted->count(), counted->more() ? "+" : "");
      for (const auto& one : counted->states()) {
        absl::StrAppend(&text, " ", Dossier::State_Name(one.state()), " ", one.count());
      }
      return text;
    };
    CHECK(count("H12.04") == "0");
    const Dossier first = service.Submit();
    const Dossier second = service.Accept(service.Submit());
    service.Return(service.Complete(service.Accept(service.Submit())));
    service.Submit(kCommuneProcedure);
    CHECK(count("H12.04") == "3 SUBMITTED 1 ACCEPTED 1 RETURNED 1");
    CHECK(count("H12.50.01") == "1 SUBMITTED 1");
    CHECK(count("") == "4");
    ForwardDossierRequest forward;
    forward.set_to_agency("H12.06");
    forward.set_reason("Không thuộc thẩm quyền");
    service.Command(&Stub::ForwardDossier, first, forward);
    CHECK(count("H12.04") == "2 ACCEPTED 1 RETURNED 1");
    CHECK(count("H12.06") == "1 SUBMITTED 1");
    CountDossiersRequest accepted;
    accepted.set_state(Dossier::ACCEPTED);
    CHECK(service.Call(&Stub::CountDossiers, accepted)->count() == 1);
  }
}

TEST_CASE("search: by ID number, old number, whole name and words with or without marks") {
  for (const auto engine : sql::kBothEngines) {
    TestService service(engine);
    const Dossier hoa = SubmitFor(service, "Nguyễn Thị Hoa", "096300123457", "380012345");
    const Dossier hoa_again = SubmitFor(service, "nguyễn thị hoa", "096300123457");
    const Dossier hoà = SubmitFor(service, "Nguyễn Thị Hoà", "096300123465");
    const Dossier duc = SubmitFor(service, "Đặng Hoàng Đức", "096300123473");
    using V = std::vector<std::string>;
    const auto find = [&](absl::string_view id, absl::string_view name, bool exact = false,
                          const Caller& caller = CallerOf("H12.*")) {
      SearchDossiersRequest request;
      request.set_id_number(std::string(id));
      request.set_name(std::string(name));
      request.set_exact_name(exact);
      return Names(service.Call(&Stub::SearchDossiers, request, caller));
    };
    CHECK(find("096300123457", "") == V{hoa_again.name(), hoa.name()});
    CHECK(find("380012345", "") == V{hoa.name()});
    CHECK(find(" 380 012 345 ", "") == V{hoa.name()});
    CHECK(find("096300123458", "") == V{});
    CHECK(find("", "Nguyễn Thị Hoa", true) == V{hoa_again.name(), hoa.name()});
    CHECK(find("", "NGUYỄN  THỊ HOÀ", true) == V{hoà.name()});
    CHECK(find("", "hoa nguyen") == V{hoà.name(), hoa_again.name(), hoa.name()});
    CHECK(find("", "duc dang") == V{duc.name()});
    CHECK(find("", "Đức") == V{duc.name()});
    CHECK(find("", "hoa dang") == V{});
    CHECK(find("", "hoan") == V{});  // words are whole
    // As a word processor writes it: a no-break blank, a wide one.
    const Dossier pasted = SubmitFor(service, "Trần\u00a0Văn\u3000Khánh", "096300123481");
    CHECK(find("", "Trần Văn Khánh", true) == V{pasted.name()});
    CHECK(find("", "khanh tran") == V{pasted.name()});
    // Tokens are an agency's own, and so is what is found.
    CHECK(find("096300123457", "", false, CallerOf("H12.04")) == V{hoa_again.name(), hoa.name()});
    CHECK(find("096300123457", "", false, CallerOf("H12.06")) == V{});
    SearchDossiersRequest bad;
    CHECK(ErrorReason(service.Call(&Stub::SearchDossiers, bad).status()) == "PERSON_QUERY_INVALID");
    bad.set_name("a");
    bad.set_id_number("b");
    CHECK(ErrorReason(service.Call(&Stub::SearchDossiers, bad).status()) == "PERSON_QUERY_INVALID");
    // Page by page, and where it went with the dossier.
    SearchDossiersRequest paged;
    paged.set_name("hoa");
    paged.set_page_size(2);
    const auto first = service.Call(&Stub::SearchDossiers, paged);
    CHECK(Names(first) == V{hoà.name(), hoa_again.name()});
    paged.set_page_token(first->next_page_token());
    CHECK(Names(service.Call(&Stub::SearchDossiers, paged)) == V{hoa.name()});
    ForwardDossierRequest forward;
    forward.set_to_agency("H12.06");
    forward.set_reason("Không thuộc thẩm quyền");
    service.Command(&Stub::ForwardDossier, hoa, forward);
    CHECK(find("380012345", "", false, CallerOf("H12.04")) == V{});
    CHECK(find("380012345", "", false, CallerOf("H12.06")) == V{hoa.name()});
  }
}

TEST_CASE("search: by what others call it") {
  TestService service;
  auto request = SampleSubmission();
  request.add_foreign_codes()->set_issuer("portal");
  request.mutable_foreign_codes(0)->set_code("G01-1");
  const auto submitted = service.Call(&Stub::SubmitDossier, request);
  REQUIRE(submitted.ok());
  SearchDossiersRequest search;
  *search.mutable_foreign_code() = request.foreign_codes(0);
  CHECK(Names(service.Call(&Stub::SearchDossiers, search)) ==
        std::vector<std::string>{submitted->name()});
  CHECK(Names(service.Call(&Stub::SearchDossiers, search, CallerOf("H12.06"))).empty());
  search.mutable_foreign_code()->set_code("G01-2");
  CHECK(Names(service.Call(&Stub::SearchDossiers, search)).empty());
}

int64_t Rows(TestService& service, const char* sql) {
  return sql::ReadInt(*service.database().db, sql);
}

TEST_CASE("erasure: what was personal is gone, for ever and everywhere; the rest stays") {
  for (const auto engine : sql::kBothEngines) {
    TestService service(engine);
    Caller head = CallerOf("H12.04");
    head.mutable_officer()->set_id("chi");
    head.mutable_officer()->set_unit("H12.04");
    head.mutable_officer()->add_roles("head");
    EraseDossierRequest erase;
    erase.set_reason(Erasure::ASKED_BY_PERSON);
    const Dossier open = service.Submit();
    erase.set_name(open.name());
    erase.set_etag(open.etag());
    CHECK(ErrorReason(service.Call(&Stub::EraseDossier, erase, head).status()) ==
          "STATE_FORBIDS_COMMAND");
    const Dossier ended = service.Reject(open);
    erase.set_etag(ended.etag());
    CHECK(ErrorReason(service.Call(&Stub::EraseDossier, erase, CallerOf("H12.04")).status()) ==
          "COMMAND_NOT_YOURS");
    CHECK(ErrorReason(service.Call(&Stub::EraseDossier, erase, CallerOf("H12.06")).status()) ==
          "DOSSIER_NOT_FOUND");
    EraseDossierRequest no_reason = erase;
    no_reason.clear_reason();
    CHECK(ErrorReason(service.Call(&Stub::EraseDossier, no_reason, head).status()) ==
          "ERASE_REASON_INVALID");
    CHECK(Rows(service, "SELECT COUNT(*) FROM person_index") > 0);
    REQUIRE(service.Call(&Stub::EraseDossier, erase, head).ok());
    for (const char* table : {"SELECT COUNT(*) FROM person_index", "SELECT COUNT(*) FROM data_keys",
                              "SELECT COUNT(*) FROM request_records"}) {
      INFO(table);
      CHECK(Rows(service, table) == 0);
    }
    CHECK(ErrorReason(service.Get(ended.name()).status()) == "DATA_KEY_ERASED");
    CHECK(service.Call(&Stub::EraseDossier, erase, head).ok());
    // Its history is whole, and the agencies concerned were told.
    CHECK(Rows(service, "SELECT COUNT(*) FROM transitions") == 3);
    const auto events = service.Events();
    CHECK(absl::EndsWith(events.back().type(), "DossierErased"));
    CHECK(Rows(service, "SELECT revision FROM dossiers") == 3);
  }
}

TEST_CASE("rotation: keys are wrapped anew while dossiers are read and made, the old key can go") {
  for (const auto engine : sql::kBothEngines) {
    const testing::TemporaryFolder folder;
    const std::string first = keys::KeyRing::NewLine("kek-1");
    const std::string second = keys::KeyRing::NewLine("kek-2");
    const std::string path = folder.Write("kek.ring", first);
    const auto keys = durable::SubjectKeys::FromFile(path);
    REQUIRE(keys.ok());
    sql::TestDatabase db(engine);
    REQUIRE(db->Migrate(Migrations()).ok());
    const PersonIndex persons{lgsp::keys::BlindIndex(std::string(32, 'i'))};
    const DossierStore store(keys->get(), &persons);
    const auto insert = [&](int number) {
      return db->Run(
          [&](sql::Transaction& tx) { return store.Insert(tx, SampleDossier(number)).status(); });
    };
    const auto load = [&](const DossierStore& by, int number) {
      return db->Read([&](sql::Transaction& tx) {
        return by.Load(tx, IdOf(SampleDossier(number).name())).status();
      });
    };
    const int count = durable::kRewrapBatch + 3;
    for (int i = 1; i <= count; ++i) REQUIRE(insert(i).ok());
    durable::KeyRotation rotation(&*db, keys->get());
    // Another process, that still has the first ring when it reads what the second wrapped.
    const auto other_keys = durable::SubjectKeys::FromFile(path);
    const DossierStore other(other_keys->get(), &persons);
    durable::KeyRotation other_rotation(&*db, other_keys->get());
    for (int i = 0; i < 3; ++i) REQUIRE(other_rotation.Step().ok());
    REQUIRE(load(other, 1).ok());
    REQUIRE(config::WriteFile(path, first + second, 0600).ok());
    const auto old = [&] {
      return sql::ReadInt(*db, "SELECT COUNT(*) FROM data_keys WHERE kek_id = 'kek-1'");
    };
    CHECK(old() == count);
    // What the other has begun with the old ring ends after the first walk for the new key.
    const auto insert_by_other = [&](int number) {
      return db->Run(
          [&](sql::Transaction& tx) { return other.Insert(tx, SampleDossier(number)).status(); });
    };
    for (int i = 0; i < 6 && old() > 0; ++i) {
      REQUIRE(rotation.Step().ok());
      if (i < 3) REQUIRE(load(store, 1 + i).ok());
    }
    CHECK(old() == 0);
    REQUIRE(insert(count + 1).ok());
    REQUIRE(insert_by_other(count + 2).ok());
    CHECK(old() == 1);
    // It takes the new ring up by reading; its own walk comes nevertheless.
    REQUIRE(load(other, count + 1).ok());
    CHECK(other_keys->get()->newest() == "kek-2");
    for (int i = 0; i < 6 && old() > 0; ++i) REQUIRE(other_rotation.Step().ok());
    CHECK(old() == 0);
    REQUIRE(config::WriteFile(path, second, 0600).ok());
    REQUIRE(rotation.Step().ok());
    for (const int number : {1, durable::kRewrapBatch, count, count + 1, count + 2}) {
      CHECK(load(store, number).ok());
    }
  }
}

}  // namespace
}  // namespace lgsp::dossiers
