"""What the Python client reads of a cluster's file is what troupe reads."""

import json
import os
import subprocess
import sys
import tempfile
import unittest

SOURCE = os.environ["TROUPE_SOURCE_DIR"]
PROGRAM = os.environ["TROUPE_PROGRAM"]
sys.path.insert(0, os.path.join(SOURCE, "clients", "python"))

import troupe

MINIMAL = "[node.a]\nurgent_port = 7101\nordinary_port = 7102\n"
MODEL = f'[model.m]\nfolder = "{SOURCE}/tests/data/models/bert-plain"\n'


class Config(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="troupe-test-")
        self.addCleanup(folder.cleanup)
        self.folder = folder.name
        self.path = os.path.join(self.folder, "cluster.toml")

    def write(self, text):
        with open(self.path, "w", encoding="utf-8") as file:
            file.write(text)
        return self.path

    def compare(self, path, **variables):
        """Every setting that the client reads, with troupe's own value of it."""
        environment = {"HOME": self.folder, "PATH": os.environ["PATH"], **variables}
        done = subprocess.run([PROGRAM, "check", path, "--json"], env=environment, capture_output=True,
                              text=True, timeout=60, check=False)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        told = {one["key"]: one["value"] for one in json.loads(done.stdout)["settings"]}
        file = troupe.read_cluster_file(path, environment)
        names = [key[5:-12] for key in told if key.startswith("node.") and key.endswith(".urgent_port")]
        self.assertEqual([node.name for node in file.nodes], names)
        self.assertEqual(file.name, told["cluster.name"])
        if told["cluster.keys"] != "auto":
            self.assertEqual(file.keys_folder, told["cluster.keys"])
        self.assertEqual(f"{round(file.heartbeat_interval * 1e6)}us", self.in_us(told["link.heartbeat_interval"]))
        self.assertEqual(file.heartbeats_missed_max, told["link.heartbeats_missed_max"])
        for node in file.nodes:
            table = f"node.{node.name}."
            self.assertEqual((node.host, node.urgent_port, node.ordinary_port),
                             (told[table + "host"], told[table + "urgent_port"], told[table + "ordinary_port"]))
            http = told[table + "http"] or told["http.listen"]
            self.assertEqual(node.http, "" if http == "off" else http)
        return file

    @staticmethod
    def in_us(duration):
        for unit, scale in (("ms", 1000), ("us", 1), ("s", 1_000_000), ("m", 60_000_000)):
            if duration.endswith(unit):
                return f"{round(float(duration[:-len(unit)]) * scale)}us"
        raise AssertionError(duration)

    def test_the_quickstart(self):
        file = self.compare(os.path.join(SOURCE, "configs", "quickstart.toml"),
                            TROUPE_MODEL_DIR=f"{SOURCE}/tests/data/models/bert-plain")
        self.assertEqual([node.name for node in file.nodes], ["a", "b"])

    def test_defaults(self):
        file = self.compare(self.write(MINIMAL + MODEL))
        self.assertEqual(file.keys_folder, f"{self.folder}/.local/state/troupe/troupe/keys")
        file = troupe.read_cluster_file(self.path, {"XDG_STATE_HOME": "/state", "HOME": self.folder})
        self.assertEqual(file.keys_folder, "/state/troupe/troupe/keys")
        file = troupe.read_cluster_file(self.path, {"XDG_STATE_HOME": "state", "HOME": self.folder})
        self.assertEqual(file.keys_folder, f"{self.folder}/.local/state/troupe/troupe/keys")

    def test_everything_said(self):
        text = ('[cluster]\nname = "other"\nkeys = "~/keys/$NAME/${NAME}"\n[node."gpu-1.x"]\nhost = "::1"\n'
                'urgent_port = 1\nordinary_port = 65535\nhttp = "off"\n[node.b]\nurgent_port = 3\n'
                'ordinary_port = 4\nhttp = "127.0.0.1:9000"\n[link]\nheartbeat_interval = "1.5s"\n'
                'heartbeats_missed_max = 7\n[http]\nlisten = "127.0.0.1:8080"\n')
        file = self.compare(self.write(text + MODEL), NAME="n")
        self.assertEqual(file.http_url(), "http://127.0.0.1:9000")
        self.assertEqual(file.keys_folder, f"{self.folder}/keys/n/n")
        text += 'tls_certificate = "node.crt"\ntls_key = "node.key"\n'
        file = self.compare(self.write(text + MODEL), NAME="n")
        self.assertEqual(file.http_url(), "https://127.0.0.1:9000")

    def test_the_environment_wins(self):
        self.write(MINIMAL.replace("node.a", "node.gpu-1") + MODEL)
        file = self.compare(self.path, TROUPE_NODE__GPU_1__HOST="127.0.0.7", TROUPE_CLUSTER__NAME="x",
                            TROUPE_NODE__GPU_1__URGENT_PORT="99", TROUPE_LINK__HEARTBEAT_INTERVAL="20ms",
                            TROUPE_HTTP__LISTEN="127.0.0.1:1234", TROUPE_LINK__HEARTBEATS_MISSED_MAX="4")
        self.assertEqual((file.nodes[0].host, file.nodes[0].urgent_port), ("127.0.0.7", 99))

    def test_mistakes(self):
        for text in ("", "[node.a]\n", "[node]\n", MINIMAL + "[", "node = 3\n", "[node.a]\nurgent_port = 0\nordinary_port = 1\n",
                     MINIMAL.replace("7101", '"7101"'), MINIMAL.replace("7101", "true"),
                     MINIMAL.replace("node.a", "node.client"), MINIMAL.replace("node.a", 'node."a b"'),
                     MINIMAL + '[link]\nheartbeat_interval = 1\n', MINIMAL + '[link]\nheartbeat_interval = "1ns"\n',
                     MINIMAL + '[cluster]\nkeys = "$NOT_SET/x"\n', MINIMAL + '[cluster]\nkeys = "a$"\n',
                     MINIMAL + '[cluster]\nkeys = "~you/x"\n', "a = " + "[" * 5000):
            with self.subTest(text[:60]), self.assertRaises(troupe.ConfigMistake):
                troupe.read_cluster_file(self.write(text), {"HOME": self.folder})
        with open(self.path, "wb") as file:
            file.write(b"\xff")
        for path, kind in ((self.path, troupe.ConfigMistake), (self.path + "x", troupe.OsRefused),
                           (self.folder, troupe.OsRefused)):
            with self.assertRaises(kind):
                troupe.read_cluster_file(path, {"HOME": self.folder})

    def test_keys_that_are_none_or_not_safe(self):
        key = "a" * 40
        self.write(MINIMAL + f'[cluster]\nkeys = "{self.folder}"\n')
        file = troupe.read_cluster_file(self.path)
        secret, public = os.path.join(self.folder, "client.key"), os.path.join(self.folder, "a.pub")

        def put(path, text, mode):
            with open(path, "w", encoding="utf-8") as one:
                one.write(text)
            os.chmod(path, mode)

        good = f'# mine\npublic = "{key}"\nsecret = "{key}"\n'
        put(secret, good, 0o600)
        self.assertEqual(file.key_pair().secret, key)
        self.assertNotIn(key, repr(file.key_pair()).replace(f"public='{key}'", ""))
        os.chmod(secret, 0o640)
        self.assertRaisesRegex(troupe.OsRefused, "chmod 600", file.key_pair)
        for text in ("", "public\n", f'public = "{key[1:]}"\n', f"public = {key}\n", f'public = "{key}"\n' * 2,
                     f'public = "{key}"\nother = "{key}"\n', f'public = "{key}"\n', good + "#" * 5000,
                     good.replace('secret = "a', 'secret = "\\')):
            put(secret, text, 0o600)
            with self.subTest(text[:50]), self.assertRaises(troupe.ConfigMistake) as told:
                file.key_pair()
            self.assertNotIn(key[1:], str(told.exception))
        put(public, f'public = "{key}"\n', 0o644)
        self.assertEqual(file.public_keys("a"), (key,))
        other = "b" * 40
        two = f'public = "{key}"\nnext = "{other}"\nrole = "read-only"\n'
        put(public, two, 0o644)
        self.assertEqual(file.public_keys("a"), (key, other))
        put(secret, good + 'role = "client"\n', 0o600)
        self.assertRaises(troupe.ConfigMistake, file.key_pair)
        for wrong in (two.replace("read-only", "admin"), two * 2, two.replace(f'"{other}"', '"b"')):
            put(public, wrong, 0o644)
            self.assertRaises(troupe.ConfigMistake, file.public_keys, "a")
        put(public, good, 0o644)
        self.assertRaises(troupe.ConfigMistake, file.public_keys, "a")
        os.remove(public)
        os.mkfifo(public)
        self.assertRaises(troupe.OsRefused, file.public_keys, "a")
        self.assertRaises(troupe.OsRefused, file.public_keys, "nobody")


if __name__ == "__main__":
    unittest.main()
