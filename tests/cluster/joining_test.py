"""Nodes that join and leave a real cluster while it works, with no restart and no task that fails."""

import fcntl
import json
import os
import signal
import subprocess
import termios
import unittest

from cluster import LIMIT_S, PROGRAM, TINY_MODEL, ClusterTest, free_ports, is_alive, wait_until
from load import Load


class Joining(ClusterTest):
    def write_config(self, names="ab", **_):
        if len(self.ports) < 8:
            self.ports = free_ports(8)
        text = '[cluster]\nname = "test"\n'
        for name in names:
            urgent, ordinary = self.ports[2 * "abcd".index(name):][:2]
            text += (f'[node.{name}]\nhost = "127.0.0.1"\nurgent_port = {urgent}\n'
                     f'ordinary_port = {ordinary}\ndevices = ["cpu"]\n')
        text += f"[model.tiny]\nfolder = {json.dumps(TINY_MODEL)}\n"
        with open(self.config, "w", encoding="utf-8") as file:
            file.write(text)

    def statuses(self):
        return {node["node"]: node for node in self.json_of("status", self.config)["nodes"]}

    def wait_whole(self, names):
        """Every node knows exactly these, is linked to them, and takes them to live."""
        def whole():
            done = self.troupe("status", self.config, "--json")
            if done.returncode != 0:
                return False
            nodes = {node["node"]: node for node in json.loads(done.stdout)["nodes"]}
            return sorted(nodes) == sorted(names) and all(
                node["ready"] and node["nodes"] == sorted(names) and node["living"] == sorted(names)
                and node["peers_up"] == {name: True for name in names if name != node["node"]}
                for node in nodes.values())
        wait_until(whole, f"a cluster of {names}")

    def accepted(self, name):
        return sum(lane["accepted"] for lane in self.statuses()[name]["lanes"].values())

    def test_up_starts_and_ends_nodes_as_its_file_says_and_no_task_fails(self):
        up = self.start_up()
        self.wait_whole("ab")
        before = {name: node["epoch"] for name, node in self.statuses().items()}
        processes = self.node_processes()
        load = Load(self)

        self.write_config("abcd")
        up.send_signal(signal.SIGHUP)
        self.wait_whole("abcd")
        # One that knows the file as it is now sends tasks to the new ones, too.
        newcomer = Load(self)
        wait_until(lambda: self.accepted("c") > 0 and self.accepted("d") > 0, "tasks for new nodes")

        # One of the first and one of the new ones go. Both loads still know them, and ask elsewhere.
        gone = [self.node_processes()[name] for name in "bc"]
        self.write_config("ad")
        up.send_signal(signal.SIGHUP)
        self.wait_whole("ad")
        wait_until(lambda: not any(is_alive(pid) for pid in gone), "their end")
        load.wait_more(500)
        newcomer.wait_more(500)
        load.finish()
        newcomer.finish()
        after = self.statuses()
        self.assertEqual(after["a"]["epoch"], before["a"])
        self.assertEqual(self.node_processes()["a"], processes["a"])
        self.assertNotIn("was started anew", self.read_log())

        # One that is back is a node as before.
        self.write_config("abd")
        up.send_signal(signal.SIGHUP)
        self.wait_whole("abd")
        self.assertNotEqual(self.statuses()["b"]["epoch"], before["b"])
        self.assertEqual(self.stop(up), 0, self.read_log())
        self.assertEqual(self.node_processes(), {})

    def test_a_file_with_a_mistake_changes_nothing(self):
        up = self.start_up()
        self.wait_whole("ab")
        processes = self.node_processes()
        with open(self.config, encoding="utf-8") as file:
            text = file.read()
        with open(self.config, "w", encoding="utf-8") as file:
            file.write(text + "[node.c]\nhost = 7\n")
        up.send_signal(signal.SIGHUP)
        wait_until(lambda: "nothing changed" in self.read_log(), "the word of the mistake")
        self.assertIsNone(up.poll())
        self.assertEqual(self.node_processes(), processes)
        self.write_config("ab")
        self.wait_whole("ab")
        self.assertEqual(self.stop(up), 0, self.read_log())

    def test_a_terminal_that_is_closed_ends_the_cluster_in_order(self):
        ours, theirs = os.openpty()
        ready = os.path.join(self.folder.name, "ready")
        def with_terminal():
            os.setsid()
            fcntl.ioctl(theirs, termios.TIOCSCTTY, 0)
        up = subprocess.Popen([PROGRAM, "up", self.config, "--ready-file", ready], env=self.environment,
                              stdin=theirs, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                              preexec_fn=with_terminal)
        self.addCleanup(self.end, up)
        os.close(theirs)
        wait_until(lambda: os.path.exists(ready) or up.poll() is not None, "the cluster")
        self.assertIsNone(up.poll())
        nodes = self.node_processes()
        up.send_signal(signal.SIGHUP)  # while there is a terminal it means the file
        self.wait_whole("ab")
        self.assertEqual(self.node_processes(), nodes)
        os.close(ours)
        self.assertEqual(up.wait(LIMIT_S), 0)
        self.assertEqual(self.node_processes(), {})

    def test_nodes_that_were_started_one_by_one(self):
        nodes = {name: self.start_node(name) for name in "ab"}
        self.wait_whole("ab")
        self.write_config("abc")
        nodes["c"] = self.start_node("c")  # the others do not let it in yet
        self.assertEqual(self.statuses()["a"]["nodes"], ["a", "b"])
        told = {node["node"]: node for node in self.json_of("reload", self.config)["nodes"]}
        self.assertEqual(told["a"]["nodes"], {"joined": ["c"], "left": [], "moved": []})
        self.assertEqual(told["a"]["restart"], [])
        self.assertIn("node.c.urgent_port", told["a"]["applied"])
        self.assertEqual(told["c"]["nodes"], {"joined": [], "left": [], "moved": []})
        self.wait_whole("abc")

        # A node reads the file by itself, too, when a process manager says so.
        self.json_of("drain", "b", self.config)
        self.write_config("ac")
        for name in "ac":
            nodes[name].send_signal(signal.SIGHUP)
        self.wait_whole("ac")
        self.assertIn("nothing has changed", self.troupe("reload", self.config).stdout)
        # The one that was left out says that it is, and what to do.
        nodes["b"].send_signal(signal.SIGHUP)
        nodes["b"].send_signal(signal.SIGTERM)
        self.assertEqual(nodes["b"].wait(LIMIT_S), 0)

        # Another address: its own takes a restart, the others go there at once.
        nodes["c"].send_signal(signal.SIGTERM)
        self.assertEqual(nodes["c"].wait(LIMIT_S), 0)
        self.ports[4:6] = free_ports(2)
        self.write_config("ac")
        self.start_node("c")
        told = self.json_of("reload", self.config)["nodes"][0]
        self.assertEqual(told["nodes"], {"joined": [], "left": [], "moved": ["c"]})
        self.wait_whole("ac")


if __name__ == "__main__":
    unittest.main()
