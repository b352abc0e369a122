"""What the benchmark of the control plane works with: causeway-control as a process, what it costs, sets of objects
of any size, and clients that speak HTTP/2 over one connection each.
"""
import json
import os
import pathlib
import re
import socket
import ssl
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/glue"))
from h2_raw import RawClient  # noqa: E402

PATIENCE_S = 60


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def fail(text):
    sys.exit(f"control: {text}")


def wait_port(port):
    end = time.monotonic() + PATIENCE_S
    while time.monotonic() < end:
        with socket.socket() as s:
            if s.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.005)
    fail(f"nothing answers on port {port}")


class Control:
    """A control of its own store, on loopback; more: lines of its configuration."""

    def __init__(self, build, folder, more=""):
        self.build = build
        self.port, self.tls_port = free_port(), free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.config = pathlib.Path(folder) / "control.yaml"
        listen = [f"http://127.0.0.1:{self.port}"] + [f"https://127.0.0.1:{self.tls_port}"] * ("tls:" in more)
        self.config.write_text(f"listen: {json.dumps(listen)}\nlog: error\n"
                               f"store:\n  path: {folder}/control.db\n{more}")
        self.start()

    def start(self):
        """Seconds until it answers."""
        begin = time.monotonic()
        self.process = subprocess.Popen([self.build / "control/causeway-control", "--config", self.config])
        wait_port(self.port)
        client = Client(self.port)
        client.ask("GET", "/v1/status")
        client.close()
        return time.monotonic() - begin

    def stop(self):
        self.process.terminate()
        self.process.wait(PATIENCE_S)

    def ctl(self, *args, text=None):
        done = subprocess.run([self.build / "control/ctl/causewayctl", "--url", self.url, "-o", "json", *args],
                              input=text, capture_output=True, text=True)
        if done.returncode:
            fail(f"causewayctl {' '.join(args)}: {done.stdout}{done.stderr}")
        return json.loads(done.stdout)

    def apply(self, objects):
        for at in range(0, len(objects), 2000):
            self.ctl("apply", "-f", "-", text=json.dumps(objects[at:at + 2000]))

    def cpu_ns(self):
        """Of all its threads, as the scheduler counts it."""
        tasks = pathlib.Path(f"/proc/{self.process.pid}/task").iterdir()
        return sum(int((task / "schedstat").read_text().split()[0]) for task in tasks)

    def rss_kib(self):
        return int(re.search(r"VmRSS:\s+(\d+)", pathlib.Path(f"/proc/{self.process.pid}/status").read_text())[1])


class Pki:
    """An authority, a certificate of control and one of a viewer, by causewayctl."""

    def __init__(self, build, folder):
        self.build, self.folder = build, pathlib.Path(folder) / "pki"
        self.run("init")
        control = self.issue("control", "c1", "--host", "127.0.0.1")
        viewer = self.issue("viewer", "v1")
        self.config = f"tls:\n  ca: {self.folder}/ca.crt\n  cert: {control[0]}\n  key: {control[1]}\n"
        self.context = ssl.create_default_context(cafile=self.folder / "ca.crt")
        self.context.load_cert_chain(*viewer)
        self.context.set_alpn_protocols(["h2"])

    def run(self, *args):
        done = subprocess.run([self.build / "control/ctl/causewayctl", "-o", "json", "pki", *args, "--dir",
                               self.folder], capture_output=True, text=True)
        if done.returncode:
            fail(f"causewayctl pki {' '.join(args)}: {done.stdout}{done.stderr}")
        return json.loads(done.stdout)

    def issue(self, *args):
        made = self.run("issue", *args)
        return made["certificate"], made["key"]


# ---- objects ----

def small_world():
    return [
        {"kind": "site", "name": "a", "spec": {"prefixes": ["10.101.0.0/16"]}},
        {"kind": "site", "name": "b", "spec": {"prefixes": ["10.102.0.0/16"]}},
        {"kind": "gateway", "name": "gw-a",
         "spec": {"site": "a", "ports": [{"name": "wan0", "addresses": ["10.200.0.1"]}]}},
        {"kind": "gateway", "name": "gw-b",
         "spec": {"site": "b", "ports": [{"name": "wan0", "addresses": ["10.200.0.2"]}]}},
        {"kind": "link", "name": "l1", "spec": {"a": "gw-a:wan0", "z": "gw-b:wan0", "capacity_bps": "10G"}},
        {"kind": "path", "name": "job1", "spec": {"a": {"site": "a"}, "z": {"site": "b"}, "rate_bps": "1G"}},
    ]


def large_world(sites, links):
    """Sites in a ring and across, so that each link has paths of its own."""
    objects = []
    for n in range(sites):
        objects.append({"kind": "site", "name": f"s{n}", "spec": {"prefixes": [f"10.{n}.0.0/16"]}})
    ports = [[] for _ in range(sites)]
    ends = []
    for n in range(links):
        a, z = n % sites, (n + 1 + n // sites) % sites
        for site in (a, z):
            # Ports are shared by links: a gateway has at most eight.
            if len(ports[site]) < 8:
                ports[site].append(f"wan{len(ports[site])}")
        ends.append((a, z))
    for n in range(sites):
        objects.append({"kind": "gateway", "name": f"g{n}", "spec": {"site": f"s{n}", "ports": [
            {"name": p, "addresses": [f"172.{16 + i}.{n}.1"]} for i, p in enumerate(ports[n])]}})
    for n, (a, z) in enumerate(ends):
        objects.append({"kind": "link", "name": f"l{n}", "spec": {
            "a": f"g{a}:wan{n % len(ports[a])}", "z": f"g{z}:wan{n % len(ports[z])}", "capacity_bps": "400G"}})
    return objects, ends


def path_of(name, a, z, number):
    first = 1 + number % 60000
    return {"kind": "path", "name": name, "spec": {
        "a": {"site": f"s{a}"}, "z": {"site": f"s{z}"}, "rate_bps": "100M",
        "match": [{"protocol": "tcp", "ports": [str(first)]}]}}


# ---- clients ----

class Client(RawClient):
    """Requests one after the other."""

    def ask(self, method, path, body=None):
        text = json.dumps(body).encode() if body is not None else b""
        fields = {"content-type": "application/json"} if body is not None else {}
        stream = self.send(method, path, text, **fields)
        if not self.pump(lambda: stream in self.ended, PATIENCE_S):
            fail(f"no answer to {method} {path}")
        return self.data.pop(stream).decode()


class Gateway(Client):
    """Listens to its intent and reports, without a data plane. Nothing that it is told is kept."""

    def __init__(self, control, name, number):
        super().__init__(control.port, window=1 << 20)
        self.name, self.certificate = name, f"{number:064x}"
        self.term = self.lines_seen = 0
        self.stream = self.get(f"/v1/gateways/{name}/intent")
        if not self.pump(lambda: self.data[self.stream]):
            fail(f"gateway {name}: no intent")

    def report(self, paths=()):
        self.ask("POST", f"/v1/gateways/{self.name}/report", {
            "boot": 1, "version": "bench", "revision": 1, "term": self.term, "lan_mtu": 1500, "wan_mtu": 9000,
            "udp_port": 47700, "lanes": 1, "workers": 1, "certificate": {"sha256": self.certificate},
            "paths": list(paths)})

    def told(self):
        """Bytes that it was told since the last call."""
        data, self.data[self.stream] = self.data[self.stream], b""
        return data

    def settle(self):
        """Reads until nothing more comes."""
        while self.pump(lambda: self.data[self.stream], 0.01):
            self.told()

    def wait_line(self):
        """The next whole intent."""
        data = b""
        while not (data.endswith(b"\n") and b'"paths":' in data):
            if not self.pump(lambda: self.data[self.stream]):
                fail(f"gateway {self.name}: it is told nothing")
            data += self.told()
        return data
