"""The three measures. Each takes the path of the binary and gives figures."""

from __future__ import annotations

import http.client
import json
import math
import statistics
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from figure import Figure
from processes import Program, closed_port, peak_memory
from stream import BODY, StreamUpstream, receive_body, send_body

MIB = 1 << 20

STARTS = 20
LISTS = 5
MODEL_SYNCS = 500
PAGE = 50
LATENCY_SECONDS = 0.020
# The default of the setting `concurrency`.
CONCURRENCY = 16

# The demo's credential; it opens nothing but the emulator.
HEADERS = {"Authorization": "Bearer demo-a-user"}
# Seeded in every emulator; reading it is translated, with one upstream call.
MODEL_SYNC = "/api/syncs/0000000b-0000-4000-8000-000000000005"


def passthrough(binary: Path) -> list[Figure]:
    """How much the process grows while 1 GiB goes through; a process of its own for each direction."""
    figures = []
    for direction, transfer in (("down", receive_body), ("up", send_body)):
        with StreamUpstream() as upstream, serve(binary, upstream.url) as shim:
            # Whatever is allocated once, such as threads and pools, is there after a few small calls.
            for _ in range(10):
                call(shim.address, "/small")
            before = peak_memory(shim.pid)
            begun = time.perf_counter()
            transfer(shim.address)
            seconds = time.perf_counter() - begun
            growth = (peak_memory(shim.pid) - before) / MIB
        note = f"{BODY / MIB / seconds:.0f} MiB/s"
        figures.append(Figure(f"passthrough of 1 GiB {direction}: growth", growth, "MiB", 20, True, note))
    return figures


def start(binary: Path) -> list[Figure]:
    """From exec to the end of the first answer, the median of 20 starts."""
    with Program(binary, ["emulator", "--listen", "127.0.0.1:0"]) as emulator:
        translated = [first_answer(binary, emulator.url, MODEL_SYNC, 200) for _ in range(STARTS)]
    # Plain HTTP needs no certificate authorities, HTTPS loads those of the platform. Nothing listens there: the request
    # is one that the shim answers by itself, because its path could mean two things.
    https = f"https://127.0.0.1:{closed_port()}"
    refused = [first_answer(binary, https, "/api/../syncs", 400) for _ in range(STARTS)]
    return [
        figure_of_starts("start to first answer, translated", translated),
        figure_of_starts("start to first answer, upstream by TLS, refused path", refused),
    ]


def first_answer(binary: Path, upstream: str, path: str, expected: int) -> float:
    """Seconds."""
    begun = time.perf_counter()
    with serve(binary, upstream) as shim:
        status, _ = call(shim.address, path)
        seconds = time.perf_counter() - begun
    if status != expected:
        raise SystemExit(f"GET {path} was answered with {status}, not {expected}")
    return seconds


def figure_of_starts(name: str, seconds: list[float]) -> Figure:
    milliseconds = sorted(value * 1e3 for value in seconds)
    note = f"median of {len(milliseconds)}, {milliseconds[0]:.1f} to {milliseconds[-1]:.1f}"
    return Figure(name, statistics.median(milliseconds), "ms", 50, False, note)


def whole_list(binary: Path) -> list[Figure]:
    """The whole list of model syncs, by a fresh shim each time, so that every growth is the first.

    Memory is measured twice. What the list costs shows in a process that has its connections open and its code paged
    in; that is asserted. A process whose first work is the list pays for those as well, some 1.7 MiB whatever the size.
    """
    latency = f"{LATENCY_SECONDS * 1e3:.0f}ms"
    seconds: list[float] = []
    growths: dict[bool, list[float]] = {True: [], False: []}
    arguments = ["emulator", "--listen", "127.0.0.1:0", "--latency", latency, "--model-syncs", str(MODEL_SYNCS)]
    with Program(binary, arguments) as emulator:
        direct = statistics.median(timed(emulator.address)[0] for _ in range(20))
        for warm in [True, False] * LISTS:
            with serve(binary, emulator.url) as shim:
                call(shim.address, MODEL_SYNC)
                if warm:
                    warm_up(shim.address)
                before = peak_memory(shim.pid)
                taken, body = timed(shim.address, "/api/syncs")
                growths[warm].append((peak_memory(shim.pid) - before) / len(body))
                if warm:
                    seconds.append(taken)
            # The light items of upstream's list have no `fields`.
            shown = sum("fields" in sync for sync in json.loads(body)["data"])
            if shown != MODEL_SYNCS:
                raise SystemExit(f"the list has {shown} full syncs, not {MODEL_SYNCS}")
    bound = (MODEL_SYNCS / PAGE + math.ceil(MODEL_SYNCS / CONCURRENCY)) * LATENCY_SECONDS
    wall = statistics.median(seconds)
    timing = f"median of {LISTS}: {wall * 1e3:.0f} ms over {bound * 1e3:.0f} ms; one direct read takes {direct * 1e3:.1f} ms"
    size = f"largest of {LISTS}; the answer has {len(body) / 1024:.0f} KiB"
    name = f"list of {MODEL_SYNCS} syncs"
    return [
        Figure(f"{name}: time over bound", wall / bound, "x", 1.3, False, timing),
        Figure(f"{name}: growth over answer", max(growths[True]), "x", 3, True, size),
        Figure(f"{name}: the same, first work of a process", max(growths[False]), "x", 3, False, "shown, not asserted"),
    ]


def warm_up(address: str) -> None:
    """Small calls, as many at once as a list makes."""
    with ThreadPoolExecutor(CONCURRENCY) as pool:
        for status, _ in pool.map(lambda _: call(address, MODEL_SYNC), range(200)):
            if status != 200:
                raise SystemExit(f"GET {MODEL_SYNC} was answered with {status}")


def serve(binary: Path, upstream: str) -> Program:
    """A shim with the default settings, but for its addresses."""
    return Program(binary, ["serve", "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0", "--upstream", upstream])


def timed(address: str, path: str = MODEL_SYNC) -> tuple[float, bytes]:
    """Seconds that a call takes, and its body."""
    begun = time.perf_counter()
    status, body = call(address, path)
    seconds = time.perf_counter() - begun
    if status != 200:
        raise SystemExit(f"GET {path} was answered with {status}: {body[:500]!r}")
    return seconds, body


def call(address: str, path: str) -> tuple[int, bytes]:
    """Status and body of a GET over a connection of its own."""
    connection = http.client.HTTPConnection(address, timeout=60)
    try:
        connection.request("GET", path, headers=HEADERS)
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()
