#!/usr/bin/env python3
"""What a path may ask beside a rate, of the real causeway-control: windows, holds, leases, tenants, diverse
routes, buffers; and what it is offered instead. usage: test_path_terms.py CAUSEWAY_CONTROL
"""
import datetime
import tempfile
import time

from control_client import GW_A, LINK, PATIENCE_S, SITE_A, Daemon, Fresh, Gateway, main, path_spec


def at(seconds):
    """A point in time from now on."""
    when = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=seconds)
    # As control writes it: without zeros at the end.
    return when.isoformat(timespec="milliseconds").replace("+00:00", "").rstrip("0").rstrip(".") + "Z"


class Timed(Fresh):
    def verb(self, name, verb):
        return self.daemon.call("POST", "/paths/%s/%s" % (name, verb))


class Terms(Timed):
    """Windows, holds, leases, tenants, diversity, buffers: what is asked beside a rate."""

    def test_fields_come_back(self):
        self.apply_all(("job1", path_spec()))
        self.daemon.put("/tenants/t1", {"spec": {"quota": {"rate_bps": "5G", "paths": 4, "horizon": "24h",
                                                           "buffer_bytes": "4GiB"}}})
        tenant = self.daemon.get("/tenants/t1").json
        self.assertEqual(tenant["spec"]["quota"], {"rate_bps": 5000000000, "paths": 4, "horizon": "86400s",
                                                   "buffer_bytes": 4 << 30})
        site = {"spec": {**SITE_A["spec"], "qos": {"lossless": {"dscp": 26, "pfc_priority": 3}},
                         "accelerators": [{"vendor": "nvidia", "model": "H100", "count": 8, "fabric": "nvlink",
                                           "transport": "rocev2"}]}}
        self.assertEqual(self.daemon.put("/sites/a", site).json["spec"], site["spec"])
        gateway = {"spec": {**GW_A["spec"], "buffer_bytes": 1 << 30}}
        self.assertEqual(self.daemon.put("/gateways/gw-a", gateway).json["spec"], gateway["spec"])
        link = {**LINK["spec"], "srlgs": ["duct7", "duct1"], "cost": 5, "reservable_percent": 80,
                "admin": "drain"}
        self.assertEqual(self.daemon.put("/links/l1", {"spec": link}).json["spec"],
                         {**link, "srlgs": ["duct1", "duct7"], "capacity_bps": 10000000000, "rtt": "50ms"})
        self.daemon.put("/links/l1", {"spec": {**link, "admin": "up"}})
        terms = {"tenant": "t1", "rtt_max": "60ms", "lease": "60s", "start": at(600), "end": at(1200),
                 "commit": "manual", "hold": "90s"}
        made = self.daemon.put("/paths/job2", path_spec(ports="7000", **terms))
        self.assertEqual(made.status, 201, made.text)
        self.assertEqual({key: made.json["spec"][key] for key in terms}, terms)
        again = self.daemon.put("/paths/job2", {"spec": made.json["spec"]})
        self.assertEqual(again.json["revision"], made.json["revision"])
        self.problem(self.daemon.call("DELETE", "/tenants/t1"), 409, "in-use")

    def test_bad_fields(self):
        self.apply_all(("job1", path_spec()))
        for pointer, terms in (
                ("/spec/start", {"start": "tomorrow"}), ("/spec/end", {"start": at(20), "end": at(10)}),
                ("/spec/lease", {"lease": "1s"}), ("/spec/hold", {"hold": "60s"}),
                ("/spec/hold", {"commit": "manual", "hold": "1h"}), ("/spec/commit", {"commit": "maybe"}),
                ("/spec/rtt_max", {"rtt_max": "0"})):
            self.problem(self.daemon.put("/paths/p", path_spec(ports="9000", **terms)), 400,
                         "invalid-argument", pointer)
        self.problem(self.daemon.put("/paths/p", path_spec(ports="9000", end=at(-5))), 400,
                     "invalid-argument", "/spec/end")
        for member in ("tenant", "diverse_from"):
            self.problem(self.daemon.put("/paths/p", path_spec(ports="9000", **{member: "none"})), 400,
                         "invalid-reference", "/spec/" + member)
        for spec in ({"qos": {"silver": {"dscp": 1, "pfc_priority": 1}}}, {"qos": {"bulk": {"dscp": 64,
                     "pfc_priority": 1}}}, {"accelerators": [{"vendor": "v", "model": "", "count": 1}]}):
            self.assertEqual(self.daemon.put("/sites/c", {"spec": {**SITE_A["spec"], **spec}}).status, 400)

    def test_hold_and_commit(self):
        self.apply_all()
        gw_a, _ = self.connect()
        held = self.daemon.put("/paths/job1", path_spec("8G", commit="manual", hold="60s"))
        self.assertEqual((held.status, held.json["status"]["state"]), (201, "held"))
        self.assertIn("hold_until", held.json["status"])
        # What is held is not there for others, and no gateway hears of it.
        self.problem(self.daemon.put("/paths/job2", path_spec("8G", "7000")), 409, "insufficient-bandwidth")
        gw_a.report()
        self.assertEqual(gw_a.intent["paths"], [])
        body = self.problem(self.verb("job1", "renew"), 409, "invalid-transition")
        self.assertIn("commit, abort, PUT and DELETE", body["detail"])
        stale = self.daemon.call("POST", "/paths/job1/commit", headers={"if-match": '"1"'})
        self.problem(stale, 412, "precondition-failed")
        done = self.verb("job1", "commit")
        self.assertEqual(done.status, 200, done.text)
        self.assertNotIn("hold_until", done.json["status"])
        self.assertEqual(self.verb("job1", "commit").json["revision"], done.json["revision"])
        self.problem(self.verb("job1", "abort"), 409, "invalid-transition")
        self.problem(self.verb("none", "commit"), 404, "not-found")
        self.drive("active")

    def test_abort_frees(self):
        self.apply_all(("job1", path_spec("8G", commit="manual")))
        gone = self.verb("job1", "abort")
        self.assertEqual((gone.status, gone.json["status"]["state"]), (200, "released"))
        self.assertEqual(self.daemon.put("/paths/job2", path_spec("8G", "7000")).status, 201)

    def test_terms_survive_a_restart(self):
        self.daemon.stop()
        with tempfile.TemporaryDirectory() as directory:
            store = ("--store", directory + "/control.db")
            self.daemon = Daemon(*store)
            self.apply_all(("job1", path_spec("6G", commit="manual", lease="60s")),
                           ("job2", path_spec("1G", "7000", start=at(600), end=at(900))))
            before = [self.daemon.get("/paths/" + name).json for name in ("job1", "job2")]
            self.daemon.stop()
            self.daemon = Daemon(*store)
            after = [self.daemon.get("/paths/" + name).json for name in ("job1", "job2")]
            for old, new in zip(before, after):
                self.assertEqual((new["spec"], new["revision"]), (old["spec"], old["revision"]))
                self.assertEqual(new["status"]["state"], old["status"]["state"])
            self.assertEqual(after[0]["status"]["hold_until"], before[0]["status"]["hold_until"])
            # What is held is still not there for others, and can still be taken.
            self.problem(self.daemon.put("/paths/job3", path_spec("6G", "8000")), 409, "insufficient-bandwidth")
            self.assertIn("lease_until", self.verb("job1", "commit").json["status"])
            self.daemon.stop()
            self.daemon = Daemon()

    def test_windows_side_by_side(self):
        self.apply_all()
        window = {"start": at(600), "end": at(1200)}
        made = self.daemon.put("/paths/job1", path_spec("8G", **window))
        self.assertEqual((made.status, made.json["status"]["state"]), (201, "scheduled"))
        # Another one before it, and one behind, of the same traffic even.
        self.assertEqual(self.daemon.put("/paths/job2", path_spec("8G", end=window["start"])).status, 201)
        self.assertEqual(self.daemon.put("/paths/job3", path_spec("8G", start=window["end"])).status, 201)
        self.problem(self.daemon.put("/paths/job4", path_spec("8G", start=at(900), end=at(1500))), 409,
                     "selector-conflict", "/spec/match")
        self.problem(self.daemon.put("/paths/job4", path_spec("8G", "7000", start=at(900), end=at(1500))), 409,
                     "insufficient-bandwidth", "/spec/rate_bps")
        longer = path_spec("8G", **{**window, "end": at(1500)})
        self.problem(self.daemon.put("/paths/job1", longer), 409, "selector-conflict")
        self.daemon.call("DELETE", "/paths/job3?wait=released")
        self.assertEqual(self.daemon.put("/paths/job1", longer).status, 200)

    def test_each_offer_is_granted(self):
        busy = path_spec("6G", end=at(600))
        for kinds in (["rate"], ["start"], ["window"]):
            self.daemon.stop()
            self.daemon = Daemon()
            self.apply_all(("job1", busy if kinds != ["window"] else path_spec("6G", start=at(300))))
            asked = path_spec("5G", "7000", end=at(300 if kinds != ["window"] else 900))
            body = self.problem(self.daemon.put("/paths/job2", asked), 409, "insufficient-bandwidth",
                                "/spec/rate_bps")
            self.assertIn("link l1 leaving site a", body["detail"])
            offers = {offer["kind"]: offer for offer in body["offers"]}
            self.assertTrue(set(kinds) <= set(offers), offers)
            taken = self.daemon.put("/paths/job2", {"spec": offers[kinds[0]]["spec"]})
            self.assertEqual(taken.status, 201, taken.text)

    def test_quota(self):
        self.apply_all()
        self.daemon.put("/tenants/t1", {"spec": {"quota": {"rate_bps": "3G", "paths": 2, "horizon": "1h"}}})

        def ask(name, rate="1G", **more):
            ports = str(7000 + int(name[1:]))
            return self.daemon.put("/paths/" + name, path_spec(rate, ports, tenant="t1", **more))

        body = self.problem(ask("p1"), 409, "quota-exceeded", "/spec/end")
        self.assertEqual([offer["kind"] for offer in body["offers"]], ["window"])
        self.assertEqual(self.daemon.put("/paths/p1", {"spec": body["offers"][0]["spec"]}).status, 201)
        self.daemon.call("DELETE", "/paths/p1?wait=released")
        # Where less time alone does not help, what then would.
        body = self.problem(ask("p1", "5G"), 409, "quota-exceeded", "/spec/end")
        self.assertEqual([offer["kind"] for offer in body["offers"]], ["rate"])
        self.assertEqual(self.daemon.put("/paths/p1", {"spec": body["offers"][0]["spec"]}).status, 201)
        self.daemon.call("DELETE", "/paths/p1?wait=released")
        body = self.problem(ask("p1", start=at(7200), end=at(7300)), 409, "quota-exceeded", "/spec/end")
        self.assertEqual(body["offers"], [])
        self.assertEqual(ask("p1", "2G", end=at(600)).status, 201)
        body = self.problem(ask("p2", "2G", end=at(600)), 409, "quota-exceeded", "/spec/rate_bps")
        self.assertIn("tenant t1 has 2 Gb/s of 3 Gb/s", body["detail"])
        offers = {offer["kind"]: offer for offer in body["offers"]}
        self.assertEqual(offers["rate"]["rate_bps"], 1000000000)
        self.assertEqual(self.daemon.put("/paths/p2", {"spec": offers["rate"]["spec"]}).status, 201)
        self.daemon.call("DELETE", "/paths/p2?wait=released")
        self.assertEqual(ask("p2", "2G", start=at(600), end=at(700)).status, 201)
        self.problem(ask("p3", end=at(20)), 409, "quota-exceeded", "/spec/tenant")
        self.assertEqual(self.daemon.put("/paths/p3", path_spec("1G", "7003")).status, 201)
        # Buffers: those that the path takes in both gateways.
        self.daemon.put("/tenants/t2", {"spec": {"quota": {"buffer_bytes": "64MiB"}}})
        asked = path_spec("4G", "7004", tenant="t2")
        body = self.problem(self.daemon.put("/paths/p4", asked), 409, "quota-exceeded", "/spec/max_bps")
        self.assertIn("64 MiB of buffers", body["detail"])
        self.assertEqual([offer["kind"] for offer in body["offers"]], ["rate"])
        self.assertEqual(self.daemon.put("/paths/p4", {"spec": body["offers"][0]["spec"]}).status, 201)
        self.daemon.call("DELETE", "/paths/p4?wait=released")
        # What it has it keeps when the quota shrinks, and may give back in parts.
        self.daemon.put("/tenants/t1", {"spec": {"quota": {"rate_bps": "1G", "horizon": "1h"}}})
        end = self.daemon.get("/paths/p1").json["spec"]["end"]
        self.assertEqual(ask("p1", "1500M", end=end).status, 200)
        self.problem(ask("p1", "1600M", end=end), 409, "quota-exceeded", "/spec/rate_bps")

    def test_buffers(self):
        self.apply_all()
        self.daemon.put("/gateways/gw-a", {"spec": {**GW_A["spec"], "buffer_bytes": "256MiB"}})
        body = self.problem(self.daemon.put("/paths/job1", path_spec("8G")), 409, "insufficient-buffers",
                            "/spec/max_bps")
        self.assertIn("buffers of gateway gw-a", body["detail"])
        self.assertEqual([offer["kind"] for offer in body["offers"]], ["rate"])
        taken = self.daemon.put("/paths/job1", {"spec": body["offers"][0]["spec"]})
        self.assertEqual(taken.status, 201, taken.text)

    def test_buffers_that_a_gateway_reports(self):
        self.apply_all()
        self.gateways.append(Gateway(self.daemon, "gw-a"))
        self.gateways[0].report(buffer_bytes=256 << 20)
        body = self.problem(self.daemon.put("/paths/job1", path_spec("8G")), 409, "insufficient-buffers",
                            "/spec/max_bps")
        self.assertIn("buffers of gateway gw-a", body["detail"])
        # What the operator says counts more.
        self.daemon.put("/gateways/gw-a", {"spec": {**GW_A["spec"], "buffer_bytes": "8GiB"}})
        self.assertEqual(self.daemon.put("/paths/job1", path_spec("8G")).status, 201)

    def test_what_gateways_report_counts(self):
        self.apply_all()

        def most():
            return self.daemon.put("/paths/job1", path_spec("10G")).json["offers"][0]["rate_bps"]

        self.assertEqual(most(), 8302000000)  # packets of 1500 bytes
        for name in ("gw-a", "gw-b"):
            self.gateways.append(Gateway(self.daemon, name))
            self.gateways[-1].report(lan_mtu=9000, wan_mtu=9216)
        self.assertGreater(most(), 8800000000)
        self.gateways[0].report(lan_mtu=9000, wan_mtu=1500)  # larger ones are cut
        self.assertLess(most(), 8400000000)

    def test_routes(self):
        self.apply_all()

        def link(name, **more):
            self.daemon.put("/links/" + name, {"spec": {**LINK["spec"], **more}})

        def ask(name, **more):
            return self.daemon.put("/paths/" + name, path_spec("1G", str(7000 + int(name[1:])), **more))

        link("l1", rtt="20ms", srlgs=["duct1"])
        link("l2", rtt="40ms", srlgs=["duct1", "duct2"])
        link("l3", rtt="80ms", srlgs=["duct3"])
        self.assertEqual(ask("p1").json["status"]["link"], "l1")
        self.problem(ask("p2", rtt_max="10ms"), 409, "latency-infeasible", "/spec/rtt_max")
        self.problem(ask("p2", diverse_from="p1", rtt_max="50ms"), 409, "no-disjoint-route",
                     "/spec/diverse_from")
        self.assertEqual(ask("p2", diverse_from="p1").json["status"]["link"], "l3")
        link("l1", rtt="20ms", srlgs=["duct1"], admin="drain")
        self.assertEqual(ask("p3").json["status"]["link"], "l2")
        # A link that is drained lets its paths go; one that must go back does.
        until = time.monotonic() + PATIENCE_S
        while self.daemon.get("/paths/p1").json["status"]["link"] == "l1" and time.monotonic() < until:
            time.sleep(0.02)
        self.assertEqual(ask("p1").json["status"]["link"], "l2")
        link("l1", rtt="20ms", srlgs=["duct1"])
        self.assertEqual(ask("p1", rtt_max="30ms").json["status"]["link"], "l1")
        link("l1", rtt="60ms", srlgs=["duct1"], admin="up")
        self.assertEqual(self.daemon.get("/links/l1").json["spec"]["rtt"], "20ms")
        self.assertEqual(ask("p1", rtt_max="50ms").status, 200)
        link("l1", rtt="60ms", srlgs=["duct1"], admin="up")
        self.assertEqual(self.daemon.get("/paths/p1").json["status"]["link"], "l2")


class Clock(Timed):
    """What expires and begins by itself. 5 s is the shortest hold and lease."""

    def test_hold_and_lease_expire(self):
        self.apply_all(("job1", path_spec(lease="5s")), ("job2", path_spec(ports="7000", lease="5s")))
        held = path_spec("6G", "8000", commit="manual", hold="5s")
        self.assertEqual(self.daemon.put("/paths/job3", held).status, 201)
        gw_a, gw_b = self.connect()
        self.drive("active")
        before = self.daemon.get("/paths/job2").json["status"]["lease_until"]
        waiting = {"job1", "job3"}
        until = time.monotonic() + PATIENCE_S
        while waiting and time.monotonic() < until:
            self.assertEqual(self.verb("job2", "renew").status, 200)
            gw_a.report()
            gw_b.report()
            waiting -= {name for name in waiting
                        if self.daemon.get("/paths/" + name).json["status"]["state"] == "expired"}
            time.sleep(0.1)
        self.assertFalse(waiting)
        self.lease_was_lost_in_order(gw_a, before)
        self.hold_comes_again(held)
        self.expired_binds_nothing(gw_a, gw_b)

    def lease_was_lost_in_order(self, gw_a, before):
        phases = [p["phase"] for line in gw_a.lines for p in line.get("paths", []) if p["name"] == "job1"]
        self.assertIn("drain", phases)
        history = self.daemon.get("/paths/job1").json["status"]["history"]
        self.assertEqual([h["to"] for h in history[-2:]], ["draining", "expired"])
        self.assertEqual(history[-2]["cause"], "its lease was not renewed")
        other = self.daemon.get("/paths/job2").json["status"]
        self.assertEqual(other["state"], "active")
        self.assertGreater(other["lease_until"], before)

    def hold_comes_again(self, held):
        self.assertEqual(self.daemon.get("/paths/job3").json["status"]["reason"], "was not committed in time")
        self.problem(self.verb("job3", "commit"), 409, "invalid-transition")
        self.assertEqual(self.daemon.put("/paths/job4", path_spec("6G", "8000")).status, 201)
        self.problem(self.daemon.put("/paths/job3", held), 409, "selector-conflict")
        self.daemon.call("DELETE", "/paths/job4")
        self.drive(None, "job4")
        self.assertEqual(self.daemon.put("/paths/job3", held).json["status"]["state"], "held")
        self.assertEqual(self.verb("job3", "commit").status, 200)
        self.drive("active", "job3")
        self.daemon.call("DELETE", "/paths/job3")
        self.drive(None, "job3")

    def expired_binds_nothing(self, gw_a, gw_b):
        self.daemon.call("DELETE", "/paths/job2")
        self.drive(None, "job2")
        self.assertEqual((gw_a.intent["paths"], gw_b.intent["paths"]), ([], []))
        self.assertEqual(self.daemon.call("DELETE", "/links/l1").status, 204)
        gone = self.daemon.call("DELETE", "/paths/job1?wait=released")
        self.assertEqual((gone.status, gone.json["status"]["state"]), (200, "released"))

    def test_window_begins_and_ends(self):
        self.apply_all()
        self.connect()
        made = self.daemon.put("/paths/job1", path_spec("8G", start=at(2)))
        self.assertEqual((made.status, made.json["status"]["state"]), (201, "scheduled"))
        self.assertEqual(self.gateways[0].intent["paths"], [])
        self.drive("active")
        self.problem(self.daemon.put("/paths/job1", path_spec("8G", start=at(60))), 409, "invalid-transition",
                     "/spec/start")
        self.assertEqual(self.daemon.put("/paths/job1", path_spec("8G", end=at(1))).status, 200)
        self.assertEqual(self.drive("expired")["status"]["reason"], "its window is over")


if __name__ == "__main__":
    main()
