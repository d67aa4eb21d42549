#include "libs/sql/statement_text.h"

#include <algorithm>
#include <cstdint>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"

namespace lgsp::sql {
namespace {

bool IsWord(char c) { return absl::ascii_isalnum(c) || c == '_'; }

size_t WordLength(absl::string_view text) {
  return std::find_if_not(text.begin(), text.end(), IsWord) - text.begin();
}

bool StartsComment(absl::string_view text) {
  return text.substr(0, 2) == "--" || text.substr(0, 2) == "/*";
}

// Up to and with `end`, or all of `text` when it is not there.
size_t LengthThrough(absl::string_view text, absl::string_view end, size_t from) {
  const size_t at = text.find(end, from);
  return at == absl::string_view::npos ? text.size() : at + end.size();
}

// The length of what `text` begins with: a literal, a quoted name, a comment, a word, or one
// character. A doubled quote reads as two literals side by side, which comes to the same.
size_t TokenLength(absl::string_view text) {
  if (text[0] == '\'' || text[0] == '"') return LengthThrough(text, text.substr(0, 1), 1);
  if (text.substr(0, 2) == "--") return std::min(text.find('\n'), text.size());
  if (text.substr(0, 2) == "/*") return LengthThrough(text, "*/", 2);
  if (text[0] == '$') {
    const size_t tag = 2 + WordLength(text.substr(1));
    if (tag <= text.size() && text[tag - 1] == '$') {
      return LengthThrough(text, text.substr(0, tag), tag);
    }
  }
  return std::max<size_t>(1, WordLength(text));
}

}  // namespace

StatementText NumberParameters(absl::string_view sql, char marker) {
  StatementText out;
  for (size_t at = 0; at < sql.size();) {
    const absl::string_view rest = sql.substr(at);
    if (rest.substr(0, 2) == "::") {
      out.sql += "::";
      at += 2;
      continue;
    }
    const size_t name_length = rest[0] == ':' ? WordLength(rest.substr(1)) : 0;
    if (name_length == 0) {
      const size_t length = TokenLength(rest);
      absl::StrAppend(&out.sql, rest.substr(0, length));
      at += length;
      continue;
    }
    const absl::string_view name = rest.substr(1, name_length);
    auto known = std::find(out.names.begin(), out.names.end(), name);
    if (known == out.names.end()) known = out.names.emplace(known, name);
    absl::StrAppend(&out.sql, std::string(1, marker), known - out.names.begin() + 1);
    at += 1 + name_length;
  }
  return out;
}

std::vector<absl::string_view> SplitStatements(absl::string_view script) {
  std::vector<absl::string_view> statements;
  size_t begin = 0;
  bool blank = true;
  const auto add = [&](size_t end) {
    if (!blank) statements.push_back(absl::StripAsciiWhitespace(script.substr(begin, end - begin)));
    blank = true;
  };
  for (size_t at = 0; at < script.size();) {
    const absl::string_view rest = script.substr(at);
    const absl::string_view line = absl::StripAsciiWhitespace(rest.substr(1, rest.find('\n') - 1));
    if (rest[0] == ';' && (line.empty() || StartsComment(line))) {
      add(at);
      begin = ++at;
      continue;
    }
    if (!absl::ascii_isspace(rest[0]) && !StartsComment(rest)) blank = false;
    at += TokenLength(rest);
  }
  add(script.size());
  return statements;
}

std::string ReplaceBytesType(absl::string_view script, absl::string_view type) {
  std::string out;
  for (size_t at = 0; at < script.size();) {
    const absl::string_view token = script.substr(at, TokenLength(script.substr(at)));
    absl::StrAppend(&out, token == "BYTES" ? type : token);
    at += token.size();
  }
  return out;
}

std::string WithoutComments(absl::string_view script) {
  std::string out;
  for (size_t at = 0; at < script.size();) {
    const absl::string_view rest = script.substr(at);
    const absl::string_view token = rest.substr(0, TokenLength(rest));
    at += token.size();
    if (StartsComment(token)) continue;
    if (!absl::ascii_isspace(token[0])) {
      absl::StrAppend(&out, token);
    } else if (!out.empty() && out.back() != ' ') {
      out.push_back(' ');
    }
  }
  return std::string(absl::StripTrailingAsciiWhitespace(out));
}

bool IsText(absl::string_view text) {
  for (size_t at = 0; at < text.size();) {
    const auto byte = [&](size_t i) -> uint8_t { return at + i < text.size() ? text[at + i] : 0; };
    const uint8_t lead = byte(0);
    if (lead == 0) return false;
    // The Unicode Standard, table 3-7: the second byte keeps out long forms, surrogates and the
    // rest.
    const size_t length = lead < 0x80 ? 1 : lead < 0xC2 ? 0 : lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
    if (length == 0 || lead > 0xF4) return false;
    const uint8_t lowest = lead == 0xE0 ? 0xA0 : lead == 0xF0 ? 0x90 : 0x80;
    const uint8_t highest = lead == 0xED ? 0x9F : lead == 0xF4 ? 0x8F : 0xBF;
    if (length > 1 && (byte(1) < lowest || byte(1) > highest)) return false;
    for (size_t i = 2; i < length; ++i) {
      if ((byte(i) & 0xC0) != 0x80) return false;
    }
    at += length;
  }
  return true;
}

}  // namespace lgsp::sql
