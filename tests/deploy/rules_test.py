"""The rules for Prometheus: promtool takes them, each alert is shown firing and not, and moving any
threshold, any `for` and any selector of an alert is noticed."""

import concurrent.futures
import os
import re
import shutil
import subprocess
import tempfile
import unittest

SOURCE = os.environ["TROUPE_SOURCE_DIR"]
RULES = os.path.join(SOURCE, "deploy", "prometheus")
TESTS = os.path.join(SOURCE, "tests", "deploy")
LIMIT_S = 240  # only ends a broken test


def read(*path):
    with open(os.path.join(*path), encoding="utf-8") as file:
        return file.read()


def rule_files():
    return sorted(name for name in os.listdir(RULES) if name.endswith(".yml") and name != "prometheus.yml")


def test_files():
    return sorted(name for name in os.listdir(TESTS) if name.endswith("_test.yml"))


def promtool(*words, folder=None):
    return subprocess.run(["promtool", *words], cwd=folder, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                          timeout=LIMIT_S, check=False)


def alerts_of(text):
    """The alerts of a file: (name, where it begins, where it ends)."""
    begins = list(re.finditer(r"^ *- (?:alert|record|name): (\S+)$", text, re.M))
    ends = [begin.start() for begin in begins[1:]] + [len(text)]
    return [(begin[1], begin.start(), end) for begin, end in zip(begins, ends) if "- alert:" in begin[0]]


def moved(operator, number):
    """A comparison that holds more often, and one that holds less often."""
    if operator == "==":
        return ">= -1", "== -1"
    if float(number) == 0:
        return ">= 0", "> 1e9"
    return f"{operator} {float(number) / 2}", f"{operator} {float(number) * 2}"


def mutants(text):
    """Each is an alert's name and the file with one thing of that alert changed."""
    for name, begin, end in alerts_of(text):
        head = text.index("annotations:", begin)
        for found in re.finditer(r"(>=?|==) (\d[\d.]*)", text[begin:head]):
            for other in moved(*found.groups()):
                yield name, text[:begin + found.start()] + other + text[begin + found.end():]
        for found in re.finditer(r"for: (\d+)([mh])", text[begin:head]):
            for other in ("for: 0s", f"for: {2 * int(found[1])}{found[2]}"):
                yield name, text[:begin + found.start()] + other + text[begin + found.end():]
        for found in re.finditer(r'\{\w+(?:=|!)[^}]*\}', text[begin:head]):
            yield name, text[:begin + found.start()] + text[begin + found.end():]
        for old, new in (("> max_over_time", ">= max_over_time"), ("absent(", "vector(1) or absent("),
                         ("rate5m == 0", "rate5m <= 1")):
            if old in text[begin:head]:
                yield name, text[:begin] + text[begin:head].replace(old, new) + text[head:]


class Rules(unittest.TestCase):
    def test_promtool_takes_the_rules_and_the_sample_config(self):
        for words in (["check", "rules", *rule_files()], ["check", "config", "prometheus.yml"]):
            done = promtool(*words, folder=RULES)
            self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        for name in rule_files():
            self.assertIn(f"  - {name}\n", read(RULES, "prometheus.yml"))

    def test_the_rules_do_what_the_examples_say(self):
        self.assertGreaterEqual(len(test_files()), 4)
        done = promtool("test", "rules", *(os.path.join(TESTS, name) for name in test_files()))
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    def test_every_alert_says_what_to_do_and_is_shown_firing_and_not(self):
        examples = "".join(read(TESTS, name) for name in test_files())
        names = []
        for file in rule_files():
            text = read(RULES, file)
            for name, begin, end in alerts_of(text):
                with self.subTest(name):
                    names.append(name)
                    self.assertRegex(text[begin:end], r"severity: (page|ticket)\n")
                    self.assertRegex(text[begin:end], r'summary: "\S.{20,}"\n')
                    description = text[text.index("description: >-", begin):end]
                    self.assertGreater(len(description.split()), 20)
                    fires = re.findall(rf'labels: ALERTS\{{alertname="{name}", alertstate="firing", (.*)\}}', examples)
                    self.assertTrue(fires, "is never shown firing")
                    self.assertRegex(examples, rf'alertname=(?:"|~"[^"]*){name}[^\n]*exp_samples: \[\]|'
                                     rf'alertname=~"[^"]*{name}[^\n]*\n *exp_samples: \[\]', "is never shown quiet")
                    for label in re.findall(r"\$labels\.(\w+)", text[begin:end]):
                        for shown in fires:
                            self.assertRegex(shown, rf'\b{label}="', "the text names a label that it does not have")
                    for panel in re.findall(r'"([A-Z][a-z ]+)"', description):
                        self.assertIn(f'"title": "{panel}"', read(SOURCE, "deploy", "grafana", "troupe.json"))
                    for other in re.findall(r"\bTroupe[A-Z]\w+", description):
                        self.assertIn(f"alert: {other}\n", "".join(read(RULES, rules) for rules in rule_files()))
        self.assertEqual(len(names), len(set(names)))
        self.assertGreaterEqual(len(names), 20)

    def is_noticed(self, file, name, text):
        with tempfile.TemporaryDirectory(prefix="troupe-test-") as folder:
            rules = shutil.copytree(RULES, os.path.join(folder, "deploy", "prometheus"))
            tests = os.path.join(folder, "tests", "deploy")
            os.makedirs(tests)
            with open(os.path.join(rules, file), "w", encoding="utf-8") as out:
                out.write(text)
            checked = promtool("check", "rules", file, folder=rules)
            self.assertEqual(checked.returncode, 0, checked.stderr)  # or it would be noticed for nothing
            about = [test for test in test_files() if name in read(TESTS, test)]
            for test in about:
                shutil.copy(os.path.join(TESTS, test), tests)
            return promtool("test", "rules", *about, folder=tests).returncode != 0

    def test_every_change_of_an_alert_is_noticed(self):
        tried, unnoticed = 0, []
        with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
            for file in rule_files():
                text = read(RULES, file)
                changed = list(mutants(text))
                tried += len(changed)
                verdicts = pool.map(lambda one, file=file: self.is_noticed(file, *one), changed)
                for (name, mutant), noticed in zip(changed, verdicts):
                    if not noticed:
                        at = next(i for i, (a, b) in enumerate(zip(text, mutant)) if a != b)
                        unnoticed.append(f"{name}: {mutant[at - 40:at + 40]!r}")
        self.assertEqual(unnoticed, [])
        self.assertGreater(tried, 80)


if __name__ == "__main__":
    unittest.main()
