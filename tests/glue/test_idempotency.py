#!/usr/bin/env python3
"""Idempotency-Key against the real causeway-control: a request that is sent again is done once, also over a lost
answer, a lost connection and kill -9.

usage: test_idempotency.py CAUSEWAY_CONTROL CAUSEWAYCTL
"""
import contextlib
import os
import shutil
import signal
import socket
import sqlite3
import struct
import subprocess
import sys
import tempfile
import threading
import time

CTL = sys.argv.pop(2) if len(sys.argv) > 2 else "causewayctl"

from control_client import PATIENCE_S, SITE_A, Daemon, Fresh, main, path_spec  # noqa: E402


def sites(*names):
    return {"items": [{"kind": "site", "name": name, "spec": {"prefixes": ["10.%d.0.0/16" % (50 + i)]}}
                      for i, name in enumerate(names)]}


class Forgetful:
    """Between a client and control: the answer to the first request is lost, with its connection."""

    def __init__(self, port):
        self.port = port
        self.lost = 0
        self.sockets = []
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.url = "http://127.0.0.1:%d" % self.listener.getsockname()[1]
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            try:
                client = self.listener.accept()[0]
            except OSError:
                return
            server = socket.create_connection(("127.0.0.1", self.port))
            self.sockets += [client, server]
            threading.Thread(target=self.forward, args=(client, server), daemon=True).start()
            threading.Thread(target=self.back, args=(server, client), daemon=True).start()

    @staticmethod
    def forward(client, server):
        try:
            for data in iter(lambda: client.recv(65536), b""):
                server.sendall(data)
        except OSError:
            pass

    def back(self, server, client):
        """Frame by frame; where the first answer begins, its connection ends."""
        data = b""
        try:
            for piece in iter(lambda: server.recv(65536), b""):
                data += piece
                while len(data) >= 9:
                    size = struct.unpack(">I", b"\0" + data[:3])[0] + 9
                    if len(data) < size:
                        break
                    if data[3] == 1 and not self.lost:
                        self.lost += 1
                        client.shutdown(socket.SHUT_RDWR)
                        return
                    client.sendall(data[:size])
                    data = data[size:]
        except OSError:
            pass

    def close(self):
        for one in [self.listener, *self.sockets]:
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()


class Impatient(Forgetful):
    """The first connection ends while control is still at its request."""

    def back(self, server, client):
        if self.lost:
            super().back(server, client)
            return
        self.lost += 1
        time.sleep(0.1)
        client.shutdown(socket.SHUT_RDWR)


class Base(Fresh):
    def setUp(self):
        self.directory = tempfile.mkdtemp(prefix="causeway-key-")
        self.addCleanup(shutil.rmtree, self.directory)
        self.path = os.path.join(self.directory, "control.db")
        self.gateways = []
        self.start()

    def start(self):
        self.daemon = Daemon("--store", self.path)

    def restart(self, sig=signal.SIGKILL):
        self.daemon.stop(sig)
        self.start()

    def post(self, path, body=None, key=None):
        return self.daemon.call("POST", path, body, {"idempotency-key": key} if key else None)

    def revision(self):
        return self.daemon.get("/status").json["revision"]

    def leased(self, name="job1", **more):
        self.assertEqual(self.apply_all((name, path_spec(lease="1h", **more))).status, 200)

    def same(self, first, again):
        self.assertEqual((first.status, first.text, first.headers.get("etag")),
                         (again.status, again.text, again.headers.get("etag")))


class Requests(Base):
    def test_apply(self):
        first = self.post("/apply", sites("p", "q"), "k1")
        self.assertEqual([item["result"] for item in first.json["items"]], ["created", "created"])
        self.assertEqual(self.daemon.put("/sites/r", SITE_A).status, 201)
        revision = self.revision()
        self.same(first, self.post("/apply", sites("p", "q"), "k1"))
        self.assertEqual(self.revision(), revision)
        # A new key is a new request; it finds both there.
        self.assertEqual({item["result"] for item in self.post("/apply", sites("p", "q"), "k2").json["items"]},
                         {"unchanged"})

    def test_renew(self):
        self.leased()
        first = self.post("/paths/job1/renew", key="k1")
        self.assertEqual(first.status, 200)
        again = self.post("/paths/job1/renew", key="k1")
        self.same(first, again)
        later = self.post("/paths/job1/renew", key="k2")
        self.assertGreater(later.json["status"]["lease_until"], first.json["status"]["lease_until"])
        self.same(first, self.post("/paths/job1/renew", key="k1"))
        self.assertEqual(self.daemon.get("/paths/job1").json["revision"], later.json["revision"])

    def test_key_of_another_request(self):
        self.leased()
        self.assertEqual(self.post("/paths/job1/renew", key="k1").status, 200)
        self.assertEqual(self.post("/apply", sites("p"), "k2").status, 200)
        for path, body, key in (("/paths/job1/commit", None, "k1"), ("/apply", sites("p"), "k1"),
                                ("/apply", sites("q"), "k2"), ("/paths/job1/renew", None, "k2")):
            self.problem(self.post(path, body, key), 422, "idempotency-key-reused")
        self.assertEqual(self.daemon.get("/sites/q").status, 404)

    def test_keys_that_are_none(self):
        revision = self.revision()
        for key in ("", '""', "x" * 129, "x" * 200):
            answer = self.daemon.call("POST", "/apply", sites("p"), {"idempotency-key": key})
            if key or answer.status != 200:  # curl leaves an empty header away
                self.problem(answer, 400, "idempotency-key-required")
        for key in ("a b", 'a"b', "a\\b"):
            self.problem(self.post("/apply", sites("p"), key), 400, "invalid-argument")
        answer = self.daemon.request("POST", self.daemon.url + "/apply", b'{"items": []}',
                                     {"content-type": "application/json"})
        self.assertIn("idempotency-key", self.problem(answer, 400, "idempotency-key-required")["detail"])
        self.assertEqual(self.revision(), revision)
        # Offers and what gateways send change nothing that was asked for.
        self.apply_all()
        offer = self.daemon.request("POST", self.daemon.url + "/offers", b'{"spec": {"a": {"site": "a"}, '
                                    b'"z": {"site": "b"}, "rate_bps": "1G"}}', {"content-type": "application/json"})
        self.assertEqual(offer.status, 200)

    def test_quotes_are_no_part_of_it(self):
        first = self.post("/apply", sites("p"), '"k1"')
        self.same(first, self.post("/apply", sites("p"), "k1"))

    def test_refused_keeps_no_key(self):
        self.problem(self.post("/paths/job1/renew", key="k1"), 404, "not-found")
        self.problem(self.post("/apply", {"items": []}, "k2"), 400, "invalid-argument")
        self.leased()
        self.assertEqual(self.post("/paths/job1/renew", key="k1").status, 200)
        self.assertEqual(self.post("/apply", sites("p"), "k2").status, 200)

    def test_nothing_changes(self):
        """A path that is committed already: 200 without a change, and so it is again."""
        self.leased()
        revision = self.revision()
        first = self.post("/paths/job1/commit", key="k1")
        self.assertEqual(first.status, 200)
        self.same(first, self.post("/paths/job1/commit", key="k1"))
        self.assertEqual(self.revision(), revision)

    def test_each_has_its_own(self):
        """Who comes by the unix socket is somebody else than who comes by the loopback."""
        socket = os.path.join(self.directory, "control.sock")
        self.daemon.stop()
        self.daemon = Daemon("--store", self.path, "--listen", "unix:" + socket)
        self.assertEqual(self.post("/apply", sites("p"), "k1").json["items"][0]["result"], "created")
        done = subprocess.run(["curl", "-sS", "--http2-prior-knowledge", "--unix-socket", socket, "-H",
                               "idempotency-key: k1", "-d", '{"items": [{"kind": "site", "name": "s", "spec": '
                               '{"prefixes": ["10.9.0.0/16"]}}]}', "-H", "content-type: application/json",
                               "http://x/v1/apply"], capture_output=True, text=True, check=True)
        self.assertIn('"created"', done.stdout)


class Losses(Base):
    def test_kill(self):
        """An answer, then kill -9: the next life knows it. Without waiting it may only know the change."""
        self.leased()
        applied = self.post("/apply", sites("p"), "k1")
        renewed = self.post("/paths/job1/renew", key="k2")
        revision = self.revision()
        self.restart()
        self.same(applied, self.post("/apply", sites("p"), "k1"))
        again = self.post("/paths/job1/renew", key="k2")
        self.assertEqual(again.status, 200)
        self.assertEqual((again.headers["etag"], again.json["status"]["lease_until"]),
                         (renewed.headers["etag"], renewed.json["status"]["lease_until"]))
        self.assertEqual(self.revision(), revision)
        self.problem(self.post("/apply", sites("q"), "k1"), 422, "idempotency-key-reused")

    def test_stop(self):
        """One that ends in order writes the answers themselves."""
        self.leased()
        renewed = self.post("/paths/job1/renew", key="k2")
        self.restart(signal.SIGTERM)
        self.same(renewed, self.post("/paths/job1/renew", key="k2"))

    def test_lost_answer(self):
        """The client goes away before the change is durable; the change is made all the same."""
        self.leased()
        before = self.daemon.get("/paths/job1").json
        lock = sqlite3.connect(self.path, isolation_level=None)
        self.addCleanup(lock.close)
        lock.execute("BEGIN IMMEDIATE")
        url = self.daemon.url + "/paths/job1/renew"
        done = subprocess.run(["curl", "-sS", "--http2-prior-knowledge", "-m", "0.3", "-X", "POST", "-H",
                               "idempotency-key: k1", url], capture_output=True, check=False)
        self.assertEqual(done.returncode, 28)
        self.problem(self.post("/paths/job1/renew", key="k1"), 409, "idempotency-key-in-use")
        lock.execute("ROLLBACK")
        until = time.monotonic() + PATIENCE_S
        answer = self.post("/paths/job1/renew", key="k1")
        while answer.status == 409 and time.monotonic() < until:
            self.assertTrue(answer.json["retryable"])
            time.sleep(0.02)
            answer = self.post("/paths/job1/renew", key="k1")
        self.assertEqual(answer.status, 200)
        self.assertEqual(answer.json["revision"], before["revision"] + 1)
        self.same(answer, self.post("/paths/job1/renew", key="k1"))

    def test_causewayctl_asks_again(self):
        self.leased()
        before = self.daemon.get("/paths/job1").json["revision"]
        proxy = Forgetful(self.daemon.port)
        self.addCleanup(proxy.close)
        done = subprocess.run([CTL, "--url", proxy.url, "path", "renew", "job1"], capture_output=True, text=True,
                              timeout=PATIENCE_S, check=False)
        self.assertEqual((done.returncode, proxy.lost), (0, 1), done.stderr)
        self.assertEqual(self.daemon.get("/paths/job1").json["revision"], before + 1)

    def test_causewayctl_waits_for_the_first(self):
        """Its request is under way when it asks again: it has the answer when that is done."""
        self.leased()
        before = self.daemon.get("/paths/job1").json["revision"]
        lock = sqlite3.connect(self.path, isolation_level=None, check_same_thread=False)
        self.addCleanup(lock.close)
        lock.execute("BEGIN IMMEDIATE")
        release = threading.Timer(0.5, lock.execute, ["ROLLBACK"])
        release.start()
        proxy = Impatient(self.daemon.port)
        self.addCleanup(proxy.close)
        done = subprocess.run([CTL, "--url", proxy.url, "path", "renew", "job1"], capture_output=True, text=True,
                              timeout=PATIENCE_S, check=False)
        release.join()
        self.assertEqual((done.returncode, proxy.lost), (0, 1), done.stderr)
        self.assertEqual(self.daemon.get("/paths/job1").json["revision"], before + 1)


if __name__ == "__main__":
    main()
