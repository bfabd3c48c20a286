"""The report's words: kinds, closings and verdicts in Chinese; times, lengths and digests as people read them.

Texts that people typed are made harmless here, once, for HTML and PDF alike: a character that has no picture of its
own (control, bidirectional override, private use) is shown by its number, so that a name cannot reorder a line.
"""

from __future__ import annotations

import datetime
import unicodedata
from collections.abc import Mapping
from typing import NamedTuple

from hub.evidence.facts import Axis, Closing, StretchKind
from hub.ledger.verdict import Completeness, Integrity, Provenance, TimeSource
from hub.words import KINDS as KINDS

MAX_TEXT = 600
"""Characters of one typed text that the report shows; what is longer says so."""
_UNSEEN = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}


def plain(text: str, *, limit: int = MAX_TEXT) -> str:
    """The text on one line, with what cannot be seen shown as ``⟨U+202E⟩``."""
    shown = "".join(_seen(each) for each in unicodedata.normalize("NFC", text[: limit + 1])[: limit + 1])
    return shown if len(text) <= limit else f"{shown[:limit]}……（共 {len(text)} 字，余略）"


def _seen(character: str) -> str:
    if character in "\r\n\t":
        return " "
    if unicodedata.category(character) in _UNSEEN:
        return f"⟨U+{ord(character):04X}⟩"
    return character


# ---------------------------------------------------------------------------------------- times


class Clock(NamedTuple):
    """Shows times in one fixed zone."""

    offset_minutes: int

    @property
    def zone(self) -> str:
        """``北京时间（UTC+8）`` or ``UTC-03:30``."""
        hours, minutes = divmod(abs(self.offset_minutes), 60)
        sign = "-" if self.offset_minutes < 0 else "+"
        name = f"UTC{sign}{hours}" + (f":{minutes:02d}" if minutes else "")
        return f"北京时间（{name}）" if self.offset_minutes == 480 else name

    def at(self, us: int) -> datetime.datetime:
        zone = datetime.timezone(datetime.timedelta(minutes=self.offset_minutes))
        return datetime.datetime.fromtimestamp(us // 1_000_000, zone).replace(microsecond=us % 1_000_000)

    def full(self, us: int | None) -> str:
        """``2026-01-05 09:30:05.120``"""
        if us is None:
            return "—"
        try:
            return self.at(us).isoformat(" ", "milliseconds")[:23]
        except (ValueError, OverflowError, OSError):
            return f"{us} µs"

    def second(self, us: int | None) -> str:
        return self.full(us)[:19]

    def day(self, us: int | None) -> str:
        return self.full(us)[:10]

    def range(self, from_us: int, to_us: int | None) -> str:
        """Both ends; the day once where it is the same."""
        first, last = self.full(from_us), self.full(to_us)
        if to_us is None:
            return f"{first} 起，至导出时未结束"
        return f"{first} 至 {last[11:] if first[:10] == last[:10] else last}"


def length(us: int) -> str:
    """``1 小时 02 分 05 秒``, ``4.320 秒``."""
    if us < 0:
        return f"-{length(-us)}"
    if us < 60_000_000:
        return f"{us / 1_000_000:.3f} 秒"
    seconds = us // 1_000_000
    hours, minutes, rest = seconds // 3600, seconds // 60 % 60, seconds % 60
    return (f"{hours} 小时 {minutes:02d} 分 {rest:02d} 秒") if hours else f"{minutes} 分 {rest:02d} 秒"


def size(count: int) -> str:
    """Bytes as people read them, powers of 1000."""
    value, unit = float(count), "字节"
    for bigger in ("kB", "MB", "GB", "TB"):
        if value < 1000:
            break
        value, unit = value / 1000, bigger
    return f"{count} 字节" if unit == "字节" else f"{value:.1f} {unit}"


def groups(digest: str, width: int = 4, in_line: int = 8) -> list[str]:
    """A digest in groups of four, eight a line, to be read aloud and compared by eye."""
    digest = plain(digest, limit=200)
    parts = [digest[at : at + width] for at in range(0, len(digest), width)]
    return [" ".join(parts[at : at + in_line]) for at in range(0, len(parts), in_line)]


def share(part: int, whole: int) -> str:
    """Never rounded up to 100 %: a report that says so must mean it."""
    if whole <= 0:
        return "—"
    if part >= whole:
        return "100 %"
    return f"{int(part * 10_000 / whole) / 100:.2f} %"


# ---------------------------------------------------------------------------- what was missing

CLOSINGS: Mapping[Closing, str] = {
    Closing.OPEN: "未说明",
    Closing.NOT_NEEDED: "无需说明",
    Closing.BACKFILLED: "已补传",
    Closing.SPOKEN: "语音说明",
    Closing.WRITTEN: "书面说明",
    Closing.WITHDRAWN: "已撤销（录像后到，无缺失）",
}
STATES: Mapping[str, str] = {
    "suspected": "疑似",
    "confirmed": "持续中",
    "resumed": "已恢复",
    "closed": "已结束",
    "withdrawn": "已撤销",
}


def kind(word: str) -> str:
    return KINDS.get(word, plain(word, limit=40))


class Paint(NamedTuple):
    """How a stretch looks: its colour, its letter, its word. The pattern goes with the letter."""

    colour: str
    letter: str
    word: str


PAINTS: Mapping[str, Paint] = {
    StretchKind.RECORDED: Paint("#3f8f5b", "录", "已录制"),
    StretchKind.BACKFILLED: Paint("#2f6fb5", "补", "已补传"),
    "interrupted": Paint("#c0392b", "断", "中断（未说明或无需说明）"),
    "explained": Paint("#d9822b", "说", "中断（已说明）"),
    "suspected": Paint("#d8b400", "疑", "疑似中断"),
    StretchKind.OFF_DUTY: Paint("#9aa0a6", "休", "非值班时间"),
    StretchKind.DELETED: Paint("#4a4f57", "删", "依规删除"),
    "mark": Paint("#7b4bb3", "▼", "重点标记"),
    "nothing": Paint("#ffffff", "无", "无录像，无记载"),
}

# --------------------------------------------------------------------------------- the verdict


class Sentence(NamedTuple):
    """One value of one axis: the word, how it stands (good, fair, bad), what it proves and what it does not."""

    word: str
    tone: str
    proves: str
    limits: str


_UNKNOWN = Sentence("无法判定", "bad", "导出时无法判定，原因见下。", "不得据此认为录像完好，也不得据此认为录像有误。")

AXES: Mapping[Axis, tuple[str, Mapping[str, Sentence]]] = {
    Axis.INTEGRITY: (
        "内容",
        {
            Integrity.OK: Sentence(
                "完好",
                "good",
                "包内的录像和台账，与执法记录中枢收到并登记时逐字节相同，此后未被修改、替换或调换顺序。",
                "不证明镜头前的场景真实，也不证明设备发送之前未作改动。",
            ),
            Integrity.MISSING_PARTS: Sentence(
                "现存部分完好，有缺件",
                "fair",
                "现存的录像和台账未被修改；台账登记过的个别部分不在包内，见“发现的问题”。",
                "不能说明缺失部分的内容。",
            ),
            Integrity.NOT_OK: Sentence(
                "与登记不符",
                "bad",
                "至少一处内容与登记时不同，位置见“发现的问题”。",
                "未列出的部分仍可逐段核验；不符之处不能作为原始记录使用。",
            ),
            Integrity.CANNOT_BE_JUDGED: _UNKNOWN,
        },
    ),
    Axis.COMPLETENESS: (
        "连续性",
        {
            Completeness.CONTIGUOUS: Sentence(
                "连续",
                "good",
                "所列时间范围内录像连续，台账没有中断记录，也没有未记载的缺口。",
                "不说明范围之外的情形。",
            ),
            Completeness.DECLARED: Sentence(
                "有中断，均有记载",
                "fair",
                "录像有中断；每一次中断在发生时即登记入账，起止时间、类型和误差见“中断记录”。没有未记载的缺口。",
                "不能说明中断期间发生了什么。",
            ),
            Completeness.BACKFILLED: Sentence(
                "中断已补传",
                "fair",
                "中断期间的录像由设备事后补传；中断记录和补传登记都保留，没有未记载的缺口。",
                "补传部分在到达中枢之前存于设备，中枢不能证明那段时间内未被改动。",
            ),
            Completeness.TOMBSTONED: Sentence(
                "部分依规删除",
                "fair",
                "部分录像已按保存期限规定并经批准删除，其校验值和删除登记仍在账上；没有未记载的缺口。",
                "已删除的录像不能再看到，只能证明其曾经存在。",
            ),
            Completeness.UNDECLARED_BREAK: Sentence(
                "有未记载的缺口",
                "bad",
                "至少一段时间没有录像，台账也没有说明，位置见“发现的问题”。",
                "缺口可能由故障造成，也可能由删除造成，凭本包无法区分。",
            ),
            Completeness.CANNOT_BE_JUDGED: _UNKNOWN,
        },
    ),
    Axis.PROVENANCE: (
        "来源",
        {
            Provenance.NONE: Sentence(
                "来源未证实", "bad", "包内没有能够核验的签名。", "不能证明本包出自哪一个执法记录中枢。"
            ),
            Provenance.HUB_KEY: Sentence(
                "中枢签名",
                "good",
                "台账由执法记录中枢的密钥签名。签名属于哪个机关，以另行取得的密钥指纹为准。",
                "中枢签名不证明画面由某台设备拍摄；设备由台账中的登记说明。",
            ),
            Provenance.CERTIFIED_KEY: Sentence(
                "中枢签名，密钥有证书",
                "good",
                "台账由执法记录中枢的密钥签名，密钥由证书机构证明属于该机关。",
                "中枢签名不证明画面由某台设备拍摄；设备由台账中的登记说明。",
            ),
            Provenance.DEVICE: Sentence(
                "拍摄设备签名",
                "good",
                "录像由拍摄设备自身的密钥签名，离开设备之后未被改动。",
                "不证明镜头前的场景真实。",
            ),
        },
    ),
    Axis.TIME: (
        "时间",
        {
            TimeSource.NONE: Sentence("无时间依据", "bad", "没有能够核验的时间依据。", "画面时间仅为设备或中枢自述。"),
            TimeSource.HUB_CLOCK: Sentence(
                "中枢时钟",
                "fair",
                "时间取自执法记录中枢的时钟，台账记有其校时来源和误差。",
                "没有外部机构作证：掌握中枢及其密钥者，理论上可以事后另造一本时间不同的台账。",
            ),
            TimeSource.WITNESS: Sentence(
                "外部见证",
                "good",
                "独立见证方在所列时间看到过这本台账，其中的录像不可能形成于该时间之后。",
                "见证说明“不晚于”，不说明拍摄的确切时刻。",
            ),
            TimeSource.AUTHORITY: Sentence(
                "可信时间戳",
                "good",
                "时间戳机构在所列时间为这本台账签发了时间戳（RFC 3161），其中的录像不可能形成于该时间之后。",
                "时间戳说明“不晚于”，不说明拍摄的确切时刻。",
            ),
        },
    ),
}


def sentence(axis: Axis, value: str) -> Sentence:
    """What a value of an axis says; an unknown word is never taken for a good one."""
    found = AXES[axis][1].get(value)
    return found or _UNKNOWN._replace(word=f"无法判定（{plain(value, limit=40)}）" if value else "无法判定")
