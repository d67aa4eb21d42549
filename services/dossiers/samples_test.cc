#include "services/dossiers/samples_test.h"

#include <catch2/catch.hpp>

#include "google/protobuf/util/time_util.h"
#include "libs/clock/clock.h"
#include "services/dossiers/oracle_test.h"

namespace lgsp::dossiers {

using google::protobuf::util::TimeUtil;
using lgsp::dossiers::v1::Applicant;
using lgsp::dossiers::v1::Dossier;

const Catalogue& TheCatalogue() {
  static const Catalogue catalogue = [] {
    auto loaded = Catalogue::Load(SourceFile("deploy/catalog"));
    INFO(loaded.status());
    REQUIRE(loaded.ok());
    return *std::move(loaded);
  }();
  return catalogue;
}

lgsp::dossiers::v1::SubmitDossierRequest SampleSubmission() {
  lgsp::dossiers::v1::SubmitDossierRequest request;
  request.set_request_id("sample-1");
  request.set_procedure(kProvinceProcedure);
  request.set_channel(Dossier::DIRECT);
  Applicant& applicant = *request.mutable_applicant();
  applicant.set_kind(Applicant::CITIZEN);
  applicant.set_full_name(std::string(kPersonalSamples[0]));
  applicant.set_id_number(std::string(kPersonalSamples[1]));
  applicant.set_phone(std::string(kPersonalSamples[2]));
  applicant.set_email(std::string(kPersonalSamples[3]));
  request.set_subject(std::string(kPersonalSamples[4]));
  request.set_intake_agency("H12.50.01");
  return request;
}

lgsp::auth::v1::Caller CallerOf(absl::string_view agencies) {
  lgsp::auth::v1::Caller caller;
  caller.set_system("systems/test");
  caller.add_agencies(std::string(agencies));
  return caller;
}

std::string Rfc3339(const google::protobuf::Timestamp& time) {
  return absl::FormatTime("%Y-%m-%dT%H:%M:%S%Ez", ToTime(time), VietnamZone());
}

}  // namespace lgsp::dossiers
