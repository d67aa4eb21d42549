// Checkpoints as signed notes (C2SP tlog-checkpoint and signed-note), signed with Ed25519. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "libs/evidence/merkle.h"
#include "libs/keys/jws.h"

namespace lgsp::evidence {

// The head of a log: what was signed.
struct Checkpoint {
  std::string origin;
  uint64_t size = 0;
  Hash root = {};

  friend bool operator==(const Checkpoint&, const Checkpoint&) = default;
};

// ASCII without spaces, control characters and `+`, 1 to kMaxOriginBytes long; a URL without its
// scheme by custom (`lgsp.camau.gov.vn/gateway/0`). INVALID_ARGUMENT EVIDENCE_ORIGIN_INVALID.
absl::Status CheckOrigin(absl::string_view origin);

// The public key of a log with its name, as golang.org/x/mod/sumdb/note writes it:
// `<name>+<key id, 8 hex digits>+<base64 of 0x01 || key>`. Immutable, thread-safe.
class NoteKey {
 public:
  // INVALID_ARGUMENT EVIDENCE_ORIGIN_INVALID.
  static absl::StatusOr<NoteKey> Of(absl::string_view name, const keys::SigningKey& key);
  static absl::StatusOr<NoteKey> Of(absl::string_view name, const keys::VerifyKey& key);
  // INVALID_ARGUMENT EVIDENCE_KEY_INVALID, EVIDENCE_ORIGIN_INVALID.
  static absl::StatusOr<NoteKey> Parse(absl::string_view text);

  const std::string& name() const { return name_; }
  uint32_t id() const { return id_; }
  std::string ToString() const;
  bool Verify(absl::string_view text, absl::string_view signature) const {
    return key_.Verify(text, signature);
  }

 private:
  NoteKey(std::string name, std::string raw, keys::VerifyKey key);
  static absl::StatusOr<NoteKey> Make(absl::string_view name, std::string raw);

  std::string name_;
  std::string raw_;  // 32 bytes
  keys::VerifyKey key_;
  uint32_t id_;
};

// The signed note of a checkpoint; the key's name is the origin.
std::string SignCheckpoint(const Checkpoint& checkpoint, const NoteKey& name,
                           const keys::SigningKey& key);

// The checkpoint in a note that `key` signed and whose origin is the key's name. Signatures of
// other keys (witnesses) are ignored, but must have the form of one. DATA_LOSS
// EVIDENCE_CHECKPOINT_MALFORMED; UNAUTHENTICATED EVIDENCE_CHECKPOINT_UNSIGNED when `key` signed it
// not, EVIDENCE_CHECKPOINT_FORGED when the signature in its name does not verify.
absl::StatusOr<Checkpoint> OpenCheckpoint(absl::string_view note, const NoteKey& key);

// The notes in a text that holds one after another: each ends with the last of its signature lines.
// What is no note comes as one of them, and does not open.
std::vector<std::string> SplitNotes(absl::string_view text);

}  // namespace lgsp::evidence
