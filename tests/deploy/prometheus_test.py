"""A real Prometheus, with the sample config and the rules, watches two real nodes: what it reads, what
the rules and every panel of the dashboard make of it, and what it says when a node is killed."""

import http.client
import json
import math
import os
import re
import shutil
import subprocess
import sys
import threading
import unittest
import urllib.parse
import urllib.request

SOURCE = os.environ["TROUPE_SOURCE_DIR"]
sys.path.insert(0, os.path.join(SOURCE, "tests", "cluster"))

from cluster import LIMIT_S, PROGRAM, ClusterTest, free_ports, wait_until

RULES = os.path.join(SOURCE, "deploy", "prometheus")
DASHBOARD = os.path.join(SOURCE, "deploy", "grafana", "troupe.json")
ORDINARY_MAX = 100  # tasks that a node may hold
OF_THE_SCRAPE = {"job", "instance"}
# Without agents on the nodes there is nothing to see here.
MAY_BE_EMPTY = {"Agents"}


def read(*path):
    with open(os.path.join(*path), encoding="utf-8") as file:
        return file.read()


def panels():
    """(title, query, legend) of every target of the dashboard, with the variables put in."""
    board = json.loads(read(DASHBOARD))
    for panel in board["panels"]:
        for target in panel.get("targets", []):
            query = target["expr"].replace("$__rate_interval", "1m").replace("$node", ".*")
            assert "$" not in query, query
            yield panel["title"], query, target["legendFormat"]


def metrics_of(text):
    """The labels of each series' name, and the names that have no series yet."""
    labels, empty = {}, set()
    for line in text.splitlines():
        if found := re.match(r"# TYPE (\w+) (\w+)$", line):
            empty.add(found[1])
        elif found := re.match(r"(\w+)(?:\{(.*)\})? [^ ]+$", line):
            labels.setdefault(found[1], set()).update(re.findall(r'(\w+)="', found[2] or ""))
            empty.discard(re.sub(r"_(bucket|sum|count)$", "", found[1]))
            empty.discard(found[1])
    return labels, empty


class Prometheus(ClusterTest):
    def setUp(self):
        super().setUp()
        self.http = dict(zip("ab", free_ports(2)))
        # Prometheus shows a key of its own, as docs/http.md asks where there are keys.
        key = self.json_of("keys", "api", "prometheus")
        self.key = key["key"]
        self.key_file = os.path.join(self.folder.name, "troupe.key")
        with open(self.key_file, "w", encoding="utf-8") as file:
            file.write(self.key)
        with open(self.config, "a", encoding="utf-8") as file:
            file.write(f'[scheduling]\nordinary_queue_tasks_max = {ORDINARY_MAX}\n')
            file.write(f'[http]\nkeys = {json.dumps([key["line"]])}\n')
        text = read(self.config)
        for name, port in self.http.items():
            text = text.replace(f"[node.{name}]", f'[node.{name}]\nhttp = "127.0.0.1:{port}"')
        with open(self.config, "w", encoding="utf-8") as file:
            file.write(text)
        # One after the other: the first makes the cluster's keys.
        self.nodes = {name: self.start_node(name) for name in self.http}
        self.start_prometheus()

    def start_logged(self, name, *words):
        path = os.path.join(self.folder.name, name + ".log")
        with open(path, "w", encoding="utf-8") as log:
            process = subprocess.Popen(words, env=self.environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        self.addCleanup(self.end, process)
        return process, lambda: read(path)

    def start_node(self, name):
        process, log = self.start_logged(name, PROGRAM, "node", self.config, "--name", name)
        self.wait_for_answer(process, log, self.http[name], "/v2/health/ready")
        return process

    def wait_for_answer(self, process, log, port, target):
        def answers():
            self.assertIsNone(process.poll(), log())
            try:
                return self.ask(port, "GET", target)[0] == 200
            except ConnectionError:
                return False

        wait_until(answers, f"{target} on port {port}")

    def start_prometheus(self):
        """With the sample config and the rules, in a hurry: what is put in stands there to be replaced."""
        folder = shutil.copytree(RULES, os.path.join(self.folder.name, "prometheus"))
        config = os.path.join(folder, "prometheus.yml")
        text = read(config)
        for old, new in (("127.0.0.1:8080", f"127.0.0.1:{self.http['a']}"),
                         ("127.0.0.1:8081", f"127.0.0.1:{self.http['b']}"),
                         ("scrape_interval: 15s", "scrape_interval: 500ms"),
                         ("evaluation_interval: 15s", "evaluation_interval: 500ms"),
                         ("# authorization:", "authorization:"),
                         ("#   credentials_file: /etc/prometheus/troupe.key", f"  credentials_file: {self.key_file}")):
            self.assertEqual(text.count(old), 1, old)
            text = text.replace(old, new)
        with open(config, "w", encoding="utf-8") as file:
            file.write(text)
        alerts = os.path.join(folder, "alerts.yml")
        text = re.sub(r"for: \d+[mh]\n", "for: 1s\n", read(alerts))
        with open(alerts, "w", encoding="utf-8") as file:
            file.write(text)
        self.port = free_ports(1)[0]
        process, log = self.start_logged(
            "prometheus", "prometheus", f"--config.file={config}", f"--web.listen-address=127.0.0.1:{self.port}",
            f"--storage.tsdb.path={os.path.join(self.folder.name, 'tsdb')}", "--log.level=warn")
        self.wait_for_answer(process, log, self.port, "/-/ready")

    def ask(self, port, method, target, body=None, key=None):
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=LIMIT_S)
        try:
            headers = {"Authorization": f"Bearer {key}"} if key else {}
            connection.request(method, target, body and json.dumps(body), headers)
            answer = connection.getresponse()
            return answer.status, answer.read().decode()
        finally:
            connection.close()

    def api(self, target, **parameters):
        url = f"http://127.0.0.1:{self.port}/api/v1/{target}?{urllib.parse.urlencode(parameters)}"
        try:
            with urllib.request.urlopen(url, timeout=LIMIT_S) as answer:
                told = json.load(answer)
        except urllib.error.HTTPError as error:
            raise AssertionError(f"{parameters}: {error.read().decode()}") from error
        self.assertEqual(told["status"], "success", told)
        return told["data"]

    def numbers(self, query):
        """What the query finds, without what is not a number."""
        return [sample for sample in self.api("query", query=query)["result"]
                if not math.isnan(float(sample["value"][1]))]

    def keep_asking(self):
        """Tasks of both lanes on both nodes, some that have time and some that cannot be in time, more at once
        than the ordinary lane takes, and requests without a key."""
        ended, wrong = threading.Event(), []

        def ask():
            try:
                while not ended.is_set():
                    for port in self.http.values():
                        for priority, timeout, texts, expected in (
                                (1, 0, 2, {200}), (1, LIMIT_S * 1000000, 2, {200}), (1, 1, 2, {429, 504}),
                                (2, 0, 2, {200, 429}), (2, 0, 8 * ORDINARY_MAX, {200, 429})):
                            body = {"inputs": [{"name": "text", "shape": [texts], "datatype": "BYTES",
                                                "data": ["a text"] * texts}],
                                    "parameters": {"priority": priority, "timeout": timeout}}
                            status, told = self.ask(port, "POST", "/v2/models/tiny/infer", body, self.key)
                            if status not in expected:
                                raise AssertionError(f"{status} {told}")
                        if self.ask(port, "GET", "/v2")[0] != 401:
                            raise AssertionError("nobody asked for a key")
            except (AssertionError, OSError) as problem:
                wrong.append(problem)

        asker = threading.Thread(target=ask)
        asker.start()

        def end():
            ended.set()
            asker.join(LIMIT_S)
            self.assertFalse(asker.is_alive())
            self.assertEqual(wrong, [])

        self.addCleanup(end)
        return end

    def rules(self, kind):
        return [rule for group in self.api("rules")["groups"] for rule in group["rules"] if rule["type"] == kind]

    def alerts(self):
        return {(alert["labels"]["alertname"], alert["labels"].get("instance")): alert
                for alert in self.api("alerts")["alerts"]}

    def test_it_watches_the_nodes_and_says_when_one_is_gone(self):
        stop_asking = self.keep_asking()
        wait_until(lambda: len(self.api("query", query='up{job="troupe"} == 1')["result"]) == 2, "both targets")
        self.assertEqual({target["labels"]["instance"] for target in self.api("targets")["activeTargets"]}, {"a", "b"})
        self.every_rule_is_evaluated()
        self.every_panel_shows_something()
        active = {name for name, _ in self.alerts()}
        self.assertFalse(active & {"TroupeNodeDown", "TroupeNodesAbsent", "TroupeNodeNotReady", "TroupeWorkerLost",
                                   "TroupePeerLinkDown", "TroupeInternalErrors", "TroupeQueueStuck"}, active)
        self.every_name_and_label_is_the_nodes_own()
        stop_asking()

        self.nodes["b"].kill()
        down, link = ("TroupeNodeDown", "b"), ("TroupePeerLinkDown", "a")
        wait_until(lambda: all(self.alerts().get(alert, {}).get("state") == "firing" for alert in (down, link)),
                   "the alerts of a node that was killed")
        alerts = self.alerts()
        self.assertNotIn(("TroupeNodeDown", "a"), alerts)
        self.assertEqual(alerts[down]["annotations"]["summary"], "Node b does not answer")
        self.assertEqual(alerts[link]["annotations"]["summary"], "Node a has no link to node b")
        for alert in alerts.values():
            for text in alert["annotations"].values():
                self.assertNotRegex(text, r"<no value>|<error|\{\{", alert["labels"])
        self.nodes["b"].wait(LIMIT_S)
        self.nodes["b"] = self.start_node("b")
        wait_until(lambda: not self.alerts().keys() & {down, link}, "the end of those alerts")

    def every_rule_is_evaluated(self):
        recorded = {rule["name"] for rule in self.rules("recording")}
        self.assertEqual(len(recorded), len(self.rules("recording")))
        self.assertEqual(recorded, set(re.findall(r"record: (\S+)", read(RULES, "recording.yml") + read(RULES, "slo.yml"))))
        for name in sorted(recorded):
            wait_until(lambda name=name: self.numbers(name), "a number of " + name)
        wait_until(lambda: all(rule["health"] != "unknown" for kind in ("recording", "alerting")
                               for rule in self.rules(kind)), "the first evaluation of every rule")
        for kind in ("recording", "alerting"):
            for rule in self.rules(kind):
                self.assertEqual((rule["health"], rule.get("lastError", "")), ("ok", ""), rule["name"])
        self.assertEqual({rule["name"] for rule in self.rules("alerting")},
                         set(re.findall(r"alert: (\S+)", read(RULES, "alerts.yml") + read(RULES, "slo.yml"))))

    def every_panel_shows_something(self):
        shown = list(panels())
        self.assertGreater(len(shown), 30)
        self.assertLessEqual(MAY_BE_EMPTY, {title for title, _, _ in shown})
        for title, query, legend in shown:
            with self.subTest(panel=title, query=query):
                if title in MAY_BE_EMPTY:
                    self.api("query", query=query)  # fails where Prometheus finds a mistake
                    continue
                wait_until(lambda query=query: self.numbers(query), "something to see in " + title)
                for label in re.findall(r"\{\{(\w+)\}\}", legend):
                    for sample in self.numbers(query):
                        self.assertIn(label, sample["metric"])
        variables = {variable["name"]: variable for variable in json.loads(read(DASHBOARD))["templating"]["list"]}
        self.assertEqual(set(variables), {"datasource", "node"})
        family, label = re.fullmatch(r"label_values\((\w+), (\w+)\)", variables["node"]["query"]["query"]).groups()
        self.assertEqual({sample["metric"][label] for sample in self.numbers(family)}, {"a", "b"})

    def every_name_and_label_is_the_nodes_own(self):
        status, text = self.ask(self.http["a"], "GET", "/metrics", key=self.key)
        self.assertEqual(status, 200)
        labels, empty = metrics_of(text)
        rules = {rule["name"]: rule["query"] for kind in ("recording", "alerting") for rule in self.rules(kind)}
        queries = [query for _, query, _ in panels()] + list(rules.values())
        page = read(SOURCE, "docs", "http.md")
        named = set()
        for query in queries:
            with self.subTest(query=query):
                bare = re.sub(r'"[^"]*"', '""', query)
                names = set(re.findall(r"\b(?:\w+:)?(?:troupe|process)_\w+(?::\w+)?", bare))
                self.assertTrue(names or "up{" in bare or "ALERTS{" in bare)
                for name in names:
                    if ":" in name:
                        self.assertIn(name, rules)
                    elif name not in empty:
                        self.assertIn(name, labels)
                        named.add(name)
                for name, matchers in re.findall(r"\b((?:troupe|process)_\w+)\{([^}]*)\}", bare):
                    asked = set(re.findall(r"(\w+)(?:=~|!~|!=|=)", matchers))
                    self.assertLessEqual(asked, labels.get(name, set()) | OF_THE_SCRAPE)
                everyone = set().union(*labels.values()) | OF_THE_SCRAPE
                for name in names & empty:  # no series tells its labels, but the page does
                    everyone.update(re.findall(r"`(\w+)`", re.search(rf"^\|[^|]*`{name}`[^|]*\|(.*)\|$", page, re.M)[1]))
                for group in re.findall(r"(?:by|without|ignoring|on) ?\(([^)]*)\)", bare):
                    self.assertLessEqual(set(re.findall(r"\w+", group)), everyone)
        self.assertGreater(len(named), 30)


if __name__ == "__main__":
    unittest.main()
