"""The rows of the load cases as text: medians, in brackets the least and the most, and the ratio to nginx."""

from __future__ import annotations

from typing import Any

from cases import Case, Goal
from rounds import Row

REFERENCE = "nginx"
PASS, FAIL = "pass", "FAIL"

# Name of the figure, its heading, digits after the point.
COLUMNS = [
    ("cpu", "CPU us/request", 1),
    ("rate", "requests/s", 0),
    ("p50", "p50 us", 0),
    ("p99", "p99 us", 0),
    ("idle", "idle MiB", 1),
    ("loaded", "loaded MiB", 1),
]


def load_table(rows: list[Row]) -> str:
    lines = [["case", "proxy", *(heading for _, heading, _ in COLUMNS), "goals for CPU"]]
    before = None
    for row in rows:
        among = [other for other in rows if other.case is row.case]
        cells = [cell(row, among, name, digits) for name, _, digits in COLUMNS]
        name = row.case.name if row.case is not before else ""
        lines.append([name, row.proxy, *cells, "; ".join(f"{text}: {verdict}" for text, verdict in judged(row, among))])
        before = row.case
    return aligned(lines)


def cell(row: Row, among: list[Row], name: str, digits: int) -> str:
    median = row.median(name)
    if median is None:
        return ""
    values = row.values[name]
    spread = f" [{min(values):.{digits}f}-{max(values):.{digits}f}]" if len(values) > 1 else ""
    ratio = ratio_to(REFERENCE, row, among, name)
    times = f" {ratio:.2f}x" if ratio is not None else ""
    return f"{median:.{digits}f}{spread}{times}"


def ratio_to(peer: str, row: Row, among: list[Row], name: str) -> float | None:
    other = next((other for other in among if other.proxy == peer), None)
    return row.ratio(name, other) if other else None


def judged(row: Row, among: list[Row]) -> list[tuple[str, str]]:
    """Each goal of the shim with what was measured, and whether it was reached."""
    verdicts = []
    for goal, ratio in goals(row, among):
        verdicts.append((f"{ratio:.3g} {goal}", PASS if ratio <= goal.most else FAIL))
    return verdicts


def goals(row: Row, among: list[Row]) -> list[tuple[Goal, float]]:
    if row.proxy != "shim":
        return []
    ratios = [(goal, ratio_to(goal.peer, row, among, "cpu")) for goal in row.case.goals]
    return [(goal, ratio) for goal, ratio in ratios if ratio is not None]


def as_json(rows: list[Row]) -> list[dict[str, Any]]:
    found = []
    for row in rows:
        among = [other for other in rows if other.case is row.case]
        ratios = {name: ratio_to(REFERENCE, row, among, name) for name in row.values}
        reached = [
            {"peer": goal.peer, "most": goal.most, "ratio": ratio, "reached": ratio <= goal.most}
            for goal, ratio in goals(row, among)
        ]
        medians = {name: row.median(name) for name in row.values}
        found.append({
            "case": row.case.name,
            "proxy": row.proxy,
            "medians": medians,
            "ratios_to_nginx": ratios,
            "values": row.values,
            "goals": reached,
        })
    return found


def about(cases: list[Case]) -> str:
    return "\n".join(f"  {case.name:<13}{case.about}" for case in cases)


def aligned(lines: list[list[str]]) -> str:
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join(
        "  ".join(text.ljust(width) for text, width in zip(line, widths, strict=True)).rstrip() for line in lines
    )
