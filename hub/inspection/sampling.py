"""Drawing a sample that anybody can draw again (docs/design/inspection.md has a worked example). Pure.

1. The population is its ids, in the order of their bytes, each once, one a line: a file whose SHA-256 the entry keeps.
2. Each id has a ticket: SHA-256 of ``SEED:ID`` (UTF-8), in hex.
3. Tickets are sorted; the sample is the ids of the first ones.

So every id has the same chance while nobody knows the seed before, a larger sample of one seed begins with the smaller
one, and no library is needed to check it.
"""

from __future__ import annotations

import hashlib
import re
import secrets
from collections.abc import Iterable, Sequence

from hub.errors import InvalidRequest

MAX_POPULATION = 100_000
MAX_SAMPLE = 200
_SEED = re.compile(r"[0-9A-Za-z._-]{8,64}")
_ID = re.compile(r"[0-9A-Za-z._:/-]{1,120}")


def new_seed() -> str:
    """32 hex digits of the system's randomness."""
    return secrets.token_hex(16)


def check_seed(seed: str) -> str:
    """Raises InvalidRequest unless it can be typed into a shell without quoting."""
    if not _SEED.fullmatch(seed):
        raise InvalidRequest("seed: expected 8 to 64 letters, digits, dots, hyphens or underlines", code="bad_seed")
    return seed


def population_text(ids: Iterable[str]) -> bytes:
    """The file of a population."""
    listed = sorted({one.encode("ascii") for one in ids})
    for one in listed:
        if not _ID.fullmatch(one.decode("ascii")):
            raise ValueError(f"expected an id of letters, digits and ._:/-, found {one!r}")
    return b"".join(one + b"\n" for one in listed)


def ticket(seed: str, ident: str) -> str:
    return hashlib.sha256(f"{seed}:{ident}".encode()).hexdigest()


def draw(ids: Sequence[str], seed: str, size: int) -> list[str]:
    """The first ``size`` ids in the order of their tickets; all of them where there are fewer."""
    return sorted(set(ids), key=lambda one: ticket(seed, one))[:size]
