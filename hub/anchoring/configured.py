"""The authorities that the settings name."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from hub.anchoring.authority import Authority
from hub.anchoring.timestamp import TimestampAuthority, TimestampSettings, parse_timestamp_authority
from hub.anchoring.witness import Cosigned, Proof, WitnessAuthority, WitnessSettings, parse_witness
from hub.errors import SettingsError
from hub.settings import Settings


@dataclass(frozen=True, slots=True)
class Configured:
    """What the settings say, read and checked; nothing is connected yet."""

    timestamps: tuple[TimestampSettings, ...]
    witnesses: tuple[WitnessSettings, ...]

    @classmethod
    def read(cls, settings: Settings) -> Configured:
        """Reads the files of trusted certificates. Raises SettingsError. Blocks."""
        found = cls(
            tuple(parse_timestamp_authority(line) for line in settings.timestamp_authorities),
            tuple(parse_witness(line) for line in settings.witnesses),
        )
        names = Counter([one.name for one in found.timestamps] + [one.key.name for one in found.witnesses])
        twice = [name for name, count in names.items() if count > 1]
        if twice:
            raise SettingsError(f"timestamp_authorities and witnesses: expected each name once, found {twice[0]} twice")
        return found

    def authorities(self, proof: Proof, cosigned: Cosigned | None = None) -> list[Authority]:
        """Those that are asked. ``proof`` and ``cosigned`` are for witnesses."""
        asked: list[Authority] = [TimestampAuthority(one) for one in self.timestamps]
        asked += [WitnessAuthority(one, proof, cosigned) for one in self.witnesses if one.url]
        return asked

    @property
    def visitors(self) -> tuple[str, ...]:
        """Names of the witnesses that are not asked: they come by themselves."""
        return tuple(one.key.name for one in self.witnesses if not one.url)
