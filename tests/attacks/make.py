"""The attacks of docs/design/evidence.md on a data folder: each makes an attacked folder out of the same base.

``python -m tests.attacks.make OUT`` writes the base and all attacked folders below OUT, the same bytes each time.
What each must come to is beside it: the place of the first fault, the step that finds it, the axes.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from hub.ledger.entries import EntryType, canonical
from hub.ledger.verdict import Completeness, Harm, Integrity, Provenance, Step
from tests.attacks.base import ORIGIN, YESTERDAY, Base, Fact, make, private_key
from tests.ledger_folder import edit, flip, lines, put_lines

INIT, CHUNK = 100, 3016
"""Sizes in the base: an init segment, and each chunk behind it."""


@dataclass(frozen=True)
class Attack:
    """``place`` is a pattern that the whole place of the first fault matches; ``seen_by`` says what beside the folder
    shows the attack: nothing, the verifier key, the signer's memory, a checkpoint kept elsewhere."""

    name: str
    make: Callable[[Path], Base]
    step: Step
    harm: Harm
    place: str
    seen_by: str = "the folder"
    integrity: Integrity = Integrity.NOT_OK
    completeness: Completeness = Completeness.DECLARED
    provenance: Provenance = Provenance.HUB_KEY


ATTACKS: dict[str, Attack] = {}
_BREAK = Completeness.UNDECLARED_BREAK
"""An entry that cannot be read leaves a gap in time as well."""
_REEL = r"reels/cam-a/2026-01-01/000000\.000Z-1\.mp4"
_LOG = r"log/attacked\.example-log-[0-9a-f]{8}"
_ENTRY = _REEL + r"\.entries line {line} \(entry {entry} of cam-a\)"


def _bytes(first: int, end: int) -> str:
    return _REEL + rf" bytes {first}-{end} \(declared in .* of cam-a\)\)"


def on_folder(step: Step, harm: Harm, place: str, **more: object) -> Callable[[Callable[[Base], None]], None]:
    """An attack by somebody who can write to the folder and has no key."""

    def register(attack: Callable[[Base], None]) -> None:
        def run(root: Path) -> Base:
            base = make(root)
            attack(base)
            return base

        ATTACKS[attack.__name__] = Attack(attack.__name__, run, step, harm, place, **more)  # type: ignore[arg-type]

    return register


def anew(step: Step, harm: Harm, place: str, **more: object) -> Callable[[Callable[[Path], Base]], None]:
    """An attack that makes the folder anew."""

    def register(attack: Callable[[Path], Base]) -> None:
        ATTACKS[attack.__name__] = Attack(attack.__name__, attack, step, harm, place, **more)  # type: ignore[arg-type]

    return register


# ---------------------------------------------------------------------------- chunks and init segments


@on_folder(Step.FOOTAGE, Harm.ALTERED, _bytes(INIT + CHUNK, INIT + 2 * CHUNK))
def flip_a_byte_in_a_chunk(base: Base) -> None:
    flip(base.reel(), INIT + CHUNK + 17)


@on_folder(Step.FOOTAGE, Harm.ALTERED, _REEL + r" bytes 0-100 \(init segment, declared in .*\)")
def flip_a_byte_in_an_init_segment(base: Base) -> None:
    flip(base.reel(), 50)


@on_folder(Step.FOOTAGE, Harm.ALTERED, _REEL + r" bytes 0-100 \(init segment, declared in .*\)")
def swap_the_init_segment(base: Base) -> None:
    one, two = base.reels("cam-a")
    a, b = one.read_bytes(), two.read_bytes()
    one.write_bytes(b[:INIT] + a[INIT:])
    two.write_bytes(a[:INIT] + b[INIT:])


@on_folder(Step.FOOTAGE, Harm.ALTERED, _bytes(INIT + CHUNK, INIT + 2 * CHUNK))
def drop_a_chunk(base: Base) -> None:
    data = base.reel().read_bytes()
    base.reel().write_bytes(data[: INIT + CHUNK] + data[INIT + 2 * CHUNK :])


@on_folder(Step.FOOTAGE, Harm.ALTERED, _bytes(INIT, INIT + CHUNK))
def reorder_chunks(base: Base) -> None:
    data = base.reel().read_bytes()
    one, two = data[INIT : INIT + CHUNK], data[INIT + CHUNK : INIT + 2 * CHUNK]
    base.reel().write_bytes(data[:INIT] + two + one + data[INIT + 2 * CHUNK :])


@on_folder(Step.FOOTAGE, Harm.UNDECLARED, _REEL + " bytes 9148-12164", integrity=Integrity.MISSING_PARTS)
def duplicate_a_chunk(base: Base) -> None:
    data = base.reel().read_bytes()
    base.reel().write_bytes(data + data[-CHUNK:])


@on_folder(Step.FOOTAGE, Harm.ALTERED, _bytes(INIT + 2 * CHUNK, INIT + 3 * CHUNK))
def truncate_a_chunk(base: Base) -> None:
    base.reel().write_bytes(base.reel().read_bytes()[:-10])


@on_folder(Step.FOOTAGE, Harm.MISSING, _REEL, integrity=Integrity.MISSING_PARTS)
def drop_a_reel(base: Base) -> None:
    base.reel().unlink()


@on_folder(Step.FOOTAGE, Harm.ALTERED, _bytes(INIT, INIT + CHUNK))
def swap_two_streams_chunks(base: Base) -> None:
    ours, theirs = base.reel("cam-a"), base.reel("cam-b")
    a, b = ours.read_bytes(), theirs.read_bytes()
    end = INIT + CHUNK
    ours.write_bytes(a[:INIT] + b[INIT:end] + a[end:])
    theirs.write_bytes(b[:INIT] + a[INIT:end] + b[end:])


# -------------------------------------------------------------------------------------------- entries


@on_folder(Step.CHAINS, Harm.ALTERED, _ENTRY.format(line=2, entry=2))
def alter_an_entry(base: Base) -> None:
    """By a careful forger, who leaves it canonical."""
    edit(base.lines_of(), 1, lambda value: value["body"].update(end_us=value["body"]["end_us"] + 1))


@on_folder(Step.ENTRIES, Harm.ALTERED, _REEL + r"\.entries line 2", completeness=_BREAK)
def flip_a_byte_in_an_entry(base: Base) -> None:
    flip(base.lines_of(), len(lines(base.lines_of())[0]) + 3, bit=128)


@on_folder(
    Step.CHAINS,
    Harm.MISSING,
    "before " + _ENTRY.format(line=2, entry=3),
    completeness=_BREAK,
    integrity=Integrity.MISSING_PARTS,
)
def drop_an_entry(base: Base) -> None:
    content = lines(base.lines_of())
    put_lines(base.lines_of(), [content[0], content[2]])


@on_folder(Step.CHAINS, Harm.MISSING, "before " + _ENTRY.format(line=2, entry=3), completeness=_BREAK)
def reorder_entries(base: Base) -> None:
    one, two, three = lines(base.lines_of())
    put_lines(base.lines_of(), [one, three, two])


@on_folder(Step.CHAINS, Harm.ALTERED, _ENTRY.format(line=3, entry=2))
def duplicate_an_entry(base: Base) -> None:
    one, two, three = lines(base.lines_of())
    put_lines(base.lines_of(), [one, two, two, three])


@on_folder(Step.ENTRIES, Harm.ALTERED, _REEL + r"\.entries line 3", completeness=_BREAK)
def truncate_an_entry(base: Base) -> None:
    base.lines_of().write_bytes(base.lines_of().read_bytes()[:-10])


def _rewritten(base: Base, old: bytes, new: bytes) -> None:
    content = lines(base.lines_of())
    assert old in content[1]
    put_lines(base.lines_of(), [content[0], content[1].replace(old, new), content[2]])


@on_folder(Step.ENTRIES, Harm.ALTERED, _REEL + r"\.entries line 2", completeness=_BREAK)
def an_entry_with_a_doubled_key(base: Base) -> None:
    _rewritten(base, b'"v":1}', b'"v":1,"v":1}')


@on_folder(Step.ENTRIES, Harm.ALTERED, _REEL + r"\.entries line 2", completeness=_BREAK)
def an_entry_with_a_float(base: Base) -> None:
    _rewritten(base, b'"v":1}', b'"v":1.0}')


@on_folder(Step.ENTRIES, Harm.ALTERED, _REEL + r"\.entries line 2", completeness=_BREAK)
def an_entry_with_another_escape(base: Base) -> None:
    _rewritten(base, b'"reason":"keyframe"', b'"reason":"ke\\u0079frame"')


# ------------------------------------------------------------------------------------ the log's tail


def _cut(base: Base) -> None:
    """The newest entry, from the entry file and the log."""
    put_lines(base.hub_file, lines(base.hub_file)[:-1])
    leaves = base.log / "leaves"
    leaves.write_bytes(leaves.read_bytes()[:-32])


def _go_on(base: Base, count: int = 2) -> None:
    """Write further entries in the place of those that were cut."""
    for _ in range(count):
        before = json.loads(lines(base.hub_file)[-1])
        leaf = (base.log / "leaves").read_bytes()[-32:]
        value = {**before, "seq": before["seq"] + 1, "prev": leaf.hex(), "type": "restart", "body": {"ended": "killed"}}
        data = canonical(value)
        with base.hub_file.open("ab") as file:
            file.write(data + b"\n")
        with (base.log / "leaves").open("ab") as file:
            file.write(bytes.fromhex(_leaf(data)))


def _leaf(data: bytes) -> str:
    from hub.ledger.entries import leaf_hash

    return leaf_hash(data).hex()


@on_folder(
    Step.CHECKPOINTS, Harm.MISSING, _LOG + "/checkpoints note 2", integrity=Integrity.MISSING_PARTS,
)  # fmt: skip
def cut_the_tail(base: Base) -> None:
    _cut(base)


@on_folder(Step.CHECKPOINTS, Harm.ALTERED, _LOG + "/checkpoints note 2")
def cut_the_tail_and_go_on_writing(base: Base) -> None:
    _cut(base)
    _go_on(base)


def _sign_anew(base: Base) -> None:
    note = base.checkpoint(len((base.log / "leaves").read_bytes()) // 32)
    (base.log / "checkpoints").write_text(f"{note}\n")
    (base.log / "checkpoint").write_text(note)


@on_folder(Step.CHECKPOINTS, Harm.ALTERED, _LOG, seen_by="a head kept elsewhere")
def cut_the_tail_and_go_on_writing_with_the_key(base: Base) -> None:
    _cut(base)
    _go_on(base)
    _sign_anew(base)


@on_folder(Step.CHECKPOINTS, Harm.MISSING, _LOG + "/checkpoint", integrity=Integrity.MISSING_PARTS,
           provenance=Provenance.NONE, seen_by="the key")  # fmt: skip
def take_the_checkpoints_away(base: Base) -> None:
    (base.log / "checkpoints").unlink()
    (base.log / "checkpoint").unlink()


# --------------------------------------------------------------------------------- the whole folder


@anew(
    Step.CHECKPOINTS, Harm.MISSING, _LOG, seen_by="a head kept elsewhere", integrity=Integrity.MISSING_PARTS,
)  # fmt: skip
def roll_back_to_yesterday(root: Path) -> Base:
    """The folder as it was at its first checkpoint; the signer, and whoever was handed a head, know of more."""
    today = make(root / "today")
    base = make(root, until=YESTERDAY)
    for path in [path for path in base.data.glob("reels/*/*/*.mp4") if not Path(f"{path}.entries").exists()]:
        path.unlink()
    base.memory.write_bytes(today.memory.read_bytes())
    return base


def _relabelled(facts: list[Fact]) -> list[Fact]:
    """A chunk is said to be of another moment."""
    return [
        Fact(fact.stream, fact.kind, {**fact.body, "device_us": 1}, fact.at_us)
        if fact.kind is EntryType.CHUNK and fact.body["offset"] == INIT
        else fact
        for fact in facts
    ]


def _keep_the_memory(base: Base, root: Path) -> Base:
    base.memory.write_bytes(make(root / "real").memory.read_bytes())
    return base


@anew(Step.CHECKPOINTS, Harm.ALTERED, _LOG, seen_by="a head kept elsewhere")
def chain_everything_anew_with_the_same_key(root: Path) -> Base:
    """Also: a second root of the same size."""
    return _keep_the_memory(make(root, _relabelled), root)


@anew(Step.CHECKPOINTS, Harm.ALTERED, _LOG + "/checkpoints note 1", seen_by="the key", provenance=Provenance.NONE)
def sign_with_another_key_of_the_same_name(root: Path) -> Base:
    base = make(root, _relabelled, signer="a stranger")
    (base.memory.parent / "vkey").write_bytes((make(root / "real").memory.parent / "vkey").read_bytes())
    base.memory.unlink()
    return base


@on_folder(Step.CHECKPOINTS, Harm.ALTERED, _LOG + "/checkpoints note 3")
def a_second_root_of_the_same_size(base: Base) -> None:
    """Signed with the real key, found in the history."""
    other = make(base.root / "other", _relabelled)
    with (base.log / "checkpoints").open("a") as file:
        file.write(other.checkpoint(len(other.entries)) + "\n")


@anew(
    Step.COMPLETENESS, Harm.BREAK, "before " + r"reels/cam-a/.*000001.* \(entry 4 of cam-a\)", integrity=Integrity.OK,
    completeness=Completeness.UNDECLARED_BREAK,
)  # fmt: skip
def leave_the_interruption_out_with_the_key(root: Path) -> Base:
    """Even whoever can sign cannot make a gap look like none."""
    said = (EntryType.INTERRUPTION_OPEN, EntryType.INTERRUPTION_CLOSE)
    return make(root, lambda facts: [fact for fact in facts if fact.kind not in said])


def main(arguments: list[str]) -> int:
    out = Path(arguments[0])
    make(out / "base")
    for name, attack in ATTACKS.items():
        attack.make(out / name)
        print(f"{name}: step {int(attack.step)}, {attack.harm}, at {attack.place}")
    print(f"the log is {ORIGIN}; its key is {private_key().public_key().public_bytes_raw().hex()}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
