"""k8s/: every overlay is built by kustomize, fits the strict schemas, and agrees with the program that it runs."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import kubernetes_validate
import pytest
from jsonschema import Draft202012Validator

from hub import __version__
from hub.__main__ import COMMANDS
from hub.ledger.signing.local import LocalSigners
from hub.settings import PREFIX, Settings, load_settings
from tests.manifests import (
    K8S,
    OVERLAYS,
    WORKLOADS,
    Held,
    Thing,
    containers,
    example_secrets,
    of_kind,
    rendered,
    selects,
)

pytestmark = pytest.mark.real

VERSIONS = ("1.29", "1.33", "1.37")
"""The oldest that knows sidecars that end after their pod's other containers, one between, the newest there is."""
STOP_S = 30
"""What an orderly stop may take beyond a drain."""
UNITS = {"m": 1e-3, "": 1.0, "Mi": 2**20, "Gi": 2**30, "Ti": 2**40}


def each(*overlays: str) -> Callable[[Callable[[Held], None]], Callable[[], None]]:
    """The test for every container of these overlays. They are built when it runs, not when tests are collected."""

    def for_all(test: Callable[[Held], None]) -> Callable[[], None]:
        def run() -> None:
            for held in containers(*overlays):
                try:
                    test(held)
                except Exception as error:
                    error.add_note(str(held))
                    raise

        run.__name__, run.__doc__ = test.__name__, test.__doc__
        return run

    return for_all


def amount(text: str | int) -> float:
    digits = str(text).rstrip("mMGTi")
    return float(digits) * UNITS[str(text)[len(digits) :]]


# ---------------------------------------------------------------------------------------- schemas


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("overlay", OVERLAYS)
def test_it_fits_the_strict_schemas(overlay: str, version: str) -> None:
    for thing in rendered(overlay):
        if not thing["apiVersion"].startswith("monitoring.coreos.com/"):
            kubernetes_validate.validate(thing, version, strict=True)


def closed(required: list[str], **properties: object) -> Thing:
    return {"type": "object", "additionalProperties": False, "required": required, "properties": properties}


TEXT: Thing = {"type": "string", "minLength": 1}
TEXTS: Thing = {"type": "object", "additionalProperties": {"type": "string"}}
DURATION: Thing = {"type": "string", "pattern": r"^(\d+(ms|[smhdwy]))+$"}
META = closed(["name"], name=TEXT, namespace=TEXT, labels=TEXTS)
KEY = closed(["name", "key"], name=TEXT, key=TEXT)
RULE = closed(["alert", "expr"], alert=TEXT, expr=TEXT, **{"for": DURATION}, labels=TEXTS, annotations=TEXTS)
ENDPOINT = closed(
    ["port", "path"], port=TEXT, path=TEXT, scheme={"enum": ["http", "https"]}, interval=DURATION,
    authorization=closed(["credentials"], credentials=KEY),
    tlsConfig=closed([], ca=closed(["secret"], secret=KEY), serverName=TEXT),
)  # fmt: skip
CUSTOM = {
    "PrometheusRule": closed(["groups"], groups={"type": "array", "items": closed(
        ["name", "rules"], name=TEXT, rules={"type": "array", "minItems": 1, "items": RULE})}),
    "ServiceMonitor": closed(["selector", "endpoints"], selector=closed([], matchLabels=TEXTS),
                             podTargetLabels={"type": "array", "items": TEXT},
                             endpoints={"type": "array", "minItems": 1, "items": ENDPOINT}),
}  # fmt: skip
"""What is used of the prometheus-operator's v1 resources, and nothing else."""


def test_custom_resources_fit_the_operator() -> None:
    found = [one for one in rendered("example") if one["apiVersion"] == "monitoring.coreos.com/v1"]
    assert {one["kind"] for one in found} == set(CUSTOM)
    for one in found:
        schema = closed(["apiVersion", "kind", "metadata", "spec"], apiVersion=TEXT, kind=TEXT, metadata=META,
                        spec=CUSTOM[one["kind"]])  # fmt: skip
        Draft202012Validator(schema).validate(one)


# ---------------------------------------------------------------------------------------- the program


@each()
def test_its_environment_is_one_that_the_hub_takes(held: Held) -> None:
    settings = load_settings(environ=held.env())
    assert settings.log_format == "json"
    known = {command.add.__module__.rpartition(".")[2].rstrip("_") for command in COMMANDS}
    assert held.container["args"][0] in known


def test_every_variable_is_a_setting_by_name() -> None:
    named = {name for held in containers() for name in held.env()} - {"POD_IP"}
    assert named <= {f"{PREFIX}{name.upper()}" for name in Settings.model_fields}


def test_the_three_roles_are_played() -> None:
    for overlay in ("cluster", "example"):
        played = {held.env().get("HUB_ROLES") for held in containers(overlay) if held.container["args"] == ["serve"]}
        assert played == {"ingest", "api", "notary"}
    (alone,) = [held for held in containers("single") if not held.sidecar]
    assert not load_settings(environ=alone.env()).clustered


@each()
def test_ports_agree(held: Held) -> None:
    settings = load_settings(environ=held.env())
    names = {one.get("name") for one in held.container.get("ports", ())}
    if "node" in names:
        assert held.port("node") == int(settings.node_listen.rpartition(":")[2])
        assert settings.node_address == f"http://10.1.2.3:{held.port('node')}"
    if "https" in names:
        assert held.port("https") == settings.port
        assert settings.tls_cert is not None
    for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
        asked = held.container.get(probe, {}).get("httpGet")
        if asked:
            assert held.port(asked["port"])
            assert asked.get("scheme", "HTTP") == ("HTTPS" if asked["port"] == "https" else "HTTP")


@each()
def test_a_range_of_media_ports_is_one_range_everywhere(held: Held) -> None:
    opened = [one for one in held.container.get("ports", ()) if one.get("protocol") == "UDP"]
    told = load_settings(environ=held.env()).webrtc_port_range
    if told is None:
        assert not opened
        return
    first, last = told
    assert [one["containerPort"] for one in opened] == list(range(first, last + 1))
    assert all(one["hostPort"] == one["containerPort"] for one in opened)
    (policy,) = [one for one in of_kind(held.overlay, "NetworkPolicy") if one["metadata"]["name"] == "recorders"]
    (port,) = policy["spec"]["ingress"][0]["ports"]
    assert (port["port"], port["endPort"], port["protocol"]) == (first, last, "UDP")
    assert load_settings(environ=held.env()).webrtc_addresses == ("192.0.2.7",)


@each("cluster", "example")
def test_a_pod_that_drains_has_time_for_it(held: Held) -> None:
    if held.env().get("HUB_ROLES") != "ingest":
        return
    assert held.container["lifecycle"]["preStop"]["exec"]["command"] == ["hub", "drain"]
    drain_s = load_settings(environ=held.env()).drain_s
    assert held.pod["spec"]["terminationGracePeriodSeconds"] >= drain_s + STOP_S


@each()
def test_a_hub_has_all_three_probes(held: Held) -> None:
    if held.container["args"] == ["serve"]:
        paths = {
            name: held.container[f"{name}Probe"]["httpGet"]["path"] for name in ("startup", "liveness", "readiness")
        }
        assert paths == {"startup": "/healthz", "liveness": "/healthz", "readiness": "/readyz"}


# ---------------------------------------------------------------------------------------- safety


@each()
def test_it_runs_with_no_more_than_it_needs(held: Held) -> None:
    pod, own = held.pod["spec"], held.container["securityContext"]
    both = {**pod["securityContext"], **own}
    assert both["runAsNonRoot"] is True
    assert both["runAsUser"] == (10002 if held.container["name"] == "signer" else 10001)
    assert both["seccompProfile"] == {"type": "RuntimeDefault"}
    assert own["allowPrivilegeEscalation"] is False
    assert own["readOnlyRootFilesystem"] is True
    assert own["capabilities"] == {"drop": ["ALL"]}
    assert pod["automountServiceAccountToken"] is False
    assert pod["enableServiceLinks"] is False  # a Service named hub-… would give variables that the hub refuses
    assert not pod.get("hostNetwork")


@each()
def test_it_has_requests_and_limits(held: Held) -> None:
    asked, most = held.container["resources"]["requests"], held.container["resources"]["limits"]
    assert set(asked) == set(most) == {"cpu", "memory"}
    assert all(0 < amount(asked[name]) <= amount(most[name]) for name in asked)


@each()
def test_what_it_writes_to_is_a_volume(held: Held) -> None:
    settings = load_settings(environ=held.env())
    mounted = [one["mountPath"] for one in held.container.get("volumeMounts", ()) if not one.get("readOnly")]
    if held.container["name"] == "signer":
        assert {"/keys", "/run/hub-signer"} == set(mounted)
        return
    for folder in ("/tmp", *([str(settings.data)] if held.container["args"] == ["serve"] else [])):
        assert any(Path(folder).is_relative_to(place) for place in mounted), f"{folder} is read-only"
    if settings.signer_socket:
        assert str(settings.keys_dir) in mounted  # the memory of a witness


def test_only_the_signer_sees_the_signing_key() -> None:
    for held in containers():
        named = {one["name"] for one in held.container.get("env", ())}
        assert ("HUB_SIGNING_KEY" in named) == (held.container["name"] == "signer")
        if held.container["name"] == "signer":
            assert held.sidecar
            assert held.container["restartPolicy"] == "Always"
            (hub,) = held.pod["spec"]["containers"]
            places = {one["mountPath"]: (one["name"], one.get("subPath")) for one in held.container["volumeMounts"]}
            others = {(one["name"], one.get("subPath")) for one in hub["volumeMounts"]}
            assert places["/keys"] not in others
            assert places["/run/hub-signer"] in others


def test_no_secret_is_written_down() -> None:
    secret = {name for name, field in Settings.model_fields.items() if "SecretStr" in str(field.annotation)}
    for overlay in ("single", "cluster"):
        assert not of_kind(overlay, "Secret")
        for held in containers(overlay):
            for one in held.container.get("env", ()):
                if one["name"].removeprefix(PREFIX).lower() in secret:
                    assert "secretKeyRef" in one["valueFrom"]
        for one in of_kind(overlay, "ConfigMap"):
            assert not {key.removeprefix(PREFIX).lower() for key in one["data"]} & secret
    assert not [path for path in (K8S / "example").iterdir() if path.suffix in (".pem", ".key", ".crt")]


def test_the_script_makes_secrets_that_work(tmp_path: Path) -> None:
    secrets = example_secrets()
    signer = LocalSigners(tmp_path, secrets["recorder-hub-signing"]["signing_key"]).open("test.example/log", make=True)
    assert signer.custody
    signer.close()
    assert len(secrets["recorder-hub"]["cluster_secret"]) == 48
    assert "BEGIN CERTIFICATE" in secrets["recorder-hub-tls"]["tls.crt"]


# ---------------------------------------------------------------------------------------- how things find each other


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_selectors_find_their_pods(overlay: str) -> None:
    workloads = of_kind(overlay, *WORKLOADS)
    for one in workloads:
        if one["kind"] != "Job":
            taken = [
                other["metadata"]["name"] for other in workloads
                if selects(one["spec"]["selector"], other["spec"]["template"]["metadata"]["labels"])
            ]  # fmt: skip
            assert taken == [one["metadata"]["name"]]
    for service in of_kind(overlay, "Service"):
        found = [held for held in containers(overlay) if not held.sidecar
                 and selects({"matchLabels": service["spec"]["selector"]}, held.pod["metadata"]["labels"])]  # fmt: skip
        assert found
        for port in service["spec"]["ports"]:
            assert all(held.port(port["targetPort"]) for held in found)
    for budget in of_kind(overlay, "PodDisruptionBudget"):
        names = [
            one["metadata"]["name"] for one in workloads
            if selects(budget["spec"]["selector"], one["spec"]["template"]["metadata"]["labels"])
        ]  # fmt: skip
        assert names == [budget["metadata"]["name"]]
    if overlay != "single":
        assert len(of_kind(overlay, "PodDisruptionBudget")) == 3


def test_what_prometheus_scrapes_exists() -> None:
    monitors, services = of_kind("example", "ServiceMonitor"), of_kind("example", "Service")
    for monitor in monitors:
        (service,) = [one for one in services if selects(monitor["spec"]["selector"], one["metadata"]["labels"])]
        for endpoint in monitor["spec"]["endpoints"]:
            assert endpoint["port"] in {one["name"] for one in service["spec"]["ports"]}
            wanted = endpoint["authorization"]["credentials"]
            assert wanted["key"] in example_secrets()[wanted["name"]]


def labels_of(overlay: str, part: str) -> dict[str, str]:
    (found,) = [
        one for one in of_kind(overlay, *WORKLOADS) if one["metadata"]["labels"]["app.kubernetes.io/component"] == part
    ]
    return dict(found["spec"]["template"]["metadata"]["labels"])


def rules(overlay: str, part: str, direction: str) -> list[Thing]:
    labels = labels_of(overlay, part)
    return [
        rule for policy in of_kind(overlay, "NetworkPolicy") if selects(policy["spec"]["podSelector"], labels)
        for rule in policy["spec"].get(direction, ())
    ]  # fmt: skip


def may(overlay: str, source: str, target: str, port: str) -> bool:
    """Whether both ends let a pod speak with another."""
    sends = any(
        selects(peer["podSelector"], labels_of(overlay, target))
        for rule in rules(overlay, source, "egress") if port in [one["port"] for one in rule["ports"]]
        for peer in rule["to"] if "podSelector" in peer and "namespaceSelector" not in peer
    )  # fmt: skip
    takes = any(
        selects(peer["podSelector"], labels_of(overlay, source))
        for rule in rules(overlay, target, "ingress") if port in [one["port"] for one in rule["ports"]]
        for peer in rule["from"] if "podSelector" in peer and "namespaceSelector" not in peer
    )  # fmt: skip
    return sends and takes


def calls(part: str, port: int) -> bool:
    """Whether a part may call this port of an address outside."""
    return any(
        one["port"] == port and one["protocol"] == "TCP"
        for rule in rules("cluster", part, "egress") if any("ipBlock" in peer for peer in rule["to"])
        for one in rule["ports"]
    )  # fmt: skip


def test_nobody_speaks_but_who_must() -> None:
    for overlay in OVERLAYS:
        (deny,) = [one for one in of_kind(overlay, "NetworkPolicy") if one["metadata"]["name"] == "deny-all"]
        assert deny["spec"] == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}
    nodes = ("ingest", "api", "notary")
    assert all(may("cluster", one, other, "node") for one in nodes for other in nodes)
    assert not any(
        may("cluster", "migrate", other, "node") or may("cluster", other, "migrate", "node") for other in nodes
    )
    doors = [
        part
        for part in nodes
        if any("https" in [p["port"] for p in rule["ports"]] for rule in rules("cluster", part, "ingress"))
    ]
    assert doors == ["api"]
    assert [part for part in (*nodes, "migrate") if calls(part, 554)] == ["ingest", "notary"]
    assert [part for part in (*nodes, "migrate") if calls(part, 5432)] == [*nodes, "migrate"]
    assert [part for part in (*nodes, "migrate") if calls(part, 587)] == ["notary"]
    assert [part for part in (*nodes, "migrate") if calls(part, 9000)] == [*nodes]


def test_a_site_gives_its_own_networks() -> None:
    (cameras,) = [one for one in of_kind("example", "NetworkPolicy") if one["metadata"]["name"] == "to-cameras"]
    assert [peer["ipBlock"]["cidr"] for rule in cameras["spec"]["egress"] for peer in rule["to"]] == ["10.20.0.0/16"]


def test_the_example_runs_this_version() -> None:
    assert {held.container["image"] for held in containers("example")} == {f"recorder-hub:{__version__}"}


def test_host_ports_alone_loosen_the_namespace() -> None:
    (namespace,) = of_kind("cluster", "Namespace")
    assert namespace["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "privileged"
    assert "enforce: restricted" in (K8S / "base" / "namespace.yaml").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("script", "arguments", "written"),
    [
        ("webrtc/ports.py", ["40000", "40127"], ["webrtc/ports.yaml", "webrtc/recorders.yaml"]),
        ("monitoring/rule.py", [], ["monitoring/rule.yaml"]),
    ],
)
def test_what_scripts_write_is_what_they_wrote(
    tmp_path: Path, script: str, arguments: list[str], written: list[str]
) -> None:
    copy = tmp_path / script.partition("/")[0]
    subprocess.run(["cp", "-r", str(K8S / "components" / copy.name), str(copy)], check=True)
    for name in written:
        (tmp_path / name).write_text("", encoding="utf-8")
    subprocess.run([sys.executable, str(tmp_path / script), *arguments], check=True)
    for name in written:
        assert (tmp_path / name).read_text(encoding="utf-8") == (K8S / "components" / name).read_text(encoding="utf-8")
