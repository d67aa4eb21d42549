// Documents over the wire, on both engines: up, down, lists, who may, repetition, limits, and what
// is left behind of what failed.
#include "services/dossiers/documents/document_service.h"

#include <filesystem>

#include "absl/strings/str_cat.h"
#include "libs/clock/timestamp.h"
#include "libs/keys/digest.h"
#include "libs/testing/metric_value.h"
#include "services/dossiers/documents/document_service_fixture_test.h"
#include "services/dossiers/limits.h"

namespace lgsp::dossiers {
namespace {

using lgsp::auth::v1::Caller;
using lgsp::dossiers::v1::DeleteDocumentRequest;
using lgsp::dossiers::v1::Digitisation;
using lgsp::dossiers::v1::Document;
using lgsp::dossiers::v1::Dossier;
using lgsp::dossiers::v1::DownloadDocumentRequest;
using lgsp::dossiers::v1::DownloadDocumentResponse;
using lgsp::dossiers::v1::GetDocumentRequest;
using lgsp::dossiers::v1::ListDocumentsRequest;
using lgsp::dossiers::v1::ListDocumentsResponse;
using lgsp::dossiers::v1::Scan;
using lgsp::dossiers::v1::UploadDocumentRequest;
using lgsp::dossiers::v1::UploadHead;
using Stub = DocumentsOnTheWire::Stub;
using sql::Eventually;

absl::StatusOr<Document> Get(DocumentsOnTheWire& wire, const std::string& name,
                             const Caller& caller = CallerOf("H12.*")) {
  GetDocumentRequest request;
  request.set_name(name);
  return wire.Call(&Stub::GetDocument, request, caller);
}

DeleteDocumentRequest Deletion(DocumentsOnTheWire& wire, const Document& document) {
  DeleteDocumentRequest request;
  request.set_name(document.name());
  request.set_request_id(wire.NewRequestId());
  request.set_etag(document.etag());
  return request;
}

int64_t Rows(DocumentsOnTheWire& wire) {
  return sql::ReadInt(wire.db(), "SELECT COUNT(*) FROM documents") +
         sql::ReadInt(wire.db(), "SELECT COUNT(*) FROM document_contents");
}

TEST_CASE("documents: what goes up comes down, with what is known of it") {
  DocumentsOnTheWire wire(GENERATE(from_range(sql::kBothEngines)));
  const Dossier dossier = wire.NewDossier();
  const std::string content = SamplePdf(3 << 20);
  UploadHead head = wire.Head(dossier);
  const auto uploaded = wire.Upload(head, content);
  INFO(uploaded.status());
  REQUIRE(uploaded.ok());
  CHECK(uploaded->item() == 1);
  CHECK(uploaded->title().find("Hồ sơ thiết kế bản vẽ") != std::string::npos);
  CHECK(uploaded->file_name() == head.file_name());
  CHECK(uploaded->type() == Document::PDF);
  CHECK(uploaded->size_bytes() == static_cast<int64_t>(content.size()));
  CHECK(uploaded->sha256() == keys::Hex(keys::Sha256(content)));
  CHECK(uploaded->system() == "systems/test");
  CHECK(uploaded->origin() == Document::APPLICANT);
  CHECK(uploaded->scan().state() == Scan::NOT_SCANNED);
  CHECK(ToTime(uploaded->create_time()) == wire.clock().CivilNow());
  CHECK_FALSE(uploaded->etag().empty());

  Document with_content;
  const auto down = wire.Download(uploaded->name(), CallerOf("H12.*"), &with_content);
  REQUIRE(down.ok());
  CHECK(*down == content);
  CHECK(with_content.SerializeAsString() == uploaded->SerializeAsString());
  CHECK(Get(wire, uploaded->name())->SerializeAsString() == uploaded->SerializeAsString());

  // By the dossier's code too.
  wire.Change(dossier, [](Dossier& changed) { changed.set_code("H12.04-261116-0001"); });
  const std::string id = uploaded->name().substr(uploaded->name().rfind('/') + 1);
  CHECK(Get(wire, "dossiers/H12.04-261116-0001/documents/" + id)->name() == uploaded->name());
}

TEST_CASE("documents: nothing personal is to be found on the disk") {
  DocumentsOnTheWire wire(sql::Database::Engine::kSqlite);
  const Dossier dossier = wire.NewDossier();
  const std::string content = absl::StrCat("%PDF-1.7\n", "canary-content", SamplePdf(200'000));
  UploadHead head = wire.Head(dossier, 0);
  head.set_title("canary-title");
  head.set_origin(Document::DATABASE);
  head.set_origin_reference("canary-reference");
  const auto uploaded = wire.Upload(head, content);
  INFO(uploaded.status());
  REQUIRE(uploaded.ok());
  const std::string bytes = wire.BytesOnDisk();
  for (const std::string& canary :
       {std::string("canary"), head.file_name(), uploaded->sha256(), keys::Sha256(content)}) {
    INFO(keys::Hex(canary));
    CHECK(bytes.find(canary) == std::string::npos);
  }
  // The search finds what is not sealed.
  CHECK(bytes.find(uploaded->name()) != std::string::npos);
}

TEST_CASE("documents: those of a dossier that does not concern the caller do not exist") {
  DocumentsOnTheWire wire(GENERATE(from_range(sql::kBothEngines)));
  const Dossier dossier = wire.NewDossier();
  const Document document = wire.MustUpload(dossier);
  const Caller stranger = CallerOf("H12.50.02");
  const auto not_found = [](const absl::Status& status) {
    CHECK(status.code() == absl::StatusCode::kNotFound);
    CHECK(ErrorReason(status) == "DOSSIER_NOT_FOUND");
  };
  not_found(wire.Upload(wire.Head(dossier), SamplePdf(1 << 20), stranger).status());
  not_found(wire.Download(document.name(), stranger).status());
  not_found(Get(wire, document.name(), stranger).status());
  ListDocumentsRequest list;
  list.set_parent(dossier.name());
  not_found(wire.Call(&Stub::ListDocuments, list, stranger).status());
  not_found(wire.Call(&Stub::DeleteDocument, Deletion(wire, document), stranger).status());
  not_found(wire.List(dossier, stranger).status());
  // One that is not there, of a dossier that is.
  const std::string no_such = dossier.name() + "/documents/0197a000-0000-7000-8000-000000000000";
  CHECK(ErrorReason(Get(wire, no_such).status()) == "DOCUMENT_NOT_FOUND");
  CHECK(ErrorReason(wire.Download(no_such).status()) == "DOCUMENT_NOT_FOUND");
  for (const std::string& name :
       {std::string(), std::string("dossiers/x"), dossier.name() + "/documents/",
        dossier.name() + "/papers/x", std::string("documents/x/documents/y")}) {
    CHECK(ErrorReason(Get(wire, name).status()) == "NAME_INVALID");
  }
  CHECK(wire.Files().size() == 1);
}

TEST_CASE("documents: the same upload again is the same document") {
  DocumentsOnTheWire wire(GENERATE(from_range(sql::kBothEngines)));
  const Dossier dossier = wire.NewDossier();
  const std::string content = SamplePdf(300'000);
  const UploadHead head = wire.Head(dossier);
  const auto first = wire.Upload(head, content);
  REQUIRE(first.ok());
  // Also when nothing could be added any more.
  wire.Change(dossier, [](Dossier& changed) { changed.set_state(Dossier::RETURNED); });
  const auto again = wire.Upload(head, content);
  INFO(again.status());
  REQUIRE(again.ok());
  CHECK(again->SerializeAsString() == first->SerializeAsString());
  CHECK(wire.Files().size() == 1);
  CHECK(Rows(wire) == 2);

  UploadHead other = head;
  other.set_file_name("other");
  for (const auto& reused : {wire.Upload(other, content), wire.Upload(head, SamplePdf(300'000))}) {
    CHECK(reused.status().code() == absl::StatusCode::kAborted);
    CHECK(ErrorReason(reused.status()) == "REQUEST_ID_REUSED");
  }
  CHECK(wire.Files().size() == 1);
}

TEST_CASE("documents: the same upload several times at once is one document") {
  DocumentsOnTheWire wire(GENERATE(from_range(sql::kBothEngines)));
  const UploadHead head = wire.Head(wire.NewDossier());
  const std::string content = SamplePdf(300'000);
  std::vector<std::string> names(4);
  sql::Crowd crowd(4, [&](int i) -> absl::Status {
    ASSIGN_OR_RETURN(const Document document, wire.Upload(head, content));
    names[static_cast<size_t>(i)] = document.name();
    return absl::OkStatus();
  });
  for (const absl::Status& status : crowd.Join()) {
    INFO(status);
    CHECK(status.ok());
  }
  CHECK(std::count(names.begin(), names.end(), names[0]) == 4);
  CHECK(wire.Files().size() == 1);
}

TEST_CASE("documents: pages hold every one once, oldest first") {
  DocumentsOnTheWire wire(GENERATE(from_range(sql::kBothEngines)));
  const Dossier dossier = wire.NewDossier();
  std::vector<std::string> names;
  for (int i = 0; i < 5; ++i) names.push_back(wire.MustUpload(dossier, i % 3).name());
  wire.MustUpload(wire.NewDossier());
  ListDocumentsRequest request;
  request.set_parent(dossier.name());
  request.set_page_size(2);
  std::vector<std::string> listed;
  int pages = 0;
  do {
    const auto page = wire.Call(&Stub::ListDocuments, request);
    REQUIRE(page.ok());
    for (const Document& document : page->documents()) listed.push_back(document.name());
    request.set_page_token(page->next_page_token());
    ++pages;
  } while (!request.page_token().empty());
  CHECK(listed == names);
  CHECK(pages == 3);
  request.set_page_token("x");
  CHECK(ErrorReason(wire.Call(&Stub::ListDocuments, request).status()) == "PAGE_TOKEN_INVALID");
}

TEST_CASE("documents: one is taken back until its dossier is accepted") {
  DocumentsOnTheWire wire(GENERATE(from_range(sql::kBothEngines)));
  const Dossier dossier = wire.NewDossier();
  const Document first = wire.MustUpload(dossier);
  const Document second = wire.MustUpload(dossier);
  DeleteDocumentRequest request = Deletion(wire, first);
  request.clear_etag();
  CHECK(ErrorReason(wire.Call(&Stub::DeleteDocument, request).status()) == "ETAG_MISSING");
  request.set_etag(second.etag());
  CHECK(ErrorReason(wire.Call(&Stub::DeleteDocument, request).status()) == "ETAG_STALE");
  request.set_etag(first.etag());
  CHECK(wire.Call(&Stub::DeleteDocument, request).ok());
  CHECK(wire.Call(&Stub::DeleteDocument, request).ok());
  CHECK(ErrorReason(Get(wire, first.name()).status()) == "DOCUMENT_NOT_FOUND");
  CHECK(ErrorReason(wire.Call(&Stub::DeleteDocument, Deletion(wire, first)).status()) ==
        "DOCUMENT_NOT_FOUND");
  CHECK(wire.Files().size() == 1);
  CHECK(sql::ReadInt(wire.db(), "SELECT documents FROM document_totals") == 1);
  CHECK(sql::ReadInt(wire.db(), "SELECT bytes FROM document_totals") == second.size_bytes());

  wire.Change(dossier, [&](Dossier& changed) {
    changed.set_state(Dossier::ACCEPTED);
    *changed.mutable_accept_time() = ToTimestamp(wire.clock().CivilNow());
  });
  const auto refused = wire.Call(&Stub::DeleteDocument, Deletion(wire, second)).status();
  CHECK(refused.code() == absl::StatusCode::kFailedPrecondition);
  CHECK(ErrorReason(refused) == "STATE_FORBIDS_COMMAND");
  CHECK(wire.Download(second.name()).ok());
}

TEST_CASE("documents: who is neither intake nor settling agency reads and does not add") {
  DocumentsOnTheWire wire(sql::Database::Engine::kSqlite);
  const Dossier dossier = wire.NewDossier();
  const Document document = wire.MustUpload(dossier);
  wire.Change(dossier, [](Dossier& changed) { changed.set_return_agency("H12.50.07"); });
  const Caller return_point = CallerOf("H12.50.07");
  CHECK(wire.Download(document.name(), return_point).ok());
  const auto refused = wire.Upload(wire.Head(dossier), SamplePdf(10), return_point).status();
  CHECK(refused.code() == absl::StatusCode::kPermissionDenied);
  CHECK(ErrorReason(refused) == "COMMAND_NOT_YOURS");
  wire.Change(dossier, [](Dossier& changed) { changed.set_state(Dossier::REJECTED); });
  CHECK(ErrorReason(wire.Upload(wire.Head(dossier), SamplePdf(10)).status()) ==
        "STATE_FORBIDS_COMMAND");
  CHECK(wire.Files().size() == 1);
}

TEST_CASE("documents: what is said of one is checked before its content comes") {
  DocumentsOnTheWire wire(sql::Database::Engine::kSqlite);
  const Dossier dossier = wire.NewDossier();
  const auto reason = [&](const std::function<void(UploadHead&)>& change,
                          const Caller& caller = CallerOf("H12.*")) {
    UploadHead head = wire.Head(dossier);
    change(head);
    return ErrorReason(wire.Upload(head, SamplePdf(10), caller).status());
  };
  CHECK(reason([](auto& head) { head.set_request_id("a b"); }) == "REQUEST_ID_INVALID");
  CHECK(reason([](auto& head) { head.set_parent("x"); }) == "NAME_INVALID");
  CHECK(reason([](auto& head) { head.set_item(77); }) == "ITEM_UNKNOWN");
  CHECK(reason([](auto& head) { head.set_item(-1); }) == "ITEM_UNKNOWN");
  CHECK(reason([](auto& head) { head.set_item(0); }) == "TEXT_EMPTY");
  CHECK(reason([](auto& head) { head.set_file_name(std::string(256, 'x')); }) == "TEXT_TOO_LONG");
  CHECK(reason([](auto& head) { head.set_file_name("a\nb\x07"); }) == "TEXT_CONTROL_CHARACTER");
  CHECK(reason([](auto& head) { head.set_origin(Document::EARLIER_DOSSIER); }) == "ORIGIN_INVALID");
  CHECK(reason([](auto& head) { head.set_origin_reference("x"); }) == "ORIGIN_INVALID");
  CHECK(reason([](auto& head) { head.set_origin(Document::STORE); }) == "TEXT_EMPTY");

  Caller officer = CallerOf("H12.*");
  officer.mutable_officer()->set_id("can-bo-7");
  officer.mutable_officer()->set_unit("H12.50.01");
  const auto digitised = [&](Digitisation::Paper paper, absl::Duration after) {
    return [&wire, paper, after](UploadHead& head) {
      head.mutable_digitisation()->set_paper(paper);
      *head.mutable_digitisation()->mutable_seen_time() =
          ToTimestamp(wire.clock().CivilNow() + after);
    };
  };
  const auto now = absl::ZeroDuration();
  CHECK(reason(digitised(Digitisation::ORIGINAL, now)) == "DIGITISATION_INVALID");
  CHECK(reason(digitised(Digitisation::PAPER_UNSPECIFIED, now), officer) == "DIGITISATION_INVALID");
  CHECK(reason(digitised(Digitisation::ORIGINAL, absl::Hours(1)), officer) ==
        "DIGITISATION_INVALID");
  CHECK(reason([](auto& head) { head.mutable_digitisation()->set_paper(Digitisation::ORIGINAL); },
               officer) == "DIGITISATION_INVALID");
  CHECK(wire.Files().empty());

  UploadHead head = wire.Head(dossier);
  digitised(Digitisation::ORIGINAL, -absl::Minutes(5))(head);
  head.mutable_digitisation()->set_officer("somebody else");
  const auto uploaded = wire.Upload(head, SamplePdf(10), officer);
  REQUIRE(uploaded.ok());
  CHECK(uploaded->digitisation().officer() == "can-bo-7");
  CHECK(uploaded->digitisation().unit() == "H12.50.01");
  CHECK(uploaded->officer() == "can-bo-7");
}

TEST_CASE("documents: a dossier has so many and no more") {
  DocumentsOnTheWire wire(GENERATE(from_range(sql::kBothEngines)));
  const Dossier dossier = wire.NewDossier();
  const Document document = wire.MustUpload(dossier);
  const auto set = [&](absl::string_view column, int64_t value) {
    const bool of_bytes = column == "bytes";
    REQUIRE(sql::RunOne(wire.db(),
                        of_bytes ? "UPDATE document_totals SET bytes = :value"
                                 : "UPDATE document_totals SET documents = :value",
                        {{"value", value}})
                .ok());
  };
  set("documents", kMaxDocuments);
  CHECK(ErrorReason(wire.Upload(wire.Head(dossier), SamplePdf(10)).status()) ==
        "DOCUMENTS_EXHAUSTED");
  set("documents", kMaxDocuments - 1);
  CHECK(wire.Upload(wire.Head(dossier), SamplePdf(10)).ok());
  set("documents", 2);
  set("bytes", kMaxDossierBytes - 5);
  // Known only when the content is there: it goes again.
  const auto refused = wire.Upload(wire.Head(dossier), SamplePdf(10)).status();
  CHECK(refused.code() == absl::StatusCode::kFailedPrecondition);
  CHECK(ErrorReason(refused) == "DOCUMENTS_EXHAUSTED");
  CHECK(wire.Files().size() == 2);
  CHECK(Rows(wire) == 4);
}

TEST_CASE("documents: a refused upload ends while its content is still coming") {
  DocumentsOnTheWire wire(sql::Database::Engine::kSqlite);
  const Dossier dossier = wire.NewDossier();
  CHECK(ErrorReason(wire.Upload(wire.Head(dossier), std::string(20 << 20, 'x')).status()) ==
        "DOCUMENT_TYPE_NOT_ALLOWED");
  CHECK(ErrorReason(wire.Upload(wire.Head(dossier), SamplePdf(51 << 20)).status()) ==
        "DOCUMENT_TOO_LARGE");
  CHECK(ErrorReason(wire.Upload(wire.Head(dossier, 77), SamplePdf(20 << 20)).status()) ==
        "ITEM_UNKNOWN");
  CHECK(wire.Files().empty());
  CHECK(Rows(wire) == 0);
}

TEST_CASE("documents: a damaged or missing file is an error, never other content") {
  DocumentsOnTheWire wire(sql::Database::Engine::kSqlite);
  const Dossier dossier = wire.NewDossier();
  const Document document = wire.MustUpload(dossier, 1, SamplePdf(200'000));
  const std::string path = wire.Files()[0];
  std::filesystem::resize_file(path, keys::kSealedSegmentBytes);
  const auto damaged = wire.Download(document.name()).status();
  CHECK(damaged.code() == absl::StatusCode::kDataLoss);
  CHECK(ErrorReason(damaged) == "SEALED_DATA_INVALID");
  std::filesystem::remove(path);
  CHECK(ErrorReason(wire.Download(document.name()).status()) == "DOCUMENT_CONTENT_MISSING");
}

// An upload whose client is in the middle of it.
class HalfUpload {
 public:
  HalfUpload(DocumentsOnTheWire& wire, const Dossier& dossier,
             absl::Duration deadline = sql::kPatience) {
    wire.Prepare(context_, CallerOf("H12.*"));
    rpc::SetDeadline(context_, deadline);
    writer_ = wire.stub().UploadDocument(&context_, &document_);
    UploadDocumentRequest message;
    *message.mutable_head() = wire.Head(dossier);
    writer_->Write(message);
    message.set_chunk("%PDF-1.7 and more to come");
    writer_->Write(message);
    // One with a short deadline may be over before.
    const absl::Time end =
        deadline < sql::kPatience ? absl::Now() + deadline : absl::InfiniteFuture();
    REQUIRE(Eventually([&] { return wire.Files().size() == 1 || absl::Now() > end; }));
  }
  ~HalfUpload() {
    context_.TryCancel();
    if (!finished_) writer_->Finish();
  }
  void Cancel() { context_.TryCancel(); }
  grpc::Status Finish() {
    finished_ = true;
    return writer_->Finish();
  }

 private:
  grpc::ClientContext context_;
  Document document_;
  std::unique_ptr<grpc::ClientWriter<UploadDocumentRequest>> writer_;
  bool finished_ = false;
};

TEST_CASE("documents: of an upload whose client goes or is late nothing stays") {
  DocumentsOnTheWire wire(GENERATE(from_range(sql::kBothEngines)));
  const Dossier dossier = wire.NewDossier();
  const auto nothing_stays = [&] {
    CHECK(Eventually([&] { return wire.Files().empty(); }));
    CHECK(Rows(wire) == 0);
    CHECK(Eventually(
        [&] { return testing::MetricValue(wire.metrics(), "documents_transfers") == 0; }));
  };
  {
    HalfUpload upload(wire, dossier);
    upload.Cancel();
    CHECK(upload.Finish().error_code() == grpc::StatusCode::CANCELLED);
    nothing_stays();
  }
  {
    HalfUpload upload(wire, dossier, absl::Seconds(1));
    CHECK(upload.Finish().error_code() == grpc::StatusCode::DEADLINE_EXCEEDED);
    nothing_stays();
  }
  {
    HalfUpload upload(wire, dossier);
    // Nothing moves for too long.
    wire.transfers().CancelStalled(absl::Now() + kTransferStall + absl::Seconds(1));
    CHECK(upload.Finish().error_code() == grpc::StatusCode::CANCELLED);
    nothing_stays();
    CHECK(testing::MetricValue(wire.metrics(), "documents_transfers_stalled_total") == 1);
  }
  {
    HalfUpload upload(wire, dossier);
    wire.transfers().CancelStalled(absl::Now());
    CHECK(wire.Files().size() == 1);
  }
  nothing_stays();
}

TEST_CASE("documents: of an upload that a stopping server cuts off nothing stays") {
  DocumentsOnTheWire wire(sql::Database::Engine::kSqlite);
  HalfUpload upload(wire, wire.NewDossier());
  wire.server().Drain(absl::Milliseconds(10));
  CHECK_FALSE(upload.Finish().ok());
  CHECK(wire.Files().empty());
  CHECK(Rows(wire) == 0);
}

TEST_CASE("documents: so many transfers at once and no more, so many of one system") {
  DocumentsOnTheWire wire(sql::Database::Engine::kSqlite);
  const Dossier dossier = wire.NewDossier();
  const Document document = wire.MustUpload(dossier);
  {
    std::vector<std::unique_ptr<DocumentTransfers::Transfer>> taken;
    for (int i = 0; i < kMaxTransfersPerCaller; ++i) {
      taken.push_back(*wire.transfers().Begin([] {}, "systems/test"));
    }
    const auto refused = wire.Download(document.name()).status();
    CHECK(refused.code() == absl::StatusCode::kResourceExhausted);
    CHECK(ErrorReason(refused) == "TRANSFERS_EXHAUSTED");
    CHECK(ErrorReason(wire.Upload(wire.Head(dossier), SamplePdf(1 << 20)).status()) ==
          "TRANSFERS_EXHAUSTED");
    Caller other = CallerOf("H12.*");
    other.set_system("systems/other");
    CHECK(wire.Download(document.name(), other).ok());
    for (int i = 0; i < kMaxTransfers - kMaxTransfersPerCaller; ++i) {
      taken.push_back(*wire.transfers().Begin([] {}, absl::StrCat("systems/", i)));
    }
    CHECK(ErrorReason(wire.Download(document.name(), other).status()) == "TRANSFERS_EXHAUSTED");
  }
  CHECK(wire.Download(document.name()).ok());
}

TEST_CASE("documents: a download whose client stops reading is cancelled, one that goes is left") {
  DocumentsOnTheWire wire(sql::Database::Engine::kSqlite);
  const Dossier dossier = wire.NewDossier();
  const Document document = wire.MustUpload(dossier, 1, SamplePdf(20 << 20));
  DownloadDocumentRequest request;
  request.set_name(document.name());
  for (const bool stall : {true, false}) {
    grpc::ClientContext context;
    wire.Prepare(context, CallerOf("H12.*"));
    const auto reader = wire.stub().DownloadDocument(&context, request);
    DownloadDocumentResponse message;
    REQUIRE(reader->Read(&message));
    CHECK(testing::MetricValue(wire.metrics(), "documents_transfers") == 1);
    if (stall) {
      wire.transfers().CancelStalled(absl::Now() + kTransferStall + absl::Seconds(1));
    } else {
      context.TryCancel();
    }
    while (reader->Read(&message)) {
    }
    CHECK(reader->Finish().error_code() == grpc::StatusCode::CANCELLED);
    CHECK(Eventually(
        [&] { return testing::MetricValue(wire.metrics(), "documents_transfers") == 0; }));
  }
}

TEST_CASE("documents: those of a draft are its intake's") {
  DocumentsOnTheWire wire(sql::Database::Engine::kSqlite);
  const Dossier draft = wire.NewDossier();
  wire.Change(draft, [](Dossier& dossier) { dossier.set_state(Dossier::DRAFT); });
  Caller head = CallerOf("H12.*");
  head.mutable_officer()->set_id("officer-2");
  head.mutable_officer()->set_unit(draft.settling_agency());
  head.mutable_officer()->add_roles("head");
  CHECK(ErrorReason(wire.Upload(wire.Head(draft), SamplePdf(100), head).status()) ==
        "COMMAND_NOT_YOURS");
  CHECK(wire.Upload(wire.Head(draft), SamplePdf(100), CallerOf(draft.intake_agency())).ok());
}

}  // namespace
}  // namespace lgsp::dossiers
