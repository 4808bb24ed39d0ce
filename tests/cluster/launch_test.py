"""`troupe up --ssh` and `--slurm`: nodes that other programs start on other machines. The other machine is
this one, behind a real sshd; srun is a stand-in that runs what it is given, as Slurm's does."""

import json
import os
import shutil
import signal
import subprocess
import unittest

from cluster import PROGRAM, ClusterTest, free_ports, is_alive, wait_until

SRUN = """#!/bin/sh
echo "$@" >> "$SRUN_LOG"
while case $1 in --*) true ;; *) false ;; esac; do shift; done
exec "$@"
"""


class Launch(ClusterTest):
    def setUp(self):
        super().setUp()
        self.keys = self.path("keys")
        for name in ("a", "b", "client"):
            self.assertEqual(self.troupe("keys", "new", name, "--folder", self.keys).returncode, 0)

    def path(self, *names):
        return os.path.join(self.folder.name, *names)

    def write(self, name, text, mode=0o600):
        with open(self.path(name), "w", encoding="utf-8") as file:
            file.write(text)
        os.chmod(self.path(name), mode)
        return self.path(name)

    def configure(self, up):
        self.write_config(extra='heartbeat_interval = "100ms"\n' + up)
        with open(self.config, encoding="utf-8") as file:
            text = file.read()
        text = text.replace("[cluster]\n", f"[cluster]\nkeys = {json.dumps(self.keys)}\n")
        text = text.replace("[node.b]\n", '[node.b]\nmachine = "127.0.0.2"\n')
        self.write("cluster.toml", text)

    def start_sshd(self):
        """Lets our own key in, and returns the words of an ssh that knows it and its key."""
        for key in ("host", "own"):
            subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", self.path(key)], check=True)
        port = free_ports(1)[0]
        shutil.copy(self.path("own.pub"), self.path("authorized"))
        config = self.write("sshd", f"Port {port}\nListenAddress 127.0.0.1\nListenAddress 127.0.0.2\nHostKey {self.path('host')}\n"
                                    f"AuthorizedKeysFile {self.path('authorized')}\nStrictModes no\n"
                                    "UsePAM no\nPasswordAuthentication no\nPidFile none\n")
        if os.getuid() == 0:
            os.makedirs("/run/sshd", exist_ok=True)
        sshd = shutil.which("sshd", path=os.environ["PATH"] + ":/usr/sbin")
        self.assertIsNotNone(sshd, "no sshd: tools/setup --test installs it")
        with open(self.path("sshd.log"), "wb") as log:
            server = subprocess.Popen([sshd, "-D", "-e", "-f", config], stderr=log)
        self.addCleanup(self.end, server)
        with open(self.path("host.pub"), encoding="utf-8") as key:
            kind, public = key.read().split()[:2]
        self.write("known", "".join(f"[{name}]:{port} {kind} {public}\n" for name in ("127.0.0.1", "127.0.0.2")))

        def listens():
            with open(self.path("sshd.log"), encoding="utf-8") as log:
                return "listening" in log.read()

        wait_until(listens, "sshd")
        return ["ssh", "-F", "none", "-4", "-p", str(port), "-i", self.path("own"), "-o", "BatchMode=yes",
                "-o", f"UserKnownHostsFile={self.path('known')}"]

    def ssh_cluster(self):
        self.configure(f"[up]\nprogram = {json.dumps(PROGRAM)}\nssh = {json.dumps(self.start_sshd())}\n")

    def ssh_of(self, up, name):
        def line(pid):
            with open(f"/proc/{pid}/cmdline", encoding="utf-8") as file:
                return file.read()

        return next(pid for pid in self.children(up) if f"'--name' '{name}'" in line(pid))

    def wait_again(self, name, before):
        """Until the node is another process than it was, and answers."""
        wait_until(lambda: self.node_processes().get(name, before) != before, f"a new process of {name}")
        wait_until(lambda: self.troupe("status", self.config).returncode == 0, f"{name} to answer")

    def test_nodes_are_started_supervised_and_stopped_by_ssh(self):
        self.ssh_cluster()
        up = self.start_up("--ssh", "--set", "log.level=debug")
        self.assertEqual({node["node"] for node in self.json_of("status", self.config)["nodes"]}, {"a", "b"})
        nodes = self.node_processes()
        self.assertEqual(len(set(nodes.values()) & set(self.children(up))), 0)
        self.assertEqual(self.troupe("submit", "hello", "--model", "tiny", "--config", self.config).returncode, 0)
        self.assertIn('"level":"debug"', self.read_log())  # that of the nodes comes here, and --set went there

        # A node that dies, and an ssh that does: the node goes with it, and comes back.
        os.kill(nodes["a"], signal.SIGKILL)
        self.wait_again("a", nodes["a"])
        os.kill(self.ssh_of(up, "b"), signal.SIGKILL)
        wait_until(lambda: not is_alive(nodes["b"]), "the node behind the ssh that was killed")
        self.wait_again("b", nodes["b"])
        # One that is asked to end comes back, too, or stays ended: exit codes come through.
        self.json_of("restart", "a", "--config", self.config)
        self.assertEqual(self.stop(up), 0, self.read_log())
        self.assertEqual(self.node_processes(), {})

    def test_nodes_go_when_whoever_started_them_is_killed(self):
        self.ssh_cluster()
        up = self.start_up("--ssh")
        self.assertEqual(len(self.node_processes()), 2)
        up.kill()
        wait_until(lambda: not self.node_processes(), "the nodes to end")

    def test_an_ssh_that_does_not_get_in_is_told(self):
        self.ssh_cluster()
        self.write("authorized", "")
        done = self.troupe("up", self.config, "--ssh")
        self.assertEqual(done.returncode, 1, done.stderr)
        self.assertRegex(done.stderr, "node '[ab]' ended before it was ready, with exit code 255")
        self.assertIn("Permission denied", done.stderr)

    def test_slurm_is_given_each_nodes_machine(self):
        self.environment["SRUN_LOG"] = self.path("srun.log")
        srun = self.write("srun", SRUN, 0o700)
        self.configure(f"[up]\nprogram = {json.dumps(PROGRAM)}\nsrun = {json.dumps([srun, '--ntasks=1'])}\n")
        up = self.start_up("--slurm")
        self.json_of("status", self.config)
        with open(self.path("srun.log"), encoding="utf-8") as log:
            said = sorted(log.read().splitlines())
        self.assertEqual(said, [f"--ntasks=1 --nodelist={machine} {PROGRAM} node {self.config} --name {name} "
                                "--set log.format=json --stop-at-eof" for machine, name in (("127.0.0.1", "a"), ("127.0.0.2", "b"))])
        self.assertEqual(self.stop(up), 0, self.read_log())
        self.assertEqual(self.node_processes(), {})

    def test_a_launcher_that_is_not_there_and_two_at_once_are_told(self):
        self.configure('[up]\nssh = ["no-such-ssh"]\n')
        done = self.troupe("up", self.config, "--ssh")
        self.assertEqual(done.returncode, 1)
        self.assertIn("there is no program 'no-such-ssh'", done.stderr)
        self.assertEqual(self.troupe("up", self.config, "--ssh", "--slurm").returncode, 2)
        self.configure("")
        with open(self.config, "a", encoding="utf-8") as file:
            file.write('[node.c]\nmachine = "-oProxyCommand=evil"\nurgent_port = 1\nordinary_port = 2\n')
        done = self.troupe("check", self.config)
        self.assertEqual(done.returncode, 2)
        self.assertIn("must be a machine's name", done.stdout + done.stderr)


if __name__ == "__main__":
    unittest.main()
