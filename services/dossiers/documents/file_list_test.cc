// File lists: how each item stands, and what an officer may state.
#include "services/dossiers/documents/file_list.h"

#include <catch2/catch.hpp>

#include "absl/strings/str_cat.h"
#include "libs/status/status.h"
#include "libs/testing/files.h"
#include "libs/text/text.h"
#include "services/dossiers/limits.h"
#include "services/dossiers/oracle_test.h"
#include "services/dossiers/samples_test.h"

namespace lgsp::dossiers {
namespace {

using lgsp::dossiers::v1::Document;
using lgsp::dossiers::v1::FileList;
using lgsp::dossiers::v1::FileListItem;
using lgsp::dossiers::v1::PrintedComponent;
using lgsp::dossiers::v1::Ruling;
using lgsp::dossiers::v1::Scan;
using lgsp::dossiers::v1::Source;
using lgsp::dossiers::v1::StateFileListRequest;

constexpr char kHeader[] = "# source: test\nprocedure,item,title,policy,source,basis\n";

absl::StatusOr<DocumentPolicies> PoliciesOf(const std::string& rows) {
  const testing::TemporaryFolder folder;
  folder.Write("document_policies.csv", kHeader + rows);
  return DocumentPolicies::Load(folder.path(), TheCatalogue());
}

PrintedComponent Component(int item, const std::string& title,
                           PrintedComponent::Kind kind = PrintedComponent::PAPER) {
  PrintedComponent component;
  component.set_item(item);
  component.set_title(title);
  component.set_kind(kind);
  component.set_copies(1);
  return component;
}

// With the code of a procedure of the catalogue, whose third item the policies know.
Procedure SampleProcedure() {
  Procedure procedure;
  procedure.set_code(kCommuneProcedure);
  *procedure.add_components() = Component(1, "Đơn đề nghị");
  *procedure.add_components() = Component(2, "Bản vẽ");
  *procedure.add_components() = Component(3, "Quyết định phê duyệt dự án đầu tư");
  *procedure.add_components() = Component(4, "", PrintedComponent::NOTE);
  *procedure.add_components() = Component(5, "");
  PrintedComponent remark = Component(6, "", PrintedComponent::NOTE);
  remark.set_copies(0);
  *procedure.add_components() = remark;
  PrintedComponent shown = Component(7, "Giấy chứng sinh");
  shown.set_group("Giấy tờ phải xuất trình");
  *procedure.add_components() = shown;
  return procedure;
}

const DocumentPolicies& SamplePolicies(absl::string_view policy = "FROM_STORE") {
  static const auto store = PoliciesOf(
      "1.000314,3,Quyết định phê duyệt dự án đầu tư,FROM_STORE,Kho số hóa,assumed: test\n");
  static const auto database = PoliciesOf(
      "1.000314,3,Quyết định phê duyệt dự án đầu tư,NOT_DEMANDABLE,CSDL dự án,Decree 1 art. 2\n");
  const auto& policies = policy == "FROM_STORE" ? store : database;
  INFO(policies.status());
  REQUIRE(policies.ok());
  return *policies;
}

Document Paper(int item, const std::string& title, const std::string& name,
               Scan::State scan = Scan::CLEAN, Document::Origin origin = Document::APPLICANT) {
  Document document;
  document.set_name(name);
  document.set_item(item);
  document.set_title(title);
  document.set_origin(origin);
  document.mutable_scan()->set_state(scan);
  return document;
}

// `1 MISSING, 2 PRESENT …`
std::string Summary(const FileList& list) {
  std::string summary;
  for (const FileListItem& item : list.items()) {
    absl::StrAppend(&summary, summary.empty() ? "" : ", ", item.item(), " ",
                    FileListItem::State_Name(item.state()));
  }
  return summary;
}

TEST_CASE("file lists: every item stands as it is printed, handed in and to be had elsewhere") {
  const Procedure procedure = SampleProcedure();
  FileList list = JudgeFileList(procedure, SamplePolicies(), nullptr, {});
  CHECK(Summary(list) ==
        "1 MISSING, 2 MISSING, 3 REUSED, 4 SEE_OFFICIAL_PAGE, 5 SEE_OFFICIAL_PAGE, 7 SHOW_ONLY");
  CHECK(list.state() == FileList::KNOWN);
  CHECK(list.missing() == 2);
  CHECK_FALSE(list.complete());
  CHECK(std::vector<std::string>(list.supplement_items().begin(), list.supplement_items().end()) ==
        std::vector<std::string>{"Đơn đề nghị", "Bản vẽ"});
  CHECK(list.items(2).source().kind() == Source::STORE);
  CHECK(list.items(2).source().display_name() == "Kho số hóa");
  CHECK(list.items(2).source().assumed());

  list = JudgeFileList(procedure, SamplePolicies("NOT_DEMANDABLE"), nullptr, {});
  CHECK(list.items(2).state() == FileListItem::NOT_DEMANDABLE);
  CHECK(list.items(2).source().basis() == "Decree 1 art. 2");
  CHECK_FALSE(list.items(2).source().assumed());

  list = JudgeFileList(procedure, SamplePolicies(), nullptr,
                       {Paper(1, "Đơn đề nghị", "a"), Paper(1, "Đơn đề nghị", "b", Scan::PENDING),
                        Paper(2, "Bản vẽ", "c", Scan::NOT_SCANNED, Document::EARLIER_DOSSIER),
                        Paper(0, "Đơn đề nghị", "free"), Paper(7, "Giấy chứng sinh", "d")});
  CHECK(Summary(list) ==
        "1 PRESENT, 2 REUSED, 3 REUSED, 4 SEE_OFFICIAL_PAGE, 5 SEE_OFFICIAL_PAGE, 7 PRESENT");
  CHECK(list.complete());
  CHECK(list.items(0).documents_size() == 2);
  CHECK(list.supplement_items().empty());
}

TEST_CASE("file lists: an infected paper and one of another version count for nothing") {
  const FileList list =
      JudgeFileList(SampleProcedure(), SamplePolicies(), nullptr,
                    {Paper(1, "Đơn đề nghị", "bad", Scan::INFECTED), Paper(2, "Bản vẽ cũ", "old")});
  CHECK(list.missing() == 2);
  REQUIRE(list.items(0).infected_documents_size() == 1);
  CHECK(list.items(0).infected_documents(0) == "bad");
  CHECK(list.supplement_items(0) == "Đơn đề nghị (tệp đã nộp nhiễm mã độc)");
  CHECK(list.items(1).documents().empty());
}

TEST_CASE("file lists: a policy holds for the item with its title only") {
  Procedure procedure = SampleProcedure();
  procedure.mutable_components(2)->set_title("Quyết định khác");
  CHECK(JudgeFileList(procedure, SamplePolicies(), nullptr, {}).items(2).state() ==
        FileListItem::MISSING);
}

TEST_CASE(
    "file lists: an officer rules on what the case does not need and the store does not have") {
  const Procedure procedure = SampleProcedure();
  StateFileListRequest given;
  given.set_basis("Hồ sơ chỉ có một công trình");
  const auto rule = [&](int item, Ruling::Kind kind) {
    Ruling& ruling = *given.add_rulings();
    ruling.set_item(item);
    ruling.set_kind(kind);
  };
  rule(2, Ruling::NOT_APPLICABLE);
  rule(3, Ruling::NOT_IN_SOURCE);
  const auto stated = CleanStatement(procedure, SamplePolicies(), given);
  INFO(stated.status());
  REQUIRE(stated.ok());
  const FileList list = JudgeFileList(procedure, SamplePolicies(), &*stated, {});
  CHECK(Summary(list) ==
        "1 MISSING, 2 NOT_APPLICABLE, 3 MISSING, 4 SEE_OFFICIAL_PAGE, "
        "5 SEE_OFFICIAL_PAGE, 7 SHOW_ONLY");
  CHECK(list.items(2).not_in_source());
  CHECK(list.supplement_items(1) ==
        "Quyết định phê duyệt dự án đầu tư (không tra cứu được tại: Kho số hóa)");

  const auto reason = [&] {
    const auto refused = CleanStatement(procedure, SamplePolicies(), given).status();
    CHECK(refused.code() == absl::StatusCode::kInvalidArgument);
    return ErrorReason(refused);
  };
  rule(3, Ruling::NOT_APPLICABLE);  // twice
  CHECK(reason() == "RULINGS_INVALID");
  given.clear_rulings();
  rule(1, Ruling::NOT_IN_SOURCE);  // has none
  CHECK(reason() == "RULINGS_INVALID");
  given.clear_rulings();
  rule(4, Ruling::NOT_APPLICABLE);  // a remark
  CHECK(reason() == "RULINGS_INVALID");
  given.clear_rulings();
  rule(1, Ruling::KIND_UNSPECIFIED);
  CHECK(reason() == "RULINGS_INVALID");
  given.clear_rulings();
  given.add_papers()->set_title("Một giấy tờ không có trong danh mục");
  CHECK(reason() == "PAPERS_INVALID");
  given.clear_papers();
  given.clear_basis();
  CHECK(reason() == "TEXT_EMPTY");
}

TEST_CASE("file lists: where no paper is printed the officer states them") {
  Procedure procedure;
  procedure.set_code(kCommuneProcedure);
  *procedure.add_components() = Component(1, "", PrintedComponent::NOTE);
  FileList list = JudgeFileList(procedure, SamplePolicies(), nullptr, {});
  CHECK(list.state() == FileList::UNKNOWN);
  CHECK_FALSE(list.complete());
  CHECK(Summary(list) == "1 SEE_OFFICIAL_PAGE");
  CHECK(FindPaper(list, 1) == nullptr);

  StateFileListRequest given;
  given.set_basis("Trang chính thức, ngày 16/11/2026");
  CHECK(ErrorReason(CleanStatement(procedure, SamplePolicies(), given).status()) ==
        "PAPERS_INVALID");
  // NFC is stored.
  given.add_papers()->set_title("  To\xcc\x9b khai ");
  given.add_papers()->set_title("Ảnh");
  given.mutable_papers(1)->set_copies(2);
  auto stated = CleanStatement(procedure, SamplePolicies(), given);
  REQUIRE(stated.ok());
  list = JudgeFileList(procedure, SamplePolicies(), &*stated, {Paper(1002, "Ảnh", "a")});
  CHECK(list.state() == FileList::STATED);
  CHECK(Summary(list) == "1 SEE_OFFICIAL_PAGE, 1001 MISSING, 1002 PRESENT");
  CHECK(list.supplement_items(0) == "Tơ khai");
  REQUIRE(FindPaper(list, 1002) != nullptr);
  CHECK(FindPaper(list, 1002)->copies() == 2);

  given.mutable_papers(1)->set_copies(100);
  CHECK(ErrorReason(CleanStatement(procedure, SamplePolicies(), given).status()) ==
        "PAPERS_INVALID");
  given.mutable_papers(1)->set_copies(-1);
  CHECK(ErrorReason(CleanStatement(procedure, SamplePolicies(), given).status()) ==
        "PAPERS_INVALID");
  given.clear_papers();
  for (int i = 0; i <= kMaxStatedPapers; ++i) given.add_papers()->set_title("Giấy");
  CHECK(ErrorReason(CleanStatement(procedure, SamplePolicies(), given).status()) ==
        "PAPERS_INVALID");
}

TEST_CASE("file lists: one supplement request holds all that is missing, however much it is") {
  Procedure procedure;
  procedure.set_code(kCommuneProcedure);
  for (int i = 1; i <= 317; ++i) {
    *procedure.add_components() = Component(i, absl::StrCat("Giấy tờ số ", i));
  }
  *procedure.add_components() = Component(318, std::string(900, 'x'));
  const FileList list = JudgeFileList(procedure, SamplePolicies(), nullptr, {});
  CHECK(list.missing() == 318);
  CHECK(list.supplement_items_size() <= kMaxSupplementItems);
  std::string all;
  for (const std::string& line : list.supplement_items()) {
    CHECK(text::Length(line) <= kMaxSupplementItemCharacters);
    all += line + "; ";
  }
  for (int i = 1; i <= 317; ++i) {
    CHECK(all.find(absl::StrCat("Giấy tờ số ", i, ";")) != std::string::npos);
  }
}

TEST_CASE("document policies: a row that is wrong is named") {
  const std::string title = "Quyết định phê duyệt dự án đầu tư";
  const std::string good = absl::StrCat("1.000314,3,", title, ",FROM_STORE,Kho,assumed\n");
  CHECK(PoliciesOf(good)->size() == 1);
  CHECK(PoliciesOf("")->size() == 0);
  for (const std::string& row :
       {absl::StrCat("1.000314,2,", title, ",FROM_STORE,Kho,assumed\n"),
        absl::StrCat("9.999999,3,", title, ",FROM_STORE,Kho,assumed\n"),
        absl::StrCat("1.000314,x,", title, ",FROM_STORE,Kho,assumed\n"),
        absl::StrCat("1.000314,3,", title, ",FREE,Kho,assumed\n"),
        absl::StrCat("1.000314,3,", title, ",FROM_STORE,,assumed\n"),
        absl::StrCat("1.000314,3,", title, ",FROM_STORE,Kho,\n"), good + good}) {
    INFO(row);
    CHECK(ErrorReason(PoliciesOf(row).status()) == "CATALOGUE_INVALID");
  }
}

TEST_CASE("document policies: those of the repository fit its catalogue") {
  const auto policies = DocumentPolicies::Load(SourceFile("deploy/catalog"), TheCatalogue());
  INFO(policies.status());
  REQUIRE(policies.ok());
  CHECK(policies->size() > 20);
}

// Every procedure of the catalogue: the counts, found apart from this code in the CSV file.
TEST_CASE("file lists: all procedures that are settled here") {
  int known = 0, unknown = 0;
  const auto policies = DocumentPolicies::Load(SourceFile("deploy/catalog"), TheCatalogue());
  REQUIRE(policies.ok());
  for (const auto& [code, versions] : TheCatalogue().procedures()) {
    if (versions.back().scope() != Procedure::HERE) continue;
    const FileList list = JudgeFileList(versions.back(), *policies, nullptr, {});
    ++(list.state() == FileList::KNOWN ? known : unknown);
    CHECK(list.supplement_items_size() <= kMaxSupplementItems);
    for (const std::string& line : list.supplement_items()) {
      CHECK(text::Length(line) <= kMaxSupplementItemCharacters);
    }
  }
  CHECK(known == 1931 - 197);
  CHECK(unknown == 197);
}

}  // namespace
}  // namespace lgsp::dossiers
