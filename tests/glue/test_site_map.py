#!/usr/bin/env python3
"""A site's map of classes to DSCP and priority, from the API to what its gateway's agent understands."""
import queue
import subprocess
import sys
import threading
import time

PROBE = sys.argv.pop(2) if len(sys.argv) > 2 else "channel_probe"

from control_client import PATIENCE_S, Fresh, SITE_A, SITE_B, main, path_spec  # noqa: E402  (reads argv)


class Probe:
    """A gateway's channel without a data plane; `delivers` is what its paths are to be in the LAN now."""

    def __init__(self, daemon, gateway):
        self.process = subprocess.Popen([PROBE, daemon.url[:-3], gateway], stdout=subprocess.PIPE,
                                        stderr=subprocess.DEVNULL, text=True)
        self.lines = queue.Queue()
        self.delivers = {}
        threading.Thread(target=self.read, daemon=True).start()

    def read(self):
        for line in self.process.stdout:
            self.lines.put(line.split())

    def wait(self, wanted):
        until = time.monotonic() + PATIENCE_S
        while self.delivers != wanted:
            try:
                words = self.lines.get(timeout=max(0, until - time.monotonic()))
            except queue.Empty:
                raise AssertionError("%s and not %s" % (self.delivers, wanted)) from None
            if words[0] == "path":
                self.delivers[words[1]] = words[3]

    def close(self):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()


def site(spec, **qos):
    return {"spec": {**spec["spec"], **({"qos": qos} if qos else {})}}


def marks(dscp, pfc_priority):
    return {"dscp": dscp, "pfc_priority": pfc_priority}


class SiteMap(Fresh):
    def begin(self):
        self.apply_all(("job1", path_spec()), ("job2", path_spec(ports="6000", **{"class": "bulk"})))
        self.gateways = [Probe(self.daemon, "gw-a"), Probe(self.daemon, "gw-b")]
        return self.gateways

    def active(self):
        """Both paths; their status without what each report changes."""
        until = time.monotonic() + PATIENCE_S
        while True:
            paths = [self.daemon.get("/paths/" + name).json["status"] for name in ("job1", "job2")]
            if all(path["state"] == "active" for path in paths) or time.monotonic() > until:
                self.assertEqual([path["state"] for path in paths], ["active", "active"])
                return [path["generation"] for path in paths]
            time.sleep(0.05)

    def put(self, name, body):
        self.assertIn(self.daemon.put("/sites/" + name, body).status, (200, 201))

    def test_each_gateway_gets_its_site_s(self):
        gw_a, gw_b = self.begin()
        gw_a.wait({"job1": "-/-", "job2": "-/-"})
        generations = self.active()
        self.put("a", site(SITE_A, lossless=marks(26, 3), bulk=marks(8, 0)))
        gw_a.wait({"job1": "26/3", "job2": "8/0"})
        self.put("b", site(SITE_B, lossless=marks(24, 5)))
        gw_b.wait({"job1": "24/5", "job2": "-/-"})
        self.put("a", site(SITE_A, lossless=marks(27, 3)))
        gw_a.wait({"job1": "27/3", "job2": "-/-"})
        self.put("a", SITE_A)
        gw_a.wait({"job1": "-/-", "job2": "-/-"})
        # Nothing to be proved anew.
        self.assertEqual(self.active(), generations)
        self.assertEqual(self.daemon.get("/sites/b").json["spec"]["qos"], {"lossless": marks(24, 5)})

    def test_a_path_under_a_map(self):
        gw_a, gw_b = self.begin()
        self.active()
        self.put("b", site(SITE_B, control=marks(46, 6)))
        self.daemon.put("/paths/job3", path_spec(ports="7000", **{"class": "control"}))
        gw_b.wait({"job1": "-/-", "job2": "-/-", "job3": "46/6"})
        gw_a.wait({"job1": "-/-", "job2": "-/-", "job3": "-/-"})

    def test_what_no_lan_can_have(self):
        self.apply_all()
        for bad, pointer in ((marks(64, 3), "/spec/qos/lossless/dscp"),
                             (marks(26, 8), "/spec/qos/lossless/pfc_priority")):
            self.problem(self.daemon.put("/sites/a", site(SITE_A, lossless=bad)), 400, "invalid-argument",
                         pointer)
        self.assertEqual(self.daemon.put("/sites/a", site(SITE_A, gold=marks(1, 1))).status, 400)


if __name__ == "__main__":
    main()
