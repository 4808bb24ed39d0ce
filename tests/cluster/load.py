"""A client that asks a cluster for tasks all the time, for tests that count what fails meanwhile."""

import os
import subprocess
import tempfile

from cluster import LIMIT_S, wait_until

ASKS = os.environ["TROUPE_ASKS"]


class Load:
    """A program that asks the cluster all the time, until it is told that this is enough."""

    def __init__(self, test):
        self.test = test
        handle, self.told = tempfile.mkstemp(prefix="told-", dir=test.folder.name)
        with open(handle, "w", encoding="utf-8") as told:
            self.asks = subprocess.Popen([ASKS, test.config, "0"], env=test.environment, text=True,
                                         stdin=subprocess.PIPE, stdout=told, stderr=subprocess.PIPE)
        test.addCleanup(self.asks.stdin.close)
        test.addCleanup(self.asks.stderr.close)
        test.addCleanup(test.end, self.asks)
        self.wait_more(200)

    def count(self):
        with open(self.told, encoding="utf-8") as told:
            return sum(1 for _ in told)

    def wait_more(self, tasks):
        wanted = self.count() + tasks
        wait_until(lambda: self.count() >= wanted or self.asks.poll() is not None, "more outcomes")
        self.test.assertIsNone(self.asks.poll())

    def finish(self):
        """Every task had its one outcome, and none of them is a failure."""
        _, complaints = self.asks.communicate(timeout=LIMIT_S)
        self.test.assertEqual((self.asks.returncode, complaints), (0, ""))
        with open(self.told, encoding="utf-8") as told:
            numbers = sorted(int(line) for line in told)
        self.test.assertEqual(numbers, list(range(1, len(numbers) + 1)))
