"""One measured figure beside its goal, and the table of them."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

PASS, FAIL = "pass", "FAIL"


@dataclass(frozen=True)
class Figure:
    """What was measured, and the most that it may be. One without a limit is there to be compared."""

    name: str
    value: float
    unit: str
    limit: float | None = None
    note: str = ""

    @property
    def fails(self) -> bool:
        return self.limit is not None and self.value > self.limit

    @property
    def verdict(self) -> str:
        if self.limit is None:
            return ""
        return FAIL if self.fails else PASS

    def as_json(self) -> dict[str, Any]:
        return {**asdict(self), "reached": None if self.limit is None else not self.fails}


def figure_table(figures: list[Figure]) -> str:
    """The figures as aligned columns under a heading."""
    lines = [["measure", "value", "goal", "", "note"]]
    for figure in figures:
        limit = f"<= {figure.limit:g} {figure.unit}" if figure.limit is not None else ""
        lines.append([figure.name, f"{figure.value:.2f} {figure.unit}", limit, figure.verdict, figure.note])
    return aligned(lines)


def aligned(lines: list[list[str]]) -> str:
    """Columns as wide as their widest cell, two spaces apart."""
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join(
        "  ".join(text.ljust(width) for text, width in zip(line, widths, strict=True)).rstrip() for line in lines
    )
