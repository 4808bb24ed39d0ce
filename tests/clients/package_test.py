"""`pip install ./clients/python` gives a package that works alone, and its examples run."""

import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import unittest

SOURCE = os.environ["TROUPE_SOURCE_DIR"]
sys.path.insert(0, os.path.join(SOURCE, "tests", "cluster"))

from cluster import LIMIT_S, ClusterTest, free_ports

PACKAGE = os.path.join(SOURCE, "clients", "python")


def run(*words, **more):
    return subprocess.run([sys.executable, *words], stdin=subprocess.DEVNULL, capture_output=True, text=True,
                          timeout=4 * LIMIT_S, check=False, **more)


class Package(unittest.TestCase):
    def test_it_installs_and_needs_nothing_else_for_http(self):
        with tempfile.TemporaryDirectory(prefix="troupe-test-") as folder:
            # setuptools leaves its traces in the source.
            source = shutil.copytree(PACKAGE, os.path.join(folder, "source"))
            target = os.path.join(folder, "target")
            done = run("-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps", "--no-index",
                       "--no-build-isolation", "--target", target, source)
            self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
            self.assertTrue(os.path.exists(os.path.join(target, "troupe", "py.typed")))
            modules = {name for name in os.listdir(os.path.join(target, "troupe")) if name.endswith(".py")}
            self.assertEqual(modules, {name for name in os.listdir(os.path.join(PACKAGE, "troupe"))
                                       if name.endswith(".py")})
            # -S: without site-packages, where numpy and pyzmq are.
            program = ("import sys, troupe\n"
                       "client = troupe.HttpClient('http://127.0.0.1:1')\n"
                       "assert not client.live()\n"
                       "assert 'numpy' not in sys.modules and 'zmq' not in sys.modules\n"
                       "try: troupe.Client\n"
                       "except ImportError as told: print(told)\n")
            done = run("-S", "-c", program, env={**os.environ, "PYTHONPATH": target})
            self.assertEqual((done.returncode, done.stdout.strip()),
                             (0, "troupe.Client needs pyzmq: pip install 'troupe[zmq]'"), done.stderr)
            done = run("-c", "from troupe import *; print(Client.__name__, AsyncClient.__name__)",
                       env={**os.environ, "PYTHONPATH": target})
            self.assertEqual(done.stdout.strip(), "Client AsyncClient", done.stderr)


class Examples(ClusterTest):
    def setUp(self):
        super().setUp()
        self.port = free_ports(1)[0]
        with open(self.config, encoding="utf-8") as file:
            text = file.read().replace("[node.b]", '[node.b]\nhttp = "off"').replace("model.tiny", "model.minilm")
        with open(self.config, "w", encoding="utf-8") as file:
            file.write(text + f'[http]\nlisten = "127.0.0.1:{self.port}"\n')
        self.start_up()
        self.environment["PYTHONPATH"] = PACKAGE

    def example(self, name, *words):
        done = run(os.path.join(PACKAGE, "examples", name), *words, env=self.environment)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        return done.stdout

    def test_a_folder_of_texts_is_searched(self):
        notes = os.path.join(self.folder.name, "notes")
        os.mkdir(notes)
        for name, text in (("a.txt", "a calm text editor"), ("b.md", "bread and butter\n\nthe sea at night"),
                           ("c.bin", "not a text")):
            with open(os.path.join(notes, name), "w", encoding="utf-8") as file:
                file.write(text)
        for words in (["--config", self.config], ["--url", f"http://127.0.0.1:{self.port}"]):
            told = self.example("search_folder.py", notes, "the sea at night", *words)
            best = told.strip().splitlines()[1].split()
            self.assertEqual((best[0], best[1]), ("1.00", "b.md:"), told)

    def test_questions_beside_a_bulk_job(self):
        told = self.example("questions_beside_bulk.py", self.config, "--texts", "3000", "--questions", "20",
                            "--time-limit", "5")
        found = re.search(r"(\d+) of 20 questions in time", told)
        self.assertEqual(found and found[1], "20", told)
        self.assertIn("3000 texts", told)

    def test_an_archivist_keeps_notes_and_finds_them(self):
        host = subprocess.Popen([sys.executable, os.path.join(PACKAGE, "examples", "archivist.py"), self.config],
                                env=self.environment, stdout=subprocess.PIPE, text=True)
        self.addCleanup(host.stdout.close)
        self.addCleanup(self.end, host)
        self.assertEqual(host.stdout.readline(), "hosting archivists\n")
        for key in ("paris", "lima"):
            self.example("archivist.py", self.config, "keep", key, "the sea at night")
            told = self.example("archivist.py", self.config, "keep", key, "bread and butter from " + key)
            self.assertEqual(told, "2 notes\n")
        told = self.example("archivist.py", self.config, "ask", "paris", "the sea at night").splitlines()
        self.assertEqual((told[0], len(told)), ("1.00 the sea at night", 2))
        self.assertTrue(told[1].endswith("bread and butter from paris"), told)
        host.send_signal(signal.SIGINT)
        self.assertEqual(host.wait(LIMIT_S), 0)

    def test_the_readmes_program(self):
        with open(os.path.join(PACKAGE, "README.md"), encoding="utf-8") as page:
            programs = re.findall(r"```python\n(.*?)```", page.read(), re.S)
        self.assertGreaterEqual(len(programs), 3)
        for program in programs:
            program = program.replace("configs/quickstart.toml", self.config)
            program = program.replace("127.0.0.1:8080", f"127.0.0.1:{self.port}")
            done = run("-c", program, env=self.environment, cwd=self.folder.name)
            self.assertEqual(done.returncode, 0, program + done.stdout + done.stderr)


if __name__ == "__main__":
    unittest.main()
