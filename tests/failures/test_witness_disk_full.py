"""A witness whose disk is full gives no cosignature: one that it does not remember could be contradicted."""

from __future__ import annotations

from pathlib import Path

import pytest

from hub.audit import witness as witness_module
from hub.audit.audit import Auditor
from hub.audit.witness import Witness
from tests.small_log import NOW_US, ORIGIN, FakeSource, SmallLog

LOG = SmallLog()


def test_no_cosignature_leaves(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    witness = Witness.open(tmp_path / "state", "aud.example/1")
    auditor = Auditor(witness, lambda: NOW_US)
    assert auditor.look(FakeSource(LOG, 5)).exit_code == 0
    source = FakeSource(LOG, 9)

    def full(*_args: object) -> None:
        raise OSError(28, "no space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(witness_module, "replace_file", full)
        with pytest.raises(OSError, match="no space left"):
            auditor.look(source)
    assert not source.given
    head = witness.memory(ORIGIN).head()
    assert head is not None
    assert head.checkpoint.size == 5
    assert auditor.look(source).exit_code == 0
