#include "tools/lgsp/journey/way.h"

#include <algorithm>
#include <utility>

#include "tools/lgsp/journey/plan.h"

namespace lgsp::cli {
namespace {

using dossiers::v1::Assistance;
using dossiers::v1::DayRun;
using dossiers::v1::Digitisation;
using dossiers::v1::Dossier;
using dossiers::v1::SubmitDossierRequest;

constexpr char kRejectReason[] = "Thành phần hồ sơ chưa đầy đủ theo quy định của thủ tục";
constexpr char kWithdrawReason[] = "Người nộp xin rút hồ sơ";
constexpr char kForwardReason[] = "Chuyển đến cơ quan có thẩm quyền giải quyết";
constexpr char kApology[] = "Cần thêm thời gian xác minh hồ sơ";
constexpr char kQuestion[] = "Đề nghị cho ý kiến về hồ sơ";
constexpr char kAnswer[] = "Thống nhất";
constexpr char kMissing[] = "Bản sao có chứng thực giấy tờ kèm theo";
constexpr char kResultTitle[] = "Quyết định giải quyết thủ tục";
constexpr char kResultNumber[] = "01/QĐ";
// Papers that are added at one step.
constexpr int kMaxPapers = 3;
constexpr char kDueBasis[] = "Thời hạn do người có thẩm quyền ấn định (dữ liệu thử nghiệm)";
constexpr absl::Duration kOfficersTerm = absl::Hours(24 * 30);
// An apology names a date beyond every term of the catalogue.
constexpr absl::Duration kApologyTerm = absl::Hours(24 * 1000);
// Departments that are asked, or that a file goes to; one of them always is another.
constexpr const char* kDepartments[] = {"H12.05", "H12.06"};

// Adds the steps, one after the other, and knows where the dossier is.
class Way {
 public:
  Way(const Drawn& drawn, const Special& special, absl::Time made, Chance& chance,
      PlannedDossier& planned)
      : drawn_(drawn), special_(special), made_(made), chance_(chance), planned_(planned) {}

  void Plan() {
    planned_.set_end(special_.end);
    settling_ = drawn_.procedure->of_commune ? drawn_.commune : drawn_.procedure->sector_agency;
    Submit();
    PlanSteps();
    AddPapers(*planned_.mutable_steps(1));
  }

 private:
  void PlanSteps() {
    if (special_.supplement && chance_.Below(2) == 0) SupplementAtIntake();
    if (special_.end == Dossier::REJECTED) {
      Add(settling_, Dossier::REJECTED).mutable_reject()->set_reason(kRejectReason);
      return;
    }
    Accept();
    Settle();
  }

  // What is handed in with the dossier: little, where a supplement will be asked for.
  void AddPapers(PlannedStep& step) {
    const bool supplement =
        std::any_of(planned_.steps().begin(), planned_.steps().end(),
                    [](const PlannedStep& one) { return one.has_ask_supplement(); });
    step.set_papers(supplement ? static_cast<int>(chance_.Below(2)) : kMaxPapers);
    if (drawn_.channel == Dossier::ONLINE || chance_.Below(2) == 0) return;
    Digitisation& digitisation = *step.mutable_digitisation();
    digitisation.set_paper(chance_.Below(2) == 0 ? Digitisation::ORIGINAL
                                                 : Digitisation::COMPARED_COPY);
    *digitisation.mutable_seen_time() = ToTimestamp(made_);
  }

  PlannedStep& Add(const std::string& unit, Dossier::State state) {
    state_ = state;
    PlannedStep& step = *planned_.add_steps();
    step.set_unit(unit);
    step.set_state(state);
    return step;
  }

  // Filed at the settling agency itself, at the centre, or at any commune.
  void Submit() {
    const uint32_t where = chance_.Below(3);
    intake_ = where == 0 ? settling_ : where == 1 ? kServiceCentre : drawn_.commune;
    // Filed at the centre without saying where the case arose: the centre finds out.
    const bool undetermined = special_.forwarded && drawn_.procedure->of_commune;
    if (undetermined) intake_ = kServiceCentre;
    SubmitDossierRequest& submit = *Add(intake_, Dossier::SUBMITTED).mutable_submit();
    submit.set_procedure(drawn_.procedure->code);
    submit.set_channel(drawn_.channel);
    submit.set_intake_agency(intake_);
    if (drawn_.procedure->of_commune && intake_ != settling_ && !undetermined) {
      submit.set_settling_agency(settling_);
    }
    *submit.mutable_applicant() =
        special_.organisation ? MakeOrganisation(chance_) : MakeCitizen(chance_);
    if (special_.assisted) Assist(submit);
    if (undetermined) Forward(kServiceCentre, settling_, Dossier::SUBMITTED);
  }

  void Assist(SubmitDossierRequest& submit) const {
    Assistance& assistance = *submit.mutable_assistance();
    assistance.set_kind(Assistance::OFFICER);
    assistance.set_consent(Assistance::SIGNED);
    *assistance.mutable_consent_time() = ToTimestamp(made_);
  }

  void Forward(const std::string& from, const std::string& to, Dossier::State state) {
    auto& forward = *Add(from, state).mutable_forward();
    forward.set_to_agency(to);
    forward.set_reason(kForwardReason);
  }

  void SupplementAtIntake() {
    Add(intake_, Dossier::SUPPLEMENT_ASKED_AT_INTAKE).mutable_ask_supplement()->add_items(kMissing);
    Supplied(Dossier::SUBMITTED);
    supplemented_ = true;
  }

  // The answer to a supplement request, with what was asked for.
  void Supplied(Dossier::State state) {
    PlannedStep& step = Add(intake_, state);
    step.set_papers(kMaxPapers);
    step.mutable_answer_supplement();
  }

  // By the settling agency, or by the intake, which then hands the file on.
  void Accept() {
    const bool at_intake = intake_ != settling_ && chance_.Below(3) == 0;
    PlannedStep& step = Add(at_intake ? intake_ : settling_, Dossier::ACCEPTED);
    auto& accept = *step.mutable_accept();
    if (drawn_.term.term_row != 0) accept.set_term_row(drawn_.term.term_row);
    if (drawn_.term.officer_sets_due_time) {
      *accept.mutable_due_time() = ToTimestamp(made_ + kOfficersTerm);
      accept.set_due_basis(kDueBasis);
    }
    if (!at_intake) return;
    if (chance_.Below(2) == 0) Add(intake_, Dossier::TRANSFERRED).mutable_transfer();
    Add(settling_, Dossier::IN_PROGRESS).mutable_receive();
  }

  std::string OtherDepartment() const {
    return settling_ == kDepartments[0] ? kDepartments[1] : kDepartments[0];
  }

  void Start() {
    if (state_ == Dossier::ACCEPTED) Add(settling_, Dossier::IN_PROGRESS).mutable_start();
  }

  void Consult() {
    const std::string asked = OtherDepartment();
    auto& wait = *Add(settling_, Dossier::WAITING_AGENCY).mutable_begin_wait();
    wait.set_kind(DayRun::OTHER_AGENCY);
    wait.add_consultations()->set_agency(asked);
    wait.mutable_consultations(0)->set_question(kQuestion);
    auto& answer = *Add(asked, Dossier::WAITING_AGENCY).mutable_answer_consultation();
    answer.set_agency(asked);
    answer.set_answer(kAnswer);
    Add(settling_, Dossier::IN_PROGRESS).mutable_end_wait();
  }

  void Settle() {
    if (special_.forwarded && !drawn_.procedure->of_commune) {
      Start();
      const std::string to = OtherDepartment();
      Forward(settling_, to, Dossier::TRANSFERRED);
      settling_ = to;
      Add(settling_, Dossier::IN_PROGRESS).mutable_receive();
    }
    if (special_.supplement && !supplemented_) {
      Add(settling_, Dossier::SUPPLEMENT_ASKED).mutable_ask_supplement()->add_items(kMissing);
      Supplied(Dossier::IN_PROGRESS);
    }
    if (special_.end == Dossier::WITHDRAWN) {
      Add(intake_, Dossier::WITHDRAWN).mutable_withdraw()->set_reason(kWithdrawReason);
      return;
    }
    if (special_.consulted) {
      Start();
      Consult();
    }
    if (special_.apology) Apologise();
    if (chance_.Below(3) == 0) {
      Start();
      PlannedStep& sign = Add(settling_, Dossier::SIGNED);
      sign.set_role("head");
      if (chance_.Below(3) == 0) {
        sign.mutable_sign();
      } else {
        sign.mutable_sign_result()->set_title(kResultTitle);
        sign.mutable_sign_result()->set_number(kResultNumber);
        sign.mutable_sign_result()->set_seal(chance_.Below(2) == 0);
      }
    }
    Add(settling_, Dossier::COMPLETED).mutable_complete();
    Add(chance_.Below(2) == 0 ? settling_ : intake_, Dossier::RETURNED).mutable_return_();
  }

  void Apologise() {
    PlannedStep& step = Add(settling_, state_);
    step.set_role("head");
    *step.mutable_reappoint()->mutable_due_time() = ToTimestamp(made_ + kApologyTerm);
    step.mutable_reappoint()->set_reason(kApology);
  }

  const Drawn& drawn_;
  const Special& special_;
  const absl::Time made_;
  Chance& chance_;
  PlannedDossier& planned_;
  std::string intake_, settling_;
  Dossier::State state_ = Dossier::STATE_UNSPECIFIED;
  bool supplemented_ = false;
};

const google::protobuf::FieldDescriptor* CommandOf(const PlannedStep& step) {
  return step.GetReflection()->GetOneofFieldDescriptor(
      step, step.GetDescriptor()->FindOneofByName("command"));
}

}  // namespace

void PlanWay(const Drawn& drawn, const Special& special, absl::Time made, Chance& chance,
             PlannedDossier& planned) {
  Way(drawn, special, made, chance, planned).Plan();
}

google::protobuf::Message& RequestOf(PlannedStep& step) {
  return *step.GetReflection()->MutableMessage(&step, CommandOf(step));
}

const google::protobuf::Message& RequestOf(const PlannedStep& step) {
  return step.GetReflection()->GetMessage(step, CommandOf(step));
}

void SetText(google::protobuf::Message& request, const std::string& field, std::string text) {
  request.GetReflection()->SetString(&request, request.GetDescriptor()->FindFieldByName(field),
                                     std::move(text));
}

std::string GetText(const google::protobuf::Message& request, const std::string& field) {
  return request.GetReflection()->GetString(request,
                                            request.GetDescriptor()->FindFieldByName(field));
}

}  // namespace lgsp::cli
