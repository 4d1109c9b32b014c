"""The requests that every proxy gets, and what the shim is to reach with each."""

from __future__ import annotations

from dataclasses import dataclass

import bodies
from load import Request


@dataclass(frozen=True)
class Goal:
    """How much CPU time a request may cost, as a multiple of what it costs another proxy in the same run."""

    peer: str
    most: float

    def __str__(self) -> str:
        return f"<= {self.most:g} x {self.peer}"


@dataclass(frozen=True)
class Case:
    """One request. `rate` is requests a second at which latency is measured: all but the slowest peers keep up."""

    name: str
    about: str
    request: Request
    goals: tuple[Goal, ...]
    rate: int = 1000
    is_translated: bool = True


CASES = [
    Case(
        "plain",
        "GET of 1 KB that no rule names, passed through",
        Request("GET", f"/api/models/{bodies.MODEL}"),
        (Goal("nginx", 1.35),),
        is_translated=False,
    ),
    Case(
        "get",
        "GET of one bulk sync with a schedule, translated",
        Request("GET", f"/api/bulk/syncs/{bodies.BULK_SYNC}"),
        (Goal("nginx", 1.5), Goal("nginx-lua", 0.5)),
    ),
    Case(
        "post",
        "POST of a bulk sync with a schedule, translated both ways",
        Request("POST", "/api/bulk/syncs", bodies.legacy_bulk_sync()),
        (Goal("nginx", 1.6),),
    ),
    Case(
        "list",
        "GET of all 50 bulk syncs, 64 KB, every item translated",
        Request("GET", "/api/bulk/syncs"),
        (Goal("nginx", 2.6), Goal("nginx-lua", 1 / 8)),
        rate=200,
    ),
]
