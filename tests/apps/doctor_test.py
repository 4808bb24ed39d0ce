#!/usr/bin/env python3
"""troupe doctor on machines and files that are well, and on those that are not: what it says, what it
advises, and how it ends.

    doctor_test.py PROGRAM FOLDER_OF_THE_FAKE_DRIVER
"""

import json
import os
import pathlib
import signal
import socket
import subprocess
import sys
import tempfile
import unittest

PROGRAM, FAKE_DRIVER = sys.argv[1], sys.argv[2]


def free_ports(count):
    held = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [each.getsockname()[1] for each in held]
    for each in held:
        each.close()
    return ports


class Doctor(unittest.TestCase):
    def setUp(self):
        scratch = tempfile.TemporaryDirectory()
        self.addCleanup(scratch.cleanup)
        self.folder = pathlib.Path(scratch.name)
        self.environment = {k: v for k, v in os.environ.items() if not k.startswith("TROUPE_")}
        self.environment["XDG_STATE_HOME"] = str(self.folder / "state")
        self.urgent, self.ordinary, self.http = free_ports(3)

    def write(self, node="", rest=""):
        file = self.folder / "cluster.toml"
        file.write_text(f"[node.a]\nurgent_port = {self.urgent}\nordinary_port = {self.ordinary}\n"
                        f"devices = ['cpu']\n{node}\n{rest}\n", encoding="utf-8")
        return str(file)

    def run_program(self, *words, **environment):
        return subprocess.run([PROGRAM, *words], capture_output=True, text=True, timeout=120, check=False,
                              stdin=subprocess.DEVNULL, env={**self.environment, **environment})

    def examine(self, *words, code=0, **environment):
        """The findings of one run, by what they are about; --json."""
        told = self.run_program("doctor", *words, "--json", **environment)
        self.assertEqual(told.returncode, code, told.stdout + told.stderr)
        answer = json.loads(told.stdout)
        self.assertEqual(answer["ok"], code == 0)
        for finding in answer["findings"]:
            self.assertTrue(finding["says"])
            self.assertIn(finding["verdict"], ("ok", "note", "wrong"))
            if finding["verdict"] != "ok":
                self.assertTrue(finding.get("next_step"), finding)
        return {finding["about"]: finding for finding in answer["findings"]}

    def only_wrong(self, findings, about, says):
        self.assertEqual([f["about"] for f in findings.values() if f["verdict"] == "wrong"], [about])
        self.assertIn(says, findings[about]["says"])

    def test_the_machine_alone_without_a_config(self):
        found = self.examine()
        for product in found["device cpu"]["facts"]["products"]:
            self.assertTrue(product["good"])
            self.assertLess(product["error"], 1e-5)
        self.assertIn("CUDA", found)
        self.assertNotIn("key folder", found)
        told = self.run_program("doctor")
        self.assertEqual(told.returncode, 0)
        self.assertRegex(told.stdout, r"(?m)^ok     device cpu +.*kernels; a product of .* is right within")
        self.assertRegex(told.stdout, r"nothing is wrong, \d to note\n$")
        self.assertNotIn("\x1b", told.stdout)

    def test_a_cluster_that_can_run_is_well_and_nothing_is_made(self):
        found = self.examine(self.write(f"http = '127.0.0.1:{self.http}'"))
        self.assertEqual(found["node a"]["verdict"], "ok")
        self.assertEqual([port["what"] for port in found["node a"]["facts"]["ports"]],
                         ["urgent lane", "ordinary lane", "HTTP"])
        self.assertFalse((self.folder / "state").exists())

    def test_mistakes_of_usage_and_config_end_with_2(self):
        for words in (["--node", "a"], ["--set", "log.level=warn"], [str(self.folder / "none.toml")],
                      [self.write(), "--node", "b"], [self.write("urgnt = 1")]):
            with self.subTest(words):
                told = self.run_program("doctor", *words)
                self.assertIn(told.returncode, (1, 2) if "none.toml" in words[0] else (2,))
                self.assertTrue(told.stderr)

    def test_a_model_or_a_module_that_is_not_there(self):
        found = self.examine(self.write(rest="[model.m]\nfolder = '/nowhere/at/all'"), code=1)
        self.only_wrong(found, "model m", "/nowhere/at/all")
        (self.folder / "m").mkdir()
        (self.folder / "m" / "config.json").write_text("{", encoding="utf-8")
        found = self.examine(self.write(rest=f"[model.m]\nfolder = '{self.folder}/m'"), code=1)
        self.only_wrong(found, "model m", str(self.folder))
        found = self.examine(self.write(rest="[agents]\nmodules = ['/nowhere/m.so']"), code=1)
        self.only_wrong(found, "module", "/nowhere/m.so")

    def test_a_port_that_another_program_has(self):
        with socket.create_server(("127.0.0.1", self.ordinary)):
            found = self.examine(self.write(), code=1)
        self.only_wrong(found, "node a", f"ordinary lane 127.0.0.1:{self.ordinary}: Address already in use")
        self.assertEqual([port["free"] for port in found["node a"]["facts"]["ports"]], [True, False])

    def test_a_node_that_runs_has_its_ports(self):
        config = self.write()
        with subprocess.Popen([PROGRAM, "node", config, "--name", "a"], stdin=subprocess.DEVNULL,
                              stderr=subprocess.PIPE, text=True, env=self.environment) as node:
            try:
                for line in node.stderr:
                    if '"ready"' in line:
                        break
                found = self.examine(config)
                self.assertEqual(found["node a"]["says"], "runs, and has its ports")
                self.assertIn("written by its owner alone", found["key folder"]["says"])
            finally:
                node.send_signal(signal.SIGTERM)
                node.communicate(timeout=60)
        self.assertEqual(node.returncode, 0)

    def test_keys_that_others_can_get_at(self):
        keys = self.folder / "keys"
        for name in ("a", "client"):
            self.assertEqual(self.run_program("keys", "new", name, "--folder", str(keys)).returncode, 0)
        config = self.write(rest=f"[cluster]\nkeys = '{keys}'")
        self.examine(config)
        keys.chmod(0o770)
        self.only_wrong(self.examine(config, code=1), "key folder", "let anybody into the cluster")
        keys.chmod(0o700)
        (keys / "a.key").chmod(0o644)
        self.only_wrong(self.examine(config, code=1), "key of a", "a.key")
        (keys / "a.pub").unlink()
        self.only_wrong(self.examine(config, code=1), "keys", "a.pub")

    def test_a_node_of_another_machine_is_noted_unless_it_is_asked_for(self):
        config = self.write("host = '192.0.2.1'")
        found = self.examine(config)
        self.assertEqual(found["node a"]["verdict"], "note")
        self.only_wrong(self.examine(config, "--node", "a", code=1), "node a", "192.0.2.1")

    def test_a_folder_to_write_into_and_a_certificate(self):
        found = self.examine(self.write(rest=f"[memory]\nfolder = '{self.folder}/not/yet'"))
        self.assertFalse((self.folder / "not").exists())
        found = self.examine(self.write(rest=f"[memory]\nfolder = '{self.folder}/cluster.toml/in'"), code=1)
        self.only_wrong(found, "memory folder", "cluster.toml: it is no folder")
        found = self.examine(self.write(rest="[http]\ntls_certificate = '/nowhere.pem'\n"
                                             "tls_key = '/nowhere.key'"), code=1)
        self.only_wrong(found, "certificate", "/nowhere")

    def test_a_gpu_that_is_not_there_is_wrong_only_where_it_is_named(self):
        for devices, code in (("'auto'", 0), ("'cuda:17'", 1)):
            found = self.examine(self.write(), "--set", f"node.a.devices=[{devices}]", code=code)
            self.assertEqual("device cuda:17" in found, code == 1)

    def test_what_a_driver_says(self):
        found = self.examine(LD_LIBRARY_PATH=FAKE_DRIVER)
        self.assertTrue(found["CUDA"]["facts"]["driver_found"])
        self.assertEqual(found["CUDA"]["facts"]["cuda_version"], "12.8")
        gpu = found["device cuda:0"]
        self.assertEqual(gpu["verdict"], "note")
        self.assertIn("Imagined GPU, compute capability 7.5, 3.0 GiB", gpu["says"])
        self.assertIn("need compute capability 8.0", gpu["says"])
        found = self.examine(LD_LIBRARY_PATH=FAKE_DRIVER, FAKE_DRIVER_FAILS="1")
        self.assertIn("does not start: imagined trouble (CUDA error 999)", found["CUDA"]["says"])
        self.assertNotIn("device cuda:0", found)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1], verbosity=2)
