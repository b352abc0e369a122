"""What the tests of lists, streams and facts share: lines of endless answers, and a daemon for each test
with what they ask of it.
"""
import json
import subprocess
import threading
import time
import unittest

from control_client import Daemon, document, Gateway, GW_A, GW_B, LINK, PATIENCE_S, SITE_A, SITE_B

SANITIZER_KIB = 1 << 32  # its shadow: what memory such a daemon takes says nothing


def site(number, **labels):
    return {"kind": "site", "name": "s%04d" % number, "labels": labels,
            "spec": {"prefixes": ["10.%d.%d.0/24" % (number >> 8, number & 255)]}}


class Stream:
    """Lines of an endless answer, read by curl."""

    def __init__(self, daemon, path, *args):
        self.lines = []
        self.url = daemon.url + path
        self.process = subprocess.Popen(
            ["curl", "-sSN", "--http2-prior-knowledge", "-m", "60", *args, self.url],
            stdout=subprocess.PIPE, text=True)
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()

    def _read(self):
        for line in self.process.stdout:
            self.lines.append(line.rstrip("\n"))

    @property
    def messages(self):
        return [json.loads(line) for line in list(self.lines)]

    def wait(self, accept):
        """The messages, once one of them is as wanted."""
        until = time.monotonic() + PATIENCE_S
        while time.monotonic() < until:
            messages = self.messages
            if any(accept(message) for message in messages):
                return messages
            time.sleep(0.02)
        raise AssertionError("no such line in %s" % self.lines)

    def wait_end(self):
        self.process.wait(PATIENCE_S)
        self.reader.join(PATIENCE_S)
        return self.lines

    def close(self):
        self.process.kill()
        self.process.wait()
        self.reader.join()
        self.process.stdout.close()
        if document():
            document().check_lines(self.url, self.lines)


def told(messages):
    """What a client knows: put or delete, and the name."""
    return [(m["type"], m["object"]["name"] if m["type"] == "put" else m["name"])
            for m in messages if m["type"] in ("put", "delete")]


def bookmark(revision):
    return lambda message: message["type"] == "bookmark" and message["revision"] >= revision


class Fresh(unittest.TestCase):
    environment = None

    def setUp(self):
        self.daemon = Daemon(env=self.environment)
        self.streams = []
        self.gateways = []

    def tearDown(self):
        for stream in self.streams + self.gateways:
            stream.close()
        code, _, rest = self.daemon.stop()
        self.assertEqual((code, "Sanitizer" in rest), (0, False), rest)

    def stream(self, path, *args):
        self.streams.append(Stream(self.daemon, path, *args))
        return self.streams[-1]

    def once(self, path, *args):
        return [json.loads(line) for line in self.stream(path, *args).wait_end()]

    def apply(self, *items):
        answer = self.daemon.call("POST", "/apply", {"items": list(items)})
        self.assertEqual(answer.status, 200, answer.text)
        return answer.json["revision"]

    def put_site(self, number, **labels):
        item = site(number, **labels)
        answer = self.daemon.put("/sites/" + item["name"], {"spec": item["spec"], "labels": labels})
        self.assertIn(answer.status, (200, 201), answer.text)
        return answer.json["revision"]

    def delete(self, path):
        answer = self.daemon.call("DELETE", path)
        self.assertIn(answer.status, (200, 202, 204), answer.text)

    def refused(self, path, status, code):
        answer = self.daemon.get(path)
        self.assertEqual((answer.status, answer.json["code"]), (status, code), answer.text)
        self.assertEqual(answer.headers["content-type"], "application/problem+json")
        return answer.json

    def join_sites(self, *paths):
        named = [("site", "a", SITE_A), ("site", "b", SITE_B), ("gateway", "gw-a", GW_A),
                 ("gateway", "gw-b", GW_B), ("link", "l1", LINK), *(("path", *path) for path in paths)]
        return self.apply(*({"kind": kind, "name": name, **body} for kind, name, body in named))

    def connect(self):
        self.gateways += [Gateway(self.daemon, name) for name in ("gw-a", "gw-b")]
        return self.gateways

    def drive(self, wanted, path="job1"):
        until = time.monotonic() + PATIENCE_S
        state = ""
        while state != wanted and time.monotonic() < until:
            for gateway in self.gateways:
                gateway.report()
            answer = self.daemon.get("/paths/" + path)
            state = answer.json["status"]["state"] if answer.status == 200 else None
        self.assertEqual(state, wanted)

    def memory_kib(self, field):
        with open("/proc/%d/status" % self.daemon.process.pid, encoding="ascii") as status:
            return next(int(line.split()[1]) for line in status if line.startswith(field))

    def rss_kib(self):
        return self.memory_kib("VmRSS:")

    def check_grown(self, what, before, limit_kib):
        grown = self.rss_kib() - before
        print("%s: %d KiB" % (what, grown))
        if self.memory_kib("VmSize:") < SANITIZER_KIB:
            self.assertLess(grown, limit_kib)
