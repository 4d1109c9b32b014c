"""The one place where answers are compared: JSON against JSON, value by value, with the tolerated differences."""

from __future__ import annotations

import fnmatch
import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

TOLERATED = Path(__file__).parents[1] / "tolerated.toml"


class Absent:
    """Stands for a value that one side does not have; null is something else."""

    def __repr__(self) -> str:
        return "absent"


ABSENT = Absent()


@dataclass(frozen=True)
class Difference:
    """One place where both sides differ. `pointer` begins with `/outcome`, `/value`, `/body`, … or `/state`."""

    pointer: str
    native: Any
    shim: Any


def differences(native: Any, shim: Any, pointer: str = "") -> Iterator[Difference]:
    """All differences, innermost first. 1 and 1.0 differ, as do null and absent; key order does not count."""
    if isinstance(native, dict) and isinstance(shim, dict):
        for key in [*native, *(key for key in shim if key not in native)]:
            yield from differences(native.get(key, ABSENT), shim.get(key, ABSENT), f"{pointer}/{escaped(key)}")
    elif isinstance(native, list) and isinstance(shim, list):
        for index in range(max(len(native), len(shim))):
            left = native[index] if index < len(native) else ABSENT
            right = shim[index] if index < len(shim) else ABSENT
            yield from differences(left, right, f"{pointer}/{index}")
    elif type(native) is not type(shim) or native != shim:
        yield Difference(pointer or "/", native, shim)


def escaped(key: str) -> str:
    return key.replace("~", "~0").replace("/", "~1")


@dataclass
class Tolerance:
    """A difference that is right, and why. `*` in the pointer is one segment, `**` any number of them.

    With `only_added` it is right only where the native answer has nothing at all: what has another value differs still.
    With `case` only in scenarios whose name begins with it.
    """

    client: str
    operation: str
    pointer: str
    reason: str
    only_added: bool = False
    case: str = ""
    uses: int = field(default=0, compare=False)

    def covers(self, client: str, operation: str, case: str, difference: Difference) -> bool:
        return (
            case.startswith(self.case)
            and fnmatch.fnmatchcase(client, self.client)
            and fnmatch.fnmatchcase(operation, self.operation)
            and re.fullmatch(pattern(self.pointer), difference.pointer) is not None
            and (difference.native is ABSENT or not self.only_added)
        )


def pattern(pointer: str) -> str:
    parts = {"*": "[^/]+", "**": ".*"}
    return "/".join(parts.get(segment, re.escape(segment)) for segment in pointer.split("/"))


@dataclass
class Tolerances:
    """The tolerated differences, and how often each was met."""

    entries: list[Tolerance]

    def split(
        self, client: str, operation: str, case: str, found: list[Difference]
    ) -> tuple[list[Difference], list[Difference]]:
        """Tolerated differences, and the others."""
        tolerated: list[Difference] = []
        rest: list[Difference] = []
        for difference in found:
            covering = [entry for entry in self.entries if entry.covers(client, operation, case, difference)]
            for entry in covering:
                entry.uses += 1
            (tolerated if covering else rest).append(difference)
        return tolerated, rest

    def unused(self) -> list[Tolerance]:
        return [entry for entry in self.entries if entry.uses == 0]


def load_tolerances(file: Path = TOLERATED) -> Tolerances:
    """Raises ValueError on an entry with a missing, empty or unknown key."""
    required = {"client", "operation", "pointer", "reason"}
    entries = []
    for table in tomllib.loads(file.read_text()).get("tolerated", []):
        is_complete = all(isinstance(table.get(key), str) and table[key].strip() for key in required)
        if not is_complete or set(table) - required - {"only_added", "case"}:
            keys = ", ".join(sorted(required))
            raise ValueError(f"{file.name}: an entry has {keys}, none empty, and only_added or case if need be: {table}")
        entries.append(Tolerance(**table))
    return Tolerances(entries)
