#include "services/dossiers/portal/portal_sync.h"

#include <catch2/catch.hpp>
#include <optional>

#include "absl/strings/str_cat.h"
#include "google/protobuf/util/message_differencer.h"
#include "libs/durable/calls.h"
#include "libs/status/status.h"
#include "services/dossiers/database_test.h"
#include "services/dossiers/samples_test.h"

namespace lgsp::dossiers {
namespace {

using google::protobuf::util::MessageDifferencer;
using lgsp::dossiers::v1::Applicant;
using lgsp::dossiers::v1::Dossier;
using lgsp::dossiers::v1::PortalSync;
using lgsp::dossiers::v1::Transition;
using lgsp::national::v1::SyncDossierRequest;

// A dossier that went all the way; times are 1 to 5 seconds after 1970.
Dossier Returned() {
  Dossier dossier = SampleDossier();
  dossier.set_state(Dossier::RETURNED);
  dossier.set_code("H12.04-261116-0001");
  dossier.mutable_submit_time()->set_seconds(1);
  dossier.mutable_accept_time()->set_seconds(2);
  dossier.mutable_complete_time()->set_seconds(3);
  dossier.mutable_return_time()->set_seconds(4);
  dossier.mutable_due()->mutable_due_time()->set_seconds(5);
  return dossier;
}

Transition Step(Dossier::State state, int64_t seconds, absl::string_view officer,
                absl::string_view unit) {
  Transition transition;
  transition.set_state(state);
  transition.mutable_time()->set_seconds(seconds);
  transition.set_officer(std::string(officer));
  transition.set_unit(std::string(unit));
  transition.set_settling_agency("H12.04");
  return transition;
}

TEST_CASE("portal: filed there, it is told under its own number and ours; of assignment nothing") {
  Dossier dossier = Returned();
  dossier.add_foreign_codes()->set_issuer("H49");
  dossier.mutable_foreign_codes(0)->set_code("x");
  CHECK(ToPortal(TheCatalogue(), dossier, {}).number() == "H12.04-261116-0001");
  CHECK(ToPortal(TheCatalogue(), dossier, {}).own_number().empty());
  dossier.add_foreign_codes()->set_issuer("portal");
  dossier.mutable_foreign_codes(1)->set_code("G22.99-261102-1234567");
  dossier.mutable_applicant()->set_old_id_number("380012345");
  Transition assigned = Step(Dossier::ACCEPTED, 2, "cb-17", "");
  assigned.set_command("assign");
  const SyncDossierRequest request =
      ToPortal(TheCatalogue(), dossier, {Step(Dossier::SUBMITTED, 1, "", ""), assigned});
  CHECK(request.number() == "G22.99-261102-1234567");
  CHECK(request.own_number() == "H12.04-261116-0001");
  CHECK(request.applicant_old_id_number() == "380012345");
  CHECK(request.progress_size() == 1);
}

TEST_CASE("portal: what the portal is told of a dossier") {
  const Dossier dossier = Returned();
  const SyncDossierRequest request =
      ToPortal(TheCatalogue(), dossier,
               {Step(Dossier::SUBMITTED, 1, "", ""), Step(Dossier::ACCEPTED, 2, "cb-17", ""),
                Step(Dossier::COMPLETED, 3, "cb-18", "H12.04"),
                Step(Dossier::RETURNED, 4, "cb-19", "H12.50.01")});
  const Procedure& procedure = *TheCatalogue().FindProcedure(kProvinceProcedure);
  const std::string department = TheCatalogue().FindAgency("H12.04")->name;
  CHECK(request.number() == "H12.04-261116-0001");
  CHECK(request.procedure_code() == kProvinceProcedure);
  CHECK(request.procedure_name() == procedure.display_name());
  CHECK(request.field_name() == procedure.field());
  CHECK(request.channel() == SyncDossierRequest::COUNTER);
  CHECK(request.applicant_name() == kPersonalSamples[0]);
  CHECK(request.applicant_id_number() == kPersonalSamples[1]);
  CHECK(request.applicant_kind() == SyncDossierRequest::CITIZEN);
  CHECK(request.phone() == kPersonalSamples[2]);
  CHECK(request.email() == kPersonalSamples[3]);
  CHECK(request.subject() == kPersonalSamples[4]);
  CHECK(request.submit_time().seconds() == 1);
  CHECK(request.accept_time().seconds() == 2);
  CHECK(request.complete_time().seconds() == 3);
  CHECK(request.return_time().seconds() == 4);
  CHECK(request.due_time().seconds() == 5);
  CHECK_FALSE(request.has_reject_time());
  CHECK(request.settling_agency() == "H12.04");
  CHECK(request.settling_agency_name() == department);
  CHECK(request.intake_agency() == "H12.50.01");
  CHECK(request.portal_status() == 10);
  CHECK(request.remark().empty());

  REQUIRE(request.progress_size() == 4);
  struct Row {
    int status;
    absl::string_view actor;
    std::string unit;
    absl::string_view content;
  };
  const Row rows[] = {
      // Nobody named: the settling agency.
      {1, "H12.04", department, "Mới đăng ký"},
      {2, "cb-17", department, "Được tiếp nhận"},
      {9, "cb-18", department, "Đã xử lý xong"},
      {10, "cb-19", TheCatalogue().FindAgency("H12.50.01")->name, "Đã trả kết quả"},
  };
  for (int i = 0; i < 4; ++i) {
    CHECK(request.progress(i).portal_status() == rows[i].status);
    CHECK(request.progress(i).time().seconds() == i + 1);
    CHECK(request.progress(i).actor() == rows[i].actor);
    CHECK(request.progress(i).unit() == rows[i].unit);
    CHECK(request.progress(i).content() == rows[i].content);
  }
}

TEST_CASE("portal: a dossier refused before acceptance is known by its UUID") {
  Dossier dossier = SampleDossier();
  dossier.set_state(Dossier::REJECTED);
  dossier.set_reject_reason("thiếu giấy tờ");
  dossier.mutable_reject_time()->set_seconds(7);
  dossier.clear_subject();
  const SyncDossierRequest request =
      ToPortal(TheCatalogue(), dossier, {Step(Dossier::REJECTED, 7, "", "")});
  CHECK(request.number() == "0197a000-7c00-7000-8000-000000000001");
  CHECK(request.portal_status() == 3);
  CHECK(request.remark() == "thiếu giấy tờ");
  CHECK(request.reject_time().seconds() == 7);
  CHECK_FALSE(request.has_accept_time());
  CHECK_FALSE(request.has_due_time());
  CHECK(request.progress(0).content() == "Không được tiếp nhận");
  // The portal wants a text.
  CHECK(request.subject() == TheCatalogue().FindProcedure(kProvinceProcedure)->display_name());
}

TEST_CASE("portal: every state has its status and its words there") {
  std::vector<Transition> transitions;
  for (int state = Dossier::SUBMITTED; state <= Dossier::State_MAX; ++state) {
    transitions.push_back(Step(static_cast<Dossier::State>(state), state, "cb-1", "H12.04"));
  }
  const SyncDossierRequest request = ToPortal(TheCatalogue(), SampleDossier(), transitions);
  // But of a draft, of which it hears nothing.
  REQUIRE(request.progress_size() == static_cast<int>(transitions.size()) - 1);
  for (const auto& row : request.progress()) {
    CHECK(row.portal_status() >= 1);
    CHECK(row.portal_status() <= 10);
    CHECK_FALSE(row.content().empty());
  }
}

TEST_CASE(
    "portal: the date told is the later of the due date and the apology's; why it was closed") {
  Dossier dossier = SampleDossier();
  dossier.mutable_due()->mutable_due_time()->set_seconds(100);
  dossier.mutable_reappointment()->mutable_due_time()->set_seconds(200);
  dossier.set_close_reason("Tôi đổi ý");
  const SyncDossierRequest apology = ToPortal(TheCatalogue(), dossier, {});
  CHECK(apology.due_time().seconds() == 200);
  CHECK(apology.remark() == "Tôi đổi ý");
  dossier.mutable_due()->mutable_due_time()->set_seconds(300);
  CHECK(ToPortal(TheCatalogue(), dossier, {}).due_time().seconds() == 300);
}

TEST_CASE("portal: the applicant reads there what to supply until when, and why it is late") {
  Dossier dossier = SampleDossier();
  auto& items = *dossier.add_supplements();
  items.add_items("Bản sao giấy chứng nhận");
  items.add_items("Đơn có chữ ký");
  auto& wait = *dossier.add_waits();
  wait.set_kind(lgsp::dossiers::v1::DayRun::SUPPLEMENT);
  wait.mutable_answer_deadline()->set_seconds(
      absl::ToUnixSeconds(absl::FromCivil(absl::CivilMinute(2026, 11, 23, 17, 0), VietnamZone())));
  CHECK(ToPortal(TheCatalogue(), dossier, {}).remark() ==
        "Bổ sung trước 17:00 ngày 23/11/2026: Bản sao giấy chứng nhận; Đơn có chữ ký");
  wait.mutable_end_time()->set_seconds(1);
  CHECK(ToPortal(TheCatalogue(), dossier, {}).remark().empty());
  dossier.mutable_reappointment()->set_reason("Hồ sơ phức tạp");
  CHECK(ToPortal(TheCatalogue(), dossier, {}).remark() == "Hồ sơ phức tạp");
}

TEST_CASE("portal: channels and kinds keep their meaning") {
  Dossier dossier = Returned();
  const std::pair<Dossier::Channel, SyncDossierRequest::SubmissionChannel> channels[] = {
      {Dossier::DIRECT, SyncDossierRequest::COUNTER},
      {Dossier::ONLINE, SyncDossierRequest::ONLINE},
      {Dossier::POSTAL, SyncDossierRequest::POST}};
  for (const auto& [ours, theirs] : channels) {
    dossier.set_channel(ours);
    CHECK(ToPortal(TheCatalogue(), dossier, {}).channel() == theirs);
  }
  const std::pair<Applicant::Kind, SyncDossierRequest::ApplicantKind> kinds[] = {
      {Applicant::CITIZEN, SyncDossierRequest::CITIZEN},
      {Applicant::BUSINESS, SyncDossierRequest::BUSINESS},
      {Applicant::AGENCY, SyncDossierRequest::AGENCY},
      {Applicant::OTHER, SyncDossierRequest::OTHER}};
  for (const auto& [ours, theirs] : kinds) {
    dossier.mutable_applicant()->set_kind(ours);
    CHECK(ToPortal(TheCatalogue(), dossier, {}).applicant_kind() == theirs);
  }
}

TEST_CASE("portal: what has left the catalogue since is told by its code") {
  Dossier dossier = Returned();
  dossier.set_procedure("9.999999");
  dossier.set_settling_agency("H12.77");
  const SyncDossierRequest request = ToPortal(TheCatalogue(), dossier, {});
  CHECK(request.procedure_code() == "9.999999");
  CHECK(request.procedure_name().empty());
  CHECK(request.settling_agency_name() == "H12.77");
}

// A stored dossier, what the portal is to be told of it, and a worker that tells a script.
class PortalFixture {
 public:
  PortalFixture() : loaded_(test_.Insert(SampleDossier())) {}

  // Saves the dossier in `state` as the next revision, as a command does.
  void Enter(Dossier::State state) {
    loaded_.dossier.set_state(state);
    loaded_.dossier.set_revision(loaded_.dossier.revision() + 1);
    if (state == Dossier::ACCEPTED)
      *loaded_.dossier.mutable_accept_time() = ToTimestamp(clock_.CivilNow());
    const absl::Status status = test_.db->Run([&](sql::Transaction& tx) -> absl::Status {
      RETURN_IF_ERROR(test_.store.Update(tx, loaded_));
      RETURN_IF_ERROR(test_.store.AddTransition(tx, loaded_.dossier, "any", clock_.CivilNow(),
                                                CallerOf("H12.04")));
      return OrderPortalSync(tx, TheCatalogue(), test_.store, loaded_, clock_);
    });
    INFO(status);
    REQUIRE(status.ok());
  }

  // Makes the calls that are due; each is answered with `answer`. Returns the portal status of
  // each, in order.
  std::vector<int> Work(const absl::Status& answer) {
    std::vector<int> told;
    durable::CallWorker worker(
        &*test_.db, &test_.keys, &clock_, &metrics_, PortalSyncOptions(),
        [&](const durable::Call& call, absl::Time) {
          SyncDossierRequest request;
          CHECK(request.ParseFromString(call.request));
          CHECK(call.subject == loaded_.dossier.name());
          told.push_back(request.portal_status());
          // One row of progress per revision.
          CHECK(request.progress_size() == call.sequence);
          return answer;
        },
        [&](sql::Transaction& tx, const durable::Call& call, const durable::Outcome& outcome) {
          return RecordPortalSync(tx, call, outcome, clock_.CivilNow());
        });
    const auto made = worker.RunOnce();
    INFO(made.status());
    REQUIRE(made.ok());
    CHECK(*made >= static_cast<int>(told.size()));
    return told;
  }

  absl::Status Record(int64_t revision, const durable::Outcome& outcome, int64_t attempts = 1) {
    durable::Call call;
    call.subject = loaded_.dossier.name();
    call.sequence = revision;
    call.attempts = attempts;
    return test_.db->Run([&](sql::Transaction& tx) {
      return RecordPortalSync(tx, call, outcome, clock_.CivilNow());
    });
  }

  PortalSync Sync() {
    const auto loaded = test_.Load("0197a000-7c00-7000-8000-000000000001");
    REQUIRE(loaded.ok());
    return loaded->dossier.portal_sync();
  }

  TestStore& test() { return test_; }
  FakeClock& clock() { return clock_; }

 private:
  FakeClock clock_{absl::FromUnixSeconds(1'800'000'000)};
  metrics::Registry metrics_;
  TestStore test_{sql::Database::Engine::kSqlite};
  LoadedDossier loaded_;
};

absl::Status Unavailable() {
  return MakeError(absl::StatusCode::kUnavailable, "PORTAL_UNAVAILABLE", "not reached");
}
absl::Status Refused() {
  return MakeError(absl::StatusCode::kInvalidArgument, "PORTAL_FIELD_INVALID", "not taken");
}

TEST_CASE("portal: nothing is told before acceptance") {
  PortalFixture portal;
  CHECK(portal.Sync().state() == PortalSync::NOT_NEEDED);
  CHECK(portal.Work(absl::OkStatus()).empty());
}

TEST_CASE("portal: every step is told, in order, one after the other") {
  PortalFixture portal;
  portal.Enter(Dossier::ACCEPTED);
  CHECK(portal.Sync().state() == PortalSync::PENDING);
  portal.Enter(Dossier::COMPLETED);
  portal.Enter(Dossier::RETURNED);

  // While the first is not told, none is.
  CHECK(portal.Work(Unavailable()) == std::vector<int>{2});
  CHECK(portal.Sync().state() == PortalSync::PENDING);
  CHECK(portal.Sync().attempts() == 1);
  CHECK(portal.Sync().last_error_reason() == "PORTAL_UNAVAILABLE");
  CHECK(portal.Sync().synced_revision() == 0);
  CHECK_FALSE(portal.Sync().has_sync_time());

  portal.clock().Advance(absl::Minutes(2));
  CHECK(portal.Work(absl::OkStatus()) == std::vector<int>{2, 9, 10});
  CHECK(portal.Sync().state() == PortalSync::SYNCED);
  CHECK(portal.Sync().synced_revision() == 4);
  CHECK(ToTime(portal.Sync().sync_time()) == portal.clock().CivilNow());
  CHECK(portal.Sync().attempts() == 0);
  CHECK(portal.Sync().last_error_reason().empty());
  portal.clock().Advance(absl::Hours(1));
  CHECK(portal.Work(absl::OkStatus()).empty());
}

TEST_CASE("portal: a refusal is final, and the next step is told nevertheless") {
  PortalFixture portal;
  portal.Enter(Dossier::ACCEPTED);
  CHECK(portal.Work(Refused()) == std::vector<int>{2});
  CHECK(portal.Sync().state() == PortalSync::FAILED);
  CHECK(portal.Sync().last_error_reason() == "PORTAL_FIELD_INVALID");
  portal.clock().Advance(absl::Hours(1));
  CHECK(portal.Work(absl::OkStatus()).empty());

  portal.Enter(Dossier::COMPLETED);
  CHECK(portal.Sync().state() == PortalSync::PENDING);
  CHECK(portal.Sync().attempts() == 0);
  CHECK(portal.Sync().last_error_reason().empty());
  CHECK(portal.Work(absl::OkStatus()) == std::vector<int>{9});
  CHECK(portal.Sync().state() == PortalSync::SYNCED);
}

TEST_CASE("portal: outcomes of older states say nothing of the newest") {
  PortalFixture portal;
  portal.Enter(Dossier::ACCEPTED);
  portal.Enter(Dossier::COMPLETED);
  // Refused, but revision 3 is still to be told.
  REQUIRE(portal.Record(2, {Refused(), true}, 3).ok());
  CHECK(portal.Sync().state() == PortalSync::PENDING);
  CHECK(portal.Sync().attempts() == 3);
  // Told, but not the newest.
  REQUIRE(portal.Record(2, {absl::OkStatus(), true}).ok());
  CHECK(portal.Sync().state() == PortalSync::PENDING);
  CHECK(portal.Sync().synced_revision() == 2);
  REQUIRE(portal.Record(3, {absl::OkStatus(), true}).ok());
  CHECK(portal.Sync().state() == PortalSync::SYNCED);
  // Recorded late.
  REQUIRE(portal.Record(2, {absl::OkStatus(), true}).ok());
  CHECK(portal.Sync().state() == PortalSync::SYNCED);
  CHECK(portal.Sync().synced_revision() == 3);
}

TEST_CASE("portal: erased dossiers end, they are not told for ever") {
  PortalFixture portal;
  portal.Enter(Dossier::ACCEPTED);
  REQUIRE(portal.Record(2, {MakeError(absl::StatusCode::kNotFound, "DATA_KEY_ERASED", "x"), true})
              .ok());
  CHECK(portal.Sync().state() == PortalSync::FAILED);

  portal.Enter(Dossier::COMPLETED);
  REQUIRE(sql::RunOne(*portal.test().db, "DELETE FROM data_keys").ok());
  CHECK(portal.Work(absl::OkStatus()).empty());
  CHECK(sql::ReadInt(*portal.test().db, "SELECT state FROM portal_syncs") == PortalSync::FAILED);
}

TEST_CASE("portal: the order to tell goes with the command: rolled back, it never was") {
  PortalFixture portal;
  const absl::Status status = portal.test().db->Run([&](sql::Transaction& tx) -> absl::Status {
    ASSIGN_OR_RETURN(LoadedDossier loaded,
                     portal.test().store.Load(tx, "0197a000-7c00-7000-8000-000000000001"));
    loaded.dossier.set_state(Dossier::ACCEPTED);
    *loaded.dossier.mutable_accept_time() = ToTimestamp(portal.clock().CivilNow());
    loaded.dossier.set_revision(2);
    RETURN_IF_ERROR(
        OrderPortalSync(tx, TheCatalogue(), portal.test().store, loaded, portal.clock()));
    return absl::CancelledError("");
  });
  CHECK_FALSE(status.ok());
  CHECK(portal.Sync().state() == PortalSync::NOT_NEEDED);
  CHECK(portal.Work(absl::OkStatus()).empty());
}

TEST_CASE("portal: what waits to be told is sealed") {
  PortalFixture portal;
  portal.Enter(Dossier::ACCEPTED);
  const auto found = sql::ReadOne(*portal.test().db, "SELECT request FROM calls");
  REQUIRE(found.ok());
  REQUIRE(found->rows.size() == 1);
  for (const absl::string_view personal : kPersonalSamples) {
    CHECK(found->rows[0].Blob(0).find(std::string(personal)) == std::string::npos);
  }
}

}  // namespace
}  // namespace lgsp::dossiers
