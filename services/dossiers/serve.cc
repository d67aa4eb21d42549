#include "services/dossiers/serve.h"

#include <malloc.h>

#include <functional>
#include <optional>
#include <string>

#include "libs/config/config.h"
#include "libs/durable/periodic_job.h"
#include "libs/durable/sweep.h"
#include "libs/events/outbox.h"
#include "libs/events/publication.h"
#include "libs/log/log.h"
#include "libs/rpc/channel.h"
#include "libs/rpc/server.h"
#include "libs/status/status.h"
#include "services/dossiers/catalogue/catalogue_store.h"
#include "services/dossiers/catalogue/procedure_service.h"
#include "services/dossiers/config.pb.h"
#include "services/dossiers/documents/document_keeping.h"
#include "services/dossiers/dossier_service.h"
#include "services/dossiers/limits.h"
#include "services/dossiers/migrations.h"
#include "services/dossiers/mirrors/mirror_service.h"
#include "services/dossiers/portal/portal_client.h"
#include "services/dossiers/portal/portal_report_service.h"
#include "services/dossiers/results/result_keeping.h"

namespace lgsp::dossiers {
namespace {

constexpr char kEventSource[] = "//dossiers.lgsp";
constexpr char kTopic[] = "lgsp.dossiers.v1";

absl::StatusOr<Catalogue> LoadCatalogue(const DossiersConfig& config, absl::string_view base) {
  return Catalogue::Load(config::Resolve(base, config.catalog_folder()));
}

// Nothing where no Kafka is configured.
std::optional<events::KafkaTopic> TopicOf(const DossiersConfig& config, const std::string& base) {
  if (!config.has_kafka()) return std::nullopt;
  return events::KafkaTopic{config.kafka(), base, kTopic};
}

absl::Status Import(sql::Database& db, const Clock& clock, Catalogue& catalogue) {
  ASSIGN_OR_RETURN(const std::vector<ProcedureChange> changes,
                   ImportCatalogue(db, clock.CivilNow(), catalogue));
  // glibc would keep what the import needed for itself: ten times what is left of it.
  malloc_trim(0);
  if (!changes.empty()) {
    log::Info("catalogue imported", {{"changes", static_cast<int64_t>(changes.size())}});
  }
  return absl::OkStatus();
}

// A step of counting all provisional due dates again, once: the calendar changes with a start only.
std::function<absl::Status()> RecountOnce(sql::Database* db, const DossierChanges* changes,
                                          std::function<void()> committed) {
  return [=, done = false, after = std::string()]() mutable -> absl::Status {
    if (done) return absl::OkStatus();
    RETURN_IF_ERROR(changes->RecountProvisional(*db, committed, after));
    done = after.empty();
    return absl::OkStatus();
  };
}

}  // namespace

absl::Status ShowCatalogueChanges(const std::string& config_file) {
  DossiersConfig config;
  RETURN_IF_ERROR(config::Load(config_file, &config));
  const std::string base = config::FolderOf(config_file);
  ASSIGN_OR_RETURN(const Catalogue catalogue, LoadCatalogue(config, base));
  ASSIGN_OR_RETURN(const auto db,
                   sql::Database::Open({.url = sql::ResolveUrl(base, config.database_url())}));
  ASSIGN_OR_RETURN(const std::vector<ProcedureChange> changes, CompareCatalogue(*db, catalogue));
  for (const ProcedureChange& change : changes) {
    log::Info("a start would change", {{"procedure", DescribeChange(change)}});
  }
  log::Info("catalogue compared", {{"changes", static_cast<int64_t>(changes.size())}});
  return absl::OkStatus();
}

absl::Status Serve(const std::string& config_file) {
  DossiersConfig config;
  RETURN_IF_ERROR(config::Load(config_file, &config));
  const std::string base = config::FolderOf(config_file);
  const SystemClock clock;
  metrics::Registry metrics;
  RETURN_IF_ERROR(metrics.Serve(config.metrics_listen()).status());
  ASSIGN_OR_RETURN(Catalogue catalogue, LoadCatalogue(config, base));
  ASSIGN_OR_RETURN(
      const DocumentPolicies policies,
      DocumentPolicies::Load(config::Resolve(base, config.catalog_folder()), catalogue));
  ASSIGN_OR_RETURN(const auto subject_keys,
                   durable::SubjectKeys::FromFile(config::Resolve(base, config.key_ring_file())));
  ASSIGN_OR_RETURN(keys::BlindIndex index_key,
                   keys::BlindIndex::FromFile(config::Resolve(base, config.index_key_file())));
  const PersonIndex persons(std::move(index_key));
  ASSIGN_OR_RETURN(const auto db,
                   sql::Database::Open(
                       {.url = sql::ResolveUrl(base, config.database_url()), .metrics = &metrics}));
  RETURN_IF_ERROR(db->Migrate(Migrations()));
  RETURN_IF_ERROR(Import(*db, clock, catalogue));
  RETURN_IF_ERROR(events::EnsureEpoch(*db));
  ASSIGN_OR_RETURN(const auto gateway, rpc::Connect(config.rpc(), base, config.gateway()));
  const auto portal = MakePortalWorker(db.get(), subject_keys.get(), &clock, &metrics, gateway);
  const durable::PeriodicJob sweep("sweep", kSweepInterval, &metrics,
                                   [&] { return durable::Sweep(*db, clock); });
  durable::KeyRotation rotation(db.get(), subject_keys.get());
  const durable::PeriodicJob rewrap("key rotation", kRotationInterval, &metrics,
                                    [&] { return rotation.Step(); });
  events::Publication events(db.get(), &clock, &metrics, kEventSource, TopicOf(config, base));
  const DossierChanges changes(&catalogue, subject_keys.get(), &persons, &clock, db->engine());
  const auto committed = [&] {
    events.Notify();
    portal->Wake();
  };
  const durable::PeriodicJob expiry("overdue waits", kExpiryInterval, &metrics,
                                    [&] { return changes.EndOverdueWaits(*db, committed); });
  const durable::PeriodicJob recount("provisional due dates", kRecountInterval, &metrics,
                                     RecountOnce(db.get(), &changes, committed));
  DossierService service({db.get(), subject_keys.get(), &catalogue, &clock, &changes, committed});
  ProcedureService procedures(db.get(), &catalogue);
  const PartCommands commands(
      {db.get(), subject_keys.get(), &catalogue, &clock, &changes, committed});
  ASSIGN_OR_RETURN(const auto documents, DocumentKeeping::Start(config.documents(), base,
                                                                {&commands, &policies, &metrics}));
  ResultKeeping results(config.results(), base, &commands, &metrics, SigningClient(gateway));
  MirrorService mirrors(db.get(), &catalogue, &clock);
  PortalReportService reports({db.get(), &catalogue, &changes.store(), &clock,
                               std::bind_front(ComparePortal, gateway), committed});
  ASSIGN_OR_RETURN(const auto server,
                   rpc::Server::Start(config.rpc(), base,
                                      {{v1::Dossiers::service_full_name(), &service},
                                       {v1::Procedures::service_full_name(), &procedures},
                                       {v1::Documents::service_full_name(), &documents->service()},
                                       {v1::Results::service_full_name(), &results.service()},
                                       {v1::Mirrors::service_full_name(), &mirrors},
                                       {v1::PortalReports::service_full_name(), &reports},
                                       {events::v1::Feed::service_full_name(), &events.feed()}},
                                      &metrics, &clock));
  portal->Start();
  results.Start();
  log::Info("ready", {{"port", server->port()},
                      {"procedures", static_cast<int64_t>(catalogue.procedures().size())}});
  rpc::WaitForSignal();
  events.feed().Stop();
  server->Drain(kDrainGrace);
  return absl::OkStatus();
}

}  // namespace lgsp::dossiers
