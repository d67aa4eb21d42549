#include "services/dossiers/results/result_events.h"

#include "lgsp/dossiers/v1/events.pb.h"
#include "libs/clock/timestamp.h"

namespace lgsp::dossiers {
namespace {

using google::protobuf::Message;
using google::protobuf::Timestamp;
using lgsp::dossiers::v1::Result;

template <typename Event>
std::unique_ptr<Event> About(const Result& result, const Dossier& dossier,
                             Timestamp* (Event::*time)(), absl::Time now) {
  auto event = std::make_unique<Event>();
  event->set_result(result.name());
  event->set_dossier(dossier.name());
  event->set_code(dossier.code());
  event->set_settling_agency(dossier.settling_agency());
  *((*event).*time)() = ToTimestamp(now);
  return event;
}

}  // namespace

std::unique_ptr<Message> MakeResultEvent(const Result& result, const Dossier& dossier,
                                         absl::Time now) {
  switch (result.state()) {
    case Result::SIGNING:
      return About(result, dossier, &v1::ResultOrdered::mutable_order_time, now);
    case Result::SIGNED:
      return About(result, dossier, &v1::ResultSigned::mutable_sign_time, now);
    case Result::REFUSED:
    case Result::FAILED: {
      auto event = About(result, dossier, &v1::ResultNotSigned::mutable_answer_time, now);
      event->set_state(result.state());
      return event;
    }
    default: {
      auto event = About(result, dossier, &v1::ResultEnded::mutable_end_time, now);
      event->set_state(result.state());
      event->set_replaced_by(result.replaced_by());
      return event;
    }
  }
}

absl::Status TellOfResult(sql::Transaction& tx, const DossierChanges& changes, const Result& result,
                          absl::string_view traceparent, absl::Time now,
                          const LoadedDossier& loaded) {
  return changes.Tell(tx, result.name(), result.revision(), traceparent, now, loaded,
                      *MakeResultEvent(result, loaded.dossier, now));
}

}  // namespace lgsp::dossiers
