#include "services/dossiers/person_index.h"

#include <algorithm>
#include <set>

#include "absl/strings/ascii.h"
#include "absl/strings/str_join.h"
#include "libs/status/status.h"
#include "libs/text/text.h"
#include "services/dossiers/applicants.h"

namespace lgsp::dossiers {
namespace {

using lgsp::dossiers::v1::Dossier;
using lgsp::dossiers::v1::Person;

constexpr char kId[] = "id";
constexpr char kWholeName[] = "name";
constexpr char kWord[] = "word";

// As written, whatever the capitals and blanks.
std::string StrictKey(absl::string_view name) {
  return absl::StrJoin(text::Words(text::FoldCase(name)), " ");
}

// As IDs are written: without blanks and in capitals.
std::string IdKey(absl::string_view id) {
  std::string key = absl::AsciiStrToUpper(id);
  key.erase(std::remove_if(key.begin(), key.end(), absl::ascii_isspace), key.end());
  return key;
}

}  // namespace

std::vector<std::string> PersonIndex::TokensOf(absl::string_view agency,
                                               const Dossier& dossier) const {
  std::set<std::string> tokens;
  const auto add = [&](absl::string_view kind, absl::string_view value) {
    if (!value.empty()) tokens.insert(blind_index_.Token(agency, kind, value));
  };
  for (const Person& person : PersonsOf(dossier.applicant())) {
    add(kId, IdKey(person.id_number()));
    add(kId, IdKey(person.old_id_number()));
    add(kWholeName, StrictKey(person.full_name()));
    for (const std::string& word : text::Words(text::Fold(person.full_name()))) add(kWord, word);
  }
  return {tokens.begin(), tokens.end()};
}

std::vector<std::string> PersonIndex::TokensFor(absl::string_view agency,
                                                const PersonQuery& query) const {
  if (!query.id_number.empty()) {
    return {blind_index_.Token(agency, kId, IdKey(query.id_number))};
  }
  if (query.exact_name) return {blind_index_.Token(agency, kWholeName, StrictKey(query.name))};
  std::vector<std::string> words = text::Words(text::Fold(query.name));
  // Family names are few and come first, given names are many and come last.
  std::reverse(words.begin(), words.end());
  words.resize(std::min(words.size(), kMaxWords));
  std::vector<std::string> tokens;
  for (const std::string& word : words) tokens.push_back(blind_index_.Token(agency, kWord, word));
  return tokens;
}

absl::Status PersonIndex::Add(sql::Transaction& tx, absl::string_view agency,
                              const Dossier& dossier) const {
  for (std::string& token : TokensOf(agency, dossier)) {
    RETURN_IF_ERROR(tx.Execute("INSERT INTO person_index (agency, token, name) "
                               "VALUES (:agency, :token, :name)",
                               {{"agency", agency},
                                {"token", sql::Bytes{std::move(token)}},
                                {"name", dossier.name()}})
                        .status());
  }
  return absl::OkStatus();
}

absl::Status PersonIndex::Remove(sql::Transaction& tx, absl::string_view agency,
                                 const Dossier& dossier) const {
  for (std::string& token : TokensOf(agency, dossier)) {
    RETURN_IF_ERROR(tx.Execute("DELETE FROM person_index WHERE agency = :agency "
                               "AND token = :token AND name = :name",
                               {{"agency", agency},
                                {"token", sql::Bytes{std::move(token)}},
                                {"name", dossier.name()}})
                        .status());
  }
  return absl::OkStatus();
}

absl::StatusOr<std::vector<std::string>> PersonIndex::Find(sql::Transaction& tx,
                                                           absl::string_view agency,
                                                           const PersonQuery& query,
                                                           absl::string_view after,
                                                           int limit) const {
  std::vector<std::string> tokens = TokensFor(agency, query);
  if (tokens.empty()) return std::vector<std::string>();
  const size_t wanted = tokens.size();
  // What is not given is what is given: it is there then.
  tokens.resize(kMaxWords, tokens.front());
  const auto has = [&](size_t i) { return sql::Bytes{tokens[i]}; };
  ASSIGN_OR_RETURN(
      const sql::Result found,
      // Counted, where EXISTS would say it: PostgreSQL would read every row of a word to look them
      // up in memory, where the first page needs a few.
      tx.Execute("SELECT p.name FROM person_index p WHERE p.agency = :agency AND p.token = :t0 "
                 "AND p.name < :after AND (:wanted < 2 OR ("
                 "(SELECT COUNT(*) FROM person_index q WHERE q.agency = :agency "
                 "AND q.token = :t1 AND q.name = p.name) = 1 AND "
                 "(SELECT COUNT(*) FROM person_index q WHERE q.agency = :agency "
                 "AND q.token = :t2 AND q.name = p.name) = 1 AND "
                 "(SELECT COUNT(*) FROM person_index q WHERE q.agency = :agency "
                 "AND q.token = :t3 AND q.name = p.name) = 1 AND "
                 "(SELECT COUNT(*) FROM person_index q WHERE q.agency = :agency "
                 "AND q.token = :t4 AND q.name = p.name) = 1 AND "
                 "(SELECT COUNT(*) FROM person_index q WHERE q.agency = :agency "
                 "AND q.token = :t5 AND q.name = p.name) = 1)) "
                 "ORDER BY p.name DESC LIMIT :limit",
                 // `~` sorts after every name.
                 {{"agency", agency},
                  {"after", after.empty() ? absl::string_view("~") : after},
                  {"wanted", static_cast<int64_t>(wanted)},
                  {"t0", has(0)},
                  {"t1", has(1)},
                  {"t2", has(2)},
                  {"t3", has(3)},
                  {"t4", has(4)},
                  {"t5", has(5)},
                  {"limit", limit}}));
  std::vector<std::string> names;
  for (const sql::Row& row : found.rows) names.push_back(row.Text(0));
  return names;
}

}  // namespace lgsp::dossiers
