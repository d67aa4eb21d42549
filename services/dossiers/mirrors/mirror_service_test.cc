// Dossiers of central systems, over the wire, on both databases.
#include "services/dossiers/mirrors/mirror_service.h"

#include <catch2/catch.hpp>
#include <functional>
#include <optional>

#include "absl/strings/str_cat.h"
#include "libs/auth/auth.h"
#include "libs/clock/timestamp.h"
#include "libs/rpc/channel.h"
#include "libs/status/status.h"
#include "libs/testing/platform.h"
#include "services/dossiers/database_test.h"
#include "services/dossiers/mirrors/mirror_store.h"
#include "services/dossiers/samples_test.h"
#include "services/dossiers/service_test.h"

namespace lgsp::dossiers {
namespace {

using lgsp::auth::v1::Caller;
using lgsp::dossiers::v1::CountMirrorsRequest;
using lgsp::dossiers::v1::GetMirrorRequest;
using lgsp::dossiers::v1::ListMirrorsRequest;
using lgsp::dossiers::v1::Mirror;
using lgsp::dossiers::v1::Mirrors;
using lgsp::dossiers::v1::PutMirrorRequest;

constexpr char kCustoms[] = "H12.93";

class MirrorsOnTheWire {
 public:
  explicit MirrorsOnTheWire(sql::Database::Engine engine)
      : platform_("rules { caller: 'gateway' service: 'lgsp.dossiers.v1.Mirrors' methods: '*' }"),
        database_(engine),
        service_(&*database_.db, &TheCatalogue(), &clock_),
        server_(platform_.Start("dossiers", {{Mirrors::service_full_name(), &service_}})),
        stub_(Mirrors::NewStub(platform_.ChannelOf("gateway", server_->port(), "dossiers"))) {}

  template <typename Request, typename Response>
  absl::StatusOr<Response> Call(grpc::Status (Mirrors::Stub::*method)(grpc::ClientContext*,
                                                                      const Request&, Response*),
                                const Request& request, const Caller& caller = CallerOf("H12.*")) {
    grpc::ClientContext context;
    rpc::SetDeadline(context, sql::kPatience);
    context.AddMetadata(auth::kCallerHeader,
                        platform_.CallerJws(Mirrors::service_full_name(), caller));
    Response response;
    RETURN_IF_ERROR(rpc::FromGrpcStatus((stub_.get()->*method)(&context, request, &response)));
    return response;
  }
  absl::StatusOr<Mirror> Put(const Mirror& mirror, const Caller& caller = CallerOf("H12.*")) {
    PutMirrorRequest request;
    *request.mutable_mirror() = mirror;
    return Call(&Mirrors::Stub::PutMirror, request, caller);
  }
  std::string Counts(absl::string_view agency) {
    CountMirrorsRequest request;
    request.set_agency(std::string(agency));
    const auto counted = Call(&Mirrors::Stub::CountMirrors, request);
    REQUIRE(counted.ok());
    std::string text;
    for (const auto& one : counted->counts()) {
      absl::StrAppend(&text, one.portal_status(), ":", one.count(), " ");
    }
    return text;
  }

 private:
  testing::Platform platform_;
  FakeClock clock_{MondayMorning()};
  TestStore database_;
  MirrorService service_;
  std::unique_ptr<rpc::Server> server_;
  std::unique_ptr<Mirrors::Stub> stub_;
};

Mirror Sample(int minutes = 0, int status = 2,
              const std::string& code = "G12.001.01-261116-120001") {
  Mirror mirror;
  mirror.set_code(code);
  mirror.set_procedure(kCentralProcedure);
  mirror.set_agency(kCustoms);
  mirror.set_owner_state("IN_PROGRESS");
  mirror.set_portal_status(status);
  *mirror.mutable_event_time() =
      ToTimestamp(MondayMorning() - absl::Hours(5) + absl::Minutes(minutes));
  return mirror;
}

TEST_CASE("mirrors: of two reports the later event holds, in whatever order they come") {
  for (const auto engine : sql::kBothEngines) {
    MirrorsOnTheWire mirrors(engine);
    const auto first = mirrors.Put(Sample(1, 2));
    INFO(first.status());
    REQUIRE(first.ok());
    CHECK(first->name() == "mirrors/G12.001.01-261116-120001");
    CHECK(first->owner() == "systems/test");
    CHECK(mirrors.Counts(kCustoms) == "2:1 ");
    CHECK(mirrors.Put(Sample(3, 9))->portal_status() == 9);
    // Late, and twice.
    CHECK(mirrors.Put(Sample(2, 4))->portal_status() == 9);
    CHECK(mirrors.Put(Sample(3, 9))->portal_status() == 9);
    CHECK(mirrors.Counts(kCustoms) == "9:1 ");
    REQUIRE(mirrors.Put(Sample(1, 4, "G12.001.01-261116-120002")).ok());
    CHECK(mirrors.Counts(kCustoms) == "4:1 9:1 ");
    GetMirrorRequest get;
    get.set_name(first->name());
    CHECK(mirrors.Call(&Mirrors::Stub::GetMirror, get)->portal_status() == 9);
    // Those of other agencies do not exist.
    CHECK(ErrorReason(mirrors.Call(&Mirrors::Stub::GetMirror, get, CallerOf("H12.04")).status()) ==
          "MIRROR_NOT_FOUND");
    Caller other = CallerOf("H12.*");
    other.set_system("systems/other");
    CHECK(ErrorReason(mirrors.Put(Sample(9, 10), other).status()) == "MIRROR_OF_ANOTHER");
    // Nor can its own system take it from an agency that it does not act for.
    Mirror moved = Sample(9, 10);
    moved.set_agency("H12.05");
    CHECK(ErrorReason(mirrors.Put(moved, CallerOf("H12.05")).status()) == "MIRROR_OF_ANOTHER");
  }
}

TEST_CASE("mirrors: page by page, by status") {
  for (const auto engine : sql::kBothEngines) {
    MirrorsOnTheWire mirrors(engine);
    std::vector<std::string> all, open;
    for (int i = 10; i < 17; ++i) {
      const std::string code = absl::StrCat("C-", i);
      REQUIRE(mirrors.Put(Sample(0, i % 2 == 0 ? 4 : 10, code)).ok());
      all.push_back(code);
      if (i % 2 == 0) open.push_back(code);
    }
    const auto list = [&](int status) {
      ListMirrorsRequest request;
      request.set_agency(kCustoms);
      request.set_portal_status(status);
      request.set_page_size(2);
      std::vector<std::string> codes;
      do {
        const auto page = mirrors.Call(&Mirrors::Stub::ListMirrors, request);
        REQUIRE(page.ok());
        for (const Mirror& mirror : page->mirrors()) codes.push_back(mirror.code());
        request.set_page_token(page->next_page_token());
      } while (!request.page_token().empty());
      return codes;
    };
    CHECK(list(0) == all);
    CHECK(list(4) == open);
    CHECK(list(7).empty());
    ListMirrorsRequest foreign;
    foreign.set_agency(kCustoms);
    CHECK(ErrorReason(
              mirrors.Call(&Mirrors::Stub::ListMirrors, foreign, CallerOf("H12.04")).status()) ==
          "AGENCY_NOT_REPRESENTED");
  }
}

TEST_CASE("mirrors: of two reports at once the second begins again") {
  TestStore store(GENERATE(from_range(sql::kBothEngines)));
  const auto save = [&](const std::optional<Mirror>& before, const Mirror& mirror) {
    return store.db->Run([&](sql::Transaction& tx) { return SaveMirror(tx, before, mirror); });
  };
  REQUIRE(save(std::nullopt, Sample(1, 2)).ok());
  REQUIRE(save(Sample(1, 2), Sample(2, 4)).ok());
  // What it was decided by is no more: the counts would move twice from it.
  CHECK(absl::IsAborted(save(Sample(1, 2), Sample(3, 9))));
  CHECK(sql::ReadInt(*store.db, "SELECT SUM(count) FROM mirror_counts") == 1);
  CHECK(sql::ReadInt(*store.db, "SELECT count FROM mirror_counts WHERE portal_status = 4") == 1);
}

TEST_CASE("mirrors: what is wrong is named") {
  MirrorsOnTheWire mirrors(sql::Database::Engine::kSqlite);
  struct Case {
    std::function<void(Mirror&)> change;
    absl::string_view reason;
  };
  const Case cases[] = {
      {[](Mirror& m) { m.set_code("a b"); }, "MIRROR_INVALID"},
      {[](Mirror& m) { m.set_owner_state("Nguyễn Thị Hoa"); }, "MIRROR_INVALID"},
      {[](Mirror& m) { m.clear_owner_state(); }, "MIRROR_INVALID"},
      {[](Mirror& m) { m.set_portal_status(11); }, "MIRROR_INVALID"},
      {[](Mirror& m) { m.clear_portal_status(); }, "MIRROR_INVALID"},
      {[](Mirror& m) { m.clear_event_time(); }, "MIRROR_INVALID"},
      {[](Mirror& m) { m.mutable_event_time()->set_seconds(4'000'000'000); }, "MIRROR_INVALID"},
      {[](Mirror& m) { m.mutable_event_time()->set_seconds(INT64_MIN); }, "MIRROR_INVALID"},
      {[](Mirror& m) { m.mutable_event_time()->set_nanos(-1); }, "MIRROR_INVALID"},
      {[](Mirror& m) { m.mutable_due_time()->set_seconds(INT64_MAX); }, "MIRROR_INVALID"},
      {[](Mirror& m) { m.set_agency("H12.77"); }, "AGENCY_UNKNOWN"},
      {[](Mirror& m) { m.set_procedure("9.9"); }, "PROCEDURE_UNKNOWN"},
      {[](Mirror& m) { m.set_procedure(kProvinceProcedure); }, "MIRROR_NOT_CENTRAL"},
  };
  for (const Case& c : cases) {
    Mirror mirror = Sample();
    c.change(mirror);
    const auto put = mirrors.Put(mirror);
    INFO(put.status());
    CHECK(ErrorReason(put.status()) == c.reason);
  }
  CHECK(ErrorReason(mirrors.Put(Sample(), CallerOf("H12.04")).status()) ==
        "AGENCY_NOT_REPRESENTED");
}

}  // namespace
}  // namespace lgsp::dossiers
