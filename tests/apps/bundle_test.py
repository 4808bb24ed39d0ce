#!/usr/bin/env python3
"""tools/bundle: the folder is whole and small, starts in an environment that knows nothing, takes every
library of its own from itself, and its half-precision model says what the full one says.

    bundle_test.py PROGRAM SOURCE_FOLDER BUILD_FOLDER
"""

import json
import os
import pathlib
import re
import signal
import socket
import subprocess
import sys
import tempfile
import unittest

PROGRAM, SOURCE, BUILD = sys.argv[1], pathlib.Path(sys.argv[2]), pathlib.Path(sys.argv[3])
HAS_CUDA = (BUILD / "apps" / "backend_cuda.so").exists()
OF_THE_MACHINE = re.compile(r"/(ld-linux[^/]*|lib(c|m|dl|pthread|rt|resolv|nss_\w+|cuda\w*|nvidia[^/]*))(-[\d.]+)?\.so")
TEXTS = ["a calm text editor", "how do I draw a vector?", "日本語"]


def run(*words, **more):
    return subprocess.run(words, **{"stdin": subprocess.DEVNULL, "capture_output": True, "text": True, "timeout": 300,
                                    "check": False, **more})


def bundle(*words):
    return run(SOURCE / "tools" / "bundle", "--build", BUILD, *words)


class Bundle(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.scratch = tempfile.TemporaryDirectory()
        cls.addClassCleanup(cls.scratch.cleanup)
        cls.folder = pathlib.Path(cls.scratch.name, "made")
        made = bundle("--out", cls.folder, "--with-tests", *([] if HAS_CUDA else ["--without-cuda"]))
        assert made.returncode == 0, made.stderr
        assert made.stdout == f"{cls.folder}\n", made.stdout
        # Nothing of the user's, not even a PATH to look for programs in.
        cls.nothing = {"HOME": str(pathlib.Path(cls.scratch.name, "home")), "PATH": "/usr/bin:/bin"}
        cls.shipped = sum(file.stat().st_size for file in cls.folder.rglob("*") if file.is_file())

    def troupe(self, *words):
        return run(self.folder / "troupe", *words, env=self.nothing, cwd="/")

    def write_cluster(self):
        held = [socket.create_server(("127.0.0.1", 0)) for _ in range(2)]
        urgent, ordinary = (each.getsockname()[1] for each in held)
        for each in held:
            each.close()
        file = pathlib.Path(self.scratch.name, "cluster.toml")
        file.write_text(f"[node.a]\nurgent_port = {urgent}\nordinary_port = {ordinary}\ndevices = ['cpu']\n"
                        "[model.minilm]\nfolder = 'auto'\n", encoding="utf-8")
        return str(file)

    def vectors(self, program, environment, config):
        found = []
        for text in TEXTS:
            told = run(program, "submit", text, "--config", config, "--json", env=environment)
            self.assertEqual(told.returncode, 0, told.stdout + told.stderr)
            found.append(json.loads(told.stdout)["vector"])
        return found

    def serve(self, program, environment, config):
        """The vectors of a node of that program, and the files that it has mapped."""
        with subprocess.Popen([program, "node", config, "--name", "a"], stdin=subprocess.DEVNULL, env=environment,
                              stderr=subprocess.PIPE, text=True) as node:
            try:
                for line in node.stderr:
                    if '"ready"' in line:
                        break
                vectors = self.vectors(program, environment, config)
                maps = pathlib.Path(f"/proc/{node.pid}/maps").read_text(encoding="utf-8")
                files = {words[5] for words in (line.split(None, 5) for line in maps.splitlines()) if len(words) == 6}
            finally:
                node.send_signal(signal.SIGTERM)
                node.communicate(timeout=60)
        self.assertEqual(node.returncode, 0)
        return vectors, files

    def test_it_is_small_and_says_what_it_needs(self):
        self.assertLess(self.shipped, 60 << 20)
        needs = (self.folder / "NEEDS").read_text(encoding="utf-8")
        self.assertRegex(needs, rf"{os.uname().machine}, glibc 2\.\d+ or later")

    def test_it_starts_where_nothing_is_known(self):
        for words in (["version"], ["check", str(self.folder / "configs" / "quickstart.toml")]):
            told = self.troupe(*words)
            self.assertEqual(told.returncode, 0, told.stderr)
        self.assertEqual(self.troupe("check", "/nowhere.toml").returncode, 1)
        config = self.write_cluster()
        told = self.troupe("doctor", config, "--json")
        self.assertEqual(told.returncode, 0, told.stdout)
        found = {one["about"]: one["facts"] for one in json.loads(told.stdout)["findings"]}
        self.assertEqual(found["model minilm"]["folder"], str(self.folder / "model"))
        self.assertEqual(found["CUDA"]["plugin_found"], HAS_CUDA)

    def test_a_node_of_it_has_its_libraries_from_it_and_nearly_the_same_vectors(self):
        config = self.write_cluster()
        half, files = self.serve(str(self.folder / "troupe"), self.nothing, config)
        libraries = {file for file in files if ".so" in os.path.basename(file)}
        self.assertGreater(len(libraries), 10)
        for file in libraries:
            self.assertTrue(file.startswith(str(self.folder)) or OF_THE_MACHINE.search(file), file)
        environment = {k: v for k, v in os.environ.items() if not k.startswith("TROUPE_") or k == "TROUPE_MODEL_DIR"}
        environment["XDG_STATE_HOME"] = self.scratch.name
        full, _ = self.serve(PROGRAM, environment, config)
        for ours, theirs in zip(half, full):
            off = sum((a - b) ** 2 for a, b in zip(ours, theirs)) ** 0.5
            self.assertGreater(off, 0)
            self.assertLess(off, 5e-3)

    def test_a_folder_that_is_no_bundle_is_left_alone_and_a_bundle_made_anew(self):
        other = pathlib.Path(self.scratch.name, "other")
        other.mkdir(exist_ok=True)
        (other / "precious").write_text("x", encoding="utf-8")
        told = bundle("--out", other, "--without-model", "--without-cuda")
        self.assertEqual(told.returncode, 1)
        self.assertIn("holds something that is no bundle", told.stderr)
        self.assertTrue((other / "precious").exists())
        twice = pathlib.Path(self.scratch.name, "twice")
        for _ in range(2):
            told = bundle("--out", twice, "--without-model", "--without-cuda")
            self.assertEqual(told.returncode, 0, told.stderr)
        self.assertFalse((twice / "model").exists())
        self.assertEqual(run(SOURCE / "tools" / "bundle", "--nonsense").returncode, 2)
        told = run(SOURCE / "tools" / "bundle", "--build", other)
        self.assertEqual(told.returncode, 1)
        self.assertIn("next: build it", told.stderr)

    def test_the_gpu_test_says_that_there_is_no_gpu_or_passes(self):
        told = run(self.folder / "gpu-test", "--without-sanitizer", env=self.nothing)
        if '"compute_capability"' in self.troupe("doctor", "--json").stdout and HAS_CUDA:
            self.assertEqual(told.returncode, 0, told.stdout + told.stderr)
        else:
            self.assertEqual(told.returncode, 3, told.stdout + told.stderr)
            self.assertIn("there is no GPU here; nothing was tested", told.stderr)
        self.assertEqual(run(SOURCE / "tools" / "gpu-test", "--nonsense").returncode, 2)
        told = run(SOURCE / "tools" / "gpu-test", "--build", "/nowhere")
        self.assertEqual(told.returncode, 2)
        self.assertIn("cmake --preset cuda", told.stderr)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1], verbosity=2)
