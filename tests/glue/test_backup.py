#!/usr/bin/env python3
"""causewayctl backup and restore: control's store over the API while it is written, and into a stopped control's file.

usage: test_backup.py CAUSEWAY_CONTROL CAUSEWAYCTL
"""
import json
import os
import random
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

SEED = int(os.environ.get("CAUSEWAY_SEED", "0") or 0) or int(time.time())


def site(n):
    return {"spec": {"prefixes": ["10.%d.%d.0/24" % (n // 256, n % 256)]}}


class Backup(Fresh):
    def setUp(self):
        self.directory = tempfile.mkdtemp(prefix="causeway-backup-")
        self.addCleanup(shutil.rmtree, self.directory)
        self.store = self.file("control.db")
        self.copy = self.file("copy.db")
        self.gateways = []
        self.daemon = Daemon("--store", self.store)

    def file(self, name):
        return os.path.join(self.directory, name)

    def run_ctl(self, *args):
        env = dict(os.environ, CAUSEWAY_URL=self.daemon.url[:-3])
        return subprocess.run([CTL, *args], capture_output=True, text=True, env=env, timeout=PATIENCE_S, check=False)

    def ctl(self, *args, code=0):
        done = self.run_ctl(*args)
        self.assertEqual(done.returncode, code, done.stdout + done.stderr)
        return done.stderr if code else done.stdout

    def clean(self):
        """No part of a backup lies about."""
        names = os.listdir(self.directory)
        self.assertFalse([name for name in names if "part" in name or "download" in name], names)

    def test_there_and_back(self):
        self.assertEqual(self.apply_all(("job1", path_spec())).status, 200)
        self.assertEqual(self.daemon.put("/sites/s", site(1)).status, 201)
        before = {kind: [(item["name"], item["spec"]) for item in self.daemon.get("/" + kind).json["items"]]
                  for kind in ("sites", "links", "paths")}
        revision = self.daemon.get("/status").json["revision"]
        self.assertIn("checked", self.ctl("backup", self.copy))
        self.assertEqual(os.stat(self.copy).st_mode & 0o777, 0o600)
        self.clean()
        self.assertIn("is there already", self.ctl("backup", self.copy, code=2))
        self.assertEqual(self.daemon.put("/sites/later", site(2)).status, 201)

        self.assertIn("in use", self.ctl("restore", self.copy, "--store", self.store, code=2))
        self.daemon.stop()
        config = self.file("control.yaml")
        with open(config, "w", encoding="utf-8") as out:
            out.write("store:\n  path: \"%s\"\n" % self.store)
        text = self.ctl("-o", "json", "restore", self.copy, "--config", config)
        self.assertEqual(json.loads(text), {"kind": "restore", "store": self.store, "from": self.copy})
        self.daemon = Daemon("--store", self.store)
        after = {kind: [(item["name"], item["spec"]) for item in self.daemon.get("/" + kind).json["items"]]
                 for kind in before}
        self.assertEqual(before, after)
        self.assertGreater(self.daemon.get("/status").json["revision"], revision)

    def test_keys_come_along(self):
        """Who repeats a request at a restored control is told what was done, as far as the backup knows it."""
        body = {"items": [{"kind": "site", "name": "k", **site(3)}]}
        first = self.daemon.call("POST", "/apply", body, {"idempotency-key": "k1"})
        self.ctl("backup", self.copy)
        self.daemon.stop()
        self.ctl("restore", self.copy, "--store", self.file("new.db"))
        self.daemon = Daemon("--store", self.file("new.db"))
        again = self.daemon.call("POST", "/apply", body, {"idempotency-key": "k1"})
        self.assertEqual((again.status, again.text), (200, first.text))

    def test_of_memory(self):
        self.daemon.stop()
        self.daemon = Daemon()
        self.assertEqual(self.daemon.put("/sites/a", SITE_A).status, 201)
        self.ctl("backup", self.copy)
        self.ctl("restore", self.copy, "--store", self.store)
        with sqlite3.connect(self.store) as db:
            self.assertEqual(db.execute("SELECT kind, name FROM object").fetchall(), [("site", "a")])
        db.close()

    def test_while_it_is_written(self):
        """Each backup is one moment: pairs that were made together are there together."""
        stop = threading.Event()
        made = []

        def write():
            numbers = iter(range(10000))
            while not stop.is_set():
                i = next(numbers)
                items = [{"kind": "site", "name": "%s%d" % (c, i), **site(2 * i + (c == "b"))} for c in "ab"]
                self.assertEqual(self.daemon.call("POST", "/apply", {"items": items}).status, 200)
                made.append(i)

        threads = [threading.Thread(target=write)]
        threads[0].start()
        try:
            for n in range(3):
                while len(made) < 5 * n + 1:
                    time.sleep(0.01)
                least = len(made)
                copy = "%s.%d" % (self.copy, n)
                self.ctl("backup", copy)
                with sqlite3.connect(copy) as db:
                    names = {name for name, in db.execute("SELECT name FROM object")}
                db.close()
                self.assertEqual({name[1:] for name in names if name[0] == "a"},
                                 {name[1:] for name in names if name[0] == "b"})
                self.assertGreaterEqual(len(names), 2 * least)
        finally:
            stop.set()
            threads[0].join()
        self.clean()

    def fill(self, count=600):
        """More than a megabyte, so that a copy takes more than one piece."""
        for first in range(0, count, 500):
            items = [{"kind": "site", "name": "s%d" % n, "labels": {"filler%d" % k: "x" * 63 for k in range(16)},
                      **site(n)} for n in range(first, min(first + 500, count))]
            self.assertEqual(self.daemon.call("POST", "/apply", {"items": items}).status, 200)

    def test_large(self):
        self.fill()
        done = self.ctl("-o", "json", "backup", self.copy)
        self.assertGreater(json.loads(done)["bytes"], 1 << 20)
        self.assertEqual(json.loads(done)["bytes"], os.stat(self.copy).st_size)

    def test_cut_off(self):
        """Control ends somewhere on the way: no backup, no part of one, and the next one is whole."""
        self.fill()
        rng = random.Random(SEED)
        for sig in (signal.SIGKILL, signal.SIGTERM, signal.SIGKILL):
            timer = threading.Timer(rng.uniform(0, 0.1), self.daemon.process.send_signal, [sig])
            timer.start()
            done = self.run_ctl("backup", self.copy)
            timer.join()
            code, _, rest = self.daemon.stop(sig)
            self.assertEqual(code, -signal.SIGKILL if sig == signal.SIGKILL else 0, rest)
            self.assertEqual(os.path.exists(self.copy), done.returncode == 0, "seed %d: %s" % (SEED, done))
            if os.path.exists(self.copy):
                os.unlink(self.copy)
            self.assertFalse([name for name in os.listdir(self.directory) if name.startswith("copy")])
            self.daemon = Daemon("--store", self.store)
        self.ctl("backup", self.copy)
        self.clean()

    def slow_reader(self):
        """Takes the first 64 KiB of a backup, which is all that its window lets out, and no more (RFC 9113)."""
        path = b"/v1/backup"
        fields = b"\x82\x86\x04" + bytes([len(path)]) + path + b"\x01\x01x"
        peer = socket.create_connection(("127.0.0.1", self.daemon.port))
        self.addCleanup(peer.close)
        peer.settimeout(PATIENCE_S)
        peer.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + struct.pack(">BHBBI", 0, 0, 4, 0, 0) +
                     struct.pack(">BHBBI", 0, len(fields), 1, 5, 1) + fields)
        got = 0
        while got < 60000:
            got += len(peer.recv(65536))
        return peer

    def test_slow_reader_holds_nobody_up(self):
        self.fill()
        slow = self.slow_reader()
        self.problem(self.daemon.get("/backup"), 503, "backup-running")
        self.assertEqual(self.daemon.put("/sites/other", site(9000)).status, 201)
        slow.close()
        until = time.monotonic() + PATIENCE_S
        while self.run_ctl("backup", self.copy).returncode and time.monotonic() < until:
            time.sleep(0.05)
        self.assertTrue(os.path.exists(self.copy))

    def test_stop_on_the_way(self):
        """Control ends in order, however slowly its copy is read."""
        self.fill()
        self.slow_reader()
        code, _, rest = self.daemon.stop()
        self.assertEqual(code, 0, rest)
        self.assertIn("a backup is sent to", rest)
        self.daemon = Daemon("--store", self.store)
        self.clean()

    def test_no_room(self):
        """Where the copy cannot be made the client is told so, and no harm is done."""
        os.mkdir(self.store + ".download.part")
        self.assertIn("cannot be made", self.ctl("backup", self.copy, code=1))
        os.rmdir(self.store + ".download.part")
        self.ctl("backup", self.copy)

    def test_what_is_no_backup(self):
        junk = self.file("junk")
        with open(junk, "w", encoding="utf-8") as out:
            out.write("x" * 10000)
        self.daemon.stop()
        for source in (junk, self.file("none")):
            self.assertIn(source, self.ctl("restore", source, "--store", self.store, code=2))
        config = self.file("control.yaml")
        for text in ("log: error\n", "store:\n  path: \":memory:\"\n"):
            with open(config, "w", encoding="utf-8") as out:
                out.write(text)
            self.assertIn("--store", self.ctl("restore", junk, "--config", config, code=2))
        self.daemon = Daemon("--store", self.store)
        self.ctl("backup", self.file("nowhere/copy.db"), code=2)


if __name__ == "__main__":
    main()
