// The facts about results that are made known.
#pragma once

#include <memory>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "google/protobuf/message.h"
#include "lgsp/dossiers/v1/results.pb.h"
#include "services/dossiers/dossier_changes.h"

namespace lgsp::dossiers {

// PURE: the event of the change that led `result` to its state, at `now`.
std::unique_ptr<google::protobuf::Message> MakeResultEvent(
    const lgsp::dossiers::v1::Result& result, const lgsp::dossiers::v1::Dossier& dossier,
    absl::Time now);

// Publishes it.
absl::Status TellOfResult(sql::Transaction& tx, const DossierChanges& changes,
                          const lgsp::dossiers::v1::Result& result, absl::string_view traceparent,
                          absl::Time now, const LoadedDossier& loaded);

}  // namespace lgsp::dossiers
