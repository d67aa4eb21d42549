#include "services/dossiers/documents/document_samples_test.h"

#include "absl/strings/str_cat.h"
#include "libs/keys/digest.h"

namespace lgsp::dossiers {
namespace {

// A number of `size` bytes, the least first.
std::string Little(size_t value, int size) {
  std::string bytes;
  for (int i = 0; i < size; ++i, value >>= 8) bytes += static_cast<char>(value & 0xff);
  return bytes;
}

}  // namespace

std::string SamplePdf(size_t size) {
  return absl::StrCat("%PDF-1.7\n", keys::RandomBytes(size), "\n%%EOF\n");
}

std::string SampleZip(const std::vector<std::string>& names, absl::string_view first_content) {
  std::string archive, directory;
  for (size_t i = 0; i < names.size(); ++i) {
    const std::string content = i == 0 ? std::string(first_content) : std::string(200, 'c');
    // Version, flags, method (stored), time, date, checksum (nobody looks), sizes, lengths.
    const std::string fields =
        absl::StrCat(Little(20, 2), std::string(12, '\0'), Little(content.size(), 4),
                     Little(content.size(), 4), Little(names[i].size(), 2), Little(0, 2));
    absl::StrAppend(&directory, "PK\x01\x02", Little(20, 2), fields, std::string(10, '\0'),
                    Little(archive.size(), 4), names[i]);
    absl::StrAppend(&archive, "PK\x03\x04", fields, names[i], content);
  }
  const size_t begin = archive.size();
  return absl::StrCat(archive, directory, "PK\x05\x06", std::string(4, '\0'),
                      Little(names.size(), 2), Little(names.size(), 2), Little(directory.size(), 4),
                      Little(begin, 4), Little(0, 2));
}

}  // namespace lgsp::dossiers
