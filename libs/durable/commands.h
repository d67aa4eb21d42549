// Commands that may be repeated: one request_id, one effect, one answer.
#pragma once

#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "google/protobuf/message.h"
#include "libs/durable/subject_keys.h"
#include "libs/sql/sql.h"

namespace lgsp::durable {

// How long a repetition gets the first answer.
inline constexpr absl::Duration kAnswerLifetime = absl::Hours(7 * 24);
// Expired answers deleted in one transaction.
inline constexpr int kMaxDeletedAnswers = 1000;

// A command as received.
struct Command {
  // Who sent it: request ids are unique within one caller.
  std::string caller;
  std::string request_id;
  // SHA-256 of method and request.
  std::string fingerprint;
};

// `request` is fingerprinted as it was received: before text is normalised.
Command MakeCommand(absl::string_view caller, absl::string_view request_id,
                    absl::string_view method, const google::protobuf::Message& request);

// The stored answer when this command took effect already; nothing when it is new. ABORTED
// REQUEST_ID_REUSED when the id was used with another request. NOT_FOUND DATA_KEY_ERASED when its
// subject was erased.
absl::StatusOr<std::optional<std::string>> FindAnswer(sql::Transaction& tx,
                                                      const SubjectKeys& subject_keys,
                                                      const Command& command);

// Keeps the answer, in the transaction of the effect. `key` is the data key of `subject`, `now`
// security time: a caller that repeats itself does so by the machine's clock. Two at once: the
// later one meets RevisionConflict(), is run again and finds the answer of the first.
absl::Status SaveAnswer(sql::Transaction& tx, const Command& command, absl::string_view subject,
                        const keys::DataKey& key, absl::string_view answer, absl::Time now);

// Deletes the answers that have expired by security time, in transactions of at most
// kMaxDeletedAnswers.
absl::Status DeleteExpiredAnswers(sql::Database& db, absl::Time now);

}  // namespace lgsp::durable
