#!/usr/bin/env python3
"""Frames of a capture, sent again as they were, or as a forger would.

resend.py INTERFACE CAPTURE COUNT [AHEAD]

Sends the first COUNT frames of a pcap file out of INTERFACE. AHEAD: with so much added to the packet
number of the tunnel (IPv4 outside), which then fits no seal. Prints how many were sent.
"""
import socket
import struct
import sys
import time

MAGIC = 0xA1B2C3D4
PACKET_NUMBER = 14 + 20 + 8 + 16  # Ethernet, IPv4, UDP, and its place in the clear header


def frames(path):
    with open(path, "rb") as file:
        data = file.read()
    order = "<" if struct.unpack_from("<I", data)[0] == MAGIC else ">"
    at = 24
    while at + 16 <= len(data):
        captured = struct.unpack_from(order + "I", data, at + 8)[0]
        yield bytearray(data[at + 16:at + 16 + captured])
        at += 16 + captured


def main():
    interface, path, count = sys.argv[1], sys.argv[2], int(sys.argv[3])
    ahead = int(sys.argv[4]) if len(sys.argv) > 4 else 0
    sent = 0
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as sock:
        sock.bind((interface, 0))
        for frame in frames(path):
            if sent == count:
                break
            number = struct.unpack_from("!Q", frame, PACKET_NUMBER)[0]
            struct.pack_into("!Q", frame, PACKET_NUMBER, number + ahead)
            sock.send(frame)
            sent += 1
            time.sleep(0.001)  # none may be lost for want of room
    print(sent)


if __name__ == "__main__":
    main()
