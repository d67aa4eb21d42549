"""Messages of the agency's contract and of google.rpc, made by protoc at start into the data folder."""

import importlib
import os
import subprocess
import sys

import google

HERE = os.path.dirname(os.path.abspath(__file__))
CONTRACTS = os.path.join(HERE, "..", "protos")
# The vendored google.rpc, which Debian does not package for Python.
GOOGLE = os.path.join(HERE, "..", "..", "..", "protos")
SERVICE = "agency.land.v1.Parcels"
ERROR_DOMAIN = "land.agency.invalid"


class Messages:
    def __init__(self, folder):
        target = os.path.join(folder, "stubs")
        os.makedirs(target, exist_ok=True)
        subprocess.run(["protoc", "-I", CONTRACTS, "-I", GOOGLE, "--python_out", target,
                        "agency/land/v1/land.proto", "google/rpc/status.proto",
                        "google/rpc/error_details.proto"], check=True)
        sys.path.insert(0, target)
        google.__path__.append(os.path.join(target, "google"))  # an installed package has the name too
        self.land = importlib.import_module("agency.land.v1.land_pb2")
        self.status = importlib.import_module("google.rpc.status_pb2")
        self.details = importlib.import_module("google.rpc.error_details_pb2")

    def parcel(self, values):
        """Parcel from the values of land.py."""
        message = self.land.Parcel(
            number=values["number"], commune=values["commune"],
            area_square_decimetres=values["area_square_decimetres"], land_use=values["land_use"],
            certificate=values["certificate"],
            holder=self.land.Holder(id=values["holder"]["id"], name=values["holder"]["name"],
                                    kind=values["holder"]["kind"]),
            restrictions=[self.land.Restriction(**row) for row in values["restrictions"]])
        message.measured_at.FromJsonString(values["measured_at"])
        return message

    def failure(self, code, text, *details):
        """google.rpc.Status, serialized."""
        status = self.status.Status(code=code, message=text)
        for detail in details:
            status.details.add().Pack(detail)
        return status.SerializeToString()

    def reason(self, serialized):
        """The reason of the ErrorInfo in a google.rpc.Status, or ""."""
        status = self.status.Status.FromString(serialized)
        info = self.details.ErrorInfo()
        for detail in status.details:
            if detail.Unpack(info):
                return info.reason
        return ""
