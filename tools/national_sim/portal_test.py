"""Every service of the portal and every refusal."""

import json
import unittest

from sim_process import (DSTCODE, KINDS, MAPI, USER, Sim, SimTest, dossier, new_code, progress)

FULL = {
    "SoGiayToChuHoSo": "096190000001", "MaDoiTuong": "T1", "ThongTinKhac": "", "Email": "a@b.vn",
    "Fax": "", "SoDienThoai": "0900000000", "NgayHenTra": "20261130170000", "NgayTra": "",
    "ThongTinTra": "", "HinhThuc": "1", "NgayKetThucXuLy": "", "GhiChu": "", "NoiNopHoSo": "2",
    "HoSoCoThanhPhanSoHoa": "1", "TaiKhoanDuocXacThucVoiVNeID": "1", "DuocThanhToanTrucTuyen": "0",
    "NgayTuChoi": "", "DinhDanhCHS": [{"LoaiDinhDanh": "1", "SoDinhDanh": "096190000001"}],
    "DSKetNoiCSDL": [{"MaCSDL": "CSDLDC"}],
    "TaiLieuNop": [{"TepDinhKemId": "7", "TenTepDinhKem": "t" * 4000, "IsDeleted": "False",
                    "MaThanhPhanHoSo": "KQ1", "DuongDanTaiTepTin": "", "DuocSoHoa": "1",
                    "DuocTaiSuDung": "0", "DuocLayTuKhoDMQG": "0", "MaKetQuaThayThe": ""}],
    "DanhSachLePhi": [{"TenPhiLePhi": "Lệ phí", "MaPhiLePhi": "L1", "HinhThucThu": "1",
                       "Gia": "8000", "LoaiPhiLePhi": "2"}],
    "DanhSachTepDinhKemKhac": [{"TenGiayTo": "Tờ khai", "SoLuong": 1, "LoaiGiayTo": "1"}],
    "DanhSachHoSoBoSung": [{
        "HoSoBoSungId": 1, "NguoiYeuCauBoSung": "A", "NoiDungBoSung": "B", "ThongTinTiepNhan": "",
        "NgayBoSung": "20261124080000", "NguoiTiepNhanBoSung": "", "NgayTiepNhanBoSung": "",
        "TrangThaiBoSung": True, "DanhSachGiayToBoSung": [{"TenGiayTo": "C", "SoLuong": "1"}],
        "DanhSachLePhiBoSung": [], "NgayHenTraTruoc": "20261130170000", "NgayHenTraMoi": ""}],
    "DanhSachGiayToKetQua": [{"TenGiayTo": "Trích lục", "MaThanhPhanHoSo": "", "GiayToId": "9",
                              "DuongDanTepTinKetQua": "", "MaGiayToKetQua": "KQ.G06.000001"}],
}


class ServiceTest(SimTest):
    @classmethod
    def setUpClass(cls):
        cls.sim = Sim().login()
        cls.addClassCleanup(cls.sim.end)

    def insert(self, **changes):
        row = dossier(**changes)
        self.assert_ok(self.sim.sync(row))
        return row

    def test_success_has_both_forms(self):
        codes = [self.sim.lookup(self.insert()["MaHoSo"])["error_code"] for _ in range(2)]
        codes += [self.sim.sync(dossier())["error_code"] for _ in range(2)]
        self.assertEqual({json.dumps(code) for code in codes}, {"0", '"00"'})

    def test_login_refusals(self):
        good = USER
        self.assertEqual(set(self.sim.post("login", good)[1]), {"session", "error_code"})
        wrong = {"error_code": 5, "message": "sai ten dang nhap hoac mat khau"}
        for change in ({"password": "x"}, {"username": "x"}, {"password": None}):
            self.assertEqual(self.sim.post("login", {**good, **change}), (200, wrong))
        self.assertEqual(self.sim.post("login", {"username": "camau"})[1],
                         {"error_code": 3, "message": "password: is missing"})
        body = json.dumps(good).encode()
        for query, headers, status in (("", {}, 400), ("?dstcode=VN:GOV:X:y", {}, 404),
                                       ("", {"dstcode": DSTCODE}, 200)):
            answer = self.sim.http("POST", MAPI + "login" + query, body, headers)
            self.assertEqual(answer[0], status)

    def test_sessions_and_services(self):
        expired = {"error_code": -1, "message": "session het han"}
        for service in ("TraCuuHoSo", "DongBoHoSoMC", "CapNhatTienDoHoSoMC", "KhongCo"):
            for session in ("f" * 32, None, 7):
                call = {"session": session, "madonvi": "H12", "service": service}
                self.assertEqual(self.sim.post("g", call), (200, expired))
        self.assertEqual(self.sim.service("LayThuTuc"),
                         (200, {"error_code": 4, "message": "khong ho tro dich vu"}))
        short = self.start("--session-seconds", "0").login()
        self.assertEqual(short.lookup("x"), expired)

    def test_insert_lookup_update_progress(self):
        row = self.insert(**FULL)
        code = row["MaHoSo"]
        answer = self.sim.lookup(code)
        self.assert_ok(answer)
        self.assertEqual(answer["message"], "")
        self.assertEqual(answer["result"], {**row, "TienDo": []})
        self.assertEqual(list(answer["result"])[:3], ["MaHoSo", "TrangThaiHoSo", "NgayTiepNhan"])
        self.assertEqual(self.sim.sync(row), {"error_code": 1, "message": "duplicate refId"})
        step = progress(code, ChucDanh=None, PhongBanXuLy=None, NgayBatDau=None)
        self.assert_ok(self.sim.progress(step))
        stored = {**step, "ChucDanh": "", "PhongBanXuLy": "", "NgayBatDau": ""}
        self.assertEqual(self.sim.lookup(code)["result"],
                         {**row, "TrangThaiHoSo": "4", "TienDo": [stored]})
        doubled = self.sim.state()["doubled_progress_rows"]
        self.assert_ok(self.sim.progress(step))
        self.assertEqual(self.sim.admin(f"dossiers/{code}")[1]["TienDo"], [stored, stored])
        self.assertEqual(self.sim.state()["doubled_progress_rows"], doubled + 1)
        # An update replaces the whole row and keeps the progress.
        newer = dossier(MaHoSo=code, TrangThaiHoSo="10", NgayTra="20261124100000")
        self.assert_ok(self.sim.sync(newer, updating="True"))
        self.assertEqual(self.sim.lookup(code)["result"], {**newer, "TienDo": [stored, stored]})

    def test_administration_changes_and_removes(self):
        sim = self.start().login()
        code = new_code()
        self.assert_ok(sim.sync(dossier(MaHoSo=code)))
        self.assert_ok(sim.progress(progress(code)))
        held = sim.admin(f"dossiers/{code}")[1]
        changed = {**held, "ChuHoSo": "Trần Văn Khác", "TrangThaiHoSo": "2", "TienDo": []}
        self.assertEqual(sim.admin(f"dossiers/{code}", changed), (200, changed))
        self.assertEqual(sim.lookup(code)["result"], changed)
        other = new_code()
        for wrong, path in (({**changed, "ChuHoSo": ""}, code), ({**changed, "Khac": "1"}, code), (changed, other),
                            ({**changed, "TienDo": [progress(other)]}, code), ({**changed, "TienDo": None}, code)):
            status, answer = sim.admin(f"dossiers/{path}", wrong)
            self.assertEqual((status, list(answer)), (400, ["error"]))
        self.assertEqual(sim.admin(f"dossiers/{code}"), (200, changed))
        # One that it did not have.
        new = {**changed, "MaHoSo": other, "TienDo": [progress(other)]}
        self.assertEqual(sim.admin(f"dossiers/{other}", new)[0], 200)
        self.assertEqual(sim.http("DELETE", f"/sim/dossiers/{code}")[0], 200)
        self.assertEqual(sim.http("DELETE", f"/sim/dossiers/{code}")[0], 404)
        self.assertEqual(sim.lookup(code)["error_code"], 2)
        before = sim.state()
        self.assertEqual((before["dossiers"], before["progress_rows"]), (1, 1))
        sim.end()
        # The journal has it all.
        again = self.start(data=sim.data)
        self.assertEqual(again.state(), before)
        self.assertEqual(again.admin(f"dossiers/{other}"), (200, new))

    def test_unknown_dossiers(self):
        unknown = {"error_code": 2, "message": "khong tim thay ho so"}
        self.assertEqual(self.sim.lookup(new_code()), {**unknown, "result": None})
        self.assertEqual(self.sim.sync(dossier(), updating="True"), unknown)
        self.assertEqual(self.sim.progress(progress(new_code())), unknown)
        self.assertEqual(self.sim.admin("dossiers/x")[0], 404)

    def test_a_call_is_done_whole_or_not_at_all(self):
        old, new = self.insert(), dossier()
        before = self.sim.state()["dossiers"]
        self.assertEqual(self.sim.sync(new, old)["error_code"], 1)
        self.assertEqual(self.sim.sync(new, new)["error_code"], 1)
        self.assertEqual(self.sim.sync(new, dossier(ChuHoSo=None))["error_code"], 3)
        rows = progress(old["MaHoSo"]), progress(new_code())
        self.assertEqual(self.sim.progress(*rows)["error_code"], 2)
        self.assertEqual(self.sim.lookup(old["MaHoSo"])["result"]["TienDo"], [])
        self.assertEqual(self.sim.state()["dossiers"], before)
        self.assert_ok(self.sim.sync(new, dossier()))
        self.assertEqual(self.sim.state()["dossiers"], before + 2)

    def test_dossier_refusals(self):
        required = ("MaHoSo", "MaTTHC", "TenTTHC", "MaLinhVuc", "TenLinhVuc", "KenhThucHien",
                    "ChuHoSo", "LoaiDoiTuong", "TrangThaiHoSo", "DonViXuLy", "TrichYeuHoSo",
                    "NgayNopHoSo")
        statuses = "must be one of 1, 2, 3, 4, 5, 6, 7, 8, 9, 10"
        cases = [({name: None}, f"{name}: is missing") for name in (*required, "NgayTiepNhan")]
        cases += [({name: ""}, f"{name}: is empty") for name in required]
        cases += [({name: 2}, f"{name}: must be a string")
                  for name in (*required, "NgayTra", "Email")]
        cases += [
            ({"KenhThucHien": "4"}, "KenhThucHien: must be one of 1, 2, 3"),
            ({"LoaiDoiTuong": "5"}, "LoaiDoiTuong: must be one of 1, 2, 3, 4"),
            ({"TrangThaiHoSo": "11"}, f"TrangThaiHoSo: {statuses}"),
            ({"TrangThaiHoSo": "02"}, f"TrangThaiHoSo: {statuses}"),
            ({"NgayTiepNhan": ""}, "NgayTiepNhan: is empty with TrangThaiHoSo 2"),
            ({"NgayHenTra": "20260229120000"}, "NgayHenTra: is not a real date"),
            ({"NgayHenTra": "20261123240000"}, "NgayHenTra: is not a real date"),
            ({"NgayNopHoSo": "2026-11-23"}, "NgayNopHoSo: is not yyyyMMddHHmmss"),
            ({"NgayNopHoSo": "２0261122213000"}, "NgayNopHoSo: is not yyyyMMddHHmmss"),
            ({"NgayNopHoSo": "00010101000000"}, "NgayNopHoSo: lies outside 2000-2100"),
            ({"TrichYeuHoSo": "ộ" * 1001}, "TrichYeuHoSo: is longer than 1000 characters"),
            ({"ChuHoSo": "Nguye\u0302\u0303n"}, "ChuHoSo: is not in NFC"),
            ({"ChuHoSo": "a\0"}, "ChuHoSo: holds a NUL"),
            ({"maHoSo": "x"}, "maHoSo: unknown field"),
            ({"HinhThuc": "2"}, "HinhThuc: must be one of 0, 1"),
            ({"TaiLieuNop": {}}, "TaiLieuNop: must be a list"),
            ({"TaiLieuNop": ["x"]}, "TaiLieuNop: must hold JSON objects"),
            ({"TaiLieuNop": [{"TenTep": "x"}]}, "TaiLieuNop.TenTep: unknown field"),
            ({"TaiLieuNop": [{"TenTepDinhKem": "x" * 4001}]},
             "TaiLieuNop.TenTepDinhKem: is longer than 4000 characters"),
            ({"DinhDanhCHS": [{"LoaiDinhDanh": "1"}]}, "DinhDanhCHS.SoDinhDanh: is missing"),
            ({"DinhDanhCHS": [{"LoaiDinhDanh": "2", "SoDinhDanh": "096190000001"}]},
             "DinhDanhCHS.SoDinhDanh: must have 9 digits"),
            ({"DanhSachLePhi": [{"Gia": "8.000"}]},
             "DanhSachLePhi.Gia: must be a string of at most 18 digits"),
            ({"DanhSachTepDinhKemKhac": [{"SoLuong": 1.5}]},
             "DanhSachTepDinhKemKhac.SoLuong: must be a whole number"),
        ]
        for change, message in cases:
            with self.subTest(message):
                self.assertEqual(self.sim.sync(dossier(**change)),
                                 {"error_code": 3, "message": message})
        for status in ("1", "3"):
            self.insert(TrangThaiHoSo=status, NgayTiepNhan="")
        for status in map(str, range(1, 11)):
            self.insert(TrangThaiHoSo=status, TrichYeuHoSo="ộ" * 1000)

    def test_progress_refusals(self):
        code = self.insert()["MaHoSo"]
        required = ("MaHoSo", "NguoiXuLy", "ThoiDiemXuLy", "NoiDungXuLy", "TrangThai")
        cases = [({name: None}, f"{name}: is missing") for name in required]
        cases += [({name: ""}, f"{name}: is empty") for name in required]
        cases += [
            ({"NguoiXuLy": "ộ" * 51}, "NguoiXuLy: is longer than 50 characters"),
            ({"ThoiDiemXuLy": "20261131090000"}, "ThoiDiemXuLy: is not a real date"),
            ({"TrangThai": 4}, "TrangThai: must be a string"),
            ({"TrangThai": "0"}, "TrangThai: must be one of 1, 2, 3, 4, 5, 6, 7, 8, 9, 10"),
            ({"TrangThaiHoSo": "4"}, "TrangThaiHoSo: unknown field"),
        ]
        for change, message in cases:
            with self.subTest(message):
                self.assertEqual(self.sim.progress(progress(code, **change)),
                                 {"error_code": 3, "message": message})
        self.assertEqual(self.sim.lookup(code)["result"]["TienDo"], [])

    def test_call_refusals(self):
        call = {"session": self.sim.session, "madonvi": "H12", "service": "DongBoHoSoMC",
                "isUpdating": "False", "data": [dossier()]}
        text = json.dumps(call)
        cases = [
            ({**call, "madonvi": ""}, "madonvi: is empty"), ({**call, "x": 1}, "x: unknown field"),
            ({**call, "isUpdating": False}, 'isUpdating: must be "True" or "False"'),
            ({**call, "data": []}, "data: must be a list with at least one row"),
            ({**call, "data": [7]}, "data: must hold JSON objects"),
            ({**call, "data": [dossier() for _ in range(1001)]}, "data: has more than 1000 rows"),
            ({name: call[name] for name in call if name != "data"}, "data: is missing"),
            (b"[]", "body: is not a JSON object"), (b"{", "body: is not JSON in UTF-8"),
            (b'{"a":"\xff"}', "body: is not JSON in UTF-8"),
            (b'{"a":1,"a":2}', "body: is not JSON in UTF-8"),
            (b'{"a":"\\ud800"}', "body: is not JSON in UTF-8"),
            (b'{"a":NaN}', "body: is not JSON in UTF-8"),
            (b"[" * 100_000, "body: is not JSON in UTF-8"),
            ((text[:-1] + ',"y":' + json.dumps("z" * 100) + "}").encode(), "y: unknown field"),
        ]
        for body, message in cases:
            with self.subTest(message):
                self.assertEqual(self.sim.post("g", body),
                                 (200, {"error_code": 3, "message": message}))
        self.assertEqual(self.sim.lookup("")["message"], "mahoso: is empty")
        whole = text.encode().ljust(5 * 1024 * 1024)
        self.assertEqual(self.sim.post("g", whole + b" ")[0], 413)
        self.assert_ok(self.sim.post("g", whole)[1])

    def test_state_counts(self):
        before = self.sim.state()
        code = self.insert(TrangThaiHoSo="5")["MaHoSo"]
        self.insert(TrangThaiHoSo="7")
        self.assert_ok(self.sim.progress(progress(code, TrangThai="8")))
        after = self.sim.state()
        gained = {c: after["statuses"][c] - before["statuses"][c] for c in after["statuses"]}
        self.assertEqual(gained, {**dict.fromkeys(map(str, range(1, 11)), 0), "7": 1, "8": 1})
        self.assertEqual(after["dossiers"], before["dossiers"] + 2)
        self.assertEqual(after["progress_rows"], before["progress_rows"] + 1)
        self.assertEqual(after["faults"], dict.fromkeys(KINDS, 0))

    def test_limit_of_progress_rows(self):
        code = self.insert()["MaHoSo"]
        self.assert_ok(self.sim.progress(*[progress(code)] * 1000))
        self.assertEqual(self.sim.progress(progress(code)),
                         {"error_code": 6, "message": "simulator limit: 1000 progress rows"})


if __name__ == "__main__":
    unittest.main()
