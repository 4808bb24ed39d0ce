"""Runs every scenario of rig K, of HTTP and of the link once, as quickly as it can: that it runs, and what its figures look like.

Speeds are not looked at. Errors are: they are the same on a busy machine.
"""

import json
import math
import os
import subprocess
import sys
import unittest

PROGRAM = sys.argv[1]
# verb: the figures' ids, in their order
FIGURES = {
    "encode": ["gemm"] * 4 + ["encode"] * 5 + ["error"] * 2 + ["bf16", "packing"] + ["yield"] * 3
              + ["tokenizer"] + ["openblas"] * 3 + ["onednn"] * 3 + ["onnxruntime"] * 2,
    "act": ["act"] * 5,
    "recall": ["recall"] * 4,
    "link": ["round-trip", "messages", "curve", "bulk", "urgent", "urgent", "shaped", "shaped", "kill"],
    "http": ["latency", "connections", "idle", "layer", "metrics"],
}


def run(*words, **environment):
    return subprocess.run([PROGRAM, "bench", *words], capture_output=True, text=True, timeout=240,
                          env={**os.environ, **environment})


def figures_of(told):
    return json.loads(told.stdout)["figures"]


class Figures(unittest.TestCase):
    def check_form(self, figures):
        for figure in figures:
            with self.subTest(figure["what"]):
                value, target = figure["value"], figure["target"]
                self.assertIn(figure["comparison"], ("<=", ">="))
                self.assertGreater(len(figure["detail"]), 10)
                if value is None:
                    self.assertFalse(figure["ok"])
                    continue
                self.assertTrue(math.isfinite(value))
                reached = value <= target if figure["comparison"] == "<=" else value >= target
                self.assertEqual(figure["ok"], reached)

    def test_each_verb_gives_its_figures(self):
        for verb, ids in FIGURES.items():
            with self.subTest(verb):
                told = run(verb, "--quick", "--json")
                figures = figures_of(told)
                self.assertEqual(told.returncode, 0 if all(f["ok"] for f in figures) else 1)
                self.assertEqual([figure["id"] for figure in figures], ids)
                self.check_form(figures)
                self.assertEqual(json.loads(told.stdout)["command"], f"troupe bench {verb} --quick")
                for figure in figures:
                    if figure["id"] in ("gemm", "encode", "recall", "act", "tokenizer", "connections",
                                        "idle", "layer", "metrics", "round-trip",
                                        "messages", "bulk", "urgent", "kill"):
                        self.assertGreater(figure["value"], 0)
                    if figure["id"] == "shaped" and figure["value"] is None:
                        self.assertIn("no wire can be made", figure["detail"])
                    if figure["id"] == "error":
                        self.assertTrue(figure["ok"], figure)
                    if figure["id"] == "bf16" and figure["value"] is None:
                        self.assertIn("not on this CPU", figure["detail"])

    def test_without_a_model_the_figures_say_so_and_have_no_value(self):
        told = run("encode", "--quick", "--json", TROUPE_MODEL_DIR="/no/such/folder")
        figures = figures_of(told)
        self.assertEqual(told.returncode, 1)
        self.assertEqual([figure["id"] for figure in figures], FIGURES["encode"])
        self.check_form(figures)
        for figure in figures:
            if figure["id"] != "gemm":
                self.assertIsNone(figure["value"])
                self.assertRegex(figure["detail"], "^there is no model|^this build has no peers")
        screen = run("encode", "packing", "--quick", TROUPE_MODEL_DIR="/no/such/folder").stdout
        self.assertIn("not measured: 8 texts of log-normal lengths", screen)

    def test_scenarios_are_listed_and_policies_are_none_of_them(self):
        told = run("encode", "--list")
        self.assertEqual(told.returncode, 0)
        self.assertIn("tokenizer", told.stdout)
        self.assertNotIn("policies", told.stdout)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
