"""What a run prints: a readable difference for each failing case, and the table at the end."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass
from typing import Any

from .compare import ABSENT, Tolerance
from .runner import Result

SHOWN_DIFFERENCES = 12
SHOWN_CHARACTERS = 240
COLUMNS = ("client", "operations", "cases", "equal", "tolerated", "different", "skipped")


@dataclass
class Summary:
    """All results, and how many operations each client has."""

    results: list[Result]
    has: dict[str, int]

    @property
    def different(self) -> int:
        return sum(result.status == "different" for result in self.results)

    def untested(self) -> list[str]:
        """Clients of which every case was skipped: nothing was shown for them."""
        judged = {result.client for result in self.results if result.status != "skipped"}
        return [client for client in self.has if client not in judged]

    def table(self) -> str:
        rows: list[tuple[str, ...]] = [COLUMNS]
        for client in dict.fromkeys(result.client for result in self.results):
            own = [result for result in self.results if result.client == client]
            counts = Counter(result.status for result in own)
            reached = {result.operation for result in own if result.status != "skipped" and result.operation != "state"}
            operations = f"{len(reached)} of {self.has[client]}" if client in self.has else str(len(reached))
            judged = [counts[status] for status in ("equal", "tolerated", "different")]
            rows.append((client, operations, *map(str, [sum(judged), *judged, counts["skipped"]])))
        widths = [max(len(row[column]) for row in rows) for column in range(len(COLUMNS))]
        return "\n".join("  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip() for row in rows)


def failure(result: Result) -> str:
    """One failing case: a line that names it, then pointer, native and shim value of each difference."""
    lines = [f"DIFFERENT {result.client} {result.operation} ({result.case})"]
    if result.note:
        lines.append(f"    {result.note}")
    for difference in result.differences[:SHOWN_DIFFERENCES]:
        lines.append(f"    {difference.pointer}")
        lines.append(f"        native {shown(difference.native)}")
        lines.append(f"        shim   {shown(difference.shim)}")
    hidden = len(result.differences) - SHOWN_DIFFERENCES
    if hidden > 0:
        lines.append(f"    … and {hidden} more")
    return "\n".join(lines)


def unused(tolerance: Tolerance) -> str:
    return (
        f"UNUSED tolerance: client {tolerance.client}, operation {tolerance.operation}, "
        f"pointer {tolerance.pointer} ({tolerance.reason})"
    )


def shown(value: Any) -> str:
    if value is ABSENT:
        return "(absent)"
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= SHOWN_CHARACTERS else f"{text[:SHOWN_CHARACTERS]}… ({len(text)} characters)"
