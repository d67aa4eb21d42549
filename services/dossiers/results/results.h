// PURE: what commands and signatures make of results.
#pragma once

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "lgsp/dossiers/v1/documents.pb.h"
#include "lgsp/dossiers/v1/results.pb.h"
#include "services/dossiers/decisions.h"

namespace lgsp::dossiers {

using lgsp::dossiers::v1::Result;

// What a command on results finds.
struct ResultCase {
  const Dossier& dossier;
  // All of the dossier, oldest first.
  const std::vector<Result>& results;
};

// The result that an order makes, all but its name: SIGNING, revision 1. `document` is the one
// named. Errors as at SignResult.
absl::StatusOr<Result> DecideSignResult(const Situation& situation, const ResultCase& before,
                                        const lgsp::dossiers::v1::SignResultRequest& request,
                                        const lgsp::dossiers::v1::Document& document);

// Errors as at RevokeResult, but for the etag.
absl::Status DecideRevokeResult(const Situation& situation, const ResultCase& before,
                                const lgsp::dossiers::v1::RevokeResultRequest& request,
                                Result& result);

// What became of an order.
struct SignatureOutcome {
  // OK: `signer` and `signature` are those of `result`.
  absl::Status status;
  lgsp::dossiers::v1::Signer signer;
  std::string signature;
};
// Records it in a result that is SIGNING: SIGNED with `code`, REFUSED, FAILED; REVOKED when the
// dossier ended without a result meanwhile, or is settled by another agency.
void DecideSignature(const SignatureOutcome& outcome, absl::string_view code,
                     const Dossier& dossier, absl::Time now, Result& result);

// `result` stands no more: `by` does, which is SIGNED and names it.
void DecideReplaced(const Result& by, absl::Time now, Result& result);

// The dossier ended without a result: one that was SIGNED before has no effect.
void DecideDossierEnded(absl::Time now, Result& result);
// Whether it has, with this.
bool EndsResults(Dossier::State state);

// Its signature has not come yet.
bool IsUnderWay(const Result& result);

}  // namespace lgsp::dossiers
