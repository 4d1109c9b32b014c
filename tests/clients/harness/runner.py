"""Runs the scenarios with one SDK: each call natively and through the shim, answers and stored state compared."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from . import lookups
from .cases import Cases, Scenario, Step
from .compare import Difference, Tolerances, differences
from .contract import Operation
from .servers import Sides
from .worker import Worker


# `alike`: the SDK cannot read the native answer either, and raises over the same places of the shim's.
STATUSES = ("equal", "alike", "tolerated", "different", "skipped")


@dataclass
class Result:
    """What became of one call. `status` is one of STATUSES."""

    client: str
    operation: str
    case: str
    status: str
    differences: list[Difference] = field(default_factory=list)
    note: str = ""


@dataclass
class Run:
    """One scenario as it is run: by this caller, and with or without the version header on the shim's side."""

    scenario: Scenario
    caller: str
    header: bool

    @property
    def name(self) -> str:
        return f"{self.scenario.name}, as {self.caller}{', version header set' if self.header else ''}"


class Runner:
    """One SDK against both sides. State differences are reported once, then both sides start afresh."""

    def __init__(
        self,
        client: str,
        with_header: bool,
        worker: Worker,
        sides: Sides,
        cases: Cases,
        operations: dict[str, Operation],
        tolerances: Tolerances,
    ) -> None:
        self.client, self.with_header = client, with_header
        self.worker, self.sides, self.cases = worker, sides, cases
        self.operations, self.tolerances = operations, tolerances
        self.supported: set[str] = set()
        self.seed: lookups.Seed | None = None
        # Where the states differ and may: looked over until the scenario ends, and then both sides start afresh.
        self.known: set[str] = set()
        self.stale = False

    def describe(self) -> dict[str, Any]:
        described = self.worker.describe(self.operations)
        self.supported = set(described["operations"])
        return described

    def restart(self) -> None:
        self.sides.start()
        self.known, self.stale, self.seed = set(), False, None

    def run(self, run: Run) -> Iterator[Result]:
        """The results of one scenario, one for each step, and one more when its end shows a changed state."""
        if not run.scenario.is_for(self.client) or (run.header and not self.with_header):
            return
        if not any(step.call in self.supported for step in run.scenario.steps):
            for step in run.scenario.steps:
                yield self.skipped(run, step, "this SDK version has no such operation")
            return
        if self.stale or self.known:
            self.restart()
        try:
            steps = self.prepared(run.scenario)
        except lookups.NotFound:
            # Earlier scenarios may have used up what this one looks for.
            self.restart()
            try:
                steps = self.prepared(run.scenario)
            except lookups.NotFound as nothing:
                yield Result(self.client, run.scenario.steps[0].call, run.name, "different", note=str(nothing))
                return
        self.worker.forget()
        gone: set[str] = set()
        unseen = False
        for place, (step, arguments, copy) in enumerate(steps):
            if step.call not in self.supported:
                result = self.skipped(run, step, "this SDK version has no such operation")
            elif step.needs & gone:
                result = self.skipped(run, step, "needs what an earlier call did not give")
            else:
                is_looked_at = self.is_looked_at(run.scenario.steps, place)
                result = self.step(run, step, arguments, copy, is_looked_at)
                unseen = not is_looked_at
            if step.save and result.status in ("skipped", "alike"):
                gone.add(step.save)
            yield result
        changed = self.state_differences() if unseen else []
        if changed:
            yield self.judged(run, "state", changed, note="after the scenario")

    def skipped(self, run: Run, step: Step, note: str) -> Result:
        return Result(self.client, step.call, run.name, "skipped", note=note)

    def prepared(self, scenario: Scenario) -> list[tuple[Step, dict[str, Any], str | None]]:
        if self.seed is None:
            self.seed = lookups.Seed(self.cases, self.sides.native_url)
        found = [(step, self.seed.resolve(step.arguments), step.copy) for step in scenario.steps]
        if any(self.operations[step.call].writes for step in scenario.steps):
            self.seed = None
        return found

    def is_looked_at(self, steps: list[Step], place: int) -> bool:
        """Whether the states are compared after this step: a write that is the last step, or that a removal follows.

        They are compared when the scenario ends, and before a removal takes a trace away.

        Looking costs more than the call itself. In between it is not needed: what a legacy client sees is compared in
        the answers, and what it cannot see no later write of it restores.
        """
        if not self.operations[steps[place].call].writes:
            return False
        later = [self.operations[step.call] for step in steps[place + 1 :]]
        following = next((operation for operation in later if operation.writes), None)
        return not later or (following is not None and following.method == "DELETE")

    def step(
        self, run: Run, step: Step, arguments: dict[str, Any], copy: str | None, is_looked_at: bool
    ) -> Result:
        native = self.call(run, step, arguments, copy, "native")
        shim = self.call(run, step, arguments, copy, "shim")
        if native["outcome"] == "unsupported":
            return self.skipped(run, step, native["reason"])
        found = list(differences(native, shim))
        if is_looked_at:
            found += self.state_differences()
        note = "" if step.expects(native) else f"the native answer is not {step.expect}: {json.dumps(native)[:600]}"
        if native["outcome"] == "unreadable" and not found:
            return Result(self.client, step.call, run.name, "alike", note=json.dumps(native["places"]))
        return self.judged(run, step.call, found, note)

    def call(self, run: Run, step: Step, arguments: dict[str, Any], copy: str | None, side: str) -> dict[str, Any]:
        operation = self.operations[step.call]
        caller = self.cases.callers[run.caller]
        is_native = side == "native" or self.sides.native_only
        question: dict[str, Any] = {
            "do": "call",
            "side": side,
            "operation": step.call,
            "base_url": self.sides.native_url if side == "native" else self.sides.shim_url,
            "token": caller.key,
            "version": lookups.LEGACY if is_native or run.header else None,
            "arguments": arguments,
            "path_names": list(operation.path_names),
            "query_names": sorted(operation.query),
            "optional": step.optional,
            "aliases": self.cases.aliases.get(step.call, {}),
            "save": step.save,
        }
        if caller.organization is not None:
            question["headers"] = {"Authorization": lookups.authorization(caller)}
        if copy is not None:
            fields = [name for name in operation.body if name not in step.copy_except]
            question["copy"] = {"from": copy, "fields": fields}
        return self.sides.without_addresses(side, self.worker.ask(question))

    def state_differences(self) -> list[Difference]:
        """New differences between what both emulators have stored; nothing more once there is one untolerated."""
        if self.stale:
            return []
        native, behind = lookups.state(self.sides.native_url), lookups.state(self.sides.behind_url)
        if native == behind:
            return []
        return [
            item
            for item in differences(json.loads(native), json.loads(behind), "/state")
            if item.pointer not in self.known
        ]

    def judged(self, run: Run, operation: str, found: list[Difference], note: str = "") -> Result:
        tolerated, rest = self.tolerances.split(self.client, operation, run.name, found)
        self.known |= {item.pointer for item in tolerated if item.pointer.startswith("/state")}
        if any(item.pointer.startswith("/state") for item in rest):
            self.stale = True
        status = "different" if rest or (note and operation != "state") else "tolerated" if tolerated else "equal"
        return Result(self.client, operation, run.name, status, rest, note)


def runs(cases: Cases, wanted: str = "") -> list[Run]:
    """Every scenario for each of its callers, once more with the header where it says so."""
    found = []
    for scenario in cases.scenarios:
        for caller in scenario.callers:
            for header in (False, True) if scenario.with_header else (False,):
                run = Run(scenario, caller, header)
                if wanted in f"{scenario.file}: {run.name}" or any(wanted == step.call for step in scenario.steps):
                    found.append(run)
    return found
