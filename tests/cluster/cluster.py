"""A cluster of real processes for tests: a config with free ports, private state, and the program."""

import json
import os
import signal
import socket
import subprocess
import tempfile
import time
import unittest

SOURCE = os.environ["TROUPE_SOURCE_DIR"]
PROGRAM = os.environ["TROUPE_PROGRAM"]
TINY_MODEL = os.path.join(SOURCE, "tests", "data", "models", "bert-plain")
CLASSIFIER = os.path.join(SOURCE, "tests", "data", "models", "bert-classifier")
LIMIT_S = 60  # nothing here takes long; this only ends a broken test


NEXT_PORT = iter(range(20000 + os.getpid() % 10000, 32000))


def free_ports(count):
    """Ports that nobody listens on, below those that the kernel takes for outgoing connections."""
    ports = []
    while len(ports) < count:
        with socket.socket() as probe:
            port = next(NEXT_PORT)
            try:
                probe.bind(("127.0.0.1", port))
                ports.append(port)
            except OSError:
                pass
    return ports


def wait_until(condition, what):
    """Polls an outside fact (a process, a file) that gives no notice of its own."""
    deadline = time.monotonic() + LIMIT_S
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError("waited in vain for " + what)
        time.sleep(0.02)


def is_alive(pid):
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8") as stat:
            return stat.read().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


class ClusterTest(unittest.TestCase):
    """Each test has a folder of its own with the cluster's file and state."""

    def setUp(self):
        self.folder = tempfile.TemporaryDirectory(prefix="troupe-test-")
        self.addCleanup(self.folder.cleanup)
        self.config = os.path.join(self.folder.name, "cluster.toml")
        self.environment = dict(os.environ, XDG_STATE_HOME=self.folder.name, NO_COLOR="1")
        self.ports = free_ports(4)
        self.write_config()

    def write_config(self, model=TINY_MODEL, extra="", policy="", model_lines=""):
        text = '[cluster]\nname = "test"\n'
        for name, (urgent, ordinary) in zip("ab", (self.ports[:2], self.ports[2:])):
            text += (
                f'[node.{name}]\nhost = "127.0.0.1"\nurgent_port = {urgent}\n'
                f'ordinary_port = {ordinary}\ndevices = ["cpu"]\n'
            )
        text += f"[model.tiny]\nfolder = {json.dumps(model)}\n{model_lines}"
        text += f"[model.tone]\nfolder = {json.dumps(CLASSIFIER)}\n"
        if policy:
            text += f"[policy.mover]\nfolder = {json.dumps(policy)}\nsampling = \"gumbel\"\n"
        text += "[link]\n" + extra
        with open(self.config, "w", encoding="utf-8") as file:
            file.write(text)

    def troupe(self, *words, **more):
        """Runs a verb to its end."""
        return subprocess.run(
            [PROGRAM, *words],
            env=self.environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=4 * LIMIT_S,
            check=False,
            **more,
        )

    def json_of(self, *words, exit_code=0):
        done = self.troupe(*words, "--json")
        self.assertEqual(done.returncode, exit_code, done.stdout + done.stderr)
        return json.loads(done.stdout)

    def start_up(self, *words):
        """`troupe up`, ready; ended with the test if the test did not end it."""
        ready = os.path.join(self.folder.name, "ready")
        self.up_log = os.path.join(self.folder.name, "up.log")
        with open(self.up_log, "w", encoding="utf-8") as log:
            up = subprocess.Popen(
                [PROGRAM, "up", self.config, "--ready-file", ready, *words],
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        self.addCleanup(self.end, up)
        wait_until(lambda: os.path.exists(ready) or up.poll() is not None, "the cluster")
        self.assertIsNone(up.poll(), self.read_log())
        return up

    def start_node(self, name):
        """`troupe node`, in service; ended with the test if the test did not end it."""
        node = subprocess.Popen([PROGRAM, "node", self.config, "--name", name], env=self.environment,
                                stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.addCleanup(self.end, node)
        wait_until(lambda: self.troupe("status", self.config, "--node", name).returncode == 0, "a node")
        return node

    def read_log(self):
        with open(self.up_log, encoding="utf-8") as log:
            return log.read()

    def end(self, process):
        if process.poll() is None:
            process.kill()
        process.wait(LIMIT_S)

    def stop(self, up, how=signal.SIGINT):
        up.send_signal(how)
        return up.wait(LIMIT_S)

    def children(self, up):
        with open(f"/proc/{up.pid}/task/{up.pid}/children", encoding="utf-8") as file:
            return [int(pid) for pid in file.read().split()]

    def node_processes(self):
        """The processes that are nodes of this cluster, whoever started them, by name."""
        found = {}
        for pid in filter(str.isdigit, os.listdir("/proc")):
            try:
                with open(f"/proc/{pid}/cmdline", encoding="utf-8") as file:
                    words = file.read().split("\0")
            except (FileNotFoundError, ProcessLookupError):
                continue
            if words[:3] == [PROGRAM, "node", self.config]:
                found[words[4]] = int(pid)
        return found
