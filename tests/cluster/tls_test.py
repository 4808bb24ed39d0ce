"""Nodes that serve HTTPS: what clients see, hostile ones too, and certificates that are replaced."""

import http.client
import json
import os
import socket
import ssl
import struct
import subprocess
import unittest

from cluster import LIMIT_S, ClusterTest, free_ports, wait_until

ASKED = json.dumps({"model": "tiny", "input": "hello"})


class Tls(ClusterTest):
    def setUp(self):
        super().setUp()
        self.port, other = free_ports(2)
        self.certificate = os.path.join(self.folder.name, "node.crt")
        self.key = os.path.join(self.folder.name, "node.key")
        self.make_certificate("first")
        with open(self.config, encoding="utf-8") as file:
            text = file.read().replace("[node.b]", f'[node.b]\nhttp = "127.0.0.1:{other}"')
        self.cluster = text
        self.write_http()

    def write_http(self, *lines):
        with open(self.config, "w", encoding="utf-8") as file:
            file.write(f'{self.cluster}[http]\nlisten = "127.0.0.1:{self.port}"\n'
                       f"tls_certificate = {json.dumps(self.certificate)}\n"
                       f"tls_key = {json.dumps(self.key)}\n")
            file.writelines(line + "\n" for line in lines)

    def make_certificate(self, name, *more):
        """A certificate for 127.0.0.1, signed by itself, put where the node reads it."""
        made = [path + ".new" for path in (self.certificate, self.key)]
        done = subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
             "-days", "2", "-subj", f"/CN={name}", "-addext", "subjectAltName=IP:127.0.0.1",
             "-out", made[0], "-keyout", made[1], *(more or ["-nodes"])],
            capture_output=True, text=True, check=False)
        self.assertEqual(done.returncode, 0, done.stderr)
        os.chmod(made[1], 0o600)
        for new, path in zip(made, (self.certificate, self.key)):
            os.replace(new, path)

    def trusting(self):
        return ssl.create_default_context(cafile=self.certificate)

    def connect(self, context=None):
        connection = http.client.HTTPSConnection("127.0.0.1", self.port, timeout=LIMIT_S,
                                                 context=context or self.trusting())
        self.addCleanup(connection.close)
        return connection

    def ask(self, connection, method, target, body=None):
        connection.request(method, target, body)
        answer = connection.getresponse()
        return answer.status, answer.read()

    def raw(self):
        plain = socket.create_connection(("127.0.0.1", self.port), LIMIT_S)
        self.addCleanup(plain.close)
        return plain

    def failed_handshakes(self):
        metrics = self.ask(self.connect(), "GET", "/metrics")[1].decode()
        name = "troupe_http_handshakes_failed_total "
        return int(metrics.split("\n" + name)[1].split()[0])

    def name_shown(self):
        with socket.create_connection(("127.0.0.1", self.port), LIMIT_S) as plain:
            with self.trusting().wrap_socket(plain, server_hostname="127.0.0.1") as secure:
                return dict(pair[0] for pair in secure.getpeercert()["subject"])["commonName"]

    def test_every_way_of_asking_works_as_without(self):
        up = self.start_up()
        self.assertIn('"msg":"serving HTTPS"', self.read_log())
        self.assertIn(f"https://127.0.0.1:{self.port}", self.troupe("status", self.config).stdout)
        kept = self.connect()
        for _ in range(3):  # on one connection
            status, body = self.ask(kept, "POST", "/v1/embeddings", ASKED)
            self.assertEqual(status, 200, body)
        many = json.dumps({"model": "tiny", "input": ["some words of text"] * 1000})
        status, body = self.ask(kept, "POST", "/v1/embeddings", many)
        self.assertEqual(status, 200)
        self.assertEqual(len(json.loads(body)["data"]), 1000)

        with socket.create_connection(("127.0.0.1", self.port), LIMIT_S) as plain:
            with self.trusting().wrap_socket(plain, server_hostname="127.0.0.1") as secure:
                secure.sendall(b"GET /status/events HTTP/1.1\r\nHost: a\r\n\r\n")
                seen = b""
                while seen.count(b"\ndata: ") < 2:
                    piece = secure.recv(65536)
                    self.assertTrue(piece, seen)
                    seen += piece

        done = subprocess.run(
            ["curl", "--fail", "--silent", "--show-error", "--cacert", self.certificate,
             "--max-time", str(LIMIT_S), f"https://127.0.0.1:{self.port}/v2"],
            capture_output=True, text=True, check=False)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(json.loads(done.stdout)["name"], "troupe")
        self.assertEqual(self.stop(up), 0, self.read_log())

    def test_whoever_speaks_no_tls_gets_nothing_and_disturbs_nobody(self):
        self.write_http('request_timeout = "300ms"')
        self.start_up()
        kept = self.connect()
        self.assertEqual(self.ask(kept, "GET", "/v2/health/live")[0], 200)
        before = self.failed_handshakes()
        for bytes_sent in (b"GET /v2/health/live HTTP/1.1\r\nHost: a\r\n\r\n", b"\x00" * 4096,
                           b"\x16\x03\x01\x40\x00" + b"\xff" * 1000,  # a record that claims 16 KiB
                           b""):  # says nothing: cut after request_timeout
            with self.raw() as plain:
                plain.sendall(bytes_sent)
                answer = b""
                try:
                    while piece := plain.recv(4096):
                        answer += piece
                except ConnectionResetError:
                    pass
                self.assertNotIn(b"HTTP", answer)
        # One that goes away in the middle of its handshake, with a reset.
        with self.raw() as plain:
            plain.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            plain.sendall(b"\x16\x03\x01")
        old = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        old.load_verify_locations(self.certificate)
        old.set_ciphers("ALL:@SECLEVEL=0")
        old.minimum_version = ssl.TLSVersion.TLSv1
        old.maximum_version = ssl.TLSVersion.TLSv1_1
        with self.assertRaises(ssl.SSLError):
            self.connect(old).connect()
        with self.assertRaises(ssl.SSLCertVerificationError):
            self.connect(ssl.create_default_context()).connect()
        wait_until(lambda: self.failed_handshakes() >= before + 5, "the count of handshakes")
        self.assertEqual(self.ask(kept, "POST", "/v1/embeddings", ASKED)[0], 200)

    def test_a_refusal_is_read_whole_though_the_client_is_still_sending(self):
        self.write_http('body_bytes_max = "1KiB"')
        self.start_up()
        status, body = self.ask(self.connect(), "POST", "/v1/embeddings", b"x" * (512 << 10))
        self.assertEqual(status, 413, body)
        self.assertIn("1024 bytes", json.loads(body)["error"]["message"])

    def test_a_certificate_that_is_replaced_is_shown_to_who_comes_next(self):
        up = self.start_up()
        kept = self.connect()
        self.assertEqual(self.ask(kept, "GET", "/v2/health/live")[0], 200)
        self.assertEqual(self.name_shown(), "first")
        first = self.trusting()
        self.make_certificate("second")

        def second_is_shown():
            try:
                return self.name_shown() == "second"
            except ssl.SSLError:  # we trust the second already, and it shows the first
                return False

        wait_until(second_is_shown, "the second certificate")
        self.assertEqual(self.ask(kept, "GET", "/v2/health/live")[0], 200)
        with self.assertRaises(ssl.SSLCertVerificationError):
            self.connect(first).connect()

        with open(self.certificate, encoding="utf-8") as file:
            second = file.read()
        trusted = self.trusting()
        with open(self.certificate, "w", encoding="utf-8") as file:
            file.write("no certificate\n")
        wait_until(lambda: "the former stays" in self.read_log(), "the complaint")
        self.assertEqual(self.ask(self.connect(trusted), "GET", "/v2/health/live")[0], 200)
        with open(self.certificate, "w", encoding="utf-8") as file:
            file.write(second)
        self.assertEqual(self.stop(up), 0, self.read_log())

    def test_what_is_wrong_with_the_files_is_told_at_the_start(self):
        def told(path):
            done = self.troupe("node", self.config, "--name", "a")
            self.assertIn(done.returncode, (1, 2), done.stderr)
            self.assertIn(path, done.stderr)
            return done.stderr

        os.chmod(self.key, 0o644)
        self.assertIn("everybody", told(self.key))
        os.chmod(self.key, 0o600)
        os.rename(self.certificate, self.certificate + ".1")
        self.assertIn("No such file", told(self.certificate))
        os.rename(self.key, self.key + ".1")
        self.make_certificate("other")
        os.replace(self.certificate + ".1", self.certificate)
        self.assertIn("no key in PEM for", told(self.key))
        self.make_certificate("locked", "-passout", "pass:secret")
        self.assertIn("no passphrase", told(self.key))
        with open(self.certificate, "w", encoding="utf-8") as file:
            file.write("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")
        self.assertIn("no certificate in PEM", told(self.certificate))


if __name__ == "__main__":
    unittest.main()
