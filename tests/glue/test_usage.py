#!/usr/bin/env python3
"""Usage records of the real causeway-control and causewayctl: exact over restarts of either side.

usage: test_usage.py CAUSEWAY_CONTROL CAUSEWAYCTL. CAUSEWAY_SEED repeats the random order.
"""
import csv
import io
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time

from control_client import PATIENCE_S, Daemon, Fresh, Gateway, main, path_spec

CTL = sys.argv.pop(1)
SEED = int(os.environ.get("CAUSEWAY_SEED", "0") or 0) or int(time.time())


class Counters:
    """One gateway's counters of one path, as the data plane counts them."""

    def __init__(self, epoch=1):
        self.epoch = epoch
        self.sent = self.arrived = self.resent = self.full = 0

    def run(self, random_source):
        self.sent += random_source.randrange(1000, 9000)
        self.arrived += random_source.randrange(1000, 9000)
        self.resent += random_source.randrange(3)
        self.full += random_source.randrange(2)

    def extra(self):
        return {"epoch": self.epoch, "transport": {"resent": self.resent, "stall_window_ns": 7 * self.resent},
                "counters": {
                    "out": {"rx_packets": self.sent // 1000, "rx_bytes": self.sent,
                            "drops": {"queue_full": self.full, "of_tomorrow": 1}},
                    "in": {"tx_packets": self.arrived // 1000, "tx_bytes": self.arrived, "drops": {}}}}


class Usage(Fresh):
    interval = "250ms"

    def setUp(self):
        self.directory = tempfile.mkdtemp(prefix="causeway-usage-")
        self.addCleanup(shutil.rmtree, self.directory)
        self.config = os.path.join(self.directory, "control.yaml")
        self.socket = os.path.join(self.directory, "api")
        with open(self.config, "w", encoding="ascii") as out:
            out.write("store: {path: %s}\nusage: {interval: %s}\nusers: [ {uid: %d, role: viewer, tenant: blue} ]\n"
                      % (os.path.join(self.directory, "control.db"), self.interval, os.getuid()))
        self.gateways = []
        self.start()

    def start(self):
        self.daemon = Daemon("--config", self.config, "--listen", "unix:" + self.socket)

    def restart(self, sig):
        for gateway in self.gateways:
            if gateway.stream.poll() is None:
                gateway.close()
        self.daemon.stop(sig)
        self.start()
        # All of them before one is waited for: control keeps a path's intent back until both have reported.
        for gateway in self.gateways:
            gateway.daemon = self.daemon
            gateway.connect()
        for gateway in self.gateways:
            gateway.wait_line(lambda line: "paths" in line)

    def records(self, query=""):
        """All records, page by page."""
        items, token = [], None
        while True:
            more = "&continue=" + token if token else ""
            answer = self.daemon.get("/usage?limit=3%s%s" % (query, more))
            self.assertEqual(answer.status, 200, answer.text)
            items += answer.json["items"]
            token = answer.json.get("continue")
            if not token:
                return items

    def total(self, direction, key, query=""):
        values = [item[direction][key] for item in self.records(query)]
        return sum(sum(value.values()) if isinstance(value, dict) else value for value in values)

    def wait_total(self, direction, key, wanted, query=""):
        until = time.monotonic() + PATIENCE_S
        while time.monotonic() < until:
            value = self.total(direction, key, query)
            if value >= wanted:
                break
            time.sleep(0.1)
        self.assertEqual(value, wanted)

    def tell(self, gateway, counters):
        gateway.extra = counters.extra()
        self.assertEqual(gateway.report().status, 204)

    def begin(self, tenant="blue"):
        self.assertEqual(self.daemon.put("/tenants/blue", {"spec": {}}).status, 201)
        self.assertEqual(self.apply_all(("job1", path_spec("2G", tenant=tenant))).status, 200)
        self.connect()
        self.drive("active")

    def ctl(self, *args):
        done = subprocess.run([CTL, "--url", "http://" + self.daemon.address, *args], capture_output=True,
                              text=True, timeout=PATIENCE_S, check=False)
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout


class Exact(Usage):
    def test_over_restarts_of_either_side(self):
        print("CAUSEWAY_SEED=%d" % SEED, file=sys.stderr)
        source = random.Random(SEED)
        self.begin()
        ends = [Counters(), Counters()]
        over = {"sent": 0, "arrived": 0}  # by former lives of gateway a
        for step in range(12):
            for gateway, counters in zip(self.gateways, ends):
                counters.run(source)
                self.tell(gateway, counters)
                self.tell(gateway, counters)
            if step % 4 == 1:
                self.restart(signal.SIGKILL if step != 5 else signal.SIGTERM)
            if step == 6:
                # The gateway's new life: it was heard, and its word is durable.
                self.wait_total("a_to_z", "bytes", ends[0].sent)
                over["sent"], over["arrived"] = ends[0].sent, ends[0].arrived
                late = ends[0].extra()
                ends[0] = Counters(epoch=2)
            if step == 8:
                self.gateways[0].extra = late
                self.gateways[0].report()
            time.sleep(source.random() / 4)
        for gateway, counters in zip(self.gateways, ends):
            self.tell(gateway, counters)
        self.wait_total("a_to_z", "bytes", over["sent"] + ends[0].sent)
        self.wait_total("z_to_a", "bytes", ends[1].sent)
        self.wait_total("z_to_a", "delivered_bytes", over["arrived"] + ends[0].arrived)
        self.wait_total("a_to_z", "delivered_bytes", ends[1].arrived)
        self.wait_total("z_to_a", "resent", ends[1].resent)
        self.wait_total("z_to_a", "stall_window_ns", 7 * ends[1].resent)
        self.wait_total("z_to_a", "drops", ends[1].full + 1)
        for item in self.records():
            self.assertEqual((item["path"], item["tenant"]), ("job1", "blue"))
            self.assertEqual(item["a_to_z"]["guaranteed_bps"], 2000000000)
            self.assertEqual(item["a_to_z"]["delivered_bps"], 4 * 8 * item["a_to_z"]["delivered_bytes"])
            self.assertLess(item["from"].rstrip("Z"), item["to"].rstrip("Z"))
        starts = [item["from"].rstrip("Z") for item in self.records()]
        self.assertEqual(starts, sorted(set(starts)))

    def test_boot_stands_for_the_epoch(self):
        self.begin()
        for boot, sent in ((1, 500), (1, 800), (2, 100), (1, 800), (2, 300)):
            self.gateways[0].extra = {"counters": {"out": {"rx_bytes": sent}}}
            self.assertEqual(self.gateways[0].report(boot=boot).status, 204)
        self.wait_total("a_to_z", "bytes", 1100)

    def test_path_of_the_same_name_again(self):
        self.begin()
        self.tell(self.gateways[0], Counters())
        counters = Counters()
        counters.sent = 4000
        self.tell(self.gateways[0], counters)
        self.assertEqual(self.daemon.call("DELETE", "/paths/job1").status, 202)
        self.drive(None)
        self.assertEqual(self.daemon.put("/paths/job1", path_spec("1G")).status, 201)
        self.drive("active")
        again = Counters(epoch=2)
        again.sent = 5000
        self.tell(self.gateways[0], again)
        self.wait_total("a_to_z", "bytes", 9000)
        # Each is its tenant's, also within one interval.
        self.assertEqual(self.total("a_to_z", "bytes", "&tenant=blue"), 4000)


class BothDie(Usage):
    """A gateway and then control, long before the interval's end: what the one told is in the records."""
    interval = "24h"

    def test_gateway_then_control(self):
        self.begin()
        lives = [Counters(epoch=n) for n in (1, 2, 3)]
        for n, life in enumerate(lives):
            life.sent, life.arrived = 1000 * (n + 1), 100 * (n + 1)
        self.tell(self.gateways[0], lives[0])
        self.gateways[0].close()
        # Nobody waits for the interval: it is on the disk before anything else happens to control.
        self.wait_total("a_to_z", "bytes", 1000)
        self.restart(signal.SIGKILL)
        # A gateway that begins anew faster than its silence is noticed.
        self.tell(self.gateways[0], lives[1])
        self.tell(self.gateways[0], lives[2])
        self.wait_total("a_to_z", "bytes", 3000 + 3000)
        self.restart(signal.SIGKILL)
        self.tell(self.gateways[0], lives[2])
        self.gateways.pop().close()
        self.wait_total("a_to_z", "bytes", 6000)
        self.assertEqual(self.total("z_to_a", "delivered_bytes"), 600)

    def test_others_wait_for_their_interval(self):
        """Only the paths of the gateway that is gone are written: a path's records and counters go together."""
        self.begin()
        self.assertEqual(self.daemon.put("/gateways/gw-c", {"spec": {"site": "a", "ports": [
            {"name": "wan0", "addresses": ["10.200.0.3"]}]}}).status, 201)
        self.assertEqual(self.daemon.put("/links/l2", {"spec": {
            "a": "gw-c:wan0", "z": "gw-b:wan0", "capacity_bps": "10G"}}).status, 201)
        made = self.daemon.put("/paths/job2", path_spec("1G", "7000", diverse_from="job1"))
        self.assertEqual(made.json["status"]["link"], "l2", made.text)
        self.gateways.append(Gateway(self.daemon, "gw-c"))
        self.gateways[2].wait_line(lambda line: "paths" in line)
        one, two = Counters(), Counters()
        one.sent, two.sent = 1000, 500
        self.tell(self.gateways[0], one)
        self.tell(self.gateways[2], two)
        # A record of another tenant within the interval is over, and waits with the others.
        self.daemon.put("/paths/job2", path_spec("1G", "7000", diverse_from="job1", tenant="blue"))
        two.sent = 700
        self.tell(self.gateways[2], two)
        self.gateways[0].close()
        self.wait_total("a_to_z", "bytes", 1000, "&path=job1")
        self.assertEqual(self.records("&path=job2"), [])
        self.restart(signal.SIGKILL)
        self.tell(self.gateways[2], two)
        self.gateways.pop().close()
        self.wait_total("a_to_z", "bytes", 700, "&path=job2")
        self.assertEqual(self.total("a_to_z", "bytes", "&path=job1"), 1000)


class Answers(Usage):
    def setUp(self):
        super().setUp()
        self.begin()
        counters = Counters()
        counters.sent, counters.full = 3000, 2
        self.tell(self.gateways[0], counters)
        self.wait_total("a_to_z", "bytes", 3000)

    def test_filters(self):
        first = self.records()[0]
        self.assertEqual(self.total("a_to_z", "bytes", "&path=job1&tenant=blue"), 3000)
        self.assertEqual(self.records("&path=job2"), [])
        self.assertEqual(self.records("&tenant=red"), [])
        self.assertEqual(self.records("&from=2100-01-01T00:00:00Z"), [])
        self.assertEqual(self.records("&to=" + first["from"]), [])
        self.assertEqual(self.records("&from=%s&to=%s" % (first["from"], first["to"])), [first])
        for query in ("format=xml", "from=today", "continue=x", "path=", "limit=0", "limit=1001", "job=1"):
            answer = self.daemon.get("/usage?" + query)
            self.problem(answer, 400, "unknown-parameter" if query == "job=1" else "invalid-argument")

    def test_formats(self):
        wanted = [item for item in self.records() if item["a_to_z"]["bytes"]][0]
        window = "&from=%s&to=%s" % (wanted["from"], wanted["to"])
        answer = self.daemon.get("/usage?format=ndjson" + window)
        self.assertEqual(answer.headers["content-type"], "application/x-ndjson")
        self.assertEqual([json.loads(line) for line in answer.text.splitlines()], [wanted])
        answer = self.daemon.get("/usage?format=csv" + window)
        self.assertEqual(answer.headers["content-type"], "text/csv")
        rows = list(csv.DictReader(io.StringIO(answer.text)))
        self.assertEqual([row["direction"] for row in rows], ["a_to_z", "z_to_a"])
        for key in ("bytes", "packets", "guaranteed_bps", "resent"):
            self.assertEqual([int(row[key]) for row in rows], [wanted[row["direction"]][key] for row in rows])
        self.assertEqual((rows[0]["drops"], rows[0]["drops_by_reason"]), ("3", "queue_full=2;other=1"))
        until = time.monotonic() + PATIENCE_S
        while len(self.records()) < 2 and time.monotonic() < until:
            self.drive("active")
        first = self.daemon.get("/usage?format=csv&limit=1")
        second = self.daemon.get("/usage?format=csv&limit=1&continue=" + first.headers["causeway-continue"])
        self.assertNotEqual(first.text, second.text)
        self.assertEqual(first.text.splitlines()[0], second.text.splitlines()[0])

    def test_tenant_sees_its_own(self):
        self.assertEqual(self.daemon.put("/paths/job2", path_spec("1G", "7000")).status, 201)
        self.drive("active", "job2")
        self.wait_total("a_to_z", "bytes", 3000, "&path=job2")

        def get(query):
            done = subprocess.run(["curl", "-sS", "--http2-prior-knowledge", "--unix-socket", self.socket,
                                   "http://control/v1/usage" + query], capture_output=True, check=True)
            return {item["path"] for item in json.loads(done.stdout)["items"]}

        self.assertEqual({item["path"] for item in self.records()}, {"job1", "job2"})
        self.assertEqual(get(""), {"job1"})
        self.assertEqual(get("?tenant=red"), set())
        self.assertEqual(get("?path=job2"), set())

    def test_causewayctl(self):
        table = self.ctl("usage", "--path", "job1").splitlines()
        self.assertEqual(table[0].split()[:4], ["FROM", "PATH", "TENANT", "DIRECTION"])
        self.assertTrue(any("a_to_z" in line and "2 Gb/s" in line for line in table[1:]), table)
        items = json.loads(self.ctl("usage", "-o", "json", "--tenant", "blue"))["items"]
        self.assertEqual(sum(item["a_to_z"]["bytes"] for item in items), 3000)
        rows = list(csv.DictReader(io.StringIO(self.ctl("usage", "--csv"))))
        self.assertEqual(sum(int(row["bytes"]) for row in rows), 3000)

    def test_config(self):
        with open(self.config, "w", encoding="ascii") as out:
            out.write("usage: {interval: 10ms}\n")
        done = subprocess.run([self.daemon.process.args[0], "--config", self.config, "--check"],
                              capture_output=True, text=True, check=False)
        self.assertEqual(done.returncode, 2)
        self.assertIn("write 60s or 5m", done.stderr)


if __name__ == "__main__":
    main()
