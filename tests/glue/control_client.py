"""What the tests of causeway-control share: the daemon as a process, curl as its client, and a fake
gateway that does with curl what a gateway's agent does. Whatever they are told is checked against the document
of the API, where python3-jsonschema is there.
"""
import json
import shutil
import signal
import subprocess
import sys
import threading
import time
import unittest
import uuid

import openapi_check

DAEMON = sys.argv.pop(1) if len(sys.argv) > 1 else "causeway-control"
PATIENCE_S = 20

SITE_A = {"spec": {"prefixes": ["10.101.0.0/16", "fd01::/64"]}}
SITE_B = {"spec": {"prefixes": ["10.102.0.0/16", "fd02::/64"]}}
GW_A = {"spec": {"site": "a", "ports": [{"name": "wan0", "addresses": ["10.200.0.1", "fd00:200::1"]}]}}
GW_B = {"spec": {"site": "b", "ports": [{"name": "wan0", "addresses": ["10.200.0.2", "fd00:200::2"]}]}}
CERTIFICATES = {"gw-a": "0a" * 32, "gw-b": "0b" * 32, "gw-c": "0c" * 32}
LINK = {"spec": {"a": "gw-a:wan0", "z": "gw-b:wan0", "capacity_bps": "10G"}}


def path_spec(rate="1G", ports="5000-5999", protocol="tcp", **more):
    spec = {"a": {"site": "a"}, "z": {"site": "b"}, "rate_bps": rate,
            "match": [{"protocol": protocol, "ports": [ports]}]}
    spec.update(more)
    return {"spec": spec}


DOCUMENT = None


def document():
    """The daemon's own, from a run of its own: no test sees the request. None without jsonschema."""
    global DOCUMENT
    if not DOCUMENT and openapi_check.is_available:
        daemon = Daemon()
        text = daemon.request("GET", daemon.url + "/openapi.json").text
        daemon.stop()
        DOCUMENT = openapi_check.Document(json.loads(text))
    return DOCUMENT


class Answer:
    def __init__(self, status, headers, text):
        self.status = status
        self.headers = headers
        self.text = text

    @property
    def json(self):
        return json.loads(self.text)


class Daemon:
    def __init__(self, *extra, env=None, files=None):
        """files: as many as it may have open."""
        args = ["prlimit", "--nofile=%d:%d" % (files, files)] if files else []
        self.process = subprocess.Popen([*args, DAEMON, "--listen", "127.0.0.1:0", *extra],
                                        stderr=subprocess.PIPE, text=True, env=env)
        self.rest = []
        line = ""
        while "serving HTTP/2 on " not in line:
            line = self.process.stderr.readline()
            if not line:
                raise RuntimeError("the daemon did not start")
        self.address = line.rsplit(" ", 1)[1].strip()
        self.port = int(self.address.rsplit(":", 1)[1])
        self.url = "http://%s/v1" % self.address
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()

    def _read(self):
        for line in self.process.stderr:
            self.rest.append(line)

    def stop(self, sig=signal.SIGTERM):
        """The exit code and how long it took."""
        begin = time.monotonic()
        self.process.send_signal(sig)
        try:
            code = self.process.wait(PATIENCE_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            code = self.process.wait()
        self.reader.join(PATIENCE_S)
        self.process.stderr.close()
        return code, time.monotonic() - begin, "".join(self.rest)

    def call(self, method, path, body=None, headers=None, raw=None, url=None):
        headers = dict(headers or {})
        data = raw if raw is not None else None if body is None else json.dumps(body).encode()
        if data is not None:
            headers.setdefault("content-type", "application/json")
        if method == "POST":
            headers.setdefault("idempotency-key", str(uuid.uuid4()))
        answer = self.request(method, url or self.url + path, data, headers)
        if document():
            document().check(method, url or self.url + path, answer.status, answer.headers, answer.text, data)
        return answer

    @staticmethod
    def request(method, url, data=None, headers=None):
        args = ["curl", "-sS", "--http2-prior-knowledge", "-m", str(PATIENCE_S), "-i", "-X", method]
        headers = headers or {}
        if data is not None:
            args += ["--data-binary", "@-"]
        for name, value in headers.items():
            args += ["-H", "%s: %s" % (name, value)]
        done = subprocess.run(args + [url], input=data or b"", capture_output=True, check=False)
        if done.returncode:
            raise RuntimeError("curl: " + done.stderr.decode())
        head, _, text = done.stdout.decode(errors="replace").partition("\r\n\r\n")
        lines = head.split("\r\n")
        fields = {k.lower(): v for k, v in (line.split(": ", 1) for line in lines[1:] if ": " in line)}
        return Answer(int(lines[0].split()[1]), fields, text)

    def get(self, path):
        return self.call("GET", path)

    def put(self, path, body, **headers):
        return self.call("PUT", path, body, {k.replace("_", "-"): v for k, v in headers.items()})


class Gateway:
    """Does what a gateway's agent does, with curl: holds the intent stream, reports what it was told."""

    def __init__(self, daemon, name, **more):
        self.daemon = daemon
        self.name = name
        self.lines = []
        self.unread = []  # lines that the document of the API has not seen yet
        self.intent = None
        self.stream = None
        self.error = None
        self.certificate = more.get("certificate", CERTIFICATES[name])
        self.is_proving = True
        self.extra = {}  # members of each path's entry, beside the usual ones
        self.connect()

    def connect(self, first_report=()):
        self.lines = []
        self.stream = subprocess.Popen(
            ["curl", "-sSN", "--http2-prior-knowledge",
             "%s/gateways/%s/intent" % (self.daemon.url, self.name)],
            stdout=subprocess.PIPE, text=True)
        threading.Thread(target=self._read, args=(self.stream,), daemon=True).start()
        self.wait_line(lambda line: True)
        self.report(paths=list(first_report))

    def _read(self, stream):
        for line in stream.stdout:
            message = json.loads(line)
            self.unread.append(message)
            self.lines.append(message)
            if "paths" in message:
                self.intent = message

    def wait_line(self, accept):
        until = time.monotonic() + PATIENCE_S
        while time.monotonic() < until:
            self.check_lines()
            for line in list(self.lines):
                if accept(line):
                    return line
            time.sleep(0.02)
        raise AssertionError("%s: no such line in %s" % (self.name, self.lines))

    def check_lines(self):
        while self.unread and document():
            document().check_line("%s/gateways/%s/intent" % (self.daemon.url, self.name), self.unread.pop(0))

    def report(self, **more):
        intent = self.intent or {"revision": 0, "term": 0, "paths": []}
        body = {"boot": 1, "version": "test", "revision": intent["revision"], "term": intent["term"],
                "lan_mtu": 1400, "wan_mtu": 2000, "udp_port": 47800, "lanes": 2, "workers": 1,
                "buffer_bytes": 1 << 36, "ports": [{"name": "lan0", "role": "lan", "up": True}],
                "paths": [self._entry(path) for path in intent["paths"]]}
        if self.certificate:
            body["certificate"] = {"sha256": self.certificate}
        body.update(more)
        return self.daemon.call("POST", "/gateways/%s/report" % self.name, body)

    def _entry(self, path):
        return {"name": path["name"], "id": path["id"], "generation": path["generation"],
                "receiving": True, "proved": self.is_proving, "claiming": path["phase"] == "claim",
                "rtt_ns": 10100000, "error": self.error, "peer": {
                    "certificate": path["peer"]["certificate"], "udp_port": path["peer"]["udp_port"],
                    "lanes": path["peer"]["lanes"], "lan_mtu": path["far_lan_mtu"]},
                "counters": {"out": {"rx_packets": 5, "tx_packets": 5}}, **self.extra}

    def close(self):
        self.stream.terminate()
        self.stream.wait()
        self.stream.stdout.close()
        self.check_lines()


class Fresh(unittest.TestCase):
    """A daemon for each test."""

    def setUp(self):
        self.daemon = Daemon()
        self.gateways = []

    def tearDown(self):
        for gateway in self.gateways:
            gateway.close()
        code, _, rest = self.daemon.stop()
        self.assertEqual(code, 0, rest)

    def apply_all(self, *paths):
        items = [{"kind": "site", "name": "a", **SITE_A}, {"kind": "site", "name": "b", **SITE_B},
                 {"kind": "gateway", "name": "gw-a", **GW_A}, {"kind": "gateway", "name": "gw-b", **GW_B},
                 {"kind": "link", "name": "l1", **LINK}]
        items += [{"kind": "path", "name": name, **body} for name, body in paths]
        return self.daemon.call("POST", "/apply", {"items": items})

    def connect(self):
        self.gateways = [Gateway(self.daemon, "gw-a"), Gateway(self.daemon, "gw-b")]
        for gateway in self.gateways:
            gateway.wait_line(lambda line: "paths" in line)
        return self.gateways

    def drive(self, state, name="job1"):
        """Both gateways report until the path is in a state; its object."""
        until = time.monotonic() + PATIENCE_S
        while time.monotonic() < until:
            for gateway in self.gateways:
                self.assertEqual(gateway.report().status, 204)
            answer = self.daemon.get("/paths/" + name)
            if answer.status == 404 and state is None:
                return None
            if answer.status == 200 and answer.json["status"]["state"] == state:
                return answer.json
            time.sleep(0.05)
        self.fail("%s never became %s: %s" % (name, state, answer.text))

    def problem(self, answer, status, code, pointer=None):
        self.assertEqual(answer.status, status, answer.text)
        self.assertEqual(answer.headers["content-type"], "application/problem+json")
        body = answer.json
        self.assertEqual((body["status"], body["code"]), (status, code))
        for member in ("type", "title", "detail", "retryable", "errors"):
            self.assertIn(member, body)
        if pointer is not None:
            self.assertIn(pointer, [error["pointer"] for error in body["errors"]])
        return body


def main():
    for tool in ("curl", "nghttp"):
        if not shutil.which(tool):
            print("SKIP: %s is missing (apt install curl nghttp2-client)" % tool)
            sys.exit(77)
    version = subprocess.run(["curl", "--version"], capture_output=True, text=True, check=True)
    if "HTTP2" not in version.stdout:
        print("SKIP: this curl does not speak HTTP/2")
        sys.exit(77)
    unittest.main(module="__main__", verbosity=2)
