"""Many clients of the watch, and slow ones: what they cost causeway-control."""
import json
import os
import resource
import unittest

from feed_rig import Fresh, site, told
from h2_raw import RawClient

WATCHERS = 1000
WATCHERS_KIB = 64 << 10
SLOW_CLIENTS = 50
SLOW_KIB = 20 << 10  # 64 KiB of lines for each client, and what the heap makes of it; all: 110 MiB


class Many(Fresh):
    # Meson's way to find uninitialised memory writes to all of it.
    environment = {key: value for key, value in os.environ.items() if key != "MALLOC_PERTURB_"}

    def setUp(self):
        hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 4096), hard))
        super().setUp()
        self.clients = []

    def tearDown(self):
        for client in self.clients:
            client.close()
        super().tearDown()

    def client(self, **more):
        self.clients.append(RawClient(self.daemon.port, **more))
        return self.clients[-1]

    def test_idle_watchers(self):
        last = self.put_site(1)
        before = self.rss_kib()
        streams = []
        for _ in range(WATCHERS):
            client = self.client()
            streams.append((client, client.get("/v1/watch?since=0")))
        for client, stream in streams:
            self.assertTrue(client.pump(lambda c=client, s=stream: b"bookmark" in c.data[s]))
        self.check_grown("%d idle watchers" % WATCHERS, before, WATCHERS_KIB)
        last = self.put_site(2)
        end = b'{"type":"bookmark","revision":%d}' % last
        for client, stream in streams:
            self.assertTrue(client.pump(lambda c=client, s=stream: end in c.data[s]))
            self.assertIn("s0002", client.lines(stream)[-2])

    def test_slow_clients_are_ended_and_told(self):
        for turn in range(3):  # what the changes take themselves
            self.apply(*(site(i, turn="first%d" % turn) for i in range(3000)))
        client = self.client(window=0)
        before = self.rss_kib()
        streams = [client.get("/v1/watch?since=0") for _ in range(SLOW_CLIENTS)]
        quick = self.client()
        follower = quick.get("/v1/watch?heartbeat=60s")
        for turn in range(3):
            last = self.apply(*(site(i, turn=str(turn)) for i in range(3000)))
            end = b'{"type":"bookmark","revision":%d}' % last
            self.assertTrue(quick.pump(lambda end=end: end in quick.data[follower]))
        self.check_grown("%d slow clients" % SLOW_CLIENTS, before, SLOW_KIB)
        self.assertEqual(len(told(json.loads(line) for line in quick.lines(follower))), 9000)
        for stream in streams:
            client.open_window(stream, 1 << 20)
            self.assertTrue(client.pump(lambda s=stream: s in client.ended))
            last = json.loads(client.lines(stream)[-1])
            self.assertEqual((last["type"], last["code"], last["retryable"]), ("error", "too-slow", True))


if __name__ == "__main__":
    unittest.main(verbosity=2)
