// Small documents as offices hand them in: real files, each different, the same ones for an id.
#pragma once

#include <string>

#include "absl/strings/string_view.h"

namespace lgsp::cli {

enum class PaperForm { kPdf, kPng, kDocx };

// `id`: of letters, digits and hyphens; it stands in the content.
std::string PaperContent(PaperForm form, absl::string_view id);

// `.pdf`, `.png`, `.docx`
absl::string_view PaperSuffix(PaperForm form);

}  // namespace lgsp::cli
