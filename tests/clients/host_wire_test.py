"""A host of Python agents against a node that a test plays: what goes over the wire, and what a node says
that none should."""

import asyncio
import json
import logging
import os
import sys
import tempfile
import threading
import unittest

SOURCE = os.environ["TROUPE_SOURCE_DIR"]
sys.path.insert(0, os.path.join(SOURCE, "clients", "python"))

import troupe
from fake_node import FakeNode, key_pair
from troupe import tasks, wire

LIMIT_S = 60


def ok(message):
    return [wire.ControlReply(message.id, True, b"{}")]


def embedding_of(message):
    outcome = tasks.Outcome(wire.task_name(message.task), tasks.Embedding([0.5] * 4, 3, False), None)
    return [wire.TaskAccepted(message.task, message.attempt), wire.TaskResult(outcome)]


class Echo(troupe.Agent):
    async def on_message(self, mail):
        if mail.topic == "encode":
            await self.context.encode("x", model="m")
        if mail.topic == "fail":
            raise ValueError("as asked")
        await self.context.reply(mail, mail.topic, mail.body)


class PlayedNode(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="troupe-test-")
        self.addCleanup(folder.cleanup)
        self.folder = folder.name
        logging.getLogger("troupe").setLevel(logging.CRITICAL)

    def fake(self, control=ok):
        def answers(message):
            if isinstance(message, wire.ControlRequest):
                return control(message)
            return embedding_of(message) if isinstance(message, wire.SubmitTask) else []

        node = FakeNode(answers)
        self.addCleanup(node.close)
        return node

    def host(self, node, **options):
        own, at = key_pair(), node.address
        config = os.path.join(self.folder, "cluster.toml")
        with open(config, "w", encoding="utf-8") as file:
            file.write(f'[cluster]\nkeys = "{self.folder}"\n[link]\nheartbeat_interval = "50ms"\n[node.a]\n'
                       f"urgent_port = {at.urgent_port}\nordinary_port = {at.ordinary_port}\n")
        with open(os.path.join(self.folder, "a.pub"), "w", encoding="utf-8") as key:
            key.write(f'public = "{at.public_keys[0]}"\n')
        path = os.path.join(self.folder, "client.key")
        with open(os.open(path, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600), "w", encoding="utf-8") as key:
            key.write(f'public = "{own.public}"\nsecret = "{own.secret}"\n')
        return troupe.AgentHost(config, {"echo": Echo}, **options)

    def run_async(self, main):
        asyncio.run(asyncio.wait_for(main(), LIMIT_S))

    def say(self, node, *messages):
        node.posted.extend(lambda node, one=one: node.say("ordinary", one) for one in messages)

    async def heard(self, node, kind, count):
        """The first `count` messages of a kind, each with its lane."""
        def some(node):
            return [(lane, one) for lane, one in node.heard if isinstance(one, kind)]

        found = await asyncio.to_thread(node.wait_for, lambda node: len(some(node)) >= count, LIMIT_S)
        self.assertTrue(found, node.heard)
        return some(node)[:count]

    def test_what_a_host_says(self):
        node = self.fake()

        async def main():
            async with self.host(node) as host:
                await host.wait_attached()
                lane, asked = (await self.heard(node, wire.ControlRequest, 1))[0]
                self.assertEqual((lane, asked.verb, json.loads(asked.body)), ("urgent", "host", {"type": "echo"}))
                self.say(node, wire.AgentMessage("echo/x", "client/7-00ff", 42, "encode", b"body"))
                lane, answer = (await self.heard(node, wire.AgentMessage, 1))[0]
                self.assertEqual(lane, "ordinary")
                self.assertEqual(answer, wire.AgentMessage("client/7-00ff", "echo/x", 42, "encode", b"body"))
                _, task = (await self.heard(node, wire.SubmitTask, 1))[0]
                self.assertEqual((task.agent, task.model), ("echo/x", "m"))
                self.say(node, wire.AgentMessage("echo/x", "reader/1", 0, "hello", b""))
                _, answer = (await self.heard(node, wire.AgentMessage, 2))[1]
                self.assertEqual(answer, wire.AgentMessage("reader/1", "echo/x", 0, "hello", b""))
                self.assertEqual(task.traceparent, "")
                # What the agent asks for and answers belongs to the trace of the mail, and to no later one.
                trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
                self.say(node, wire.AgentMessage("echo/x", "reader/1", 0, "encode", b"body", trace))
                self.say(node, wire.AgentMessage("echo/x", "reader/1", 0, "hello", b""))
                answers = [answer.traceparent for _, answer in (await self.heard(node, wire.AgentMessage, 4))[2:]]
                self.assertEqual(answers, [trace, ""])
                _, task = (await self.heard(node, wire.SubmitTask, 2))[1]
                self.assertEqual(task.traceparent, trace)
            verbs = [one.verb for _, one in node.heard if isinstance(one, wire.ControlRequest)]
            self.assertEqual(verbs, ["host", "unhost"])

        self.run_async(main)

    def test_mail_that_no_node_would_send(self):
        node = self.fake()

        async def main():
            async with self.host(node) as host:
                await host.wait_attached()
                self.say(node,
                         wire.AgentMessage("other/x", "reader/1", 0, "hello"),  # not ours: refused
                         wire.AgentMessage("other/x", "reader/1", 0, "error"),  # and errors are answered with none
                         wire.AgentMessage("other/x", "", 0, "hello"),  # from nobody
                         wire.AgentMessage("echo/y", "", 0, "fail"),
                         wire.AgentMessage("echo/x", "reader/1", 0, "error", b"\xff{"),
                         wire.AgentMessage("client/7", "reader/1", 0, "hello"),  # a letter to the client
                         wire.ControlReply(12345, True, b"{}"),
                         wire.ControlRequest(1, "host", b"{"),
                         wire.AgentMessage("echo/z", "reader/2", 0, "hello"))
                answers = [one for _, one in await self.heard(node, wire.AgentMessage, 2)]
                self.assertEqual((answers[0].to, answers[0].sender, answers[0].topic), ("reader/1", "other/x", "error"))
                self.assertIn(b"not_found", answers[0].body)
                self.assertEqual(answers[1], wire.AgentMessage("reader/2", "echo/z", 0, "hello"))
                self.assertEqual((await host.client.receive(LIMIT_S)).sender, "reader/1")

        self.run_async(main)

    def test_refusals_of_the_type_end_the_host(self):
        def refusing(code):
            body = json.dumps({"error": {"code": code, "what": "so it is", "next_step": ""}}).encode()
            return lambda message: [wire.ControlReply(message.id, False, body)]

        cases = [(refusing("not_found"), troupe.NotFound), (refusing("unauthorized"), troupe.Unauthorized),
                 (refusing("of a later release"), troupe.TroupeError),
                 (lambda message: [wire.ControlReply(message.id, True, b"{")], troupe.Malformed),
                 (lambda message: [wire.ControlReply(message.id, False, b"[]")], troupe.Malformed)]
        for control, kind in cases:
            with self.assertRaises(kind):
                self.run_async(self.host(self.fake(control)).run)

    def test_a_loop_that_is_held_up_takes_no_more_than_it_may(self):
        node, entered, gate = self.fake(), threading.Event(), threading.Event()
        self.addCleanup(gate.set)

        class Holding(troupe.Agent):
            async def on_message(self, mail):
                entered.set()
                assert gate.wait(LIMIT_S)  # on the loop, as no handler may

        def flood():
            assert entered.wait(LIMIT_S)
            self.say(node, *(wire.AgentMessage("echo/x", "reader/1", 0, "more") for _ in range(50)))
            refused = node.wait_for(lambda node: sum(isinstance(one, wire.AgentMessage) for _, one in node.heard) == 41)
            gate.set()
            return refused

        async def main():
            host = self.host(node, mails_max=10)
            host._agents = {"echo": Holding}
            async with host:
                await host.wait_attached()
                self.say(node, wire.AgentMessage("echo/x", "reader/1", 0, "first"))
                self.assertTrue(await asyncio.to_thread(flood))
                bodies = [one.body for _, one in node.heard if isinstance(one, wire.AgentMessage)]
                self.assertEqual(sum(b"queue_full" in body for body in bodies), 41)

        self.run_async(main)


if __name__ == "__main__":
    unittest.main()
