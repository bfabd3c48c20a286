"""Where the hub's database is."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from pydantic import SecretStr
from sqlalchemy import URL, make_url

from hub.model import DATABASE_FILE
from hub.settings import Settings


@dataclass(frozen=True, slots=True)
class Database:
    """A file (SQLite), or a server (PostgreSQL). Exactly one of both is set; the address may hold a password, and
    nothing shows it: neither ``repr`` nor ``str``."""

    path: Path | None = None
    url: SecretStr | None = None

    @classmethod
    def of(cls, settings: Settings) -> Database:
        """That of a hub with these settings."""
        if settings.database_url is None:
            return cls.in_folder(settings.data)
        return cls(url=settings.database_url)

    @classmethod
    def in_folder(cls, data: Path) -> Database:
        """The embedded one of a data folder."""
        return cls(data / DATABASE_FILE)

    @classmethod
    def at(cls, url: str) -> Database:
        """A PostgreSQL: ``postgresql://user:password@host:port/name``."""
        return cls(url=SecretStr(url))

    @property
    def embedded(self) -> bool:
        return self.path is not None

    def address(self) -> URL:
        """For SQLAlchemy, with the password in it."""
        if self.path is not None:
            return URL.create("sqlite", database=str(self.path))
        assert self.url is not None
        return make_url(self.url.get_secret_value()).set(drivername="postgresql+psycopg")

    def __str__(self) -> str:
        """For people and logs: a file's path, or a server and a name without who asks and how they prove it."""
        if self.path is not None:
            return str(self.path)
        address = self.address()
        return f"postgresql://{address.host or ''}{f':{address.port}' if address.port else ''}/{address.database or ''}"
