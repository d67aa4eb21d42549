// What is uploaded and typed for documents and results.
#include <string>

#include "libs/status/status.h"
#include "services/dossiers/documents/document_type.h"
#include "services/dossiers/limits.h"
#include "services/dossiers/results/verification_code.h"
#include "tests/fuzz/targets.h"

namespace lgsp::fuzz {

bool DocumentType(absl::string_view input) {
  using lgsp::dossiers::v1::Document;
  dossiers::DocumentTypeFinder whole, pieces;
  whole.Update(input);
  for (const char& byte : input) pieces.Update(absl::string_view(&byte, 1));
  Promise(whole.Find() == pieces.Find(), "whatever the pieces, the type is the same");
  const bool found = whole.Find() != Document::TYPE_UNSPECIFIED;
  Promise(!found || whole.Possible(), "what is found was possible");
  return found;
}

bool VerificationCode(absl::string_view input) {
  const auto code = dossiers::CleanVerificationCode(input);
  if (!code.ok()) {
    Promise(ErrorReason(code.status()) == "VERIFICATION_CODE_INVALID", "one reason");
    return false;
  }
  Promise(code->size() == dossiers::kVerificationCodeLength + 3, "length");
  Promise(Has(dossiers::CleanVerificationCode(*code), *code), "clean is clean");
  return true;
}

}  // namespace lgsp::fuzz
