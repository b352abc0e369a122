#!/usr/bin/env python3
"""A file over TCP, and what became of it.

bulk.py send HOST PORT FILE
bulk.py receive ADDRESS PORT    (one connection)

Each prints {"bytes": N, "sha256": HEX, "seconds": S}.
"""
import hashlib
import json
import socket
import sys
import time

CHUNK = 1 << 18


def family_of(host):
    return socket.AF_INET6 if ":" in host else socket.AF_INET


def result(digest, count, begin):
    return {"bytes": count, "sha256": digest.hexdigest(),
            "seconds": round(time.monotonic() - begin, 3)}


def send(host, port, path):
    digest, count = hashlib.sha256(), 0
    with socket.socket(family_of(host)) as sock, open(path, "rb") as file:
        # The usual one on the Internet, and the one that loss hurts most.
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_CONGESTION, b"cubic")
        sock.connect((host, port))
        begin = time.monotonic()
        while chunk := file.read(CHUNK):
            digest.update(chunk)
            count += len(chunk)
            sock.sendall(chunk)
        sock.shutdown(socket.SHUT_WR)
        sock.recv(1)  # the far side closes when it has read all
    return result(digest, count, begin)


def receive(address, port):
    digest, count = hashlib.sha256(), 0
    with socket.create_server((address, port), family=family_of(address)) as server:
        connection, _ = server.accept()
        with connection:
            begin = time.monotonic()
            while chunk := connection.recv(CHUNK):
                digest.update(chunk)
                count += len(chunk)
    return result(digest, count, begin)


def main():
    if len(sys.argv) == 5 and sys.argv[1] == "send":
        print(json.dumps(send(sys.argv[2], int(sys.argv[3]), sys.argv[4])))
    elif len(sys.argv) == 4 and sys.argv[1] == "receive":
        print(json.dumps(receive(sys.argv[2], int(sys.argv[3]))))
    else:
        sys.exit(__doc__)


if __name__ == "__main__":
    main()
