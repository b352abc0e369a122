#!/usr/bin/env python3
"""What control makes of the transport that gateways report: rates, summaries, notices, links."""
import os
import subprocess
import sys
import time

CTL = sys.argv.pop(2) if len(sys.argv) > 2 else "causewayctl"

from control_client import Fresh, main, path_spec  # noqa: E402  (reads the daemon's name from argv)


def entry(step, **more):
    """One end's counters after `step` steps of 100,000 bytes each way."""
    transport = {"sequenced": 1000 * step, "lost": 10 * step, "resent": 12 * step, "rtt_ns": 10300000,
                 "rtt_min_ns": 10000000, "retained_packets": 40, "retain_packets_max": 1024,
                 "keys_installed": 2}
    transport.update(more)
    return {"transport": transport,
            "counters": {"out": {"tx_bytes": 100000 * step}, "in": {"tx_bytes": 50000 * step}},
            "retain_buffers": {"granted": 1024, "wanted": 1024},
            "hold_buffers": {"granted": 4096, "wanted": 4096}}


class Transport(Fresh):
    def path(self):
        return self.daemon.get("/paths/job1").json["status"]

    def begin(self):
        self.apply_all(("job1", path_spec()))
        gw_a, gw_b = self.connect()
        self.drive("active")
        return gw_a, gw_b

    def test_nothing_told(self):
        self.begin()
        status = self.path()
        self.assertNotIn("transport", status)
        self.assertNotIn("rates", status["gateways"][0])
        self.assertIsNone(status["gateways"][0]["notice"])

    def test_rates_and_summary(self):
        gw_a, gw_b = self.begin()
        gw_a.extra, gw_b.extra = entry(1), entry(0, rtt_ns=12000000, rtt_min_ns=9000000)
        gw_a.report()
        gw_b.report()
        status = self.path()
        self.assertEqual(status["gateways"][0]["transport"]["lost"], 10)
        self.assertEqual(status["transport"]["rtt_ns"], 12000000)
        self.assertEqual(status["transport"]["rtt_min_ns"], 9000000)
        self.assertEqual(status["transport"]["resent"], {"a_to_z": 12, "z_to_a": 0})
        self.assertEqual(status["transport"]["goodput_bps"], {"a_to_z": None, "z_to_a": None})
        time.sleep(1)
        gw_a.extra = entry(11)
        gw_a.report()
        gw_b.report()
        status = self.path()
        # A million bytes out and half of it in, in a second or somewhat more.
        rates = status["gateways"][0]["rates"]
        self.assertTrue(2000000 < rates["out_bps"] <= 8000000, rates)
        self.assertAlmostEqual(rates["out_bps"], 2 * rates["in_bps"], delta=4)
        self.assertTrue(25 < rates["lost_ps"] <= 100 and rates["lost_ps"] < rates["resent_ps"], rates)
        self.assertAlmostEqual(rates["loss_share"], 0.01)
        self.assertEqual(status["transport"]["goodput_bps"]["a_to_z"], rates["out_bps"])
        self.assertEqual(status["transport"]["loss_share"], {"a_to_z": rates["loss_share"], "z_to_a": None})

    def test_what_is_not_told_again_stays(self):
        gw_a, _ = self.begin()
        gw_a.extra = entry(3)
        gw_a.report()
        gw_a.extra = {}
        gw_a.report()
        at = self.path()["gateways"][0]
        self.assertEqual(at["transport"]["lost"], 30)
        self.assertEqual(at["retain_buffers"], {"granted": 1024, "wanted": 1024})
        self.assertEqual(at["counters"]["out"], {"rx_packets": 5, "tx_packets": 5})

    def test_restarted_gateway_has_no_negative_rates(self):
        gw_a, _ = self.begin()
        gw_a.extra = entry(100)
        gw_a.report()
        time.sleep(1)
        gw_a.extra = entry(1)
        gw_a.report()
        self.assertEqual(self.path()["gateways"][0]["rates"],
                         {"out_bps": 0, "in_bps": 0, "lost_ps": 0, "resent_ps": 0, "loss_share": None})

    def test_silent_gateway_has_no_rates(self):
        gw_a, gw_b = self.begin()
        for step in (1, 11):
            gw_a.extra = entry(step)
            gw_a.report()
            if step == 1:
                time.sleep(1)
        self.assertIn("rates", self.path()["gateways"][0])
        time.sleep(3.2)
        gw_b.report()
        status = self.path()
        self.assertEqual(status["state"], "degraded")
        self.assertNotIn("rates", status["gateways"][0])
        self.assertEqual(status["gateways"][0]["transport"]["lost"], 110)
        self.assertEqual(status["transport"]["goodput_bps"], {"a_to_z": None, "z_to_a": None})

    def test_notice_of_few_buffers(self):
        gw_a, gw_b = self.begin()
        gw_a.extra = entry(1)
        gw_a.extra["retain_buffers"] = {"granted": 512, "wanted": 2048}
        gw_b.extra = entry(1)
        gw_b.extra["hold_buffers"] = {"granted": 3000, "wanted": 4096}
        gw_a.report()
        gw_b.report()
        status = self.path()
        self.assertEqual(status["state"], "active")
        # 512 packets of 1,400 bytes each 10 ms; 3,000 of them are more than 1 Gb/s.
        self.assertEqual(status["gateways"][0]["notice"],
                         "fewer buffers than the path wants: 512 of 2048 for unacknowledged packets (out: "
                         "about 573 Mb/s at most); raise memory.size of gateway gw-a, then make the path anew")
        self.assertIn("3000 of 4096 for waiting packets (in: enough while they are large); raise memory.size "
                      "of gateway gw-b", status["gateways"][1]["notice"])
        gw_a.extra["retain_buffers"] = {"granted": 0, "wanted": 2048}
        gw_a.report()
        self.assertIsNone(self.path()["gateways"][0]["notice"])

    def test_links(self):
        gw_a, _ = self.begin()
        link = self.daemon.get("/links/l1").json["status"]
        self.assertEqual(link["gateways"], [{"name": "gw-a"}, {"name": "gw-b"}])
        told = {"id": link["id"], "tx_bytes": 1000, "rx_bytes": 0, "nominal_bps": 10000000000,
                "rate_bps": 7000000000, "lowered": 1, "rtt_ns": 10300000}
        self.assertEqual(gw_a.intent["paths"][0]["link"], link["id"])
        time.sleep(1)  # a look for rates: not too soon after the last one
        gw_a.report(links=[{"id": 255, "tx_bytes": 7}, told])
        at = self.daemon.get("/links/l1").json["status"]["gateways"][0]
        self.assertEqual((at["name"], at["rate_bps"], at["lowered"]), ("gw-a", 7000000000, True))
        self.assertNotIn("id", at)
        time.sleep(1)
        gw_a.report(links=[{**told, "tx_bytes": 126000}])
        at = self.daemon.get("/links/l1").json["status"]["gateways"][0]
        self.assertTrue(200000 < at["rates"]["tx_bps"] <= 1000000, at)
        self.assertEqual(at["rates"]["rx_bps"], 0)
        self.assertEqual(self.daemon.get("/gateways/gw-a").json["status"]["links"][0]["id"], link["id"])

    def test_bad_reports(self):
        gw_a, _ = self.begin()
        for name in ("transport", "retain_buffers", "hold_buffers"):
            gw_a.extra = {name: 7}
            self.problem(gw_a.report(), 400, "invalid-argument", "/paths/0/" + name)
        for junk, pointer in (({"transport": {"lost": "many"}}, "transport/lost"),
                              ({"transport": {"rtt_ns": -1}}, "transport/rtt_ns"),
                              ({"transport": {"rtt_ns": 10 ** 14}}, "transport/rtt_ns"),
                              ({"transport": {"sequenced": None}}, "transport/sequenced"),
                              ({"retain_buffers": {"granted": []}}, "retain_buffers/granted"),
                              ({"counters": {"out": 7}}, "counters/out"),
                              ({"counters": {"in": {"tx_bytes": 1.5}}}, "counters/in/tx_bytes"),
                              ({"counters": {"out": {"rx_bytes": 2 ** 62 + 1}}}, "counters/out/rx_bytes"),
                              ({"counters": {"out": {"drops": {"queue_full": "7"}}}}, "counters/out/drops/queue_full"),
                              ({"keys": 1}, "keys"), ({"rtt_ns": "10ms"}, "rtt_ns")):
            gw_a.extra = junk
            self.problem(gw_a.report(), 400, "invalid-argument", "/paths/0/" + pointer)
        # What is not known is left alone: a gateway may be newer than its control.
        gw_a.extra = {"of_tomorrow": -1, "counters": {"out": {"of_tomorrow": "x"}}}
        self.assertEqual(gw_a.report(of_tomorrow=-1).status, 204)
        self.problem(gw_a.report(links=7), 400, "invalid-argument", "/links")
        self.problem(gw_a.report(links=[7]), 400, "invalid-argument", "/links/0")
        self.problem(gw_a.report(links=[{}]), 400, "missing-field", "/links/0/id")
        self.problem(gw_a.report(links=[{"id": 256}]), 400, "invalid-argument", "/links/0/id")
        self.problem(gw_a.report(links=[{"id": 0}]), 400, "invalid-argument", "/links/0/id")
        self.problem(gw_a.report(links=[{"id": 1, "tx_bytes": -1}]), 400, "invalid-argument", "/links/0/tx_bytes")
        self.problem(gw_a.report(links=[{"id": 1, "lowered": 7}]), 400, "invalid-argument", "/links/0/lowered")
        self.problem(gw_a.report(links=256 * [{"id": 1}]), 400, "invalid-argument", "/links")
        self.problem(gw_a.report(ports={}), 400, "invalid-argument", "/ports")
        self.problem(gw_a.report(ports=[{"role": "lan"}]), 400, "missing-field", "/ports/0/name")
        self.problem(gw_a.report(ports=[{"name": "lan0", "mtu": 70000}]), 400, "invalid-argument", "/ports/0/mtu")
        self.problem(gw_a.report(ports=[{"name": "lan0", "drops": {"x": -1}}]), 400, "invalid-argument",
                     "/ports/0/drops/x")
        self.problem(gw_a.report(peers=[{"gateway": 7}]), 400, "invalid-argument", "/peers/0/gateway")
        self.problem(gw_a.report(buffer_bytes=2 ** 62 + 1), 400, "invalid-argument", "/buffer_bytes")
        self.assertEqual(gw_a.report().status, 204)
        metrics = self.daemon.call("GET", "", url=self.daemon.url.replace("/v1", "/metrics")).text
        counted = [line for line in metrics.splitlines() if line.startswith("causeway_gateway_reports_refused_total")]
        self.assertEqual(len(counted), 2)
        self.assertGreater(int(counted[0].rsplit(" ", 1)[1]), 20)
        self.assertTrue(counted[1].endswith(" 0"), counted)
        # Once, until one holds.
        self.assertEqual(sum("its report is refused: /" in line for line in self.daemon.rest), 2, self.daemon.rest)

    def test_causewayctl(self):
        gw_a, gw_b = self.begin()
        for step in (1, 11):
            gw_a.extra, gw_b.extra = entry(step), entry(0)
            gw_a.extra["retain_buffers"] = {"granted": 512, "wanted": 2048}
            gw_a.report(links=[{"id": gw_a.intent["paths"][0]["link"], "rate_bps": 7000000000}])
            gw_b.report(links=[{"id": gw_a.intent["paths"][0]["link"], "rate_bps": 10000000000}])
            if step == 1:
                time.sleep(1)

        def ctl(*args):
            done = subprocess.run([CTL, *args], env={**os.environ, "CAUSEWAY_URL": self.daemon.url[:-3]},
                                  capture_output=True, text=True, check=True)
            return done.stdout

        shown = ctl("path", "show", "job1")
        self.assertRegex(shown, r"notice +fewer buffers than the path wants: 512 of 2048")
        self.assertRegex(shown, r"GATEWAY +SENDS +RTT +LEAST +LOSS +LOST +RESENT +UNACKED +OF +KEYS\n"
                                r"gw-a +\S+ Mb/s +10.3 ms +10 ms +1.00% +110 +132 +40 +1.02 k +2\n"
                                r"gw-b +0 b/s +10.3 ms +10 ms +- +0 +0 +40 +1.02 k +2\n")
        self.assertRegex(ctl("path", "list"), r"job1 .* 10.3 ms +1.00% / - +132 / 0 +")
        self.assertRegex(ctl("get", "links"), r"l1 .* up +7 Gb/s / 10 Gb/s")


if __name__ == "__main__":
    main()
