"""Reels on the disks of all nodes, for a process that is none: ``hub verify``, ``hub collect``, checks of the chain.

PostgreSQL says on whose disk a reel lies, Redis where that node is called, and the node what really is there. What lies
with a node that is away can be named and not read: that is another thing than that it is missing. Everything here
blocks, from any thread.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from redis import Redis
from redis.exceptions import RedisError
from sqlalchemy import Engine, func, select
from sqlalchemy.exc import SQLAlchemyError

from hub.cluster.leases import NODE, NODES, read_member
from hub.cluster.node_shelf import REELS, NodeShelf, listed
from hub.cluster.reel_places import ReelPlaces
from hub.cluster.tables import reels
from hub.database import Database, open_engine
from hub.errors import HubError
from hub.ledger import tables as t
from hub.ledger.files import log_folder
from hub.settings import Settings

ANSWER_S = 5.0


class ClusterAway(HubError):
    """A server of the cluster does not answer, so nobody can say what lies where."""

    code = "cluster_away"


class Everywhere:
    """A :class:`hub.shelf.Shelf`. Which nodes live is asked once: they are needed for minutes, not for days."""

    def __init__(self, engine: Engine, nodes: dict[str, str], headers: dict[str, str]) -> None:
        self._engine = engine
        self._places = ReelPlaces(engine)
        self._urls = nodes
        self._shelf = NodeShelf(self._addresses, headers)

    def _addresses(self, path: str) -> Sequence[str]:
        if not path.startswith(REELS):
            return tuple(self._urls.values())
        name = self._places.of(path)
        if name is None:
            return ()
        if name not in self._urls:
            raise OSError(f"it lies on the disk of the node {name}, which is away")
        return (self._urls[name],)

    def size(self, path: str) -> int | None:
        return self._shelf.size(path)

    def read(self, path: str, offset: int, size: int) -> bytes:
        return self._shelf.read(path, offset, size)

    def file(self, path: str) -> Path | None:  # noqa: ARG002
        return None

    def names(self, below: str) -> Iterator[tuple[str, int]]:
        """As the nodes list their disks; of nodes that are away what PostgreSQL knows, as long as 0: nobody can say
        that it is there. Raises OSError."""
        top, _, stream = below.partition("/")
        if f"{top}/" != REELS:
            return
        for one in [stream] if stream else self._streams():
            silent = set()
            for name, url in self._urls.items():
                try:
                    yield from listed(self._shelf.ask(url, f"{REELS}{one}"), f"{REELS}{one}/")
                except (OSError, ValueError):
                    silent.add(name)
            yield from ((path, 0) for path in self._of(one, self._urls.keys() - silent))

    def _streams(self) -> list[str]:
        query = select(func.split_part(reels.c.path, "/", 2)).distinct()
        return self._column(query)

    def _of(self, stream: str, answered: set[str]) -> list[str]:
        """Reels of nodes that are not among these."""
        inside = (reels.c.path > f"{REELS}{stream}/", reels.c.path < f"{REELS}{stream}0")
        return self._column(select(reels.c.path).where(*inside, reels.c.node.not_in(answered)).order_by(reels.c.path))

    def _column(self, query: object) -> list[str]:
        try:
            with self._engine.connect() as connection:
                return [str(one) for one in connection.execute(query).scalars()]  # type: ignore[call-overload]
        except SQLAlchemyError as error:
            raise OSError(
                f"PostgreSQL does not say where reels lie: {getattr(error, 'orig', None) or error}"
            ) from error

    def close(self) -> None:
        self._shelf.close()
        self._engine.dispose()


def is_cluster(settings: Settings) -> bool:
    """Whether the settings lead to one."""
    return None not in (settings.database_url, settings.redis_url, settings.cluster_secret)


def cluster_of(settings: Settings) -> dict[str, str]:
    """The settings that lead to the cluster, as another process takes them, with their secrets: for a pipe; empty where
    they name none."""
    found = {name: getattr(settings, name) for name in ("database_url", "redis_url", "cluster_secret")}
    return {name: value.get_secret_value() for name, value in found.items()} if is_cluster(settings) else {}


def open_everywhere(settings: Settings) -> Everywhere | None:
    """None where the settings name no cluster. Raises ClusterAway."""
    if not is_cluster(settings):
        return None
    assert settings.cluster_secret is not None
    engine = open_engine(Database.of(settings))
    headers = {"Authorization": f"Bearer {settings.cluster_secret.get_secret_value()}"}
    return Everywhere(engine, _living(settings), headers)


def of_this_cluster(settings: Settings, data: Path) -> bool:
    """Whether a data folder holds this cluster's log. Raises ClusterAway."""
    if not (data / "log").is_dir():
        return False
    engine = open_engine(Database.of(settings))
    try:
        with engine.connect() as connection:
            origins = connection.execute(select(t.logs.c.origin)).scalars().all()
            return any(log_folder(data, origin).is_dir() for origin in origins)
    except SQLAlchemyError as error:
        why = str(getattr(error, "orig", None) or error)
        raise ClusterAway(f"PostgreSQL of the cluster does not answer, which says where reels lie: {why}") from error
    finally:
        engine.dispose()


def _living(settings: Settings) -> dict[str, str]:
    assert settings.redis_url is not None
    url = settings.redis_url.get_secret_value()
    try:
        with Redis.from_url(url, socket_timeout=ANSWER_S, socket_connect_timeout=ANSWER_S) as redis:
            names = [one.decode() for one in redis.smembers(NODES)]
            said = redis.mget([NODE + one for one in names]) if names else []
    except (RedisError, OSError, UnicodeDecodeError) as error:
        raise ClusterAway(f"Redis of the cluster does not answer, which says where nodes are: {error}") from error
    members = [read_member(one) for one in said if one]
    return {one.name: one.url for one in members if one is not None}
