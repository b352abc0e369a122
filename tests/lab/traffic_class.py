#!/usr/bin/env python3
"""Which DSCP and ECN field datagrams arrive with.

traffic_class.py send HOST PORT DSCP
traffic_class.py receive ADDRESS PORT     (prints "DSCP ECN" of the first datagram)

The sender's datagrams are ECT(0). Both may be IPv4 or IPv6.
"""
import socket
import struct
import sys
import time

ECT0 = 2
PATIENCE_S = 10
QUIET_S = 0.3


def open_socket(host):
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_DGRAM)
    sock.settimeout(PATIENCE_S)
    return sock, family == socket.AF_INET6


def send(host, port, dscp):
    sock, is_v6 = open_socket(host)
    level, option = (socket.IPPROTO_IPV6, socket.IPV6_TCLASS) if is_v6 else (socket.IPPROTO_IP, socket.IP_TOS)
    sock.setsockopt(level, option, dscp << 2 | ECT0)
    for _ in range(5):
        sock.sendto(b"causeway", (host, port))
        time.sleep(0.02)


def receive(address, port):
    sock, is_v6 = open_socket(address)
    if is_v6:
        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_RECVTCLASS, 1)
    else:
        sock.setsockopt(socket.IPPROTO_IP, socket.IP_RECVTOS, 1)
    sock.bind((address, port))
    _, messages, _, _ = sock.recvmsg(64, 64)
    # One byte for IPv4, an int for IPv6.
    octet = struct.unpack("i", messages[0][2])[0] if is_v6 else messages[0][2][0]
    print(octet >> 2, octet & 3)
    # The others, too: nobody may be told that nobody listens.
    sock.settimeout(QUIET_S)
    try:
        while True:
            sock.recv(64)
    except socket.timeout:
        pass


if __name__ == "__main__":
    if sys.argv[1] == "send":
        send(sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))
    else:
        receive(sys.argv[2], int(sys.argv[3]))
