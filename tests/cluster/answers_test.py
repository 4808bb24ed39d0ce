"""The librarians' answers are sensible: real texts, the real model, questions whose right package is
written down. Needs the model (tools/get-model) and apt's package lists (tools/setup)."""

import os
import unittest

from cluster import SOURCE, ClusterTest


class Answers(ClusterTest):
    def test_the_right_package_is_found(self):
        self.write_config(model="auto")
        report = self.json_of(
            "run", "librarians", "--config", self.config,
            "--questions", os.path.join(SOURCE, "configs", "questions.tsv"),
        )
        self.assertEqual(report["library"]["documents"], 3000)
        self.assertGreaterEqual(report["score"]["known"], 40)
        missing = [
            answer["question"] for answer in report["answers"]
            if answer["expected"] and answer["rank"] == 0
        ]
        self.assertLessEqual(len(missing), report["score"]["known"] - 30, missing)
        for load in report["loads"]:
            self.assertEqual(load["failed"], 0, load["errors"])
            self.assertEqual(load["ordinary"]["count"], 3000)


if __name__ == "__main__":
    unittest.main()
