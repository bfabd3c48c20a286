"""How long footage must be kept, and why. Pure.

The longest of everything that speaks of it decides: the stream's class, a class that a range was put into, the case it
is evidence in, and every hold. Nothing shortens.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from hub.ledger.keeping import DAY_US, FOR_EVER_US, Keeping
from hub.settings import RETENTION_CLASSES, Settings, retention_class

PATROL = "patrol"
EVIDENCE = "evidence"
REASONS: Mapping[str, str] = {
    "objection": "当事人对现场执法、办案有异议",
    "complaint": "当事人投诉",
    "petition": "当事人上访",
    "evasion": "当事人逃避执法",
    "refusal": "当事人拒绝执法",
    "obstruction": "当事人阻碍执法",
    "verbal_abuse": "谩骂执法人员",
    "insult": "侮辱执法人员",
    "assault": "殴打执法人员",
    "mass_incident": "参与处置群体性事件",
    "emergency": "参与处置突发事件",
    "other": "其他需要长期保存的重要情况",
}
"""Why footage is kept for long (长期保存), as the rules on recording list it; ``other`` asks for words."""
CLAUSES: Mapping[str, str] = {
    PATROL: "日常巡查的声像资料保存期限不少于一年(叶交执〔2017〕23号第十二条)",
    EVIDENCE: "作为证据使用的声像资料保存期限应与案件保存期限相同(叶交执〔2017〕23号第十二条)",
    "hold": "应当长期保存(叶交执〔2017〕23号第十三条)",
    "": "根据行政执法的风险情况确定保存期限(河北省行政执法全过程记录办法第二十五条)",
}


@dataclass(frozen=True, slots=True)
class RetentionClass:
    """Kept ``least_days`` at least; after ``most_days`` it goes, None: it goes when its room is needed."""

    name: str
    least_days: int
    most_days: int | None

    @property
    def clause(self) -> str:
        return CLAUSES.get(self.name, CLAUSES[""])


@dataclass(frozen=True, slots=True)
class Decision:
    """``kept_until_us``: it may go from then on. ``goes_us``: it goes then even where there is room (None: never).
    ``class_name`` and ``kept_days`` are of the class that keeps it longest; ``why`` and ``clause`` say what decided."""

    kept_until_us: int
    goes_us: int | None
    class_name: str
    kept_days: int
    why: str
    clause: str

    def may_go(self, now_us: int) -> bool:
        return self.kept_until_us <= now_us


class Rules:
    """The classes, and which stream has which."""

    def __init__(self, classes: Mapping[str, RetentionClass], of_stream: Mapping[str, str]) -> None:
        self.classes = classes
        self._of_stream = of_stream

    @classmethod
    def from_settings(cls, settings: Settings) -> Rules:
        terms: dict[str, tuple[int, int | None]] = {name: (days, None) for name, days in RETENTION_CLASSES.items()}
        for name, least_days, most_days in map(retention_class, settings.retention_classes):
            terms[name] = (least_days, most_days)
        classes = {name: RetentionClass(name, *days) for name, days in terms.items()}
        return cls(classes, dict(text.split("=", 1) for text in settings.retention_streams))

    def class_of(self, stream_id: str) -> RetentionClass:
        """The class of a stream's footage where nothing else is said."""
        return self.classes[self._of_stream.get(stream_id, PATROL)]

    @property
    def least_days(self) -> int:
        """Younger footage may go under no class."""
        return min(one.least_days for one in self.classes.values())

    def decide(self, keeping: Keeping, stream_id: str, first_us: int, end_us: int) -> Decision:
        """About footage of ``first_us … end_us``."""
        own = self.class_of(stream_id)
        ranges = keeping.classified(first_us, end_us)
        # A class that the settings no longer name: as long as evidence, which is the longest of those built in.
        classes = [own, *(self.classes.get(one.class_name, self.classes[EVIDENCE]) for one in ranges)]
        longest = max(classes, key=lambda one: one.least_days)
        until_us = end_us + longest.least_days * DAY_US
        why, clause = f"class {longest.name}, {longest.least_days} days", longest.clause
        for one in ranges:
            if one.kept_until_us > until_us:
                until_us, clause = one.kept_until_us, CLAUSES[EVIDENCE]
                state = "open" if one.closed_us is None else f"closed, kept {one.term_days} days from then"
                why = f"evidence in the case {one.case} ({state})"
        held = keeping.held(first_us, end_us)
        if held:
            until_us, why, clause = FOR_EVER_US, f"hold {held[0].id} ({held[0].reason})", CLAUSES["hold"]
        most = [one.most_days for one in classes]
        goes_us = None
        if until_us < FOR_EVER_US and None not in most:
            goes_us = max(until_us, end_us + max(days for days in most if days is not None) * DAY_US)
        return Decision(until_us, goes_us, longest.name, longest.least_days, why, clause)
