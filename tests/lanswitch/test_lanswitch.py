#!/usr/bin/env python3
"""The test switch between two network namespaces: it forwards, obeys pauses and sends them. Needs root.
usage: test_lanswitch.py CAUSEWAY_LANSWITCH
"""
import ctypes
import json
import os
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time
import unittest

SWITCH = ""
PREFIX = "backp-%d-" % os.getpid()
CONTROL_MAC = bytes.fromhex("0180c2000001")
MACS = {"a": bytes.fromhex("0200000000aa"), "b": bytes.fromhex("0200000000bb")}
LOSSLESS = 3
SOL_PACKET, PACKET_IGNORE_OUTGOING = 263, 23
CLONE_NEWNET = 0x40000000
PATIENCE_S = 5


def ip(*words):
    subprocess.run(["ip", *words], check=True)


class Host:
    """A raw socket on the interface of one namespace."""

    def __init__(self, name):
        self.name, self.mac = name, MACS[name]
        self.paused_until = 0.0
        self.pauses = []
        libc = ctypes.CDLL(None, use_errno=True)
        home = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
        there = os.open("/run/netns/" + PREFIX + name, os.O_RDONLY)
        try:
            if libc.setns(there, CLONE_NEWNET):
                raise OSError(ctypes.get_errno(), "setns")
            self.socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
            self.socket.setsockopt(SOL_PACKET, PACKET_IGNORE_OUTGOING, 1)
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
            self.socket.bind(("eth0", 0))
        finally:
            libc.setns(home, CLONE_NEWNET)
            os.close(home)
            os.close(there)

    def send(self, to, prio, number, size=1000):
        ip_header = struct.pack(">BBHHHBBH4s4s", 0x45, prio << 5, size - 14, 0, 0, 64, 17, 0, bytes(4), bytes(4))
        frame = MACS[to] + self.mac + b"\x08\x00" + ip_header + struct.pack(">II", 0xcafe, number)
        self.socket.send(frame.ljust(size, b"\0"))

    def send_pause(self, prio, quanta):
        times = b"".join(struct.pack(">H", quanta if p == prio else 0) for p in range(8))
        self.socket.send((CONTROL_MAC + self.mac + b"\x88\x08\x01\x01" +
                          struct.pack(">H", 1 << prio) + times).ljust(60, b"\0"))

    def receive(self, wait_s):
        """(priority, number) of the next frame; None after wait_s. Pauses go to self.pauses."""
        end = time.monotonic() + wait_s
        while True:
            self.socket.settimeout(max(end - time.monotonic(), 0))  # 0: what is there now
            try:
                frame = self.socket.recv(2048)
            except (TimeoutError, BlockingIOError):
                return None
            if frame[12:16] == b"\x88\x08\x01\x01":
                vector, *times = struct.unpack(">H8H", frame[16:34])
                self.pauses.append((frame[:6], frame[6:12], vector, times))
            elif frame[12:14] == b"\x08\x00" and frame[34:38] == b"\0\0\xca\xfe":
                return frame[15] >> 5, struct.unpack(">I", frame[38:42])[0]

    def receive_all(self, quiet_s=0.2):
        found = []
        while (got := self.receive(quiet_s)) is not None:
            found.append(got)
        return found

    def close(self):
        self.socket.close()


class Lan(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.names = [PREFIX + n for n in ("sw", "a", "b")]
        for name in cls.names:
            ip("netns", "add", name)
            subprocess.run(["ip", "netns", "exec", name, "sysctl", "-qw",
                            "net.ipv6.conf.all.disable_ipv6=1", "net.ipv6.conf.default.disable_ipv6=1"], check=True)
        for host in ("a", "b"):
            there = PREFIX + host
            ip("-n", PREFIX + "sw", "link", "add", "to-" + host, "type", "veth", "peer", "name", "eth0", "netns", there)
            ip("-n", there, "link", "set", "eth0", "address", MACS[host].hex(":"), "up")
            ip("-n", PREFIX + "sw", "link", "set", "to-" + host, "up")

    @classmethod
    def tearDownClass(cls):
        for name in cls.names:
            subprocess.run(["ip", "netns", "del", name], check=False)

    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.control = self.folder.name + "/control"
        self.switch = None
        self.a, self.b = Host("a"), Host("b")

    def start(self, *options, rate_b=""):
        self.switch = subprocess.Popen(
            ["ip", "netns", "exec", PREFIX + "sw", SWITCH, "--control", self.control,
             "--static", MACS["b"].hex(":") + "=to-b", *options, "to-a", "to-b" + rate_b],
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        end = time.monotonic() + PATIENCE_S
        while not os.path.exists(self.control):
            self.assertIsNone(self.switch.poll())
            self.assertLess(time.monotonic(), end)
            time.sleep(0.01)

    def tearDown(self):
        if self.switch:
            self.switch.kill()
            self.switch.wait()
            self.switch.stdout.close()
        self.a.close()
        self.b.close()
        self.folder.cleanup()

    def command(self, *words, code=0):
        done = subprocess.run([SWITCH, "--send", self.control, *words], capture_output=True, text=True)
        self.assertEqual(done.returncode, code, done.stderr)
        return done.stdout

    def stats(self):
        return json.loads(self.command("stats"))

    def stop(self):
        self.switch.send_signal(signal.SIGTERM)
        out, _ = self.switch.communicate(timeout=PATIENCE_S)
        self.assertEqual(self.switch.returncode, 0)
        return json.loads(out.splitlines()[-1])

    def conserved(self, stats):
        """Two ports: no copies."""
        taken = sum(p["rx_frames"] - p["pfc_received"] - p["other_pauses"] for p in stats["ports"])
        given = sum(p["tx_frames"] + sum(p["drops"].values()) for p in stats["ports"])
        self.assertEqual(taken, given + stats["held_frames"])
        for port in stats["ports"]:
            self.assertEqual(port["lab_lost"], dict.fromkeys(port["lab_lost"], 0))

    def test_forwards_in_order(self):
        self.start()
        for i in range(200):
            self.a.send("b", LOSSLESS, i)
        self.assertEqual(self.b.receive_all(), [(LOSSLESS, i) for i in range(200)])
        self.b.send("a", 0, 7)  # learned
        self.assertEqual(self.a.receive(PATIENCE_S), (0, 7))
        self.switch.send_signal(signal.SIGUSR1)
        shown = json.loads(self.switch.stdout.readline())
        self.assertEqual([p["rx_frames"] for p in shown["ports"]], [200, 1])
        self.assertEqual(shown["ports"][1]["priorities"]["3"]["tx_frames"], 200)
        self.conserved(self.stop())

    def test_obeys(self):
        self.start("--speed", "100M")  # 65,535 quanta: 335 ms
        self.b.send_pause(LOSSLESS, 10000)  # 51 ms
        time.sleep(0.01)
        begin = time.monotonic()
        for i in range(10):
            self.a.send("b", LOSSLESS, i)
            self.a.send("b", 0, i)
        self.assertEqual([self.b.receive(PATIENCE_S) for _ in range(10)], [(0, i) for i in range(10)])
        self.assertEqual([self.b.receive(PATIENCE_S) for _ in range(10)], [(LOSSLESS, i) for i in range(10)])
        self.assertGreater(time.monotonic() - begin, 0.03)
        # The same with an XON in the middle.
        self.b.send_pause(LOSSLESS, 18000)  # 92 ms
        time.sleep(0.01)
        self.a.send("b", LOSSLESS, 77)
        self.assertIsNone(self.b.receive(0.02))
        self.b.send_pause(LOSSLESS, 0)
        self.assertEqual(self.b.receive(0.02), (LOSSLESS, 77))
        stats = self.stop()
        self.conserved(stats)
        obeyed = stats["ports"][1]["priorities"]["3"]
        self.assertEqual((obeyed["pauses_obeyed"], obeyed["stuck_obeyed"]), (2, 0))
        self.assertTrue(51_000_000 + 10_000_000 < obeyed["pause_obeyed_ns"] < 51_300_000 + 90_000_000, obeyed)

    def take_pauses(self, paused):
        """Is a paused now, behind all that has come to it?"""
        self.a.receive(0)
        while self.a.pauses:
            target, source, vector, times = self.a.pauses.pop(0)
            self.assertEqual((target, vector), (CONTROL_MAC, 1 << LOSSLESS))
            paused = times[LOSSLESS] != 0
            self.seen[paused] += 1
        return paused

    def blast(self, count, obeys):
        """From a to b, eight times faster than b's port; what b got. It is read while a sends."""
        got, paused = [], False
        for i in range(count):
            end = time.monotonic() + PATIENCE_S
            while True:
                time.sleep(0.0001)  # a pause needs the switch to get a processor
                paused = self.take_pauses(paused)
                if not paused or not obeys:
                    break
                self.assertLess(time.monotonic(), end)
            self.a.send("b", LOSSLESS, i)
            if i % 16 == 0:
                got += self.b.receive_all(0)
        got += self.b.receive_all(0.5)
        self.take_pauses(paused)
        return got

    def test_sends_pauses_and_loses_nothing(self):
        self.start("--buffer", "64KiB", rate_b="=10M")
        self.seen = {True: 0, False: 0}
        got = self.blast(400, obeys=True)
        self.assertEqual(got, [(LOSSLESS, i) for i in range(400)])
        stats = self.stop()
        self.conserved(stats)
        sender = stats["ports"][0]
        self.assertGreaterEqual(sender["priorities"]["3"]["pauses_sent"], 3)
        self.assertGreaterEqual(self.seen[True], sender["priorities"]["3"]["pauses_sent"])
        self.assertGreaterEqual(self.seen[False], 2)
        self.assertEqual(set(sender["drops"].values()), {0})

    def test_drops_what_ignores_pauses(self):
        self.start("--buffer", "64KiB", rate_b="=10M")
        self.seen = {True: 0, False: 0}
        got = self.blast(400, obeys=False)
        stats = self.stop()
        self.conserved(stats)
        self.assertGreater(stats["ports"][0]["drops"]["buffer"], 0)
        self.assertEqual(len(got) + stats["ports"][0]["drops"]["buffer"], 400)

    def test_storm(self):
        self.start("--speed", "100M")
        for i in range(8):
            self.b.send_pause(LOSSLESS, 10000)
            self.a.send("b", LOSSLESS, i)
            time.sleep(0.02)
        self.assertIsNone(self.b.receive(0.01))
        self.b.send_pause(LOSSLESS, 0)
        self.a.send("b", LOSSLESS, 99)
        self.assertEqual(self.b.receive(PATIENCE_S), (LOSSLESS, 99))
        stats = self.stop()
        self.conserved(stats)
        self.assertEqual(stats["ports"][1]["priorities"]["3"]["stuck_obeyed"], 1)
        self.assertEqual(stats["ports"][0]["drops"]["stuck"], 8)

    def test_commands(self):
        self.start("--no-storm-guard")
        self.command("pause", "to-a", "3", "on")
        time.sleep(0.15)
        self.a.receive(0.01)
        self.assertGreaterEqual(len(self.a.pauses), 10)  # every 11 ms
        self.assertTrue(all(p[3][LOSSLESS] == 65535 for p in self.a.pauses))
        self.command("pause", "to-a", "3", "off")
        self.a.receive(0.02)
        self.assertEqual(self.a.pauses[-1][3][LOSSLESS], 0)
        self.command("rate", "to-b", "50M")
        self.assertEqual(self.stats()["ports"][1]["rate_bps"], 50_000_000)
        for wrong in (("pause", "to-a", "4", "on"), ("pause", "to-a", "3"), ("rate", "to-b", "x"),
                      ("rate", "nowhere", "1G"), ("nonsense",)):
            self.command(*wrong, code=1)

    def test_idle_costs_nothing(self):
        self.start()
        before = self.ticks()
        time.sleep(1)
        self.assertLessEqual(self.ticks() - before, 2)

    def ticks(self):
        with open("/proc/%d/stat" % self.switch.pid) as stat:
            return sum(map(int, stat.read().rsplit(")", 1)[1].split()[11:13]))


class Refuses(unittest.TestCase):
    def test_wrong_words(self):
        for words in ((), ("lo",), ("--rate",), ("--buffer", "x", "a", "b"), ("--lossless", "8", "a", "b"),
                      ("--lossless", "3,", "a", "b"), ("--speed", "0", "a", "b"), ("a=1", "b"),
                      ("--static", "x=lo", "lo", "lo"), ("no-such-interface", "lo")):
            done = subprocess.run([SWITCH, *words], capture_output=True, text=True)
            self.assertEqual(done.returncode, 2, words)
            self.assertNotEqual(done.stderr, "")
        self.assertIn("test tool", subprocess.run([SWITCH, "--help"], capture_output=True, text=True).stdout)


if __name__ == "__main__":
    if os.geteuid() != 0:
        print("SKIPPED test_lanswitch: needs root")
        sys.exit(77)
    SWITCH = os.path.abspath(sys.argv.pop(1))
    unittest.main(verbosity=2)
