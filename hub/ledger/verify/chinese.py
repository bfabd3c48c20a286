"""What a verification remarks, in Chinese. It is worded in English once, where it is found; a Chinese report looks it
up here by its fixed words. What has no line here stays as it is: a quotation in English beats none."""

from __future__ import annotations

import re
from functools import cache

from hub.ledger.verdict import Finding

MAX_LENGTH = 1000
"""Longer texts quote something and are left alone."""

REMARKS = {
    "{} reels cannot be read: {}": "有 {} 个文件无法读取：{}",
    "it lies on the disk of the node {}, which is away": "位于节点 {} 的磁盘上，该节点未应答",
    "{}: it came while this verification ran; verify again": "{}：校验期间才出现，请重新校验",
    "notes, recipient, report, picture and movie are the exporter's word: no signature binds them": (
        "事项等说明、领取人、报告、截图和合并录像由导出人提供，不受签名约束，不在证明范围之内"
    ),
    "this is part {} of {}; each is verified by itself": "本包是第 {} 部分，共 {} 部分；各部分单独校验",
    "the footage does not reach both ends of the range; before and after it is not judged": (
        "录像没有覆盖到所取时段的两端；录像之前和之后的部分不作判断"
    ),
    "inclusion of {} entries whose log no checkpoint reaches: later entries bind them": (
        "{} 条记录的包含证明：其所在日志没有检查点覆盖，由其后的记录约束"
    ),
    "signatures of the log {}: no verifier key": "日志 {} 的签名：没有验证公钥",
    "signatures of the log {}: {}": "日志 {} 的签名：{}",
    "the key given is for {}": "所给公钥属于 {}",
    "no verifier key": "没有验证公钥",
    "no verifier key that can be read": "没有可以读取的验证公钥",
    "the verifier key of {} was taken from the package itself: it proves nothing against whoever made the package; "
    "give the key that was handed out by another way with --key": (
        "{} 的验证公钥取自本包：不能证明制包人没有造假；请用 --key 给出从另一途径取得的公钥"
    ),
    "the verifier key of {} was taken from the data folder itself: it proves nothing against whoever could write "
    "there; give the key that was handed out with --key": (
        "{} 的验证公钥取自数据目录：对能够改写该目录的人不构成证明；请用 --key 给出另行取得的公钥"
    ),
    "an anchor by {} in {}: {}": "{} 的锚定（{}）：{}",
    "the cosignature of {} ({}) was not checked: that witness's key is not among the trusted ones": (
        "{}（{}）的见证签名未核对：没有给出该见证方的公钥"
    ),
    "{} anchors by {}": "{} 个锚定：{}",
    "witness {}: {}": "见证方 {}，{}",
    "timestamp {}: {}": "时间戳机构 {}，{}",
    "rfc3161-client is not installed here": "本机没有安装 rfc3161-client",
    "no key or root certificate was given for it": "没有给出其公钥或根证书",
    "it is not among those that are trusted here": "不在此处信任的名单之内",
    "the hub's clock was ahead of {} by at least {} s at an anchor": "锚定时中枢时钟比 {} 至少快 {} 秒",
    "the hub's clock was behind {} by at least {} s at an anchor": "锚定时中枢时钟比 {} 至少慢 {} 秒",
    "everything after step {}: {}: {}": "第 {} 步之后的全部内容：{}：{}",
    "reels/{}: not a stream's folder": "reels/{}：不是视频的目录",
    "the checkpoint given, {}: a package does not hold the log that must extend it": (
        "所给检查点 {}：证据包内没有应当延续它的日志"
    ),
    "the database lacks {} entries of {}: an index only": "数据库缺少 {1} 的 {0} 条记录：数据库只是索引",
    "the database: there is no hub.db here (the files alone decide)": "数据库：此处没有 hub.db（以文件为准）",
    "the database: {} (the files alone decide)": "数据库：{}（以文件为准）",
    "the log {} has no checkpoint: nothing of it is signed": "日志 {} 没有检查点：其内容均未签名",
    "the newest line of log/{}/checkpoints was cut off in writing": "log/{}/checkpoints 的最后一行没有写完",
    "{} reels of the archive: no entry of this folder speaks of them": (
        "归档存储中有 {} 个录像文件，本文件夹中没有条目提到"
    ),
    "the bytes of {} reels outside of what was asked for: only that they are there": (
        "所选范围以外的 {} 个录像文件的内容：只核对了文件在且长度相符"
    ),
    "who wrote this: not one signature could be verified": "由谁写成：没有一个签名得到验证",
    "what the signer of {} remembers: its folder of keys is another user's; ask as that user": (
        "{} 的签名程序所记：其密钥目录属于另一用户，请以该用户校验"
    ),
    "{} checkpoints count no longer, a later one covers them: {}": "{} 个检查点不再有效，由其后的检查点覆盖：{}",
    "the log extends the checkpoint given, {}: its first {} entries are as then": (
        "日志延续了所给检查点 {}：其前 {} 条记录与当时相同"
    ),
    "{} is gone by the tombstone {}; the hub was stopped before it could say so": (
        "{} 已按删除记录 {} 删去；中枢在写下结果之前停止"
    ),
    "{}: it went while this verification ran; verify again": "{}：在校验期间被删去；请重新校验",
}
FINDINGS = {
    "a canonical entry": "格式规范的记录",
    "a checkpoint of {}": "{} 的检查点",
    "a file below statements/{}/ and its digest": "statements/{}/ 下的文件及其摘要值",
    "a file beside the footage and its digest": "录像旁的文件及其摘要值",
    "the file that {} speaks of": "{} 提到的文件",
    "a file of {} bytes, as listed": "清单所列 {} 字节的文件",
    "a genesis": "首条记录",
    "a later checkpoint, signed by a key that counts": "其后由有效密钥签名的检查点",
    "a proven entry after it": "其后有证明的记录",
    "a reel that no entry speaks of": "没有任何记录提到的录像文件",
    "a reel to be kept: {}": "应当保存的录像：{}",
    "a reel with {} chunks, or a tombstone for it": "含 {} 个片段的录像，或其删除记录",
    "a signed checkpoint": "经签名的检查点",
    "a statement that an entry speaks of": "有记录提到的书面说明",
    "a statement with SHA-256 {}": "SHA-256 为 {} 的书面说明",
    "a valid signature by {} ({}), or by a key that it handed on to": "{}（{}）或其后继密钥的有效签名",
    "a valid signature by {} ({})": "{}（{}）的有效签名",
    "a whole line": "完整的一行",
    "an anchor that holds, as its entry says": "与其记录相符的锚定",
    "an anchor by {} that holds": "{} 的有效锚定",
    "an entry of {}": "{} 的记录",
    "an inclusion proof": "包含证明",
    "an inclusion proof in {}": "{} 中的包含证明",
    "at least the {} leaves of the checkpoint given, {}": "至少有所给检查点 {1} 的 {0} 条",
    "at least {} leaves in the log, as signed": "日志中至少有已签名的 {} 条",
    "at least {} leaves in the log, as was anchored": "日志中至少有已锚定的 {} 条",
    "empty notes": "空白",
    "entries {} to {}": "第 {} 至第 {} 条记录",
    "entry {} next": "下一条为第 {} 条记录",
    "entry {}": "第 {} 条记录",
    "footage, or an interruption that says why there is none": "录像，或说明原因的中断记录",
    "neither ({})": "两者皆无（{}）",
    "no such entry": "没有该记录",
    "no such file": "没有该文件",
    "no such file: an entry says that it was deleted": "没有该文件：有记录称已删除",
    "no such folder": "没有该目录",
    "none": "没有",
    "none in the package": "包内没有",
    "none that holds": "没有成立的",
    "none: nothing of the log is signed": "没有：日志内容均未签名",
    "one of which none does": "没有记录提到的文件",
    "one that does not lead to the root at {}": "不能导出 {} 处根哈希的证明",
    "one that is cut off or too long": "不完整或过长的一行",
    "one that it does not": "清单未列的文件",
    "only entries that are in the log": "只有日志中的记录",
    "only files that the manifest lists": "只有清单所列的文件",
    "signatures by {}, none of them valid at size {}": "{} 的签名，在第 {} 条处均无效",
    "signatures by {}, none of them valid for that key": "{} 的签名，对该密钥均无效",
    "the end of the file": "文件到此结束",
    "the footage of {} chunks of {}": "{1} 的 {0} 个片段",
    "the leaf hash {}": "叶哈希 {}",
    "the root {} at size {}": "第 {1} 条处的根哈希 {0}",
    "the root {} at size {}, as signed": "第 {1} 条处已签名的根哈希 {0}",
    "the root {} at size {}, by the checkpoint given, {}": "第 {1} 条处所给检查点 {2} 的根哈希 {0}",
    "the statement that an entry speaks of": "记录所指的书面说明",
    "the {} leaves that were signed": "已签名的 {} 条",
    "the key {} is valid from size {} on": "密钥 {} 自第 {} 条起有效",
    "the key {} is no key of this log: the log's entries announce none such": (
        "密钥 {} 不是本日志的密钥：日志记录中没有公布过"
    ),
    "the key {} was announced by a key that did not count (any longer) then": (
        "密钥 {} 由当时无效（或已失效）的密钥公布"
    ),
    "the key {} took over when {} was revoked, and a revoked key cannot name its heir: get the new verifier key by "
    "another way": "密钥 {} 在 {} 吊销时接替，被吊销的密钥不能指定后继：请从另一途径取得新的验证公钥",
    "{} bytes, as listed": "清单所列的 {} 字节",
    "{} bytes, or a tombstone that says why they are gone": "{} 字节，或说明去向的删除记录",
    "{} bytes": "{} 字节",
    "{} bytes more": "多出 {} 字节",
    "{} more": "多出 {} 字节",
    "{} left": "只剩 {} 字节",
    "{} leaves": "{} 条",
    "{} s of neither": "两者皆无，共 {} 秒",
    "{} s without": "没有，共 {} 秒",
}
KEY_SOURCES = {
    "given": "另行给出",
    "the package itself": "取自证据包本身",
    "the data folder itself": "取自数据目录本身",
    "none": "无",
    "the configured verifier key ({})": "取自设置（{}）",
}


def remark(text: str) -> str:
    """What was not checked, or is to be noted."""
    return _said(text, "remarks")


def key_source(text: str) -> str:
    return _said(text, "sources")


def quoted(text: str) -> str:
    """What was expected, or found."""
    return _said(text, "findings")


def finding(one: Finding) -> str:
    """A finding as one line."""
    return f"{one.place}：应为{_spaced(quoted(one.expected))}，实为{_spaced(quoted(one.found))}"


def _spaced(text: str) -> str:
    return f" {text}" if text[:1].isascii() else text


@cache
def _patterns(table: str) -> tuple[tuple[re.Pattern[str], str], ...]:
    found = {"remarks": REMARKS, "findings": FINDINGS, "sources": KEY_SOURCES}[table]
    longest_first = sorted(found, key=lambda english: -len(english.replace("{}", "")))
    return tuple(
        (re.compile("(.+?)".join(map(re.escape, english.split("{}"))), re.DOTALL), found[english])
        for english in longest_first
    )


def _said(text: str, table: str) -> str:
    if len(text) > MAX_LENGTH:
        return text
    for pattern, chinese in _patterns(table):
        match = pattern.fullmatch(text)
        if match is not None:
            # a remark may quote another one
            return chinese.format(*(_said(one, table) for one in match.groups())) if match.groups() else chinese
    return text
