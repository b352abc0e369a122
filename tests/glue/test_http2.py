#!/usr/bin/env python3
"""The real causeway-control, spoken to by clients that others wrote: curl and nghttp.

usage: test_http2.py CAUSEWAY_CONTROL. Loopback only, on a port that the kernel chooses.
"""
import contextlib
import json
import os
import re
import signal
import socket
import struct
import subprocess
import tempfile
import time
import unittest

from control_client import (DAEMON, GW_A, PATIENCE_S, SITE_A, Daemon, Fresh, Gateway, main,
                            path_spec)


class BadInput(Fresh):
    def test_bodies(self):
        table = [
            (b"{", "malformed-json", None), (b"", "malformed-json", None), (b"[]", "invalid-argument", ""),
            (b'{"spec":{"prefixes":["10.0.0.0/8"]}} x', "malformed-json", None),
            (b"[" * 100, "malformed-json", None), (b'{"spec":"\xff"}', "malformed-json", None),
            (b'{"spec":{"prefixes":["10.0.0.0/8"],"prefixes":[]}}', "duplicate-key", "/spec/prefixes"),
            (b'{"spec":{"prefixes":["10.0.0.0/8"],"a/b~":1}}', "unknown-field", "/spec/a~1b~0"),
            (('{"spec":{"prefixes":["10.0.0.0/8"]},"x%s":1}' % ("\u00e9" * 300)).encode(), "unknown-field", None),
            (b'{"spec":{"prefixes":["10.0.0.1/8"]}}', "invalid-argument", "/spec/prefixes/0"),
            (b'{"spec":{"prefixes":[7]}}', "invalid-argument", "/spec/prefixes/0"),
            (b'{"spec":{"prefixes":[]}}', "invalid-argument", "/spec/prefixes"),
            (b'{"spec":{}}', "missing-field", "/spec/prefixes"), (b"{}", "missing-field", "/spec"),
            (b'{"spec":{"prefixes":["10.0.0.0/8"]},"labels":{"x":1}}', "invalid-argument", "/labels/x"),
        ]
        for raw, code, pointer in table:
            with self.subTest(raw=raw):
                self.problem(self.daemon.call("PUT", "/sites/a", raw=raw), 400, code, pointer)
        self.assertEqual(self.daemon.get("/sites").json["items"], [])

    def test_path_specs(self):
        self.apply_all()
        table = [
            ({"rate_bps": "fast"}, "/spec/rate_bps"), ({"rate_bps": 0}, "/spec/rate_bps"),
            ({"rate_bps": {"a_to_z": "1G"}}, "/spec/rate_bps/z_to_a"), ({"rate_bps": -1}, "/spec/rate_bps"),
            ({"max_bps": "1M"}, "/spec/max_bps"), ({"class": "gold"}, "/spec/class"),
            ({"when_down": "leak"}, "/spec/when_down"), ({"when_down": 1}, "/spec/when_down"),
            ({"a": {"site": "nowhere"}}, "/spec/a/site"), ({"z": {"site": "a"}}, "/spec/z/site"),
            ({"match": [{"protocol": "sctp"}]}, "/spec/match/0/protocol"),
            ({"match": [{"protocol": "tcp", "ports": ["9-5"]}]}, "/spec/match/0/ports/0"),
            ({"match": [{"protocol": "tcp", "ports": ["0"]}]}, "/spec/match/0/ports/0"),
            ({"match": [{"protocol": "tcp", "ports": ["70000"]}]}, "/spec/match/0/ports/0"),
            ({"match": [{"protocol": "rocev2", "ports": ["80"]}]}, "/spec/match/0/ports"),
            ({"match": [{"protocol": "tcp", "dscp": [64]}]}, "/spec/match/0/dscp/0"),
        ]
        for change, pointer in table:
            with self.subTest(change=change):
                answer = self.daemon.put("/paths/p", path_spec(**{"rate": "1G", **change})
                                         if "rate_bps" not in change
                                         else {"spec": {**path_spec()["spec"], **change}})
                self.assertEqual(answer.status, 400, answer.text)
                self.assertIn(pointer, [error["pointer"] for error in answer.json["errors"]])

    def test_wrong_paths_and_methods(self):
        for path in ("/nothing", "/sites/a/b", "/sites/", "/sites/%41", "/sites/" + "x" * 64, "//sites"):
            self.problem(self.daemon.get(path), 404, "not-found")
        answer = self.daemon.call("POST", "/sites/a", SITE_A)
        self.problem(answer, 405, "method-not-allowed")
        self.assertEqual(answer.headers["allow"], "GET, HEAD, PUT, DELETE")
        answer = self.daemon.call("DELETE", "/apply")
        self.assertEqual((answer.status, answer.headers["allow"]), (405, "POST"))
        answer = self.daemon.get("/sites?x=1")
        self.problem(answer, 400, "unknown-parameter")
        self.assertNotIn("allow", answer.headers)
        self.problem(self.daemon.call("GET", "", url=self.daemon.url.encode() + b"/sites?\xff"), 400,
                     "unknown-parameter")
        self.problem(self.daemon.get("/x" + "y" * 3000), 414, "path-too-long")
        self.daemon.put("/sites/a", SITE_A)
        self.problem(self.daemon.get("/sites/a?wait=active"), 400, "invalid-argument")
        self.problem(self.daemon.get("/sites/a?timeout=3s"), 400, "invalid-argument")

    def test_head_is_refused_without_body(self):
        for path, filler, status in (("/x" + "y" * 3000, "", 414), ("/sites", "y" * 20000, 431),
                                     ("/nothing", "", 404)):
            done = subprocess.run(["curl", "-sS", "--http2-prior-knowledge", "-I", "-m", str(PATIENCE_S),
                                   "-H", "x-filler: " + filler, self.daemon.url + path],
                                  capture_output=True, text=True, check=False)
            self.assertEqual((done.returncode, done.stdout.split()[1]), (0, str(status)), done.stderr)

    def test_content_type(self):
        wrong = self.daemon.call("PUT", "/sites/a", SITE_A, {"content-type": "text/plain"})
        self.problem(wrong, 415, "unsupported-media-type")
        fine = self.daemon.call("PUT", "/sites/a", SITE_A, {"content-type": "application/json; charset=utf-8"})
        self.assertEqual(fine.status, 201)

    def test_large_body_and_headers(self):
        self.problem(self.daemon.call("PUT", "/sites/a", raw=b" " * (3 << 20)), 413, "body-too-large")
        self.problem(self.daemon.call("GET", "/sites", headers={"x-filler": "y" * 20000}), 431,
                     "headers-too-large")
        self.assertEqual(self.daemon.get("/sites").status, 200)

    def test_http1_client_is_told(self):
        done = subprocess.run(["curl", "-sS", "-i", "--http1.1", "-m", "5", self.daemon.url + "/status"],
                              capture_output=True, text=True, check=True)
        self.assertTrue(done.stdout.startswith("HTTP/1.1 505 "), done.stdout)
        self.assertIn("HTTP/2", json.loads(done.stdout.split("\n\n", 1)[1])["detail"])

    def test_garbage_harms_nobody(self):
        for junk in (b"\x16\x03\x01" * 50, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\xff" * 200, b"PRI"):
            with socket.create_connection(("127.0.0.1", self.daemon.port)) as peer:
                peer.settimeout(PATIENCE_S)
                peer.sendall(junk)
                if len(junk) > 3:
                    while peer.recv(4096):
                        pass
        self.assertEqual(self.daemon.get("/status").status, 200)

    def test_rapid_reset_is_stopped(self):
        # RFC 9113, 6: frames by hand; the fields are literals without indexing (RFC 7541, 6.2.2).
        fields = b"\x82\x86" + b"\x04\x0a/v1/status" + b"\x01\x01x"  # GET, http, path, authority
        flood = b"".join(
            struct.pack(">BHBBI", 0, len(fields), 1, 5, stream) + fields +
            struct.pack(">BHBBII", 0, 4, 3, 0, stream, 8) for stream in range(1, 6001, 2))
        with socket.create_connection(("127.0.0.1", self.daemon.port)) as peer:
            peer.settimeout(PATIENCE_S)
            peer.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + struct.pack(">BHBBI", 0, 0, 4, 0, 0))
            answer = b""
            with contextlib.suppress(ConnectionError):
                peer.sendall(flood)
            with contextlib.suppress(ConnectionError):
                while part := peer.recv(65536):
                    answer += part
        self.assertRegex(answer, b"(?s)\x07\x00\x00\x00\x00\x00....\x00\x00\x00\x0b")  # GOAWAY, be calm
        self.assertEqual(self.daemon.get("/status").status, 200)


class Service(Fresh):
    def test_status_classes_openapi(self):
        self.apply_all()
        status = self.daemon.get("/status").json
        counts = {"tenants": 0, "sites": 2, "gateways": 2, "links": 1, "paths": 0}
        self.assertLessEqual(counts.items(), status["counts"].items())
        self.assertEqual((status["gateways_connected"], status["revision"]), (0, 2))
        names = [item["name"] for item in self.daemon.get("/classes").json["items"]]
        self.assertEqual(names, ["lossless", "bulk", "control"])
        self.assertEqual(self.daemon.get("/classes/bulk").json["spec"],
                         {"id": 1, "dscp": 10, "priority": 2, "recovery": ["credit", "arq"],
                          "loss_budget_percent": 1, "sealing": "aes-256-gcm"})
        text = self.daemon.get("/openapi.yaml").text
        self.assertTrue(text.startswith("openapi: 3.1"))
        for path in ("/v1/apply", "/v1/paths/{name}", "/v1/gateways/{name}/intent"):
            self.assertIn("\n  %s:\n" % path, text)

    def test_nghttp_many_streams(self):
        done = subprocess.run(["nghttp", "-nas", "-m", "100", self.daemon.url + "/status"],
                              capture_output=True, text=True, timeout=PATIENCE_S, check=False)
        self.assertEqual(done.returncode, 0, done.stderr)
        codes = re.findall(r"\s(\d{3})\s+\d+\s+/v1/status", done.stdout)
        self.assertEqual(codes, ["200"] * 100, done.stdout)

    def test_nghttp_settings_and_head(self):
        done = subprocess.run(["nghttp", "-nv", "-H", ":method: HEAD", self.daemon.url + "/status"],
                              capture_output=True, text=True, timeout=PATIENCE_S, check=False)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("SETTINGS_MAX_CONCURRENT_STREAMS(0x03):256", done.stdout)
        self.assertRegex(done.stdout, r":status: 200")
        self.assertNotIn("recv DATA", done.stdout)

    def test_slow_reader_holds_back_only_itself(self):
        self.apply_all(*(("p%d" % i, path_spec("1M", str(7000 + i))) for i in range(200)))
        slow = subprocess.Popen(["curl", "-sSN", "--http2-prior-knowledge", "--limit-rate", "1k",
                                 self.daemon.url + "/paths"], stdout=subprocess.DEVNULL)
        try:
            for _ in range(5):
                self.assertEqual(len(self.daemon.get("/paths").json["items"]), 200)
        finally:
            slow.terminate()
            slow.wait()


    def test_intent_of_a_large_gateway(self):
        """One line of more than 4 MiB: 1,400 paths that each take 3.3 kB of it."""
        prefixes = [["fd%02x:%x:1111:1111::/64" % (site, 4096 + i) for i in range(16)] for site in (1, 2)]
        self.apply_all()
        for name, of_site in zip("ab", prefixes):
            self.daemon.put("/sites/" + name, {"spec": {"prefixes": of_site}})
        for first in range(0, 1400, 350):
            paths = [{"kind": "path", "name": "p%d" % i, **path_spec("1M", match=[
                {"protocol": "tcp", "ports": [str(10000 + 8 * i + k)], "dscp": list(range(64))}
                for k in range(8)])} for i in range(first, first + 350)]
            raw = json.dumps({"items": paths}, separators=(",", ":")).encode()
            self.assertEqual(self.daemon.call("POST", "/apply", raw=raw).status, 200)
        for gateway in self.connect():
            self.assertEqual(len(gateway.intent["paths"]), 1400)
            self.assertGreater(len(json.dumps(gateway.intent, separators=(",", ":"))), 4 << 20)


class Process(unittest.TestCase):
    def run_daemon(self, *args):
        return subprocess.run([DAEMON, *args], capture_output=True, text=True, timeout=PATIENCE_S,
                              check=False)

    def test_signals(self):
        for sig in (signal.SIGTERM, signal.SIGINT):
            daemon = Daemon()
            daemon.put("/sites/a", SITE_A)
            daemon.put("/gateways/gw-a", GW_A)
            gateway = Gateway(daemon, "gw-a")
            gateway.wait_line(lambda line: "paths" in line)
            code, _, rest = daemon.stop(sig)
            self.assertEqual(code, 0, rest)
            self.assertEqual(gateway.stream.wait(PATIENCE_S), 0)
            gateway.close()

    def test_notify(self):
        with tempfile.TemporaryDirectory() as folder:
            name = os.path.join(folder, "notify")
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as supervisor:
                supervisor.bind(name)
                supervisor.settimeout(PATIENCE_S)
                daemon = Daemon(env={**os.environ, "NOTIFY_SOCKET": name})
                self.assertEqual(supervisor.recv(100), b"READY=1")
                daemon.stop()
                self.assertEqual(supervisor.recv(100), b"STOPPING=1")

    def test_unix_socket_again(self):
        with tempfile.TemporaryDirectory() as folder:
            name = os.path.join(folder, "control")
            for _ in range(2):  # a socket's file outlives its process
                daemon = Daemon("--listen", "unix:" + name)
                until = time.monotonic() + PATIENCE_S
                while name not in "".join(daemon.rest) and time.monotonic() < until:
                    time.sleep(0.02)
                self.assertEqual(self.unix_status(name), "200")
                busy = self.run_daemon("--listen", "unix:" + name)
                self.assertEqual((busy.returncode, self.unix_status(name)), (2, "200"))
                self.assertEqual(daemon.stop(signal.SIGKILL)[0], -signal.SIGKILL)
            file = os.path.join(folder, "file")
            with open(file, "w", encoding="ascii") as out:
                out.write("precious")
            self.assertEqual(self.run_daemon("--listen", "unix:" + file).returncode, 2)
            self.assertTrue(os.path.exists(file))

    def unix_status(self, name):
        done = subprocess.run(["curl", "-sS", "--http2-prior-knowledge", "-o", "/dev/null", "-w",
                               "%{http_code}", "--unix-socket", name, "http://localhost/v1/status"],
                              capture_output=True, text=True, timeout=PATIENCE_S, check=False)
        return done.stdout

    def test_killed_and_started_at_once(self):
        with socket.socket() as spare:
            spare.bind(("127.0.0.1", 0))
            address = "127.0.0.1:%d" % spare.getsockname()[1]
        for _ in range(10):
            daemon = Daemon("--listen", address)
            until = time.monotonic() + PATIENCE_S
            while address not in "".join(daemon.rest) and time.monotonic() < until:
                time.sleep(0.005)
            code, _, rest = daemon.stop(signal.SIGKILL)
            self.assertEqual(code, -signal.SIGKILL, rest)

    def test_out_of_descriptors(self):
        daemon = Daemon(files=24)
        peers = [socket.create_connection(("127.0.0.1", daemon.port)) for _ in range(32)]
        # Some of these wait in the kernel's queue until descriptors come free again.
        for peer in peers:
            peer.close()
        self.assertEqual(daemon.get("/status").status, 200)
        code, _, said = daemon.stop()
        self.assertEqual(code, 0)
        self.assertRegex(said, "max_connections is 1024, but the limit of open files leaves room for [1-9]")

    def test_busy_port(self):
        daemon = Daemon()
        done = self.run_daemon("--listen", daemon.address)
        daemon.stop()
        self.assertEqual(done.returncode, 2)
        self.assertIn(daemon.address, done.stderr.splitlines()[-1])

    def test_configuration(self):
        table = [("listen: [ \"127.0.0.1:0\" ]\nlog: error\n", 0, "log: error"),
                 ("listen: [ \"localhost\" ]\n", 2, "localhost"), ("log: loud\n", 2, ":1:"),
                 ("max_connections: 500\n", 0, "max_connections: 500"),
                 ("max_connections: 15\n", 2, "from 16 to 65536"), ("log: info\nbogus: 1\n", 2, ":2:"), ("log: info\nlog: info\n", 2, ":2:"),
                 ("listen: [\n", 2, "")]
        with tempfile.TemporaryDirectory() as folder:
            name = os.path.join(folder, "control.yaml")
            for text, code, said in table:
                with self.subTest(text=text), open(name, "w", encoding="ascii") as out:
                    out.write(text)
                    out.flush()
                    done = self.run_daemon("--config", name, "--check")
                    self.assertEqual(done.returncode, code, done.stderr)
                    self.assertIn(said, done.stdout + done.stderr)
                    self.assertEqual(len(done.stderr.splitlines()), 1 if code else 0)
        self.assertEqual(self.run_daemon("--check", "--config", "/nonexistent").returncode, 2)
        self.assertEqual(self.run_daemon("--bogus").returncode, 2)
        self.assertEqual(self.run_daemon("--version").returncode, 0)
        self.assertEqual(self.run_daemon("--help").returncode, 0)


if __name__ == "__main__":
    main()
