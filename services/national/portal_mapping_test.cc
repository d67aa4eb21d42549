// The golden files in testdata/ were read against the portal's field list; a change of them is a
// change of what the portal is sent.
#include "services/national/portal_mapping.h"

#include <catch2/catch.hpp>
#include <functional>

#include "absl/strings/str_cat.h"
#include "google/rpc/error_details.pb.h"
#include "libs/config/config.h"
#include "libs/status/status.h"

namespace lgsp::national {
namespace {

using nlohmann::ordered_json;
using v1::SyncDossierRequest;

std::string Testdata(absl::string_view name) {
  return absl::StrCat(LGSP_SOURCE_DIR, "/services/national/testdata/", name);
}

SyncDossierRequest Load(absl::string_view name) {
  SyncDossierRequest request;
  REQUIRE(config::Load(Testdata(absl::StrCat(name, ".textproto")), &request).ok());
  return request;
}

// The field of a PORTAL_FIELD_INVALID; empty when the request is mapped.
std::string FieldRefused(const SyncDossierRequest& request) {
  const absl::Status status = ToPortal(request, "H12").status();
  if (status.ok()) return "";
  CHECK(status.code() == absl::StatusCode::kInvalidArgument);
  CHECK(ErrorReason(status) == "PORTAL_FIELD_INVALID");
  google::rpc::BadRequest bad;
  const google::rpc::Status whole = ToRpcStatus(status);
  for (const auto& detail : whole.details()) {
    if (detail.UnpackTo(&bad)) return bad.field_violations(0).field();
  }
  return "(no field)";
}

std::string FieldRefusedAfter(const std::function<void(SyncDossierRequest&)>& change) {
  SyncDossierRequest request = Load("accepted");
  change(request);
  return FieldRefused(request);
}

TEST_CASE("each stage is said byte for byte as in its golden file") {
  for (const char* name : {"accepted", "completed", "returned", "rejected", "business",
                           "without_optionals", "long_texts"}) {
    INFO(name);
    const auto dossier = ToPortal(Load(name), "H12");
    REQUIRE(dossier.ok());
    ordered_json both = ordered_json::object();
    both["DongBoHoSoMC"] = dossier->item;
    both["CapNhatTienDoHoSoMC"] = dossier->progress;
    const auto golden = config::ReadFile(Testdata(absl::StrCat(name, ".json")));
    REQUIRE(golden.ok());
    CHECK(both.dump(2) + "\n" == *golden);
  }
}

TEST_CASE("what the portal cannot be told is refused with its field") {
  CHECK(FieldRefused(Load("accepted")).empty());
  using R = SyncDossierRequest;
  CHECK(FieldRefusedAfter([](R& r) { r.clear_number(); }) == "number");
  CHECK(FieldRefusedAfter([](R& r) { r.set_number(std::string(101, '1')); }) == "number");
  CHECK(FieldRefusedAfter([](R& r) { r.clear_procedure_code(); }) == "procedure_code");
  CHECK(FieldRefusedAfter([](R& r) { r.set_procedure_name("  "); }) == "procedure_name");
  CHECK(FieldRefusedAfter([](R& r) { r.clear_field_name(); }) == "field_name");
  CHECK(FieldRefusedAfter([](R& r) { r.clear_channel(); }) == "channel");
  CHECK(FieldRefusedAfter([](R& r) { r.set_channel(static_cast<R::SubmissionChannel>(4)); }) ==
        "channel");
  CHECK(FieldRefusedAfter([](R& r) { r.clear_applicant_name(); }) == "applicant_name");
  CHECK(FieldRefusedAfter([](R& r) { r.set_applicant_name(std::string("a\0b", 3)); }) ==
        "applicant_name");
  CHECK(FieldRefusedAfter([](R& r) { r.clear_applicant_kind(); }) == "applicant_kind");
  CHECK(FieldRefusedAfter([](R& r) { r.set_portal_status(0); }) == "portal_status");
  CHECK(FieldRefusedAfter([](R& r) { r.set_portal_status(11); }) == "portal_status");
  CHECK(FieldRefusedAfter([](R& r) { r.clear_submit_time(); }) == "submit_time");
  CHECK(FieldRefusedAfter([](R& r) { r.mutable_due_time()->set_seconds(253402300800); }) ==
        "due_time");
  CHECK(FieldRefusedAfter([](R& r) { r.mutable_due_time()->set_nanos(-1); }) == "due_time");
  CHECK(FieldRefusedAfter([](R& r) {
          r.clear_settling_agency();
          r.clear_settling_agency_name();
        }) == "settling_agency_name");
  CHECK(FieldRefusedAfter([](R& r) { r.mutable_progress(1)->clear_actor(); }) ==
        "progress[1].actor");
  CHECK(FieldRefusedAfter([](R& r) { r.mutable_progress(0)->clear_content(); }) ==
        "progress[0].content");
  CHECK(FieldRefusedAfter([](R& r) { r.mutable_progress(1)->clear_time(); }) == "progress[1].time");
  CHECK(FieldRefusedAfter([](R& r) { r.mutable_progress(1)->set_portal_status(11); }) ==
        "progress[1].portal_status");
  SyncDossierRequest many = Load("accepted");
  while (many.progress_size() <= 1000) many.add_progress()->CopyFrom(many.progress(0));
  CHECK(FieldRefused(many) == "progress");
}

TEST_CASE("no value of the request is repeated in an error") {
  SyncDossierRequest request = Load("accepted");
  request.clear_portal_status();
  const std::string message(ToPortal(request, "H12").status().message());
  CHECK(message.find("Nguy") == std::string::npos);
  CHECK(message.find("096190000001") == std::string::npos);
}

TEST_CASE("identity numbers") {
  const auto identities = [](const std::string& number) {
    SyncDossierRequest request = Load("accepted");
    request.set_applicant_id_number(number);
    const auto dossier = ToPortal(request, "H12");
    REQUIRE(dossier.ok());
    CHECK(dossier->item["SoGiayToChuHoSo"] == number);
    return dossier->item["DinhDanhCHS"].dump();
  };
  CHECK(identities("096190000001") == R"([{"LoaiDinhDanh":"1","SoDinhDanh":"096190000001"}])");
  CHECK(identities("381900001") == R"([{"LoaiDinhDanh":"2","SoDinhDanh":"381900001"}])");
  CHECK(identities("2001234567") == "[]");
  CHECK(identities("B12345678") == "[]");
  CHECK(identities("") == "[]");
}

TEST_CASE("the code of a field is stable") {
  // These are at the portal already: a change of the rule would change every dossier there.
  CHECK(FieldCode("H12", "Hộ tịch") == "H12-LV728472A8");
  CHECK(FieldCode("H12", "hộ TỊCH") == FieldCode("H12", "Hộ tịch"));
  CHECK(FieldCode("H12", "Hoà giải") == FieldCode("H12", "Hòa giải"));
  CHECK(FieldCode("H12", "Chứng thực") != FieldCode("H12", "Hộ tịch"));
}

}  // namespace
}  // namespace lgsp::national
