#include "libs/durable/subject_keys.h"

#include "libs/status/status.h"

namespace lgsp::durable {

absl::StatusOr<keys::DataKey> SubjectKeys::Create(sql::Transaction& tx,
                                                  absl::string_view subject) const {
  keys::DataKey key = keys::KeyRing::NewDataKey();
  keys::WrappedKey wrapped = ring_.Wrap(key, subject);
  RETURN_IF_ERROR(
      tx.Execute(
            "INSERT INTO data_keys (subject, kek_id, sealed) VALUES (:subject, :kek_id, :sealed)",
            {{"subject", subject},
             {"kek_id", wrapped.kek_id},
             {"sealed", sql::Bytes{std::move(wrapped.sealed)}}})
          .status());
  return key;
}

absl::StatusOr<keys::DataKey> SubjectKeys::Get(sql::Transaction& tx,
                                               absl::string_view subject) const {
  ASSIGN_OR_RETURN(const sql::Result found,
                   tx.Execute("SELECT kek_id, sealed FROM data_keys WHERE subject = :subject",
                              {{"subject", subject}}));
  if (found.rows.empty()) {
    return MakeError(absl::StatusCode::kNotFound, "DATA_KEY_ERASED",
                     "the personal data of this subject was erased", {{"subject", subject}});
  }
  return ring_.Unwrap({found.rows[0].Text(0), found.rows[0].Blob(1)}, subject);
}

}  // namespace lgsp::durable
