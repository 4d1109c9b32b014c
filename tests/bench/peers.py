"""The proxies, each as its makers would run it in production on one core, and the upstream behind them.

All have a log line for each request: nginx's is buffered as it is usual there, haproxy, aiohttp and the shim write to a
file, undici's are written once a second. The files are emptied between runs.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import bodies
import install
from processes import LOAD_CORES, PROXY_CORES, Server, closed_port

CONFIGURATIONS = Path(__file__).parent / "peers"
# Where the load goes to upstream itself: what is left is the cost of load and upstream.
DIRECT = "direct"
# The lists that upstream has; a credential that ends in the number gets that one.
LISTS = (50, 500, 5000)


class Origin(Protocol):
    """What proxies send to."""

    address: str
    port: int


@dataclass(frozen=True)
class Place:
    """Where the servers of one run keep their files."""

    folder: Path
    shim: Path

    def configuration(self, name: str, **values: object) -> Path:
        """A configuration with its `@PLACEHOLDERS@` filled in."""
        text = (CONFIGURATIONS / name).read_text()
        for key, value in {"folder": self.folder, "peers": CONFIGURATIONS, **values}.items():
            text = text.replace(f"@{key.upper()}@", str(value))
        filled = self.folder / name
        filled.write_text(text)
        return filled

    def log(self, name: str) -> Path:
        return self.folder / f"{name}.log"


def upstream(place: Place) -> Server:
    for count in LISTS:
        folder = place.folder / "lists" / str(count)
        folder.mkdir(parents=True, exist_ok=True)
        for number, page in enumerate(bodies.bulk_sync_pages(count), start=1):
            (folder / f"{number}.json").write_bytes(page)
    one, model, port = bodies.one_bulk_sync().decode(), bodies.model().decode(), closed_port()
    file = place.configuration("upstream.conf", port=port, one=one, model=model)
    return Server("upstream", nginx_command(place, file), port, place.log("upstream"), LOAD_CORES)


def slow_upstream(place: Place, seconds: float, model_syncs: int) -> Server:
    """An upstream with a fixed latency, and that many model syncs."""
    port, answers = closed_port(), place.folder / "slow.answers"
    lines = (b"\t".join([path.encode(), token.encode(), body]) for path, token, body in bodies.model_syncs(model_syncs))
    answers.write_bytes(b"\n".join(lines) + b"\n")
    file = place.configuration("slow.conf", port=port, answers=answers, seconds=seconds)
    return Server("slow upstream", nginx_command(place, file), port, place.log("slow"), LOAD_CORES)


def nginx(place: Place, origin: Origin) -> Server:
    return of_nginx(place, "nginx", origin)


def nginx_lua(place: Place, origin: Origin) -> Server:
    return of_nginx(place, "nginx-lua", origin)


def of_nginx(place: Place, name: str, origin: Origin) -> Server:
    port, log = closed_port(), place.log(name)
    file = place.configuration(f"{name}.conf", port=port, upstream=origin.port, log=log)
    return Server(name, nginx_command(place, file), port, log, PROXY_CORES)


def nginx_command(place: Place, configuration: Path) -> list[str | Path]:
    return ["nginx", "-p", place.folder, "-e", place.folder / "nginx.error.log", "-c", configuration]


def haproxy(place: Place, origin: Origin) -> Server:
    port = closed_port()
    file = place.configuration("haproxy.cfg", port=port, upstream=origin.port)
    return Server("haproxy", ["haproxy", "-f", file], port, place.log("haproxy"), PROXY_CORES)


def aiohttp(place: Place, origin: Origin) -> Server:
    port = closed_port()
    command = [install.python(), CONFIGURATIONS / "aiohttp_shim.py", str(port), f"http://{origin.address}"]
    return Server("aiohttp", command, port, place.log("aiohttp"), PROXY_CORES)


def undici(place: Place, origin: Origin) -> Server:
    port = closed_port()
    program = CONFIGURATIONS / "undici_shim.mjs"
    command = ["node", program, str(port), f"http://{origin.address}", install.node()]
    return Server("undici", command, port, place.log("undici"), PROXY_CORES)


def shim(place: Place, origin: Origin, *settings: str) -> Server:
    return shim_before(place, f"http://{origin.address}", *settings)


def shim_before(place: Place, origin: str, *settings: str) -> Server:
    """The shim with the settings of production: logs at info, as JSON; memory given back as in the image."""
    port = closed_port()
    command = ["/usr/bin/env", "MIMALLOC_PURGE_DELAY=25", place.shim, "serve"]
    command += ["--listen", f"127.0.0.1:{port}", "--admin", "127.0.0.1:0"]
    command += ["--upstream", origin, "--log-format", "json", *settings]
    return Server("shim", command, port, place.log("shim"), PROXY_CORES)


PEERS: dict[str, Callable[..., Server]] = {
    "nginx": nginx,
    "haproxy": haproxy,
    "nginx-lua": nginx_lua,
    "aiohttp": aiohttp,
    "undici": undici,
    "shim": shim,
}
PLAIN = ("nginx", "haproxy")


def empty_log(server: Server) -> None:
    """Logs are opened for appending, so they go on at the beginning."""
    os.truncate(server.log, 0)
