"""Nodes in network namespaces of their own, with wires between them that a test cuts and narrows.

Each node and the client have a namespace; a hub routes between them, so that cutting one wire is
what a cut wire is: nobody is told, packets are gone. That takes root and a kernel with namespaces;
where they cannot be had, the tests say so and are skipped."""

import contextlib
import json
import os
import signal
import subprocess
import unittest

from cluster import LIMIT_S, PROGRAM, TINY_MODEL, ClusterTest, wait_until

ASKS = os.environ["TROUPE_ASKS"]
COUNT = 20_000
HEARTBEAT_S = 0.1


def ip(*words):
    done = subprocess.run(["ip", *words], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise OSError(f"ip {' '.join(words)}: {done.stderr.strip()}")


class Network:
    """A hub, and around it a namespace for each name: 10.99.N.2, behind the hub's wire of that name."""

    def __init__(self, names):
        self.prefix = f"troupe-{os.getpid()}-"
        self.names = list(names)
        self.made = []
        self.add("hub")
        try:
            for number, name in enumerate(self.names, 1):
                self.add(name)
                ip("link", "add", "wire", "netns", self.space(name), "type", "veth",
                   "peer", "name", name, "netns", self.space("hub"))
                self.inside("hub", "addr", "add", f"10.99.{number}.1/24", "dev", name)
                self.inside(name, "addr", "add", f"10.99.{number}.2/24", "dev", "wire")
                self.inside("hub", "link", "set", "dev", name, "up")
                for device in ("lo", "wire"):
                    self.inside(name, "link", "set", "dev", device, "up")
                self.inside(name, "route", "add", "default", "via", f"10.99.{number}.1")
            self.run("hub", "sh", "-c", "echo 1 > /proc/sys/net/ipv4/ip_forward")
        except OSError:
            self.close()
            raise

    def space(self, name):
        return self.prefix + name

    def add(self, name):
        ip("netns", "add", self.space(name))
        self.made.append(name)

    def inside(self, name, *words):
        ip("-n", self.space(name), *words)

    def run(self, name, *words):
        done = subprocess.run(self.command(name, *words), capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise OSError(f"{' '.join(words)}: {done.stderr.strip()}")
        return done.stdout

    def command(self, name, *words):
        return ["ip", "netns", "exec", self.space(name), *words]

    def address(self, name):
        return f"10.99.{self.names.index(name) + 1}.2"

    def cut(self, name):
        self.inside("hub", "link", "set", "dev", name, "down")

    def mend(self, name):
        self.inside("hub", "link", "set", "dev", name, "up")

    def narrow(self, name, rate):
        """Towards that namespace, with a queue as a switch has one."""
        self.run("hub", "tc", "qdisc", "add", "dev", name, "root", "tbf", "rate", rate, "burst",
                 "32kb", "limit", "300kb")

    def close(self):
        for name in self.made:
            with contextlib.suppress(OSError):
                ip("netns", "del", self.space(name))


def refusal():
    """Why there are no namespaces for us; empty where there are."""
    name = f"troupe-{os.getpid()}-probe"
    try:
        ip("netns", "add", name)
        ip("netns", "del", name)
    except OSError as refused:
        return str(refused)
    return ""


REFUSAL = refusal()


@unittest.skipIf(REFUSAL, "this machine has no network namespaces for us: " + REFUSAL)
class Wires(ClusterTest):
    def setUp(self):
        super().setUp()
        self.network = Network(["a", "b", "client"])
        self.addCleanup(self.network.close)
        keys = os.path.join(self.folder.name, "keys")
        for name in ("a", "b", "client"):
            self.assertEqual(self.troupe("keys", "new", name, "--folder", keys).returncode, 0)
        with open(self.config, "w", encoding="utf-8") as file:
            file.write(f'[cluster]\nname = "wires"\nkeys = {json.dumps(keys)}\n'
                       f"[model.tiny]\nfolder = {json.dumps(TINY_MODEL)}\n"
                       f'[link]\nheartbeat_interval = "{HEARTBEAT_S}s"\n')
            for name in "ab":
                file.write(f'[node.{name}]\nhost = "{self.network.address(name)}"\n'
                           'urgent_port = 7101\nordinary_port = 7102\ndevices = ["cpu"]\n')
        self.logs = {}
        self.nodes = {name: self.start_in(name, PROGRAM, "node", self.config, "--name", name)
                      for name in "ab"}
        for name in "ab":
            wait_until(lambda name=name: '"msg":"ready"' in self.log_of(name), f"node {name}")

    def start_in(self, name, *words, **pipes):
        self.logs[name] = os.path.join(self.folder.name, name + ".log")
        with open(self.logs[name], "a", encoding="utf-8") as log:
            process = subprocess.Popen(self.network.command(name, *words), env=self.environment,
                                       stdin=subprocess.DEVNULL, stderr=log, **{"stdout": log, **pipes})
        self.addCleanup(self.end, process)
        return process

    def log_of(self, name):
        with open(self.logs[name], encoding="utf-8") as log:
            return log.read()

    def asks(self):
        asks = self.start_in("client", ASKS, self.config, str(COUNT), stdout=subprocess.PIPE, text=True)
        self.addCleanup(asks.stdout.close)
        return asks

    def every_task_has_one_outcome(self, asks, told):
        told += asks.stdout.read().split()
        self.assertEqual(asks.wait(LIMIT_S), 0, self.log_of("client"))
        self.assertEqual(sorted(int(number) for number in told), list(range(1, COUNT + 1)))

    def last_heard(self, node):
        """Of each peer, whether it is up, as the node's log has it."""
        up = {}
        for line in self.log_of(node).splitlines():
            said = json.loads(line)
            if said["msg"] in ("a peer is up", "a peer is down"):
                up[said["peer"]] = said["msg"].endswith("up")
        return up

    def missed(self, name):
        return all(not self.last_heard(node)[name] for node in "ab" if node != name)

    def all_up(self):
        return all(all(self.last_heard(node).get(peer) for peer in ("a", "b", "client") if peer != node)
                   for node in "ab")

    def test_cut_wires_cost_time_and_no_task(self):
        asks = self.asks()
        told = []
        for name in ("b", "a", "client"):
            wait_until(self.all_up, "everybody to be linked")
            told += [asks.stdout.readline().strip() for _ in range(500)]
            self.network.cut(name)
            # Longer than the heartbeats: the others have given it up.
            wait_until(lambda name=name: self.missed(name), f"{name} to be missed")
            self.assertIsNone(asks.poll(), self.log_of("client"))
            self.network.mend(name)
        self.every_task_has_one_outcome(asks, told)
        for name in "ab":
            self.nodes[name].send_signal(signal.SIGTERM)
            self.assertEqual(self.nodes[name].wait(LIMIT_S), 0, self.log_of(name))

    def test_a_cut_that_nobody_has_time_to_notice_costs_no_task_either(self):
        asks = self.asks()
        told = []
        for _ in range(20):
            told += [asks.stdout.readline().strip() for _ in range(100)]
            self.network.cut("b")
            self.network.mend("b")
        self.every_task_has_one_outcome(asks, told)

    def test_on_a_narrow_wire_everything_comes_in_the_end(self):
        for name in ("a", "b", "client"):
            self.network.narrow(name, "2mbit")
        asks = self.asks()
        told = [asks.stdout.readline().strip() for _ in range(200)]
        self.assertNotIn("", told)
        # A link that is busy is no link that is down.
        self.assertTrue(self.all_up())
        self.assertNotIn("a peer is down", self.log_of("a") + self.log_of("b"))
        for name in ("a", "b", "client"):
            self.network.run("hub", "tc", "qdisc", "del", "dev", name, "root")
        self.every_task_has_one_outcome(asks, told)


if __name__ == "__main__":
    unittest.main()
