"""What a start does not load: libraries that serving and recording do without are imported by who uses them, then."""

from __future__ import annotations

import subprocess
import sys

LATER = (
    "alembic", "apprise", "fontTools", "jinja2", "openpyxl", "psycopg", "redis", "segno", "typst", "xlsxwriter",
)  # fmt: skip
MOST_MODULES = 1500
"""As counted 1,420, of Python and of libraries. Who needs more for a start raises this, and knows why."""


def test_a_start_loads_nothing_that_it_can_do_without() -> None:
    asked = "import sys, hub.app.process; print(*sys.modules)"
    ran = subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True, check=True, timeout=60)
    loaded = ran.stdout.split()
    assert "hub.app.hub" in loaded
    assert not set(LATER) & set(loaded)
    assert not [name for name in loaded if name.startswith(("hub.cluster.", "hub.bench.", "hub.demo."))]
    assert len(loaded) < MOST_MODULES, len(loaded)
