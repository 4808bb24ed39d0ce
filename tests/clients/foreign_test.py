"""Clients that others wrote, unchanged, against a real node: tritonclient and openai."""

import asyncio
import json
import os
import sys
import unittest

SOURCE = os.environ["TROUPE_SOURCE_DIR"]
sys.path.insert(0, os.path.join(SOURCE, "tests", "cluster"))

import numpy
import openai
import tritonclient.http
import tritonclient.http.aio
from cluster import LIMIT_S, ClusterTest, free_ports
from tritonclient.utils import InferenceServerException

TEXTS = ["a calm text editor", "ein schöner Baum", "日本語", "x " * 3000]


class Node(ClusterTest):
    def setUp(self):
        super().setUp()
        self.address = f"127.0.0.1:{free_ports(1)[0]}"

    def start(self, *lines):
        with open(self.config, encoding="utf-8") as file:
            text = file.read().replace("[node.b]", '[node.b]\nhttp = "off"')
        with open(self.config, "w", encoding="utf-8") as file:
            file.write(text + f'[http]\nlisten = "{self.address}"\n' + "\n".join(lines) + "\n")
        self.start_up()
        self.expected = [self.json_of("submit", text, "--config", self.config)["vector"] for text in TEXTS]

    def check(self, rows):
        numpy.testing.assert_allclose(numpy.asarray(rows), self.expected, atol=1e-6)


class Triton(Node):
    def client(self):
        client = tritonclient.http.InferenceServerClient(self.address, network_timeout=LIMIT_S,
                                                         connection_timeout=LIMIT_S)
        self.addCleanup(client.close)
        return client

    @staticmethod
    def texts(binary, column=False, texts=TEXTS):
        array = numpy.array([text.encode() for text in texts], dtype=numpy.object_)
        array = array.reshape(-1, 1) if column else array
        one = tritonclient.http.InferInput("text", list(array.shape), "BYTES")
        one.set_data_from_numpy(array, binary_data=binary)
        return [one]

    def test_infer_in_every_form(self):
        self.start()
        client = self.client()
        for binary_in in (True, False):
            for binary_out in (True, False):
                for column in (True, False):
                    output = tritonclient.http.InferRequestedOutput("embedding", binary_data=binary_out)
                    found = client.infer("tiny", self.texts(binary_in, column), outputs=[output],
                                         request_id="7", priority=1, timeout=LIMIT_S * 1_000_000)
                    self.check(found.as_numpy("embedding"))
                    self.assertEqual(found.get_response()["id"], "7")
        self.check(client.infer("tiny", self.texts(True)).as_numpy("embedding"))
        self.check(client.infer("tiny", self.texts(True), model_version="1",
                                parameters={"weight": 2.5}).as_numpy("embedding"))
        waiting = client.async_infer("tiny", self.texts(True))
        self.check(waiting.get_result(timeout=LIMIT_S).as_numpy("embedding"))

    def test_bodies_may_be_compressed_by_the_client(self):
        self.start()
        # A node does not read compressed bodies: the client must be told so, not answered wrongly.
        with self.assertRaises(InferenceServerException) as refused:
            self.client().infer("tiny", self.texts(True), request_compression_algorithm="gzip")
        self.assertIn(refused.exception.status(), ("400", "415"))

    def test_questions(self):
        self.start("model_control = true")
        client = self.client()
        self.assertTrue(client.is_server_live() and client.is_server_ready())
        self.assertTrue(client.is_model_ready("tiny") and client.is_model_ready("tiny", "1"))
        self.assertEqual(client.get_server_metadata()["name"], "troupe")
        metadata = client.get_model_metadata("tiny")
        self.assertEqual(metadata["outputs"], [{"name": "embedding", "datatype": "FP32", "shape": [-1, 32]}])
        client.infer("tiny", self.texts(True))
        (statistics,) = client.get_inference_statistics("tiny")["model_stats"]
        self.assertGreaterEqual(statistics["inference_count"], len(TEXTS))
        self.assertEqual([one["name"] for one in client.get_model_repository_index()], ["tiny", "tone"])
        client.unload_model("tiny")
        self.assertFalse(client.is_model_ready("tiny"))
        client.load_model("tiny")
        self.assertTrue(client.is_model_ready("tiny"))

    def test_errors(self):
        self.start()
        client = self.client()
        for call, status in (
            (lambda: client.infer("nonsense", self.texts(True)), "404"),
            (lambda: client.get_model_metadata("nonsense"), "404"),
            (lambda: client.infer("tiny", self.texts(True, texts=["x"] * 1025)), "413"),
            (lambda: client.infer("tiny", [tritonclient.http.InferInput("text", [1], "INT32")
                                           .set_data_from_numpy(numpy.array([1], dtype=numpy.int32))]), "400"),
            (lambda: client.load_model("tiny"), "501"),
        ):
            with self.assertRaises(InferenceServerException) as refused:
                call()
            self.assertEqual(refused.exception.status(), status)
            self.assertRegex(refused.exception.message(), "^[a-z_]+: ")
        self.check(client.infer("tiny", self.texts(True)).as_numpy("embedding"))

    def test_asyncio(self):
        self.start()

        async def main():
            async with tritonclient.http.aio.InferenceServerClient(self.address) as client:
                rows = await asyncio.gather(*(client.infer("tiny", self.texts(True)) for _ in range(20)))
                for row in rows:
                    self.check(row.as_numpy("embedding"))

        asyncio.run(main())


class OpenAi(Node):
    def client(self, key="none", **more):
        client = openai.OpenAI(base_url=f"http://{self.address}/v1", api_key=key, timeout=LIMIT_S,
                               max_retries=0, **more)
        self.addCleanup(client.close)
        return client

    def test_embeddings(self):
        self.start()
        client = self.client()
        for form in ({}, {"encoding_format": "float"}, {"encoding_format": "base64"}):
            found = client.embeddings.create(model="tiny", input=TEXTS, **form)
            self.assertEqual([one.index for one in found.data], list(range(len(TEXTS))))
            if form != {"encoding_format": "base64"}:
                self.check([one.embedding for one in found.data])
            self.assertEqual(found.model, "tiny")
            self.assertGreater(found.usage.total_tokens, 0)
        one = client.embeddings.create(model="tiny", input=TEXTS[0], dimensions=32, user="me",
                                       extra_body={"priority": 1, "timeout": LIMIT_S * 1_000_000})
        numpy.testing.assert_allclose(one.data[0].embedding, self.expected[0], atol=1e-6)

    def test_models(self):
        self.start()
        client = self.client()
        self.assertEqual([model.id for model in client.models.list()], ["tiny", "tone"])
        self.assertEqual(client.models.retrieve("tiny").owned_by, "troupe")

    def test_errors_and_keys(self):
        made = self.json_of("keys", "api", "search-team")
        self.start(f"keys = {json.dumps([made['line']])}")
        with self.assertRaises(openai.AuthenticationError) as refused:
            self.client("wrong").embeddings.create(model="tiny", input="x")
        self.assertEqual(refused.exception.code, "unauthorized")
        client = self.client(made["key"])
        for call, kind, code in (
            (lambda: client.embeddings.create(model="nonsense", input="x"), openai.NotFoundError, "model_missing"),
            (lambda: client.models.retrieve("nonsense"), openai.NotFoundError, "model_missing"),
            (lambda: client.embeddings.create(model="tiny", input="x", dimensions=3), openai.BadRequestError,
             "invalid_argument"),
            (lambda: client.embeddings.create(model="tiny", input=[[1, 2]]), openai.BadRequestError,
             "invalid_argument"),
            (lambda: client.embeddings.create(model="tiny", input=[]), openai.BadRequestError, "malformed"),
            (lambda: client.chat.completions.create(model="tiny", messages=[]), openai.NotFoundError, "not_found"),
        ):
            with self.assertRaises(kind) as refused:
                call()
            self.assertEqual(refused.exception.code, code)
            self.assertTrue(refused.exception.body["message"])
        self.check([one.embedding for one in client.embeddings.create(model="tiny", input=TEXTS).data])

    def test_asyncio(self):
        self.start()

        async def main():
            async with openai.AsyncOpenAI(base_url=f"http://{self.address}/v1", api_key="none",
                                          max_retries=0) as client:
                found = await asyncio.gather(
                    *(client.embeddings.create(model="tiny", input=TEXTS) for _ in range(20)))
                for one in found:
                    self.check([row.embedding for row in one.data])

        asyncio.run(main())


if __name__ == "__main__":
    unittest.main()
