"""Emulators and shims as child processes, on free loopback ports, ended by their own handles."""

from __future__ import annotations

import json
import queue
import re
import subprocess
import threading
import urllib.error
import urllib.request
from pathlib import Path
from types import TracebackType
from typing import Any

# The shim's first log line, written for people (`listen=127.0.0.1:1234`) or as JSON (`"listen":"127.0.0.1:1234"`), and
# what the emulator prints (`emulator   http://127.0.0.1:1234`).
ADDRESS = re.compile(r"""\b(listen|admin|emulator)"?\s*[=:]?\s*"?(?:http://)?(127\.0\.0\.1:\d+)""")
ANSI = re.compile(r"\x1b\[[0-9;]*m")
START_SECONDS = 30
# More than a page of model syncs, and all that is seeded by number, with as little beside it as can be.
EMULATOR = ["emulator", "--listen", "127.0.0.1:0", "--model-syncs", "61"]


class DidNotStart(Exception):
    """A server ended, or said nothing in time; the text carries what it printed."""


class Server:
    """One running subcommand of the binary. Its output goes to a log file."""

    def __init__(self, binary: Path, arguments: list[str], log: Path) -> None:
        self.log = log
        self.output = log.open("w")
        self.command = " ".join([str(binary), *arguments])
        self.lines: queue.Queue[str | None] = queue.Queue()
        self.process = subprocess.Popen(
            [str(binary), *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
        )
        self.reader = threading.Thread(target=self.read, daemon=True)
        self.reader.start()
        self.address = self.wait_for_address()

    def read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.output.write(line)
            self.output.flush()
            self.lines.put(line)
        self.lines.put(None)

    def wait_for_address(self) -> str:
        printed: list[str] = []
        # Bounded: the address is in the first line, a few more are read in case something is printed before it.
        for _ in range(20):
            try:
                line = self.lines.get(timeout=START_SECONDS)
            except queue.Empty:
                break
            if line is None:
                break
            printed.append(line)
            for name, address in ADDRESS.findall(ANSI.sub("", line)):
                if name in ("listen", "emulator"):
                    return str(address)
        self.stop()
        raise DidNotStart(f"{self.command} gave no address:\n{''.join(printed)}")

    @property
    def url(self) -> str:
        return f"http://{self.address}"

    def stop(self) -> None:
        self.process.terminate()
        try:
            self.process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.reader.join(timeout=5)
        self.output.close()


class Sides:
    """The two things compared: emulator A itself, and the shim in front of emulator B (or B itself: `native_only`)."""

    def __init__(self, binary: Path, logs: Path, native_only: bool = False) -> None:
        self.binary, self.logs, self.native_only = binary, logs, native_only
        logs.mkdir(parents=True, exist_ok=True)
        self.servers: list[Server] = []
        self.native_url = self.shim_url = self.behind_url = ""

    def start(self) -> None:
        """(Re)starts everything, so that both emulators hold their seed again."""
        self.stop()
        self.native_url = self.run("native", EMULATOR)
        self.behind_url = self.run("behind", EMULATOR)
        self.shim_url = self.behind_url
        if not self.native_only:
            serve = ["serve", "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0", "--upstream", self.behind_url]
            self.shim_url = self.run("shim", serve)
        for url in (self.native_url, self.shim_url):
            reachable(url)

    def without_addresses(self, side: str, answer: dict[str, Any]) -> dict[str, Any]:
        """The answer with the ports of this run taken out, so that addresses in it can be compared.

        What leads back to the API has to name the server that was asked, the shim for one. Signed log addresses are on
        another host (`localhost`) and stay what the emulator made them.
        """
        asked, files = (self.native_url, self.native_url) if side == "native" else (self.shim_url, self.behind_url)
        text = json.dumps(answer)
        text = text.replace(f"127.0.0.1:{port(asked)}", "API").replace(f"localhost:{port(files)}", "FILES")
        neutral: dict[str, Any] = json.loads(text)
        return neutral

    def run(self, name: str, arguments: list[str]) -> str:
        server = Server(self.binary, arguments, self.logs / f"{name}.log")
        self.servers.append(server)
        return server.url

    def stop(self) -> None:
        while self.servers:
            self.servers.pop().stop()

    def __enter__(self) -> Sides:
        return self

    def __exit__(self, kind: type | None, raised: BaseException | None, trace: TracebackType | None) -> None:
        self.stop()


def port(url: str) -> str:
    return url.rpartition(":")[2]


def reachable(url: str) -> None:
    """Any HTTP answer will do. Raises URLError when nothing answers."""
    try:
        urllib.request.urlopen(f"{url}/api/me", timeout=10).close()
    except urllib.error.HTTPError as answered:
        answered.close()
