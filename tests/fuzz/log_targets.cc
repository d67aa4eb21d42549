// What is read of an evidence log: notes, tiles, bundles, and the journal after a crash.
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "libs/evidence/journal.h"
#include "libs/evidence/note.h"
#include "libs/evidence/tiles.h"
#include "libs/status/status.h"
#include "tests/fuzz/targets.h"

namespace lgsp::fuzz {
namespace {

namespace fs = std::filesystem;

const keys::SigningKey& Key() {
  static const auto& key = *new keys::SigningKey(keys::SigningKey::Generate());
  return key;
}

// Gone when the process ends well.
class WorkFolder {
 public:
  WorkFolder() : path_(absl::StrCat(fs::temp_directory_path().string(), "/lgsp-fuzz.XXXXXX")) {
    Promise(mkdtemp(path_.data()) != nullptr, "a folder to work in");
  }
  ~WorkFolder() { fs::remove_all(path_); }
  const std::string& path() const { return path_; }
  // The first segment's.
  std::string segment() const { return absl::StrCat(path_, "/", std::string(20, '0')); }

 private:
  std::string path_;
};

bool IsOneOf(const absl::Status& status, std::initializer_list<absl::string_view> reasons) {
  for (const absl::string_view reason : reasons) {
    if (ErrorReason(status) == reason) return true;
  }
  return false;
}

}  // namespace

bool Note(absl::string_view input) {
  static const auto& name = *new evidence::NoteKey(*evidence::NoteKey::Of("log", Key()));
  const auto opened = evidence::OpenCheckpoint(input, name);
  Promise(!opened.ok(), "no checkpoint without the key");
  Promise(IsOneOf(opened.status(), {"EVIDENCE_CHECKPOINT_MALFORMED", "EVIDENCE_CHECKPOINT_UNSIGNED",
                                    "EVIDENCE_CHECKPOINT_FORGED"}),
          "the reasons of notes");
  std::string joined;
  for (const std::string& note : evidence::SplitNotes(input)) joined += note;
  Promise(joined.size() <= input.size(), "notes are parts of the text");
  const auto key = evidence::NoteKey::Parse(input);
  if (key.ok()) {
    const auto again = evidence::NoteKey::Parse(key->ToString());
    Promise(again.ok() && again->id() == key->id() && again->name() == key->name(),
            "a key that was read can be written and read again");
  }
  // A text whose only fault is that it is signed by another.
  return ErrorReason(opened.status()) == "EVIDENCE_CHECKPOINT_UNSIGNED";
}

bool Tile(absl::string_view input) {
  std::vector<evidence::Hash> hashes;
  const uint64_t width = input.size() / sizeof(evidence::Hash);
  const bool is_tile = width > 0 && evidence::ParseTile(input, width, &hashes);
  if (is_tile) Promise(evidence::TileBytes(hashes) == input, "a tile is its hashes");
  size_t entries = 0;
  std::string again;
  for (absl::string_view rest = input, entry; evidence::TakeEntry(&rest, &entry); ++entries) {
    evidence::AppendToBundle(entry, &again);
    Promise(input.substr(0, again.size()) == again, "a bundle is its entries");
  }
  const bool is_bundle = entries > 0 && again == input;
  if (is_bundle) {
    size_t seen = 0;
    Promise(evidence::ForEachEntry(input, entries, [&](absl::string_view) { ++seen; }) &&
                seen == entries,
            "each entry once");
    Promise(!evidence::ForEachEntry(input, entries + 1, [](absl::string_view) {}), "and no more");
  }
  return is_bundle;
}

bool Journal(absl::string_view input) {
  static const WorkFolder folder;
  std::ofstream(folder.segment(), std::ios::binary | std::ios::trunc) << input;
  const auto recovered = evidence::RecoverJournal(folder.path(), 0);
  if (!recovered.ok()) {
    Promise(ErrorReason(recovered.status()) == "EVIDENCE_LOG_DAMAGED", "what is torn is said so");
    return false;
  }
  Promise(recovered->end >= recovered->first, "entries have an order");
  return recovered->end > 0;
}

}  // namespace lgsp::fuzz
