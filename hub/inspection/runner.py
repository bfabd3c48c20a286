"""A verification in a process of its own, which takes only what nobody else wants of the machine.

Reads one JSON object from its input; writes lines of JSON: ``{"done","total"}`` now and then, at last ``{"verdict"}``.
"""

from __future__ import annotations

import json
import os
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from hub.archive.store import open_store
from hub.ledger.anchors.trust import configured_trust
from hub.ledger.verdict import Verdict
from hub.ledger.verify import verify_path
from hub.ledger.verify.context import Scope
from hub.ledger.verify.report import to_json
from hub.ledger.verify.words import ZH
from hub.settings import Settings
from hub.shelf import Shelf, Shelves

EVERY_S = 0.25
MAX_FINDINGS = 50
MAX_TEXT = 400


def yield_to_others() -> None:
    """Idle class of the scheduler where there is one, and the lowest priority anyway: recording comes first."""
    with suppress(OSError):
        os.nice(19)
    if hasattr(os, "SCHED_IDLE"):
        with suppress(OSError):
            os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))


def shortened(verdict: Verdict) -> dict[str, Any]:
    """The verdict as an entry can keep it: ``hub verify --json`` with fewer findings, each also in Chinese."""
    found = to_json(verdict)
    found["seconds_ms"] = round(found.pop("seconds") * 1000)
    found["findings"] = [
        {key: value if isinstance(value, int) else value[:MAX_TEXT] for key, value in one.items()}
        | {"text": ZH.finding(finding)[: 2 * MAX_TEXT], "harm_text": ZH.harms[finding.harm]}
        for one, finding in zip(found["findings"][:MAX_FINDINGS], verdict.findings, strict=False)
    ]
    found["more_findings"] = sum(verdict.harms.values()) - len(found["findings"])
    found["unchecked"] = [ZH.remark(one)[:MAX_TEXT] for one in verdict.unchecked[:MAX_FINDINGS]]
    found["notes"] = [ZH.remark(one)[:MAX_TEXT] for one in verdict.notes[:MAX_FINDINGS]]
    found["words"] = {
        "integrity": ZH.integrity[verdict.integrity],
        "completeness": ZH.completeness[verdict.completeness],
        "provenance": ZH.provenance[verdict.provenance],
        "time": ZH.time[verdict.time],
        "summary": ZH.summary[verdict.exit_code],
    }
    longest_s = found["time"].pop("longest_unanchored_s")
    found["time"]["longest_unanchored_ms"] = None if longest_s is None else round(longest_s * 1000)
    del found["path"], found["first"]
    return {key: entered(value) for key, value in found.items()}


def entered(value: Any) -> Any:
    """As canonical JSON takes it: names of files may hold what no text may, and numbers are whole."""
    if isinstance(value, dict):
        return {key: entered(one) for key, one in value.items()}
    if isinstance(value, list):
        return [entered(one) for one in value]
    if isinstance(value, float):
        return round(value)
    return value.encode("utf-8", "backslashreplace").decode() if isinstance(value, str) else value


def main() -> int:
    asked = json.load(sys.stdin)
    yield_to_others()
    last = 0.0

    def progress(done: int, total: int) -> None:
        nonlocal last
        if time.monotonic() - last >= EVERY_S:
            last = time.monotonic()
            _say({"done": done, "total": total})

    streams = frozenset(asked["streams"]) if asked["streams"] else None
    verdict = verify_path(
        Path(asked["data"]),
        None,
        progress,
        keys_dir=Path(asked["keys_dir"]),
        threads=1,
        trust=configured_trust(asked["witnesses"], asked["timestamp_authorities"]),
        scope=Scope(streams, asked["from_us"], asked["to_us"]),
        archive=_elsewhere(Settings.model_validate(asked["places"])) if asked["places"] else None,
    )
    _say({"verdict": shortened(verdict)})
    return 0


def _elsewhere(settings: Settings) -> Shelf:
    """Where reels are that do not lie in the data folder: with other nodes, in the archive."""
    places: list[Shelf | None] = [open_store(settings)]
    if settings.database_url is not None:
        from hub.cluster.everywhere import open_everywhere  # a hub that is one process does without Redis' client

        places.insert(0, open_everywhere(settings))
    return Shelves([one for one in places if one is not None])


def _say(value: object) -> None:
    sys.stdout.write(json.dumps(value, ensure_ascii=False) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
