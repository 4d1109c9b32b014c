"""The checks of the README's manifests find what they are for: each line is a mistake that somebody could make."""

from __future__ import annotations

import re
import unittest

import manifests

# What is replaced, by what, and a part of what has to be found. Each is in the README as often as it says.
MISTAKES = [
    # What schemas know.
    ("readinessProbe:", "readynessProbe:", "readynessProbe"),
    ("sleep: {seconds: 5}", "sleep: {second: 5}", "'seconds' is a required property"),
    ("restartPolicy: Always", "restartPolicy: Forever", "ends"),
    ("periodSeconds: 5", "periodSeconds: often", "is not of type"),
    ("maxReplicas: 10", "maximum: 10", "maxReplicas"),
    ("stop_grace_period: 35s", "stop_grace: 35s", "stop_grace"),
    ("condition: service_healthy", "condition: service_well", "service_well"),
    # Settings.
    ("SHIM_LISTEN: 127", "SHIM_LISTENER: 127", "SHIM_LISTENER is no setting"),
    ('name: SHIM_ADMIN, value: "0.0.0.0:8081"', 'name: SHIM_ADMIN, value: "8081"', "its settings are refused"),
    ("- name: SHIM_FINGERPRINT_SALT", "- name: SHIM_SALT", "SHIM_SALT is no setting"),
    ("--env SHIM_UPSTREAM=https://app.polytomic.com polytomic-shim\n", "--env SHIM_UPSTREAM=app polytomic-shim\n", "refused"),
    # Ports, commands, images and users.
    ("containerPort: 8080", "containerPort: 8090", "nothing listens at 8090"),
    (", port: admin}\n            periodSeconds: 5", ", port: http}\n            periodSeconds: 5", "readinessProbe asks 8080"),
    ("path: /healthz", "path: /readyz", "livenessProbe asks /readyz"),
    ('            - {name: SHIM_ADMIN, value: "0.0.0.0:8081"}\n', "", "nothing listens at 8081"),
    ("8080:8080", "8080:80", "nothing listens at 80"),
    ("[/polytomic-shim, healthcheck, --live]", "[/polytomic-shim, healthcheck, --alive]", "--alive is not understood"),
    ("[/polytomic-shim, healthcheck, --live]", "[/polytomic-shim, healthcheck]", "asks the wrong question"),
    ("[/polytomic-shim, healthcheck, --live]", "[sh, -c, true]", "there is no sh in the image"),
    ("polytomic-shim check", "polytomic-shim chek", "chek is not understood"),
    ("polytomic-shim:0.1.0", "polytomic-shim:0.0.9", "is not this version's"),
    ("runAsUser: 65532", "runAsUser: 0", "it runs as 0"),
    ("build --tag polytomic-shim", "build --tag shim", "the image is built as shim"),
    ("--read-only", "--readonly", "--readonly"),
    # Times.
    ("terminationGracePeriodSeconds: 45", "terminationGracePeriodSeconds: 30", "and needs 35"),
    ("terminationGracePeriodSeconds: 60", "# default", "and needs 30"),
    ("stop_grace_period: 35s", "stop_grace_period: 20s", "before it has drained"),
    ("--stop-timeout 35 ", "", "before it has drained"),
    # Rights.
    ("readOnlyRootFilesystem: true", "readOnlyRootFilesystem: false", "readOnlyRootFilesystem is False"),
    ("capabilities: {drop: [ALL]}", "capabilities: {drop: [NET_RAW]}", "capabilities is"),
    ("read_only: true", "read_only: false", "can be written to"),
    # What belongs together.
    ("network_mode: service:shim", "network_mode: service:proxy", "proxy, which is no service"),
    ("selector: {app: polytomic-shim}", "selector: {app: shim}", "chooses 0 workloads"),
    ("targetPort: http", "targetPort: web", "no container has a port web"),
    ("    kind: Deployment\n    name: polytomic-shim", "    kind: Deployment\n    name: shim", "scales nothing"),
    ("  # How many is the autoscaler's business.", "  replicas: 3", "works against the autoscaler"),
    ("apiVersion: policy/v1", "apiVersion: policy/v9", "knows no policy/v9"),
    ("apiVersion: policy/v1", "apiVersion: [policy", "expected"),
]


class Manifests(unittest.TestCase):
    readme = (manifests.REPOSITORY / "README.md").read_text()
    dockerfile = (manifests.REPOSITORY / "Dockerfile").read_text()
    binary = manifests.TARGET / "debug" / manifests.NAME

    def found(self, readme: str) -> str:
        return "\n".join(manifests.findings(readme, self.dockerfile, self.binary))

    def test_each_mistake_is_found(self) -> None:
        for before, after, expected in MISTAKES:
            with self.subTest(before=before, after=after):
                self.assertIn(before, self.readme)
                self.assertIn(expected, self.found(self.readme.replace(before, after)))

    def test_a_kind_of_block_that_is_gone_is_missed(self) -> None:
        text = re.sub(r"^```yaml\nservices:.*?^```$", "", self.readme, flags=re.MULTILINE | re.DOTALL)
        self.assertIn("shows only docker, kubernetes", self.found(text))


if __name__ == "__main__":
    unittest.main()
