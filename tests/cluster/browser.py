"""A real browser without a window, for tests: Chromium, spoken to by its DevTools protocol over a pipe."""

import base64
import fcntl
import itertools
import json
import os
import select
import shutil
import subprocess
import tempfile
import time

LIMIT_S = 60
NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")


def find_browser():
    """$TROUPE_BROWSER, or what the system has. A missing one is an error: nothing else sees the page."""
    found = os.environ.get("TROUPE_BROWSER") or next(filter(None, map(shutil.which, NAMES)), None)
    if not found:
        raise FileNotFoundError(
            "the status page's test needs a Chromium: tools/setup --test installs Debian's; "
            "another one can be named in TROUPE_BROWSER")
    return found


class Browser:
    def __init__(self):
        self.folder = tempfile.TemporaryDirectory(prefix="troupe-browser-", ignore_cleanup_errors=True)
        to_browser, self.writes = os.pipe()
        self.reads, from_browser = os.pipe()
        words = [find_browser(), "--headless=new", "--remote-debugging-pipe", "--no-first-run",
                 "--disable-gpu", "--disable-dev-shm-usage", "--disable-background-networking",
                 "--disable-component-update", "--hide-scrollbars",
                 "--user-data-dir=" + self.folder.name, "about:blank"]
        if os.geteuid() == 0:
            words.insert(1, "--no-sandbox")  # which does not work for root

        def pipes_as_3_and_4():
            # Over copies, in case that one of them has the other's number.
            a = fcntl.fcntl(to_browser, fcntl.F_DUPFD, 10)
            b = fcntl.fcntl(from_browser, fcntl.F_DUPFD, 10)
            os.dup2(a, 3)
            os.dup2(b, 4)

        with open(os.path.join(self.folder.name, "log"), "wb") as log:
            self.process = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                            close_fds=False, preexec_fn=pipes_as_3_and_4)
        os.close(to_browser)
        os.close(from_browser)
        self.numbers = itertools.count(1)
        self.rest = b""
        self.session = None
        self.complaints = []  # of the page: errors, what its policy forbade
        self.loaded = set()   # pages, by the number that their loading has
        target = next(one for one in self.call("Target.getTargets")["targetInfos"] if one["type"] == "page")
        self.session = self.call("Target.attachToTarget",
                                 {"targetId": target["targetId"], "flatten": True})["sessionId"]
        for room in ("Page", "Runtime", "Log"):
            self.call(room + ".enable")
        self.call("Page.setLifecycleEventsEnabled", {"enabled": True})

    def close(self):
        self.process.kill()
        self.process.wait(LIMIT_S)
        os.close(self.writes)
        os.close(self.reads)
        self.folder.cleanup()

    def message(self, deadline):
        while b"\0" not in self.rest:
            if not select.select([self.reads], [], [], max(0, deadline - time.monotonic()))[0]:
                raise AssertionError("the browser does not answer")
            got = os.read(self.reads, 1 << 20)
            if not got:
                with open(os.path.join(self.folder.name, "log"), encoding="utf-8", errors="replace") as log:
                    raise AssertionError("the browser has ended: " + log.read()[-2000:])
            self.rest += got
        one, self.rest = self.rest.split(b"\0", 1)
        return json.loads(one)

    def note(self, told):
        if told.get("method") == "Runtime.exceptionThrown":
            self.complaints.append(told["params"]["exceptionDetails"])
        if told.get("method") == "Log.entryAdded" and told["params"]["entry"]["level"] == "error":
            self.complaints.append(told["params"]["entry"])
        if told.get("method") == "Page.lifecycleEvent" and told["params"]["name"] == "load":
            self.loaded.add(told["params"]["loaderId"])

    def call(self, method, parameters=None):
        number = next(self.numbers)
        asked = {"id": number, "method": method, "params": parameters or {}}
        if self.session:
            asked["sessionId"] = self.session
        os.write(self.writes, json.dumps(asked).encode() + b"\0")
        deadline = time.monotonic() + LIMIT_S
        while True:
            told = self.message(deadline)
            self.note(told)
            if told.get("id") == number:
                if "error" in told:
                    raise AssertionError(f"{method}: {told['error']}")
                return told["result"]

    def open(self, url):
        """Returns once the page is loaded; what the one before it complained of is forgotten."""
        for address in ("about:blank", url):
            self.complaints.clear()
            told = self.call("Page.navigate", {"url": address})
            if "errorText" in told:
                raise AssertionError(f"{address}: {told['errorText']}")
            deadline = time.monotonic() + LIMIT_S
            while told["loaderId"] not in self.loaded:
                self.note(self.message(deadline))

    def value(self, expression):
        told = self.call("Runtime.evaluate", {"expression": expression, "returnByValue": True})
        if "exceptionDetails" in told:
            raise AssertionError(f"{expression}: {told['exceptionDetails']}")
        return told["result"].get("value")

    def look(self, width, height, scheme):
        self.call("Emulation.setDeviceMetricsOverride",
                  {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600})
        self.call("Emulation.setEmulatedMedia",
                  {"features": [{"name": "prefers-color-scheme", "value": scheme}]})

    def screenshot(self, path):
        size = self.call("Page.getLayoutMetrics")["cssContentSize"]
        shot = self.call("Page.captureScreenshot", {
            "captureBeyondViewport": True,
            "clip": {"x": 0, "y": 0, "width": size["width"], "height": size["height"], "scale": 1}})
        with open(path, "wb") as file:
            file.write(base64.b64decode(shot["data"]))
