"""A full set of facts for the tests of the report: made up, but of the shape of a real case."""

from __future__ import annotations

import io
from fractions import Fraction
from functools import cache

import av
import numpy as np

from hub.evidence.facts import (
    AnchorFact,
    CheckpointFacts,
    Closing,
    FileFact,
    InterruptionFact,
    Mark,
    Notes,
    PartFacts,
    ReportFacts,
    Still,
    Stretch,
    StretchKind,
    VerdictFacts,
)

START_US = 1_767_576_605_120_000
"""2026-01-05 09:30:05.120 in Beijing."""
S = 1_000_000
MINUTE = 60 * S


@cache
def jpeg(width: int = 320, height: int = 180) -> bytes:
    """A small picture, coded by PyAV."""
    encoder = av.CodecContext.create("mjpeg", "w")
    encoder.width, encoder.height, encoder.pix_fmt = width, height, "yuvj420p"  # type: ignore[attr-defined]
    encoder.time_base = Fraction(1, 25)
    gradient = np.linspace(0, 255, width, dtype=np.uint8)[None, :, None].repeat(height, 0).repeat(3, 2)
    frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(gradient), format="rgb24").reformat(format="yuvj420p")
    out = io.BytesIO()
    for packet in [*encoder.encode(frame), *encoder.encode(None)]:  # type: ignore[attr-defined]
        out.write(bytes(packet))
    return out.getvalue()


def interruption(number: int, kind: str, at_us: int, length_us: int | None, **fields: object) -> InterruptionFact:
    values: dict[str, object] = {
        "id": f"i-{number}",
        "kind": kind,
        "state": "closed" if length_us is not None else "confirmed",
        "from_us": at_us,
        "to_us": None if length_us is None else at_us + length_us,
    }
    return InterruptionFact(**{**values, **fields})  # type: ignore[arg-type]


def facts(**fields: object) -> ReportFacts:
    """An inspection of 42 minutes with five interruptions of every sort; ``fields`` replace."""
    end_us = START_US + 42 * MINUTE
    gone = START_US + 11 * MINUTE + 3 * S + 480_000
    filled = START_US + 19 * MINUTE
    values: dict[str, object] = {
        "export_id": "EX-2026-0105-0007",
        "created_us": START_US + 7 * 60 * MINUTE,
        "stream_id": "recorder-017",
        "stream_name": "第三大队 执法记录仪 017",
        "unit": "某县交通运输综合行政执法大队",
        "notes": Notes(
            matter="对某货运有限公司车辆超限运输的现场检查",
            time="2026年1月5日9时30分至10时12分",
            place="国道G102线 318公里+400米 超限检测站",
            manner="执法记录仪全程音像记录，实时传输",
            officers=("张建国（执法证号 13090021）", "李敏（执法证号 13090058）"),
        ),
        "asked_from_us": START_US - 5 * S,
        "asked_to_us": end_us - 2 * S,
        "given_from_us": START_US,
        "given_to_us": end_us,
        "verdict": VerdictFacts(
            "ok",
            "declared_interruptions",
            "hub_key",
            "timestamp_authority",
            unchecked=("见证方“市局值守”的联署未核验：没有提供其公钥。",),
            time_until_us=end_us + 4 * MINUTE,
        ),
        "checkpoint": CheckpointFacts(
            "hub.example.gov.cn/log/2026",
            184_223,
            "pmsDJCm0mBgFtDtKZkZW7Y/nTAFKyQvPxVvVPZxFqYw=",
            end_us + 30 * S,
        ),
        "verifier_key": "hub.example.gov.cn/log/2026+a1b2c3d4+AXk4bD9sQx1m0iVtPZ7cE3Rw2uYh5oKfJgN8dLqBvTzS",
        "key_fingerprint": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
        "digest": "2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae",
        "device": "DSJ-K9 执法记录仪",
        "reason": "行政处罚案件证据（冀某交罚〔2026〕第 18 号）",
        "requester": "张建国",
        "approver": "王志强",
        "recipient": "某县人民法院行政审判庭",
        "stretches": (
            Stretch(StretchKind.RECORDED, START_US, gone),
            Stretch(StretchKind.RECORDED, gone + 95 * S, filled),
            Stretch(StretchKind.BACKFILLED, filled, filled + 150 * S),
            Stretch(StretchKind.RECORDED, filled + 150 * S, START_US + 30 * MINUTE),
            Stretch(StretchKind.RECORDED, START_US + 30 * MINUTE + 4 * S, START_US + 36 * MINUTE),
            Stretch(StretchKind.RECORDED, START_US + 36 * MINUTE + 40 * S, end_us),
        ),
        "interruptions": (
            interruption(
                1, "no_signal", gone, 95 * S, edge_error_us=40_000, closing=Closing.WRITTEN, count=2,
                tracks=("视频", "音频"), closed_us=gone + 30 * MINUTE, seq=1207,
                explanation="国道隧道内移动网络无信号，记录仪本地存储卡损坏，未能补传。",
                signers=("张建国（13090021）", "李敏（13090058）"),
            ),
            interruption(
                2, "stall", filled, 150 * S, edge_error_us=20_000, closing=Closing.BACKFILLED, tracks=("视频", "音频"),
                closed_us=filled + 6 * MINUTE, seq=1288,
            ),
            interruption(
                3, "loss", START_US + 30 * MINUTE, 4 * S, closing=Closing.NOT_NEEDED, tracks=("视频",), seq=1391
            ),
            interruption(
                4, "no_signal", START_US + 36 * MINUTE, 40 * S, edge_error_us=500_000, tracks=("视频", "音频"),
                seq=1460,
            ),
            interruption(5, "step", START_US + 38 * MINUTE, 0, closing=Closing.NOT_NEEDED, seq=1477),
        ),
        "marks": (Mark(START_US + 2 * MINUTE, "出示证件"), Mark(START_US + 25 * MINUTE, "查封扣押")),
        "anchors": (
            AnchorFact("国家授时中心 时间戳服务", "timestamp", end_us + 4 * MINUTE, 184_223),
            AnchorFact("市交通运输执法支队 执法记录中枢", "witness", end_us + 40 * S, 184_223),
        ),
        "unanchored_us": 4 * MINUTE + 20 * S,
        "part": PartFacts(1, 2),
        "still": Still(jpeg(), START_US + 2 * S, 1280, 720),
        "movie": FileFact("view/movie.mp4", 612_000_000, "ab" * 32, "便于观看的派生文件"),
        "files": (
            FileFact("manifest.json", 18_211, "2c26b46b68ffc68f" * 4, "清单"),
            FileFact("log/checkpoint", 312, "cd" * 32, "签名的台账根"),
            FileFact("stream/recorder-017/entries", 1_204_113, "ef" * 32, "台账条目"),
            FileFact("stream/recorder-017/0001.m4s", 601_223_114, "12" * 32, "录像分段"),
        ),
        "chunks": 1261,
        "entries": 1512,
        "media_bytes": 604_112_003,
        "hub_version": "0.2.0",
    }  # fmt: skip
    return ReportFacts(**{**values, **fields})  # type: ignore[arg-type]
