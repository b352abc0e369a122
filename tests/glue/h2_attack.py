"""An HTTP/2 client that does what no honest one does, frame by frame, for the tests of the server's limits.

Frames and header blocks are made by python3-hyperframe and python3-hpack: the server's own library
checks nothing of what is sent.
"""
import select
import socket
import struct
import sys
import threading
import time

try:
    import hpack
except ImportError:  # another Python than Debian's: its packages are pure Python
    sys.path.append("/usr/lib/python3/dist-packages")
try:
    import hpack
    from hyperframe import frame as h2
except ImportError:
    print("SKIP: hpack or hyperframe is missing (apt install python3-hpack python3-hyperframe)")
    sys.exit(77)

MAGIC = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
PATIENCE_S = 20
ENHANCE_YOUR_CALM = 11
CANCEL = 8
HEADER_BYTES = 9
SETTINGS = h2.SettingsFrame.type


def raw_frame(kind, flags, stream, payload=b""):
    """A frame as hyperframe would refuse to make it."""
    size = len(payload)
    return struct.pack(">BHBBI", size >> 16, size & 0xffff, kind, flags, stream) + payload


class Attacker:
    """One connection. What the server says is counted, not obeyed."""

    def __init__(self, port, settings=None, is_acking=True):
        self.encoder = hpack.Encoder()
        self.decoder = hpack.Decoder()
        self.socket = socket.create_connection(("127.0.0.1", port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket.setblocking(False)
        self.is_ended = False
        self.goaway = None     # the error code
        self.resets = []       # (stream, error code)
        self.answers = {}      # stream: header fields
        self.ended = set()     # streams whose answer is whole
        self.data_bytes = 0
        self.data = {}         # stream: bytes
        self.window = 65535    # of the connection, to send
        self.windows = {}      # stream: what WINDOW_UPDATE added
        self.counts = {}       # frame type: how many came
        self.received = b""
        self.next_stream = 1
        self.push(MAGIC + h2.SettingsFrame(0, settings or {}).serialize())
        self.wait(lambda: SETTINGS in self.counts)
        if is_acking:
            self.push(h2.SettingsFrame(0, flags=["ACK"]).serialize())

    def close(self):
        self.socket.close()

    def stream(self):
        self.next_stream += 2
        return self.next_stream - 2

    def block(self, method="GET", path="/v1/status", *more):
        fields = [(":method", method), (":scheme", "http"), (":authority", "x"), (":path", path), *more]
        return self.encoder.encode(fields)

    def request(self, stream, block=None, flags=("END_HEADERS", "END_STREAM")):
        return h2.HeadersFrame(stream, block if block is not None else self.block(), flags=flags).serialize()

    def push(self, data, is_reading=True, patience_s=PATIENCE_S):
        """Sends all of it, or what the server takes: False when it ended or stopped taking."""
        view = memoryview(data)
        while view and not self.is_ended:
            reads, writes, _ = select.select([self.socket] if is_reading else [], [self.socket], [],
                                             patience_s)
            if not reads and not writes:
                return False
            if reads:
                self._read()
            if writes and not self.is_ended:
                try:
                    view = view[self.socket.send(view[:65536]):]
                except ConnectionError:
                    self._drain()
        return not self.is_ended

    def wait(self, accept, patience_s=PATIENCE_S):
        """Reads until accept() or the end of the connection; the answer of accept()."""
        until = time.monotonic() + patience_s
        while not accept() and not self.is_ended and time.monotonic() < until:
            if select.select([self.socket], [], [], 0.1)[0]:
                self._read()
        return accept()

    def wait_end(self, patience_s=PATIENCE_S):
        return self.wait(lambda: self.is_ended, patience_s)

    def _drain(self):
        while not self.is_ended:
            self._read()

    def _read(self):
        try:
            part = self.socket.recv(1 << 18)
        except BlockingIOError:
            return
        except ConnectionError:
            part = b""
        if not part:
            self.is_ended = True
        self.received += part
        while len(self.received) >= HEADER_BYTES:
            frame, size = h2.Frame.parse_frame_header(memoryview(self.received[:HEADER_BYTES]))
            if len(self.received) < HEADER_BYTES + size:
                break
            frame.parse_body(memoryview(self.received[HEADER_BYTES:HEADER_BYTES + size]))
            self.received = self.received[HEADER_BYTES + size:]
            self._note(frame)

    def _note(self, frame):
        self.counts[frame.type] = self.counts.get(frame.type, 0) + 1
        if isinstance(frame, h2.GoAwayFrame):
            self.goaway = frame.error_code
        elif isinstance(frame, h2.RstStreamFrame):
            self.resets.append((frame.stream_id, frame.error_code))
        elif isinstance(frame, h2.WindowUpdateFrame) and not frame.stream_id:
            self.window += frame.window_increment
        elif isinstance(frame, h2.WindowUpdateFrame):
            self.windows[frame.stream_id] = self.windows.get(frame.stream_id, 0) + frame.window_increment
        elif isinstance(frame, h2.HeadersFrame):
            self.answers[frame.stream_id] = dict(self.decoder.decode(frame.data))
        elif isinstance(frame, h2.DataFrame):
            self.data_bytes += len(frame.data)
            self.data[frame.stream_id] = self.data.get(frame.stream_id, b"") + frame.data
        if "END_STREAM" in frame.flags:
            self.ended.add(frame.stream_id)

    def ask(self, *request):
        """One honest request; its status."""
        stream = self.stream()
        self.push(self.request(stream, self.block(*request)))
        self.wait(lambda: stream in self.ended)
        return self.answers.get(stream, {}).get(":status")


class Bystander(threading.Thread):
    """Another client that goes on asking; what was not answered with 200 is in failures."""

    def __init__(self, port, path="/v1/status"):
        super().__init__(daemon=True)
        self.port = port
        self.path = path
        self.answered = 0
        self.failures = []
        self.slowest_s = 0
        self.is_over = threading.Event()

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *error):
        # One whole request while what the test made is still there.
        seen = self.answered
        until = time.monotonic() + PATIENCE_S
        while self.answered < seen + 2 and self.is_alive() and time.monotonic() < until:
            time.sleep(0.01)
        self.is_over.set()
        self.join(PATIENCE_S)

    def run(self):
        client = Attacker(self.port)
        while not self.is_over.is_set() and not self.failures:
            begin = time.monotonic()
            status = client.ask("GET", self.path)
            self.slowest_s = max(self.slowest_s, time.monotonic() - begin)
            if status == "200":
                self.answered += 1
            else:
                self.failures.append(status)
            client.push(h2.WindowUpdateFrame(0, window_increment=1 << 16).serialize())
            time.sleep(0.005)
        client.close()
