#include "libs/evidence/note.h"

#include <catch2/catch.hpp>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "libs/evidence/limits.h"
#include "libs/status/status.h"

namespace lgsp::evidence {
namespace {

constexpr absl::string_view kName = "lgsp.example/log";

std::string ReasonOf(absl::string_view note, const NoteKey& key) {
  return ErrorReason(OpenCheckpoint(note, key).status());
}

}  // namespace

TEST_CASE("a verifier key as Go writes it") {
  // From the documentation of golang.org/x/mod/sumdb/note.
  const absl::string_view text =
      "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
  const auto key = NoteKey::Parse(text);
  REQUIRE(key.ok());
  CHECK(key->name() == "PeterNeumann");
  CHECK(key->id() == 0xc74f20a3);
  CHECK(key->ToString() == text);
  for (const std::string& bad :
       {std::string(), std::string("PeterNeumann"), absl::StrCat(text, "A"),
        absl::StrReplaceAll(text, {{"c74f", "c74e"}}),
        absl::StrReplaceAll(text, {{"c74f", "C74F"}}),
        absl::StrReplaceAll(text, {{"ARpc", "AhpC"}}),
        absl::StrReplaceAll(text, {{"Peter", "P r"}}),
        absl::StrReplaceAll(text, {{"PeterNeumann", ""}})}) {
    INFO(bad);
    CHECK(NoteKey::Parse(bad).status().code() == absl::StatusCode::kInvalidArgument);
  }
}

TEST_CASE("a checkpoint is signed and opened") {
  const auto key = keys::SigningKey::Generate();
  const NoteKey verifier = *NoteKey::Of(kName, key);
  CHECK(NoteKey::Parse(verifier.ToString())->id() == verifier.id());
  Checkpoint checkpoint{std::string(kName), 20852163, {}};
  checkpoint.root[7] = 0xAB;
  const std::string note = SignCheckpoint(checkpoint, verifier, key);
  REQUIRE(OpenCheckpoint(note, verifier).ok());
  CHECK(*OpenCheckpoint(note, verifier) == checkpoint);

  SECTION("with the signatures of witnesses") {
    const auto witness = keys::SigningKey::Generate();
    const NoteKey other = *NoteKey::Of("witness.example", witness);
    const std::string foreign = SignCheckpoint(checkpoint, other, witness);
    const std::string line = foreign.substr(foreign.find("\n\n") + 2);
    CHECK(*OpenCheckpoint(note + line, verifier) == checkpoint);
    // The witness signed it, but it is the checkpoint of another log.
    CHECK(ReasonOf(note + line, other) == "EVIDENCE_CHECKPOINT_MALFORMED");
    CHECK(ReasonOf(foreign, verifier) == "EVIDENCE_CHECKPOINT_UNSIGNED");
    // The same name with another key is another signer.
    const NoteKey imitated = *NoteKey::Of(kName, witness);
    CHECK(ReasonOf(SignCheckpoint(checkpoint, imitated, witness), verifier) ==
          "EVIDENCE_CHECKPOINT_UNSIGNED");
  }
  SECTION("not when any byte is another") {
    for (size_t i = 0; i < note.size(); ++i) {
      for (const char flip : {'\x01', '\x20', '\x80'}) {
        std::string bad = note;
        bad[i] = static_cast<char>(bad[i] ^ flip);
        INFO(i << ": " << bad);
        CHECK_FALSE(OpenCheckpoint(bad, verifier).ok());
      }
    }
    for (size_t size = 0; size < note.size(); ++size) {
      CHECK_FALSE(OpenCheckpoint(note.substr(0, size), verifier).ok());
    }
  }
  SECTION("not when it is of another form, though signed") {
    const auto sign = [&](const std::string& text) {
      const std::string shell = SignCheckpoint({text, 0, {}}, verifier, key);
      // Signs `text` alone: what SignCheckpoint adds is cut off and signed anew.
      const size_t dash = shell.find("\xE2\x80\x94");
      std::string raw("\0\0\0\0", 4);
      for (int i = 0; i < 4; ++i) raw[i] = static_cast<char>(verifier.id() >> (24 - 8 * i));
      return absl::StrCat(text, "\n", shell.substr(dash, shell.find(' ', dash + 4) + 1 - dash),
                          absl::Base64Escape(raw + key.Sign(text)), "\n");
    };
    const std::string root = absl::Base64Escape(std::string(32, 'r'));
    const std::string head = absl::StrCat(kName, "\n");
    CHECK(OpenCheckpoint(sign(absl::StrCat(head, "5\n", root, "\n")), verifier).ok());
    for (const std::string& text :
         {absl::StrCat(head, "05\n", root, "\n"), absl::StrCat(head, "+5\n", root, "\n"),
          absl::StrCat(head, " 5\n", root, "\n"), absl::StrCat(head, "-1\n", root, "\n"),
          absl::StrCat(head, "18446744073709551616\n", root, "\n"),
          absl::StrCat(head, "5\n", root, "\nextension\n"), absl::StrCat(head, "5\n"),
          absl::StrCat(head, "5\n", root.substr(4), "\n"),
          absl::StrCat("other.example\n5\n", root, "\n")}) {
      INFO(text);
      CHECK(ReasonOf(sign(text), verifier) == "EVIDENCE_CHECKPOINT_MALFORMED");
    }
    CHECK(ReasonOf(std::string(kMaxNoteBytes + 1, 'a'), verifier) ==
          "EVIDENCE_CHECKPOINT_MALFORMED");
  }
}

TEST_CASE("notes one after another are split where each ends") {
  const keys::SigningKey key = keys::SigningKey::Generate();
  const NoteKey verifier = *NoteKey::Of(kName, key);
  const NoteKey witness = *NoteKey::Of("witness.example", keys::SigningKey::Generate());
  CHECK(NoteKey::Of(kName, *keys::VerifyKey::FromPem(key.PublicPem()))->ToString() ==
        verifier.ToString());
  std::vector<std::string> notes;
  for (uint64_t size = 0; size < 3; ++size) {
    notes.push_back(SignCheckpoint({std::string(kName), size, {}}, verifier, key));
  }
  const std::string cosigned = SignCheckpoint({std::string(kName), 2, {}}, witness, key);
  notes.back() += cosigned.substr(cosigned.find("\n\n") + 2);
  CHECK(SplitNotes(notes[0] + notes[1] + notes[2]) == notes);
  CHECK(SplitNotes(notes[2] + notes[0]) == std::vector<std::string>{notes[2], notes[0]});
  CHECK(SplitNotes("").empty());
  const std::string torn = notes[1].substr(0, 30);
  CHECK(SplitNotes(notes[0] + torn) == std::vector<std::string>{notes[0], torn});
  CHECK(SplitNotes("nothing\nat all") == std::vector<std::string>{"nothing\nat all"});
  CHECK(SplitNotes(notes[0].substr(notes[0].find("\n\n") + 2)).size() == 1);
}

TEST_CASE("origins") {
  CHECK(CheckOrigin("lgsp.camau.gov.vn/gateway/0").ok());
  for (const std::string& bad :
       {std::string(), std::string("a b"), std::string("a+b"), std::string("a\nb"),
        std::string("cà mau"), std::string(256, 'a')}) {
    CHECK(ErrorReason(CheckOrigin(bad)) == "EVIDENCE_ORIGIN_INVALID");
  }
}

}  // namespace lgsp::evidence
