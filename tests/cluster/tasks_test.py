"""Single tasks of a real cluster, looked for and canceled from the command line."""

import os
import signal
import subprocess
import unittest

from cluster import LIMIT_S, ClusterTest, wait_until

FLOODS = os.environ["TROUPE_FLOODS"]
COUNT = 60_000  # long texts, nearly all that a node holds: it is busy with them while the test looks on
NOBODYS = "0123456789abcdef0000000000000001"


class Tasks(ClusterTest):
    def flood(self, node):
        """The program that keeps the node busy, and the id of the last task in its queue."""
        floods = subprocess.Popen([FLOODS, self.config, node, str(COUNT)], env=self.environment, text=True,
                                  stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.addCleanup(floods.stdout.close)
        self.addCleanup(floods.stderr.close)
        self.addCleanup(self.end, floods)
        word, task = floods.stdout.readline().split()
        self.assertEqual(word, "last")
        return floods, task

    def where(self, task):
        """Where the task is, once the node has it."""
        told = self.troupe("task", task, self.config, "--json")
        return told.returncode == 0 and self.json_of("task", task, self.config)["where"]

    def name_of(self, pid):
        with open(f"/proc/{pid}/cmdline", encoding="utf-8") as file:
            words = file.read().split("\0")
        return words[words.index("--name") + 1]

    def test_a_queued_task_is_found_and_canceled_wherever_it_is_asked_for(self):
        self.start_up()
        floods, task = self.flood("b")
        wait_until(lambda: self.where(task) == "queued", "the last task to be queued")
        told = self.json_of("task", task, self.config)
        self.assertEqual((told["node"], told["state"], told["silent"]), ("b", "submitted", []))
        self.assertEqual([one["node"] for one in told["nodes"]], ["b"])
        self.assertEqual(told["nodes"][0]["lane"], "ordinary")
        self.assertEqual(told["nodes"][0]["from"], "client")
        text = self.troupe("task", task, self.config).stdout
        self.assertRegex(text, r"(?m)^task [0-9a-f]{32}: submitted\n  b  queued, the ordinary lane, for .*, no time limit")

        canceled = self.json_of("cancel", task, self.config)
        self.assertEqual((canceled["canceled"], canceled["state"], canceled["node"], canceled["where"]),
                         (True, "canceled", "b", "queued"))
        self.assertEqual(floods.stdout.readline(), "canceled\n")
        for verb in ("task", "cancel"):  # again, and it is as it was
            ended = self.json_of(verb, task, self.config)
            self.assertEqual((ended["state"], ended["node"], ended["where"]), ("canceled", "b", "finished"))
            self.assertFalse(ended.get("canceled", False))
        self.assertIn("had ended already: canceled", self.troupe("cancel", task, self.config).stdout)
        self.assertEqual(self.json_of("explain", task, self.config)["error"], "canceled")
        # One outcome for each, and for the last one no other than that.
        self.assertEqual(floods.communicate(timeout=4 * LIMIT_S), (f"{COUNT}\n", ""))
        self.assertEqual(floods.returncode, 0)

    def test_a_task_that_is_done_says_how_it_ended(self):
        self.start_up()
        task = self.json_of("submit", "a fast text editor", "--config", self.config, "--node", "b")["task"]
        told = self.json_of("task", task, self.config)
        self.assertEqual((told["state"], told["node"], told["where"]), ("completed", "b", "finished"))
        self.assertEqual(told["nodes"][0]["explanation"]["model"], "tiny")
        self.assertRegex(self.troupe("task", task, self.config).stdout, "  b  completed, queued .* on the device ")
        self.assertFalse(self.json_of("cancel", task, self.config)["canceled"])

    def test_ids_that_no_node_knows_and_that_are_none(self):
        self.start_up()
        for verb in ("task", "cancel"):
            unknown = self.json_of(verb, NOBODYS, self.config, exit_code=1)["error"]
            self.assertEqual(unknown["code"], "not_found")
            self.assertIn(NOBODYS, unknown["what"])
            for word in ("1", "x" * 32, NOBODYS + "1", "../../etc/passwd", ""):
                bad = self.json_of(verb, word, self.config, exit_code=2)["error"]
                self.assertEqual(bad["code"], "invalid_argument")

    def test_a_node_that_does_not_answer_is_named(self):
        up = self.start_up()
        task = self.json_of("submit", "a fast text editor", "--config", self.config, "--node", "a")["task"]
        silent = next(pid for pid in self.children(up) if self.name_of(pid) == "b")
        os.kill(silent, signal.SIGSTOP)  # it is there and says nothing
        self.addCleanup(os.kill, silent, signal.SIGCONT)
        told = self.json_of("task", task, self.config)
        self.assertEqual((told["state"], told["node"], told["silent"]), ("completed", "a", ["b"]))
        self.assertIn("node 'b' does not answer", self.troupe("task", task, self.config).stdout)
        for verb in ("task", "cancel"):
            error = self.json_of(verb, NOBODYS, self.config, exit_code=3)["error"]
            self.assertEqual(error["code"], "unreachable")
            self.assertIn("'b'", error["what"])


if __name__ == "__main__":
    unittest.main()
