"""The rows of the load cases as text: medians, in brackets the least and the most, and the ratio to nginx."""

from __future__ import annotations

import statistics
from typing import Any

from cases import Case, Goal
from figure import FAIL, PASS, Figure, aligned
from peers import DIRECT
from rounds import Row

REFERENCE = "nginx"

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


def missed(rows: list[Row]) -> list[str]:
    """The goals for CPU that were not reached, each in words."""
    found = []
    for row in rows:
        among = [other for other in rows if other.case is row.case]
        found += [f"{row.case.name}: {text}" for text, verdict in judged(row, among) if verdict == FAIL]
    return found


def added_latency(rows: list[Row]) -> list[Figure]:
    """What the shim adds to the latency of upstream, at 1,000 requests a second."""
    figures = []
    for row in rows:
        direct = next((other for other in rows if other.case is row.case and other.proxy == DIRECT), None)
        if row.proxy != "shim" or row.case.rate != 1000 or direct is None:
            continue
        for name, limit in (("p50", 150), ("p99", 1000)):
            if name in row.values:
                pairs = zip(row.values[name], direct.values[name], strict=True)
                added = [own - its for own, its in pairs]
                note = f"median of {len(added)} rounds, {min(added):.0f} to {max(added):.0f}"
                title = f"{row.case.name}: latency over direct at 1,000/s, {name}"
                figures.append(Figure(title, statistics.median(added), "us", limit, note))
    return figures


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
