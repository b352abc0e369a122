#!/usr/bin/env python3
"""causeway-control under HTTP/2 abuse: each attack is stopped or bounded, control's memory stays small,
and another client is answered meanwhile.

usage: test_http2_abuse.py CAUSEWAY_CONTROL. Loopback only, on a port that the kernel chooses.
"""
import contextlib
import socket
import struct
import unittest

# First: it skips the test where its packages are missing.
from h2_attack import CANCEL, ENHANCE_YOUR_CALM, Attacker, Bystander, h2, raw_frame
from control_client import DAEMON, PATIENCE_S, SITE_A, Daemon, Fresh, main, path_spec

MIB = 1 << 20
WINDOW_MAX = (1 << 31) - 1
INITIAL_WINDOW = h2.SettingsFrame.INITIAL_WINDOW_SIZE
FLOOD = 20000

with open(DAEMON, "rb") as binary:
    HAS_SANITIZER = b"__asan_init" in binary.read()  # its memory is not the daemon's


class Attack(Fresh):
    def setUp(self):
        super().setUp()
        self.attackers = []

    def tearDown(self):
        for attacker in self.attackers:
            attacker.close()
        super().tearDown()

    def attacker(self, **more):
        self.attackers.append(Attacker(self.daemon.port, **more))
        return self.attackers[-1]

    def memory(self, line="VmHWM"):
        with open("/proc/%d/status" % self.daemon.process.pid, encoding="ascii") as lines:
            return next(int(text.split()[1]) << 10 for text in lines if text.startswith(line + ":"))

    @contextlib.contextmanager
    def bounded(self, growth_mib=32):
        """Memory grows by so much at most, and a bystander is answered before, while and after."""
        before = self.memory()
        with Bystander(self.daemon.port) as bystander:
            yield bystander
        self.assertEqual(bystander.failures, [])
        self.assertGreaterEqual(bystander.answered, 2)
        if not HAS_SANITIZER:
            self.assertLess((self.memory() - before) / MIB, growth_mib)

    def ended(self, attacker, code=ENHANCE_YOUR_CALM):
        self.assertTrue(attacker.wait_end(), "not ended after %s" % attacker.counts)
        if code is not None:
            self.assertEqual(attacker.goaway, code)


class Resets(Attack):
    def test_rapid_reset(self):
        """CVE-2023-44487; also with the code that says that nothing is wrong."""
        for code in (CANCEL, 0):
            with self.subTest(code=code), self.bounded():
                attacker = self.attacker()
                block = attacker.block()
                attacker.push(b"".join(
                    attacker.request(stream, block) + h2.RstStreamFrame(stream, error_code=code).serialize()
                    for stream in range(1, 2 * FLOOD, 2)))
                self.ended(attacker)

    def test_resets_that_we_are_made_to_send(self):
        """CVE-2025-8671: the client breaks a rule of one stream, and we reset it."""
        def overflow(attacker, stream):
            return (attacker.request(stream, flags=("END_HEADERS",)) +
                    h2.WindowUpdateFrame(stream, window_increment=WINDOW_MAX).serialize())

        def wrong_length(attacker, stream):
            return attacker.request(stream, attacker.block("POST", "/v1/apply", ("content-length", "5")))

        def no_such_field(attacker, stream):
            return attacker.request(stream, attacker.block("GET", "/v1/status", ("UPPER", "x")))

        def zero_window(attacker, stream):
            return (attacker.request(stream, flags=("END_HEADERS",)) +
                    raw_frame(8, 0, stream, struct.pack(">I", 0)))

        def data_after_end(attacker, stream):
            return attacker.request(stream) + raw_frame(0, 0, stream, b"x")

        def own_parent(attacker, stream):
            return (attacker.request(stream, flags=("END_HEADERS",)) +
                    raw_frame(2, 0, stream, struct.pack(">IB", stream, 1)))

        for make in (overflow, wrong_length, no_such_field, zero_window, data_after_end, own_parent):
            with self.subTest(make=make.__name__), self.bounded():
                attacker = self.attacker()
                attacker.push(b"".join(make(attacker, stream) for stream in range(1, 4000, 2)))
                self.ended(attacker, None)
                self.assertIsNotNone(attacker.goaway)
                self.assertLess(len(attacker.resets), 600)

    def test_streams_above_the_limit(self):
        """Refused one by one for a client that does not acknowledge the limit; not for ever."""
        for is_reading in (True, False):
            with self.subTest(is_reading=is_reading), self.bounded():
                attacker = self.attacker(is_acking=False)
                block = attacker.block("POST", "/v1/apply")
                attacker.push(b"".join(attacker.request(stream, block, ("END_HEADERS",))
                                       for stream in range(1, 2 * FLOOD, 2)), is_reading, 1)
                self.ended(attacker)

    def test_a_few_resets_are_nobodys_fault(self):
        attacker = self.attacker()
        for _ in range(100):
            stream = attacker.stream()
            attacker.push(attacker.request(stream) + h2.RstStreamFrame(stream, error_code=CANCEL).serialize())
        self.assertEqual(attacker.ask(), "200")


class Floods(Attack):
    def test_frames_that_move_nothing(self):
        """PING, SETTINGS and PRIORITY floods, empty frames (CVE-2019-9512, 9513, 9515, 9518)."""
        ping = h2.PingFrame(0, b"12345678").serialize()
        window = h2.WindowUpdateFrame(0, window_increment=1).serialize()
        windows = b"".join(h2.SettingsFrame(0, {INITIAL_WINDOW: size}).serialize() for size in (0, 65535))
        table = [
            ("ping", ping * FLOOD), ("settings", h2.SettingsFrame(0).serialize() * FLOOD),
            ("settings that change", windows * (FLOOD // 2)), ("window", window * FLOOD),
            ("priority", b"".join(raw_frame(2, 0, stream, struct.pack(">IB", max(0, stream - 2), 1))
                                  for stream in range(1, 2 * FLOOD, 2))),
            ("empty data", self.open_request() + raw_frame(0, 0, 1) * FLOOD),
            ("single bytes", self.open_request() + raw_frame(0, 0, 1, b"x") * FLOOD),
        ]
        for name, flood in table:
            with self.subTest(name=name), self.bounded():
                attacker = self.attacker()
                attacker.push(flood)
                self.ended(attacker)

    def test_frames_of_no_consequence(self):
        """Unknown types cost what their bytes cost; who says goodbye is believed."""
        unknown = self.attacker()
        leaving = self.attacker()
        with self.bounded():
            unknown.push(raw_frame(0xbb, 0, 0) * FLOOD)
            leaving.push(raw_frame(7, 0, 0, b"\0" * 8) * FLOOD)
            self.assertEqual(unknown.ask(), "200")
            self.ended(leaving, None)

    def open_request(self):
        attacker = self.attacker()
        return attacker.request(1, attacker.block("POST", "/v1/apply"), ("END_HEADERS",))

    def test_answers_that_nobody_reads(self):
        """The acknowledgements would pile up (CVE-2019-9512, 9515)."""
        for flood in (h2.PingFrame(0, b"12345678").serialize(), h2.SettingsFrame(0).serialize()):
            with self.bounded():
                attacker = self.attacker()
                attacker.push(flood * FLOOD * 5, False, 1)
                self.assertTrue(attacker.wait_end())

    def test_continuation(self):
        """A header block without an end (VU#421644)."""
        table = [("empty", raw_frame(9, 0, 1)), ("small", raw_frame(9, 0, 1, b"\x82")),
                 ("large", raw_frame(9, 0, 1, b"\x00\x01x\x7f\x81\x7e" + b"y" * 16377))]
        for name, piece in table:
            with self.subTest(name=name), self.bounded():
                attacker = self.attacker()
                attacker.push(attacker.request(1, flags=("END_STREAM",)) + piece * 500)
                self.ended(attacker, None)

    def test_dribbled_windows(self):
        """An answer that is let out byte by byte (CVE-2019-9511)."""
        with self.bounded():
            attacker = self.attacker(settings={INITIAL_WINDOW: 0})
            attacker.push(attacker.request(1, attacker.block("GET", "/v1/openapi.yaml")))
            attacker.push(h2.WindowUpdateFrame(1, window_increment=1).serialize() * FLOOD)
            self.ended(attacker)


class Headers(Attack):
    def bomb(self, attacker, references):
        """One field of 3.9 kB in the table, and one byte for each further use (RFC 7541, 7.3)."""
        return attacker.block("GET", "/v1/status", ("x-bomb", "y" * 3900)) + b"\xbe" * references

    def test_hpack_bomb(self):
        with self.bounded():
            attacker = self.attacker()
            attacker.push(attacker.request(1, self.bomb(attacker, 12000)))
            self.ended(attacker)
            self.assertEqual(attacker.answers, {})

    def test_small_hpack_bomb_is_answered(self):
        with self.bounded():
            attacker = self.attacker()
            attacker.push(attacker.request(1, self.bomb(attacker, 6)))
            attacker.next_stream = 3
            self.assertEqual(attacker.ask(), "200")
            self.assertEqual(attacker.answers[1][":status"], "431")

    def test_table_that_is_too_large(self):
        with self.bounded():
            attacker = self.attacker()
            attacker.push(attacker.request(1, b"\x3f\xe1\xff\xff\x7f" + attacker.block()))
            self.ended(attacker, None)
            self.assertIsNotNone(attacker.goaway)

    def test_our_table_stays_small(self):
        """The client allows us a table of 2 GiB: we take 4 KiB of it."""
        with self.bounded():
            attacker = self.attacker(settings={h2.SettingsFrame.HEADER_TABLE_SIZE: WINDOW_MAX})
            attacker.decoder.max_allowed_table_size = 4096
            attacker.push(b"".join(attacker.request(stream, attacker.block("GET", "/v1/sites/%d" % stream))
                                   for stream in range(1, 401, 2)))
            self.assertTrue(attacker.wait(lambda: len(attacker.ended) == 200))

    def test_slow_headers(self):
        with self.bounded():
            slow = [self.attacker() for _ in range(20)]
            for attacker in slow:
                self.assertEqual(attacker.ask(), "200")
                stream = attacker.stream()
                attacker.push(attacker.request(stream, flags=("END_STREAM",)))
            for attacker in slow:
                self.ended(attacker)


class Bodies(Attack):
    def post(self, attacker, size):
        """Part of a body, in the windows that the server gives."""
        stream = attacker.stream()
        attacker.push(attacker.request(stream, attacker.block("POST", "/v1/apply"), ("END_HEADERS",)))
        sent = 0
        while sent < size and not attacker.is_ended:
            part = min(16384, size - sent)
            attacker.wait(lambda sent=sent, part=part: attacker.window >= part and
                          65535 + attacker.windows.get(stream, 0) - sent >= part)
            attacker.push(h2.DataFrame(stream, b" " * part).serialize())
            attacker.window -= part
            sent += part
        return stream

    def test_half_sent_bodies(self):
        """320 MiB of them: those that only hold are closed, and nobody else is refused."""
        self.apply_all()
        with self.bounded(growth_mib=320):
            for _ in range(40):
                attacker = self.attacker()
                for _ in range(8):
                    self.post(attacker, (MIB >> 1) + 1)
                self.assertEqual(self.daemon.put("/sites/a", SITE_A).status, 200)
            gateways = self.connect()
            self.assertEqual([gateway.report().status for gateway in gateways], [204, 204])
        self.assertTrue(any(attacker.wait_end(0.1) for attacker in self.attackers))

    def test_a_connection_has_its_share(self):
        with self.bounded():
            attacker = self.attacker()
            streams = [self.post(attacker, MIB >> 1) for _ in range(20)]
            attacker.wait(lambda: set(attacker.answers) == set(streams[16:]))
            self.assertEqual([attacker.answers.get(stream, {}).get(":status") for stream in streams],
                             [None] * 16 + ["503"] * 4)

    def test_half_requests_hold_little(self):
        with self.bounded():
            for _ in range(50):
                attacker = self.attacker()
                block = attacker.block("POST", "/v1/apply")
                attacker.push(b"".join(attacker.request(stream, block, ("END_HEADERS",))
                                       for stream in range(1, 513, 2)))


class Answers(Attack):
    def setUp(self):
        super().setUp()
        self.apply_all(*(("p%d" % i, path_spec("1M", str(7000 + i))) for i in range(300)))

    def lists(self, attacker, count):
        block = attacker.block("GET", "/v1/paths?limit=300")
        attacker.push(b"".join(attacker.request(stream, block) for stream in range(1, 2 * count, 2)))

    def test_windows_of_nothing(self):
        """2,048 lists, 600 MB, that are asked for and not taken."""
        with self.bounded(growth_mib=96):
            for _ in range(8):
                self.lists(self.attacker(settings={INITIAL_WINDOW: 0}), 256)

    def test_all_but_the_last_byte(self):
        """What is sent is given back: 256 lists with one byte left hold 256 bytes and a bit."""
        with self.bounded(growth_mib=48):
            attacker = self.attacker()
            block = attacker.block("GET", "/v1/paths?limit=300")
            attacker.push(attacker.request(1, block))
            self.assertTrue(attacker.wait(lambda: attacker.data_bytes >= 65535))
            attacker.push(h2.WindowUpdateFrame(0, window_increment=WINDOW_MAX - 65535).serialize() +
                          h2.WindowUpdateFrame(1, window_increment=MIB).serialize())
            self.assertTrue(attacker.wait(lambda: 1 in attacker.ended))
            size = len(attacker.data[1])
            attacker.push(h2.SettingsFrame(0, {INITIAL_WINDOW: size - 1}).serialize())
            streams = range(3, 203, 2)
            attacker.push(b"".join(attacker.request(stream, block) for stream in streams))
            self.assertTrue(attacker.wait(
                lambda: all(len(attacker.data.get(stream, b"")) == size - 1 for stream in streams)))
            attacker.push(b"".join(h2.WindowUpdateFrame(stream, window_increment=1).serialize()
                                   for stream in streams))
            self.assertTrue(attacker.wait(lambda: attacker.ended.issuperset(streams)))

    def test_stops_with_lists_queued(self):
        """What has not begun when control stops is refused, not waited for."""
        for _ in range(20):
            self.lists(self.attacker(), 100)
        with Bystander(self.daemon.port) as bystander:
            pass
        self.assertEqual(bystander.failures, [])
        self.assertEqual(self.daemon.stop()[0], 0)
        self.daemon = Daemon()


class Connections(Attack):
    def test_idle_ones_make_room(self):
        """All of its descriptors are taken by clients that only hold them; a new client is served."""
        self.daemon.stop()
        self.daemon = Daemon(files=64)
        silent = [self.attacker() for _ in range(100)]
        with self.bounded():
            pass
        self.assertTrue(any(attacker.wait_end(0.1) for attacker in silent))
        for _ in range(100):  # half a request is no better
            attacker = self.attacker()
            attacker.push(attacker.request(1, flags=("END_HEADERS",)))
        with self.bounded():
            pass

    def test_other_protocols_are_told(self):
        """HTTP/1.1 and 1.0, with a body, with an upgrade; and what is none of them."""
        table = [b"GET / HTTP/1.1\r\nhost: x\r\n\r\n", b"GET /v1/status HTTP/1.0\r\n\r\n",
                 b"POST /v1/apply HTTP/1.1\r\nhost: x\r\ncontent-length: 9\r\n\r\n123456789",
                 b"GET / HTTP/1.1\r\nhost: x\r\nupgrade: h2c\r\nconnection: upgrade, http2-settings\r\n"
                 b"http2-settings: AAMAAABkAAQAAP__\r\n\r\n", b"hello\n", b"PRI * HTTP/1.1\r\n\r\n"]
        for text in table:
            with self.subTest(text=text), contextlib.closing(self.plain(text)) as peer:
                answer = b""
                while part := peer.recv(4096):
                    answer += part
                self.assertTrue(answer.startswith(b"HTTP/1.1 505 "), answer)
                self.assertIn(b"HTTP/2 only", answer)

    def plain(self, text):
        peer = socket.create_connection(("127.0.0.1", self.daemon.port))
        peer.settimeout(PATIENCE_S)
        peer.sendall(text)
        return peer


if __name__ == "__main__":
    main()
