#!/usr/bin/env python3
"""control/openapi.yaml against the daemon: the document is sound, has each route and no other one; each of its
examples is sent, and whatever it says that comes back has come back.

Daemon.call and Gateway compare each answer with the document (openapi_check.py); here in one world after another.
"""
import copy
import json
import os
import re
import subprocess
import sys
import unittest

import control_client
import openapi_check
from control_client import Fresh, Gateway, path_spec

API_C = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "control", "io", "api.c")
METHODS = openapi_check.METHODS
FAST_LINK = {"spec": {**control_client.LINK["spec"], "capacity_bps": "1000G", "rtt": "5ms"}}

# The object that stands for {name} in each example of a request.
NAMES = {"/v1/sites/{name}": "a", "/v1/gateways/{name}": "gw-a", "/v1/links/{name}": "l1", "/v1/paths/{name}": "job1",
         "/v1/tenants/{name}": "t1", "/v1/clusters/{name}": "train", "/v1/gateways/{name}/report": "gw-a",
         "/v1/apply": "", "/v1/offers": ""}
# Where specs of these schemas are put; each needs those before it.
SPECS = {"Site": "/v1/sites/{name}", "Gateway": "/v1/gateways/{name}", "Link": "/v1/links/{name}",
         "Path": "/v1/paths/{name}", "Tenant": "/v1/tenants/{name}", "Cluster": "/v1/clusters/{name}"}


def fitted(spec, at):
    """The spec with a new value at a place: what was there already may contradict it."""
    if at == ("max_bps",):
        spec["rate_bps"] = 1
    if at == ("demand", "rate_bps"):
        del spec["demand"]["efficiency_percent"]
    if at[:3] == ("path", "match", 0):
        spec["path"]["match"][0]["protocol"] = "tcp"
    return spec


def walk(node, at=()):
    yield at, node
    entries = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    for key, value in entries:
        yield from walk(value, at + (str(key),))


class Document(unittest.TestCase):
    def setUp(self):
        self.api = control_client.document()
        self.document = self.api.document

    def test_references(self):
        references = [node["$ref"] for _, node in walk(self.document)
                      if isinstance(node, dict) and isinstance(node.get("$ref"), str)]
        self.assertGreater(len(references), 100)
        for reference in references:
            self.assertTrue(reference.startswith("#/"), reference)
            try:
                self.api.resolve({"$ref": reference})
            except (KeyError, TypeError, ValueError):
                self.fail("%s leads nowhere" % reference)
        used = {reference.split("/")[3] for reference in references}
        for place, entries in self.document["components"].items():
            unused = set(entries) - used if place != "securitySchemes" else set()
            self.assertFalse(unused, "components/%s: nothing uses them" % place)

    def test_schemas(self):
        schemas = [node["schema"] for _, node in walk(self.document["paths"])
                   if isinstance(node, dict) and isinstance(node.get("schema"), dict)]
        schemas += self.document["components"]["schemas"].values()
        for schema in schemas:
            openapi_check.jsonschema.Draft202012Validator.check_schema(schema)

    def test_strictness(self):
        """What the document does not tell of is found."""
        names = self.document["components"]["schemas"]
        history = {"rev": 1, "time": "2026-11-22T10:00:00.123Z", "from": "pending", "to": "active", "cause": ""}
        good = {"kind": "path", "name": "job1", "revision": 1, "labels": {},
                "spec": {"a": {"site": "a"}, "z": {"site": "b"}, "rate_bps": 1}, "status": {
                    "state": "active", "reason": "", "path_id": 1, "generation": 1, "link": "l1",
                    "history": [history], "gateways": []}}
        self.assertIsNone(self.api.fault(names["Object"], good))
        for change in ({"x": 1}, {"kind": "site"}, {"name": "-"}, {"labels": {"a": 1}}, {"spec": {}},
                       {"spec": {**good["spec"], "x": 1}}, {"status": {}}, {"status": {**good["status"], "x": 1}},
                       {"status": {**good["status"], "history": [{**history, "time": "today"}]}}):
            self.assertIsNotNone(self.api.fault(names["Object"], {**good, **change}), change)
        url = "https://control.example.net/v1/paths/job1"
        for method, status, headers, text in (
                ("GET", 200, {"content-type": "application/json"}, json.dumps(good)),
                ("GET", 200, {"content-type": "text/plain", "etag": '"1"'}, "good"),
                ("GET", 404, {"content-type": "application/json"}, "{}"),
                ("GET", 302, {}, ""), ("PATCH", 200, {}, "")):
            with self.assertRaises(openapi_check.Mismatch):
                self.api.check(method, url, status, headers, text)
        self.api.check("GET", url, 200, {"content-type": "application/json", "etag": '"1"'}, json.dumps(good))

    def test_routes(self):
        """control/io/api.c has the same table."""
        with open(API_C, encoding="utf-8") as source:
            rows = re.findall(r'\{"([A-Z]+)", "(/[^"]*)", api_', source.read())
        self.assertGreater(len(rows), 10)
        counts = self.document["components"]["schemas"]["Status"]["properties"]["counts"]
        routes = {(method, pattern.replace("{kind}", kind)) for method, pattern in rows
                  for kind in (counts["required"] if "{kind}" in pattern else [""])}
        documented = {(method.upper(), path) for path, item in self.document["paths"].items()
                      for method in METHODS if method in item}
        self.assertEqual(documented, routes)
        for path, item in self.document["paths"].items():
            for operation in (item[method] for method in METHODS if method in item):
                self.assertIn("default", operation["responses"], path)
                self.assertEqual("{name}" in path, "name" in self.api.parameters(path, operation, "path"), path)

    def test_examples_of_answers(self):
        """Each is what its schema says; so are those of parameters and inside of schemas."""
        checked = 0
        for at, node in walk(self.document):
            if not isinstance(node, dict) or "properties" in at[-1:]:
                continue
            schema = node.get("schema", node)
            values = [node["example"]] if "example" in node else []
            values += node.get("examples", []) if "schema" not in node else []
            values += [node["default"]] if "default" in node and at[-1] != "responses" else []
            for value in values:
                if "application/x-ndjson" in at:
                    value = openapi_check.lines_of(value, at[-1])
                for one in value if "application/x-ndjson" in at else [value]:
                    self.assertIsNone(self.api.fault(schema, one), "/".join(at))
                    checked += 1
        self.assertGreater(checked, 40)


def choices(api, schema, at=()):
    """(members that lead there, value) for each example inside of a schema."""
    schema = api.resolve(schema)
    for value in schema.get("examples", []):
        yield at, value
    for one in schema.get("oneOf", []):
        if "required" not in one:  # more than one member
            yield from choices(api, one, at)
    for key, member in schema.get("properties", {}).items():
        yield from choices(api, member, at + (key,))
    if "items" in schema:
        yield from choices(api, schema["items"], at + (0,))


def replaced(spec, at, value):
    """The spec with a value at a place; None where it has no such place, and needs more than the value."""
    spec = copy.deepcopy(spec)
    node = spec
    for key, following in zip(at, at[1:]):
        if isinstance(node, list) and key >= len(node):
            return None
        node = node.setdefault(key, [] if following == 0 else {}) if isinstance(node, dict) else node[key]
    if isinstance(node, list):
        node[at[-1]:] = [value]
    else:
        node[at[-1]] = value
    return spec


class Examples(Fresh):
    def setUp(self):
        super().setUp()
        self.api = control_client.document()
        self.document = self.api.document
        self.sent = set()

    def body(self, path, method="put"):
        content = self.document["paths"][path][method]["requestBody"]["content"]["application/json"]
        return content["example"]

    def send(self, path, method="put", expected=(200, 201)):
        self.sent.add((path, method))
        answer = self.daemon.call(method.upper(), path[3:].format(name=NAMES[path]), self.body(path, method))
        self.assertIn(answer.status, expected, answer.text)
        return answer

    def prepare(self):
        """What the examples name and do not make."""
        answer = self.daemon.call("POST", "/apply", {"items": [
            {"kind": "gateway", "name": "gw-b", **control_client.GW_B}]})
        self.assertEqual(answer.status, 200, answer.text)

    def widen(self):
        """A link for clusters, and nothing in their way."""
        self.assertEqual(self.daemon.put("/links/l1", FAST_LINK).status, 200)
        self.assertIn(self.daemon.call("DELETE", "/paths/job1?wait=released").status, (200, 404))

    def build(self):
        self.send("/v1/apply", "post")
        self.send("/v1/sites/{name}")
        self.send("/v1/gateways/{name}")
        self.prepare()
        self.send("/v1/links/{name}")

    def test_requests(self):
        """All of them, in the order in which they make a world."""
        self.build()
        self.assertTrue(self.send("/v1/offers", "post").json["possible"])
        self.send("/v1/paths/{name}")
        self.send("/v1/tenants/{name}")
        self.send("/v1/gateways/{name}/report", "post", (204,))
        self.widen()
        self.send("/v1/clusters/{name}")
        there = {(path, method) for path, item in self.document["paths"].items()
                 for method in METHODS if "requestBody" in item.get(method, {})}
        self.assertEqual(self.sent, there)

    def test_examples_inside_of_specs(self):
        """Each value that a schema of a spec has for an example, in the place where it stands."""
        self.build()
        for kind, path in SPECS.items():
            if kind in ("Path", "Cluster"):
                self.widen()
            base = self.body(path)["spec"]
            for at, value in choices(self.api, self.document["components"]["schemas"][kind]):
                spec = replaced(base, at, value)
                if spec is None or at[:2] == ("z", "prefixes"):  # the examples are prefixes of site a
                    continue
                answer = self.daemon.put(path[3:].format(name=NAMES[path]), {"spec": fitted(spec, at)})
                self.assertLess(answer.status, 300, "%s %s: %s" % (kind, at, answer.text))
            answer = self.daemon.put(path[3:].format(name=NAMES[path]), {"spec": base})
            self.assertLess(answer.status, 300, answer.text)

    def test_parameters(self):
        self.build()
        self.daemon.put("/paths/job1", self.body("/v1/paths/{name}"))
        cluster = self.daemon.put("/clusters/job1", {"spec": {
            "members": [{"site": "a"}, {"site": "b"}], "demand": {"rate_bps": 1000000},
            "path": {"match": [{"protocol": "icmp-echo"}]}}})
        self.assertEqual(cluster.status, 201, cluster.text)
        tried = 0
        for path, item in self.document["paths"].items():
            for name, parameter in self.api.parameters(path, item.get("get", {}), "query").items():
                schema = self.api.resolve(parameter["schema"])
                values = schema.get("examples", []) + schema.get("enum", [])
                values += [schema["default"]] if "default" in schema else []
                for value in values:
                    end = "&follow=false" if path in ("/v1/watch", "/v1/events") and name != "follow" else ""
                    end += "&timeout=1ms" if name == "wait" else ""
                    value = json.dumps(value) if not isinstance(value, str) else value
                    if name == "follow" and value == "true":
                        continue
                    answer = self.daemon.get("%s?%s=%s%s" % (path[3:].format(name="job1"), name, value, end))
                    self.assertEqual(answer.status, 200, "%s %s=%s: %s" % (path, name, value, answer.text))
                    tried += 1
        self.assertGreater(tried, 50)
        etag = self.document["components"]["parameters"]["IfMatch"]["example"]
        self.assertIn(self.daemon.put("/sites/a", control_client.SITE_A, if_match=etag).status, (200, 412))


class Answers(Fresh):
    """Whatever the document says that comes back, came back."""

    def setUp(self):
        super().setUp()
        self.api = control_client.document()
        self.api.seen.clear()

    def ask(self, method, path, status, body=None, **headers):
        answer = self.daemon.call(method, path, body, {k.replace("_", "-"): v for k, v in headers.items()})
        self.assertEqual(answer.status, status, answer.text)
        return answer

    def lists_and_service(self):
        for path in ("/status", "/openapi.yaml", "/openapi.json", "/classes", "/classes/bulk", "/sites", "/gateways",
                     "/links", "/paths?state=active", "/tenants", "/clusters", "/topology", "/topology?format=dot",
                     "/topology?format=slurm", "/sites?limit=1", "/validate", "/backup", "/usage", "/usage?format=ndjson", "/usage?format=csv"):
            self.ask("GET", path, 200)
        metrics = self.daemon.url[:-3] + "/metrics"
        for accept in ("application/openmetrics-text", "text/plain"):
            answer = self.daemon.call("GET", "", headers={"accept": accept}, url=metrics)
            self.assertEqual((answer.status, answer.headers["content-type"].split(";")[0]), (200, accept))
        for path in ("/watch?since=0&follow=false", "/events?since=0&follow=false"):
            self.assertGreater(len(self.ask("GET", path, 200).text.splitlines()), 2)
            self.assertIn("data:", self.ask("GET", path, 200, accept="text/event-stream").text)

    def intent(self):
        """Its first line, and its header."""
        url = "%s/gateways/gw-a/intent" % self.daemon.url
        with subprocess.Popen(["curl", "-sSN", "-i", "--http2-prior-knowledge", "-m", "20", url],
                              stdout=subprocess.PIPE, text=True) as curl:
            head = [line.strip() for line in iter(curl.stdout.readline, "\n")]
            text = curl.stdout.readline()
            curl.kill()
        fields = dict(line.split(": ", 1) for line in head if ": " in line)
        self.assertTrue(text)
        self.api.check("GET", url, 200, fields, text)

    def verbs(self):
        manual = path_spec(ports="7000", commit="manual", lease="60s")
        self.ask("PUT", "/paths/held", 201, manual)
        self.ask("POST", "/paths/held/commit", 200)
        self.ask("POST", "/paths/held/renew", 200)
        self.ask("POST", "/paths/held/abort", 409)
        self.ask("PUT", "/paths/held2", 201, path_spec(ports="7001", commit="manual"))
        self.ask("POST", "/paths/held2/abort", 200)
        self.ask("GET", "/paths/held/history", 200)
        self.ask("GET", "/links/l1/drain", 200)
        self.ask("GET", "/links/none/drain", 404)
        self.ask("GET", "/paths/held/explain", 200)

    def refusals(self):
        wide = path_spec(rate="1000G", ports="9000")
        self.assertTrue(self.ask("PUT", "/paths/wide", 409, wide).json["offers"])
        offer = self.ask("POST", "/offers", 200, wide).json
        self.assertTrue(offer["offers"] and not offer["possible"])
        self.ask("POST", "/offers", 200, path_spec(ports="9000"))
        self.ask("PUT", "/sites/a", 400, {"spec": {"x": 1}})
        self.ask("PUT", "/sites/a", 412, control_client.SITE_A, if_match='"999999"')
        self.ask("DELETE", "/sites/a", 409)
        self.ask("GET", "/sites/none", 404)
        self.ask("PATCH", "/sites/a", 405)
        self.ask("GET", "/watch?since=99999999", 410)

    def cluster(self):
        self.ask("PUT", "/links/l1", 200, FAST_LINK)
        body = {"spec": {"members": [{"site": "a"}, {"site": "b"}],
                         "demand": {"bytes_per_step": "1GiB", "step_period": "2s"},
                         "path": {"match": [{"protocol": "udp", "ports": ["6000"]}]}}}
        self.ask("PUT", "/clusters/train", 201, body)
        self.ask("PUT", "/clusters/train", 200, body)
        self.assertIsNotNone(self.ask("GET", "/clusters/train", 200).json["status"]["step"])
        self.ask("GET", "/clusters/train/settings", 200)
        self.ask("GET", "/clusters/train/explain", 200)
        huge = copy.deepcopy(body)
        huge["spec"]["demand"]["bytes_per_step"] = "100GiB"
        self.assertFalse(self.ask("POST", "/offers", 200, {"kind": "cluster", **huge}).json["possible"])
        late = {**body["spec"], "path": {"end": "2020-01-01T00:00:00Z"}}
        self.problem(self.daemon.put("/clusters/late", {"spec": late}), 400, "invalid-argument", "/spec/path/end")
        tree = {"spec": {"members": body["spec"]["members"], "demand": {"pattern": "tree", "rate_bps": "1G"},
                         "path": {"match": [{"protocol": "udp", "ports": ["6001"]}]}}}
        self.ask("PUT", "/clusters/tree", 201, tree)
        for name in ("tree", "train"):
            self.ask("DELETE", "/clusters/" + name, 204)

    def objects(self):
        """Each of the others again, unchanged, and away."""
        self.ask("PUT", "/tenants/t1", 201, {"spec": {}})
        self.ask("PUT", "/tenants/t1", 200, {"spec": {}})
        self.ask("PUT", "/sites/c", 201, {"spec": {"prefixes": ["10.103.0.0/16"]}})
        self.ask("PUT", "/sites/c", 200, {"spec": {"prefixes": ["10.103.0.0/16"]}})
        ports = [{"name": "wan0", "addresses": ["10.200.0.3"]}]
        for status in (201, 200):
            self.ask("PUT", "/gateways/gw-c", status, {"spec": {"site": "c", "ports": ports}})
        for status in (201, 200):
            self.ask("PUT", "/links/l2", status, {"spec": {"a": "gw-a:wan0", "z": "gw-c:wan0",
                                                           "capacity_bps": "10G", "srlgs": ["duct"]}})
        for path in ("/links/l2", "/gateways/gw-c", "/sites/c", "/tenants/t1"):
            self.ask("GET", path, 200)
            self.ask("DELETE", path, 204)

    def test_all_answers(self):
        body = path_spec(rate={"a_to_z": "1G", "z_to_a": "200M"}, tenant="t0")
        self.ask("PUT", "/tenants/t0", 201, {"spec": {"quota": {"rate_bps": "400G"}}})
        self.assertEqual(self.apply_all().status, 200)
        self.gateways = [Gateway(self.daemon, "gw-a"), Gateway(self.daemon, "gw-b")]
        self.ask("POST", "/gateways/gw-a/alive", 204)
        self.ask("PUT", "/paths/job1", 201, body)
        self.drive("active")
        self.ask("PUT", "/paths/job1", 200, body)
        self.ask("GET", "/paths/job1?wait=active", 200)
        self.assertTrue(self.ask("GET", "/gateways/gw-a", 200).json["status"]["connected"])
        self.ask("GET", "/links/l1", 200)
        self.lists_and_service()
        self.refusals()
        self.verbs()
        self.objects()
        self.ask("DELETE", "/paths/job1", 202)
        self.drive(None)
        self.cluster()
        self.ask("PUT", "/paths/late", 201, path_spec(ports="7002", commit="manual"))
        self.ask("DELETE", "/paths/late?wait=released", 200)
        self.intent()
        self.assertEqual(self.documented() - self.api.seen, set())

    def documented(self):
        answers = set()
        for path, item in self.api.document["paths"].items():
            for method in (method for method in METHODS if method in item):
                for status, response in item[method]["responses"].items():
                    types = list(self.api.resolve(response).get("content", {})) or [""]
                    answers |= {(path, method, status, media) for media in types if status != "default"}
        return answers


if __name__ == "__main__":
    if not openapi_check.is_available:
        print("SKIP: jsonschema is missing (apt install python3-jsonschema)")
        sys.exit(77)
    control_client.main()
