"""`troupe up --slurm` under a real Slurm of one machine: munged, slurmctld and slurmd of the test's own."""

import json
import os
import signal
import socket
import subprocess
import unittest

from cluster import PROGRAM, ClusterTest, free_ports, wait_until


class Slurm(ClusterTest):
    def path(self, name):
        return os.path.join(self.folder.name, name)

    def daemon(self, *words):
        with open(self.path("daemons.log"), "ab") as log:
            process = subprocess.Popen(words, env=self.environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        self.addCleanup(self.end, process)

    def start_slurm(self):
        self.environment["PATH"] += ":/usr/sbin"
        os.chmod(self.folder.name, 0o755)  # munged wants those who ask it to get there
        with open(os.open(self.path("munge.key"), os.O_CREAT | os.O_WRONLY, 0o400), "wb") as key:
            key.write(os.urandom(128))
        os.mkdir(self.path("munge"))
        self.daemon("munged", "--foreground", f"--key-file={self.path('munge.key')}",
                    f"--socket={self.path('munge/socket')}", *(f"--{one}-file={self.path('munge/' + one)}"
                                                               for one in ("pid", "log", "seed")))
        wait_until(lambda: os.path.exists(self.path("munge/socket")), "munged")
        machine, (control, work) = socket.gethostname().split(".")[0], free_ports(2)
        with open(self.path("slurm.conf"), "w", encoding="utf-8") as file:
            file.write(f"""ClusterName=test
SlurmctldHost={machine}(127.0.0.1)
AuthInfo=socket={self.path("munge/socket")}
ProctrackType=proctrack/pgid
TaskPlugin=task/none
MpiDefault=none
SlurmUser=root
SlurmctldPort={control}
SlurmdPort={work}
StateSaveLocation={self.path("state")}
SlurmdSpoolDir={self.path("spool")}
SlurmctldPidFile={self.path("slurmctld.pid")}
SlurmdPidFile={self.path("slurmd.pid")}
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
KillWait=2
NodeName={machine} NodeAddr=127.0.0.1 CPUs=2
PartitionName=all Nodes={machine} Default=YES OverSubscribe=FORCE:4
""")
        self.environment["SLURM_CONF"] = self.path("slurm.conf")
        for folder in ("state", "spool"):
            os.mkdir(self.path(folder))
        self.daemon("slurmctld", "-D")
        self.daemon("slurmd", "-D", "-N", machine)
        wait_until(lambda: self.slurm("sinfo", "--noheader", "--format=%T") == ["idle"], "Slurm's node")
        return machine

    def slurm(self, *words):
        """What the command says, line by line; nothing while it cannot ask."""
        return subprocess.run(words, env=self.environment, capture_output=True, text=True, check=False).stdout.split()

    def configure(self, machine):
        keys = self.path("keys")
        for name in ("a", "b", "client"):
            self.assertEqual(self.troupe("keys", "new", name, "--folder", keys).returncode, 0)
        self.write_config(extra=f"[up]\nprogram = {json.dumps(PROGRAM)}\n")
        with open(self.config, encoding="utf-8") as file:
            text = file.read().replace("[cluster]\n", f"[cluster]\nkeys = {json.dumps(keys)}\n")
        for name in "ab":
            text = text.replace(f"[node.{name}]\n", f"[node.{name}]\nmachine = {json.dumps(machine)}\n")
        with open(self.config, "w", encoding="utf-8") as file:
            file.write(text)

    def jobs(self):
        return self.slurm("squeue", "--noheader", "--states=RUNNING", "--format=%i")

    def test_nodes_are_jobs_that_are_started_again_and_end_with_the_cluster(self):
        self.configure(self.start_slurm())
        up = self.start_up("--slurm")
        jobs = self.jobs()
        self.assertEqual(len(jobs), 2)
        self.assertEqual(self.troupe("submit", "hello", "--model", "tiny", "--config", self.config).returncode, 0)

        os.kill(self.node_processes()["a"], signal.SIGKILL)
        wait_until(lambda: len(self.jobs()) == 2 and self.jobs() != jobs, "another job in its place")
        wait_until(lambda: self.troupe("status", self.config).returncode == 0, "both nodes")
        # A job that is canceled ends politely, so its node was asked to end.
        canceled = self.jobs()[0]
        self.slurm("scancel", canceled)
        wait_until(lambda: "stays ended" in self.read_log(), "the word of it")
        self.assertEqual(len(self.jobs()), 1)

        self.assertEqual(self.stop(up, signal.SIGINT), 0, self.read_log())
        wait_until(lambda: not self.jobs(), "the jobs to end")


if __name__ == "__main__":
    unittest.main()
