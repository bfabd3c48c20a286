"""Slows down who guesses passwords, by user and by address, in bounded memory."""

from __future__ import annotations

from collections import OrderedDict

from hub.api.errors import TooManyAttempts
from hub.clock import US_PER_S, Clock

FREE_ATTEMPTS = 5
"""Typing errors of a person cost nothing."""
FORGET_AFTER_US = 15 * 60 * US_PER_S
MAX_KEYS = 10_000

# A user's name can be locked by anybody who knows it, so that wait stays short; an address only locks itself.
LONGEST_WAIT_S = {"user": 30, "address": 300}


class Throttle:
    """After five failures each further one doubles the wait, from 1 s up, by user and by address."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._failures: OrderedDict[tuple[str, str], tuple[int, int]] = OrderedDict()

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
            self._failures[key] = (count, now_us)
            self._failures.move_to_end(key)
        while len(self._failures) > MAX_KEYS:
            self._failures.popitem(last=False)

    def succeeded(self, user: str, address: str) -> None:
        """Takes back this attempt, and what was held against the user. The address stays suspect of the rest."""
        self._failures.pop(("user", user[:100]), None)
        count, last_us = self._failures.get(("address", address), (0, 0))
        if count > 0:
            self._failures["address", address] = (count - 1, last_us)

    def _count(self, key: tuple[str, str]) -> int:
        count, last_us = self._failures.get(key, (0, 0))
        return 0 if self._clock.now().mono_us - last_us > FORGET_AFTER_US else count

    def _wait_us(self, key: tuple[str, str]) -> int:
        count = self._count(key)
        if count < FREE_ATTEMPTS:
            return 0
        wait_s = min(1 << min(count - FREE_ATTEMPTS, 20), LONGEST_WAIT_S[key[0]])
        return self._failures[key][1] + wait_s * US_PER_S - self._clock.now().mono_us


def _keys(user: str, address: str) -> tuple[tuple[str, str], tuple[str, str]]:
    return ("user", user[:100]), ("address", address)
