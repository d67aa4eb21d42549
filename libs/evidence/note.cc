#include "libs/evidence/note.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "libs/evidence/limits.h"
#include "libs/keys/digest.h"
#include "libs/status/status.h"

namespace lgsp::evidence {
namespace {

constexpr absl::string_view kDash = "\xE2\x80\x94 ";
constexpr char kEd25519 = 0x01;
constexpr size_t kKeyIdBytes = 4;

absl::Status Malformed(absl::string_view what) {
  return MakeError(absl::StatusCode::kDataLoss, "EVIDENCE_CHECKPOINT_MALFORMED",
                   absl::StrCat("the checkpoint is malformed: ", what));
}

absl::Status KeyInvalid(absl::string_view what) {
  return MakeError(absl::StatusCode::kInvalidArgument, "EVIDENCE_KEY_INVALID",
                   absl::StrCat("not the public key of a log: ", what));
}

uint32_t BigEndian32(absl::string_view bytes) {
  uint32_t value = 0;
  for (const char byte : bytes.substr(0, kKeyIdBytes)) {
    value = value << 8 | static_cast<uint8_t>(byte);
  }
  return value;
}

// Standard base64 with padding; only the one form that encoding gives.
bool DecodeBase64(absl::string_view text, std::string* out) {
  return absl::Base64Unescape(text, out) && absl::Base64Escape(*out) == text;
}

// Well-formed UTF-8 (RFC 3629) without control characters but line feeds.
bool IsNoteText(absl::string_view text) {
  for (size_t i = 0; i < text.size();) {
    const uint8_t lead = static_cast<uint8_t>(text[i++]);
    if (lead < 0x20 && lead != '\n') return false;
    if (lead < 0x80) continue;
    const size_t more = lead >= 0xF0 ? 3 : lead >= 0xE0 ? 2 : 1;
    if (lead < 0xC2 || lead > 0xF4 || text.size() - i < more) return false;
    uint32_t rune = lead & (0x3F >> more);
    for (size_t end = i + more; i < end; ++i) {
      if ((static_cast<uint8_t>(text[i]) & 0xC0) != 0x80) return false;
      rune = rune << 6 | (static_cast<uint8_t>(text[i]) & 0x3F);
    }
    constexpr uint32_t kLeast[] = {0, 0x80, 0x800, 0x10000};
    if (rune < kLeast[more] || rune > 0x10FFFF || (rune >= 0xD800 && rune < 0xE000)) return false;
  }
  return true;
}

absl::StatusOr<Checkpoint> ParseText(absl::string_view text) {
  const std::vector<absl::string_view> lines = absl::StrSplit(text, '\n');
  // The last piece is what follows the last line break. Extension lines are none of ours.
  if (lines.size() != 4 || !lines[3].empty()) return Malformed("not origin, size and root");
  Checkpoint out;
  out.origin = std::string(lines[0]);
  std::string root;
  if (!absl::SimpleAtoi(lines[1], &out.size) || absl::StrCat(out.size) != lines[1]) {
    return Malformed("the size is not a decimal number");
  }
  if (!DecodeBase64(lines[2], &root) || root.size() != out.root.size()) {
    return Malformed("the root is not the base64 of 32 bytes");
  }
  std::copy(root.begin(), root.end(), out.root.begin());
  return out;
}

// Whether this signature line is one of `key` that verifies.
absl::StatusOr<bool> VerifySignature(absl::string_view line, absl::string_view text,
                                     const NoteKey& key) {
  if (!absl::ConsumePrefix(&line, kDash)) return Malformed("a signature line has no dash");
  const std::pair<absl::string_view, absl::string_view> parts =
      absl::StrSplit(line, absl::MaxSplits(' ', 1));
  std::string signature;
  if (parts.first.empty() || !DecodeBase64(parts.second, &signature) ||
      signature.size() <= kKeyIdBytes) {
    return Malformed("a signature line is not name and base64");
  }
  if (parts.first != key.name() || BigEndian32(signature) != key.id()) return false;
  if (!key.Verify(text, absl::string_view(signature).substr(kKeyIdBytes))) {
    return MakeError(absl::StatusCode::kUnauthenticated, "EVIDENCE_CHECKPOINT_FORGED",
                     "the signature of the checkpoint does not verify");
  }
  return true;
}

}  // namespace

absl::Status CheckOrigin(absl::string_view origin) {
  const bool graphic = std::all_of(origin.begin(), origin.end(),
                                   [](char c) { return absl::ascii_isgraph(c) && c != '+'; });
  if (origin.empty() || origin.size() > kMaxOriginBytes || !graphic) {
    return MakeError(
        absl::StatusCode::kInvalidArgument, "EVIDENCE_ORIGIN_INVALID",
        absl::StrCat("an origin is 1 to ", kMaxOriginBytes, " graphic ASCII characters without +"));
  }
  return absl::OkStatus();
}

NoteKey::NoteKey(std::string name, std::string raw, keys::VerifyKey key)
    : name_(std::move(name)),
      raw_(std::move(raw)),
      key_(std::move(key)),
      id_(BigEndian32(
          keys::Sha256(absl::StrCat(name_, "\n", absl::string_view(&kEd25519, 1), raw_)))) {}

absl::StatusOr<NoteKey> NoteKey::Make(absl::string_view name, std::string raw) {
  RETURN_IF_ERROR(CheckOrigin(name));
  auto key = keys::VerifyKey::FromBytes(raw);
  if (!key.ok()) return KeyInvalid("no Ed25519 key");
  return NoteKey(std::string(name), std::move(raw), *std::move(key));
}

absl::StatusOr<NoteKey> NoteKey::Of(absl::string_view name, const keys::SigningKey& key) {
  return Make(name, key.PublicBytes());
}

absl::StatusOr<NoteKey> NoteKey::Of(absl::string_view name, const keys::VerifyKey& key) {
  return Make(name, key.Bytes());
}

absl::StatusOr<NoteKey> NoteKey::Parse(absl::string_view text) {
  // The base64 may hold a plus, the name not.
  const std::vector<absl::string_view> parts = absl::StrSplit(text, absl::MaxSplits('+', 2));
  std::string raw;
  if (parts.size() != 3 || !DecodeBase64(parts[2], &raw) || raw.empty() || raw[0] != kEd25519) {
    return KeyInvalid("not name+id+key");
  }
  ASSIGN_OR_RETURN(NoteKey key, Make(parts[0], raw.substr(1)));
  if (key.ToString() != text) return KeyInvalid("the id is not that of the key");
  return key;
}

std::string NoteKey::ToString() const {
  return absl::StrCat(name_, "+", absl::Hex(id_, absl::kZeroPad8), "+",
                      absl::Base64Escape(absl::StrCat(absl::string_view(&kEd25519, 1), raw_)));
}

std::string SignCheckpoint(const Checkpoint& checkpoint, const NoteKey& name,
                           const keys::SigningKey& key) {
  const std::string text = absl::StrCat(checkpoint.origin, "\n", checkpoint.size, "\n",
                                        absl::Base64Escape(Bytes(checkpoint.root)), "\n");
  std::string signature(kKeyIdBytes, '\0');
  for (size_t i = 0; i < kKeyIdBytes; ++i) {
    signature[i] = static_cast<char>(name.id() >> (8 * (kKeyIdBytes - 1 - i)));
  }
  signature += key.Sign(text);
  return absl::StrCat(text, "\n", kDash, name.name(), " ", absl::Base64Escape(signature), "\n");
}

absl::StatusOr<Checkpoint> OpenCheckpoint(absl::string_view note, const NoteKey& key) {
  if (note.size() > kMaxNoteBytes) return Malformed("too long");
  if (!IsNoteText(note)) return Malformed("not UTF-8, or control characters");
  // The text is separated from the signatures by the last empty line.
  const size_t blank = note.rfind("\n\n");
  if (blank == absl::string_view::npos || note.back() != '\n') return Malformed("no signatures");
  const absl::string_view text = note.substr(0, blank + 1);
  absl::string_view signatures = note.substr(blank + 2);
  signatures.remove_suffix(signatures.empty() ? 0 : 1);
  if (signatures.empty()) return Malformed("no signatures");
  const std::vector<absl::string_view> lines = absl::StrSplit(signatures, '\n');
  if (lines.size() > kMaxNoteSignatures) return Malformed("too many signatures");
  bool ours = false;
  for (const absl::string_view line : lines) {
    ASSIGN_OR_RETURN(const bool verified, VerifySignature(line, text, key));
    ours |= verified;
  }
  if (!ours) {
    return MakeError(absl::StatusCode::kUnauthenticated, "EVIDENCE_CHECKPOINT_UNSIGNED",
                     absl::StrCat("the checkpoint is not signed by ", key.name()));
  }
  ASSIGN_OR_RETURN(Checkpoint checkpoint, ParseText(text));
  if (checkpoint.origin != key.name()) return Malformed("the origin is not the key's name");
  return checkpoint;
}

std::vector<std::string> SplitNotes(absl::string_view text) {
  std::vector<std::string> notes;
  bool signature_before = true;
  for (absl::string_view rest = text; !rest.empty();) {
    const absl::string_view line = rest.substr(0, rest.find('\n') + 1);
    const absl::string_view taken = line.empty() ? rest : line;
    const bool signature = absl::StartsWith(taken, kDash);
    if (signature_before && !signature) notes.emplace_back();
    if (notes.empty()) notes.emplace_back();
    absl::StrAppend(&notes.back(), taken);
    signature_before = signature;
    rest.remove_prefix(taken.size());
  }
  return notes;
}

}  // namespace lgsp::evidence
