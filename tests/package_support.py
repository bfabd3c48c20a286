"""Packages of the small made-up data folder, and hands to damage them with."""

from __future__ import annotations

import hashlib
import json
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hub.clock import ManualClock
from hub.evidence.package import ExportRequest, PackageResult, write_package
from hub.ledger.entries import canonical
from hub.ledger.package.format import MANIFEST, Notes
from tests.ledger_folder import START_US, Folder

NOTES = Notes(
    "占道经营检查", "城关镇人民路12号", "执法记录仪全程录像", ("张三（执法证号 0123）", "李四（执法证号 0456）")
)
END_US = START_US + 60_000_000


def request(folder: Folder, **values: Any) -> ExportRequest:
    given: dict[str, Any] = {
        "export_id": "export-1",
        "stream_id": "cam-a",
        "from_us": START_US,
        "to_us": END_US,
        "notes": NOTES,
        "by": "张三",
        "movie": False,
    }
    return ExportRequest(**given | values)


def export(folder: Folder, out: Path, **values: Any) -> PackageResult:
    return write_package(request(folder, **values), folder.data, out, ManualClock(END_US + 10**9), keys_dir=folder.keys)


@dataclass
class Unpacked:
    """A package's files in memory, in their order, to be changed and packed again."""

    files: dict[str, bytes]

    @classmethod
    def of(cls, path: Path) -> Unpacked:
        with zipfile.ZipFile(path) as archive:
            return cls({name: archive.read(name) for name in archive.namelist()})

    @property
    def manifest(self) -> dict[str, Any]:
        return json.loads(self.files[MANIFEST])  # type: ignore[no-any-return]

    def name(self, part: str) -> str:
        """The one file whose name holds ``part``; the first of several."""
        return next(name for name in self.files if part in name)

    def relist(self, change: Callable[[dict[str, Any]], None] | None = None) -> None:
        """Bring the manifest in step with the files, as a careful forger would."""
        value = self.manifest
        if change is not None:
            change(value)
        value["files"] = [
            {"name": name, "size": len(data), "sha256": hashlib.sha256(data).hexdigest()}
            for name, data in self.files.items()
            if name != MANIFEST
        ]
        self.files[MANIFEST] = canonical(value)

    def write(self, path: Path) -> Path:
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, data in self.files.items():
                archive.writestr(name, data)
        return path

    def unpack(self, folder: Path) -> Path:
        for name, data in self.files.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes(data)
        return folder
