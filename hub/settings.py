"""Every setting of the hub: one field each, one sentence each. The only file that reads the environment.

A field ``listen`` is ``listen`` in ``hub.toml`` and ``HUB_LISTEN`` in the environment; the environment
wins over the file, the command line over both. Unknown keys are refused in either place.
"""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal
from zoneinfo import ZoneInfo

from pydantic import ConfigDict, Field, SecretStr, ValidationError, field_validator, model_validator

from hub.cluster_settings import ClusterSettings
from hub.errors import SettingsError

PREFIX = "HUB_"
MIN_SECRET = 8
"""Characters of a token or password: an empty variable must not open the hub to everybody."""


LEGAL_LEAST_DAYS = 366
RETENTION_CLASSES = {"patrol": LEGAL_LEAST_DAYS, "evidence": 3653}
"""Built in: least days. Of evidence, after its case is closed: ten years, the shortest term of case files."""
_CLASS = re.compile(r"([a-z][a-z0-9-]{0,30})=(\d{1,6})(?:\.\.(\d{1,6}))?", re.ASCII)


def retention_class(text: str) -> tuple[str, int, int | None]:
    """Name, least days, most days (None: as long as there is room) of ``name=LEAST`` or ``name=LEAST..MOST``."""
    match = _CLASS.fullmatch(text)
    if match is None:
        raise ValueError(f"expected name=LEAST or name=LEAST..MOST in days, found {text!r}")
    least_days, most_days = int(match[2]), int(match[3]) if match[3] else None
    if not least_days or (most_days is not None and most_days < least_days):
        raise ValueError(f"expected at least a day, and no less at most than at least, found {text!r}")
    return match[1], least_days, most_days


def _default_keys_dir() -> Path:
    """Outside the data folder, so that a copied or stolen folder carries no key."""
    base = os.environ.get("XDG_STATE_HOME") or str(Path.home() / ".local" / "state")
    return Path(base) / "recorder-hub" / "keys"


TILES = re.compile(r"/[^{}]*(\{[zxy]\}[^{}]*){3}\.(png|jpg|jpeg|webp)")
THRESHOLDS = re.compile(r"([a-z_]+)=([0-9.]{1,9})/([0-9.]{1,9}|-)/([0-9.]{1,9}|-)")
"""A kind of interruption and its three thresholds."""


class Settings(ClusterSettings):
    """The validated settings. Immutable for the life of the process."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    # Places
    data: Path = Field(Path("data"), description="Folder for reels, entry files and hub.db.")
    keys_dir: Path = Field(
        default_factory=_default_keys_dir,
        description="Folder for signing keys; must not lie inside the data folder.",
    )
    listen: str = Field("127.0.0.1:8080", description="HOST:PORT that HTTP is served on.")
    log_origin: str = Field(
        "",
        description="Name of this hub's log in its checkpoints; empty: made at the first start and kept.",
    )
    signer_socket: str = Field(
        "",
        description="Unix socket of a `hub signer` that runs under its own user; empty: the hub starts its own.",
    )
    signing_key: SecretStr | None = Field(
        None,
        description="Private Ed25519 key, PEM or base64 (in a rotation the old, then the new); best for `hub signer`.",
    )

    # Access
    admin_token: SecretStr | None = Field(
        None,
        description="A bearer token with the admin role, for programs; make it long and random.",
    )
    admin_password: SecretStr | None = Field(
        None,
        description="Password of the user admin, kept from then on; another one than before ends all sign-ins.",
    )
    session_hours: float = Field(12.0, gt=0, le=72, description="How long a sign-in lasts.")
    look_hours: float = Field(
        8.0, gt=0, le=72, description="How long recordings may be played for a reason given, within a standing grant."
    )
    look_approved_hours: float = Field(
        24.0, gt=0, le=24 * 31, description="How long recordings may be played once another person has approved it."
    )
    origins: tuple[str, ...] = Field(
        (),
        description="Further origins (https://host:port) whose pages may open WebSockets and sign in.",
    )
    tls_cert: Path | None = Field(None, description="PEM file with the certificate chain for HTTPS.")
    tls_key: Path | None = Field(None, description="PEM file with the private key for HTTPS.")
    behind_proxy: bool = Field(
        False,
        description="A proxy in front terminates TLS: plain HTTP beyond loopback is then allowed.",
    )
    oidc_issuer: str = Field(
        "",
        description="Issuer of the OpenID provider that people may sign in at too (https://…); empty: none.",
    )
    oidc_client_id: str = Field("", description="This hub's client id at the OpenID provider.")
    oidc_client_secret: SecretStr | None = Field(None, description="Its secret there; not set: a public client (PKCE).")
    oidc_client_secret_file: Path | None = Field(None, description="File that holds that secret instead.")
    oidc_scopes: str = Field("openid profile", description="Scopes asked for, separated by blanks.")
    oidc_username_claim: str = Field(
        "preferred_username",
        description="Claim that names the person here; one that people cannot change themselves at the provider.",
    )
    max_body_kb: int = Field(1024, ge=16, description="Largest HTTP body of a JSON or SDP call, in KiB.")

    # Recording
    fragment_ms: int = Field(200, ge=40, le=2000, description="Length of a fragment, in milliseconds.")
    live_fragment_ms: int = Field(
        120,
        ge=20,
        le=2000,
        description="The same of pictures while somebody watches the stream, where that is shorter.",
    )
    chunk_min_s: float = Field(2.0, gt=0, description="A chunk ends at the first keyframe after this.")
    chunk_max_s: float = Field(10.0, gt=0, description="A chunk ends after this even without a keyframe.")
    chunk_max_mb: float = Field(16.0, gt=0, description="A chunk ends at this size, in MiB.")
    reel_minutes: float = Field(10.0, gt=0, le=240, description="A new reel begins after this.")
    flush_s: float = Field(2.0, gt=0, le=2.0, description="Longest time until written bytes are flushed.")
    disk_queue_mb: int = Field(256, ge=16, description="Bytes that may wait for the disk, all streams, MiB.")
    min_free_mb: int = Field(512, ge=0, description="Below this much free disk /readyz and a metric warn.")

    # Footage that is brought later
    upload_max_gb: float = Field(64.0, gt=0, description="Largest file that a device may bring later, in GiB.")
    upload_days: float = Field(7.0, gt=0, description="An upload that nobody goes on with is let go after this.")

    # Exports
    export_days: float = Field(7.0, gt=0, description="Evidence packages made in the background are kept this long.")

    # Retention
    min_free_percent: float = Field(
        0.0,
        ge=0,
        le=50,
        description="As min_free_mb, in percent of the disk; the greater of the two counts.",
    )
    retention_classes: tuple[str, ...] = Field(
        (),
        description="Classes as name=LEAST or name=LEAST..MOST in days; built in: patrol=366 and evidence=3653.",
    )
    retention_streams: tuple[str, ...] = Field(
        (),
        description="Streams of another class than patrol, as stream=class.",
    )
    telemetry_track_days: int = Field(
        90, ge=1, le=36_500, description="How long positions of recorders are kept; those of SOS and marks for ever."
    )
    retention_anchor_wait_h: float = Field(
        24.0,
        ge=0,
        description="How long a deletion waits for an outside authority's anchor where any is configured.",
    )

    # Ingest
    rtsp_timeout_s: float = Field(
        10.0, gt=0, description="A camera that does not answer a call within this has failed."
    )
    rtsp_silence_s: float = Field(10.0, gt=0, description="After this long without media the connection is made anew.")
    rtsp_verify_tls: bool = Field(
        False,
        description="Whether an rtsps camera must show a certificate of a known authority; most sign their own.",
    )
    reorder_ms: int = Field(100, ge=0, le=2000, description="How long UDP packets wait for a missing one.")
    webrtc_ports: str = Field("", description="UDP ports for WHIP, as 40000-40100; empty: any.")
    webrtc_addresses: tuple[str, ...] = Field(
        (),
        description="Addresses offered to recorders by WHIP; empty: all of this machine.",
    )
    webrtc_nack_ms: int = Field(400, ge=0, description="How long a lost WHIP packet is asked for again.")

    # Interruptions
    suspect_after_s: float = Field(0.85, gt=0, description="A missing frame is suspected this long after it was due.")
    confirm_after_s: float = Field(5.0, gt=0, description="A break is confirmed at the latest after this.")
    content_checks: bool = Field(True, description="Whether keyframes and sound are looked at for what they show.")
    content_every_s: float = Field(2.0, ge=0.5, le=60, description="A keyframe of each stream is looked at this often.")
    content_budget: float = Field(
        0.5, gt=0, le=4, description="Share of one core for looking; above it streams are looked at less often."
    )
    opening_grace_s: float = Field(30.0, ge=1, description="A source may take this long after its opening hour.")
    interruption_thresholds: tuple[str, ...] = Field(
        (),
        description="From how many s a kind is recorded, rings, asks for an explanation, as stall=0/2/2; - is never.",
    )

    # Monitor
    viewer_queue_mb: float = Field(4.0, gt=0, description="Bytes that may wait for one slow viewer, MiB.")
    max_previews: int = Field(32, ge=0, description="Sub-streams (子码流) pulled at once, of those somebody watches.")
    event_queue: int = Field(1000, ge=10, description="Events that may wait for one slow listener.")

    # Telling people
    public_url: str = Field("", description="Address of the page as people open it, for the links in notices.")
    time_zone: str = Field("Asia/Shanghai", description="Zone of days, duty calendars and the times in notices.")
    alarm_clear_level: int = Field(
        4,
        ge=2,
        le=5,
        description="Alarms of this level or lesser (4 is the least) end with their cause; 5: none does.",
    )
    notices_per_min: int = Field(20, ge=1, le=600, description="More notices to one channel a minute become one.")
    notices_days: int = Field(400, ge=1, le=10_000, description="How long notices and settled alarms are kept.")

    # Map
    map_tiles: str = Field(
        "",
        description="Files of the site's own map, as /srv/map/{z}/{x}/{y}.png (XYZ); empty: a grid with a scale.",
    )
    map_datum: Literal["wgs84", "gcj02"] = Field(
        "wgs84", description="What the map's tiles are drawn in; positions stay WGS-84, drawing alone is shifted."
    )

    # Log and checkpoint
    commit_ms: int = Field(250, ge=10, description="Entries of all streams are committed this often.")
    checkpoint_s: float = Field(10.0, gt=0, description="A checkpoint is signed this often while there is news.")
    timestamp_authorities: tuple[str, ...] = Field(
        (),
        description="RFC 3161 authorities asked to stamp the checkpoint, each 'name url ca.pem'.",
    )
    timestamp_every_s: float = Field(300.0, ge=10, description="How often timestamp authorities are asked.")
    witness_every_s: float = Field(60.0, ge=5, description="How often witnesses are asked for a cosignature.")
    witnesses: tuple[str, ...] = Field(
        (),
        description="Witnesses whose cosignatures count, each 'vkey url', or 'vkey' for one that comes by itself.",
    )
    witness_for: tuple[str, ...] = Field(
        (),
        description="Verifier keys of other hubs' logs that this hub cosigns as their witness.",
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field("info", description="Least level logged.")
    log_format: Literal["auto", "json", "text"] = Field(
        "auto",
        description="One JSON object a line, or text for people; auto: text on a terminal.",
    )

    @field_validator("listen", "node_listen")
    @classmethod
    def _host_and_port(cls, value: str) -> str:
        host, colon, port = value.rpartition(":")
        if not colon or not host or not port.isdigit() or int(port) > 65535:
            raise ValueError(f"expected HOST:PORT as in 127.0.0.1:8080, found {value!r}")
        return value

    @field_validator("admin_token", "admin_password", "cluster_secret")
    @classmethod
    def _long_enough(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and len(value.get_secret_value()) < MIN_SECRET:
            raise ValueError(f"expected at least {MIN_SECRET} characters, found {len(value.get_secret_value())}")
        return value

    @field_validator("time_zone")
    @classmethod
    def _known_zone(cls, value: str) -> str:
        try:
            ZoneInfo(value)
        except (ValueError, OSError, KeyError):
            raise ValueError(f"expected a zone of the IANA database as Asia/Shanghai, found {value[:80]!r}") from None
        return value

    @field_validator("map_tiles")
    @classmethod
    def _tile_pattern(cls, value: str) -> str:
        if value and (not TILES.fullmatch(value) or any(value.count(part) != 1 for part in ("{z}", "{x}", "{y}"))):
            raise ValueError(f"expected /FOLDER/{{z}}/{{x}}/{{y}}.png (png, jpg, webp), found {value[:200]!r}")
        return value

    @field_validator("public_url")
    @classmethod
    def _http_url(cls, value: str) -> str:
        if value and not re.fullmatch(r"https?://[^\s/?#@]+(/[^\s?#]*)?", value):
            raise ValueError(f"expected https://HOST[/PATH], found {value[:200]!r}")
        return value

    @field_validator("webrtc_ports")
    @classmethod
    def _port_range(cls, value: str) -> str:
        if value:
            first, dash, last = value.partition("-")
            if not (dash and first.isdigit() and last.isdigit() and 1024 <= int(first) <= int(last) <= 65535):
                raise ValueError(f"expected FIRST-LAST within 1024-65535, found {value!r}")
        return value

    @field_validator("interruption_thresholds")
    @classmethod
    def _three_thresholds(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for text in value:
            if THRESHOLDS.fullmatch(text) is None:
                raise ValueError(f"expected KIND=RECORD/RING/EXPLAIN in seconds as stall=0/2/2, found {text!r}")
        return value

    @field_validator("retention_classes")
    @classmethod
    def _lawful_classes(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        named = [retention_class(text) for text in value]
        if len({name for name, _, _ in named}) != len(named):
            raise ValueError("expected each retention class once")
        for name, least_days, _ in named:
            if name in RETENTION_CLASSES and least_days < LEGAL_LEAST_DAYS:
                raise ValueError(
                    f"expected at least {LEGAL_LEAST_DAYS} days for {name}, found {least_days}: "
                    "日常巡查的声像资料保存期限不少于一年 (叶交执〔2017〕23号第十二条; a year may have 366 days)"
                )
        return value

    @model_validator(mode="after")
    def _known_classes(self) -> Settings:
        known = set(RETENTION_CLASSES) | {retention_class(text)[0] for text in self.retention_classes}
        for text in self.retention_streams:
            stream, equals, name = text.partition("=")
            if not equals or not stream or name not in known:
                raise ValueError(f"retention_streams: expected stream=class with a known class, found {text!r}")
        return self

    @model_validator(mode="after")
    def _consistent(self) -> Settings:
        if (self.tls_cert is None) != (self.tls_key is None):
            raise ValueError("tls_cert and tls_key go together; set both or neither")
        if self.keys_dir.resolve().is_relative_to(self.data.resolve()):
            raise ValueError(
                f"keys_dir {self.keys_dir} lies inside data {self.data}; keep keys apart from what they sign"
            )
        return self

    @property
    def host(self) -> str:
        return self.listen.rpartition(":")[0].strip("[]")

    @property
    def port(self) -> int:
        return int(self.listen.rpartition(":")[2])

    @property
    def webrtc_port_range(self) -> tuple[int, int] | None:
        """First and last UDP port for WHIP, inclusive; None: any port."""
        if not self.webrtc_ports:
            return None
        first, _, last = self.webrtc_ports.partition("-")
        return int(first), int(last)


def load_settings(
    config: Path | None = None,
    overrides: Mapping[str, Any] | None = None,
    environ: Mapping[str, str] | None = None,
) -> Settings:
    """The settings of file, environment and command line, in rising order of weight.

    Raises SettingsError that names the key, what was expected and what was found.
    """
    values = _from_file(config) if config is not None else {}
    values |= _from_environment(os.environ if environ is None else environ)
    if environ is None:
        os.environ.pop(f"{PREFIX}SIGNING_KEY", None)  # no child process is to inherit it
    values |= {key: value for key, value in (overrides or {}).items() if value is not None}
    try:
        return Settings.model_validate(values)
    except ValidationError as error:
        raise SettingsError(_explain(error)) from error


def _from_file(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise SettingsError(f"cannot read the settings file {path}: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path} is not a TOML file: {error}") from error


def _from_environment(environ: Mapping[str, str]) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for key, text in environ.items():
        if key.startswith(PREFIX):
            name = key[len(PREFIX) :].lower()
            values[name] = _split(text) if _is_list(name) else text
    return values


def _is_list(name: str) -> bool:
    field = Settings.model_fields.get(name)
    return field is not None and field.annotation == tuple[str, ...]


def _split(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(",") if part.strip())


def _explain(error: ValidationError) -> str:
    lines = []
    for problem in error.errors(include_url=False):
        name = ".".join(str(part) for part in problem["loc"])
        message = problem["msg"].removeprefix("Value error, ")
        if problem["type"] == "extra_forbidden":
            lines.append(f"unknown setting {name!r} (in the environment: {PREFIX}{name.upper()})")
        elif name:
            lines.append(f"{name}: {message}{_found(name, problem['input'])}")
        else:
            lines.append(message)
    return "; ".join(lines)


def _found(name: str, value: object) -> str:
    """What stood there, unless it is a secret, or the message says it already."""
    field = Settings.model_fields.get(name.partition(".")[0])
    if field is None or "SecretStr" in str(field.annotation) or name == "listen" or name == "webrtc_ports":
        return ""
    return f"; found {str(value)[:100]!r}"
