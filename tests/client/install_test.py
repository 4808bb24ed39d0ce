"""An installed client: the example builds against it, by CMake and by pkg-config, and reaches a cluster."""

import os
import subprocess
import sys
import unittest

SOURCE = os.environ["TROUPE_SOURCE_DIR"]
BUILD = os.environ["TROUPE_BINARY_DIR"]
sys.path.insert(0, os.path.join(SOURCE, "tests", "cluster"))

from cluster import ClusterTest  # noqa: E402

EXAMPLE = os.path.join(SOURCE, "client", "example")


class Installed(ClusterTest):
    def do(self, *command, **options):
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300, **options)
        self.assertEqual(done.returncode, 0, f"{command}\n{done.stdout}\n{done.stderr}")
        return done.stdout

    def test_the_example_builds_against_what_was_installed_and_answers(self):
        prefix = os.path.join(self.folder.name, "prefix")
        built = os.path.join(self.folder.name, "built")
        self.do("cmake", "--install", BUILD, "--prefix", prefix, "--component", "client")
        self.do("cmake", "-G", "Ninja", "-S", EXAMPLE, "-B", built, "-DCMAKE_BUILD_TYPE=Debug",
                f"-DCMAKE_PREFIX_PATH={prefix}")
        self.do("cmake", "--build", built)

        # By hand, with the flags that pkg-config gives and nothing of this tree.
        found = [os.path.join(top, "troupe.pc") for top, _, files in os.walk(prefix) if "troupe.pc" in files]
        self.assertEqual(len(found), 1)
        environment = dict(os.environ, PKG_CONFIG_PATH=os.path.dirname(found[0]))
        flags = self.do("pkg-config", f"--define-variable=prefix={prefix}", "--cflags", "--libs", "troupe",
                        env=environment).split()
        by_hand = os.path.join(self.folder.name, "by_hand")
        self.do("c++", "-std=c++20", os.path.join(EXAMPLE, "nearest_text.cpp"), *flags, "-o", by_hand)

        up = self.start_up()
        for program in (os.path.join(built, "nearest_text"), by_hand):
            said = self.do(program, self.config, "tiny", "hello world", "hello world",
                           env=self.environment)
            self.assertEqual(said, "1.000  hello world\n")
            many = [f"text {i}" for i in range(300)]
            said = self.do(program, self.config, "tiny", "hello world", *many, env=self.environment)
            self.assertIn(said.split("  ")[1].strip(), many)
        refused = subprocess.run([by_hand, self.config, "nobodys", "a", "b"], env=self.environment,
                                 capture_output=True, text=True, check=False, timeout=60)
        self.assertEqual(refused.returncode, 1)
        self.assertIn("model_missing", refused.stderr)
        self.stop(up)


if __name__ == "__main__":
    unittest.main()
