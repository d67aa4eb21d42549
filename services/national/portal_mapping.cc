#include "services/national/portal_mapping.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "libs/clock/clock.h"
#include "libs/keys/digest.h"
#include "libs/status/status.h"
#include "libs/text/text.h"
#include "services/national/errors.h"
#include "services/national/limits.h"

namespace lgsp::national {
namespace {

using nlohmann::ordered_json;

// google.protobuf.Timestamp: years 1 to 9999.
constexpr int64_t kFirstSecond = -62135596800;
constexpr int64_t kLastSecond = 253402300799;

// What the portal counts: code points. What a reader sees as one character may have several.
int CodePoints(absl::string_view text) {
  return static_cast<int>(
      std::count_if(text.begin(), text.end(), [](char c) { return (c & 0xC0) != 0x80; }));
}

// The longest beginning of whole characters that has at most `limit` code points.
std::string Cut(const std::string& text, int limit) {
  if (CodePoints(text) <= limit) return text;
  int fits = 0;
  int too_long = limit + 1;
  while (fits + 1 < too_long) {
    const int middle = (fits + too_long) / 2;
    (CodePoints(text::Truncate(text, middle)) <= limit ? fits : too_long) = middle;
  }
  return text::Truncate(text, fits);
}

// Writes the fields of one object in order; keeps the first complaint.
class Writer {
 public:
  explicit Writer(absl::string_view path = "") : path_(path) {}

  // A text that may be empty.
  void Text(const char* name, absl::string_view field, absl::string_view value,
            int limit = kMaxTextCharacters) {
    const auto normal = text::ToNfc(value);
    if (!normal.ok()) return Complain(field, "is not UTF-8");
    if (normal->find('\0') != std::string::npos) return Complain(field, "contains a NUL");
    object_[name] = Cut(*normal, limit);
  }

  void Required(const char* name, absl::string_view field, absl::string_view value,
                int limit = kMaxTextCharacters) {
    if (absl::StripAsciiWhitespace(value).empty()) return Complain(field, "is missing");
    Text(name, field, value, limit);
  }

  // Part of a code would be another code.
  void Code(const char* name, absl::string_view field, absl::string_view value) {
    if (CodePoints(value) > kMaxCodeCharacters) {
      return Complain(field, absl::StrCat("is longer than ", kMaxCodeCharacters, " characters"));
    }
    Required(name, field, value, kMaxCodeCharacters);
  }

  void Number(const char* name, absl::string_view field, int value, int first, int last) {
    if (value < first || value > last) {
      return Complain(field, absl::StrCat("must be from ", first, " to ", last));
    }
    object_[name] = absl::StrCat(value);
  }

  void Time(const char* name, absl::string_view field, bool given,
            const google::protobuf::Timestamp& time) {
    if (!given) return Empty(name);
    if (time.seconds() < kFirstSecond || time.seconds() > kLastSecond || time.nanos() < 0 ||
        time.nanos() > 999'999'999) {
      return Complain(field, "is not a time");
    }
    object_[name] =
        absl::FormatTime("%E4Y%m%d%H%M%S", absl::FromUnixSeconds(time.seconds()), VietnamZone());
  }

  void RequiredTime(const char* name, absl::string_view field, bool given,
                    const google::protobuf::Timestamp& time) {
    if (!given) return Complain(field, "is missing");
    Time(name, field, given, time);
  }

  void Empty(const char* name) { object_[name] = ""; }
  void EmptyList(const char* name) { object_[name] = ordered_json::array(); }
  void List(const char* name, ordered_json list) { object_[name] = std::move(list); }

  void Complain(absl::string_view field, absl::string_view what) {
    if (error_.ok()) error_ = FieldInvalid(absl::StrCat(path_, field), what);
  }

  const absl::Status& error() const { return error_; }
  ordered_json Take() { return std::move(object_); }

 private:
  const std::string path_;
  ordered_json object_ = ordered_json::object();
  absl::Status error_;
};

// DinhDanhCHS: 12 digits are the personal ID number, 9 the old one; a tax code is neither.
ordered_json Identities(const v1::SyncDossierRequest& request) {
  ordered_json list = ordered_json::array();
  for (const std::string& number :
       {request.applicant_id_number(), request.applicant_old_id_number()}) {
    const bool digits = std::all_of(number.begin(), number.end(), absl::ascii_isdigit);
    if (!digits || (number.size() != 12 && number.size() != 9)) continue;
    ordered_json identity = ordered_json::object();
    identity["LoaiDinhDanh"] = number.size() == 12 ? "1" : "2";
    identity["SoDinhDanh"] = number;
    list.push_back(std::move(identity));
  }
  return list;
}

void WriteApplicant(Writer& w, const v1::SyncDossierRequest& r) {
  w.Text("SoGiayToChuHoSo", "applicant_id_number", r.applicant_id_number());
  w.Required("ChuHoSo", "applicant_name", r.applicant_name());
  w.Number("LoaiDoiTuong", "applicant_kind", r.applicant_kind(), 1, 4);
  w.Empty("MaDoiTuong");
  w.Empty("ThongTinKhac");
  w.Text("Email", "email", r.email());
  w.Empty("Fax");
  w.Text("SoDienThoai", "phone", r.phone());
  // The portal wants a subject; a dossier without one is about its procedure.
  w.Required("TrichYeuHoSo", "subject", r.subject().empty() ? r.procedure_name() : r.subject(),
             kMaxSubjectCharacters);
}

void WriteState(Writer& w, const v1::SyncDossierRequest& r) {
  w.Time("NgayTiepNhan", "accept_time", r.has_accept_time(), r.accept_time());
  w.Time("NgayHenTra", "due_time", r.has_due_time(), r.due_time());
  w.Number("TrangThaiHoSo", "portal_status", r.portal_status(), 1, 10);
  w.Time("NgayTra", "return_time", r.has_return_time(), r.return_time());
  w.Empty("ThongTinTra");
  w.Empty("HinhThuc");
  w.Time("NgayKetThucXuLy", "complete_time", r.has_complete_time(), r.complete_time());
  w.Required("DonViXuLy", "settling_agency_name",
             r.settling_agency_name().empty() ? r.settling_agency() : r.settling_agency_name());
  w.Text("GhiChu", "remark", r.remark());
  w.Text("NoiNopHoSo", "intake_agency", r.intake_agency());
  w.Empty("HoSoCoThanhPhanSoHoa");
  w.Empty("TaiKhoanDuocXacThucVoiVNeID");
  w.Empty("DuocThanhToanTrucTuyen");
  w.Time("NgayTuChoi", "reject_time", r.has_reject_time(), r.reject_time());
  w.RequiredTime("NgayNopHoSo", "submit_time", r.has_submit_time(), r.submit_time());
}

absl::StatusOr<PortalDossier> ItemOnly(const v1::SyncDossierRequest& r, absl::string_view agency) {
  Writer w;
  w.Code("MaHoSo", "number", r.number());
  if (!r.own_number().empty()) w.Code("MaHoSoDonVi", "own_number", r.own_number());
  w.Code("MaTTHC", "procedure_code", r.procedure_code());
  w.Required("TenTTHC", "procedure_name", r.procedure_name());
  w.Code("MaLinhVuc", "field_name", FieldCode(agency, r.field_name()));
  w.Required("TenLinhVuc", "field_name", r.field_name());
  w.Number("KenhThucHien", "channel", r.channel(), 1, 3);
  WriteApplicant(w, r);
  WriteState(w, r);
  w.List("DinhDanhCHS", Identities(r));
  for (const char* name : {"DSKetNoiCSDL", "TaiLieuNop", "DanhSachLePhi", "DanhSachTepDinhKemKhac",
                           "DanhSachHoSoBoSung", "DanhSachGiayToKetQua"}) {
    w.EmptyList(name);
  }
  RETURN_IF_ERROR(w.error());
  return PortalDossier{w.Take(), {}};
}

}  // namespace

std::string FieldCode(absl::string_view agency, absl::string_view field_name) {
  const std::string digest = keys::Hex(keys::Sha256(text::Fold(field_name)));
  return absl::StrCat(agency, "-LV", absl::AsciiStrToUpper(digest.substr(0, 8)));
}

absl::StatusOr<PortalDossier> ToPortal(const v1::SyncDossierRequest& request,
                                       absl::string_view agency) {
  ASSIGN_OR_RETURN(PortalDossier dossier, ItemOnly(request, agency));
  if (request.progress_size() > kMaxProgressRows) {
    return FieldInvalid("progress", absl::StrCat("has more than ", kMaxProgressRows, " rows"));
  }
  for (int i = 0; i < request.progress_size(); ++i) {
    const v1::ProgressRow& row = request.progress(i);
    Writer w(absl::StrCat("progress[", i, "]."));
    w.Code("MaHoSo", "number", request.number());
    w.Required("NguoiXuLy", "actor", row.actor(), kMaxActorCharacters);
    w.Empty("ChucDanh");
    w.RequiredTime("ThoiDiemXuLy", "time", row.has_time(), row.time());
    w.Text("PhongBanXuLy", "unit", row.unit());
    w.Required("NoiDungXuLy", "content", row.content());
    w.Number("TrangThai", "portal_status", row.portal_status(), 1, 10);
    w.Empty("NgayBatDau");
    w.Empty("NgayKetThucTheoQuyDinh");
    RETURN_IF_ERROR(w.error());
    dossier.progress.push_back(w.Take());
  }
  return dossier;
}

}  // namespace lgsp::national
