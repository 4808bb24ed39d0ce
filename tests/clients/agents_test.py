"""Agents in Python, hosted beside the nodes of a real cluster: whoever writes to them, whoever they write
to, and what happens when their handlers, their process or a node fail."""

import asyncio
import contextlib
import json
import logging
import os
import signal
import subprocess
import sys
import threading
import unittest

SOURCE = os.environ["TROUPE_SOURCE_DIR"]
sys.path.insert(0, os.path.join(SOURCE, "clients", "python"))
sys.path.insert(0, os.path.join(SOURCE, "tests", "cluster"))

import numpy
import troupe
from cluster import LIMIT_S, ClusterTest, wait_until
from troupe import wire
from troupe.placement import home_of

QUICK = 'heartbeat_interval = "100ms"\n'
SOON = troupe.Restarts(restarts_max=3, backoff_min=0.001)


def agent_on(node, kind="clerk", other_than=()):
    """The address of an agent that lives on that node."""
    return next(name for name in (f"{kind}/{i}" for i in range(1000))
                if home_of(name, ["a", "b"]) == node and name not in other_than)


class Clerk(troupe.Agent):
    """Does what the topic says, and counts what it was told."""

    def __init__(self):
        self.mails = 0

    async def on_message(self, mail):
        self.mails += 1
        if mail.topic == "fail":
            raise ValueError("as asked")
        await self.context.reply(mail, mail.topic, json.dumps([self.mails, self.context.id, mail.sender]))


class HostTest(ClusterTest):
    def setUp(self):
        super().setUp()
        self.write_config(extra=QUICK)
        self.up = self.start_up()
        self.file = troupe.read_cluster_file(self.config, self.environment)
        logging.getLogger("troupe").setLevel(logging.CRITICAL)

    def run_async(self, main):
        asyncio.run(asyncio.wait_for(main(), 2 * LIMIT_S))

    @contextlib.asynccontextmanager
    async def hosting(self, agents, **options):
        """A host that every node knows, and a client that is connected to all of them."""
        async with troupe.AgentHost(self.file, agents, **options) as host:
            await host.wait_attached(timeout=LIMIT_S)
            async with self.client() as client:
                yield host, client

    @contextlib.asynccontextmanager
    async def client(self):
        async with troupe.AsyncClient(self.file) as client:
            for node in client.nodes:
                await client.wait_connected(node, LIMIT_S)
            yield client

    async def ask(self, client, to, topic, body=b"", number=[0]):
        number[0] += 1
        await client.send(to, topic, body, reply=number[0])
        letter = await client.receive(LIMIT_S)
        self.assertIsNotNone(letter, "no answer came")
        self.assertEqual((letter.sender, letter.reply), (to, number[0]))
        return letter

    async def refused(self, client, to, topic, kind, body=b""):
        letter = await self.ask(client, to, topic, body)
        self.assertEqual(letter.topic, "error", letter)
        with self.assertRaises(kind) as told:
            raise troupe.Mail(letter.sender, letter.topic, letter.body).error()
        return told.exception


class Letters(HostTest):
    def test_clients_write_to_agents_on_every_node_and_are_answered(self):
        async def main():
            async with self.hosting({"clerk": Clerk}) as (host, client), self.client() as other:
                for to in (agent_on("a"), agent_on("b")):
                    count, own, sender = json.loads((await self.ask(client, to, "hello")).body)
                    self.assertEqual((count, own), (1, to))
                    self.assertTrue(sender.startswith("client/"))
                    # The same agent, another client; and one that is not the same agent.
                    self.assertEqual(json.loads((await self.ask(other, to, "hello")).body)[0], 2)
                for node in "ab":
                    self.assertEqual((await client.status(node))["hosts"], {"clerk": 1})
                    another = agent_on(node, other_than=(agent_on(node),))
                    self.assertEqual(json.loads((await self.ask(client, another, "hello")).body)[0], 1)
            told = self.json_of("status", self.config)
            self.assertEqual([node["hosts"] for node in told["nodes"]], [{}, {}])

        self.run_async(main)

    def test_any_bytes_are_a_body(self):
        class Echo(troupe.Agent):
            async def on_message(self, mail):
                await self.context.reply(mail, mail.topic, mail.body)

        async def main():
            async with self.hosting({"echo": Echo}) as (_, client):
                for node in "ab":
                    to = agent_on(node, "echo")
                    for body in (b"", b"\xff\x00\xfe", os.urandom(1000), "ü".encode(), b"{" * 5000,
                                 b"x" * wire.BODY_BYTES_MAX):
                        for topic in ("", "ü", "t" * wire.NAME_BYTES_MAX):
                            letter = await self.ask(client, to, topic, body)
                            self.assertEqual((letter.topic, letter.body), (topic, body))
                key = "@" * wire.NAME_BYTES_MAX
                self.assertEqual((await self.ask(client, f"echo/{key}", "x", b"y")).body, b"y")

        self.run_async(main)

    def test_python_and_cxx_agents_write_to_each_other(self):
        """The program has librarians: C++ agents that embed a document and remember it."""
        shelved = []

        class Patron(troupe.Agent):
            async def on_message(self, mail):
                if mail.topic == "give":
                    self.giver = mail
                    order = {"document": 7, "model": "tiny", "text": "the sea at night"}
                    await self.context.send(mail.body.decode(), "shelve", json.dumps(order))
                else:
                    shelved.append((self.context.id, mail.sender, mail.topic, json.loads(mail.body)["document"]))
                    await self.context.reply(self.giver, "done")

            async def on_error(self, mail):
                shelved.append((self.context.id, mail.sender, mail.error().code))
                await self.context.reply(self.giver, "failed")

        async def main():
            async with self.hosting({"patron": Patron}) as (_, client):
                for patron_home in "ab":
                    for librarian_home in "ab":
                        patron, librarian = agent_on(patron_home, "patron"), agent_on(librarian_home, "librarian")
                        self.assertEqual((await self.ask(client, patron, "give", librarian)).topic, "done")
                        self.assertEqual(shelved.pop(), (patron, librarian, "shelved", 7))
                        hits = await client.recall(librarian, (await client.encode("the sea at night", model="tiny")).vector)
                        self.assertEqual([hit.document for hit in hits.hits], [7])
                        nobody = agent_on(librarian_home, "nobody")
                        self.assertEqual((await self.ask(client, patron, "give", nobody)).topic, "failed")
                        self.assertEqual(shelved.pop(), (patron, nobody, "not_found"))

        self.run_async(main)

    def test_hosted_agents_write_to_each_other_whichever_process_has_them(self):
        class Chain(troupe.Agent):
            """Passes a list of addresses on to the first of them; the last one tells who began it."""

            async def on_message(self, mail):
                way = json.loads(mail.body)
                if mail.from_client:
                    self.client = mail
                    way = [*way, self.context.id]
                if len(way) == 1 and way[0] == self.context.id and not mail.from_client:
                    return await self.context.reply(self.client, "round", mail.sender)
                await self.context.send(way[0], "pass", json.dumps(way[1:] or way))

        async def main():
            async with self.hosting({"chain": Chain}) as (_, client), self.hosting({"chain": Chain}):
                names = [f"chain/{i}" for i in range(12)]
                letter = await self.ask(client, "chain/first", "go", json.dumps(names))
                self.assertEqual((letter.topic, letter.body), ("round", b"chain/11"))

        self.run_async(main)

    def test_nobody_writes_in_the_name_of_an_agent_that_he_does_not_host(self):
        async def main():
            async with self.hosting({"clerk": Clerk}) as (_, client):
                for sender in ("librarian/1", "clerk/1", "client/1"):
                    forged = wire.AgentMessage(agent_on("a"), sender, 9, "hello")
                    await asyncio.wrap_future(client._session.write(forged, "a"))
                    letter = await client.receive(LIMIT_S)
                    self.assertEqual((letter.sender, letter.reply, letter.topic), (agent_on("a"), 9, "error"))
                    self.assertIn(b"unauthorized", letter.body)
                count, _, _ = json.loads((await self.ask(client, agent_on("a"), "hello")).body)
                self.assertEqual(count, 1)

        self.run_async(main)


class Work(HostTest):
    def test_an_agent_submits_tasks_and_remembers(self):
        class Archivist(troupe.Agent):
            async def on_message(self, mail):
                text = mail.body.decode()
                embedding = await self.context.encode(text, model="tiny")
                if mail.topic == "keep":
                    await self.context.remember(len(text), embedding.vector)
                elif mail.topic == "forget":
                    await self.context.forget(len(text))
                elif mail.topic == "forget all":
                    await self.context.forget()
                hits = await self.context.recall(self.context.id, embedding.vector)
                await self.context.reply(mail, "found", json.dumps([hit.document for hit in hits.hits]))

        async def main():
            async with self.hosting({"archivist": Archivist}) as (_, client):
                for node in "ab":
                    to = agent_on(node, "archivist")
                    self.assertEqual((await self.ask(client, to, "keep", "a")).body, b"[1]")
                    self.assertEqual((await self.ask(client, to, "keep", "the sea")).body, b"[7, 1]")
                    self.assertEqual((await self.ask(client, to, "ask", "a")).body, b"[1, 7]")
                    vector = (await client.encode("a", model="tiny")).vector
                    hits = await client.recall(to, vector)
                    self.assertAlmostEqual(hits.hits[0].score, 1, places=5)
                    self.assertEqual((await self.ask(client, to, "forget", "a")).body, b"[7]")
                    self.assertEqual((await self.ask(client, to, "forget all", "a")).body, b"[]")

        self.run_async(main)

    def test_a_plain_handler_may_block_and_the_others_go_on(self):
        gate = threading.Event()
        self.addCleanup(gate.set)

        class Blocking(troupe.Agent):
            def on_message(self, mail):
                if mail.topic == "block":
                    assert gate.wait(LIMIT_S)
                vector = self.context.wait(self.context.encode("x", model="tiny")).vector
                on_loop = threading.current_thread() is main_thread
                self.context.wait(self.context.reply(mail, mail.topic, json.dumps([len(vector), on_loop])))

        class Wrong(troupe.Agent):
            async def on_message(self, mail):
                self.context.wait(self.context.reply(mail, "never"))

        main_thread = threading.current_thread()

        async def main():
            async with self.hosting({"blocking": Blocking, "clerk": Clerk, "wrong": Wrong}) as (_, client):
                await client.send("blocking/1", "block", reply=1000)
                self.assertEqual((await self.ask(client, "clerk/1", "hello")).topic, "hello")
                self.assertEqual((await self.ask(client, "blocking/2", "go")).body, b"[32, false]")
                gate.set()
                self.assertEqual((await client.receive(LIMIT_S)).reply, 1000)
                why = await self.refused(client, "wrong/1", "x", troupe.HandlerFailed)
                self.assertIn("await it instead", why.message)

        self.run_async(main)

    def test_handlers_of_one_agent_run_one_at_a_time_in_order_and_those_of_two_together(self):
        running, met, seen = set(), set(), []

        class Slow(troupe.Agent):
            async def on_message(self, mail):
                self_id = self.context.id
                assert self_id not in running, "two at a time"
                running.add(self_id)
                if mail.topic == "meet":
                    met.add(self_id)
                    while len(met) < 2:
                        await asyncio.sleep(0.001)
                for _ in range(3):
                    await asyncio.sleep(0)
                seen.append(mail.reply)
                running.remove(self_id)
                await self.context.reply(mail, "done")

        async def main():
            async with self.hosting({"slow": Slow}) as (_, client):
                for number in range(30):
                    await client.send("slow/1", "go", reply=number)
                letters = [await client.receive(LIMIT_S) for _ in range(30)]
                self.assertEqual([letter.topic for letter in letters], ["done"] * 30)
                self.assertEqual(seen, list(range(30)))
                for to in ("slow/1", "slow/2"):
                    await client.send(to, "meet")
                for _ in range(2):
                    self.assertEqual((await client.receive(LIMIT_S)).topic, "done")

        self.run_async(main)

    def test_timers_and_stopping(self):
        told = []

        class Brief(troupe.Agent):
            async def on_start(self):
                told.append("start")

            async def on_message(self, mail):
                told.append(mail.topic)
                self.mail = mail
                if mail.topic == "soon":
                    self.first = self.context.after(0.0)
                    self.second = self.context.after(0.02)
                if mail.topic == "stop":
                    self.context.after(0.0)  # of a life that ends
                    self.context.stop()
                    await self.context.reply(mail, "stopping")

            async def on_timer(self, timer):
                told.append({self.first: "first", self.second: "second"}[timer])
                if timer == self.second:
                    await self.context.reply(self.mail, "timer")

            async def on_stop(self):
                told.append("end")

        async def main():
            async with self.hosting({"brief": Brief}) as (host, client):
                self.assertEqual((await self.ask(client, "brief/1", "soon")).topic, "timer")
                for _ in range(3):
                    self.assertEqual((await self.ask(client, "brief/1", "stop")).topic, "stopping")
                self.assertEqual((await self.ask(client, "brief/1", "soon")).topic, "timer")
            once = ["start", "stop", "end"]
            timers = ["soon", "first", "second"]
            self.assertEqual(told, ["start", *timers, "stop", "end", *once, *once, "start", *timers, "end"])

        self.run_async(main)


class Failures(HostTest):
    def test_a_handler_that_raises_costs_one_message_and_nobody_else(self):
        async def main():
            async with self.hosting({"clerk": Clerk}, restarts=SOON) as (_, client):
                await self.ask(client, "clerk/1", "hello")
                await self.ask(client, "clerk/2", "hello")
                # The second one is in the mailbox when the first one fails.
                await client.send("clerk/1", "fail", reply=1000)
                await client.send("clerk/1", "hello", reply=1001)
                letters = [await client.receive(LIMIT_S) for _ in range(2)]
                self.assertEqual([(letter.reply, letter.topic) for letter in letters],
                                 [(1000, "error"), (1001, "hello")])
                told = json.loads(letters[0].body)["error"]
                self.assertEqual((told["code"], told["what"]),
                                 ("handler_failed", "clerk/1 failed: ValueError: as asked"))
                self.assertEqual(json.loads(letters[1].body)[0], 1)  # a new object
                self.assertEqual(json.loads((await self.ask(client, "clerk/2", "hello")).body)[0], 2)

        self.run_async(main)

    def test_one_that_fails_too_often_stays_down_and_says_so(self):
        async def main():
            async with self.hosting({"clerk": Clerk}, restarts=SOON) as (_, client):
                for _ in range(4):
                    why = await self.refused(client, "clerk/1", "fail", troupe.HandlerFailed)
                    self.assertIn("as asked", why.message)
                for topic in ("fail", "hello"):
                    why = await self.refused(client, "clerk/1", topic, troupe.HandlerFailed)
                    self.assertIn("stays down", why.message)
                self.assertEqual((await self.ask(client, "clerk/2", "hello")).topic, "hello")

        self.run_async(main)

    def test_one_whose_making_or_start_fails_is_restarted_and_has_its_mail(self):
        attempts = []

        class Late(Clerk):
            def __init__(self):
                super().__init__()
                attempts.append("make")
                if len(attempts) == 1:
                    raise RuntimeError("not yet")

            async def on_start(self):
                attempts.append("start")
                if len(attempts) < 4:
                    raise asyncio.CancelledError()  # of something that it waited for

        async def main():
            async with self.hosting({"late": Late}, restarts=SOON) as (_, client):
                self.assertEqual(json.loads((await self.ask(client, "late/1", "hello")).body)[0], 1)
            self.assertEqual(attempts, ["make", "make", "start", "make", "start"])

        self.run_async(main)

    def test_mailboxes_have_an_end(self):
        gate, entered = asyncio.Event(), asyncio.Event()

        class Waiting(troupe.Agent):
            async def on_message(self, mail):
                entered.set()
                await gate.wait()
                await self.context.reply(mail, "done")

        async def main():
            one, two = agent_on("a", "waiting"), agent_on("a", "waiting", other_than=(agent_on("a", "waiting"),))
            limits = {"mailbox_max": 3, "mails_max": 6, "agents_max": 2}
            async with self.hosting({"waiting": Waiting}, **limits) as (_, client):
                # One is in its handler and three wait: the fifth is refused. Two of another agent fill the
                # host; the third is refused, and so is one for a third agent. One after the other, for
                # a mail that is to be refused counts until it is.
                for numbers, to, refused in ((range(5), one, 4), (range(5, 8), two, 7)):
                    for number in numbers:
                        await client.send(to, "x", reply=number)
                        await entered.wait()  # after the first one of each
                    entered.clear()
                    self.assertEqual((await client.receive(LIMIT_S)).reply, refused)
                gate.set()
                done = [await client.receive(LIMIT_S) for _ in range(6)]
                self.assertEqual({letter.topic for letter in done}, {"done"})
                self.assertEqual(sorted(letter.reply for letter in done), [0, 1, 2, 3, 5, 6])
                why = await self.refused(client, "waiting/third", "x", troupe.QueueFull)
                self.assertIn("limit of 2 agents", why.message)
                self.assertEqual((await self.ask(client, two, "x")).topic, "done")

        self.run_async(main)

    def test_a_host_that_stops_ends_its_agents_and_refuses_what_is_left(self):
        entered, ended = asyncio.Event(), []

        class Ending(troupe.Agent):
            async def on_message(self, mail):
                if mail.topic == "long":
                    entered.set()
                    while not host.closing:
                        await asyncio.sleep(0.001)
                await self.context.reply(mail, "answered")

            async def on_stop(self):
                ended.append(self.context.id)
                if self.context.id == "ending/2":
                    raise RuntimeError("nobody minds")

        async def main():
            nonlocal host
            async with self.hosting({"ending": Ending}) as (host, client):
                await self.ask(client, "ending/2", "hello")
                await client.send("ending/1", "long", reply=1000)
                await client.send("ending/1", "never", reply=1001)
                await entered.wait()
                # Its second letter is in the host when the first one's handler still runs.
                await self.ask(client, "ending/2", "hello")
                await host.stop()
                letters = {letter.reply: letter for letter in [await client.receive(LIMIT_S) for _ in range(2)]}
                self.assertEqual(letters[1000].topic, "answered")
                self.assertIn(b"draining", letters[1001].body)
                self.assertEqual(sorted(ended), ["ending/1", "ending/2"])
                why = await self.refused(client, "ending/1", "hello", troupe.NotFound)
                self.assertIn("start the process that hosts them", why.next_step)

        host = None
        self.run_async(main)

    def test_types_that_nodes_do_not_let_be_hosted(self):
        for kind in ("client", "", "a/b", "two words"):
            with self.assertRaises(troupe.InvalidArgument):
                troupe.AgentHost(self.file, {kind: Clerk})
        with self.assertRaises(troupe.InvalidArgument):
            troupe.AgentHost(self.file, {})
        with self.assertRaisesRegex(troupe.InvalidArgument, "makes the agents of type 'librarian'"):
            self.run_async(troupe.AgentHost(self.file, {"librarian": Clerk}).run)

        async def main():
            async with troupe.AgentHost(self.file, {"librarian": Clerk}) as host:
                with self.assertRaises(troupe.InvalidArgument):
                    await host.wait_attached(timeout=LIMIT_S)
                with self.assertRaises(troupe.NotFound):
                    await host.wait_attached("c")

        self.run_async(main)

    def test_two_processes_share_the_agents_of_a_type_and_the_one_that_is_left_has_them_all(self):
        def named(name):
            class Named(troupe.Agent):
                async def on_message(self, mail):
                    await self.context.reply(mail, name)
            return Named

        async def homes(client):
            return [(await self.ask(client, f"named/{i}", "who?")).topic for i in range(40)]

        async def main():
            async with self.hosting({"named": named("one")}) as (_, client):
                self.assertEqual(set(await homes(client)), {"one"})
                async with self.hosting({"named": named("two")}):
                    both = await homes(client)
                    self.assertEqual(set(both), {"one", "two"})
                    self.assertEqual(await homes(client), both)
                self.assertEqual(set(await homes(client)), {"one"})

        self.run_async(main)

    def test_a_node_that_is_started_anew_finds_its_hosted_agents_where_they_were(self):
        async def main():
            async with self.hosting({"clerk": Clerk}) as (host, client):
                to = agent_on("a")
                await self.ask(client, to, "hello")
                os.kill(self.node_processes()["a"], signal.SIGKILL)
                while host._attached["a"].is_set():
                    await asyncio.sleep(0.01)
                await host.wait_attached("a", LIMIT_S)
                async with self.client() as again:
                    self.assertEqual(json.loads((await self.ask(again, to, "hello")).body)[0], 2)

        self.run_async(main)

    def test_an_agent_whose_node_stays_away_answers_through_another(self):
        self.stop(self.up)
        self.write_config(extra=QUICK + '[agents]\nmove_after = "200ms"\n')
        self.up = self.start_up()
        self.file = troupe.read_cluster_file(self.config, self.environment)

        async def main():
            async with self.hosting({"clerk": Clerk}) as (host, client):
                to, away = agent_on("a"), self.node_processes()["a"]

                async def count():
                    return json.loads((await self.ask(client, to, "hello")).body)[0]

                self.assertEqual(await count(), 1)
                os.kill(away, signal.SIGSTOP)
                self.addCleanup(os.kill, away, signal.SIGCONT)
                while "a" in client._session._up or host._attached["a"].is_set():
                    await asyncio.sleep(0.01)
                self.assertEqual(await count(), 2)  # what it knew is its process's
                os.kill(away, signal.SIGCONT)
                await host.wait_attached("a", LIMIT_S)
                await client.wait_connected("a", LIMIT_S)
                self.assertEqual(await count(), 3)

        self.run_async(main)

    def test_a_killed_host_is_noticed_and_the_next_one_answers(self):
        program = ("import asyncio, sys, troupe\n"
                   "class Clerk(troupe.Agent):\n"
                   "    async def on_message(self, mail): await self.context.reply(mail, 'here')\n"
                   "async def main():\n"
                   "    async with troupe.AgentHost(sys.argv[1], {'clerk': Clerk}) as host:\n"
                   "        await host.wait_attached()\n"
                   "        print('attached', flush=True)\n"
                   "        await host.wait_ended()\n"
                   "asyncio.run(main())\n")

        def start():
            environment = {**self.environment, "PYTHONPATH": os.path.join(SOURCE, "clients", "python")}
            host = subprocess.Popen([sys.executable, "-c", program, self.config], env=environment,
                                    stdout=subprocess.PIPE, text=True)
            self.addCleanup(host.stdout.close)
            self.addCleanup(self.end, host)
            self.assertEqual(host.stdout.readline(), "attached\n")
            return host

        client = troupe.Client(self.file)
        self.addCleanup(client.close)

        def ask(to):
            client.send(to, "hello", timeout=LIMIT_S)
            return client.receive(LIMIT_S)

        for how in (signal.SIGKILL, signal.SIGTERM):
            host = start()
            for node in "ab":
                self.assertEqual(ask(agent_on(node)).topic, "here")
            host.send_signal(how)
            self.assertEqual(host.wait(LIMIT_S), -how if how == signal.SIGKILL else 0)
            for node in "ab":
                wait_until(lambda: client.status(node)["hosts"] == {}, "the host's end to be noticed")
                letter = ask(agent_on(node))
                self.assertEqual(letter.topic, "error")
                self.assertIn(b"no process hosts them", letter.body)


if __name__ == "__main__":
    unittest.main()
