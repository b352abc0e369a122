#!/usr/bin/env python3
"""Large gateways of the real causeway-control: reports in parts, intents of any size, and who is told of a change.

usage: test_scale.py CAUSEWAY_CONTROL
"""
import json
import time
import uuid

from control_client import CERTIFICATES, GW_A, LINK, PATIENCE_S, Fresh, Gateway, main, path_spec
from h2_raw import RawClient

PATHS_MAX = 4096


class Large(Fresh):
    def load(self, items):
        """Without a look at the document: it would take longer than the rest."""
        for at in range(0, len(items), 1024):
            answer = self.daemon.request("POST", self.daemon.url + "/apply",
                                         json.dumps({"items": items[at:at + 1024]}).encode(),
                                         {"content-type": "application/json", "idempotency-key": str(uuid.uuid4())})
            self.assertEqual(answer.status, 200, answer.text[:500])


class Reports(Large):
    def setUp(self):
        super().setUp()
        self.apply_all(*(("job%d" % i, path_spec("1M", str(5000 + i))) for i in range(3)))
        self.connect()
        for name in ("job0", "job1", "job2"):
            self.drive("active", name)

    def parts(self, gateway, entries):
        """The bodies of a report with one path in each part."""
        intent = gateway.intent
        common = {"revision": intent["revision"], "term": intent["term"], "parts": len(entries)}
        bodies = [{**common, "part": i, "paths": [entry]} for i, entry in enumerate(entries)]
        bodies[0].update(boot=1, version="test", lan_mtu=1400, wan_mtu=2000, udp_port=47800, lanes=2, workers=1,
                         certificate={"sha256": gateway.certificate})
        return bodies

    def post(self, gateway, body):
        return self.daemon.call("POST", "/gateways/%s/report" % gateway.name, body)

    def states(self):
        return [item["status"]["state"] for item in self.daemon.get("/paths").json["items"]]

    def test_in_parts(self):
        gw_a, gw_b = self.gateways
        entries = [gw_a._entry(path) for path in gw_a.intent["paths"]]  # pylint: disable=protected-access
        for body in self.parts(gw_a, entries):
            self.assertEqual(self.post(gw_a, body).status, 204)
            gw_b.report()
            # What the report before said holds until this one is whole.
            self.assertEqual(self.states(), 3 * ["active"])
        entries[2]["claiming"] = False
        first, second, third = self.parts(gw_a, entries)
        self.assertEqual([self.post(gw_a, body).status for body in (first, second)], [204, 204])
        self.assertEqual(self.states(), 3 * ["active"])
        self.assertEqual(self.post(gw_a, third).status, 204)
        self.assertEqual(self.states(), ["active", "active", "degraded"])
        # A whole report without a path says that the gateway does not have it.
        for body in self.parts(gw_a, entries[:2]):
            self.assertEqual(self.post(gw_a, body).status, 204)
        self.assertIn("gw-a has not applied", self.daemon.get("/paths/job2").json["status"]["reason"])
        self.assertEqual(self.states()[:2], ["active", "active"])

    def test_out_of_order(self):
        gw_a, _ = self.gateways
        entries = [gw_a._entry(path) for path in gw_a.intent["paths"]]  # pylint: disable=protected-access
        first, second, third = self.parts(gw_a, entries)
        self.problem(self.post(gw_a, second), 409, "report-out-of-order")
        self.assertEqual(self.post(gw_a, first).status, 204)
        self.problem(self.post(gw_a, third), 409, "report-out-of-order")
        self.problem(self.post(gw_a, {**second, "parts": 4}), 409, "report-out-of-order")
        self.problem(self.post(gw_a, {**second, "part": 3}), 400, "invalid-argument", "/part")
        self.problem(self.post(gw_a, {**second, "parts": 65}), 400, "invalid-argument", "/parts")
        # Part 0 begins anew: the report that was cut off counts for nothing.
        for body in self.parts(gw_a, entries[:2]):
            self.assertEqual(self.post(gw_a, body).status, 204)
        self.assertEqual(self.states(), ["active", "active", "degraded"])
        self.assertEqual(self.daemon.get("/gateways/gw-a").json["status"]["version"], "test")


class Intents(Large):
    def world(self):
        """As usual, and site c, joined with b."""
        self.apply_all()
        site_c = {"spec": {"prefixes": ["10.103.0.0/16"]}}
        gw_c = {"spec": {"site": "c", "ports": [{"name": "wan0", "addresses": ["10.200.0.3"]}]}}
        for path, body in (("/sites/c", site_c), ("/gateways/gw-c", gw_c),
                           ("/links/l2", {"spec": {"a": "gw-b:wan0", "z": "gw-c:wan0", "capacity_bps": "10G"}})):
            self.assertEqual(self.daemon.put(path, body).status, 201)

    def test_only_who_is_concerned_is_told(self):
        self.world()
        self.connect()
        self.gateways.append(Gateway(self.daemon, "gw-c"))
        gw_a, gw_b, gw_c = self.gateways
        gw_c.wait_line(lambda line: "paths" in line)
        self.daemon.put("/paths/job1", path_spec())
        gw_a.wait_line(lambda line: line.get("paths"))
        gw_b.wait_line(lambda line: line.get("paths"))
        self.daemon.put("/paths/job2", path_spec(ports="7000", a={"site": "b"}, z={"site": "c"}))
        gw_b.wait_line(lambda line: len(line.get("paths", [])) == 2)
        gw_c.wait_line(lambda line: line.get("paths"))

        def told():
            return [sum("paths" in line for line in gateway.lines) for gateway in self.gateways]

        before = told()
        # Its own settings, a site's prefixes, a link, a gateway's port: each concerns two of three, or all.
        self.daemon.put("/paths/job2", path_spec("2G", "7000", a={"site": "b"}, z={"site": "c"}))
        gw_c.wait_line(lambda line: [p["rate_bps"] for p in line.get("paths", [])] == [2000000000])
        self.daemon.put("/links/l2", {"spec": {"a": "gw-b:wan0", "z": "gw-c:wan0", "capacity_bps": "10G",
                                               "rtt": "7ms"}})
        gw_c.wait_line(lambda line: [p["link_rtt_ns"] for p in line.get("paths", [])] == [7000000])
        self.daemon.put("/sites/c", {"spec": {"prefixes": ["10.103.0.0/16", "10.104.0.0/16"]}})
        gw_b.wait_line(lambda line: any(len(p["far"]) == 2 and p["name"] == "job2" for p in line.get("paths", [])))
        gw_c.wait_line(lambda line: [len(p["near"]) for p in line.get("paths", [])] == [2])
        self.assertEqual(told()[0], before[0])
        gw_c.report(udp_port=47900)
        gw_b.wait_line(lambda line: any(p["peer"]["udp_port"] == 47900 for p in line.get("paths", [])))
        self.assertEqual(told()[0], before[0])
        self.daemon.put("/gateways/gw-a", {"spec": {**GW_A["spec"], "ports": [
            {"name": "wan0", "addresses": ["10.200.0.9"]}]}})
        gw_b.wait_line(lambda line: any(p["peer"]["address"] == "10.200.0.9" for p in line.get("paths", [])))
        self.daemon.call("DELETE", "/paths/job2")
        gw_c.wait_line(lambda line: [p["phase"] for p in line.get("paths", [])] in ([], ["drain"]))

    def test_as_many_as_a_gateway_carries(self):
        self.apply_all()
        self.daemon.put("/links/l1", {"spec": {**LINK["spec"], "capacity_bps": "400G"}})
        paths = [{"kind": "path", "name": "p%062d" % n, **path_spec("1M")} for n in range(PATHS_MAX)]
        for n, path in enumerate(paths):
            path["spec"]["match"][0]["ports"] = [str(1 + 8 * n + i) for i in range(8)]
        self.load(paths)
        body = self.problem(self.daemon.put("/paths/more", path_spec("1M", "65000")), 409, "too-many-paths")
        self.assertIn("at most 4096", body["detail"])
        # Once some of them are over, there is room.
        over = {"kind": "path", "name": paths[0]["name"], "spec": {**paths[0]["spec"], "end": "2090-01-01T00:00:00Z"}}
        self.load([over])
        later = path_spec("1M", "65000", start="2090-01-01T00:00:00Z")
        self.assertEqual(self.daemon.put("/paths/more", later).status, 201)
        client = RawClient(self.daemon.port, window=1 << 20)
        stream = client.get("/v1/gateways/gw-a/intent")
        for name in ("gw-a", "gw-b"):
            report = {"revision": 1, "term": 1, "lan_mtu": 1500, "udp_port": 47700, "lanes": 1, "paths": [],
                      "certificate": {"sha256": CERTIFICATES[name]}}
            self.assertEqual(self.daemon.call("POST", "/gateways/%s/report" % name, report).status, 204)

        def lines():
            return [json.loads(line) for line in client.data[stream].split(b"\n")[:-1]]

        def has_all():
            return client.data[stream].endswith(b"]}\n") and len(lines()[-1]["paths"]) == PATHS_MAX

        self.assertTrue(client.pump(has_all))
        told = lines()[-1]["paths"]
        self.assertEqual([path["name"] for path in told], [path["name"] for path in paths])
        self.assertGreater(len(client.data[stream]), 2 << 20)  # of several pieces
        client.close()
        # What happens while a line is under way is told when it is written, not at the next heartbeat.
        client = RawClient(self.daemon.port, window=1 << 20)
        stream = client.get("/v1/gateways/gw-a/intent")
        self.assertTrue(client.pump(lambda: client.data[stream]))
        self.load([{**paths[1], "spec": {**paths[1]["spec"], "rate_bps": "2M"}}])
        self.assertTrue(client.pump(lambda: client.data[stream].count(b"]}\n") == 2))
        self.assertEqual([len(line["paths"]) for line in lines()], [PATHS_MAX, PATHS_MAX])
        self.assertEqual(lines()[-1]["paths"][1]["rate_bps"], 2000000)
        client.close()


class Waiters(Fresh):
    def test_each_hears_of_its_own(self):
        self.apply_all(*(("job%d" % i, path_spec("1M", str(5000 + i))) for i in range(20)))
        client = RawClient(self.daemon.port)
        streams = [client.get("/v1/paths/job%d?wait=active&timeout=20s" % (i % 20)) for i in range(60)]
        until = time.monotonic() + PATIENCE_S
        self.assertEqual(self.daemon.call("DELETE", "/paths/job7?wait=released").status, 200)
        mine = {streams[i] for i in (7, 27, 47)}
        self.assertTrue(client.pump(lambda: mine <= client.ended))
        self.assertEqual(client.ended, mine)
        self.connect()
        while len(client.ended) < len(streams) and time.monotonic() < until:
            for gateway in self.gateways:
                gateway.report()
            client.pump(lambda: len(client.ended) == len(streams), 0.1)
        states = [json.loads(client.data[stream])["status"]["state"] for stream in streams]
        self.assertEqual(states, ["released" if i % 20 == 7 else "active" for i in range(60)])
        client.close()


if __name__ == "__main__":
    main()
