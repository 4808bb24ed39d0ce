"""Keys of a real cluster that change while it runs: rotated under load, added, removed, and read-only."""

import json
import os
import shutil
import signal
import subprocess
import unittest

from cluster import LIMIT_S, PROGRAM, TINY_MODEL, ClusterTest, free_ports, wait_until
from load import Load

NODES = "abc"


class Keys(ClusterTest):
    keys = "keys"

    def write_config(self, **_):
        self.ports = free_ports(6)
        self.config_text = ""
        for i, name in enumerate(NODES):
            urgent, ordinary = self.ports[2 * i:2 * i + 2]
            self.config_text += (f'[node.{name}]\nhost = "127.0.0.1"\nurgent_port = {urgent}\n'
                                 f'ordinary_port = {ordinary}\ndevices = ["cpu"]\n')
        self.config_text += f"[model.tiny]\nfolder = {json.dumps(TINY_MODEL)}\n"
        self.config_text += '[link]\nheartbeat_interval = "200ms"\n'
        self.write(self.config, self.in_folder(self.keys))
        if self.keys != "auto":
            for name in (*NODES, "client"):
                self.json_of("keys", "new", name, "--folder", self.path(self.keys))

    def path(self, *names):
        return os.path.join(self.folder.name, *names)

    def in_folder(self, name):
        where = name if name == "auto" else self.path(name)
        return f'[cluster]\nname = "test"\nkeys = {json.dumps(where)}\n' + self.config_text

    def write(self, path, text):
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)

    def statuses(self, *words):
        return {node["node"]: node for node in self.json_of("status", self.config, *words)["nodes"]}

    def wait_linked(self):
        wait_until(lambda: all(all(node["peers_up"].values()) for node in self.statuses().values()),
                   "the links")

    def reload(self):
        return {node["node"]: node for node in self.json_of("reload", self.config)["nodes"]}

    def rotate(self, name, *step, exit_code=0):
        return self.json_of("keys", "rotate", name, "--config", self.config, *step, exit_code=exit_code)

    def new_key(self, name, *words):
        return self.json_of("keys", "new", name, "--folder", self.path(self.keys), *words)

    def refused(self, *words):
        done = self.json_of(*words, exit_code=1)
        self.assertEqual(done["error"]["code"], "unauthorized", words)
        self.assertIn("read-only", done["error"]["what"])
        self.assertTrue(done["error"]["next_step"])


class Rotated(Keys):
    def keep_old_keys(self):
        """Somebody who has the keys of before, and a cluster file that names them."""
        shutil.copytree(self.path(self.keys), self.path("before"))
        self.old_config = self.path("before.toml")
        self.write(self.old_config, self.in_folder("before"))

    def test_keys_of_a_node_and_of_a_client_are_rotated_under_load_and_no_task_fails(self):
        up = self.start_up()
        self.wait_linked()
        self.keep_old_keys()
        before = {name: node["epoch"] for name, node in self.statuses().items()}
        load = Load(self)  # one process that knows the old keys, from before the start to after the end
        names = ("b", "client")
        for name in names:
            self.assertEqual(self.rotate(name)["stage"], "begun")
        load.wait_more(200)
        for node in self.reload().values():
            self.assertEqual((node["applied"], node["restart"]), (["cluster.keys"], []))
            self.assertEqual(node["keys"]["added"], ["b (next key)", "client (next key)"])
        load.wait_more(200)
        for name in names:
            self.assertEqual(self.rotate(name, "--finish", exit_code=2)["error"]["code"], "invalid_argument")
            self.assertEqual(self.rotate(name, "--switch")["stage"], "switched")
        self.assertEqual(self.reload()["b"]["restart"], ["cluster.keys"])  # it has its old key still
        self.json_of("restart", "b", "--config", self.config)
        self.wait_linked()
        self.assertNotEqual(self.statuses()["b"]["epoch"], before["b"])
        load.wait_more(500)
        # With the client's old key everybody is still as good as with its new one.
        self.assertEqual(len(self.json_of("submit", "x", "--config", self.old_config)["vector"]), 32)
        for name in names:
            self.assertEqual(self.rotate(name, "--finish")["stage"], "none")
        for node in self.reload().values():
            self.assertEqual((node["applied"], node["restart"]), (["cluster.keys"], []))
            self.assertEqual(node["keys"]["removed"], ["b (old key)", "client (old key)"])
        load.wait_more(500)
        self.wait_linked()
        load.finish()
        refused = sum(node["link"]["unauthorized"] for node in self.statuses().values())
        for name in names:
            # Node a's own key, at least, is the right one: it is the other side that says no.
            shutil.copy(self.path("before", name + ".key"), self.path("before", "somebody.key"))
            done = self.json_of("status", self.old_config, "--node", "a", "--as", "somebody", exit_code=3)
            self.assertEqual(done["nodes"][0]["error"]["code"], "unreachable")
        self.assertGreater(sum(node["link"]["unauthorized"] for node in self.statuses().values()), refused)
        for name, node in self.statuses().items():
            if name != "b":
                self.assertEqual(node["epoch"], before[name])
        self.assertEqual(self.stop(up), 0, self.read_log())

    def test_a_node_that_dies_in_the_middle_of_a_rotation_comes_back(self):
        up = self.start_up()
        self.wait_linked()

        def kill_a():
            died = self.statuses()["a"]
            os.kill(self.node_processes()["a"], signal.SIGKILL)
            wait_until(lambda: self.epoch_of("a") not in (None, died["epoch"]), "node a")
            self.wait_linked()

        self.rotate("a")
        kill_a()  # nobody but itself has read the folder again
        self.reload()
        kill_a()
        self.rotate("a", "--switch")
        kill_a()
        self.rotate("a", "--finish")
        kill_a()
        self.reload()
        self.wait_linked()
        self.assertEqual(self.stop(up), 0, self.read_log())

    def epoch_of(self, name):
        done = self.troupe("status", self.config, "--node", name, "--json")
        return json.loads(done.stdout)["nodes"][0].get("epoch")


class RotatedByItself(Rotated):
    """The same where the folder is the cluster's own."""

    keys = "auto"

    def keep_old_keys(self):
        shutil.copytree(self.path("troupe", "test", "keys"), self.path("before"))
        self.old_config = self.path("before.toml")
        self.write(self.old_config, self.in_folder("before"))


class Roles(Keys):
    def test_who_is_read_only_may_look_and_nothing_else(self):
        self.assertEqual(self.new_key("viewer", "--role", "read-only")["role"], "read-only")
        up = self.start_up()
        self.wait_linked()
        before = self.statuses()
        task = self.json_of("submit", "hello", "--config", self.config)["task"]
        viewer = ("--as", "viewer")
        self.assertEqual(set(self.statuses(*viewer)), set(NODES))
        self.assertEqual(self.json_of("explain", task, self.config, *viewer)["task"], task)
        self.assertEqual(self.json_of("task", task, self.config, *viewer)["state"], "completed")
        self.assertEqual(self.json_of("agents", "ls", self.config, *viewer)["all"], 0)
        self.assertEqual(len(self.json_of("model", "list", self.config, *viewer)["nodes"]), 3)
        self.assertEqual(self.troupe("top", self.config, "--once", *viewer).returncode, 0)
        config = ("--config", self.config)
        for words in (
            ("submit", "hello", *config), ("submit", "hello", *config, "--node", "b"),
            ("drain", "a", self.config), ("undrain", "a", self.config), ("restart", "a", *config),
            ("reload", self.config), ("cancel", task, self.config), ("model", "load", "tiny", self.config),
            ("model", "unload", "tiny", self.config), ("memory", "save", self.config),
        ):  # fmt: skip
            self.refused(*words, *viewer)
        down = self.json_of("down", self.config, *viewer, exit_code=1)
        self.assertFalse(any(node["stopped"] for node in down["nodes"]))
        after = self.statuses(*viewer)
        for name in NODES:
            self.assertEqual(after[name]["epoch"], before[name]["epoch"])
            self.assertTrue(after[name]["ready"] and not after[name]["draining"])
        accepted = sum(lane["accepted"] for node in after.values() for lane in node["lanes"].values())
        self.assertEqual(accepted, 1)
        self.assertIn("is a node", self.json_of("status", self.config, "--as", "a", exit_code=2)["error"]["what"])

        # Its role is what the folder says, from the next reload on.
        pub = self.path("keys", "viewer.pub")
        with open(pub, encoding="utf-8") as file:
            text = file.read()
        self.write(pub, text.replace("read-only", "client"))
        self.refused("submit", "hello", *config, *viewer)
        self.assertEqual(self.reload()["a"]["keys"], {"added": [], "removed": [], "changed": ["viewer"]})
        self.assertIn("vector", self.json_of("submit", "hello", *config, *viewer))
        self.write(pub, text)
        self.reload()
        self.refused("submit", "hello", *config, *viewer)
        self.assertEqual(self.stop(up), 0, self.read_log())

    def test_a_role_that_there_is_not_is_a_mistake_before_anything_starts(self):
        pub = self.path("keys", "client.pub")
        with open(pub, encoding="utf-8") as file:
            text = file.read()
        for path, role in ((pub, "admin"), (pub, "node"), (self.path("keys", "a.pub"), "read-only")):
            with open(path, encoding="utf-8") as file:
                good = file.read()
            self.write(path, good + f'role = "{role}"\n')
            done = self.json_of("node", self.config, "--name", "a", exit_code=2)
            self.assertEqual(done["error"]["code"], "config")
            self.assertIn(path, done["error"]["what"])
            self.write(path, good)
        self.write(pub, text)


class Changed(Keys):
    def watch(self, name):
        """`troupe top` as that client, line by line until it is stopped."""
        top = subprocess.Popen([PROGRAM, "top", self.config, "--json", "--interval", "100ms", "--as", name],
                               env=self.environment, text=True, stdin=subprocess.DEVNULL,
                               stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        self.addCleanup(top.stdout.close)
        self.addCleanup(self.end, top)
        return top

    def wait_for_look(self, top, wanted, what):
        for line in top.stdout:
            nodes = json.loads(line)["nodes"]
            if wanted(nodes):
                return
        raise AssertionError("top ended before " + what)

    def test_keys_come_and_go_with_a_reload(self):
        up = self.start_up()
        self.wait_linked()
        self.new_key("guest")
        self.new_key("stays")
        guest = ("status", self.config, "--node", "a", "--as", "guest")
        self.json_of(*guest, exit_code=3)  # not yet
        for node in self.reload().values():
            self.assertEqual(node["keys"]["added"], ["guest", "stays"])
        self.json_of(*guest)
        leaves, stays = self.watch("guest"), self.watch("stays")
        all_well = lambda nodes: len(nodes) == 3 and not any("error" in node for node in nodes)
        none_well = lambda nodes: all("error" in node for node in nodes)
        for top in (leaves, stays):
            self.wait_for_look(top, all_well, "it saw the nodes")
        os.remove(self.path("keys", "guest.pub"))
        self.json_of(*guest)  # still
        for node in self.reload().values():
            self.assertEqual(node["keys"]["removed"], ["guest"])
        self.wait_for_look(leaves, none_well, "it was cut off")
        self.json_of(*guest, exit_code=3)
        self.wait_for_look(stays, all_well, "it saw the nodes again")
        self.assertEqual(self.reload()["a"]["applied"], [])
        self.assertEqual(self.stop(up), 0, self.read_log())

    def test_a_folder_with_a_mistake_in_it_changes_nothing(self):
        up = self.start_up()
        self.wait_linked()
        self.new_key("guest")
        shutil.copytree(self.path("keys"), self.path("desk"))  # whose keys are in order
        desk = self.path("desk.toml")
        self.write(desk, self.in_folder("desk"))
        public = self.json_of("keys", "show", self.path("keys", "client.pub"))["public_key"]
        for wrong in ("", "public = \"short\"\n", f'public = "{public}"\n', 'role = "client"\n'):
            self.write(self.path("keys", "wrong.pub"), wrong)
            done = self.troupe("reload", desk, "--json")
            self.assertNotEqual(done.returncode, 0, wrong)
            self.assertIn("node 'a': ", done.stdout)
            self.assertIn("wrong", done.stdout)
            self.json_of("status", desk, "--node", "a", "--as", "guest", exit_code=3)
            self.json_of("status", desk)
        os.remove(self.path("keys", "wrong.pub"))
        self.assertEqual(self.reload()["b"]["keys"]["added"], ["guest"])
        self.json_of("status", self.config, "--node", "a", "--as", "guest")
        self.assertEqual(self.stop(up), 0, self.read_log())

    def test_the_folder_is_listed(self):
        self.new_key("viewer", "--role", "read-only")
        os.remove(self.path("keys", "viewer.key"))
        self.rotate("b")
        listed = {key["name"]: key for key in self.json_of("keys", "list", "--config", self.config)["keys"]}
        self.assertEqual({name: key["role"] for name, key in listed.items()},
                         {"a": "node", "b": "node", "c": "node", "client": "client", "viewer": "read-only"})
        self.assertEqual([name for name, key in listed.items() if key["next_key"]], ["b"])
        self.assertEqual([name for name, key in listed.items() if not key["private_here"]], ["viewer"])
        alone = self.json_of("keys", "list", "--folder", self.path("keys"))["keys"]
        self.assertEqual([key["role"] for key in alone], [None, None, None, None, "read-only"])
        table = self.troupe("keys", "list", "--config", self.config).stdout
        self.assertIn(listed["b"]["next_key"], table)


if __name__ == "__main__":
    unittest.main(verbosity=2)
