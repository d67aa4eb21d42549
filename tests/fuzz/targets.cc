#include "tests/fuzz/targets.h"

#include <cstdlib>
#include <iostream>

namespace lgsp::fuzz {

const std::vector<Target>& Targets() {
  static const auto& targets = *new std::vector<Target>{
      {"page_token", PageToken},
      {"etag", Etag},
      {"resource_name", ResourceName},
      {"officer", Officer},
      {"personal_id", PersonalId},
      {"clean", Clean},
      {"fold", Fold},
      {"csv", Csv},
      {"catalogue_tables", CatalogueTables},
      {"term", Term},
      {"working_hours", WorkingHours},
      {"cms", Cms},
      {"crl", Crl},
      {"document_type", DocumentType},
      {"verification_code", VerificationCode},
      {"http1_request", Http1Request},
      {"http1_answer", Http1Answer},
      {"path", Path},
      {"access_token", AccessToken},
      {"note", Note},
      {"tile", Tile},
      {"journal", Journal},
  };
  return targets;
}

void Promise(bool kept, const char* promise) {
  if (kept) return;
  std::cerr << "broken promise: " << promise << std::endl;
  std::abort();
}

absl::string_view TakePart(absl::string_view& input) {
  const size_t end = input.find('\xff');
  const absl::string_view part = input.substr(0, end);
  input = end == absl::string_view::npos ? absl::string_view() : input.substr(end + 1);
  return part;
}

}  // namespace lgsp::fuzz
