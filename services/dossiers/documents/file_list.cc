#include "services/dossiers/documents/file_list.h"

#include <algorithm>
#include <set>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "libs/status/status.h"
#include "libs/text/text.h"
#include "services/dossiers/decisions.h"
#include "services/dossiers/documents/document_errors.h"
#include "services/dossiers/limits.h"

namespace lgsp::dossiers {
namespace {

using lgsp::dossiers::v1::Document;
using lgsp::dossiers::v1::FileList;
using lgsp::dossiers::v1::FileListItem;
using lgsp::dossiers::v1::PrintedComponent;
using lgsp::dossiers::v1::Ruling;
using lgsp::dossiers::v1::Scan;
using lgsp::dossiers::v1::Source;
using lgsp::dossiers::v1::StatedPaper;
using lgsp::dossiers::v1::StateFileListRequest;

// Why a paper is asked for although a source should have it, and why one again that was handed in:
// what the applicant reads.
constexpr char kNotInSource[] = " (không tra cứu được tại: ";
constexpr char kInfected[] = " (tệp đã nộp nhiễm mã độc)";
constexpr char kBetween[] = "; ";

bool IsPaper(const PrintedComponent& component) {
  return component.kind() == PrintedComponent::PAPER && !component.title().empty();
}

// A remark that asks for something, or a paper whose words were left out.
bool IsHidden(const PrintedComponent& component) {
  return !IsPaper(component) && (component.kind() == PrintedComponent::PAPER ||
                                 component.originals() > 0 || component.copies() > 0);
}

// By the words alone, there is no mark in the data: `Giấy tờ phải xuất trình`; `Xuất trình …`,
// where nothing else will do instead.
bool IsShowOnly(const PrintedComponent& component) {
  const std::string title = text::Fold(component.title());
  return absl::StrContains(text::Fold(component.group()), "giay to phai xuat trinh") ||
         (absl::StartsWith(title, "xuat trinh") && !absl::StrContains(title, "hoac"));
}

const Ruling* FindRuling(const StateFileListRequest* stated, int item) {
  if (stated == nullptr) return nullptr;
  for (const Ruling& ruling : stated->rulings()) {
    if (ruling.item() == item) return &ruling;
  }
  return nullptr;
}

FileListItem ToItem(const PrintedComponent& component) {
  FileListItem item;
  item.set_item(component.item());
  item.set_group(component.group());
  item.set_title(component.title());
  item.set_originals(component.originals());
  item.set_copies(component.copies());
  return item;
}

// Puts the documents that claim to be `item` under it; says whether one of them is no paper of the
// applicant's.
bool AddDocuments(const std::vector<Document>& documents, FileListItem& item) {
  bool reused = false;
  for (const Document& document : documents) {
    if (document.item() != item.item() || document.title() != item.title()) continue;
    if (document.scan().state() == Scan::INFECTED) {
      item.add_infected_documents(document.name());
      continue;
    }
    item.add_documents(document.name());
    reused = reused || document.origin() != Document::APPLICANT;
  }
  return reused;
}

void JudgePaper(bool show_only, const Source* source, const Ruling* ruling,
                const std::vector<Document>& documents, FileListItem& item) {
  const bool reused = AddDocuments(documents, item);
  const Ruling::Kind ruled = ruling == nullptr ? Ruling::KIND_UNSPECIFIED : ruling->kind();
  if (source != nullptr) *item.mutable_source() = *source;
  item.set_not_in_source(source != nullptr && ruled == Ruling::NOT_IN_SOURCE);
  if (!item.documents().empty()) {
    item.set_state(reused ? FileListItem::REUSED : FileListItem::PRESENT);
  } else if (ruled == Ruling::NOT_APPLICABLE) {
    item.set_state(FileListItem::NOT_APPLICABLE);
  } else if (show_only) {
    item.set_state(FileListItem::SHOW_ONLY);
  } else if (source == nullptr || item.not_in_source()) {
    item.set_state(FileListItem::MISSING);
  } else {
    item.set_state(source->kind() == Source::DATABASE ? FileListItem::NOT_DEMANDABLE
                                                      : FileListItem::REUSED);
  }
}

// A missing paper as the applicant reads of it.
std::string WordsOf(const FileListItem& item) {
  std::string why;
  if (item.not_in_source()) why = absl::StrCat(kNotInSource, item.source().display_name(), ")");
  if (!item.infected_documents().empty()) why += kInfected;
  const int room = kMaxSupplementItemCharacters - text::Length(why);
  return text::Truncate(item.title(), room) + why;
}

// One line for each paper; where these are more than a request has, several in a line.
void AddSupplementItems(FileList& list) {
  std::vector<std::string> lines;
  for (const FileListItem& item : list.items()) {
    if (item.state() == FileListItem::MISSING) lines.push_back(WordsOf(item));
  }
  const bool joined = lines.size() > static_cast<size_t>(kMaxSupplementItems);
  for (std::string& line : lines) {
    std::string* last =
        list.supplement_items().empty() ? nullptr : &*list.mutable_supplement_items()->rbegin();
    if (joined && last != nullptr &&
        text::Length(*last) + text::Length(line) + 2 <= kMaxSupplementItemCharacters) {
      absl::StrAppend(last, kBetween, line);
    } else {
      list.add_supplement_items(std::move(line));
    }
  }
}

bool NamesPapers(const Procedure& procedure) {
  return std::any_of(procedure.components().begin(), procedure.components().end(), IsPaper);
}

}  // namespace

FileList JudgeFileList(const Procedure& procedure, const DocumentPolicies& policies,
                       const StateFileListRequest* stated, const std::vector<Document>& documents) {
  FileList list;
  for (const PrintedComponent& component : procedure.components()) {
    if (IsPaper(component)) {
      FileListItem& item = *list.add_items() = ToItem(component);
      JudgePaper(IsShowOnly(component),
                 policies.Find(procedure.code(), component.item(), component.title()),
                 FindRuling(stated, component.item()), documents, item);
    } else if (IsHidden(component)) {
      FileListItem& item = *list.add_items() = ToItem(component);
      item.set_state(FileListItem::SEE_OFFICIAL_PAGE);
    }
  }
  list.set_state(NamesPapers(procedure) ? FileList::KNOWN : FileList::UNKNOWN);
  if (stated != nullptr && !stated->papers().empty()) {
    list.set_state(FileList::STATED);
    for (int i = 0; i < stated->papers_size(); ++i) {
      FileListItem& item = *list.add_items();
      item.set_item(kFirstStatedItem + i);
      item.set_title(stated->papers(i).title());
      item.set_originals(stated->papers(i).originals());
      item.set_copies(stated->papers(i).copies());
      JudgePaper(false, nullptr, nullptr, documents, item);
    }
  }
  list.set_missing(static_cast<int32_t>(std::count_if(
      list.items().begin(), list.items().end(),
      [](const FileListItem& item) { return item.state() == FileListItem::MISSING; })));
  list.set_complete(list.state() != FileList::UNKNOWN && list.missing() == 0);
  AddSupplementItems(list);
  return list;
}

const FileListItem* FindPaper(const FileList& list, int item) {
  for (const FileListItem& one : list.items()) {
    if (one.item() == item) return one.title().empty() ? nullptr : &one;
  }
  return nullptr;
}

namespace {

absl::Status CheckRulings(const Procedure& procedure, const DocumentPolicies& policies,
                          const StateFileListRequest& given) {
  if (given.rulings_size() > kMaxRulings) {
    return RulingsInvalid(absl::StrCat("must be at most ", kMaxRulings));
  }
  std::set<int> ruled;
  for (const Ruling& ruling : given.rulings()) {
    const auto component = std::find_if(
        procedure.components().begin(), procedure.components().end(),
        [&](const PrintedComponent& one) { return one.item() == ruling.item() && IsPaper(one); });
    if (component == procedure.components().end() || !ruled.insert(ruling.item()).second) {
      return RulingsInvalid(
          absl::StrCat("item ", ruling.item(), " is no paper of the list, or is ruled on twice"));
    }
    if (!Ruling::Kind_IsValid(ruling.kind()) || ruling.kind() == Ruling::KIND_UNSPECIFIED) {
      return RulingsInvalid("kind must be one of the kinds");
    }
    if (ruling.kind() == Ruling::NOT_IN_SOURCE &&
        policies.Find(procedure.code(), ruling.item(), component->title()) == nullptr) {
      return RulingsInvalid(
          absl::StrCat("item ", ruling.item(), " has no source to be missing in"));
    }
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<StateFileListRequest> CleanStatement(const Procedure& procedure,
                                                    const DocumentPolicies& policies,
                                                    const StateFileListRequest& given) {
  StateFileListRequest cleaned;
  if (NamesPapers(procedure) && !given.papers().empty()) {
    return PapersInvalid("the printed list names the papers: nothing else may be asked for");
  }
  if (!NamesPapers(procedure) &&
      (given.papers().empty() || given.papers_size() > kMaxStatedPapers)) {
    return PapersInvalid(absl::StrCat("must be 1 to ", kMaxStatedPapers));
  }
  for (const StatedPaper& paper : given.papers()) {
    StatedPaper& clean = *cleaned.add_papers() = paper;
    ASSIGN_OR_RETURN(*clean.mutable_title(),
                     CleanText("papers.title", paper.title(), 1, kMaxTitleCharacters));
    if (std::min(paper.originals(), paper.copies()) < 0 ||
        std::max(paper.originals(), paper.copies()) > kMaxPaperCopies) {
      return PapersInvalid(absl::StrCat("originals and copies must be 0 to ", kMaxPaperCopies));
    }
  }
  RETURN_IF_ERROR(CheckRulings(procedure, policies, given));
  *cleaned.mutable_rulings() = given.rulings();
  ASSIGN_OR_RETURN(*cleaned.mutable_basis(),
                   CleanText("basis", given.basis(), 1, kMaxBasisCharacters));
  return cleaned;
}

}  // namespace lgsp::dossiers
