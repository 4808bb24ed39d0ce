"""Nodes of a real cluster taken out of service and back in, under load, without a task that fails."""

import http.client
import json
import os
import signal
import subprocess
import threading
import unittest

from cluster import LIMIT_S, PROGRAM, TINY_MODEL, ClusterTest, free_ports, is_alive, wait_until
from load import Load

NODES = "abc"


class HttpLoad:
    """Embeds over HTTP all the time, on whichever node takes it; one that drains says so with 503."""

    def __init__(self, ports):
        self.ports = ports
        self.done = 0
        self.turned_away = 0
        self.wrong = []
        self.enough = threading.Event()
        self.thread = threading.Thread(target=self.run)
        self.thread.start()

    def run(self):
        body = json.dumps({"model": "tiny", "input": ["some text"] * 4})
        turn = 0
        while not self.enough.is_set():
            turn += 1
            connection = http.client.HTTPConnection("127.0.0.1", self.ports[turn % 3], timeout=LIMIT_S)
            try:
                connection.request("POST", "/v1/embeddings", body)
                answer = connection.getresponse()
                text = answer.read().decode()
            except ConnectionRefusedError:
                continue  # it is being started anew: a balancer would not ask it
            except (ConnectionResetError, BrokenPipeError, http.client.HTTPException) as broken:
                # Closed before anything was answered is a node that went while we connected.
                if not isinstance(broken, (http.client.RemoteDisconnected, ConnectionResetError,
                                           BrokenPipeError)):
                    self.wrong.append(repr(broken))
                continue
            finally:
                connection.close()
            if answer.status == 200:
                self.done += 1
            elif answer.status == 503 and "going away" in text:
                self.turned_away += 1
            else:
                self.wrong.append((answer.status, text))


class Rolling(ClusterTest):
    def write_config(self, extra="", **_):
        self.ports = free_ports(9)
        text = '[cluster]\nname = "test"\n'
        for i, name in enumerate(NODES):
            urgent, ordinary, web = self.ports[3 * i:3 * i + 3]
            text += (f'[node.{name}]\nhost = "127.0.0.1"\nurgent_port = {urgent}\n'
                     f'ordinary_port = {ordinary}\ndevices = ["cpu"]\nhttp = "127.0.0.1:{web}"\n')
        text += f"[model.tiny]\nfolder = {json.dumps(TINY_MODEL)}\n" + extra
        with open(self.config, "w", encoding="utf-8") as file:
            file.write(text)

    def statuses(self):
        return {node["node"]: node for node in self.json_of("status", self.config)["nodes"]}

    def status(self, name):
        return self.statuses()[name]

    def wait_linked(self):
        wait_until(lambda: all(all(node["peers_up"].values()) for node in self.statuses().values()),
                   "the links")

    def accepted(self, name):
        return sum(lane["accepted"] for lane in self.status(name)["lanes"].values())

    def readiness(self, name):
        connection = http.client.HTTPConnection("127.0.0.1", self.ports[3 * NODES.index(name) + 2],
                                                timeout=LIMIT_S)
        self.addCleanup(connection.close)
        connection.request("GET", "/v2/health/ready")
        answer = connection.getresponse()
        return answer.status, answer.read().decode()

    def test_a_rolling_restart_under_load_fails_no_task(self):
        up = self.start_up()
        self.wait_linked()
        before = {name: node["epoch"] for name, node in self.statuses().items()}
        processes = self.children(up)
        load = Load(self)
        web = HttpLoad(self.ports[2::3])
        self.addCleanup(web.enough.set)
        wait_until(lambda: web.done > 3 or web.wrong, "answers over HTTP")
        done = self.json_of("restart", "--rolling", self.config)
        load.wait_more(500)  # with all of them back
        web.enough.set()
        web.thread.join(LIMIT_S)
        load.finish()
        self.assertEqual(web.wrong, [])
        self.assertEqual([one["node"] for one in done["restarted"]], list(NODES))
        for one in done["restarted"]:
            self.assertEqual(one["epoch_before"], before[one["node"]])
            self.assertNotEqual(one["epoch"], before[one["node"]])
        after = self.statuses()
        for one in done["restarted"]:
            node = after[one["node"]]
            self.assertEqual(node["epoch"], one["epoch"])
            self.assertTrue(node["ready"] and not node["draining"])
            self.assertTrue(all(node["peers_up"].values()))
        self.assertEqual(set(processes) & set(self.children(up)), set())
        self.assertFalse(any(is_alive(pid) for pid in processes))
        self.assertEqual(self.stop(up), 0, self.read_log())

    def test_a_drained_node_is_empty_takes_nothing_and_comes_back(self):
        up = self.start_up()
        self.wait_linked()
        load = Load(self)
        drained = self.json_of("drain", "b", self.config)
        self.assertEqual((drained["node"], drained["draining"], drained["empty"]), ("b", True, True))
        self.assertEqual([drained["left"][what] for what in ("tasks", "agents", "requests")], [0, 0, 0])
        node = self.status("b")
        self.assertEqual((node["ready"], node["draining"]), (False, True))
        for lane in node["lanes"].values():
            self.assertEqual((lane["queued"], lane["launched"]), (0, 0))
            self.assertEqual(lane["accepted"], lane["completed"] + sum(lane["failed"].values()))
        code, text = self.readiness("b")
        self.assertEqual(code, 503)
        self.assertIn("taken out of service", text)
        self.assertIn("DRAINING, nothing left", self.troupe("status", self.config).stdout)

        # Nothing is taken any more, from the load or from somebody who asks for that node.
        accepted = self.accepted("b")
        load.wait_more(1000)
        asked = self.json_of("submit", "hello", "--config", self.config, "--node", "b")
        self.assertEqual(len(asked["vector"]), 32)
        self.assertEqual(self.accepted("b"), accepted)
        self.assertGreater(self.status("b")["left"]["sent_elsewhere"], 0)

        # A second time is no mistake.
        again = self.json_of("drain", "b", self.config)
        self.assertTrue(again["empty"])
        self.assertEqual(again["epoch"], drained["epoch"])

        back = self.json_of("undrain", "b", self.config)
        self.assertEqual((back["node"], back["draining"]), ("b", False))
        self.assertEqual(self.readiness("b")[0], 200)
        wait_until(lambda: self.accepted("b") > accepted, "tasks for the node that is back")
        self.assertEqual(self.json_of("drain", "b", self.config, "--undo")["draining"], False)
        load.finish()
        self.assertEqual(self.status("b")["epoch"], drained["epoch"])
        self.assertEqual(self.stop(up), 0, self.read_log())

    def test_down_ends_a_cluster_from_elsewhere(self):
        up = self.start_up()
        nodes = self.children(up)
        down = self.json_of("down", self.config)
        self.assertEqual(down["nodes"],
                         [{"node": name, "drained": True, "stopped": True} for name in NODES])
        self.assertEqual(up.wait(LIMIT_S), 0, self.read_log())
        self.assertFalse(any(is_alive(pid) for pid in nodes))
        gone = self.json_of("down", self.config, exit_code=3)
        self.assertEqual(gone["error"]["code"], "unreachable")
        self.assertIn("'test'", gone["error"]["what"])

    def test_one_node_alone_is_restarted(self):
        up = self.start_up()
        self.wait_linked()
        before = self.statuses()
        done = self.json_of("restart", "c", "--config", self.config)["restarted"]
        self.assertEqual([one["node"] for one in done], ["c"])
        after = self.statuses()
        self.assertEqual(after["a"]["epoch"], before["a"]["epoch"])
        self.assertNotEqual(after["c"]["epoch"], before["c"]["epoch"])
        told = self.troupe("restart", "c", self.config)
        self.assertEqual(told.returncode, 0, told.stderr)
        self.assertIn("back after", told.stdout)
        self.assertEqual(self.stop(up), 0, self.read_log())

    def test_nodes_that_were_started_one_by_one(self):
        node = self.start_node("a")
        other = self.start_node("b")
        # Nobody starts it again: it ends with the code that asks for it, and that is told.
        lost = self.json_of("restart", "a", "--config", self.config, "--set", "up.start_timeout=1s",
                            "--set", "up.stop_timeout=1s", exit_code=3)
        self.assertIn("'a' was asked to start anew and has not come back", lost["error"]["what"])
        self.assertIn("exit code 5", lost["error"]["next_step"])
        self.assertEqual(node.wait(LIMIT_S), 5)
        # A cluster with a hole is not restarted node by node.
        refused = self.json_of("restart", "--rolling", "--config", self.config, exit_code=3)
        self.assertIn("nothing was restarted", refused["error"]["what"])
        self.assertIsNone(other.poll())
        # Those that are there are ended, and of the others it is told.
        down = self.json_of("down", self.config, exit_code=3)["nodes"]
        self.assertEqual([one["stopped"] for one in down], [False, True, False])
        self.assertEqual([one.get("error", {}).get("code") for one in down],
                         ["unreachable", None, "unreachable"])
        self.assertEqual(other.wait(LIMIT_S), 0)

    def test_nodes_that_are_not_there(self):
        unknown = self.json_of("drain", "nobody", self.config, exit_code=2)
        self.assertIn("nobody", unknown["error"]["what"])
        for words in (("drain", "a"), ("undrain", "a"), ("restart", "a")):
            absent = self.json_of(*words, self.config, exit_code=3)
            self.assertEqual(absent["error"]["code"], "unreachable")
        self.json_of("restart", "--rolling", "a", self.config, exit_code=2)
        self.json_of("restart", exit_code=2)
        self.json_of("drain", "a", self.config, "--timeout", "soon", exit_code=2)

    def test_a_drain_that_takes_too_long_is_told_and_goes_on(self):
        """Requests over HTTP that take a while together, and a drain that does not wait for them."""
        up = self.start_up()
        body = json.dumps({"model": "tiny", "input": ["some long text " * 100] * 1000})
        connections = []
        for _ in range(8):  # several times what it takes to ask for the status and for the drain
            connections.append(http.client.HTTPConnection("127.0.0.1", self.ports[2], timeout=4 * LIMIT_S))
            self.addCleanup(connections[-1].close)
            connections[-1].request("POST", "/v1/embeddings", body)
        busy = lambda: any(lane["queued"] or lane["launched"] for lane in self.status("a")["lanes"].values())
        wait_until(busy, "the request's tasks")
        late = self.json_of("drain", "a", self.config, "--timeout", "0s", exit_code=4)
        self.assertIn("requests over HTTP left", late["error"]["what"])
        self.assertIn("troupe undrain a", late["error"]["next_step"])
        self.assertTrue(self.status("a")["draining"])
        # A request that it had not read to its end by then is refused.
        statuses = {connection.getresponse().status for connection in connections}
        self.assertLessEqual({200}, statuses)
        self.assertLessEqual(statuses, {200, 503})
        self.assertTrue(self.json_of("drain", "a", self.config)["empty"])
        self.assertEqual(self.stop(up), 0, self.read_log())

    def test_a_node_that_is_asked_to_end_by_a_signal_stays_ended_and_a_dead_one_does_not(self):
        up = self.start_up()
        os.kill(self.children(up)[1], signal.SIGTERM)
        wait_until(lambda: "stays ended" in self.read_log(), "the word of it")
        victim = self.children(up)[0]
        os.kill(victim, signal.SIGKILL)
        wait_until(lambda: len(self.children(up)) == 2 and victim not in self.children(up), "its return")
        self.assertEqual(self.troupe("status", self.config, "--node", "b").returncode, 3)
        self.assertEqual(self.stop(up), 0, self.read_log())


if __name__ == "__main__":
    unittest.main()
