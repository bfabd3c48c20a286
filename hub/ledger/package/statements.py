"""Step 6 of a package's verification: written statements and scanned papers, of which entries keep the digests."""

from __future__ import annotations

from hub.ledger.entries import Entry, EntryType
from hub.ledger.package.run import PackageRun
from hub.ledger.verdict import Harm, Step
from hub.ledger.verify.statements import FILE, MAX_BYTES

FOLDER = "statements/"


def statement_of(entry: Entry) -> tuple[str, str] | None:
    """The file that an ``explanation`` names, by its path in data folder and package alike, and its SHA-256. None for
    any other entry, and for a path that no hub writes: what it says is found when the data folder is verified."""
    name, sha256 = entry.body.get("file"), entry.body.get("sha256")
    if entry.type is not EntryType.EXPLANATION or not isinstance(name, str) or not isinstance(sha256, str):
        return None
    match = FILE.fullmatch(name)
    return (name, sha256) if match is not None and match[1] == entry.stream_id else None


def heard(run: PackageRun, entry: Entry) -> None:
    """Keep what the entry says of a statement."""
    found = statement_of(entry)
    if found is not None:
        run.statements[found[0]] = found[1]


def check_statements(run: PackageRun) -> None:
    """Each statement that an entry of the package speaks of is in it, as it was written; and no other one."""
    for name, sha256 in run.statements.items():
        size = run.box.sizes.get(name)
        if size is None:
            run.add(Step.FOOTAGE, Harm.MISSING, name, "the statement that an entry speaks of", "no such file")
            continue
        if size > MAX_BYTES:
            run.add(Step.FOOTAGE, Harm.ALTERED, name, f"at most {MAX_BYTES} bytes", f"{size} bytes")
            continue
        for _ in run.blocks(name):
            pass
        if run.digests[name] != sha256:
            run.add(Step.FOOTAGE, Harm.ALTERED, name, f"a statement with SHA-256 {sha256}", run.digests[name])
    for name in run.box.sizes:
        if name.startswith(FOLDER) and name not in run.statements:
            run.add(
                Step.FOOTAGE, Harm.UNDECLARED, name, "a statement that an entry speaks of", "one of which none does"
            )
