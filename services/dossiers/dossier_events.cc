#include "services/dossiers/dossier_events.h"

#include "lgsp/dossiers/v1/events.pb.h"

namespace lgsp::dossiers {

using lgsp::dossiers::v1::Dossier;

std::unique_ptr<google::protobuf::Message> MakeEvent(const Dossier& dossier) {
  switch (dossier.state()) {
    case Dossier::SUBMITTED: {
      auto event = std::make_unique<v1::DossierSubmitted>();
      event->set_dossier(dossier.name());
      event->set_procedure(dossier.procedure());
      event->set_intake_agency(dossier.intake_agency());
      event->set_settling_agency(dossier.settling_agency());
      *event->mutable_submit_time() = dossier.submit_time();
      return event;
    }
    case Dossier::ACCEPTED: {
      auto event = std::make_unique<v1::DossierAccepted>();
      event->set_dossier(dossier.name());
      event->set_code(dossier.code());
      event->set_procedure(dossier.procedure());
      event->set_settling_agency(dossier.settling_agency());
      *event->mutable_accept_time() = dossier.accept_time();
      *event->mutable_due_time() = dossier.due().due_time();
      return event;
    }
    case Dossier::COMPLETED: {
      auto event = std::make_unique<v1::DossierCompleted>();
      event->set_dossier(dossier.name());
      event->set_code(dossier.code());
      event->set_settling_agency(dossier.settling_agency());
      *event->mutable_complete_time() = dossier.complete_time();
      *event->mutable_due_time() = dossier.due().due_time();
      return event;
    }
    case Dossier::RETURNED: {
      auto event = std::make_unique<v1::DossierReturned>();
      event->set_dossier(dossier.name());
      event->set_code(dossier.code());
      event->set_settling_agency(dossier.settling_agency());
      *event->mutable_return_time() = dossier.return_time();
      return event;
    }
    // REJECTED: no other state is entered.
    default: {
      auto event = std::make_unique<v1::DossierRejected>();
      event->set_dossier(dossier.name());
      event->set_settling_agency(dossier.settling_agency());
      *event->mutable_reject_time() = dossier.reject_time();
      return event;
    }
  }
}

}  // namespace lgsp::dossiers
