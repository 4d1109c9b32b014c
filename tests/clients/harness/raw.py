"""What no SDK shows: the version header of the answers, and the one that the shim sends upstream."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Iterator

from .cases import Caller, Cases
from .compare import Difference
from .lookups import LEGACY, UPSTREAM, authorization
from .runner import Result

NOBODY = Caller("nobody", "not-a-key")

# Name, caller, method, path, body, version header sent, version header expected.
REQUESTS: list[tuple[str, str | None, str, str, bytes | None, str | None, str]] = [
    ("translated list", "organization", "GET", "/api/organizations", None, None, LEGACY),
    ("translated list, header sent", "organization", "GET", "/api/organizations", None, LEGACY, LEGACY),
    ("collected list", "organization", "GET", "/api/syncs", None, None, LEGACY),
    ("untranslated list", "organization", "GET", "/api/connections", None, None, LEGACY),
    ("untranslated list, header sent", "organization", "GET", "/api/connections", None, LEGACY, LEGACY),
    ("wrong key, translated", None, "GET", "/api/organizations", None, None, LEGACY),
    ("wrong key, untranslated", None, "GET", "/api/connections", None, None, LEGACY),
    ("unknown id", "organization", "GET", "/api/bulk/syncs/00000000-0000-0000-0000-00000000dead", None, None, LEGACY),
    ("organization that is not the caller's", "user", "GET", "/api/organizations/nobody", None, None, LEGACY),
    ("body that is no JSON", "organization", "POST", "/api/bulk/syncs", b"{", None, LEGACY),
    ("upstream version passes through", "organization", "GET", "/api/connections", None, UPSTREAM, UPSTREAM),
]


def results(cases: Cases, shim_url: str) -> Iterator[Result]:
    """One result for each request: the answer must name the version that the caller speaks, errors included."""
    for name, caller_name, method, path, body, sent, expected in REQUESTS:
        caller = NOBODY if caller_name is None else cases.callers[caller_name]
        headers = {"Authorization": authorization(caller)}
        if sent is not None:
            headers["X-Polytomic-Version"] = sent
        if body is not None:
            headers["Content-Type"] = "application/json"
        request = urllib.request.Request(shim_url + path, data=body, method=method, headers=headers)
        found = version_of(request)
        differing = [] if found == expected else [Difference("/headers/X-Polytomic-Version", expected, found)]
        status = "different" if differing else "equal"
        yield Result("raw", f"{method} {path}", name, status, differing)


def upstream_versions(client: str, behind_url: str) -> Iterator[Result]:
    """One result: every request that reached the emulator behind the shim lately was one of the upstream version."""
    with urllib.request.urlopen(f"{behind_url}/_emulator/requests", timeout=30) as answer:
        seen = json.load(answer)
    # Looking whether the server is up sends no version.
    others = [item for item in seen if item["version"] not in (UPSTREAM, None)]
    differing = [Difference("/requests", UPSTREAM, item) for item in others]
    note = "" if seen else "the emulator remembers no request"
    yield Result("raw", "requests", f"sent upstream for {client}", "different" if differing or note else "equal", differing, note)


def version_of(request: urllib.request.Request) -> str | None:
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            answer.read()
            version: str | None = answer.headers.get("X-Polytomic-Version")
            return version
    except urllib.error.HTTPError as refused:
        with refused:
            return refused.headers.get("X-Polytomic-Version")
