"""What is measured besides lists and load: memory, start, size, and bodies that only pass through."""

from __future__ import annotations

import contextlib
import socket
import statistics
import time

import bodies
import peers
from client import call_over, fetch, open_to
from figure import Figure
from load import Request
from peers import Place
from processes import Server, closed_port
from size import Size
from stream import StreamUpstream, check, content_length, read_exactly, read_head, receive_body, send_body

MIB = 1 << 20
# Connections that are opened before the first of them is read from: waiting for each would take its time.
TOGETHER = 250
QUIET_SECONDS = 1

PLAIN = Request("GET", f"/api/models/{bodies.MODEL}")
TRANSLATED = Request("GET", f"/api/bulk/syncs/{bodies.BULK_SYNC}")
# Answered by the shim itself, since the path could mean two things.
REFUSED = Request("GET", "/api/../syncs")


def connections(place: Place, size: Size) -> list[Figure]:
    """Memory of an idle process, and with many connections that each had one answer."""
    figures = []
    with peers.upstream(place) as upstream:
        for name in ("nginx", "shim"):
            more = ["--max-connections", str(size.connections + 100)] if name == "shim" else []
            with peers.PEERS[name](place, upstream, *more) as server:
                fetch(server.address, PLAIN)
                fetch(server.address, TRANSLATED)
                idle = server.resident()
                loaded = with_connections(server, size.connections)
            each = f"{(loaded - idle) / size.connections / 1024:.2f} KiB a connection"
            is_shim = name == "shim"
            figures.append(Figure(f"idle memory, {name}", idle / MIB, "MiB", 8 if is_shim else None))
            named = f"memory with {size.connections:,} idle connections, {name}"
            figures.append(Figure(named, loaded / MIB, "MiB", 40 if is_shim else None, each))
    return figures


def with_connections(server: Server, count: int) -> int:
    """Resident bytes while so many clients keep a connection."""
    lines = [f"GET {PLAIN.path} HTTP/1.1", f"Host: {server.address}"]
    lines += [f"{name}: {value}" for name, value in PLAIN.headers.items()]
    head = "\r\n".join([*lines, "", ""]).encode()
    with contextlib.ExitStack() as opened:
        for begin in range(0, count, TOGETHER):
            numbers = range(begin, min(begin + TOGETHER, count))
            asked = [opened.enter_context(connect(server, number)) for number in numbers]
            for connection in asked:
                connection.sendall(head)
            for connection in asked:
                answer, rest = read_head(connection)
                check(answer)
                read_exactly(connection, content_length(answer) - len(rest))
        # The last of them had their answer a moment ago; idle is what has been quiet for a while.
        time.sleep(QUIET_SECONDS)
        return server.resident()


def connect(server: Server, number: int) -> socket.socket:
    """From one of several addresses, so that ports cannot run out."""
    return socket.create_connection(("127.0.0.1", server.port), 60, (f"127.0.0.{2 + number % 4}", 0))


def passthrough(place: Place, size: Size) -> list[Figure]:
    """A large body in each direction: growth of the process, and CPU beside nginx. A process of its own for each."""
    figures = []
    amount = f"{size.stream_bytes >> 20:,} MiB"
    for direction, transfer in (("down", receive_body), ("up", send_body)):
        spent: dict[str, float] = {}
        for name in ("nginx", "shim"):
            with StreamUpstream(size.stream_bytes) as upstream, peers.PEERS[name](place, upstream) as server:
                # Whatever is allocated once, such as threads and pools, is there after a few small calls.
                for _ in range(10):
                    fetch(server.address, Request("GET", "/small"))
                before, processor = server.resident(), server.processor_seconds()
                server.forget_peak()
                begun = time.perf_counter()
                transfer(server.address, size.stream_bytes)
                seconds = time.perf_counter() - begun
                spent[name] = server.processor_seconds() - processor
                growth = server.peak() - before
            note = f"{size.stream_bytes / MIB / seconds:,.0f} MiB/s"
            if spent["nginx"]:
                note += f", {spent[name] / spent['nginx']:.2f} x nginx"
            figures.append(Figure(f"{amount} {direction}: CPU, {name}", spent[name] * 1e3, "ms", note=note))
        figures.append(Figure(f"{amount} {direction}: growth, shim", growth / MIB, "MiB", 20))
    return figures


def start(place: Place, size: Size) -> list[Figure]:
    """From exec of `serve` to the end of its first answer."""
    with peers.upstream(place) as upstream:
        fetch(upstream.address, TRANSLATED)
        origin = f"http://{upstream.address}"
        translated = [first_answer(place, origin, TRANSLATED, 200) for _ in range(size.starts)]
    # Plain HTTP needs no certificate authorities; HTTPS loads those of the platform. Nothing listens there.
    origin = f"https://127.0.0.1:{closed_port()}"
    refused = [first_answer(place, origin, REFUSED, 400) for _ in range(size.starts)]
    return [
        figure_of_starts("exec to first answer, translated", translated),
        figure_of_starts("exec to first answer, upstream by TLS, refused", refused),
    ]


def first_answer(place: Place, origin: str, request: Request, expected: int) -> float:
    """Seconds."""
    begun = time.perf_counter()
    with peers.shim_before(place, origin) as shim:
        connection = open_to(shim.address)
        status, body = call_over(connection, request)
        seconds = time.perf_counter() - begun
        connection.close()
    if status != expected:
        raise SystemExit(f"GET {request.path} was answered with {status}, not {expected}: {body[:500]!r}")
    return seconds


def figure_of_starts(name: str, seconds: list[float]) -> Figure:
    milliseconds = sorted(value * 1e3 for value in seconds)
    note = f"median of {len(milliseconds)}, {milliseconds[0]:.1f} to {milliseconds[-1]:.1f}"
    return Figure(name, statistics.median(milliseconds), "ms", 15, note)


def binary(place: Place, size: Size) -> list[Figure]:
    """The release profile strips."""
    del size
    size_of_file = place.shim.stat().st_size / MIB
    return [Figure("size of the program", size_of_file, "MiB", 12, "as built; a release build is stripped")]
