#include "services/national/portal_sync.h"

#include <atomic>
#include <catch2/catch.hpp>
#include <map>
#include <random>
#include <thread>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "libs/config/config.h"
#include "libs/status/status.h"
#include "services/national/sim_process_test.h"

namespace lgsp::national {
namespace {

using nlohmann::ordered_json;
using v1::SyncDossierRequest;
using v1::SyncDossierResponse;

SyncDossierRequest Load(absl::string_view name) {
  SyncDossierRequest request;
  const std::string file =
      absl::StrCat(LGSP_SOURCE_DIR, "/services/national/testdata/", name, ".textproto");
  REQUIRE(config::Load(file, &request).ok());
  return request;
}

PortalDossier Map(const SyncDossierRequest& request) {
  auto dossier = ToPortal(request, "H12");
  REQUIRE(dossier.ok());
  return *std::move(dossier);
}

// A stage of a dossier with a number of its own.
PortalDossier Stage(const char* name, const std::string& number) {
  SyncDossierRequest request = Load(name);
  request.set_number(number);
  return Map(request);
}

std::string NewNumber() {
  static std::mt19937_64 random = [] {
    const auto seed = std::random_device()();
    WARN("numbers of dossiers by seed " << seed);
    return std::mt19937_64(seed);
  }();
  return absl::StrFormat("H12.96.15-261123-%012d", random() % 1'000'000'000'000);
}

// The portal through a client of its own.
class Adapter {
 public:
  explicit Adapter(SimProcess& sim, absl::Duration call_timeout = absl::Seconds(10)) {
    auto made =
        PortalClient::Make(sim.Config(), sim.scratch().path(), &metrics, &clock, call_timeout);
    REQUIRE(made.ok());
    client = *std::move(made);
    sync = std::make_unique<PortalSync>(client.get());
  }
  absl::StatusOr<SyncDossierResponse> Sync(const PortalDossier& desired) const {
    return sync->Sync(desired, absl::InfiniteFuture());
  }
  // As dossiers does: again until it is done. Returns the reason of the first failure.
  std::string SyncUntilDone(const PortalDossier& desired) {
    std::string first;
    for (int i = 0; i < 200; ++i) {
      const auto response = Sync(desired);
      if (response.ok()) return first;
      CHECK(IsTransient(response.status()));
      if (first.empty()) first = ErrorReason(response.status());
      clock.Advance(absl::Seconds(5));  // an open circuit lets a call through
    }
    FAIL("never done");
    return first;
  }

  metrics::Registry metrics;
  FakeClock clock{absl::FromUnixSeconds(1'800'000'000)};
  std::unique_ptr<PortalClient> client;
  std::unique_ptr<PortalSync> sync;
};

// The portal holds exactly this: every field we send, every row once.
void CheckHeld(SimProcess& sim, const PortalDossier& desired) {
  const auto held = sim.Dossier(desired.item["MaHoSo"].get<std::string>());
  REQUIRE(held.is_object());
  for (const auto& [name, value] : desired.item.items()) {
    INFO(name);
    CHECK(held[name] == nlohmann::json(value));
  }
  CHECK(held["TienDo"] == nlohmann::json(desired.progress));
}

SyncDossierResponse Done(bool inserted, bool updated, int rows) {
  SyncDossierResponse response;
  response.set_inserted(inserted);
  response.set_updated(updated);
  response.set_progress_rows_added(rows);
  return response;
}

bool Equal(const absl::StatusOr<SyncDossierResponse>& a, const SyncDossierResponse& b) {
  return a.ok() && a->SerializeAsString() == b.SerializeAsString();
}

TEST_CASE("what is to be done follows from what is wanted and what is there") {
  using Item = Plan::Item;
  const PortalDossier wanted = Map(Load("completed"));
  Plan plan = Decide(wanted, std::nullopt);
  CHECK(plan.item == Item::kInsert);
  CHECK(plan.missing == wanted.progress);

  plan = Decide(wanted, wanted);
  CHECK(plan.item == Item::kNothing);
  CHECK(plan.missing.empty());

  for (const auto& [name, value] : wanted.item.items()) {
    INFO(name);
    PortalDossier stored = wanted;
    stored.item[name] = "x";
    CHECK(Decide(wanted, stored).item == Item::kUpdate);
    stored.item.erase(name);
    const bool says_nothing = value == "" || value == ordered_json::array();
    CHECK(Decide(wanted, stored).item == (says_nothing ? Item::kNothing : Item::kUpdate));
    stored.item[name] = nullptr;
    CHECK(Decide(wanted, stored).item == (says_nothing ? Item::kNothing : Item::kUpdate));
    CHECK(Decide(wanted, stored).missing.empty());
  }

  PortalDossier stored = wanted;
  stored.item["KenhThucHien"] = 2;  // a number for a text
  stored.item["NoiBo"] = "x";       // a field we do not know
  CHECK(Decide(wanted, stored).item == Item::kNothing);
  stored.item["KenhThucHien"] = 3;
  CHECK(Decide(wanted, stored).item == Item::kUpdate);
}

TEST_CASE("missing rows are found by status and second, in order") {
  const PortalDossier wanted = Map(Load("returned"));
  REQUIRE(wanted.progress.size() == 5);
  PortalDossier stored = wanted;
  stored.progress = {wanted.progress[3], wanted.progress[0]};
  CHECK(Decide(wanted, stored).missing ==
        std::vector<ordered_json>{wanted.progress[1], wanted.progress[2], wanted.progress[4]});

  stored = wanted;
  stored.progress[2]["NguoiXuLy"] = "someone else";  // is not what a row is known by
  stored.progress[2]["TrangThai"] = 4;
  CHECK(Decide(wanted, stored).missing.empty());
  stored.progress[2]["ThoiDiemXuLy"] = "20261123091521";
  CHECK(Decide(wanted, stored).missing == std::vector<ordered_json>{wanted.progress[2]});
  stored.progress[2] = wanted.progress[2];
  stored.progress[2]["TrangThai"] = "5";
  CHECK(Decide(wanted, stored).missing == std::vector<ordered_json>{wanted.progress[2]});

  PortalDossier doubled = wanted;
  doubled.progress.push_back(wanted.progress[2]);
  CHECK(Decide(doubled, wanted).missing.empty());
  CHECK(Decide(doubled, std::nullopt).missing == wanted.progress);
}

TEST_CASE("every stage arrives at the portal as wanted") {
  SimProcess sim({}, /*tls=*/true);
  Adapter adapter(sim);
  for (const char* name : {"rejected", "business", "without_optionals", "long_texts"}) {
    INFO(name);
    const PortalDossier wanted = Stage(name, NewNumber());
    const auto rows = static_cast<int>(wanted.progress.size());
    CHECK(Equal(adapter.Sync(wanted), Done(true, false, rows)));
    CheckHeld(sim, wanted);
    CHECK(Equal(adapter.Sync(wanted), Done(false, false, 0)));
  }
  const std::string number = NewNumber();
  CHECK(Equal(adapter.Sync(Stage("accepted", number)), Done(true, false, 2)));
  CHECK(Equal(adapter.Sync(Stage("completed", number)), Done(false, true, 2)));
  CHECK(Equal(adapter.Sync(Stage("returned", number)), Done(false, true, 1)));
  CheckHeld(sim, Stage("returned", number));
  CHECK(sim.State()["dossiers"] == 5);
}

TEST_CASE("an old row that was missing does not leave its status behind") {
  SimProcess sim;
  Adapter adapter(sim);
  const std::string number = NewNumber();
  const PortalDossier wanted = Stage("returned", number);
  PortalDossier hole = wanted;
  hole.progress.erase(hole.progress.begin() + 2);
  REQUIRE(adapter.Sync(hole).ok());
  CHECK(Equal(adapter.Sync(wanted), Done(false, true, 1)));
  const auto held = sim.Dossier(number);
  CHECK(held["TrangThaiHoSo"] == "10");
  CHECK(held["TienDo"].size() == 5);
  CHECK(Equal(adapter.Sync(wanted), Done(false, false, 0)));
}

TEST_CASE("after every kind of fault, repetition leaves the dossier once and each row once") {
  const std::map<std::string, std::map<std::string, std::string>> kFirstFailure = {
      {"login",
       {{"delay", "PORTAL_UNAVAILABLE"},
        {"http_500", "PORTAL_UNAVAILABLE"},
        {"http_503", "PORTAL_UNAVAILABLE"},
        {"reset_before", "PORTAL_UNAVAILABLE"},
        {"reset_after", "PORTAL_UNAVAILABLE"}}},
      {"TraCuuHoSo",
       {{"delay", "PORTAL_UNAVAILABLE"},
        {"http_500", "PORTAL_UNAVAILABLE"},
        {"http_503", "PORTAL_UNAVAILABLE"},
        {"reset_before", "PORTAL_UNAVAILABLE"},
        {"reset_after", "PORTAL_UNAVAILABLE"},
        {"expired_session", ""}}},
      {"DongBoHoSoMC",
       {{"delay", "PORTAL_OUTCOME_UNKNOWN"},
        {"http_500", "PORTAL_OUTCOME_UNKNOWN"},
        {"http_503", "PORTAL_OUTCOME_UNKNOWN"},
        {"reset_before", "PORTAL_OUTCOME_UNKNOWN"},
        {"reset_after", "PORTAL_OUTCOME_UNKNOWN"},
        {"duplicate", ""},
        {"expired_session", ""}}},
      {"CapNhatTienDoHoSoMC",
       {{"delay", "PORTAL_OUTCOME_UNKNOWN"},
        {"http_500", "PORTAL_OUTCOME_UNKNOWN"},
        {"http_503", "PORTAL_OUTCOME_UNKNOWN"},
        {"reset_before", "PORTAL_OUTCOME_UNKNOWN"},
        {"reset_after", "PORTAL_OUTCOME_UNKNOWN"},
        {"duplicate", ""},
        {"expired_session", ""}}}};
  SimProcess sim({"--delay-seconds", "2"});
  int dossiers = 0;
  for (const auto& [endpoint, kinds] : kFirstFailure) {
    for (const auto& [kind, first_failure] : kinds) {
      INFO(endpoint << " " << kind);
      const std::string number = NewNumber();
      // Timeouts are long enough for a busy machine: other answers than the delayed one are quick.
      Adapter adapter(sim, kind == "delay" ? absl::Seconds(1) : absl::Seconds(10));
      const int before = sim.State()["faults"][kind];
      sim.Script(endpoint, kind);
      CHECK(adapter.SyncUntilDone(Stage("accepted", number)) == first_failure);
      CHECK(sim.State()["faults"][kind] == before + 1);
      CheckHeld(sim, Stage("accepted", number));
      // The same once more on the way of an update.
      if (endpoint != "login" && kind != "delay") {
        sim.Script(endpoint, kind);
        CHECK(adapter.SyncUntilDone(Stage("completed", number)) == first_failure);
        CHECK(sim.State()["faults"][kind] == before + 2);
        CheckHeld(sim, Stage("completed", number));
      }
      ++dossiers;
    }
  }
  CHECK(sim.State()["dossiers"] == dossiers);
  CHECK(sim.State()["doubled_progress_rows"] == 0);
}

TEST_CASE("a dossier that another put there is taken over, not doubled") {
  SimProcess sim;
  Adapter adapter(sim);
  const std::string number = NewNumber();
  // Inserted between our look-up and our insert: the insert is answered as a duplicate and took
  // effect.
  sim.Script("DongBoHoSoMC", "duplicate");
  sim.Script("CapNhatTienDoHoSoMC", "duplicate");
  const auto response = adapter.Sync(Stage("accepted", number));
  REQUIRE(response.ok());
  CheckHeld(sim, Stage("accepted", number));
  CHECK(sim.State()["doubled_progress_rows"] == 0);
}

TEST_CASE("a number of the portal's own is followed only to the same case") {
  SimProcess sim;
  Adapter adapter(sim);
  SyncDossierRequest request = Load("accepted");
  request.set_number(NewNumber());
  request.set_own_number("H12.04-261116-0001");
  CHECK(ErrorReason(adapter.Sync(Map(request)).status()) == "PORTAL_NUMBER_UNKNOWN");
  CHECK(sim.Dossier(request.number()).is_null());

  // Filed there by the applicant.
  SyncDossierRequest filed = request;
  filed.clear_own_number();
  REQUIRE(adapter.Sync(Map(filed)).ok());
  const auto before = sim.Dossier(request.number());
  SyncDossierRequest other = request;
  other.set_applicant_id_number("096300999999");
  CHECK(ErrorReason(adapter.Sync(Map(other)).status()) == "PORTAL_NUMBER_OF_ANOTHER");
  other = request;
  other.set_procedure_code("1.000999");
  CHECK(ErrorReason(adapter.Sync(Map(other)).status()) == "PORTAL_NUMBER_OF_ANOTHER");
  CHECK(sim.Dossier(request.number()) == before);

  CHECK(adapter.Sync(Map(request))->updated());
}

// `missing|other|<fields>|<rows missing>|<rows unknown>`
std::string Text(const v1::CompareDossierResponse& response) {
  return absl::StrCat(response.missing() ? "missing" : "", "|",
                      response.other_case() ? "other" : "", "|",
                      absl::StrJoin(response.fields(), ","), "|", response.progress_rows_missing(),
                      "|", response.progress_rows_unknown());
}

TEST_CASE("what differs follows from what is wanted and what is there, by the rules of a sync") {
  const PortalDossier wanted = Map(Load("completed"));
  CHECK(Text(Compare(wanted, wanted)) == "|||0|0");
  CHECK(Text(Compare(wanted, std::nullopt)) == "missing|||4|0");
  for (const auto& [name, value] : wanted.item.items()) {
    INFO(name);
    PortalDossier stored = wanted;
    stored.item[name] = "x";
    CHECK(Text(Compare(wanted, stored)) == absl::StrCat("||", name, "|0|0"));
    stored.item[name] = nullptr;
    CHECK(Compare(wanted, stored).fields_size() ==
          (Decide(wanted, stored).item == Plan::Item::kNothing ? 0 : 1));
  }
  PortalDossier stored = wanted;
  stored.item["NoiBo"] = "x";
  stored.item["ChuHoSo"] = "x";
  stored.item["GhiChu"] = "x";
  stored.progress.erase(stored.progress.begin() + 1);
  ordered_json foreign = wanted.progress[0];
  foreign["ThoiDiemXuLy"] = "20200101000000";
  // One that stands there twice is one; one of ours that stands there twice is ours.
  stored.progress.insert(stored.progress.end(), {foreign, foreign, wanted.progress[0]});
  CHECK(Text(Compare(wanted, stored)) == "||ChuHoSo,GhiChu|1|1");

  SyncDossierRequest request = Load("completed");
  request.set_own_number("H12.04-261116-0001");
  const PortalDossier filed_there = Map(request);
  CHECK(Text(Compare(filed_there, std::nullopt)) == "missing|||4|0");
  stored = filed_there;
  stored.item["MaTTHC"] = "1.000999";
  stored.item["GhiChu"] = "x";
  stored.progress.clear();
  CHECK(Text(Compare(filed_there, stored)) == "|other||0|0");
}

TEST_CASE("what another changed at the portal is found, and nothing is written by looking") {
  SimProcess sim;
  Adapter adapter(sim);
  const auto compare = [&](const PortalDossier& wanted) {
    const auto response = adapter.sync->Compare(wanted, absl::InfiniteFuture());
    INFO(response.status());
    REQUIRE(response.ok());
    return Text(*response);
  };
  const std::string number = NewNumber();
  const std::string path = absl::StrCat("/sim/dossiers/", number);
  const PortalDossier wanted = Stage("completed", number);
  CHECK(compare(wanted) == "missing|||4|0");
  CHECK(sim.Dossier(number).is_null());
  REQUIRE(adapter.Sync(wanted).ok());
  CHECK(compare(wanted) == "|||0|0");
  CHECK(compare(Stage("returned", number)) == "||TrangThaiHoSo,NgayTra|1|0");

  nlohmann::json changed = sim.Dossier(number);
  changed["ChuHoSo"] = "Một Người Khác";
  changed["TienDo"].erase(2);
  changed["TienDo"][0]["ThoiDiemXuLy"] = "20200101000000";
  sim.Admin("PUT", path, changed.dump());
  CHECK(compare(wanted) == "||ChuHoSo|2|1");
  CHECK(sim.Dossier(number) == changed);
  // A second writer: another process of the adapter.
  Adapter second(sim);
  REQUIRE(second.Sync(wanted).ok());
  // What is not ours cannot be taken away.
  CHECK(compare(wanted) == "|||0|1");
  sim.Admin("DELETE", path);
  CHECK(compare(wanted) == "missing|||4|0");
  REQUIRE(adapter.Sync(wanted).ok());
  CHECK(compare(wanted) == "|||0|0");

  for (const char* kind : {"http_503", "reset_before", "reset_after"}) {
    INFO(kind);
    sim.Script("TraCuuHoSo", kind);
    const auto failed = adapter.sync->Compare(wanted, absl::InfiniteFuture());
    CHECK(ErrorReason(failed.status()) == "PORTAL_UNAVAILABLE");
  }
  sim.Script("TraCuuHoSo", "expired_session");
  CHECK(compare(wanted) == "|||0|0");
}

TEST_CASE("sessions are renewed twice in one call and no more") {
  SimProcess sim;
  Adapter adapter(sim);
  sim.Script("TraCuuHoSo", "expired_session", 2);
  CHECK(adapter.Sync(Stage("accepted", NewNumber())).ok());
  sim.Script("TraCuuHoSo", "expired_session", 3);
  CHECK(ErrorReason(adapter.Sync(Stage("accepted", NewNumber())).status()) == "PORTAL_UNAVAILABLE");
  CHECK(adapter.Sync(Stage("accepted", NewNumber())).ok());
  SimProcess forgetful({"--session-seconds", "0"});
  Adapter without(forgetful);
  CHECK(ErrorReason(without.Sync(Stage("accepted", NewNumber())).status()) == "PORTAL_UNAVAILABLE");
}

TEST_CASE("refusals are told as what they are") {
  SimProcess sim;
  Adapter adapter(sim);
  // Settled without ever being accepted: the portal wants NgayTiepNhan with this status.
  SyncDossierRequest request = Load("without_optionals");
  request.set_number(NewNumber());
  request.set_portal_status(9);
  absl::Status status = adapter.Sync(Map(request)).status();
  CHECK(ErrorReason(status) == "PORTAL_FIELD_INVALID");
  CHECK(std::string(status.message()).find("NgayTiepNhan") != std::string::npos);
  CHECK(sim.Dossier(request.number()).is_null());

  sim.scratch().File("credentials.json", R"({"username":"camau","password":"a wrong one"})");
  Adapter stranger(sim);
  for (int i = 0; i < 2; ++i) {
    status = stranger.Sync(Stage("accepted", NewNumber())).status();
    CHECK(status.code() == absl::StatusCode::kFailedPrecondition);
    CHECK(ErrorReason(status) == "PORTAL_LOGIN_REFUSED");
  }
  // An operator corrects them: no restart.
  sim.scratch().File("credentials.json", R"({"username":"camau","password":"mật khẩu bí mật"})");
  stranger.clock.Advance(kLoginRefusedHold);
  CHECK(stranger.Sync(Stage("accepted", NewNumber())).ok());

  PortalConfig config = sim.Config();
  config.set_dstcode("VN:GOV:other");
  auto lost = PortalClient::Make(config, sim.scratch().path(), nullptr, &adapter.clock);
  REQUIRE(lost.ok());
  status =
      PortalSync(lost->get()).Sync(Stage("accepted", NewNumber()), absl::InfiniteFuture()).status();
  CHECK(ErrorReason(status) == "PORTAL_UNAVAILABLE");
}

TEST_CASE("a call without time left changes nothing") {
  SimProcess sim;
  Adapter adapter(sim);
  const PortalDossier wanted = Stage("accepted", NewNumber());
  const auto response = adapter.sync->Sync(wanted, absl::Now() + kMinPortalCallTime / 2);
  CHECK(ErrorReason(response.status()) == "PORTAL_UNAVAILABLE");
  CHECK(sim.State()["dossiers"] == 0);
}

TEST_CASE("a mistake in the configuration is told at start") {
  const Scratch scratch;
  const SystemClock clock;
  scratch.File("credentials.json", R"({"username":"camau","password":"mật khẩu bí mật"})");
  scratch.File("bad.json", R"({"username":"camau"})");
  PortalConfig good;
  good.set_adapter_url("https://127.0.0.1:1/forward");
  good.set_dstcode("VN:GOV:000.00.00.G22:vpcpdvcprovider");
  good.set_agency("H12");
  good.set_credentials_file("credentials.json");
  const auto reason_with = [&](auto change) {
    PortalConfig config = good;
    change(config);
    return ErrorReason(PortalClient::Make(config, scratch.path(), nullptr, &clock).status());
  };
  using C = PortalConfig;
  CHECK(reason_with([](C&) {}).empty());
  CHECK(reason_with([](C& c) { c.set_adapter_url("127.0.0.1:1"); }) == "CONFIG_INVALID");
  CHECK(reason_with([](C& c) { c.set_dstcode("a&b=c"); }) == "CONFIG_INVALID");
  CHECK(reason_with([](C& c) { c.clear_agency(); }) == "CONFIG_INVALID");
  CHECK(reason_with([](C& c) { c.set_credentials_file("bad.json"); }) == "CONFIG_INVALID");
  CHECK(reason_with([](C& c) { c.set_credentials_file("none.json"); }) == "FILE_MISSING");
  CHECK(reason_with([](C& c) { c.set_authority_file("none.pem"); }) == "FILE_MISSING");
}

TEST_CASE("calls for one dossier follow each other") {
  SimProcess sim;
  Adapter adapter(sim);
  const std::string number = NewNumber();
  std::atomic<int> inserted = 0;
  std::atomic<int> rows = 0;
  std::vector<std::thread> threads;
  threads.reserve(8);
  for (int i = 0; i < 8; ++i) {
    threads.emplace_back([&, wanted = Stage("completed", number)] {
      const auto response = adapter.Sync(wanted);
      inserted += response.ok() && response->inserted();
      rows += response.ok() ? response->progress_rows_added() : 1000;
    });
  }
  for (std::thread& thread : threads) thread.join();
  CHECK(inserted == 1);
  CHECK(rows == 4);
  CheckHeld(sim, Stage("completed", number));
}

TEST_CASE("many dossiers at once through a portal that fails often end right") {
  constexpr int kThreads = 8;
  constexpr int kDossiersEach = 5;
  SimProcess sim({"--faults", "30", "--delay-seconds", "0.1"});
  Adapter adapter(sim);
  std::vector<std::string> numbers;
  numbers.reserve(size_t{kThreads} * kDossiersEach);
  for (int i = 0; i < kThreads * kDossiersEach; ++i) numbers.push_back(NewNumber());
  std::vector<PortalDossier> stages[3];
  for (const std::string& number : numbers) {
    stages[0].push_back(Stage("accepted", number));
    stages[1].push_back(Stage("completed", number));
    stages[2].push_back(Stage("returned", number));
  }
  std::atomic<int> never_done = 0;
  std::vector<std::thread> threads;
  threads.reserve(8);
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      for (int i = t * kDossiersEach; i < (t + 1) * kDossiersEach; ++i) {
        for (const auto& stage : stages) {
          bool done = false;
          for (int attempt = 0; attempt < 200 && !done; ++attempt) {
            done = adapter.Sync(stage[static_cast<size_t>(i)]).ok();
            adapter.clock.Advance(absl::Seconds(5));
          }
          never_done += !done;
        }
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  CHECK(never_done == 0);
  for (const PortalDossier& wanted : stages[2]) CheckHeld(sim, wanted);
  const auto state = sim.State();
  CHECK(state["dossiers"] == kThreads * kDossiersEach);
  CHECK(state["progress_rows"] == kThreads * kDossiersEach * 5);
  CHECK(state["doubled_progress_rows"] == 0);
  CHECK(state["faults"]["reset_after"] > 0);
}

}  // namespace
}  // namespace lgsp::national
