#include "services/dossiers/part_commands.h"

#include "libs/aip/aip.h"
#include "libs/status/status.h"
#include "services/dossiers/decisions.h"
#include "services/dossiers/documents/document_store.h"

namespace lgsp::dossiers {

absl::StatusOr<LoadedDossier> PartCommands::LoadFor(sql::Transaction& tx,
                                                    const lgsp::auth::v1::Caller& caller,
                                                    const Target& target) const {
  ASSIGN_OR_RETURN(const std::string id, aip::ParseName(target.field, target.dossier, kCollection));
  return parts_.changes->store().Load(tx, id, [&](const Dossier& plain) {
    return Concerns(*parts_.catalogue, caller, plain, parts_.clock->CivilNow());
  });
}

absl::Status PartCommands::Read(
    const rpc::CallContext& call, const Target& target,
    absl::FunctionRef<absl::Status(sql::Transaction&, const LoadedDossier&)> read) const {
  return parts_.db->Read(
      [&](sql::Transaction& tx) -> absl::Status {
        ASSIGN_OR_RETURN(const LoadedDossier loaded, LoadFor(tx, call.caller, target));
        return read(tx, loaded);
      },
      call.deadline);
}

absl::StatusOr<std::string> PartCommands::Run(const rpc::CallContext& call, absl::Time deadline,
                                              const durable::Command& command, const Target& target,
                                              Decide decide) const {
  std::string answer;
  RETURN_IF_ERROR(parts_.db->Run(
      [&](sql::Transaction& tx) -> absl::Status {
        ASSIGN_OR_RETURN(const LoadedDossier loaded, LoadFor(tx, call.caller, target));
        // Before the look for the answer: the same command, under way in another process, has ended
        // then.
        RETURN_IF_ERROR(HoldDossier(tx, loaded.dossier.name(), loaded.dossier.revision()));
        ASSIGN_OR_RETURN(const auto first, durable::FindAnswer(tx, *parts_.subject_keys, command));
        if (first.has_value()) {
          answer = *first;
          return absl::OkStatus();
        }
        ASSIGN_OR_RETURN(answer, decide(tx, loaded, parts_.clock->CivilNow()));
        return durable::SaveAnswer(tx, command, loaded.dossier.name(), loaded.key, answer,
                                   parts_.clock->SecurityNow());
      },
      deadline));
  parts_.committed();
  return answer;
}

}  // namespace lgsp::dossiers
