"""The way to the archive, told to another process."""

from __future__ import annotations

from typing import Any

from hub.settings import Settings


def archive_of(settings: Settings) -> dict[str, Any]:
    """The settings that lead to the archive, as another process takes them, with their secrets: for a pipe; empty
    without an archive."""
    if not settings.archive_url:
        return {}
    told: dict[str, Any] = {
        "archive_url": settings.archive_url,
        "archive_endpoint": settings.archive_endpoint,
        "archive_region": settings.archive_region,
    }
    for name in ("archive_access_key", "archive_secret_key"):
        secret = getattr(settings, name)
        told[name] = None if secret is None else secret.get_secret_value()
    return told
