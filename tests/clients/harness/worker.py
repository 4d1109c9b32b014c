"""The other end of worker.py and worker.js: one question, one answer, a JSON line each."""

from __future__ import annotations

import json
import queue
import subprocess
import threading
from pathlib import Path
from types import TracebackType
from typing import Any

from .contract import Operation

# The npm SDK repeats calls with pauses in between; no call of a case may take longer than this, repeats included.
ANSWER_SECONDS = 120


class WorkerDied(Exception):
    """The worker ended or did not answer in time; its output is in the log."""


class Worker:
    """One running SDK."""

    def __init__(self, command: list[str], log: Path) -> None:
        self.log = log
        self.errors = log.open("w")
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.errors, text=True
        )
        self.answers: queue.Queue[str | None] = queue.Queue()
        threading.Thread(target=self.read, daemon=True).start()

    def read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.answers.put(line)
        self.answers.put(None)

    def ask(self, question: dict[str, Any]) -> dict[str, Any]:
        assert self.process.stdin is not None
        try:
            self.process.stdin.write(json.dumps(question) + "\n")
            self.process.stdin.flush()
            line = self.answers.get(timeout=ANSWER_SECONDS)
        except (BrokenPipeError, queue.Empty) as failed:
            raise WorkerDied(f"no answer to {question['do']}, see {self.log.name}") from failed
        if line is None:
            raise WorkerDied(f"ended at {question['do']}: {self.log.read_text()[-1000:]}")
        answer: dict[str, Any] = json.loads(line)
        return answer

    def describe(self, operations: dict[str, Operation]) -> dict[str, Any]:
        """`operations`: contract operation to SDK method; `unmatched`: SDK methods that match none."""
        listed = [{"id": item.id, "method": item.method, "path": item.path} for item in operations.values()]
        return self.ask({"do": "describe", "operations": listed})

    def forget(self) -> None:
        self.ask({"do": "forget"})

    def __enter__(self) -> Worker:
        return self

    def __exit__(self, kind: type | None, raised: BaseException | None, trace: TracebackType | None) -> None:
        self.process.kill()
        self.process.wait()
        self.errors.close()
