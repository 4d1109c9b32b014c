"""Installs the published SDKs, unmodified, by name and version, each into a folder of its own outside the sources."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import threading
import tomllib
from dataclasses import dataclass, field
from pathlib import Path

CLIENTS = Path(__file__).parents[1] / "clients.toml"
INSTALL_SECONDS = 300


@dataclass(frozen=True)
class Client:
    """One published SDK: `language` is python or node; `also` are further requirements (an older pydantic).

    `with_header`: the scenarios that say so are run a second time with the version header set on the shim's side.
    """

    language: str
    version: str
    also: list[str] = field(default_factory=list)
    with_header: bool = False

    @property
    def name(self) -> str:
        return f"{self.language}-{self.version}"


class NotInstalled(Exception):
    """The package manager failed; the text carries the end of what it printed."""


def load(file: Path = CLIENTS) -> list[Client]:
    return [Client(**table) for table in tomllib.loads(file.read_text())["client"]]


class Installer:
    """Installs what is missing. May be asked by several threads at once, each about another client."""

    def __init__(self, cache: Path) -> None:
        self.cache = cache
        self.making_pip = threading.Lock()

    def command(self, client: Client) -> list[str]:
        """The command that starts the client's worker; installs the SDK first unless it is there already."""
        folder = self.cache / client.name
        worker = Path(__file__).parents[1]
        if client.language == "python":
            python = self.install_python(client, folder)
            return [str(python), str(worker / "worker.py")]
        install_node(client, folder)
        return ["node", str(worker / "worker.js"), str(folder)]

    def install_python(self, client: Client, folder: Path) -> Path:
        python = folder / "bin" / "python"
        wanted = json.dumps([client.version, client.also, sys.version])
        stamp = folder / "installed.json"
        if python.exists() and stamp.exists() and stamp.read_text() == wanted:
            return python
        pip = self.pip()
        shutil.rmtree(folder, ignore_errors=True)
        run([sys.executable, "-m", "venv", "--without-pip", str(folder)])
        # Only what a worker imports is compiled, when it first does; all of it would be most of the work.
        options = ["--quiet", "--no-compile", "--disable-pip-version-check"]
        run([*pip, "--python", str(python), "install", *options, f"polytomic=={client.version}", *client.also])
        stamp.write_text(wanted)
        return python

    def pip(self) -> list[str]:
        """One pip for all environments: putting one into each would take longer than the SDKs themselves."""
        folder = self.cache / "pip"
        python = folder / "bin" / "python"
        stamp = folder / "installed.json"
        with self.making_pip:
            if not (python.exists() and stamp.exists() and stamp.read_text() == sys.version):
                shutil.rmtree(folder, ignore_errors=True)
                run([sys.executable, "-m", "venv", str(folder)])
                stamp.write_text(sys.version)
        return [str(python), "-m", "pip"]


def install_node(client: Client, folder: Path) -> None:
    installed = folder / "node_modules" / "polytomic" / "package.json"
    if installed.exists() and json.loads(installed.read_text())["version"] == client.version:
        return
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    manifest = {"private": True, "dependencies": {"polytomic": client.version}}
    (folder / "package.json").write_text(json.dumps(manifest))
    run(["npm", "install", "--no-audit", "--no-fund", "--ignore-scripts", "--loglevel=error"], folder)


def run(arguments: list[str], folder: Path | None = None) -> None:
    try:
        done = subprocess.run(
            arguments, cwd=folder, capture_output=True, text=True, timeout=INSTALL_SECONDS, stdin=subprocess.DEVNULL
        )
    except (OSError, subprocess.TimeoutExpired) as failed:
        raise NotInstalled(f"{arguments[0]}: {failed}") from failed
    if done.returncode != 0:
        raise NotInstalled(f"{' '.join(arguments)} failed:\n{(done.stdout + done.stderr)[-2000:]}")
