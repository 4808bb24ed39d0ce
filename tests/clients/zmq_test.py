"""The Python client over ZeroMQ against a real cluster: every kind of task, agents, control, losses."""

import asyncio
import contextlib
import os
import shutil
import signal
import subprocess
import sys
import unittest

SOURCE = os.environ["TROUPE_SOURCE_DIR"]
sys.path.insert(0, os.path.join(SOURCE, "clients", "python"))
sys.path.insert(0, os.path.join(SOURCE, "tests", "cluster"))

import numpy
import troupe
from cluster import LIMIT_S, ClusterTest, wait_until
from nodes import node_pid
from proxy import Proxy

QUICK = 'heartbeat_interval = "100ms"\n'


class RealCluster(ClusterTest):
    def connect(self, config=None, **options):
        file = troupe.read_cluster_file(config or self.config, self.environment)
        client = troupe.Client(file, **options)
        self.addCleanup(client.close)
        return client

    def completed(self, client, node):
        lanes = client.status(node)["lanes"]
        return sum(lane["completed"] for lane in lanes.values())


class Tasks(RealCluster):
    def test_every_kind_of_work(self):
        policy = os.path.join(self.folder.name, "policy")
        subprocess.run([os.path.join(SOURCE, "tools", "make-policy"), policy, "--widths", "3,16,8"],
                       check=True, capture_output=True, timeout=LIMIT_S)
        self.write_config(policy=policy)
        self.start_up()
        client = self.connect()
        told = self.json_of("submit", "hello world", "--config", self.config)
        embedding = client.encode("hello world", model="tiny", lane="urgent", time_limit=LIMIT_S)
        self.assertEqual(embedding.vector.dtype, numpy.float32)
        numpy.testing.assert_allclose(embedding.vector, told["vector"], atol=1e-6)
        self.assertEqual((embedding.tokens, embedding.truncated), (told["tokens"], False))
        self.assertTrue(client.encode("x " * 3000, model="tiny").truncated)

        told = self.json_of("submit", "hello world", "--classify", "--model", "tone", "--config", self.config)
        scores = client.classify("hello world", model="tone")
        self.assertEqual(scores.best(), told["labels"][0]["label"])
        self.assertEqual(len(scores.labels), 5)

        told = self.json_of("submit", "--observation", "0.1,-2,0.7", "--agent", "game/7", "--step", "41",
                            "--config", self.config)
        for observation in ([0.1, -2, 0.7], numpy.array([0.1, -2, 0.7], dtype=numpy.float64)):
            for node in client.nodes:
                action = client.act(observation, agent="game/7", step=41, model="mover", node=node)
                self.assertEqual(action.number, told["action"])

        for node in client.nodes:
            self.assertEqual(client.recall("librarian/*", embedding.vector, node=node).hits, [])
        self.assertEqual(client.recall("librarian/3", embedding.vector, 5).hits, [])
        with self.assertRaises(troupe.InvalidArgument):
            client.recall("librarian/*", embedding.vector)

    def test_outcomes_say_where_the_time_went(self):
        self.start_up()
        client = self.connect()
        task = client.submit(troupe.Encode("hello"), model="tiny", lane="urgent", node="b", tenant="team",
                             workflow="news", weight=2.5)
        outcome = task.outcome(LIMIT_S)
        self.assertTrue(outcome.ok)
        self.assertEqual(outcome.id, task.id)
        self.assertEqual(outcome.timing.lane, "urgent")
        self.assertGreater(outcome.timing.compute, 0)
        self.assertEqual(outcome.timing.batch_tasks, 1)
        self.assertGreater(outcome.timing.network, 0)
        with self.assertRaises(troupe.NotFound):
            client.explain("1" * 32, "b")

    def test_errors_have_the_nodes_codes(self):
        self.start_up()
        client = self.connect()
        for call, kind in (
            (lambda: client.encode("x", model="nonsense"), troupe.ModelMissing),
            (lambda: client.encode("x", model="tiny", time_limit=0.0), troupe.Expired),
            (lambda: client.encode("x", model="tiny", node="c"), troupe.NotFound),
            (lambda: client.encode("x" * 70000, model="tiny"), troupe.TooLarge),
            (lambda: client.control("a", "nonsense"), troupe.NotFound),
            (lambda: client.control("a", "explain", "no task"), troupe.InvalidArgument),
            (lambda: client.send("not an agent"), troupe.InvalidArgument),
            (lambda: client.unload_model("nonsense", "a"), troupe.TroupeError),
            (lambda: next(client.map([], pending_max=0)), troupe.InvalidArgument),
        ):
            with self.assertRaises(kind):
                call()
        self.assertEqual(client.unfinished(), 0)
        self.assertEqual(len(client.encode("still here", model="tiny").vector), 32)

    def test_many_in_order_and_as_they_come(self):
        self.start_up()
        client = self.connect()
        works = [troupe.Encode(f"text {i}") for i in range(600)]
        expected = [client.encode(work.text, model="tiny").vector for work in works[:5]]
        outcomes = list(client.map(iter(works), model="tiny", pending_max=100))
        self.assertTrue(all(outcome.ok for outcome in outcomes))
        self.assertEqual(len({outcome.id for outcome in outcomes}), 600)
        for vector, outcome in zip(expected, outcomes):
            numpy.testing.assert_array_equal(vector, outcome.output.vector)
        seen = {}
        for work, outcome in client.as_completed(works, model="tiny", pending_max=50):
            self.assertLessEqual(client.unfinished(), 50)
            seen[work.text] = outcome.unwrap().vector
        self.assertEqual(set(seen), {work.text for work in works})
        numpy.testing.assert_array_equal(seen["text 3"], expected[3])
        some = client.map(works, model="tiny", pending_max=100)
        self.assertTrue(next(some).ok)
        some.close()
        wait_until(lambda: client.unfinished() == 0, "the rest to be canceled")

    def test_letters_to_nobody_are_answered(self):
        self.start_up()
        client = self.connect()
        self.assertIsNone(client.receive(0))
        for i in range(8):  # some live on either node
            client.send(f"nobody/{i}", "hello", b"{}", reply=100 + i)
        letters = [client.receive(LIMIT_S) for _ in range(8)]
        self.assertEqual({letter.sender for letter in letters}, {f"nobody/{i}" for i in range(8)})
        self.assertEqual({letter.reply for letter in letters}, set(range(100, 108)))
        for letter in letters:
            self.assertEqual(letter.topic, "error")
            self.assertIn(b"no module on this node makes agents of type 'nobody'", letter.body)

    def test_models_come_and_go(self):
        self.start_up()
        client = self.connect()
        client.unload_model("tiny", "a")
        self.assertEqual(client.status("a")["models"][0]["state"], "unloaded")
        with self.assertRaises(troupe.ModelMissing):
            client.encode("x", model="tiny", node="a")
        client.load_model("tiny", "a")
        client.encode("x", model="tiny", node="a")


class Losses(RealCluster):
    def stopped_with_tasks(self, client, up, count=50):
        """Node a stands still with `count` tasks, and is then killed. `troupe up` starts it again."""
        client.wait_connected("a")
        client.wait_connected("b")
        pid = node_pid(self, up, "a")
        os.kill(pid, signal.SIGSTOP)
        tasks = [client.submit(troupe.Encode(f"text {i}"), model="tiny", node="a") for i in range(count)]
        os.kill(pid, signal.SIGKILL)
        return tasks

    def test_a_killed_nodes_tasks_are_done_elsewhere(self):
        self.write_config(extra=QUICK)
        up = self.start_up()
        client = self.connect()
        tasks = self.stopped_with_tasks(client, up)
        outcomes = [task.outcome(LIMIT_S) for task in tasks]
        self.assertEqual([outcome.error for outcome in outcomes], [None] * len(tasks))

    def test_without_resubmission_they_end_as_unreachable_and_may_be_submitted_again(self):
        self.write_config(extra=QUICK)
        up = self.start_up()
        client = self.connect(resubmit=False)
        tasks = self.stopped_with_tasks(client, up)
        for task in tasks:
            self.assertIsInstance(task.outcome(LIMIT_S).error, troupe.Unreachable)
            with self.assertRaises(troupe.Unreachable):
                task.result()
        again = [client.resubmit(task) for task in tasks]
        self.assertEqual([task.id for task in again], [task.id for task in tasks])
        for task in again:
            self.assertTrue(task.outcome(LIMIT_S).ok)

    def through_proxies(self):
        """A config of one node whose two ports lead through wires that can be cut."""
        self.write_config(extra=QUICK)
        proxies = [Proxy(port) for port in self.ports[:2]]
        for proxy in proxies:
            self.addCleanup(proxy.close)
        with open(self.config, encoding="utf-8") as file:
            text = file.read()
        for port, proxy in zip(self.ports, proxies):
            text = text.replace(f"port = {port}\n", f"port = {proxy.port}\n")
        config = os.path.join(self.folder.name, "proxied.toml")
        with open(config, "w", encoding="utf-8") as file:
            file.write(text)
        return config, proxies

    def cut_once_done(self, client, direct, proxies, count):
        """The node has done `count` tasks and the client has heard of none when the wire is cut."""
        client.wait_connected("a")
        before = self.completed(direct, "a")
        for proxy in proxies:
            proxy.flowing.clear()
        tasks = [client.submit(troupe.Encode(f"text {i}"), model="tiny", node="a") for i in range(count)]
        wait_until(lambda: self.completed(direct, "a") == before + count, "the tasks to be done")
        self.assertFalse(any(task.done() for task in tasks))
        for proxy in proxies:
            proxy.cut()
        return tasks, before + count

    def test_results_outlive_the_connection_and_nothing_runs_twice(self):
        config, proxies = self.through_proxies()
        with open(config, encoding="utf-8") as file:  # to node a alone, or b would do them
            text = file.read()
        alone = text[:text.index("[node.b]")] + text[text.index("[model.tiny]"):]
        with open(config, "w", encoding="utf-8") as file:
            file.write(alone)
        self.start_up()
        direct, client = self.connect(), self.connect(config)
        tasks, done = self.cut_once_done(client, direct, proxies, 40)
        for task in tasks:
            self.assertTrue(task.outcome(LIMIT_S).ok)
        self.assertEqual(self.completed(direct, "a"), done)

    def test_a_task_that_was_given_up_is_answered_from_what_the_node_kept(self):
        config, proxies = self.through_proxies()
        self.start_up()
        direct, client = self.connect(), self.connect(config, resubmit=False)
        tasks, done = self.cut_once_done(client, direct, proxies, 40)
        for task in tasks:
            self.assertIsInstance(task.outcome(LIMIT_S).error, troupe.Unreachable)
        client.wait_connected("a", LIMIT_S)
        for task in [client.resubmit(task) for task in tasks]:
            self.assertTrue(task.outcome(LIMIT_S).ok)
        self.assertEqual(self.completed(direct, "a"), done)

    def test_a_cluster_that_is_not_there(self):
        self.json_of("keys", "new", "a", "--folder", os.path.join(self.folder.name, "keys"))
        for name in ("b", "client"):
            self.json_of("keys", "new", name, "--folder", os.path.join(self.folder.name, "keys"))
        with open(self.config, encoding="utf-8") as file:
            text = file.read()
        with open(self.config, "w", encoding="utf-8") as file:
            file.write(text.replace("[cluster]", f'[cluster]\nkeys = "{self.folder.name}/keys"'))
        client = self.connect()
        with self.assertRaises(troupe.Unreachable):
            client.wait_connected(timeout=0.2)
        with self.assertRaises(troupe.Unreachable):
            client.status("a", timeout=0.2)
        with self.assertRaises(troupe.Expired):
            client.encode("x", model="tiny", time_limit=0.2)
        task = client.submit(troupe.Encode("x"), model="tiny")
        client.close()
        self.assertIsInstance(task.outcome(LIMIT_S).error, troupe.Canceled)
        with self.assertRaises(troupe.Canceled):
            client.submit(troupe.Encode("x"), model="tiny")

    def test_a_client_follows_the_rotation_of_a_nodes_key_and_of_its_own(self):
        self.write_config(extra=QUICK)
        self.start_up()
        client = self.connect()
        for node in "ab":
            client.wait_connected(node)
        for step in ((), ("--switch",), ("--finish",)):
            for name in ("a", "client"):
                self.json_of("keys", "rotate", name, "--config", self.config, *step)
            if step == ("--switch",):
                self.json_of("restart", "a", "--config", self.config)
                client.wait_connected("a")
            else:
                self.json_of("reload", self.config)
            for node in "ab":
                wait_until(lambda: self.answers(client, node), f"node {node} after {step}")
        self.assertEqual(client.encode("x", model="tiny").tokens, 3)

    def answers(self, client, node):
        try:
            return client.status(node)["ready"]
        except troupe.Unreachable:
            return False

    def test_a_read_only_client_may_look_and_is_told_so_otherwise(self):
        keys = os.path.join(self.folder.name, "troupe", "test", "keys")
        self.json_of("keys", "new", "viewer", "--folder", keys, "--role", "read-only")
        self.start_up()
        viewer = self.connect(name="viewer")
        self.assertTrue(viewer.status("a")["ready"])
        with self.assertRaisesRegex(troupe.Unauthorized, "read-only"):
            viewer.encode("x", model="tiny")
        with self.assertRaisesRegex(troupe.Unauthorized, "read-only"):
            viewer.unload_model("tiny", "a")
        self.assertTrue(viewer.status("a")["ready"])

    def test_a_key_that_the_cluster_does_not_know_is_not_let_in(self):
        self.start_up()
        known = os.path.join(self.folder.name, "troupe", "test", "keys")
        other = os.path.join(self.folder.name, "other")
        shutil.copytree(known, other)
        for name in ("client.key", "client.pub"):
            os.remove(os.path.join(other, name))
        self.json_of("keys", "new", "client", "--folder", other)
        with open(self.config, encoding="utf-8") as file:
            text = file.read()
        config = os.path.join(self.folder.name, "other.toml")
        with open(config, "w", encoding="utf-8") as file:
            file.write(text.replace("[cluster]", f'[cluster]\nkeys = "{other}"'))
        stranger, friend = self.connect(config), self.connect()
        friend.wait_connected("a")
        with self.assertRaisesRegex(troupe.Unreachable, "allow-list"):
            stranger.wait_connected("a", 1.0)
        wait_until(lambda: friend.status("a")["link"]["unauthorized"] > 0, "the refusal to be counted")


class Asyncio(RealCluster):
    def test_it_does_what_the_blocking_one_does(self):
        self.write_config(extra=QUICK)
        self.start_up()
        blocking = self.connect()
        expected = [blocking.encode(f"text {i}", model="tiny").vector for i in range(30)]

        async def main():
            file = troupe.read_cluster_file(self.config, self.environment)
            async with troupe.AsyncClient(file) as client:
                await client.wait_connected("a")
                rows = await asyncio.gather(*(client.encode(f"text {i}", model="tiny") for i in range(30)))
                for row, vector in zip(rows, expected):
                    numpy.testing.assert_array_equal(row.vector, vector)
                works = [troupe.Encode(f"text {i}") for i in range(300)]
                outcomes = [one async for one in client.map(works, model="tiny", pending_max=40)]
                self.assertTrue(all(one.ok for one in outcomes))
                numpy.testing.assert_array_equal(outcomes[7].output.vector, expected[7])
                seen = {work.text async for work, _ in client.as_completed(works, model="tiny")}
                self.assertEqual(len(seen), 300)
                self.assertEqual((await client.status("b"))["node"], "b")
                await client.send("nobody/1", "x", reply=3)
                self.assertEqual((await client.receive(LIMIT_S)).reply, 3)
                self.assertIsNone(await client.receive(0.01))
                with self.assertRaises(troupe.NotFound):
                    await client.control("a", "nonsense")
                with self.assertRaises(troupe.ModelMissing):
                    await client.encode("x", model="nonsense")
                scores = await client.classify("x", model="tone")
                self.assertEqual(len(scores.labels), 5)
                self.assertEqual((await client.recall("librarian/3", rows[0].vector)).hits, [])
                async with contextlib.aclosing(client.map(works, model="tiny")) as some:
                    async for one in some:
                        self.assertTrue(one.ok)
                        break
                while client.unfinished():
                    await asyncio.sleep(0.01)
                with self.assertRaises(troupe.Unreachable):
                    client_of_nobody = await client.control("a", "status", timeout=0.0)
                    self.assertIsNone(client_of_nobody)

        asyncio.run(asyncio.wait_for(main(), LIMIT_S))

    def test_who_stops_to_wait_withdraws_the_task(self):
        self.write_config(extra=QUICK)
        up = self.start_up()

        async def main():
            file = troupe.read_cluster_file(self.config, self.environment)
            async with troupe.AsyncClient(file) as client:
                await client.wait_connected("a")
                os.kill(node_pid(self, up, "a"), signal.SIGSTOP)
                with self.assertRaises(TimeoutError):
                    async with asyncio.timeout(0.05):
                        await client.encode("x", model="tiny", node="a")
                while client.unfinished():
                    await asyncio.sleep(0.01)
                os.kill(node_pid(self, up, "a"), signal.SIGCONT)
                task = client.submit(troupe.Encode("y"), model="tiny", node="b")
                task.cancel()
                outcome = await task
                self.assertTrue(outcome.ok or outcome.error.code == "canceled")

        asyncio.run(asyncio.wait_for(main(), LIMIT_S))


if __name__ == "__main__":
    unittest.main()
