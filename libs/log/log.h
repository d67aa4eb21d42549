// One JSON line per event on standard error.
//
// Messages are constants, data goes into fields. Personal data has no place here; as a last line of
// defence, runs of exactly 9 or 12 digits (ID numbers) in values are masked.
#pragma once

#include <functional>
#include <initializer_list>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace lgsp::log {

// A named value: text or a number.
struct Field {
  Field(absl::string_view field_name, absl::string_view text);
  Field(absl::string_view field_name, const char* text);
  Field(absl::string_view field_name, const std::string& text);
  Field(absl::string_view field_name, int64_t number);
  Field(absl::string_view field_name, int number) : Field(field_name, int64_t{number}) {}
  // code and reason, not the message: messages of others may carry what must not be logged.
  Field(absl::string_view field_name, const absl::Status& status);
  std::string name;
  std::string json;  // the value, already as JSON
};
using Fields = std::initializer_list<Field>;

// Names the process in every line. Call once, first thing in main.
void Init(absl::string_view service);

void Info(absl::string_view message, Fields fields = {});
void Warning(absl::string_view message, Fields fields = {});
void Error(absl::string_view message, Fields fields = {});

// For tests: lines go to `sink` instead of standard error; nullptr restores.
void SetSink(std::function<void(const std::string&)> sink);

// `text` with runs of exactly 9 or 12 digits masked.
std::string Redact(absl::string_view text);

}  // namespace lgsp::log
