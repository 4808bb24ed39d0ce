"""The Python client over HTTP, with nothing but the standard library: both flavours against a real
node, and against a server that answers as no node would."""

import asyncio
import json
import math
import os
import signal
import struct
import sys
import threading
import time
import unittest

SOURCE = os.environ["TROUPE_SOURCE_DIR"]
sys.path.insert(0, os.path.join(SOURCE, "clients", "python"))
sys.path.insert(0, os.path.join(SOURCE, "tests", "cluster"))

import troupe
from cluster import LIMIT_S, ClusterTest, free_ports, is_alive, wait_until
from fake_server import FakeServer, answer


class Sync:
    """The asyncio client with the blocking one's calls, so that every test below runs on both."""

    def __init__(self, url, **options):
        self.runner = asyncio.Runner()
        try:
            self.client = self.runner.run(self._made(url, options))
        except troupe.TroupeError:
            self.runner.close()
            raise

    @staticmethod
    async def _made(url, options):
        return troupe.AsyncHttpClient(url, **options)

    def __getattr__(self, name):
        call = getattr(self.client, name)
        return lambda *words, **more: self.runner.run(call(*words, **more))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.runner.run(self.client.close())
        self.runner.close()


FLAVOURS = (troupe.HttpClient, Sync)
TRACEPARENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


def vectors_answer(rows=1, width=2, head=None, tail=None, **headers):
    """As a node has it, but for what is given."""
    binary = struct.pack(f"<{rows * width}f", *range(rows * width)) if tail is None else tail
    described = {"name": "embedding", "datatype": "FP32", "shape": [rows, width],
                 "parameters": {"binary_data_size": rows * width * 4}}
    if head is None:
        head = {"model_name": "m", "parameters": {"task": "1" * 32, "tokens": 3, "truncated": 0},
                "outputs": [described]}
    text = head if isinstance(head, bytes) else json.dumps(head).encode()
    headers.setdefault("Inference_Header_Content_Length", len(text))
    return answer(text + binary, **headers)


class Answers(unittest.TestCase):
    """A server that is not to be trusted: every answer is a result or one of our exceptions, soon."""

    def asked(self, *answers, texts=("x",), **options):
        """Asks each flavour; its result or its error, and the server."""
        call = options.pop("call", {})
        for flavour in FLAVOURS:
            with FakeServer(*answers) as server, flavour(server.url, **options) as client:
                try:
                    yield client.infer(list(texts), "m", **call), server
                except troupe.TroupeError as error:
                    yield error, server

    def test_a_good_answer_and_the_request_for_it(self):
        for found, server in self.asked(vectors_answer(2, 2), texts=["a", b"bc"], key="secret",
                                        call={"lane": "urgent", "time_limit": 5.0, "weight": 2.5,
                                              "traceparent": TRACEPARENT}):
            self.assertEqual([list(row) for row in found.vectors], [[0, 1], [2, 3]])
            self.assertEqual((found.tokens, found.truncated, found.tasks), (3, 0, ["1" * 32]))
            head, body = server.requests[0]
            self.assertTrue(head.startswith("POST /v2/models/m/infer HTTP/1.1\r\n"), head)
            self.assertIn("\r\nAuthorization: Bearer secret", head)
            self.assertIn(f"\r\ntraceparent: {TRACEPARENT}", head)
            size = int(head.lower().split("inference-header-content-length: ")[1].split("\r\n")[0])
            said = json.loads(body[:size])
            self.assertEqual(said["parameters"]["priority"], 1)
            self.assertEqual(said["parameters"]["weight"], 2.5)
            self.assertTrue(4_000_000 < said["parameters"]["timeout"] <= 5_000_000)
            self.assertEqual(body[size:], b"\1\0\0\0a\2\0\0\0bc")

    def test_numbers_in_the_json_and_chunks_do_as_well(self):
        head = {"outputs": [{"name": "embedding", "datatype": "FP32", "shape": [1, 2], "data": [0.5, -1]}]}
        for found, _ in self.asked(vectors_answer(head=head, tail=b"")):
            self.assertEqual(list(found.vectors[0]), [0.5, -1.0])
        whole = json.dumps(head).encode()
        chunks = b"".join(b"%x;why\r\n%s\r\n" % (len(part), part) for part in (whole[:9], whole[9:]))
        chunked = answer(chunks + b"0\r\nTrailer: x\r\n\r\n", Transfer_Encoding="chunked")
        for found, _ in self.asked(chunked):
            self.assertEqual(list(found.vectors[0]), [0.5, -1.0])

    def test_answers_that_break_their_form_are_malformed(self):
        output = {"name": "embedding", "datatype": "FP32", "shape": [1, 2]}

        def with_output(**changes):
            return {"outputs": [{**output, "parameters": {"binary_data_size": 8}, **changes}]}

        for wrong in (
            answer(b""),
            answer(b"[]"),
            answer(b"{"),
            answer(b"[" * 100_000),
            answer(b'{"outputs": {}}'),
            answer(b'{"outputs": [1]}'),
            vectors_answer(head={"outputs": [output, output]}),
            vectors_answer(head=with_output(name="other")),
            vectors_answer(head=with_output(datatype="FP64")),
            vectors_answer(head=with_output(shape=[1])),
            vectors_answer(head=with_output(shape=[1, "2"])),
            vectors_answer(head=with_output(shape=[1, True])),
            vectors_answer(head=with_output(shape=[1, -2])),
            vectors_answer(head=with_output(shape=[2, 1])),
            vectors_answer(head=with_output(shape=[1, 1 << 40])),
            vectors_answer(head=with_output(shape=[1, 0], parameters={"binary_data_size": 0}), tail=b""),
            vectors_answer(head=with_output(parameters={"binary_data_size": 12})),
            vectors_answer(head=with_output(parameters={"binary_data_size": "8"})),
            vectors_answer(head=with_output(parameters=7)),
            vectors_answer(head=with_output(parameters={"binary_data_size": 12}), tail=bytes(12)),
            vectors_answer(tail=b"1234567"),
            vectors_answer(tail=b"123456789"),
            vectors_answer(tail=struct.pack("<2f", math.nan, 0)),
            vectors_answer(Inference_Header_Content_Length="99999999"),
            vectors_answer(Inference_Header_Content_Length="-1"),
            vectors_answer(Inference_Header_Content_Length="9" * 5000),
            vectors_answer(head=with_output(parameters={}, data=[1]), tail=b""),
            vectors_answer(head=with_output(parameters={}, data=["1", "2"]), tail=b""),
            vectors_answer(head=with_output(parameters={}, data=[1, 1e300]), tail=b""),
            vectors_answer(head=with_output(parameters={}, data={"a": 1}), tail=b""),
            vectors_answer(head={**with_output(), "parameters": {"tokens": "many"}}),
            vectors_answer(head={**with_output(), "parameters": {"task": 3}}),
            vectors_answer(head={**with_output(), "parameters": []}),
            b"SSH-2.0-OpenSSH\r\n\r\n",
            b"HTTP/1.1 abc OK\r\nContent-Length: 0\r\n\r\n",
            b"HTTP/1.1 200 OK\r\nX: " + b"x" * 70_000 + b"\r\n\r\n",
            b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 2000 + b"Content-Length: 0\r\n\r\n",
        ):
            for found, _ in self.asked(wrong):
                self.assertIsInstance(found, troupe.Malformed, wrong[:300])

    def test_a_job_whose_answers_break_their_form(self):
        good = {"id": "00ff", "state": "working", "texts": 2, "done": 1}
        for wrong in ({"state": "busy"}, {"id": 7}, {"done": 3}, {"texts": "2"}, {"done": -1}):
            self.break_job({**good, **wrong})
        self.break_job([good])

    def break_job(self, told):
        for flavour in FLAVOURS:
            with FakeServer(answer(json.dumps(told).encode())) as server, flavour(server.url) as client:
                self.assertRaises(troupe.Malformed, client.job, "00ff")

    def test_a_truncated_answer_is_no_answer(self):
        whole = vectors_answer(1, 64)
        for cut in (whole[:-1], whole[:-200]):
            for found, _ in self.asked(lambda connection, cut=cut: connection.sendall(cut)):
                self.assertIsInstance(found, troupe.Unreachable, cut)
        for cut in (whole[:30], b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
                    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab"):
            for found, _ in self.asked(lambda connection, cut=cut: connection.sendall(cut)):
                self.assertIsInstance(found, (troupe.Unreachable, troupe.Malformed), cut)

    def test_an_answer_that_claims_too_much_is_refused_unread(self):
        claims = (
            b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n",
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n7fffffff\r\n",
        )
        for found, _ in self.asked(claims[0]):
            self.assertIsInstance(found, troupe.TooLarge)
        with FakeServer(claims[1]) as server, Sync(server.url) as client:
            self.assertRaises(troupe.TooLarge, client.metadata)

    def test_errors_by_their_header_and_by_their_status(self):
        for status, headers, body, kind in (
            ("429 x", {"Troupe_Error": "queue_full", "Retry_After": "1"}, b'{"error": "queue_full: 9 wait"}',
             troupe.QueueFull),
            ("429 x", {"Troupe_Error": "infeasible"}, b'{"error": "x"}', troupe.Infeasible),
            ("404 x", {"Troupe_Error": "model_missing"}, b'{"error": {"message": "m"}}', troupe.ModelMissing),
            ("401 x", {}, b"", troupe.Unauthorized),
            ("503 x", {}, b"<html>busy</html>", troupe.Unreachable),
            ("504 x", {}, b'{"error": {"message": 7}}', troupe.Expired),
            ("418 x", {}, b'{"error"', troupe.InvalidArgument),
            ("500 x", {"Troupe_Error": "from_the_future"}, b"[1]", troupe.TroupeError),
            ("302 x", {"Location": "http://elsewhere/"}, b"", troupe.InvalidArgument),
        ):
            for found, server in self.asked(answer(body, status, **headers)):
                self.assertIs(type(found), kind, (status, found))
                self.assertEqual(found.status, int(status[:3]))
                if "Troupe_Error" in headers:
                    self.assertEqual(found.code, headers["Troupe_Error"])
                self.assertEqual(found.retry_after, 1.0 if "Retry_After" in headers else None)
                self.assertEqual(len(server.requests), 1)
                self.assertNotIn("queue_full: queue_full", str(found))

    def test_a_refusal_is_asked_again_only_where_that_is_wanted_and_makes_sense(self):
        busy = answer(b'{"error": "x"}', "503 x", Troupe_Error="queue_full", Retry_After="0")
        later = answer(b'{"error": "x"}', "503 x", Troupe_Error="queue_full", Retry_After="9")
        never = answer(b'{"error": "x"}', "429 x", Troupe_Error="infeasible", Retry_After="0")
        silent = answer(b'{"error": "x"}', "503 x", Troupe_Error="queue_full")
        good = vectors_answer()
        for first, options, call, ok, requests in (
            (busy, {"retries": 1}, {}, True, 2),
            (busy, {}, {}, False, 1),
            (later, {"retries": 3}, {"time_limit": 5.0}, False, 1),
            (never, {"retries": 3}, {"time_limit": 5.0}, False, 1),
            (silent, {"retries": 3}, {}, False, 1),
        ):
            for found, server in self.asked(first, good, call=call, **options):
                self.assertEqual(not isinstance(found, troupe.TroupeError), ok, found)
                if not ok:  # the refusal itself
                    self.assertIn(found.status, (429, 503))
                self.assertEqual(len(server.requests), requests)
        for found, server in self.asked(busy, busy, busy, good, retries=2):
            self.assertIsInstance(found, troupe.QueueFull)
            self.assertEqual(len(server.requests), 3)

    def test_a_kept_connection_is_used_again_and_replaced_once(self):
        for flavour in FLAVOURS:
            with FakeServer(vectors_answer(), vectors_answer(), b"", vectors_answer()) as server, \
                    flavour(server.url) as client:
                client.infer(["x"], "m")
                client.infer(["x"], "m")
                self.assertEqual(server.connections, 1)
                client.infer(["x"], "m")  # the server closes instead of answering
                self.assertEqual((server.connections, len(server.requests)), (2, 4))
                self.assertRaises(troupe.Unreachable, client.infer, ["x"], "m")
        for found, server in self.asked(b""):
            self.assertIsInstance(found, troupe.Unreachable)
            self.assertEqual(server.connections, 1)

    def test_a_closing_answer_is_read_whole_and_its_connection_not_kept(self):
        for flavour in FLAVOURS:
            with FakeServer(vectors_answer(60, 8192, Connection="close"), vectors_answer()) as server, \
                    flavour(server.url) as client:
                self.assertEqual(len(client.infer(["x"] * 60, "m").vectors[59]), 8192)
                client.infer(["x"], "m")
                self.assertEqual(server.connections, 2)

    def test_silence_and_a_drip_end_with_the_time(self):
        def drip(connection):
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n")
            while True:
                connection.sendall(b"x")
                time.sleep(0.02)  # this is the server's nature

        def drip_head(connection):
            while True:
                connection.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
                time.sleep(0.02)

        for flavour in FLAVOURS:
            for nature in (drip, drip_head, lambda connection: connection.recv(1)):
                with FakeServer(nature) as server, flavour(server.url, timeout=0.3) as client:
                    begin = time.monotonic()
                    self.assertRaises(troupe.Expired, client.infer, ["x"], "m")
                    self.assertLess(time.monotonic() - begin, LIMIT_S / 2)

    def test_who_is_canceled_closes_the_connection(self):
        async def main(server):
            async with troupe.AsyncHttpClient(server.url) as client:
                asking = asyncio.create_task(client.infer(["x"], "m"))
                self.assertTrue(await asyncio.to_thread(server.asked.wait, LIMIT_S))
                asking.cancel()
                with self.assertRaises(asyncio.CancelledError):
                    await asking
                return await asyncio.to_thread(server.gone.wait, LIMIT_S)

        with FakeServer(lambda connection: server.wait_gone(connection)) as server:
            self.assertTrue(asyncio.run(main(server)))

    def test_nobody_there(self):
        for flavour in FLAVOURS:
            with flavour(f"http://127.0.0.1:{free_ports(1)[0]}") as client:
                self.assertRaises(troupe.Unreachable, client.infer, ["x"], "m")
                self.assertFalse(client.live())
                self.assertFalse(client.ready())

    def test_what_makes_no_sense_is_refused_at_once(self):
        for flavour in FLAVOURS:
            for url in ("127.0.0.1:8080", "ftp://x", "http://", "http://x:99999", "http://a@b/", "http://x?y"):
                self.assertRaises(troupe.InvalidArgument, flavour, url)
            self.assertRaises(troupe.InvalidArgument, flavour, "http://x", key="a\r\nb: c")
            with FakeServer() as server, flavour(server.url) as client:
                for texts, more, kind in (
                    ([], {}, troupe.InvalidArgument),
                    (["x" * 65537], {}, troupe.TooLarge),
                    (["\ud800"], {}, troupe.InvalidArgument),
                    (["x"], {"lane": "fast"}, troupe.InvalidArgument),
                    (["x"], {"lane": "urgent", "priority": 2}, troupe.InvalidArgument),
                    (["x"], {"time_limit": 0}, troupe.InvalidArgument),
                    (["x"], {"time_limit": math.nan}, troupe.InvalidArgument),
                    (["x"], {"weight": 0}, troupe.InvalidArgument),
                    (["x"], {"traceparent": "00-1\r\nx: y"}, troupe.InvalidArgument),
                ):
                    self.assertRaises(kind, client.infer, texts, "m", **more)
                self.assertRaises(troupe.InvalidArgument, client.infer, ["x"], "")
                client_path = client.model_metadata
                self.assertRaises(troupe.Unreachable, client_path, "../../v1\r\nx: y")
            self.assertTrue(server.requests[0][0].startswith("GET /v2/models/..%2F..%2Fv1%0D%0Ax%3A%20y HTTP"))


class Node(ClusterTest):
    """One real node of two serves HTTP."""

    def setUp(self):
        super().setUp()
        self.port = free_ports(1)[0]

    def start(self, *lines):
        with open(self.config, encoding="utf-8") as file:
            text = file.read().replace("[node.b]", '[node.b]\nhttp = "off"')
        with open(self.config, "w", encoding="utf-8") as file:
            file.write(text + f'[http]\nlisten = "127.0.0.1:{self.port}"\n' + "\n".join(lines) + "\n")
        return self.start_up()

    def url(self):
        file = troupe.read_cluster_file(self.config, self.environment)
        self.assertEqual(file.http_url("a"), f"http://127.0.0.1:{self.port}")
        self.assertRaises(troupe.ConfigMistake, file.http_url, "b")
        return file.http_url()

    def test_texts_become_the_vectors_that_troupe_submit_prints(self):
        self.start()
        told = self.json_of("submit", "hello world", "--config", self.config)["vector"]
        for flavour in FLAVOURS:
            with flavour(self.url()) as client:
                rows = client.encode(["hello world", "another text"], "tiny")
                self.assertEqual([round(x, 5) for x in map(float, rows[0])], [round(x, 5) for x in told])
                one = client.encode("hello world", "tiny", lane="urgent", time_limit=LIMIT_S)
                self.assertEqual(list(one), list(rows[0]))
                found = client.infer([b"hello world", "x " * 3000], "tiny")
                self.assertEqual(found.truncated, 1)
                many = client.infer((f"text {i}" for i in range(2500)), "tiny")
                self.assertEqual((len(many.vectors), len(many.tasks)), (2500, 3))
                self.assertEqual(list(many.vectors[2400]), list(client.encode("text 2400", "tiny")))

    def test_a_job_goes_on_without_its_client(self):
        self.start()
        texts = [f"text {i}" for i in range(3000)]
        for flavour in FLAVOURS:
            with flavour(self.url()) as client:
                begun = client.start_job(texts, "tiny")
                self.assertEqual((begun.state, begun.texts), ("working", 3000))
            with flavour(self.url()) as client:
                found = client.job_result(begun.id, LIMIT_S)
                self.assertEqual(len(found.vectors), 3000)
                for i in (0, 1500, 2999):
                    self.assertEqual(list(found.vectors[i]), list(client.encode(texts[i], "tiny")))
                ended = client.job(begun.id)
                self.assertEqual((ended.state, ended.done, ended.ended), ("completed", 3000, True))
                self.assertEqual(client.delete_job(begun.id).state, "completed")
                for ask in (client.job, client.job_result, client.delete_job):
                    self.assertRaises(troupe.NotFound, ask, begun.id)
                self.assertRaises(troupe.TooLarge, client.start_job, ["x"] * 8193, "tiny")
                self.assertRaises(troupe.InvalidArgument, client.start_job, [], "tiny")
                self.assertRaises(troupe.InvalidArgument, client.job, "../metrics")
                self.assertRaises(troupe.ModelMissing, client.start_job, ["x"], "nonsense")
                late = client.start_job(texts, "tiny", time_limit=1e-6)
                self.assertIn(client.wait_job(late.id, LIMIT_S).state, ("failed",))
                self.assertRaises((troupe.Expired, troupe.Infeasible), client.job_result, late.id)

    def test_the_nodes_own_errors_come_through(self):
        self.start()
        for flavour in FLAVOURS:
            with flavour(self.url()) as client:
                for call, kind in (
                    (lambda c: c.encode("x", "nonsense"), troupe.ModelMissing),
                    (lambda c: c.model_metadata("nonsense"), troupe.ModelMissing),
                    (lambda c: c.encode("x", "tiny", time_limit=1e-6), (troupe.Expired, troupe.Infeasible)),
                    (lambda c: c.unload_model("tiny"), troupe.Unsupported),
                ):
                    self.assertRaises(kind, call, client)
                self.assertEqual(len(client.encode("x", "tiny")), 32)

    def test_questions_and_model_control(self):
        self.start("model_control = true")
        for flavour in FLAVOURS:
            with flavour(self.url()) as client:
                self.assertTrue(client.live() and client.ready() and client.model_ready("tiny"))
                self.assertEqual(client.metadata()["name"], "troupe")
                self.assertEqual(client.model_metadata("tiny")["outputs"][0]["shape"], [-1, 32])
                self.assertEqual([model["name"] for model in client.models()], ["tiny", "tone"])
                client.encode("x", "tiny")
                self.assertGreaterEqual(client.statistics("tiny")[0]["inference_count"], 1)
                self.assertEqual(len(client.statistics()), 2)
                self.assertIn("troupe_ready 1", client.metrics())
                client.unload_model("tiny")
                self.assertFalse(client.model_ready("tiny"))
                self.assertRaises(troupe.ModelMissing, client.encode, "x", "tiny")
                client.load_model("tiny")
                self.assertEqual(len(client.encode("x", "tiny")), 32)

    def test_keys(self):
        made = self.json_of("keys", "api", "search-team")
        self.start(f"keys = {json.dumps([made['line']])}")
        for flavour in FLAVOURS:
            for key in (None, "wrong"):
                with flavour(self.url(), key=key) as client:
                    self.assertTrue(client.ready())
                    self.assertRaises(troupe.Unauthorized, client.encode, "x", "tiny")
            with flavour(self.url(), key=made["key"]) as client:
                client.encode("x", "tiny")

    def test_threads_share_a_client_and_tasks_share_a_loop(self):
        self.start()
        with troupe.HttpClient(self.url()) as client:
            expected = [list(client.encode(f"text {i}", "tiny")) for i in range(20)]
            wrong = []

            def ask(i):
                for _ in range(10):
                    if list(client.encode(f"text {i}", "tiny")) != expected[i]:
                        wrong.append(i)

            threads = [threading.Thread(target=ask, args=(i,)) for i in range(20)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join(LIMIT_S)
            self.assertEqual(wrong, [])

        async def main():
            async with troupe.AsyncHttpClient(self.url()) as own:
                rows = await asyncio.gather(*(own.encode(f"text {i}", "tiny") for i in range(20)))
                self.assertEqual([list(row) for row in rows], expected)

        asyncio.run(main())

    def test_a_node_that_is_killed_and_comes_back(self):
        self.start()
        for flavour in FLAVOURS:
            with flavour(self.url()) as client:
                client.encode("x", "tiny")
                pid = self.node_processes()["a"]
                os.kill(pid, signal.SIGKILL)
                wait_until(lambda pid=pid: not is_alive(pid), "its end")
                wait_until(client.ready, "the node")
                self.assertEqual(len(client.encode("x", "tiny")), 32)


if __name__ == "__main__":
    unittest.main()
