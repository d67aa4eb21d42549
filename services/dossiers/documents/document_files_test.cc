// Files of documents: what is written is read, what is not committed is gone, what is damaged is
// found, a full disk leaves nothing.
#include "services/dossiers/documents/document_files.h"

#include <sys/resource.h>
#include <sys/stat.h>

#include <catch2/catch.hpp>
#include <csignal>
#include <filesystem>
#include <fstream>

#include "libs/status/status.h"
#include "libs/testing/files.h"
#include "services/dossiers/documents/document_samples_test.h"
#include "services/dossiers/documents/document_upload.h"
#include "services/dossiers/limits.h"

namespace lgsp::dossiers {
namespace {

namespace fs = std::filesystem;
using lgsp::dossiers::v1::Document;
using lgsp::dossiers::v1::UploadDocumentRequest;

class Folder {
 public:
  Folder() : files(Opened()) {}

  // Every file in it, with its content.
  std::map<std::string, std::string> All() const {
    std::map<std::string, std::string> found;
    for (const auto& entry : fs::recursive_directory_iterator(temporary_.path())) {
      if (!entry.is_regular_file()) continue;
      std::ifstream in(entry.path(), std::ios::binary);
      found[entry.path()] = std::string(std::istreambuf_iterator<char>(in), {});
    }
    return found;
  }
  StoredContent Store(const std::string& content) const {
    auto writer = files.Create();
    REQUIRE(writer.ok());
    REQUIRE((*writer)->Append(content).ok());
    const auto stored = (*writer)->Commit();
    INFO(stored.status());
    REQUIRE(stored.ok());
    return *stored;
  }
  absl::StatusOr<std::string> Read(const StoredContent& stored) const {
    ASSIGN_OR_RETURN(const auto reader, files.Read(stored.file, stored.key));
    std::string all;
    for (;;) {
      ASSIGN_OR_RETURN(const std::string part, reader->Next());
      CHECK(part.size() <= kMaxChunkBytes);
      if (part.empty()) return all;
      all += part;
    }
  }
  // What an upload of `content` in chunks of `chunk` gives.
  absl::StatusOr<ReceivedContent> Receive(const std::string& content, size_t chunk = 64 << 10,
                                          bool end = true) const {
    size_t at = 0;
    bool ended = !end;
    return ReceiveContent(files, [&](UploadDocumentRequest& message) {
      if (at < content.size()) {
        message.set_chunk(content.substr(at, chunk));
        at += chunk;
        return true;
      }
      if (ended) return false;
      message.mutable_end()->set_size_bytes(static_cast<int64_t>(content.size()));
      return ended = true;
    });
  }

 private:
  DocumentFiles Opened() const {
    auto opened = DocumentFiles::Open(temporary_.path() + "/documents");
    INFO(opened.status());
    REQUIRE(opened.ok());
    return *std::move(opened);
  }
  testing::TemporaryFolder temporary_;

 public:
  const DocumentFiles files;
};

TEST_CASE("document files: content comes back as it was, and is not to be seen on the disk") {
  const Folder folder;
  for (const size_t size : {size_t{1}, size_t{65536}, size_t{200'000}}) {
    const std::string content = keys::RandomBytes(size) + "canary-content";
    const StoredContent stored = folder.Store(content);
    CHECK(stored.sha256 == keys::Hex(keys::Sha256(content)));
    CHECK(stored.size_bytes == static_cast<int64_t>(content.size()));
    const auto read = folder.Read(stored);
    REQUIRE(read.ok());
    CHECK(*read == content);
    for (const auto& [path, bytes] : folder.All()) {
      CHECK(bytes.find("canary-content") == std::string::npos);
      CHECK(path.find(stored.sha256.substr(2)) == std::string::npos);
    }
  }
  // The same content twice is two files: nobody learns that they are equal.
  CHECK(folder.Store("equal").file != folder.Store("equal").file);
  for (const auto& [path, bytes] : folder.All()) {
    const fs::path name(path);
    CHECK(name.parent_path().filename().string() + name.filename().string() ==
          keys::Hex(keys::Sha256(bytes)));
    CHECK((fs::status(name).permissions() & fs::perms::all) ==
          (fs::perms::owner_read | fs::perms::owner_write));
  }
}

TEST_CASE("document files: what is not committed, and what is removed, is gone") {
  const Folder folder;
  {
    auto writer = folder.files.Create();
    REQUIRE(writer.ok());
    REQUIRE((*writer)->Append(std::string(300'000, 'x')).ok());
    CHECK(folder.All().size() == 1);
  }
  CHECK(folder.All().empty());
  const StoredContent stored = folder.Store("content");
  CHECK(folder.files.Remove(stored.file).ok());
  CHECK(folder.files.Remove(stored.file).ok());
  CHECK(folder.All().empty());
  const auto missing = folder.files.Read(stored.file, stored.key).status();
  CHECK(missing.code() == absl::StatusCode::kDataLoss);
  CHECK(ErrorReason(missing) == "DOCUMENT_CONTENT_MISSING");
}

TEST_CASE("document files: damage is found, wherever it is") {
  const Folder folder;
  const StoredContent stored = folder.Store(keys::RandomBytes(200'000));
  const auto [path, bytes] = *folder.All().begin();
  const auto write = [&path = path](const std::string& content) {
    std::ofstream(path, std::ios::binary | std::ios::trunc) << content;
  };
  std::string changed = bytes;
  changed[150'000] ^= 1;
  for (const std::string& damaged :
       {changed, bytes.substr(0, bytes.size() - 1), bytes.substr(0, keys::kSealedSegmentBytes),
        bytes + "x", std::string()}) {
    write(damaged);
    CHECK(ErrorReason(folder.Read(stored).status()) == "SEALED_DATA_INVALID");
  }
  write(bytes);
  CHECK(folder.Read(stored).ok());
}

TEST_CASE("document files: old ones are told from new ones") {
  const Folder folder;
  const StoredContent stored = folder.Store("content");
  auto writer = folder.files.Create();
  REQUIRE((*writer)->Append("begun").ok());
  const int number = std::stoi(stored.file.substr(0, 2), nullptr, 16);
  const absl::Time past = absl::Now() - absl::Hours(1);
  const absl::Time future = absl::Now() + absl::Hours(1);
  CHECK(folder.files.FilesOf(number, past)->empty());
  CHECK(*folder.files.FilesOf(number, future) == std::vector<std::string>{stored.file});
  CHECK(*folder.files.RemoveAbandoned(past) == 0);
  CHECK(folder.All().size() == 2);
  CHECK(*folder.files.RemoveAbandoned(future) == 1);
  CHECK(folder.All().size() == 1);
}

// How large any file of the process may be, while it lives.
class FileLimit {
 public:
  explicit FileLimit(rlim_t bytes) : old_handler_(std::signal(SIGXFSZ, SIG_IGN)) {
    getrlimit(RLIMIT_FSIZE, &old_);
    const rlimit limit = {bytes, old_.rlim_max};
    setrlimit(RLIMIT_FSIZE, &limit);
  }
  ~FileLimit() {
    setrlimit(RLIMIT_FSIZE, &old_);
    std::signal(SIGXFSZ, old_handler_);
  }

 private:
  rlimit old_;
  void (*old_handler_)(int);
};

TEST_CASE("document files: where there is no room, nothing stays") {
  const Folder folder;
  const std::string content = SamplePdf(1 << 20);
  {
    const FileLimit limit(300'000);
    const auto refused = folder.Receive(content).status();
    CHECK(refused.code() == absl::StatusCode::kResourceExhausted);
    CHECK(ErrorReason(refused) == "DOCUMENT_STORE_FULL");
    CHECK(folder.All().empty());
  }
  CHECK(folder.Receive(content).ok());
}

TEST_CASE("uploads: content is taken in whole, or not at all") {
  const Folder folder;
  const std::string content = SamplePdf(500'000);
  const auto received = folder.Receive(content, 1000);
  REQUIRE(received.ok());
  CHECK(received->type == Document::PDF);
  CHECK(*folder.Read(received->content) == content);
  REQUIRE(folder.files.Remove(received->content.file).ok());

  const auto reason = [](const absl::StatusOr<ReceivedContent>& refused) {
    CHECK(refused.status().code() == absl::StatusCode::kInvalidArgument);
    return ErrorReason(refused.status());
  };
  CHECK(reason(folder.Receive(content, 64 << 10, false)) == "UPLOAD_CUT_SHORT");
  CHECK(reason(folder.Receive("")) == "DOCUMENT_EMPTY");
  CHECK(reason(folder.Receive(content, (64 << 10) + 1)) == "CHUNK_TOO_LARGE");
  CHECK(reason(folder.Receive(std::string(100'000, 'x'))) == "DOCUMENT_TYPE_NOT_ALLOWED");
  CHECK(reason(folder.Receive("%PDF-1.7 cut off")) == "DOCUMENT_TYPE_NOT_ALLOWED");
  CHECK(folder.All().empty());
}

TEST_CASE("uploads: 50 MiB are taken in, a byte more is refused as soon as it comes") {
  const Folder folder;
  const std::string piece(64 << 10, '\n');
  for (const bool more : {false, true}) {
    int64_t sent = 0;
    int messages = 0;
    bool ended = false;
    const auto received = ReceiveContent(folder.files, [&](UploadDocumentRequest& message) {
      ++messages;
      const int64_t limit = kMaxDocumentBytes + (more ? kMaxDocumentBytes : 0);
      if (sent < limit) {
        std::string chunk = piece;
        if (sent == 0) chunk.replace(0, 8, "%PDF-1.7");
        if (sent == limit - static_cast<int64_t>(chunk.size())) chunk.replace(9, 5, "%%EOF");
        sent += static_cast<int64_t>(chunk.size());
        message.set_chunk(std::move(chunk));
        return true;
      }
      if (ended) return false;
      message.mutable_end()->set_size_bytes(sent);
      return ended = true;
    });
    if (!more) {
      INFO(received.status());
      REQUIRE(received.ok());
      CHECK(received->content.size_bytes == kMaxDocumentBytes);
      CHECK(folder.files.Remove(received->content.file).ok());
    } else {
      CHECK(ErrorReason(received.status()) == "DOCUMENT_TOO_LARGE");
      CHECK(messages == kMaxDocumentBytes / static_cast<int64_t>(kMaxChunkBytes) + 1);
    }
    CHECK(folder.All().empty());
  }
}

TEST_CASE("uploads: the order of the messages, the size and the hash are checked") {
  const Folder folder;
  const std::string content = SamplePdf(1000);
  const auto receive = [&](std::vector<UploadDocumentRequest> messages) {
    size_t next = 0;
    return ReceiveContent(folder.files, [&](UploadDocumentRequest& message) {
      if (next == messages.size()) return false;
      message = messages[next++];
      return true;
    });
  };
  UploadDocumentRequest head, chunk, end, nothing;
  head.mutable_head()->set_title("second");
  chunk.set_chunk(content);
  end.mutable_end()->set_size_bytes(static_cast<int64_t>(content.size()));
  CHECK(ErrorReason(receive({chunk, head, end}).status()) == "UPLOAD_ORDER_WRONG");
  CHECK(ErrorReason(receive({chunk, nothing, end}).status()) == "UPLOAD_ORDER_WRONG");
  CHECK(ErrorReason(receive({chunk, end, chunk}).status()) == "UPLOAD_ORDER_WRONG");
  CHECK(ErrorReason(receive({chunk, chunk, end}).status()) == "UPLOAD_CUT_SHORT");
  end.mutable_end()->set_sha256(std::string(64, '0'));
  CHECK(ErrorReason(receive({chunk, end}).status()) == "UPLOAD_CUT_SHORT");
  CHECK(folder.All().empty());
  end.mutable_end()->set_sha256(keys::Hex(keys::Sha256(content)));
  CHECK(receive({chunk, end}).ok());
  CHECK(folder.All().size() == 1);
}

}  // namespace
}  // namespace lgsp::dossiers
