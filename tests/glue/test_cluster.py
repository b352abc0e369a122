"""Virtual clusters and offers of causeway-control: planned, admitted and let go as one."""
import datetime
import os
import random
import sys
import time

from control_client import Fresh, Gateway, PATIENCE_S, main

SITES = "abcd"
MATCH = [{"protocol": "tcp", "ports": ["5000-5999"]}]


def world(links, sites=3):
    """Sites a, b, .. with a gateway each and links {"ab": {spec}}: ports are made as they are needed."""
    ports = {name: [] for name in SITES[:sites]}
    items, ends = [], {}
    for pair in sorted(links):
        for site in pair[:2]:
            n = len(ports[site])
            ports[site].append({"name": "wan%d" % n, "addresses": ["10.200.%d.%d" % (n, ord(site))]})
            ends[pair, site] = "gw-%s:wan%d" % (site, n)
    for n, name in enumerate(SITES[:sites]):
        items.append({"kind": "site", "name": name, "spec": {"prefixes": ["10.10%d.0.0/16" % (n + 1)]}})
        items.append({"kind": "gateway", "name": "gw-" + name, "spec": {"site": name, "ports": ports[name]}})
    for pair, spec in sorted(links.items()):
        items.append({"kind": "link", "name": pair, "spec": {
            "a": ends[pair, pair[0]], "z": ends[pair, pair[1]], "capacity_bps": "100G", **spec}})
    return items


def cluster(members="abc", match=None, path=None, **demand):
    return {"spec": {"members": [{"site": name, "nodes": 2} for name in members],
                     "demand": demand or {"rate_bps": "10G"},
                     "path": {"match": match or MATCH, **(path or {})}}}


TRIANGLE = {"ab": {"rtt": "5ms"}, "bc": {"rtt": "10ms"}, "ac": {"rtt": "20ms"}}


def at(seconds):
    """A point in time from now on."""
    when = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=seconds)
    return when.strftime("%Y-%m-%dT%H:%M:%SZ")


class Built(Fresh):
    def build(self, links, sites=3):
        answer = self.daemon.call("POST", "/apply", {"items": world(links, sites)})
        self.assertEqual(answer.status, 200, answer.text)


class Clusters(Built):

    def paths(self):
        items = self.daemon.get("/paths").json["items"]
        return {p["name"]: p for p in items if p["status"]["state"] not in ("draining", "released")}

    def status(self, name="train"):
        return self.daemon.get("/clusters/" + name).json["status"]

    def eventually(self, holds):
        until = time.monotonic() + PATIENCE_S
        while not holds():
            self.assertLess(time.monotonic(), until)
            time.sleep(0.05)

    def test_ring(self):
        self.build(TRIANGLE)
        made = self.daemon.put("/clusters/train", cluster())
        self.assertEqual(made.status, 201, made.text)
        self.assertEqual(sorted(self.paths()), ["train.a-b", "train.a-c", "train.b-c"])
        for path in self.paths().values():
            self.assertEqual(path["spec"]["rate_bps"], 10**10)
            self.assertEqual(path["spec"]["match"][0]["ports"], ["5000-5999"])
        status = self.status()
        self.assertEqual(sorted(status["ring"]), ["a", "b", "c"])
        self.assertEqual(status["narrowest_cut"], {"from": ["a"], "rate_bps": 2 * 10**10, "paths": 2})
        self.assertIsNone(status["step"])  # no bytes, no period: nothing to reckon with
        # The same again changes nothing.
        again = self.daemon.put("/clusters/train", cluster())
        self.assertEqual((again.status, again.json["revision"]), (200, made.json["revision"]))

    def test_ring_is_the_shortest(self):
        self.build({"ab": {"rtt": "1ms"}, "bc": {"rtt": "50ms"}, "cd": {"rtt": "1ms"}, "ad": {"rtt": "50ms"},
                    "ac": {"rtt": "2ms"}, "bd": {"rtt": "2ms"}}, 4)
        self.assertEqual(self.daemon.put("/clusters/train", cluster("abcd")).status, 201)
        self.assertEqual(self.status()["ring"], ["a", "b", "d", "c"])
        self.assertEqual(sorted(self.paths()), ["train.a-b", "train.a-c", "train.b-d", "train.c-d"])

    def test_each_path_has_a_backup(self):
        """1:1 needs room on two links of each pair: a plan goes around pairs that have not."""
        far = {name: {"rtt": "10ms"} for name in ("ac", "ac2", "bc", "bc2")}
        self.build({"ab": {"rtt": "1ms"}, **far})
        asked = cluster(pattern="tree", rate_bps="10G", path={"protection": "1:1"})
        self.assertEqual(self.daemon.put("/clusters/train", cluster(pattern="tree", rate_bps="10G")).status, 201)
        self.assertIn("train.a-b", self.paths())
        changed = self.daemon.put("/clusters/train", asked)
        self.assertEqual(changed.status, 200, changed.text)
        self.eventually(lambda: sorted(self.paths()) == ["train.a-c", "train.b-c"])
        self.assertEqual({path["status"]["backup"] for path in self.paths().values()}, {"ac2", "bc2"})
        # A second one that is too narrow is none.
        self.assertIn(self.daemon.call("DELETE", "/clusters/train").status, (200, 202, 204))
        self.eventually(lambda: not self.paths())
        self.build({"ab": {"rtt": "1ms"}, "ab2": {"rtt": "1ms", "capacity_bps": "5G"}, **far})
        self.assertEqual(self.daemon.put("/clusters/train", asked).status, 201)
        self.assertEqual(sorted(self.paths()), ["train.a-c", "train.b-c"])

    def test_bytes_make_the_rates(self):
        self.build(TRIANGLE)
        body = cluster(bytes_per_step="512MiB", step_period="1s", efficiency_percent=90, overlap_percent=0)
        self.assertEqual(self.daemon.put("/clusters/train", body).status, 201)
        step = self.status()["step"]
        self.assertGreaterEqual(step["efficiency"], 0.9)
        self.assertEqual(step["limited_by"], "bandwidth")
        self.assertIn(step["path"], self.paths())

    def test_none_or_all(self):
        self.build({**TRIANGLE, "ac": {"capacity_bps": "20G"}})
        refused = self.problem(self.daemon.put("/clusters/train", cluster(rate_bps="50G")), 409,
                               "insufficient-bandwidth", "/spec/demand")
        self.assertEqual(self.paths(), {})
        self.assertEqual(self.daemon.get("/clusters/train").status, 404)
        offer = refused["offers"][0]["rate_bps"]
        self.assertGreater(offer, 10 * 10**9)
        self.assertEqual(self.daemon.put("/clusters/train", {"spec": refused["offers"][0]["spec"]}).status, 201)
        self.assertEqual(self.daemon.get("/clusters/train").json["spec"]["demand"]["rate_bps"], offer)
        self.problem(self.daemon.put("/clusters/more", cluster(
            rate_bps=offer, match=[{"protocol": "tcp", "ports": ["6000-6999"]}])), 409, "insufficient-bandwidth")
        self.assertEqual(len(self.paths()), 3)

    def test_refused_by_time(self):
        self.build(TRIANGLE)
        self.problem(self.daemon.put("/clusters/train", cluster(bytes_per_step="1MiB", step_period="10ms")), 409,
                     "latency-infeasible")

    def test_no_ring(self):
        self.build({"ab": {}, "bc": {}})
        self.problem(self.daemon.put("/clusters/train", cluster()), 409, "no-route")
        made = self.daemon.put("/clusters/train", cluster(pattern="tree", rate_bps="10G"))
        self.assertEqual(made.status, 201, made.text)
        self.assertEqual(self.status()["tree"], {"root": "b", "parents": {"a": "b", "c": "b"}})

    def test_matrix(self):
        self.build(TRIANGLE)
        body = cluster(pattern="matrix", matrix=[{"from": "a", "to": "b", "rate_bps": "2G"},
                                                 {"from": "c", "to": "a", "rate_bps": "1G"}])
        self.assertEqual(self.daemon.put("/clusters/train", body).status, 201)
        paths = self.paths()
        self.assertEqual(sorted(paths), ["train.a-b", "train.a-c"])
        self.assertEqual(paths["train.a-b"]["spec"]["rate_bps"]["a_to_z"], 2 * 10**9)
        self.assertEqual(paths["train.a-c"]["spec"]["rate_bps"]["z_to_a"], 10**9)

    def test_change_in_place(self):
        self.build(TRIANGLE)
        self.daemon.put("/clusters/train", cluster())
        before = self.paths()
        self.assertEqual(self.daemon.put("/clusters/train", cluster(rate_bps="20G")).status, 200)
        after = self.paths()
        for name, path in after.items():
            self.assertEqual(path["status"]["path_id"], before[name]["status"]["path_id"])
            self.assertEqual(path["spec"]["rate_bps"], 20 * 10**9)
        self.assertEqual(self.daemon.put("/clusters/train", cluster("ab")).status, 200)
        self.eventually(lambda: sorted(self.paths()) == ["train.a-b"])

    def test_paths_are_the_clusters(self):
        self.build(TRIANGLE)
        self.daemon.put("/clusters/train", cluster())
        path = {"spec": self.paths()["train.a-b"]["spec"]}
        self.problem(self.daemon.put("/paths/train.a-b", path), 409, "kept-by-cluster")
        self.problem(self.daemon.call("DELETE", "/paths/train.a-b"), 409, "kept-by-cluster")
        self.assertEqual(self.daemon.call("DELETE", "/clusters/train").status, 204)
        self.eventually(lambda: self.daemon.get("/paths").json["items"] == [])
        # A path of that name that is not its own stays what it is.
        self.daemon.put("/paths/train.a-b", path)
        self.problem(self.daemon.put("/clusters/train", cluster()), 409, "exists-different")

    def test_with_its_ground_in_one_request(self):
        items = world(TRIANGLE) + [{"kind": "cluster", "name": "train", **cluster()}]
        answer = self.daemon.call("POST", "/apply", {"items": items})
        self.assertEqual(answer.status, 200, answer.text)
        self.assertEqual(len(self.paths()), 3)

    def test_active(self):
        self.build(TRIANGLE)
        self.daemon.put("/clusters/train", cluster())
        self.gateways = [Gateway(self.daemon, "gw-" + name) for name in "abc"]
        for gateway in self.gateways:
            gateway.wait_line(lambda line: "paths" in line)
        for name in ("train.a-b", "train.a-c", "train.b-c"):
            self.drive("active", name)
        self.assertEqual(self.status()["state"], "active")
        self.gateways[2].is_proving = False
        self.gateways[2].error = "no buffers"
        for gateway in self.gateways:
            gateway.report()
        self.eventually(lambda: self.status()["state"] != "active")
        self.assertIn("-c: ", self.status()["reason"])

    def test_settings(self):
        self.build(TRIANGLE)
        self.problem(self.daemon.get("/clusters/train/settings"), 404, "not-found")
        self.daemon.put("/clusters/train", cluster())
        answer = self.daemon.get("/clusters/train/settings").json
        self.assertEqual([member["site"] for member in answer["members"]], ["a", "b", "c"])
        for member in answer["members"]:
            self.assertTrue(member["env"])
            for setting in member["settings"]:
                self.assertTrue(setting["name"] and setting["value"] and setting["reason"], setting)

    def test_bad(self):
        self.build(TRIANGLE)
        good = cluster()["spec"]
        for change, pointer in (
                ({"members": [{"site": "a"}]}, "/spec/members"),
                ({"members": [{"site": "a"}, {"site": "a"}]}, "/spec/members/1"),
                ({"members": [{"site": "a"}, {"site": "x"}]}, "/spec/members/1/site"),
                ({"demand": {}}, "/spec/demand"),
                ({"demand": {"pattern": "star"}}, "/spec/demand/pattern"),
                ({"demand": {"rate_bps": "1G", "bytes": 1}}, "/spec/demand/bytes"),
                ({"demand": {"bytes_per_step": "1GiB"}}, "/spec/demand"),
                ({"path": {"rate_bps": "1G"}}, "/spec/path/rate_bps"),
                ({"path": {"class": "gold"}}, "/spec/path/class"),
                ({"tenant": "nobody"}, None)):
            answer = self.daemon.put("/clusters/train", {"spec": {**good, **change}})
            self.assertEqual(answer.status, 400, "%s: %s" % (change, answer.text))
            if pointer:
                self.assertIn(pointer, [error["pointer"] for error in answer.json["errors"]], answer.text)
        long_name = "c" * 63
        self.problem(self.daemon.put("/clusters/" + long_name, cluster()), 400, "invalid-argument", "/spec/members")

    def test_offers(self):
        self.build(TRIANGLE)
        revision = self.daemon.get("/status").json["revision"]
        path = {"a": {"site": "a"}, "z": {"site": "b"}, "rate_bps": "1G"}
        offer = self.daemon.call("POST", "/offers", {"spec": path}).json
        self.assertEqual((offer["possible"], offer["paths"][0]["link"]), (True, "ab"))
        offer = self.daemon.call("POST", "/offers", {"spec": {**path, "rate_bps": "1000G"}}).json
        self.assertEqual((offer["possible"], offer["code"]), (False, "insufficient-bandwidth"))
        for counter in offer["offers"]:
            self.assertTrue(self.daemon.call("POST", "/offers", {"spec": counter["spec"]}).json["possible"])
        offer = self.daemon.call("POST", "/offers", {"kind": "cluster", **cluster()}).json
        self.assertEqual((offer["possible"], len(offer["paths"])), (True, 3))
        self.problem(self.daemon.call("POST", "/offers", {"kind": "site", "spec": {}}), 400, "invalid-argument")
        self.problem(self.daemon.call("POST", "/offers", {"spec": {}}), 400, "missing-field")
        self.assertEqual(self.daemon.get("/status").json["revision"], revision)


class Offers(Built):
    """What is offered in the place of a cluster that does not fit is granted, each of it."""

    def limit(self, site, size):
        gateway = self.daemon.get("/gateways/gw-" + site).json
        answer = self.daemon.put("/gateways/gw-" + site, {"spec": {**gateway["spec"], "buffer_bytes": size}})
        self.assertEqual(answer.status, 200, answer.text)

    def busy(self, a, z, rate, **more):
        spec = {"a": {"site": a}, "z": {"site": z}, "rate_bps": rate, "match": [{"protocol": "tcp", "ports": ["22"]}]}
        answer = self.daemon.put("/paths/busy", {"spec": {**spec, **more}})
        self.assertEqual(answer.status, 201, answer.text)

    def check(self, body, code, kinds):
        refused = self.problem(self.daemon.put("/clusters/train", body), 409, code)
        self.assertEqual(sorted(offer["kind"] for offer in refused.get("offers", [])), kinds, refused)
        self.assertEqual(self.daemon.get("/paths").json["items"], self.before)
        for offer in refused.get("offers", []):
            taken = self.daemon.put("/clusters/train", {"spec": offer["spec"]})
            self.assertEqual(taken.status, 201, taken.text)
            self.assertEqual(self.daemon.call("DELETE", "/clusters/train").status, 204)
            until = time.monotonic() + PATIENCE_S
            while len(self.daemon.get("/paths").json["items"]) > len(self.before):
                self.assertLess(time.monotonic(), until)
                time.sleep(0.02)
        return {offer["kind"]: offer for offer in refused.get("offers", [])}

    def setUp(self):
        super().setUp()
        self.before = []

    def test_buffers(self):
        self.build(TRIANGLE)
        self.limit("b", "700MiB")
        offers = self.check(cluster(rate_bps="80G"), "insufficient-buffers", ["rate"])
        # Both of b's paths are in it, and no more would have gone.
        rate = offers["rate"]["rate_bps"]
        self.assertEqual(offers["rate"]["spec"]["demand"]["rate_bps"], rate)
        self.problem(self.daemon.put("/clusters/train", cluster(rate_bps=rate + 10**6)), 409, "insufficient-buffers",
                     "/spec/demand")
        rates = (("a", "b", "80G"), ("b", "a", "80G"), ("b", "c", "40G"), ("c", "b", "40G"))
        body = cluster(pattern="matrix", matrix=[{"from": a, "to": z, "rate_bps": bps} for a, z, bps in rates])
        self.limit("b", "400MiB")
        matrix = self.check(body, "insufficient-buffers", ["rate"])["rate"]["spec"]["demand"]["matrix"]
        rates = [entry["rate_bps"] for entry in matrix]
        self.assertAlmostEqual(rates[0] / rates[2], 2, 3)
        # A demand by bytes becomes one by rate.
        body = cluster(bytes_per_step="4GiB", step_period="1500ms")
        self.assertIn("rate_bps", self.check(body, "insufficient-buffers", ["rate"])["rate"]["spec"]["demand"])
        offer = self.daemon.call("POST", "/offers", {"kind": "cluster", **cluster(rate_bps="80G")}).json
        self.assertEqual(offer["code"], "insufficient-buffers")
        self.assertLess(offer["offers"][0]["rate_bps"], rate)

    def test_random(self):
        """Whatever is refused for want of room: each offer would be taken, as it is."""
        seed = int(os.environ.get("CAUSEWAY_SEED", "0") or 0) or int(time.time())
        print("CAUSEWAY_SEED=%d" % seed, file=sys.stderr)
        source = random.Random(seed)
        pairs = ["ab", "ac", "ad", "bc", "bd", "cd"]
        self.build({pair: {"rtt": "%dms" % source.randrange(1, 40), "capacity_bps": "%dG" % source.randrange(5, 100)}
                    for pair in pairs}, 4)
        self.daemon.put("/tenants/blue", {"spec": {"quota": {"rate_bps": "90G", "horizon": "2h"}}})
        for site in "bcd":
            self.limit(site, "%dMiB" % source.randrange(50, 900))
        self.busy("a", "b", "2G", end=at(900), start=at(300))
        kinds = {}
        for _ in range(40):
            rate = "%dG" % source.randrange(1, 100)
            demand = source.choice(({"rate_bps": rate}, {"rate_bps": rate, "one_way": True},
                                    {"pattern": "tree", "rate_bps": rate},
                                    {"bytes_per_step": "%dMiB" % source.randrange(1, 4000), "step_period": "2s"},
                                    {"pattern": "matrix", "matrix": [{"from": "b", "to": "c", "rate_bps": rate},
                                                                     {"from": "c", "to": "b", "rate_bps": "9G"}]}))
            body = cluster(source.choice(("abc", "abcd", "bcd")), **demand, path=source.choice((
                {}, {"end": at(600)}, {"start": at(1000), "end": at(2000)}, {"start": at(100)})))
            if source.randrange(2):
                body["spec"]["tenant"] = "blue"
            answer = self.daemon.call("POST", "/offers", {"kind": "cluster", **body})
            self.assertEqual(answer.status, 200, answer.text)
            for offer in answer.json.get("offers", []):
                taken = self.daemon.call("POST", "/offers", {"kind": "cluster", "spec": offer["spec"]})
                self.assertTrue(taken.json.get("possible"), (body, offer, taken.text))
                key = answer.json["code"], offer["kind"]
                kinds[key] = kinds.get(key, 0) + 1
        self.assertGreater(len(kinds), 1, kinds)

    def test_another_plan(self):
        self.build(TRIANGLE)
        # The star around b is the shortest; there is room for one path only.
        self.limit("b", "700MiB")
        made = self.daemon.put("/clusters/train", cluster(pattern="tree", rate_bps="80G"))
        self.assertEqual(made.status, 201, made.text)
        tree = self.daemon.get("/clusters/train").json["status"]["tree"]
        self.assertNotEqual(tree["root"], "b")
        self.assertEqual(list(tree["parents"].values()).count("b"), 0)

    def test_quota(self):
        self.build(TRIANGLE)
        self.assertEqual(self.daemon.put("/tenants/blue", {"spec": {"quota": {"rate_bps": "20G"}}}).status, 201)
        body = cluster(rate_bps="10G")
        body["spec"]["tenant"] = "blue"
        offers = self.check(body, "quota-exceeded", ["rate"])
        self.assertEqual(offers["rate"]["rate_bps"], 6666000000)
        self.daemon.put("/tenants/blue", {"spec": {"quota": {"horizon": "1h"}}})
        offers = self.check(body, "quota-exceeded", ["window"])
        self.assertLess(offers["window"]["end"], at(3605))
        self.daemon.put("/tenants/blue", {"spec": {"quota": {"paths": 2}}})
        self.assertEqual(self.check(body, "quota-exceeded", []), {})

    def test_times(self):
        self.build(TRIANGLE)
        self.busy("a", "b", "60G", end=at(600))
        self.before = self.daemon.get("/paths").json["items"]
        offers = self.check(cluster(rate_bps="50G"), "insufficient-bandwidth", ["rate", "start"])
        self.assertEqual(offers["start"]["start"], self.before[0]["spec"]["end"])
        offers = self.check(cluster(rate_bps="50G", path={"end": at(300)}), "insufficient-bandwidth",
                            ["rate", "start"])
        self.assertGreater(offers["start"]["end"], at(890))
        self.assertEqual(self.daemon.call("DELETE", "/paths/busy?wait=released").status, 200)
        self.busy("a", "b", "60G", start=at(600))
        self.before = self.daemon.get("/paths").json["items"]
        offers = self.check(cluster(rate_bps="50G"), "insufficient-bandwidth", ["rate", "window"])
        self.assertEqual(offers["window"]["end"], self.before[0]["spec"]["start"])


main()
