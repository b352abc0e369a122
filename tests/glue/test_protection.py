#!/usr/bin/env python3
"""Paths that go to other links, of the real causeway-control: 1:1 protection, drains, links that go down, and
changes that need another link. Gateways are played by curl. usage: test_protection.py CAUSEWAY_CONTROL
"""
import tempfile
import time

from control_client import (CERTIFICATES, GW_A, GW_B, PATIENCE_S, SITE_A, SITE_B, Daemon, Fresh, Gateway, main,
                            path_spec)

GW_C = {"spec": {"site": "b", "ports": [{"name": "wan0", "addresses": ["10.200.0.3"]}]}}


class Mover(Gateway):
    """Goes on claiming while its path moves, as dataplane/core/plan.c has it; links may be dead."""

    def __init__(self, *args, **more):
        self.dead = set()  # numbers of links
        self.sends = {}  # by which each path sends
        super().__init__(*args, **more)

    def _entry(self, path):
        entry = super()._entry(path)
        entry["proved"] = path["link"] not in self.dead
        if entry["proved"] or path["name"] not in self.sends:
            self.sends[path["name"]] = path["link"]
        if self.sends[path["name"]] != path["link"] and self.sends[path["name"]] in self.dead:
            entry["error"] = "no probe comes back, over neither link"
        return entry


class Links(Fresh):
    """Sites a and b with parallel links l1, l2 and so on, each in a duct of its own, the first the cheapest."""

    def build(self, count, *paths, ducts=None, capacity="10G"):
        items = [{"kind": "site", "name": "a", **SITE_A}, {"kind": "site", "name": "b", **SITE_B},
                 {"kind": "gateway", "name": "gw-a", **GW_A}, {"kind": "gateway", "name": "gw-b", **GW_B}]
        items += [{"kind": "link", "name": "l%d" % i, **self.link(i, ducts, capacity)} for i in range(1, count + 1)]
        items += [{"kind": "path", "name": name, **body} for name, body in paths]
        answer = self.daemon.call("POST", "/apply", {"items": items})
        self.assertEqual(answer.status, 200, answer.text)

    @staticmethod
    def link(number, ducts=None, capacity="10G", far="gw-b", **more):
        return {"spec": {"a": "gw-a:wan0", "z": far + ":wan0", "capacity_bps": capacity, "cost": number, "rtt": "1ms",
                         "srlgs": [ducts[number - 1] if ducts else "duct%d" % number], **more}}

    def connect(self):
        self.gateways = [Mover(self.daemon, "gw-a"), Mover(self.daemon, "gw-b")]
        for gateway in self.gateways:
            gateway.wait_line(lambda line: "paths" in line)
        return self.gateways

    def numbers(self):
        return {item["name"]: item["status"]["id"] for item in self.daemon.get("/links").json["items"]}

    def cut(self, *links):
        """Nothing comes back over these links any more, over all others it does."""
        numbers = self.numbers()
        for gateway in self.gateways:
            gateway.dead = {numbers[link] for link in links}

    def report(self, only=None):
        for gateway in only or self.gateways:
            self.assertEqual(gateway.report().status, 204)

    def path(self, name="job1"):
        return self.daemon.get("/paths/" + name).json

    def until(self, accept, name="job1", only=None):
        """All gateways report until the path's status is as it should be; the status."""
        until = time.monotonic() + PATIENCE_S
        while time.monotonic() < until:
            self.report(only)
            status = self.path(name)["status"]
            if accept(status):
                return status
            time.sleep(0.02)
        raise AssertionError("%s is %s" % (name, status))

    def on(self, link, name="job1"):
        return self.until(lambda status: status["link"] == link and "moving" not in status and
                          status["state"] == "active", name)

    def causes(self, name="job1"):
        return [change["cause"] for change in self.path(name)["status"]["history"]]

    def told(self, gateway, name="job1"):
        return next(path for path in gateway.intent["paths"] if path["name"] == name)

    def set_admin(self, number, admin):
        answer = self.daemon.put("/links/l%d" % number, self.link(number, admin=admin))
        self.assertEqual(answer.status, 200, answer.text)

    def plan(self, link):
        answer = self.daemon.get("/links/%s/drain" % link)
        self.assertEqual(answer.status, 200, answer.text)
        return answer.json["paths"]


class Protection(Links):
    def test_two_links_are_booked(self):
        self.build(3, ("job1", path_spec("6G", protection="1:1")))
        job1 = self.path()
        self.assertEqual((job1["spec"]["protection"], job1["status"]["link"], job1["status"]["backup"]),
                         ("1:1", "l1", "l2"))
        # What is kept ready is not there for others.
        self.assertEqual(self.daemon.put("/paths/job2", path_spec("6G", "7000")).json["status"]["link"], "l3")
        self.problem(self.daemon.put("/paths/job3", path_spec("6G", "8000")), 409, "insufficient-bandwidth")
        plain = self.daemon.put("/paths/job1", path_spec("6G", protection="none")).json
        self.assertNotIn("protection", plain["spec"])
        self.assertNotIn("backup", plain["status"])
        self.assertEqual(self.daemon.put("/paths/job3", path_spec("6G", "8000")).json["status"]["link"], "l2")
        self.problem(self.daemon.call("DELETE", "/links/l3"), 409, "in-use")

    def test_refusals(self):
        self.build(2, ducts=["duct1", "duct1"])
        asked = path_spec("6G", protection="1:1")
        body = self.problem(self.daemon.put("/paths/job1", asked), 409, "no-disjoint-route", "/spec/protection")
        self.assertIn("no second link", body["detail"])
        self.daemon.put("/links/l2", self.link(2))
        spray = self.problem(self.daemon.put("/paths/job1", path_spec(protection="spray")), 400, "invalid-argument",
                             "/spec/protection")
        self.assertIn("several links at once yet", spray["errors"][0]["detail"])
        self.problem(self.daemon.put("/paths/job1", path_spec(protection="2:1")), 400, "invalid-argument",
                     "/spec/protection")
        self.problem(self.daemon.put("/paths/job1", path_spec(link="l9")), 400, "invalid-reference", "/spec/link")
        offer = self.daemon.call("POST", "/offers", asked).json
        self.assertEqual([(path["link"], path["backup"]) for path in offer["paths"]], [("l1", "l2")])
        # One of two links is busy: what is offered can be had.
        self.daemon.put("/paths/busy", path_spec("7G", "9000", link="l2"))
        body = self.problem(self.daemon.put("/paths/job1", asked), 409, "insufficient-bandwidth", "/spec/rate_bps")
        self.assertIn("backup", body["detail"])
        self.assertEqual([offer["kind"] for offer in body["offers"]], ["rate"])
        offered = self.daemon.put("/paths/job1", {"spec": body["offers"][0]["spec"]})
        self.assertEqual((offered.status, offered.json["status"]["backup"]), (201, "l2"), offered.text)
        self.assertGreater(offered.json["spec"]["rate_bps"], 10**9)

    def test_apart_from_backups_too(self):
        self.build(3, ("job1", path_spec("1G", protection="1:1")))
        made = self.daemon.put("/paths/job2", path_spec("1G", "7000", diverse_from="job1"))
        self.assertEqual(made.json["status"]["link"], "l3", made.text)
        self.problem(self.daemon.put("/paths/job3", path_spec("1G", "8000", diverse_from="job1", protection="1:1")),
                     409, "no-disjoint-route")

    def test_failover(self):
        self.build(3, ("job1", path_spec("6G", protection="1:1")), ("job2", path_spec("1G", "7000")))
        gw_a, gw_b = self.connect()
        self.on("l1")
        self.on("l1", "job2")
        self.cut("l1")
        # However late its report comes: it has not proved the backup yet.
        gw_b.dead = set(self.numbers().values())
        self.report()
        moving = self.until(lambda status: "moving" in status, only=[gw_a])
        self.assertEqual((moving["link"], moving["moving"]), ("l2", {"from": "l1", "cause": "failed"}))
        self.assertEqual(moving["state"], "degraded")
        self.assertEqual(moving["backup"], "l3")
        self.cut("l1")
        for gateway in (gw_a, gw_b):
            gateway.wait_line(lambda line: any(path["name"] == "job1" and path["link"] == self.numbers()["l2"] and
                                               path["phase"] == "claim" for path in line.get("paths", [])))
        self.on("l2")
        causes = self.causes()
        self.assertIn("moves from link l1 to link l2: no probe came back over link l1, this was its backup", causes)
        self.assertEqual(causes[-1], "both gateways proved link l2 and send over it")
        self.assertIn("degraded", [change["to"] for change in self.path()["status"]["history"]])
        events = self.daemon.get("/events?since=0&follow=false&kind=path").text
        self.assertIn("moves from link l1 to link l2", events)
        # Without protection it stays where it is.
        self.assertEqual((self.path("job2")["status"]["state"], self.path("job2")["status"]["link"]),
                         ("degraded", "l1"))
        # It does not go back, until it is asked to.
        self.cut()
        self.on("l1", "job2")
        self.on("l2")
        back = self.daemon.put("/paths/job1", path_spec("6G", protection="1:1", link="l1"))
        self.assertEqual((back.status, back.json["status"]["moving"]), (200, {"from": "l2", "cause": "asked"}), back.text)
        self.assertEqual(self.on("l1")["backup"], "l3")

    def test_backup_is_dead_too(self):
        """A backup that nobody knew to be dead: on to the next one, not back to the first."""
        self.build(3, ("job1", path_spec("6G", protection="1:1")))
        self.connect()
        self.on("l1")
        self.cut("l1", "l2")
        self.assertEqual(self.on("l3")["backup"], "")
        self.assertIn("moves from link l2 to link l3: no probe came back over link l2, this was its backup", self.causes())

    def test_no_backup_left(self):
        self.build(2, ("job1", path_spec("6G", protection="1:1")))
        self.connect()
        self.on("l1")
        self.cut("l1")
        self.on("l2")
        status = self.path()["status"]
        self.assertEqual(status["backup"], "")
        # What it lost for no fault of its own is no reason to refuse a change.
        longer = self.daemon.put("/paths/job1", path_spec("6G", protection="1:1", end="2099-12-31T00:00:00Z"))
        self.assertEqual(longer.status, 200, longer.text)

    def test_gateway_gone(self):
        self.build(1)
        self.daemon.put("/gateways/gw-c", GW_C)
        self.daemon.put("/links/l2", self.link(2, far="gw-c"))
        self.daemon.put("/paths/job1", path_spec("6G", protection="1:1"))
        gw_a, gw_b, gw_c = self.gateways = [Mover(self.daemon, name) for name in ("gw-a", "gw-b", "gw-c")]
        self.on("l1")
        # It is dead: the other one gets no probe back.
        self.cut("l1")
        status = self.until(lambda status: status["link"] == "l2", only=[gw_a, gw_c])
        self.assertNotIn("moving", status)
        status = self.until(lambda status: status["state"] == "active", only=[gw_a, gw_c])
        self.assertEqual([gateway["name"] for gateway in status["gateways"]], ["gw-a", "gw-c"])
        self.assertIn("goes from link l1 to link l2, proved anew: no probe came back over link l1, this was its backup",
                      self.causes())
        gw_b.wait_line(lambda line: line.get("paths") == [])

    def test_a_silent_gateway_is_no_loss(self):
        self.build(2, ("job1", path_spec("6G", protection="1:1")))
        gw_a, _ = self.connect()
        self.on("l1")
        # One that says that it lives is missed sooner.
        self.assertEqual(self.daemon.call("POST", "/gateways/gw-b/alive").status, 204)
        self.until(lambda status: status["state"] == "degraded", only=[gw_a])
        for _ in range(10):
            self.report(only=[gw_a])
            time.sleep(0.05)
        self.assertEqual(self.path()["status"]["link"], "l1")
        self.on("l1")


class Moves(Links):
    def test_more_rate_needs_another_link(self):
        self.build(2, ("job1", path_spec("2G")), ("job2", path_spec("6G", "7000", link="l1")))
        gw_a, gw_b = self.connect()
        self.on("l1")
        old = self.told(gw_a)
        wider = self.daemon.put("/paths/job1", path_spec("7G"))
        self.assertEqual((wider.status, wider.json["status"]["link"]), (200, "l2"), wider.text)
        for gateway in (gw_a, gw_b):
            gateway.wait_line(lambda line: any(path["generation"] > old["generation"]
                                               for path in line.get("paths", []) if path["name"] == "job1"))
        # As long as the old link carries it has the old rate, and that is booked there.
        now = self.told(gw_a)
        self.assertEqual((now["phase"], now["rate_bps"], now["link"]), ("claim", 2 * 10**9, self.numbers()["l2"]))
        self.problem(self.daemon.put("/paths/job3", path_spec("2G", "8000", link="l1")), 409, "insufficient-bandwidth")
        moving = self.path()["status"]
        self.assertEqual((moving["state"], moving["moving"]["cause"]), ("active", "asked"))
        self.assertIn("moves to link l2, link l1 carries meanwhile", moving["reason"])
        self.report(only=[gw_a])
        self.assertIn("moving", self.path()["status"])
        self.on("l2")
        gw_b.wait_line(lambda line: any(path["rate_bps"] == 7 * 10**9 for path in line.get("paths", [])))
        self.assertEqual(self.daemon.put("/paths/job3", path_spec("2G", "8000", link="l1")).status, 201)
        self.assertEqual({change["to"] for change in self.path()["status"]["history"][-2:]}, {"active"})
        # And when no link has room the old one is untouched.
        body = self.problem(self.daemon.put("/paths/job1", path_spec("9.5G")), 409, "insufficient-bandwidth")
        self.assertTrue(body["offers"])
        self.assertEqual(self.path()["spec"]["rate_bps"], 7 * 10**9)

    def test_one_move_at_a_time(self):
        self.build(3, ("job1", path_spec("2G")))
        gw_a, gw_b = self.connect()
        self.on("l1")
        self.assertEqual(self.daemon.put("/paths/job1", path_spec("2G", link="l2")).status, 200)
        body = self.problem(self.daemon.put("/paths/job1", path_spec("2G", link="l3")), 409, "invalid-transition")
        self.assertTrue(body["retryable"])
        # The link that carries it must not change under it.
        self.problem(self.daemon.put("/links/l1", self.link(1, rtt="9ms")), 409, "in-use")
        self.problem(self.daemon.call("DELETE", "/links/l1"), 409, "in-use")
        # It has not moved before both have.
        self.report(only=[gw_a])
        gw_b.dead = {self.numbers()["l2"]}
        for _ in range(5):
            self.report()
        self.assertIn("moving", self.path()["status"])
        self.assertEqual(self.path()["status"]["state"], "active")
        # Back to where it came from it may go, before it is there.
        self.assertEqual(self.daemon.put("/paths/job1", path_spec("2G", link="l1")).status, 200)
        self.on("l1")
        gw_b.dead = set()
        # Other traffic is no move: it is proved anew.
        self.daemon.put("/paths/job1", path_spec("2G", ports="6000"))
        self.assertNotIn("moving", self.path()["status"])
        self.on("l1")

    def test_move_survives_a_restart(self):
        self.daemon.stop()
        with tempfile.TemporaryDirectory() as directory:
            store = ("--store", directory + "/control.db")
            self.daemon = Daemon(*store)
            self.build(2, ("job1", path_spec("6G", protection="1:1")))
            self.connect()
            self.on("l1")
            self.daemon.put("/paths/job1", path_spec("6G", protection="1:1", link="l2"))
            told = [gateway.intent for gateway in self.gateways]
            before = self.path()
            for gateway in self.gateways:
                gateway.close()
            self.daemon.stop()
            self.daemon = Daemon(*store)
            after = self.path()
            self.assertEqual((after["revision"], after["spec"]), (before["revision"], before["spec"]))
            self.assertEqual(after["status"]["moving"], before["status"]["moving"])
            # Both links are booked still.
            self.problem(self.daemon.put("/paths/job2", path_spec("6G", "7000")), 409, "insufficient-bandwidth")
            for gateway, intent in zip(self.gateways, told):
                gateway.daemon, gateway.intent = self.daemon, intent
                gateway.connect()
            self.on("l2")
            for gateway in self.gateways:
                gateway.close()
            self.gateways = []
            self.daemon.stop()
        self.daemon = Daemon()


class Drains(Links):
    def build_jobs(self, count, *rates):
        jobs = [("job%d" % i, path_spec(rate, str(5000 + i))) for i, rate in enumerate(rates, 1)]
        self.build(count, *jobs)
        return [name for name, _ in jobs]

    def links_of(self, names):
        return [self.path(name)["status"]["link"] for name in names]

    def drain_status(self, link):
        return self.daemon.get("/links/" + link).json["status"]["drain"]

    def settle(self, names):
        """Reports until nothing moves any more."""
        quiet = 0
        until = time.monotonic() + PATIENCE_S
        while quiet < 8 and time.monotonic() < until:
            self.report()
            moving = sum("moving" in self.path(name)["status"] for name in names)
            quiet = 0 if moving else quiet + 1
            time.sleep(0.02)

    def move_revisions(self, name):
        """At which the path's one move began and was over."""
        changes = self.path(name)["status"]["history"]
        return [next(change["rev"] for change in changes if change["cause"].startswith(text))
                for text in ("moves from", "both gateways proved")]

    def test_drain(self):
        names = self.build_jobs(2, "2G", "2G", "2G")
        self.daemon.put("/paths/big", path_spec("4G", "9000", link="l2"))
        self.connect()
        for name in names:
            self.on("l1", name)
        plan = self.plan("l1")
        self.assertEqual([(item["path"], item["goes"], item.get("to"), item.get("code")) for item in plan],
                         [("job1", True, "l2", None), ("job2", True, "l2", None),
                          ("job3", False, None, "insufficient-bandwidth")])
        self.assertFalse(plan[0]["interrupted"])
        self.assertIn("link l2", plan[2]["detail"])
        # Nothing was changed by asking.
        self.assertEqual(self.links_of(names), ["l1"] * 3)
        self.assertNotIn("drain", self.daemon.get("/links/l1").json["status"])
        self.set_admin(1, "drain")
        self.assertEqual(self.drain_status("l1")["state"], "draining")
        self.settle(names)
        self.assertEqual(self.links_of(names), ["l2", "l2", "l1"])
        # One after the other.
        self.assertLessEqual(self.move_revisions("job1")[1], self.move_revisions("job2")[0])
        self.assertEqual(self.drain_status("l1"), {"state": "draining", "paths": 1, "leaving": 0, "backups": 0,
                                                   "staying": 1})
        self.assertIn("moves from link l1 to link l2: link l1 is drained", self.causes("job1"))
        self.assertEqual({change["to"] for change in self.path("job1")["status"]["history"][-2:]}, {"active"})
        self.assertEqual([item["path"] for item in self.plan("l1")], ["job3"])
        self.set_admin(1, "up")
        self.assertNotIn("drain", self.daemon.get("/links/l1").json["status"])
        self.assertEqual(self.links_of(names), ["l2", "l2", "l1"])

    def test_down_moves_all_at_once(self):
        names = self.build_jobs(2, "2G", "2G", "2G")
        self.connect()
        for name in names:
            self.on("l1", name)
        self.set_admin(1, "down")
        self.settle(names)
        self.assertEqual(self.links_of(names), ["l2"] * 3)
        self.assertEqual(len({self.move_revisions(name)[0] for name in names}), 1)
        self.assertEqual(self.drain_status("l1")["state"], "drained")
        self.assertIn("moves from link l1 to link l2: link l1 is down", self.causes("job3"))

    def test_down_while_paths_move_there(self):
        """Nobody waits until a link that is down is proved: paths go back to the one that carries them."""
        self.build_jobs(2, "2G")
        gw_a, gw_b = self.connect()
        self.on("l1")
        gw_a.dead = gw_b.dead = {self.numbers()["l2"]}
        self.set_admin(1, "drain")
        self.until(lambda status: status["link"] == "l2")
        self.report()
        self.set_admin(2, "down")
        self.on("l1")
        self.assertIn("moves from link l2 to link l1: link l2 was not proved", self.causes())
        self.assertEqual(self.drain_status("l1")["paths"], 1)
        # That it was not proved while it was down is nothing to wait for, as it is with a link that was up.
        gw_a.dead = gw_b.dead = set()
        self.set_admin(2, "up")
        self.on("l2")
        self.assertEqual(self.drain_status("l1")["state"], "drained")

    def test_backups_go_too(self):
        self.build(3, ("job1", path_spec("6G", protection="1:1")), ("job2", path_spec("1G", "7000", link="l2")))
        self.connect()
        self.on("l1")
        self.on("l2", "job2")
        plan = self.plan("l2")
        self.assertEqual([(item["path"], item["has"], item["goes"], item["to" if item["goes"] else "code"])
                          for item in plan], [("job2", "link", False, "pinned"), ("job1", "backup", True, "l3")])
        self.set_admin(2, "drain")
        self.until(lambda status: status["backup"] == "l3")
        self.assertEqual(self.path()["status"]["link"], "l1")
        # A pinned path stays, until its spec says otherwise.
        self.daemon.put("/paths/job2", path_spec("1G", "7000"))
        self.on("l1", "job2")
        self.assertEqual(self.drain_status("l2")["state"], "drained")
        # With its own link drained it goes to one of two others, or without a backup to the last one.
        self.set_admin(1, "drain")
        self.assertEqual(self.on("l3")["backup"], "")

    def test_other_gateways(self):
        self.build(1, ("job1", path_spec("2G")), ("soon", path_spec("2G", "7000", start="2099-01-01T00:00:00Z")))
        self.daemon.put("/gateways/gw-c", GW_C)
        self.daemon.put("/links/l2", self.link(2, far="gw-c"))
        self.gateways = [Mover(self.daemon, name) for name in ("gw-a", "gw-b", "gw-c")]
        self.on("l1")
        self.assertEqual([(item["path"], item["interrupted"]) for item in self.plan("l1")],
                         [("job1", True), ("soon", False)])
        self.set_admin(1, "drain")
        self.until(lambda status: status["link"] == "l2")
        self.assertNotIn("moving", self.path()["status"])
        self.on("l2")
        self.assertIn("goes from link l1 to link l2, proved anew: link l1 is drained", self.causes())
        self.until(lambda status: status["link"] == "l2", "soon")
        # The same gateways first, whatever the other links cost.
        self.set_admin(1, "up")
        self.daemon.put("/links/l3", self.link(9, ["x"] * 9))
        self.daemon.put("/links/l4", self.link(30, ["y"] * 30, far="gw-c"))
        self.daemon.put("/links/l2", self.link(2, far="gw-c", admin="drain"))
        self.on("l4")
        self.assertEqual(CERTIFICATES["gw-c"], self.gateways[2].certificate)


if __name__ == "__main__":
    main()
