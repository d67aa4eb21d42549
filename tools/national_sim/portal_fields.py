"""The literal fields of the portal's classic sync API and the strict check of each.

A check takes (value, field name) and raises FieldError. Absent optional fields are fine, an empty
string stands for "no value" in an optional text, code or date; null never does.
"""

import datetime
import re
import unicodedata

# Code points; the portal's own limit of a file name, taken for every text that names none.
TEXT_LIMIT = 4000
CODE_LIMIT = 100
ROWS_LIMIT = 1000  # of one list
# Before this a date is a default value of somebody's date type, not a day on which a dossier moved.
FIRST_YEAR = 2000
LAST_YEAR = 2100
STATUSES = tuple(str(code) for code in range(1, 11))
# Registered, refused, asked for more, withdrawn: these may have no NgayTiepNhan.
NOT_YET_ACCEPTED = ("1", "3", "5", "7")


class FieldError(Exception):
    def __init__(self, field, what):
        super().__init__(f"{field}: {what}")


def text(limit=TEXT_LIMIT):
    def check(value, field):
        if not isinstance(value, str):
            raise FieldError(field, "must be a string")
        if not unicodedata.is_normalized("NFC", value):
            raise FieldError(field, "is not in NFC")
        if "\0" in value:
            raise FieldError(field, "holds a NUL")
        if len(value) > limit:
            raise FieldError(field, f"is longer than {limit} characters")
    return check


def date(value, field):
    text()(value, field)
    if value == "":
        return
    if not re.fullmatch(r"[0-9]{14}", value):
        raise FieldError(field, "is not yyyyMMddHHmmss")
    parts = [int(value[:4])] + [int(value[at:at + 2]) for at in range(4, 14, 2)]
    try:
        datetime.datetime(*parts)  # Asia/Ho_Chi_Minh has no clock change: no hour is missing
    except ValueError as error:
        raise FieldError(field, "is not a real date") from error
    if not FIRST_YEAR <= parts[0] <= LAST_YEAR:
        raise FieldError(field, f"lies outside {FIRST_YEAR}-{LAST_YEAR}")


def one_of(*allowed):
    def check(value, field):
        text()(value, field)
        if value != "" and value not in allowed:
            raise FieldError(field, f"must be one of {', '.join(allowed)}")
    return check


def digits(value, field):
    text()(value, field)
    if not re.fullmatch(r"[0-9]{0,18}", value):
        raise FieldError(field, "must be a string of at most 18 digits")


def number(value, field):
    """Real clients send these few as numbers or as strings."""
    if isinstance(value, str):
        digits(value, field)
    elif type(value) is not int or not 0 <= value < 10**18:
        raise FieldError(field, "must be a whole number")


def boolean(value, field):
    if not isinstance(value, bool):
        one_of("True", "False", "0", "1")(value, field)


def rows_of(fields, required=()):
    def check(value, field):
        if not isinstance(value, list):
            raise FieldError(field, "must be a list")
        if len(value) > ROWS_LIMIT:
            raise FieldError(field, f"has more than {ROWS_LIMIT} rows")
        for row in value:
            check_row(row, fields, required, within=field)
    return check


def check_row(row, fields, required, within=""):
    """Unknown names are refused, required ones must be there and not empty."""
    if not isinstance(row, dict):
        raise FieldError(within or "data", "must hold JSON objects")
    prefix = f"{within}." if within else ""
    for name in row:
        if name not in fields:
            raise FieldError(prefix + name[:CODE_LIMIT], "unknown field")
    for name in required:
        if name not in row:
            raise FieldError(prefix + name, "is missing")
    for name, value in row.items():
        fields[name](value, prefix + name)
        if name in required and value == "":
            raise FieldError(prefix + name, "is empty")


FLAG = one_of("0", "1")

FILE = {
    "TepDinhKemId": text(), "TenTepDinhKem": text(4000), "IsDeleted": one_of("True", "False"),
    "MaThanhPhanHoSo": text(), "DuongDanTaiTepTin": text(), "DuocSoHoa": FLAG,
    "DuocTaiSuDung": FLAG, "DuocLayTuKhoDMQG": FLAG, "MaKetQuaThayThe": text(),
}
FEE = {
    "TenPhiLePhi": text(), "MaPhiLePhi": text(), "HinhThucThu": text(), "Gia": digits,
    "LoaiPhiLePhi": text(),
}
PAPER = {"TenGiayTo": text(), "SoLuong": number, "LoaiGiayTo": number}
SUPPLEMENT = {
    "HoSoBoSungId": number, "NguoiYeuCauBoSung": text(), "NoiDungBoSung": text(),
    "NgayBoSung": date, "NguoiTiepNhanBoSung": text(), "ThongTinTiepNhan": text(),
    "NgayTiepNhanBoSung": date, "TrangThaiBoSung": boolean,
    "DanhSachGiayToBoSung": rows_of({**FILE, **PAPER}), "DanhSachLePhiBoSung": rows_of(FEE),
    "NgayHenTraTruoc": date, "NgayHenTraMoi": date,
}
RESULT_PAPER = {
    "TenGiayTo": text(), "MaThanhPhanHoSo": text(), "GiayToId": text(),
    "DuongDanTepTinKetQua": text(), "MaGiayToKetQua": text(),
}

DOSSIER = {
    "MaHoSo": text(CODE_LIMIT), "MaHoSoDonVi": text(CODE_LIMIT), "MaTTHC": text(CODE_LIMIT), "TenTTHC": text(),
    "MaLinhVuc": text(CODE_LIMIT), "TenLinhVuc": text(),
    "KenhThucHien": one_of("1", "2", "3"),  # counter, online, post
    "SoGiayToChuHoSo": text(), "ChuHoSo": text(),
    "LoaiDoiTuong": one_of("1", "2", "3", "4"),  # citizen, business, agency, other
    "MaDoiTuong": text(), "ThongTinKhac": text(), "Email": text(), "Fax": text(),
    "SoDienThoai": text(),
    "TrichYeuHoSo": text(1000), "NgayTiepNhan": date, "NgayHenTra": date,
    "TrangThaiHoSo": one_of(*STATUSES), "NgayTra": date, "ThongTinTra": text(), "HinhThuc": FLAG,
    "NgayKetThucXuLy": date, "DonViXuLy": text(), "GhiChu": text(), "NoiNopHoSo": text(),
    "HoSoCoThanhPhanSoHoa": FLAG, "TaiKhoanDuocXacThucVoiVNeID": FLAG,
    "DuocThanhToanTrucTuyen": FLAG, "NgayTuChoi": date, "NgayNopHoSo": date,
    "DinhDanhCHS": rows_of({"LoaiDinhDanh": one_of("1", "2"), "SoDinhDanh": digits},
                           ("LoaiDinhDanh", "SoDinhDanh")),
    "DSKetNoiCSDL": rows_of({"MaCSDL": text(CODE_LIMIT)}, ("MaCSDL",)),
    "TaiLieuNop": rows_of(FILE), "DanhSachLePhi": rows_of(FEE),
    "DanhSachTepDinhKemKhac": rows_of(PAPER), "DanhSachHoSoBoSung": rows_of(SUPPLEMENT),
    "DanhSachGiayToKetQua": rows_of(RESULT_PAPER),
}
DOSSIER_REQUIRED = (
    "MaHoSo", "MaTTHC", "TenTTHC", "MaLinhVuc", "TenLinhVuc", "KenhThucHien", "ChuHoSo",
    "LoaiDoiTuong", "TrangThaiHoSo", "DonViXuLy", "TrichYeuHoSo", "NgayNopHoSo",
)

PROGRESS = {
    "MaHoSo": text(CODE_LIMIT), "NguoiXuLy": text(50), "ChucDanh": text(), "ThoiDiemXuLy": date,
    "PhongBanXuLy": text(), "NoiDungXuLy": text(), "TrangThai": one_of(*STATUSES),
    "NgayBatDau": date, "NgayKetThucTheoQuyDinh": date,
}
PROGRESS_REQUIRED = ("MaHoSo", "NguoiXuLy", "ThoiDiemXuLy", "NoiDungXuLy", "TrangThai")

# The number of digits of an identity number by its LoaiDinhDanh.
IDENTITY_DIGITS = {"1": 12, "2": 9}


def check_dossier(row):
    check_row(row, DOSSIER, DOSSIER_REQUIRED)
    if "NgayTiepNhan" not in row:
        raise FieldError("NgayTiepNhan", "is missing")
    if row["NgayTiepNhan"] == "" and row["TrangThaiHoSo"] not in NOT_YET_ACCEPTED:
        raise FieldError("NgayTiepNhan", f"is empty with TrangThaiHoSo {row['TrangThaiHoSo']}")
    for identity in row.get("DinhDanhCHS", ()):
        length = IDENTITY_DIGITS[identity["LoaiDinhDanh"]]
        if len(identity["SoDinhDanh"]) != length:
            raise FieldError("DinhDanhCHS.SoDinhDanh", f"must have {length} digits")


def check_progress(row):
    check_row(row, PROGRESS, PROGRESS_REQUIRED)
