"""The unit for systemd: systemd's own tools take it, its command line and its limits of time fit the
program, and what it forbids the program does not do."""

import json
import os
import re
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import unittest
import urllib.error
import urllib.request

SOURCE = os.environ["TROUPE_SOURCE_DIR"]
sys.path.insert(0, os.path.join(SOURCE, "tests", "cluster"))

from cluster import LIMIT_S, PROGRAM, ClusterTest, free_ports, wait_until

FOLDER = os.path.join(SOURCE, "deploy", "systemd")
ANALYZE = shutil.which("systemd-analyze")
EXPOSURE_MAX = 20  # tenths; what `systemd-analyze security` calls OK is below 50


def unit():
    """The unit's text, and its settings: each with its values in order."""
    with open(os.path.join(FOLDER, "troupe@.service"), encoding="utf-8") as file:
        text = file.read()
    settings = {}
    for name, value in re.findall(r"^(\w+)=(.*)$", text, re.M):
        settings.setdefault(name, []).append(value)
    return text, settings


def run(*words):
    return subprocess.run(words, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=LIMIT_S, check=False)


def seconds(text):
    number, scale = re.fullmatch(r"(\d+)(ms|s|min|m)", text).groups()
    return int(number) * {"ms": 0.001, "s": 1, "min": 60, "m": 60}[scale]


class Unit(ClusterTest):
    def installed(self, gpu):
        """The unit as it is after the installation, but with the program where it was built."""
        folder = os.path.join(self.folder.name, "gpu" if gpu else "plain")
        os.makedirs(os.path.join(folder, "troupe@.service.d"))
        text, _ = unit()
        self.assertIn("ExecStart=/usr/local/bin/troupe ", text)
        with open(os.path.join(folder, "troupe@.service"), "w", encoding="utf-8") as file:
            file.write(text.replace("/usr/local/bin/troupe", PROGRAM))
        if gpu:
            shutil.copy(os.path.join(FOLDER, "gpu.conf"), os.path.join(folder, "troupe@.service.d"))
        return folder

    @unittest.skipUnless(ANALYZE, "no systemd-analyze")
    def test_systemd_takes_it_alone_and_with_the_part_for_gpus(self):
        for gpu in (False, True):
            path = os.path.join(self.installed(gpu), "troupe@a.service")
            done = run(ANALYZE, "verify", "--man=no", path)
            # A setting that systemd does not know is said, and is no failure.
            self.assertEqual((done.returncode, done.stdout + done.stderr), (0, ""))

    @unittest.skipUnless(ANALYZE, "no systemd-analyze")
    def test_it_leaves_the_program_little(self):
        path = os.path.join(self.installed(gpu=False), "troupe@.service")
        done = run(ANALYZE, "security", "--offline=true", "--no-pager", f"--threshold={EXPOSURE_MAX}", path)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    @unittest.skipUnless(shutil.which("systemd-sysusers"), "no systemd-sysusers")
    def test_the_account_is_the_units(self):
        done = run("systemd-sysusers", "--dry-run", os.path.join(FOLDER, "troupe.sysusers"))
        self.assertEqual(done.returncode, 0, done.stderr)
        with open(os.path.join(FOLDER, "troupe.sysusers"), encoding="utf-8") as file:
            self.assertIn(f"\nu {unit()[1]['User'][0]} ", file.read())

    def test_its_times_fit_the_programs(self):
        reference = self.troupe("check", "--reference").stdout

        def default_of(key):
            return seconds(re.search(rf'^\| `{key}` \| [^|]* \| `"(\w+)"` \|', reference, re.M)[1])

        stop = seconds(unit()[1]["TimeoutStopSec"][0])
        self.assertGreater(stop, default_of("drain_timeout"))
        self.assertGreaterEqual(stop, default_of("stop_timeout"))
        self.assertGreater(int(unit()[1]["LimitNOFILE"][0]),
                           int(re.search(r"^\| `connections_max` \| [^|]* \| `(\d+)` ", reference, re.M)[1]))

    def test_it_does_not_try_again_what_cannot_work(self):
        never = [int(code) for code in unit()[1]["RestartPreventExitStatus"][0].split()]
        with open(self.config, "a", encoding="utf-8") as file:
            file.write("nonsense = 1\n")
        self.assertIn(self.troupe("node", self.config, "--name", "a").returncode, never)
        self.write_config()
        self.assertIn(self.troupe("node", self.config, "--name", "c").returncode, never)
        # A port that is in use may be free again soon.
        with self.listening(self.ports[0]):
            done = self.troupe("node", self.config, "--name", "a")
        self.assertNotEqual(done.returncode, 0)
        self.assertNotIn(done.returncode, never, done.stderr)

    def listening(self, port):
        return socket.create_server(("127.0.0.1", port))

    def start(self, *before):
        """The unit's command line, with the test's cluster file and state."""
        _, settings = unit()
        self.assertEqual(settings["Environment"], ["XDG_STATE_HOME=/var/lib"])
        self.assertEqual(settings["WorkingDirectory"], ["/var/lib/" + settings["StateDirectory"][0]])
        [command] = settings["ExecStart"]
        words = shlex.split(command.replace("/usr/local/bin/troupe", PROGRAM).replace("%i", "a")
                            .replace("/etc/troupe/cluster.toml", self.config))
        port = free_ports(1)[0]
        with open(self.config, encoding="utf-8") as file:
            text = file.read()
        memories = os.path.join(self.folder.name, "memories")
        os.makedirs(memories)
        text = text.replace("[node.a]", f'[node.a]\nhttp = "127.0.0.1:{port}"')
        with open(self.config, "w", encoding="utf-8") as file:
            file.write(text + f"[memory]\nfolder = {json.dumps(memories)}\n")
        self.log = os.path.join(self.folder.name, "node.log")
        with open(self.log, "w", encoding="utf-8") as log:
            process = subprocess.Popen([*before, *words], env=self.environment, stdin=subprocess.DEVNULL, stdout=log,
                                       stderr=log)
        self.addCleanup(self.end, process)

        def ready():
            self.assertIsNone(process.poll(), self.read_node_log())
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{port}/v2/health/ready", timeout=LIMIT_S) as answer:
                    return answer.status == 200
            except urllib.error.URLError:
                return False

        wait_until(ready, "the node")
        return process, port

    def read_node_log(self):
        with open(self.log, encoding="utf-8") as log:
            return log.read()

    def embed(self, port):
        body = json.dumps({"model": "tiny", "input": ["a text", "another"]}).encode()
        request = urllib.request.Request(f"http://127.0.0.1:{port}/v1/embeddings", body,
                                         {"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=LIMIT_S) as answer:
            self.assertEqual(len(json.load(answer)["data"]), 2)

    def test_its_command_runs_a_node_and_stops_it(self):
        process, port = self.start()
        self.embed(port)
        self.assertTrue(os.path.exists(os.path.join(self.folder.name, "troupe", "test", "keys", "a.key")))
        process.send_signal(signal.SIGTERM)
        self.assertEqual(process.wait(seconds(unit()[1]["TimeoutStopSec"][0])), 0, self.read_node_log())

    def allowed_calls(self):
        """The system calls that the unit lets through: groups of groups, less those of a ~ group."""
        def of(group):
            calls = set()
            for line in run(ANALYZE, "syscall-filter", group).stdout.splitlines()[1:]:
                name = line.strip()
                calls |= of(name) if name.startswith("@") else {name} if name and name[0] != "#" else set()
            return calls

        allowed = set()
        for group in unit()[1]["SystemCallFilter"]:
            allowed = allowed - of(group[1:]) if group.startswith("~") else allowed | of(group)
        self.assertIn("futex", allowed)
        self.assertNotIn("reboot", allowed)
        return allowed

    @unittest.skipUnless(ANALYZE, "no systemd-analyze")
    @unittest.skipUnless(shutil.which("strace") and run("strace", "-o", os.devnull, "true").returncode == 0,
                         "strace is not here or may not trace")
    def test_the_program_does_nothing_that_it_forbids(self):
        trace = os.path.join(self.folder.name, "trace")
        tracer, port = self.start("strace", "-f", "-o", trace)
        self.embed(port)
        [node] = self.children(tracer)
        os.kill(node, signal.SIGTERM)
        self.assertEqual(tracer.wait(LIMIT_S), 0, self.read_node_log())
        with open(trace, encoding="utf-8", errors="replace") as file:
            calls = file.read()
        used = set(re.findall(r"^\d+ +([a-z]\w*)\(", calls, re.M))
        self.assertGreater(len(used), 30)
        self.assertEqual(used - self.allowed_calls(), set())
        families = unit()[1]["RestrictAddressFamilies"][0].split()
        self.assertLessEqual(set(re.findall(r" socket\((AF_\w+)", calls)), set(families))
        # Pages that are written and executed, and what ProcSubset, PrivateDevices and ProtectHome hide.
        self.assertNotRegex(calls, r" m(?:map|protect)\([^\n]*PROT_WRITE\|PROT_EXEC")
        opened = set(re.findall(r' openat\([^"\n]*"(/(?:proc|dev|sys|home|root|run/user)/[^"]*)"[^\n]*\) = \d', calls))
        hidden = {path for path in opened
                  if not re.match(r"/proc/(self|\d+)/|/dev/(null|zero|full|u?random|shm/)|/sys/devices/system/cpu/", path)
                  and not path.startswith((SOURCE, os.path.dirname(PROGRAM)))}
        self.assertEqual(hidden, set())


if __name__ == "__main__":
    unittest.main()
