"""A headless Chromium by WebDriver (chromedriver), with what the page said and asked for.

Only the standard library: WebDriver is JSON over HTTP.
"""

import base64
import json
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path

FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
]
ELEMENT = "element-6066-11e4-a52e-4f735466cecf"


class Browser:
    """One window; use it in a `with` block."""

    def __init__(self):
        self.profile = tempfile.TemporaryDirectory(prefix="shim-browser-", ignore_cleanup_errors=True)
        self.process = subprocess.Popen(
            ["chromedriver", "--port=0"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )
        self.session = None

    def __enter__(self):
        for line in self.process.stdout:
            if "started successfully on port" in line:
                port = int(line.split("port")[1].strip(" .\n"))
                break
        else:
            raise RuntimeError("chromedriver did not start")
        self.base = f"http://127.0.0.1:{port}/session"
        options = {
            "args": [*FLAGS, f"--user-data-dir={self.profile.name}"],
            "perfLoggingPrefs": {"enableNetwork": True},
        }
        wanted = {
            "browserName": "chrome",
            "goog:chromeOptions": options,
            "goog:loggingPrefs": {"browser": "ALL", "performance": "ALL"},
        }
        answer = self.send("POST", "", {"capabilities": {"alwaysMatch": wanted}})
        self.session = answer["sessionId"]
        return self

    def __exit__(self, *_):
        try:
            if self.session:
                self.send("DELETE", "")
        finally:
            self.process.terminate()
            self.process.wait(10)
            self.profile.cleanup()

    def send(self, method, path, body=None):
        address = self.base + (f"/{self.session}" if self.session else "") + path
        data = json.dumps(body).encode() if body is not None else None
        request = urllib.request.Request(address, data, {"Content-Type": "application/json"}, method=method)
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                return json.load(answer)["value"]
        except urllib.error.HTTPError as error:
            raise RuntimeError(f"{method} {path}: {error.read().decode()}") from None

    def command(self, name, **parameters):
        """A command of the DevTools protocol."""
        return self.send("POST", "/goog/cdp/execute", {"cmd": name, "params": parameters})

    def open(self, address):
        self.send("POST", "/url", {"url": address})

    def run(self, script, *arguments):
        """What a function body returns; it is run from outside of the page's own policy."""
        return self.send("POST", "/execute/sync", {"script": script, "args": list(arguments)})

    def find(self, selector):
        return self.send("POST", "/element", {"using": "css selector", "value": selector})[ELEMENT]

    def type(self, selector, text):
        element = self.find(selector)
        self.send("POST", f"/element/{element}/clear", {})
        self.send("POST", f"/element/{element}/value", {"text": text})

    def click(self, selector):
        # Chromedriver scrolls too, but clicks where the element was if the page is still on its way there.
        self.run("document.querySelector(arguments[0]).scrollIntoView({behavior: 'instant', block: 'center'})", selector)
        self.send("POST", f"/element/{self.find(selector)}/click", {})

    def follow(self, selector):
        """Clicks, and waits for the page that comes of it: chromedriver waits only for one that has begun to load."""
        self.run("window.left = true")
        self.click(selector)
        until(self.arrived)

    def arrived(self):
        try:
            return self.run("return !window.left && document.readyState === 'complete'")
        except RuntimeError:
            # The document went away under the script.
            return False

    def text(self, selector="main"):
        return self.send("GET", f"/element/{self.find(selector)}/text")

    def size(self, width, height):
        self.command(
            "Emulation.setDeviceMetricsOverride",
            width=width, height=height, deviceScaleFactor=2 if width < 600 else 1, mobile=width < 600,
        )

    def scheme(self, name):
        # Without motion too, so that nothing is still on its way when it is clicked.
        features = [
            {"name": "prefers-color-scheme", "value": name},
            {"name": "prefers-reduced-motion", "value": "reduce"},
        ]
        self.command("Emulation.setEmulatedMedia", features=features)

    def shoot(self, path: Path, whole=True):
        """A picture of the whole page."""
        picture = self.command("Page.captureScreenshot", format="png", captureBeyondViewport=whole)
        path.write_bytes(base64.b64decode(picture["data"]))

    def complaints(self):
        """What the console has said since this was last asked: errors, and violations of the policy."""
        return [
            f"{entry['level']}: {entry['message']}"
            for entry in self.send("POST", "/se/log", {"type": "browser"})
            if entry["level"] in ("SEVERE", "WARNING")
        ]

    def requests(self):
        """Addresses that were asked for since this was last asked."""
        found = []
        for entry in self.send("POST", "/se/log", {"type": "performance"}):
            message = json.loads(entry["message"])["message"]
            if message["method"] == "Network.requestWillBeSent":
                found.append(message["params"]["request"]["url"])
        return found


def until(condition, patience=20):
    """Waits until a condition holds, and gives what it gave."""
    end = time.monotonic() + patience
    while True:
        found = condition()
        if found:
            return found
        if time.monotonic() > end:
            raise AssertionError("this takes too long")
        time.sleep(0.2)
