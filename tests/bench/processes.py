"""The programs measured, as child processes on loopback ports, and what the kernel says about them (Linux)."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType

START_SECONDS = 15
CORES = sorted(os.sched_getaffinity(0))
# With two cores the proxy has one to itself; the load and upstream share the other.
PROXY_CORES = CORES[:1]
LOAD_CORES = CORES[1:2] or CORES


class Server:
    """A server on a given port, pinned to cores, its output in a file. Starting one returns when it accepts."""

    def __init__(self, name: str, command: Sequence[str | Path], port: int, log: Path, cores: list[int]) -> None:
        self.name, self.port, self.log = name, port, log
        self.address = f"127.0.0.1:{port}"
        with log.open("ab") as output:
            with on(cores):
                self.process = subprocess.Popen(
                    list(map(str, command)), stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT
                )
        self.pid = self.process.pid
        try:
            self.wait()
        except BaseException:
            self.stop()
            raise

    def wait(self) -> None:
        """Until it accepts a connection."""
        patience = time.monotonic() + START_SECONDS
        while time.monotonic() < patience and self.process.poll() is None:
            try:
                socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
                return
            except OSError:
                time.sleep(0.0005)
        raise SystemExit(f"{self.name} does not answer; the end of its log:\n{self.log.read_text()[-2000:]}")

    def stop(self) -> None:
        """By a signal that masters hand on to their workers."""
        self.process.terminate()
        try:
            self.process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def __enter__(self) -> Server:
        return self

    def __exit__(self, kind: type | None, raised: BaseException | None, trace: TracebackType | None) -> None:
        self.stop()

    def processor_seconds(self) -> float:
        """User and system time of the process and its children, in steps of the kernel's clock tick (10 ms)."""
        return sum(processor_ticks(pid) for pid in tree(self.pid)) / os.sysconf("SC_CLK_TCK")

    def resident(self) -> int:
        """Resident memory now, of the process and its children, in bytes; what they share counts once for each."""
        return sum(status_bytes(pid, "VmRSS") for pid in tree(self.pid))

    def peak(self) -> int:
        """The same at its highest since `forget_peak`."""
        return sum(status_bytes(pid, "VmHWM") for pid in tree(self.pid))

    def forget_peak(self) -> None:
        for pid in tree(self.pid):
            Path(f"/proc/{pid}/clear_refs").write_text("5")


def go_ahead(niceness: int) -> None:
    """Everything from here on goes ahead of whatever else the machine does, where that is allowed.

    A proxy that has to share its core pays for it in CPU time as well: caches are cold whenever its turn comes.
    """
    os.sched_setaffinity(0, LOAD_CORES)
    if os.geteuid() == 0:
        os.setpriority(os.PRIO_PROCESS, 0, niceness)


@contextmanager
def on(cores: list[int]) -> Iterator[None]:
    """What is started within runs on those cores, and counts only those as the machine's."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, cores)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def tree(pid: int) -> list[int]:
    """A process and all below it."""
    found, position = [pid], 0
    while position < len(found):
        for task in Path(f"/proc/{found[position]}/task").iterdir():
            found += map(int, (task / "children").read_text().split())
        position += 1
    return found


def processor_ticks(pid: int) -> int:
    # The name of the command stands in parentheses and may hold spaces.
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].split()
    return int(fields[11]) + int(fields[12])


def status_bytes(pid: int, key: str) -> int:
    status = Path(f"/proc/{pid}/status").read_text()
    found = re.search(rf"^{key}:\s+(\d+) kB$", status, re.MULTILINE)
    if not found:
        raise SystemExit(f"the kernel does not tell {key} of process {pid}")
    return int(found.group(1)) * 1024


def closed_port() -> int:
    """A port of loopback on which nothing listens."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port
