"""The Python client over ZeroMQ against nodes that answer as no node would, and the life of a link."""

import asyncio
import contextlib
import os
import sys
import tempfile
import threading
import time
import unittest

SOURCE = os.environ["TROUPE_SOURCE_DIR"]
sys.path.insert(0, os.path.join(SOURCE, "clients", "python"))

import troupe
from fake_node import FakeNode, key_pair
from troupe import tasks, wire
from troupe._wire_encode import encode

LIMIT_S = 60
BEAT_S = 0.05


def embedding_of(message, width=4):
    outcome = tasks.Outcome(wire.task_name(message.task), tasks.Embedding([0.5] * width, 3, False), None)
    return wire.TaskResult(outcome)


def error_of(message, code):
    why = troupe.errors.error_of(code, "so it is")
    return wire.TaskResult(tasks.Outcome(wire.task_name(message.task), None, why))


def only_submits(answers):
    return lambda message: answers(message) if isinstance(message, wire.SubmitTask) else []


class HostileNodes(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="troupe-test-")
        self.addCleanup(folder.cleanup)
        self.folder = folder.name

    def fake(self, answers=lambda message: [], **how):
        node = FakeNode(only_submits(answers), **how)
        self.addCleanup(node.close)
        return node

    def connect(self, *nodes, beat=f"{int(BEAT_S * 1000)}ms", names=None, **options):
        own = key_pair()
        config = os.path.join(self.folder, "cluster.toml")
        with open(config, "w", encoding="utf-8") as file:
            file.write(f'[cluster]\nkeys = "{self.folder}"\n[link]\nheartbeat_interval = "{beat}"\n')
            for name, node in zip(names or [node.name for node in nodes], nodes):
                at = node.address
                file.write(f"[node.{name}]\nurgent_port = {at.urgent_port}\n"
                           f"ordinary_port = {at.ordinary_port}\n")
                with open(os.path.join(self.folder, name + ".pub"), "w", encoding="utf-8") as key:
                    key.write(f'# a comment\npublic = "{at.public_keys[0]}"\n')
        path = os.path.join(self.folder, "client.key")
        with open(os.open(path, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600), "w", encoding="utf-8") as key:
            key.write(f'public = "{own.public}"\nsecret = "{own.secret}"\n')
        client = troupe.Client(config, **options)
        self.addCleanup(client.close)
        return client

    def test_a_task_is_offered_accepted_answered_and_acknowledged(self):
        node = self.fake(lambda m: [wire.TaskAccepted(m.task, m.attempt), embedding_of(m)])
        client = self.connect(node)
        found = client.encode("x", model="m", lane="urgent", time_limit=5.0, weight=2.5, tenant="t")
        self.assertEqual(list(found.vector), [0.5] * 4)
        self.assertTrue(node.wait_for(lambda n: isinstance(n.heard[-1][1], wire.ResultAck)))
        lane, submit = node.heard[0]
        self.assertEqual((lane, submit.attempt, submit.weight, submit.tenant, submit.model),
                         ("urgent", 1, 2.5, "t", "m"))
        self.assertTrue(4_000_000 < submit.ttl_us <= 5_000_000)
        client.encode("y", model="m")
        self.assertTrue(node.wait_for(lambda n: len(n.heard) == 4))
        self.assertEqual(node.heard[2][0], "ordinary")
        self.assertIsNone(node.heard[2][1].ttl_us)

    def test_an_older_node_hears_nothing_of_delivery(self):
        node = self.fake(lambda m: [embedding_of(m)], delivery=False)
        client = self.connect(node)
        self.assertEqual(client.encode("x").tokens, 3)
        client.encode("y")
        self.assertEqual([type(message) for _, message in node.heard], [wire.SubmitTask] * 2)
        self.assertEqual([message.attempt for _, message in node.heard], [0, 0])

    def test_bytes_that_are_no_messages_do_no_harm_until_there_are_too_many(self):
        garbage = [[b""], [b"TRPE"], [os.urandom(200)], [b"x"] * 9, [encode(wire.Heartbeat(17))[0][:-1]]]
        node = self.fake(lambda m: [*garbage, embedding_of(m)])
        client = self.connect(node)
        self.assertTrue(client.encode("x").tokens)
        hellos = node.hellos
        with self.assertRaises(troupe.TroupeError):
            client.encode("y", time_limit=1.0)  # the eighth cuts the node off
        self.assertEqual(node.hellos, hellos)

    def test_results_of_the_wrong_tasks_and_kinds(self):
        def answers(message):
            stranger = wire.SubmitTask(message.task + 1, message.work)
            return [embedding_of(stranger), wire.TaskAccepted(message.task + 1, 1),
                    wire.TaskRejected(message.task, 99, 0, troupe.errors.error_of("internal", "old")),
                    wire.TaskResult(tasks.Outcome(wire.task_name(message.task), tasks.Action(3), None))]

        client = self.connect(self.fake(answers))
        with self.assertRaises(troupe.Malformed):
            client.encode("x")
        self.assertEqual(client.act([1.0]).number, 3)
        self.assertEqual(client.unfinished(), 0)

    def test_every_error_code_is_its_own_exception(self):
        codes = iter(code for code in troupe.errors.CODES if code not in
                     ("queue_full", "draining", "unreachable"))
        node = self.fake(lambda m: [error_of(m, next(codes))])
        client = self.connect(node)
        for code in troupe.errors.CODES:
            if code in ("queue_full", "draining", "unreachable"):
                continue
            outcome = client.submit(troupe.Encode("x")).outcome(LIMIT_S)
            self.assertEqual((outcome.error.code, outcome.error.message), (code, "so it is"))
            self.assertIsNot(type(outcome.error), troupe.TroupeError)

    def test_a_full_node_is_asked_again_when_it_said(self):
        def answers(message):
            if message.attempt < 3:
                full = troupe.errors.error_of("queue_full", "4096 wait")
                return [wire.TaskRejected(message.task, message.attempt, 20_000_000, full)]
            return [embedding_of(message)]

        node = self.fake(answers)
        client = self.connect(node)
        self.assertEqual(client.encode("x").tokens, 3)
        offers = [message.attempt for _, message in node.heard if isinstance(message, wire.SubmitTask)]
        self.assertEqual(offers, [1, 2, 3])

    def test_a_draining_nodes_tasks_go_to_another(self):
        first = self.fake(lambda m: [wire.TaskRejected(m.task, m.attempt, 0,
                                                       troupe.errors.error_of("draining", "bye"))])
        second = self.fake(lambda m: [embedding_of(m)], name="b")
        client = self.connect(first, second)
        client.wait_connected("a")
        client.wait_connected("b")
        self.assertEqual(client.encode("x", node="a").tokens, 3)

    def test_a_silent_node_is_given_up_after_its_heartbeats(self):
        node = self.fake(lambda m: [wire.TaskAccepted(m.task, m.attempt)])
        client = self.connect(node, resubmit=False)
        task = client.submit(troupe.Encode("x"))
        self.assertTrue(node.wait_for(lambda n: n.heard))
        node.beats = False
        self.assertIsInstance(task.outcome(LIMIT_S).error, troupe.Unreachable)
        self.assertTrue(node.wait_for(lambda n: n.hellos > 4))  # and is tried again

    def test_a_node_that_says_its_last_word_is_given_up_at_once(self):
        node = self.fake(lambda m: [wire.TaskAccepted(m.task, m.attempt)])
        node.beats = False  # so it is not the silence that tells, nor another word behind the last
        client = self.connect(node, resubmit=False, beat="60s")
        task = client.submit(troupe.Encode("x"))
        self.assertTrue(node.wait_for(lambda n: n.heard))
        for lane in wire.LANES:
            node.posted.append(lambda n, lane=lane: n.say(lane, wire.Heartbeat(n.epoch, last=True)))
        self.assertIsInstance(task.outcome(LIMIT_S).error, troupe.Unreachable)
        self.assertTrue(node.wait_for(lambda n: n.hellos > 2))  # and is tried again

    def test_heartbeats_go_on_while_the_caller_computes(self):
        node = self.fake(lambda m: [embedding_of(m)])
        client = self.connect(node)
        client.wait_connected("a")
        before, end, sum_of_nothing = node.heartbeats, time.monotonic() + 20 * BEAT_S, 0
        while time.monotonic() < end:
            sum_of_nothing += 1
        self.assertGreater(node.heartbeats - before, 5)
        self.assertLessEqual(node.hellos, 4)

    def test_a_node_that_was_restarted_or_forgot_us_is_greeted_anew(self):
        node = self.fake(lambda m: [wire.TaskAccepted(m.task, m.attempt)])
        client = self.connect(node)
        task = client.submit(troupe.Encode("x"))
        self.assertTrue(node.wait_for(lambda n: n.heard))
        node.answers = only_submits(lambda m: [embedding_of(m)])
        hellos = node.hellos

        def restart(node):
            node.epoch = 99
            node.say("urgent", node.hello(0))

        node.posted.append(restart)
        self.assertTrue(task.outcome(LIMIT_S).ok)
        self.assertGreater(node.hellos, hellos)

    def test_another_nodes_name_and_another_version_are_not_believed(self):
        impostor = self.fake(name="b")
        client = self.connect(impostor, names=["a"])
        with self.assertRaises(troupe.Unreachable):
            client.wait_connected("a", 0.5)

        def other_version(connection):
            frame = bytearray(encode(wire.Hello(17, connection, "a"))[0])
            frame[4] = 2
            return [bytes(frame)]

        node = self.fake()
        node.hello = other_version
        client = self.connect(node)
        with self.assertRaises(troupe.Unreachable):
            client.wait_connected("a", 0.5)

    def test_a_wrong_server_key_never_connects(self):
        node = self.fake()
        node.address = troupe._link.Address("a", "127.0.0.1", node.address.urgent_port,
                                            node.address.ordinary_port, (key_pair().public,))
        client = self.connect(node)
        with self.assertRaises(troupe.Unreachable):
            client.wait_connected("a", 0.5)
        self.assertEqual(node.hellos, 0)

    def test_deadlines_are_kept_by_the_client_where_the_node_does_not(self):
        node = self.fake(lambda m: [wire.TaskAccepted(m.task, m.attempt)])
        client = self.connect(node)
        begin = time.monotonic()
        with self.assertRaises(troupe.Expired):
            client.encode("x", time_limit=0.1)
        self.assertTrue(0.1 < time.monotonic() - begin < LIMIT_S)
        self.assertTrue(node.wait_for(lambda n: isinstance(n.heard[-1][1], wire.CancelTask)))

    def test_cancel_limits_and_the_end(self):
        node = self.fake(lambda m: [wire.TaskAccepted(m.task, m.attempt)])
        client = self.connect(node, tasks_max=3)
        waiting = [client.submit(troupe.Encode("x")) for _ in range(3)]
        with self.assertRaises(troupe.QueueFull):
            client.submit(troupe.Encode("x"))
        with self.assertRaises(troupe.InvalidArgument):
            client.resubmit(waiting[0])  # it has no outcome yet
        with self.assertRaises(TimeoutError):
            waiting[0].outcome(0.01)
        self.assertTrue(node.wait_for(lambda n: len(n.heard) == 3))
        waiting[0].cancel()
        self.assertIsInstance(waiting[0].outcome(LIMIT_S).error, troupe.Canceled)
        self.assertTrue(node.wait_for(lambda n: isinstance(n.heard[-1][1], wire.CancelTask)))
        letter = client._session.letter()
        client.close()
        for task in waiting[1:]:
            self.assertIsInstance(task.outcome(LIMIT_S).error, troupe.Canceled)
        with self.assertRaises(troupe.Canceled):
            letter.result(LIMIT_S)
        self.assertTrue(node.wait_for(lambda n: len(n.heard) == 6))  # the other two are told as well
        for call in (lambda: client.encode("x"), lambda: client.receive(0), lambda: client.status("a")):
            with self.assertRaises(troupe.Canceled):
                call()

    def test_a_deadline_counts_from_the_submission(self):
        node = self.fake(lambda m: [embedding_of(m)], greets=False)
        client = self.connect(node)
        task = client.submit(troupe.Encode("x"), time_limit=LIMIT_S)
        self.assertTrue(node.wait_for(lambda n: n.hellos >= 8))  # four beats later
        node.greets = True
        self.assertTrue(task.outcome(LIMIT_S).ok)
        left = LIMIT_S - node.heard[0][1].ttl_us / 1e6
        self.assertGreater(left, 3 * BEAT_S)

    def test_a_task_submitted_again_is_a_later_attempt_under_the_same_id(self):
        node = self.fake(lambda m: [])
        client = self.connect(node, resubmit=False)
        task = client.submit(troupe.Encode("x"))
        self.assertTrue(node.wait_for(lambda n: n.heard))
        node.answers = only_submits(lambda m: [embedding_of(m)])
        node.posted.append(lambda n: n.say("urgent", n.hello(0)))
        self.assertIsInstance(task.outcome(LIMIT_S).error, troupe.Unreachable)
        self.assertTrue(client.resubmit(task).outcome(LIMIT_S).ok)
        offers = [(m.task, m.attempt) for _, m in node.heard if isinstance(m, wire.SubmitTask)]
        self.assertEqual(offers, [(int(task.id, 16), 1), (int(task.id, 16), 2)])

    def test_the_result_of_a_task_that_was_given_up_stays_with_its_node(self):
        node = self.fake(lambda m: [])
        client = self.connect(node, resubmit=False)
        task = client.submit(troupe.Encode("x"))
        with self.assertRaises(troupe.InvalidArgument):
            client.resubmit(task)
        self.assertTrue(node.wait_for(lambda n: n.heard))
        offer, hellos = node.heard[0][1], node.hellos
        node.posted.append(lambda n: n.say("urgent", n.hello(0)))
        self.assertIsInstance(task.outcome(LIMIT_S).error, troupe.Unreachable)
        self.assertTrue(node.wait_for(lambda n: n.hellos >= hellos + 2))
        client.wait_connected("a", LIMIT_S)
        # It comes, and is not acknowledged: an acknowledged task is not done again under its id.
        node.posted.append(lambda n: n.say("urgent", embedding_of(offer)))
        stranger = wire.SubmitTask(offer.task + 9, offer.work)
        node.posted.append(lambda n: n.say("urgent", embedding_of(stranger)))
        self.assertTrue(node.wait_for(lambda n: isinstance(n.heard[-1][1], wire.ResultAck)))
        self.assertEqual([m.task for _, m in node.heard if isinstance(m, wire.ResultAck)], [stranger.task])
        node.answers = only_submits(lambda m: [embedding_of(m)])
        again = client.resubmit(task)
        self.assertTrue(again.outcome(LIMIT_S).ok)
        self.assertTrue(node.wait_for(lambda n: n.heard[-1][1] == wire.ResultAck(offer.task)))
        with self.assertRaises(troupe.InvalidArgument):
            client.resubmit(again)

    def only_the_first_is_answered(self):
        first = []

        def answers(message):
            first.append(message.task)
            accepted = wire.TaskAccepted(message.task, message.attempt)
            return [embedding_of(message)] if message.task == first[0] else [accepted]

        return self.fake(answers)

    def check_canceled(self, node, count):
        self.assertTrue(node.wait_for(
            lambda n: sum(isinstance(m, wire.CancelTask) for _, m in n.heard) == count))

    def test_who_stops_to_read_outcomes_withdraws_the_rest(self):
        node = self.only_the_first_is_answered()
        client = self.connect(node)
        works = [troupe.Encode("x")] * 5
        outcomes = client.map(works, pending_max=5)
        self.assertTrue(next(outcomes).ok)
        outcomes.close()
        self.check_canceled(node, 4)
        pairs = client.as_completed(works[:2], pending_max=1)
        node.answers = only_submits(lambda m: [embedding_of(m)])
        self.assertTrue(next(pairs)[1].ok)
        pairs.close()

    def test_and_so_with_asyncio(self):
        for what in ("map", "as_completed"):
            node = self.only_the_first_is_answered()
            self.connect(node).close()  # it wrote the config

            async def main(what=what):
                async with troupe.AsyncClient(os.path.join(self.folder, "cluster.toml")) as client:
                    works = [troupe.Encode("x")] * 5
                    async with contextlib.aclosing(getattr(client, what)(works)) as outcomes:
                        async for _ in outcomes:
                            break
                    while client.unfinished():
                        await asyncio.sleep(0.01)

            asyncio.run(asyncio.wait_for(main(), LIMIT_S))
            self.check_canceled(node, 4)

    def test_canceling_whoever_awaits_withdraws_the_task(self):
        node = self.fake(lambda m: [wire.TaskAccepted(m.task, m.attempt)])
        self.connect(node).close()

        async def main():
            async with troupe.AsyncClient(os.path.join(self.folder, "cluster.toml")) as client:
                waiting = asyncio.create_task(client.encode("x"))
                await asyncio.to_thread(node.wait_for, lambda n: n.heard)
                waiting.cancel()
                with self.assertRaises(asyncio.CancelledError):
                    await waiting
                await asyncio.to_thread(self.check_canceled, node, 1)
                self.assertEqual(client.unfinished(), 0)
                letter = asyncio.create_task(client.receive())
                await asyncio.sleep(0)
                letter.cancel()
                with self.assertRaises(asyncio.CancelledError):
                    await letter
                letter = wire.AgentMessage("a/b", "c/d", 7, "t", b"x")
                node.posted.append(lambda n: n.say("urgent", letter))
                self.assertEqual((await client.receive(LIMIT_S)).sender, "c/d")

        asyncio.run(asyncio.wait_for(main(), LIMIT_S))

    def test_a_bug_in_the_links_thread_leaves_nobody_waiting(self):
        node = self.fake(lambda m: [wire.TaskAccepted(m.task, m.attempt)])
        client = self.connect(node)
        task = client.submit(troupe.Encode("x"))
        self.assertTrue(node.wait_for(lambda n: n.heard))
        told = []
        threading.excepthook, kept = told.append, threading.excepthook
        try:
            client._session._link.post(lambda: 1 / 0)
            self.assertIsInstance(task.outcome(LIMIT_S).error, troupe.InternalError)
            client._session._link._thread.join(LIMIT_S)
        finally:
            threading.excepthook = kept
        self.assertIs(told[0].exc_type, ZeroDivisionError)

    def test_large_tensors_travel_as_a_frame_of_their_own(self):
        node = self.fake(lambda m: [embedding_of(m, 8192)])
        client = self.connect(node)
        found = client.encode("x")
        self.assertEqual(len(found.vector), 8192)
        with self.assertRaises(troupe.Malformed):
            client.recall("librarian/1", [0.25] * 8192)
        recalls = [message.work for _, message in node.heard if isinstance(message, wire.SubmitTask)]
        self.assertEqual(len(recalls[-1].query), 8192)


if __name__ == "__main__":
    unittest.main()
