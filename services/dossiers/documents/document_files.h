// The content of documents: encrypted files in a folder that several processes may share. DESIGN.md
// section 4.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "libs/keys/digest.h"
#include "libs/keys/segments.h"

namespace lgsp::dossiers {

// A file that is there for good, and what opens it.
struct StoredContent {
  // 64 hex digits: the SHA-256 of the file.
  std::string file;
  // Of this content alone.
  keys::DataKey key;
  // 64 hex digits: the SHA-256 of the plain content.
  std::string sha256;
  int64_t size_bytes = 0;
};

// `<directory>/<first two digits of the name>/<the others>`; what is being written is in
// `<directory>/incoming`. Thread-safe.
class DocumentFiles {
 public:
  class Writer;
  class Reader;

  // Makes the folders. UNAVAILABLE DOCUMENT_STORE_FAILED.
  static absl::StatusOr<DocumentFiles> Open(std::string directory);

  // A file for new content. RESOURCE_EXHAUSTED DOCUMENT_STORE_FULL, UNAVAILABLE
  // DOCUMENT_STORE_FAILED; so do the writer's methods.
  absl::StatusOr<std::unique_ptr<Writer>> Create() const;

  // DATA_LOSS DOCUMENT_CONTENT_MISSING, UNAVAILABLE DOCUMENT_STORE_FAILED.
  absl::StatusOr<std::unique_ptr<Reader>> Read(const std::string& file,
                                               const keys::DataKey& key) const;

  // Nothing when it is not there.
  absl::Status Remove(const std::string& file) const;

  // Puts it into the folder `trash`, under its whole name, dated now; nothing when it is not there.
  absl::Status Discard(const std::string& file) const;
  // Deletes what was put there before `before`; says how many.
  absl::StatusOr<int> RemoveDiscarded(absl::Time before) const;

  // Deletes what was begun and not written on since `before`; says how many.
  absl::StatusOr<int> RemoveAbandoned(absl::Time before) const;

  // Names of the files of one of kFolders folders that were written before `before`.
  absl::StatusOr<std::vector<std::string>> FilesOf(int folder, absl::Time before) const;

  static constexpr int kFolders = 256;

 private:
  explicit DocumentFiles(std::string directory) : directory_(std::move(directory)) {}
  std::string PathOf(const std::string& file) const;
  // What in a folder was written on last before `before`.
  absl::StatusOr<int> RemoveOld(absl::string_view folder, absl::Time before) const;

  std::string directory_;
};

// Takes content; what is not committed is gone with this object.
class DocumentFiles::Writer {
 public:
  Writer(std::string directory, std::string path, int descriptor);
  ~Writer();
  Writer(const Writer&) = delete;
  Writer& operator=(const Writer&) = delete;

  absl::Status Append(absl::string_view plain);
  // Call once, after at least one byte: then the file is durable under its name, and stays until it
  // is removed.
  absl::StatusOr<StoredContent> Commit();

 private:
  absl::Status Write();

  const std::string directory_;
  // Empty: it has its name.
  std::string path_;
  int descriptor_;
  const keys::DataKey key_ = keys::KeyRing::NewDataKey();
  keys::SegmentSealer sealer_{key_};
  keys::Sha256Stream plain_hash_, file_hash_;
  int64_t size_bytes_ = 0;
  // Sealed, not written.
  std::string sealed_;
};

class DocumentFiles::Reader {
 public:
  Reader(int descriptor, const keys::DataKey& key);
  ~Reader();
  Reader(const Reader&) = delete;
  Reader& operator=(const Reader&) = delete;

  // The next of the content, at most keys::kSegmentBytes; empty: that was all. DATA_LOSS
  // SEALED_DATA_INVALID, UNAVAILABLE DOCUMENT_STORE_FAILED.
  absl::StatusOr<std::string> Next();

 private:
  absl::StatusOr<std::string> ReadSegment();

  const int descriptor_;
  keys::SegmentOpener opener_;
  bool begun_ = false;
  // Read ahead: whether it is the last shows by what comes after it.
  std::string ahead_;
};

}  // namespace lgsp::dossiers
