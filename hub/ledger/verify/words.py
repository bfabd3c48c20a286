"""The words of a report, in Chinese and in English."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from hub.ledger.verdict import (
    PACKAGE_TITLES,
    STEP_TITLES,
    Completeness,
    ExitCode,
    Finding,
    Harm,
    Integrity,
    Provenance,
    Step,
    TimeSource,
)
from hub.ledger.verify import chinese


@dataclass(frozen=True, slots=True)
class Words:
    """Everything that a report says by itself. Remarks and findings are worded in English where they are made;
    ``remark``, ``quoted``, ``finding`` and ``key_source`` put them into the report's language where it has words."""

    heading: str
    live: str
    marks: tuple[str, str, str]
    """Of a step: not done, at fault, fine."""
    axes: tuple[str, str, str, str]
    looked: str
    checkpoint: str
    pending: str
    unsigned: str
    deleted: str
    unreachable: str
    first: str
    rows: tuple[str, str, str]
    also: str
    others: str
    more: str
    unchecked: str
    notes: str
    no_signature: str
    interruptions: str
    steps: Mapping[Step, str]
    package_steps: Mapping[Step, str]
    harms: Mapping[Harm, str]
    integrity: Mapping[Integrity, str]
    completeness: Mapping[Completeness, str]
    provenance: Mapping[Provenance, str]
    time: Mapping[TimeSource, str]
    summary: Mapping[ExitCode, str]
    meaning: Mapping[ExitCode, str]
    key: str
    key_source: Callable[[str], str] = str
    remark: Callable[[str], str] = str
    quoted: Callable[[str], str] = str
    finding: Callable[[Finding], str] = str


EN = Words(
    heading="Verification of {path}",
    live=" (a hub is running on it)",
    marks=("-", "FAULT", "ok"),
    axes=("Integrity     ", "Completeness  ", "Provenance    ", "Time          "),
    looked="Looked at     {streams} streams, {entries} entries, {chunks} chunks in {reels} reels, {mb:.1f} MB "
    "in {seconds:.1f} s",
    checkpoint="Checkpoint    {origin}, {size} entries, root {root}",
    pending="Pending       {bytes} bytes and {entries} entries being written",
    unsigned="Unsigned      {entries} entries are newer than the newest checkpoint",
    deleted="Deleted       {reels} reels, {mb:.1f} MB, by tombstones; their digests are known",
    unreachable="Unreachable   {reels} reels, on disks of nodes that do not answer: neither intact nor missing",
    first="First: step {step}, {harm}",
    rows=("  at        ", "  expected  ", "  found     "),
    also="Also:",
    others="  step {step}, {harm}: {finding}",
    more="  and {count} more",
    unchecked="Not checked:",
    notes="Note:",
    no_signature="no signature was verified",
    interruptions=" ({count} interruptions)",
    steps=STEP_TITLES,
    package_steps=PACKAGE_TITLES,
    harms={harm: harm.value for harm in Harm},
    integrity={
        Integrity.OK: "ok",
        Integrity.MISSING_PARTS: "ok with missing parts",
        Integrity.NOT_OK: "NOT OK",
        Integrity.CANNOT_BE_JUDGED: "cannot be judged",
    },
    completeness={
        Completeness.CONTIGUOUS: "contiguous",
        Completeness.DECLARED: "declared interruptions",
        Completeness.BACKFILLED: "backfilled",
        Completeness.TOMBSTONED: "lawfully deleted in part",
        Completeness.UNDECLARED_BREAK: "UNDECLARED BREAK",
        Completeness.CANNOT_BE_JUDGED: "cannot be judged",
    },
    provenance={
        Provenance.NONE: "none: no signature was verified",
        Provenance.HUB_KEY: "the hub's key",
        Provenance.CERTIFIED_KEY: "a certified key",
        Provenance.DEVICE: "signed by the device",
    },
    time={
        TimeSource.NONE: "none",
        TimeSource.HUB_CLOCK: "the hub's own clock",
        TimeSource.WITNESS: "a witness",
        TimeSource.AUTHORITY: "a timestamp authority",
    },
    summary={
        ExitCode.INTACT: "INTACT",
        ExitCode.ALTERED_OR_INCOMPLETE: "ALTERED OR INCOMPLETE",
        ExitCode.UNREADABLE: "CANNOT BE JUDGED",
    },
    meaning={
        ExitCode.INTACT: "What was looked at is what the hub recorded, and everything that is missing is declared.",
        ExitCode.ALTERED_OR_INCOMPLETE: "At least one thing is not as the hub recorded it, or is not there.",
        ExitCode.UNREADABLE: "The verification did not come to its end; it says nothing for the data, nor against it.",
    },
    key=" ({key}, from {source})",
)

ZH = Words(
    heading="校验对象：{path}",
    live="（中枢正在运行）",
    marks=("未进行", "有问题", "通过"),
    axes=("完整性    ", "连续性    ", "来源      ", "时间      "),
    looked="已核对    {streams} 路视频，{entries} 条记录，{chunks} 个片段（{reels} 个文件），{mb:.1f} MB，"
    "用时 {seconds:.1f} 秒",
    checkpoint="检查点    {origin}，{size} 条记录，根哈希 {root}",
    pending="写入中    {bytes} 字节、{entries} 条记录",
    unsigned="未签名    {entries} 条记录晚于最新检查点",
    deleted="已删除    {reels} 个文件，{mb:.1f} MB，均有删除记录，摘要值已知",
    unreachable="无法读取  {reels} 个文件，所在节点未应答：既不能认定完好，也不能认定缺失",
    first="首个问题：第 {step} 步，{harm}",
    rows=("  位置  ", "  应为  ", "  实为  "),
    also="其他问题：",
    others="  第 {step} 步，{harm}：{finding}",
    more="  另有 {count} 处",
    unchecked="未能校验：",
    notes="说明：",
    no_signature="未验证签名",
    interruptions="（{count} 次中断）",
    steps={
        Step.INVENTORY: "清点现有文件",
        Step.ENTRIES: "每条记录格式规范，且位于应在的文件中",
        Step.CHAINS: "每路记录自首条起逐条相连，没有断开",
        Step.LOG: "日志与记录一一对应",
        Step.CHECKPOINTS: "检查点的根哈希与日志一致，签名有效",
        Step.FOOTAGE: "每个录像文件的内容与记录的摘要值一致",
        Step.COMPLETENESS: "缺失的时间均有中断记录说明",
        Step.DATABASE: "数据库与记录文件一致",
    },
    package_steps={
        Step.INVENTORY: "证据包内的文件与清单相符，不多不少",
        Step.ENTRIES: "每条记录格式规范",
        Step.CHAINS: "所取时段的记录自首条至末条逐条相连",
        Step.LOG: "记录确在日志之中（包含证明）",
        Step.CHECKPOINTS: "检查点的签名有效",
        Step.FOOTAGE: "每个片段的内容与记录的摘要值一致",
        Step.COMPLETENESS: "缺失的时间均有中断记录说明",
        Step.DATABASE: "清单与记录、文件一致",
    },
    harms={
        Harm.ALTERED: "已被改动",
        Harm.MISSING: "缺失",
        Harm.UNDECLARED: "没有记录说明的内容",
        Harm.BREAK: "未说明的缺口",
        Harm.UNLAWFUL: "违规删除",
    },
    integrity={
        Integrity.OK: "数据完整，未发现改动",
        Integrity.MISSING_PARTS: "现存数据未被改动，但有缺失",
        Integrity.NOT_OK: "数据已被改动",
        Integrity.CANNOT_BE_JUDGED: "无法判断",
    },
    completeness={
        Completeness.CONTIGUOUS: "录像连续",
        Completeness.DECLARED: "有中断，均有记录",
        Completeness.BACKFILLED: "有中断，已补传",
        Completeness.TOMBSTONED: "部分已依法删除",
        Completeness.UNDECLARED_BREAK: "存在未说明的缺口",
        Completeness.CANNOT_BE_JUDGED: "连续性无法判断",
    },
    provenance={
        Provenance.NONE: "无：未验证任何签名",
        Provenance.HUB_KEY: "中枢密钥签名",
        Provenance.CERTIFIED_KEY: "经认证的密钥签名",
        Provenance.DEVICE: "由采集设备签名",
    },
    time={
        TimeSource.NONE: "无",
        TimeSource.HUB_CLOCK: "中枢自身时钟",
        TimeSource.WITNESS: "见证方",
        TimeSource.AUTHORITY: "时间戳机构",
    },
    summary={
        ExitCode.INTACT: "校验通过",
        ExitCode.ALTERED_OR_INCOMPLETE: "校验未通过",
        ExitCode.UNREADABLE: "无法校验",
    },
    meaning={
        ExitCode.INTACT: "所核对的内容与中枢当时的记录一致，凡有缺失均有记录说明。",
        ExitCode.ALTERED_OR_INCOMPLETE: "至少有一处内容与中枢当时的记录不一致，或已缺失。请见上述“首个问题”。",
        ExitCode.UNREADABLE: "校验未能完成，既不能证明数据完整，也不能证明数据被改动。请见上述“未能校验”。",
    },
    key="（{key}，公钥{source}）",
    key_source=chinese.key_source,
    remark=chinese.remark,
    quoted=chinese.quoted,
    finding=chinese.finding,
)

LANGUAGES: Mapping[str, Words] = {"zh": ZH, "en": EN}
