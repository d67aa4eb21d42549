// Contents of documents for tests.
#pragma once

#include <string>
#include <vector>

#include "absl/strings/string_view.h"

namespace lgsp::dossiers {

// `size` bytes or a few more, random but for beginning and end.
std::string SamplePdf(size_t size);

// A ZIP archive with these parts, not compressed; the first has `first_content`.
std::string SampleZip(const std::vector<std::string>& names, absl::string_view first_content = "x");

}  // namespace lgsp::dossiers
