// File lists and reuse over the wire, on both engines.
#include "absl/strings/str_cat.h"
#include "libs/clock/timestamp.h"
#include "services/dossiers/documents/document_service_fixture_test.h"
#include "services/dossiers/limits.h"

namespace lgsp::dossiers {
namespace {

using lgsp::auth::v1::Caller;
using lgsp::dossiers::v1::DeleteDocumentRequest;
using lgsp::dossiers::v1::Digitisation;
using lgsp::dossiers::v1::Document;
using lgsp::dossiers::v1::Dossier;
using lgsp::dossiers::v1::FileList;
using lgsp::dossiers::v1::FileListItem;
using lgsp::dossiers::v1::ReuseDocumentRequest;
using lgsp::dossiers::v1::Ruling;
using lgsp::dossiers::v1::StateFileListRequest;
using Stub = DocumentsOnTheWire::Stub;

StateFileListRequest Statement(DocumentsOnTheWire& wire, const Dossier& dossier,
                               const FileList& list) {
  StateFileListRequest request;
  request.set_name(dossier.name() + "/fileList");
  request.set_request_id(wire.NewRequestId());
  request.set_etag(list.etag());
  request.set_basis("Trang chính thức");
  return request;
}

ReuseDocumentRequest Reuse(DocumentsOnTheWire& wire, const Dossier& dossier,
                           const std::string& source, int item = 1) {
  ReuseDocumentRequest request;
  request.set_parent(dossier.name());
  request.set_request_id(wire.NewRequestId());
  request.set_source(source);
  request.set_item(item);
  return request;
}

TEST_CASE("file list: it fills as documents come") {
  DocumentsOnTheWire wire(GENERATE(from_range(sql::kBothEngines)));
  const Dossier dossier = wire.NewDossier();
  auto list = wire.List(dossier);
  INFO(list.status());
  REQUIRE(list.ok());
  CHECK(list->name() == dossier.name() + "/fileList");
  CHECK(list->state() == FileList::KNOWN);
  CHECK(list->missing() == 2);
  CHECK(list->items(2).state() == FileListItem::REUSED);
  const Document first = wire.MustUpload(dossier, 1);
  wire.MustUpload(dossier, 2);
  list = wire.List(dossier);
  CHECK(list->complete());
  CHECK(list->items(0).documents(0) == first.name());
}

TEST_CASE("file list: an officer's statement is kept, with its etag and only once at a time") {
  DocumentsOnTheWire wire(GENERATE(from_range(sql::kBothEngines)));
  const Dossier dossier = wire.NewDossier(kUnlistedProcedure);
  auto list = wire.List(dossier);
  REQUIRE(list.ok());
  CHECK(list->state() == FileList::UNKNOWN);
  CHECK_FALSE(list->complete());
  CHECK(list->items(0).state() == FileListItem::SEE_OFFICIAL_PAGE);
  CHECK(ErrorReason(wire.Upload(wire.Head(dossier, 1001), SamplePdf(10)).status()) ==
        "ITEM_UNKNOWN");

  StateFileListRequest request = Statement(wire, dossier, *list);
  request.add_papers()->set_title("canary-paper");
  const auto stated = wire.Call(&Stub::StateFileList, request);
  INFO(stated.status());
  REQUIRE(stated.ok());
  CHECK(stated->state() == FileList::STATED);
  CHECK(stated->missing() == 1);
  CHECK(stated->statement().basis() == "Trang chính thức");
  CHECK(stated->statement().system() == "systems/test");
  CHECK(stated->etag() != list->etag());
  CHECK(wire.List(dossier)->SerializeAsString() == stated->SerializeAsString());
  // Repeated, changed, and by one who has not seen it.
  CHECK(wire.Call(&Stub::StateFileList, request)->SerializeAsString() ==
        stated->SerializeAsString());
  request.set_basis("other");
  CHECK(ErrorReason(wire.Call(&Stub::StateFileList, request).status()) == "REQUEST_ID_REUSED");
  request.set_request_id(wire.NewRequestId());
  CHECK(ErrorReason(wire.Call(&Stub::StateFileList, request).status()) == "ETAG_STALE");

  wire.MustUpload(dossier, 1001);
  CHECK(wire.List(dossier)->complete());
  request.set_etag(stated->etag());
  request.clear_papers();
  request.add_papers()->set_title("another paper");
  const auto again = wire.Call(&Stub::StateFileList, request);
  REQUIRE(again.ok());
  // The document is of another paper than the list now names.
  CHECK(again->missing() == 1);
}

TEST_CASE("file list: what an officer states is not to be seen on the disk") {
  DocumentsOnTheWire wire(sql::Database::Engine::kSqlite);
  const Dossier dossier = wire.NewDossier(kUnlistedProcedure);
  StateFileListRequest request = Statement(wire, dossier, *wire.List(dossier));
  request.add_papers()->set_title("canary-paper");
  request.set_basis("canary-basis");
  REQUIRE(wire.Call(&Stub::StateFileList, request).ok());
  CHECK(wire.BytesOnDisk().find("canary") == std::string::npos);
}

TEST_CASE("file list: rulings hold, and only the dossier's agencies give them") {
  DocumentsOnTheWire wire(sql::Database::Engine::kSqlite);
  const Dossier dossier = wire.NewDossier();
  StateFileListRequest request = Statement(wire, dossier, *wire.List(dossier));
  request.add_rulings()->set_item(3);
  request.mutable_rulings(0)->set_kind(Ruling::NOT_IN_SOURCE);
  CHECK(ErrorReason(wire.Call(&Stub::StateFileList, request, CallerOf("H12.50.02")).status()) ==
        "DOSSIER_NOT_FOUND");
  wire.Change(dossier, [](Dossier& changed) { changed.set_return_agency("H12.50.07"); });
  CHECK(ErrorReason(wire.Call(&Stub::StateFileList, request, CallerOf("H12.50.07")).status()) ==
        "COMMAND_NOT_YOURS");
  const auto stated = wire.Call(&Stub::StateFileList, request);
  REQUIRE(stated.ok());
  CHECK(stated->missing() == 3);
  CHECK(stated->items(2).not_in_source());
  CHECK(stated->supplement_items_size() == 3);
}

TEST_CASE("reuse: an earlier paper of the same applicant is found and linked") {
  DocumentsOnTheWire wire(GENERATE(from_range(sql::kBothEngines)));
  const Dossier earlier = wire.NewDossier();
  const Dossier dossier = wire.NewDossier();
  Caller officer = CallerOf("H12.*");
  officer.mutable_officer()->set_id("can-bo-7");
  officer.mutable_officer()->set_unit("H12.50.01");
  v1::UploadHead head = wire.Head(earlier);
  head.mutable_digitisation()->set_paper(Digitisation::ORIGINAL);
  *head.mutable_digitisation()->mutable_seen_time() = ToTimestamp(wire.clock().CivilNow());
  const std::string content = SamplePdf(200'000);
  const auto source = wire.Upload(head, content, officer);
  REQUIRE(source.ok());
  // The system without an officer sees it as well.
  auto list = wire.List(dossier);
  REQUIRE(list.ok());
  CHECK(list->items(0).state() == FileListItem::MISSING);
  REQUIRE(list->items(0).candidates_size() == 1);
  CHECK(list->items(0).candidates(0) == source->name());
  CHECK(list->items(1).candidates().empty());

  const ReuseDocumentRequest request = Reuse(wire, dossier, source->name());
  const auto reused = wire.Call(&Stub::ReuseDocument, request);
  INFO(reused.status());
  REQUIRE(reused.ok());
  CHECK(reused->origin() == Document::EARLIER_DOSSIER);
  CHECK(reused->origin_reference() == source->name());
  CHECK(reused->digitisation().officer() == "can-bo-7");
  CHECK(reused->sha256() == source->sha256());
  CHECK(reused->name() != source->name());
  CHECK(wire.Files().size() == 1);
  CHECK(wire.Call(&Stub::ReuseDocument, request)->SerializeAsString() ==
        reused->SerializeAsString());
  CHECK(wire.List(dossier)->items(0).state() == FileListItem::REUSED);
  CHECK(*wire.Download(reused->name()) == content);

  // Each has its own: the one stays when the other goes.
  DeleteDocumentRequest deletion;
  deletion.set_name(source->name());
  deletion.set_request_id(wire.NewRequestId());
  deletion.set_etag(source->etag());
  REQUIRE(wire.Call(&Stub::DeleteDocument, deletion).ok());
  CHECK(*wire.Download(reused->name()) == content);
  deletion.set_name(reused->name());
  deletion.set_request_id(wire.NewRequestId());
  deletion.set_etag(reused->etag());
  REQUIRE(wire.Call(&Stub::DeleteDocument, deletion).ok());
  CHECK(wire.Files().empty());
}

TEST_CASE("reuse: not of another person, not of another's dossier, not of the same") {
  DocumentsOnTheWire wire(GENERATE(from_range(sql::kBothEngines)));
  const Dossier dossier = wire.NewDossier();
  const Document own = wire.MustUpload(dossier, 2);
  const Dossier of_other = wire.NewDossier(kCommuneProcedure, "096300000017");
  const Document others = wire.MustUpload(of_other);
  const Dossier elsewhere = wire.NewDossier();
  const Document hidden = wire.MustUpload(elsewhere);
  wire.Change(elsewhere, [](Dossier& changed) {
    changed.set_intake_agency("H12.50.02");
    changed.set_settling_agency("H12.50.02");
    changed.set_return_agency("H12.50.02");
  });
  const auto reason = [&](const std::string& source, const Caller& caller = CallerOf("H12.*")) {
    return ErrorReason(
        wire.Call(&Stub::ReuseDocument, Reuse(wire, dossier, source), caller).status());
  };
  CHECK(reason(others.name()) == "APPLICANT_DIFFERS");
  CHECK(reason(own.name()) == "SOURCE_INVALID");
  CHECK(reason(hidden.name(), CallerOf("H12.50.01")) == "DOSSIER_NOT_FOUND");
  // Who says nothing of his nationality is Vietnamese.
  wire.Change(elsewhere,
              [](Dossier& changed) { changed.mutable_applicant()->set_nationality("VN"); });
  CHECK(reason(hidden.name()).empty());
  wire.Change(elsewhere,
              [](Dossier& changed) { changed.mutable_applicant()->set_nationality("KH"); });
  CHECK(reason(hidden.name()) == "APPLICANT_DIFFERS");
  wire.Change(elsewhere,
              [](Dossier& changed) { changed.mutable_applicant()->clear_nationality(); });
  CHECK(reason(elsewhere.name() + "/documents/0197a000-0000-7000-8000-000000000000") ==
        "DOCUMENT_NOT_FOUND");
  CHECK(reason("x") == "NAME_INVALID");
  // Nor are they named.
  const auto list = wire.List(dossier, CallerOf("H12.50.01"));
  REQUIRE(list.ok());
  for (const FileListItem& item : list->items()) {
    CHECK(item.candidates().empty());
  }
  CHECK(ErrorReason(
            wire.Call(&Stub::ReuseDocument, Reuse(wire, dossier, hidden.name(), 77)).status()) ==
        "ITEM_UNKNOWN");
  CHECK(wire.Call(&Stub::ReuseDocument, Reuse(wire, dossier, hidden.name(), 0))->title() ==
        hidden.title());
}

}  // namespace
}  // namespace lgsp::dossiers
