#!/usr/bin/env python3
"""causewayctl against the real causeway-control, with two probes in the place of gateways.

usage: test_ctl.py CAUSEWAYCTL CAUSEWAY_CONTROL CHANNEL_PROBE
Loopback only; waits for events, asserts no times.
"""
import json
import os
import queue
import socket
import subprocess
import sys
import tempfile
import threading
import time
import unittest

CTL, CONTROL, PROBE = sys.argv[1:4]
PATIENCE = 30  # seconds until a wait has failed

OBJECTS = """\
kind: site
name: a
spec: {prefixes: [10.101.0.0/16, "fd01::/64"]}
---
kind: site
name: b
spec: {prefixes: [10.102.0.0/16, "fd02::/64"]}
---
kind: gateway
name: gw-a
spec: {site: a, ports: [{name: wan0, addresses: [10.200.0.1]}]}
---
kind: gateway
name: gw-b
spec: {site: b, ports: [{name: wan0, addresses: [10.200.0.2]}]}
---
kind: link
name: l1
spec: {a: "gw-a:wan0", z: "gw-b:wan0", capacity_bps: 10G}
"""
PATH = """\
---
kind: path
name: job1
spec: {a: {site: a}, z: {site: b}, rate_bps: 1G}
"""


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Control:
    def __init__(self):
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.start()

    def start(self):
        self.process = subprocess.Popen([CONTROL, "--listen", f"127.0.0.1:{self.port}"],
                                        stderr=subprocess.DEVNULL)
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            try:
                socket.create_connection(("127.0.0.1", self.port)).close()
                return
            except ConnectionRefusedError:
                time.sleep(0.02)
        raise AssertionError("causeway-control does not listen")

    def kill(self):
        self.process.kill()
        self.process.wait()


class Probe:
    def __init__(self, url, gateway):
        self.process = subprocess.Popen([PROBE, url, gateway], stdout=subprocess.PIPE,
                                        stderr=subprocess.DEVNULL, text=True)
        self.lines = queue.Queue()
        threading.Thread(target=self.read, daemon=True).start()

    def read(self):
        for line in self.process.stdout:
            self.lines.put(line.strip())

    def wait_for(self, wanted):
        seen = []
        while not seen or seen[-1] != wanted:
            try:
                seen.append(self.lines.get(timeout=PATIENCE))
            except queue.Empty:
                raise AssertionError(f"no {wanted} after {seen}") from None

    def stop(self):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()


class Base(unittest.TestCase):
    def setUp(self):
        self.dir = tempfile.TemporaryDirectory()
        self.addCleanup(self.dir.cleanup)
        self.control = Control()
        self.addCleanup(lambda: self.control.kill())
        self.env = dict(os.environ, CAUSEWAY_URL=self.control.url)

    def file(self, text, name="objects.yaml"):
        path = os.path.join(self.dir.name, name)
        with open(path, "wb") as out:
            out.write(text if isinstance(text, bytes) else text.encode())
        return path

    def run_ctl(self, *args, stdin=None):
        return subprocess.run([CTL, *args], env=self.env, input=stdin, capture_output=True,
                              text=True, timeout=60)

    def ctl(self, *args, code=0, stdin=None):
        """In table mode: the text for people. Errors only on stderr."""
        done = self.run_ctl(*args, stdin=stdin)
        self.assertEqual(done.returncode, code, done)
        if code:
            self.assertEqual(done.stdout, "")
            self.assertTrue(done.stderr.startswith("causewayctl: "), done)
            return done.stderr
        self.assertEqual(done.stderr, "")
        return done.stdout

    def json(self, *args, code=0, stdin=None):
        """In JSON mode: one object, whatever happens, and nothing on stderr."""
        done = self.run_ctl("-o", "json", *args, stdin=stdin)
        self.assertEqual(done.returncode, code, done)
        self.assertEqual(done.stderr, "")
        value = json.loads(done.stdout)
        self.assertIsInstance(value, dict)
        self.assertEqual("error" in value, code != 0)
        if code:
            self.assertEqual(value["error"]["exit"], code)
            self.assertTrue(value["error"]["code"] and value["error"]["detail"])
        return value

    def apply(self, text=OBJECTS):
        return self.ctl("apply", "-f", self.file(text))

    def probes(self):
        probes = [Probe(self.control.url, name) for name in ("gw-a", "gw-b")]
        for probe in probes:
            self.addCleanup(probe.stop)
        return probes


class Apply(Base):
    def test_created_then_unchanged(self):
        self.assertIn("site a created\n", self.apply())
        self.assertIn("link l1 unchanged\n", self.apply())

    def test_stdin_json_and_exported(self):
        objects = {"items": [{"kind": "site", "name": "a", "spec": {"prefixes": ["10.1.0.0/16"]}}]}
        self.ctl("apply", "-f", "-", stdin=json.dumps(objects))
        exported = json.dumps(self.json("get", "sites"))
        self.assertEqual(self.ctl("apply", "-f", "-", stdin=exported), "site a unchanged\n")

    def test_errors_name_the_line(self):
        path = self.file(OBJECTS.replace("10.102.0.0/16", "10.102.0.1/16"))
        self.assertIn(f"{path}:7: /items/1/spec/prefixes/0", self.ctl("apply", "-f", path, code=1))
        error = self.json("apply", "-f", path, code=1)["error"]
        self.assertEqual(error["errors"][0]["at"], f"{path}:7")
        self.assertEqual(self.json("get", "sites")["items"], [])  # all or nothing

    def test_bad_files(self):
        for text, wanted in (("a: 1\na: 2\n", ":2: duplicate key"), ("kind: [", ":2: "),
                             ("", "holds no objects"), ("kind: site\n", ":1: name must be there"),
                             (b"\xff\xfe\x00", ": "), (b"a: \xc3(", "not UTF-8")):
            path = self.file(text)
            self.assertIn(wanted, self.ctl("apply", "-f", path, code=2))
            self.json("apply", "-f", path, code=2)
        self.assertIn("No such file", self.ctl("apply", "-f", "/no/such/file", code=2))
        self.assertIn("Is a directory", self.ctl("apply", "-f", "/", code=2))
        self.assertIn("needs --file", self.ctl("apply", code=2))


class Objects(Base):
    def test_get(self):
        self.apply()
        for kind in ("sites", "site", "gateways", "links", "classes", "paths"):
            self.assertTrue(self.ctl("get", kind).startswith("NAME "))
            self.assertIsInstance(self.json("get", kind)["items"], list)
        self.assertIn("10 Gb/s", self.ctl("get", "link", "l1"))
        self.assertEqual(self.json("get", "sites", "a")["name"], "a")
        self.ctl("get", "site", "nope", code=1)
        self.assertEqual(self.json("get", "site", "nope", code=1)["error"]["status"], 404)
        self.json("get", "path", "a/b c?", code=1)
        self.json("get", "clouds", code=2)

    def test_delete(self):
        self.apply()
        self.assertEqual(self.json("delete", "site", "a", code=1)["error"]["status"], 409)
        self.assertEqual(self.ctl("delete", "link", "l1"), "link l1 deleted\n")
        self.json("delete", "gateways", "gw-a")
        self.json("get", "gateway", "gw-a", code=1)
        self.json("delete", "class", "bulk", code=1)

    def test_status(self):
        self.assertIn("0 of 0 gateways", self.ctl("status"))
        self.apply()
        self.assertIn("0 of 2 gateways connected, 0 of 0 paths active", self.ctl("status"))
        status = self.json("status")
        self.assertEqual(len(status["gateways"]), 2)
        self.assertEqual(status["paths"], [])


class Paths(Base):
    CREATE = ("path", "create", "job1", "--from", "a", "--to", "b", "--rate", "1G")

    def test_life(self):
        self.apply()
        probes = self.probes()
        for probe in probes:
            probe.wait_for("state up")
        self.assertIn("path job1 is active", self.ctl(*self.CREATE, "--match", "tcp:5000-5999",
                                                      "--match", "rocev2", "--wait"))
        shown = self.ctl("path", "show", "job1")
        for wanted in ("path job1 is active", "1 Gb/s", "tcp:5000-5999", "gw-b", "10.1 ms"):
            self.assertIn(wanted, shown)
        self.assertIn("2 of 2 gateways connected, 1 of 1 paths active", self.ctl("status"))
        path = self.json("path", "show", "job1", "--wait=active")
        self.assertEqual(path["status"]["state"], "active")
        self.assertEqual(path["spec"]["rate_bps"], 1000000000)
        self.assertEqual(self.ctl("path", "rm", "job1", "--wait"), "path job1 released\n")
        self.ctl("path", "show", "job1", code=1)
        for probe in probes:
            probe.wait_for("intent 0")

    def test_links(self):
        self.apply()
        self.apply(OBJECTS.replace("name: l1", "name: l2").replace("capacity_bps: 10G",
                                                                   "capacity_bps: 10G, cost: 20"))
        for probe in self.probes():
            probe.wait_for("state up")
        self.assertEqual(self.ctl("link", "drain", "l1", "--plan"), "link l1 has no paths\n")
        self.assertIn("is active", self.ctl(*self.CREATE, "--protection", "1:1", "--wait"))
        shown = self.ctl("path", "show", "job1")
        self.assertRegex(shown, r"protection +1:1\n +link +l1\n +backup +l2\n")
        plan = self.ctl("link", "drain", "l1", "--plan")
        self.assertIn("these paths go to another link, one by one:", plan)
        self.assertRegex(plan, r"job1 +a +b +1 Gb/s +l2 +- +no\n")
        self.assertTrue(self.json("link", "drain", "l1", "--plan")["paths"][0]["goes"])
        self.assertRegex(self.ctl("path", "move", "job1", "l2"), "path job1 is")
        self.assertIn("no link l9", self.ctl("path", "move", "job1", "l9", code=1))
        self.assertEqual(self.json("path", "show", "job1")["spec"]["link"], "l2")
        plan = self.ctl("link", "drain", "l2", "--plan")
        self.assertIn("these stay, no other link will do:", plan)
        self.ctl("path", "move", "job1")
        self.assertNotIn("link", self.json("path", "show", "job1")["spec"])
        self.assertIn("link l2 is drain", self.ctl("link", "drain", "l2"))
        self.assertEqual(self.ctl("link", "up", "l2"), "link l2 is up\n")

    def test_create_once(self):
        self.apply()
        self.assertEqual(self.json(*self.CREATE)["name"], "job1")
        self.json(*self.CREATE)  # the same again
        error = self.json(*self.CREATE[:-1], "2G", code=1)["error"]
        self.assertEqual(error["code"], "exists-different")
        self.assertIn("job1", self.ctl("path", "list"))
        self.assertEqual(len(self.json("path", "list")["items"]), 1)
        self.json("path", "rm", "job1")

    def test_options_reach_control(self):
        self.apply()
        path = self.json("path", "create", "p", "--from", "a:10.101.1.0/24,fd01::/80", "--to",
                         "b:10.102.1.0/24,fd02::/80", "--rate", "1G/2G", "--max", "3Gbit/s",
                         "--class", "bulk", "--when-down", "best_effort", "--match", "udp:53,60-70@dscp26")
        self.assertEqual(path["spec"]["a"]["prefixes"], ["10.101.1.0/24", "fd01::/80"])
        self.assertEqual(path["spec"]["rate_bps"], {"a_to_z": 1000000000, "z_to_a": 2000000000})
        self.assertEqual(path["spec"]["max_bps"], 3000000000)
        self.assertEqual(path["spec"]["class"], "bulk")
        self.assertEqual(path["spec"]["when_down"], "best_effort")
        self.assertIn("best_effort", self.ctl("path", "show", "p"))
        self.assertEqual(path["spec"]["match"],
                         [{"protocol": "udp", "ports": ["53", "60-70"], "dscp": [26]}])

    def test_refused_with_offer(self):
        self.apply()
        text = self.ctl(*self.CREATE[:-1], "20G", code=1)
        self.assertIn("insufficient-bandwidth", text)
        self.assertIn("possible now: 8.3 Gb/s", text)
        error = self.json(*self.CREATE[:-1], "20G", code=1)["error"]
        self.assertEqual(error["offers"][0]["rate_bps"], 8302000000)

    def test_wait_times_out(self):
        self.apply()
        self.assertIn("not active yet", self.ctl(*self.CREATE, "--wait", "--timeout", "300ms",
                                                 code=4))
        self.json("path", "show", "job1", "--wait", "--timeout", "300ms", code=4)

    def test_usage(self):
        for args in ((), ("path",), ("path", "fly"), ("path", "create"),
                     ("path", "create", "x"), self.CREATE + ("--match", "sctp"),
                     self.CREATE + ("--wait=flying",), self.CREATE + ("--rate", "1G"),
                     self.CREATE[:-1] + ("fast",), ("get", "paths", "--nope"),
                     ("status", "--timeout", "soon"), ("status", "--url", "ftp://x"),
                     ("bad \xff \u00e9",)):
            self.ctl(*args, code=2)
            self.json(*args, code=2)

    def test_help_and_version(self):
        for args in (("--help",), ("path", "create", "--help"), ("--version",)):
            self.assertIn("causeway", self.ctl(*args))
            self.json(*args)


class Reach(Base):
    def test_nobody_there(self):
        url = f"http://127.0.0.1:{free_port()}"
        self.assertIn("is causeway-control running there?", self.ctl("status", "--url", url, code=3))
        self.json("status", "--url", url, code=3)
        self.json("status", "--url", "http://name.invalid:1", code=3)
        self.json("status", "--url", "unix:/no/such/socket", code=3)

    def test_answers_nothing(self):
        with socket.socket() as server:
            server.bind(("127.0.0.1", 0))
            server.listen(8)
            url = f"http://127.0.0.1:{server.getsockname()[1]}"
            self.json("status", "--url", url, "--timeout", "300ms", code=4)

    def test_something_else_answers(self):
        # SETTINGS, then ":status: 200" (RFC 7541: index 8) and a body to the client's first request.
        for body in (b"", b"<html>", b"[]"):
            with socket.socket() as server:
                server.bind(("127.0.0.1", 0))
                server.listen(8)
                url = f"http://127.0.0.1:{server.getsockname()[1]}"
                answer = (b"\0\0\0\4\0\0\0\0\0" + b"\0\0\1\1\4\0\0\0\1\x88" +
                          b"\0\0" + bytes([len(body)]) + b"\0\1\0\0\0\1" + body)
                threading.Thread(target=self.answer, args=(server, answer), daemon=True).start()
                for args in (("get", "sites"), ("get", "sites", "a"), ("status",), ("path", "list"),
                             ("path", "show", "p"), ("apply", "-f", self.file(OBJECTS))):
                    self.assertEqual(self.json(*args, "--url", url, code=3)["error"]["code"],
                                     "unreachable")

    @staticmethod
    def answer(server, answer):
        while True:
            try:
                with server.accept()[0] as peer:
                    while b"\0\0\0\1" not in peer.recv(4096):  # a frame of stream 1
                        pass
                    peer.sendall(answer)
                    while peer.recv(4096):
                        pass
            except OSError:
                return

    def test_output_is_lost(self):
        with open("/dev/full", "w") as full:
            done = subprocess.run([CTL, "status"], env=self.env, stdout=full,
                                  stderr=subprocess.PIPE)
        self.assertNotEqual(done.returncode, 0)


class Channel(Base):
    def test_control_killed_and_restarted(self):
        probes = self.probes()
        for probe in probes:
            probe.wait_for("state unknown")
        self.apply(OBJECTS + PATH)
        for probe in probes:
            probe.wait_for("state up")
            probe.wait_for("intent 1")
        self.json("path", "show", "job1", "--wait")
        self.control.kill()
        for probe in probes:
            probe.wait_for("state down")
        self.control.start()
        for probe in probes:
            probe.wait_for("state unknown")
        self.apply(OBJECTS + PATH)
        for probe in probes:
            probe.wait_for("intent 1")
        path = self.json("path", "show", "job1", "--wait")
        self.assertEqual(path["status"]["state"], "active")


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], "-v"])
