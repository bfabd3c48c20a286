"""Tests that share a server or a cluster run in one process: else each process starts its own, at the same time."""

from __future__ import annotations

import pytest


@pytest.mark.xdist_group("of-this-test")
def test_groups_are_kept_together(request: pytest.FixtureRequest) -> None:
    grouped = request.config.getoption("loadgroup", False)
    assert request.node.nodeid.endswith("@of-this-test") == grouped, "this pytest and this pytest-xdist do not agree"
