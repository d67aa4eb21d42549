// The papers of a planned dossier, and its signed result.
#pragma once

#include <functional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "tools/lgsp/journey/patience.h"
#include "tools/lgsp/journey/plan.pb.h"
#include "tools/lgsp/journey/platform_client.h"

namespace lgsp::cli {

// FAILED_PRECONDITION: what was added is not what is there.
inline constexpr char kPaperWrong[] = "JOURNEY_PAPER_WRONG";

// Of one dossier. As every request of a journey, each is repeated as it is until its outcome is
// known; its id and content follow from those of the step.
class Papers {
 public:
  // The first paper of an earlier dossier, by its number; without a name when it had none.
  using EarlierPaper = std::function<absl::StatusOr<AddedDocument>(int number)>;

  // All outlive it.
  Papers(PlatformClient* client, Patience* patience, EarlierPaper earlier)
      : client_(*client), patience_(*patience), earlier_(std::move(earlier)) {}

  // Adds the papers that `step` begins with. Where the list names none, the officer states one.
  // Called for every step in order, also those that were taken before a crash: the same papers are
  // added then, by the same requests.
  absl::Status Add(const std::string& dossier, const PlannedStep& step);

  // Reads the file list as the officer who accepts: each paper that was added stands under its
  // item.
  absl::Status Check(const std::string& dossier, const PlannedStep& step);

  // What is missing, in the words of a supplement request; may be nothing.
  absl::StatusOr<std::vector<std::string>> Missing(const std::string& dossier,
                                                   const PlannedStep& step);

  // Has a result signed, as step.sign_result() says, and waits until it is; reads its content back,
  // and asks by its code whether it stands.
  absl::Status Sign(const std::string& dossier, const PlannedStep& step);

  // What these have added, in order.
  const std::vector<AddedDocument>& documents() const { return documents_; }

 private:
  absl::StatusOr<dossiers::v1::FileList> ListOf(const std::string& dossier,
                                                const PlannedStep& step);
  absl::StatusOr<dossiers::v1::FileList> StatedListOf(const std::string& dossier,
                                                      const PlannedStep& step);
  absl::Status Reuse(const std::string& dossier, const PlannedStep& step,
                     const dossiers::v1::FileList& list);
  absl::StatusOr<dossiers::v1::Document> Upload(const dossiers::v1::UploadHead& head,
                                                const std::string& content,
                                                const PlannedStep& step);
  absl::Status Added(const dossiers::v1::Document& document, const std::string& sha256,
                     const std::string& source);
  absl::StatusOr<dossiers::v1::Result> WaitForSignature(const std::string& result);
  absl::Status CheckResult(const dossiers::v1::Result& result, const std::string& content);

  PlatformClient& client_;
  Patience& patience_;
  const EarlierPaper earlier_;
  std::vector<AddedDocument> documents_;
  // Items that have their paper.
  std::set<int> supplied_;
};

}  // namespace lgsp::cli
