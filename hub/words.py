"""Chinese words for what people read in notices, statements and reports: one word for one thing."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from hub.model import InterruptionKind

KINDS: Mapping[str, str] = MappingProxyType(
    {
        InterruptionKind.NO_SIGNAL: "信号中断",
        InterruptionKind.STALL: "画面停滞",
        InterruptionKind.STOPPED: "设备停止推送",
        InterruptionKind.NOT_STARTED: "应录未录",
        InterruptionKind.LOSS: "丢包",
        InterruptionKind.JUMP: "媒体时钟跳变",
        InterruptionKind.LOW_RATE: "帧率过低",
        InterruptionKind.FROZEN: "画面冻结",
        InterruptionKind.BLACK: "黑屏",
        InterruptionKind.COVERED: "镜头被遮挡",
        InterruptionKind.BLURRED: "画面模糊",
        InterruptionKind.SILENT: "没有声音信号",
        InterruptionKind.DRIFT: "设备时钟漂移",
        InterruptionKind.STEP: "设备时钟被调整",
        InterruptionKind.STORAGE: "无法写入存储",
        InterruptionKind.HUB: "中枢停机",
    }
)
