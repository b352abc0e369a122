"""A strict reader of OpenMetrics 1.0 text: raises ValueError for what the specification forbids, as far
as control writes it (gauges, counters and infos without exemplars and timestamps).
"""
import re

NAME = r"[a-zA-Z_:][a-zA-Z0-9_:]*"
LABEL = r'([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\[\\"n])*)"'
SAMPLE = re.compile(r"^(%s)(?:\{(%s(?:,%s)*)\})? (\S+)$" % (NAME, LABEL, LABEL))
SUFFIX = {"gauge": "", "counter": "_total", "info": "_info"}


class Family:
    def __init__(self, name, kind):
        self.name = name
        self.kind = kind
        self.help = None
        self.samples = {}


def read_header(line, families):
    word, name, rest = (line.split(" ", 3) + [""])[1:4]
    if word == "TYPE":
        if name in families or not re.fullmatch(NAME, name) or rest not in SUFFIX:
            raise ValueError("a bad or second TYPE: " + line)
        families[name] = Family(name, rest)
        return families[name]
    if word == "HELP":
        family = families.get(name)
        if not family or family.help is not None or family.samples or not rest:
            raise ValueError("HELP must follow its TYPE, once, before samples: " + line)
        family.help = rest
        return family
    raise ValueError("not TYPE, HELP or EOF: " + line)


def read_sample(line, family):
    match = SAMPLE.match(line)
    if not match:
        raise ValueError("no sample: " + line)
    if not family or match[1] != family.name + SUFFIX[family.kind]:
        raise ValueError("a sample outside its family: " + line)
    pairs = re.findall(LABEL, match[2] or "")
    labels = frozenset(pairs)
    if len({key for key, _ in pairs}) != len(pairs) or labels in family.samples:
        raise ValueError("a label or a sample twice: " + line)
    value = float(match[match.lastindex])
    if family.kind == "counter" and not value >= 0 or family.kind == "info" and value != 1:
        raise ValueError("no value for a %s: %s" % (family.kind, line))
    family.samples[labels] = value


def parse(text):
    """{name: Family}. Samples by the frozenset of their labels."""
    lines = text.split("\n")
    if lines[-2:] != ["# EOF", ""]:
        raise ValueError("it must end with # EOF and a newline")
    families, family = {}, None
    for line in lines[:-2]:
        if line.startswith("# "):
            family = read_header(line, families)
        else:
            read_sample(line, family)
    return families
