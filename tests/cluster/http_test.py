"""Nodes of a real cluster over HTTP: the commands of docs/http.md, keys, and going away."""

import http.client
import http.server
import json
import os
import re
import shlex
import signal
import subprocess
import threading
import unittest

from cluster import LIMIT_S, SOURCE, ClusterTest, free_ports, wait_until


def documented_commands():
    """The curl commands of docs/http.md."""
    with open(os.path.join(SOURCE, "docs", "http.md"), encoding="utf-8") as page:
        return [shlex.split(line) for line in re.findall(r"^curl .*$", page.read(), re.M)]


class Http(ClusterTest):
    def setUp(self):
        super().setUp()
        self.http = free_ports(2)

    def write_http(self, *lines):
        with open(self.config, "a", encoding="utf-8") as file:
            file.write(f'[http]\nlisten = "127.0.0.1:{self.http[0]}"\n')
            file.writelines(line + "\n" for line in lines)
        with open(self.config, encoding="utf-8") as file:
            text = file.read()
        with open(self.config, "w", encoding="utf-8") as file:
            file.write(text.replace("[node.b]", f'[node.b]\nhttp = "127.0.0.1:{self.http[1]}"'))

    def ask(self, port, method, target, body=None, key=None):
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=LIMIT_S)
        self.addCleanup(connection.close)
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        connection.request(method, target, body and json.dumps(body), headers)
        answer = connection.getresponse()
        return answer.status, answer.read().decode()

    def test_the_documented_commands_work_on_every_node(self):
        self.write_http()
        up = self.start_up()
        status = self.json_of("status", self.config)
        self.assertEqual([node["http"] for node in status["nodes"]],
                         [f"127.0.0.1:{port}" for port in self.http])
        commands = documented_commands()
        self.assertGreaterEqual(len(commands), 5)
        for port in self.http:
            vectors = []
            for command in commands:
                words = [word.replace("127.0.0.1:8080", f"127.0.0.1:{port}").replace("minilm", "tiny")
                         for word in command]
                words[1:1] = ["--fail", "--max-time", str(LIMIT_S)]
                done = subprocess.run(words, capture_output=True, text=True, check=False)
                self.assertEqual(done.returncode, 0, f"{words}: {done.stdout}{done.stderr}")
                if command[-1].endswith("/metrics"):
                    self.assertIn('troupe_tasks_completed_total{lane="urgent"} 2', done.stdout)
                    continue
                answer = json.loads(done.stdout)
                if "model_name" in answer:
                    self.assertEqual(answer["id"], "7")
                    vectors.append(answer["outputs"][0]["data"])
                if "data" in answer:
                    vectors.append([x for row in answer["data"] for x in row["embedding"]])
            self.assertEqual(len(vectors), 2)
            self.assertEqual(*vectors)
        self.assertEqual(self.stop(up), 0, self.read_log())

    def test_a_key_opens_the_door_to_its_tenant(self):
        made = self.json_of("keys", "api", "search-team")
        self.write_http(f"keys = {json.dumps([made['line']])}")
        self.assertNotIn(made["key"], made["line"])
        self.start_up()
        body = {"model": "tiny", "input": "hello"}
        self.assertEqual(self.ask(self.http[0], "POST", "/v1/embeddings", body)[0], 401)
        self.assertEqual(self.ask(self.http[0], "POST", "/v1/embeddings", body, "wrong")[0], 401)
        status, _ = self.ask(self.http[0], "POST", "/v1/embeddings", body, made["key"])
        self.assertEqual(status, 200)
        metrics = self.ask(self.http[0], "GET", "/metrics", key=made["key"])[1]
        self.assertIn('troupe_tenant_tasks_completed_total{tenant="search-team"} 1\n', metrics)
        self.assertNotIn(made["key"], self.read_log())

    def replace(self, old, new):
        with open(self.config, encoding="utf-8") as file:
            text = file.read()
        self.assertEqual(text.count(old), 1)
        with open(self.config, "w", encoding="utf-8") as file:
            file.write(text.replace(old, new))

    def test_a_file_that_is_read_again_replaces_the_keys_and_names_what_else_changed(self):
        first, second = (self.json_of("keys", "api", team) for team in ("first", "second"))
        self.write_http(f"keys = {json.dumps([first['line']])}", "threads = 1")
        up = self.start_up()
        body = {"model": "tiny", "input": "hello"}

        def codes(port):
            return [self.ask(port, "POST", "/v1/embeddings", body, made["key"])[0]
                    for made in (first, second)]

        # Of the nodes' folder of keys, and of the cluster's nodes.
        no_others = {"keys": {"added": [], "removed": [], "changed": []},
                   "nodes": {"joined": [], "left": [], "moved": []}}
        same = self.json_of("reload", self.config)["nodes"]
        self.assertEqual(same, [{"node": name, "applied": [], "restart": [], **no_others} for name in "ab"])
        self.assertEqual(codes(self.http[1]), [200, 401])

        self.replace(first["line"], second["line"])
        one = self.json_of("reload", self.config, "--node", "a")["nodes"]
        self.assertEqual(one, [{"node": "a", "applied": ["http.keys"], "restart": [], **no_others}])
        self.assertEqual([codes(port) for port in self.http], [[401, 200], [200, 401]])

        with open(self.config, "a", encoding="utf-8") as file:
            file.write("[scheduling]\ntasks_max = 16\nlanes = false\n")
        lanes = self.json_of("reload", self.config, "--node", "a")["nodes"]
        self.assertEqual(lanes, [{"node": "a", "applied": ["scheduling.lanes", "scheduling.tasks_max"],
                                  "restart": [], **no_others}])
        with open(self.config, encoding="utf-8") as file:
            text = file.read().replace("[scheduling]\ntasks_max = 16\nlanes = false\n", "")
        with open(self.config, "w", encoding="utf-8") as file:
            file.write(text)
        self.json_of("reload", self.config, "--node", "a")

        self.replace("threads = 1", "threads = 2")
        both = self.json_of("reload", self.config)["nodes"]
        self.assertEqual(both, [{"node": "a", "applied": [], "restart": ["http.threads"], **no_others},
                                {"node": "b", "applied": ["http.keys"], "restart": ["http.threads"], **no_others}])
        self.assertEqual([codes(port) for port in self.http], [[401, 200], [401, 200]])
        told = self.troupe("reload", self.config, "--node", "b")
        self.assertEqual(told.returncode, 0, told.stderr)
        self.assertIn("takes a restart (troupe restart b): http.threads", told.stdout)

        # With a mistake in the file, everything stays as it is.
        self.replace("threads = 2", "thread = 2")
        wrong = self.troupe("reload", self.config)
        self.assertEqual(wrong.returncode, 2)
        self.assertIn("did you mean 'threads'", wrong.stderr)
        self.assertEqual(codes(self.http[0]), [401, 200])
        self.replace("thread = 2", "threads = 2")
        self.json_of("restart", "b", "--config", self.config)
        self.assertEqual(self.json_of("reload", self.config, "--node", "b")["nodes"][0]["restart"], [])
        self.assertEqual(self.stop(up), 0, self.read_log())
        self.json_of("reload", self.config, exit_code=3)

    def test_models_are_loaded_and_unloaded_where_the_config_says_so(self):
        self.write_http()
        self.start_up()
        status, told = self.ask(self.http[0], "POST", "/v2/repository/models/tiny/unload")
        self.assertEqual(status, 501, told)
        self.assertIn("model_control", told)

    def test_a_model_that_is_not_loaded_is_not_ready(self):
        self.write_http("model_control = true")
        up = self.start_up()
        port = self.http[0]
        ready = "/v2/models/tiny/ready"
        self.assertEqual(self.ask(port, "GET", ready)[0], 200)
        self.assertEqual(self.ask(port, "POST", "/v2/repository/models/tiny/unload"), (200, "{}"))
        self.assertEqual(self.ask(port, "GET", ready)[0], 503)
        index = json.loads(self.ask(port, "POST", "/v2/repository/index")[1])
        self.assertEqual([(model["name"], model["state"], model["reason"]) for model in index],
                         [("tiny", "UNAVAILABLE", "unloaded"), ("tone", "READY", "")])
        self.assertEqual(self.ask(port, "GET", "/v2/health/ready")[0], 200)
        body = {"model": "tiny", "input": "hello"}
        status, told = self.ask(port, "POST", "/v1/embeddings", body)
        self.assertEqual(status, 404, told)
        self.assertIn("troupe model load tiny", told)
        self.assertEqual(self.ask(port, "POST", "/v2/repository/models/tiny/load"), (200, "{}"))
        self.assertEqual(self.ask(port, "POST", "/v1/embeddings", body)[0], 200)
        status, told = self.ask(port, "POST", "/v1/embeddings", dict(body, dimensions=3))
        self.assertEqual(status, 400, told)
        self.assertEqual(self.ask(port, "POST", "/v2/repository/models/nonsense/load")[0], 404)
        self.assertEqual(self.ask(port, "GET", "/v2/repository/models/tiny/load")[0], 405)
        self.assertEqual(self.stop(up), 0, self.read_log())

    def test_requests_under_way_are_answered_when_the_cluster_stops(self):
        self.write_http()
        up = self.start_up()
        body = {"model": "tiny", "input": ["some text"] * 500}
        answers = []

        def ask_until_it_is_gone():
            while True:
                try:
                    answers.append(self.ask(self.http[0], "POST", "/v1/embeddings", body)[0])
                except ConnectionRefusedError:
                    return
                except (ConnectionResetError, http.client.RemoteDisconnected):
                    return  # closed before the first byte of an answer
                except http.client.IncompleteRead:
                    answers.append("half an answer")
                    return

        asking = threading.Thread(target=ask_until_it_is_gone)
        asking.start()
        wait_until(lambda: len(answers) > 2, "the first answers")
        self.assertEqual(self.stop(up, signal.SIGTERM), 0, self.read_log())
        asking.join(LIMIT_S)
        self.assertFalse(asking.is_alive())
        self.assertLessEqual(set(answers), {200, 503}, answers)

    def test_an_address_that_is_taken_is_told(self):
        self.write_http()
        with http.server.HTTPServer(("127.0.0.1", self.http[0]), http.server.BaseHTTPRequestHandler):
            done = self.troupe("node", self.config, "--name", "a")
        self.assertEqual(done.returncode, 1, done.stderr)
        self.assertIn("cannot listen for HTTP on 127.0.0.1", done.stderr)


if __name__ == "__main__":
    unittest.main()
