"""A small HTTP/2 client over plain sockets, for what curl cannot do: many streams, windows that stay
shut. One thread; the caller pumps it.
"""
import select
import socket
import struct
import time

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, RST_STREAM, SETTINGS, PING, GOAWAY, WINDOW_UPDATE = 0, 1, 3, 4, 6, 7, 8
END_STREAM, END_HEADERS, ACK = 1, 4, 1
INITIAL_WINDOW = 4


def frame(kind, flags, stream, payload=b""):
    return struct.pack(">I", len(payload))[1:] + bytes([kind, flags]) + struct.pack(">I", stream) + payload


def field(name, value):
    """A literal without indexing and without Huffman (RFC 7541, 6.2.2); both are short."""
    assert len(name) < 127 and len(value) < 127
    return b"\0" + bytes([len(name)]) + name.encode() + bytes([len(value)]) + value.encode()


class RawClient:
    def __init__(self, where, window=65535, tls=None):
        """where: a port of this machine, or the path of a unix socket. tls: an ssl context for it."""
        if isinstance(where, int):
            self.socket = socket.create_connection(("127.0.0.1", where))
            self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        else:
            self.socket = socket.socket(socket.AF_UNIX)
            self.socket.connect(where)
        if tls:
            self.socket = tls.wrap_socket(self.socket, server_hostname="127.0.0.1")
        self.has_more = self.socket.pending if tls else lambda: 0
        self.buffer = b""
        self.next_stream = 1
        self.data = {}    # by stream
        self.ended = set()
        self.window = window
        self.socket.sendall(PREFACE + frame(SETTINGS, 0, 0, struct.pack(">HI", INITIAL_WINDOW, window)))

    def send(self, method, path, body=b"", **headers):
        """A small body: it goes at once, whatever the windows say."""
        stream = self.next_stream
        self.next_stream += 2
        fields = {":method": method, ":scheme": "http", ":path": path, ":authority": "x", **headers}
        block = b"".join(field(name, value) for name, value in fields.items())
        self.data[stream] = b""
        flags = END_HEADERS if body else END_HEADERS | END_STREAM
        self.socket.sendall(frame(HEADERS, flags, stream, block) +
                            (frame(DATA, END_STREAM, stream, body) if body else b""))
        return stream

    def get(self, path, **headers):
        return self.send("GET", path, **headers)

    def open_window(self, stream, size):
        self.socket.sendall(frame(WINDOW_UPDATE, 0, stream, struct.pack(">I", size)) +
                            frame(WINDOW_UPDATE, 0, 0, struct.pack(">I", size)))

    def _take(self, kind, flags, stream, payload):
        if kind == DATA:
            self.data[stream] += payload
            if payload and self.window:
                self.open_window(stream, len(payload))
        elif kind in (SETTINGS, PING) and not flags & ACK:
            self.socket.sendall(frame(kind, ACK, 0, b"" if kind == SETTINGS else payload))
        if kind == RST_STREAM or (kind in (DATA, HEADERS) and flags & END_STREAM):
            self.ended.add(stream)

    def pump(self, until, patience_s=20):
        """Reads until the condition holds; False when it does not in time."""
        deadline = time.monotonic() + patience_s
        while not until():
            left = deadline - time.monotonic()
            if not self.has_more() and not select.select([self.socket], [], [], max(min(left, 0.05), 0))[0]:
                if left <= 0:
                    return False
                continue
            more = self.socket.recv(1 << 16)
            if not more:
                return until()
            self.buffer += more
            while len(self.buffer) >= 9:
                length = int.from_bytes(self.buffer[:3], "big")
                if len(self.buffer) < 9 + length:
                    break
                kind, flags = self.buffer[3], self.buffer[4]
                stream = int.from_bytes(self.buffer[5:9], "big") & 0x7fffffff
                self._take(kind, flags, stream, self.buffer[9:9 + length])
                self.buffer = self.buffer[9 + length:]
        return True

    def lines(self, stream):
        return self.data[stream].decode().split("\n")[:-1]

    def close(self):
        self.socket.close()
