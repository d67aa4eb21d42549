#include "tools/lgsp/journey/paper_content.h"

#include <cstdint>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace lgsp::cli {
namespace {

// More than one message of an upload carries.
constexpr size_t kPdfPaddingBytes = 70 << 10;

std::string BigEndian(uint32_t value) {
  std::string bytes;
  for (int shift = 24; shift >= 0; shift -= 8) bytes.push_back(static_cast<char>(value >> shift));
  return bytes;
}

std::string LittleEndian(uint32_t value, int size) {
  std::string bytes;
  for (int i = 0; i < size; ++i) bytes.push_back(static_cast<char>(value >> (8 * i)));
  return bytes;
}

// CRC-32 of PNG and ZIP (ISO 3309).
uint32_t Crc32(absl::string_view data) {
  constexpr uint32_t kPolynomial = 0xedb88320;
  uint32_t crc = 0xffffffff;
  for (const char c : data) {
    crc ^= static_cast<uint8_t>(c);
    for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1) ^ ((crc & 1) != 0 ? kPolynomial : 0);
  }
  return ~crc;
}

uint32_t Adler32(absl::string_view data) {
  constexpr uint32_t kModulus = 65521;
  uint32_t a = 1, b = 0;
  for (const char c : data) {
    a = (a + static_cast<uint8_t>(c)) % kModulus;
    b = (b + a) % kModulus;
  }
  return b << 16 | a;
}

std::string Pdf(absl::string_view id) {
  const std::string text = absl::StrCat("BT /F1 12 Tf 72 720 Td (", id, ") Tj ET\n%",
                                        std::string(kPdfPaddingBytes, '.'), "\n");
  const std::vector<std::string> objects = {
      "<< /Type /Catalog /Pages 2 0 R >>", "<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
      "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 4 0 R "
      "/Resources << /Font << /F1 5 0 R >> >> >>",
      absl::StrCat("<< /Length ", text.size(), " >>\nstream\n", text, "endstream"),
      "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>"};
  std::string pdf = "%PDF-1.7\n";
  std::string table = absl::StrCat("xref\n0 ", objects.size() + 1, "\n0000000000 65535 f \n");
  for (size_t i = 0; i < objects.size(); ++i) {
    absl::StrAppendFormat(&table, "%010d 00000 n \n", pdf.size());
    absl::StrAppend(&pdf, i + 1, " 0 obj\n", objects[i], "\nendobj\n");
  }
  const size_t at = pdf.size();
  return absl::StrCat(pdf, table, "trailer\n<< /Size ", objects.size() + 1,
                      " /Root 1 0 R >>\nstartxref\n", at, "\n%%EOF\n");
}

std::string Chunk(absl::string_view type, absl::string_view data) {
  const std::string body = absl::StrCat(type, data);
  return absl::StrCat(BigEndian(static_cast<uint32_t>(data.size())), body, BigEndian(Crc32(body)));
}

// Eight by eight in grey.
std::string Png(absl::string_view id) {
  constexpr uint32_t kSide = 8;
  std::string rows;
  for (uint32_t y = 0; y < kSide; ++y) {
    rows.push_back('\0');
    for (uint32_t x = 0; x < kSide; ++x) rows.push_back(static_cast<char>(16 * (x + y)));
  }
  const auto size = static_cast<uint32_t>(rows.size());
  // One stored block of deflate in a zlib frame.
  const std::string pixels = absl::StrCat("\x78\x01\x01", LittleEndian(size, 2),
                                          LittleEndian(~size, 2), rows, BigEndian(Adler32(rows)));
  const std::string header =
      absl::StrCat(BigEndian(kSide), BigEndian(kSide), std::string("\x08\0\0\0\0", 5));
  const std::string text = absl::StrCat(std::string("Comment\0", 8), id);
  return absl::StrCat("\x89PNG\r\n\x1a\n", Chunk("IHDR", header), Chunk("tEXt", text),
                      Chunk("IDAT", pixels), Chunk("IEND", ""));
}

// The parts, stored as they are.
std::string Zip(const std::vector<std::pair<std::string, std::string>>& parts) {
  std::string zip, directory;
  for (const auto& [name, content] : parts) {
    const auto size = static_cast<uint32_t>(content.size());
    // Version 2.0, no flags, stored, 1 January 1980; no extra field.
    const std::string described =
        absl::StrCat(LittleEndian(20, 2), LittleEndian(0, 2), LittleEndian(0, 2),
                     LittleEndian(0, 2), LittleEndian(33, 2), LittleEndian(Crc32(content), 4),
                     LittleEndian(size, 4), LittleEndian(size, 4),
                     LittleEndian(static_cast<uint32_t>(name.size()), 2), LittleEndian(0, 2));
    absl::StrAppend(&directory, "PK\x01\x02", LittleEndian(20, 2), described,
                    // No comment, first disk, no attributes.
                    std::string(10, '\0'), LittleEndian(static_cast<uint32_t>(zip.size()), 4),
                    name);
    absl::StrAppend(&zip, "PK\x03\x04", described, name, content);
  }
  const auto count = static_cast<uint32_t>(parts.size());
  return absl::StrCat(zip, directory, "PK\x05\x06", LittleEndian(0, 4), LittleEndian(count, 2),
                      LittleEndian(count, 2),
                      LittleEndian(static_cast<uint32_t>(directory.size()), 4),
                      LittleEndian(static_cast<uint32_t>(zip.size()), 4), LittleEndian(0, 2));
}

std::string Docx(absl::string_view id) {
  constexpr char kHead[] = "<?xml version=\"1.0\" encoding=\"UTF-8\" standalone=\"yes\"?>\n";
  constexpr char kPackage[] = "http://schemas.openxmlformats.org/package/2006/";
  constexpr char kWord[] = "application/vnd.openxmlformats-officedocument.wordprocessingml";
  return Zip(
      {{"[Content_Types].xml",
        absl::StrCat(kHead, "<Types xmlns=\"", kPackage, "content-types\"><Default ",
                     "Extension=\"rels\" ContentType=\"application/vnd.openxmlformats-package.",
                     "relationships+xml\"/><Override PartName=\"/word/document.xml\" ",
                     "ContentType=\"", kWord, ".document.main+xml\"/></Types>")},
       {"_rels/.rels",
        absl::StrCat(kHead, "<Relationships xmlns=\"", kPackage, "relationships\"><Relationship ",
                     "Id=\"r1\" Type=\"http://schemas.openxmlformats.org/officeDocument/2006/",
                     "relationships/officeDocument\" Target=\"word/document.xml\"/>",
                     "</Relationships>")},
       {"word/document.xml",
        absl::StrCat(kHead, "<w:document xmlns:w=\"http://schemas.openxmlformats.org/",
                     "wordprocessingml/2006/main\"><w:body><w:p><w:r><w:t>", id,
                     "</w:t></w:r></w:p></w:body></w:document>")}});
}

}  // namespace

std::string PaperContent(PaperForm form, absl::string_view id) {
  switch (form) {
    case PaperForm::kPng:
      return Png(id);
    case PaperForm::kDocx:
      return Docx(id);
    case PaperForm::kPdf:
      break;
  }
  return Pdf(id);
}

absl::string_view PaperSuffix(PaperForm form) {
  return form == PaperForm::kPng ? ".png" : form == PaperForm::kDocx ? ".docx" : ".pdf";
}

}  // namespace lgsp::cli
