"""Builds the image with buildah, from a base image that is made here by the name of the official one.

No registry of images is asked for anything: what the Dockerfile calls `rust:…-slim-bookworm` is made with debootstrap and
kept, like all of buildah's storage, below the target folder. The toolchain is that of the machine, bound into the build.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

REPOSITORY = Path(__file__).resolve().parents[2]
# What the official image has that the build uses; see the Dockerfile of rust:slim.
PACKAGES = "ca-certificates,gcc,libc6-dev"
# Where the toolchain of the machine is bound, and the crates that it has fetched.
TOOLCHAIN = "/usr/local/toolchain"
CARGO_HOME = "/usr/local/cargo"
TAG = "localhost/polytomic-shim:test"


class Failed(Exception):
    """Something that the test needs, or the image itself, is not as it should be; the text is for people."""


@dataclass
class Storage:
    """buildah with its storage below one folder, so that nothing else on the machine is touched."""

    folder: Path

    def buildah(self, *arguments: str, show: bool = False) -> str:
        """Runs buildah, and gives what it prints; with `show`, all of it goes to standard output instead."""
        storage = ["--root", str(self.folder / "storage"), "--runroot", str(self.folder / "run")]
        command = ["buildah", *storage, "--storage-driver", "vfs", *arguments]
        output = None if show else subprocess.PIPE
        done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, text=True)
        if done.returncode != 0:
            said = "" if show else f":\n{done.stderr[-4000:]}"
            raise Failed(f"buildah {arguments[0]} ended with {done.returncode}{said}")
        return "" if show else done.stdout.strip()

    def has(self, image: str) -> bool:
        names = json.loads(self.buildah("images", "--json") or "[]") or []
        return any(image in (entry.get("names") or []) for entry in names)

    def config(self, image: str) -> dict[str, Any]:
        """What the image says of itself, in Docker's form: the only one with a health check."""
        found: dict[str, Any] = json.loads(self.buildah("inspect", "--type", "image", image))["Docker"]["config"]
        return found


def base_name() -> str:
    """The name of the image that the Dockerfile builds in."""
    text = (REPOSITORY / "Dockerfile").read_text()
    found = re.search(r"^FROM (\S+) AS build$", text, re.MULTILINE)
    if not found:
        raise Failed("the Dockerfile has no `FROM … AS build`")
    return found[1]


def make_base(storage: Storage) -> None:
    """Makes the base image unless it is there: Debian of the release that its name says, with a C compiler."""
    name = base_name()
    if storage.has(name):
        return
    suite = re.fullmatch(r"docker\.io/library/rust:\d+\.\d+-slim-([a-z]+)", name)
    if not suite:
        raise Failed(f"cannot tell which release of Debian {name} is")
    print(f"making {name} with debootstrap; it is kept", flush=True)
    container = storage.buildah("from", "scratch")
    try:
        root = Path(storage.buildah("mount", container))
        log = storage.folder / "debootstrap.log"
        command = ["debootstrap", "--variant=minbase", f"--include={PACKAGES}", suite[1], str(root)]
        with log.open("w") as output:
            done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT)
        if done.returncode != 0:
            raise Failed(f"debootstrap ended with {done.returncode}; the end of {log}:\n{log.read_text()[-2000:]}")
        for folder in ("var/cache/apt/archives", "var/lib/apt/lists", "usr/share/doc", "usr/share/locale"):
            shutil.rmtree(root / folder)
        environment = [f"PATH={TOOLCHAIN}/bin:/usr/sbin:/usr/bin:/sbin:/bin", f"CARGO_HOME={CARGO_HOME}"]
        # The crates are bound in as well.
        environment.append("CARGO_NET_OFFLINE=true")
        storage.buildah("config", *(f"--env={variable}" for variable in environment), container)
        storage.buildah("commit", "--quiet", container, name)
    finally:
        storage.buildah("rm", container)


def build(storage: Storage, profile: str, features: str, revision: str) -> None:
    """Builds the Dockerfile as it stands. What is compiled stays below the storage's folder, for the next time."""
    crates = fetched_crates()
    if profile == "release":
        # The official image has rustup, and the build gets this itself; here the toolchain is only bound.
        output_of("rustup", "component", "add", "llvm-tools")
    sysroot = output_of("rustc", "--print", "sysroot")
    compiled = storage.folder / "target"
    compiled.mkdir(parents=True, exist_ok=True)
    volumes = [f"{sysroot}:{TOOLCHAIN}:ro", f"{crates}:{CARGO_HOME}/registry", f"{compiled}:/build/target"]
    storage.buildah(
        "build",
        # Docker's form, which has a health check; the other one drops it.
        *("--format", "docker", "--isolation", "chroot", "--pull=never", "--layers=false", "--network", "host"),
        *(f"--volume={volume}" for volume in volumes),
        *("--build-arg", f"PROFILE={profile}", "--build-arg", f"FEATURES={features}"),
        *("--build-arg", f"REVISION={revision}"),
        *("--tag", TAG, str(REPOSITORY)),
        show=True,
    )


def fetched_crates() -> Path:
    """The folder of the crates of Cargo.lock, fetched by the machine's own cargo."""
    output_of("cargo", "fetch", "--locked")
    metadata = json.loads(output_of("cargo", "metadata", "--locked", "--format-version", "1"))
    crates = [Path(package["manifest_path"]) for package in metadata["packages"] if package["source"]]
    # …/registry/src/INDEX/CRATE/Cargo.toml
    return crates[0].parents[3]


def output_of(*command: str) -> str:
    try:
        done = subprocess.run(command, cwd=REPOSITORY, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    except OSError as error:
        raise Failed(f"{command[0]}: {error}") from error
    if done.returncode != 0:
        raise Failed(f"{' '.join(command)} ended with {done.returncode}:\n{done.stderr[-2000:]}")
    return done.stdout.strip()
