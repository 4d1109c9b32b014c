"""The cases, as data: scenarios of steps, and look-ups that find the seeded things that the steps speak of.

The format is described in ../README.md. Everything is checked while loading, and all mistakes are reported together.
"""

from __future__ import annotations

import fnmatch
import tomllib
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from .contract import Operation

CASES = Path(__file__).parents[1] / "cases"


class BadCases(Exception):
    """The case files contradict the contract or themselves; the text lists every finding."""


@dataclass(frozen=True)
class Step:
    """One call. `expect` is what the native answer may be: `"value"`, an HTTP status, or several of these."""

    call: str
    arguments: dict[str, Any] = field(default_factory=dict)
    copy: str | None = None
    copy_except: list[str] = field(default_factory=list)
    optional: list[str] = field(default_factory=list)
    save: str | None = None
    expect: str | int | list[str | int] = "value"
    unknown_arguments: bool = False

    @property
    def needs(self) -> set[str]:
        """Names of earlier results that this step uses."""
        found = {reference[1:].split(".")[0] for reference in references([self.arguments, self.copy])}
        return found - {"seed"}

    def expects(self, outcome: dict[str, Any]) -> bool:
        if outcome["outcome"] == "unreadable":
            # The SDK cannot say what the API answered, so nothing can be expected of it.
            return True
        expected = self.expect if isinstance(self.expect, list) else [self.expect]
        found = "value" if outcome["outcome"] == "value" else outcome.get("status")
        return found in expected


@dataclass(frozen=True)
class Scenario:
    """Steps that belong together, run in order, once for each caller (and once more for each with the header set)."""

    name: str
    callers: list[str]
    steps: list[Step]
    with_header: bool = False
    clients: list[str] = field(default_factory=lambda: ["*"])
    file: str = ""

    def is_for(self, client: str) -> bool:
        return any(fnmatch.fnmatchcase(client, pattern) for pattern in self.clients)


@dataclass(frozen=True)
class Lookup:
    """Finds one seeded thing (or all that fit: `many`) through the native side, as it is when a scenario starts.

    `upstream`: in the answers of 2025-09-18, for ids that legacy answers do not show and people know from elsewhere.
    """

    name: str
    path: str
    caller: str = "organization"
    items: str = "data"
    each: str | None = None
    many: bool = False
    upstream: bool = False
    where: dict[str, Any] = field(default_factory=dict)
    differs: dict[str, Any] = field(default_factory=dict)
    present: list[str] = field(default_factory=list)
    absent: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Caller:
    """A credential: a Bearer key, or with `organization` the Basic pair of an organization id and a key."""

    name: str
    key: str
    organization: str | None = None


@dataclass(frozen=True)
class Cases:
    scenarios: list[Scenario]
    lookups: dict[str, Lookup]
    callers: dict[str, Caller]
    # By operation and argument of the contract: what some SDK versions call that argument.
    aliases: dict[str, dict[str, list[str]]] = field(default_factory=dict)


def load(operations: dict[str, Operation], folder: Path = CASES) -> Cases:
    """Every case file of the folder.

    Raises BadCases: unknown keys, callers, operations, arguments or look-ups, and names used twice.
    """
    findings: list[str] = []
    scenarios: list[Scenario] = []
    lookups: dict[str, Lookup] = {}
    callers: dict[str, Caller] = {}
    aliases: dict[str, dict[str, list[str]]] = {}
    for file in sorted(folder.glob("*.toml")):
        document = tomllib.loads(file.read_text())
        findings += [
            f"{file.name}: unknown table {key}" for key in document if key not in ("scenario", "lookup", "caller", "alias")
        ]
        for name, table in document.get("lookup", {}).items():
            lookups[name] = build(Lookup, {"name": name, **table}, f"{file.name}: lookup {name}", findings)
        for name, table in document.get("caller", {}).items():
            callers[name] = build(Caller, {"name": name, **table}, f"{file.name}: caller {name}", findings)
        aliases.update(document.get("alias", {}))
        for table in document.get("scenario", []):
            where = f"{file.name}: {table.get('name', 'scenario without a name')}"
            for variant in variants(table):
                steps = [build(Step, step, where, findings) for step in variant.pop("step", [])]
                scenarios.append(build(Scenario, {**variant, "steps": steps, "file": file.stem}, where, findings))
    if not findings:
        findings = check(Cases(scenarios, lookups, callers, aliases), operations)
    if findings:
        raise BadCases("\n".join(findings))
    return Cases(scenarios, lookups, callers, aliases)


def variants(table: dict[str, Any]) -> list[dict[str, Any]]:
    """The scenario once for each entry of its `each` table, `$each` and `$each.path` replaced by the entry."""
    each = table.pop("each", None)
    if each is None:
        return [table]
    return [
        {**table, "name": f"{table.get('name')}: {name}", "step": filled_in(table.get("step", []), value)}
        for name, value in each.items()
    ]


def filled_in(value: Any, entry: Any) -> Any:
    if isinstance(value, dict):
        return {key: filled_in(item, entry) for key, item in value.items()}
    if isinstance(value, list):
        return [filled_in(item, entry) for item in value]
    if not isinstance(value, str) or not (value == "$each" or value.startswith("$each.")):
        return value
    for step in value.split(".")[1:]:
        entry = entry[step]
    return entry


def build(kind: type, table: dict[str, Any], where: str, findings: list[str]) -> Any:
    known = {item.name for item in fields(kind)}
    findings += [f"{where}: unknown key {key}" for key in table if key not in known]
    try:
        return kind(**{key: value for key, value in table.items() if key in known})
    except TypeError as missing:
        findings.append(f"{where}: {missing}")
        return None


def check(cases: Cases, operations: dict[str, Operation]) -> list[str]:
    findings: list[str] = []
    names: set[str] = set()
    for name, arguments in cases.aliases.items():
        known = operations[name].arguments if name in operations else frozenset()
        findings += [f"alias {name}: {argument} is no argument" for argument in arguments if argument not in known]
    for lookup in cases.lookups.values():
        if lookup.caller not in cases.callers:
            findings.append(f"lookup {lookup.name}: unknown caller {lookup.caller}")
        if lookup.each is not None and lookup.each not in cases.lookups:
            findings.append(f"lookup {lookup.name}: unknown lookup {lookup.each}")
    for scenario in cases.scenarios:
        where = f"{scenario.file}: {scenario.name}"
        if scenario.name in names:
            findings.append(f"{where}: this name is used twice")
        names.add(scenario.name)
        findings += [f"{where}: unknown caller {name}" for name in scenario.callers if name not in cases.callers]
        if not scenario.steps or not scenario.callers:
            findings.append(f"{where}: no steps or no callers")
        saved: set[str] = set()
        for step in scenario.steps:
            findings += [f"{where}: {step.call}: {text}" for text in check_step(step, saved, cases, operations)]
            if step.save:
                saved.add(step.save)
    return findings


def check_step(step: Step, saved: set[str], cases: Cases, operations: dict[str, Operation]) -> list[str]:
    operation = operations.get(step.call)
    if operation is None:
        return ["not an operation of the contract"]
    findings = [f"{name} is no argument" for name in step.arguments if name not in operation.arguments]
    if step.unknown_arguments:
        findings = []
    findings += [f"path argument {name} is missing" for name in operation.path_names if name not in step.arguments]
    for reference in references([step.arguments, step.copy]):
        name, *rest = reference[1:].split(".")
        if name == "seed" and (not rest or rest[0] not in cases.lookups):
            findings.append(f"{reference}: no such lookup")
        if name != "seed" and name not in saved:
            findings.append(f"{reference}: nothing is saved under that name by an earlier step")
    return findings


def references(value: Any) -> list[str]:
    """All `$…` references anywhere in a value."""
    if isinstance(value, dict):
        return [found for item in value.values() for found in references(item)]
    if isinstance(value, list):
        return [found for item in value for found in references(item)]
    if isinstance(value, str) and value.startswith("$") and not value.startswith("$$"):
        return [value]
    return []
