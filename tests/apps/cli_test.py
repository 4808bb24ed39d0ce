#!/usr/bin/env python3
"""Runs the built program as a user does and checks what it says and how it ends.

    cli_test.py PROGRAM SOURCE_FOLDER
"""

import json
import os
import pathlib
import re
import stat
import subprocess
import sys
import tempfile
import unittest

PROGRAM = sys.argv[1]
SOURCE = pathlib.Path(sys.argv[2])
QUICKSTART = str(SOURCE / "configs" / "quickstart.toml")
VERBS = ["check", "doctor", "keys", "node", "up", "status", "top", "module", "submit", "task", "cancel", "run", "bench", "version"]
SUBVERBS = [["agents", "ls"], ["agents", "show"], ["keys", "new"], ["keys", "show"], ["keys", "list"],
            ["keys", "rotate"], ["module", "new"], ["module", "check"], ["bench", "sim"], ["bench", "lanes"],
            ["bench", "encode"], ["bench", "act"], ["bench", "recall"]]


def troupe(*words, environment=None, stdout=subprocess.PIPE):
    """Runs the program in an environment without settings of this machine's user."""
    clean = {k: v for k, v in os.environ.items() if not k.startswith("TROUPE_")}
    clean.update(environment or {})
    return subprocess.run([PROGRAM, *words], stdin=subprocess.DEVNULL, stdout=stdout,
                          stderr=subprocess.PIPE, env=clean, cwd=SOURCE, timeout=60, text=True,
                          errors="surrogateescape")


class Help(unittest.TestCase):
    def test_the_program_lists_its_verbs(self):
        told = troupe("--help")
        self.assertEqual(told.returncode, 0)
        for verb in VERBS:
            self.assertRegex(told.stdout, rf"(?m)^  {verb} ")

    def test_every_verb_has_help_with_an_example_and_json(self):
        for words in [[verb] for verb in VERBS] + SUBVERBS:
            with self.subTest(words):
                told = troupe(*words, "--help")
                self.assertEqual(told.returncode, 0, told.stderr)
                self.assertIn("Example:\n  troupe " + words[0], told.stdout)
                if words not in (["keys"], ["module"], ["bench"]):
                    self.assertIn("--json", told.stdout)


class Usage(unittest.TestCase):
    def refused(self, words, what):
        told = troupe(*words)
        self.assertEqual(told.returncode, 2)
        self.assertEqual(told.stdout, "")
        self.assertIn(what, told.stderr)
        self.assertRegex(told.stderr, r"(?m)^  next: .")

    def test_mistakes_of_usage_end_with_2_and_a_next_step(self):
        self.refused([], "troupe: a verb is missing")
        self.refused(["chekc"], "troupe has no verb 'chekc'; did you mean 'check'?")
        self.refused(["\x1b[2J"], "troupe has no verb '\\x1b[2J'")
        self.refused(["keys", "mew"], "troupe keys has no verb 'mew'; did you mean 'new'?")
        self.refused(["keys"], "troupe: ")
        self.refused(["keys", "new"], "troupe: ")
        self.refused(["check", "--nonsense"], "--nonsense")
        self.refused(["check", QUICKSTART, "another"], "another")
        self.refused(["node", QUICKSTART], "--name")
        self.refused(["submit", "text", "--lane", "fast"], "fast")
        self.refused(["submit"], "there is nothing to submit")
        self.refused(["submit", "text", "--observation", "1"], "--observation")
        self.refused(["submit", "text", "--step", "1"], "--step")
        self.refused(["submit", "--observation", "1", "--step", "-1"], "--step")
        for numbers in (",", "1,", "1,,2", "1 2", "0.5,x", "1;2", "1e999"):
            self.refused(["submit", f"--observation={numbers}"], "of the observation is none")
        self.refused(["run", "nothing"], "nothing")
        self.refused(["bench"], "troupe: ")
        self.refused(["bench", "lane"], "did you mean 'lanes'?")
        self.refused(["bench", "lanes", "qiet\x1b"], "there is no scenario 'qiet?'")
        self.refused(["bench", "lanes", "--policy", "fastest"], "there is no policy 'fastest'")
        self.refused(["bench", "lanes", "--pairs", "0"], "--pairs")

    def test_with_json_they_are_objects(self):
        for words in (["chekc"], ["check", "--nonsense"], ["keys", "new"]):
            told = troupe(*words, "--json")
            self.assertEqual(told.returncode, 2)
            error = json.loads(told.stdout)["error"]
            self.assertEqual(error["code"], "invalid_argument")
            self.assertTrue(error["what"] and error["next_step"])
            self.assertEqual(told.stderr, "")

    def test_a_full_disk_is_a_failure(self):
        with open("/dev/full", "w", encoding="ascii") as full:
            told = troupe("version", stdout=full)
        self.assertEqual(told.returncode, 1)
        self.assertIn("could not be written", told.stderr)


class Check(unittest.TestCase):
    def test_it_shows_every_setting_with_its_source(self):
        told = troupe("check", QUICKSTART, "--set", "agents.threads=3",
                      environment={"TROUPE_AGENTS__BACKOFF_MIN": "8ms"})
        self.assertEqual(told.returncode, 0, told.stderr)
        self.assertIn("[scheduling]\n", told.stdout)
        self.assertRegex(told.stdout,
                         r'(?m)^  backoff_min = "8ms" +TROUPE_AGENTS__BACKOFF_MIN$')
        self.assertRegex(told.stdout, r"(?m)^  threads = 3 +--set$")
        self.assertRegex(told.stdout, r"(?m)^  urgent_port = 7101 +.*quickstart\.toml:\d+:\d+$")
        self.assertNotIn("\x1b", told.stdout)

    def test_json_has_the_same_settings_as_values(self):
        told = troupe("check", "--json")
        settings = {s["key"]: s for s in json.loads(told.stdout)["settings"]}
        self.assertEqual(settings["node.a.urgent_port"]["value"], 7101)
        self.assertEqual(settings["node.b.devices"]["value"], ["auto"])
        self.assertIs(settings["scheduling.lanes"]["value"], True)
        self.assertEqual(settings["memory.bytes_max"]["value"], "1GiB")

    def test_the_config_may_be_named_in_four_ways(self):
        with tempfile.NamedTemporaryFile("w", suffix=".toml") as file:
            file.write("[node.only]\nurgent_port = 1\nordinary_port = 2\n")
            file.flush()
            for words, environment in ((["check", file.name], {}),
                                       (["check", "--config", file.name], {}),
                                       (["check"], {"TROUPE_CONFIG": file.name})):
                told = troupe(*words, environment=environment)
                self.assertIn("[node.only]", told.stdout)
            told = troupe("check", QUICKSTART, environment={"TROUPE_CONFIG": file.name})
            self.assertNotIn("[node.only]", told.stdout)

    def test_all_mistakes_are_told_and_end_with_2(self):
        with tempfile.NamedTemporaryFile("w", suffix=".toml") as file:
            file.write("[agents]\nbackoff_mx = '8ms'\nbackoff_min = 8\n")
            file.flush()
            told = troupe("check", file.name, "--set", "scheduling.lnaes=1")
            self.assertEqual(told.returncode, 2)
            self.assertEqual(told.stdout, "")
            lines = told.stderr.splitlines()
            self.assertEqual(lines[0], f"{file.name}:1:1: there is no node: write at least one "
                             "[node.NAME] with its two ports")
            self.assertEqual(lines[1], f"{file.name}:2:1: unknown key 'backoff_mx' in "
                             "[agents]; did you mean 'backoff_max'?")
            self.assertEqual(lines[2], f"{file.name}:3:15: 'backoff_min' must be a duration with "
                             'its unit, as in "8ms", not 8')
            self.assertTrue(lines[3].startswith("--set scheduling.lnaes: "))
            told = troupe("check", file.name, "--json")
            self.assertEqual(told.returncode, 2)
            error = json.loads(told.stdout)["error"]
            self.assertEqual(error["code"], "config")
            self.assertEqual(len(error["what"].splitlines()), 3)

    def test_a_file_that_cannot_be_read_is_a_failure(self):
        for path in ("/nonexistent.toml", "/"):
            told = troupe("check", path)
            self.assertEqual(told.returncode, 1)
            self.assertIn(f"troupe: cannot read the config {path}: ", told.stderr)

    def test_the_verbs_of_the_cluster_refuse_a_bad_config_too(self):
        for words in (["node", "--name", "a"], ["up"], ["status"], ["top", "--once"],
                      ["submit", "text"], ["run"]):
            with self.subTest(words):
                told = troupe(*words, "--set", "scheduling.lnaes=1")
                self.assertEqual(told.returncode, 2)
                self.assertIn("did you mean 'scheduling.lanes'?", told.stderr)


class Keys(unittest.TestCase):
    def test_a_pair_is_made_shown_and_never_overwritten(self):
        with tempfile.TemporaryDirectory() as scratch:
            folder = scratch + "/keys"
            made = troupe("keys", "new", "node-a", "--folder", folder, "--json")
            self.assertEqual(made.returncode, 0, made.stdout)
            told = json.loads(made.stdout)
            self.assertEqual(len(told["public_key"]), 40)
            self.assertEqual(stat.S_IMODE(os.stat(folder).st_mode), 0o700)
            self.assertEqual(stat.S_IMODE(os.stat(told["private_file"]).st_mode), 0o600)
            secret = pathlib.Path(told["private_file"]).read_text(encoding="ascii")
            for path in (told["private_file"], told["public_file"]):
                shown = troupe("keys", "show", path)
                self.assertEqual(shown.stdout, told["public_key"] + "\n")
                for key in re.findall(r'"(.{40})"', secret):
                    self.assertTrue(key == told["public_key"] or key not in shown.stdout)
            again = troupe("keys", "new", "node-a", "--folder", folder)
            self.assertEqual(again.returncode, 1)
            self.assertEqual(pathlib.Path(told["private_file"]).read_text(encoding="ascii"), secret)

    def test_a_key_is_rotated_step_by_step(self):
        with tempfile.TemporaryDirectory() as scratch:
            self.assertEqual(troupe("keys", "new", "b", "--folder", scratch, "--role", "read-only").returncode, 0)
            old = troupe("keys", "show", scratch + "/b.pub").stdout.strip()
            begun = json.loads(troupe("keys", "rotate", "b", "--folder", scratch, "--json").stdout)
            self.assertEqual((begun["stage"], begun["public_key"]), ("begun", old))
            self.assertEqual(stat.S_IMODE(os.stat(scratch + "/b.key.next").st_mode), 0o600)
            shown = json.loads(troupe("keys", "show", scratch + "/b.pub", "--json").stdout)
            self.assertEqual((shown["next_key"], shown["role"]), (begun["next_key"], "read-only"))
            told = troupe("keys", "rotate", "b", "--folder", scratch)
            self.assertIn("--switch", told.stdout)
            self.assertIn("troupe reload", told.stdout)
            self.assertIn("--finish", troupe("keys", "rotate", "b", "--folder", scratch, "--switch").stdout)
            done = json.loads(troupe("keys", "rotate", "b", "--folder", scratch, "--finish", "--json").stdout)
            self.assertEqual((done["stage"], done["public_key"], done["next_key"]),
                             ("none", begun["next_key"], None))

    def test_a_rotation_that_makes_no_sense_is_refused(self):
        with tempfile.TemporaryDirectory() as scratch:
            for words in (["b"], ["b", "--folder", scratch, "--switch", "--finish"],
                          ["b", "--folder", scratch, "--config", QUICKSTART], ["--folder", scratch],
                          ["../b", "--folder", scratch]):
                self.assertEqual(troupe("keys", "rotate", *words).returncode, 2, words)
            missing = troupe("keys", "rotate", "b", "--folder", scratch)
            self.assertIn("b.pub", missing.stderr)
            self.assertEqual(troupe("keys", "new", "b", "--folder", scratch, "--role", "admin").returncode, 2)

    def test_a_name_that_would_leave_the_folder_is_refused(self):
        with tempfile.TemporaryDirectory() as scratch:
            for name in ("../x", "a/b", "", ".hidden"):
                told = troupe("keys", "new", name, "--folder", scratch)
                self.assertEqual(told.returncode, 2, name)
            self.assertEqual(os.listdir(scratch), [])

    def test_what_is_no_key_is_refused(self):
        for path in (QUICKSTART, "/nonexistent.pub", "/nonexistent.key", "/"):
            told = troupe("keys", "show", path)
            self.assertNotEqual(told.returncode, 0)
            self.assertTrue(told.stderr.startswith("troupe: "))


class Bench(unittest.TestCase):
    def test_scenarios_and_policies_are_listed(self):
        told = json.loads(troupe("bench", "lanes", "--list", "--json").stdout)
        self.assertIn("quiet", [scenario["name"] for scenario in told["scenarios"]])
        self.assertEqual(told["policies"][0], "troupe")
        self.assertRegex(troupe("bench", "lanes", "--list").stdout, r"(?m)^  quiet +How ")

    def test_a_run_ends_with_its_verdict_and_leaves_a_report(self):
        with tempfile.TemporaryDirectory() as scratch:
            folder = pathlib.Path(scratch, "a report")
            told = troupe("bench", "lanes", "quiet", "--seconds", "1", "--json", "--date",
                          "2026-01-31", "--report", str(folder))
            body = json.loads(told.stdout)
            self.assertEqual([figure["id"] for figure in body["figures"]], ["quiet"])
            self.assertEqual(told.returncode, 0 if body["figures"][0]["ok"] else 1)
            self.assertEqual(body["date"], "2026-01-31")
            self.assertEqual(body["command"],
                             f"troupe bench lanes quiet --seconds 1 --report '{folder}'")
            self.assertEqual(json.loads((folder / "figures.json").read_text()), body)
            self.assertIn("</html>", (folder / "index.html").read_text())
            self.assertTrue(list(folder.glob("*.svg")))

    def test_a_trace_that_cannot_be_read_ends_the_run_before_it_begins(self):
        with tempfile.NamedTemporaryFile("w", suffix=".csv") as file:
            file.write("a,b\n")
            file.flush()
            told = troupe("bench", "sim", "--trace", file.name)
            self.assertEqual(told.returncode, 1)
            self.assertIn("the first line is 'a,b'", told.stderr)

    def test_a_folder_that_cannot_be_made_ends_the_run_before_it_begins(self):
        told = troupe("bench", "lanes", "--report", "/proc/no/such")
        self.assertEqual(told.returncode, 1)
        self.assertIn("cannot make the folder '/proc/no/such'", told.stderr)


class Version(unittest.TestCase):
    def test_it_names_what_the_program_is_built_from(self):
        told = json.loads(troupe("version", "--json").stdout)
        self.assertRegex(told["version"], r"^\d+\.\d+\.\d+$")
        self.assertTrue(told["compiler"] and told["build_type"] and told["cpu_path"])
        self.assertEqual(set(told["libraries"]) - {"grpc"},  # where it is built
                         {"caf", "cli11", "nlohmann_json", "spdlog", "tomlplusplus", "zmq"})
        for name, version in told["libraries"].items():
            self.assertRegex(version, r"^\d+\.\d+\.\d+$", name)
        self.assertTrue(troupe("version").stdout.startswith("troupe " + told["version"] + "\n"))


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
