// An event as a Kafka record and back.
#include "libs/events/kafka_record.h"

#include <algorithm>
#include <catch2/catch.hpp>

#include "absl/strings/match.h"
#include "google/protobuf/util/message_differencer.h"
#include "google/protobuf/util/time_util.h"
#include "libs/events/outbox.h"

namespace lgsp::events {
namespace {

using google::protobuf::util::MessageDifferencer;
using lgsp::events::v1::FollowResponse;

FollowResponse Sample() {
  FollowResponse response;
  response.mutable_position()->set_epoch(281'474'976'710'656);
  response.mutable_position()->set_n(42);
  auto* event = response.mutable_event();
  event->set_id("01981c2e-0000-7000-8000-000000000001");
  event->set_source("//dossiers.lgsp");
  event->set_type("lgsp.dossiers.v1.DossierAccepted");
  event->set_subject("dossiers/01981c2e-0000-7000-8000-000000000002");
  event->set_data(R"({"dossier":"dossiers/a","settlingAgency":"H12.01"})");
  event->set_revision(7);
  event->add_audience("H12.01");
  event->add_audience("H12.50.01");
  event->set_traceparent("00-abc-def-01");
  *event->mutable_time() =
      google::protobuf::util::TimeUtil::MicrosecondsToTimestamp(1'900'000'000'123'456);
  return response;
}

KafkaRecord RecordOf(const FollowResponse& response) {
  return {response.event().subject(), response.event().data(), HeadersOf(response),
          "lgsp.dossiers.v1/2/17"};
}

TEST_CASE("record: the headers are those of the CloudEvents Kafka binding in binary mode") {
  const KafkaHeaders expected = {{"content-type", "application/json"},
                                 {"ce_specversion", "1.0"},
                                 {"ce_id", "01981c2e-0000-7000-8000-000000000001"},
                                 {"ce_source", "//dossiers.lgsp"},
                                 {"ce_type", "lgsp.dossiers.v1.DossierAccepted"},
                                 {"ce_subject", "dossiers/01981c2e-0000-7000-8000-000000000002"},
                                 {"ce_time", "2030-03-17T17:46:40.123456Z"},
                                 {"ce_revision", "7"},
                                 {"ce_feedepoch", "281474976710656"},
                                 {"ce_feedposition", "42"},
                                 {"ce_audience", "H12.01 H12.50.01"},
                                 {"ce_traceparent", "00-abc-def-01"}};
  CHECK(HeadersOf(Sample()) == expected);
}

TEST_CASE("record: an event comes back as it went") {
  FollowResponse response = Sample();
  CHECK(MessageDifferencer::Equals(ResponseOf(RecordOf(response)), response));
  response.mutable_event()->clear_audience();
  response.mutable_event()->clear_traceparent();
  response.mutable_event()->set_data("{\"a\":\"Cà Mau\"}");
  CHECK(MessageDifferencer::Equals(ResponseOf(RecordOf(response)), response));
  // A newer publisher may say more.
  KafkaRecord more = RecordOf(response);
  more.headers.emplace_back("ce_new", "x");
  CHECK(MessageDifferencer::Equals(ResponseOf(more), response));
}

TEST_CASE("record: what is no event of ours can be parked, and says where it was") {
  const auto broken = [](const std::string& header, const std::string& value) {
    KafkaRecord record = RecordOf(Sample());
    for (auto& one : record.headers) {
      if (one.first == header) one.second = value;
    }
    return record;
  };
  std::vector<KafkaRecord> records = {
      {"", "", {}, "t/0/1"},
      {std::string("\xff\0k", 3), std::string("\xff\0v", 3), {}, "t/0/1"},
      {"k", std::string(2 * kMaxEventBytes, '\x01'), {}, "t/0/1"},
      broken("content-type", "application/cloudevents+json"),
      broken("ce_specversion", "0.3"),
      broken("ce_id", ""),
      broken("ce_id", std::string("a\0b", 3)),
      broken("ce_source", ""),
      broken("ce_type", ""),
      broken("ce_type", "\xff"),
      broken("ce_subject", "dossiers/other"),
      broken("ce_time", "yesterday"),
      broken("ce_revision", "x"),
      broken("ce_feedepoch", "0"),
      broken("ce_feedposition", ""),
      broken("ce_feedposition", "-1"),
      broken("ce_id", std::string(kMaxEventIdBytes + 1, 'i')),
      broken("ce_source", std::string(kMaxSourceBytes + 1, 's')),
      broken("ce_audience", std::string(kMaxEventBytes + 1, 'a'))};
  KafkaRecord long_key = RecordOf(Sample());
  long_key.key = std::string(kMaxSubjectBytes + 1, 'k');
  for (auto& [name, value] : long_key.headers) {
    if (name == "ce_subject") value = long_key.key;
  }
  records.push_back(long_key);
  KafkaRecord doubled = RecordOf(Sample());
  doubled.headers.emplace_back("ce_id", "another");
  records.push_back(doubled);
  KafkaRecord not_utf8 = RecordOf(Sample());
  not_utf8.value = "{\"a\":\"\xff\"}";
  records.push_back(not_utf8);
  for (size_t i = 0; i < records.size(); ++i) {
    INFO(i);
    const FollowResponse response = ResponseOf(records[i]);
    CHECK(response.event().type().empty());
    CHECK(response.event().id() == records[i].place);
    CHECK_FALSE(response.has_position());
    // Any text column can hold it, and a list of parked events a page of them.
    FollowResponse again;
    REQUIRE(again.ParseFromString(response.SerializeAsString()));
    CHECK_FALSE(absl::StrContains(response.event().data(), '\0'));
    CHECK(response.ByteSizeLong() < 2 * kMaxEventBytes);
  }
}

TEST_CASE("record: a key of any length and content is one of a database, and no other's") {
  const auto subject = [](const std::string& key) {
    return ResponseOf({key, "", {}, "t/0/1"}).event().subject();
  };
  CHECK(subject("short") == "short");
  CHECK(subject(std::string(kMaxSubjectBytes, 'k')) == std::string(kMaxSubjectBytes, 'k'));
  const std::string long_key(200'000, 'k'), binary(kMaxSubjectBytes, '\xff');
  for (const std::string& key : {long_key, long_key + "k", binary, binary + "\xff"}) {
    CHECK(subject(key).size() == kMaxSubjectBytes);
  }
  CHECK(subject(long_key) != subject(long_key + "k"));
  CHECK(subject(binary) != subject(binary + "\xff"));
}

}  // namespace
}  // namespace lgsp::events
