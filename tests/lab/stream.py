#!/usr/bin/env python3
"""A stream of numbered UDP datagrams, to see every loss, duplicate and overtaking.

stream.py send HOST PORT SECONDS PER_SECOND SIZE    (SIGTERM ends it in order, earlier;
                                                     says on stderr when it has begun)
stream.py receive ADDRESS PORT SECONDS    (ends earlier, 1 s behind the sender's last word)

Prints one JSON object. Sender and receiver may be IPv4 or IPv6.
"""
import json
import signal
import socket
import struct
import sys
import time

HEADER = struct.Struct("!QQ")  # number, or END; total
END = 2**64 - 1
MARKER = b"causeway test stream in clear; "  # what test_sealed.sh looks for on the WAN


def open_socket(host):
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    return socket.socket(family, socket.SOCK_DGRAM)


def send(host, port, seconds, per_second, size):
    sock = open_socket(host)
    room = max(0, size - HEADER.size)
    padding = (MARKER * (room // len(MARKER) + 1))[:room]
    told = []
    signal.signal(signal.SIGTERM, lambda *_: told.append(True))
    begin = time.monotonic()
    total = 0
    for number in range(int(seconds * per_second)):
        pause = begin + number / per_second - time.monotonic()
        if pause > 0:
            time.sleep(pause)
        if told:
            break
        if number == 10:
            print("sending", file=sys.stderr, flush=True)
        total += 1
        try:
            sock.sendto(HEADER.pack(number, 0) + padding, (host, port))
        except OSError:
            pass  # the interface went away under it: a loss like any other
    for _ in range(10):
        time.sleep(0.02)
        sock.sendto(HEADER.pack(END, total), (host, port))
    return {"sent": total}


class Tally:
    def __init__(self):
        self.seen = set()
        self.duplicates = 0
        self.reordered = 0
        self.highest = -1
        self.total = None
        self.gaps = []

    def add(self, number):
        if number in self.seen:
            self.duplicates += 1
            return
        self.seen.add(number)
        if number < self.highest:
            self.reordered += 1
        self.highest = max(self.highest, number)

    def result(self):
        total = self.total if self.total is not None else self.highest + 1
        missing = [n for n in range(total) if n not in self.seen]
        return {
            "sent": total,
            "received": len(self.seen),
            "lost": len(missing),
            "first_lost": missing[:1],
            "last_lost": missing[-1:],
            "duplicates": self.duplicates,
            "reordered": self.reordered,
            "ended": self.total is not None,
        }


def receive(address, port, seconds):
    sock = open_socket(address)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
    sock.bind((address, port))
    sock.settimeout(0.2)
    deadline = time.monotonic() + seconds
    tally = Tally()
    while time.monotonic() < deadline:
        try:
            data = sock.recv(65536)
        except socket.timeout:
            continue
        number, total = HEADER.unpack_from(data)
        if number != END:
            tally.add(number)
        elif tally.total is None:
            tally.total = total
            deadline = min(deadline, time.monotonic() + 1)
    return tally.result()


def main(arguments):
    if len(arguments) == 6 and arguments[0] == "send":
        host, port, seconds, per_second, size = arguments[1:]
        print(json.dumps(send(host, int(port), float(seconds), int(per_second), int(size))))
    elif len(arguments) == 4 and arguments[0] == "receive":
        print(json.dumps(receive(arguments[1], int(arguments[2]), float(arguments[3]))))
    else:
        sys.exit(__doc__)


main(sys.argv[1:])
