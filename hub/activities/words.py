"""Words for the index: Chinese in pairs of characters, numbers and letters in runs. Pure.

A tokenizer of trigrams does not find a name of two characters, and one by words splits names wrongly. Here every two
neighbouring characters are a token, letters and digits are one token a run (found by its beginning too, and without
leading zeros; with what stands between two runs, and without), and each token begins with a letter that names its
field. What the tokens find is compared with the text itself, so a hit is always the text that was asked for. Chinese is
written in hex: the index's own tables of characters are older than some that stand in names.

Units, streams, devices and officers are few: each is one token, ``u12``, ``d7``, ``o31``, by its number in a small
table.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from enum import StrEnum

from hub.errors import InvalidRequest

MAX_QUERY = 100
MAX_WORDS = 8
MAX_NUMBERS = 500
"""Different officers, units or devices that one word may mean."""
MOST_PAIRS = 3
"""Asked for of one run of Chinese."""
NONE = "zz"
"""A token that no text has."""
_RUN = re.compile(r"[a-z0-9]+|[^a-z0-9]+")
_NUMBER = re.compile(r"[a-z0-9]+")


class Kind(StrEnum):
    """Of what there are few."""

    UNIT = "u"
    STREAM = "s"
    DEVICE = "d"
    OFFICER = "o"


class Field(StrEnum):
    """What each activity has of its own."""

    PARTY = "p"
    CAUSE = "c"
    CASE = "n"


def plain(text: str) -> str:
    """As it is compared: NFKC, lower case, letters and digits alone (of every script)."""
    return "".join(char for char in _folded(text) if char.isalnum())


def _folded(text: str) -> str:
    return unicodedata.normalize("NFKC", text).lower()


def tokens(field: Field, text: str) -> list[str]:
    """All tokens of a text, without doubles."""
    found: dict[str, None] = {}
    # brackets and dashes part numbers for who reads them, 〔2026〕12号, and join them for who writes them differently
    for run in (*_RUN.findall(plain(text)), *_NUMBER.findall(_folded(text))):
        if run[0].isascii():
            found[f"{field}{run}"] = None
            found[f"{field}{run.lstrip('0') or '0'}"] = None
        else:
            for token in _pairs(run):
                found[f"{field}{_hex(token)}"] = None
            if field is Field.PARTY:  # a family name alone
                for char in run:
                    found[f"{field}{_hex(char)}"] = None
    return list(found)


def _pairs(run: str) -> list[str]:
    return [run] if len(run) == 1 else [run[at : at + 2] for at in range(len(run) - 1)]


def _hex(text: str) -> str:
    return "".join(f"{ord(char):04x}" for char in text)


def expression(field: Field, wanted: str) -> str:
    """What the index is asked for a plain text; empty if this field cannot hold it."""
    runs = _RUN.findall(wanted)
    parts: list[str] = []
    for at, run in enumerate(runs):
        if run[0].isascii():
            # its end may be the middle of a longer run; its beginning too, where nothing stands before it
            parts.append(f'"{field}{run}"' + ("*" if at == len(runs) - 1 else ""))
        elif len(run) > 1:
            parts += [f'"{field}{_hex(token)}"' for token in _some(_pairs(run))]
        elif field is Field.PARTY or len(runs) == 1:
            parts.append(f'"{field}{_hex(run)}"' + ("" if field is Field.PARTY else "*"))
    return " AND ".join(parts)


def _some(pairs: list[str]) -> list[str]:
    """The first, the middle and the last: what they let through is compared with the text, and each costs."""
    return pairs if len(pairs) <= MOST_PAIRS else [pairs[0], pairs[len(pairs) // 2], pairs[-1]]


def any_of(parts: Iterable[str]) -> str:
    """One of them; parts that are empty do not count."""
    found = [part if part.startswith('"') and " " not in part else f"({part})" for part in parts if part]
    return f"({' OR '.join(found)})" if found else f'"{NONE}"'


def wanted_words(query: str) -> list[str]:
    """The words of what somebody typed, each plain. Raises InvalidRequest."""
    if len(query) > MAX_QUERY:
        raise InvalidRequest(f"expected at most {MAX_QUERY} characters to search for", code="bad_query")
    words = [word for word in (plain(part) for part in query.split()) if word]
    if not words:
        raise InvalidRequest("expected letters, digits or Chinese characters to search for", code="bad_query")
    if len(words) > MAX_WORDS:
        raise InvalidRequest(f"expected at most {MAX_WORDS} words to search for", code="bad_query")
    return words
