#include "services/insights/dossier_counts.h"

#include "absl/strings/strip.h"
#include "absl/time/time.h"
#include "google/protobuf/util/json_util.h"
#include "google/protobuf/util/time_util.h"
#include "lgsp/dossiers/v1/events.pb.h"
#include "libs/clock/clock.h"
#include "libs/status/status.h"

namespace lgsp::insights {
namespace {

namespace dossier_events = lgsp::dossiers::v1;
using google::protobuf::util::TimeUtil;
using lgsp::events::v1::Event;
using lgsp::insights::v1::DossierCount;

// Sorts after every day.
constexpr char kLastDay[] = "9999-12-31";

// Reads `event` as a T; `state` is what it leads to and `time` the field that says when.
template <typename T>
absl::StatusOr<std::optional<StateEntered>> Read(const Event& event, absl::string_view state,
                                                 const google::protobuf::Timestamp& (T::*time)()
                                                     const) {
  T data;
  google::protobuf::util::JsonParseOptions options;
  options.ignore_unknown_fields = true;  // a newer publisher may say more
  const bool read = google::protobuf::util::JsonStringToMessage(event.data(), &data, options).ok();
  const int64_t micros = TimeUtil::TimestampToMicroseconds((data.*time)());
  if (!read || data.settling_agency().empty() || micros == 0) {
    return MakeError(absl::StatusCode::kDataLoss, "EVENT_UNREADABLE",
                     "the event is not what its type says", {{"type", event.type()}});
  }
  return StateEntered{data.settling_agency(), std::string(state),
                      FormatDay(VietnamDay(absl::FromUnixMicros(micros)))};
}

}  // namespace

absl::StatusOr<std::optional<StateEntered>> ReadEvent(const Event& event) {
  using namespace dossier_events;  // NOLINT: the events of one package
  absl::string_view type = event.type();
  if (!absl::ConsumePrefix(&type, "lgsp.dossiers.v1.Dossier")) return std::nullopt;
  if (type == "Submitted") return Read(event, "SUBMITTED", &DossierSubmitted::submit_time);
  if (type == "Accepted") return Read(event, "ACCEPTED", &DossierAccepted::accept_time);
  if (type == "Completed") return Read(event, "COMPLETED", &DossierCompleted::complete_time);
  if (type == "Returned") return Read(event, "RETURNED", &DossierReturned::return_time);
  if (type == "Rejected") return Read(event, "REJECTED", &DossierRejected::reject_time);
  if (type == "Withdrawn") return Read(event, "WITHDRAWN", &DossierWithdrawn::withdraw_time);
  if (type == "Stopped") return Read(event, "STOPPED", &DossierStopped::stop_time);
  if (type == "Expired") return Read(event, "EXPIRED", &DossierExpired::expire_time);
  // The ways between acceptance and result are not counted.
  return std::nullopt;
}

absl::Status CountEvent(sql::Transaction& tx, const Event& event) {
  ASSIGN_OR_RETURN(const auto entered, ReadEvent(event));
  if (!entered.has_value()) return absl::OkStatus();
  return tx
      .Execute(
          "INSERT INTO dossier_counts (agency, state, day, count) VALUES (:agency, :state, :day, "
          "1) "
          "ON CONFLICT (agency, state, day) DO UPDATE SET count = dossier_counts.count + 1",
          {{"agency", entered->agency}, {"state", entered->state}, {"day", entered->day}})
      .status();
}

absl::StatusOr<std::vector<DossierCount>> ReadCounts(
    sql::Transaction& tx, const lgsp::insights::v1::ListDossierCountsRequest& request,
    const std::vector<std::string>& after, int limit) {
  ASSIGN_OR_RETURN(
      const sql::Result found,
      tx.Execute("SELECT agency, state, day, count FROM dossier_counts "
                 "WHERE (:agency = '' OR agency = :agency) AND day >= :first AND day <= :last "
                 "AND (agency, state, day) > (:after_agency, :after_state, :after_day) "
                 "ORDER BY agency, state, day LIMIT :limit",
                 {{"agency", request.agency()},
                  {"first", request.first_day()},
                  {"last", request.last_day().empty() ? kLastDay : request.last_day()},
                  {"after_agency", after[0]},
                  {"after_state", after[1]},
                  {"after_day", after[2]},
                  {"limit", limit}}));
  std::vector<DossierCount> counts;
  for (const sql::Row& row : found.rows) {
    DossierCount& count = counts.emplace_back();
    count.set_agency(row.Text(0));
    count.set_state(row.Text(1));
    count.set_day(row.Text(2));
    count.set_count(row.Int(3));
  }
  return counts;
}

}  // namespace lgsp::insights
