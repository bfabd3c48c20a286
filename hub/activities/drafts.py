"""What somebody says of an activity, checked before it becomes an entry. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from hub.activities.model import Mode, Officer
from hub.errors import InvalidRequest
from hub.people.people import Person, check_certificate, check_person_name

MAX_OFFICERS = 50
MAX_DOCUMENTS = 50
MAX_MARKS = 2000
MAX_TEXT = 200
MAX_REASON = 2000
ByCertificate = Callable[[str], Person | None]
TEXTS = ("party", "cause", "case_number", "place", "matter")


@dataclass(frozen=True, slots=True)
class Draft:
    """An activity as it is begun, or what is changed of one (None: stays). ``recorder``: certificate or name of the
    officer who records."""

    officers: Sequence[Officer] | None = None
    recorder: str | None = None
    party: str | None = None
    party_present: bool | None = None
    cause: str | None = None
    case_number: str | None = None
    place: str | None = None
    matter: str | None = None
    mode: Mode | None = None
    documents: Sequence[str] | None = None

    def fields(self, by_certificate: ByCertificate, officers: Sequence[Officer] = ()) -> dict[str, Any]:
        """What is said, as it is entered. ``officers``: those of before. Raises InvalidRequest."""
        found: dict[str, Any] = {}
        for name in TEXTS:
            text = getattr(self, name)
            if text is not None:
                found[name] = check_text(name, text)
        if self.party_present is not None:
            found["party_present"] = self.party_present
        if self.mode is not None:
            found["mode"] = self.mode.value
        if self.documents is not None:
            found["documents"] = known_documents(self.documents)
        if self.officers is not None:
            officers = known_officers(self.officers, by_certificate)
            found["officers"] = [asdict(one) for one in officers]
        if self.recorder is not None or self.officers is not None:
            found["recorder"] = recorder_of(self.recorder, officers)
        return found


def check_text(name: str, text: str, most: int = MAX_TEXT) -> str:
    """Without outer blanks. Raises InvalidRequest."""
    text = text.strip()
    if len(text) > most or not text.isprintable():
        raise InvalidRequest(
            f"{name}: expected at most {most} printable characters, found {len(text)}", code="bad_text"
        )
    return text


def check_reason(name: str, text: str) -> str:
    """As :func:`check_text`, several lines allowed, and not empty."""
    text = text.strip()
    if not 1 <= len(text) <= MAX_REASON or not text.replace("\n", "").isprintable():
        raise InvalidRequest(
            f"{name}: expected 1 to {MAX_REASON} printable characters, found {len(text)}", code="bad_text"
        )
    return text


def known_documents(given: Sequence[str]) -> list[str]:
    """Numbers of documents (执法文书), each once, as they were given. Raises InvalidRequest."""
    if len(given) > MAX_DOCUMENTS:
        raise InvalidRequest(f"documents: expected at most {MAX_DOCUMENTS}, found {len(given)}", code="bad_text")
    found = dict.fromkeys(check_text("documents", one) for one in given)
    return [one for one in found if one]


def known_officers(given: Sequence[Officer], by_certificate: ByCertificate) -> list[Officer]:
    """With what the hub knows of them. Raises InvalidRequest for one twice, and for another's certificate."""
    if len(given) > MAX_OFFICERS:
        raise InvalidRequest(f"officers: expected at most {MAX_OFFICERS}, found {len(given)}", code="bad_officers")
    found: list[Officer] = []
    for one in given:
        officer = Officer(check_person_name(one.name), check_certificate(one.certificate), one.assistant)
        person = by_certificate(officer.certificate)
        if person is not None:
            if person.name != officer.name:
                raise InvalidRequest(
                    f"officers: the certificate {officer.certificate} is not that of {officer.name!r}",
                    code="bad_officers",
                )
            officer = Officer(person.name, person.certificate, person.assistant, person.username)
        if any(_same(officer, other) for other in found):
            raise InvalidRequest(f"officers: {officer.name!r} is there twice", code="bad_officers")
        found.append(officer)
    return found


def _same(one: Officer, other: Officer) -> bool:
    return (
        one.certificate == other.certificate if one.certificate else (one.name, "") == (other.name, other.certificate)
    )


def recorder_of(wanted: str | None, officers: Sequence[Officer]) -> str:
    """谁执法、谁记录: who records is one of the officers; where there is but one, it is that one."""
    if wanted is None or not wanted.strip():
        own = [one for one in officers if not one.assistant]
        return (own[0].certificate or own[0].name) if len(own) == 1 else ""
    certificate = check_certificate(wanted)
    for one in officers:
        if (one.certificate and one.certificate == certificate) or one.name == wanted.strip():
            return one.certificate or one.name
    raise InvalidRequest("recorder: expected one of the officers (谁执法、谁记录)", code="bad_recorder")


def officers_of(value: Sequence[Mapping[str, Any]]) -> list[Officer]:
    return [Officer(one["name"], one.get("certificate", ""), bool(one.get("assistant", False))) for one in value]
