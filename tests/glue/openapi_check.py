"""Requests and answers of causeway-control against the document of its API (control/openapi.yaml), as the
daemon itself serves it. is_available says whether python3-jsonschema is there.
"""
import json
import re
import sys
from urllib.parse import parse_qsl, urlsplit

try:
    import jsonschema
except ImportError:  # another Python than Debian's: its packages are pure Python, or work without the rest
    sys.path.append("/usr/lib/python3/dist-packages")
try:
    import jsonschema
    from jsonschema.exceptions import best_match
    is_available = True
except ImportError:
    is_available = False

SAMPLE = 20  # of a long list as many from its beginning and its end: the rest is more of the same
INSTANT = re.compile(r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$")
METHODS = ("get", "put", "post", "delete")


class Mismatch(AssertionError):
    """The daemon and its document disagree."""


def lines_of(text, media):
    """The messages of a stream: ndjson lines, or the data of server-sent events."""
    if media == "text/event-stream":
        return [json.loads(line[5:]) for line in text.splitlines() if line.startswith("data:")]
    return [json.loads(line) for line in text.splitlines() if line]


def sample(value):
    if not isinstance(value, dict):
        return value
    return {key: at[:SAMPLE] + at[-SAMPLE:] if isinstance(at, list) and len(at) > 2 * SAMPLE else at
            for key, at in value.items()}


class Document:
    def __init__(self, document):
        self.document = document
        self.validators = {}
        self.known = set()
        self.seen = set()  # (path, method, status, media type) of answers
        self.formats = jsonschema.FormatChecker(formats=())
        self.formats.checks("date-time")(lambda text: not isinstance(text, str) or bool(INSTANT.match(text)))
        self.routes = []
        for template in document["paths"]:
            parts = [r"[^/]+" if part.startswith("{") else re.escape(part) for part in template.split("/")]
            self.routes.append((re.compile("/".join(parts) + "$"), template))
        self.routes.sort(key=lambda route: "{" in route[1])

    def resolve(self, node):
        """What a reference leads to, with what stands beside it."""
        while "$ref" in node:
            at = self.document
            for part in node["$ref"].split("/")[1:]:
                at = at[part.replace("~1", "/").replace("~0", "~")]
            node = {**at, **{key: value for key, value in node.items() if key != "$ref"}}
        return node

    def fault(self, schema, value):
        """What is wrong with a value, or None."""
        validator = self.validators.get(id(schema))
        if not validator:
            root = {"components": self.document["components"], "allOf": [schema]}
            validator = jsonschema.Draft202012Validator(root, format_checker=self.formats)
            self.validators[id(schema)] = validator
        error = best_match(validator.iter_errors(value))
        return error and "/%s: %s" % ("/".join(map(str, error.absolute_path)), error.message[:600])

    def find(self, path):
        return next((template for regex, template in self.routes if regex.match(path)), None)

    def operation(self, template, method):
        return self.document["paths"][template].get("get" if method == "HEAD" else method.lower())

    def parameters(self, template, operation, place):
        entries = self.document["paths"][template].get("parameters", []) + operation.get("parameters", [])
        entries = [self.resolve(entry) for entry in entries]
        return {entry["name"]: entry for entry in entries if entry["in"] == place}

    def check(self, method, url, status, headers, text, request=None):
        """One exchange; raises Mismatch. request: the body that was sent, as text."""
        parts = urlsplit(url.decode("utf-8", "replace") if isinstance(url, bytes) else url)
        template = self.find(parts.path)
        operation = template and self.operation(template, method)
        where = "%s %s -> %d" % (method, url, status)
        if not operation:
            self.check_problem(where, status, headers, text)
            return
        response = operation["responses"].get(str(status))
        if response is None and status < 400:
            raise Mismatch("%s: the document does not know this status" % where)
        if response is None:
            self.check_problem(where, status, headers, text)
            return
        self.check_request(where, template, operation, parts.query, request)
        self.check_response(where, (template, method.lower(), str(status)), self.resolve(response), headers, text)

    def check_problem(self, where, status, headers, text):
        if status < 400:
            raise Mismatch("%s: the document does not know this operation" % where)
        if headers.get("content-type") != "application/problem+json":
            raise Mismatch("%s: an error without a problem document: %s" % (where, headers))
        if not text:  # HEAD
            return
        self.check_value(where, self.document["components"]["schemas"]["Problem"], json.loads(text))
        if json.loads(text)["status"] != status:
            raise Mismatch("%s: the problem document has another status" % where)

    def check_request(self, where, template, operation, query, request):
        """What the daemon took must be what the document says that it takes; gateways may tell it more."""
        known = self.parameters(template, operation, "query")
        for key, value in parse_qsl(query, keep_blank_values=True):
            if key not in known:
                raise Mismatch("%s: the document does not know the parameter %s" % (where, key))
            schema = known[key]["schema"]
            kind = self.resolve(schema).get("type")
            if kind in ("integer", "boolean"):
                value = json.loads(value)
            self.check_value("%s: parameter %s" % (where, key), schema, value)
        if request and "requestBody" in operation and "gateways" not in operation["tags"]:
            schema = operation["requestBody"]["content"]["application/json"]["schema"]
            self.check_value(where + ": the request, which was taken", schema, json.loads(request), request)

    def check_response(self, where, which, response, headers, text):
        for name, header in response.get("headers", {}).items():
            header = self.resolve(header)
            if name not in headers and header.get("required"):
                raise Mismatch("%s: the header %s is missing" % (where, name))
            if name in headers:
                self.check_value("%s: header %s" % (where, name), header["schema"], headers[name])
        media = headers.get("content-type", "").split(";")[0]
        self.seen.add(which + (media,))
        content = response.get("content", {})
        if not content and (text or media):
            raise Mismatch("%s: the document knows no body here" % where)
        if not content or (which[1] == "head" and not text):
            return
        if media not in content:
            raise Mismatch("%s: the document does not know the type %s" % (where, media))
        self.check_body(where, content, media, text)

    def check_body(self, where, content, media, text):
        if media in ("application/x-ndjson", "text/event-stream"):
            schema = content["application/x-ndjson"]["schema"]
            for line in lines_of(text, media):
                self.check_value(where, schema, line)
        elif media == "application/json":
            self.check_value(where, content[media]["schema"], json.loads(text), text)

    def check_line(self, url, message):
        """One line of an endless answer."""
        template = self.find(urlsplit(url).path)
        content = self.operation(template, "GET")["responses"]["200"]["content"]
        self.check_value("GET " + url, content["application/x-ndjson"]["schema"], message)

    def check_lines(self, url, lines):
        """Of an endless answer, in either form; of one that was cut off the last line may be a part."""
        texts = [line[5:] if line.startswith("data:") else line for line in lines]
        texts = [text for text in texts if text.lstrip().startswith("{")]
        messages = [json.loads(text) for text in texts[:-1]]
        try:
            messages += [json.loads(text) for text in texts[-1:]]
        except ValueError:
            pass
        for message in messages[:SAMPLE] + messages[SAMPLE:][-SAMPLE:]:
            self.check_line(url, message)

    def check_value(self, where, schema, value, text=None):
        key = (id(schema), hash(text)) if text else None
        if key in self.known:
            return
        fault = self.fault(schema, sample(value))
        if fault:
            raise Mismatch("%s: %s" % (where, fault))
        if key:
            self.known.add(key)
