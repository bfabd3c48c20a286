"""Alert rules and the dashboard: promtool takes them, each rule sounds and falls silent, and all they name exists."""

from __future__ import annotations

import json
import re
import subprocess
from typing import Any

import pytest
import yaml
from prometheus_client import REGISTRY

import hub.metrics  # registers them
from tests.manifests import K8S, ROOT, of_kind

pytestmark = pytest.mark.real

FOLDER = K8S / "components" / "monitoring"
OF_TYPE = {
    "counter": ("_total",),
    "gauge": ("",),
    "histogram": ("_bucket", "_sum", "_count"),
    "info": ("_info",),
    "summary": ("", "_sum", "_count"),
}
ALWAYS = {"up"}
TARGET = {"instance", "job"}


def groups() -> list[dict[str, Any]]:
    return list(yaml.safe_load((FOLDER / "alerts.yaml").read_text(encoding="utf-8"))["groups"])


def alerts() -> list[dict[str, Any]]:
    return [rule for group in groups() for rule in group["rules"]]


def panels() -> list[dict[str, Any]]:
    return list(json.loads((FOLDER / "dashboard.json").read_text(encoding="utf-8"))["panels"])


def expressions() -> list[str]:
    return [rule["expr"] for rule in alerts()] + [one["expr"] for panel in panels() for one in panel.get("targets", ())]


def known() -> set[str]:
    """Each series' name that a hub may give: what counts, and what is asked at a scrape."""
    assert hub.metrics.STREAMS
    counted = {family.name + end for family in REGISTRY.collect() for end in OF_TYPE.get(family.type, ("",))}
    asked = re.findall(r'_family\(\s*"(\w+)"', (ROOT / "hub" / "api" / "gauges.py").read_text(encoding="utf-8"))
    return counted | {f"hub_{name}" for name in asked} | ALWAYS


def labels() -> dict[str, set[str]]:
    """The labels of each metric of hub/metrics.py, by the start of its series' names."""
    found = [one for one in vars(hub.metrics).values() if hasattr(one, "_labelnames")]
    return {one._name: set(one._labelnames) for one in found}


@pytest.mark.parametrize("arguments", [["check", "rules", "alerts.yaml"], ["test", "rules", "alerts.test.yaml"]])
def test_promtool_is_content(arguments: list[str]) -> None:
    done = subprocess.run(["promtool", *arguments], cwd=FOLDER, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_each_alert_is_heard_and_falls_silent() -> None:
    tests = yaml.safe_load((FOLDER / "alerts.test.yaml").read_text(encoding="utf-8"))["tests"]
    asked = [(one["alertname"], bool(one["exp_alerts"])) for test in tests for one in test["alert_rule_test"]]
    for rule in alerts():
        assert {(rule["alert"], True), (rule["alert"], False)} <= set(asked), rule["alert"]


def test_each_alert_has_its_paragraph() -> None:
    page = (ROOT / "docs" / "design" / "kubernetes.md").read_text(encoding="utf-8")
    told = re.findall(r"^#### (\w+)", page, re.MULTILINE)
    assert sorted(told) == sorted(rule["alert"] for rule in alerts())


@pytest.mark.parametrize("expression", expressions())
def test_every_metric_exists(expression: str) -> None:
    bare = re.sub(r'"[^"]*"', "", expression)
    named = set(re.findall(r"\b(?:hub_\w+|process_\w+|up)\b", bare))
    assert named
    assert named <= known()
    for name, matchers in re.findall(r"(hub_\w+)\{([^}]*)\}", expression):
        own = next((its for start, its in labels().items() if name.startswith(start)), None)
        if own is not None:
            assert set(re.findall(r"(\w+)\s*=", matchers)) <= own | TARGET


def test_the_operators_rule_is_the_plain_one() -> None:
    (rule,) = of_kind("example", "PrometheusRule")
    assert rule["spec"]["groups"] == groups()


def test_the_dashboard_is_whole() -> None:
    (found,) = [one for one in of_kind("example", "ConfigMap") if one["metadata"]["name"] == "recorder-hub-dashboard"]
    assert found["metadata"]["labels"]["grafana_dashboard"] == "1"
    assert json.loads(found["data"]["dashboard.json"])["panels"] == panels()
    places = [(panel["gridPos"]["x"], panel["gridPos"]["y"]) for panel in panels()]
    assert len(set(places)) == len(places)
    assert len({panel["id"] for panel in panels()}) == len(places)
    assert all(panel["gridPos"]["x"] + panel["gridPos"]["w"] <= 24 for panel in panels())
