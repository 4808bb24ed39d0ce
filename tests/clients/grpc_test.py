"""tritonclient over gRPC, unchanged, against a real node; and what nobody sends in good faith."""

import json
import os
import random
import shutil
import socket
import subprocess
import sys
import threading
import unittest

SOURCE = os.environ["TROUPE_SOURCE_DIR"]
sys.path.insert(0, os.path.join(SOURCE, "tests", "cluster"))

import grpc
import numpy
import tritonclient.grpc
import tritonclient.grpc.aio
from cluster import LIMIT_S, PROGRAM, ClusterTest, free_ports, wait_until
from google.protobuf import descriptor_pb2
from tritonclient.grpc import service_pb2, service_pb2_grpc
from tritonclient.utils import InferenceServerException

TEXTS = ["a calm text editor", "ein schöner Baum", "日本語", "x " * 3000]
Code = grpc.StatusCode


class Node(ClusterTest):
    def setUp(self):
        super().setUp()
        self.address, self.http = (f"127.0.0.1:{port}" for port in free_ports(2))

    def start(self, *lines, http=False, http_lines=""):
        off = '[node.b]\ngrpc = "off"\nhttp = "off"'
        with open(self.config, encoding="utf-8") as file:
            text = file.read().replace("[node.b]", off)
        text += f'[grpc]\nlisten = "{self.address}"\n' + "\n".join(lines) + "\n"
        listen = f'listen = "{self.http}"\n' if http else ""
        with open(self.config, "w", encoding="utf-8") as file:
            file.write(text + f"[http]\n{listen}{http_lines}\n")
        up = self.start_up()

        def is_open():
            host, port = self.address.split(":")
            with socket.socket() as probe:
                return probe.connect_ex((host, int(port))) == 0

        wait_until(is_open, "gRPC's port")  # which opens right after the link, by which `up` knows nodes
        return up

    def expected(self):
        return [self.json_of("submit", text, "--config", self.config)["vector"] for text in TEXTS]

    def stub(self, **options):
        channel = grpc.insecure_channel(self.address, options=list(options.items()))
        self.addCleanup(channel.close)
        return service_pb2_grpc.GRPCInferenceServiceStub(channel)

    def client(self, **more):
        client = tritonclient.grpc.InferenceServerClient(self.address, **more)
        self.addCleanup(client.close)
        return client

    @staticmethod
    def texts(texts=TEXTS, column=False):
        array = numpy.array([text.encode() for text in texts], dtype=numpy.object_)
        array = array.reshape(-1, 1) if column else array
        one = tritonclient.grpc.InferInput("text", list(array.shape), "BYTES")
        one.set_data_from_numpy(array)
        return [one]

    @staticmethod
    def message(*texts, **fields):
        """With typed contents."""
        message = service_pb2.ModelInferRequest(**{"model_name": "tiny", **fields})
        one = message.inputs.add(name="text", datatype="BYTES", shape=[len(texts)])
        one.contents.bytes_contents.extend(text.encode() for text in texts)
        return message

    def fails(self, code, call, *words, **more):
        with self.assertRaises(grpc.RpcError) as refused:
            call(*words, **{"timeout": LIMIT_S, **more})
        self.assertEqual(refused.exception.code(), code, refused.exception.details())
        return refused.exception


class Triton(Node):
    def test_infer_in_every_form(self):
        self.start()
        expected = self.expected()

        def check(rows):
            numpy.testing.assert_allclose(rows, expected, atol=1e-6)

        client = self.client()
        output = tritonclient.grpc.InferRequestedOutput("embedding")
        for column in (True, False):
            for outputs in (None, [output]):
                found = client.infer("tiny", self.texts(column=column), outputs=outputs, request_id="7",
                                     priority=1, timeout=LIMIT_S * 1_000_000, client_timeout=LIMIT_S)
                check(found.as_numpy("embedding"))
                answer = found.get_response()
                self.assertEqual((answer.id, answer.model_name, answer.model_version), ("7", "tiny", "1"))
                self.assertEqual(list(answer.outputs[0].shape), [len(TEXTS), 32])
                self.assertRegex(answer.parameters["task"].string_param, "^[0-9a-f]{32}$")
                self.assertGreater(answer.parameters["tokens"].int64_param, 0)
        check(client.infer("tiny", self.texts(), model_version="1",
                           parameters={"weight": 3}).as_numpy("embedding"))
        answers = []
        arrived = threading.Event()

        def take(result, error):
            answers.append((result, error))
            arrived.set()

        client.async_infer("tiny", self.texts(), callback=take)
        self.assertTrue(arrived.wait(LIMIT_S))
        self.assertIsNone(answers[0][1])
        check(answers[0][0].as_numpy("embedding"))
        typed = self.stub().ModelInfer(self.message(*TEXTS), timeout=LIMIT_S)
        check(numpy.frombuffer(typed.raw_output_contents[0], dtype="<f4").reshape(len(TEXTS), 32))

    def test_questions(self):
        self.start(http_lines="model_control = true")
        client = self.client()
        self.assertTrue(client.is_server_live() and client.is_server_ready())
        self.assertTrue(client.is_model_ready("tiny") and client.is_model_ready("tiny", "1"))
        for model, version in (("nonsense", ""), ("tiny", "2"), ("no such/name", ""), ("", "")):
            self.assertFalse(client.is_model_ready(model, version))
        self.assertEqual(client.get_server_metadata().name, "troupe")
        metadata = client.get_model_metadata("tiny")
        self.assertEqual((list(metadata.versions), metadata.inputs[0].datatype), (["1"], "BYTES"))
        self.assertEqual(list(metadata.outputs[0].shape), [-1, 32])
        client.infer("tiny", self.texts())
        (statistics,) = client.get_inference_statistics("tiny").model_stats
        self.assertGreaterEqual(statistics.inference_count, len(TEXTS))
        self.assertEqual(statistics.inference_stats.success.count, statistics.inference_count)
        self.assertEqual(len(client.get_inference_statistics().model_stats), 2)
        client.unload_model("tiny")
        self.assertFalse(client.is_model_ready("tiny"))
        stub = self.stub()
        index = stub.RepositoryIndex(service_pb2.RepositoryIndexRequest())
        self.assertEqual([(one.name, one.state) for one in index.models],
                         [("tiny", "UNAVAILABLE"), ("tone", "READY")])
        ready = stub.RepositoryIndex(service_pb2.RepositoryIndexRequest(ready=True))
        self.assertEqual([one.name for one in ready.models], ["tone"])
        client.load_model("tiny")
        self.assertTrue(client.is_model_ready("tiny"))

    def test_errors(self):
        self.start()
        client = self.client()
        for call, status in (
            (lambda: client.infer("nonsense", self.texts()), "NOT_FOUND"),
            (lambda: client.infer("tiny", self.texts(), model_version="3"), "NOT_FOUND"),
            (lambda: client.get_model_metadata("nonsense"), "NOT_FOUND"),
            (lambda: client.infer("tiny", self.texts(["x"] * 1025)), "INVALID_ARGUMENT"),
            (lambda: client.load_model("tiny"), "UNIMPLEMENTED"),
            (lambda: client.get_model_config("tiny"), "UNIMPLEMENTED"),
        ):
            with self.assertRaises(InferenceServerException) as refused:
                call()
            self.assertEqual(refused.exception.status(), "StatusCode." + status)
        refused = self.fails(Code.NOT_FOUND, self.stub().ModelInfer, self.message("x", model_name="nonsense"))
        self.assertRegex(refused.details(), "^model_missing: ")
        trailing = dict(refused.trailing_metadata())
        self.assertEqual(trailing["troupe-error"], "model_missing")

    def test_asyncio(self):
        import asyncio

        self.start()

        async def main():
            async with tritonclient.grpc.aio.InferenceServerClient(self.address) as client:
                rows = await asyncio.gather(*(client.infer("tiny", self.texts(["one"])) for _ in range(50)))
                self.assertEqual({row.as_numpy("embedding").tobytes() for row in rows},
                                 {rows[0].as_numpy("embedding").tobytes()})

        asyncio.run(main())

    def test_our_messages_are_those_of_the_protocol(self):
        file = os.path.join(os.environ["TROUPE_BINARY_DIR"], "gateway", "grpc", "protocol", "inference.binpb")
        with open(file, "rb") as stream:
            ours = descriptor_pb2.FileDescriptorSet.FromString(stream.read()).file[0]
        theirs = descriptor_pb2.FileDescriptorProto()
        service_pb2.DESCRIPTOR.CopyToProto(theirs)
        self.assertEqual(ours.package, theirs.package)

        def fields(message):
            return {one.name: (one.number, one.type, one.label, one.type_name.removeprefix(".inference."))
                    for one in message.field}

        def compare(mine, known):
            for message in mine:
                self.assertIn(message.name, known)
                other = known[message.name]
                for name, field in fields(message).items():
                    self.assertEqual(field, fields(other).get(name), f"{message.name}.{name}")
                compare(message.nested_type, {one.name: one for one in other.nested_type})

        compare(ours.message_type, {one.name: one for one in theirs.message_type})
        calls = {one.name: (one.input_type, one.output_type) for one in theirs.service[0].method}
        self.assertGreaterEqual(len(ours.service[0].method), 10)
        for one in ours.service[0].method:
            self.assertEqual(calls[one.name], (one.input_type, one.output_type))


class Doors(Node):
    def test_keys_and_tenants(self):
        made = self.json_of("keys", "api", "search-team")
        self.start(http=True, http_lines=f"keys = {json.dumps([made['line']])}")
        stub = self.stub()
        self.assertTrue(stub.ServerLive(service_pb2.ServerLiveRequest(), timeout=LIMIT_S).live)
        for metadata in ((), (("authorization", "Bearer wrong"),), (("authorization", made["key"]),)):
            refused = self.fails(Code.UNAUTHENTICATED, stub.ModelInfer, self.message("x"), metadata=metadata)
            self.assertNotIn(made["key"], refused.details())
        key = (("authorization", "Bearer " + made["key"]),)
        parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
        _, call = stub.ModelInfer.with_call(self.message("x"), metadata=(*key, ("traceparent", parent)),
                                            timeout=LIMIT_S)
        trailing = dict(call.trailing_metadata())
        self.assertTrue(trailing["traceparent"].startswith(parent[:36]), trailing)
        told = self.json_of("explain", trailing["troupe-task-id"], "--config", self.config)
        self.assertIn("0af7651916cd43dd8448eb211c80319c", json.dumps(told))
        # The call's deadline is the task's, unless its own `timeout` is nearer.
        self.assertLess(told["time_limit_ms"], (LIMIT_S + 1) * 1000)
        for own_s, least in ((5, 5), (1000, LIMIT_S + 1)):
            message = self.message("x")
            message.parameters["timeout"].int64_param = own_s * 1_000_000
            _, call = stub.ModelInfer.with_call(message, metadata=key, timeout=LIMIT_S)
            told = self.json_of("explain", dict(call.trailing_metadata())["troupe-task-id"], "--config", self.config)
            self.assertLessEqual(told["time_limit_ms"], least * 1000)
        with socket.create_connection(self.http.split(":"), LIMIT_S) as web:
            web.sendall(f"GET /metrics HTTP/1.0\r\nAuthorization: Bearer {made['key']}\r\n\r\n".encode())
            metrics = b"".join(iter(lambda: web.recv(65536), b"")).decode()
        self.assertIn('troupe_grpc_requests_total{ask="infer",code="200"} 3', metrics)
        self.assertIn('troupe_grpc_requests_total{ask="infer",code="401"} 3', metrics)
        self.assertIn('tenant="search-team"', metrics)

    def test_wrong_tensors(self):
        self.start()
        stub = self.stub()

        def one(datatype="BYTES", shape=(1,), raw=None, name="text", **contents):
            message = service_pb2.ModelInferRequest(model_name="tiny")
            tensor = message.inputs.add(name=name, datatype=datatype, shape=shape)
            for field, values in contents.items():
                getattr(tensor.contents, field).extend(values)
            if raw is not None:
                message.raw_input_contents.append(raw)
            return message

        twice = one(bytes_contents=[b"x"])
        twice.inputs.add(name="text", datatype="BYTES", shape=[1]).contents.bytes_contents.append(b"x")
        both = one(raw=b"\x01\0\0\0x", bytes_contents=[b"x"])
        more = one(raw=b"\x01\0\0\0x")
        more.raw_input_contents.append(b"y")
        unknown = self.message("x")
        unknown.outputs.add(name="nonsense")
        late = self.message("x")
        late.parameters["timeout"].int64_param = -1
        word = self.message("x")
        word.parameters["priority"].string_param = "high"
        for message in (
            one("INT32", int_contents=[1]), one("FP32", fp32_contents=[1.0]), one("nonsense"), one(datatype=""),
            one(name="other", bytes_contents=[b"x"]), one(name=""), one(shape=(2,), bytes_contents=[b"x"]),
            one(shape=(1,), bytes_contents=[b"x", b"y"]), one(shape=(-1,), bytes_contents=[b"x"]),
            one(shape=(), bytes_contents=[b"x"]), one(shape=(0,)), one(shape=(1, 1, 1), bytes_contents=[b"x"]),
            one(shape=(1 << 40, 1 << 40)), one(raw=b"\xff\xff\xff\xffx"), one(raw=b"\x01\0"), one(raw=b""),
            one(shape=(1,) * 100, bytes_contents=[b"x"]), one(bytes_contents=[b"\xff\xfe"]),
            one(bytes_contents=[b"x" * (65 << 10)]), twice, both, more, unknown, late, word,
            service_pb2.ModelInferRequest(model_name="tiny"),
        ):
            refused = self.fails(Code.INVALID_ARGUMENT, stub.ModelInfer, message)
            self.assertRegex(refused.details(), "^(invalid_argument|malformed|too_large): .", str(message)[:300])
        shared = self.message("x")
        shared.inputs[0].parameters["shared_memory_region"].string_param = "region"
        self.fails(Code.UNIMPLEMENTED, stub.ModelInfer, shared)
        for name in ("", "a/b", "..", "x" * 5000, "tiny/infer", "tiny?x", "%2e", "tin\u00fd"):
            self.fails(Code.NOT_FOUND, stub.ModelInfer, self.message("x", model_name=name))
        self.assertTrue(stub.ModelInfer(self.message("x"), timeout=LIMIT_S).raw_output_contents)

    def test_deadlines_and_cancelling(self):
        self.start()
        stub = self.stub()
        self.fails(Code.DEADLINE_EXCEEDED, stub.ModelInfer, self.message("x"), timeout=-1)
        long = self.message(*["x " * 3000] * 1000)
        self.fails(Code.DEADLINE_EXCEEDED, stub.ModelInfer, long, timeout=0.02)
        call = stub.ModelInfer.future(long)

        def lane():
            (node,) = self.json_of("status", self.config, "--node", "a")["nodes"]
            return node["lanes"]["ordinary"]

        wait_until(lambda: lane()["accepted"] >= 500, "the tasks")
        call.cancel()
        # What nobody waits for any more is withdrawn.
        wait_until(lambda: lane()["failed"].get("canceled", 0) > 0, "tasks that are canceled")
        self.assertTrue(stub.ModelInfer(self.message("x"), timeout=LIMIT_S).raw_output_contents)

    def test_limits(self):
        self.start("message_bytes_max = '64KiB'", "calls_max = 1")
        stub = self.stub()
        refused = self.fails(Code.RESOURCE_EXHAUSTED, stub.ModelInfer, self.message("x" * (70 << 10)))
        self.assertIn("larger than max", refused.details())
        self.fails(Code.UNIMPLEMENTED, stub.ModelInfer, self.message("x " * 3000), compression=grpc.Compression.Gzip)
        # On two connections: one alone is not let open a second call before the first has ended.
        other = self.stub(**{"grpc.use_local_subchannel_pool": 1})
        other.ServerLive(service_pb2.ServerLiveRequest(), timeout=LIMIT_S)
        long = self.message(*["x x x x x " * 3] * 1000)
        refused = []
        calls = [each.ModelInfer.future(long, timeout=LIMIT_S) for each in (stub, other) for _ in range(4)]
        for call in calls:
            if call.exception() is not None:
                refused.append(call)
        self.assertTrue(refused)
        for call in refused:
            self.assertEqual(call.code(), Code.RESOURCE_EXHAUSTED)
            self.assertEqual(dict(call.trailing_metadata())["troupe-error"], "queue_full")
            self.assertIn("calls_max", call.details())
        self.assertTrue(stub.ServerLive(service_pb2.ServerLiveRequest(), timeout=LIMIT_S).live)

    def test_messages_have_a_limit_together(self):
        self.start("messages_bytes_max = '1MiB'")
        stub = self.stub()
        # A thousand texts take a while, so several of these are under way at one time.
        large = self.message(*["x " * 250] * 1000)
        self.assertLess(large.ByteSize(), 1 << 20)
        calls = [stub.ModelInfer.future(large, timeout=LIMIT_S) for _ in range(12)]
        refused = [call for call in calls if call.exception() is not None]
        self.assertTrue(refused)
        for call in refused:
            self.assertEqual(call.code(), Code.RESOURCE_EXHAUSTED)
            self.assertIn("messages_bytes_max", call.details())
        self.assertLess(len(refused), len(calls))
        self.assertTrue(stub.ModelInfer(self.message("x"), timeout=LIMIT_S).raw_output_contents)

    def test_garbage_on_the_port(self):
        self.start(http_lines="request_timeout = '200ms'")
        host, port = self.address.split(":")
        preface = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
        for bytes_ in (b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", b"\x16\x03\x01\x02\x00\x01\x00", os.urandom(4096),
                       preface + b"\xff" * 64, preface + b"\0\0\x04\x01\0\0\0\0\x01\xff\xff\xff\xff", b""):
            with socket.create_connection((host, int(port)), LIMIT_S) as raw:
                raw.sendall(bytes_)
                raw.settimeout(LIMIT_S)
                try:  # it ends, and at once or when the time for a handshake is over
                    while raw.recv(65536):
                        pass
                except ConnectionResetError:
                    pass
        stub = self.stub()
        channel = grpc.insecure_channel(self.address)
        self.addCleanup(channel.close)
        broken = channel.unary_unary("/inference.GRPCInferenceService/ModelInfer")
        for bytes_ in (b"\xff\xff\xff", b"\x0a\xff\xff\xff\xff\x0f", os.urandom(1000)):
            with self.assertRaises(grpc.RpcError) as refused:
                broken(bytes_, timeout=LIMIT_S)
            self.assertIn(refused.exception.code(), (Code.INTERNAL, Code.UNIMPLEMENTED, Code.NOT_FOUND))
        self.fails(Code.UNIMPLEMENTED, channel.unary_unary("/inference.GRPCInferenceService/Nonsense"), b"")
        # A good message with a few bytes changed, cut out or doubled: an answer or an error, each time.
        chance = random.Random(1)
        good = self.message("one", "two", id="7")
        good.outputs.add(name="embedding")
        good.parameters["priority"].int64_param = 1
        other = service_pb2.ModelInferRequest(model_name="tiny", raw_input_contents=[b"\x03\0\0\0one"])
        other.inputs.add(name="text", datatype="BYTES", shape=[1, 1])
        codes = set()
        for _ in range(400):
            bytes_ = bytearray(chance.choice((good, other)).SerializeToString())
            for _ in range(chance.randint(1, 4)):
                at = chance.randrange(len(bytes_))
                how = chance.randrange(3)
                if how == 0:
                    bytes_[at] = chance.randrange(256)
                elif how == 1:
                    del bytes_[at : at + chance.randint(1, 8)]
                else:
                    bytes_[at:at] = bytes_[at : at + chance.randint(1, 8)]
                if not bytes_:
                    break
            try:
                broken(bytes(bytes_), timeout=LIMIT_S)
                codes.add(Code.OK)
            except grpc.RpcError as refused:
                codes.add(refused.code())
        self.assertLessEqual({Code.OK, Code.NOT_FOUND, Code.INVALID_ARGUMENT}, codes)
        self.assertLessEqual(codes, {Code.OK, Code.NOT_FOUND, Code.INVALID_ARGUMENT, Code.UNIMPLEMENTED, Code.INTERNAL,
                                     Code.RESOURCE_EXHAUSTED})
        self.assertTrue(stub.ModelInfer(self.message("x"), timeout=LIMIT_S).raw_output_contents)

    def test_a_node_that_drains_says_so_and_stops_in_the_middle_of_calls(self):
        up = self.start()
        stub = self.stub()
        self.assertEqual(self.troupe("drain", "a", self.config).returncode, 0)
        self.assertFalse(stub.ServerReady(service_pb2.ServerReadyRequest(), timeout=LIMIT_S).ready)
        refused = self.fails(Code.UNAVAILABLE, stub.ModelInfer, self.message("x"))
        self.assertRegex(refused.details(), "^draining: ")
        self.assertEqual(self.troupe("undrain", "a", self.config).returncode, 0)
        call = stub.ModelInfer.future(self.message(*["x " * 20] * 1000))
        self.assertEqual(self.stop(up), 0)
        self.assertIn(call.exception() and call.code(), (None, Code.CANCELLED, Code.UNAVAILABLE))

    def test_tls(self):
        certificate, key = (os.path.join(self.folder.name, name) for name in ("node.pem", "node.key.pem"))
        subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out", certificate,
                        "-days", "2", "-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1"],
                       check=True, capture_output=True)
        os.chmod(key, 0o600)
        self.start(http_lines=f"tls_certificate = '{certificate}'\ntls_key = '{key}'")
        client = self.client(ssl=True, root_certificates=certificate)
        self.assertTrue(client.is_server_ready(client_timeout=LIMIT_S))
        self.assertEqual(client.infer("tiny", self.texts(["x"])).as_numpy("embedding").shape, (1, 32))
        self.fails(Code.UNAVAILABLE, self.stub().ServerLive, service_pb2.ServerLiveRequest())

    def test_a_port_that_is_taken_is_an_error_and_so_is_a_program_without_grpc(self):
        self.environment["TROUPE_NODE__A__GRPC"] = self.address
        host, port = self.address.split(":")
        with socket.create_server((host, int(port))):
            told = self.troupe("node", self.config, "--name", "a")
        self.assertEqual(told.returncode, 1)
        self.assertIn("cannot listen for gRPC on", told.stderr)
        alone = shutil.copy(PROGRAM, os.path.join(self.folder.name, "troupe-alone"))
        for words, where in ((["node", self.config, "--name", "a"], "stderr"), (["doctor", self.config], "stdout")):
            told = subprocess.run([alone, *words], env=self.environment, stdin=subprocess.DEVNULL, capture_output=True,
                                  text=True, timeout=LIMIT_S, check=False)
            self.assertEqual(told.returncode, 1, told.stderr)
            self.assertIn("this program was built without gRPC", getattr(told, where))


if __name__ == "__main__":
    unittest.main()
