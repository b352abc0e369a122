#!/usr/bin/env python3
"""The resources of the real causeway-control: preconditions, admission, and a path's whole life with two
fake gateways. usage: test_path_life.py CAUSEWAY_CONTROL [CLASS]...
"""
import subprocess
import threading
import time

from control_client import (CERTIFICATES, GW_A, GW_B, LINK, PATIENCE_S, SITE_A, SITE_B, Daemon, Fresh, Gateway,
                            main, path_spec)


class Objects(Fresh):
    def test_create_read_list_delete(self):
        made = self.daemon.put("/sites/a", SITE_A)
        self.assertEqual(made.status, 201)
        self.assertEqual(made.headers["etag"], '"%d"' % made.json["revision"])
        read = self.daemon.get("/sites/a")
        self.assertEqual((read.status, read.json), (200, made.json))
        self.assertEqual(read.json["spec"], SITE_A["spec"])
        listed = self.daemon.get("/sites").json
        self.assertEqual((listed["kind"], listed["items"]), ("sites", [read.json]))
        self.assertEqual(self.daemon.call("DELETE", "/sites/a").status, 204)
        self.problem(self.daemon.get("/sites/a"), 404, "not-found")
        self.problem(self.daemon.call("DELETE", "/sites/a"), 404, "not-found")

    def test_put_same_again_keeps_revision(self):
        first = self.daemon.put("/sites/a", {**SITE_A, "labels": {"job": "7"}})
        again = self.daemon.put("/sites/a", {**SITE_A, "labels": {"job": "7"}})
        self.assertEqual((again.status, again.json), (200, first.json))
        self.assertEqual(again.json["labels"], {"job": "7"})
        two = self.daemon.put("/sites/a", {**SITE_A, "labels": {"x": "1", "b": "2"}})
        turned = self.daemon.put("/sites/a", {**SITE_A, "labels": {"b": "2", "x": "1"}}, if_none_match="*")
        self.assertEqual((turned.status, turned.json), (200, two.json))

    def test_preconditions(self):
        put = self.daemon.put
        self.problem(put("/sites/a", SITE_A, if_match='"1"'), 412, "precondition-failed")
        made = put("/sites/a", SITE_A, if_none_match="*")
        self.assertEqual(made.status, 201)
        self.assertEqual(put("/sites/a", SITE_A, if_none_match="*").status, 200)
        self.problem(put("/sites/a", SITE_B, if_none_match="*"), 409, "exists-different")
        self.problem(put("/sites/a", SITE_B, if_match='"999"'), 412, "precondition-failed")
        self.problem(put("/sites/a", SITE_B, if_match="W/" + made.headers["etag"]), 412,
                     "precondition-failed")
        changed = put("/sites/a", SITE_B, if_match='"7", ' + made.headers["etag"])
        self.assertEqual(changed.status, 200)
        self.assertGreater(changed.json["revision"], made.json["revision"])
        stale = self.daemon.call("DELETE", "/sites/a", headers={"if-match": made.headers["etag"]})
        self.problem(stale, 412, "precondition-failed")

    def test_in_use(self):
        self.assertEqual(self.apply_all(("job1", path_spec())).status, 200)
        for path, user in (("/sites/a", "gateway gw-a"), ("/gateways/gw-a", "link l1"),
                           ("/links/l1", "path job1")):
            body = self.problem(self.daemon.call("DELETE", path), 409, "in-use")
            self.assertIn(user, body["detail"])
        moved = {"spec": {"site": "a", "ports": [{"name": "wan9", "addresses": ["10.200.0.1"]}]}}
        self.problem(self.daemon.put("/gateways/gw-a", moved), 409, "in-use")

    def test_apply_is_atomic(self):
        self.problem(self.daemon.call("POST", "/apply", {"items": [
            {"kind": "site", "name": "a", **SITE_A},
            {"kind": "gateway", "name": "gw-b", **GW_B}]}), 400, "invalid-reference", "/items/1/spec/site")
        self.assertEqual(self.daemon.get("/sites").json["items"], [])
        self.problem(self.daemon.call("POST", "/apply", {"items": [
            {"kind": "site", "name": "a", **SITE_A}, {"kind": "site", "name": "a", **SITE_A}]}),
            400, "invalid-argument", "/items/1/name")
        body = self.problem(self.daemon.call("POST", "/apply", {"items": [{"kind": "x", "name": "a", "spec": {}}]}),
                            400, "invalid-argument", "/items/0/kind")
        self.assertIn('"site", "gateway", "link", "path", "tenant" or "cluster"', body["detail"])
        first = self.apply_all(("job1", path_spec()))
        self.assertEqual({item["result"] for item in first.json["items"]}, {"created"})
        again = self.apply_all(("job1", path_spec(rate="2G")))
        self.assertEqual([item["result"] for item in again.json["items"]], ["unchanged"] * 5 + ["updated"])
        self.assertEqual(self.daemon.get("/paths/job1").json["status"]["generation"], 2)
        same = self.apply_all(("job1", path_spec(rate=2000000000)))
        self.assertEqual(same.json["revision"], again.json["revision"])

    def test_apply_of_many_again(self):
        paths = [("p%d" % i, path_spec("1M", str(1000 + i))) for i in range(1000)]
        for result in ("created", "unchanged"):
            answer = self.apply_all(*paths)
            self.assertEqual({item["result"] for item in answer.json["items"]}, {result})


class Admission(Fresh):
    def test_bandwidth(self):
        self.assertEqual(self.apply_all(("job1", path_spec("6G"))).status, 200)
        body = self.problem(self.daemon.put("/paths/job2", path_spec("5G", "7000")), 409,
                            "insufficient-bandwidth")
        # 90 % of 10 Gb/s, less what tunnel headers take on the line.
        self.assertEqual([offer["kind"] for offer in body["offers"]], ["rate"])
        self.assertEqual(body["offers"][0]["rate_bps"], 2302000000)
        self.assertEqual(self.daemon.put("/paths/job2", {"spec": body["offers"][0]["spec"]}).status, 201)
        one_way = path_spec({"a_to_z": "2302M", "z_to_a": "1G"}, "7000")
        self.assertEqual(self.daemon.put("/paths/job2", one_way).status, 200)
        self.problem(self.daemon.put("/paths/job3", path_spec("1M", "8000")), 409, "insufficient-bandwidth",
                     "/spec/rate_bps")
        body = self.problem(self.daemon.put("/links/l1", {"spec": {**LINK["spec"], "capacity_bps": "9G"}}), 409,
                            "in-use")
        self.assertIn("job1 could not stay", body["detail"])
        self.assertEqual(self.daemon.put("/paths/job1", path_spec("5G")).status, 200)
        self.assertEqual(self.daemon.put("/paths/job3", path_spec("1M", "8000")).status, 201)

    def test_link_choice(self):
        self.apply_all()
        second = {"spec": {"a": "gw-b:wan0", "z": "gw-a:wan0", "capacity_bps": "20G"}}
        self.daemon.put("/links/l2", second)
        chosen = [self.daemon.put("/paths/p%d" % i, path_spec("8G", str(7000 + i))).json["status"]["link"]
                  for i in range(3)]
        self.assertEqual(chosen, ["l2", "l2", "l1"])
        self.daemon.put("/links/l1", {"spec": {**LINK["spec"], "admin": "down"}})
        self.daemon.put("/links/l2", {"spec": {**second["spec"], "admin": "down"}})
        self.problem(self.daemon.put("/paths/p9", path_spec("1M", "9000")), 409, "no-route")

    def test_selector_conflict(self):
        self.apply_all(("job1", path_spec()))
        self.problem(self.daemon.put("/paths/job2", path_spec("1M", "5500-6500")), 409, "selector-conflict")
        narrow = path_spec("1M", "5500-6500", a={"site": "a", "prefixes": ["10.101.7.0/24"]})
        self.assertEqual(self.daemon.put("/paths/job2", narrow).status, 201)
        outside = path_spec("1M", "80", a={"site": "a", "prefixes": ["10.99.0.0/16"]})
        self.problem(self.daemon.put("/paths/job3", outside), 400, "invalid-argument", "/spec/a/prefixes/0")


    def test_link_rtt(self):
        self.apply_all(("job1", path_spec()))
        self.assertEqual(self.daemon.get("/links/l1").json["spec"]["rtt"], "50ms")
        for text, same in (("20ms", "20ms"), ("1.5ms", "1500us"), ("2s", "2s"), ("7ns", "7ns")):
            body = {"spec": {**LINK["spec"], "rtt": text}}
            changed = self.daemon.put("/links/l1", body).json
            self.assertEqual(changed["spec"]["rtt"], same)
            again = self.daemon.put("/links/l1", {"spec": changed["spec"]}).json
            self.assertEqual(again["revision"], changed["revision"])
        for text in ("0", "11s", "20", 20, None):
            self.problem(self.daemon.put("/links/l1", {"spec": {**LINK["spec"], "rtt": text}}), 400,
                         "invalid-argument", "/spec/rtt")
        gw_a, _ = self.connect()
        self.drive("active")
        self.assertEqual(gw_a.intent["paths"][0]["link_rtt_ns"], 7)
        self.daemon.put("/links/l1", {"spec": {**LINK["spec"], "rtt": "30ms", "capacity_bps": "20G"}})
        line = gw_a.wait_line(lambda line: [p["link_rtt_ns"] for p in line.get("paths", [])] == [30000000])
        told = line["paths"][0]
        self.assertEqual((told["link_bps"], told["phase"], told["generation"]), (20000000000, "claim", 1))


class Life(Fresh):
    def test_to_active_and_away(self):
        self.apply_all(("job1", path_spec()))
        waiting = []
        waiter = threading.Thread(
            target=lambda: waiting.append(self.daemon.get("/paths/job1?wait=active&timeout=20s")))
        waiter.start()
        gw_a, gw_b = self.connect()
        first = gw_a.wait_line(lambda line: "paths" in line)["paths"][0]
        self.assertEqual((first["phase"], first["generation"], first["local"], first["port"]),
                         ("receive", 1, "10.200.0.1", "wan0"))
        self.assertEqual(first["near"], SITE_A["spec"]["prefixes"])
        self.assertEqual(first["match"], [{"protocol": "tcp", "ports": ["5000-5999"]}])
        done = self.drive("active")
        waiter.join(PATIENCE_S)
        self.assertEqual(waiting[0].json["status"]["state"], "active")
        self.assertEqual([g["claiming"] for g in done["status"]["gateways"]], [True, True])
        self.assertEqual(done["status"]["gateways"][0]["counters"]["out"]["tx_packets"], 5)
        self.assertEqual(done["status"]["history"][-1]["to"], "active")
        told = gw_b.intent["paths"][0]["peer"]
        self.assertEqual(told, {"gateway": "gw-a", "address": "10.200.0.1", "udp_port": 47800, "lanes": 2, "max_bps": 1000000000,
                                "certificate": CERTIFICATES["gw-a"]})
        self.assertEqual((gw_b.intent["paths"][0]["link_rtt_ns"], gw_b.intent["paths"][0]["link_bps"]),
                         (50000000, 10000000000))
        self.assertEqual(gw_b.intent["paths"][0]["far_lan_mtu"], 1400)
        status = self.daemon.get("/gateways/gw-a").json["status"]
        self.assertEqual((status["connected"], status["version"], status["lanes"]), (True, "test", 2))
        self.assertEqual(status["certificate"], {"sha256": CERTIFICATES["gw-a"]})
        self.assertEqual(self.daemon.get("/status").json["gateways_connected"], 2)

        gone = []
        waiter = threading.Thread(target=lambda: gone.append(
            self.daemon.call("DELETE", "/paths/job1?wait=released&timeout=20s")))
        waiter.start()
        for gateway in (gw_a, gw_b):
            gateway.wait_line(lambda line: [p["phase"] for p in line.get("paths", [])] == ["drain"])
        self.problem(self.daemon.put("/paths/job1", path_spec()), 409, "invalid-transition")
        self.drive(None)
        waiter.join(PATIENCE_S)
        self.assertEqual((gone[0].status, gone[0].json["status"]["state"]), (200, "released"))
        self.assertEqual(gw_a.intent["paths"], [])
        self.assertEqual(self.daemon.put("/paths/job1", path_spec()).status, 201)

    def test_delete_without_gateways(self):
        self.apply_all(("job1", path_spec()), ("job2", path_spec(ports="7000")))
        answer = self.daemon.call("DELETE", "/paths/job1")
        self.assertEqual((answer.status, answer.json["status"]["state"]), (202, "draining"))
        answer = self.daemon.call("DELETE", "/paths/job2?wait=released")
        self.assertEqual((answer.status, answer.json["status"]["state"]), (200, "released"))
        self.assertEqual(self.daemon.get("/paths").json["items"], [])

    def test_draining_path_keeps_its_link(self):
        self.apply_all(("job1", path_spec()))
        self.daemon.put("/sites/c", {"spec": {"prefixes": ["10.103.0.0/16"]}})
        third = {"spec": {"site": "c", "ports": [{"name": "wan0", "addresses": ["10.200.0.3"]}]}}
        self.daemon.put("/gateways/gw-c", third)
        self.connect()
        self.drive("active")
        self.assertEqual(self.daemon.call("DELETE", "/paths/job1").status, 202)
        moved = {"spec": {**LINK["spec"], "z": "gw-c:wan0"}}
        body = self.problem(self.daemon.put("/links/l1", moved), 409, "in-use")
        self.assertIn("job1", body["detail"])
        self.drive(None)
        self.assertEqual(self.daemon.put("/links/l1", moved).status, 200)

    def test_intent_waits_for_the_far_gateway(self):
        # After a restart of control: what a running path stands on must not be guessed meanwhile.
        self.apply_all(("job1", path_spec()))
        gw_a = Gateway(self.daemon, "gw-a")
        self.gateways.append(gw_a)
        gw_a.wait_line(lambda line: True)
        gw_b = Gateway(self.daemon, "gw-b")
        self.gateways.append(gw_b)
        first = gw_a.wait_line(lambda line: "paths" in line)["paths"][0]
        self.assertEqual((first["peer"]["udp_port"], first["far_lan_mtu"]), (47800, 1400))

    def test_path_waits_for_both_certificates(self):
        self.apply_all(("job1", path_spec()))
        gw_a, gw_b = [Gateway(self.daemon, name, certificate=None) for name in ("gw-a", "gw-b")]
        self.gateways += [gw_a, gw_b]
        gw_a.wait_line(lambda line: "paths" in line)
        gw_a.certificate = CERTIFICATES["gw-a"]
        waiting = self.drive("reserved")
        self.assertEqual(waiting["status"]["reason"], "gateway gw-b has not reported its certificate")
        self.assertEqual(gw_a.intent["paths"], [])
        gw_b.certificate = CERTIFICATES["gw-b"]
        done = self.drive("active")
        self.assertEqual(gw_a.intent["paths"][0]["peer"]["certificate"], CERTIFICATES["gw-b"])
        # A new certificate, or a report without one: no new generation, no new proof, and it is told.
        gw_b.certificate = "bb" * 32
        gw_b.report()
        line = gw_a.wait_line(
            lambda line: [p["peer"]["certificate"] for p in line.get("paths", [])] == ["bb" * 32])
        self.assertEqual((line["paths"][0]["phase"], line["paths"][0]["generation"]), ("claim", 1))
        gw_b.certificate = None
        self.assertEqual(self.drive("active")["status"]["generation"], done["status"]["generation"])
        self.assertEqual(gw_a.intent["paths"][0]["peer"]["certificate"], "bb" * 32)

    def test_head_of_intent_changes_nothing(self):
        self.apply_all()
        gw_a, _ = self.connect()
        done = subprocess.run(["curl", "-sSI", "--http2-prior-knowledge", "-m", str(PATIENCE_S),
                               self.daemon.url + "/gateways/gw-a/intent"], capture_output=True,
                              text=True, check=False)
        self.assertIn("application/x-ndjson", done.stdout)
        self.assertTrue(self.daemon.get("/gateways/gw-a").json["status"]["connected"])
        self.assertIsNone(gw_a.stream.poll())

    def test_not_active_without_both_proofs(self):
        self.apply_all(("job1", path_spec()))
        gw_a, gw_b = self.connect()
        gw_b.is_proving = False
        self.drive("activating")
        for _ in range(5):
            gw_a.report()
            gw_b.report()
        self.assertEqual({p["phase"] for p in gw_a.intent["paths"] + gw_b.intent["paths"]}, {"receive"})
        self.assertIn("gw-b", self.daemon.get("/paths/job1").json["status"]["reason"])
        gw_b.error = "no neighbour for 10.200.0.1"
        failed = self.drive("failed")
        self.assertIn("no neighbour", failed["status"]["reason"])
        gw_b.error = "\u00e9" * 300  # longer than what is kept of it
        failed = self.drive("failed")
        self.assertIn("\u00e9\u00e9", failed["status"]["reason"])
        early = self.daemon.get("/paths/job1?wait=active&timeout=20s").json
        self.assertEqual(early["status"]["state"], "failed")
        gw_b.error, gw_b.is_proving = None, True
        self.drive("active")

    def test_old_terms_and_generations_prove_nothing(self):
        self.apply_all(("job1", path_spec()))
        gw_a, gw_b = self.connect()
        for gateway in (gw_a, gw_b):
            gateway.report(term=1)
        self.assertNotEqual(self.daemon.get("/paths/job1").json["status"]["state"], "active")
        self.drive("active")

    def test_rate_change_goes_on_claiming(self):
        self.apply_all(("job1", path_spec()))
        gw_a, _ = self.connect()
        self.drive("active")
        self.assertEqual(self.daemon.put("/paths/job1", path_spec("2G")).status, 200)
        line = gw_a.wait_line(lambda line: [p["generation"] for p in line.get("paths", [])] == [2])
        self.assertEqual((line["paths"][0]["phase"], line["paths"][0]["rate_bps"]), ("claim", 2000000000))
        self.assertEqual(self.drive("active")["status"]["generation"], 2)
        self.assertEqual(self.daemon.put("/paths/job1", path_spec("2G", "6000")).status, 200)
        line = gw_a.wait_line(lambda line: [p["generation"] for p in line.get("paths", [])] == [3])
        self.assertEqual(line["paths"][0]["phase"], "receive")
        self.drive("active")

    def test_when_down_change_goes_on_claiming(self):
        self.apply_all(("job1", path_spec()))
        gw_a, _ = self.connect()
        done = self.drive("active")
        self.assertEqual((done["spec"]["when_down"], gw_a.intent["paths"][0]["when_down"]), ("block", "block"))
        answer = self.daemon.put("/paths/job1", path_spec(when_down="best_effort"))
        self.assertEqual((answer.status, answer.json["spec"]["when_down"]), (200, "best_effort"))
        line = gw_a.wait_line(lambda line: [p["generation"] for p in line.get("paths", [])] == [2])
        self.assertEqual((line["paths"][0]["phase"], line["paths"][0]["when_down"]), ("claim", "best_effort"))
        self.drive("active")

    def test_bad_reports(self):
        self.apply_all(("job1", path_spec()))
        gw_a, _ = self.connect()
        self.problem(gw_a.report(lanes="two"), 400, "invalid-argument", "/lanes")
        self.problem(gw_a.report(certificate={"sha256": "0A" * 32}), 400, "invalid-argument",
                     "/certificate/sha256")
        self.problem(gw_a.report(certificate={}), 400, "missing-field", "/certificate/sha256")
        self.problem(gw_a.report(certificate=7), 400, "invalid-argument", "/certificate")
        self.problem(gw_a.report(paths=[{"name": "job1", "id": 1, "generation": 1, "receiving": True,
                                         "proved": True, "claiming": False, "peer": {
                                             "certificate": "0a" * 32, "udp_port": 70000, "lanes": 1,
                                             "lan_mtu": 1500}}]),
                     400, "invalid-argument", "/paths/0/peer/udp_port")
        self.problem(gw_a.report(paths=[{"name": "job1"}]), 400, "missing-field", "/paths/0/id")
        self.problem(self.daemon.call("POST", "/gateways/gw-x/report", {}), 404, "not-found")
        self.assertEqual(gw_a.report(paths=[], new_field=1).status, 204)


class Returns(Fresh):
    """Control gives gateways 6 s to come back before it goes on without them."""

    def test_intent_does_not_wait_for_ever(self):
        self.apply_all(("job1", path_spec()))
        gw_a = Gateway(self.daemon, "gw-a")
        self.gateways.append(gw_a)
        # Without the far gateway's certificate the path is not for anybody yet.
        self.assertEqual(gw_a.wait_line(lambda line: "paths" in line)["paths"], [])

    def test_waiting_path_goes_at_once(self):
        self.apply_all(("job1", path_spec()))
        gw_a = Gateway(self.daemon, "gw-a")
        self.gateways.append(gw_a)
        gw_a.wait_line(lambda line: "paths" in line)
        gw_a.report()
        gone = self.daemon.call("DELETE", "/paths/job1?wait=released&timeout=20s")
        self.assertEqual((gone.status, gone.json["status"]["state"]), (200, "released"))
        self.assertEqual(gw_a.intent["paths"], [])

    def test_running_path_survives_a_new_control_and_a_silent_peer(self):
        self.apply_all(("job1", path_spec()))
        gw_a, gw_b = self.connect()
        self.drive("active")
        running = gw_a.intent["paths"][0]
        for gateway in self.gateways:
            gateway.close()
        self.daemon.stop()
        self.daemon = Daemon()
        self.apply_all(("job1", path_spec()))
        gw_a.daemon = self.daemon
        entry = [gw_a._entry(running)]  # pylint: disable=protected-access
        gw_a.connect(first_report=entry)
        self.gateways = [gw_a]
        told = gw_a.wait_line(lambda line: "paths" in line)["paths"][0]
        self.assertEqual((told["peer"], told["far_lan_mtu"]), (running["peer"], running["far_lan_mtu"]))


class Silence(Fresh):
    """Of gateways, and what control says where nothing is to be said."""

    def test_silence_degrades(self):
        self.apply_all(("job1", path_spec()))
        gw_a, gw_b = self.connect()
        self.drive("active")
        gw_b.close()
        until = time.monotonic() + PATIENCE_S
        state = None
        while state != "degraded" and time.monotonic() < until:
            gw_a.report()
            status = self.daemon.get("/paths/job1").json["status"]
            state = status["state"]
            time.sleep(0.2)
        self.assertEqual(state, "degraded")
        self.assertIn("gw-b", status["reason"])
        self.assertFalse(self.daemon.get("/gateways/gw-b").json["status"]["connected"])
        gw_b.connect()
        gw_b.wait_line(lambda line: "paths" in line)
        self.drive("active")

    def test_heartbeat_and_newest_stream(self):
        self.apply_all()
        self.problem(self.daemon.get("/gateways/none/intent"), 404, "not-found")
        gw_a, _ = self.connect()
        gw_a.wait_line(lambda line: "heartbeat" in line)
        second = Gateway(self.daemon, "gw-a")
        self.gateways.append(second)
        second.wait_line(lambda line: "paths" in line)
        self.assertEqual(gw_a.stream.wait(PATIENCE_S), 0)
        self.assertTrue(self.daemon.get("/gateways/gw-a").json["status"]["connected"])


if __name__ == "__main__":
    main()
