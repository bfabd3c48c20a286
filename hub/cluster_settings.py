"""What makes a hub a node of a cluster, and where its reels go: settings, a part of ``hub/settings.py``."""

from __future__ import annotations

import re
import socket
from typing import Literal, Self

from pydantic import BaseModel, Field, SecretStr, ValidationInfo, field_validator, model_validator

ROLES = ("ingest", "api", "notary")
"""What a process of a cluster can be; embedded it is all of them."""
NODE = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.-]{0,61}[A-Za-z0-9])?", re.ASCII)
_SCHEMES = {"database_url": ("postgresql", "postgres"), "redis_url": ("redis", "rediss", "unix")}


class ClusterSettings(BaseModel):
    """Without redis_url and database_url a hub is embedded: all roles in one process, nothing else needed."""

    roles: tuple[str, ...] = Field(
        ("all",),
        description="What this process does: ingest, api, notary, or all; a part alone needs a cluster.",
    )
    node: str = Field("", description="Name of this node, unique in the cluster; empty: the machine's host name.")
    node_listen: str = Field(
        "127.0.0.1:8081", description="HOST:PORT that the other nodes of a cluster call; not for anybody else."
    )
    node_url: str = Field("", description="How other nodes reach it, http://HOST:PORT; empty: as node_listen says.")
    cluster_secret: SecretStr | None = Field(
        None, description="Shown by the nodes of a cluster to each other; the same on all, long and random."
    )
    database_url: SecretStr | None = Field(
        None, description="PostgreSQL of the cluster, postgresql://USER:PASSWORD@HOST/NAME; not set: embedded."
    )
    redis_url: SecretStr | None = Field(
        None, description="Redis of the cluster, redis://HOST:PORT/0 (rediss:// with TLS); not set: embedded."
    )
    lease_s: float = Field(
        2.0, ge=1, le=60, description="A node that did not say for this long that it lives loses its streams."
    )
    drain_s: float = Field(
        60.0, ge=1, le=3600, description="A node that drains waits at most this long for others to take its streams."
    )
    archive_url: str = Field(
        "",
        description="Object store that sealed reels go to, s3://BUCKET[/PREFIX] or file:///FOLDER; empty: none.",
    )
    archive_endpoint: str = Field("", description="Address of an object store of one's own, https://HOST:PORT.")
    archive_region: str = Field("us-east-1", description="Region of the object store; most of one's own take any.")
    archive_access_key: SecretStr | None = Field(None, description="Access key id for the object store.")
    archive_secret_key: SecretStr | None = Field(None, description="Secret access key for the object store.")
    archive_keep_h: float = Field(
        24.0, ge=0, description="Reels stay on the disk this long too, or as long as there is room; never unverified."
    )
    archive_rate_mb: float = Field(50.0, gt=0, description="Uploads to the archive together take no more MiB a second.")
    archive_parallel: int = Field(2, ge=1, le=16, description="Files uploaded to the archive at once.")
    archive_lock: Literal["governance", "compliance", "off"] = Field(
        "governance", description="Kind of retention date set on objects where the bucket takes one, by their class."
    )

    @field_validator("roles")
    @classmethod
    def _known_roles(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if not value or set(value) - {"all", *ROLES} or len(set(value)) != len(value):
            raise ValueError(f"expected some of {', '.join(ROLES)}, or all")
        return value

    @field_validator("node")
    @classmethod
    def _host_like(cls, value: str) -> str:
        if value and not NODE.fullmatch(value):
            raise ValueError("expected letters, digits, '-' and '.', at most 63")
        return value

    @field_validator("node_url", "archive_endpoint")
    @classmethod
    def _bare_address(cls, value: str) -> str:
        if value and not re.fullmatch(r"https?://[^\s/?#@]+/?", value):
            raise ValueError("expected http://HOST:PORT or https://HOST:PORT")
        return value.rstrip("/")

    @field_validator("archive_url")
    @classmethod
    def _bucket(cls, value: str) -> str:
        if value and not re.fullmatch(r"s3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9](/[^\s?#]*)?|file:///[^\s?#]+", value):
            raise ValueError("expected s3://BUCKET[/PREFIX] or file:///FOLDER")
        return value.rstrip("/")

    @field_validator("database_url", "redis_url")
    @classmethod
    def _known_scheme(cls, value: SecretStr | None, info: ValidationInfo) -> SecretStr | None:
        schemes = _SCHEMES[str(info.field_name)]
        if value is not None and value.get_secret_value().partition("://")[0] not in schemes:
            raise ValueError(f"expected {schemes[0]}://…")  # without what was found: it may hold a password
        return value

    @model_validator(mode="after")
    def _whole_archive(self) -> Self:
        if self.archive_url.startswith("s3://") and (
            self.archive_access_key is None or self.archive_secret_key is None
        ):
            raise ValueError("archive_url s3://…: expected archive_access_key and archive_secret_key too")
        if self.archive_url.startswith("file://") and self.clustered:
            raise ValueError("archive_url: a cluster needs an object store that all nodes reach, s3://BUCKET")
        return self

    @model_validator(mode="after")
    def _whole_cluster(self) -> Self:
        if (self.database_url is None) != (self.redis_url is None):
            raise ValueError("database_url and redis_url go together; set both (a cluster) or neither (embedded)")
        if self.clustered and self.cluster_secret is None:
            raise ValueError("a cluster (database_url, redis_url) needs cluster_secret, the same on all nodes")
        if not self.clustered and not all(self.plays(role) for role in ROLES):
            raise ValueError(f"roles {','.join(self.roles)}: a part alone needs database_url and redis_url")
        return self

    @property
    def clustered(self) -> bool:
        """Whether this process is a node of a cluster; else it is embedded and all there is."""
        return self.redis_url is not None

    def plays(self, role: str) -> bool:
        """Whether this process does the work of ``ingest``, ``api`` or ``notary``."""
        return role in self.roles or "all" in self.roles

    @property
    def node_name(self) -> str:
        return self.node or socket.gethostname()

    @property
    def node_address(self) -> str:
        """How other nodes reach this one: http://HOST:PORT, no slash at its end."""
        return self.node_url or f"http://{self.node_listen}"
