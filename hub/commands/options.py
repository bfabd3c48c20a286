"""Options that several commands share, and the settings that they lead to."""

from __future__ import annotations

import argparse
from pathlib import Path

from hub.settings import Settings, load_settings


def add_places(parser: argparse.ArgumentParser) -> None:
    """Where the hub's settings and data are."""
    parser.add_argument("--config", type=Path, metavar="hub.toml", help="settings file (docs/settings.md)")
    parser.add_argument("--data", type=Path, metavar="DIR", help="folder for everything recorded (default ./data)")


def settings_of(options: argparse.Namespace) -> Settings:
    """The settings with what the command line says on top. Raises SettingsError."""
    return load_settings(options.config, {"data": options.data, "listen": getattr(options, "listen", None)})
