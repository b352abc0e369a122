#!/usr/bin/env python3
"""Writes a file's bytes as a C array: embed.py INPUT OUTPUT NAME."""
import sys

source, target, name = sys.argv[1:4]
with open(source, "rb") as f:
    data = f.read()
with open(target, "w") as f:
    f.write("#pragma once\n\n")
    f.write(f"static const unsigned char {name}[{len(data)}] __attribute__((aligned(8))) = {{\n")
    for i in range(0, len(data), 16):
        f.write("\t" + ", ".join(str(b) for b in data[i:i + 16]) + ",\n")
    f.write("};\n")
