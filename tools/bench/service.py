"""Processes of dossiers that are measured, and the load on them: with the folders and keys of the integration tests."""

import json
import os
import pathlib
import subprocess
import sys

from google.protobuf import json_format

import journey
import postgres

ROOT = pathlib.Path(__file__).resolve().parents[2]
LOAD_SECONDS = 300
SYSTEM, AGENCIES = "systems/bench", ("H12.*",)
COMMUNES = tuple(f"H12.50.{number:02}" for number in range(1, 7))
DEPARTMENTS = ("H12.04", "H12.07")


def harness(build):
    """The modules of the tests that start dossiers and sign for its callers, on the programs of `build`."""
    os.environ["LGSP_BUILD"] = str(build)
    sys.path[:0] = [str(ROOT / "tests" / name) for name in ("contract", "integration")]
    # pylint: disable=import-outside-toplevel
    import dossiers_process
    import foreign_client
    import storm_load
    return dossiers_process, foreign_client, storm_load


class Services:
    """The folder of an installation; `process` starts dossiers on a database of it."""

    def __init__(self, build):
        for program in ("lgsp", "lgsp-dossiers", "lgsp-bench-load"):
            if not (build / "bin" / program).exists():
                raise journey.BenchError(f"{build}: ninja -C {build} lgsp lgsp-dossiers lgsp-bench-load is wanted first")
        self.build = build
        (build / "tests").mkdir(exist_ok=True)
        self.processes_of, self.client, self.storm = harness(build)
        self.installation = self.processes_of.Installation()
        self.scratch = self.installation.scratch
        self.processes = 0
        self.applicants = 0
        self.templates = self.scratch / "templates"
        self.templates.write_text("".join(json.dumps(json_format.MessageToDict(one)) + "\n" for one in self.offers()),
                                  encoding="utf-8")

    def offers(self):
        """What is submitted: a third settled by the commune itself, the rest by a department."""
        kinds = [(self.client.commune_procedure(), self.client.pb.Dossier.ONLINE)]
        kinds += [(self.storm.department_procedure(agency), self.client.pb.Dossier.DIRECT) for agency in DEPARTMENTS]
        return [self.client.submission(procedure=procedure, channel=channel, intake_agency=commune)
                for commune in COMMUNES for procedure, channel in kinds]

    def start(self, url):
        self.processes += 1
        process = self.processes_of.DossiersProcess(self.installation, self.processes, url)
        process.start()
        process.wait_ready()
        return process

    def metadata(self):
        return self.installation.metadata(SYSTEM, AGENCIES)

    def load(self, process, clients, warm_up, measured):
        """What lgsp-bench-load told, and the CPU time of it and of the process, in seconds."""
        token = self.scratch / "token.caller"
        token.write_text(self.metadata()[0][1], encoding="ascii")
        # More than one load submits.
        self.applicants += 1_000_000
        before = postgres.cpu_seconds(process.process.pid), os.times()
        done = subprocess.run(
            [self.build / "bin" / "lgsp-bench-load", f"--address=127.0.0.1:{process.port}",
             f"--folder={self.installation.folder}", f"--token_file={token}", f"--templates_file={self.templates}",
             f"--clients={clients}", f"--first_applicant={self.applicants}", f"--warm_up={warm_up}s",
             f"--measured={measured}s"], capture_output=True, text=True, check=False, timeout=LOAD_SECONDS)
        if done.returncode != 0:
            raise journey.BenchError(f"{done.stderr}{process.log_end()}")
        after = postgres.cpu_seconds(process.process.pid), os.times()
        told = json.loads(done.stdout)
        told["service_cpu"] = after[0] - before[0]
        told["client_cpu"] = sum(after[1][2:4]) - sum(before[1][2:4])
        return told

    def remove(self):
        self.installation.remove()
