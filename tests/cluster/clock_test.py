"""The wall clock of a real cluster and its client steps by days, and nothing but the log's stamps changes.

The machine's clock belongs to others, too, so a library in front of the C library's (clock_shim.cpp) steps it for
the processes of this test alone. Whoever computed a moment to wait for from the wall clock would wait for a day.
"""

import datetime
import json
import mmap
import os
import struct
import time
import unittest

from cluster import LIMIT_S, ClusterTest
from load import Load

SHIM = os.environ["TROUPE_CLOCK_SHIM"]
DAY_S = 24 * 60 * 60
HEARTBEATS = 'heartbeat_interval = "200ms"\nheartbeats_missed_max = 5\n'
LEASE_S = 1


class Clock(ClusterTest):
    def setUp(self):
        super().setUp()
        path = os.path.join(self.folder.name, "offset")
        with open(path, "wb") as file:
            file.write(bytes(8))
        file = open(path, "r+b")
        self.addCleanup(file.close)
        self.offset = mmap.mmap(file.fileno(), 8)
        self.addCleanup(self.offset.close)
        self.environment.update(LD_PRELOAD=SHIM, TROUPE_CLOCK_OFFSET=path)

    def step_to(self, seconds):
        self.offset[:] = struct.pack("=q", seconds)

    def nodes(self):
        return {node["node"]: node for node in self.json_of("status", self.config)["nodes"]}

    def logged(self, message):
        """The lines of the nodes' log that say so."""
        lines = [json.loads(line) for line in self.read_log().splitlines() if line.startswith("{")]
        return [line for line in lines if line.get("msg") == message]

    def ahead(self):
        """How far the stamp of the newest line about a node that drains is ahead of our own clock, in seconds."""
        lines = self.logged("draining: no new tasks are taken")
        self.assertTrue(lines, self.read_log())
        stamp = datetime.datetime.fromisoformat(lines[-1]["ts"].replace("Z", "+00:00"))
        return (stamp - datetime.datetime.now(datetime.timezone.utc)).total_seconds()

    def test_a_step_of_the_wall_clock_changes_nothing_for_tasks_under_way(self):
        self.write_config(extra=HEARTBEATS)
        up = self.start_up("--set", "log.format=json")
        before = self.nodes()
        processes = self.children(up)
        load = Load(self)
        for days in (1, 0, -1, 0):
            self.step_to(days * DAY_S)
            enough = time.monotonic() + 3 * LEASE_S
            while time.monotonic() < enough:
                load.wait_more(100)
            self.json_of("drain", "b", self.config)
            self.json_of("undrain", "b", self.config)
            self.assertAlmostEqual(self.ahead(), days * DAY_S, delta=2 * LIMIT_S)
            self.json_of("submit", "a text", "--config", self.config, "--node", "b", "--time-limit", "20s")
            for name, node in self.nodes().items():
                self.assertEqual(node["epoch"], before[name]["epoch"])
                self.assertTrue(all(node["peers_up"].values()), node)
        load.wait_more(100)
        load.finish()
        lost = [line for line in self.logged("a peer is down") if line["peer"] in before]
        self.assertEqual(lost, [])
        self.assertEqual(self.children(up), processes)
        self.assertEqual(self.stop(up), 0, self.read_log())


if __name__ == "__main__":
    unittest.main()
