"""The bench `evidence`: the log written and verified, beside hashing the same bytes."""

import json
import pathlib
import random
import shutil
import subprocess
import sys
import tempfile

import journey

FIGURES = {"evidence.append_over_sha256": "x", "evidence.verify_over_sha256": "x", "evidence.append": "us",
           "evidence.verify": "us", "evidence.sha256": "us", "evidence.appended_per_second": "1/s", "disk.sync": "ms"}


def measure_round(program, scratch, records, seed):
    found = {"disk.sync": journey.sync_milliseconds(scratch)}
    done = subprocess.run([program, f"--folder={scratch}/log{seed}", f"--records={records}",
                           f"--seed={seed}"],
                          capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise journey.BenchError(f"lgsp-bench-evidence: exit {done.returncode}\n{done.stderr}")
    told = json.loads(done.stdout)
    # Records a second and core: the larger the better.
    found["evidence.append_over_sha256"] = told["sha256"] / told["append"]
    found["evidence.verify_over_sha256"] = told["verify"] / told["sha256"]
    for name in ("append", "verify", "sha256"):
        found[f"evidence.{name}"] = 1e6 * told[name] / told["records"]
    found["evidence.appended_per_second"] = told["records"] / told["append_seconds"]
    return found


def measure(options):
    program = options.build.resolve() / "bin" / "lgsp-bench-evidence"
    if not program.exists():
        raise journey.BenchError(f"build it first: ninja -C {options.build} lgsp-bench-evidence")
    # On the disk of the build, not in memory. All logs stay to the end: on ext4 without a journal, files that were
    # deleted a moment ago make new ones cost ten times as much.
    scratch = pathlib.Path(tempfile.mkdtemp(prefix="bench-evidence-", dir=options.build.resolve()))
    try:
        rounds = []
        for number in range(options.rounds):
            rounds.append(measure_round(program, scratch, options.records, number))
            told = ", ".join(f"{name} {rounds[-1][name]:.4g}" for name in FIGURES)
            print(f"bench: round {number + 1}/{options.rounds}: {told}", file=sys.stderr, flush=True)
        return rounds
    finally:
        shutil.rmtree(scratch)
