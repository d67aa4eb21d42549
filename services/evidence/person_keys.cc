#include "services/evidence/person_keys.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <system_error>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "libs/config/config.h"
#include "libs/evidence/file.h"
#include "libs/keys/digest.h"
#include "libs/status/status.h"
#include "services/evidence/limits.h"

namespace lgsp::evidence {
namespace {

constexpr size_t kKeyBytes = 32;
constexpr int kPrivate = 0600;

int64_t YearOf(absl::Time time) { return VietnamDay(time).year(); }

std::string Token(const keys::BlindIndex& key, int64_t year, absl::string_view person) {
  return keys::Hex(key.Token(absl::StrCat(year), "person", person));
}

}  // namespace

absl::StatusOr<std::unique_ptr<PersonKeys>> PersonKeys::Open(const std::string& folder,
                                                             const Clock* clock) {
  std::unique_ptr<PersonKeys> out(new PersonKeys(folder, clock));
  RETURN_IF_ERROR(MakeFolders(folder));
  absl::MutexLock lock(&out->mutex_);
  out->first_year_ = kFirstPersonYear;
  std::error_code error;
  for (const auto& file : std::filesystem::directory_iterator(folder, error)) {
    const std::string name = file.path().filename().string();
    absl::string_view text = name;
    int64_t year = 0;
    if (!absl::ConsumeSuffix(&text, ".key") || !absl::SimpleAtoi(text, &year)) continue;
    ASSIGN_OR_RETURN(keys::BlindIndex key, keys::BlindIndex::FromFile(file.path().string()));
    out->keys_.emplace(year, std::move(key));
  }
  return out;
}

std::string PersonKeys::PathOf(int64_t year) const {
  return absl::StrCat(folder_, "/", year, ".key");
}

absl::StatusOr<std::string> PersonKeys::Hash(absl::Time time, absl::string_view person) {
  const int64_t year = YearOf(time);
  absl::MutexLock lock(&mutex_);
  auto found = keys_.find(year);
  if (found == keys_.end()) {
    if (year < first_year_ || year > YearOf(clock_->SecurityNow())) return std::string();
    std::string key = keys::RandomBytes(kKeyBytes);
    RETURN_IF_ERROR(config::WriteFile(PathOf(year), absl::StrCat(keys::Hex(key), "\n"), kPrivate));
    found = keys_.emplace(year, keys::BlindIndex(std::move(key))).first;
  }
  return Token(found->second, year, person);
}

std::vector<std::string> PersonKeys::Hashes(absl::Time begin, absl::Time end,
                                            absl::string_view person) const {
  const int64_t first = YearOf(begin), last = YearOf(end);
  absl::MutexLock lock(&mutex_);
  std::vector<std::string> hashes;
  for (const auto& [year, key] : keys_) {
    if (year >= first && year <= last) hashes.push_back(Token(key, year, person));
  }
  return hashes;
}

absl::Status PersonKeys::Forget(absl::Time before) {
  absl::MutexLock lock(&mutex_);
  first_year_ = std::max(first_year_, YearOf(before));
  while (!keys_.empty() && keys_.begin()->first < first_year_) {
    const std::string path = PathOf(keys_.begin()->first);
    if (unlink(path.c_str()) != 0 && errno != ENOENT) return WriteError(errno, path);
    keys_.erase(keys_.begin());
  }
  return absl::OkStatus();
}

}  // namespace lgsp::evidence
