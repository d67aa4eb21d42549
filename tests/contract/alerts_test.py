#!/usr/bin/python3
"""The alert rules of deploy/prometheus: each is tested, explained, and about metrics that a running platform has."""

import itertools
import pathlib
import re
import shlex
import subprocess
import sys
import unittest
import urllib.request

import yaml

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "integration"))

# pylint: disable=wrong-import-position
import platform_process
from kafka_test import Broker
from platform_process import LGSP, OFFSETS, Platform
from postgres_server import PostgresServer

FOLDER = ROOT / "deploy" / "prometheus"
RUNBOOKS = ROOT / "deploy" / "runbooks"
# tools/setup unpacks it there.
PROMTOOL = ROOT / ".cache" / "prometheus" / "usr" / "bin" / "promtool"
SERVICES = ("gateway", "dossiers", "national", "insights", "evidence")
# Of Prometheus itself, and of its configuration.
OWN_METRICS = {"up"}
OWN_LABELS = {"job", "service", "instance"}
WORDS = {"and", "or", "unless", "by", "without", "on", "ignoring", "offset", "bool"}
COMMAND_SECONDS = 60


def load(name):
    return yaml.safe_load((FOLDER / name).read_text(encoding="utf-8"))


RULES = [rule for group in load("alerts.yml")["groups"] for rule in group["rules"]]


def selectors(expression):
    """(metric, {label: value it must equal}, {labels it names}) of each time series in a PromQL expression."""
    bare = re.sub(r"\b(by|without|on|ignoring)\s*\([^)]*\)|\[\w+\]", " ", expression)
    found = []
    # What is followed by a parenthesis is a function.
    for name, matchers in re.findall(r"([a-zA-Z_:][\w:]*)(?![\w:]|\s*\()\s*(?:\{([^}]*)\})?", bare):
        if name in WORDS:
            continue
        parts = re.findall(r'(\w+)\s*(=~|!~|!=|=)\s*"([^"]*)"', matchers)
        found.append((name, {label: value for label, how, value in parts if how == "="},
                      {label for label, _, _ in parts}))
    return found


class FilesTest(unittest.TestCase):
    def promtool(self, *arguments):
        done = subprocess.run([PROMTOOL, *arguments], capture_output=True, text=True, check=False, cwd=FOLDER,
                              timeout=COMMAND_SECONDS)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    def test_promtool(self):
        self.promtool("check", "config", "prometheus.yml")
        self.promtool("check", "rules", "alerts.yml")
        self.promtool("test", "rules", "alerts_test.yml")

    def test_each_fires_in_a_test_and_does_not_in_another(self):
        fires, silent = set(), set()
        for case in load("alerts_test.yml")["tests"]:
            for check in case["alert_rule_test"]:
                (fires if check.get("exp_alerts") else silent).add(check["alertname"])
        names = {rule["alert"] for rule in RULES}
        self.assertEqual(len(names), len(RULES))
        self.assertEqual(fires, names)
        self.assertEqual(silent, names)

    def test_each_says_what_it_is_and_what_to_do(self):
        runbooks = set()
        for rule in RULES:
            with self.subTest(rule["alert"]):
                self.assertIn(rule["labels"]["severity"], ("critical", "warning"))
                summary = rule["annotations"]["summary"]
                self.assertNotIn("\n", summary)
                self.assertLessEqual(len(re.sub(r"{{.*?}}", "", summary)), 100)
                runbook = ROOT / rule["annotations"]["runbook"]
                self.assertEqual(runbook.parent, RUNBOOKS)
                lines = runbook.read_text(encoding="utf-8").splitlines()
                self.assertTrue(5 <= len(lines) <= 15, len(lines))
                self.assertIn(rule["alert"], lines[0])
                runbooks.add(runbook)
        self.assertEqual(set(RUNBOOKS.iterdir()), runbooks, "a runbook of no alert")

    def test_commands_of_runbooks_are_there(self):
        commands = set()
        for runbook in RUNBOOKS.iterdir():
            text = runbook.read_text(encoding="utf-8")
            for command in re.findall(r"`lgsp ([^`]*)`", text):
                words = shlex.split(command)
                names = itertools.takewhile(lambda word: re.fullmatch(r"[a-z]+(-[a-z]+)*", word), words)
                commands.add((tuple(names), tuple(word for word in words if word.startswith("--"))))
            for link in re.findall(r"\]\(([^)]*)\)", text):
                self.assertTrue((RUNBOOKS / link).exists(), f"{runbook.name}: {link}")
        self.assertGreaterEqual(len(commands), 6)
        for names, options in commands:
            with self.subTest(" ".join(names)):
                done = subprocess.run([LGSP, *names, "--help"], capture_output=True, text=True, check=False,
                                      timeout=COMMAND_SECONDS)
                self.assertEqual(done.returncode, 0, done.stderr)
                self.assertIn(f"Usage: lgsp {' '.join(names)} ", done.stdout)
                for option in options:
                    self.assertIn(f"{option} ", done.stdout)

    def test_what_counts_as_a_selector(self):
        text = 'sum by (a, b) (rate(x_total{j="1",k!="2"}[5m])) / max(y) > 0.5 and time() - z == 0 or absent(up{m=~"3"})'
        self.assertEqual(selectors(text),
                         [("x_total", {"j": "1"}, {"j", "k"}), ("y", {}, set()), ("z", {}, set()),
                          ("up", {}, {"m"})])


class EnginesPlatform(Platform):
    """On PostgreSQL, with Kafka: so it has every metric."""

    def __init__(self, postgres, kafka):
        self.postgres = postgres
        super().__init__(kafka=kafka)

    def start(self, faults=0, seed=None, kafka=None):
        with open(self.scratch / "up.log", "ab") as log:
            # pylint: disable-next=consider-using-with
            self.up = subprocess.Popen(
                ["setpriv", "--pdeathsig", "TERM", LGSP, "up", self.folder, "--postgres", self.postgres, "--kafka",
                 kafka], stdout=log, stderr=log, stdin=subprocess.DEVNULL)
        self.wait_ready()


class MetricsTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        server = PostgresServer()
        cls.addClassCleanup(server.stop)
        broker = Broker("4.3.1")
        cls.addClassCleanup(broker.stop)
        cls.platform = EnginesPlatform(f"postgresql://postgres@/?host={server.folder}", broker.address)
        cls.addClassCleanup(cls.platform.stop)
        # The first calls make the series of their methods.
        cls.platform.lgsp("journey", cls.platform.folder, "--dossiers", "5", check=True)
        cls.series = [sample for service in SERVICES for sample in cls.samples(service)]

    @classmethod
    def samples(cls, service):
        """(metric, labels) of what a service exposes, with the label `service` that Prometheus adds."""
        with urllib.request.urlopen(f"http://{cls.platform.metrics_of(service)}/metrics",
                                    timeout=COMMAND_SECONDS) as answer:
            lines = answer.read().decode().splitlines()
        for line in lines:
            found = re.fullmatch(r"(\w+)(?:\{(.*)\})? \S+", line)
            if found:
                yield found[1], {"service": service, **dict(re.findall(r'(\w+)="((?:[^"\\]|\\.)*)"', found[2] or ""))}

    def test_every_metric_is_exposed(self):
        known = {name for name, _ in self.series}
        self.assertGreater(len(known), 40)
        used = set()
        for rule in RULES:
            for name, equal, labels in selectors(rule["expr"]):
                with self.subTest(f"{rule['alert']}: {name}"):
                    if name in OWN_METRICS:
                        self.assertLessEqual(labels, OWN_LABELS)
                        continue
                    used.add(name)
                    self.assertIn(name, known)
                    fitting = [own for metric, own in self.series if metric == name and
                               all(own.get(label) == value for label, value in equal.items())]
                    self.assertTrue(fitting, f"no series has {equal}")
                    self.assertTrue(any(labels - OWN_LABELS <= own.keys() for own in fitting), labels)
        self.assertGreaterEqual(len(used), 20)

    def test_what_it_groups_by_is_a_label(self):
        for rule in RULES:
            names = {name for name, _, _ in selectors(rule["expr"])} - OWN_METRICS
            labels = {label for own in (own for name, own in self.series if name in names) for label in own}
            groups = re.findall(r"\bby\s*\(([^)]*)\)", rule["expr"])
            wanted = {label.strip() for group in groups for label in group.split(",")} - OWN_LABELS
            self.assertLessEqual(wanted, labels, rule["alert"])

    def test_the_configuration_scrapes_each_service_where_init_puts_it(self):
        folder = self.platform.scratch / "by-default"
        self.platform.lgsp("init", folder, check=True)
        text = (folder / "platform.textproto").read_text(encoding="utf-8")
        made = dict(re.findall(r'name: "(\w+)"\s+address: "[^"]*"\s+metrics_address: "([^"]*)"', text))
        job, = load("prometheus.yml")["scrape_configs"]
        self.assertEqual(job["job_name"], "lgsp")
        self.assertEqual({one["labels"]["service"]: one["targets"] for one in job["static_configs"]},
                         {service: [address] for service, address in made.items()})
        self.assertEqual(set(made), set(SERVICES))
        self.assertEqual(set(OFFSETS), set(SERVICES))


if __name__ == "__main__":
    platform_process.main()
