#include "tools/lgsp/journey/paper_content.h"

#include <catch2/catch.hpp>
#include <string>

#include "absl/strings/match.h"

namespace lgsp::cli {
namespace {

TEST_CASE("papers: each is of its id, whole, and the same whenever it is made") {
  const PaperForm form = GENERATE(PaperForm::kPdf, PaperForm::kPng, PaperForm::kDocx);
  const std::string content = PaperContent(form, "journey-1-2");
  CHECK(content == PaperContent(form, "journey-1-2"));
  CHECK(content != PaperContent(form, "journey-1-3"));
  CHECK(absl::StrContains(content, "journey-1-2"));
}

TEST_CASE("papers: a PDF ends with the place of its table, which names each object's") {
  const std::string pdf = PaperContent(PaperForm::kPdf, "one");
  CHECK(absl::StartsWith(pdf, "%PDF-1.7\n"));
  const size_t table = pdf.rfind("xref\n0 6\n");
  CHECK(absl::EndsWith(pdf, "startxref\n" + std::to_string(table) + "\n%%EOF\n"));
  constexpr size_t kHeadBytes = 9, kRowBytes = 20;
  for (size_t object = 1; object <= 5; ++object) {
    const size_t row = table + kHeadBytes + object * kRowBytes;
    const size_t at = std::stoul(pdf.substr(row, 10));
    CHECK(absl::StartsWith(pdf.substr(at, 16), std::to_string(object) + " 0 obj\n"));
  }
  // More than a message carries.
  CHECK(pdf.size() > 64 << 10);
}

TEST_CASE("papers: sums of PNG chunks and ZIP parts are those of the standard") {
  const std::string png = PaperContent(PaperForm::kPng, "one");
  CHECK(absl::StartsWith(png, "\x89PNG\r\n\x1a\n"));
  // The sum of an empty IEND is in every PNG there is.
  CHECK(absl::EndsWith(png, "IEND\xae\x42\x60\x82"));
  const std::string docx = PaperContent(PaperForm::kDocx, "one");
  CHECK(absl::StartsWith(docx, "PK\x03\x04"));
  CHECK(docx.substr(docx.size() - 22, 4) == "PK\x05\x06");
  CHECK(absl::StrContains(docx, "[Content_Types].xml"));
  CHECK(absl::StrContains(docx, "word/document.xml"));
}

}  // namespace
}  // namespace lgsp::cli
