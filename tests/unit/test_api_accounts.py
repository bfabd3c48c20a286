"""Accounts, sessions, and the slow-down of who guesses."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from argon2 import PasswordHasher
from pydantic import SecretStr
from sqlalchemy import Engine

from hub.api.errors import TooManyAttempts
from hub.api.throttle import FREE_ATTEMPTS, MAX_KEYS, Throttle
from hub.clock import ManualClock
from hub.database import Database, create_tables, open_engine
from hub.people.accounts import SESSIONS_PER_USER, Accounts
from hub.settings import Settings

CHEAP = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    engine = open_engine(Database(tmp_path / "hub.db"))
    create_tables(engine)
    yield engine
    engine.dispose()


def settings(password: str | None = None, hours: float = 12.0) -> Settings:
    return Settings(session_hours=hours, admin_password=None if password is None else SecretStr(password))


async def test_the_first_start_makes_a_password_and_only_the_first(engine: Engine) -> None:
    accounts, shown = await Accounts.open(engine, settings(), ManualClock(), CHEAP)
    assert shown is not None
    assert len(shown) >= 16
    assert await accounts.sign_in("admin", shown) is not None
    again, shown_again = await Accounts.open(engine, settings(), ManualClock(), CHEAP)
    assert shown_again is None
    assert await again.sign_in("admin", shown) is not None


async def test_the_setting_sets_the_password_and_ends_old_sessions(engine: Engine) -> None:
    first, _ = await Accounts.open(engine, settings("the first one"), ManualClock(), CHEAP)
    signed = await first.sign_in("admin", "the first one")
    assert signed is not None
    same, shown = await Accounts.open(engine, settings("the first one"), ManualClock(), CHEAP)
    assert shown is None
    assert same.session(signed[1]) == signed[0]
    other, _ = await Accounts.open(engine, settings("another one"), ManualClock(), CHEAP)
    assert other.session(signed[1]) is None
    assert await other.sign_in("admin", "the first one") is None
    assert await other.sign_in("admin", "another one") is not None


async def test_neither_password_nor_cookie_is_in_the_database(engine: Engine) -> None:
    accounts, _ = await Accounts.open(engine, settings("one-password"), ManualClock(), CHEAP)
    signed = await accounts.sign_in("admin", "one-password")
    assert signed is not None
    with engine.connect() as connection:
        stored = str([connection.exec_driver_sql(f"select * from {name}").all() for name in ("accounts", "sessions")])
    assert "$argon2id$" in stored
    assert "one-password" not in stored
    assert signed[1] not in stored


async def test_sessions_expire_and_end(engine: Engine) -> None:
    clock = ManualClock()
    accounts, _ = await Accounts.open(engine, settings("a password", hours=1), clock, CHEAP)
    assert await accounts.sign_in("admin", "wrong") is None
    assert await accounts.sign_in("nobody", "a password") is None
    one, two = await accounts.sign_in("admin", "a password"), await accounts.sign_in("admin", "a password")
    assert one is not None
    assert two is not None
    await accounts.sign_out(one[0])
    assert accounts.session(one[1]) is None
    assert accounts.is_over(one[0])
    assert accounts.session(two[1]) == two[0]
    clock.advance(3599)
    assert not accounts.is_over(two[0])
    clock.advance(1)
    assert accounts.session(two[1]) is None
    assert accounts.is_over(two[0])
    assert accounts.session("") is None


async def test_a_signed_out_session_does_not_come_back_with_a_restart(engine: Engine) -> None:
    accounts, _ = await Accounts.open(engine, settings("a password"), ManualClock(), CHEAP)
    signed = await accounts.sign_in("admin", "a password")
    assert signed is not None
    await accounts.sign_out(signed[0])
    again, _ = await Accounts.open(engine, settings("a password"), ManualClock(), CHEAP)
    assert again.session(signed[1]) is None


async def test_sessions_of_one_user_are_bounded(engine: Engine) -> None:
    clock = ManualClock()
    accounts, _ = await Accounts.open(engine, settings("a password"), clock, CHEAP)
    cookies = []
    for _ in range(SESSIONS_PER_USER + 2):
        clock.advance(1)
        signed = await accounts.sign_in("admin", "a password")
        assert signed is not None
        cookies.append(signed[1])
    assert [accounts.session(cookie) is not None for cookie in cookies[:3]] == [False, False, True]
    assert accounts.session(cookies[-1]) is not None


# ------------------------------------------------------------------------------------- slow-down


def fail(throttle: Throttle, times: int, user: str = "admin", address: str = "10.0.0.1") -> None:
    for _ in range(times):
        throttle.failed(user, address)


def waits(throttle: Throttle, user: str = "admin", address: str = "10.0.0.1") -> int:
    try:
        throttle.check(user, address)
    except TooManyAttempts as error:
        return error.retry_after_s
    return 0


def test_typing_errors_are_free_and_then_each_doubles_the_wait() -> None:
    throttle = Throttle(ManualClock())
    fail(throttle, FREE_ATTEMPTS - 1)
    assert waits(throttle) == 0
    seen = []
    for _ in range(4):
        fail(throttle, 1)
        seen.append(waits(throttle))
    assert seen == [1, 2, 4, 8]


def test_a_user_known_to_others_is_locked_for_half_a_minute_at_most() -> None:
    clock = ManualClock()
    throttle = Throttle(clock)
    fail(throttle, 50)
    assert waits(throttle, address="10.9.9.9") == 30
    assert waits(throttle, user="other") == 300
    clock.advance(30)
    assert waits(throttle, address="10.9.9.9") == 0


def test_success_forgives_the_user_not_the_address() -> None:
    throttle = Throttle(ManualClock())
    fail(throttle, 8, user="a")
    throttle.failed("admin", "10.0.0.1")
    throttle.succeeded("admin", "10.0.0.1")
    assert waits(throttle, address="10.2.2.2") == 0
    assert waits(throttle, user="b") == 8


def test_whoever_signs_in_makes_nobody_at_the_address_wait_anew() -> None:
    clock = ManualClock()
    throttle = Throttle(clock)
    fail(throttle, FREE_ATTEMPTS, user="nobody")
    clock.advance(1)
    throttle.check("admin", "10.0.0.1")
    throttle.failed("admin", "10.0.0.1")
    assert waits(throttle, user="b") == 2, "while the password is looked at"
    throttle.succeeded("admin", "10.0.0.1")
    assert waits(throttle, user="b") == 0
    fail(throttle, 1, user="nobody")
    assert waits(throttle, user="b") == 2, "what was held against the address still is"


def test_it_forgets_after_a_quarter_of_an_hour() -> None:
    clock = ManualClock()
    throttle = Throttle(clock)
    fail(throttle, 50)
    clock.advance(15 * 60 + 1)
    assert waits(throttle) == 0
    fail(throttle, FREE_ATTEMPTS)
    assert waits(throttle) == 1


def test_its_memory_is_bounded() -> None:
    throttle = Throttle(ManualClock())
    for number in range(MAX_KEYS):
        throttle.failed(f"user{number}", f"10.0.{number >> 8}.{number & 255}")
    assert len(throttle._failures) == MAX_KEYS
