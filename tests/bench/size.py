"""How much of everything a run of the benchmark does."""

from __future__ import annotations

from dataclasses import dataclass

GIB = 1 << 30


@dataclass(frozen=True)
class Size:
    """Rounds and seconds of the cases under load, and the counts of the others.

    No `paced_seconds`: no latency is measured. All `proxies` have their answers checked, those `loaded` are measured.
    """

    rounds: int
    seconds: int
    paced_seconds: int
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


ALL = ("direct", "nginx", "haproxy", "nginx-lua", "aiohttp", "undici", "shim")
# Those that goals name.
NEEDED = ("direct", "nginx", "nginx-lua", "shim")

FULL = Size(7, 1, 1, True, 5000, 40, 500, 7, 32, 20, 10_000, GIB, ALL, ALL)
QUICK = Size(2, 1, 1, True, 5000, 10, 500, 3, 32, 10, 10_000, GIB, NEEDED, NEEDED)
# Shows that everything works, and measures nothing.
SMOKE = Size(1, 1, 0, False, 500, 1, 60, 1, 4, 1, 200, 16 << 20, ALL, ("direct", "shim"))
