"""Writes a file's bytes as a C array: embed.py INPUT OUTPUT NAME."""
import sys

with open(sys.argv[1], "rb") as source:
    data = source.read()
with open(sys.argv[2], "w", encoding="ascii") as out:
    out.write("#pragma once\n\nstatic const unsigned char %s[] = {\n" % sys.argv[3])
    for at in range(0, len(data), 16):
        out.write("\t" + " ".join("0x%02x," % byte for byte in data[at:at + 16]) + "\n")
    out.write("};\n")
