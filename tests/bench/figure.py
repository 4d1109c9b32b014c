"""One measured figure beside its limit, and the table of them."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Figure:
    """What was measured. `asserted` figures fail the run when they are over their limit; times never do."""

    name: str
    value: float
    unit: str
    limit: float
    asserted: bool
    note: str = ""

    @property
    def is_over(self) -> bool:
        return self.value > self.limit

    @property
    def breaks(self) -> bool:
        return self.asserted and self.is_over

    @property
    def verdict(self) -> str:
        if not self.is_over:
            return "within"
        return "BROKEN" if self.asserted else "over"


def table(figures: list[Figure]) -> str:
    """The figures as aligned columns under a heading."""
    rows = [("measure", "value", "limit", "", "note")]
    for figure in figures:
        value, limit = f"{figure.value:.2f} {figure.unit}", f"{figure.limit:g} {figure.unit}"
        rows.append((figure.name, value, limit, figure.verdict, figure.note))
    widths = [max(len(row[column]) for row in rows) for column in range(5)]
    lines = []
    for name, value, limit, verdict, note in rows:
        aligned = f"{name:<{widths[0]}}  {value:>{widths[1]}}  {limit:>{widths[2]}}  {verdict:<{widths[3]}}  {note}"
        lines.append(aligned.rstrip())
    return "\n".join(lines)
