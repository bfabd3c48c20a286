"""Manifests as Kubernetes would get them, and questions that several tests ask of them."""

from __future__ import annotations

import functools
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[1]
K8S = ROOT / "k8s"
OVERLAYS = ("single", "cluster", "example")
WORKLOADS = ("StatefulSet", "Deployment", "Job")

Thing = dict[str, Any]


def _kustomize() -> list[str]:
    """kubectl with kustomize 4 or newer (1.21), else kustomize itself; tests/install-peers.sh sees to one of them."""
    if shutil.which("kubectl"):
        version = subprocess.run(["kubectl", "version", "--client", "-o", "yaml"], capture_output=True, text=True)
        minor = re.search(r'minor: "?(\d+)', version.stdout)
        if minor and int(minor[1]) >= 21:
            return ["kubectl", "kustomize"]
    found = shutil.which("kustomize") or str(Path.home() / "go" / "bin" / "kustomize")
    assert Path(found).exists(), "expected kubectl 1.21 or newer, or kustomize; tests/install-peers.sh installs one"
    return [found, "build"]


@functools.cache
def rendered(overlay: str) -> tuple[Thing, ...]:
    """All that `kubectl apply -k` would send. The example is built in a copy, with secrets that its script makes."""
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "k8s"
        shutil.copytree(K8S, copy)
        place = copy / ("example" if overlay == "example" else f"overlays/{overlay}")
        if overlay == "example":
            subprocess.run(["./make-secrets.sh"], cwd=place, check=True)
        done = subprocess.run([*_kustomize(), str(place)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return tuple(one for one in yaml.safe_load_all(done.stdout) if one)


def of_kind(overlay: str, *kinds: str) -> list[Thing]:
    return [one for one in rendered(overlay) if one["kind"] in kinds]


@dataclass(frozen=True, slots=True)
class Held:
    """A container, where it stands."""

    overlay: str
    workload: Thing
    pod: Thing
    container: Thing
    sidecar: bool

    def __str__(self) -> str:
        return f"{self.overlay}/{self.workload['metadata']['name']}/{self.container['name']}"

    def port(self, name: str | int) -> int:
        if isinstance(name, int):
            return name
        (found,) = [one["containerPort"] for one in self.container.get("ports", ()) if one.get("name") == name]
        return int(found)

    def env(self) -> dict[str, str]:
        """The variables that it would see. Of a secret the example's own value; of the pod a likely one."""
        seen: dict[str, str] = {}
        for source in self.container.get("envFrom", ()):
            (found,) = [
                one for one in of_kind(self.overlay, "ConfigMap")
                if one["metadata"]["name"] == source["configMapRef"]["name"]
            ]  # fmt: skip
            seen |= found["data"]
        for one in self.container.get("env", ()):
            value = one.get("value") if "value" in one else _looked_up(one["valueFrom"])
            assert value is not None, f"{self}: {one['name']} refers to nothing"
            seen[one["name"]] = re.sub(r"\$\((\w+)\)", lambda match: seen[match[1]], str(value))
        return seen


def _looked_up(source: Thing) -> str | None:
    if "fieldRef" in source:
        return {"metadata.name": "pod-0", "status.podIP": "10.1.2.3", "status.hostIP": "192.0.2.7"}[
            source["fieldRef"]["fieldPath"]
        ]
    wanted = source["secretKeyRef"]
    return example_secrets().get(wanted["name"], {}).get(wanted["key"])


@functools.cache
def example_secrets() -> dict[str, dict[str, str]]:
    """What make-secrets.sh made, by the name that manifests ask for (without kustomize's hash)."""
    import base64

    found: dict[str, dict[str, str]] = {}
    for one in of_kind("example", "Secret"):
        values = {key: base64.b64decode(value).decode() for key, value in one["data"].items()}
        found[one["metadata"]["name"]] = values
        found[one["metadata"]["name"].rpartition("-")[0]] = values
    return found


def containers(*overlays: str) -> Iterator[Held]:
    for overlay in overlays or OVERLAYS:
        for workload in of_kind(overlay, *WORKLOADS):
            pod = workload["spec"]["template"]
            for kind in ("initContainers", "containers"):
                for container in pod["spec"].get(kind, ()):
                    yield Held(overlay, workload, pod, container, kind == "initContainers")


def selects(selector: Thing, labels: dict[str, str]) -> bool:
    """Whether a label selector takes a pod of these labels."""
    for key, value in selector.get("matchLabels", {}).items():
        if labels.get(key) != value:
            return False
    for one in selector.get("matchExpressions", ()):
        assert one["operator"] == "In"
        if labels.get(one["key"]) not in one["values"]:
            return False
    return True
