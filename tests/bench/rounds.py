"""The load cases: every proxy in turn, round after round, so that what else the machine does meets all alike."""

from __future__ import annotations

import json
import statistics
from dataclasses import dataclass, field

import peers
from cases import Case
from client import fetch
from load import run
from peers import DIRECT, PLAIN, Place, empty_log
from processes import Server
from progress import tell
from size import Size

MIB = 1 << 20
# Fewer would count the tick of the kernel's clock rather than the work.
WARM_UP_SECONDS = 1


@dataclass
class Row:
    """What was measured of one proxy in one case: one value a round, by the name of the figure."""

    case: Case
    proxy: str
    values: dict[str, list[float]] = field(default_factory=dict)

    def add(self, name: str, value: float) -> None:
        self.values.setdefault(name, []).append(value)

    def median(self, name: str) -> float | None:
        return statistics.median(self.values[name]) if name in self.values else None

    def ratio(self, name: str, other: Row) -> float | None:
        """To another proxy: the median of the ratios of each round."""
        if name not in self.values or name not in other.values:
            return None
        pairs = zip(self.values[name], other.values[name], strict=True)
        return statistics.median(own / its for own, its in pairs if its) if any(other.values[name]) else None


def measure(place: Place, cases: list[Case], size: Size) -> list[Row]:
    """Rows in the order of cases and proxies."""
    with peers.upstream(place) as upstream:
        servers: dict[str, Server] = {DIRECT: upstream}
        try:
            for name in size.proxies:
                if name != DIRECT:
                    servers[name] = peers.PEERS[name](place, upstream)
            return [row for case in cases for row in rounds(place, case, servers, size)]
        finally:
            for name, server in servers.items():
                if name != DIRECT:
                    server.stop()


def rounds(place: Place, case: Case, servers: dict[str, Server], size: Size) -> list[Row]:
    check_answers(case, servers)
    rows = {name: Row(case, name) for name in size.loaded}
    for number in range(size.rounds):
        tell(f"{case.name}: round {number + 1} of {size.rounds}")
        for name in size.loaded:
            server = servers[name]
            if number == 0 and size.is_warmed_up and name != DIRECT:
                run(place.folder, server.address, case.request, WARM_UP_SECONDS)
            saturate(place, server, rows[name], size)
            if name in size.paced:
                paced = run(place.folder, server.address, case.request, size.seconds, case.rate)
                rows[name].add("p50", paced.p50)
                rows[name].add("p99", paced.p99)
            if name != DIRECT:
                empty_log(server)
    return list(rows.values())


def saturate(place: Place, server: Server, row: Row, size: Size) -> None:
    """As fast as it goes."""
    is_proxy = row.proxy != DIRECT
    if is_proxy:
        row.add("idle", server.resident() / MIB)
        server.forget_peak()
    before = server.processor_seconds()
    load = run(place.folder, server.address, row.case.request, size.seconds)
    spent = server.processor_seconds() - before
    row.add("rate", load.requests / load.seconds)
    row.add("cpu", spent * 1e6 / load.requests)
    if is_proxy:
        row.add("loaded", server.peak() / MIB)


def check_answers(case: Case, servers: dict[str, Server]) -> None:
    """Nobody is measured for doing less: plain answers are upstream's bytes, translated ones mean the same."""
    direct = fetch(servers[DIRECT].address, case.request)
    translated: dict[str, object] = {}
    for name, server in servers.items():
        body = fetch(server.address, case.request)
        if name in (DIRECT, *PLAIN) or not case.is_translated:
            if body != direct:
                raise SystemExit(f"{case.name}: {name} changed the body:\n{body[:500]!r}\n{direct[:500]!r}")
        else:
            translated[name] = json.loads(body)
    for name, answer in translated.items():
        if answer == json.loads(direct):
            raise SystemExit(f"{case.name}: {name} translated nothing")
        reference = next(iter(translated))
        if answer != translated[reference]:
            shown = f"{json.dumps(answer)[:2000]}\n{reference}: {json.dumps(translated[reference])[:2000]}"
            raise SystemExit(f"{case.name}: answers differ.\n{name}: {shown}")
