"""The operations of the legacy contract: what the cases name, and what the workers match the SDKs' methods to."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

DOCUMENT = Path(__file__).parents[3] / "fixtures" / "contract" / "2024-02-08.openapi.json"


@dataclass(frozen=True)
class Operation:
    """One operation of the 2024-02-08 contract, by its `operationId`."""

    id: str
    method: str
    path: str
    query: frozenset[str]
    body: tuple[str, ...]

    @property
    def path_names(self) -> tuple[str, ...]:
        return tuple(re.findall(r"\{(\w+)\}", self.path))

    @property
    def writes(self) -> bool:
        return self.method != "GET"

    @property
    def arguments(self) -> frozenset[str]:
        """Every argument name that the operation takes, wherever it goes."""
        return self.query | frozenset(self.body) | frozenset(self.path_names)


def load(document: Path = DOCUMENT) -> dict[str, Operation]:
    """All operations by id."""
    root: dict[str, Any] = json.loads(document.read_text())
    operations: dict[str, Operation] = {}
    for path, item in root["paths"].items():
        for method, operation in item.items():
            if "operationId" not in operation:
                continue
            parameters = [resolved(root, parameter) for parameter in operation.get("parameters", [])]
            operations[operation["operationId"]] = Operation(
                id=operation["operationId"],
                method=method.upper(),
                path=path,
                query=frozenset(parameter["name"] for parameter in parameters if parameter["in"] == "query"),
                body=body_fields(root, operation),
            )
    return operations


def body_fields(root: dict[str, Any], operation: dict[str, Any]) -> tuple[str, ...]:
    content = operation.get("requestBody", {}).get("content", {}).get("application/json", {})
    schema = resolved(root, content.get("schema", {}))
    return tuple(schema.get("properties", {}))


def resolved(root: dict[str, Any], node: dict[str, Any]) -> dict[str, Any]:
    while "$ref" in node:
        target: Any = root
        for step in node["$ref"].removeprefix("#/").split("/"):
            target = target[step]
        node = target
    return node
