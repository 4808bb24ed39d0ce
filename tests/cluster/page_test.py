"""The status page in a real browser: what it shows of a real node, its key, and that what a node says
stays text. With TROUPE_SCREENSHOTS naming a folder, pictures of it are left there."""

import http.client
import http.server
import json
import os
import signal
import subprocess
import threading
import unittest

from browser import Browser
from cluster import LIMIT_S, PROGRAM, SOURCE, ClusterTest, free_ports, wait_until


def status(name):
    with open(os.path.join(SOURCE, "tests", "data", "status", name + ".json"), encoding="utf-8") as file:
        return json.load(file)


class Page(ClusterTest):
    @classmethod
    def setUpClass(cls):
        cls.browser = Browser()
        cls.addClassCleanup(cls.browser.close)

    def start(self, *lines):
        self.port, other = free_ports(2)
        with open(self.config, encoding="utf-8") as file:
            text = file.read()
        text = text.replace("[node.b]", f'[node.b]\nhttp = "127.0.0.1:{other}"')
        text += f'[http]\nlisten = "127.0.0.1:{self.port}"\n' + "".join(line + "\n" for line in lines)
        with open(self.config, "w", encoding="utf-8") as file:
            file.write(text)
        self.up = self.start_up()

    def page(self):
        """The page and its headers, as the node gives them."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=LIMIT_S)
        self.addCleanup(connection.close)
        connection.request("GET", "/")
        answer = connection.getresponse()
        return answer.read(), dict(answer.getheaders())

    def text(self, element):
        return self.browser.value(f"document.getElementById({json.dumps(element)}).textContent")

    def rows(self, element):
        """A table's cells, as they are read."""
        return self.browser.value(
            f"[...document.querySelectorAll('#{element} tbody tr')].map(row => [...row.children].map(cell => cell.textContent))")

    def wait(self, expression):
        wait_until(lambda: self.browser.value(expression), expression)

    def shoot(self, name):
        if folder := os.environ.get("TROUPE_SCREENSHOTS"):
            for scheme in ("light", "dark"):
                for device, width in (("wide", 1240), ("phone", 390)):
                    self.browser.look(width, 900, scheme)
                    self.browser.screenshot(os.path.join(folder, f"{name}-{device}-{scheme}.png"))
            self.browser.look(1240, 900, "light")

    def is_not_wider_than_a_phone(self):
        self.browser.look(390, 800, "light")
        self.assertLessEqual(self.browser.value("document.documentElement.scrollWidth"), 390)
        self.browser.look(1240, 900, "light")

    def test_it_shows_what_a_real_node_does(self):
        self.start()
        self.browser.open(f"http://127.0.0.1:{self.port}/")
        self.wait("document.getElementById('link_state').textContent === 'live'")
        self.assertEqual(self.text("node"), "a")
        self.assertEqual(self.text("ready"), "ready")
        self.wait("document.getElementById('peers').textContent === 'peers: b up '")
        words = ["submit", "some text", "--config", self.config, "--node", "a", "--lane"]
        asking = threading.Event()

        def ask():
            while not asking.is_set():
                for lane in ("urgent", "ordinary"):
                    subprocess.run([PROGRAM, *words, lane], env=self.environment, check=True, capture_output=True)

        asker = threading.Thread(target=ask)
        asker.start()
        self.addCleanup(asker.join, LIMIT_S)
        self.addCleanup(asking.set)
        lanes = "[...document.querySelectorAll('#lanes tbody tr')]"
        self.wait(f"{lanes}.length === 2 && {lanes}.every(row => Number(row.lastChild.textContent) >= 2)")
        self.wait("document.querySelector('#launches rect') !== null")
        self.wait("['done', 'p99', 'queue'].every(name => document.querySelectorAll(`#chart_${name} path`).length === 2)")
        self.wait("document.querySelector('#fill rect') !== null")
        self.wait("/^\\d[\\d.,]* (ms|s)$/.test(document.getElementById('tile_p99').textContent)")
        self.wait("document.getElementById('tile_burn').textContent === '0 %'")
        device = self.rows("devices")[0]
        self.assertEqual(device[1], "working")
        self.assertRegex(device[2], r"^\d[\d.]* %$")
        self.assertEqual([row[0] for row in self.rows("models")], ["tiny", "tone"])
        self.assertEqual(len(self.rows("tenants")), 1)
        self.shoot("real")
        self.is_not_wider_than_a_phone()
        self.assertEqual(self.browser.complaints, [])
        asking.set()
        asker.join(LIMIT_S)
        self.assertEqual(self.stop(self.up, signal.SIGTERM), 0, self.read_log())
        self.wait("document.getElementById('link_state').textContent.includes('trying again')")

    def test_where_there_are_keys_it_asks_for_one_and_keeps_it_for_the_session(self):
        made = self.json_of("keys", "api", "search-team")
        self.start(f"keys = {json.dumps([made['line']])}")
        self.browser.open(f"http://127.0.0.1:{self.port}/status")
        form = "document.getElementById('ask')"
        self.wait(f"!{form}.hidden")
        enter = f"document.getElementById('key').value = %s, {form}.requestSubmit()"
        self.browser.value(enter % "'wrong'")
        self.wait("!document.getElementById('refused').hidden")
        self.assertEqual(self.browser.value("sessionStorage.length"), 0)
        self.browser.value(enter % json.dumps(made["key"]))
        self.wait("document.getElementById('link_state').textContent === 'live'")
        self.assertTrue(self.browser.value(f"{form}.hidden"))
        self.assertEqual(self.text("node"), "a")
        self.browser.open(f"http://127.0.0.1:{self.port}/")
        self.wait("document.getElementById('link_state').textContent === 'live'")
        self.assertEqual(self.browser.value("localStorage.length + document.cookie.length"), 0)
        self.assertNotIn(made["key"], self.browser.value("location.href + document.documentElement.outerHTML"))
        self.assertNotIn(made["key"], self.read_log())

    def test_its_figures_are_those_between_two_statuses_and_names_stay_text(self):
        self.start()
        html, headers = self.page()
        events = "".join(f"data: {json.dumps(status(name))}\n\n" for name in ("before", "after")).encode()
        shown = threading.Event()

        class Scripted(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                self.send_response(200)
                if self.path == "/":
                    self.send_header("Content-Security-Policy", headers["Content-Security-Policy"])
                    self.send_header("Content-Type", headers["Content-Type"])
                    self.end_headers()
                    self.wfile.write(html)
                else:
                    self.send_header("Content-Type", "text/event-stream")
                    self.end_headers()
                    for piece in (events[:1], events[1:1000], events[1000:]):  # cut anywhere
                        self.wfile.write(piece)
                        self.wfile.flush()
                    shown.wait(LIMIT_S)

            def log_message(self, *_):
                pass

        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Scripted)
        self.addCleanup(server.server_close)
        serving = threading.Thread(target=server.serve_forever)
        serving.start()
        self.addCleanup(serving.join, LIMIT_S)
        self.addCleanup(server.shutdown)
        self.addCleanup(shown.set)
        self.browser.open(f"http://127.0.0.1:{server.server_port}/")
        self.wait("document.getElementById('uptime').textContent === 'up 102 s'")
        self.assertEqual(self.text("node"), "a<b>&\u202e")
        dash = "\u2013"
        self.assertEqual(self.rows("lanes"), [
            ["urgent", "20.0", "15.0", "0", "0", "2.05 ms", "5.12 ms", "0 %", "14.0", "10.0", "25 %", "120"],
            ["ordinary", "400", "300", "31", "32", "20.5 ms", "20.5 ms", "25 %", "30.0", "0", "0 %", "1,500"]])
        self.assertEqual(self.text("lanes_note"), "")
        self.assertEqual(self.rows("refusals"), [
            ["queue_full (at the door)", "ordinary", "10.0", "24"],
            ["expired", "urgent", "2.00", "14"], ["infeasible", "urgent", "3.00", "6"]])
        self.assertEqual(self.text("launches"), "full25.0urgent14.0enough5.00")
        self.assertEqual(self.text("inside"), "10.0 of them inside a running batch")
        self.assertEqual([row[:3] for row in self.rows("devices")],
                         [["cpu \u00b7 16 threads", "working", "75 %"], ["cuda:0 \u00b7 gone", "lost", "0 %"]])
        self.assertEqual([row[0] for row in self.rows("models")], ["<img src=x onerror=alert(1)>", "big", "mover"])
        self.assertEqual(self.rows("tenants"), [["team<script>", "300", "1,100", "1"]])
        self.assertEqual(self.rows("agents")[1], ["\x1b[2Jreader", "20"])
        self.assertEqual(self.text("tile_burn"), "25 %")
        self.assertEqual(self.text("tile_burn_note"), "10 of 40 expired or infeasible")
        self.assertEqual(self.text("tile_p99"), "5.12 ms")
        self.assertEqual(self.text("fill_note"), "(last second)")
        self.assertEqual(self.browser.value("document.querySelectorAll('script, img, b b').length"), 1)
        # What is no interval has no figures.
        self.browser.value(f"var earlier = {json.dumps(status('before'))}, later = {json.dumps(status('after'))}; 0")
        for two in ("null, later", "later, later", "{...earlier, epoch: 8}, later", "later, earlier"):
            self.assertTrue(self.browser.value(f"between({two}) === null"), two)
        self.assertNotIn(dash, "".join(cell for row in self.rows("lanes") for cell in row))
        self.shoot("scripted")
        self.is_not_wider_than_a_phone()
        self.assertEqual(self.browser.complaints, [])

    def test_its_policy_forbids_whatever_is_not_its_own(self):
        self.start()
        self.browser.open(f"http://127.0.0.1:{self.port}/")
        self.wait("document.getElementById('link_state').textContent === 'live'")
        self.assertEqual(self.browser.complaints, [])
        self.browser.value("var planted = document.createElement('script'); planted.textContent = 'var ran = 1';"
                           "document.body.append(planted); 0")
        self.assertEqual(self.browser.value("typeof ran"), "undefined")
        wait_until(lambda: self.browser.value("0") == 0 and self.browser.complaints, "the browser's complaint")


if __name__ == "__main__":
    unittest.main()
