"""README.txt of a package: what is in it and how it is checked, in Chinese, for whoever receives it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

from hub.ledger.package.format import MANIFEST, MOVIE, REPORT_HTML, REPORT_PDF, STILL, SUMS, Manifest

_CHINA = timezone(timedelta(hours=8))


def readme(manifest: Manifest) -> bytes:
    """UTF-8 with a byte order mark and CRLF, so that every editor shows it."""
    notes, own = manifest.notes, manifest.own
    lines = [
        "执法录像证据包",
        "",
        f"记录事项：{notes.matter}",
        f"记录时间：{_time(manifest.given[0])} 至 {_time(manifest.given[1])}（北京时间）",
        f"记录地点：{notes.place}",
        f"记录方式：{notes.method}",
        f"行政执法人员：{'、'.join(notes.officers)}",
        "",
        f"设备：{manifest.stream_name or manifest.stream}（{manifest.stream}）",
        f"申请时间范围：{_time(manifest.asked[0])} 至 {_time(manifest.asked[1])}",
        f"链上记录：第 {own.first_seq} 至第 {own.last_seq} 条",
        f"导出编号：{manifest.export_id}    导出人：{manifest.by}    批准人：{manifest.approved_by or '未填写'}",
        f"接收方：{manifest.recipient or '未填写'}    导出事由：{manifest.reason or '未填写'}",
        *_labels(manifest),
        *_parts(manifest),
        "",
        "一、包内文件",
        "  media/      原始录像。每个文件是采集时的初始化段加上连续的数据块，逐字节与存储一致，可直接播放",
        "  entries/    账本记录：本时段全部记录，以及与之有关的其他记录（context.entries），一行一条",
        "  proofs/     记录在日志中的证明（C2SP tlog-proof）",
        "  statements/ 对中断的书面说明和扫描件（有则附上），其摘要值在账本记录中",
        "  log/        经签名的日志检查点、见证人签名、时间戳令牌、验证公钥",
        f"  {MANIFEST}  清单：每个文件的大小与 SHA-256，记录的五项说明",
        f"  {SUMS}     用系统自带命令核对：sha256sum -c {SUMS}",
        *_derived(manifest),
        "",
        "二、如何校验",
        "  hub verify 本文件.zip --key 验证公钥",
        "  验证公钥应当另行取得（当面、公函或单位网站），不应取自本包。包内的公钥只用于核对，不能证明制包人没有造假。",
        "  返回 0 为完好，1 为有改动或缺失，2 为无法判断。校验程序与公钥指纹不随本包发送。",
        "",
        "三、能证明什么",
        "  能证明：录像与执法记录中枢收到的逐字节一致；本时段内没有未说明的删减；",
        "          在检查点签名（及时间戳）之时已经存在。",
        "  不能证明：画面所摄内容本身真实；制包时填写的事项、地点、人员等说明属实（由填写人负责）。",
        "",
    ]
    return ("\ufeff" + "\r\n".join(lines)).encode()


def _time(at_us: int) -> str:
    moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=at_us)
    return moment.astimezone(_CHINA).strftime("%Y-%m-%d %H:%M:%S.%f")[:-3]


def _labels(manifest: Manifest) -> list[str]:
    """At the top of what the recipient must know."""
    if not manifest.labels:
        return []
    return [f"标记：{'、'.join(manifest.labels)}。应按有关法律、法规、规章的规定管理，不得向无关人员展示或传播"]


def _parts(manifest: Manifest) -> list[str]:
    if len(manifest.parts) == 1:
        return []
    lines = ["", f"本包为第 {manifest.part} 卷，共 {len(manifest.parts)} 卷，每卷可单独校验："]
    for number, part in enumerate(manifest.parts, 1):
        span = f"{_time(part.from_us)} 至 {_time(part.to_us)}"
        lines.append(f"  第 {number} 卷：{span}，第 {part.first_seq} 至第 {part.last_seq} 条")
    return lines


def _derived(manifest: Manifest) -> list[str]:
    words = {
        MOVIE: "合并后便于播放的录像，为派生文件，每幅画面印有领取人、时间和编号，不是原始证据",
        STILL: "截图，为派生文件",
        REPORT_HTML: "说明报告（离线打开）",
        REPORT_PDF: "说明报告（打印）",
    }
    return [f"  {name}  {words[name]}" for name in manifest.derived if name in words]
