// The registry's catalogue (deploy/catalog/*.textproto): read, merged and checked.
#pragma once

#include <google/protobuf/descriptor.h>

#include <map>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "lgsp/registry/v1/catalog.pb.h"
#include "tools/lgsp/platform.pb.h"

namespace lgsp::cli {

// All files of a catalogue as one.
struct MergedCatalog {
  registry::v1::Catalog catalog;
  // Name of an entry -> file it is from, for messages.
  std::map<std::string, std::string> origin;

  // The base of every complaint about an entry: INVALID_ARGUMENT, `<file>: <entry>: <what>`.
  absl::Status Wrong(absl::string_view reason, absl::string_view entry,
                     absl::string_view what) const;
};

// Merges the `*.textproto` of `folder` in the order of their names. NOT_FOUND CATALOG_MISSING;
// INVALID_ARGUMENT CONFIG_INVALID, CATALOG_NAME_TWICE (names both files).
absl::StatusOr<MergedCatalog> ReadCatalog(absl::string_view folder);

// Everything that can be judged without a data folder but for its processes. INVALID_ARGUMENT:
// CATALOG_NAME_INVALID, CATALOG_VALUE_INVALID, CATALOG_SOURCE_MISSING, CATALOG_REFERENCE_UNKNOWN,
// CATALOG_SERVICE_UNKNOWN (not in `descriptors`), CATALOG_METHOD_UNKNOWN, CATALOG_DEMO_REFERENCE (a
// real agreement of a demo system).
absl::Status CheckCatalog(const MergedCatalog& merged,
                          const google::protobuf::DescriptorPool& descriptors,
                          const Platform& platform);

}  // namespace lgsp::cli
