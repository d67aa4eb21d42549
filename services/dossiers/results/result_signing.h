// From an order to a signed result: the outward call, the verification of what comes, its record.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "lgsp/dossiers/v1/results.pb.h"
#include "lgsp/national/v1/signing.pb.h"
#include "libs/durable/calls.h"
#include "libs/sql/sql.h"
#include "services/dossiers/part_commands.h"
#include "services/dossiers/results/signing_trust.h"

namespace lgsp::dossiers {

// Kind of the outward calls.
inline constexpr char kResultSignatureKind[] = "result-signature";

// How the calls are made.
durable::CallWorker::Options ResultSigningOptions();

// Orders the signature of a new result, in the transaction that stores it.
absl::Status OrderSignature(sql::Transaction& tx, const lgsp::dossiers::v1::Result& result,
                            const LoadedDossier& loaded, const Clock& clock);

// Makes the calls that OrderSignature stored, and records what came of them. Thread-safe.
class ResultSigning {
 public:
  // As SigningClient::SignDigest.
  using Ask = std::function<absl::StatusOr<std::string>(
      const lgsp::national::v1::SignDigestRequest& request, const std::string& dossier,
      absl::Time deadline)>;

  // All outlive it.
  ResultSigning(const PartCommands* commands, SigningTrust* trust, Ask ask)
      : commands_(*commands), trust_(*trust), ask_(std::move(ask)) {}

  // A Result with `signer` and `signature`, verified. Reasons: those of signing.proto, of
  // keys::VerifyCms; FAILED_PRECONDITION SIGNER_WRONG, SIGNATURE_OVERDUE (not given within
  // kLongestSigning).
  absl::StatusOr<std::string> Perform(const durable::Call& call, absl::Time deadline);

  // Saves the result and what follows from it: the replaced one stands no more, the dossier is
  // SIGNED.
  absl::Status Record(sql::Transaction& tx, const durable::Call& call,
                      const durable::Outcome& outcome) const;

 private:
  absl::Status SignDossier(sql::Transaction& tx, const lgsp::dossiers::v1::Result& result,
                           absl::Time now, LoadedDossier& loaded) const;
  absl::Status EndReplaced(sql::Transaction& tx, const lgsp::dossiers::v1::Result& by,
                           absl::Time now, const LoadedDossier& loaded) const;

  const PartCommands& commands_;
  SigningTrust& trust_;
  const Ask ask_;
};

// The two in a worker; everything given outlives it.
std::unique_ptr<durable::CallWorker> MakeSigningWorker(ResultSigning* signing,
                                                       const PartCommands::Parts& parts,
                                                       metrics::Registry* metrics);

}  // namespace lgsp::dossiers
