// The catalogue as it is read over the wire.
#include "services/dossiers/catalogue/procedure_service.h"

#include <catch2/catch.hpp>

#include "libs/auth/auth.h"
#include "libs/rpc/channel.h"
#include "libs/sql/fixture_test.h"
#include "libs/status/status.h"
#include "libs/testing/platform.h"
#include "services/dossiers/catalogue/catalogue_store.h"
#include "services/dossiers/database_test.h"
#include "services/dossiers/samples_test.h"

namespace lgsp::dossiers {
namespace {

using lgsp::dossiers::v1::ChannelFee;
using lgsp::dossiers::v1::Dossier;
using lgsp::dossiers::v1::GetProcedureRequest;
using lgsp::dossiers::v1::ListProceduresRequest;
using lgsp::dossiers::v1::ListProceduresResponse;
using lgsp::dossiers::v1::PrintedComponent;
using lgsp::dossiers::v1::Procedures;

Catalogue Imported(sql::Database& db) {
  Catalogue catalogue = TheCatalogue();
  REQUIRE(ImportCatalogue(db, absl::FromUnixSeconds(1'790'000'000), catalogue).ok());
  return catalogue;
}

class CatalogueOnTheWire {
 public:
  CatalogueOnTheWire()
      : platform_(
            "rules { caller: 'gateway' service: 'lgsp.dossiers.v1.Procedures' methods: '*' }"),
        catalogue_(Imported(*database_.db)),
        service_(&*database_.db, &catalogue_),
        server_(platform_.Start("dossiers", {{Procedures::service_full_name(), &service_}})),
        stub_(Procedures::NewStub(platform_.ChannelOf("gateway", server_->port(), "dossiers"))) {}

  template <typename Request, typename Response>
  absl::StatusOr<Response> Call(grpc::Status (Procedures::Stub::*method)(grpc::ClientContext*,
                                                                         const Request&, Response*),
                                const Request& request) {
    grpc::ClientContext context;
    rpc::SetDeadline(context, sql::kPatience);
    context.AddMetadata(auth::kCallerHeader,
                        platform_.CallerJws(Procedures::service_full_name(), CallerOf("H12.*")));
    Response response;
    RETURN_IF_ERROR(rpc::FromGrpcStatus((stub_.get()->*method)(&context, request, &response)));
    return response;
  }
  absl::StatusOr<Procedure> Get(const std::string& name, int64_t version = 0) {
    GetProcedureRequest request;
    request.set_name(name);
    request.set_version(version);
    return Call(&Procedures::Stub::GetProcedure, request);
  }
  absl::StatusOr<ListProceduresResponse> List(const ListProceduresRequest& request) {
    return Call(&Procedures::Stub::ListProcedures, request);
  }
  std::vector<std::string> Found(const std::string& query) {
    ListProceduresRequest request;
    request.set_query(query);
    request.set_page_size(200);
    const auto page = List(request);
    REQUIRE(page.ok());
    std::vector<std::string> codes;
    for (const Procedure& procedure : page->procedures()) codes.push_back(procedure.code());
    return codes;
  }

 private:
  testing::Platform platform_;
  TestStore database_{sql::Database::Engine::kSqlite};
  const Catalogue catalogue_;
  ProcedureService service_;
  std::unique_ptr<rpc::Server> server_;
  std::unique_ptr<Procedures::Stub> stub_;
};

TEST_CASE("procedures: one, with all that is printed of it and how it is read") {
  CatalogueOnTheWire catalogue;
  const auto procedure = catalogue.Get("procedures/1.009491");
  REQUIRE(procedure.ok());
  CHECK(procedure->name() == "procedures/1.009491");
  CHECK(procedure->version() == 1);
  CHECK(procedure->level() == Procedure::PROVINCE);
  CHECK(procedure->channels_size() == 2);
  CHECK(procedure->terms_size() == 2);
  CHECK(procedure->channel_fees_size() == 2);
  CHECK(procedure->components_size() > 0);
  CHECK(procedure->policies_size() > 5);
  for (const auto& policy : procedure->policies()) CHECK_FALSE(policy.basis().empty());
  // Every item of the file list, in order: the notes have no title.
  int item = 0;
  for (const PrintedComponent& component : procedure->components()) {
    CHECK(component.item() == ++item);
    CHECK((component.kind() == PrintedComponent::PAPER) == !component.title().empty());
  }
  CHECK(catalogue.Get("procedures/1.009491", 1).ok());
  for (const auto& [name, version, reason] : std::vector<std::tuple<std::string, int, std::string>>{
           {"procedures/1.009491", 2, "PROCEDURE_UNKNOWN"},
           {"procedures/1.009491", -1, "PROCEDURE_UNKNOWN"},
           {"procedures/9.999999", 0, "PROCEDURE_UNKNOWN"},
           {"dossiers/1.009491", 0, "NAME_INVALID"},
           {"", 0, "NAME_INVALID"}}) {
    CHECK(ErrorReason(catalogue.Get(name, version).status()) == reason);
  }
}

TEST_CASE("procedures: found by words of the name or field, without marks, or by the code") {
  CatalogueOnTheWire catalogue;
  const auto with_marks = catalogue.Found("Đăng ký khai sinh");
  CHECK(with_marks.size() > 3);
  CHECK(catalogue.Found("dang ky khai sinh") == with_marks);
  CHECK(catalogue.Found("SINH khai  đăng kÝ") == with_marks);
  CHECK(catalogue.Found("1.009491") == std::vector<std::string>{"1.009491"});
  CHECK(catalogue.Found("không có thủ tục nào tên như vậy").empty());
}

TEST_CASE("procedures: pages hold every one once, and only their own tokens") {
  CatalogueOnTheWire catalogue;
  ListProceduresRequest request;
  request.set_scope(Procedure::CENTRAL);
  request.set_page_size(150);
  std::vector<std::string> codes;
  do {
    const auto page = catalogue.List(request);
    REQUIRE(page.ok());
    for (const Procedure& procedure : page->procedures()) {
      CHECK(procedure.scope() == Procedure::CENTRAL);
      CHECK(procedure.components().empty());
      CHECK(procedure.channel_fees_size() == procedure.channels_size());
      codes.push_back(procedure.code());
    }
    request.set_page_token(page->next_page_token());
  } while (!request.page_token().empty());
  CHECK(codes.size() == 780);
  CHECK(std::is_sorted(codes.begin(), codes.end()));
  CHECK(std::adjacent_find(codes.begin(), codes.end()) == codes.end());

  request.set_page_size(1);
  request.set_page_token(catalogue.List(request)->next_page_token());
  request.set_scope(Procedure::HERE);
  CHECK(ErrorReason(catalogue.List(request).status()) == "PAGE_TOKEN_INVALID");
  request.clear_page_token();
  request.set_page_size(-1);
  CHECK(ErrorReason(catalogue.List(request).status()) == "PAGE_SIZE_INVALID");
  request.set_page_size(0);
  request.set_query(std::string(801, 'a'));
  CHECK(ErrorReason(catalogue.List(request).status()) == "QUERY_TOO_LONG");
  request.clear_query();
  request.set_scope(static_cast<Procedure::Scope>(9));
  CHECK(ErrorReason(catalogue.List(request).status()) == "SCOPE_INVALID");
}

}  // namespace
}  // namespace lgsp::dossiers
