#include "services/gateway/evidence_records.h"

#include "libs/clock/timestamp.h"

namespace lgsp::gateway {
namespace {

using lgsp::evidence::v1::Intent;
using lgsp::evidence::v1::Outcome;
using lgsp::evidence::v1::Record;

constexpr size_t kUsualBytes = 512;

// A message on its way into bytes: what is empty or zero is left out, as proto3 does.
class Writer {
 public:
  Writer() { out_.reserve(kUsualBytes); }

  void Number(int field, uint64_t value) {
    if (value == 0) return;
    Varint(static_cast<uint64_t>(field) << 3);
    Varint(value);
  }
  void Bytes(int field, absl::string_view value) {
    if (!value.empty()) Message(field, value);
  }
  // There also when it is empty.
  void Message(int field, absl::string_view value) {
    Varint(static_cast<uint64_t>(field) << 3 | 2);
    Varint(value.size());
    out_.append(value.data(), value.size());
  }
  void Time(int field, absl::Time time) {
    const google::protobuf::Timestamp stamp = ToTimestamp(time);
    Writer bytes;
    bytes.Number(stamp.kSecondsFieldNumber, static_cast<uint64_t>(stamp.seconds()));
    bytes.Number(stamp.kNanosFieldNumber, static_cast<uint64_t>(stamp.nanos()));
    Message(field, bytes.out_);
  }
  const std::string& bytes() const { return out_; }

 private:
  void Varint(uint64_t value) {
    while (value >= 0x80) {
      out_.push_back(static_cast<char>(value | 0x80));
      value >>= 7;
    }
    out_.push_back(static_cast<char>(value));
  }

  std::string out_;
};

std::string RecordOf(int field, const Writer& message) {
  Writer record;
  record.Message(field, message.bytes());
  return record.bytes();
}

}  // namespace

std::string IntentRecord(const IntentParts& parts) {
  Writer intent;
  intent.Bytes(Intent::kExchangeIdFieldNumber, parts.exchange_id);
  intent.Time(Intent::kTimeFieldNumber, parts.time);
  intent.Message(Intent::kCallerFieldNumber, parts.caller);
  intent.Bytes(Intent::kPathFieldNumber, parts.path);
  intent.Bytes(Intent::kTraceparentFieldNumber, parts.traceparent);
  intent.Bytes(Intent::kHeadSha256FieldNumber, parts.head_sha256);
  return RecordOf(Record::kIntentFieldNumber, intent);
}

std::string OutcomeRecord(const OutcomeParts& parts) {
  Writer outcome;
  outcome.Bytes(Outcome::kExchangeIdFieldNumber, parts.exchange_id);
  outcome.Time(Outcome::kTimeFieldNumber, parts.time);
  outcome.Number(Outcome::kEndFieldNumber, static_cast<uint64_t>(parts.end));
  outcome.Number(Outcome::kGrpcStatusFieldNumber, static_cast<uint64_t>(parts.grpc_status));
  outcome.Bytes(Outcome::kReasonFieldNumber, parts.reason);
  outcome.Bytes(Outcome::kRequestSha256FieldNumber, parts.request_sha256);
  outcome.Number(Outcome::kRequestBytesFieldNumber, static_cast<uint64_t>(parts.request_bytes));
  outcome.Bytes(Outcome::kResponseSha256FieldNumber, parts.response_sha256);
  outcome.Number(Outcome::kResponseBytesFieldNumber, static_cast<uint64_t>(parts.response_bytes));
  outcome.Number(Outcome::kHttpStatusFieldNumber, static_cast<uint64_t>(parts.http_status));
  return RecordOf(Record::kOutcomeFieldNumber, outcome);
}

}  // namespace lgsp::gateway
