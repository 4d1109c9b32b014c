#!/usr/bin/env python3
"""Checks every YAML block of the README, and its docker commands, against what they are for.

Field names and types by the schemas of Kubernetes and of Compose; settings by `polytomic-shim check`, with the variables
that a container would have; and what no schema knows: that images, ports, users, commands, labels and times agree with
the Dockerfile and with each other. Needs the packages of requirements.txt.
"""

from __future__ import annotations

import argparse
import os
import re
import shlex
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache, cached_property
from pathlib import Path
from typing import Any

import kubernetes_validate
import yaml
from compose_spec import PyCompose

REPOSITORY = Path(__file__).resolve().parents[2]
TARGET = Path(os.environ.get("CARGO_TARGET_DIR", REPOSITORY / "target"))
# The oldest release that has everything the README shows (`sleep` hooks are on by default), and a recent one.
KUBERNETES = ["1.30", "1.37"]
NAME = "polytomic-shim"


@dataclass
class Image:
    """What the Dockerfile says of the image."""

    user: int
    environment: dict[str, str]
    entry_point: str

    @classmethod
    def read(cls, dockerfile: str) -> Image:
        final = dockerfile.split("FROM scratch")[1]
        environment = re.search(r"^ENV ((?:.*\\\n)*.*)$", final, re.MULTILINE)
        user = re.search(r"^USER (\d+):\1$", final, re.MULTILINE)
        entry_point = re.search(r'^ENTRYPOINT \["([^"]+)"\]$', final, re.MULTILINE)
        assert environment and user and entry_point, "the Dockerfile has no USER, ENV or ENTRYPOINT that is understood"
        variables = environment[1].replace("\\\n", " ").split()
        return cls(int(user[1]), dict(variable.split("=", 1) for variable in variables), entry_point[1])


@dataclass
class Container:
    """One container of the shim's image, whatever describes it."""

    image: str
    # Those whose value is known; the others are named by `given`.
    environment: dict[str, str]
    given: list[str] = field(default_factory=list)


@dataclass
class Checks:
    """Everything that is checked against, and what was found wrong."""

    image: Image
    binary: Path
    version: str
    findings: list[str] = field(default_factory=list)
    place: str = ""

    def expect(self, holds: object, otherwise: str) -> None:
        if not holds:
            self.findings.append(f"{self.place}: {otherwise}")

    # What counts for every container of the shim.

    def container(self, container: Container) -> dict[str, str]:
        """Checks image and settings; all variables that it has, those of the image included."""
        name = container.image.rpartition("/")[2]
        self.expect(name in (NAME, f"{NAME}:{self.version}"), f"the image {container.image} is not this version's")
        for variable in [*container.environment, *container.given]:
            self.expect(variable in self.variables(), f"{variable} is no setting")
        environment = {**self.image.environment, **container.environment}
        done = self.run("check", environment=environment)
        self.expect(done.returncode == 0, f"its settings are refused:\n{done.stderr}")
        return environment

    def variables(self) -> set[str]:
        return set(re.findall(r"`(SHIM_[A-Z_]+)`", self.table))

    @cached_property
    def table(self) -> str:
        """The table of all settings."""
        return self.run("settings", "--format", "markdown").stdout

    def run(self, *arguments: str, environment: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
        return run(self.binary, arguments, tuple(sorted((environment or {}).items())))

    def command(self, words: list[str]) -> None:
        """A command inside of the container: there is nothing but the program, and it has to know its arguments."""
        is_there = words[0] == self.image.entry_point
        self.expect(is_there, f"there is no {words[0]} in the image")
        if is_there:
            self.expect(self.run(*words[1:], "--help").returncode == 0, f"{' '.join(words)} is not understood")

    def drain(self, environment: dict[str, str]) -> float:
        default = re.search(r"`SHIM_DRAIN` \| `drain` \| `(\w+)`", self.table)
        assert default, "the setting `drain` has no default"
        return seconds(environment.get("SHIM_DRAIN", default[1]))

    # Docker and Compose.

    def docker(self, command: str) -> None:
        words = shlex.split(command)
        if words[1] == "build":
            parser = silent()
            parser.add_argument("--tag", required=True)
            parser.add_argument("context", choices=["."])
            options = parser.parse_args(words[2:])
            self.expect(options.tag == NAME, f"the image is built as {options.tag}")
            return
        self.expect(words[1] == "run", f"`docker {words[1]}` is not checked")
        parser = silent()
        for flag in ("--name", "--stop-timeout", "--user"):
            parser.add_argument(flag)
        for flag in ("--publish", "--env", "--cap-drop", "--security-opt"):
            parser.add_argument(flag, action="append", default=[])
        for flag in ("--detach", "--read-only", "--rm"):
            parser.add_argument(flag, action="store_true")
        parser.add_argument("image")
        parser.add_argument("arguments", nargs="*")
        options = parser.parse_args(words[2:])
        environment = self.container(Container(options.image, dict(entry.split("=", 1) for entry in options.env)))
        if options.arguments:
            self.command([self.image.entry_point, *options.arguments])
            return
        self.expect(options.read_only, "the root can be written to")
        self.expect("ALL" in options.cap_drop, "it keeps capabilities")
        for published in options.publish:
            self.reachable(int(published.rpartition(":")[2]), environment)
        grace = float(options.stop_timeout or 10)
        self.expect(grace > self.drain(environment), f"it is killed after {grace} s, before it has drained")

    def compose(self, text: str, document: dict[str, Any]) -> None:
        try:
            PyCompose.from_yaml(text).to_spec()
        except ValueError as error:
            self.expect(False, str(error))
            return
        ours = {name for name, service in document["services"].items() if is_ours(service["image"])}
        self.expect(ours, "no service is the shim")
        for name, service in document["services"].items():
            for other in [*service.get("depends_on", {}), *re.findall("^service:(.*)", service.get("network_mode", ""))]:
                self.expect(other in document["services"], f"{name} names {other}, which is no service")
            if name not in ours:
                continue
            environment = self.container(Container(service["image"], service.get("environment", {})))
            self.expect(service.get("read_only"), f"the root of {name} can be written to")
            self.expect(service.get("cap_drop") == ["ALL"], f"{name} keeps capabilities")
            grace = seconds(service.get("stop_grace_period", "10s"))
            self.expect(grace > self.drain(environment), f"{name} is killed after {grace} s, before it has drained")
            shares = any(other.get("network_mode") == f"service:{name}" for other in document["services"].values())
            if not shares:
                self.reachable(8080, environment)

    def reachable(self, port: int, environment: dict[str, str]) -> None:
        """A port that is asked from outside of the container needs a listener that hears it."""
        listeners = [environment.get(name, default) for name, default in DEFAULTS.items()]
        self.expect(f"0.0.0.0:{port}" in listeners, f"nothing listens at {port} for others than the container itself")

    # Kubernetes.

    def kubernetes(self, documents: list[dict[str, Any]]) -> None:
        for document in documents:
            for version in KUBERNETES:
                try:
                    kubernetes_validate.validate(document, version, strict=True)
                except kubernetes_validate.ValidationError as error:
                    where = ".".join(str(step) for step in error.path)
                    self.expect(False, f"{document['kind']}, Kubernetes {version}: {where}: {error.message}")
                except kubernetes_validate.SchemaNotFoundError:
                    kind = f"{document['apiVersion']} {document['kind']}"
                    self.expect(False, f"Kubernetes {version} knows no {kind}")
        workloads = {each["metadata"]["name"]: each for each in documents if each["kind"] == "Deployment"}
        for workload in workloads.values():
            self.workload(workload)
        for document in documents:
            kind, spec = document["kind"], document["spec"]
            if kind == "HorizontalPodAutoscaler":
                target = workloads.get(spec["scaleTargetRef"]["name"])
                self.expect(target, "it scales nothing that is there")
                self.expect(target and "replicas" not in target["spec"], "`replicas` works against the autoscaler")
            if kind in ("Service", "PodDisruptionBudget"):
                selector = spec["selector"] if kind == "Service" else spec["selector"]["matchLabels"]
                pods = [each["spec"]["template"] for each in workloads.values()]
                chosen = [pod for pod in pods if selector.items() <= pod["metadata"]["labels"].items()]
                self.expect(len(chosen) == 1, f"the {kind} chooses {len(chosen)} workloads")
                for port in spec.get("ports", []):
                    names = [each["name"] for pod in chosen for _, c in containers(pod) for each in c.get("ports", [])]
                    self.expect(port["targetPort"] in names, f"no container has a port {port['targetPort']}")

    def workload(self, workload: dict[str, Any]) -> None:
        spec, pod = workload["spec"], workload["spec"]["template"]
        labels = pod["metadata"]["labels"]
        self.expect(spec["selector"]["matchLabels"].items() <= labels.items(), "the selector does not choose its pods")
        ours = [(kind, container) for kind, container in containers(pod) if is_ours(container["image"])]
        self.expect(len(ours) == 1, f"{len(ours)} containers are the shim")
        for kind, container in ours:
            if kind == "initContainers":
                self.expect(container.get("restartPolicy") == "Always", "an init container that never ends")
            self.pod_container(container, pod["spec"])

    def pod_container(self, container: dict[str, Any], pod: dict[str, Any]) -> None:
        variables = container.get("env", [])
        known = {each["name"]: each["value"] for each in variables if "value" in each}
        given = [each["name"] for each in variables if "value" not in each]
        environment = self.container(Container(container["image"], known, given))
        ports = {port["name"]: port["containerPort"] for port in container.get("ports", [])}
        for port in ports.values():
            self.reachable(port, environment)
        for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
            self.probe(probe, container.get(probe, {}), ports, environment)
        grace = pod.get("terminationGracePeriodSeconds", 30)
        hook = container.get("lifecycle", {}).get("preStop", {}).get("sleep", {}).get("seconds", 0)
        self.expect(hook, "nothing keeps it up while endpoints are taken away")
        needed = hook + self.drain(environment)
        self.expect(grace > needed, f"it is killed after {grace} s, and needs {needed}")
        # The standard called `restricted`, and a root that cannot be written to.
        context = container.get("securityContext", {})
        for name, value in (
            ("runAsNonRoot", True),
            ("readOnlyRootFilesystem", True),
            ("allowPrivilegeEscalation", False),
            ("capabilities", {"drop": ["ALL"]}),
            ("seccompProfile", {"type": "RuntimeDefault"}),
        ):
            self.expect(context.get(name) == value, f"securityContext.{name} is {context.get(name)}")
        user = context.get("runAsUser", self.image.user)
        self.expect(user == self.image.user, f"it runs as {user}, the image as {self.image.user}")
        resources = container.get("resources", {})
        self.expect(resources.get("requests", {}).keys() >= {"cpu", "memory"}, "it asks for no resources")
        self.expect("memory" in resources.get("limits", {}), "its memory has no limit")

    def probe(self, name: str, probe: dict[str, Any], ports: dict[str, int], environment: dict[str, str]) -> None:
        is_life = name == "livenessProbe"
        if "exec" in probe:
            command = probe["exec"]["command"]
            self.command(command)
            self.expect(("--live" in command) == is_life, f"{name} asks the wrong question: {command}")
            # The command gives up after 5 s, and should be the one to say so.
            self.expect(probe.get("timeoutSeconds", 1) > 5, f"{name} gives up before healthcheck does")
        elif "httpGet" in probe:
            asked = probe["httpGet"]
            port = ports.get(asked["port"])
            admin = environment.get("SHIM_ADMIN", DEFAULTS["SHIM_ADMIN"])
            self.expect(admin == f"0.0.0.0:{port}", f"{name} asks {port}, and the admin listener is at {admin}")
            self.expect(asked["path"] == ("/healthz" if is_life else "/readyz"), f"{name} asks {asked['path']}")
        else:
            self.expect(False, f"there is no {name}")


@cache
def run(
    binary: Path, arguments: tuple[str, ...], environment: tuple[tuple[str, str], ...]
) -> subprocess.CompletedProcess[str]:
    """The program's answer is the same each time: it looks at nothing but these."""
    return subprocess.run([binary, *arguments], env=dict(environment), capture_output=True, text=True, timeout=30)


DEFAULTS = {"SHIM_LISTEN": "127.0.0.1:8080", "SHIM_ADMIN": "127.0.0.1:8081"}


def containers(pod: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for kind in ("initContainers", "containers"):
        for container in pod["spec"].get(kind, []):
            yield kind, container


def is_ours(image: str) -> bool:
    return image.rpartition("/")[2].partition(":")[0] == NAME


def seconds(text: str) -> float:
    factors = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}
    matched = re.fullmatch(r"(\d+)(ms|s|m|h)", text)
    assert matched, f"{text} is no duration"
    return int(matched[1]) * factors[matched[2]]


class Misunderstood(Exception):
    """A docker command with something that is not known here."""


def silent() -> argparse.ArgumentParser:
    class Parser(argparse.ArgumentParser):
        def error(self, message: str) -> Any:
            raise Misunderstood(message)

    return Parser(add_help=False)


def blocks(markdown: str) -> Iterator[tuple[int, str, str]]:
    """Line, kind and text of each fenced block."""
    for matched in re.finditer(r"^```(\w+)[^\n]*\n(.*?)^```$", markdown, re.MULTILINE | re.DOTALL):
        yield markdown[: matched.start()].count("\n") + 1, matched[1], matched[2]


def findings(readme: str, dockerfile: str, binary: Path) -> list[str]:
    """Everything that is wrong with the README's manifests."""
    version = tomllib.loads((REPOSITORY / "Cargo.toml").read_text())["package"]["version"]
    checks = Checks(Image.read(dockerfile), binary, version)
    seen = set()
    for line, kind, text in blocks(readme):
        checks.place = f"README.md:{line}"
        if kind == "sh":
            for command in re.findall(r"^docker .*$", text.replace("\\\n", " "), re.MULTILINE):
                seen.add("docker")
                try:
                    checks.docker(command)
                except (Misunderstood, ValueError) as error:
                    checks.expect(False, f"`{command}`: {error}")
        if kind in ("yaml", "yml"):
            try:
                documents = list(yaml.safe_load_all(text))
            except yaml.YAMLError as error:
                checks.expect(False, str(error))
                continue
            if all("apiVersion" in document for document in documents):
                seen.add("kubernetes")
                checks.kubernetes(documents)
            elif len(documents) == 1 and "services" in documents[0]:
                seen.add("compose")
                checks.compose(text, documents[0])
            else:
                checks.expect(False, "neither Kubernetes nor Compose")
    checks.place = "README.md"
    checks.expect(seen == {"docker", "compose", "kubernetes"}, f"shows only {', '.join(sorted(seen))}")
    return checks.findings


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binary", type=Path, default=TARGET / "debug" / NAME, help="default: %(default)s")
    options = parser.parse_args()
    readme, dockerfile = (REPOSITORY / "README.md").read_text(), (REPOSITORY / "Dockerfile").read_text()
    wrong = findings(readme, dockerfile, options.binary)
    print("\n".join(wrong) or "the manifests of the README are good")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
