"""Virtual clusters and offers of causeway-control: planned, admitted and let go as one."""
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


class Clusters(Fresh):
    def build(self, links, sites=3):
        answer = self.daemon.call("POST", "/apply", {"items": world(links, sites)})
        self.assertEqual(answer.status, 200, answer.text)

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


main()
