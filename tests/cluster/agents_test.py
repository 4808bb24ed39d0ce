"""Which agents live where, asked of a cluster of real processes: before mail, after it, and of a node
that is down."""

import json
import os
import subprocess
import unittest

from cluster import ClusterTest, wait_until

WRITES = os.environ["TROUPE_WRITES"]
AGENTS = [f"librarian/{number}" for number in range(6)]


class Agents(ClusterTest):
    def documents(self):
        return sum(agent["documents"] for agent in self.json_of("agents", "ls", self.config)["agents"])

    def write(self, *agents):
        """A text for each to remember; they live until the cluster ends."""
        text = json.dumps({"document": 7, "model": "tiny", "text": "a fast text editor"})
        writer = subprocess.Popen([WRITES, self.config, "shelve", text, *agents], env=self.environment,
                                  stdin=subprocess.PIPE)
        self.addCleanup(self.end, writer)
        self.addCleanup(writer.stdin.close)
        wait_until(lambda: self.documents() >= len(agents), "the agents")

    def test_agents_are_seen_before_and_after_they_are_written_to(self):
        up = self.start_up()
        none = self.json_of("agents", "ls", self.config)
        self.assertEqual(none, {"agents": [], "all": 0, "more": 0, "silent": []})
        before = self.json_of("agents", "show", AGENTS[0], self.config)
        self.assertFalse(before["active"])
        self.assertIn("is not active; the next message makes it on node "
                      f"'{before['home']}'", self.troupe("agents", "show", AGENTS[0], self.config).stdout)

        self.write(*AGENTS)
        after = self.json_of("agents", "ls", self.config)
        self.assertEqual([agent["agent"] for agent in after["agents"]], AGENTS)
        homes = {agent["agent"]: agent["node"] for agent in after["agents"]}
        self.assertEqual(set(homes.values()), {"a", "b"})
        self.assertEqual(homes[AGENTS[0]], before["home"])
        for agent in after["agents"]:
            self.assertEqual((agent["state"], agent["mail"], agent["restarts"], agent["documents"]),
                             ("running", 0, 0, 1))

        shown = self.json_of("agents", "show", AGENTS[0], self.config)
        self.assertTrue(shown["active"])
        active = [node["node"] for node in shown["nodes"] if node["active"]]
        self.assertEqual(active, [before["home"]])
        told = self.troupe("agents", "show", AGENTS[0], self.config).stdout
        self.assertIn(f"{AGENTS[0]}  on {before['home']}  running", told)

        some = self.json_of("agents", "ls", self.config, "--limit", "2")
        self.assertEqual([agent["agent"] for agent in some["agents"]], AGENTS[:2])
        self.assertEqual((some["all"], some["more"]), (6, 4))
        self.assertIn("and 4 more", self.troupe("agents", "ls", self.config, "--limit", "2").stdout)
        of_b = self.json_of("agents", "ls", self.config, "--node", "b")
        self.assertEqual({agent["node"] for agent in of_b["agents"]}, {"b"})
        self.assertEqual(self.json_of("agents", "ls", self.config, "--type", "reader")["all"], 0)

        wrong = self.json_of("agents", "show", "nobody", self.config, exit_code=2)
        self.assertEqual(wrong["error"]["code"], "invalid_argument")
        stranger = self.troupe("agents", "show", "stranger/1", self.config)
        self.assertIn("no node that answers has a module for its type", stranger.stdout)
        self.assertEqual(self.stop(up), 0, self.read_log())

    def test_a_node_that_is_down_is_named(self):
        up = self.start_up()
        self.write(*AGENTS)
        on_a = [agent["agent"] for agent in self.json_of("agents", "ls", self.config, "--node", "a")["agents"]]
        # Ended in order, so that nobody starts it again.
        self.json_of("drain", "b", self.config, exit_code=0)
        victim = self.children(up)[1]
        os.kill(victim, 15)
        wait_until(lambda: victim not in self.children(up), "the node's end")
        rest = self.json_of("agents", "ls", self.config, exit_code=3)
        self.assertEqual(rest["silent"], ["b"])
        self.assertEqual([agent["agent"] for agent in rest["agents"]], on_a)
        self.assertIn("node 'b' does not answer", self.troupe("agents", "ls", self.config).stdout)
        self.assertEqual(self.json_of("agents", "show", on_a[0], self.config)["silent"], ["b"])


if __name__ == "__main__":
    unittest.main()
