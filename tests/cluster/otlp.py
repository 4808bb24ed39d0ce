"""A collector of spans for tests: takes OTLP over HTTP in JSON, and holds whoever sends to its rules
(https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding and trace.proto)."""

import http.server
import json
import re
import threading
import time

KINDS = range(1, 6)
VALUES = {"stringValue": str, "intValue": str, "doubleValue": (int, float), "boolValue": bool}
SPAN_KEYS = {"traceId", "spanId", "parentSpanId", "name", "kind", "startTimeUnixNano", "endTimeUnixNano",
             "attributes", "links", "status"}
CLOCKS_APART_NS = 120 * 10**9


def check(condition, what):
    if not condition:
        raise AssertionError("not OTLP: " + what)


def check_id(text, digits):
    check(isinstance(text, str) and re.fullmatch(f"[0-9a-f]{{{digits}}}", text), f"an id {text!r}")
    check(int(text, 16) != 0, "an id of zeros")


def time_of(text):
    check(isinstance(text, str) and text.isdigit(), f"a time {text!r}")
    check(abs(int(text) - time.time_ns()) < CLOCKS_APART_NS, f"a time of another day: {text}")
    return int(text)


def attributes_of(listed):
    found = {}
    for one in listed:
        check(set(one) == {"key", "value"} and one["key"] not in found, f"an attribute {one}")
        ((kind, value),) = one["value"].items()
        check(kind in VALUES and isinstance(value, VALUES[kind]), f"a value {one}")
        found[one["key"]] = int(value) if kind == "intValue" else value
    return found


class Span:
    def __init__(self, told, node):
        check(set(told) <= SPAN_KEYS, f"a span's fields {set(told) - SPAN_KEYS}")
        check_id(told["traceId"], 32)
        check_id(told["spanId"], 16)
        if "parentSpanId" in told:
            check_id(told["parentSpanId"], 16)
        check(isinstance(told["name"], str) and told["name"], "a span's name")
        check(type(told["kind"]) is int and told["kind"] in KINDS, f"a kind {told['kind']}")
        self.node = node
        self.trace, self.id, self.parent = told["traceId"], told["spanId"], told.get("parentSpanId")
        self.name, self.kind = told["name"], told["kind"]
        self.begin, self.end = time_of(told["startTimeUnixNano"]), time_of(told["endTimeUnixNano"])
        check(self.begin <= self.end, "a span that ends before it begins")
        self.attributes = attributes_of(told.get("attributes", []))
        self.links = []
        for link in told.get("links", []):
            check_id(link["traceId"], 32)
            check_id(link["spanId"], 16)
            self.links.append((link["traceId"], link["spanId"]))
        status = told.get("status", {})
        check(status.get("code", 0) in (0, 1, 2) and isinstance(status.get("message", ""), str), f"a status {status}")
        self.failed = status.get("code") == 2


class Collector:
    """`answers` are statuses, each with a Retry-After or None, before it begins to take what comes."""

    def __init__(self, answers=()):
        self.spans, self.wrong, self.requests = [], [], 0
        self._answers = list(answers)
        self._lock = threading.Lock()
        collector = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                status, after = collector._take(self.path, self.headers, body)
                self.send_response(status)
                if after is not None:
                    self.send_header("Retry-After", str(after))
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", "2")
                self.end_headers()
                self.wfile.write(b"{}")

            def log_message(self, *words):
                pass

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    def close(self):
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def of(self, trace, name=None):
        with self._lock:
            return [span for span in self.spans if span.trace == trace and name in (None, span.name)]

    def _take(self, path, headers, body):
        with self._lock:
            self.requests += 1
            if self._answers:
                return self._answers.pop(0)
            try:
                check(path == "/v1/traces", f"the path {path}")
                check(headers["Content-Type"] == "application/json", "the content type")
                self._read(json.loads(body))
            except Exception as wrong:  # told by the test: a handler's exception would only be printed
                self.wrong.append(repr(wrong))
                return 400, None
            return 200, None

    def _read(self, request):
        check(set(request) == {"resourceSpans"}, f"a request's fields {set(request)}")
        for of_resource in request["resourceSpans"]:
            resource = attributes_of(of_resource["resource"]["attributes"])
            check(resource["service.name"] == "test", f"a service {resource}")
            for of_scope in of_resource["scopeSpans"]:
                check(of_scope["scope"]["name"] == "troupe", "a scope")
                for told in of_scope["spans"]:
                    self.spans.append(Span(told, resource["service.instance.id"]))
