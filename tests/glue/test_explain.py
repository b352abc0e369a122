#!/usr/bin/env python3
"""What control says of why: explain of paths and clusters, validate, and answers that wait.

usage: test_explain.py CAUSEWAY_CONTROL CAUSEWAYCTL
"""
import json
import os
import subprocess
import sys
import threading
import time

CTL = sys.argv.pop(2) if len(sys.argv) > 2 else "causewayctl"

from control_client import PATIENCE_S, SITE_A, SITE_B, Fresh, main, path_spec  # noqa: E402

PORTS = [{"name": "wan%d" % n, "addresses": ["10.200.%d.1" % n]} for n in range(4)]
FAR_PORTS = [{"name": "wan%d" % n, "addresses": ["10.200.%d.2" % n]} for n in range(4)]


def link(n, **more):
    return {"spec": {"a": "gw-a:wan%d" % n, "z": "gw-b:wan%d" % n, "capacity_bps": "10G", "rtt": "10ms", **more}}


class Base(Fresh):
    def build(self, *paths, links=None, gateway=None):
        """Two sites with the links {name: link}."""
        links = links or {"l1": link(0)}
        items = [{"kind": "site", "name": "a", **SITE_A}, {"kind": "site", "name": "b", **SITE_B},
                 {"kind": "gateway", "name": "gw-a", "spec": {"site": "a", "ports": PORTS, **(gateway or {})}},
                 {"kind": "gateway", "name": "gw-b", "spec": {"site": "b", "ports": FAR_PORTS}}]
        items += [{"kind": "link", "name": name, **body} for name, body in links.items()]
        items += [{"kind": "path", "name": name, **body} for name, body in paths]
        answer = self.daemon.call("POST", "/apply", {"items": items})
        self.assertEqual(answer.status, 200, answer.text)

    def explain(self, name="job1", kind="paths"):
        answer = self.daemon.get("/%s/%s/explain" % (kind, name))
        self.assertEqual(answer.status, 200, answer.text)
        return answer.json

    def ctl(self, *args, code=0):
        env = dict(os.environ, CAUSEWAY_URL=self.daemon.url[:-3])
        done = subprocess.run([CTL, *args], capture_output=True, text=True, env=env, timeout=PATIENCE_S, check=False)
        self.assertEqual(done.returncode, code, done.stdout + done.stderr)
        return done.stdout


def verdicts(explanation):
    return {row["link"]: row["verdict"] for row in explanation["route"]["candidates"]}


def codes(rows):
    return [row["code"] for row in rows]


class Explain(Base):
    def test_life(self):
        self.build(("job1", path_spec()))
        told = self.explain()
        self.assertEqual((told["life_cycle"]["state"], told["life_cycle"]["code"]), ("pending", "not-connected"))
        self.assertEqual(told["reservation"]["state"], "committed")
        self.assertEqual(told["provisioning"]["state"], "wait")
        self.assertEqual([g["state"] for g in told["provisioning"]["gateways"]], ["unheard", "unheard"])
        self.assertEqual(told["data_plane"]["state"], "unknown")
        self.assertIn("look-at-gateway", codes(told["actions"]))
        self.assertEqual(codes(told["next"]), ["becomes-active"])
        self.assertEqual((told["when_down"]["value"], told["when_down"]["applies"]), ("block", False))

        gw_a, gw_b = self.connect()
        gw_b.is_proving = False
        gw_b.report()
        self.drive("activating")
        told = self.explain()
        self.assertEqual([g["state"] for g in told["data_plane"]["gateways"]], ["not-claiming", "not-proved"])
        self.assertEqual((told["life_cycle"]["code"], told["provisioning"]["state"]), ("not-proved", "receive"))
        self.assertTrue(told["when_down"]["applies"])
        self.assertIn("look-at-link", codes(told["actions"]))

        gw_b.is_proving = True
        self.drive("active")
        told = self.explain()
        self.assertEqual((told["life_cycle"]["code"], told["provisioning"]["state"], told["data_plane"]["state"]),
                         ("proved", "claim", "proved"))
        self.assertTrue(told["life_cycle"]["since"])
        self.assertEqual([(g["state"], g["generation"], g["wanted"]) for g in told["provisioning"]["gateways"]],
                         [("applied", 1, 1)] * 2)
        self.assertEqual(codes(told["next"]), [])
        self.assertFalse(told["when_down"]["applies"])

        gw_b.error = "no memory"
        self.drive("degraded")
        told = self.explain()
        self.assertEqual((told["life_cycle"]["code"], told["data_plane"]["gateways"][1]["error"]), ("error", "no memory"))
        self.assertEqual(codes(told["next"]), ["recovers"])
        gw_b.error = None
        self.drive("active")
        self.assertEqual(self.daemon.call("DELETE", "/paths/job1").status, 202)
        told = self.explain()
        self.assertEqual((told["reservation"]["state"], told["life_cycle"]["state"]), ("releasing", "draining"))
        self.assertEqual((codes(told["next"]), told["actions"]), (["released"], []))
        self.drive(None)
        self.problem(self.daemon.get("/paths/job1/explain"), 404, "not-found")

    def test_clock(self):
        self.build(("held", path_spec(commit="manual", ports="1")),
                   ("later", path_spec(ports="2", start="2098-01-01T00:00:00Z", end="2099-01-01T00:00:00Z", lease="1h")))
        told = self.explain("held")
        self.assertEqual(told["reservation"]["state"], "held")
        self.assertEqual(codes(told["next"]), ["hold-ends"])
        self.assertEqual(told["next"][0]["at"], told["reservation"]["hold_until"])
        self.assertEqual(codes(told["actions"]), ["commit", "abort", "release"])
        told = self.explain("later")
        self.assertEqual((told["life_cycle"]["state"], told["life_cycle"]["code"]), ("scheduled", "early"))
        self.assertEqual([(row["code"], row["at"][:4]) for row in told["next"] if row["code"] != "lease-ends"],
                         [("starts", "2098"), ("ends", "2099")])
        self.assertIn("lease-ends", codes(told["next"]))
        self.assertIn("renew", codes(told["actions"]))

    def test_route(self):
        """Each link between the sites has its verdict, and what is booked is counted."""
        self.build(("other", path_spec(rate="8G", ports="1")),
                   ("job1", path_spec(rate="1G", ports="2", rtt_max="20ms")),
                   links={"l1": link(0, cost=20), "l2": link(1, cost=1, rtt="50ms"), "l3": link(2, cost=99),
                          "l4": link(3, cost=30)})
        self.assertEqual(self.explain("other")["route"]["link"], "l2")
        told = self.explain()
        self.assertEqual((told["route"]["link"], verdicts(told)),
                         ("l1", {"l1": "taken", "l2": "too-slow", "l3": "fits", "l4": "fits"}))
        for name, admin in (("l3", "drain"), ("l4", "down")):
            body = link(int(name[1]) - 1, admin=admin)
            self.assertEqual(self.daemon.put("/links/" + name, body).status, 200)
        self.assertEqual(self.daemon.put("/paths/job2", path_spec(rate="7500M", ports="3", rtt_max="20ms")).status, 409)
        told = self.explain()
        self.assertEqual(verdicts(told), {"l1": "taken", "l2": "too-slow", "l3": "drained", "l4": "down"})
        room = {row["link"]: row["room_bps"] for row in told["route"]["candidates"]}
        self.assertEqual(room["l1"]["a_to_z"], room["l3"]["a_to_z"])
        self.assertLess(room["l2"]["a_to_z"], 10 ** 9)  # 9G less 8G with headers
        rates = [row for row in told["booked"] if row["resource"] == "link-rate"]
        self.assertEqual([(row["of"], row["leaving"], row["others"], row["limit"]) for row in rates],
                         [("l1", "a", 0, 9 * 10 ** 9), ("l1", "b", 0, 9 * 10 ** 9)])
        self.assertGreater(rates[0]["booked"], 10 ** 9)
        self.assertEqual(rates[0]["room"], rates[0]["limit"] - rates[0]["booked"])
        # What has not enough room left says how much it has.
        wide = self.explain("other")
        self.assertEqual(verdicts(wide)["l1"], "insufficient-bandwidth")
        text = next(row["text"] for row in wide["route"]["candidates"] if row["link"] == "l1")
        self.assertIn("are booked in its time", text)

    def test_binding(self):
        """The one of which least is left: a gateway's memory here, a tenant's quota there."""
        self.build(links={"l1": link(0)}, gateway={"buffer_bytes": "3MiB"})
        self.assertEqual(self.daemon.put("/tenants/t", {"spec": {"quota": {"rate_bps": "1100M"}}}).status, 201)
        self.assertEqual(self.daemon.put("/paths/job1", path_spec(rate="500M", ports="1")).status, 201)
        told = self.explain()
        self.assertEqual((told["binding"]["resource"], told["binding"]["of"]), ("gateway-buffers", "gw-a"))
        self.assertEqual(told["binding"]["unit"], "bytes")
        self.assertEqual(self.daemon.put("/gateways/gw-a", {"spec": {"site": "a", "ports": PORTS}}).status, 200)
        self.assertEqual(self.daemon.put("/paths/job1", path_spec(rate="1G", ports="1", tenant="t")).status, 200)
        told = self.explain()
        self.assertEqual((told["binding"]["resource"], told["binding"]["of"]), ("tenant-rate", "t"))
        self.assertEqual(told["binding"]["room"], 10 ** 8)

    def test_shared_risk(self):
        self.build(("one", path_spec(ports="1")), ("two", path_spec(ports="2", diverse_from="one")),
                   links={"l1": link(0, cost=1, srlgs=["duct"]), "l2": link(1, cost=2, srlgs=["duct"]),
                          "l3": link(2, cost=3)})
        self.assertEqual(verdicts(self.explain("two")), {"l1": "shares-risk", "l2": "shares-risk", "l3": "taken"})

    def test_backup(self):
        self.build(("job1", path_spec(protection="1:1")),
                   links={"l1": link(0, cost=1), "l2": link(1, cost=2), "l3": link(2, cost=3)})
        told = self.explain()
        self.assertEqual(verdicts(told), {"l1": "taken", "l2": "backup", "l3": "fits"})
        self.assertEqual([row["of"] for row in told["booked"] if row["resource"] == "link-rate"],
                         ["l1", "l1", "l2", "l2"])

    def test_move(self):
        """While the gateways have not proved the new link the old one carries, and both are told of."""
        self.build(("job1", path_spec()), links={"l1": link(0, cost=1), "l2": link(1, cost=2)})
        self.connect()
        self.drive("active")
        self.assertEqual(self.daemon.put("/links/l1", link(0, cost=1, admin="drain")).status, 200)
        until = time.monotonic() + PATIENCE_S
        told = self.explain()
        while told["route"]["link"] != "l2" and time.monotonic() < until:
            told = self.explain()
        self.assertEqual(verdicts(told), {"l1": "leaving", "l2": "taken"})
        self.assertIn("moves", codes(told["next"]))
        self.assertEqual(sorted({row["of"] for row in told["booked"] if row["resource"] == "link-rate"}), ["l1", "l2"])
        self.drive("active")
        until = time.monotonic() + PATIENCE_S
        while codes(told["next"]) and time.monotonic() < until:
            self.drive("active")
            told = self.explain()
        self.assertEqual(verdicts(told), {"l1": "drained", "l2": "taken"})

    def test_cluster(self):
        self.build(links={"l1": link(0)})
        body = {"spec": {"members": [{"site": "a"}, {"site": "b"}], "demand": {"rate_bps": "1G"}}}
        self.assertEqual(self.daemon.put("/clusters/train", body).status, 201)
        told = self.explain("train", "clusters")
        self.assertEqual((told["state"], [path["code"] for path in told["paths"]]), ("pending", ["not-connected"]))
        self.assertEqual(told["least"]["path"], "train.a-b")
        self.assertIn("change-cluster", codes(told["least"]["actions"]))
        self.problem(self.daemon.get("/clusters/none/explain"), 404, "not-found")

    def test_people(self):
        """causewayctl explain: the same, aligned."""
        self.build(("job1", path_spec()), links={"l1": link(0), "l2": link(1, admin="drain")})
        self.connect()
        self.drive("active")
        text = self.ctl("explain", "path", "job1")
        for part in ("path job1 is active: both gateways proved and claim it", "reservation", "provisioning", "data plane",
                     "l2", "drained", "the path is here", "link-rate", "least is left of link-rate of l1",
                     "causewayctl path rm job1"):
            self.assertIn(part, text)
        self.assertFalse([line for line in text.splitlines() if line.endswith(" ")])
        self.assertEqual(json.loads(self.ctl("-o", "json", "explain", "paths", "job1"))["path"], "job1")
        body = {"spec": {"members": [{"site": "a"}, {"site": "b"}], "demand": {"rate_bps": "1G"},
                         "path": {"match": [{"protocol": "udp"}]}}}
        self.assertEqual(self.daemon.put("/clusters/train", body).status, 201)
        self.assertIn("cluster train is", self.ctl("explain", "cluster", "train"))
        self.ctl("explain", "site", "a", code=2)
        self.ctl("explain", "path", "none", code=1)


class Validate(Base):
    def validate(self):
        answer = self.daemon.get("/validate")
        self.assertEqual(answer.status, 200, answer.text)
        return answer.json

    def differences(self):
        """(gateway, code, path) of each."""
        told = self.validate()
        rows = [(gateway["name"], row["code"], row.get("path")) for gateway in told["gateways"]
                for row in gateway["differences"]]
        self.assertEqual((told["clean"], told["difference_count"]), (not rows, len(rows)))
        return rows

    def until_clean(self):
        until = time.monotonic() + PATIENCE_S
        rows = self.differences()
        while rows and time.monotonic() < until:
            for gateway in self.gateways:
                gateway.report()
            rows = self.differences()
        self.assertEqual(rows, [])

    def test_no_gateway(self):
        self.build(("job1", path_spec()))
        self.assertEqual(self.differences(), [(name, code, None) for name in ("gw-a", "gw-b")
                                              for code in ("not-connected", "silent")])

    def test_differences(self):
        self.build(("job1", path_spec(ports="1")), ("job2", path_spec(ports="2")))
        gw_a, gw_b = self.connect()
        self.drive("active")
        self.drive("active", "job2")
        self.until_clean()
        told = self.validate()["gateways"][0]
        self.assertEqual((told["connected"], told["heard"], told["paths_wanted"], told["paths_carried"]),
                         (True, True, 2, 2))
        entries = [gw_a._entry(path) for path in gw_a.intent["paths"]]
        gw_a.report(paths=entries[1:])
        self.assertEqual(self.differences(), [("gw-a", "path-missing", "job1")])
        ghost = {**entries[0], "name": "ghost", "id": 1}
        gw_a.report(paths=entries + [ghost])
        self.assertEqual(self.differences(), [("gw-a", "path-unknown", "ghost")])
        gw_a.report(paths=[{**entries[0], "generation": 0}, entries[1]])
        self.assertEqual(self.differences(), [("gw-a", "generation-behind", "job1")])
        gw_a.report(paths=[{**entries[0], "claiming": False}, {**entries[1], "error": "none left"}])
        self.assertEqual(self.differences(), [("gw-a", "not-claiming", "job1"), ("gw-a", "path-error", "job2")])
        link_id = gw_a.intent["paths"][0]["link"]
        good = {"class": 0, "link": link_id, "link_rtt_ns": 10000000}
        gw_a.report(paths=[{**entries[0], **good}, entries[1]])
        self.assertEqual(self.differences(), [])
        for key, value, code in (("class", 1, "class-differs"), ("link", link_id % 255 + 1, "link-differs"),
                                 ("link_rtt_ns", 1, "rtt-differs")):
            gw_a.report(paths=[{**entries[0], **good, key: value}, entries[1]])
            self.assertEqual(self.differences(), [("gw-a", code, "job1")])
            row = self.validate()["gateways"][0]["differences"][0]
            self.assertEqual((row["wanted"], row["found"]), (good[key], value))
        gw_a.report(term=gw_a.intent["term"] - 1)
        self.assertEqual(self.differences(), [("gw-a", "term-behind", None)])
        gw_a.report()
        self.until_clean()
        gw_b.close()
        self.assertIn(("gw-b", "not-connected", None), self.differences())
        gw_b.connect()

    def test_pages(self):
        self.build()
        first = self.daemon.get("/validate?limit=1").json
        self.assertEqual([row["name"] for row in first["gateways"]], ["gw-a"])
        second = self.daemon.get("/validate?limit=1&continue=" + first["continue"]).json
        self.assertEqual([row["name"] for row in second["gateways"]], ["gw-b"])
        self.assertNotIn("continue", second)
        self.problem(self.daemon.get("/validate?label=x"), 400, "unknown-parameter")

    def test_people(self):
        self.build(("job1", path_spec()))
        text = self.ctl("validate", code=2)
        self.assertIn("silent", text)
        self.assertFalse(json.loads(self.ctl("-o", "json", "validate", code=2))["clean"])
        self.connect()
        self.drive("active")
        self.until_clean()
        self.assertIn("no differences", self.ctl("validate"))


class Waits(Base):
    """Answers that come when something has come about."""

    def ask(self, method, path, body=None):
        """In the background: the answer comes to the list."""
        answers = []
        thread = threading.Thread(target=lambda: answers.append(self.daemon.call(method, path, body)))
        thread.start()
        return thread, answers

    def answered(self, asked, drive):
        thread, answers = asked
        until = time.monotonic() + PATIENCE_S
        while thread.is_alive() and time.monotonic() < until:
            drive()
            thread.join(0.05)
        thread.join()
        return answers[0]

    def reports(self):
        for gateway in self.gateways:
            gateway.report()

    CLUSTER = {"spec": {"members": [{"site": "a"}, {"site": "b"}], "demand": {"rate_bps": "1G"}}}

    def test_put_of_a_path(self):
        self.build()
        self.connect()
        answer = self.answered(self.ask("PUT", "/paths/job1?wait=active", path_spec()), self.reports)
        self.assertEqual((answer.status, answer.json["status"]["state"]), (201, "active"))
        # Active already.
        self.assertEqual(self.daemon.put("/paths/job1?wait=active", path_spec()).status, 200)
        late = self.daemon.put("/paths/job2?wait=failed&timeout=50ms", path_spec(ports="1"))
        self.assertEqual(late.status, 201)

    def test_cluster(self):
        self.build()
        self.connect()
        answer = self.daemon.put("/clusters/train?wait=active&timeout=50ms", self.CLUSTER)
        self.assertEqual(answer.status, 201)
        self.assertNotEqual(answer.json["status"]["state"], "active")
        answer = self.answered(self.ask("GET", "/clusters/train?wait=active"), self.reports)
        self.assertEqual((answer.status, answer.json["status"]["state"]), (200, "active"))
        # A change of what is proved must be proved anew before it is active again.
        changed = {"spec": {**self.CLUSTER["spec"], "path": {"class": "bulk"}}}
        answer = self.answered(self.ask("PUT", "/clusters/train?wait=active", changed), self.reports)
        self.assertEqual((answer.status, answer.json["status"]["state"]), (200, "active"))
        self.assertEqual(self.daemon.get("/paths/train.a-b").json["status"]["generation"], 2)
        self.gateways[0].error = "no memory"
        answer = self.answered(self.ask("GET", "/clusters/train?wait=degraded"), self.reports)
        self.assertEqual(answer.json["status"]["state"], "degraded")

    def test_cluster_that_fails(self):
        self.build()
        self.connect()
        self.gateways[0].error = "no memory"
        answer = self.answered(self.ask("PUT", "/clusters/train?wait=active", self.CLUSTER), self.reports)
        self.assertEqual((answer.status, answer.json["status"]["state"]), (201, "failed"))

    def test_cluster_that_goes(self):
        self.build()
        self.assertEqual(self.daemon.put("/clusters/train", self.CLUSTER).status, 201)
        asked = self.ask("GET", "/clusters/train?wait=active")
        time.sleep(0.2)
        self.assertEqual(self.daemon.call("DELETE", "/clusters/train").status, 204)
        self.assertEqual(self.answered(asked, lambda: None).status, 200)
        self.problem(self.daemon.get("/clusters/train?wait=active"), 404, "not-found")
        self.assertEqual(self.daemon.put("/clusters/train", self.CLUSTER).status, 201)
        self.problem(self.daemon.call("DELETE", "/clusters/train?wait=released"), 400, "invalid-argument")

    def test_verbs(self):
        self.build(("job1", path_spec(commit="manual", lease="1h", ports="1")),
                   ("job2", path_spec(commit="manual", ports="2")))
        self.connect()
        answer = self.answered(self.ask("POST", "/paths/job1/commit?wait=active"), self.reports)
        self.assertEqual((answer.status, answer.json["status"]["state"]), (200, "active"))
        answer = self.daemon.call("POST", "/paths/job1/renew?wait=active")
        self.assertEqual((answer.status, answer.json["status"]["state"]), (200, "active"))
        answer = self.answered(self.ask("POST", "/paths/job2/abort?wait=released"), self.reports)
        self.assertEqual((answer.status, answer.json["status"]["state"]), (200, "released"))

    def test_what_does_not_wait(self):
        self.build()
        for path in ("/sites/a?wait=active", "/links/l1?wait=active", "/gateways/gw-a?timeout=1s"):
            self.problem(self.daemon.get(path), 400, "invalid-argument")
        self.problem(self.daemon.put("/sites/a?wait=active", SITE_A), 400, "invalid-argument")

    def test_people(self):
        self.build(("job1", path_spec(commit="manual")))
        self.connect()
        self.assertEqual(self.daemon.put("/clusters/train", {"spec": {
            **self.CLUSTER["spec"], "path": {"match": [{"protocol": "udp"}]}}}).status, 201)
        stop = threading.Event()

        def report():
            while not stop.wait(0.05):
                self.reports()

        thread = threading.Thread(target=report)
        thread.start()
        try:
            self.assertIn("path job1 is active", self.ctl("path", "commit", "job1", "--wait"))
            self.assertIn("cluster train is active", self.ctl("cluster", "show", "train", "--wait"))
        finally:
            stop.set()
            thread.join()


if __name__ == "__main__":
    main()
