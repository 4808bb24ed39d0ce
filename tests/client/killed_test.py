"""A program that asks a cluster is killed, starts again and asks again under the same ids."""

import os
import signal
import subprocess
import sys
import unittest

SOURCE = os.environ["TROUPE_SOURCE_DIR"]
ASKS = os.environ["TROUPE_ASKS"]
sys.path.insert(0, os.path.join(SOURCE, "tests", "cluster"))

from cluster import LIMIT_S, ClusterTest, wait_until  # noqa: E402

COUNT = 30_000  # more lines than are read and a pipe holds: who is killed was not done yet
LIVES = 5  # that are killed


class Killed(ClusterTest):
    def start(self):
        asks = subprocess.Popen([ASKS, self.config, str(COUNT)], env=self.environment, text=True,
                                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.addCleanup(self.end, asks)
        self.addCleanup(asks.stdout.close)
        self.addCleanup(asks.stderr.close)
        return asks

    def lanes(self):
        status = self.json_of("status", self.config)
        return [lane for node in status["nodes"] for lane in node["lanes"].values()]

    def test_no_task_is_lost_and_none_is_told_twice(self):
        up = self.start_up()
        for life in range(1, LIVES + 1):
            asks = self.start()
            # In the middle of it: some outcomes told, some tasks out, the rest not yet asked for.
            told = [asks.stdout.readline().strip() for _ in range(life * COUNT // 40)]
            self.assertNotIn("", told)
            self.assertIsNone(asks.poll())
            asks.send_signal(signal.SIGKILL)
            asks.wait(LIMIT_S)
        asks = self.start()
        told, complaints = asks.communicate(timeout=LIMIT_S)
        self.assertEqual((asks.returncode, complaints), (0, ""))
        self.assertEqual(sorted(int(line) for line in told.split()), list(range(1, COUNT + 1)))

        # Of those who were killed nothing stays behind, and each task that a node took had its end.
        wait_until(lambda: all(lane["queued"] == lane["launched"] == 0 for lane in self.lanes()), "rest")
        for lane in self.lanes():
            self.assertEqual(lane["accepted"], lane["completed"] + sum(lane["failed"].values()), lane)
        self.assertEqual(self.stop(up), 0, self.read_log())


if __name__ == "__main__":
    unittest.main()
