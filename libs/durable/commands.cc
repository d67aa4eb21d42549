#include "libs/durable/commands.h"

#include "absl/strings/str_cat.h"
#include "google/protobuf/io/coded_stream.h"
#include "google/protobuf/io/zero_copy_stream_impl_lite.h"
#include "libs/keys/digest.h"
#include "libs/status/status.h"

namespace lgsp::durable {
namespace {

constexpr size_t kFingerprintBytes = 32;

std::string Context(const Command& command) {
  return absl::StrCat("request_records\n", command.caller, "\n", command.request_id);
}

// Field order and map order fixed, so that equal messages have equal bytes.
std::string DeterministicBytes(const google::protobuf::Message& message) {
  std::string bytes;
  google::protobuf::io::StringOutputStream stream(&bytes);
  google::protobuf::io::CodedOutputStream coded(&stream);
  coded.SetSerializationDeterministic(true);
  message.SerializeToCodedStream(&coded);
  coded.Trim();
  return bytes;
}

}  // namespace

Command MakeCommand(absl::string_view caller, absl::string_view request_id,
                    absl::string_view method, const google::protobuf::Message& request) {
  return {std::string(caller), std::string(request_id),
          keys::Sha256(absl::StrCat(method, "\n", DeterministicBytes(request)))};
}

absl::StatusOr<std::optional<std::string>> FindAnswer(sql::Transaction& tx,
                                                      const SubjectKeys& subject_keys,
                                                      const Command& command) {
  ASSIGN_OR_RETURN(const sql::Result found,
                   tx.Execute("SELECT subject, answer FROM request_records "
                              "WHERE caller = :caller AND request_id = :request_id",
                              {{"caller", command.caller}, {"request_id", command.request_id}}));
  if (found.rows.empty()) return std::nullopt;
  ASSIGN_OR_RETURN(const keys::DataKey key, subject_keys.Get(tx, found.rows[0].Text(0)));
  ASSIGN_OR_RETURN(std::string opened, keys::Open(key, found.rows[0].Blob(1), Context(command)));
  if (opened.substr(0, kFingerprintBytes) != command.fingerprint) {
    return MakeError(absl::StatusCode::kAborted, "REQUEST_ID_REUSED",
                     "this request_id was used with another request",
                     {{"request_id", command.request_id}});
  }
  return opened.substr(kFingerprintBytes);
}

absl::Status SaveAnswer(sql::Transaction& tx, const Command& command, absl::string_view subject,
                        const keys::DataKey& key, absl::string_view answer, absl::Time now) {
  const auto saved = tx.Execute(
      "INSERT INTO request_records (caller, request_id, subject, answer, expire_time) "
      "VALUES (:caller, :request_id, :subject, :answer, :expire_time) "
      "ON CONFLICT (caller, request_id) DO NOTHING",
      {{"caller", command.caller},
       {"request_id", command.request_id},
       {"subject", subject},
       {"answer",
        sql::Bytes{keys::Seal(key, absl::StrCat(command.fingerprint, answer), Context(command))}},
       {"expire_time", now + kAnswerLifetime}});
  RETURN_IF_ERROR(saved.status());
  return saved->changed == 1 ? absl::OkStatus() : sql::RevisionConflict();
}

absl::Status DeleteExpiredAnswers(sql::Database& db, absl::Time now) {
  int64_t deleted = 0;
  do {
    RETURN_IF_ERROR(db.Run([&](sql::Transaction& tx) -> absl::Status {
      ASSIGN_OR_RETURN(const sql::Result result,
                       tx.Execute("DELETE FROM request_records WHERE (caller, request_id) IN "
                                  "(SELECT caller, request_id FROM request_records "
                                  "WHERE expire_time <= :now ORDER BY expire_time LIMIT :limit)",
                                  {{"now", now}, {"limit", kMaxDeletedAnswers}}));
      deleted = result.changed;
      return absl::OkStatus();
    }));
  } while (deleted == kMaxDeletedAnswers);
  return absl::OkStatus();
}

}  // namespace lgsp::durable
