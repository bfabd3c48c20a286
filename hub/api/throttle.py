"""Slows down who guesses passwords, by user and by address, in bounded memory."""

from __future__ import annotations

from collections import OrderedDict
from typing import NamedTuple

from hub.api.errors import TooManyAttempts
from hub.clock import US_PER_S, Clock

FREE_ATTEMPTS = 5
"""Typing errors of a person cost nothing."""
FORGET_AFTER_US = 15 * 60 * US_PER_S
MAX_KEYS = 10_000

# A user's name can be locked by anybody who knows it, so that wait stays short; an address only locks itself.
LONGEST_WAIT_S = {"user": 30, "address": 300}


class _Failures(NamedTuple):
    times: int
    last_us: int
    before_us: int
    """When the one before the last was: from then on is waited if the last turns out to be none."""


_NONE = _Failures(0, 0, 0)


class Throttle:
    """After five failures each further one doubles the wait, from 1 s up, by user and by address."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._failures: OrderedDict[tuple[str, str], _Failures] = OrderedDict()

    def check(self, user: str, address: str) -> None:
        """Raises TooManyAttempts while either must wait. Costs no password hashing."""
        wait_us = max(self._wait_us(key) for key in _keys(user, address))
        if wait_us > 0:
            seconds = -(-wait_us // US_PER_S)
            raise TooManyAttempts(f"too many failed sign-ins; try again in {seconds} s", seconds)

    def failed(self, user: str, address: str) -> None:
        now_us = self._clock.now().mono_us
        for key in _keys(user, address):
            count = self._count(key) + 1
            self._failures[key] = _Failures(count, now_us, self._failures.get(key, _NONE).last_us)
            self._failures.move_to_end(key)
        while len(self._failures) > MAX_KEYS:
            self._failures.popitem(last=False)

    def succeeded(self, user: str, address: str) -> None:
        """Takes back this attempt, and what was held against the user. The address stays suspect of the rest, and waits
        no longer for it than before: many people come from one address."""
        self._failures.pop(("user", user[:100]), None)
        count, _, before_us = self._failures.get(("address", address), _NONE)
        if count > 0:
            self._failures["address", address] = _Failures(count - 1, before_us, before_us)

    def _count(self, key: tuple[str, str]) -> int:
        count, last_us, _ = self._failures.get(key, _NONE)
        return 0 if self._clock.now().mono_us - last_us > FORGET_AFTER_US else count

    def _wait_us(self, key: tuple[str, str]) -> int:
        count = self._count(key)
        if count < FREE_ATTEMPTS:
            return 0
        wait_s = min(1 << min(count - FREE_ATTEMPTS, 20), LONGEST_WAIT_S[key[0]])
        return self._failures[key].last_us + wait_s * US_PER_S - self._clock.now().mono_us


def _keys(user: str, address: str) -> tuple[tuple[str, str], tuple[str, str]]:
    return ("user", user[:100]), ("address", address)
