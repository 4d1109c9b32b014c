"""Finds what the cases need in a running emulator, by its native answers alone: no case knows a seeded id."""

from __future__ import annotations

import base64
import json
import urllib.error
import urllib.request
from dataclasses import dataclass
from typing import Any

from .cases import Caller, Cases, Lookup

LEGACY = "2024-02-08"
UPSTREAM = "2025-09-18"
EMPTY: tuple[Any, ...] = (None, "", [], {})


class NotFound(Exception):
    """Nothing in the emulator fits a look-up."""


@dataclass
class Seed:
    """Look-ups against one emulator; answers are kept for as long as the object lives (until something is written)."""

    cases: Cases
    base_url: str

    def __post_init__(self) -> None:
        self.answers: dict[tuple[str, str, str], Any] = {}

    def resolve(self, value: Any) -> Any:
        """The value with each `$seed.lookup.path` replaced; other references stay for the worker."""
        if isinstance(value, dict):
            return {key: self.resolve(item) for key, item in value.items()}
        if isinstance(value, list):
            return [self.resolve(item) for item in value]
        if not isinstance(value, str) or not value.startswith("$seed."):
            return value
        _, name, *path = value.split(".")
        found: Any = self.find(self.cases.lookups[name])
        for step in path:
            found = member(found, step)
        if found is None:
            raise NotFound(f"{value}: not in what was found")
        return found

    def find(self, lookup: Lookup) -> Any:
        if lookup.many:
            return [item for item in self.candidates(lookup) if self.fits(item, lookup)]
        for item in self.candidates(lookup):
            if self.fits(item, lookup):
                return item
        raise NotFound(f"lookup {lookup.name}: nothing in {lookup.path} fits")

    def candidates(self, lookup: Lookup) -> Any:
        if lookup.each is None:
            yield from self.items(lookup, lookup.path)
            return
        parents = self.cases.lookups[lookup.each]
        for parent in self.candidates(parents):
            if not self.fits(parent, parents):
                continue
            for item in self.items(lookup, lookup.path.replace("{id}", str(parent["id"]))):
                yield {**item, "parent": parent} if isinstance(item, dict) else {"value": item, "parent": parent}

    def items(self, lookup: Lookup, path: str) -> list[Any]:
        version = UPSTREAM if lookup.upstream else LEGACY
        key = (lookup.caller, path, version)
        if key not in self.answers:
            self.answers[key] = get(self.base_url, path, self.cases.callers[lookup.caller], version)
        found = self.answers[key]
        for step in lookup.items.split("."):
            found = member(found, step)
        if isinstance(found, list):
            return found
        return [] if found is None else [found]

    def fits(self, item: Any, lookup: Lookup) -> bool:
        """`where`: equal to the value or one of the list; `differs`: not; `present`, `absent`: not empty, empty."""
        for path, wanted in lookup.where.items():
            accepted = wanted if isinstance(wanted, list) else [self.resolve(wanted)]
            if walk(item, path) not in accepted:
                return False
        if any(walk(item, path) == self.resolve(refused) for path, refused in lookup.differs.items()):
            return False
        if any(walk(item, path) in EMPTY for path in lookup.present):
            return False
        return all(walk(item, path) in EMPTY for path in lookup.absent)


def walk(item: Any, path: str) -> Any:
    for step in path.split("."):
        item = member(item, step)
    return item


def member(value: Any, name: str) -> Any:
    if isinstance(value, list):
        return value[int(name)] if name.isdigit() and int(name) < len(value) else None
    return value.get(name) if isinstance(value, dict) else None


def authorization(caller: Caller) -> str:
    if caller.organization is None:
        return f"Bearer {caller.key}"
    return "Basic " + base64.b64encode(f"{caller.organization}:{caller.key}".encode()).decode()


def get(base_url: str, path: str, caller: Caller, version: str = LEGACY) -> Any:
    """A native answer, parsed; None where the emulator answers with an error."""
    headers = {"Authorization": authorization(caller), "X-Polytomic-Version": version}
    try:
        with urllib.request.urlopen(urllib.request.Request(base_url + path, headers=headers), timeout=30) as answer:
            return json.load(answer)
    except urllib.error.HTTPError as refused:
        refused.close()
        return None


def state(base_url: str) -> bytes:
    """Everything that the emulator has stored, as it prints it."""
    with urllib.request.urlopen(f"{base_url}/_emulator/state", timeout=30) as answer:
        stored: bytes = answer.read()
        return stored
