#!/usr/bin/env python3
"""The real causeway-control over its SQLite file: killed, restarted, without room, copied.

usage: test_store_life.py CAUSEWAY_CONTROL. CAUSEWAY_SEED repeats a random moment.
"""
import json
import os
import random
import resource
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
import unittest

from control_client import (DAEMON, GW_A, GW_B, LINK, PATIENCE_S, SITE_A, SITE_B, Daemon, Fresh, Gateway, main,
                            path_spec)

SEED = int(os.environ.get("CAUSEWAY_SEED", "0") or 0) or int(time.time())
PATHS = 10000


def site(n):
    return {"spec": {"prefixes": ["10.%d.%d.0/24" % (n // 256, n % 256)]}}


class Stored(Fresh):
    """A daemon over a file, which can be started again."""

    def setUp(self):
        self.directory = tempfile.mkdtemp(prefix="causeway-store-")
        self.addCleanup(shutil.rmtree, self.directory)
        self.path = os.path.join(self.directory, "control.db")
        self.gateways = []
        self.start()

    def start(self):
        self.daemon = Daemon("--store", self.path)

    def crash(self):
        self.daemon.stop(signal.SIGKILL)

    def restart(self):
        self.crash()
        self.start()

    def run_daemon(self, *args):
        return subprocess.run([DAEMON, *args], capture_output=True, text=True, timeout=PATIENCE_S, check=False)

    def status(self):
        return self.daemon.get("/status").json

    def write_lock(self):
        """Holds commits up, as a slow disk does."""
        lock = sqlite3.connect(self.path, isolation_level=None)
        self.addCleanup(lock.close)
        lock.execute("BEGIN IMMEDIATE")
        return lock


class Restart(Stored):
    def test_all_is_there_again(self):
        self.assertEqual(self.apply_all(("job1", path_spec())).status, 200)
        self.daemon.put("/sites/a", {**SITE_A, "labels": {"rack": "7"}})
        before = {kind: self.daemon.get("/" + kind).json["items"]
                  for kind in ("sites", "gateways", "links")}
        path = self.daemon.get("/paths/job1").json
        status = self.status()
        self.restart()
        for kind, items in before.items():
            for old, new in zip(items, self.daemon.get("/" + kind).json["items"], strict=True):
                for member in ("name", "revision", "labels", "spec"):
                    self.assertEqual(old[member], new[member])
        again = self.daemon.get("/paths/job1")
        self.assertEqual(again.json["spec"], path["spec"])
        self.assertEqual(again.headers["etag"], '"%d"' % path["revision"])
        self.assertEqual(self.status()["revision"], status["revision"])
        self.assertGreater(self.status()["term"], status["term"])
        # The same requests change nothing, and the next change counts on.
        self.daemon.put("/sites/a", SITE_A)
        status = self.status()
        again = self.apply_all(("job1", path_spec())).json
        self.assertEqual({item["result"] for item in again["items"]}, {"unchanged"})
        self.assertEqual(self.daemon.put("/paths/job1", path_spec()).json["revision"], path["revision"])
        self.assertEqual(self.daemon.put("/sites/n", site(1)).json["revision"], status["revision"] + 1)

    def test_every_member_comes_back(self):
        # What a spec can say must be written as it is read, or a restart would change or refuse it.
        in_days = [time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 86400 * n)) for n in (1, 2)]
        site_a = {"prefixes": ["10.101.0.0/16", "fd01::/64"],
                  "qos": {"lossless": {"dscp": 26, "pfc_priority": 3}, "control": {"dscp": 0, "pfc_priority": 7}},
                  "accelerators": [{"vendor": "A", "model": "M-1", "count": 4096, "fabric": "ib", "transport": "rocev2"},
                                   {"vendor": "B", "model": "M 2", "count": 8}]}
        gateway_b = dict(GW_B["spec"], buffer_bytes="3GiB")
        link = dict(LINK["spec"], capacity_bps="100G", rtt="1234567ns", admin="drain", reservable_percent=77, cost=3,
                    srlgs=["duct-9", "duct-1"], family="ipv6")
        window = dict(start=in_days[0], end=in_days[1], tenant="blue", rtt_max="2ms", lease="90s", when_down="best_effort")
        items = [
            {"kind": "tenant", "name": "blue", "spec": {"quota": {
                "rate_bps": "400G", "paths": 64, "horizon": "168h", "buffer_bytes": "64GiB"}}},
            {"kind": "tenant", "name": "free", "spec": {}, "labels": {"k": "v \u00e9", "a": ""}},
            {"kind": "site", "name": "a", "spec": site_a}, {"kind": "site", "name": "b", **SITE_B},
            {"kind": "gateway", "name": "gw-a", **GW_A}, {"kind": "gateway", "name": "gw-b", "spec": gateway_b},
            {"kind": "link", "name": "l1", "spec": dict(LINK["spec"], rtt="1ms")}, {"kind": "link", "name": "l2", "spec": link},
            {"kind": "path", "name": "window", **path_spec(ports="1-7", **window)},
            {"kind": "path", "name": "held", **path_spec(
                rate={"a_to_z": "1500M", "z_to_a": 1}, ports="8000", protocol="udp", commit="manual", hold="333s",
                max_bps={"a_to_z": "2G", "z_to_a": "2G"}, a={"site": "a", "prefixes": ["10.101.7.0/24"]})},
            {"kind": "path", "name": "many", "labels": {"job": "1"}, **path_spec(
                match=[{"protocol": "icmp-echo"}, {"protocol": "tcp", "ports": ["9000-9001", "9005"], "dscp": [1, 63]}])},
            {"kind": "cluster", "name": "train", "labels": {"job": "2"}, "spec": {
                "members": [{"site": "a", "nodes": 2, "accelerators": 4, "interface": "eth1"}, {"site": "b"}],
                "demand": {"bytes_per_step": "64MiB", "step_period": "2s", "efficiency_percent": 90,
                           "overlap_percent": 10},
                "path": {"match": [{"protocol": "tcp", "ports": ["7000"]}], "class": "bulk"}}},
        ]
        answer = self.daemon.call("POST", "/apply", {"items": items})
        self.assertEqual(answer.status, 200, answer.text)
        kinds = ("tenants", "sites", "gateways", "links", "paths", "clusters")
        before = {kind: self.daemon.get("/" + kind).json["items"] for kind in kinds}
        revision = self.status()["revision"]
        self.restart()
        for kind in kinds:
            for old, new in zip(before[kind], self.daemon.get("/" + kind).json["items"], strict=True):
                for member in ("name", "revision", "labels", "spec"):
                    self.assertEqual(old[member], new[member])
        again = self.daemon.call("POST", "/apply", {"items": items})
        self.assertEqual({item["name"]: item["result"] for item in again.json["items"]},
                         {item["name"]: "unchanged" for item in items})
        self.assertEqual(again.json["revision"], revision)
        self.assertEqual(self.daemon.get("/paths/held").json["status"]["state"], "held")
        self.assertEqual(self.daemon.call("POST", "/paths/held/commit").status, 200)

    def test_window_ends_while_control_is_away(self):
        self.apply_all()
        end = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 2))
        self.assertEqual(self.daemon.put("/paths/job1", path_spec(end=end)).status, 201)
        self.crash()
        time.sleep(2.2)
        self.start()
        self.assertIn(self.daemon.get("/paths/job1?wait=expired&timeout=10s").json["status"]["state"],
                      ("expired", "released"))
        self.restart()
        self.assertEqual(self.daemon.get("/paths/job1").json["status"]["state"], "expired")

    def test_running_path_goes_on(self):
        self.apply_all(("job1", path_spec()))
        self.connect()
        self.drive("active")
        before = self.gateways[0].intent["paths"]
        for gateway in self.gateways:
            gateway.close()
        self.restart()
        self.gateways = [Gateway(self.daemon, "gw-a"), Gateway(self.daemon, "gw-b")]
        self.drive("active")
        after = self.gateways[0].intent["paths"]
        self.assertEqual(before, after)
        self.assertEqual(self.daemon.call("DELETE", "/paths/job1").status, 202)
        self.drive(None)

    def test_draining_goes_on(self):
        self.apply_all(("job1", path_spec()))
        self.connect()
        self.drive("active")
        self.assertEqual(self.daemon.call("DELETE", "/paths/job1").status, 202)
        for gateway in self.gateways:
            gateway.close()
        self.restart()
        problem = self.daemon.put("/paths/job1", path_spec(rate="2G"))
        self.assertEqual(problem.json["code"], "invalid-transition")
        self.gateways = [Gateway(self.daemon, "gw-a"), Gateway(self.daemon, "gw-b")]
        self.drive(None)
        self.restart()
        self.assertEqual(self.daemon.get("/paths/job1").status, 404)

    def test_killed_under_load(self):
        rng = random.Random(SEED)
        for _ in range(3):
            taken, number = self.put_until_killed(rng.uniform(0.05, 0.4))
            self.start()
            have = {item["name"]: item for item in self.daemon.get("/sites").json["items"]}
            for name, revision in taken.items():
                self.assertEqual(have[name]["revision"], revision)
            # Pairs come in one request: there are no halves.
            for i in range(number):
                self.assertEqual("a%d" % i in have, "b%d" % i in have, i)
            self.daemon.stop(signal.SIGKILL)
            os.unlink(self.path)
            for end in ("-wal", "-shm"):
                if os.path.exists(self.path + end):
                    os.unlink(self.path + end)
            self.start()

    def put_until_killed(self, delay_s):
        """Names and revisions of what was answered, and how many pairs were tried."""
        taken, lock, daemon = {}, threading.Lock(), self.daemon
        numbers = iter(range(10000))

        def put_all():
            while True:
                with lock:
                    i = next(numbers)
                items = [{"kind": "site", "name": "%s%d" % (c, i), **site(2 * i + (c == "b"))} for c in "ab"]
                try:
                    answer = daemon.call("POST", "/apply", {"items": items})
                except (RuntimeError, IndexError):
                    return
                if answer.status == 200:
                    with lock:
                        taken.update({item["name"]: answer.json["revision"] for item in items})

        threads = [threading.Thread(target=put_all) for _ in range(4)]
        for thread in threads:
            thread.start()
        time.sleep(delay_s)
        self.crash()
        for thread in threads:
            thread.join()
        return taken, next(numbers)


class Durability(Stored):
    def test_nobody_hears_of_it_before_it_is_durable(self):
        lock = self.write_lock()
        answers = []
        thread = threading.Thread(target=lambda: answers.append(self.daemon.put("/sites/a", SITE_A)))
        thread.start()
        # A second one is checked against the first, and waits as well.
        second = threading.Thread(target=lambda: answers.append(
            self.daemon.put("/sites/a", site(9), if_none_match="*")))
        time.sleep(0.3)
        second.start()
        second.join()
        self.assertEqual([answer.status for answer in answers], [409])
        self.assertEqual(self.daemon.get("/sites/a").status, 404)
        self.assertEqual(self.daemon.get("/sites").json["items"], [])
        self.assertEqual(self.status()["revision"], 1)
        lock.execute("ROLLBACK")
        thread.join()
        self.assertEqual(answers[1].status, 201)
        self.assertEqual(self.daemon.get("/sites/a").status, 200)

    def test_client_goes_away_meanwhile(self):
        lock = self.write_lock()
        clients = [subprocess.Popen(
            ["curl", "-s", "--http2-prior-knowledge", "-X", "PUT", "-H", "content-type: application/json",
             "-d", json.dumps(site(i)), "%s/sites/s%d" % (self.daemon.url, i)],
            stdout=subprocess.DEVNULL) for i in range(8)]
        time.sleep(0.4)
        for client in clients[:6]:
            client.kill()
            client.wait()
        self.assertEqual(self.status()["counts"]["sites"], 0)
        lock.execute("ROLLBACK")
        for client in clients:
            client.wait()
        self.assertEqual(self.status()["counts"]["sites"], 8)

    def test_stopped_meanwhile(self):
        lock = self.write_lock()
        client = subprocess.Popen(
            ["curl", "-s", "--http2-prior-knowledge", "-X", "PUT", "-d", json.dumps(SITE_A),
             "-H", "content-type: application/json", "-o", "/dev/null", "-w", "%{http_code}",
             self.daemon.url + "/sites/a"], stdout=subprocess.PIPE, text=True)
        time.sleep(0.3)
        self.daemon.process.send_signal(signal.SIGTERM)
        time.sleep(0.2)
        lock.execute("ROLLBACK")
        self.assertEqual(client.communicate()[0], "201")
        self.assertEqual(self.daemon.stop()[0], 0)
        self.start()
        self.assertEqual(self.daemon.get("/sites/a").status, 200)


class Failure(Stored):
    def test_read_only_after_a_failed_write(self):
        self.assertEqual(self.apply_all(("job1", path_spec())).status, 200)
        wal = os.path.getsize(self.path + "-wal")
        resource.prlimit(self.daemon.process.pid, resource.RLIMIT_FSIZE, (wal, resource.RLIM_INFINITY))
        before = self.daemon.get("/sites").json
        for call in (lambda: self.daemon.put("/sites/x", site(1)),
                     lambda: self.daemon.put("/sites/y", site(2)),
                     lambda: self.daemon.call("DELETE", "/paths/job1"),
                     lambda: self.daemon.call("POST", "/apply", {"items": [{"kind": "site", "name": "x", **site(3)}]})):
            body = self.problem(call(), 503, "storage-failed")
            self.assertIs(body["retryable"], False)
        self.assertEqual(self.daemon.get("/sites").json, before)
        self.assertEqual(self.daemon.get("/sites/x").status, 404)
        self.assertEqual(self.daemon.get("/paths/job1").status, 200)
        # There is room again, but what the file holds is not known before a restart.
        resource.prlimit(self.daemon.process.pid, resource.RLIMIT_FSIZE,
                         (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        self.problem(self.daemon.put("/sites/x", site(1)), 503, "storage-failed")
        rest = self.daemon.stop()[2]
        self.assertEqual(rest.count("changes are refused and reads go on"), 1, rest)
        self.start()
        self.assertEqual(self.daemon.get("/sites/a").status, 200)
        self.assertEqual(self.daemon.put("/sites/x", site(1)).status, 201)


class Copies(Stored):
    def test_one_control_per_file(self):
        done = self.run_daemon("--store", self.path, "--listen", "127.0.0.1:0")
        self.assertEqual(done.returncode, 2)
        self.assertIn("in use by another causeway-control", done.stderr)

    def test_backup_and_restore(self):
        copy = os.path.join(self.directory, "copy.db")
        config = os.path.join(self.directory, "control.yaml")
        with open(config, "w", encoding="utf-8") as file:
            file.write("store:\n  path: %s\n  keep_revisions: 5\n" % self.path)
        self.assertIn("keep_revisions: 5", self.run_daemon("--config", config, "--check").stdout)
        self.apply_all(("job1", path_spec()))
        done = self.run_daemon("--config", config, "--backup", copy)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.daemon.put("/sites/later", site(1))
        before = self.status()
        done = self.run_daemon("--config", config, "--restore", copy)
        self.assertEqual(done.returncode, 2)
        self.assertIn("stop that one first", done.stderr)
        self.crash()
        done = self.run_daemon("--config", config, "--restore", copy)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.start()
        self.assertEqual(self.daemon.get("/sites/later").status, 404)
        self.assertEqual(self.daemon.get("/paths/job1").status, 200)
        self.assertGreater(self.status()["revision"], before["revision"])
        self.assertGreater(self.status()["term"], before["term"])
        for arg in ("--backup", "--restore"):
            self.assertEqual(self.run_daemon(arg, copy).returncode, 2)


class Size(Stored):
    def test_many_paths(self):
        self.apply_all(("job1", path_spec()))
        self.crash()
        db = sqlite3.connect(self.path)
        text = json.loads(db.execute("SELECT text FROM object WHERE kind = 'path'").fetchone()[0])
        rows = []
        for i in range(PATHS - 1):
            text["assigned"]["id"] = i + 1
            text["spec"]["match"][0]["dscp"] = [i % 64]
            rows.append(("path", "p%d" % i, 1, json.dumps(text)))
        db.executemany("INSERT INTO object VALUES(?, ?, ?, ?)", rows)
        db.commit()
        db.close()
        begin = time.monotonic()
        self.start()
        served = self.daemon.get("/status").json["counts"]["paths"]
        print("%d paths: serving after %.2f s" % (served, time.monotonic() - begin), file=sys.stderr)
        self.assertEqual(served, PATHS)


if __name__ == "__main__":
    print("CAUSEWAY_SEED=%d" % SEED, file=sys.stderr)
    main()
