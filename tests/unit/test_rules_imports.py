"""The import rule of docs/design/parts.md: dependencies run one way."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

HUB = Path(__file__).parents[2] / "hub"

BASE = {
    "model",
    "clock",
    "errors",
    "metrics",
    "settings",
    "database",
    "outage",
    "logging",
    "bitstream",
    "typesetting",
    "words",
    "shelf",
}
PARTS = {"ingest", "segmenter", "ledger", "monitor"}

ALLOWED: dict[str, set[str]] = {
    "model": {"clock"},
    "clock": set(),
    "words": {"model"},
    "errors": set(),
    "metrics": set(),
    "typesetting": {"errors"},
    "systemd": set(),
    "outage": {"clock"},
    "database": {"errors", "model", "settings"},
    "bitstream": {"errors"},
    "settings": {"cluster_settings", "errors"},
    "cluster_settings": set(),
    "logging": {"settings", "errors", "clock", "metrics"},
    "registry": BASE,
    "people": BASE,
    "oidc": BASE,
    "devices": BASE | {"ingest", "monitor", "people", "registry"},
    "pipeline": BASE | PARTS,
    "api": BASE
    | PARTS
    | {"activities", "audit", "devices", "duty", "evidence", "followup", "footage", "notices", "people", "registry"}
    | {"inspection", "labels", "looks", "oidc", "operations", "reports", "retention", "telemetry", "walls"},
    "activities": BASE | {"ledger", "people"},
    "duty": BASE | {"ledger", "monitor", "people"},
    "reports": BASE | {"duty"},
    "notices": BASE | {"ledger", "monitor", "people"},
    "anchoring": BASE | {"ledger"},
    "audit": BASE | {"ledger"},
    "shelf": set(),
    "archive": BASE | {"ledger", "retention"},
    "app": BASE
    | PARTS
    | {
        "activities",
        "anchoring",
        "api",
        "archive",
        "audit",
        "cluster",
        "devices",
        "duty",
        "evidence",
        "fleet",
        "followup",
        "footage",
        "inspection",
        "labels",
        "looks",
        "notices",
        "oidc",
        "operations",
        "people",
        "pipeline",
        "preview",
        "registry",
        "retention",
        "systemd",
        "telemetry",
        "walls",
    },
    "fleet": BASE | PARTS | {"pipeline"},
    "preview": BASE | PARTS | {"pipeline"},
    "demo": BASE | {"app", "registry"},
    "evidence": BASE | PARTS | {"labels"},
    "footage": BASE | PARTS | {"people"},
    "bench": BASE | PARTS | {"activities", "audit", "demo", "app", "fleet", "pipeline"},
    "commands": BASE
    | PARTS
    | {
        "activities",
        "api",
        "app",
        "archive",
        "audit",
        "backup",
        "bench",
        "cluster",
        "demo",
        "duty",
        "evidence",
        "footage",
        "systemd",
    },
    "backup": BASE | {"ledger"},
    "__main__": {"commands", "errors"},
    "retention": BASE | {"ledger", "segmenter"},
    "telemetry": BASE | {"ledger", "people"},
    "followup": BASE | {"ledger", "people"},
    "walls": BASE,
    "inspection": BASE | {"activities", "archive", "cluster", "duty", "followup", "ledger", "people"},
    "labels": BASE | {"ledger", "people"},
    "looks": BASE | {"ledger", "people"},
    "operations": BASE | {"monitor"},
    "cluster": BASE | PARTS | {"activities", "cluster_settings", "duty", "fleet", "people", "pipeline", "registry"},
    **dict.fromkeys(PARTS, BASE),
}


def imported_rooms(path: Path) -> set[str]:
    """The parts of the hub that a file imports, absolute or relative imports alike."""
    package = ["hub", *path.relative_to(HUB).parts[:-1]]
    rooms: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            prefix = package[: len(package) - node.level + 1] if node.level else []
            module = [*prefix, node.module] if node.module else prefix
            base = ".".join(part for part in module if part)
            names = [f"{base}.{alias.name}" for alias in node.names] if base == "hub" else [base]
        else:
            continue
        rooms |= {name.split(".")[1] for name in names if name.startswith("hub.")}
    return rooms


FILES = sorted(path for path in HUB.rglob("*.py") if path != HUB / "__init__.py")


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(HUB)))
def test_imports_run_one_way(path: Path) -> None:
    room = path.relative_to(HUB).parts[0].removesuffix(".py")
    assert room in ALLOWED, f"hub/{room} is a new room: say in ALLOWED what it may import"
    forbidden = imported_rooms(path) - ALLOWED[room] - {room, "__version__"}
    assert not forbidden, f"{path.relative_to(HUB)} may not import hub.{', hub.'.join(sorted(forbidden))}"
