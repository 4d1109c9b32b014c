"""How much of everything a run of the benchmark does."""

from __future__ import annotations

from dataclasses import dataclass

GIB = 1 << 30


@dataclass(frozen=True)
class Size:
    """Rounds and seconds of the cases under load, and the counts of the others.

    All `proxies` have their answers checked; those
    `loaded` are measured, those `paced` at a fixed rate too.
    """

    rounds: int
    seconds: int
    is_warmed_up: bool
    long_items: int
    long_lists: int
    slow_items: int
    slow_lists: int
    lists_at_once: int
    starts: int
    connections: int
    stream_bytes: int
    proxies: tuple[str, ...]
    loaded: tuple[str, ...]
    paced: tuple[str, ...]


ALL = ("direct", "nginx", "haproxy", "nginx-lua", "aiohttp", "undici", "shim")
# Those that goals name.
NEEDED = ("direct", "nginx", "nginx-lua", "shim")

FULL = Size(7, 1, True, 5000, 40, 500, 7, 32, 20, 10_000, GIB, ALL, ALL, ALL)
QUICK = Size(2, 1, True, 5000, 5, 500, 3, 32, 10, 10_000, GIB // 4, NEEDED, NEEDED, ("direct", "shim"))
# Shows that everything works, and measures nothing.
SMOKE = Size(1, 1, False, 500, 1, 60, 1, 4, 1, 200, 16 << 20, ALL, ("direct", "shim"), ())
