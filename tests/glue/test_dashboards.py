#!/usr/bin/env python3
"""The dashboard and the alert rules of configs/ against what causeway-control really tells.

usage: test_dashboards.py CAUSEWAY_CONTROL [Dashboard] [Rules]. Dashboard: the JSON, and that each metric,
label and value that dashboard and rules name is there under /metrics. Rules: promtool's own checks,
and its test of the rules with made-up numbers; skipped without promtool.
"""
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

import control_client
import openmetrics

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
DASHBOARD = os.path.join(ROOT, "configs", "grafana", "causeway.json")
RULES = os.path.join(ROOT, "configs", "prometheus", "causeway-alerts.yml")
SCRAPE = os.path.join(ROOT, "configs", "prometheus", "prometheus.yml")
RULES_TEST = os.path.join(ROOT, "tests", "glue", "test_dashboards_rules.yml")
DROPS = os.path.join(ROOT, "dataplane", "abi", "drop.h")

SELECTOR = re.compile(r"(?<![\w:])(causeway_\w+)\s*(?:\{([^}]*)\})?")
MATCHER = re.compile(r'(\w+)\s*(?:=~|!~|!=|=)\s*"([^"]*)"')
OF_PROMETHEUS = {"job", "instance"}
# Of these labels control makes all values known; of others they are names that people gave, or come up.
CLOSED = {"state", "direction", "stream", "cause", "kind"}
COLUMNS = 24


def read(path):
    with open(path, encoding="utf-8") as file:
        return file.read()


def without_comments(yaml):
    return "\n".join(line for line in yaml.splitlines() if not line.lstrip().startswith("#"))


def expressions(node):
    """All that Prometheus is asked for: of panels, variables and annotations."""
    if isinstance(node, list):
        for item in node:
            yield from expressions(item)
    elif isinstance(node, dict):
        for key, value in node.items():
            if key in ("expr", "definition"):
                yield value
            else:
                yield from expressions(value)


def drop_reasons():
    return set(re.findall(r'X\(DROP_\w+, "(\w+)"', read(DROPS)))


class Dashboard(control_client.Fresh):
    def setUp(self):
        super().setUp()
        self.text = read(DASHBOARD)
        self.dashboard = json.loads(self.text)
        self.panels = self.dashboard["panels"]

    def told(self):
        """{sample's name: {label: values}} of a control with two gateways and a path that has all counters."""
        self.assertEqual(self.apply_all(("job1", control_client.path_spec())).status, 200)
        for gateway in self.connect():
            gateway.extra = {"transport": {"resent": 7, "lost": 3, "rtt_ns": 10100000}, "counters": {
                "out": {"rx_bytes": 1000, "drops": {"queue_full": 2}},
                "in": {"tx_bytes": 900, "tx_packets": 9, "drops": {"fragment": 1}}}}
        self.drive("active")
        answer = self.daemon.call("GET", "", url=self.daemon.url.replace("/v1", "/metrics"))
        told = {}
        for family in openmetrics.parse(answer.text).values():
            labels = told.setdefault(family.name + openmetrics.SUFFIX[family.kind], {})
            for sample in family.samples:
                for label, value in sample:
                    labels.setdefault(label, set()).add(value)
        return told

    def check_selector(self, told, name, matchers):
        self.assertIn(name, told, "no such metric")
        for label, wanted in MATCHER.findall(matchers or ""):
            if label in OF_PROMETHEUS:
                continue
            self.assertIn(label, told[name], "%s has no such label" % name)
            values = set() if "$" in wanted else set(wanted.split("|"))
            if label in CLOSED:
                self.assertLessEqual(values, told[name][label], "%s{%s}" % (name, label))
            elif label == "reason":
                self.assertLessEqual(values, drop_reasons())

    def test_all_that_is_named_is_told(self):
        told = self.told()
        rules = without_comments(read(RULES))
        texts = list(expressions(self.dashboard)) + [rules]
        selectors = [found for text in texts for found in SELECTOR.findall(text)]
        self.assertGreater(len(selectors), 50)
        for name, matchers in selectors:
            with self.subTest(selector="%s{%s}" % (name, matchers)):
                self.check_selector(told, name, matchers)
        labels = OF_PROMETHEUS.union(*told.values())
        grouped = {label for text in texts for group in re.findall(r"\b(?:by|on) \(([^)]*)\)", text)
                   for label in group.split(", ")}
        shown = set(re.findall(r"\{\{(\w+)\}\}", self.text)) | set(re.findall(r"\$labels\.(\w+)", rules))
        self.assertLessEqual(grouped | shown, labels)

    def test_variables(self):
        variables = {variable["name"] for variable in self.dashboard["templating"]["list"]}
        used = set(re.findall(r"\$\{?([a-zA-Z]\w*)", self.text))
        self.assertEqual(used, variables)
        # It goes into any Grafana: nothing in it is of the one where it was made.
        self.assertTrue(self.dashboard["id"] is None and "uid" not in self.dashboard)
        self.assertGreaterEqual(self.dashboard["schemaVersion"], 36)
        sources = set(re.findall(r'"uid": "([^"]*)"', self.text))
        self.assertEqual(sources, {"${datasource}", "-- Grafana --"})

    def test_panels(self):
        ids = [panel["id"] for panel in self.panels]
        self.assertEqual(len(ids), len(set(ids)))
        cells = set()
        for panel in self.panels:
            place = panel["gridPos"]
            mine = {(x, y) for x in range(place["x"], place["x"] + place["w"])
                    for y in range(place["y"], place["y"] + place["h"])}
            with self.subTest(panel=panel["title"]):
                self.assertTrue(panel["title"])
                self.assertLessEqual(place["x"] + place["w"], COLUMNS)
                self.assertFalse(cells & mine, "covers another panel")
                if panel["type"] != "row":
                    self.assertTrue(panel["description"].endswith(".") and panel["targets"])
                    refs = [target["refId"] for target in panel["targets"]]
                    self.assertEqual(len(refs), len(set(refs)))
            cells |= mine

    def test_alerts_say_what_to_do(self):
        rules, tests = without_comments(read(RULES)), read(RULES_TEST)
        alerts = re.split(r"(?m)^      - alert: ", rules)[1:]
        self.assertGreater(len(alerts), 10)
        for alert in alerts:
            name = alert.split("\n", 1)[0]
            with self.subTest(alert=name):
                self.assertRegex(alert, r"\n        labels: \{severity: (critical|warning|info)\}\n")
                for what in ("summary", "description", "action"):
                    self.assertRegex(alert, r"\n          %s: \S" % what)
                self.assertIn('alertname="%s"' % name, tests, "no test in which it fires")
        # An alert for jobs of this name, and nobody has it, would be silent.
        job = re.search(r"job_name: (\S+)", read(SCRAPE))[1]
        self.assertEqual(set(re.findall(r'job="([^"]*)"', rules)), {job})


class Rules(unittest.TestCase):
    def promtool(self, *args):
        done = subprocess.run(["promtool", *args], capture_output=True, text=True, check=False)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        return done.stdout

    def test_files(self):
        self.assertIn("SUCCESS", self.promtool("check", "rules", RULES))
        self.promtool("check", "config", "--syntax-only", SCRAPE)

    def test_rules_with_numbers(self):
        self.promtool("test", "rules", RULES_TEST)

    def test_expressions_of_the_dashboard(self):
        """As rules, since promtool reads expressions nowhere else."""
        asked = [text for text in expressions(json.loads(read(DASHBOARD)))
                 if not text.startswith("label_values(")]
        self.assertGreater(len(asked), 30)
        rules = [{"record": "e%d" % i, "expr": re.sub(r"\$\w+", "x", text.replace("$__rate_interval", "1m"))}
                 for i, text in enumerate(asked)]
        with tempfile.NamedTemporaryFile("w", suffix=".yml") as file:
            json.dump({"groups": [{"name": "dashboard", "rules": rules}]}, file)
            file.flush()
            self.promtool("check", "rules", file.name)


if __name__ == "__main__":
    if "Rules" in sys.argv[1:] and not shutil.which("promtool"):
        print("SKIP: promtool is missing (tests/run takes it out of the Debian package prometheus)")
        sys.exit(77)
    control_client.main()
