#include "tools/lgsp/catalog.h"

#include <algorithm>
#include <filesystem>
#include <set>
#include <system_error>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "google/protobuf/util/time_util.h"
#include "libs/config/config.h"
#include "libs/status/status.h"

namespace lgsp::cli {
namespace {

using google::protobuf::DescriptorPool;
using registry::v1::Agreement;
using registry::v1::Catalog;
using registry::v1::System;

constexpr size_t kMaxNamePart = 63;
// So that keys can be rotated, and no more.
constexpr int kMaxCertificates = 2;
// With which the name of a REST service begins, and what follows.
constexpr char kRestPrefix[] = "r1/";
constexpr size_t kRestIdentifiers = 5;

// `<collection>/<id>`; an id of lower-case letters, digits and dashes, or (agencies) `H12.50.01`.
bool IsName(absl::string_view name, absl::string_view collection, bool agency) {
  if (!absl::ConsumePrefix(&name, collection) || name.empty() || name.size() > kMaxNamePart)
    return false;
  return std::all_of(name.begin(), name.end(), [agency](char c) {
    return absl::ascii_islower(c) || absl::ascii_isdigit(c) || c == '-' ||
           (agency && (absl::ascii_isupper(c) || c == '.'));
  });
}

// `H12.50.01`, or a subtree `H12.*`.
bool IsAgencyPattern(absl::string_view pattern) {
  absl::ConsumeSuffix(&pattern, ".*");
  return !pattern.empty() && std::all_of(pattern.begin(), pattern.end(), [](char c) {
    return absl::ascii_isupper(c) || absl::ascii_isdigit(c) || c == '.';
  });
}

bool IsToken(absl::string_view text) { return IsName(text, "", false); }

// X-Road's charset of identifiers, joined by `/`.
bool IsIdentifier(absl::string_view text, size_t least, size_t most) {
  const std::vector<absl::string_view> parts = absl::StrSplit(text, '/');
  return parts.size() >= least && parts.size() <= most &&
         std::all_of(parts.begin(), parts.end(), [](absl::string_view part) {
           return !part.empty() && part.size() <= kMaxNamePart && part != "." && part != ".." &&
                  std::all_of(part.begin(), part.end(), [](char c) {
                    return absl::ascii_isalnum(c) ||
                           absl::string_view("'()+,-.=_").find(c) != absl::string_view::npos;
                  });
         });
}

bool IsRest(absl::string_view service) { return absl::StartsWith(service, kRestPrefix); }

template <typename Entries>
absl::Status NoteOrigin(const Entries& entries, const std::string& file, MergedCatalog& merged) {
  for (const auto& entry : entries) {
    const auto [known, added] = merged.origin.emplace(entry.name(), file);
    if (!added) {
      return MakeError(absl::StatusCode::kInvalidArgument, "CATALOG_NAME_TWICE",
                       absl::StrCat(file, ": ", entry.name(), ": is also in ", known->second));
    }
  }
  return absl::OkStatus();
}

// The names of what was merged, to resolve references.
struct Index {
  std::set<std::string> participants;
  std::map<std::string, const System*> systems;
  std::set<std::string> services;
};

Index IndexOf(const Catalog& catalog) {
  Index index;
  for (const auto& participant : catalog.participants())
    index.participants.insert(participant.name());
  for (const auto& system : catalog.systems()) index.systems[system.name()] = &system;
  for (const auto& service : catalog.services()) index.services.insert(service.name());
  return index;
}

absl::Status CheckParticipants(const MergedCatalog& merged) {
  for (const auto& participant : merged.catalog.participants()) {
    if (!IsName(participant.name(), "participants/", true)) {
      return merged.Wrong("CATALOG_NAME_INVALID", participant.name(),
                          "not of the form participants/H12.15");
    }
    if (participant.display_name().empty()) {
      return merged.Wrong("CATALOG_VALUE_INVALID", participant.name(), "display_name is empty");
    }
  }
  return absl::OkStatus();
}

absl::Status CheckSystems(const MergedCatalog& merged, const Index& index) {
  for (const System& system : merged.catalog.systems()) {
    if (!IsName(system.name(), "systems/", false)) {
      return merged.Wrong("CATALOG_NAME_INVALID", system.name(),
                          "not of the form systems/lower-case-with-dashes");
    }
    if (index.participants.count(system.participant()) == 0) {
      return merged.Wrong(
          "CATALOG_REFERENCE_UNKNOWN", system.name(),
          absl::StrCat("participant ", system.participant(), " is not in the catalogue"));
    }
    for (const auto& agency : system.agencies()) {
      if (!IsAgencyPattern(agency)) {
        return merged.Wrong("CATALOG_VALUE_INVALID", system.name(),
                            absl::StrCat("agency '", agency, "' is neither a code nor a subtree"));
      }
    }
    if (!system.xroad_client().empty() && !IsIdentifier(system.xroad_client(), 3, 4)) {
      return merged.Wrong("CATALOG_VALUE_INVALID", system.name(),
                          "xroad_client is not instance/memberClass/memberCode[/subsystem]");
    }
    if (system.certificate_files().empty() || system.certificate_files_size() > kMaxCertificates) {
      return merged.Wrong("CATALOG_VALUE_INVALID", system.name(),
                          absl::StrCat(system.certificate_files_size(), " certificate_files; 1 or ",
                                       kMaxCertificates));
    }
  }
  return absl::OkStatus();
}

// The gateway judges addresses and base path: it knows where it is.
absl::Status CheckBackend(const MergedCatalog& merged, const registry::v1::Service& service) {
  const auto wrong = [&](absl::string_view what) {
    return merged.Wrong("CATALOG_VALUE_INVALID", service.name(), what);
  };
  const auto& backend = service.backend();
  if (backend.addresses().empty()) return wrong("backend has no addresses");
  if (!service.platform_service().empty()) {
    return wrong("has a backend and a platform_service");
  }
  if (!IsRest(service.name())) {
    return backend.http1() || !backend.base_path().empty()
               ? wrong("is gRPC, which has neither HTTP/1.1 nor a base_path")
               : absl::OkStatus();
  }
  absl::string_view identifier = service.name();
  absl::ConsumePrefix(&identifier, kRestPrefix);
  if (!IsIdentifier(identifier, kRestIdentifiers, kRestIdentifiers)) {
    return wrong("not r1/instance/memberClass/memberCode/subsystem/serviceCode");
  }
  return absl::OkStatus();
}

absl::Status CheckServices(const MergedCatalog& merged, const Index& index,
                           const DescriptorPool& descriptors, const Platform& platform) {
  for (const auto& service : merged.catalog.services()) {
    if (!IsRest(service.name()) && descriptors.FindServiceByName(service.name()) == nullptr) {
      return merged.Wrong("CATALOG_SERVICE_UNKNOWN", service.name(),
                          "no such service in the descriptors");
    }
    if (index.participants.count(service.provider()) == 0) {
      return merged.Wrong(
          "CATALOG_REFERENCE_UNKNOWN", service.name(),
          absl::StrCat("provider ", service.provider(), " is not in the catalogue"));
    }
    if (IsRest(service.name()) || service.has_backend()) {
      RETURN_IF_ERROR(CheckBackend(merged, service));
      continue;
    }
    const auto& processes = platform.processes();
    if (std::none_of(processes.begin(), processes.end(), [&](const Process& process) {
          return process.name() == service.platform_service();
        })) {
      return merged.Wrong("CATALOG_REFERENCE_UNKNOWN", service.name(),
                          absl::StrCat("platform_service '", service.platform_service(),
                                       "' is no process of the data folder"));
    }
  }
  return absl::OkStatus();
}

// The whole rule is the gateway's (services/gateway/rest.h), which refuses a policy that breaks it.
bool IsEndpoint(absl::string_view text) {
  const std::vector<absl::string_view> words = absl::StrSplit(text, ' ');
  return words.size() == 2 && !words[0].empty() && absl::StartsWith(words[1], "/") &&
         (words[1] == "/" || !absl::StrContains(absl::StrCat(words[1], "/"), "//"));
}

absl::Status CheckMethods(const MergedCatalog& merged, const Agreement& agreement,
                          const DescriptorPool& descriptors) {
  const auto* service = descriptors.FindServiceByName(agreement.service());
  if (agreement.methods().empty()) {
    return merged.Wrong("CATALOG_VALUE_INVALID", agreement.name(), "names no methods");
  }
  if (agreement.methods_size() == 1 && agreement.methods(0) == "*") return absl::OkStatus();
  std::set<std::string> seen;
  for (const auto& method : agreement.methods()) {
    if (service == nullptr && !IsEndpoint(method)) {
      return merged.Wrong("CATALOG_METHOD_UNKNOWN", agreement.name(),
                          absl::StrCat("'", method, "' is no endpoint, `GET /v1/parcels/*`"));
    }
    if (service != nullptr && service->FindMethodByName(method) == nullptr) {
      return merged.Wrong("CATALOG_METHOD_UNKNOWN", agreement.name(),
                          absl::StrCat(agreement.service(), " has no method '", method, "'"));
    }
    if (!seen.insert(method).second) {
      return merged.Wrong("CATALOG_VALUE_INVALID", agreement.name(),
                          absl::StrCat("names the method ", method, " twice"));
    }
  }
  return absl::OkStatus();
}

absl::Status CheckAgreement(const MergedCatalog& merged, const Index& index,
                            const Agreement& agreement, const DescriptorPool& descriptors) {
  const auto wrong = [&](absl::string_view reason, absl::string_view what) {
    return merged.Wrong(reason, agreement.name(), what);
  };
  if (!IsName(agreement.name(), "agreements/", false)) {
    return wrong("CATALOG_NAME_INVALID", "not of the form agreements/lower-case-with-dashes");
  }
  const auto consumer = index.systems.find(agreement.consumer());
  if (consumer == index.systems.end()) {
    return wrong("CATALOG_REFERENCE_UNKNOWN",
                 absl::StrCat("consumer ", agreement.consumer(), " is not in the catalogue"));
  }
  if (consumer->second->demo() && !agreement.demo()) {
    return wrong("CATALOG_DEMO_REFERENCE", absl::StrCat("consumer ", agreement.consumer(),
                                                        " is a demo system, so demo must be true"));
  }
  if (index.services.count(agreement.service()) == 0) {
    return wrong("CATALOG_REFERENCE_UNKNOWN",
                 absl::StrCat("service ", agreement.service(), " is not in the catalogue"));
  }
  RETURN_IF_ERROR(CheckMethods(merged, agreement, descriptors));
  for (const auto& purpose : agreement.purposes()) {
    if (!IsToken(purpose)) {
      return wrong("CATALOG_VALUE_INVALID",
                   absl::StrCat("purpose '", purpose, "' is not lower-case-with-dashes"));
    }
  }
  if (agreement.legal_basis().empty())
    return wrong("CATALOG_VALUE_INVALID", "legal_basis is empty");
  if (agreement.has_valid_from() && agreement.has_valid_until() &&
      agreement.valid_from() >= agreement.valid_until()) {
    return wrong("CATALOG_VALUE_INVALID", "valid_until is not after valid_from");
  }
  return absl::OkStatus();
}

template <typename Entries>
absl::Status CheckSources(const MergedCatalog& merged, const Entries& entries) {
  for (const auto& entry : entries) {
    if (entry.source().empty()) {
      return merged.Wrong("CATALOG_SOURCE_MISSING", entry.name(),
                          "says not where it is from: set source, or source: \"assumed\"");
    }
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status MergedCatalog::Wrong(absl::string_view reason, absl::string_view entry,
                                  absl::string_view what) const {
  const auto file = origin.find(std::string(entry));
  return MakeError(absl::StatusCode::kInvalidArgument, reason,
                   absl::StrCat(file == origin.end() ? "catalogue" : file->second, ": ",
                                entry.empty() ? "entry without a name" : entry, ": ", what),
                   {{"entry", entry}});
}

absl::StatusOr<MergedCatalog> ReadCatalog(absl::string_view folder) {
  std::vector<std::string> files;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(std::string(folder), error)) {
    if (entry.path().extension() == ".textproto") files.push_back(entry.path().string());
  }
  if (files.empty()) {
    return MakeError(absl::StatusCode::kNotFound, "CATALOG_MISSING",
                     absl::StrCat(folder, ": no *.textproto here"), {{"path", folder}});
  }
  std::sort(files.begin(), files.end());
  MergedCatalog merged;
  for (const std::string& file : files) {
    Catalog part;
    RETURN_IF_ERROR(config::Load(file, &part));
    RETURN_IF_ERROR(NoteOrigin(part.participants(), file, merged));
    RETURN_IF_ERROR(NoteOrigin(part.systems(), file, merged));
    RETURN_IF_ERROR(NoteOrigin(part.services(), file, merged));
    RETURN_IF_ERROR(NoteOrigin(part.agreements(), file, merged));
    merged.catalog.MergeFrom(part);
  }
  return merged;
}

absl::Status CheckCatalog(const MergedCatalog& merged, const DescriptorPool& descriptors,
                          const Platform& platform) {
  const Index index = IndexOf(merged.catalog);
  RETURN_IF_ERROR(CheckParticipants(merged));
  RETURN_IF_ERROR(CheckSystems(merged, index));
  RETURN_IF_ERROR(CheckServices(merged, index, descriptors, platform));
  for (const Agreement& agreement : merged.catalog.agreements()) {
    RETURN_IF_ERROR(CheckAgreement(merged, index, agreement, descriptors));
  }
  RETURN_IF_ERROR(CheckSources(merged, merged.catalog.participants()));
  RETURN_IF_ERROR(CheckSources(merged, merged.catalog.systems()));
  RETURN_IF_ERROR(CheckSources(merged, merged.catalog.services()));
  return CheckSources(merged, merged.catalog.agreements());
}

}  // namespace lgsp::cli
