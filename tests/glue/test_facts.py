"""Events, history, topology, the API's own document and metrics of causeway-control."""
import json
import os
import re
import shutil
import subprocess
import tempfile
import time
import unittest

import openmetrics
from control_client import Daemon, Gateway, GW_B, LINK, SITE_A, path_spec
from feed_rig import Fresh, told


class Facts(Fresh):
    def test_events(self):
        events = self.stream("/events")
        start = events.wait(lambda message: True)[0]
        self.assertEqual(start["type"], "bookmark")
        labels = {"labels": {"job": "881234"}}
        self.join_sites(("job1", {**path_spec(), **labels}), ("job2", path_spec(ports="7000")))
        gw_a, gw_b = self.connect()
        self.daemon.put("/gateways/gw-c", {"spec": {**GW_B["spec"], "ports": [
            {"name": "wan0", "addresses": ["10.200.0.3"]}]}})
        quiet = Gateway(self.daemon, "gw-c")
        self.drive("active")
        gw_b.close()
        messages = events.wait(lambda m: m["type"] == "event" and m["to"] == "disconnected")
        facts = [m for m in messages if m["type"] == "event"]
        states = [(m["from"], m["to"]) for m in facts if m["name"] == "job1"]
        self.assertEqual(states[-1][1], "active")
        self.assertTrue(all(left[1] == right[0] for left, right in zip(states, states[1:])))
        self.assertEqual([(m["from"], m["to"]) for m in facts if m["name"] == "gw-b"],
                         [("disconnected", "connected"), ("connected", "disconnected")])
        numbers = [int(m["id"].split("-")[1]) for m in facts]
        self.assertEqual(numbers, list(range(numbers[0], numbers[0] + len(numbers))))
        revisions = [m["revision"] for m in facts]
        self.assertEqual(revisions, sorted(revisions))
        active = next(m for m in facts if m["name"] == "job1" and m["to"] == "active")
        self.assertEqual((active["kind"], active["labels"]), ("path", labels["labels"]))
        self.assertTrue(active["time"].endswith("Z") and active["cause"])

        again = self.once("/events?follow=false&since=" + active["id"])
        self.assertEqual([m for m in again[:-1] if m in facts], facts[facts.index(active) + 1:])
        mine = self.once("/events?follow=false&since=0&label=job=881234")
        self.assertEqual({m["name"] for m in mine[:-1]}, {"job1"})
        gateways = self.once("/events?follow=false&since=0&kind=gateway")
        self.assertEqual({m["name"] for m in gateways[:-1]}, {"gw-a", "gw-b", "gw-c"})
        term = active["id"].split("-")[0]
        for since in ("1-1", term + "-999999", "99%d-1" % int(term)):
            self.refused("/events?since=" + since, 410, "revision-compacted")
        for since in ("x", "1", term + "-", "-1", term + "-01"):
            self.refused("/events?since=" + since, 400, "invalid-argument")
        # Nobody reports for gw-b any more.
        while not any(m["type"] == "event" and m["to"] == "degraded" for m in events.messages):
            gw_a.report()
            time.sleep(0.1)
        gw_b.connect()
        gw_b.wait_line(lambda line: "paths" in line)
        self.drive("active")
        quiet.report()
        quiet.close()
        gone = [m for m in events.wait(lambda m: m["type"] == "event" and m["name"] == "gw-c"
                                       and m["from"] == "connected" and m["to"] == "disconnected")
                if m["type"] == "event" and m["name"] == "gw-c"]
        self.assertEqual([m["to"] for m in gone], ["connected", "silent", "connected", "disconnected"])
        states = events.wait(lambda m: m["type"] == "event" and m["from"] == "degraded")
        self.assertEqual([m["to"] for m in states if m["type"] == "event" and m["name"] == "gw-b"][-1],
                         "connected")

    def test_history(self):
        self.refused("/paths/job1/history", 404, "not-found")
        self.join_sites(("job1", path_spec()))
        self.connect()
        self.drive("active")
        answer = self.daemon.get("/paths/job1/history").json
        self.assertEqual((answer["kind"], answer["name"]), ("history", "job1"))
        states = [item for item in answer["items"] if item["type"] == "state"]
        self.assertEqual(states[-1]["to"], "active")
        self.assertEqual([(item["rev"], item["to"]) for item in states],
                         [(item["rev"], item["to"])
                          for item in self.daemon.get("/paths/job1").json["status"]["history"]])
        self.daemon.put("/paths/job1", path_spec("2G"))
        self.delete("/paths/job1")
        self.drive(None)
        items = self.daemon.get("/paths/job1/history").json["items"]
        changes = [item for item in items if item["type"] == "change"]
        self.assertEqual([item["change"] for item in changes if item["change"] != "assigned"],
                         ["created", "changed", "deleted", "gone"])
        self.assertEqual((changes[0]["spec"]["rate_bps"], changes[-1]["spec"]["rate_bps"]),
                         (1000000000, 2000000000))
        self.assertTrue(changes[0]["actor"] and changes[0]["time"].endswith("Z"))
        revisions = [item["rev"] for item in items]
        self.assertEqual(revisions, sorted(revisions))
        self.refused("/sites/a/history", 404, "not-found")

    def test_topology(self):
        self.join_sites(("job1", path_spec("3G")))
        self.daemon.put("/sites/a", {**SITE_A, "labels": {"slurm-nodes": "a[001-064]"}})
        body = self.daemon.get("/topology").json
        self.assertEqual([(s["name"], s["gateways"]) for s in body["sites"]],
                         [("a", [{"name": "gw-a", "connected": False}]),
                          ("b", [{"name": "gw-b", "connected": False}])])
        link = body["links"][0]
        self.assertEqual((link["a"], link["paths"], link["guaranteed_bps"]),
                         ({"site": "a", "gateway": "gw-a", "port": "wan0"}, 1,
                          {"a_to_z": 3000000000, "z_to_a": 3000000000}))
        dot = self.daemon.get("/topology?format=dot")
        self.assertTrue(dot.text.startswith("graph causeway {\n") and dot.text.endswith("}\n"))
        self.assertIn('"gw-a" -- "gw-b" [label="l1\\n10 Gb/s, 50 ms"];', dot.text)
        if shutil.which("dot"):
            subprocess.run(["dot", "-Tsvg"], input=dot.text, text=True, check=True, capture_output=True)
        slurm = self.daemon.get("/topology?format=slurm").text.splitlines()
        self.assertEqual(slurm[1:], ["SwitchName=site-a Nodes=a[001-064] LinkSpeed=10000000",
                                     "# site b: its nodes are not known; give it the label slurm-nodes",
                                     "SwitchName=causeway Switches=site-a"])
        self.daemon.put("/sites/a", {**SITE_A, "labels": {"slurm-nodes": "a1\nSwitchName=x"}})
        self.assertNotIn("SwitchName", self.daemon.get("/topology?format=slurm").text)
        self.refused("/topology?format=xml", 400, "invalid-argument")

    def test_openapi(self):
        body = self.daemon.get("/openapi.json")
        self.assertEqual(body.headers["content-type"], "application/json")
        yaml = self.daemon.get("/openapi.yaml").text
        paths = [line.strip()[:-1] for line in yaml.splitlines() if line.startswith("  /")]
        self.assertEqual(list(body.json["paths"]), paths)
        self.assertEqual(body.json["openapi"], "3.1.0")
        for reference in re.findall(r'"\$ref": ?"#/([^"]*)"', body.text):
            found = body.json
            for part in reference.split("/"):
                self.assertIn(part, found, reference)
                found = found[part]
        for path in ("/v1/watch", "/v1/events", "/v1/topology", "/v1/paths/{name}/history", "/metrics"):
            self.assertIn(path, paths)

    def test_metrics(self):
        self.join_sites(("job1", path_spec("8G")))
        gw_a, gw_b = self.connect()
        for gateway in (gw_a, gw_b):
            gateway.extra = {"transport": {"resent": 7, "lost": 3}, "counters": {
                "out": {"rx_bytes": 1000, "drops": {'odd "reason"\\': 2}}, "in": {"tx_bytes": 900, "tx_packets": 9}}}
        self.drive("active")
        url = self.daemon.url.replace("/v1", "/metrics")
        answer = self.daemon.call("GET", "", url=url)
        self.assertEqual(answer.headers["content-type"],
                         "application/openmetrics-text; version=1.0.0; charset=utf-8")
        families = openmetrics.parse(answer.text)

        def value(name, **labels):
            return families["causeway_" + name].samples[frozenset(labels.items())]

        a_to_z = {"path": "job1", "direction": "a_to_z"}
        self.assertEqual(value("path_guaranteed_bytes_per_second", **a_to_z), 1e9)
        self.assertEqual(value("path_delivered_bytes", **a_to_z), 900)
        self.assertEqual(value("path_resent_frames", path="job1", direction="z_to_a"), 7)
        self.assertEqual(value("path_drops", gateway="gw-a", reason='odd \\"reason\\"\\\\', **a_to_z), 2)
        self.assertEqual((value("paths", state="active"), value("paths", state="failed")), (1, 0))
        self.assertEqual((value("path_active", path="job1"), value("gateways_connected")), (1, 2))
        for direction in ("a_to_z", "z_to_a"):
            l1 = {"link": "l1", "direction": direction}
            self.assertEqual(value("link_guaranteed_bytes_per_second", **l1), 1e9)
            # Headers are booked, too: less than a tenth at this MTU.
            self.assertTrue(1e9 < value("link_booked_bytes_per_second", **l1) < 1.1e9)
        self.assertEqual(value("link_reservable_bytes_per_second", link="l1"), 9 * 1.25e8)
        self.assertEqual(value("link_expected_rtt_seconds", link="l1"), 0.05)
        self.assertEqual(value("link_rtt_seconds", link="l1"), 0.0101)
        self.assertEqual(value("objects", kind="path"), 1)
        self.assertGreater(value("http_requests", code="200"), 0)
        self.assertEqual(value("revision"), self.daemon.get("/status").json["revision"])
        text = self.daemon.call("GET", "", headers={"accept": "text/plain"}, url=url)
        self.assertTrue(text.headers["content-type"].startswith("text/plain; version=0.0.4"))
        self.assertNotIn("# EOF", text.text)
        if not shutil.which("promtool"):
            print("no promtool: only the strict reader looked")
            return
        done = subprocess.run(["promtool", "check", "metrics"], input=text.text, text=True,
                              capture_output=True, check=False)
        self.assertEqual((done.returncode, done.stderr), (0, ""), done.stdout)

    def test_metrics_of_links(self):
        """Booked is also where a backup is; guaranteed and measured only where the path is."""
        self.join_sites()
        for name, duct in (("l1", "north"), ("l2", "south")):
            spec = {**LINK["spec"], "srlgs": [duct], "cost": 1 + (name == "l2")}
            self.assertEqual(self.daemon.put("/links/" + name, {"spec": spec}).status, 201 if name == "l2" else 200)
        rates = {"a_to_z": "800M", "z_to_a": "80M"}
        self.assertEqual(self.daemon.put("/paths/job1", path_spec(rates, protection="1:1")).status, 201)
        later = path_spec("1G", "7000", start="2100-01-01T00:00:00Z")
        self.assertEqual(self.daemon.put("/paths/later", later).status, 201)
        self.connect()
        self.drive("active")
        self.assertEqual(self.daemon.get("/paths/job1").json["status"]["link"], "l1")
        url = self.daemon.url.replace("/v1", "/metrics")
        families = openmetrics.parse(self.daemon.call("GET", "", url=url).text)

        def values(name, *labels):
            samples = families["causeway_link_" + name].samples
            return [samples.get(frozenset(pairs)) for pairs in labels]

        ways = [[("link", link), ("direction", way)] for link in ("l1", "l2") for way in ("a_to_z", "z_to_a")]
        links = [[("link", "l1")], [("link", "l2")]]
        self.assertEqual(values("guaranteed_bytes_per_second", *ways), [1e8, 1e7, 0, 0])
        booked = values("booked_bytes_per_second", *ways)
        self.assertEqual(booked[:2], booked[2:])
        self.assertTrue(1e8 < booked[0] < 1.1e8 and 1e7 < booked[1] < 1.1e7, booked)
        self.assertEqual(values("expected_rtt_seconds", *links), [0.05, 0.05])
        self.assertEqual(values("rtt_seconds", *links), [0.0101, None])


@unittest.skipIf(os.geteuid(), "needs root to be somebody else")
class Tenants(Fresh):
    """Somebody of one tenant hears nothing of another one, not even that something is gone."""
    blue, red = 65533, 65534

    def setUp(self):
        super().setUp()
        self.daemon.stop()
        self.folder = tempfile.TemporaryDirectory()
        os.chmod(self.folder.name, 0o755)
        with open(self.folder.name + "/control.yaml", "w", encoding="ascii") as out:
            out.write("log: info\nusers:\n")
            for uid, tenant in ((self.blue, "blue"), (self.red, "red")):
                out.write("  - {uid: %d, role: scheduler, tenant: %s}\n" % (uid, tenant))
        self.daemon = Daemon("--config", self.folder.name + "/control.yaml", "--listen",
                             "unix:%s/socket" % self.folder.name)

    def tearDown(self):
        super().tearDown()
        self.folder.cleanup()

    def as_user(self, uid, path):
        done = subprocess.run(["curl", "-sS", "--http2-prior-knowledge", "--unix-socket",
                               self.folder.name + "/socket", "http://localhost/v1" + path],
                              capture_output=True, text=True, check=True, user=uid)
        return [json.loads(line) for line in done.stdout.splitlines()]

    def test_streams_and_history(self):
        self.apply(*({"kind": "tenant", "name": name, "spec": {}} for name in ("blue", "red")))
        start = self.join_sites(("job1", path_spec(tenant="blue")), ("job2", path_spec(ports="7000", tenant="red")))
        self.connect()
        self.drive("active")
        self.delete("/paths/job1")
        self.drive(None)
        watch = "/watch?follow=false&kind=path&since="
        self.assertEqual(told(self.as_user(self.red, watch + "0")), [("put", "job2")])
        self.assertEqual(told(self.as_user(self.blue, watch + str(start)))[-1], ("delete", "job1"))
        self.assertEqual(told(self.as_user(self.red, watch + str(start))), [])
        for since in (1, start - 1):
            self.assertEqual({name for _, name in told(self.as_user(self.red, watch + str(since)))}, {"job2"})
        for uid, name in ((self.blue, "job1"), (self.red, "job2")):
            events = self.as_user(uid, "/events?since=0&follow=false&kind=path")
            self.assertEqual({m["name"] for m in events if m["type"] == "event"}, {name})
        self.assertEqual(self.as_user(self.blue, "/paths/job1/history")[0]["items"][-1]["change"], "gone")
        self.assertEqual(self.as_user(self.red, "/paths/job1/history")[0]["code"], "not-found")


class Reader(unittest.TestCase):
    def test_refuses(self):
        good = '# TYPE a counter\n# HELP a x\na_total{b="c"} 1\n# EOF\n'
        self.assertEqual(openmetrics.parse(good)["a"].samples, {frozenset({("b", "c")}): 1.0})
        for bad in (good.replace("# EOF\n", ""), good.replace("a_total", "a"), good.replace(" 1\n", " -1\n"),
                    good.replace('a_total{b="c"} 1\n', 2 * 'a_total{b="c"} 1\n'),
                    good.replace('"c"', '"c\\x"'), good.replace("# HELP a x\n", "# HELP b x\n"),
                    good.replace("counter", "untyped"), good + "a_total 1\n"):
            self.assertRaises(ValueError, openmetrics.parse, bad)


if __name__ == "__main__":
    unittest.main(verbosity=2)
