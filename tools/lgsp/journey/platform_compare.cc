#include "tools/lgsp/journey/platform_compare.h"

#include <iterator>
#include <map>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "libs/keys/digest.h"
#include "libs/status/status.h"

namespace lgsp::cli {
namespace {

using dossiers::v1::Dossier;

constexpr int kDossiersPerPage = 200;
constexpr int kCountsPerPage = 1000;
// Of so many dossiers one document is read.
constexpr int kReadEvery = 5;
// The plan and the platform may have clocks of their own.
constexpr absl::Duration kClockSkew = absl::Minutes(5);

// A dossier as listed.
struct Listed {
  std::string name;
  Dossier::State state;
  dossiers::v1::Applicant applicant;
};
using ListedBySubject = std::multimap<std::string, Listed>;

absl::StatusOr<ListedBySubject> ListSince(absl::Time since, PlatformClient* client,
                                          Patience* patience) {
  ListedBySubject listed;
  dossiers::v1::ListDossiersRequest request;
  request.set_page_size(kDossiersPerPage);
  do {
    ASSIGN_OR_RETURN(const auto page, patience->Repeat([&] {
      return client->Call(&dossiers::v1::Dossiers::Stub::ListDossiers, request);
    }));
    for (const Dossier& dossier : page.dossiers()) {
      // Newest first: what follows is older still.
      if (ToTime(dossier.submit_time()) < since) return listed;
      listed.insert({dossier.subject(), {dossier.name(), dossier.state(), dossier.applicant()}});
    }
    request.set_page_token(page.next_page_token());
  } while (!request.page_token().empty());
  return listed;
}

// What the registers of persons and of organisations know them by.
bool IsSame(const dossiers::v1::Applicant& one, const dossiers::v1::Applicant& other) {
  const auto authorised = [](const dossiers::v1::Applicant& applicant) {
    return applicant.authorisations_size();
  };
  return one.kind() == other.kind() && one.id_number() == other.id_number() &&
         one.full_name() == other.full_name() && one.nationality() == other.nationality() &&
         one.birth_date().year() == other.birth_date().year() &&
         one.representative().id_number() == other.representative().id_number() &&
         authorised(one) == authorised(other) &&
         one.co_applicants_size() == other.co_applicants_size();
}

}  // namespace

std::vector<Difference> Unfinished(const Plan& plan, const std::vector<Outcome>& outcomes) {
  std::vector<Difference> differences;
  for (const PlannedDossier& planned : plan.dossiers) {
    const Outcome& outcome = outcomes[static_cast<size_t>(planned.number() - 1)];
    if (outcome.ended && outcome.synced) continue;
    const std::string who =
        outcome.name.empty() ? absl::StrCat("dossier ", planned.number()) : outcome.name;
    differences.push_back(
        {Difference::Kind::kStuck, planned.number(),
         absl::StrCat(who, outcome.ended ? " is not at the portal: " : " has not ended: ",
                      outcome.trouble.empty() ? "no time left" : outcome.trouble)});
  }
  return differences;
}

absl::StatusOr<std::vector<Difference>> CompareWithList(const Plan& plan,
                                                        const std::vector<Outcome>& outcomes,
                                                        PlatformClient* client,
                                                        Patience* patience) {
  ASSIGN_OR_RETURN(const ListedBySubject listed,
                   ListSince(ToTime(plan.header.made()) - kClockSkew, client, patience));
  std::vector<Difference> differences;
  for (const PlannedDossier& planned : plan.dossiers) {
    const Outcome& outcome = outcomes[static_cast<size_t>(planned.number() - 1)];
    const auto [first, last] = listed.equal_range(planned.steps(0).submit().subject());
    const auto times = std::distance(first, last);
    if (times > 1 || (outcome.ended && times == 0)) {
      differences.push_back({Difference::Kind::kLost, planned.number(),
                             absl::StrCat("list: dossier ", planned.number(), " ", outcome.name,
                                          " is there ", times, " times")});
    }
    if (!outcome.ended || times != 1) continue;
    if (first->second.name != outcome.name || first->second.state != planned.end()) {
      differences.push_back({Difference::Kind::kLost, planned.number(),
                             absl::StrCat("list: ", first->second.name, " is ",
                                          Dossier::State_Name(first->second.state), " instead of ",
                                          outcome.name, " ", Dossier::State_Name(planned.end()))});
    }
    if (!IsSame(first->second.applicant, planned.steps(0).submit().applicant())) {
      differences.push_back({Difference::Kind::kLost, planned.number(),
                             absl::StrCat("list: ", outcome.name, " is of another applicant")});
    }
  }
  return differences;
}

absl::StatusOr<std::vector<Difference>> CompareContents(const std::vector<EndedPapers>& ended,
                                                        PlatformClient* client, Patience* patience,
                                                        int* read) {
  std::vector<Difference> differences;
  for (const EndedPapers& papers : ended) {
    if (papers.number % kReadEvery != 0 || papers.documents.empty()) continue;
    const AddedDocument& document = papers.documents.back();
    const auto content = patience->Repeat([&] { return client->Download(document.name()); });
    if (content.ok() && keys::Hex(keys::Sha256(*content)) == document.sha256()) {
      ++*read;
      continue;
    }
    if (!content.ok() && MayRepeat(content.status())) return content.status();
    differences.push_back(
        {Difference::Kind::kLost, papers.number,
         absl::StrCat("content: ", document.name(),
                      content.ok()
                          ? " is not what was added"
                          : absl::StrCat(" is not given out: ", ErrorReason(content.status())))});
  }
  return differences;
}

absl::StatusOr<Counts> ListCounts(PlatformClient* client, Patience* patience) {
  Counts counts;
  insights::v1::ListDossierCountsRequest request;
  request.set_page_size(kCountsPerPage);
  do {
    ASSIGN_OR_RETURN(const auto page, patience->Repeat([&] {
      return client->Call(&insights::v1::Insights::Stub::ListDossierCounts, request);
    }));
    for (const insights::v1::DossierCount& count : page.counts()) {
      counts[{count.agency(), count.state(), count.day()}] += count.count();
    }
    request.set_page_token(page.next_page_token());
  } while (!request.page_token().empty());
  return counts;
}

}  // namespace lgsp::cli
