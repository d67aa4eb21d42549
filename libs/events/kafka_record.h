// PURE: an event as a Kafka record, by the CloudEvents Kafka protocol binding in binary mode: the
// data is the value, everything else a header `ce_…`; the key is the subject. Ours beside those of
// CloudEvents: ce_revision, ce_audience (codes separated by blanks), ce_feedepoch and
// ce_feedposition (the place in the publisher's feed).
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"
#include "lgsp/events/v1/feed.pb.h"

namespace lgsp::events {

using KafkaHeaders = std::vector<std::pair<std::string, std::string>>;

KafkaHeaders HeadersOf(const lgsp::events::v1::FollowResponse& response);

// A record as it was read.
struct KafkaRecord {
  std::string key, value;
  KafkaHeaders headers;
  // `<topic>/<partition>/<offset>`
  std::string place;
};

// The event of a record. One that is no event of ours (a header missing or not what it should be)
// becomes an event without type, with its place as id and its key as subject (what is too long for
// a database's key as its beginning and a hash), so that it can be parked.
lgsp::events::v1::FollowResponse ResponseOf(const KafkaRecord& record);

}  // namespace lgsp::events
