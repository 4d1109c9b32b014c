#!/usr/bin/env python3
"""Runs the published SDKs against the emulator's native legacy side and against the shim, and compares.

Needs a built binary with the subcommands `emulator` and `serve`. Results go to standard output, progress to standard
error. Exits with 1 when any case differs, a tolerance is unused, an operation that a client has is not compared or a
client cannot be run, with 2 on bad case files.
"""

from __future__ import annotations

import argparse
import os
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from harness import cases as case_files
from harness import compare, contract, install, raw, report
from harness.runner import Result, Runner, runs
from harness.servers import DidNotStart, Sides
from harness.worker import Worker, WorkerDied

REPOSITORY = Path(__file__).resolve().parents[2]
TARGET = Path(os.environ.get("CARGO_TARGET_DIR", REPOSITORY / "target"))
CACHE = TARGET / "clients"


def main() -> int:
    options = parse()
    try:
        suite = Suite(options)
    except (case_files.BadCases, ValueError) as bad:
        print(bad)
        return 2
    if not suite.clients or not suite.wanted:
        print("no client or no case has that name")
        return 2
    # Each lane has its own servers and takes one client after another. Installing waits for the network, so the first
    # lanes install while others run.
    with ThreadPoolExecutor(max_workers=min(options.lanes, len(suite.clients))) as lanes:
        for done in [lanes.submit(suite.run_client, client) for client in suite.clients]:
            done.result()
    if not options.native_only and not options.case:
        suite.run_raw()
    return suite.conclude()


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binary", type=Path, default=TARGET / "debug" / "polytomic-shim", help="default: %(default)s")
    parser.add_argument(
        "--client", action="append", default=[], help="only clients whose name contains this; may be there repeatedly"
    )
    parser.add_argument(
        "--case", default="", help="only scenarios whose name contains this, or that call this operation"
    )
    parser.add_argument(
        "--native-only", action="store_true", help="compare two emulators: shows that the cases are sound"
    )
    parser.add_argument(
        "--lanes", type=int, default=os.cpu_count() or 2, help="clients run at the same time; default: %(default)s"
    )
    return parser.parse_args()


class Suite:
    """Everything that the lanes share: the cases, the tolerances, and the results so far."""

    def __init__(self, options: argparse.Namespace) -> None:
        self.options = options
        self.operations = contract.load()
        self.cases = case_files.load(self.operations)
        self.tolerances = compare.load_tolerances()
        self.clients = [client for client in install.load() if is_wanted(client, options.client)]
        self.wanted = runs(self.cases, options.case)
        self.installer = install.Installer(CACHE)
        self.summary = report.Summary([], {client.name: set() for client in self.clients})
        self.broken = 0
        self.telling = threading.Lock()

    def run_client(self, client: install.Client) -> None:
        """All scenarios with one client; its failure to run is counted, and the others go on."""
        started = time.monotonic()
        logs = CACHE / "logs" / client.name
        try:
            with self.sides(logs) as sides, Worker(self.installer.command(client), logs / "worker.log") as worker:
                progress(f"{client.name}: ready after {time.monotonic() - started:.0f} s")
                runner = Runner(client.name, client.with_header, worker, sides, self.cases, self.operations, self.tolerances)
                described = runner.describe()
                self.summary.has[client.name] = set(described["operations"])
                if described["unmatched"]:
                    progress(f"{client.name}: not in the contract: {', '.join(described['unmatched'])}")
                runner.restart()
                for run in self.wanted:
                    for result in runner.run(run):
                        self.tell(result)
                if not self.options.native_only:
                    for result in raw.upstream_versions(client.name, sides.behind_url):
                        self.tell(result)
        except (install.NotInstalled, WorkerDied, DidNotStart, OSError) as failed:
            self.fail(f"{client.name}: {failed}")
        progress(f"{client.name}: {time.monotonic() - started:.0f} s")

    def run_raw(self) -> None:
        """What no SDK shows."""
        with self.sides(CACHE / "logs" / "raw") as sides:
            sides.start()
            for result in raw.results(self.cases, sides.shim_url):
                self.tell(result)

    def sides(self, logs: Path) -> Sides:
        return Sides(self.options.binary, logs, self.options.native_only)

    def tell(self, result: Result) -> None:
        with self.telling:
            self.summary.results.append(result)
            if result.status == "different":
                print(report.failure(result), flush=True)
            progress(f"{result.status:9} {result.client} {result.operation} ({result.case}) {result.note[:100]}".rstrip())

    def fail(self, text: str) -> None:
        with self.telling:
            self.broken += 1
            print(f"FAILED {text}", flush=True)

    def conclude(self) -> int:
        """Prints what is wrong with the run as a whole, and the table; the exit status."""
        is_whole = not (self.options.native_only or self.options.client or self.options.case)
        unused = self.tolerances.unused() if is_whole else []
        for tolerance in unused:
            print(report.unused(tolerance))
        if not self.options.case:
            for name, missing in self.summary.untested():
                self.fail(f"{name}: no case compares {', '.join(sorted(missing))}")
        for line in self.summary.unreadable():
            print(line)
        print(self.summary.table())
        return 1 if self.summary.different or unused or self.broken else 0


def is_wanted(client: install.Client, names: list[str]) -> bool:
    return not names or any(name in client.name for name in names)


def progress(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except DidNotStart as failed:
        print(f"FAILED {failed}")
        sys.exit(1)
