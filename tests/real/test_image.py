"""Dockerfile and compose.yaml: what can be told of them without a daemon that builds and runs them."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft7Validator

from hub.__main__ import COMMANDS
from hub.settings import PREFIX, load_settings
from tests.manifests import ROOT, containers

pytestmark = pytest.mark.real

DOCKERFILE = (ROOT / "Dockerfile").read_text(encoding="utf-8")
KNOWN = {command.add.__module__.rpartition(".")[2].rstrip("_") for command in COMMANDS}


def stages() -> list[list[tuple[str, str]]]:
    """Instructions by stage: word and what follows it, lines joined."""
    joined = re.sub(r"\\\n", " ", re.sub(r"^#.*\n", "", DOCKERFILE, flags=re.MULTILINE))
    found: list[list[tuple[str, str]]] = [[]]
    for line in joined.splitlines():
        word, _, rest = line.strip().partition(" ")
        if word == "FROM":
            found.append([])
        if word:
            found[-1].append((word, rest.strip()))
    return found


def of(stage: list[tuple[str, str]], word: str) -> list[str]:
    return [rest for name, rest in stage if name == word]


def test_hadolint_has_nothing_to_say() -> None:
    tool = Path(sys.executable).with_name("hadolint")
    done = subprocess.run([str(tool), "--no-color", "Dockerfile"], cwd=ROOT, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "")


def test_images_are_named_without_a_registry() -> None:
    named = [rest.partition("=")[2] for rest in of(stages()[0], "ARG")]
    named += [one["image"] for one in services().values() if "image" in one]
    for image in named:
        assert re.fullmatch(r"[a-z0-9-]+(/[a-z0-9-]+)?(:[\w.-]+)?", image), image


def test_the_last_stage_runs_as_nobody_in_particular() -> None:
    last = stages()[-1]
    (user,) = of(last, "USER")
    assert user == "10001:10001"
    (made,) = of(last, "RUN")
    for tool in ("apt-get", "gcc", "npm", "pip install"):
        assert tool not in made
    assert "pip uninstall" in made
    for held in containers():
        merged = {**held.pod["spec"]["securityContext"], **held.container["securityContext"]}
        assert f"--uid {merged['runAsUser']}" in made
        assert f"--gid {merged['runAsGroup']}" in made
    assert json.loads(of(last, "ENTRYPOINT")[0]) == ["hub"]
    assert json.loads(of(last, "CMD")[0])[0] in KNOWN
    (health,) = of(last, "HEALTHCHECK")
    assert json.loads(health.partition("CMD ")[2]) == ["hub", "healthy"]
    assert "healthy" in KNOWN


def test_its_environment_is_one_that_the_hub_takes() -> None:
    pairs = dict(one.partition("=")[::2] for line in of(stages()[-1], "ENV") for one in line.split())
    settings = load_settings(environ={key: value for key, value in pairs.items() if key.startswith(PREFIX)})
    (made,) = re.findall(r"install -d \S+ \S+ \S+ \S+ \S+ \S+ ([/\w -]+?) +&&", of(stages()[-1], "RUN")[0])
    assert {str(settings.data), str(settings.keys_dir), "/run/hub-signer"} == set(made.split())


def test_what_it_copies_is_there_and_not_ignored() -> None:
    lines = (ROOT / ".dockerignore").read_text(encoding="utf-8").split("\n")
    kept = {line[1:] for line in lines if line.startswith("!")}
    assert "*" in lines
    for stage in stages():
        for copied in of(stage, "COPY"):
            if not copied.startswith("--from"):
                for source in copied.split()[:-1]:
                    assert (ROOT / source).exists()
                    assert Path(source).parts[0] in kept
    listed = subprocess.run(["git", "ls-files", *kept], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert {line.partition("/")[0] for line in listed.split()} == kept


# ---------------------------------------------------------------------------------------- compose.yaml


def compose() -> dict[str, Any]:
    """compose.yaml, its variables taken from the example filled in."""
    names = re.findall(r"^(\w+)=", (ROOT / "compose.env.example").read_text(encoding="utf-8"), re.MULTILINE)
    given = {name: f"{name.lower()}-of-a-test" for name in names} | {"HUB_ADDRESS": "192.0.2.7"}

    def fill(match: re.Match[str]) -> str:
        name, other = match[1], match[2]
        assert name in given or not other.startswith(":?"), f"compose.env.example does not name {name}"
        return given.get(name) or other.removeprefix(":-")

    text = re.sub(r"(?<!\$)\$\{(\w+)(:[?-][^}]*)\}", fill, (ROOT / "compose.yaml").read_text(encoding="utf-8"))
    return dict(yaml.safe_load(text))


def services() -> dict[str, dict[str, Any]]:
    return dict(compose()["services"])


def test_compose_fits_its_specification() -> None:
    schema = json.loads((ROOT / "tests" / "schemas" / "compose-spec.json").read_text(encoding="utf-8"))
    Draft7Validator(schema).validate(compose())


def test_no_secret_in_the_files() -> None:
    example = (ROOT / "compose.env.example").read_text(encoding="utf-8")
    assert not re.findall(r"^\w+=.+", example, re.MULTILINE)
    text = (ROOT / "compose.yaml").read_text(encoding="utf-8")
    for line in text.splitlines():
        if re.search(r"(PASSWORD|SECRET|ACCESS_KEY|SIGNING_KEY|DATABASE_URL|REDIS_URL)\w*: ", line):
            assert "${" in line, line
    assert "/compose.env" in (ROOT / ".gitignore").read_text(encoding="utf-8").split()


def test_each_part_is_there_as_often_as_it_should_be() -> None:
    roles = [one["environment"].get("HUB_ROLES") for one in services().values() if one.get("command") == ["serve"]]
    assert sorted(roles) == ["api", "api", "ingest", "ingest", "notary"]


def test_settings_of_compose_are_ones_that_the_hub_takes() -> None:
    ports: list[range] = []
    for name, one in services().items():
        if one.get("image") != "recorder-hub" or "entrypoint" in one:
            continue
        assert one["command"][0] in KNOWN
        settings = load_settings(environ={key: str(value) for key, value in one["environment"].items()})
        if one["command"] == ["serve"]:
            assert settings.node == name or name == "notary"
            assert settings.node_address == f"http://{name}:8081"
        if settings.webrtc_port_range:
            first, last = settings.webrtc_port_range
            assert one["ports"] == [f"{first}-{last}:{first}-{last}/udp"]
            assert not any(first in other or last in other for other in ports)
            ports.append(range(first, last + 1))
        assert one["read_only"] is True
        assert one["cap_drop"] == ["ALL"]


def test_what_services_lean_on_exists() -> None:
    found = compose()
    for name, one in found["services"].items():
        for other, how in one.get("depends_on", {}).items():
            assert other in found["services"], name
            checked = "healthcheck" in found["services"][other]
            assert checked or how["condition"] == "service_completed_successfully"
        for volume in one.get("volumes", ()):
            assert volume.partition(":")[0] in found["volumes"]
