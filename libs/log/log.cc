#include "libs/log/log.h"

#include <unistd.h>

#include "absl/base/thread_annotations.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "libs/status/status.h"

namespace lgsp::log {
namespace {

absl::Mutex mutex(absl::kConstInit);
std::string& Service() {
  static auto* service = new std::string;
  return *service;
}
std::function<void(const std::string&)>& Sink() {
  static auto* sink = new std::function<void(const std::string&)>;
  return *sink;
}

void AppendJson(std::string& out, absl::string_view text) {
  out += '"';
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (static_cast<unsigned char>(c) < 0x20) {
      absl::StrAppendFormat(&out, "\\u%04x", c);
    } else {
      out += c;
    }
  }
  out += '"';
}

std::string Quoted(absl::string_view text) {
  std::string out;
  AppendJson(out, Redact(text));
  return out;
}

void Write(absl::string_view severity, absl::string_view message, Fields fields) {
  std::string line = absl::StrCat(
      "{\"time\":\"", absl::FormatTime("%Y-%m-%dT%H:%M:%E6SZ", absl::Now(), absl::UTCTimeZone()),
      "\",\"severity\":\"", severity, "\",\"service\":\"", Service(), "\",\"message\":");
  AppendJson(line, message);
  for (const Field& field : fields) absl::StrAppend(&line, ",\"", field.name, "\":", field.json);
  line += "}\n";
  absl::MutexLock lock(&mutex);
  if (Sink()) {
    Sink()(line);
    return;
  }
  // A log that cannot be written must not stop the service; there is nobody left to tell.
  [[maybe_unused]] const ssize_t written = write(STDERR_FILENO, line.data(), line.size());
}

}  // namespace

Field::Field(absl::string_view field_name, absl::string_view text)
    : name(field_name), json(Quoted(text)) {}
Field::Field(absl::string_view field_name, const char* text)
    : Field(field_name, absl::string_view(text)) {}
Field::Field(absl::string_view field_name, const std::string& text)
    : Field(field_name, absl::string_view(text)) {}
Field::Field(absl::string_view field_name, int64_t number)
    : name(field_name), json(absl::StrCat(number)) {}
Field::Field(absl::string_view field_name, const absl::Status& status)
    : name(field_name),
      json(
          Quoted(absl::StrCat(absl::StatusCodeToString(status.code()), " ", ErrorReason(status)))) {
}

void Init(absl::string_view service) { Service() = std::string(service); }

void Info(absl::string_view message, Fields fields) { Write("INFO", message, fields); }
void Warning(absl::string_view message, Fields fields) { Write("WARNING", message, fields); }
void Error(absl::string_view message, Fields fields) { Write("ERROR", message, fields); }

void SetSink(std::function<void(const std::string&)> sink) {
  absl::MutexLock lock(&mutex);
  Sink() = std::move(sink);
}

std::string Redact(absl::string_view text) {
  std::string out(text);
  const auto in_word = [&text](size_t i) {
    return i < text.size() && (absl::ascii_isalnum(text[i]) || text[i] == '-' || text[i] == '_');
  };
  for (size_t begin = 0; begin < text.size();) {
    if (!absl::ascii_isdigit(text[begin])) {
      ++begin;
      continue;
    }
    size_t end = begin;
    while (end < text.size() && absl::ascii_isdigit(text[end])) ++end;
    // A run inside a longer word is part of an id, not an ID number.
    const bool alone = !(begin > 0 && in_word(begin - 1)) && !in_word(end);
    if (alone && (end - begin == 9 || end - begin == 12)) {
      for (size_t i = begin; i < end; ++i) out[i] = '*';
    }
    begin = end;
  }
  return out;
}

}  // namespace lgsp::log
