#include "services/dossiers/documents/document_service_fixture_test.h"

#include <filesystem>
#include <fstream>

#include "absl/strings/str_cat.h"
#include "libs/clock/clock.h"
#include "services/dossiers/catalogue/catalogue_store.h"
#include "services/dossiers/oracle_test.h"

namespace lgsp::dossiers {

using lgsp::auth::v1::Caller;
using lgsp::dossiers::v1::Document;
using lgsp::dossiers::v1::Documents;
using lgsp::dossiers::v1::Dossier;
using lgsp::dossiers::v1::DownloadDocumentRequest;
using lgsp::dossiers::v1::DownloadDocumentResponse;
using lgsp::dossiers::v1::FileList;
using lgsp::dossiers::v1::GetFileListRequest;
using lgsp::dossiers::v1::UploadDocumentRequest;
using lgsp::dossiers::v1::UploadHead;

namespace {

constexpr size_t kChunk = 64 << 10;

Catalogue Imported(sql::Database& db, absl::Time now) {
  Catalogue catalogue = TheCatalogue();
  REQUIRE(ImportCatalogue(db, now, catalogue).ok());
  return catalogue;
}

template <typename T>
T Must(absl::StatusOr<T> value) {
  INFO(value.status());
  REQUIRE(value.ok());
  return *std::move(value);
}

// As the repository's but for one row, on which tests rely.
DocumentPolicies SomePolicies() {
  const testing::TemporaryFolder folder;
  folder.Write("document_policies.csv",
               "# source: test\nprocedure,item,title,policy,source,basis\n"
               "1.000314,3,Quyết định phê duyệt dự án đầu tư,FROM_STORE,Kho số hóa,assumed\n");
  return Must(DocumentPolicies::Load(folder.path(), TheCatalogue()));
}

}  // namespace

DocumentsOnTheWire::DocumentsOnTheWire(sql::Database::Engine engine,
                                       v1::Scan::State first_scan_state)
    : platform_("rules { caller: 'gateway' service: 'lgsp.dossiers.v1.Documents' methods: '*' }"),
      clock_(absl::FromCivil(absl::CivilMinute(2026, 11, 16, 9, 0), VietnamZone())),
      database_(engine),
      catalogue_(Imported(*database_.db, clock_.CivilNow())),
      policies_(SomePolicies()),
      files_(Must(DocumentFiles::Open(folder_.path() + "/documents"))),
      transfers_(&platform_.metrics()),
      changes_(&catalogue_, &database_.keys, &database_.persons, &clock_, engine),
      commands_({&*database_.db, &database_.keys, &catalogue_, &clock_, &changes_, [] {}}),
      service_({&commands_, &policies_, &files_, &transfers_, first_scan_state}),
      server_(platform_.Start("dossiers", {{Documents::service_full_name(), &service_}})),
      stub_(Documents::NewStub(platform_.ChannelOf("gateway", server_->port(), "dossiers"))) {}

Dossier DocumentsOnTheWire::NewDossier(absl::string_view procedure, absl::string_view applicant) {
  Dossier dossier = SampleDossier(++numbers_);
  dossier.set_procedure(std::string(procedure));
  dossier.mutable_applicant()->set_id_number(std::string(applicant));
  const LoadedDossier inserted = database_.Insert(dossier);
  return Must(database_.Load(IdOf(inserted.dossier.name()))).dossier;
}

void DocumentsOnTheWire::Change(const Dossier& dossier,
                                const std::function<void(Dossier&)>& change) {
  LoadedDossier loaded = Must(database_.Load(IdOf(dossier.name())));
  change(loaded.dossier);
  loaded.dossier.set_revision(loaded.dossier.revision() + 1);
  const absl::Status updated = database_.Update(loaded);
  INFO(updated);
  REQUIRE(updated.ok());
}

void DocumentsOnTheWire::Prepare(grpc::ClientContext& context, const Caller& caller) {
  rpc::SetDeadline(context, sql::kPatience);
  // On a loaded machine the first attempt to connect is given up (libs/rpc/channel.cc).
  context.set_wait_for_ready(true);
  context.AddMetadata(auth::kCallerHeader,
                      platform_.CallerJws(Documents::service_full_name(), caller));
}

UploadHead DocumentsOnTheWire::Head(const Dossier& dossier, int item) {
  UploadHead head;
  head.set_request_id(NewRequestId());
  head.set_parent(dossier.name());
  head.set_item(item);
  if (item == 0) head.set_title("Giấy tờ khác");
  head.set_file_name("canary-tên-tệp.pdf");
  return head;
}

absl::StatusOr<Document> DocumentsOnTheWire::Upload(const UploadHead& head,
                                                    const std::string& content,
                                                    const Caller& caller) {
  grpc::ClientContext context;
  Prepare(context, caller);
  Document document;
  const auto writer = stub_->UploadDocument(&context, &document);
  UploadDocumentRequest message;
  *message.mutable_head() = head;
  bool open = writer->Write(message);
  for (size_t at = 0; open && at < content.size(); at += kChunk) {
    message.set_chunk(content.substr(at, kChunk));
    open = writer->Write(message);
  }
  message.mutable_end()->set_size_bytes(static_cast<int64_t>(content.size()));
  if (open) writer->Write(message);
  writer->WritesDone();
  RETURN_IF_ERROR(rpc::FromGrpcStatus(writer->Finish()));
  return document;
}

Document DocumentsOnTheWire::MustUpload(const Dossier& dossier, int item,
                                        const std::string& content) {
  return Must(Upload(Head(dossier, item), content));
}

absl::StatusOr<std::string> DocumentsOnTheWire::Download(const std::string& name,
                                                         const Caller& caller, Document* document) {
  grpc::ClientContext context;
  Prepare(context, caller);
  DownloadDocumentRequest request;
  request.set_name(name);
  const auto reader = stub_->DownloadDocument(&context, request);
  DownloadDocumentResponse message;
  std::string content;
  for (int i = 0; reader->Read(&message); ++i) {
    CHECK(message.has_document() == (i == 0));
    if (i == 0 && document != nullptr) *document = message.document();
    content += message.chunk();
  }
  RETURN_IF_ERROR(rpc::FromGrpcStatus(reader->Finish()));
  return content;
}

absl::StatusOr<FileList> DocumentsOnTheWire::List(const Dossier& dossier, const Caller& caller) {
  GetFileListRequest request;
  request.set_name(dossier.name() + "/fileList");
  return Call(&Stub::GetFileList, request, caller);
}

std::string DocumentsOnTheWire::NewRequestId() { return absl::StrCat("request-", ++numbers_); }

std::vector<std::string> DocumentsOnTheWire::Files() const {
  std::vector<std::string> paths;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder_.path())) {
    if (entry.is_regular_file()) paths.push_back(entry.path());
  }
  return paths;
}

std::string DocumentsOnTheWire::BytesOnDisk() const {
  std::string bytes = database_.BytesOnDisk();
  for (const std::string& path : Files()) {
    std::ifstream in(path, std::ios::binary);
    bytes += path;
    bytes.append(std::istreambuf_iterator<char>(in), {});
  }
  return bytes;
}

}  // namespace lgsp::dossiers
