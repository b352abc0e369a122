#!/usr/bin/env python3
"""TLS, client certificates, roles and tenants: the real causeway-control and causewayctl, and curl.

usage: test_tls.py CAUSEWAY_CONTROL CAUSEWAYCTL CHANNEL_PROBE. Loopback only, on ports that the
kernel chooses. Certificates are made by `causewayctl pki` for each class of tests.
"""
import json
import os
import signal
import socket
import ssl
import stat
import subprocess
import sys
import tempfile
import time
import unittest
import uuid

CONTROL, CTL, PROBE = sys.argv[1:4]
del sys.argv[1:4]

import control_client  # noqa: E402: it takes its argument from the command line, too
from control_client import GW_A, GW_B, LINK, PATIENCE_S, SITE_A, SITE_B, Answer, Daemon, path_spec  # noqa: E402
from h2_raw import RawClient  # noqa: E402

control_client.DAEMON = CONTROL


class Pki:
    """A folder with an authority, and what it issued."""

    def __init__(self, domain="causeway"):
        self.folder = tempfile.TemporaryDirectory(prefix="cw-tls-")
        self.dir = self.folder.name
        self.ca = os.path.join(self.dir, "ca.crt")
        self.run("init", "--domain", domain)

    def run(self, *args, code=0):
        done = subprocess.run([CTL, "-o", "json", "pki", *args, "--dir", self.dir], capture_output=True,
                              text=True, timeout=PATIENCE_S, check=False)
        if done.returncode != code:
            raise AssertionError("pki %s: %d: %s" % (args, done.returncode, done.stderr))
        return json.loads(done.stdout) if not code else done.stdout + done.stderr

    def issue(self, role, name, *more):
        made = self.run("issue", role, name, *more)
        return made["certificate"], made["key"]

    def control(self, *more):
        return self.issue("control", "c1", "--host", "127.0.0.1", "--host", "localhost", *more)

    def file(self, name, text):
        path = os.path.join(self.dir, name)
        with open(path, "w", encoding="utf-8") as out:
            out.write(text)
        return path

    def config(self, more="", ca=None):
        cert, key = self.control()
        return self.file("control.yaml", "listen: [ \"127.0.0.1:0\" ]\nlog: info\ntls:\n  ca: %s\n  cert: %s\n"
                         "  key: %s\n%s" % (ca or self.ca, cert, key, more))

    def close(self):
        self.folder.cleanup()


class TlsDaemon(Daemon):
    """With the addresses of a configuration file."""

    def __init__(self, config):
        self.process = subprocess.Popen([CONTROL, "--config", config], stderr=subprocess.PIPE, text=True)
        self.begin("https://")

    def begin(self, scheme):
        import threading
        line = ""
        while "serving HTTP/2 on " not in line:
            line = self.process.stderr.readline()
            if not line:
                raise RuntimeError("the daemon did not start")
        self.address = line.rsplit("/", 1)[1].strip()
        self.port = int(self.address.rsplit(":", 1)[1])
        self.root = scheme + self.address
        self.url = self.root + "/v1"
        self.rest = []
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()

    def wait_log(self, text):
        until = time.monotonic() + PATIENCE_S
        while time.monotonic() < until:
            if any(text in line for line in list(self.rest)):
                return
            time.sleep(0.02)
        raise AssertionError("%r is not in the log: %s" % (text, self.rest))


def curl(ca, pair, method, url, body=None, *more):
    args = ["curl", "-sS", "--http2", "-m", str(PATIENCE_S), "-i", "-X", method, "--cacert", ca, *more]
    if pair:
        args += ["--cert", pair[0], "--key", pair[1]]
    if body is not None:
        args += ["-H", "content-type: application/json", "--data-binary", "@-"]
    if method == "POST":
        args += ["-H", "idempotency-key: %s" % uuid.uuid4()]
    done = subprocess.run(args + [url], input=json.dumps(body).encode(), capture_output=True, check=False)
    if done.returncode:
        raise ConnectionError(done.stderr.decode().strip())
    head, _, text = done.stdout.decode(errors="replace").partition("\r\n\r\n")
    return Answer(int(head.split()[1]), {}, text)


class Base(unittest.TestCase):
    config_more = ""

    @classmethod
    def setUpClass(cls):
        cls.pki = Pki()

    @classmethod
    def tearDownClass(cls):
        cls.pki.close()

    def setUp(self):
        self.daemon = TlsDaemon(self.pki.config(self.config_more))

    def tearDown(self):
        code, _, rest = self.daemon.stop()
        self.assertEqual(code, 0, rest)

    def who(self, role, name, *more):
        return self.pki.issue(role, name, *more)

    def call(self, pair, method, path, body=None):
        return curl(self.pki.ca, pair, method, self.daemon.url + path, body)

    def ctl(self, pair, *args, code=0, ca=None):
        env = dict(os.environ, CAUSEWAY_URL=self.daemon.root, CAUSEWAY_CA=ca or self.pki.ca)
        if pair:
            env.update(CAUSEWAY_CERT=pair[0], CAUSEWAY_KEY=pair[1])
        done = subprocess.run([CTL, *args], capture_output=True, text=True, env=env, timeout=PATIENCE_S,
                              check=False)
        self.assertEqual(done.returncode, code, done.stdout + done.stderr)
        return done.stdout if not code else done.stderr

    def setup_objects(self, pair):
        items = [{"kind": "tenant", "name": "blue", "spec": {}}, {"kind": "tenant", "name": "red", "spec": {}},
                 {"kind": "site", "name": "a", **SITE_A}, {"kind": "site", "name": "b", **SITE_B},
                 {"kind": "gateway", "name": "gw-a", **GW_A}, {"kind": "gateway", "name": "gw-b", **GW_B},
                 {"kind": "link", "name": "l1", **LINK}]
        answer = self.call(pair, "POST", "/apply", {"items": items})
        self.assertEqual(answer.status, 200, answer.text)


class Handshake(Base):
    def test_who_is_let_in(self):
        admin = self.who("admin", "ann")
        self.assertEqual(self.call(admin, "GET", "/status").status, 200)
        self.assertIn("revision", self.ctl(admin, "status"))
        stranger = Pki()
        self.addCleanup(stranger.close)
        for pair in (None, stranger.issue("admin", "ann"), self.who("control", "c2", "--host", "h")):
            with self.subTest(pair=pair), self.assertRaises(ConnectionError):
                self.call(pair, "GET", "/status")
        self.daemon.wait_log("refused 127.0.0.1: it shows no certificate")
        self.assertIn("--ca, --cert and --key", self.ctl(None, "status", code=3))
        self.assertIn("our certificate", self.ctl(stranger.issue("admin", "ann"), "status", code=3))
        # Nor does a client take just anybody for control.
        self.assertIn("its certificate is not accepted", self.ctl(admin, "status", code=3, ca=stranger.ca))

    def test_only_tls_1_3_and_h2(self):
        admin = self.who("admin", "ann")
        for more in (("--tls-max", "1.2"), ("--http1.1",), ("--no-alpn",)):
            with self.subTest(more=more), self.assertRaises(ConnectionError):
                curl(self.pki.ca, admin, "GET", self.daemon.url + "/status", None, *more)
        self.daemon.wait_log("refused 127.0.0.1: no common ")
        for protocols in (None, ["http/1.1"]):
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            context.load_verify_locations(self.pki.ca)
            context.load_cert_chain(*admin)
            if protocols:
                context.set_alpn_protocols(protocols)
            # Told at once, before any certificate, what is missing.
            with socket.create_connection(("127.0.0.1", self.daemon.port), PATIENCE_S) as raw:
                with self.assertRaises(ssl.SSLError) as caught:
                    context.wrap_socket(raw, server_hostname="127.0.0.1", do_handshake_on_connect=True)
            self.assertRegex(str(caught.exception), "(?i)no.application.protocol")
        plain = subprocess.run(["curl", "-sS", "-i", "http://%s/v1/status" % self.daemon.address],
                               capture_output=True, text=True, check=False)
        self.assertIn("400 Bad Request", plain.stdout)
        self.assertIn("tls-required", plain.stdout)

    def test_broken_bytes(self):
        admin = self.who("admin", "ann")
        for first in (b"\x16\x03\x01\xff\xff" + b"x" * 2000, b"\x16", b"\x16\x03\x01\x00\x05hello", b"\x00" * 3000):
            with socket.create_connection(("127.0.0.1", self.daemon.port), PATIENCE_S) as raw:
                raw.sendall(first)
                raw.shutdown(socket.SHUT_WR)
                while raw.recv(4096):
                    pass
        self.assertEqual(self.call(admin, "GET", "/status").status, 200)

    def test_client_refuses_a_gateway_that_poses_as_control(self):
        # Its certificate is the same authority's, and names the right address.
        cert, key = self.who("gateway", "gw-x", "--site", "a")
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(cert, key)
        context.set_alpn_protocols(["h2"])
        with socket.create_server(("127.0.0.1", 0)) as server:
            url = "https://127.0.0.1:%d" % server.getsockname()[1]
            with subprocess.Popen([CTL, "--url", url, "--ca", self.pki.ca, "status"], stderr=subprocess.PIPE,
                                  text=True) as client:
                connection, _ = server.accept()
                with self.assertRaises(OSError), context.wrap_socket(connection, server_side=True) as tls:
                    self.assertEqual(tls.recv(1), b"", "the client said something to a gateway")
                    raise OSError
                self.assertIn("no TLS with", client.communicate(timeout=PATIENCE_S)[1])
                self.assertEqual(client.returncode, 3)

    def test_large_bodies_both_ways(self):
        admin = self.who("admin", "ann")
        self.setup_objects(admin)
        labels = {"l%d" % n: "x" * 60 for n in range(16)}
        items = [{"kind": "path", "name": "p%d" % n, "labels": labels, **path_spec("1M", "%d" % (5000 + n))}
                 for n in range(200)]
        answer = self.call(admin, "POST", "/apply", {"items": items})
        self.assertEqual(answer.status, 200, answer.text)
        answer = self.call(admin, "GET", "/paths")
        self.assertEqual(len(answer.json["items"]), 200)
        self.assertGreater(len(answer.text), 1 << 17)


class Roles(Base):
    def test_table(self):
        admin = self.who("admin", "ann")
        self.setup_objects(admin)
        people = {"viewer": self.who("viewer", "v"), "scheduler": self.who("scheduler", "s"),
                  "operator": self.who("operator", "o"), "admin": admin,
                  "gateway": self.who("gateway", "gw-a", "--site", "a")}
        site = {"spec": {"prefixes": ["10.103.0.0/16"]}}
        table = [  # what each may do, in the order of people
            ("GET", "/sites", None, (200, 200, 200, 200, 403)),
            ("GET", "/status", None, (200, 200, 200, 200, 403)),
            ("GET", "/classes/bulk", None, (200, 200, 200, 200, 403)),
            ("GET", "/openapi.yaml", None, (200, 200, 200, 200, 403)),
            ("PUT", "/sites/c", site, (403, 403, (200, 201), 200, 403)),
            ("PUT", "/tenants/green", {"spec": {}}, (403, 403, 403, 201, 403)),
            ("PUT", "/paths/p", path_spec(), (403, 201, 200, 200, 403)),
            ("POST", "/apply", {"items": [{"kind": "site", "name": "c", **site}]}, (403, 403, 200, 200, 403)),
            ("DELETE", "/tenants/green", None, (403, 403, 403, 204, 403)),
            ("POST", "/paths/p/renew", None, (403, 409, 409, 409, 403)),
            ("POST", "/offers", path_spec("1M", "6000"), (403, 200, 200, 200, 403)),
            ("GET", "/clusters", None, (200, 200, 200, 200, 403)),
            ("PUT", "/clusters/x", {}, (403, 400, 400, 400, 403)),
            ("GET", "/gateways/gw-a", None, (200, 200, 200, 200, 403)),
            ("POST", "/gateways/gw-a/report", {}, (403, 403, 403, 400, 400)),
            ("POST", "/gateways/gw-b/report", {}, (403, 403, 403, 400, 403)),
            ("GET", "/gateways/gw-b/intent", None, (403, 403, 403, None, 403)),
            ("GET", "/paths/p/explain", None, (200, 200, 200, 200, 403)),
            ("GET", "/validate", None, (200, 200, 200, 200, 403)),
            ("GET", "/backup", None, (403, 403, 403, 200, 403)),
        ]
        for method, path, body, wanted in table:
            for (role, pair), status in zip(people.items(), wanted):
                if status is None:
                    continue
                with self.subTest(method=method, path=path, role=role):
                    answer = self.call(pair, method, path, body)
                    self.assertIn(answer.status, status if isinstance(status, tuple) else (status,), answer.text)
                    if answer.status == 403:
                        self.assertEqual(answer.json["code"], "forbidden")
        self.assertIn("viewer v may not change sites", self.ctl(people["viewer"], "delete", "site", "c", code=1))

    def test_unknown_identities(self):
        self.pki.run("issue", "admin", "ann", "--tenant", "blue", code=2)
        self.pki.run("issue", "viewer", "a/b", code=2)
        self.pki.run("issue", "control", "c3", code=2)
        self.pki.run("issue", "viewer", "v", "--host", "h", code=2)
        self.assertIn("never replaced", self.pki.run("init", code=2))

    def test_gateway_of_another_site(self):
        self.setup_objects(self.who("admin", "ann"))
        moved = self.who("gateway", "gw-a", "--site", "b")
        answer = self.call(moved, "POST", "/gateways/gw-a/report", {})
        self.assertEqual(answer.status, 403)
        self.assertIn("another site", answer.text)

    def test_key_files_are_private(self):
        _, key = self.who("viewer", "v")
        for path in (key, os.path.join(self.pki.dir, "ca.key")):
            self.assertEqual(stat.S_IMODE(os.stat(path).st_mode), 0o600)
        # A group that was let at it stays so when it is renewed; the world never is.
        os.chmod(key, 0o646)
        before = os.stat(key)
        self.who("viewer", "v")
        self.assertNotEqual(os.stat(key).st_ino, before.st_ino)
        self.assertEqual(stat.S_IMODE(os.stat(key).st_mode), 0o640)


class OtherDomain(Base):
    config_more = "  trust_domain: elsewhere\n"

    def test_role_of_another_domain_is_none(self):
        answer = self.call(self.who("admin", "ann"), "GET", "/status")
        self.assertEqual(answer.status, 403)
        self.assertIn("no role here", answer.text)


class Tenants(Base):
    def setUp(self):
        super().setUp()
        self.admin = self.who("admin", "ann")
        self.blue = self.who("scheduler", "slurm", "--tenant", "blue")
        self.red = self.who("scheduler", "slurm", "--tenant", "red")
        self.setup_objects(self.admin)

    def names(self, pair, path):
        return [item["name"] for item in self.call(pair, "GET", path).json["items"]]

    def test_another_tenants_object_is_not_there(self):
        self.assertEqual(self.call(self.blue, "PUT", "/paths/p1", path_spec()).status, 201)
        # The tenant is filled in where the one who asks is bound to it.
        self.assertEqual(self.call(self.blue, "GET", "/paths/p1").json["spec"]["tenant"], "blue")
        theirs = path_spec(tenant="blue")
        answer = self.call(self.red, "PUT", "/paths/p2", theirs)
        self.assertEqual((answer.status, answer.json["code"]), (403, "forbidden"))
        missing = self.call(self.red, "GET", "/paths/p9")
        for method, path, body in (("GET", "/paths/p1", None), ("DELETE", "/paths/p1", None),
                                   ("PUT", "/paths/p1", path_spec()), ("GET", "/paths/p1/history", None),
                                   ("GET", "/paths/p1/explain", None),
                                   ("GET", "/paths/p1?wait=active&timeout=1s", None), ("GET", "/tenants/blue", None),
                                   ("POST", "/paths/p1/commit", None), ("POST", "/paths/p1/abort", None),
                                   ("POST", "/paths/p1/renew", None)):
            with self.subTest(method=method, path=path):
                answer = self.call(self.red, method, path, body)
                self.assertEqual((answer.status, answer.json["code"]), (404, "not-found"))
        answer = self.call(self.red, "GET", "/paths/p1")
        self.assertEqual(answer.text.replace("p1", "p9"), missing.text)
        answer = self.call(self.red, "POST", "/apply", {"items": [{"kind": "path", "name": "p1", **path_spec()}]})
        self.assertEqual(answer.status, 404)
        self.assertEqual(self.call(self.admin, "GET", "/paths/p1").json["spec"]["tenant"], "blue")
        # The log has who it was.
        answer = self.call(self.blue, "GET", "/paths/p1/history")
        self.assertIn("scheduler slurm of tenant blue", answer.text)

    def test_refusals_name_no_other_tenants_path(self):
        self.assertEqual(self.call(self.blue, "PUT", "/paths/secret", path_spec()).status, 201)
        self.assertEqual(self.call(self.red, "PUT", "/paths/mine", path_spec("1M", "6000")).status, 201)
        for who, names in ((self.red, False), (self.blue, True), (self.admin, True)):
            for method, path, body in (("PUT", "/paths/p2", path_spec()), ("POST", "/offers", path_spec()),
                                       ("POST", "/apply", {"items": [{"kind": "path", "name": "p2", **path_spec()}]})):
                answer = self.call(who, method, path, body)
                self.assertIn("selector-conflict", answer.text)
                self.assertEqual("secret" in answer.text, names, answer.text)
        # To be diverse from it is as if it were not there.
        asked = path_spec("1M", "6001", diverse_from="secret")
        answer = self.call(self.red, "PUT", "/paths/p2", asked)
        missing = self.call(self.red, "PUT", "/paths/p2", path_spec("1M", "6001", diverse_from="nothing"))
        self.assertEqual((answer.status, answer.json["code"]), (400, "invalid-reference"))
        self.assertEqual(answer.text.replace("secret", "nothing"), missing.text)
        answer = self.call(self.blue, "PUT", "/paths/p2", asked)
        self.assertEqual(answer.json["code"], "no-disjoint-route")
        # The other way round: somebody who sees both wants them apart.
        for name, rtt in (("l1", "10ms"), ("l2", "1ms")):
            answer = self.call(self.admin, "PUT", "/links/" + name, {"spec": {**LINK["spec"], "rtt": rtt}})
            self.assertIn(answer.status, (200, 201), answer.text)
        answer = self.call(self.admin, "PUT", "/paths/apart", path_spec("1M", "6002", diverse_from="mine"))
        self.assertEqual(answer.json["status"]["link"], "l2")
        answer = self.call(self.red, "PUT", "/paths/mine", path_spec("1M", "6000", rtt_max="2ms"))
        self.assertEqual(answer.json["code"], "no-disjoint-route", answer.text)
        self.assertIn("the paths that must stay apart from it", answer.text)

    def test_lists_are_cut_down(self):
        for who, name, port in ((self.blue, "p1", "5001"), (self.red, "p2", "5002")):
            self.assertEqual(self.call(who, "PUT", "/paths/" + name, path_spec("1M", port)).status, 201)
        self.assertEqual(self.names(self.admin, "/paths"), ["p1", "p2"])
        self.assertEqual(self.names(self.blue, "/paths"), ["p1"])
        self.assertEqual(self.names(self.red, "/paths"), ["p2"])
        self.assertEqual(self.names(self.red, "/tenants"), ["red"])
        self.assertEqual(self.names(self.red, "/sites"), ["a", "b"])
        answer = self.call(self.red, "GET", "/watch?since=1&follow=false")
        self.assertEqual(answer.status, 200, answer.text)
        self.assertIn("p2", answer.text)
        self.assertNotIn("p1", answer.text)
        answer = curl(self.pki.ca, self.red, "GET", self.daemon.root + "/metrics")
        self.assertEqual(answer.status, 403)
        self.assertEqual(self.call(self.red, "GET", "/validate").status, 403)


class Unix(unittest.TestCase):
    """Who comes by a unix socket is known by the kernel."""

    def setUp(self):
        self.folder = tempfile.TemporaryDirectory(prefix="cw-unix-")
        self.addCleanup(self.folder.cleanup)
        self.socket = os.path.join(self.folder.name, "control")

    def start(self, more=""):
        path = os.path.join(self.folder.name, "control.yaml")
        with open(path, "w", encoding="utf-8") as out:
            out.write("listen: [ \"http://127.0.0.1:0\", \"unix:%s\" ]\nlog: info\n%s" % (self.socket, more))
        daemon = TlsDaemon(path)
        self.addCleanup(daemon.stop)
        daemon.wait_log("unix:")
        os.chmod(self.folder.name, 0o755)
        return daemon

    def put(self, uid=None):
        """The status of a PUT of a site, and of a GET."""
        def run(*args):
            done = subprocess.run(["curl", "-sS", "--http2-prior-knowledge", "--unix-socket", self.socket, "-o",
                                   "/dev/null", "-w", "%{http_code}", *args], capture_output=True, text=True,
                                  check=True, user=uid)
            return int(done.stdout)
        url = "http://localhost/v1/sites/a"
        return run("-X", "PUT", "-H", "content-type: application/json", "-d", json.dumps(SITE_A), url), run(url)

    def test_own_user_is_admin(self):
        self.start()
        self.assertEqual(self.put(), (201, 200))

    @unittest.skipIf(os.geteuid(), "needs root to be somebody else")
    def test_others_are_viewers_unless_configured(self):
        self.start("users: [ {uid: 65534, role: operator}, {uid: 65533, role: scheduler, tenant: blue} ]\n")
        self.assertEqual(self.put(), (201, 200))
        self.assertEqual(self.put(65534), (200, 200))
        self.assertEqual(self.put(65533), (403, 200))
        self.assertEqual(self.put(65532), (403, 200))

    def test_plain_role(self):
        daemon = self.start("plain_role: viewer\n")
        answer = daemon.call("PUT", "/sites/a", SITE_A, url="http://%s/v1/sites/a" % daemon.address)
        self.assertEqual(answer.status, 403, answer.text)


class Reload(Base):
    def test_renewed_certificate_without_dropping_streams(self):
        admin = self.who("admin", "ann")
        self.setup_objects(admin)
        before = self.serial()
        stream = subprocess.Popen(["curl", "-sSN", "--http2", "--cacert", self.pki.ca, "--cert", admin[0], "--key",
                                   admin[1], self.daemon.url + "/watch?since=1"], stdout=subprocess.PIPE, text=True)
        self.addCleanup(stream.stdout.close)
        self.addCleanup(stream.wait)
        self.addCleanup(stream.terminate)
        self.assertTrue(stream.stdout.readline())
        cert, key = self.pki.control()
        self.daemon.process.send_signal(signal.SIGHUP)
        self.daemon.wait_log("new connections get the certificates")
        self.assertNotEqual(self.serial(), before)
        # A pair that does not hold changes nothing.
        with open(cert, "w", encoding="utf-8") as out:
            out.write("damaged")
        self.daemon.process.send_signal(signal.SIGHUP)
        self.daemon.wait_log("stay in use")
        self.assertEqual(self.call(admin, "GET", "/status").status, 200)
        # And the stream that began before all this still delivers.
        self.assertEqual(self.call(admin, "PUT", "/paths/p", path_spec()).status, 201)
        until = time.monotonic() + PATIENCE_S
        while "\"p\"" not in stream.stdout.readline():
            self.assertLess(time.monotonic(), until)
        self.assertIsNone(stream.poll())
        self.assertTrue(os.path.exists(key))

    def serial(self):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        context.set_alpn_protocols(["h2"])
        with socket.create_connection(("127.0.0.1", self.daemon.port), PATIENCE_S) as raw:
            with context.wrap_socket(raw) as tls:
                return tls.getpeercert(binary_form=True)


class Revoked(Base):
    """What the authority took back is let in no more, and put out."""

    def setUp(self):
        self.crl = os.path.join(self.pki.dir, "ca.crl")
        self.config_more = "  crl: %s\n" % self.crl
        super().setUp()

    def reload(self, says):
        self.daemon.process.send_signal(signal.SIGHUP)
        self.daemon.wait_log(says)

    def watch(self, pair):
        stream = subprocess.Popen(["curl", "-sSN", "--http2", "--cacert", self.pki.ca, "--cert", pair[0], "--key",
                                   pair[1], self.daemon.url + "/watch?since=0"], stdout=subprocess.PIPE,
                                  stderr=subprocess.DEVNULL, text=True)
        self.addCleanup(stream.stdout.close)
        self.addCleanup(stream.wait)
        self.addCleanup(stream.terminate)
        self.assertTrue(stream.stdout.readline())
        return stream

    def listed(self):
        """How many are on the list, which another tool than ours finds sound."""
        done = subprocess.run(["openssl", "crl", "-in", self.crl, "-noout", "-text", "-CAfile", self.pki.ca],
                              capture_output=True, text=True, check=True)
        self.assertIn("verify OK", done.stderr)
        return done.stdout.count("Serial Number:")

    def test_ends_at_reload(self):
        known = self.listed()
        ann, bob = self.who("admin", "ann"), self.who("viewer", "bob", "--tenant", "blue")
        streams = [self.watch(ann), self.watch(bob)]
        # A renewed certificate is another one: the one before is revoked by its file.
        with open(bob[0], encoding="ascii") as cert:
            before = self.pki.file("bob-before.crt", cert.read())
        again = self.who("viewer", "bob", "--tenant", "blue")
        made = self.pki.run("revoke", before)
        self.assertEqual((made["crl"], made["certificate"]), (self.crl, before))
        self.reload("1 were ended because theirs is revoked")
        until = time.monotonic() + PATIENCE_S
        while streams[1].poll() is None:
            self.assertLess(time.monotonic(), until)
            time.sleep(0.02)
        self.assertIsNone(streams[0].poll())
        self.assertEqual(self.call(again, "GET", "/status").status, 200)
        with self.assertRaises(ConnectionError):
            self.call((before, bob[1]), "GET", "/status")
        # By name it is the one that the folder has. Twice is once.
        for _ in range(2):
            self.pki.run("revoke", "viewer", "bob", "--tenant", "blue")
        self.reload("0 were ended")
        with self.assertRaises(ConnectionError):
            self.call(again, "GET", "/status")
        self.assertEqual(self.call(ann, "GET", "/status").status, 200)
        self.assertEqual(self.listed(), known + 2)
        # A list that does not hold changes nothing.
        with open(self.crl, "w", encoding="ascii") as out:
            out.write("damaged")
        self.reload("stay in use")
        with self.assertRaises(ConnectionError):
            self.call(again, "GET", "/status")
        self.assertIn("no list of this authority's", self.pki.run("revoke", "admin", "ann", code=2))
        os.unlink(self.crl)
        self.pki.run("revoke", "viewer", "bob", "--tenant", "blue")

    def test_control_itself(self):
        """A gateway leaves a control that comes onto the list, and does not come back."""
        pair = self.who("gateway", "gw-a", "--site", "a")
        self.setup_objects(self.who("admin", "ann"))
        said = probe(self, pair, ("intent", "certificate revoked"), self.crl, then=lambda: self.pki.run(
            "revoke", os.path.join(self.pki.dir, "control-c1.crt")))
        self.assertNotIn("revoked", said.partition("intent")[0])

    def test_revoke_refused(self):
        stranger = Pki()
        self.addCleanup(stranger.close)
        cert, key = stranger.issue("admin", "ann")
        for args, says in (((cert,), "none that this authority issued"), ((key,), "holds no certificate"),
                           (("/nowhere.crt",), "No such file"), (("viewer", "nobody"), "No such file"),
                           ((self.pki.ca,), "none that this authority issued")):
            self.assertIn(says, self.pki.run("revoke", *args, code=2))


def probe(test, pair, wanted, *more, then=None):
    """What the gateway's client says until that is in it, one after the other; between them something is done."""
    said = ""
    with subprocess.Popen([PROBE, test.daemon.root, "gw-a", test.pki.ca, *pair, *more], stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, text=True) as process:
        for text in wanted:
            while text not in said:
                line = process.stdout.readline()
                test.assertTrue(line, said)
                said += line
            if then:
                then()
                then = None
        process.kill()
    return said


class Config(unittest.TestCase):
    def check(self, text, code, says):
        with tempfile.TemporaryDirectory(prefix="cw-config-") as folder:
            path = os.path.join(folder, "control.yaml")
            with open(path, "w", encoding="utf-8") as out:
                out.write(text)
            done = subprocess.run([CONTROL, "--config", path], capture_output=True, text=True,
                                  timeout=PATIENCE_S, check=False)
        self.assertEqual(done.returncode, code, done.stderr)
        self.assertIn(says, done.stderr)

    def test_refused(self):
        pki = Pki()
        self.addCleanup(pki.close)
        other_pki = Pki()
        self.addCleanup(other_pki.close)
        cert, key = pki.control()
        _, other = pki.issue("admin", "ann")
        table = [
            ("listen: [ \"0.0.0.0:0\" ]\n", "without TLS would let everybody in"),
            ("listen: [ \"[::]:0\" ]\n", "insecure: true"),
            ("listen: [ \"http://0.0.0.0:0\" ]\ntls: {ca: %s, cert: %s, key: %s}\n" % (pki.ca, cert, key),
             "without TLS would let everybody in"),
            ("listen: [ \"https://127.0.0.1:0\" ]\n", "needs tls"),
            ("tls: {ca: %s, cert: %s, key: %s}\n" % (pki.ca, cert, other), "is not the key of the certificate"),
            ("tls: {ca: %s, cert: /nowhere, key: %s}\n" % (pki.ca, key), "/nowhere"),
            ("tls: {ca: %s, cert: %s, key: %s}\n" % (key, cert, key), "no CA certificate"),
            ("tls: {ca: x, cert: y}\n", "key"),
            ("tls: {ca: %s, cert: %s, key: %s, crl: /nowhere}\n" % (pki.ca, cert, key), "/nowhere"),
            ("tls: {ca: %s, cert: %s, key: %s, crl: %s}\n" % (pki.ca, cert, key, pki.ca), "no certificate revocation"),
            ("tls: {ca: %s, cert: %s, key: %s, crl: %s/ca.crl}\n" % (pki.ca, cert, key, other_pki.dir),
             "holds no list of this CA's"),
            ("tls: {ca: %s, cert: %s, key: %s, trust_domain: \"A B\"}\n" % (pki.ca, cert, key), "trust_domain"),
            ("plain_role: gateway\n", "plain_role"),
            ("users: [ {uid: 5, role: admin, tenant: blue} ]\n", "uid 5"),
        ]
        for text, says in table:
            with self.subTest(text=text):
                self.check(text, 2, says)


class Watchers(Base):
    """What clients cost that came by TLS and wait: 1,000 of them less than 64 MiB."""
    count, kib_each = 200, 64

    def memory_kib(self, key):
        with open("/proc/%d/status" % self.daemon.process.pid, encoding="ascii") as status:
            return int(next(line for line in status if line.startswith(key)).split()[1])

    def test_idle(self):
        cert, key = self.who("viewer", "vic")
        context = ssl.create_default_context(cafile=self.pki.ca)
        context.load_cert_chain(cert, key)
        context.set_alpn_protocols(["h2"])
        before, clients = self.memory_kib("VmRSS:"), []
        for _ in range(self.count):
            client = RawClient(self.daemon.port, tls=context)
            self.addCleanup(client.close)
            clients.append((client, client.get("/v1/watch?since=0")))
        for client, stream in clients:
            self.assertTrue(client.pump(lambda c=client, s=stream: b"bookmark" in c.data[s]))
        each = (self.memory_kib("VmRSS:") - before) / self.count
        print("an idle watcher: %.1f KiB" % each)
        if self.memory_kib("VmSize:") < 1 << 32:  # else a sanitizer's shadow is there
            self.assertLess(each, self.kib_each)


class Channel(Base):
    """The gateway's own client."""

    def test_intent_over_tls(self):
        self.setup_objects(self.who("admin", "ann"))
        cert, key = self.who("gateway", "gw-a", "--site", "a")
        self.assertIn("intent", self.probe(cert, key, "intent"))
        other = self.who("gateway", "gw-b", "--site", "b")
        self.assertIn("403", self.probe(*other, "403"))
        stranger = Pki()
        self.addCleanup(stranger.close)
        self.assertIn("our certificate", self.probe(*stranger.issue("gateway", "gw-a"), "our certificate"))

    def probe(self, cert, key, wanted):
        return probe(self, (cert, key), (wanted,))


if __name__ == "__main__":
    control_client.main()
