"""A client that shares no code with the platform: Debian's grpcio, stubs made by protoc from protos/."""

import csv
import functools
import http.client
import importlib
import re
import subprocess
import sys
import uuid

import google
import grpc

from platform_process import BUILD, ROOT

DOMAIN = "lgsp.camau.gov.vn"
STUBS = BUILD / "tests" / "stubs"
PROTOS = (
    "google/api/annotations.proto", "google/api/field_behavior.proto", "google/api/http.proto",
    "google/api/resource.proto", "google/rpc/code.proto", "google/rpc/error_details.proto", "google/rpc/status.proto",
    "grpc/health/v1/health.proto", "grpc/reflection/v1/reflection.proto", "lgsp/dossiers/v1/dossiers.proto",
    "lgsp/auth/v1/caller.proto", "lgsp/dossiers/v1/procedures.proto", "lgsp/evidence/v1/evidence.proto",
    "lgsp/evidence/v1/record.proto",
    "lgsp/insights/v1/insights.proto", "lgsp/national/v1/portal.proto")
CALL_SECONDS = 20


def make_stubs():
    STUBS.mkdir(parents=True, exist_ok=True)
    subprocess.run(
        ["protoc", "-I", ROOT / "protos", "--python_out", STUBS, "--grpc_out", STUBS,
         "--plugin=protoc-gen-grpc=/usr/bin/grpc_python_plugin", *PROTOS], check=True)
    sys.path.insert(0, str(STUBS))
    # Installed packages have these names too.
    for package in (google, grpc):
        package.__path__.append(str(STUBS / package.__name__))


make_stubs()
pb = importlib.import_module("lgsp.dossiers.v1.dossiers_pb2")
dossiers_grpc = importlib.import_module("lgsp.dossiers.v1.dossiers_pb2_grpc")
procedures_pb = importlib.import_module("lgsp.dossiers.v1.procedures_pb2")
procedures_grpc = importlib.import_module("lgsp.dossiers.v1.procedures_pb2_grpc")
evidence_pb = importlib.import_module("lgsp.evidence.v1.evidence_pb2")
evidence_grpc = importlib.import_module("lgsp.evidence.v1.evidence_pb2_grpc")
record_pb = importlib.import_module("lgsp.evidence.v1.record_pb2")
insights_pb = importlib.import_module("lgsp.insights.v1.insights_pb2")
insights_grpc = importlib.import_module("lgsp.insights.v1.insights_pb2_grpc")
portal_pb = importlib.import_module("lgsp.national.v1.portal_pb2")
portal_grpc = importlib.import_module("lgsp.national.v1.portal_pb2_grpc")
health_pb = importlib.import_module("grpc.health.v1.health_pb2")
health_grpc = importlib.import_module("grpc.health.v1.health_pb2_grpc")
reflection_pb = importlib.import_module("grpc.reflection.v1.reflection_pb2")
status_pb = importlib.import_module("google.rpc.status_pb2")
details_pb = importlib.import_module("google.rpc.error_details_pb2")


def credentials(platform, system):
    names = ("ca/authority.crt", f"systems/{system}.key", f"systems/{system}.crt")
    return grpc.ssl_channel_credentials(*((platform.folder / name).read_bytes() for name in names))


def channel(platform, system, *options):
    """A connection of its own, as `system`."""
    return grpc.secure_channel(platform.gateway, credentials(platform, system),
                               options=(("grpc.use_local_subchannel_pool", 1), *options))


@functools.cache
def catalogue():
    """Rows of the procedures, in the order of the file."""
    with open(ROOT / "deploy" / "catalog" / "tthc.csv", encoding="utf-8") as file:
        return list(csv.DictReader(line for line in file if not line.startswith("#")))


@functools.cache
def terms():
    """Procedure -> rows of its terms."""
    found = {}
    with open(ROOT / "deploy" / "catalog" / "tthc_terms.csv", encoding="utf-8") as file:
        for row in csv.DictReader(line for line in file if not line.startswith("#")):
            found.setdefault(row["code"], []).append(row)
    return found


@functools.cache
def commune_procedure():
    """A procedure that a commune settles, filed online, with one term that can be counted."""
    for row in catalogue():
        online = [term for term in terms().get(row["code"], ()) if term["channel"] == "ONLINE"]
        if (row["scope"], row["level"]) == ("HERE", "Xã") and "ONLINE" in row["channels"].split("|") \
                and [(term["class"], term["unit"]) for term in online] == [("KNOWN", "WORKING_DAY")]:
            return row["code"]
    raise AssertionError("the catalogue has no such procedure")


@functools.cache
def central_procedure():
    return next(row["code"] for row in catalogue() if row["scope"] == "CENTRAL")


def request_id():
    return str(uuid.uuid4())


def submission(**changes):
    """A dossier as a commune files it; changes of the applicant go by `applicant_<field>`."""
    applicant = {"kind": pb.Applicant.CITIZEN, "full_name": "Nguyễn Thị Hường", "id_number": "096300000017"}
    for name in [name for name in changes if name.startswith("applicant_")]:
        applicant[name.removeprefix("applicant_")] = changes.pop(name)
    fields = {"request_id": request_id(), "procedure": commune_procedure(), "channel": pb.Dossier.ONLINE,
              "applicant": pb.Applicant(**applicant), "subject": "Đơn đề nghị"}
    fields.update(changes)
    return pb.SubmitDossierRequest(**fields)


class Refusal:
    """What a failed call told: status code and details."""

    def __init__(self, error):
        self.code = error.code()
        self.message = error.details()
        self.status = status_pb.Status()
        trailers = dict(error.trailing_metadata() or ())
        self.status.ParseFromString(trailers.get("grpc-status-details-bin", b""))

    def details(self, kind):
        found = []
        for detail in self.status.details:
            if detail.Is(kind.DESCRIPTOR):
                found.append(kind())
                detail.Unpack(found[-1])
        return found

    @property
    def reason(self):
        """The reason of the one ErrorInfo; what is wrong with the details otherwise."""
        infos = self.details(details_pb.ErrorInfo)
        if len(infos) != 1 or infos[0].domain != DOMAIN or self.status.code != self.code.value[0]:
            return f"bad details: {self}"
        return infos[0].reason

    @property
    def fields(self):
        return [violation.field for bad in self.details(details_pb.BadRequest)
                for violation in bad.field_violations]

    def __str__(self):
        return f"{self.code} {self.message!r} {self.status}"


def refusal(call, *arguments, **options):
    """The Refusal of a call that must fail."""
    options.setdefault("timeout", CALL_SECONDS)
    try:
        answer = call(*arguments, **options)
    except grpc.RpcError as error:
        return Refusal(error)
    raise AssertionError(f"was not refused: {answer}")


def metric(platform, name, service="gateway", **labels):
    """A value of a service's metrics; 0 when it is not there yet."""
    connection = http.client.HTTPConnection(platform.metrics_of(service), timeout=CALL_SECONDS)
    try:
        connection.request("GET", "/metrics")
        text = connection.getresponse().read().decode()
    finally:
        connection.close()
    total = 0.0
    for line in text.splitlines():
        match = re.fullmatch(r"(\w+)(?:\{(.*)\})? (\S+)(?: \d+)?", line)
        if match and match[1] == name:
            found = dict(re.findall(r'(\w+)="([^"]*)"', match[2] or ""))
            if all(found.get(label) == value for label, value in labels.items()):
                total += float(match[3])
    return total
