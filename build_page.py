"""Build hook: the wheel (and an editable install) carries the built page, so ``pip install .`` is whole."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class PageBuildHook(BuildHookInterface[Any]):
    """Runs ``npm ci`` and ``npm run build`` in ``web/``; its output goes to ``hub/api/page``."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        root = Path(self.root)
        page = root / "hub" / "api" / "page"
        if version == "editable" or not (root / "web" / "package.json").exists():
            return  # `make` builds the page of a checkout, and only when it changed
        if os.environ.get("PAGE_IS_BUILT") and page.joinpath("index.html").exists():
            return  # `make bundle` has just seen to it
        npm = shutil.which("npm")
        if npm is None:
            if page.joinpath("index.html").exists():
                return
            raise RuntimeError(
                "building the page needs Node 20 with npm on the PATH; found neither npm nor a built page"
            )
        subprocess.run([npm, "ci"], cwd=root / "web", check=True)
        subprocess.run([npm, "run", "build"], cwd=root / "web", check=True)
