"""The programs measured, as child processes on free loopback ports."""

from __future__ import annotations

import re
import socket
import subprocess
import threading
from pathlib import Path
from types import TracebackType

# The first log line of `serve` (`listen=127.0.0.1:1234`), and of what `emulator` prints.
ADDRESS = re.compile(r"(?:listen=|emulator +http://)(127\.0\.0\.1:\d+)")


class Program:
    """A running subcommand. Starting one returns as soon as it has told its address."""

    def __init__(self, binary: Path, arguments: list[str]) -> None:
        self.process = subprocess.Popen(
            [str(binary), *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self.pid = self.process.pid
        assert self.process.stdout is not None
        first = self.process.stdout.readline()
        found = ADDRESS.search(first)
        if not found:
            self.stop()
            raise SystemExit(f"{binary} {' '.join(arguments)} told no address: {first}")
        self.address = found.group(1)
        # Read on, or a full pipe would stop the program.
        threading.Thread(target=self.process.stdout.read, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://{self.address}"

    def stop(self) -> None:
        self.process.kill()
        self.process.wait()

    def __enter__(self) -> Program:
        return self

    def __exit__(self, kind: type | None, raised: BaseException | None, trace: TracebackType | None) -> None:
        self.stop()


def peak_memory(pid: int) -> int:
    """The most resident memory that a process has had at once, in bytes (Linux)."""
    status = Path(f"/proc/{pid}/status").read_text()
    found = re.search(r"^VmHWM:\s+(\d+) kB$", status, re.MULTILINE)
    if not found:
        raise SystemExit(f"the kernel does not tell the peak memory of process {pid}")
    return int(found.group(1)) * 1024


def closed_port() -> int:
    """A port of loopback on which nothing listens."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port
