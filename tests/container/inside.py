"""Runs the image's file system as a container runtime would, and has the program in it do its work.

Started by run.py in mount and network namespaces of its own: what is mounted here nobody else sees, and the ports are
those that the image names. The root is read-only, the user the image's, without capabilities or a way to get any.
"""

from __future__ import annotations

import ctypes
import fcntl
import http.client
import http.server
import json
import os
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
import tomllib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

START_SECONDS = 30
UPSTREAM = ("127.0.0.1", 8090)
# Looked up in /etc/hosts by the one and by DNS by the other: both have to work without a library to load.
HOST_IN_FILE, HOST_IN_DNS = "in-hosts.test", "in-dns.test"
NAME_SERVER = ("127.0.0.1", 53)
# A bulk sync whose schedules upstream has in a form that legacy does not have: the image has no upstream of its own.
FIXTURE = Path(__file__).resolve().parents[2] / "fixtures/bulk_sync/get/multi_without_default.toml"
RULE = "bulk_sync/get"

# What a container has of these, whatever its image (OCI runtime specification, default devices).
DEVICES = ("dev/null", "dev/random", "dev/urandom")

libc = ctypes.CDLL(None, use_errno=True)
PR_SET_NO_NEW_PRIVS = 38
SIOCGIFFLAGS, SIOCSIFFLAGS, IFF_UP = 0x8913, 0x8914, 1


class Image:
    """The mounted image, and what it says about how to run it."""

    def __init__(self, root: Path, config: dict[str, Any]) -> None:
        self.root = root
        self.user, self.group = (int(number) for number in config["User"].split(":"))
        self.environment = dict(variable.split("=", 1) for variable in config["Env"])
        self.entry_point: list[str] = config["Entrypoint"]
        kind, *self.health_check = config["Healthcheck"]["Test"]
        assert kind == "CMD", f"the health check wants a shell: {kind}"
        self.stop_signal = signal.Signals[config["StopSignal"]]

    def start(self, command: list[str], log: Path | None, **variables: str) -> subprocess.Popen[bytes]:
        def enter() -> None:
            os.chroot(self.root)
            os.chdir("/")
            os.setgroups([])
            os.setgid(self.group)
            os.setuid(self.user)
            libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)

        output = log.open("wb") if log else subprocess.DEVNULL
        return subprocess.Popen(
            command,
            env={**self.environment, **variables},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            preexec_fn=enter,
        )

    def is_healthy(self) -> bool:
        """What a runtime asks: the status of the health check's own command."""
        return self.start(self.health_check, None).wait(timeout=20) == 0

    @contextmanager
    def running(self, arguments: list[str], log: Path, **variables: str) -> Iterator[subprocess.Popen[bytes]]:
        process = self.start([*self.entry_point, *arguments], log, **variables)
        try:
            yield process
        except BaseException:
            print(f"{' '.join(arguments) or 'serve'} wrote:\n{log.read_text(errors='replace')[-2000:]}")
            raise
        finally:
            process.kill()
            process.wait()


def main() -> None:
    root, config, logs = Path(sys.argv[1]), json.loads(sys.argv[2]), Path(sys.argv[3])
    up("lo")
    mount(root)
    fixture = tomllib.loads(FIXTURE.read_text())
    upstream = http.server.ThreadingHTTPServer(UPSTREAM, answering(fixture["upstream"]))
    for served in (serve_names, upstream.serve_forever):
        threading.Thread(target=served, daemon=True).start()
    image = Image(root, config)
    for name in (HOST_IN_FILE, HOST_IN_DNS):
        serve(image, name, fixture["request"]["path"], logs / f"{name}.log")
    print(f"as user {image.user} on a read-only root: {RULE} translated, both kinds of names looked up, healthy, stopped")


def answering(exchanges: list[dict[str, str]]) -> type[http.server.BaseHTTPRequestHandler]:
    """An upstream that knows these calls; any other is 404."""
    bodies = {exchange["call"]: exchange["body"].encode() for exchange in exchanges}

    class Upstream(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = bodies.get(f"GET {self.path}")
            self.send_response(404 if body is None else 200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body or b"")))
            self.end_headers()
            self.wfile.write(body or b"")

        def log_message(self, *_: object) -> None:
            pass

    return Upstream


def serve(image: Image, upstream: str, path: str, log: Path) -> None:
    """One life of the shim, with an upstream by that name."""
    check(not image.is_healthy(), "nothing runs, and the health check is content")
    with image.running([], log, SHIM_UPSTREAM=f"http://{upstream}:{UPSTREAM[1]}") as shim:
        wait_until("the health check is content", image.is_healthy, shim)
        check_rights(shim.pid, image)
        status, headers, body = get(8080, path)
        check(status == 200, f"the answer is {status}: {body!r}")
        check(headers.get("x-shim-rule") == RULE, f"not translated by {RULE}: {headers}")
        # Upstream has no such member: nothing but a translation puts it there.
        frequency = json.loads(body)["data"]["schedule"]["frequency"]
        check(frequency == "multi", f"the schedule is not legacy: {body!r}")
        shim.send_signal(image.stop_signal)
        check(shim.wait(timeout=20) == 0, f"{image.stop_signal.name} ends it with {shim.returncode}")
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    check(bool(lines) and "level" in lines[0], f"the log is not JSON lines: {lines[:1]}")


def check_rights(process: int, image: Image) -> None:
    lines = Path(f"/proc/{process}/status").read_text().splitlines()
    status = {name: value.split() for name, value in (line.split(":", 1) for line in lines)}
    for name, expected in (
        ("Uid", [str(image.user)] * 4),
        ("Gid", [str(image.group)] * 4),
        ("Groups", []),
        ("CapEff", ["0" * 16]),
        ("NoNewPrivs", ["1"]),
    ):
        check(status[name] == expected, f"{name} of the process is {status[name]}")
    flags = os.statvfs(f"/proc/{process}/root").f_flag
    check(bool(flags & os.ST_RDONLY), "the root of the process can be written to")


def up(interface: str) -> None:
    """A new network namespace has its loopback interface down."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        request = struct.pack("16sH22x", interface.encode(), 0)
        (flags,) = struct.unpack("16xH22x", fcntl.ioctl(any_socket, SIOCGIFFLAGS, request))
        fcntl.ioctl(any_socket, SIOCSIFFLAGS, struct.pack("16sH22x", interface.encode(), flags | IFF_UP))


def mount(root: Path) -> None:
    """Writes what a runtime would bring along, then lets nothing more be written."""
    (root / "etc/hosts").write_text(f"127.0.0.1 localhost\n127.0.0.1 {HOST_IN_FILE}\n")
    (root / "etc/resolv.conf").write_text(f"nameserver {NAME_SERVER[0]}\n")
    for device in DEVICES:
        (root / device).parent.mkdir(exist_ok=True)
        (root / device).touch()
    for options in (["--bind", str(root), str(root)], ["-o", "remount,bind,ro", str(root)]):
        subprocess.run(["mount", *options], check=True)
    for device in DEVICES:
        subprocess.run(["mount", "--bind", f"/{device}", str(root / device)], check=True)


def serve_names() -> None:
    """A name server that knows one address; everything else has none."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(NAME_SERVER)
        while True:
            question, client = server.recvfrom(512)
            labels, at = [], 12
            while length := question[at]:
                labels.append(question[at + 1 : at + 1 + length].decode())
                at += 1 + length
            end = at + 5
            is_known = ".".join(labels) == HOST_IN_DNS and question[at + 1 : at + 3] == b"\0\x01"
            # RFC 1035, section 4: header, the question again, an A record with a pointer to its name.
            head = question[:2] + struct.pack(">HHHHH", 0x8180, 1, int(is_known), 0, 0)
            record = struct.pack(">HHHIH4s", 0xC00C, 1, 1, 60, 4, socket.inet_aton("127.0.0.1"))
            server.sendto(head + question[12:end] + (record if is_known else b""), client)


def get(port: int, path: str) -> tuple[int, dict[str, str], bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    connection.request("GET", path, headers={"Authorization": "Bearer any"})
    answer = connection.getresponse()
    body = answer.read()
    connection.close()
    return answer.status, {name.lower(): value for name, value in answer.getheaders()}, body


def wait_until(what: str, is_so: Callable[[], bool], process: subprocess.Popen[bytes]) -> None:
    end = time.monotonic() + START_SECONDS
    while not is_so():
        check(process.poll() is None, f"ended with {process.returncode} before {what}")
        check(time.monotonic() < end, f"not within {START_SECONDS} s: {what}")
        time.sleep(0.05)


def check(holds: bool, otherwise: str) -> None:
    if not holds:
        raise SystemExit(f"FAILED {otherwise}")


if __name__ == "__main__":
    main()
