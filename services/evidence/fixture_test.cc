#include "services/evidence/fixture_test.h"

#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "libs/clock/timestamp.h"
#include "libs/evidence/verify.h"
#include "libs/status/status.h"
#include "libs/testing/metric_value.h"

namespace lgsp::evidence {

namespace fs = std::filesystem;

std::string ReadText(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream content;
  content << file.rdbuf();
  return content.str();
}

void WriteText(const std::string& path, absl::string_view content) {
  std::ofstream file(path, std::ios::binary | std::ios::trunc);
  file << content;
  REQUIRE(file.good());
}

void CopyFolder(const std::string& from, const std::string& to) {
  fs::remove_all(to);
  fs::copy(from, to, fs::copy_options::recursive);
}

std::map<std::string, std::string> PublicFiles(const std::string& folder) {
  std::map<std::string, std::string> files;
  files["checkpoint"] = ReadText(folder + "/checkpoint");
  for (const auto& entry : fs::recursive_directory_iterator(folder + "/tile")) {
    const std::string path = entry.path().string();
    if (entry.is_regular_file()) files[path.substr(folder.size() + 1)] = ReadText(path);
  }
  return files;
}

std::string ExchangeId(int number) {
  return absl::StrFormat("01936a00-0000-7000-8000-%012d", number);
}

std::string IntentOf(const Call& call) {
  lgsp::evidence::v1::Record record;
  auto& intent = *record.mutable_intent();
  intent.set_exchange_id(call.id);
  *intent.mutable_time() = ToTimestamp(call.time);
  intent.mutable_caller()->set_system(call.system);
  intent.mutable_caller()->set_dossier(call.dossier);
  intent.mutable_caller()->set_person(call.person);
  intent.set_path(call.path);
  return record.SerializeAsString();
}

std::string OutcomeOf(const Call& call) {
  lgsp::evidence::v1::Record record;
  auto& outcome = *record.mutable_outcome();
  outcome.set_exchange_id(call.id);
  *outcome.mutable_time() = ToTimestamp(call.time + absl::Seconds(1));
  outcome.set_end(lgsp::evidence::v1::Outcome::ANSWERED);
  outcome.set_grpc_status(5);
  return record.SerializeAsString();
}

Node::Node(const std::string& folder, keys::SigningKey key)
    : folder(folder), key(std::move(key)), verifier(*NoteKey::Of(kGateway, this->key)) {
  auto log = Log::Open({.directory = folder,
                        .origin = kGateway,
                        .key = this->key,
                        .metrics = &metrics_,
                        .limits = {.checkpoint_interval = absl::ZeroDuration()}});
  INFO(log.status());
  REQUIRE(log.ok());
  log_ = *std::move(log);
}

void Node::Append(const std::vector<std::string>& entries) {
  const std::vector<absl::string_view> views(entries.begin(), entries.end());
  REQUIRE(log_->Append(views).ok());
  REQUIRE(log_->WaitCheckpoint(log_->size(), absl::Now() + absl::Seconds(60)).ok());
}

void Node::AppendUpTo(uint64_t size, absl::string_view variant) {
  std::vector<std::string> entries;
  for (uint64_t i = log_->size(); i < size; ++i) entries.push_back(absl::StrCat(i, "/", variant));
  Append(entries);
}

void Node::AppendCalls(const std::vector<Call>& calls) {
  std::vector<std::string> entries;
  for (const Call& call : calls) {
    entries.push_back(IntentOf(call));
    entries.push_back(OutcomeOf(call));
  }
  Append(entries);
}

void MirrorFixture::OpenMirror() {
  mirror_.reset();
  auto mirror = Mirror::Open(node.verifier, {.directory = directory(),
                                             .source = std::make_unique<FolderSource>(node.folder),
                                             .metrics = &metrics,
                                             .clock = &clock});
  INFO(mirror.status());
  REQUIRE(mirror.ok());
  mirror_ = *std::move(mirror);
}

std::string MirrorFixture::Poll() {
  const absl::Status status = mirror_->Poll();
  INFO(status);
  CHECK((status.ok() || !ErrorReason(status).empty()));
  return ErrorReason(status);
}

bool MirrorFixture::IsExact() {
  const auto theirs = PublicFiles(node.folder), ours = PublicFiles(mirror_->folder());
  // Partial forms of checkpoints in between only one of both has seen.
  for (const auto& [path, content] : ours) {
    const auto found = theirs.find(path);
    if (found == theirs.end() || found->second != content) return false;
  }
  const Verification verified = Verify(mirror_->folder(), node.verifier, {theirs.at("checkpoint")});
  return ours.at("checkpoint") == theirs.at("checkpoint") && verified.ok() && verified.anchors == 1;
}

double MirrorFixture::Metric(absl::string_view name) const {
  return testing::MetricValue(metrics, absl::StrCat(name, "{log=\"", kGateway, "\"}"));
}

double MirrorFixture::Findings(absl::string_view kind) const {
  return testing::MetricValue(
      metrics, absl::StrCat("evidence_findings_total{kind=\"", kind, "\",log=\"", kGateway, "\"}"));
}

std::vector<std::string> MirrorFixture::KeptNotes() const {
  std::vector<std::string> notes;
  for (const auto& file : fs::directory_iterator(directory() + "/findings")) {
    notes.push_back(ReadText(file.path().string()));
  }
  return notes;
}

std::string MirrorFixture::SourceFile(absl::string_view path) const {
  return absl::StrCat(node.folder, "/", path);
}

}  // namespace lgsp::evidence
