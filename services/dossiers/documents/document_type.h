// PURE: what a document is, by its content; what its sender calls it does not count.
#pragma once

#include <string>

#include "absl/strings/string_view.h"
#include "lgsp/dossiers/v1/documents.pb.h"

namespace lgsp::dossiers {

// Looks at content while it streams by; keeps its head and its tail.
class DocumentTypeFinder {
 public:
  void Update(absl::string_view content);

  // False as soon as nothing that could still come would make it an allowed type.
  bool Possible() const;

  // After all of it; TYPE_UNSPECIFIED: not allowed, or not whole.
  lgsp::dossiers::v1::Document::Type Find() const;

  // What is looked at: beginnings are short, but the directory of an office document stands at its
  // end, with 50 to 150 bytes for each of its parts, and so does a signature.
  static constexpr size_t kHeadBytes = 4 << 10;
  static constexpr size_t kTailBytes = 256 << 10;

 private:
  absl::string_view Tail() const;

  std::string head_;
  // The last of all the content, at most twice kTailBytes.
  std::string tail_;
};

}  // namespace lgsp::dossiers
