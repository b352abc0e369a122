#!/usr/bin/env python3
"""A path moves between two links of two real gateways under traffic: nothing is lost or overtaken.

usage: test_move.py BUILD-FOLDER

Needs root: it makes four network namespaces of its own, beside the lab's, and removes them.

    host-a -- gw-a == two cables, the second one narrower == gw-b -- host-b
"""
import json
import os
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time
import unittest

BUILD = os.path.abspath(sys.argv.pop(1)) if len(sys.argv) > 1 else ""
PREFIX = f"cwm{os.getpid() % 100000}-"
PATIENCE_S = 15
PORT = 5001
MTUS = {"wan0": 2000, "wan1": 1280}

GATEWAY = """name: gw-{site}
run_dir: {folder}/run
state_dir: {folder}/state
control:
  url: http://127.0.0.1:8080
workers: 2
idle: adaptive
memory:
  size: 256MiB
  huge_pages: none
ports:
"""


def run(*command):
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def inside(place, *command):
    return ["ip", "netns", "exec", PREFIX + place, *command]


def forward(path):
    """In a gateway's namespace: its loopback to control's socket."""

    def pump(source, sink):
        try:
            while data := source.recv(65536):
                sink.sendall(data)
        except OSError:
            pass
        for end in source, sink:
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    server = socket.create_server(("127.0.0.1", 8080))
    while True:
        client = server.accept()[0]
        control = socket.socket(socket.AF_UNIX)
        control.connect(path)
        for ends in (client, control), (control, client):
            threading.Thread(target=pump, args=ends, daemon=True).start()


def receive():
    """Prints how many came, and how many of them not behind the one before; until a short one."""
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 24)
    sock.bind(("0.0.0.0", PORT))
    sock.settimeout(PATIENCE_S)
    print("ready", flush=True)
    got = wrong = 0
    while len(data := sock.recv(2000)) > 4:
        wrong += struct.unpack("!I", data[:4])[0] != got
        got += 1
    print(json.dumps({"got": got, "wrong": wrong}), flush=True)


def send():
    """Packets that fit the narrow link and packets that do not, until there is a line to read."""
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    ended = threading.Event()
    threading.Thread(target=lambda: (sys.stdin.readline(), ended.set()), daemon=True).start()
    number = 0
    while not ended.is_set():
        payload = bytes(1400 if number % 3 else 60)
        sock.sendto(struct.pack("!I", number) + payload, ("10.102.0.10", PORT))
        number += 1
        time.sleep(0.001)
    time.sleep(0.5)
    sock.sendto(b"end", ("10.102.0.10", PORT))
    print(number, flush=True)


class Move(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="causeway-move-")
        self.processes = []
        self.addCleanup(self.clean)
        for name in "run", "state":
            os.mkdir(f"{self.folder}/{name}")
        for place in "host-a", "gw-a", "host-b", "gw-b":
            run("ip", "netns", "add", PREFIX + place)
            run("ip", "-n", PREFIX + place, "link", "set", "lo", "up")
        for a, b, device_a, device_b, mtu in (
            ("host-a", "gw-a", "eth0", "lan0", 1500),
            ("host-b", "gw-b", "eth0", "lan0", 1500),
            ("gw-a", "gw-b", "wan0", "wan0", MTUS["wan0"]),
            ("gw-a", "gw-b", "wan1", "wan1", MTUS["wan1"]),
        ):
            self.cable(a, device_a, b, device_b, mtu)
        for number, site in enumerate("ab", 1):
            self.site_make(number, site)
        self.control_start()
        for site in "ab":
            self.gateway_start(site)

    def cable(self, a, device_a, b, device_b, mtu):
        run("ip", "link", "add", device_a, "mtu", str(mtu), "netns", PREFIX + a, "type", "veth",
            "peer", "name", device_b, "mtu", str(mtu), "netns", PREFIX + b)
        for place, device in (a, device_a), (b, device_b):
            # No super-packets, and checksums filled in, as on a real cable.
            for feature in "rx", "tx", "sg", "tso", "gso", "gro":
                subprocess.run(inside(place, "ethtool", "-K", device, feature, "off"),
                               capture_output=True, check=False)
            run("ip", "-n", PREFIX + place, "link", "set", device, "up")

    def site_make(self, number, site):
        host, gateway = PREFIX + "host-" + site, PREFIX + "gw-" + site
        run("ip", "-n", host, "addr", "add", f"10.10{number}.0.10/16", "dev", "eth0")
        run("ip", "-n", host, "route", "add", "default", "via", f"10.10{number}.0.1")
        run("ip", "-n", gateway, "addr", "add", f"10.10{number}.0.1/16", "dev", "lan0")
        for line, device in enumerate(MTUS, 1):
            run("ip", "-n", gateway, "addr", "add", f"10.200.{line}.{number}/24", "dev", device)
        with open(f"{self.folder}/gw-{site}.yaml", "w", encoding="utf-8") as file:
            file.write(GATEWAY.format(site=site, folder=self.folder))
            for port in "lan0", "wan0", "wan1":
                file.write(f"  - {{name: {port}, role: {port[:3]}, mode: packet, interface: {port}}}\n")

    def start(self, *command, **options):
        process = subprocess.Popen(command, text=True, **options)
        self.processes.append(process)
        return process

    def ctl(self, *arguments):
        return run(f"{BUILD}/control/ctl/causewayctl", "--url", f"unix:{self.folder}/control", *arguments)

    def wait_for(self, what, condition):
        until = time.monotonic() + PATIENCE_S
        while not condition():
            if time.monotonic() > until:
                self.fail(f"not in {PATIENCE_S} s: {what}\n{self.log()}")
            time.sleep(0.05)

    def log(self):
        text = ""
        for name in sorted(os.listdir(self.folder)):
            if name.endswith(".log"):
                with open(f"{self.folder}/{name}", encoding="utf-8") as file:
                    text += f"--- {name}\n{file.read()[-3000:]}"
        return text

    def daemon_start(self, name, *command):
        with open(f"{self.folder}/{name}.log", "w", encoding="utf-8") as log:
            self.start(*command, stdout=log, stderr=log)

    def control_start(self):
        config = f"{self.folder}/control.yaml"
        with open(config, "w", encoding="utf-8") as file:
            file.write(f'listen: [ "unix:{self.folder}/control" ]\nlog: info\n'
                       f"store:\n  path: {self.folder}/control.db\n")
        self.daemon_start("control", f"{BUILD}/control/causeway-control", "--config", config)
        self.wait_for("control listens", lambda: os.path.exists(f"{self.folder}/control"))
        objects = []
        for number, site in enumerate("ab", 1):
            objects.append({"kind": "site", "name": site, "spec": {"prefixes": [f"10.10{number}.0.0/16"]}})
            ports = [{"name": device, "addresses": [f"10.200.{line}.{number}"]}
                     for line, device in enumerate(MTUS, 1)]
            objects.append({"kind": "gateway", "name": f"gw-{site}", "spec": {"site": site, "ports": ports}})
        for line, device in enumerate(MTUS, 1):
            objects.append({"kind": "link", "name": f"l{line}", "spec": {
                "a": f"gw-a:{device}", "z": f"gw-b:{device}", "capacity_bps": "1G", "cost": line}})
        with open(f"{self.folder}/objects.json", "w", encoding="utf-8") as file:
            json.dump(objects, file)
        self.ctl("apply", "-f", f"{self.folder}/objects.json")

    def gateway_start(self, site):
        self.start(*inside("gw-" + site, sys.executable, __file__, "--forward", f"{self.folder}/control"))
        self.daemon_start("gw-" + site, *inside("gw-" + site, f"{BUILD}/dataplane/causeway-gateway",
                                               "--config", f"{self.folder}/gw-{site}.yaml"))

    def clean(self):
        for process in reversed(self.processes):
            process.send_signal(signal.SIGTERM)
        for process in self.processes:
            try:
                process.wait(5)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            for pipe in process.stdin, process.stdout:
                if pipe:
                    pipe.close()
        for place in "host-a", "gw-a", "host-b", "gw-b":
            subprocess.run(["ip", "netns", "del", PREFIX + place], check=False, capture_output=True)
        shutil.rmtree(self.folder)

    def path(self):
        return json.loads(self.ctl("-o", "json", "get", "paths", "job"))["status"]

    def has_moved(self, link):
        """Both ends have proved that link and send over it."""
        status = self.path()
        ends = status["gateways"]
        return (status["state"] == "active" and status["link"] == link and "moving" not in status and
                len(ends) == 2 and all(end["proved"] and end["claiming"] for end in ends))

    def move(self, away, to):
        self.wait_for(f"active over {away}", lambda: self.has_moved(away))
        self.ctl("link", "drain", away)
        self.wait_for(f"moved to {to}", lambda: self.has_moved(to))
        self.ctl("link", "up", away)

    def test_nothing_is_lost(self):
        self.wait_for("both gateways connected", lambda: len(self.connected()) == 2)
        self.ctl("path", "create", "job", "--from", "a", "--to", "b", "--rate", "100M", "--match",
                 f"udp:{PORT}", "--wait")
        receiver = self.start(*inside("host-b", sys.executable, __file__, "--receive"),
                              stdout=subprocess.PIPE)
        self.assertEqual(receiver.stdout.readline(), "ready\n")
        sender = self.start(*inside("host-a", sys.executable, __file__, "--send"),
                            stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.move("l1", "l2")
        self.move("l2", "l1")
        # Now with packets on the link before that are never acknowledged there, too wide for the other.
        run("ip", "-n", PREFIX + "gw-b", "link", "set", "wan0", "down")
        time.sleep(0.05)
        self.ctl("link", "down", "l1")
        self.wait_for("moved from a dead link", lambda: self.has_moved("l2"))
        time.sleep(0.3)
        sender.stdin.write("\n")
        sender.stdin.flush()
        sent = int(sender.stdout.readline())
        self.assertEqual(json.loads(receiver.stdout.readline()), {"got": sent, "wrong": 0}, self.log())
        for end in self.path()["gateways"]:
            self.assertEqual(end["counters"]["out"]["drops"], {})
        # Where the other link proves nothing the path stays, and says why.
        self.ctl("link", "up", "l1")
        self.ctl("link", "drain", "l2")
        self.wait_for("both ends say why they stay", lambda: all(
            "no probe has come back over link" in end.get("moving", "") and end["claiming"] and
            not end["error"] for end in self.path()["gateways"]))

    def connected(self):
        items = json.loads(self.ctl("-o", "json", "get", "gateways"))["items"]
        return [item["name"] for item in items if item["status"].get("connected")]


if __name__ == "__main__":
    if BUILD.endswith("--forward"):
        forward(sys.argv[1])
    elif BUILD.endswith("--receive"):
        receive()
    elif BUILD.endswith("--send"):
        send()
    elif os.geteuid() or not os.path.isdir("/run/netns") and subprocess.run(
            ["ip", "netns", "list"], check=False).returncode:
        print("SKIP: needs root and network namespaces")
        sys.exit(77)
    else:
        unittest.main(verbosity=2)
