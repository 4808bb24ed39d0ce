"""An urgent task at a node of a real cluster that stands still is answered by another one."""

import json
import os
import select
import signal
import subprocess
import unittest

from cluster import LIMIT_S, TINY_MODEL, ClusterTest, free_ports, is_alive

URGENT = os.environ["TROUPE_URGENT"]


class Hedging(ClusterTest):
    def write_config(self, hedge="true", **_):
        self.ports = free_ports(6)
        text = '[cluster]\nname = "test"\n'
        for name, (urgent, ordinary) in zip("abc", zip(self.ports[::2], self.ports[1::2])):
            text += (f'[node.{name}]\nhost = "127.0.0.1"\nurgent_port = {urgent}\n'
                     f'ordinary_port = {ordinary}\ndevices = ["cpu"]\n')
        text += f"[model.tiny]\nfolder = {json.dumps(TINY_MODEL)}\n"
        text += f"[delivery]\nhedge = {hedge}\n"
        # A node that stands still is not taken for lost while this test runs.
        text += f"[link]\nheartbeats_missed_max = {LIMIT_S + 30}\n"
        with open(self.config, "w", encoding="utf-8") as file:
            file.write(text)

    def line(self, program, limit):
        ready, _, _ = select.select([program.stdout], [], [], limit)
        return program.stdout.readline().decode().strip() if ready else None

    def ask(self):
        """The first words of an urgent task at `b`, which stands still; the program goes on."""
        program = subprocess.Popen(
            [URGENT, self.config, "b", "a"], env=self.environment, bufsize=0,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.addCleanup(program.stdin.close)
        self.addCleanup(program.stdout.close)
        self.addCleanup(self.end, program)
        self.assertEqual(self.line(program, LIMIT_S), "ready", self.read_log())
        still = self.node_processes()["b"]
        os.kill(still, signal.SIGSTOP)
        self.addCleanup(lambda: is_alive(still) and os.kill(still, signal.SIGCONT))
        program.stdin.write(b"\n")
        return program, still

    def test_a_task_at_a_node_that_stands_still_is_answered_by_another(self):
        up = self.start_up()
        program, still = self.ask()
        self.assertEqual(self.line(program, LIMIT_S), "answered", self.read_log())
        os.kill(still, signal.SIGCONT)
        program.stdin.write(b"\n")
        asked, came = self.line(program, LIMIT_S).split()
        self.assertEqual(asked, came)
        self.assertEqual(program.wait(LIMIT_S), 0)
        self.assertEqual(self.stop(up), 0, self.read_log())

    def test_without_hedging_it_waits_for_that_node(self):
        self.write_config(hedge="false")
        up = self.start_up()
        program, still = self.ask()
        self.assertIsNone(self.line(program, 3))
        os.kill(still, signal.SIGCONT)
        self.assertEqual(self.line(program, LIMIT_S), "answered", self.read_log())
        program.stdin.write(b"\n")
        asked, came = self.line(program, LIMIT_S).split()
        self.assertEqual(asked, came)
        self.assertEqual(self.stop(up), 0, self.read_log())


if __name__ == "__main__":
    unittest.main()
