"""Load by wrk: one thread, kept connections, as fast as it goes or at a rate."""

from __future__ import annotations

import json
import subprocess
from dataclasses import dataclass
from pathlib import Path

CONNECTIONS = 16
# At a rate each connection thinks for a while after every answer, so there have to be more of them.
PACED_CONNECTIONS = 32

DONE = """
done = function(summary, latency, requests)
    local errors = summary.errors
    local failed = errors.connect + errors.read + errors.write + errors.status + errors.timeout
    local line = 'RESULT {"requests":%d,"microseconds":%d,"p50":%d,"p99":%d,"failed":%d}\\n'
    local p50, p99 = latency:percentile(50), latency:percentile(99)
    io.write(line:format(summary.requests, summary.duration, p50, p99, failed))
end
"""


@dataclass(frozen=True)
class Request:
    """What is sent over and over."""

    method: str
    path: str
    body: bytes = b""
    credential: str = "bench-50"

    @property
    def headers(self) -> dict[str, str]:
        named = {
            "Authorization": f"Bearer {self.credential}",
            "X-Polytomic-Version": "2024-02-08",
            "Accept": "application/json",
            "User-Agent": "polytomic-python/1.18.0",
        }
        return {**named, "Content-Type": "application/json"} if self.body else named


@dataclass(frozen=True)
class Load:
    """What wrk saw. Latencies in microseconds."""

    requests: int
    seconds: float
    p50: float
    p99: float


def run(folder: Path, address: str, request: Request, seconds: int, rate: int | None = None) -> Load:
    """Sends for some seconds; an answer that is no success ends the benchmark."""
    script = folder / "load.lua"
    script.write_text(script_text(request, rate))
    connections = PACED_CONNECTIONS if rate else CONNECTIONS
    options = ["-t1", f"-c{connections}", f"-d{seconds}s", "--timeout", "30s", "-s", str(script)]
    command = ["wrk", *options, f"http://{address}{request.path}"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=seconds + 60)
    _, mark, result = done.stdout.partition("RESULT ")
    if done.returncode != 0 or not mark:
        raise SystemExit(f"wrk failed:\n{done.stdout}{done.stderr}")
    told = json.loads(result)
    if told["failed"] or not told["requests"]:
        raise SystemExit(f"{request.method} {request.path} at {address} failed under load:\n{done.stdout}")
    return Load(told["requests"], told["microseconds"] / 1e6, told["p50"], told["p99"])


def script_text(request: Request, rate: int | None) -> str:
    lines = [f"wrk.method = {json.dumps(request.method)}"]
    lines += [f"wrk.headers[{json.dumps(name)}] = {json.dumps(value)}" for name, value in request.headers.items()]
    if request.body:
        lines.append(f"wrk.body = [==[{request.body.decode()}]==]")
    if rate:
        # Milliseconds between the requests of a connection; spread, so that they do not march in step.
        mean = PACED_CONNECTIONS / rate * 1000
        lines.append(f"function delay() return math.random({round(mean * 0.5)}, {round(mean * 1.5)}) end")
    return "\n".join(lines) + DONE
