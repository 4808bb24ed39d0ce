"""The shell around a Python agent, alone: its restarts, its timers, its turns, without a cluster."""

import asyncio
import concurrent.futures
import logging
import os
import sys
import unittest

SOURCE = os.environ["TROUPE_SOURCE_DIR"]
sys.path.insert(0, os.path.join(SOURCE, "clients", "python"))

import troupe
from troupe._shell import RestartBudget, Shell

LIMIT_S = 60


class FakeHouse:
    """Stands for the host: keeps what became of each mail."""

    session = None

    def __init__(self):
        self.loop = asyncio.get_running_loop()
        self.closing = False
        self.threads = concurrent.futures.ThreadPoolExecutor(1)
        self.answers = []
        self.gone = []
        self.changed = asyncio.Event()

    def answered(self, id, mail, error):
        self.answers.append((id, mail.topic, error and error.code))
        self.changed.set()

    def left(self, shell):
        self.gone.append(shell.id)
        self.changed.set()

    async def wait_for(self, condition):
        while not condition():
            self.changed.clear()
            await self.changed.wait()


class Shells(unittest.TestCase):
    def setUp(self):
        logging.getLogger("troupe").setLevel(logging.CRITICAL)

    def run_async(self, main):
        asyncio.run(asyncio.wait_for(main(), LIMIT_S))

    def test_a_full_mailbox_is_not_the_others_wait(self):
        class Quick(troupe.Agent):
            async def on_message(self, mail):
                pass  # never gives the loop away

        async def main():
            house = FakeHouse()
            busy, other = (Shell(id, Quick, house, troupe.Restarts()) for id in ("quick/busy", "quick/other"))
            for _ in range(200):
                busy.put(troupe.Mail("reader/1", "x", b""))
            other.put(troupe.Mail("reader/1", "x", b""))
            await house.wait_for(lambda: len(house.answers) == 201)
            turn = [id for id, _, _ in house.answers].index("quick/other")
            self.assertLess(turn, 10)

        self.run_async(main)

    def test_one_that_stopped_is_forgotten_and_one_with_mail_goes_on(self):
        made = []

        class Brief(troupe.Agent):
            def __init__(self):
                made.append(self)

            async def on_message(self, mail):
                self.context.stop()

        async def main():
            house = FakeHouse()
            shell = Shell("brief/1", Brief, house, troupe.Restarts())
            for _ in range(3):
                shell.put(troupe.Mail("reader/1", "x", b""))
            await house.wait_for(lambda: house.gone)
            self.assertEqual((house.gone, len(house.answers), len(made)), (["brief/1"], 3, 3))

        self.run_async(main)

    def test_timers_of_a_life_before_mean_nothing_to_the_next(self):
        fired, entered, gate = [], asyncio.Event(), asyncio.Event()

        class Clock(troupe.Agent):
            async def on_message(self, mail):
                if mail.topic == "arm":
                    self.context.after(0.0)
                elif mail.topic == "fail":
                    entered.set()
                    await gate.wait()
                    raise ValueError("as asked")

            async def on_timer(self, timer):
                fired.append(timer)

        async def main():
            house = FakeHouse()
            shell = Shell("clock/1", Clock, house, troupe.Restarts(backoff_min=0.0))
            for topic in ("arm", "fail", "after"):
                shell.put(troupe.Mail("reader/1", topic, b""))
            await entered.wait()
            while len(shell._mailbox) < 2:  # the timer stands behind the mail that fails
                await asyncio.sleep(0)
            gate.set()
            shell.put(troupe.Mail("reader/1", "last", b""))
            await house.wait_for(lambda: len(house.answers) == 4)
            self.assertEqual(house.answers[1], ("clock/1", "fail", "handler_failed"))
            self.assertEqual(fired, [])

        self.run_async(main)

    def test_a_host_that_stops_does_not_wait_for_a_back_off(self):
        class Broken(troupe.Agent):
            async def on_message(self, mail):
                raise ValueError("as asked")

        async def main():
            house = FakeHouse()
            shell = Shell("broken/1", Broken, house, troupe.Restarts(backoff_min=3600.0, backoff_max=3600.0))
            for topic in ("first", "second"):
                shell.put(troupe.Mail("reader/1", topic, b""))
            runner = shell.runner
            await house.wait_for(lambda: house.answers)
            while not shell._backing_off:
                await asyncio.sleep(0)
            house.closing = True
            shell.hurry()
            await asyncio.wait({runner})
            await shell.end()
            self.assertEqual(house.answers, [("broken/1", "first", "handler_failed"),
                                             ("broken/1", "second", "draining")])

        self.run_async(main)


class Budget(unittest.TestCase):
    def test_it_is_the_nodes(self):
        """As tests/actors/restart_budget_test.cpp."""
        budget = RestartBudget(troupe.Restarts(4, 60.0, 0.01, 0.05))
        self.assertEqual([budget.crashed(now) for now in (1.0, 2.0, 3.0, 4.0)], [0.01, 0.02, 0.04, 0.05])
        self.assertIsNone(budget.crashed(59.0))
        self.assertEqual(budget.crashed(63.5), 0.02)
        self.assertIsNone(RestartBudget(troupe.Restarts(restarts_max=0)).crashed(0.0))


if __name__ == "__main__":
    unittest.main()
