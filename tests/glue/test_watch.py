"""Lists in pages, and the watch of causeway-control: changes since a revision, over restarts too."""
import json
import tempfile
import time
import unittest

from control_client import Daemon, PATIENCE_S, path_spec
from feed_rig import bookmark, Fresh, site, told
from h2_raw import RawClient


class Lists(Fresh):
    def pages(self, query, between=lambda: None):
        names, following = [], ""
        while True:
            page = self.daemon.get("/sites?%s%s" % (query, following)).json
            names.append([item["name"] for item in page["items"]])
            if "continue" not in page:
                return names
            following = "&continue=" + page["continue"]
            between()

    def test_pages(self):
        self.apply(*(site(i) for i in range(20)))
        everything = ["s%04d" % i for i in range(20)]
        for limit in (1, 7, 19, 20, 1000):
            pages = self.pages("limit=%d" % limit)
            self.assertEqual(sum(pages, []), everything)
            self.assertTrue(all(len(page) == limit for page in pages[:-1]))
            self.assertTrue(pages[-1])

    def test_pages_are_stable_under_changes(self):
        self.apply(*(site(i) for i in range(10, 30)))
        fresh = iter(range(100))

        def between():
            number = next(fresh)
            self.delete("/sites/s%04d" % (10 + number))  # read already
            self.put_site(number)                        # before what was read
            self.put_site(50 + number)                   # behind all

        names = sum(self.pages("limit=4", between), [])
        self.assertEqual(len(names), len(set(names)))
        self.assertEqual([name for name in names if "s0010" <= name < "s0030"],
                         ["s%04d" % i for i in range(10, 30)])

    def test_labels(self):
        self.apply(site(1, job="7", rack="x"), site(2, job="8", rack="x"), site(3))
        for query, wanted in (("label=job=7", [1]), ("label=job", [1, 2]), ("label=job%3D8", [2]),
                              ("label=job&label=rack=x", [1, 2]), ("label=job=7&label=rack=y", []),
                              ("label=job=", []), ("label=none", []), ("limit=1&label=rack=x", [1])):
            found = [item["name"] for item in self.daemon.get("/sites?" + query).json["items"]]
            self.assertEqual(found, ["s%04d" % i for i in wanted], query)

    def test_states(self):
        self.join_sites(("job1", path_spec()), ("job2", path_spec(ports="7000")))
        self.connect()
        self.drive("active")
        self.drive("active", "job2")
        self.delete("/paths/job2")
        for query, wanted in (("state=active", ["job1"]), ("state=draining", ["job2"]),
                              ("state=active&state=draining", ["job1", "job2"]), ("state=failed", [])):
            found = [item["name"] for item in self.daemon.get("/paths?" + query).json["items"]]
            self.assertEqual(found, wanted, query)

    def test_refused(self):
        self.apply(site(1), site(2))
        token = self.daemon.get("/sites?limit=1").json["continue"]
        for query in ("limit=0", "limit=1001", "limit=", "limit=-1", "limit=2x", "continue=", "continue=zz",
                      "continue=" + token[:-1], "continue=" + token + "00", "label=", "label==x", "label=%zz",
                      "label=a%00", "state=active", "label=a&label=b&label=c&label=d&label=e",
                      "label=" + 64 * "k", "label=k=" + 64 * "v"):
            self.refused("/sites?" + query, 400, "invalid-argument")
        self.refused("/links?continue=" + token, 400, "invalid-argument")
        self.refused("/paths?state=gone", 400, "invalid-argument")
        self.refused("/sites?since=1", 400, "unknown-parameter")
        self.refused("/sites/s0001?limit=1", 400, "unknown-parameter")


class Watch(Fresh):
    def test_all_then_changes(self):
        last = self.apply(site(2), site(1))
        watch = self.stream("/watch?since=0")
        self.assertEqual(told(watch.wait(bookmark(last))), [("put", "s0001"), ("put", "s0002")])
        self.put_site(1, job="7")
        self.delete("/sites/s0002")
        last = self.put_site(3)
        messages = watch.wait(bookmark(last))
        self.assertEqual(told(messages)[2:], [("put", "s0001"), ("delete", "s0002"), ("put", "s0003")])
        changes = [message for message in messages[3:] if message["type"] != "bookmark"]
        revisions = [message["revision"] for message in changes]
        self.assertEqual(revisions, sorted(revisions))
        self.assertEqual(changes[0]["object"]["labels"], {"job": "7"})
        self.assertEqual(changes[0]["object"]["spec"], site(1)["spec"])
        self.assertEqual(changes[1], {"type": "delete", "revision": changes[1]["revision"], "kind": "site",
                                      "name": "s0002"})

    def test_goes_on_after_a_bookmark(self):
        first = self.apply(site(1))
        watch = self.stream("/watch")
        watch.wait(bookmark(first))
        self.assertEqual(told(watch.messages), [])
        seen = self.put_site(2)
        self.delete("/sites/s0001")
        last = self.put_site(3)
        wanted = [("delete", "s0001"), ("put", "s0003")]
        again = self.once("/watch?follow=false&since=%d" % seen)
        self.assertEqual((told(again), again[-1]), (wanted, {"type": "bookmark", "revision": last}))
        self.assertEqual(told(self.once("/watch?follow=false&since=%d" % first)),
                         [("put", "s0002"), *wanted])
        self.assertEqual(told(self.once("/watch?follow=false&since=1"))[-3:], [("put", "s0002"), *wanted])
        self.assertEqual(told(self.once("/watch?follow=false&since=%d" % last)), [])
        resumed = self.stream("/watch?follow=false", "-H", "last-event-id: %d" % seen).wait_end()
        self.assertEqual(told(json.loads(line) for line in resumed), wanted)

    def test_a_transaction_is_told_before_its_bookmark(self):
        watch = self.stream("/watch")
        watch.wait(bookmark(1))
        last = self.apply(*(site(i) for i in range(2000)))
        messages = watch.wait(bookmark(last))
        ends = [i for i, message in enumerate(messages) if bookmark(last)(message)]
        self.assertEqual(len(told(messages[:ends[0]])), 2000)

    def test_kinds(self):
        watch = self.stream("/watch?kind=link&kind=path")
        watch.wait(bookmark(1))
        self.join_sites(("job1", path_spec()))
        messages = watch.wait(lambda message: message["type"] == "put" and message["object"]["kind"] == "path")
        self.assertEqual(told(messages), [("put", "l1"), ("put", "job1")])
        self.delete("/paths/job1")
        watch.wait(lambda message: message["type"] == "delete" and message["name"] == "job1")

    def test_labels_come_and_go(self):
        last = self.apply(site(1, job="7"), site(2, job="8"))
        watch = self.stream("/watch?since=0&label=job=7")
        self.assertEqual(told(watch.wait(bookmark(last))), [("put", "s0001")])
        self.put_site(2, job="7")
        self.put_site(1, job="8")
        self.put_site(1, job="9")
        self.delete("/sites/s0001")
        self.put_site(1, job="7")
        last = self.put_site(2)
        self.assertEqual(told(watch.wait(bookmark(last)))[1:],
                         [("put", "s0002"), ("delete", "s0001"), ("put", "s0001"), ("delete", "s0002")])

    def test_server_sent_events(self):
        last = self.apply(site(1))
        for args in (("/watch?since=0&follow=false", "-H", "accept: text/event-stream"),
                     ("/watch?since=0&follow=false&format=sse",)):
            lines = self.stream(*args).wait_end()
            self.assertEqual([line for line in lines if not line.startswith("data: ")],
                             ["event: put", "", "event: bookmark", "id: %d" % last, ""])
            data = [json.loads(line[6:]) for line in lines if line.startswith("data: ")]
            self.assertEqual((told(data), data[1]["revision"]), ([("put", "s0001")], last))
        head = self.stream("/watch", "-I").wait_end()
        self.assertIn("content-type: application/x-ndjson", head)

    def test_heartbeats_are_bookmarks(self):
        watch = self.stream("/watch?heartbeat=100ms")
        until = time.monotonic() + PATIENCE_S
        while len(watch.lines) < 4 and time.monotonic() < until:
            time.sleep(0.02)
        self.assertEqual(watch.messages[:4], 4 * [{"type": "bookmark", "revision": 1}])

    def test_refused(self):
        self.refused("/watch?since=99", 410, "revision-compacted")
        for query in ("since=", "since=x", "since=-1", "since=1x", "kind=job", "format=xml", "follow=maybe",
                      "heartbeat=1ms", "heartbeat=2m", "heartbeat=x", "label=", "since=" + 60 * "1"):
            self.refused("/watch?" + query, 400, "invalid-argument")
        self.refused("/watch?limit=1", 400, "unknown-parameter")
        self.assertEqual(self.daemon.call("POST", "/watch").status, 405)

    def test_streams_end_when_control_stops(self):
        watch = self.stream("/watch")
        events = self.stream("/events")
        watch.wait(bookmark(1))
        events.wait(lambda message: message["type"] == "bookmark")
        code, seconds, _ = self.daemon.stop()
        self.assertEqual(code, 0)
        self.assertLess(seconds, PATIENCE_S)
        self.assertEqual((watch.process.wait(PATIENCE_S), events.process.wait(PATIENCE_S)), (0, 0))
        self.daemon = Daemon()


class Log(Fresh):
    """What the store's log remembers, over restarts of control."""

    def setUp(self):
        super().setUp()
        self.daemon.stop()
        self.folder = tempfile.TemporaryDirectory()
        self.arguments = ("--store", self.folder.name + "/control.db")
        self.daemon = Daemon(*self.arguments)

    def tearDown(self):
        super().tearDown()
        self.folder.cleanup()

    def restart(self):
        self.daemon.stop()
        self.daemon = Daemon(*self.arguments)

    def test_goes_on_after_a_restart(self):
        self.put_site(1, job="7")
        seen = self.put_site(2)
        self.put_site(1, job="8")
        self.put_site(1, job="9")
        self.put_site(2, job="7")
        self.delete("/sites/s0002")
        last = self.put_site(3)
        self.restart()
        self.assertEqual(self.daemon.get("/sites").json["revision"], last)
        messages = self.once("/watch?follow=false&since=%d" % seen)
        self.assertEqual(told(messages), [("put", "s0001"), ("put", "s0001"), ("put", "s0002"),
                                          ("delete", "s0002"), ("put", "s0003")])
        self.assertEqual([m["object"]["labels"] for m in messages[:2]], [{"job": "8"}, {"job": "9"}])
        self.assertEqual(messages[4]["object"]["spec"], site(3)["spec"])
        self.assertEqual(messages[-1]["revision"], last)
        self.assertEqual(told(self.once("/watch?follow=false&label=job=7&since=%d" % seen)),
                         [("delete", "s0001"), ("put", "s0002"), ("delete", "s0002")])
        self.assertEqual(told(self.once("/watch?follow=false&kind=link&since=%d" % seen)), [])
        watch = self.stream("/watch?since=%d" % seen)
        watch.wait(bookmark(last))
        last = self.put_site(4)
        self.assertEqual(told(watch.wait(bookmark(last)))[-1], ("put", "s0004"))

    def test_a_long_way_back_through_a_small_window(self):
        first = self.put_site(3000)
        self.apply(*(site(i) for i in range(1000)))
        for i in range(60):
            self.put_site(i, turn="2")
        self.restart()
        client = RawClient(self.daemon.port, window=16 << 10)
        try:
            stream = client.get("/v1/watch?since=%d" % first)
            self.assertTrue(client.pump(lambda: b"bookmark" in client.data[stream]))
            last = self.put_site(1)
            end = b'{"type":"bookmark","revision":%d}' % last
            self.assertTrue(client.pump(lambda: end in client.data[stream]))
            messages = [json.loads(line) for line in client.lines(stream)]
        finally:
            client.close()
        self.assertEqual(told(messages), [("put", "s%04d" % i) for i in [*range(1000), *range(60), 1]])

    def test_compacted(self):
        config = self.folder.name + "/control.yaml"
        with open(config, "w", encoding="ascii") as out:
            out.write("log: info\nstore:\n  path: %s/control.db\n  keep_revisions: 3\n" % self.folder.name)
        self.arguments = ("--config", config)
        first = self.put_site(1)
        for i in range(6):
            last = self.put_site(1, turn=str(i))
        self.restart()
        last = self.put_site(2)
        self.restart()
        body = self.refused("/watch?since=%d" % first, 410, "revision-compacted")
        self.assertEqual((body["title"], body["retryable"]), ("Gone", False))
        self.assertEqual(told(self.once("/watch?follow=false&since=%d" % (last - 1))), [("put", "s0002")])
        self.assertEqual(told(self.once("/watch?follow=false&since=0")), [("put", "s0001"), ("put", "s0002")])


if __name__ == "__main__":
    unittest.main(verbosity=2)
