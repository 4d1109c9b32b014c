#!/usr/bin/env python3
"""Builds the container image for real, looks at what is in it, and runs it.

Needs root, buildah, debootstrap and the toolchain; see build.py for how the image is built where no registry is, and
inside.py for how it is run. Exits with 1 when something is not as it should be, and says what.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import stat
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

from build import REPOSITORY, TAG, Failed, Storage, build, make_base, output_of

TARGET = Path(os.environ.get("CARGO_TARGET_DIR", REPOSITORY / "target"))
LARGEST = 20 << 20
PROGRAM = "polytomic-shim"
# Everything that is in the image. There is no shell because nothing else is there.
FILES = [
    "etc/nsswitch.conf",
    "etc/ssl/certs/ca-certificates.crt",
    "licenses/polytomic-shim",
    PROGRAM,
]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--profile", default="release", help="of Cargo.toml; default: %(default)s")
    parser.add_argument("--features", default="", help="of Cargo.toml that the image shall have; default: those it ships with")
    options = parser.parse_args()
    storage = Storage(TARGET / "image")
    storage.folder.mkdir(parents=True, exist_ok=True)
    try:
        for command in ("buildah", "debootstrap", "unshare"):
            if shutil.which(command) is None:
                raise Failed(f"{command} is not installed")
        if os.geteuid() != 0:
            raise Failed("only root can make the base image and change its root")
        if copied_early() != ["Cargo.toml", "Cargo.lock", "tests/bench/guided"]:
            raise Failed(f"the layer of the dependencies goes with every change of {copied_early()}")
        make_base(storage)
        revision = output_of("git", "rev-parse", "HEAD")
        build(storage, options.profile, options.features, revision)
        config = storage.config(TAG)
        for wrong in said_wrongly(config, revision):
            raise Failed(wrong)
        container = storage.buildah("from", "--pull=never", TAG)
        try:
            root = Path(storage.buildah("mount", container))
            size = look_into(root)
            print(f"{size / (1 << 20):.1f} MiB by the profile {options.profile}", flush=True)
            # What is optimized less is larger.
            if options.profile == "release" and size >= LARGEST:
                raise Failed(f"the image has {size} bytes, and should have less than {LARGEST}")
            if options.profile == "release" and b".symtab" in (root / PROGRAM).read_bytes():
                raise Failed("the program is not stripped of its symbols")
            shutil.copy2(root / PROGRAM, storage.folder / PROGRAM)
            run(root, config, storage.folder)
        finally:
            storage.buildah("rm", container)
    except Failed as failed:
        print(f"FAILED {failed}")
        return 1
    return 0


def copied_early() -> list[str]:
    """What the Dockerfile copies before it compiles for the first time: changes of it compile all dependencies anew."""
    early = (REPOSITORY / "Dockerfile").read_text().partition("cargo build")[0]
    copies = [line.split()[1:-1] for line in early.splitlines() if line.startswith("COPY ")]
    return [name for names in copies for name in names]


def said_wrongly(config: dict[str, Any], revision: str) -> list[str]:
    """What the image's configuration should say and does not."""
    package = tomllib.loads((REPOSITORY / "Cargo.toml").read_text())["package"]
    label = "org.opencontainers.image."
    expected = {
        "User": "65532:65532",
        "Entrypoint": [f"/{PROGRAM}"],
        "Cmd": None,
        "Env": ["MIMALLOC_PURGE_DELAY=25", "SHIM_LISTEN=0.0.0.0:8080", "SHIM_LOG_FORMAT=json"],
        "ExposedPorts": {"8080/tcp": {}},
        "StopSignal": "SIGTERM",
        "Volumes": None,
        "Labels": {
            f"{label}title": package["name"],
            f"{label}version": package["version"],
            f"{label}licenses": package["license"],
            f"{label}revision": revision,
        },
        "Healthcheck": {"Test": ["CMD", f"/{PROGRAM}", "healthcheck"]},
    }
    wrong = []
    for name, value in expected.items():
        found = config.get(name)
        if name in ("Labels", "Healthcheck"):
            found = {key: (found or {}).get(key) for key in value}
        if name == "Env":
            found = sorted(variable for variable in found or [] if not variable.startswith("PATH="))
        if found != value and (found or value):
            wrong.append(f"the image has {name} {found}, not {value}")
    return wrong


def look_into(root: Path) -> int:
    """Checks which files there are, and who may do what with them; the bytes of all."""
    entries = sorted(root.rglob("*"))
    found = sorted(str(entry.relative_to(root)) for entry in entries if not entry.is_dir() or entry.is_symlink())
    if found != sorted(FILES):
        raise Failed(f"these files are in the image: {', '.join(found)}\nand not these: {', '.join(sorted(FILES))}")
    for entry in entries:
        status = entry.lstat()
        if status.st_uid != 0 or status.st_mode & (stat.S_IWGRP | stat.S_IWOTH | stat.S_ISUID | stat.S_ISGID):
            raise Failed(f"{entry.relative_to(root)} belongs to {status.st_uid}, mode {stat.filemode(status.st_mode)}")
    return sum(entry.lstat().st_size for entry in entries)


def run(root: Path, config: dict[str, Any], logs: Path) -> None:
    inside = [sys.executable, str(Path(__file__).parent / "inside.py"), str(root), json.dumps(config), str(logs)]
    done = subprocess.run(
        ["unshare", "--mount", "--net", "--propagation", "private", *inside], stdin=subprocess.DEVNULL
    )
    if done.returncode != 0:
        raise Failed(f"the image does not run as it should (status {done.returncode})")


if __name__ == "__main__":
    sys.exit(main())
