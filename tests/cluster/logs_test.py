"""What the nodes of a real cluster log is kept, merged and followed; a disk that is full costs lines and
nothing else."""

import json
import os
import subprocess
import unittest

from cluster import LIMIT_S, PROGRAM, ClusterTest, wait_until

FLOODS = os.environ["TROUPE_FLOODS"]


class Logs(ClusterTest):
    def lines(self, *words):
        done = self.troupe("logs", self.config, "--json", *words)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        return [json.loads(line) for line in done.stdout.splitlines()]

    def kept(self, node):
        return os.path.join(self.folder.name, "troupe", "test", "logs", node + ".log")

    def test_logs_are_merged_chosen_and_there_after_the_end(self):
        none = self.json_of("logs", self.config, exit_code=1)["error"]
        self.assertEqual(none["code"], "not_found")
        up = self.start_up()
        every = self.lines()
        self.assertEqual({line["node"] for line in every}, {"a", "b"})
        self.assertEqual([line["ts"] for line in every], sorted(line["ts"] for line in every))
        for node in "ab":
            self.assertIn("ready", [line["msg"] for line in self.lines("--node", node)])
        self.assertEqual({line["node"] for line in self.lines("--node", "b")}, {"b"})
        self.assertEqual(len(self.lines("--last", "2")), 2)
        text = self.troupe("logs", self.config, "--node", "a").stdout
        self.assertRegex(text, r"(?m)^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3} info  \[a\] ready$")
        # Shown as well, as the format of a log that is no terminal.
        self.assertIn('"msg":"ready"', self.read_log())
        self.assertEqual(os.stat(self.kept("a")).st_mode & 0o777, 0o600)

        floods = subprocess.Popen([FLOODS, self.config, "b", "40000"], env=self.environment, text=True,
                                  stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
        self.addCleanup(floods.stdout.close)
        self.addCleanup(self.end, floods)
        task = floods.stdout.readline().split()[1]
        wait_until(lambda: self.troupe("task", task, self.config).returncode == 0, "the task")
        self.json_of("cancel", task, self.config)
        self.assertEqual([(line["node"], line["task"]) for line in self.lines("--task", task)], [("b", task)])
        self.assertEqual(self.lines("--task", "f" * 32), [])
        self.json_of("logs", self.config, "--task", "x", exit_code=2)
        self.json_of("logs", self.config, "--node", "c", exit_code=2)

        self.end(floods)
        self.assertEqual(self.stop(up), 0, self.read_log())
        self.assertEqual(self.lines("--node", "a")[-1]["msg"], "stopped")

    def test_what_comes_is_followed(self):
        self.start_up()
        follow = subprocess.Popen([PROGRAM, "logs", self.config, "-f", "--last", "1", "--json"],
                                  env=self.environment, text=True, stdin=subprocess.DEVNULL,
                                  stdout=subprocess.PIPE)
        self.addCleanup(follow.stdout.close)
        self.addCleanup(self.end, follow)
        self.assertTrue(follow.stdout.readline())
        self.json_of("drain", "a", self.config)
        said = ""
        while said != "draining: no new tasks are taken":
            said = json.loads(follow.stdout.readline())["msg"]
        follow.terminate()
        self.assertEqual(follow.wait(LIMIT_S), 0)

    def test_a_full_disk_takes_nothing_down(self):
        os.makedirs(os.path.dirname(self.kept("b")))
        os.symlink("/dev/full", self.kept("b"))
        up = self.start_up()
        self.json_of("submit", "hello", "--config", self.config, "--node", "b")
        self.json_of("drain", "b", self.config)  # it logs that
        self.assertEqual(self.read_log().count("a log is not kept"), 1, self.read_log())
        self.assertIn("No space left on device", self.read_log())
        self.assertEqual({line["node"] for line in self.lines("--node", "a")}, {"a"})
        self.assertEqual(self.stop(up), 0, self.read_log())
        self.assertEqual(self.read_log().count('"msg":"stopped"'), 2)

    def test_a_folder_that_cannot_be_made_takes_nothing_down(self):
        self.assertEqual(self.stop(self.start_up()), 0)  # makes the keys
        folder = os.path.dirname(self.kept("a"))
        os.remove(os.path.join(self.folder.name, "ready"))
        for name in os.listdir(folder):
            os.remove(os.path.join(folder, name))
        os.rmdir(folder)
        with open(folder, "w", encoding="utf-8"):
            pass
        up = self.start_up()
        self.assertEqual(self.read_log().count("logs are not kept"), 1, self.read_log())
        self.json_of("submit", "hello", "--config", self.config)
        self.assertEqual(self.stop(up), 0, self.read_log())


if __name__ == "__main__":
    unittest.main()
