// What commands on parts of dossiers share - documents, file lists, results, each an aggregate of
// its own: one transaction, in which the dossier stays as it was when the command was decided.
#pragma once

#include <functional>
#include <string>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "google/protobuf/message.h"
#include "lgsp/auth/v1/caller.pb.h"
#include "libs/durable/commands.h"
#include "libs/durable/subject_keys.h"
#include "libs/rpc/server.h"
#include "libs/sql/sql.h"
#include "services/dossiers/dossier_changes.h"

namespace lgsp::dossiers {

// Stateless but for what it is made of; thread-safe.
class PartCommands {
 public:
  // All outlive it. `committed` is called when events may have been added.
  struct Parts {
    sql::Database* db;
    const durable::SubjectKeys* subject_keys;
    const Catalogue* catalogue;
    const Clock* clock;
    const DossierChanges* changes;
    std::function<void()> committed;
  };
  // Which dossier, and in whose course.
  struct Target {
    absl::string_view field;
    // As given: `dossiers/x` of whatever was named.
    std::string dossier;
  };
  using Decide = absl::FunctionRef<absl::StatusOr<std::string>(
      sql::Transaction&, const LoadedDossier& loaded, absl::Time now)>;

  explicit PartCommands(Parts parts) : parts_(std::move(parts)) {}

  // Runs a command in one transaction: repeated → its first answer; else `decide`, whose answer is
  // kept.
  absl::StatusOr<std::string> Run(const rpc::CallContext& call, absl::Time deadline,
                                  const durable::Command& command, const Target& target,
                                  Decide decide) const;

  // The dossier, when it concerns the caller; else as if there were none.
  absl::StatusOr<LoadedDossier> LoadFor(sql::Transaction& tx, const lgsp::auth::v1::Caller& caller,
                                        const Target& target) const;

  // The same, in a transaction of its own, with what `read` makes of it.
  absl::Status Read(
      const rpc::CallContext& call, const Target& target,
      absl::FunctionRef<absl::Status(sql::Transaction&, const LoadedDossier&)> read) const;

  const Parts& parts() const { return parts_; }

 private:
  const Parts parts_;
};

}  // namespace lgsp::dossiers
