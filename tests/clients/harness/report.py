"""What a run prints: a readable difference for each failing case, and the table at the end."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from .compare import ABSENT, Tolerance
from .runner import STATUSES, Result

SHOWN_DIFFERENCES = 12
SHOWN_CHARACTERS = 240
COLUMNS = ("client", "operations", "cases", "equal", "raises alike", "tolerated", "different", "skipped")


@dataclass
class Summary:
    """All results, and the operations that each client has, clients in the order of the table."""

    results: list[Result]
    has: dict[str, set[str]]

    @property
    def different(self) -> int:
        return sum(result.status == "different" for result in self.results)

    def untested(self) -> Iterator[tuple[str, set[str]]]:
        """Clients with the operations that they have and that no case compared: nothing was shown for those."""
        for client, has in self.has.items():
            missing = has - self.reached(client)
            if missing:
                yield client, missing

    def reached(self, client: str) -> set[str]:
        return {
            result.operation
            for result in self.results
            if result.client == client and result.status != "skipped" and result.operation != "state"
        }

    def unreadable(self) -> list[str]:
        """What raises alike: a line for each operation and places, with the clients that cannot read them."""
        clients: dict[tuple[str, str], dict[str, int]] = {}
        for result in self.results:
            if result.status == "alike":
                counts = clients.setdefault((result.operation, result.note), {})
                counts[result.client] = counts.get(result.client, 0) + 1
        return [
            f"RAISES ALIKE {operation} at {places[:SHOWN_CHARACTERS]}: "
            + ", ".join(f"{client} ({count})" for client, count in counts.items())
            for (operation, places), counts in sorted(clients.items())
        ]

    def table(self) -> str:
        rows: list[tuple[str, ...]] = [COLUMNS]
        others = (result.client for result in self.results if result.client not in self.has)
        for client in [*self.has, *dict.fromkeys(others)]:
            counts = Counter(result.status for result in self.results if result.client == client)
            reached = len(self.reached(client))
            operations = f"{reached} of {len(self.has[client])}" if client in self.has else str(reached)
            judged = [counts[status] for status in STATUSES if status != "skipped"]
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
