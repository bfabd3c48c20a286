"""Makes ``released.tar.xz`` again: the data folder of an earlier hub, with something in every table that calls fill.

    python tests/upgrade/make_released.py [COMMIT]

The code of that commit makes it, in a folder of its own: two streams for some seconds, an interruption with an alarm,
a statement of two officers, and what people decide. Beside it lies what that hub said of it (``said.json``).
"""

from __future__ import annotations

import os
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

RELEASED = "8e83f27"
HERE = Path(__file__).parent


def main() -> None:
    commit = sys.argv[1] if len(sys.argv) > 1 else RELEASED
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        code = subprocess.run(
            ["git", "archive", commit, "hub"], cwd=HERE.parents[1], check=True, capture_output=True
        ).stdout
        subprocess.run(["tar", "-x", "-C", folder], input=code, check=True)
        (folder / "story.py").write_text((HERE / "story.py").read_text(encoding="utf-8"), encoding="utf-8")
        environ = {key: value for key, value in os.environ.items() if not key.startswith("HUB_")}
        subprocess.run([sys.executable, "story.py"], cwd=folder, check=True, env=environ)
        with tarfile.open(HERE / "released.tar.xz", "w:xz", preset=9) as tar:
            for part in ("data", "data.keys", "said.json"):
                tar.add(folder / part, part)


if __name__ == "__main__":
    main()
