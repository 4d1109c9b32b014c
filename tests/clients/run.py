#!/usr/bin/env python3
"""Runs the published SDKs against the emulator's native legacy side and against the shim, and compares.

Needs a built binary with the subcommands `emulator` and `serve`. Results go to standard output, progress to standard
error. Exits with 1 when any case differs, a tolerance is unused or a client cannot be run, with 2 on bad case files.
"""

from __future__ import annotations

import argparse
import itertools
import os
import sys
import time
from pathlib import Path

from harness import cases as case_files
from harness import compare, contract, install, raw, report
from harness.runner import Result, Runner, runs
from harness.servers import DidNotStart, Sides
from harness.worker import Worker, WorkerDied

REPOSITORY = Path(__file__).resolve().parents[2]
TARGET = Path(os.environ.get("CARGO_TARGET_DIR", REPOSITORY / "target"))


def main() -> int:
    options = parse()
    operations = contract.load()
    try:
        cases = case_files.load(operations)
        tolerances = compare.load_tolerances()
    except (case_files.BadCases, ValueError) as bad:
        print(bad)
        return 2
    clients = [client for client in install.load() if options.client in client.name]
    wanted = runs(cases, options.case)
    if not clients or not wanted:
        print("no client or no case has that name")
        return 2
    summary = report.Summary([], {})
    cache = TARGET / "clients"
    broken = 0
    with Sides(options.binary, cache / "logs", options.native_only) as sides:
        for client in clients:
            started = time.monotonic()
            try:
                with Worker(install.command(client, cache), cache / "logs" / f"{client.name}.log") as worker:
                    runner = Runner(client.name, worker, sides, cases, operations, tolerances)
                    described = runner.describe()
                    summary.has[client.name] = len(described["operations"])
                    if described["unmatched"]:
                        progress(f"{client.name}: not in the contract: {', '.join(described['unmatched'])}")
                    runner.restart()
                    for run in wanted:
                        for result in runner.run(run):
                            tell(result, summary)
            except (install.NotInstalled, WorkerDied, DidNotStart, OSError) as failed:
                print(f"FAILED {client.name}: {failed}", flush=True)
                broken += 1
            progress(f"{client.name}: {time.monotonic() - started:.0f} s")
        if not options.native_only and not options.case:
            for result in itertools.chain(raw.upstream_versions(sides.behind_url), raw.results(cases, sides.shim_url)):
                tell(result, summary)
    is_whole = not (options.native_only or options.client or options.case)
    unused = tolerances.unused() if is_whole else []
    for tolerance in unused:
        print(report.unused(tolerance))
    for name in summary.untested():
        print(f"FAILED {name}: not one case was compared")
        broken += 1
    print(summary.table())
    return 1 if summary.different or unused or broken else 0


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binary", type=Path, default=TARGET / "debug" / "polytomic-shim", help="default: %(default)s")
    parser.add_argument("--client", default="", help="only clients whose name contains this, for example node")
    parser.add_argument(
        "--case", default="", help="only scenarios whose name contains this, or that call this operation"
    )
    parser.add_argument(
        "--native-only", action="store_true", help="compare two emulators: shows that the cases are sound"
    )
    return parser.parse_args()


def tell(result: Result, summary: report.Summary) -> None:
    summary.results.append(result)
    if result.status == "different":
        print(report.failure(result), flush=True)
    progress(f"{result.status:9} {result.client} {result.operation} ({result.case}) {result.note[:100]}".rstrip())


def progress(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except DidNotStart as failed:
        print(f"FAILED {failed}")
        sys.exit(1)
