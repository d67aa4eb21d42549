// Which papers of a procedure need not be handed in, because a database or a store has them: data
// of deploy/catalog, each row with what it rests on. PURE.
#pragma once

#include <string>
#include <utility>

#include "absl/container/btree_map.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "lgsp/dossiers/v1/documents.pb.h"
#include "services/dossiers/catalogue/catalogue.h"

namespace lgsp::dossiers {

// From document_policies.csv: procedure, item, title, policy, source, basis. Immutable.
class DocumentPolicies {
 public:
  // Reads the file in `folder`, and checks it against `catalogue` as it was loaded (with its file
  // lists). NOT_FOUND FILE_MISSING; INVALID_ARGUMENT CSV_INVALID; CATALOGUE_INVALID with file and
  // procedure: an item that is no paper with this title, one given twice, a policy that is not
  // known, no source or basis.
  static absl::StatusOr<DocumentPolicies> Load(absl::string_view folder,
                                               const Catalogue& catalogue);

  // Of an item of a file list; nullptr: the paper is asked for. Numbers move from version to
  // version of a procedure: the title must be that of the row too.
  const lgsp::dossiers::v1::Source* Find(absl::string_view procedure, int item,
                                         absl::string_view title) const;

  size_t size() const { return rows_.size(); }

 private:
  struct Row {
    std::string title;
    lgsp::dossiers::v1::Source source;
  };
  absl::btree_map<std::pair<std::string, int>, Row> rows_;
};

}  // namespace lgsp::dossiers
