"""A log whose key was rotated, revoked or stolen, from the entries to the verdict."""

from __future__ import annotations

import base64
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from hub.clock import ManualClock
from hub.ledger.entries import HUB_STREAM, EntryType, read_entry
from hub.ledger.ledger import Ledger
from hub.ledger.notes import VerifierKey, parse_note
from hub.ledger.signing.local import LocalSigner, LocalSigners
from hub.ledger.signing.statements import Statement, What, sign_text
from hub.ledger.signing.vault import keys_of_secret, verifier_key
from hub.ledger.verdict import Provenance, Step, Verdict
from hub.ledger.verify import verify_path
from tests.ledger_folder import ORIGIN, START_US, Folder, build, scan_fake
from tests.package_support import export

DAY_US = 86_400_000_000


class Hub:
    """One run of a ledger after the other on a folder, the signer's clock in hand."""

    def __init__(self, folder: Folder) -> None:
        self.folder = folder
        self.now_us = START_US

    @property
    def signer(self) -> LocalSigner:
        """As `hub keys` opens it."""
        return LocalSigner.open(self.folder.keys, ORIGIN, make=False, now_us=lambda: self.now_us)

    async def run(self, *, signatures: int = 3, forge: Statement | None = None, by: tuple[str, ...] = ()) -> None:
        """A run that signs so often, with news each time. ``forge``: what whoever took over the hub writes."""
        signers = LocalSigners(self.folder.keys, now_us=lambda: self.now_us)
        clock = ManualClock(self.now_us)
        ledger = await Ledger.open(self.folder.settings, clock, scan_fake, signers)
        if forge is not None:
            keys = [key for secret in by for key in keys_of_secret(secret)]
            ledger.append(HUB_STREAM, forge.entry_type, forge.body(sign_text(forge.text(), ORIGIN, keys)))
        for _ in range(signatures):
            ledger.heartbeat()
            await ledger.committed()
            assert await ledger._sign()
            await ledger.committed()
        await ledger.close()

    def verify(self, key: VerifierKey | str) -> Verdict:
        return self.folder.verify(key=str(key))

    def signed_by(self) -> list[str]:
        """Who signed the newest checkpoint."""
        return [line.key_id.hex() for line in parse_note((self.folder.log / "checkpoint").read_text()).signatures]


async def hub_of(root: Path) -> Hub:
    return Hub(await build(root, streams=("cam-a",), reels=1, chunks=1))


async def rotated(root: Path) -> tuple[Hub, VerifierKey, VerifierKey]:
    """A hub whose key was rotated, the overlap over."""
    hub = await hub_of(root)
    old, new = hub.signer.key, hub.signer.rotate(7 * DAY_US)
    await hub.run()
    hub.now_us += 8 * DAY_US
    await hub.run()
    return hub, old, new


async def test_who_holds_the_old_key_follows_the_log_to_the_new_one(tmp_path: Path) -> None:
    hub, old, new = await rotated(tmp_path)
    assert hub.signed_by() == [new.key_id.hex()]
    assert (hub.folder.log / "vkey").read_text().strip() == str(new)
    for key in (old, new):
        verdict = hub.verify(key)
        assert verdict.exit_code == 0, verdict.findings
        assert verdict.provenance is Provenance.HUB_KEY
    assert hub.folder.verify().exit_code == 0


async def test_during_the_overlap_both_keys_sign(tmp_path: Path) -> None:
    hub = await hub_of(tmp_path)
    old, new = hub.signer.key, hub.signer.rotate(7 * DAY_US)
    await hub.run()
    assert hub.signed_by() == [old.key_id.hex(), new.key_id.hex()]
    assert [hub.verify(key).exit_code for key in (old, new)] == [0, 0]


async def test_an_announcement_that_was_not_written_is_written_at_the_next_start(tmp_path: Path) -> None:
    hub = await hub_of(tmp_path)
    old = hub.signer.key
    hub.signer.rotate(7 * DAY_US)
    await hub.run(signatures=0)  # signs with both keys as it ends, when no entry can be made any more
    await hub.run(signatures=1)
    kinds = [
        line for path in (hub.folder.data / HUB_STREAM).glob("*.entries") for line in path.read_bytes().split(b"\n")
    ]
    assert sum(b'"type":"key_rotate"' in line for line in kinds) == 1
    assert hub.verify(old).exit_code == 0


async def test_a_revoked_key_cannot_vouch_for_its_heir(tmp_path: Path) -> None:
    hub = await hub_of(tmp_path)
    old = hub.signer.key
    new = hub.signer.revoke(old.key_id.hex(), "stolen")
    assert new is not None
    await hub.run()
    verdict = hub.verify(old)
    assert verdict.exit_code == 1
    assert any("get the new verifier key by another way" in finding.found for finding in verdict.findings)
    verdict = hub.verify(new)
    assert verdict.exit_code == 0, verdict.findings


async def test_a_package_made_after_a_revocation_names_a_key_that_leads_to_its_head(tmp_path: Path) -> None:
    hub = await hub_of(tmp_path)
    new = hub.signer.revoke(hub.signer.key.key_id.hex(), "stolen")
    await hub.run()
    export(hub.folder, tmp_path / "a.zip")
    verdict = verify_path(tmp_path / "a.zip")
    assert (verdict.exit_code, verdict.key) == (0, str(new)), verdict.findings


async def test_the_thief_goes_on_signing_with_the_revoked_key(tmp_path: Path) -> None:
    hub = await hub_of(tmp_path)
    old = hub.signer.key
    stolen = (next(hub.folder.keys.iterdir()) / "ed25519.pem").read_text()
    new = hub.signer.revoke(old.key_id.hex(), "stolen")
    assert new is not None
    await hub.run()
    path = hub.folder.log / "checkpoint"
    text = parse_note(path.read_text()).text
    path.write_text(sign_text(text, ORIGIN, keys_of_secret(stolen)))
    verdict = hub.verify(new)
    assert verdict.exit_code == 1
    (found,) = verdict.findings
    assert found.step is Step.CHECKPOINTS
    assert "was revoked from size" in found.found
    assert "stolen" in found.found


async def test_a_retired_key_signs_again(tmp_path: Path) -> None:
    """Stolen from an old backup."""
    hub = await hub_of(tmp_path)
    old_pem = (next(hub.folder.keys.iterdir()) / "ed25519.pem").read_text()
    hub.signer.rotate(DAY_US)
    await hub.run()
    hub.now_us += 2 * DAY_US
    await hub.run()
    path = hub.folder.log / "checkpoint"
    path.write_text(sign_text(parse_note(path.read_text()).text, ORIGIN, keys_of_secret(old_pem)))
    (found,) = hub.folder.verify().findings
    assert "ended at size" in found.found


async def test_a_revocation_that_reaches_back_takes_honest_checkpoints_with_it(tmp_path: Path) -> None:
    hub = await hub_of(tmp_path)
    await hub.run()
    old, reach = hub.signer.key, hub.signer.last.size - 3
    new = hub.signer.revoke(old.key_id.hex(), "copied last week", reach)
    assert new is not None
    await hub.run()
    verdict = hub.verify(new)
    assert verdict.exit_code == 0, verdict.findings
    assert any("count no longer" in note and "copied last week" in note for note in verdict.notes)


async def test_whoever_took_over_the_hub_announces_a_key_of_its_own(tmp_path: Path) -> None:
    """It may write any entry, and the signer signs the root over it: that must not hand trust on."""
    hub = await hub_of(tmp_path)
    old = hub.signer.key
    foreign = Ed25519PrivateKey.generate()
    forged = Statement(What.ROTATE, verifier_key(ORIGIN, foreign), old, 5, START_US)
    await hub.run(forge=forged, by=(base64.b64encode(foreign.private_bytes_raw()).decode(),))
    path = hub.folder.log / "checkpoint"
    path.write_text(sign_text(parse_note(path.read_text()).text, ORIGIN, [foreign]))
    verdict = hub.verify(old)
    assert verdict.exit_code == 1
    told = [finding.found for finding in verdict.findings]
    assert any("not signed by the keys that it names" in text for text in told)
    assert any("none of them valid" in text for text in told)


async def test_the_hand_over_must_have_been_carried_by_the_old_key(tmp_path: Path) -> None:
    """Every checkpoint that both keys signed is gone: the succession rests on the statement alone, and that is said."""
    hub, old, _ = await rotated(tmp_path)
    path = hub.folder.log / "checkpoints"
    notes = [f"{note}\n" for note in path.read_text().split("\n\n")]
    pairs = [f"{text}\n{lines}\n" for text, lines in zip(notes[0::2], notes[1::2], strict=False)]
    path.write_text("".join(note for note in pairs if note.count("— ") == 1))
    verdict = hub.verify(old)
    (found,) = verdict.findings
    assert "which names its successor" in found.expected


async def test_entries_say_what_the_keys_did(tmp_path: Path) -> None:
    hub, old, new = await rotated(tmp_path)
    found = [
        read_entry(line)
        for path in sorted((hub.folder.data / HUB_STREAM).glob("*.entries"))
        for line in path.read_bytes().split(b"\n")
        if b'"key_r' in line
    ]
    assert [entry.type for entry in found] == [EntryType.KEY_ROTATE, EntryType.KEY_ROTATE]
    assert [entry.body["what"] for entry in found] == ["rotate", "retire"]
    assert [entry.body["vkey"] for entry in found] == [str(new), str(old)]
