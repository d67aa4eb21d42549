#include "libs/events/kafka_record.h"

#include <map>

#include "absl/strings/escaping.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "google/protobuf/util/time_util.h"
#include "libs/events/outbox.h"
#include "libs/keys/digest.h"
#include "libs/sql/statement_text.h"

namespace lgsp::events {
namespace {

using google::protobuf::util::TimeUtil;
using lgsp::events::v1::Event;
using lgsp::events::v1::FollowResponse;

constexpr char kSpecVersion[] = "1.0";
constexpr char kContentType[] = "application/json";

// Fills `response` from headers that are all there and right.
bool Read(const std::map<std::string, std::string>& headers, const KafkaRecord& record,
          FollowResponse* response) {
  const auto text = [&](const char* name) {
    const auto found = headers.find(name);
    return found == headers.end() ? std::string() : found->second;
  };
  Event* event = response->mutable_event();
  event->set_id(text("ce_id"));
  event->set_source(text("ce_source"));
  event->set_type(text("ce_type"));
  event->set_subject(text("ce_subject"));
  event->set_traceparent(text("ce_traceparent"));
  event->set_data(record.value);
  for (const absl::string_view agency :
       absl::StrSplit(text("ce_audience"), ' ', absl::SkipEmpty())) {
    event->add_audience(std::string(agency));
  }
  int64_t revision = 0;
  uint64_t epoch = 0, n = 0;
  if (text("ce_specversion") != kSpecVersion || text("content-type") != kContentType ||
      event->id().empty() || event->id().size() > kMaxEventIdBytes ||
      event->source().size() > kMaxSourceBytes || event->subject().size() > kMaxSubjectBytes ||
      event->source().empty() || event->type().empty() || event->subject() != record.key ||
      !absl::SimpleAtoi(text("ce_revision"), &revision) ||
      !absl::SimpleAtoi(text("ce_feedepoch"), &epoch) ||
      !absl::SimpleAtoi(text("ce_feedposition"), &n) || epoch == 0 || n == 0 ||
      !TimeUtil::FromString(text("ce_time"), event->mutable_time())) {
    return false;
  }
  event->set_revision(revision);
  response->mutable_position()->set_epoch(epoch);
  response->mutable_position()->set_n(n);
  return true;
}

// The key as text that a database can have as a key, and no other key has the same.
std::string KeyText(const std::string& key) {
  std::string text = absl::CEscape(key);
  if (text.size() <= kMaxSubjectBytes) return text;
  const std::string hash = absl::StrCat("~", keys::Hex(keys::Sha256(key)));
  return absl::StrCat(text.substr(0, kMaxSubjectBytes - hash.size()), hash);
}

// Of a record that is none of ours nothing is trusted, its length neither.
FollowResponse Unreadable(const KafkaRecord& record) {
  FollowResponse response;
  Event* event = response.mutable_event();
  event->set_id(record.place);
  event->set_source(absl::StrCat("//", record.place.substr(0, record.place.find('/'))));
  event->set_subject(KeyText(record.key));
  event->set_data(absl::CEscape(record.value.substr(0, kMaxEventBytes / 4)));
  return response;
}

}  // namespace

KafkaHeaders HeadersOf(const FollowResponse& response) {
  const Event& event = response.event();
  KafkaHeaders headers = {
      {"content-type", kContentType},
      {"ce_specversion", kSpecVersion},
      {"ce_id", event.id()},
      {"ce_source", event.source()},
      {"ce_type", event.type()},
      {"ce_subject", event.subject()},
      {"ce_time", TimeUtil::ToString(event.time())},
      {"ce_revision", absl::StrCat(event.revision())},
      {"ce_feedepoch", absl::StrCat(response.position().epoch())},
      {"ce_feedposition", absl::StrCat(response.position().n())},
  };
  // CloudEvents has no empty attributes.
  if (event.audience_size() > 0) {
    headers.emplace_back("ce_audience", absl::StrJoin(event.audience(), " "));
  }
  if (!event.traceparent().empty()) headers.emplace_back("ce_traceparent", event.traceparent());
  return headers;
}

FollowResponse ResponseOf(const KafkaRecord& record) {
  std::map<std::string, std::string> headers;
  bool is_text = sql::IsText(record.value) && record.value.size() <= kMaxEventBytes;
  size_t header_bytes = 0;
  for (const auto& [name, value] : record.headers) {
    header_bytes += value.size();
    is_text = is_text && sql::IsText(value) && header_bytes <= kMaxEventBytes;
    // A header that is there twice means what nobody knows.
    is_text = headers.emplace(name, value).second && is_text;
  }
  FollowResponse response;
  return is_text && Read(headers, record, &response) ? response : Unreadable(record);
}

}  // namespace lgsp::events
