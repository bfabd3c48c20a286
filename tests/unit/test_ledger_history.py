"""The file of all checkpoints, wherever its end was torn off."""

from __future__ import annotations

from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from hub.ledger import history
from hub.ledger.notes import Checkpoint, VerifierKey, sign_note

ORIGIN = "test.example/log"
PRIVATE = Ed25519PrivateKey.generate()
KEY = VerifierKey(ORIGIN, PRIVATE.public_key().public_bytes_raw())


def note(size: int) -> str:
    return sign_note(Checkpoint(ORIGIN, size, bytes([size]) * 32).text(), ORIGIN, PRIVATE, KEY)


NOTES = [note(size).encode() + b"\n" for size in (1, 2, 3)]
WHOLE = b"".join(NOTES)


def test_torn_anywhere(tmp_path: Path) -> None:
    path = tmp_path / "checkpoints"
    for cut in range(len(WHOLE) + 1):
        path.write_bytes(WHOLE[:cut])
        history.mend(path, NOTES[2].decode()[:-1])
        kept = [one for number, one in enumerate(NOTES[:2], 1) if len(b"".join(NOTES[:number])) <= cut]
        assert path.read_bytes() == b"".join([*kept, NOTES[2]]), f"cut off at {cut}"


def test_a_part_of_one_before_another_is_cut_off(tmp_path: Path) -> None:
    path = tmp_path / "checkpoints"
    path.write_bytes(NOTES[0] + NOTES[1][:40] + NOTES[2])
    assert history.mend(path, NOTES[2].decode()[:-1]) == 40 + len(NOTES[2])
    assert path.read_bytes() == NOTES[0] + NOTES[2]
