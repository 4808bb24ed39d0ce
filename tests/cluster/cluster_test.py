"""A two-node cluster of real processes: launched, used, hurt, stopped."""

import json
import os
import shutil
import signal
import socket
import subprocess
import unittest

from cluster import LIMIT_S, PROGRAM, SOURCE, TINY_MODEL, ClusterTest, is_alive, wait_until


class Life(ClusterTest):
    def test_up_serves_and_stops(self):
        up = self.start_up()
        status = self.json_of("status", self.config)
        self.assertEqual([node["node"] for node in status["nodes"]], ["a", "b"])
        for node in status["nodes"]:
            self.assertTrue(node["ready"])
            self.assertEqual(len(node["peers_up"]), 1)

        # Nodes are ready before they have found each other.
        def linked():
            nodes = self.json_of("status", self.config)["nodes"]
            return all(all(node["peers_up"].values()) for node in nodes)

        wait_until(linked, "the two nodes' link")
        for node in ("a", "b"):
            outcome = self.json_of(
                "submit", "hello world", "--config", self.config, "--node", node,
                "--time-limit", "5s",
            )
            self.assertAlmostEqual(sum(x * x for x in outcome["vector"]), 1.0, places=4)
        scored = self.json_of(
            "submit", "hello world", "--classify", "--model", "tone", "--config", self.config
        )["labels"]
        self.assertEqual(sorted(each["label"] for each in scored), [f"LABEL_{i}" for i in range(5)])
        self.assertEqual(scored, sorted(scored, key=lambda each: -each["logit"]))
        nodes = self.children(up)
        self.assertEqual(len(nodes), 2)
        self.assertEqual(self.stop(up), 0, self.read_log())
        self.assertFalse(any(is_alive(pid) for pid in nodes))

    def test_a_task_is_explained_and_a_recording_replayed(self):
        recording = os.path.join(self.folder.name, "recording")
        up = self.start_up("--record", recording)
        outcome = self.json_of("submit", "hello world", "--config", self.config, "--node", "b",
                               "--lane", "urgent")
        why = self.json_of("explain", outcome["task"], self.config)
        self.assertEqual((why["task"], why["node"]), (outcome["task"], "b"))
        self.assertEqual(why["asked_lane"], "urgent")
        for part in ("queue_ms", "batch_wait_ms", "compute_ms", "predicted_ms"):
            self.assertAlmostEqual(why[part], outcome["timing"][part], places=5)
        self.assertEqual(why["reason"], outcome["timing"]["reason"])
        self.assertNotEqual(why["reason"], "none")
        told = self.troupe("explain", outcome["task"], self.config)
        self.assertEqual(told.returncode, 0, told.stderr)
        for words in ("queued until", "on the device", "predicted", "launched in the urgent lane"):
            self.assertIn(words, told.stdout)

        unknown = self.json_of("explain", "f" * 32, self.config, exit_code=1)
        self.assertEqual(unknown["error"]["code"], "not_found")
        self.assertEqual(self.stop(up), 0, self.read_log())

        journal = os.path.join(recording, "b.journal")
        replayed = self.json_of("replay", journal)
        self.assertTrue(replayed["same"] and replayed["complete"])
        self.assertGreater(replayed["decisions"], 0)
        # The options stand at the front, so a byte near the end is one of an event.
        with open(journal, "r+b") as file:
            file.seek(-4, os.SEEK_END)
            byte = file.read(1)
            file.seek(-4, os.SEEK_END)
            file.write(bytes([byte[0] ^ 1]))
        self.assertNotEqual(self.troupe("replay", journal).returncode, 0)
        self.assertEqual(self.troupe("replay", self.config).returncode, 1)

    def test_it_starts_and_stops_again_and_again(self):
        for _ in range(10):
            up = self.start_up()
            self.assertEqual(self.stop(up, signal.SIGTERM), 0, self.read_log())
            os.remove(os.path.join(self.folder.name, "ready"))

    def test_a_killed_node_is_restarted_and_serves_again(self):
        up = self.start_up()
        before = self.json_of("status", self.config, "--node", "b")["nodes"][0]["epoch"]
        victim = self.children(up)[1]
        os.kill(victim, signal.SIGKILL)
        wait_until(lambda: victim not in self.children(up), "the dead node to be noticed")

        def is_back():
            done = self.troupe("status", self.config, "--node", "b", "--json")
            return done.returncode == 0

        wait_until(is_back, "the node's return")
        after = self.json_of("status", self.config, "--node", "b")["nodes"][0]["epoch"]
        self.assertNotEqual(before, after)
        self.json_of("submit", "again", "--config", self.config, "--node", "b")
        self.assertEqual(self.stop(up), 0)

    def test_nodes_die_with_their_parent(self):
        up = self.start_up()
        nodes = self.children(up)
        up.kill()
        up.wait(LIMIT_S)
        wait_until(lambda: not any(is_alive(pid) for pid in nodes), "the orphans' end")

    def test_a_running_cluster_can_be_searched(self):
        up = self.start_up()
        found = self.json_of("submit", "anything", "--config", self.config, "--scope", "librarian/*")
        self.assertEqual(found["hits"], [])
        self.assertEqual(self.stop(up), 0)

    def test_a_task_goes_to_whichever_node_is_there(self):
        node = subprocess.Popen([PROGRAM, "node", self.config, "--name", "b"], env=self.environment,
                                stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.addCleanup(self.end, node)
        wait_until(lambda: self.troupe("status", self.config, "--node", "b").returncode == 0, "node b")
        self.assertEqual(len(self.json_of("submit", "hello", "--config", self.config)["vector"]), 32)
        self.json_of("submit", "hello", "--config", self.config, "--node", "a", exit_code=3)

    def test_models_come_and_go_while_the_cluster_runs(self):
        self.write_config(model_lines='load = "demand"\n')
        up = self.start_up()

        def states():
            return [{model["name"]: model["state"] for model in node["models"]}
                    for node in self.json_of("model", "list", self.config)["nodes"]]

        self.assertEqual(states(), 2 * [{"tiny": "unloaded", "tone": "loaded"}])
        encoded = self.json_of("submit", "come", "--config", self.config, "--model", "tiny",
                               "--node", "b")
        self.assertEqual(states(), [{"tiny": "unloaded", "tone": "loaded"},
                                    {"tiny": "loaded", "tone": "loaded"}])
        loaded = self.json_of("model", "load", "tiny", self.config, "--node", "a")["nodes"]
        self.assertEqual([(node["node"], node["state"]) for node in loaded], [("a", "loaded")])
        again = self.json_of("submit", "come", "--config", self.config, "--model", "tiny",
                             "--node", "a")
        self.assertEqual(encoded["vector"], again["vector"])

        gone = self.json_of("model", "unload", "tone", self.config)["nodes"]
        self.assertEqual([node["state"] for node in gone], ["unloaded", "unloaded"])
        refused = self.troupe("submit", "stay", "--config", self.config, "--model", "tone")
        self.assertNotEqual(refused.returncode, 0)
        self.assertIn("troupe model load tone", refused.stderr)
        told = self.troupe("model", "load", "nonsense", self.config)
        self.assertNotEqual(told.returncode, 0)
        self.assertIn("this node has: tiny, tone", told.stderr)
        self.assertEqual(self.stop(up), 0)

    def test_a_policy_acts_the_same_on_every_node(self):
        policy = os.path.join(self.folder.name, "policy")
        subprocess.run([os.path.join(SOURCE, "tools", "make-policy"), policy, "--widths", "3,16,8"],
                       check=True, capture_output=True)
        self.write_config(policy=policy)
        up = self.start_up()
        status = self.json_of("status", self.config, "--node", "b")["nodes"][0]
        self.assertEqual(status["policies"], [{"name": "mover", "observation": 3, "actions": 8}])

        def act(step, *words):
            return self.json_of("submit", "--observation", "-0.5,0,2e-1", "--agent", "game/7",
                                "--step", str(step), "--config", self.config, *words)["action"]

        actions = [act(step, "--node", "a") for step in range(6)]
        self.assertGreater(len(set(actions)), 1)  # gumbel: chance differs from step to step
        self.assertTrue(all(0 <= action < 8 for action in actions))
        again = [act(step, "--node", "b", "--lane", "urgent") for step in range(6)]
        self.assertEqual(actions, again)

        told = self.troupe("submit", "--observation", "1,2", "--agent", "game/7",
                           "--config", self.config)
        self.assertEqual(told.returncode, 2, told.stderr)
        self.assertIn("policy 'mover' looks at 3", told.stderr)
        told = self.troupe("submit", "--observation", "1,2,3", "--config", self.config)
        self.assertIn("name who decides", told.stderr)
        self.assertEqual(self.stop(up), 0)


class Trouble(ClusterTest):
    def up_fails(self, *said):
        done = self.troupe("up", self.config)
        self.assertNotEqual(done.returncode, 0)
        everything = done.stdout + done.stderr
        for words in said:
            self.assertIn(words, everything)

    def test_a_port_in_use(self):
        with socket.socket() as squatter:
            squatter.bind(("127.0.0.1", self.ports[2]))
            squatter.listen()
            self.up_fails(str(self.ports[2]), "'b'")

    def test_a_missing_model(self):
        self.write_config(model=os.path.join(self.folder.name, "nowhere"))
        self.up_fails("nowhere")

    def test_a_damaged_model(self):
        damaged = os.path.join(self.folder.name, "damaged")
        shutil.copytree(TINY_MODEL, damaged)
        weights = os.path.join(damaged, "model.safetensors")
        os.chmod(weights, 0o644)
        os.truncate(weights, os.path.getsize(weights) // 2)
        self.write_config(model=damaged)
        self.up_fails("model_damaged", "model.safetensors")

    def test_a_damaged_policy(self):
        self.write_config(policy=TINY_MODEL)
        self.up_fails("policy 'mover'", "policy.json")

    def test_a_bad_config(self):
        self.write_config(extra="heartbeat_intervall = \"1s\"\n")
        done = self.troupe("up", self.config)
        self.assertEqual(done.returncode, 2)
        self.assertIn("heartbeat_interval", done.stderr)

    def test_nobody_there(self):
        done = self.troupe("status", self.config)
        self.assertEqual(done.returncode, 3, done.stdout + done.stderr)

    def test_a_client_whose_key_nobody_knows(self):
        up = self.start_up()
        mine = os.path.join(self.folder.name, "troupe", "test", "keys")
        stranger = os.path.join(self.folder.name, "stranger")
        shutil.copytree(mine, stranger)
        for name in ("client.key", "client.pub"):
            os.remove(os.path.join(stranger, name))
        self.json_of("keys", "new", "client", "--folder", stranger)
        done = self.troupe("status", self.config, "--set", f'cluster.keys="{stranger}"')
        self.assertEqual(done.returncode, 3, done.stdout + done.stderr)
        # and those who may still can
        nodes = self.json_of("status", self.config)["nodes"]
        self.assertGreater(sum(node["link"]["unauthorized"] for node in nodes), 0)
        self.assertEqual(self.stop(up), 0)

    def test_a_private_key_that_others_can_read(self):
        self.json_of("check", self.config)
        up = self.start_up()
        self.assertEqual(self.stop(up), 0)
        key = os.path.join(self.folder.name, "troupe", "test", "keys", "a.key")
        os.chmod(key, 0o644)
        self.up_fails("a.key", "chmod 600")


class Librarians(ClusterTest):
    def test_a_small_library_end_to_end(self):
        kept = os.path.join(self.folder.name, "kept")
        self.write_config(extra=f"[memory]\nfolder = {json.dumps(kept)}\n")
        library = os.path.join(self.folder.name, "library")
        os.mkdir(library)
        for number in range(40):
            with open(os.path.join(library, f"{number:02}.txt"), "w", encoding="utf-8") as file:
                file.write(f"Text number {number} tells of this and that")
        for name, content in (("empty.txt", b""), ("latin1.txt", b"caf\xe9"), ("long.md", b"word " * 40000)):
            with open(os.path.join(library, name), "wb") as file:
                file.write(content)
        questions = os.path.join(self.folder.name, "questions.tsv")
        with open(questions, "w", encoding="utf-8") as file:
            file.write("What does text number seven tell of?\t07.txt\nIs there anything else?\n")
        report = self.json_of(
            "run", "librarians", "--config", self.config, "--library", library,
            "--questions", questions, "--librarians", "7", "--readers", "20",
        )
        self.assertEqual(report["library"]["documents"], 41)
        self.assertEqual(report["library"]["left_out"], 2)
        names = [load["name"] for load in report["loads"]]
        self.assertEqual(names, ["lanes and batching", "lanes off", "batching off"])
        for load in report["loads"]:
            self.assertEqual(load["failed"], 0)
            self.assertEqual(load["ordinary"]["count"], 41)
            self.assertEqual(load["truncated"], 1)
            self.assertGreaterEqual(load["questions"], 200)
        self.assertEqual(report["loads"][2]["batch_tasks_mean"], 1)
        self.assertEqual(len(report["answers"]), 2)
        for answer in report["answers"]:
            self.assertEqual(len(answer["hits"]), 10)
        self.assertEqual(report["score"]["known"], 1)
        self.what_they_know_survives_a_crash(kept)

    def what_they_know_survives_a_crash(self, kept):
        up = self.start_up()
        ask = ("submit", "text number seven", "--config", self.config, "--scope", "librarian/*",
               "--node", "b")
        before = self.json_of(*ask)["hits"]
        self.assertEqual(len(before), 10)
        # Without a node, all of them are searched.
        some = self.json_of(*ask, "--hits", "100")["hits"]
        every = self.json_of(*ask[:-2], "--hits", "100")["hits"]
        self.assertEqual(len(every), 41)
        self.assertLess(len(some), 41)
        scores = [hit["score"] for hit in every]
        self.assertEqual(scores, sorted(scores, reverse=True))
        saved = self.json_of("memory", "save", self.config)["nodes"]
        self.assertEqual(sum(node["documents"] for node in saved), 41)
        victim = self.children(up)[1]
        os.kill(victim, signal.SIGKILL)
        wait_until(lambda: victim not in self.children(up), "the dead node to be noticed")
        wait_until(lambda: self.troupe(*ask).returncode == 0, "the node's return")
        self.assertEqual(self.json_of(*ask)["hits"], before)
        self.assertEqual(self.stop(up), 0)
        memories = os.path.join(kept, "b.memories")
        os.truncate(memories, os.path.getsize(memories) - 1)
        failed = self.troupe("up", self.config)
        self.assertNotEqual(failed.returncode, 0)
        self.assertIn(memories, failed.stdout + failed.stderr)
        self.assertIn("salvage", failed.stdout + failed.stderr)

    def test_questions_that_cannot_be_read(self):
        done = self.troupe(
            "run", "librarians", "--config", self.config, "--library", self.folder.name,
            "--questions", "/nonexistent", "--json",
        )
        self.assertEqual(done.returncode, 1)
        self.assertIn("/nonexistent", done.stdout)


if __name__ == "__main__":
    unittest.main()
