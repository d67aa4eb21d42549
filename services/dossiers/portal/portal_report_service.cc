#include "services/dossiers/portal/portal_report_service.h"

#include <algorithm>
#include <array>
#include <limits>
#include <vector>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "libs/aip/aip.h"
#include "libs/auth/auth.h"
#include "libs/clock/timestamp.h"
#include "libs/log/log.h"
#include "libs/status/status.h"
#include "services/dossiers/documents/document_store.h"
#include "services/dossiers/limits.h"
#include "services/dossiers/portal/portal_report_errors.h"
#include "services/dossiers/portal/portal_report_store.h"
#include "services/dossiers/portal/portal_sync.h"

namespace lgsp::dossiers {
namespace {

using lgsp::dossiers::v1::CompareWithPortalRequest;
using lgsp::dossiers::v1::CompareWithPortalResponse;
using lgsp::dossiers::v1::PortalSync;
using lgsp::dossiers::v1::PortalTotals;
using lgsp::dossiers::v1::RepairPortalCopyRequest;
using lgsp::dossiers::v1::RepairPortalCopyResponse;

// Which dossiers, and where to go on: the totals so far go with it.
struct Page {
  PortalSync::State state;
  int64_t before = std::numeric_limits<int64_t>::max();
  ToldDossier after;
  PortalTotals totals;
  std::string filters;
  int size = 0;
};

// A page token: the place, and the totals.
constexpr size_t kTokenParts = 6;
constexpr int64_t kLargestTotal = int64_t{1} << 53;

absl::Status TakeToken(const std::string& token, Page& page) {
  ASSIGN_OR_RETURN(const auto parts, aip::ParsePageToken(token, kTokenParts, page.filters));
  page.after.name = parts[1];
  std::array<int64_t, 4> totals = {};
  bool numbers = absl::SimpleAtoi(parts[0], &page.after.submit_time);
  for (size_t i = 0; i < totals.size(); ++i) {
    numbers = absl::SimpleAtoi(parts[i + 2], &totals[i]) && totals[i] >= 0 &&
              totals[i] <= kLargestTotal && numbers;
  }
  if (!numbers) return MakeFieldError("PAGE_TOKEN_INVALID", "page_token", "is not of this list");
  page.totals.set_dossiers(totals[0]);
  page.totals.set_different(totals[1]);
  page.totals.set_not_compared(totals[2]);
  page.totals.set_erased(totals[3]);
  return absl::OkStatus();
}

std::string MakeToken(const ToldDossier& last, const PortalTotals& totals,
                      const std::string& filters) {
  return aip::MakePageToken({absl::StrCat(last.submit_time), last.name,
                             absl::StrCat(totals.dossiers()), absl::StrCat(totals.different()),
                             absl::StrCat(totals.not_compared()), absl::StrCat(totals.erased())},
                            filters);
}

absl::StatusOr<Page> PageOf(const CompareWithPortalRequest& request) {
  Page page;
  page.state = request.state();
  const bool known = page.state == PortalSync::STATE_UNSPECIFIED ||
                     page.state == PortalSync::PENDING || page.state == PortalSync::SYNCED ||
                     page.state == PortalSync::FAILED;
  if (!known) return PortalStateInvalid();
  if (!IsValid(request.submitted_from())) return TimeRangeInvalid("submitted_from", "is no time");
  if (!IsValid(request.submitted_before())) {
    return TimeRangeInvalid("submitted_before", "is no time");
  }
  if (request.has_submitted_from()) {
    page.after.submit_time = sql::Micros(ToTime(request.submitted_from()));
  }
  if (request.has_submitted_before()) {
    page.before = sql::Micros(ToTime(request.submitted_before()));
  }
  if (page.after.submit_time >= page.before) {
    return TimeRangeInvalid("submitted_before", "must be later than submitted_from");
  }
  page.filters = absl::StrCat(page.state, "\n", page.after.submit_time, "\n", page.before);
  ASSIGN_OR_RETURN(page.size,
                   aip::PageSize(request.page_size(), kComparisonsPage, kLargestComparisonsPage));
  if (!request.page_token().empty()) RETURN_IF_ERROR(TakeToken(request.page_token(), page));
  return page;
}

// Whether the reason is the dossier's own, and others can be compared nevertheless.
bool OfTheDossier(const Finding& finding) {
  return finding.failure.ok() || finding.erased || absl::IsInvalidArgument(finding.failure) ||
         absl::IsDataLoss(finding.failure);
}

absl::Status AddFindings(std::vector<Finding>& findings, CompareWithPortalResponse& response) {
  if (std::none_of(findings.begin(), findings.end(), OfTheDossier)) return findings[0].failure;
  PortalTotals& totals = *response.mutable_totals();
  for (Finding& finding : findings) {
    totals.set_dossiers(totals.dossiers() + 1);
    if (finding.erased) {
      totals.set_erased(totals.erased() + 1);
      continue;
    }
    if (finding.difference.kinds().empty()) continue;
    if (finding.failure.ok()) {
      totals.set_different(totals.different() + 1);
    } else {
      totals.set_not_compared(totals.not_compared() + 1);
    }
    response.add_differences()->Swap(&finding.difference);
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status PortalReportService::AwaitTurn(absl::Time deadline) {
  const absl::MutexLock lock(&mutex_);
  const auto free = [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return !comparing_; };
  if (!mutex_.AwaitWithDeadline(absl::Condition(&free), deadline)) return ComparisonsUnderWay();
  comparing_ = true;
  return absl::OkStatus();
}

void PortalReportService::EndTurn() {
  const absl::MutexLock lock(&mutex_);
  comparing_ = false;
}

grpc::Status PortalReportService::CompareWithPortal(grpc::ServerContext* context,
                                                    const CompareWithPortalRequest* request,
                                                    CompareWithPortalResponse* response) {
  return rpc::Unary(context, [&](const rpc::CallContext& call) -> absl::Status {
    return request->dossier().empty() ? ComparePage(call, *request, *response)
                                      : CompareOne(call, request->dossier(), *response);
  });
}

absl::Status PortalReportService::CompareOne(const rpc::CallContext& call, const std::string& name,
                                             CompareWithPortalResponse& response) {
  ASSIGN_OR_RETURN(const std::string id, aip::ParseName("dossier", name, kCollection));
  std::vector<Finding> found = comparison_.CompareAll({id}, call.deadline - kComparisonAnswerTime);
  if (found.empty()) return NoTimeToCompare();
  return AddFindings(found, response);
}

absl::Status PortalReportService::ComparePage(const rpc::CallContext& call,
                                              const CompareWithPortalRequest& request,
                                              CompareWithPortalResponse& response) {
  ASSIGN_OR_RETURN(const Page page, PageOf(request));
  const absl::Time deadline = call.deadline - kComparisonAnswerTime;
  RETURN_IF_ERROR(AwaitTurn(deadline));
  const auto done = absl::MakeCleanup([this] { EndTurn(); });
  std::vector<ToldDossier> told;
  RETURN_IF_ERROR(parts_.db->Read(
      [&](sql::Transaction& tx) -> absl::Status {
        // One more than is compared tells whether there is another page.
        ASSIGN_OR_RETURN(told,
                         ListToldDossiers(tx, page.state, page.before, page.after, page.size + 1));
        return absl::OkStatus();
      },
      call.deadline));
  *response.mutable_totals() = page.totals;
  if (told.empty()) return absl::OkStatus();
  std::vector<std::string> ids;
  for (size_t i = 0; i < std::min(told.size(), static_cast<size_t>(page.size)); ++i) {
    ids.push_back(IdOf(told[i].name));
  }
  std::vector<Finding> found = comparison_.CompareAll(ids, deadline);
  if (found.empty()) return NoTimeToCompare();
  RETURN_IF_ERROR(AddFindings(found, response));
  if (found.size() < told.size()) {
    response.set_next_page_token(
        MakeToken(told[found.size() - 1], response.totals(), page.filters));
  }
  return absl::OkStatus();
}

grpc::Status PortalReportService::RepairPortalCopy(grpc::ServerContext* context,
                                                   const RepairPortalCopyRequest* request,
                                                   RepairPortalCopyResponse* response) {
  return rpc::Unary(
      context, [&](const rpc::CallContext& call) { return Repair(call, *request, *response); });
}

absl::Status PortalReportService::Repair(const rpc::CallContext& call,
                                         const RepairPortalCopyRequest& request,
                                         RepairPortalCopyResponse& response) {
  if (!auth::IsOfficerId(request.operator_id())) return OperatorInvalid();
  ASSIGN_OR_RETURN(const std::string id, aip::ParseName("dossier", request.dossier(), kCollection));
  PortalRepair repair;
  repair.id = NewUuid(*parts_.clock);
  repair.system = call.caller.system();
  repair.operator_id = request.operator_id();
  repair.traceparent = call.traceparent;
  RETURN_IF_ERROR(parts_.db->Run(
      [&](sql::Transaction& tx) -> absl::Status {
        ASSIGN_OR_RETURN(const LoadedDossier loaded, parts_.store->Load(tx, id));
        repair.dossier = loaded.dossier.name();
        repair.revision = loaded.dossier.revision();
        RETURN_IF_ERROR(HoldDossier(tx, repair.dossier, repair.revision));
        ASSIGN_OR_RETURN(repair.ordered, RepeatPortalSync(tx, *parts_.catalogue, *parts_.store,
                                                          loaded, *parts_.clock));
        return SaveRepair(tx, repair, parts_.clock->CivilNow());
      },
      call.deadline));
  parts_.committed();
  response.set_ordered(repair.ordered);
  log::Info("portal copy: an operator's command", {{"action", "REPAIR"},
                                                   {"audit", repair.id},
                                                   {"dossier", repair.dossier},
                                                   {"revision", repair.revision},
                                                   {"ordered", repair.ordered ? "yes" : "no"},
                                                   {"system", repair.system}});
  return absl::OkStatus();
}

}  // namespace lgsp::dossiers
