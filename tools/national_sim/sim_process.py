"""What the tests share: the simulator as a real process, a client of it, and rows to send."""

import functools
import http.client
import json
import os
import random
import resource
import signal
import ssl
import subprocess
import sys
import tempfile
import threading
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
DSTCODE = "VN:GOV:000.00.00.G22:vpcpdvcprovider"
MAPI = "/XrdAdapter/RestService/forward/mapi/"
WAIT_SECONDS = 30
KINDS = {"delay", "http_500", "http_503", "reset_before", "reset_after", "duplicate",
         "expired_session"}
USER = {"username": "camau", "password": "mật khẩu bí mật"}

SEED = int(os.environ.get("SEED", random.SystemRandom().randrange(2**32)))
print(f"national_sim_test: SEED={SEED}", file=sys.stderr)
names = random.Random(SEED)
scratch = tempfile.TemporaryDirectory(prefix="national_sim_test.")


@functools.cache
def files():
    """Makes the certificate and the credentials once."""
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
         "-nodes", "-days", "2", "-subj", "/CN=national_sim", "-addext",
         "subjectAltName=IP:127.0.0.1", "-keyout", path("key.pem"), "-out", path("cert.pem")],
        check=True, capture_output=True)
    with open(path("credentials.json"), "w", encoding="utf-8") as file:
        json.dump(USER, file)


def path(name):
    return os.path.join(scratch.name, name)


def new_folder():
    return tempfile.mkdtemp(dir=scratch.name)


def new_code():
    return f"000.00.14.H12-261123-{names.randrange(10**12):012}"


def command(data, *more):
    files()
    return ["/usr/bin/python3", HERE, "--listen", "127.0.0.1:0", "--cert", path("cert.pem"),
            "--key", path("key.pem"), "--data", data, "--credentials", path("credentials.json"),
            *more]


def dossier(**changes):
    row = {
        "MaHoSo": new_code(), "MaTTHC": "1.001193", "TenTTHC": "Đăng ký khai sinh",
        "MaLinhVuc": "G06-TP01", "TenLinhVuc": "Hộ tịch", "KenhThucHien": "2",
        "ChuHoSo": "Nguyễn Thị Hường", "LoaiDoiTuong": "1", "NgayTiepNhan": "20261123083000",
        "TrangThaiHoSo": "2", "DonViXuLy": "UBND phường An Xuyên", "TrichYeuHoSo": "Khai sinh",
        "NgayNopHoSo": "20261122213000",
    }
    row.update(changes)
    return {name: value for name, value in row.items() if value is not None}


def progress(code, **changes):
    row = {
        "MaHoSo": code, "NguoiXuLy": "Lê Văn Đỏ", "ChucDanh": "Công chức",
        "ThoiDiemXuLy": "20261123090000", "PhongBanXuLy": "Tư pháp", "NoiDungXuLy": "Thụ lý",
        "TrangThai": "4", "NgayBatDau": "20261123090000", "NgayKetThucTheoQuyDinh": "",
    }
    row.update(changes)
    return {name: value for name, value in row.items() if value is not None}


class Client:
    def __init__(self, port):
        self.port = port
        self.tls = ssl.create_default_context(cafile=path("cert.pem"))
        self.session = ""

    def http(self, method, target, body=None, headers=None):
        connection = http.client.HTTPSConnection("127.0.0.1", self.port, timeout=WAIT_SECONDS,
                                                 context=self.tls)
        try:
            connection.request(method, target, body, headers or {})
            response = connection.getresponse()
            return response.status, response.read().decode()
        finally:
            connection.close()

    def post(self, endpoint, call):
        body = call if isinstance(call, bytes) else json.dumps(call, ensure_ascii=False).encode()
        status, text = self.http("POST", f"{MAPI}{endpoint}?dstcode={DSTCODE}", body)
        return status, json.loads(text) if status == 200 else text

    def login(self):
        status, answer = self.post("login", USER)
        assert status == 200, (status, answer)
        self.session = answer["session"]
        return self

    def service(self, service, **call):
        call = {"session": self.session, "madonvi": "H12", "service": service, **call}
        return self.post("g", call)

    def ask(self, service, **call):
        status, answer = self.service(service, **call)
        assert status == 200, (status, answer)
        return answer

    def sync(self, *rows, updating="False"):
        return self.ask("DongBoHoSoMC", isUpdating=updating, data=list(rows))

    def progress(self, *rows):
        return self.ask("CapNhatTienDoHoSoMC", data=list(rows))

    def lookup(self, code):
        return self.ask("TraCuuHoSo", mahoso=code)

    def admin(self, target, change=None):
        method, body = ("GET", None) if change is None else ("PUT", json.dumps(change))
        status, text = self.http(method, f"/sim/{target}", body)
        return status, json.loads(text)

    def state(self):
        return self.admin("state")[1]


class Sim(Client):
    """One simulator process, and a client of it."""

    def __init__(self, *more, data=None, limit_file=None):
        self.data = data or new_folder()
        limit = None if limit_file is None else (
            lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit_file, limit_file)))
        with open(os.path.join(self.data, "stderr"), "ab") as errors:
            self.process = subprocess.Popen(  # pylint: disable=consider-using-with
                command(self.data, *more), stdout=subprocess.PIPE, stderr=errors, text=True,
                preexec_fn=limit)
        watchdog = threading.Timer(WAIT_SECONDS, self.process.kill)
        watchdog.start()
        line = self.process.stdout.readline()
        watchdog.cancel()
        prefix = "national_sim: ready on https://127.0.0.1:"
        assert line.startswith(prefix), (line, self.errors())
        super().__init__(int(line[len(prefix):]))

    def errors(self):
        with open(os.path.join(self.data, "stderr"), encoding="utf-8") as file:
            return file.read()

    def records(self):
        with open(os.path.join(self.data, "journal.jsonl"), encoding="utf-8") as file:
            return [json.loads(line) for line in file if line.endswith("\n")]

    def end(self, number=signal.SIGTERM):
        if self.process.poll() is None:
            self.process.send_signal(number)
        code = self.process.wait(WAIT_SECONDS)
        self.process.stdout.close()
        return code


class SimTest(unittest.TestCase):
    def start(self, *more, **options):
        sim = Sim(*more, **options)
        self.addCleanup(sim.end, signal.SIGKILL)
        return sim

    def assert_ok(self, answer):
        self.assertIn(answer["error_code"], (0, "00"), answer)
