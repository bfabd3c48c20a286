"""The parameter sets in force: those of the SDP, replaced by those that come in band."""

from __future__ import annotations

from hub.errors import MediaError
from hub.model import ParameterSets

MAX_SET_BYTES = 4096
"""Sets have some tens of bytes; scaling lists and VUI make a few hundred."""


class ParameterSetStore:
    """By kind and id. :meth:`current` is the same object as long as nothing changed."""

    def __init__(self, initial: ParameterSets | None) -> None:
        self.initial = initial or ParameterSets()
        self._sps: dict[int, bytes] = {}
        self._pps: dict[int, bytes] = {}
        self._vps: dict[int, bytes] = {}
        self._current: ParameterSets | None = None

    def put_sps(self, set_id: int, nal: bytes) -> bool:
        return self._put(self._sps, set_id, nal)

    def put_pps(self, set_id: int, nal: bytes) -> bool:
        return self._put(self._pps, set_id, nal)

    def put_vps(self, set_id: int, nal: bytes) -> bool:
        return self._put(self._vps, set_id, nal)

    def has(self, nal: bytes) -> bool:
        """Whether exactly this set is in force: cameras repeat theirs at every keyframe."""
        return nal in self._sps.values() or nal in self._pps.values() or nal in self._vps.values()

    def current(self) -> ParameterSets | None:
        """None while no picture could be decoded yet."""
        if self._current is None and self._sps and self._pps:
            self._current = ParameterSets(
                tuple(self._sps.values()), tuple(self._pps.values()), tuple(self._vps.values())
            )
        return self._current

    def _put(self, sets: dict[int, bytes], set_id: int, nal: bytes) -> bool:
        """Returns whether it was news. Raises MediaError (``parameter_set``) for an oversized one."""
        if len(nal) > MAX_SET_BYTES:
            raise MediaError(
                f"a parameter set of {len(nal)} bytes, at most {MAX_SET_BYTES} expected", code="parameter_set"
            )
        if sets.get(set_id) == nal:
            return False
        sets[set_id] = nal
        self._current = None
        return True
