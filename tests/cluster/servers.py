"""Where tests find the servers, which benchmarks start too."""

from hub.bench.peers.servers import (
    Postgres,
    Redis,
    as_user,
    free_port,
    own_folder,
    postgres_server,
    redis_server,
)

__all__ = ["Postgres", "Redis", "as_user", "free_port", "own_folder", "postgres_server", "redis_server"]
