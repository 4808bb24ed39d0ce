"""Traces of a real cluster, as an OTLP collector sees them: from HTTP, C++ and Python, over two nodes."""

import http.client
import json
import os
import re
import subprocess
import sys
import unittest

from cluster import LIMIT_S, SOURCE, ClusterTest, free_ports, wait_until
from otlp import Collector

sys.path.insert(0, os.path.join(SOURCE, "clients", "python"))
import troupe

ASKS = os.environ["TROUPE_ASKS"]
INTERNAL, SERVER, CLIENT = 1, 2, 3
CALLER = "00f067aa0ba902b7"


class Tracing(ClusterTest):
    traces = 0

    def new_trace(self, sampled=True):
        """A trace of its own: its id, and the traceparent."""
        Tracing.traces += 1
        trace = f"{Tracing.traces:032x}"
        return trace, f"00-{trace}-{CALLER}-0{int(sampled)}"

    def start(self, endpoint, extra=""):
        self.http = free_ports(2)
        with open(self.config, encoding="utf-8") as file:
            text = file.read().replace("[node.b]", f'[node.b]\nhttp = "127.0.0.1:{self.http[1]}"')
        text += f'[http]\nlisten = "127.0.0.1:{self.http[0]}"\n[tracing]\nendpoint = "{endpoint}"\n{extra}'
        with open(self.config, "w", encoding="utf-8") as file:
            file.write(text)
        return self.start_up()

    def collect(self, answers=()):
        collector = Collector(answers)
        self.addCleanup(lambda: self.assertEqual(collector.wrong, []))
        self.addCleanup(collector.close)
        return collector

    def ask(self, texts, traceparent=None, port=None):
        connection = http.client.HTTPConnection("127.0.0.1", port or self.http[0], timeout=LIMIT_S)
        self.addCleanup(connection.close)
        headers = {"traceparent": traceparent} if traceparent else {}
        connection.request("POST", "/v1/embeddings", json.dumps({"model": "tiny", "input": texts}), headers)
        answer = connection.getresponse()
        answer.read()
        self.assertEqual(answer.status, 200)
        return answer.headers

    def metric(self, name, port=None):
        connection = http.client.HTTPConnection("127.0.0.1", port or self.http[0], timeout=LIMIT_S)
        self.addCleanup(connection.close)
        connection.request("GET", "/metrics")
        return int(re.search(rf"^{name} (\d+)$", connection.getresponse().read().decode(), re.M)[1])

    def wait_spans(self, collector, trace, name, count):
        wait_until(lambda: collector.wrong or len(collector.of(trace, name)) >= count, f"{count} spans {name}")
        self.assertEqual(collector.wrong, [])
        return collector.of(trace, name)

    def check_task(self, task, spans):
        """Its parts, one after the other and within it; its batch and the links between them."""
        parts = {span.name: span for span in spans if span.parent == task.id and span.name != "batch"}
        self.assertLessEqual(set(parts), {"queue", "batch wait", "device", "reply"})
        at = task.begin
        for name in ("queue", "batch wait", "device", "reply"):
            if name == "batch wait" and name not in parts:
                continue
            self.assertEqual((parts[name].begin, parts[name].kind, parts[name].node), (at, INTERNAL, task.node))
            at = parts[name].end
        self.assertEqual(at, task.end)
        ((trace, batch_id),) = parts["device"].links
        (batch,) = [span for span in spans if (span.trace, span.id) == (trace, batch_id)]
        self.assertIn((task.trace, task.id), batch.links)
        self.assertEqual((batch.begin, batch.end), (parts["device"].begin, parts["device"].end))
        self.assertEqual(batch.attributes["troupe.batch.tasks"], parts["device"].attributes["troupe.batch.tasks"])
        self.assertGreaterEqual(batch.attributes["troupe.batch.tasks"], len(batch.links))
        self.assertFalse(task.failed)
        self.assertEqual(task.attributes["troupe.model"], "tiny")

    def test_a_request_over_http_is_a_tree_of_spans(self):
        collector = self.collect()
        up = self.start(collector.url)
        quiet, unsampled = self.new_trace(sampled=False)
        self.ask(["one", "two"], unsampled)
        self.ask(["three"])  # of no trace: `sample` is 0
        trace, parent = self.new_trace()
        headers = self.ask(["a calm text editor", "a vector drawing program", "a game"], parent)
        (request,) = self.wait_spans(collector, trace, "embeddings", 1)  # it ends last
        tasks, spans = collector.of(trace, "task"), collector.of(trace)
        self.assertEqual((request.parent, request.kind, request.node), (CALLER, SERVER, "a"))
        self.assertEqual(headers["traceparent"], f"00-{trace}-{request.id}-01")
        self.assertEqual(request.attributes["http.response.status_code"], 200)
        self.assertEqual(len(tasks), 3)
        ids = set(headers["troupe-task-id"].split(", "))
        self.assertEqual({task.attributes["troupe.task"] for task in tasks}, ids)
        for task in tasks:
            self.assertEqual((task.parent, task.kind), (request.id, INTERNAL))
            self.assertLessEqual(request.begin, task.begin)
            self.assertLessEqual(task.end, request.end)
            self.check_task(task, spans)
        self.assertEqual(len({span.id for span in spans}), len(spans))
        # Not sampled, nobody's: neither left anything, though both were before it.
        self.assertEqual(collector.of(quiet), [])
        self.assertEqual({span.trace for span in collector.spans}, {trace})
        wait_until(lambda: self.metric("troupe_spans_exported_total") == len(spans), "the count")
        self.assertEqual(self.metric("troupe_spans_dropped_total"), 0)
        # The same id in `troupe explain`.
        explained = self.json_of("explain", ids.pop(), self.config)
        self.assertEqual(explained["trace"], trace)
        self.assertEqual(self.stop(up), 0, self.read_log())

    def test_clients_in_cpp_and_python_trace_over_both_nodes(self):
        collector = self.collect()
        self.start(collector.url)
        trace, parent = self.new_trace()
        asked = subprocess.run([ASKS, self.config, "20", parent], env=self.environment, capture_output=True,
                               text=True, timeout=4 * LIMIT_S, check=False)
        self.assertEqual(asked.returncode, 0, asked.stderr)
        self.wait_spans(collector, trace, "reply", 20)
        for task in collector.of(trace, "task"):
            self.assertEqual((task.parent, task.kind), (CALLER, SERVER))
            self.check_task(task, collector.of(trace))

        trace, parent = self.new_trace()
        quiet, unsampled = self.new_trace(sampled=False)
        os.environ["XDG_STATE_HOME"] = self.folder.name  # where the cluster's keys are
        with troupe.connect(self.config) as client:
            for node in "ab":
                client.encode("a text", model="tiny", node=node, traceparent=unsampled)
                client.encode("a text", model="tiny", node=node, traceparent=parent)
            # A letter that node a passes on, for an agent's own task where the agent lives.
            kept = next(f"librarian/{i}" for i in range(100)
                        if troupe.placement.home_of(f"librarian/{i}", ["a", "b"]) == "b")
            shelve = {"document": 1, "model": "tiny", "text": "a fast text editor"}
            client.send(kept, "shelve", json.dumps(shelve), reply=7, node="a", traceparent=parent)
            letter = client.receive(LIMIT_S)
        self.assertEqual((letter.topic, letter.traceparent), ("shelved", parent))
        self.wait_spans(collector, trace, "reply", 3)
        tasks = collector.of(trace, "task")
        self.assertEqual(sorted((task.node, task.kind) for task in tasks),
                         [("a", SERVER), ("b", INTERNAL), ("b", SERVER)])
        for task in tasks:
            self.assertEqual(task.parent, CALLER)
            self.check_task(task, collector.of(trace))
        told = self.json_of("submit", "a fast text editor", "--config", self.config, "--traceparent", parent)
        wait_until(lambda: told["task"] in [task.attributes["troupe.task"] for task in collector.of(trace, "task")],
                   "the span of a task from the command line")
        wrong = self.json_of("submit", "x", "--config", self.config, "--traceparent", "1", exit_code=2)["error"]
        self.assertEqual(wrong["code"], "invalid_argument")
        (of_agent,) = [task for task in tasks if task.kind == INTERNAL]
        self.assertEqual(of_agent.attributes["troupe.agent"], kept)
        self.assertEqual(collector.of(quiet), [])

    def test_a_task_that_goes_to_another_node_takes_its_trace_along(self):
        collector = self.collect()
        self.start(collector.url)
        trace, parent = self.new_trace()
        texts = [" ".join(["a long text about an editor"] * 20)] * 1024

        def moved():
            self.ask(texts, parent)
            return self.metric("troupe_tasks_moved_total") > 0

        wait_until(moved, "a task that is moved")
        ways = self.wait_spans(collector, trace, "task on a node", 1)
        way = ways[0]
        self.assertEqual((way.node, way.kind, way.attributes["troupe.node"]), ("a", CLIENT, "b"))
        wait_until(lambda: any(task.parent == way.id for task in collector.of(trace, "task")), "the task's own span")
        (task,) = [task for task in collector.of(trace, "task") if task.parent == way.id]
        self.assertEqual((task.node, task.kind), ("b", SERVER))
        self.assertEqual(task.attributes["troupe.task"], way.attributes["troupe.task"])
        self.assertLessEqual(way.begin, task.begin + 10**6)  # two processes read the time of day
        self.assertLessEqual(task.end, way.end + 10**6)

    def test_a_collector_that_is_busy_gets_the_spans_later(self):
        collector = self.collect([(503, 1), (429, None)])
        self.start(collector.url)
        trace, parent = self.new_trace()
        self.ask(["a text"], parent)
        self.wait_spans(collector, trace, "embeddings", 1)
        self.assertEqual(collector.requests, 3)
        self.assertEqual(self.metric("troupe_spans_dropped_total"), 0)

    def test_without_a_collector_tasks_go_on_and_what_is_dropped_is_counted(self):
        (nobody,) = free_ports(1)
        up = self.start(f"http://127.0.0.1:{nobody}", '[log]\nlevel = "debug"\n')
        trace, parent = self.new_trace()
        wait_until(lambda: self.ask(["a text"] * 1024, parent) and self.metric("troupe_spans_dropped_total") > 0,
                   "spans that are dropped")
        self.assertEqual(self.metric("troupe_spans_exported_total"), 0)
        self.ask(["one more"], parent)
        self.assertEqual(self.stop(up), 0)
        # The ids are in the log all the same.
        done = [line for line in self.read_log().splitlines() if "a task is done" in line]
        self.assertTrue(any(trace in line for line in done), done[:3])

    def test_a_node_that_stops_sends_what_it_has(self):
        collector = self.collect()
        up = self.start(collector.url)
        trace, parent = self.new_trace()
        self.ask(["a text"], parent)
        self.assertEqual(self.stop(up), 0, self.read_log())
        self.assertEqual(len(collector.of(trace, "task")), 1)

    def test_traces_that_begin_at_a_node_are_sampled_where_it_is_told_to(self):
        collector = self.collect()
        self.start(collector.url, "sample = 1.0\n")
        trace = self.ask(["a text"])["traceparent"].split("-")[1]
        (request,) = self.wait_spans(collector, trace, "embeddings", 1)
        self.assertIsNone(request.parent)
        told = self.json_of("submit", "a fast text editor", "--config", self.config, "--node", "b")
        wait_until(lambda: any(span.attributes.get("troupe.task") == told["task"] for span in list(collector.spans)),
                   "the span of a task that came without a trace")


if __name__ == "__main__":
    unittest.main()
