// Types by content: what is allowed, what only looks so, and that pieces do not matter.
#include "services/dossiers/documents/document_type.h"

#include <catch2/catch.hpp>
#include <vector>

#include "absl/strings/str_cat.h"
#include "services/dossiers/documents/document_samples_test.h"

namespace lgsp::dossiers {
namespace {

using lgsp::dossiers::v1::Document;

Document::Type TypeOf(absl::string_view content, size_t piece = 1 << 16) {
  DocumentTypeFinder finder;
  for (size_t at = 0; at < content.size(); at += piece) finder.Update(content.substr(at, piece));
  const Document::Type type = finder.Find();
  // What is found was never impossible.
  if (type != Document::TYPE_UNSPECIFIED) CHECK(finder.Possible());
  return type;
}

constexpr Document::Type kNone = Document::TYPE_UNSPECIFIED;

TEST_CASE("document types: found by the content, in whatever pieces it comes") {
  const std::vector<std::pair<std::string, Document::Type>> samples = {
      {SamplePdf(100), Document::PDF},
      {SamplePdf(3 << 20), Document::PDF},
      {absl::StrCat("\xff\xd8\xff\xe0", std::string(500, 'j')), Document::JPEG},
      {absl::StrCat("\x89PNG\r\n\x1a\n", std::string(4, '\0'), "IHDR", std::string(300, 'p'),
                    "IEND\xae\x42\x60\x82"),
       Document::PNG},
      // Refused, whatever is missing after the first bytes.
      {"\x89PNG\r\n\x1a\n", Document::TYPE_UNSPECIFIED},
      {absl::StrCat("\x89PNG\r\n\x1a\n", "abc"), Document::TYPE_UNSPECIFIED},
      {absl::StrCat(std::string("II*\0", 4), std::string(100, 't')), Document::TIFF},
      {absl::StrCat(std::string("MM\0*", 4), std::string(100, 't')), Document::TIFF},
      {SampleZip({"[Content_Types].xml", "_rels/.rels", "word/document.xml"}), Document::DOCX},
      {SampleZip({"word/document.xml", "[Content_Types].xml"}), Document::DOCX},
      {SampleZip({"[Content_Types].xml", "xl/workbook.xml"}), Document::XLSX},
      {SampleZip({"mimetype", "content.xml"}, "application/vnd.oasis.opendocument.text"),
       Document::ODT},
      {"\xef\xbb\xbf<?xml version=\"1.0\"?><a><Signature "
       "xmlns=\"http://www.w3.org/2000/09/xmldsig#\"/></a>",
       Document::SIGNED_XML}};
  for (const auto& [content, type] : samples) {
    for (const size_t piece : {size_t{1 << 16}, size_t{1000}}) {
      INFO(Document::Type_Name(type) << ' ' << piece);
      CHECK(TypeOf(content, piece) == type);
    }
  }
  CHECK(TypeOf(samples[2].first, 1) == Document::JPEG);
}

TEST_CASE("document types: the tail is that of the content, however long it is") {
  // The end of the first is found, the end that stands too early is not.
  const std::string body(DocumentTypeFinder::kTailBytes * 3, 'x');
  CHECK(TypeOf(absl::StrCat("%PDF-1.7\n", body, "%%EOF\n"), 12345) == Document::PDF);
  CHECK(TypeOf(absl::StrCat("%PDF-1.7\n%%EOF\n", body), 12345) == kNone);
}

TEST_CASE("document types: what is not allowed, is cut off or only begins well is none") {
  const std::string docx = SampleZip({"[Content_Types].xml", "word/document.xml"});
  const std::vector<std::string> samples = {
      "", "%PDF-1.7 without an end", "plain text", "<html><script>alert(1)</script></html>",
      "MZ\x90",
      "\x7f"
      "ELF",
      "#!/bin/sh\nrm -rf ~\n", "GIF89a....", "<?xml version=\"1.0\"?><svg/>", " %PDF-1.7\n%%EOF",
      SampleZip({"a.txt"}), SampleZip({"[Content_Types].xml", "ppt/presentation.xml"}),
      // Macros.
      SampleZip({"[Content_Types].xml", "word/document.xml", "word/vbaProject.bin"}),
      SampleZip({"mimetype", "content.xml", "Basic/Standard/Module1.xml"},
                "application/vnd.oasis.opendocument.text"),
      SampleZip({"mimetype", "content.xml"}, "application/epub+zip"),
      docx.substr(0, docx.size() - 10), docx.substr(0, docx.size() / 2),
      docx + std::string(70'000, 'x'), "PK\x05\x06",
      absl::StrCat("PK\x03\x04", std::string(40, 'z'), "PK\x05\x06", std::string(18, '\xff'))};
  for (const std::string& content : samples) {
    INFO(content.substr(0, 40));
    CHECK(TypeOf(content) == kNone);
    CHECK(TypeOf(content, 7) == kNone);
  }
}

TEST_CASE("document types: what cannot become one is known after its first bytes") {
  DocumentTypeFinder finder;
  CHECK(finder.Possible());
  finder.Update("MZ\x90\x01");
  CHECK(finder.Possible());
  finder.Update("1234567");
  CHECK_FALSE(finder.Possible());
}

}  // namespace
}  // namespace lgsp::dossiers
