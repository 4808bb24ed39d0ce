"""A module of agents as its author has it: installed headers, a skeleton that is written, built and
tested out of tree, and a real cluster whose nodes load it, before and after one of them is killed."""

import json
import os
import signal
import subprocess
import sys
import unittest

SOURCE = os.environ["TROUPE_SOURCE_DIR"]
BUILD = os.environ["TROUPE_BINARY_DIR"]
sys.path.insert(0, os.path.join(SOURCE, "tests", "cluster"))

from cluster import ClusterTest, is_alive, wait_until  # noqa: E402

# Writes to an agent and prints its answer: the C++ client's own headers and nothing of this tree.
ASKS = r"""
#include <troupe/client.hpp>
#include <chrono>
#include <iostream>
int main(int, char** argv) {
  auto client = troupe::connect(argv[1]);
  if (!client) return 1;
  const troupe::AgentId to{"tally", argv[2]};
  for (const char* node : {"a", "b"})
    if (!(*client)->wait_connected(node, std::chrono::seconds(30))) return 2;
  if (!(*client)->send(to, argv[3], argv[4], 1)) return 3;
  const auto letter = (*client)->receive(std::chrono::seconds(30));
  if (!letter) return 4;
  std::cout << letter->topic << ' ' << letter->body << std::endl;
}
"""


class Module(ClusterTest):
    def do(self, *command, **options):
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300, **options)
        self.assertEqual(done.returncode, 0, f"{command}\n{done.stdout}\n{done.stderr}")
        return done.stdout

    def path(self, *parts):
        return os.path.join(self.folder.name, *parts)

    def ask(self, key, topic, body):
        return self.do(self.path("asks"), self.config, key, topic, body, env=self.environment).strip()

    def test_from_the_installed_headers_to_an_answer(self):
        prefix = self.path("prefix")
        for component in ("agents", "client"):
            self.do("cmake", "--install", BUILD, "--prefix", prefix, "--component", component)
        tally = self.path("tally")
        made = self.json_of("module", "new", "tally", "--folder", tally)
        self.assertEqual(made["type"], "tally")
        again = self.troupe("module", "new", "tally", "--folder", tally)
        self.assertEqual(again.returncode, 1, again.stdout)
        self.assertIn("is there already", again.stderr)
        built = os.path.join(tally, "build")
        self.do("cmake", "-G", "Ninja", "-S", tally, "-B", built, f"-DCMAKE_PREFIX_PATH={prefix}")
        self.do("cmake", "--build", built)
        self.do("ctest", "--test-dir", built, "--output-on-failure", "--no-tests=error")
        module = os.path.join(built, "tally.so")
        self.assertEqual(self.json_of("module", "check", module)["type"], "tally")

        with open(self.path("asks.cpp"), "w", encoding="utf-8") as file:
            file.write(ASKS)
        found = [os.path.join(top, "troupe.pc") for top, _, files in os.walk(prefix) if "troupe.pc" in files]
        flags = self.do("pkg-config", f"--define-variable=prefix={prefix}", "--cflags", "--libs", "troupe",
                        env=dict(os.environ, PKG_CONFIG_PATH=os.path.dirname(found[0]))).split()
        self.do("c++", "-std=c++20", self.path("asks.cpp"), *flags, "-o", self.path("asks"))

        with open(self.config, "a", encoding="utf-8") as file:
            file.write(f"[agents]\nmodules = {json.dumps([module])}\n")
        up = self.start_up()
        keys = [str(number) for number in range(8)]  # some live on either node
        for key in keys:
            self.assertEqual(self.ask(key, "add", "3"), "total 3")
            self.assertEqual(self.ask(key, "add", "4"), "total 7")
        self.assertEqual(self.ask("0", "tokens", "tiny hello world").split()[0], "tokens")
        self.assertEqual(self.ask("0", "total_in", "10"), "total 7")
        self.assertTrue(self.ask("0", "nonsense", "").startswith("error "))

        # A node that comes back loads it again; what its agents had counted went with it.
        victim = self.children(up)[0]
        os.kill(victim, signal.SIGKILL)
        wait_until(lambda: not is_alive(victim), "its end")
        wait_until(lambda: self.troupe("status", self.config).returncode == 0, "the node")
        totals = {self.ask(key, "add", "1") for key in keys}
        self.assertEqual(totals, {"total 1", "total 8"})
        self.assertEqual(self.stop(up), 0, self.read_log())

    def test_a_module_that_cannot_be_loaded_keeps_a_node_from_starting(self):
        broken = self.path("broken.so")
        with open(broken, "w", encoding="utf-8") as file:
            file.write("no library\n")
        with open(self.config, "a", encoding="utf-8") as file:
            file.write(f"[agents]\nmodules = {json.dumps([broken])}\n")
        done = self.troupe("node", self.config, "--name", "a")
        self.assertNotEqual(done.returncode, 0)
        self.assertIn(broken, done.stderr)


if __name__ == "__main__":
    unittest.main()
