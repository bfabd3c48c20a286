"""The servers of these tests: one of each for all tests of a process, something fresh in it for each test."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Generator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio

from hub.database import Database
from hub.database.migrating import migrate
from tests.cluster import said
from tests.cluster.object_store import NoObjectStore, ObjectStore, object_store
from tests.cluster.servers import Postgres, Redis, postgres_server, redis_server
from tests.cluster.whole import Figures, Whole, whole_cluster

HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.cluster)


def pytest_runtest_setup(item: pytest.Item) -> None:
    said.begins(item)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if report.failed:
        report.sections += said.sections(item)
    return report


@pytest.fixture(scope="session")
def postgres_of_session() -> Iterator[Postgres]:
    """For all tests; one that stops or pauses a server starts its own with ``postgres_server``."""
    with postgres_server() as server:
        yield server


@pytest.fixture
def empty_postgres(postgres_of_session: Postgres) -> Iterator[str]:
    """The URL of a database of this test's own, without any table."""
    url = postgres_of_session.fresh()
    yield url
    postgres_of_session.drop(url)


@pytest.fixture(scope="session")
def migrated(postgres_of_session: Postgres) -> str:
    """The name of a database that is copied for each test."""
    url = postgres_of_session.fresh()
    migrate(Database.at(url))
    return url.rpartition("/")[2]


@pytest.fixture
def postgres(postgres_of_session: Postgres, migrated: str) -> Iterator[str]:
    """The URL of a database of this test's own, with the newest schema."""
    url = postgres_of_session.fresh(migrated)
    yield url
    postgres_of_session.drop(url)


@pytest.fixture(scope="session")
def redis_of_session() -> Iterator[Redis]:
    with redis_server() as server:
        yield server


@pytest.fixture
def redis(redis_of_session: Redis) -> Redis:
    """Empty and running. A test that stops it starts it again."""
    if redis_of_session.process.poll() is not None:
        redis_of_session.start()
    redis_of_session.empty()
    return redis_of_session


@pytest.fixture(scope="session")
def objects_of_session() -> Iterator[ObjectStore]:
    try:
        with object_store() as server:
            yield server
    except NoObjectStore as missing:
        pytest.skip(str(missing))


@pytest.fixture
def objects(objects_of_session: ObjectStore) -> ObjectStore:
    """Running; each test makes a bucket of its own. A test that stops it starts it again."""
    if objects_of_session.process.poll() is not None:
        objects_of_session.start()
    return objects_of_session


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def whole_of_session(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Whole]:
    folder = tmp_path_factory.mktemp("cluster")
    said.told_of(request.config, folder)
    async with whole_cluster(folder) as whole:
        yield whole


@pytest_asyncio.fixture(loop_scope="session")
async def whole(whole_of_session: Whole) -> Whole:
    """With everything running, and every stream recorded."""
    await whole_of_session.settled()
    return whole_of_session


@pytest.fixture
def figures(record_property: Callable[[str, object], None]) -> Figures:
    """Shown when all tests have run, from whichever process."""
    return lambda name, value: record_property(name, value)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    reports = [one for key in ("passed", "failed") for one in terminalreporter.getreports(key) if one.when == "call"]
    for report in reports:
        for name, value in report.user_properties:
            terminalreporter.write_line(f"{name}: {value}")
