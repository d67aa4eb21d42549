#include "services/dossiers/decisions.h"

#include <catch2/catch.hpp>
#include <functional>

#include "absl/random/random.h"
#include "absl/strings/str_cat.h"
#include "google/protobuf/util/message_differencer.h"
#include "google/protobuf/util/time_util.h"
#include "libs/clock/clock.h"
#include "libs/status/status.h"
#include "services/dossiers/limits.h"
#include "services/dossiers/oracle_test.h"
#include "services/dossiers/samples_test.h"

namespace lgsp::dossiers {
namespace {

using google::protobuf::util::MessageDifferencer;
using google::protobuf::util::TimeUtil;
using lgsp::auth::v1::Caller;
using lgsp::dossiers::v1::AcceptDossierRequest;
using lgsp::dossiers::v1::Applicant;
using lgsp::dossiers::v1::ChannelFee;
using lgsp::dossiers::v1::Dossier;
using lgsp::dossiers::v1::RejectDossierRequest;
using lgsp::dossiers::v1::SubmitDossierRequest;

// Monday.
const absl::Time kNow = absl::FromCivil(absl::CivilMinute(2026, 11, 16, 9, 0), VietnamZone());

absl::StatusOr<Dossier> Submit(const SubmitDossierRequest& request,
                               const Caller& caller = CallerOf("H12.*")) {
  return DecideSubmit(TheCatalogue(), caller, request, kNow);
}

SubmitDossierRequest With(const std::function<void(SubmitDossierRequest&)>& change) {
  SubmitDossierRequest request = SampleSubmission();
  change(request);
  return request;
}

// By somebody who may do everything.
Situation At(absl::Time now) { return {TheCatalogue(), kEverybody, now}; }

TEST_CASE("decisions: a submission becomes a dossier") {
  const auto dossier = Submit(SampleSubmission());
  INFO(dossier.status());
  REQUIRE(dossier.ok());
  CHECK(dossier->state() == Dossier::SUBMITTED);
  CHECK(dossier->revision() == 1);
  CHECK(dossier->code().empty());
  CHECK(dossier->procedure() == kProvinceProcedure);
  CHECK(dossier->intake_agency() == "H12.50.01");
  CHECK(dossier->settling_agency() == "H12.04");
  CHECK(dossier->channel() == Dossier::DIRECT);
  CHECK(TimeUtil::TimestampToMicroseconds(dossier->submit_time()) == absl::ToUnixMicros(kNow));
  CHECK(MessageDifferencer::Equals(dossier->applicant(), SampleSubmission().applicant()));
  CHECK_FALSE(dossier->has_due());
}

TEST_CASE("decisions: text is kept in NFC, without the blanks around it") {
  const auto dossier = Submit(With([](auto& request) {
    request.mutable_applicant()->set_full_name("  Nguye\u0302\u0303n Thi\u0323 Hoa \n");
    request.set_subject(" xin ca\u0302\u0301p ");
  }));
  REQUIRE(dossier.ok());
  CHECK(dossier->applicant().full_name() == "Nguyễn Thị Hoa");
  CHECK(dossier->subject() == "xin cấp");
}

struct Refusal {
  absl::string_view what;
  std::function<void(SubmitDossierRequest&)> change;
  absl::StatusCode code;
  absl::string_view reason;
  // The field that is named, for bad input.
  absl::string_view field;
};

void CheckRefused(const absl::Status& status, const Refusal& refusal) {
  INFO(refusal.what << ": " << status);
  CHECK(status.code() == refusal.code);
  CHECK(ErrorReason(status) == refusal.reason);
  if (!refusal.field.empty()) CHECK(status.message().find(refusal.field) == 0);
  // Nothing that a person typed comes back in an error.
  for (const absl::string_view typed : kPersonalSamples) {
    CHECK(status.ToString().find(std::string(typed)) == std::string::npos);
  }
}

constexpr auto kInvalid = absl::StatusCode::kInvalidArgument;
constexpr auto kPrecondition = absl::StatusCode::kFailedPrecondition;

TEST_CASE("decisions: refused submissions name procedure, channel or agency") {
  const Refusal refusals[] = {
      {"no procedure", [](auto& r) { r.clear_procedure(); }, absl::StatusCode::kNotFound,
       "PROCEDURE_UNKNOWN", "procedure"},
      {"another's", [](auto& r) { r.set_procedure("9.999999"); }, absl::StatusCode::kNotFound,
       "PROCEDURE_UNKNOWN", "procedure: 9.999999"},
      {"of a central branch", [](auto& r) { r.set_procedure(kCentralProcedure); }, kPrecondition,
       "PROCEDURE_NOT_SETTLED_HERE", ""},
      {"no channel", [](auto& r) { r.clear_channel(); }, kInvalid, "CHANNEL_INVALID", "channel"},
      {"no such channel", [](auto& r) { r.set_channel(static_cast<Dossier::Channel>(9)); },
       kInvalid, "CHANNEL_INVALID", "channel"},
      {"a channel the procedure does not have", [](auto& r) { r.set_channel(Dossier::ONLINE); },
       kPrecondition, "CHANNEL_NOT_OFFERED", ""},
      {"unknown intake", [](auto& r) { r.set_intake_agency("H12.77"); }, kInvalid, "AGENCY_UNKNOWN",
       "intake_agency"},
      {"unknown settling", [](auto& r) { r.set_settling_agency("H12.77"); }, kInvalid,
       "AGENCY_UNKNOWN", "settling_agency"},
      {"another department", [](auto& r) { r.set_settling_agency("H12.05"); }, kInvalid,
       "SETTLING_AGENCY_WRONG", "settling_agency"},
      {"a commune for the province's procedure",
       [](auto& r) { r.set_settling_agency("H12.50.01"); }, kInvalid, "SETTLING_AGENCY_WRONG",
       "settling_agency"},
      {"a department for a commune's procedure",
       [](auto& r) {
         r.set_procedure(kCommuneProcedure);
         r.set_settling_agency("H12.04");
       },
       kInvalid, "SETTLING_AGENCY_WRONG", "settling_agency"},
  };
  for (const Refusal& refusal : refusals) {
    CheckRefused(Submit(With(refusal.change)).status(), refusal);
  }
}

TEST_CASE("decisions: refused submissions name the applicant's field") {
  const auto applicant = [](auto change) {
    return [change](SubmitDossierRequest& request) { change(*request.mutable_applicant()); };
  };
  std::vector<Refusal> refusals = {
      {"no kind", applicant([](auto& a) { a.clear_kind(); }), kInvalid, "APPLICANT_KIND_INVALID",
       "applicant.kind"},
      {"no such kind", applicant([](auto& a) { a.set_kind(static_cast<Applicant::Kind>(5)); }),
       kInvalid, "APPLICANT_KIND_INVALID", "applicant.kind"},
      {"blank name", applicant([](auto& a) { a.set_full_name(" \n "); }), kInvalid, "TEXT_EMPTY",
       "applicant.full_name"},
      {"long name",
       applicant([](auto& a) { a.set_full_name(std::string(kMaxNameCharacters + 1, 'x')); }),
       kInvalid, "TEXT_TOO_LONG", "applicant.full_name"},
      {"one character of a thousand marks", applicant([](auto& a) {
         std::string marks = "e";
         for (int i = 0; i < 1000; ++i) marks += "\u0323";
         a.set_full_name(marks);
       }),
       kInvalid, "TEXT_TOO_LONG", "applicant.full_name"},
      {"control character", applicant([](auto& a) {
         a.set_full_name(
             "Ho\x01"
             "a");
       }),
       kInvalid, "TEXT_CONTROL_CHARACTER", "applicant.full_name"},
      {"long subject", [](auto& r) { r.set_subject(std::string(kMaxSubjectCharacters + 1, 'x')); },
       kInvalid, "TEXT_TOO_LONG", "subject"},
  };
  for (const std::string id :
       {"", "12345678901", "1234567890123", "09620000001x", "000200000017"}) {
    refusals.push_back({"personal id", applicant([id](auto& a) { a.set_id_number(id); }), kInvalid,
                        "PERSONAL_ID_INVALID", "applicant.id_number"});
  }
  for (const std::string id : {"", "2000 123", "số", "123456789012345678901"}) {
    refusals.push_back({"number of a business", applicant([id](auto& a) {
                          a.set_kind(Applicant::BUSINESS);
                          a.set_id_number(id);
                        }),
                        kInvalid, "ID_NUMBER_INVALID", "applicant.id_number"});
  }
  for (const std::string phone : {"1234567", "1234567890123456", "0912 345 678", "09123456ab", "+",
                                  "++84912345678", "84+912345678"}) {
    refusals.push_back({"phone", applicant([phone](auto& a) { a.set_phone(phone); }), kInvalid,
                        "PHONE_INVALID", "applicant.phone"});
  }
  const std::string emails[] = {"hoa",
                                "@camau.vn",
                                "hoa@",
                                "hoa @camau.vn",
                                "hoà@camau.vn",
                                "hoa@camau.vn\n",
                                std::string(kMaxEmailLength, 'h') + "@camau.vn"};
  for (const std::string& email : emails) {
    refusals.push_back({"email", applicant([email](auto& a) { a.set_email(email); }), kInvalid,
                        "EMAIL_INVALID", "applicant.email"});
  }
  for (const Refusal& refusal : refusals) {
    CheckRefused(Submit(With(refusal.change)).status(), refusal);
  }
}

TEST_CASE("decisions: what was given in place of a code does not come back in the error") {
  for (const std::string& given :
       {std::string(1 << 20, '1'), std::string(kPersonalSamples[0]), std::string("1.2\n3")}) {
    for (const auto& request : {With([&](auto& r) { r.set_procedure(given); }),
                                With([&](auto& r) { r.set_intake_agency(given); }),
                                With([&](auto& r) { r.set_settling_agency(given); })}) {
      const absl::Status status = Submit(request).status();
      CHECK(
          (ErrorReason(status) == "PROCEDURE_UNKNOWN" || ErrorReason(status) == "AGENCY_UNKNOWN"));
      CHECK(ToRpcStatus(status).SerializeAsString().find(given) == std::string::npos);
    }
  }
}

TEST_CASE("decisions: applicants that are taken") {
  const auto accepted = [](const std::function<void(Applicant&)>& change) {
    return Submit(With([&](auto& request) { change(*request.mutable_applicant()); })).status();
  };
  for (const auto kind : {Applicant::BUSINESS, Applicant::AGENCY, Applicant::OTHER}) {
    for (const std::string id : {"2000123456", "2000123456-001", "A", "12345678901234567890"}) {
      CHECK(accepted([&](Applicant& a) {
              a.set_kind(kind);
              a.set_id_number(id);
            }).ok());
    }
  }
  for (const std::string phone : {"", "12345678", "+84912345678", "123456789012345"}) {
    CHECK(accepted([&](Applicant& a) { a.set_phone(phone); }).ok());
  }
  for (const std::string email : {"", "h@c", "hoa.nguyen+1@camau.gov.vn"}) {
    CHECK(accepted([&](Applicant& a) { a.set_email(email); }).ok());
  }
  // Merged provinces stay valid; 200 characters as a reader counts them, in NFD.
  CHECK(accepted([](Applicant& a) { a.set_id_number("095200000017"); }).ok());
  std::string name;
  for (int i = 0; i < kMaxNameCharacters; ++i) name += "e\u0302\u0323";
  CHECK(accepted([&](Applicant& a) { a.set_full_name(name); }).ok());
}

TEST_CASE("decisions: where a dossier is filed") {
  const auto intake = [](const Caller& caller, const std::string& named) {
    return Submit(With([&](auto& r) { r.set_intake_agency(named); }), caller);
  };
  Caller officer = CallerOf("H12.*");
  officer.mutable_officer()->set_unit("H12.50.02");
  Caller several = CallerOf("H12.50.01");
  several.add_agencies("H12.50.02");

  CHECK(intake(officer, "")->intake_agency() == "H12.50.02");
  CHECK(intake(officer, "H12.50.03")->intake_agency() == "H12.50.03");
  CHECK(intake(CallerOf("H12.50.01"), "")->intake_agency() == "H12.50.01");
  CHECK(intake(several, "H12.50.02")->intake_agency() == "H12.50.02");
  for (const Caller& caller : {several, CallerOf("H12.*"), Caller()}) {
    const absl::Status status = intake(caller, "").status();
    CHECK(status.code() == kInvalid);
    CHECK(ErrorReason(status) == "INTAKE_AGENCY_NEEDED");
  }
  for (const absl::string_view agency : {"H12.50.01", "H12.50.01.*"}) {
    const absl::Status status = intake(CallerOf(agency), "H12.50.02").status();
    CHECK(status.code() == absl::StatusCode::kPermissionDenied);
    CHECK(ErrorReason(status) == "AGENCY_NOT_REPRESENTED");
  }
}

TEST_CASE("decisions: who settles a commune's procedure") {
  const auto settling = [](const std::string& intake, const std::string& named) {
    return Submit(With([&](auto& r) {
             r.set_procedure(kCommuneProcedure);
             r.set_intake_agency(intake);
             r.set_settling_agency(named);
           }))
        ->settling_agency();
  };
  CHECK(settling("H12.50.01", "") == "H12.50.01");
  CHECK(settling("H12.50.01", "H12.50.64") == "H12.50.64");
  CHECK(settling("H12.15", "H12.50.64") == "H12.50.64");
}

// `FIXED 20000`, `UNKNOWN` …
std::string FeeOf(const Procedure& procedure, Dossier::Channel channel) {
  for (const auto& fee : procedure.channel_fees()) {
    if (fee.channel() != channel) continue;
    const std::string name = ChannelFee::Class_Name(fee.fee_class());
    return fee.fee_class() == ChannelFee::FIXED ? absl::StrCat(name, " ", fee.amount()) : name;
  }
  return "none";
}

TEST_CASE("decisions: every procedure settled here, by every channel, against the oracle") {
  std::string lines;
  int procedures = 0;
  for (const auto& [code, versions] : TheCatalogue().procedures()) {
    const Procedure& procedure = versions.back();
    if (procedure.scope() != Procedure::HERE) {
      const absl::Status status =
          Submit(With([&](auto& r) { r.set_procedure(procedure.code()); })).status();
      CHECK(ErrorReason(status) == "PROCEDURE_NOT_SETTLED_HERE");
      continue;
    }
    ++procedures;
    for (const auto channel : {Dossier::DIRECT, Dossier::ONLINE, Dossier::POSTAL}) {
      const auto dossier = Submit(With([&](auto& r) {
        r.set_procedure(procedure.code());
        r.set_channel(channel);
      }));
      if (!Offers(procedure, channel)) {
        CHECK(ErrorReason(dossier.status()) == "CHANNEL_NOT_OFFERED");
        continue;
      }
      REQUIRE(dossier.ok());
      Dossier accepted = *dossier;
      const absl::Status status = DecideAccept(At(kNow), {}, accepted);
      absl::StrAppend(&lines, procedure.code(), "\t", Dossier::Channel_Name(channel), "\t",
                      dossier->settling_agency(), "\t",
                      status.ok() ? absl::StrCat("DUE ", Rfc3339(accepted.due().due_time()))
                                  : ErrorReason(status),
                      "\t", FeeOf(procedure, channel), "\n");
      // Refused: unchanged.
      if (!status.ok()) CHECK(MessageDifferencer::Equals(accepted, *dossier));
    }
  }
  CHECK(procedures == 1931);
  CHECK(TheCatalogue().procedures().size() == 3789);
  const std::string counts =
      AskOracle("calendar/catalogue_oracle.py", SourceFile("deploy/catalog"), lines);
  WARN(counts);
  CHECK(counts ==
        "COMPETENCE_UNDETERMINED 59, DUE 4095, DUE_TIME_NEEDED 529, TERM_AMBIGUOUS 125\n"
        "BY_COUNCIL 126, CHOICE 8, FIXED 558, FREE 169, UNKNOWN 3947\n");
}

// A dossier that can be accepted.
Dossier Submitted(absl::string_view procedure) {
  const auto dossier = Submit(With([&](auto& r) { r.set_procedure(std::string(procedure)); }));
  REQUIRE(dossier.ok());
  return *dossier;
}

TEST_CASE("decisions: acceptance fixes the due date by the printed term") {
  Dossier dossier = Submitted(kProvinceProcedure);
  REQUIRE(DecideAccept(At(kNow), {}, dossier).ok());
  CHECK(dossier.state() == Dossier::ACCEPTED);
  CHECK(dossier.revision() == 2);
  CHECK(ToTime(dossier.accept_time()) == kNow);
  CHECK(Rfc3339(dossier.due().due_time()) == "2026-11-23T17:00:00+07:00");
  CHECK(dossier.due().term_row() == 2);
  CHECK(dossier.due().term_amount() == "5");
  CHECK(dossier.due().term_unit() == "WORKING_DAY");
  CHECK(dossier.due().basis().empty());
  CHECK(dossier.due().explanation_size() == 4);

  // Brought by post after all: that channel's terms hold.
  AcceptDossierRequest by_post;
  by_post.set_channel(Dossier::POSTAL);
  dossier = Submitted(kProvinceProcedure);
  REQUIRE(DecideAccept(At(kNow), by_post, dossier).ok());
  CHECK(dossier.channel() == Dossier::POSTAL);
  CHECK(dossier.due().term_row() == 1);
}

TEST_CASE("decisions: of several terms the officer names the row") {
  for (const auto& [row, amount] : {std::pair(1, "2"), std::pair(3, "3"), std::pair(4, "4")}) {
    Dossier dossier = Submitted(kAmbiguousProcedure);
    AcceptDossierRequest request;
    request.set_term_row(row);
    REQUIRE(DecideAccept(At(kNow), request, dossier).ok());
    CHECK(dossier.due().term_row() == row);
    CHECK(dossier.due().term_amount() == amount);
  }
}

TEST_CASE("decisions: where no term can be computed the officer sets the date and its basis") {
  Dossier dossier = Submitted(kOfficerProcedure);
  AcceptDossierRequest request;
  *request.mutable_due_time() = TimeUtil::SecondsToTimestamp(absl::ToUnixSeconds(kNow) + 1);
  request.set_due_basis(" Điều 1 ");
  REQUIRE(DecideAccept(At(kNow), request, dossier).ok());
  CHECK(ToTime(dossier.due().due_time()) == kNow + absl::Seconds(1));
  CHECK(dossier.due().basis() == "Điều 1");
  // As documented: no term was used.
  CHECK(dossier.due().term_row() == 0);
  CHECK(dossier.due().term_amount().empty());
  CHECK(dossier.due().explanation_size() == 0);
  CHECK_FALSE(dossier.due().provisional());
}

TEST_CASE("decisions: refused acceptances leave the dossier as it was") {
  struct Case {
    absl::string_view what, procedure;
    std::function<void(AcceptDossierRequest&)> change;
    absl::StatusCode code;
    absl::string_view reason;
  };
  const auto due_in = [](absl::Duration from_now, const std::string& basis) {
    return [=](AcceptDossierRequest& r) {
      *r.mutable_due_time() = TimeUtil::SecondsToTimestamp(absl::ToUnixSeconds(kNow + from_now));
      r.set_due_basis(basis);
    };
  };
  const Case cases[] = {
      {"several terms", kAmbiguousProcedure, [](auto&) {}, kPrecondition, "TERM_AMBIGUOUS"},
      {"another channel's row", kAmbiguousProcedure, [](auto& r) { r.set_term_row(2); }, kInvalid,
       "TERM_ROW_UNKNOWN"},
      {"no such row", kProvinceProcedure, [](auto& r) { r.set_term_row(99); }, kInvalid,
       "TERM_ROW_UNKNOWN"},
      {"a row below 0", kProvinceProcedure, [](auto& r) { r.set_term_row(-1); }, kInvalid,
       "TERM_ROW_UNKNOWN"},
      {"no such channel", kProvinceProcedure,
       [](auto& r) { r.set_channel(static_cast<Dossier::Channel>(7)); }, kInvalid,
       "CHANNEL_INVALID"},
      {"a channel without a term", kProvinceProcedure,
       [](auto& r) { r.set_channel(Dossier::ONLINE); }, kPrecondition, "CHANNEL_NOT_OFFERED"},
      {"a channel without a term, and a date of the officer's own", kProvinceProcedure,
       [&](auto& r) {
         due_in(absl::Hours(1), "Điều 1")(r);
         r.set_channel(Dossier::ONLINE);
       },
       kPrecondition, "CHANNEL_NOT_OFFERED"},
      {"no date", kOfficerProcedure, [](auto&) {}, kPrecondition, "DUE_TIME_NEEDED"},
      {"a basis without a date", kOfficerProcedure, [](auto& r) { r.set_due_basis("Điều 1"); },
       kPrecondition, "DUE_TIME_NEEDED"},
      {"a date without its basis", kOfficerProcedure, due_in(absl::Hours(1), " "), kInvalid,
       "TEXT_EMPTY"},
      {"a long basis", kOfficerProcedure,
       due_in(absl::Hours(1), std::string(kMaxBasisCharacters + 1, 'x')), kInvalid,
       "TEXT_TOO_LONG"},
      {"now", kOfficerProcedure, due_in(absl::ZeroDuration(), "Điều 1"), kInvalid,
       "DUE_TIME_INVALID"},
      {"too far", kOfficerProcedure, due_in(kFarthestDueTime + absl::Seconds(1), "Điều 1"),
       kInvalid, "DUE_TIME_INVALID"},
      {"out of every range", kOfficerProcedure,
       [](auto& r) { r.mutable_due_time()->set_seconds(std::numeric_limits<int64_t>::max()); },
       kInvalid, "DUE_TIME_INVALID"},
      {"before every range", kOfficerProcedure,
       [](auto& r) { r.mutable_due_time()->set_seconds(std::numeric_limits<int64_t>::min()); },
       kInvalid, "DUE_TIME_INVALID"},
      {"a date where the term is computed", kProvinceProcedure, due_in(absl::Hours(1), "Điều 1"),
       kInvalid, "DUE_TIME_INVALID"},
  };
  for (const Case& c : cases) {
    const Dossier before = Submitted(c.procedure);
    Dossier dossier = before;
    AcceptDossierRequest request;
    c.change(request);
    const absl::Status status = DecideAccept(At(kNow), request, dossier);
    INFO(c.what << ": " << status);
    CHECK(status.code() == c.code);
    CHECK(ErrorReason(status) == c.reason);
    CHECK(MessageDifferencer::Equals(dossier, before));
  }
}

TEST_CASE("decisions: the due date may not lie in a year that is not on file") {
  Dossier dossier = Submitted(kProvinceProcedure);
  const absl::Time late = absl::FromCivil(absl::CivilMinute(2027, 12, 30, 9, 0), VietnamZone());
  const absl::Status status = DecideAccept(At(late), {}, dossier);
  CHECK(status.code() == kPrecondition);
  CHECK(ErrorReason(status) == "CALENDAR_MISSING");
  CHECK(dossier.state() == Dossier::SUBMITTED);
  const absl::Time across = absl::FromCivil(absl::CivilMinute(2026, 12, 30, 9, 0), VietnamZone());
  REQUIRE(DecideAccept(At(across), {}, dossier).ok());
  CHECK(dossier.due().provisional());
}

TEST_CASE("decisions: settle, hand over, refuse") {
  Dossier dossier = Submitted(kProvinceProcedure);
  Dossier refused = dossier;
  REQUIRE(DecideAccept(At(kNow), {}, dossier).ok());
  REQUIRE(DecideComplete(At(kNow + absl::Hours(1)), dossier).ok());
  CHECK(dossier.state() == Dossier::COMPLETED);
  CHECK(ToTime(dossier.complete_time()) == kNow + absl::Hours(1));
  CHECK(dossier.revision() == 3);
  REQUIRE(DecideReturn(At(kNow + absl::Hours(2)), dossier).ok());
  CHECK(dossier.state() == Dossier::RETURNED);
  CHECK(ToTime(dossier.return_time()) == kNow + absl::Hours(2));
  CHECK(dossier.revision() == 4);

  RejectDossierRequest request;
  request.set_reason(" thiếu giấy tờ ");
  REQUIRE(DecideReject(At(kNow), request, refused).ok());
  CHECK(refused.state() == Dossier::REJECTED);
  CHECK(refused.reject_reason() == "thiếu giấy tờ");
  CHECK(ToTime(refused.reject_time()) == kNow);

  for (const Dossier& final : {dossier, refused}) {
    Dossier copy = final;
    CHECK(ErrorReason(DecideAccept(At(kNow), {}, copy)) == "STATE_FORBIDS_COMMAND");
    CHECK(ErrorReason(DecideComplete(At(kNow), copy)) == "STATE_FORBIDS_COMMAND");
    CHECK(ErrorReason(DecideReturn(At(kNow), copy)) == "STATE_FORBIDS_COMMAND");
    CHECK(ErrorReason(DecideReject(At(kNow), request, copy)) == "STATE_FORBIDS_COMMAND");
    CHECK(MessageDifferencer::Equals(copy, final));
  }
  Dossier submitted = Submitted(kProvinceProcedure);
  request.set_reason(" ");
  CHECK(ErrorReason(DecideReject(At(kNow), request, submitted)) == "TEXT_EMPTY");
  request.set_reason(std::string(kMaxReasonCharacters + 1, 'x'));
  CHECK(ErrorReason(DecideReject(At(kNow), request, submitted)) == "TEXT_TOO_LONG");
  CHECK(submitted.state() == Dossier::SUBMITTED);
}

TEST_CASE("decisions: whose a dossier is") {
  const Dossier dossier = Submitted(kProvinceProcedure);  // H12.50.01 took it in, H12.04 settles
  for (const absl::string_view agency :
       {"H12.50.01", "H12.04", "H12.*", "H12.50.*", "H12.04.*", "*"}) {
    CHECK(Concerns(TheCatalogue(), CallerOf(agency), dossier, kNow));
  }
  for (const absl::string_view agency : {"H12.50.02", "H12.05", "H12", "H12.50", "H1.*"}) {
    INFO(agency);
    CHECK_FALSE(Concerns(TheCatalogue(), CallerOf(agency), dossier, kNow));
  }
  CHECK_FALSE(Concerns(TheCatalogue(), Caller(), dossier, kNow));
}

}  // namespace
}  // namespace lgsp::dossiers
