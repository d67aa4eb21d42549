// The configuration files of the services of a data folder, as text:
// DIR/config/<service>.textproto.
//
// Text, because a tool includes no service's code; a test parses each with the service's own
// config.proto and looks that no field was forgotten.
#pragma once

#include <map>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "tools/lgsp/data_folder.h"
#include "tools/lgsp/installation.h"

namespace lgsp::cli {

// Service name -> text, for every service of the platform file. All paths in them are relative to
// DIR/config but those into the installation, so the folder can be moved.
std::map<std::string, std::string> ServiceConfigs(const DataFolder& folder,
                                                  const Installation& installation);

// Of the gateway's evidence log.
inline constexpr char kGatewayLogOrigin[] = "lgsp.camau.gov.vn/gateway/0";
// Of the log of auditors' questions.
inline constexpr char kAuditLogOrigin[] = "lgsp.camau.gov.vn/evidence/0/audit";

// The services that publish or consume events: those that Kafka makes a difference to.
inline constexpr const char* kEventServices[] = {"dossiers", "insights"};

// `text`, the configuration of such a service, with events by Kafka at `brokers`
// (`host:port,host:port`). INVALID_ARGUMENT BROKERS_INVALID; FAILED_PRECONDITION KAFKA_CONFIGURED
// (it says something of Kafka itself).
absl::StatusOr<std::string> WithKafka(absl::string_view text, absl::string_view brokers,
                                      const Installation& installation);

// The `database_url` in `text`, as it is written; empty: the service has no database.
std::string DatabaseUrlIn(absl::string_view text);

// `text` with `url` in its place. FAILED_PRECONDITION DATABASE_CONFIGURED (it is no SQLite file
// there: the owner has chosen himself).
absl::StatusOr<std::string> WithDatabase(absl::string_view text, absl::string_view url);

}  // namespace lgsp::cli
