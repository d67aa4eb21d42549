#include "services/national/portal_sync.h"

#include <set>
#include <utility>

#include "absl/cleanup/cleanup.h"
#include "libs/status/status.h"
#include "libs/text/text.h"
#include "services/national/errors.h"
#include "services/national/limits.h"

namespace lgsp::national {
namespace {

using nlohmann::ordered_json;
using Written = PortalClient::Written;

// A value of a look-up as we would have sent it: 2 and "2" are the same, null and absent are "".
std::string TextOf(const ordered_json& object, const std::string& name) {
  const auto value = object.find(name);
  if (value == object.end() || value->is_null()) return "";
  if (value->is_string()) return value->get<std::string>();
  return value->dump(-1, ' ', false, ordered_json::error_handler_t::replace);
}

bool SameField(const ordered_json& item, const ordered_json& stored, const std::string& name) {
  const ordered_json& wanted = item[name];
  if (!wanted.is_array()) return TextOf(stored, name) == wanted.get_ref<const std::string&>();
  const auto value = stored.find(name);
  if (value == stored.end() || value->is_null()) return wanted.empty();
  return *value == wanted;
}

// The names of what we send and the portal has otherwise.
std::vector<std::string> DifferingFields(const ordered_json& item, const ordered_json& stored) {
  std::vector<std::string> names;
  for (const auto& [name, value] : item.items()) {
    if (!SameField(item, stored, name)) names.push_back(name);
  }
  return names;
}

// What a row is known by, within one dossier.
std::pair<std::string, std::string> KeyOf(const ordered_json& row) {
  return {TextOf(row, "TrangThai"), TextOf(row, "ThoiDiemXuLy")};
}

}  // namespace

absl::Status CheckSameCase(const PortalDossier& desired,
                           const std::optional<PortalDossier>& stored) {
  const bool filed_there = !TextOf(desired.item, "MaHoSoDonVi").empty();
  if (!filed_there) return absl::OkStatus();
  if (!stored.has_value()) return PortalNumberUnknown();
  const auto both = [&](const char* field) {
    return std::make_pair(text::Fold(TextOf(desired.item, field)),
                          text::Fold(TextOf(stored->item, field)));
  };
  const auto [wanted_id, stored_id] = both("SoGiayToChuHoSo");
  const auto [wanted_name, stored_name] = both("ChuHoSo");
  const bool same_person =
      wanted_id.empty() || stored_id.empty() ? wanted_name == stored_name : wanted_id == stored_id;
  const bool same_procedure = TextOf(desired.item, "MaTTHC") == TextOf(stored->item, "MaTTHC");
  return same_person && same_procedure ? absl::OkStatus() : PortalNumberOfAnother();
}

Plan Decide(const PortalDossier& desired, const std::optional<PortalDossier>& stored) {
  Plan plan;
  std::set<std::pair<std::string, std::string>> known;
  if (!stored.has_value()) {
    plan.item = Plan::Item::kInsert;
  } else {
    if (!DifferingFields(desired.item, stored->item).empty()) plan.item = Plan::Item::kUpdate;
    for (const ordered_json& row : stored->progress) known.insert(KeyOf(row));
  }
  for (const ordered_json& row : desired.progress) {
    if (known.insert(KeyOf(row)).second) plan.missing.push_back(row);
  }
  return plan;
}

v1::CompareDossierResponse Compare(const PortalDossier& desired,
                                   const std::optional<PortalDossier>& stored) {
  v1::CompareDossierResponse response;
  response.set_missing(!stored.has_value());
  response.set_other_case(stored.has_value() && !CheckSameCase(desired, stored).ok());
  if (response.other_case()) return response;
  response.set_progress_rows_missing(static_cast<int32_t>(Decide(desired, stored).missing.size()));
  if (response.missing()) return response;
  for (const std::string& name : DifferingFields(desired.item, stored->item)) {
    response.add_fields(name);
  }
  std::set<std::pair<std::string, std::string>> known;
  for (const ordered_json& row : desired.progress) known.insert(KeyOf(row));
  // One that stands there twice is one.
  std::set<std::pair<std::string, std::string>> unknown;
  for (const ordered_json& row : stored->progress) {
    if (!known.contains(KeyOf(row))) unknown.insert(KeyOf(row));
  }
  response.set_progress_rows_unknown(static_cast<int32_t>(unknown.size()));
  return response;
}

absl::StatusOr<v1::SyncDossierResponse> PortalSync::SyncAlone(const PortalDossier& desired,
                                                              absl::string_view number,
                                                              absl::Time deadline) {
  v1::SyncDossierResponse response;
  PortalClient::Attempt attempt{.deadline = deadline};
  for (int round = 0; round < kMaxRounds; ++round) {
    ASSIGN_OR_RETURN(const auto stored, client_->LookUp(attempt, number));
    RETURN_IF_ERROR(CheckSameCase(desired, stored));
    const Plan plan = Decide(desired, stored);
    if (plan.item != Plan::Item::kNothing) {
      const bool insert = plan.item == Plan::Item::kInsert;
      ASSIGN_OR_RETURN(const Written written, insert ? client_->Insert(attempt, desired.item)
                                                     : client_->Update(attempt, desired.item));
      if (written == Written::kOvertaken) continue;
      response.set_inserted(response.inserted() || insert);
      response.set_updated(response.updated() || !insert);
    }
    if (plan.missing.empty()) return response;
    ASSIGN_OR_RETURN(const Written written, client_->AddProgress(attempt, plan.missing));
    if (written == Written::kOvertaken) continue;
    response.set_progress_rows_added(response.progress_rows_added() +
                                     static_cast<int32_t>(plan.missing.size()));
    // A row sets the dossier's status too. An old one that was missing has set it back: once more.
    if (plan.missing.back()["TrangThai"] == desired.item["TrangThaiHoSo"]) return response;
  }
  return OutcomeUnknown("it keeps saying that it holds something else");
}

absl::Status PortalSync::AwaitTurn(const std::string& number, absl::Time deadline) {
  const absl::MutexLock lock(&mutex_);
  const auto free = [&] { return !busy_.contains(number); };
  if (!mutex_.AwaitWithDeadline(absl::Condition(&free), deadline)) {
    return PortalUnavailable("an earlier call for this dossier is under way");
  }
  busy_.insert(number);
  return absl::OkStatus();
}

void PortalSync::EndTurn(const std::string& number) {
  const absl::MutexLock lock(&mutex_);
  busy_.erase(number);
}

absl::StatusOr<v1::SyncDossierResponse> PortalSync::Sync(const PortalDossier& desired,
                                                         absl::Time deadline) {
  const std::string number = TextOf(desired.item, "MaHoSo");
  RETURN_IF_ERROR(AwaitTurn(number, deadline));
  const auto done = absl::MakeCleanup([&] { EndTurn(number); });
  return SyncAlone(desired, number, deadline);
}

absl::StatusOr<v1::CompareDossierResponse> PortalSync::Compare(const PortalDossier& desired,
                                                               absl::Time deadline) {
  const std::string number = TextOf(desired.item, "MaHoSo");
  // What a sync has half done is no difference.
  RETURN_IF_ERROR(AwaitTurn(number, deadline));
  const auto done = absl::MakeCleanup([&] { EndTurn(number); });
  PortalClient::Attempt attempt{.deadline = deadline};
  ASSIGN_OR_RETURN(const auto stored, client_->LookUp(attempt, number));
  return national::Compare(desired, stored);
}

}  // namespace lgsp::national
