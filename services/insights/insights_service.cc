#include "services/insights/insights_service.h"

#include "absl/strings/str_cat.h"
#include "absl/time/civil_time.h"
#include "libs/aip/aip.h"
#include "libs/clock/clock.h"
#include "libs/events/consumer.h"
#include "libs/rpc/server.h"
#include "libs/status/status.h"
#include "services/insights/dossier_counts.h"

namespace lgsp::insights {
namespace {

constexpr int kStandardPageSize = 100;
constexpr int kLargestPageSize = 1000;

absl::Status CheckDay(absl::string_view field, const std::string& day) {
  if (day.empty()) return absl::OkStatus();
  absl::CivilDay parsed;
  // Days are compared as text: a year of five digits would be before all others.
  if (absl::ParseCivilTime(day, &parsed) && FormatDay(parsed) == day && parsed.year() > 0 &&
      parsed.year() < 10'000) {
    return absl::OkStatus();
  }
  return MakeFieldError("DAY_INVALID", field, "must be a day as YYYY-MM-DD");
}

}  // namespace

grpc::Status InsightsService::ListDossierCounts(
    grpc::ServerContext* context, const lgsp::insights::v1::ListDossierCountsRequest* request,
    lgsp::insights::v1::ListDossierCountsResponse* response) {
  return rpc::Unary(context, [&](const rpc::CallContext& call) -> absl::Status {
    RETURN_IF_ERROR(CheckDay("first_day", request->first_day()));
    RETURN_IF_ERROR(CheckDay("last_day", request->last_day()));
    ASSIGN_OR_RETURN(const int size,
                     aip::PageSize(request->page_size(), kStandardPageSize, kLargestPageSize));
    const std::string filters =
        absl::StrCat(request->agency(), "\n", request->first_day(), "\n", request->last_day());
    std::vector<std::string> after = {"", "", ""};
    if (!request->page_token().empty()) {
      ASSIGN_OR_RETURN(after, aip::ParsePageToken(request->page_token(), 3, filters));
    }
    return db_->Read(
        [&](sql::Transaction& tx) -> absl::Status {
          ASSIGN_OR_RETURN(auto counts, ReadCounts(tx, *request, after, size + 1));
          ASSIGN_OR_RETURN(const auto position, events::ConsumerPosition(tx, kConsumer));
          response->set_position(position.n());
          const bool more = static_cast<int>(counts.size()) > size;
          if (more) counts.pop_back();
          for (auto& count : counts) response->add_counts()->Swap(&count);
          if (more) {
            const auto& last = response->counts(response->counts_size() - 1);
            response->set_next_page_token(
                aip::MakePageToken({last.agency(), last.state(), last.day()}, filters));
          }
          return absl::OkStatus();
        },
        call.deadline);
  });
}

}  // namespace lgsp::insights
