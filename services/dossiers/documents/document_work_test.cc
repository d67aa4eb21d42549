// The work behind documents: scans, by a process that speaks clamd's protocol, and the sweep of
// what nobody has.
#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <fstream>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "libs/keys/digest.h"
#include "libs/testing/metric_value.h"
#include "services/dossiers/documents/document_scan.h"
#include "services/dossiers/documents/document_service_fixture_test.h"
#include "services/dossiers/documents/document_sweep.h"
#include "services/dossiers/limits.h"
#include "services/dossiers/oracle_test.h"

namespace lgsp::dossiers {
namespace {

using lgsp::dossiers::v1::Document;
using lgsp::dossiers::v1::Dossier;
using lgsp::dossiers::v1::FileListItem;
using lgsp::dossiers::v1::GetDocumentRequest;
using lgsp::dossiers::v1::Scan;
using testing::MetricValue;

// The string that every scanner finds, in two parts so that none finds this file.
constexpr char kEicar[] =
    "X5O!P%@AP[4\\PZX54(P^)7CC)7}$EICAR-STANDARD"
    "-ANTIVIRUS-TEST-FILE!$H+H*";

std::string PdfWith(absl::string_view text) {
  return absl::StrCat("%PDF-1.7\n", text, "\n%%EOF\n");
}

// fake_clamd.py as a process of its own.
class FakeClamd {
 public:
  FakeClamd() : socket_(folder_.path() + "/clamd.ctl"), journal_(folder_.path() + "/journal") {
    int input[2], output[2];
    REQUIRE(pipe2(input, O_CLOEXEC) == 0);
    REQUIRE(pipe2(output, O_CLOEXEC) == 0);
    const std::string script = SourceFile("services/dossiers/documents/fake_clamd.py");
    pid_ = fork();
    if (pid_ == 0) {
      dup2(input[0], STDIN_FILENO);
      dup2(output[1], STDOUT_FILENO);
      execl("/usr/bin/python3", "python3", "-B", script.c_str(), socket_.c_str(), "--limit",
            "5000000", "--journal", journal_.c_str(), nullptr);
      _exit(127);
    }
    close(input[0]);
    close(output[1]);
    input_ = input[1];
    // `ready` and its line break come in one piece or in several.
    char letter = 0;
    while (letter != '\n' && read(output[0], &letter, 1) == 1) continue;
    CHECK(letter == '\n');
    close(output[0]);
  }
  ~FakeClamd() { Stop(); }

  void Stop() {
    if (pid_ <= 0) return;
    close(input_);
    int status = 0;
    CHECK(waitpid(pid_, &status, 0) == pid_);
    CHECK(status == 0);
    pid_ = 0;
  }
  std::string address() const { return "unix:" + socket_; }
  // Its last line: bytes, chunks, hash.
  std::vector<std::string> LastScan() const {
    std::ifstream in(journal_);
    std::string line, last;
    while (std::getline(in, line)) last = line;
    return absl::StrSplit(last, ' ');
  }

 private:
  const testing::TemporaryFolder folder_;
  const std::string socket_, journal_;
  pid_t pid_ = 0;
  int input_ = -1;
};

Scan::State StateOf(DocumentsOnTheWire& wire, const Document& document) {
  GetDocumentRequest request;
  request.set_name(document.name());
  return wire.Call(&DocumentsOnTheWire::Stub::GetDocument, request)->scan().state();
}

TEST_CASE("scans: every document gets its verdict, and an infected one is out") {
  DocumentsOnTheWire wire(GENERATE(from_range(sql::kBothEngines)), Scan::PENDING);
  FakeClamd clamd;
  metrics::Registry metrics;
  DocumentScan scan(&wire.db(), &wire.keys(), &wire.files(), &wire.clock(), &metrics,
                    clamd.address());
  const Dossier dossier = wire.NewDossier();
  const std::string content = SamplePdf(300'000);
  const Document clean = wire.MustUpload(dossier, 1, content);
  CHECK(clean.scan().state() == Scan::PENDING);
  // What is not scanned yet is given out, marked.
  CHECK(wire.Download(clean.name()).ok());
  REQUIRE(scan.Step().ok());
  CHECK(StateOf(wire, clean) == Scan::CLEAN);
  CHECK(clamd.LastScan() == std::vector<std::string>{absl::StrCat(content.size()), "5",
                                                     keys::Hex(keys::Sha256(content))});

  const Document infected = wire.MustUpload(dossier, 2, PdfWith(kEicar));
  const Document large = wire.MustUpload(dossier, 3, SamplePdf(6 << 20));
  CHECK(wire.List(dossier)->items(1).state() == FileListItem::PRESENT);
  REQUIRE(scan.Step().ok());
  CHECK(StateOf(wire, infected) == Scan::INFECTED);
  CHECK(StateOf(wire, large) == Scan::NOT_SCANNED);
  const auto refused = wire.Download(infected.name()).status();
  CHECK(refused.code() == absl::StatusCode::kFailedPrecondition);
  CHECK(ErrorReason(refused) == "DOCUMENT_INFECTED");
  CHECK(wire.Download(large.name()).ok());
  const auto list = wire.List(dossier);
  REQUIRE(list.ok());
  CHECK(list->items(1).state() == FileListItem::MISSING);
  CHECK(list->items(1).infected_documents(0) == infected.name());

  CHECK(MetricValue(metrics, "documents_scans_total{outcome=\"clean\"}") == 1);
  CHECK(MetricValue(metrics, "documents_scans_total{outcome=\"infected\"}") == 1);
  CHECK(MetricValue(metrics, "documents_scans_total{outcome=\"too_large\"}") == 1);
  CHECK(MetricValue(metrics, "documents_scans_pending") == 0);
  CHECK(MetricValue(metrics, "documents_scanner_configured") == 1);
}

TEST_CASE("scans: what the scanner does not answer for waits, and is scanned when it does") {
  DocumentsOnTheWire wire(sql::Database::Engine::kSqlite, Scan::PENDING);
  FakeClamd clamd;
  metrics::Registry metrics;
  DocumentScan scan(&wire.db(), &wire.keys(), &wire.files(), &wire.clock(), &metrics,
                    clamd.address());
  const Dossier dossier = wire.NewDossier();
  for (const char* trouble : {"HANGUP-NOW", "NONSENSE-NOW"}) {
    INFO(trouble);
    const Document document = wire.MustUpload(dossier, 1, PdfWith(trouble));
    REQUIRE(scan.Step().ok());
    CHECK(StateOf(wire, document) == Scan::PENDING);
    CHECK(MetricValue(metrics, "documents_scans_pending") >= 1);
  }
  CHECK(MetricValue(metrics, "documents_scans_total{outcome=\"failed\"}") == 2);
  // Not again before its time.
  REQUIRE(scan.Step().ok());
  CHECK(MetricValue(metrics, "documents_scans_total{outcome=\"failed\"}") == 2);
  const Document other = wire.MustUpload(dossier);
  REQUIRE(scan.Step().ok());
  CHECK(StateOf(wire, other) == Scan::CLEAN);
  wire.clock().Advance(kScanRetryDelay + absl::Seconds(1));
  REQUIRE(scan.Step().ok());
  CHECK(MetricValue(metrics, "documents_scans_total{outcome=\"failed\"}") == 3);

  clamd.Stop();
  const Document waits = wire.MustUpload(dossier);
  REQUIRE(scan.Step().ok());
  CHECK(StateOf(wire, waits) == Scan::PENDING);
  const FakeClamd back;
  DocumentScan again(&wire.db(), &wire.keys(), &wire.files(), &wire.clock(), &metrics,
                     back.address());
  wire.clock().Advance(kScanClaim);
  REQUIRE(sql::Eventually([&] {
    wire.clock().Advance(kScanRetryDelay + absl::Seconds(1));
    return again.Step().ok() && StateOf(wire, waits) == Scan::CLEAN;
  }));
}

TEST_CASE("scans: without a scanner nothing is scanned, and a metric shows it") {
  DocumentsOnTheWire wire(sql::Database::Engine::kSqlite, Scan::PENDING);
  metrics::Registry metrics;
  DocumentScan scan(&wire.db(), &wire.keys(), &wire.files(), &wire.clock(), &metrics, "");
  const Document document = wire.MustUpload(wire.NewDossier());
  CHECK(scan.Step().ok());
  CHECK(StateOf(wire, document) == Scan::PENDING);
  CHECK(MetricValue(metrics, "documents_scanner_configured") == 0);
}

TEST_CASE("scans: what came before there was a scanner is scanned when there is one") {
  DocumentsOnTheWire wire(GENERATE(from_range(sql::kBothEngines)), Scan::NOT_SCANNED);
  metrics::Registry metrics;
  const Document old = wire.MustUpload(wire.NewDossier(), 1, PdfWith(kEicar));
  CHECK(StateOf(wire, old) == Scan::NOT_SCANNED);
  FakeClamd clamd;
  DocumentScan scan(&wire.db(), &wire.keys(), &wire.files(), &wire.clock(), &metrics,
                    clamd.address());
  REQUIRE(scan.Step().ok());
  CHECK(StateOf(wire, old) == Scan::INFECTED);
  // What it does not take stays as it is, and is not tried again and again.
  const Document large = wire.MustUpload(wire.NewDossier(), 1, SamplePdf(6 << 20));
  for (int i = 0; i < 3; ++i) REQUIRE(scan.Step().ok());
  CHECK(StateOf(wire, large) == Scan::NOT_SCANNED);
}

TEST_CASE("scans: a scanner that never answers costs one scan's time") {
  const FakeClamd clamd;
  bool given = false;
  const absl::Time begin = absl::Now();
  const auto verdict = ScanWithClamd(
      clamd.address(),
      [&]() -> absl::StatusOr<std::string> {
        if (given) return std::string();
        given = true;
        return std::string("SILENCE-NOW");
      },
      begin + absl::Milliseconds(200));
  CHECK(verdict.status().code() == absl::StatusCode::kUnavailable);
  CHECK(ErrorReason(verdict.status()) == "SCANNER_UNAVAILABLE");
  CHECK(absl::Now() - begin < sql::kPatience);
  CHECK(CheckScannerAddress("unix:/run/clamav/clamd.ctl").ok());
  CHECK(CheckScannerAddress("tcp:127.0.0.1:3310").ok());
  for (const std::string& wrong :
       {std::string(), std::string("clamd"), std::string("unix:"), std::string("tcp:host"),
        std::string("tcp::3310"), "unix:/" + std::string(200, 'x')}) {
    CHECK(ErrorReason(CheckScannerAddress(wrong)) == "SCANNER_ADDRESS_INVALID");
  }
}

// The whole of the folders once.
void SweepAll(DocumentsOnTheWire& wire, metrics::Registry& metrics, absl::Time now) {
  DocumentSweep sweep(&wire.db(), &wire.files(), &metrics);
  for (int i = 0; i < DocumentFiles::kFolders; ++i) {
    const absl::Status status = sweep.Step(now);
    INFO(status);
    REQUIRE(status.ok());
  }
}

TEST_CASE("sweep: what no document has goes when it is old, the rest stays") {
  DocumentsOnTheWire wire(GENERATE(from_range(sql::kBothEngines)));
  metrics::Registry metrics;
  const Dossier dossier = wire.NewDossier();
  const Document kept = wire.MustUpload(dossier);
  auto orphan = wire.files().Create();
  REQUIRE((*orphan)->Append("no row").ok());
  REQUIRE((*orphan)->Commit().ok());
  auto abandoned = wire.files().Create();
  REQUIRE((*abandoned)->Append("killed").ok());
  CHECK(wire.Files().size() == 3);
  SweepAll(wire, metrics, absl::Now());
  CHECK(wire.Files().size() == 3);
  SweepAll(wire, metrics, absl::Now() + kOrphanAge + absl::Minutes(1));
  const std::vector<std::string> files = wire.Files();
  CHECK(files.size() == 2);
  CHECK(std::count_if(files.begin(), files.end(), [](const std::string& path) {
          return absl::StrContains(path, "/trash/");
        }) == 1);
  SweepAll(wire, metrics, absl::Now() + kTrashAge - absl::Hours(1));
  CHECK(wire.Files().size() == 2);
  SweepAll(wire, metrics, absl::Now() + kTrashAge + absl::Hours(1));
  CHECK(wire.Files().size() == 1);
  CHECK(MetricValue(metrics, "documents_swept_total{kind=\"orphan\"}") == 1);
  CHECK(MetricValue(metrics, "documents_swept_total{kind=\"abandoned\"}") == 1);
  CHECK(wire.Download(kept.name()).ok());
}

TEST_CASE("sweep: the documents of an erased dossier go, but what another reused stays") {
  DocumentsOnTheWire wire(GENERATE(from_range(sql::kBothEngines)));
  metrics::Registry metrics;
  const Dossier erased = wire.NewDossier();
  const Dossier other = wire.NewDossier();
  const Document shared = wire.MustUpload(erased);
  wire.MustUpload(erased, 2);
  v1::ReuseDocumentRequest reuse;
  reuse.set_parent(other.name());
  reuse.set_request_id(wire.NewRequestId());
  reuse.set_source(shared.name());
  reuse.set_item(1);
  const auto reused = wire.Call(&DocumentsOnTheWire::Stub::ReuseDocument, reuse);
  INFO(reused.status());
  REQUIRE(reused.ok());
  REQUIRE(wire.db()
              .Run([&](sql::Transaction& tx) -> absl::Status {
                RETURN_IF_ERROR(DeleteDocumentsOf(tx, erased.name()));
                return wire.keys().Erase(tx, erased.name());
              })
              .ok());
  CHECK(ErrorReason(wire.Download(shared.name()).status()) == "DATA_KEY_ERASED");
  SweepAll(wire, metrics, absl::Now() + kOrphanAge + absl::Minutes(1));
  SweepAll(wire, metrics, absl::Now() + kTrashAge + absl::Hours(1));
  CHECK(wire.Files().size() == 1);
  CHECK(sql::ReadInt(wire.db(), "SELECT COUNT(*) FROM documents") == 1);
  CHECK(sql::ReadInt(wire.db(), "SELECT links FROM document_contents") == 1);
  CHECK(wire.Download(reused->name()).ok());
}

}  // namespace
}  // namespace lgsp::dossiers
