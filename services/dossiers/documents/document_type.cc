#include "services/dossiers/documents/document_type.h"

#include <algorithm>
#include <cstdint>
#include <optional>
#include <set>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"

namespace lgsp::dossiers {
namespace {

using lgsp::dossiers::v1::Document;

constexpr absl::string_view kPdf = "%PDF-";
constexpr absl::string_view kPdfEnd = "%%EOF";
constexpr absl::string_view kJpeg = "\xff\xd8\xff";
constexpr absl::string_view kPng = "\x89PNG\r\n\x1a\n";
// Signature, length and type of the first chunk.
constexpr size_t kPngHeader = 16;
constexpr absl::string_view kTiffLittle("II*\0", 4);
constexpr absl::string_view kTiffBig("MM\0*", 4);
constexpr absl::string_view kZip = "PK\x03\x04";
constexpr absl::string_view kByteOrderMark = "\xef\xbb\xbf";
constexpr absl::string_view kXml = "<?xml";
constexpr absl::string_view kXmlSignature = "http://www.w3.org/2000/09/xmldsig#";

// Of ZIP (APPNOTE.TXT 4.3): the record at the end, and an entry of the directory before it.
constexpr absl::string_view kZipEnd = "PK\x05\x06";
constexpr absl::string_view kZipEntry = "PK\x01\x02";
constexpr size_t kZipEndBytes = 22;
constexpr size_t kZipEntryBytes = 46;
constexpr size_t kZipCommentLimit = 0xffff;
// The first part of an OpenDocument file, not compressed: its 30 bytes of header, then name and
// content.
constexpr size_t kZipLocalBytes = 30;
constexpr absl::string_view kOdtMimetype = "mimetypeapplication/vnd.oasis.opendocument.textPK";

// The shortest beginning by which all types can be told apart.
constexpr size_t kBeginningBytes = 8;

uint64_t Little(absl::string_view bytes, size_t at, int size) {
  uint64_t value = 0;
  for (int i = size - 1; i >= 0; --i) {
    value = value << 8 | static_cast<unsigned char>(bytes[at + static_cast<size_t>(i)]);
  }
  return value;
}

absl::string_view WithoutByteOrderMark(absl::string_view text) {
  return absl::StartsWith(text, kByteOrderMark) ? text.substr(kByteOrderMark.size()) : text;
}

// The names of the parts, when the whole directory is in `tail`.
std::optional<std::set<absl::string_view>> ZipNames(absl::string_view tail) {
  const size_t end = tail.rfind(kZipEnd);
  if (end == absl::string_view::npos || tail.size() - end < kZipEndBytes ||
      tail.size() - end > kZipEndBytes + kZipCommentLimit) {
    return std::nullopt;
  }
  const uint64_t count = Little(tail, end + 10, 2);
  const uint64_t size = Little(tail, end + 12, 4);
  if (size > end) return std::nullopt;
  std::set<absl::string_view> names;
  absl::string_view directory = tail.substr(end - size, size);
  for (uint64_t i = 0; i < count; ++i) {
    if (directory.size() < kZipEntryBytes || !absl::StartsWith(directory, kZipEntry)) {
      return std::nullopt;
    }
    const size_t name = Little(directory, 28, 2);
    const size_t rest = Little(directory, 30, 2) + Little(directory, 32, 2);
    if (directory.size() < kZipEntryBytes + name + rest) return std::nullopt;
    names.insert(directory.substr(kZipEntryBytes, name));
    directory.remove_prefix(kZipEntryBytes + name + rest);
  }
  return names;
}

Document::Type OfficeType(absl::string_view head, absl::string_view tail) {
  const auto names = ZipNames(tail);
  if (!names.has_value()) return Document::TYPE_UNSPECIFIED;
  const bool macros = std::any_of(names->begin(), names->end(), [](absl::string_view name) {
    return absl::EndsWithIgnoreCase(name, "vbaProject.bin") || absl::StartsWith(name, "Basic/") ||
           absl::StartsWith(name, "Scripts/");
  });
  if (macros) return Document::TYPE_UNSPECIFIED;
  const bool open_document = head.size() > kZipLocalBytes &&
                             absl::StartsWith(head.substr(kZipLocalBytes), kOdtMimetype) &&
                             names->contains("content.xml");
  if (open_document) return Document::ODT;
  if (!names->contains("[Content_Types].xml")) return Document::TYPE_UNSPECIFIED;
  if (names->contains("word/document.xml")) return Document::DOCX;
  if (names->contains("xl/workbook.xml")) return Document::XLSX;
  return Document::TYPE_UNSPECIFIED;
}

}  // namespace

void DocumentTypeFinder::Update(absl::string_view content) {
  if (head_.size() < kHeadBytes) {
    head_.append(content.data(), std::min(content.size(), kHeadBytes - head_.size()));
  }
  if (content.size() > kTailBytes) content.remove_prefix(content.size() - kTailBytes);
  tail_.append(content.data(), content.size());
  if (tail_.size() > 2 * kTailBytes) tail_.erase(0, tail_.size() - kTailBytes);
}

absl::string_view DocumentTypeFinder::Tail() const {
  const absl::string_view tail = tail_;
  return tail.substr(tail.size() - std::min(tail.size(), kTailBytes));
}

bool DocumentTypeFinder::Possible() const {
  if (head_.size() < kBeginningBytes) return true;
  for (const absl::string_view beginning : {kPdf, kJpeg, kPng, kTiffLittle, kTiffBig, kZip}) {
    if (absl::StartsWith(head_, beginning)) return true;
  }
  return absl::StartsWith(WithoutByteOrderMark(head_), kXml);
}

Document::Type DocumentTypeFinder::Find() const {
  const absl::string_view head = head_;
  const absl::string_view tail = Tail();
  if (absl::StartsWith(head, kPdf)) {
    return absl::StrContains(tail, kPdfEnd) ? Document::PDF : Document::TYPE_UNSPECIFIED;
  }
  if (absl::StartsWith(head, kJpeg)) return Document::JPEG;
  if (absl::StartsWith(head, kPng)) {
    // The signature alone is no image.
    return head.size() > kPngHeader && head.substr(12, 4) == "IHDR" &&
                   absl::StrContains(tail, "IEND")
               ? Document::PNG
               : Document::TYPE_UNSPECIFIED;
  }
  if (absl::StartsWith(head, kTiffLittle) || absl::StartsWith(head, kTiffBig)) {
    return Document::TIFF;
  }
  if (absl::StartsWith(head, kZip)) return OfficeType(head, tail);
  if (absl::StartsWith(WithoutByteOrderMark(head), kXml)) {
    const bool is_signed =
        absl::StrContains(head, kXmlSignature) || absl::StrContains(tail, kXmlSignature);
    return is_signed ? Document::SIGNED_XML : Document::TYPE_UNSPECIFIED;
  }
  return Document::TYPE_UNSPECIFIED;
}

}  // namespace lgsp::dossiers
