"""Writes rule.yaml, the prometheus-operator's form of alerts.yaml: ``python3 k8s/components/monitoring/rule.py``."""

from __future__ import annotations

from pathlib import Path

FOLDER = Path(__file__).parent
HEAD = """# Written by rule.py from alerts.yaml.
apiVersion: monitoring.coreos.com/v1
kind: PrometheusRule
metadata:
  name: recorder-hub
  labels: {role: alert-rules}
spec:
"""


def rule(alerts: str) -> str:
    """The same groups, two columns further in."""
    lines = [line for line in alerts.splitlines() if not line.startswith("#")]
    return HEAD + "".join(f"  {line}\n" if line else "\n" for line in lines)


if __name__ == "__main__":
    text = (FOLDER / "alerts.yaml").read_text(encoding="utf-8")
    (FOLDER / "rule.yaml").write_text(rule(text), encoding="utf-8")
