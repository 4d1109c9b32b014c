"""Installs what is measured against, by package name: from Debian, PyPI and the npm registry. Nothing twice."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
TARGET = Path(os.environ.get("CARGO_TARGET_DIR", REPOSITORY / "target"))
# Outside the sources, kept between runs.
CACHE = TARGET / "bench"

# What is looked for, and the Debian package that has it.
DEBIAN = {
    "/usr/sbin/nginx": "nginx",
    "/usr/lib/nginx/modules/ngx_http_lua_module.so": "libnginx-mod-http-lua",
    "/usr/lib/x86_64-linux-gnu/lua/5.1/cjson.so": "lua-cjson",
    "/usr/sbin/haproxy": "haproxy",
    "/usr/bin/wrk": "wrk",
    "/usr/bin/openssl": "openssl",
}
VALGRIND = {"/usr/bin/valgrind": "valgrind"}

PYTHON = ["aiohttp==3.14.5", "uvloop==0.23.0", "orjson==3.13.0"]
NODE = {"undici": "7.30.2"}

INSTALL_SECONDS = 600


def debian(wanted: dict[str, str]) -> None:
    missing = [package for file, package in wanted.items() if not Path(file).exists()]
    if not missing:
        return
    if os.geteuid() != 0 or not shutil.which("apt-get"):
        raise SystemExit(f"missing, and only root on Debian can install it here: {' '.join(missing)}")
    quietly(["apt-get", "update", "-qq"])
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    quietly(["apt-get", "install", "-y", "-qq", "--no-install-recommends", *missing], environment=environment)
    # Debian starts a service on port 80 for each; the benchmark starts processes of its own.


def python() -> Path:
    """The interpreter of an environment with aiohttp."""
    folder = CACHE / "python"
    interpreter, stamp = folder / "bin" / "python", folder / "installed.json"
    wanted = json.dumps([PYTHON, sys.version])
    if not (interpreter.exists() and stamp.exists() and stamp.read_text() == wanted):
        shutil.rmtree(folder, ignore_errors=True)
        quietly([sys.executable, "-m", "venv", str(folder)])
        quietly([str(interpreter), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *PYTHON])
        stamp.write_text(wanted)
    return interpreter


def node() -> Path:
    """A folder whose `node_modules` has undici."""
    folder = CACHE / "node"
    manifest = folder / "package.json"
    wanted = json.dumps({"private": True, "dependencies": NODE})
    if not (manifest.exists() and manifest.read_text() == wanted and (folder / "node_modules" / "undici").exists()):
        if not shutil.which("npm"):
            debian({"/usr/bin/node": "nodejs", "/usr/bin/npm": "npm"})
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        manifest.write_text(wanted)
        quietly(["npm", "install", "--no-audit", "--no-fund", "--ignore-scripts", "--loglevel=error"], folder)
    return folder


def quietly(command: list[str], folder: Path | None = None, environment: dict[str, str] | None = None) -> None:
    done = subprocess.run(
        command,
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=INSTALL_SECONDS,
    )
    if done.returncode != 0:
        raise SystemExit(f"{' '.join(command)} failed:\n{(done.stdout + done.stderr)[-2000:]}")


def shim() -> Path:
    """Builds the release binary as the container's image has it, and gives its path."""
    done = subprocess.run([REPOSITORY / "tests/bench/guided"], check=True, stdout=subprocess.PIPE, text=True)
    return Path(done.stdout.splitlines()[-1])


def workload() -> Path:
    """Builds the program whose instructions are counted; with its symbols, to tell where they are spent."""
    return build("polytomic-shim-workload", "--features", "workload", "--", "-C", "strip=none")


def build(name: str, *options: str) -> Path:
    command = ["cargo", "rustc", "--release", "--locked", "--bin", name, *options]
    subprocess.run(command, cwd=REPOSITORY, check=True)
    return TARGET / "release" / name
