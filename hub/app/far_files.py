"""The disks of a cluster as retention, and the archive of a node, see them. Everything here blocks."""

from __future__ import annotations

from pathlib import Path

from hub.cluster.node_shelf import NodeShelf
from hub.cluster.reel_places import ReelPlaces
from hub.retention.files import PosixFiles


class OwnFiles(PosixFiles):
    """A node's disk: when a reel has left it, the cluster is told."""

    def __init__(self, data: Path, places: ReelPlaces) -> None:
        self._data = data
        self._places = places

    def remove(self, path: Path) -> None:
        path.unlink(missing_ok=True)  # the office may have been faster
        self._places.left(path.relative_to(self._data).as_posix())


class FarFiles(PosixFiles):
    """The office's own disk, and behind it those of the nodes. ``epoch``: with which this office leads."""

    def __init__(self, data: Path, nodes: NodeShelf, epoch: int) -> None:
        self._data = data
        self._nodes = nodes
        self._epoch = epoch

    def size(self, path: Path) -> int | None:
        """Raises OSError where a node has it that cannot be asked."""
        found = super().size(path)
        return found if found is not None else self._nodes.size(self._name(path))

    def remove(self, path: Path) -> None:
        path.unlink(missing_ok=True)
        self._nodes.remove(self._name(path), self._epoch)

    def flush_folder(self, path: Path) -> None:
        if path.is_dir():
            super().flush_folder(path)

    def _name(self, path: Path) -> str:
        return path.relative_to(self._data).as_posix()
