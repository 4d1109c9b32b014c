"""Whole lists, which legacy clients get and upstream pages: their memory, their time, and many at once."""

from __future__ import annotations

import http.client
import math
import statistics
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import bodies
import peers
from client import fetch, fetch_over
from figure import Figure
from load import Request
from peers import Place
from processes import Server
from size import Size

MIB = 1 << 20

LATENCY_SECONDS = 0.020
CONCURRENCIES = (16, 32)
# The default of the setting `total_concurrency`.
TOTAL_CONCURRENCY = 256

BULK_SYNCS = "/api/bulk/syncs"
WHOLE_LIST = Request("GET", "/api/syncs")
ONE_BULK_SYNC = Request("GET", f"{BULK_SYNCS}/{bodies.BULK_SYNC}")
ONE_SYNC = Request("GET", f"/api/syncs/{bodies.identified('b', 1)}")


def long_list(place: Place, size: Size) -> list[Figure]:
    """5,000 bulk syncs over 100 pages: memory over the answer, and whether time grows with the size alone."""
    pages, tenth = size.long_items // bodies.LIST_ITEMS, size.long_items // 10
    short, long = (Request("GET", BULK_SYNCS, credential=f"bench-{count}") for count in (tenth, size.long_items))
    page = Request("GET", f"{BULK_SYNCS}?limit=50", credential=f"bench-{size.long_items}")
    spent: dict[str, float] = {}
    with peers.upstream(place) as upstream:
        for name in ("nginx", "nginx-lua", "aiohttp", "undici"):
            if name in size.proxies:
                with peers.PEERS[name](place, upstream) as server:
                    warm_up(server, ONE_BULK_SYNC)
                    if name == "nginx":
                        spent[name] = processor_time(server, page, size.long_lists * pages) * pages
                    else:
                        spent[name] = processor_time(server, long, size.long_lists)
        with peers.shim(place, upstream) as shim:
            warm_up(shim, ONE_BULK_SYNC)
            growth, answer = grown_by(shim, long)
            per_item = processor_time(shim, short, size.long_lists * 10) / tenth
            spent["shim"] = processor_time(shim, long, size.long_lists)
    title, note = f"list of {size.long_items:,}", f"the answer has {answer / MIB:.1f} MiB"
    figures = [Figure(f"{title}: growth over answer", growth / answer, "x", 1.5, note)]
    if per_item:
        linear = spent["shim"] / size.long_items / per_item
        figures.append(Figure(f"{title}: CPU of an item over that in a list of {tenth}", linear, "x", 1.25))
    for name, seconds in spent.items():
        ratio = f"{seconds / spent['nginx']:.2f} x nginx passing {pages} pages" if spent.get("nginx") else ""
        figures.append(Figure(f"{title}: CPU, {name}", seconds * 1e3, "ms", note=ratio))
    return figures


def slow_list(place: Place, size: Size) -> list[Figure]:
    """500 model syncs, each read by a call of 20 ms: time over the least that is possible."""
    figures = []
    with peers.slow_upstream(place, LATENCY_SECONDS, size.slow_items) as upstream:
        latency = direct_latency(upstream)
        for concurrency in CONCURRENCIES:
            with peers.shim(place, upstream, "--concurrency", str(concurrency)) as shim:
                warm_up(shim, ONE_SYNC)
                growth, answer = grown_by(shim, WHOLE_LIST)
                walls = [timed(shim.address, WHOLE_LIST) for _ in range(size.slow_lists)]
            waves = max(1 + math.ceil(size.slow_items / concurrency), math.ceil(size.slow_items / bodies.LIST_ITEMS))
            wall = statistics.median(walls)
            spread = f"{min(walls) * 1e3:.0f} to {max(walls) * 1e3:.0f}"
            note = f"{wall * 1e3:.0f} ms [{spread}] over {waves} x {latency * 1e3:.2f} ms, one direct read"
            name = f"list of {size.slow_items} syncs, {concurrency} at once"
            figures.append(Figure(f"{name}: time over bound", wall / (waves * latency), "x", 1.08, note))
            note = f"the answer has {answer / 1024:.0f} KiB"
            figures.append(Figure(f"{name}: growth over answer", growth / answer, "x", 3, note))
    return figures


def lists_at_once(place: Place, size: Size) -> list[Figure]:
    """32 callers, each asking for 500 model syncs."""
    with peers.slow_upstream(place, LATENCY_SECONDS, size.slow_items) as upstream, peers.shim(place, upstream) as shim:
        warm_up(shim, ONE_SYNC)
        idle = shim.resident()
        shim.forget_peak()
        ask(upstream, "/bench/peak")
        requests = [Request("GET", "/api/syncs", credential=f"bench-caller-{n}") for n in range(size.lists_at_once)]
        begun = time.perf_counter()
        with ThreadPoolExecutor(size.lists_at_once) as pool:
            answers = list(pool.map(lambda request: len(fetch(shim.address, request)), requests))
        seconds = time.perf_counter() - begun
        growth = shim.peak() - idle
        peak = int(ask(upstream, "/bench/peak"))
    if len(set(answers)) != 1:
        raise SystemExit(f"the same list had different lengths: {sorted(set(answers))}")
    note = f"{sum(answers) / MIB:.0f} MiB of answers in {seconds:.2f} s"
    return [
        Figure(f"{size.lists_at_once} such lists at once: memory over idle", growth / MIB, "MiB", 60, note),
        Figure(f"{size.lists_at_once} such lists at once: most upstream calls", peak, "calls", TOTAL_CONCURRENCY),
    ]


def direct_latency(upstream: Server) -> float:
    """Seconds that one read takes without a proxy, the median over a connection that is kept."""
    connection = http.client.HTTPConnection(upstream.address, timeout=60)
    try:
        seconds = [clocked(lambda: fetch_over(connection, ONE_SYNC)) for _ in range(30)]
    finally:
        connection.close()
    return statistics.median(seconds)


def grown_by(server: Server, request: Request) -> tuple[int, int]:
    """How much a warm process grows by one request, and how long the answer is; both in bytes."""
    before = server.resident()
    server.forget_peak()
    answer = fetch(server.address, request)
    return server.peak() - before, len(answer)


def processor_time(server: Server, request: Request, count: int) -> float:
    """Seconds of CPU for one of `count` requests, one after another over one connection."""
    connection = http.client.HTTPConnection(server.address, timeout=60)
    try:
        before = server.processor_seconds()
        for _ in range(count):
            fetch_over(connection, request)
        return (server.processor_seconds() - before) / count
    finally:
        connection.close()


def warm_up(server: Server, request: Request) -> None:
    """Has code paged in, and allocated what is allocated once; by one connection, which leaves little to be reused."""
    processor_time(server, request, 50)


def timed(address: str, request: Request) -> float:
    return clocked(lambda: fetch(address, request))


def clocked(action: Callable[[], object]) -> float:
    begun = time.perf_counter()
    action()
    return time.perf_counter() - begun


def ask(server: Server, path: str) -> bytes:
    return fetch(server.address, Request("GET", path))
