"""`troupe top` in a real terminal, on a real cluster: what it shows, a new size, and how it ends."""

import fcntl
import json
import os
import pty
import re
import select
import signal
import struct
import subprocess
import termios
import threading
import unittest

from cluster import LIMIT_S, PROGRAM, ClusterTest, wait_until


class Screen:
    """A terminal's screen, as far as the program uses one: what was written where, and its modes."""

    SEQUENCE = re.compile(r"\x1b\[(\??)([0-9;]*)([A-Za-z])")

    def __init__(self, rows, columns):
        self.rows, self.columns = rows, columns
        self.modes = {}  # by number, of \x1b[?NUMBERh and l
        self.clear()

    def clear(self):
        self.lines = [""] * self.rows
        self.row, self.column = 0, 0

    def put(self, text):
        line = self.lines[self.row]
        line = line[: self.column].ljust(self.column) + text + line[self.column + len(text):]
        self.lines[self.row] = line[: self.columns]
        self.column = min(self.column + len(text), self.columns)

    def feed(self, text):
        at = 0
        while at < len(text):
            sequence = self.SEQUENCE.match(text, at)
            if sequence:
                at = sequence.end()
                self.obey(*sequence.groups())
            elif text[at] == "\r":
                self.column, at = 0, at + 1
            elif text[at] == "\n":
                assert self.row + 1 < self.rows, "the screen was scrolled by a line too many"
                self.row, at = self.row + 1, at + 1
            elif text[at] == "\x1b":
                return text[at:]  # the rest of it is on its way
            else:
                assert text[at] >= " ", f"a control character: {text[at]!r}"
                self.put(text[at])
                at += 1
        return ""

    def obey(self, private, numbers, what):
        if private:
            self.modes[int(numbers)] = what == "h"
        elif what == "H":
            self.row, self.column = 0, 0
        elif what == "K":
            self.lines[self.row] = self.lines[self.row][: self.column]
        elif what == "J":
            if numbers == "2":
                self.clear()
            self.lines[self.row + 1:] = [""] * (self.rows - self.row - 1)
        else:
            assert what == "m", f"an unknown sequence: {what}"

    def text(self):
        return "\n".join(self.lines)


class InTerminal:
    """`troupe top` with a terminal of its own, which keeps reading what it writes."""

    def __init__(self, test, rows, columns, *words):
        self.master, self.slave = pty.openpty()
        test.addCleanup(os.close, self.slave)
        self.resize(rows, columns)
        self.before = termios.tcgetattr(self.slave)
        self.process = subprocess.Popen(
            [PROGRAM, "top", test.config, "--interval", "200ms", *words],
            env=dict(test.environment, TERM="xterm-256color"),
            stdin=self.slave, stdout=self.slave, stderr=self.slave,
            start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
        )
        self.lock = threading.Lock()
        self.wrong = None
        self.ended = threading.Event()
        self.reader = threading.Thread(target=self.read, daemon=True)
        self.reader.start()
        test.addCleanup(self.close)
        test.addCleanup(test.end, self.process)

    def close(self):
        self.ended.set()
        self.reader.join(LIMIT_S)
        os.close(self.master)

    def resize(self, rows, columns):
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        self.screen = Screen(rows, columns)

    def resized(self, rows, columns):
        with self.lock:
            modes = self.screen.modes
            self.resize(rows, columns)
            self.screen.modes = modes

    def read(self):
        rest = b""
        text = ""
        while not self.ended.is_set():
            if not select.select([self.master], [], [], 0.05)[0]:
                continue
            rest += os.read(self.master, 65536)
            whole = rest.decode(errors="ignore")  # a character may be cut
            if len(whole.encode()) != len(rest):
                continue
            rest = b""
            with self.lock:
                try:
                    text = self.screen.feed(text + whole)
                except (AssertionError, IndexError) as wrong:
                    self.wrong = wrong

    def text(self):
        with self.lock:
            return self.screen.text()

    def type(self, keys):
        os.write(self.master, keys)


class Top(ClusterTest):
    def see(self, top, pattern):
        """Waits until the screen shows it."""
        try:
            wait_until(lambda: re.search(pattern, top.text(), re.M) or top.process.poll() is not None, pattern)
        finally:
            self.assertIsNone(top.wrong, top.text())
            self.assertRegex(top.text(), re.compile(pattern, re.M))

    def is_as_before(self, top, code=0):
        self.assertEqual(top.process.wait(LIMIT_S), code)
        self.assertEqual(termios.tcgetattr(top.slave), top.before)
        wait_until(lambda: top.screen.modes.get(1049) is False, "the screen of before")
        self.assertEqual(top.screen.modes, {1049: False, 25: True, 7: True})
        self.assertIsNone(top.wrong)

    def node_process(self, up, name):
        for pid in self.children(up):
            with open(f"/proc/{pid}/cmdline", encoding="utf-8") as file:
                if file.read().split("\0")[4] == name:
                    return pid
        raise AssertionError("no process of node " + name)

    def test_it_shows_what_the_cluster_does_and_leaves_the_terminal_as_it_was(self):
        up = self.start_up()
        top = InTerminal(self, 50, 110)
        self.see(top, r"^test  2 nodes$")
        self.see(top, r"^a  ready  up .*peers: b up$")
        self.see(top, r"^b  ready  up .*peers: a up$")
        self.see(top, r"tiny loaded  tone loaded")
        self.see(top, r"cpu:0 working \[[| ]{16}\] \d.* % busy")
        self.see(top, r"^  urgent +0 +0 +0 +0 +- +- ")
        self.assertEqual(self.troupe("submit", "text", "--config", self.config, "--lane", "urgent",
                                     "--node", "b").returncode, 0)
        self.see(top, r"^  urgent +\d.*\d ms\*? +\d.*\d ms")
        self.see(top, r"^  tenants +\S+ [\d.]+/s \(1\)")
        self.assertTrue(top.screen.modes[1049])  # on the other screen, without a cursor
        self.assertFalse(top.screen.modes[25])
        self.assertNotEqual(termios.tcgetattr(top.slave), top.before)

        top.resized(12, 50)
        self.see(top, r"^q quit   arrows, j, k scroll   [1-9]\d* lines below$")
        self.see(top, r"^test  2 nodes$")
        top.type(b"j")
        self.see(top, r"\A\na  ready")
        top.type(b"G")
        self.see(top, r" 0 lines below$")
        top.type(b"\x1b[H")
        self.see(top, r"\Atest  2 nodes$")
        top.resized(60, 160)
        self.see(top, r"^q quit$")
        self.see(top, r"^b  ready")

        stopped = self.node_process(up, "b")
        os.kill(stopped, signal.SIGSTOP)
        self.addCleanup(os.kill, stopped, signal.SIGCONT)
        self.see(top, r"^test  2 nodes, 1 unreachable$")
        self.see(top, r"^b  UNREACHABLE  ")
        self.see(top, r"^a  ready")
        os.kill(stopped, signal.SIGCONT)
        self.see(top, r"^b  ready")
        top.type(b"q")
        self.is_as_before(top)

    def test_however_it_ends_the_terminal_is_as_it_was(self):
        self.start_up()
        ends = {
            "Ctrl-C": lambda top: top.type(b"\x03"),
            "SIGTERM": lambda top: top.process.send_signal(signal.SIGTERM),
            "SIGINT": lambda top: top.process.send_signal(signal.SIGINT),
        }
        for name, end in ends.items():
            with self.subTest(name):
                top = InTerminal(self, 30, 100, "--node", "a")
                self.see(top, r"^a  ready")
                end(top)
                self.is_as_before(top)

    def test_a_terminal_that_goes_ends_it(self):
        self.start_up()
        top = InTerminal(self, 30, 100)
        self.see(top, r"^a  ready")
        top.ended.set()
        top.reader.join(LIMIT_S)
        master, top.master = top.master, os.open("/dev/null", os.O_RDONLY)
        os.close(master)
        self.assertIsNotNone(top.process.wait(LIMIT_S))

    def test_once_is_one_screen_of_plain_text(self):
        self.start_up()
        for words in (["--once"], []):  # without a terminal they are the same
            done = self.troupe("top", self.config, "--interval", "100ms", *words)
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertRegex(done.stdout, r"\Atest  2 nodes\n")
            self.assertRegex(done.stdout, r"(?m)^b  ready  up ")
            self.assertRegex(done.stdout, r"(?m)^  launches/s +nothing in the interval$")
            self.assertNotRegex(done.stdout, r"[\x00-\x09\x0b-\x1f\x7f]")

    def test_a_node_that_is_not_there_is_told(self):
        done = self.troupe("top", self.config, "--interval", "100ms", "--once")
        self.assertEqual(done.returncode, 3, done.stderr)
        self.assertRegex(done.stdout, r"(?m)^a  UNREACHABLE  ")
        self.assertRegex(done.stdout, r"(?m)^test  2 nodes, 2 unreachable$")

    def test_json_is_an_object_an_interval_until_it_is_stopped(self):
        self.start_up()
        one = self.json_of("top", self.config, "--once", "--interval", "200ms")
        self.assertEqual([node["node"] for node in one["nodes"]], ["a", "b"])
        self.assertGreater(one["nodes"][0]["interval_s"], 0.1)
        top = subprocess.Popen([PROGRAM, "top", self.config, "--json", "--interval", "200ms"],
                               env=self.environment, stdin=subprocess.DEVNULL,
                               stdout=subprocess.PIPE, text=True)
        self.addCleanup(self.end, top)
        self.addCleanup(top.stdout.close)
        first, second = (json.loads(top.stdout.readline()) for _ in range(2))
        for looked in (first, second):
            self.assertTrue(all(node["reachable"] for node in looked["nodes"]))
        self.assertGreater(second["nodes"][0]["uptime_s"], first["nodes"][0]["uptime_s"])
        top.send_signal(signal.SIGINT)
        self.assertEqual(top.wait(LIMIT_S), 0)

    def test_an_interval_that_is_none_is_refused(self):
        for interval in ("0s", "1ms", "2h", "5", "soon"):
            done = self.troupe("top", self.config, "--interval", interval)
            self.assertEqual(done.returncode, 2, done.stdout)
            self.assertIn("100ms to 1h", done.stderr)


if __name__ == "__main__":
    unittest.main()
