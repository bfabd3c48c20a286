"""hub/settings.py: file, environment and command line, in rising order of weight."""

from __future__ import annotations

from pathlib import Path

import pytest

from hub.cluster_settings import ROLES
from hub.errors import SettingsError
from hub.settings import load_settings


def test_defaults_need_nothing() -> None:
    settings = load_settings(environ={})
    assert (settings.host, settings.port) == ("127.0.0.1", 8080)
    assert settings.webrtc_port_range is None


def test_environment_wins_over_file_and_command_line_over_both(tmp_path: Path) -> None:
    config = tmp_path / "hub.toml"
    config.write_text('listen = "127.0.0.1:1"\nreorder_ms = 50\norigins = ["https://a"]\n')
    environ = {"HUB_LISTEN": "127.0.0.1:2", "HUB_ORIGINS": "https://b, https://c", "HOME": "/nobody"}
    settings = load_settings(config, {"listen": "127.0.0.1:3", "data": None}, environ)
    assert settings.port == 3
    assert settings.reorder_ms == 50
    assert settings.origins == ("https://b", "https://c")


def test_unknown_keys_are_refused_by_name() -> None:
    with pytest.raises(SettingsError, match=r"unknown setting 'lisen'.*HUB_LISEN"):
        load_settings(environ={"HUB_LISEN": "x"})


def test_unknown_key_in_the_file(tmp_path: Path) -> None:
    config = tmp_path / "hub.toml"
    config.write_text("colour = 1\n")
    with pytest.raises(SettingsError, match="colour"):
        load_settings(config, environ={})


@pytest.mark.parametrize(
    ("key", "value", "word"),
    [
        ("HUB_LISTEN", "8080", "HOST:PORT"),
        ("HUB_LISTEN", "h:99999", "HOST:PORT"),
        ("HUB_WEBRTC_PORTS", "5-2", "FIRST-LAST"),
        ("HUB_REORDER_MS", "soon", "reorder_ms"),
        ("HUB_TLS_CERT", "/c.pem", "together"),
        ("HUB_KEYS_DIR", "data/keys", "inside"),
    ],
)
def test_bad_values_say_what_was_expected(key: str, value: str, word: str) -> None:
    with pytest.raises(SettingsError, match=word):
        load_settings(environ={key: value})


def test_secrets_do_not_show() -> None:
    settings = load_settings(environ={"HUB_ADMIN_TOKEN": "hunter2hunter2", "HUB_ADMIN_PASSWORD": "hunter3hunter3"})
    assert "hunter" not in repr(settings)


@pytest.mark.parametrize("key", ["HUB_ADMIN_TOKEN", "HUB_ADMIN_PASSWORD"])
@pytest.mark.parametrize("value", ["", "hunter2"])
def test_no_secret_is_empty_and_none_is_repeated(key: str, value: str) -> None:
    with pytest.raises(SettingsError, match="at least 8") as refused:
        load_settings(environ={key: value})
    assert "hunter" not in str(refused.value)


def test_what_was_found_is_said() -> None:
    with pytest.raises(SettingsError, match=r"reorder_ms.*found 'soon'"):
        load_settings(environ={"HUB_REORDER_MS": "soon"})


def test_a_file_that_is_no_toml(tmp_path: Path) -> None:
    config = tmp_path / "hub.toml"
    config.write_bytes(b"\xff\x00 = ")
    with pytest.raises(SettingsError, match="TOML"):
        load_settings(config, environ={})
    with pytest.raises(SettingsError, match="cannot read"):
        load_settings(tmp_path / "none.toml", environ={})


CLUSTER = {
    "HUB_DATABASE_URL": "postgresql://hub:hunter4@db/hub",
    "HUB_REDIS_URL": "redis://cache:6379/0",
    "HUB_CLUSTER_SECRET": "hunter5hunter5",
}


def test_without_a_cluster_a_hub_is_everything() -> None:
    settings = load_settings(environ={})
    assert not settings.clustered
    assert all(settings.plays(role) for role in ROLES)
    assert settings.node_address == "http://127.0.0.1:8081"
    assert settings.node_name


def test_a_node_of_a_cluster_plays_what_it_is_told() -> None:
    settings = load_settings(environ={**CLUSTER, "HUB_ROLES": "ingest, api", "HUB_NODE_URL": "http://a:8081/"})
    assert settings.clustered
    assert [role for role in ROLES if settings.plays(role)] == ["ingest", "api"]
    assert settings.node_address == "http://a:8081"
    assert "hunter" not in repr(settings)


@pytest.mark.parametrize(
    ("environ", "word"),
    [
        ({"HUB_ROLES": "ingest"}, "ingest: a part alone needs"),
        ({"HUB_ROLES": "chef"}, "ingest, api, notary, or all"),
        ({"HUB_ROLES": ""}, "ingest, api, notary, or all"),
        ({"HUB_REDIS_URL": "redis://cache", "HUB_CLUSTER_SECRET": "x" * 8}, "go together"),
        ({**CLUSTER, "HUB_CLUSTER_SECRET": "short"}, "at least 8"),
        ({key: value for key, value in CLUSTER.items() if key != "HUB_CLUSTER_SECRET"}, "needs cluster_secret"),
        ({**CLUSTER, "HUB_DATABASE_URL": "mysql://hub:hunter4@db/hub"}, "expected postgresql"),
        ({"HUB_NODE": "a/b"}, "letters"),
        ({"HUB_NODE_LISTEN": "8081"}, "HOST:PORT"),
        ({"HUB_NODE_URL": "http://a:8081/path"}, "http://HOST:PORT"),
        ({"HUB_ARCHIVE_URL": "https://bucket"}, "s3://BUCKET"),
    ],
)
def test_half_a_cluster_is_refused(environ: dict[str, str], word: str) -> None:
    with pytest.raises(SettingsError, match=word) as refused:
        load_settings(environ=environ)
    assert "hunter" not in str(refused.value)
