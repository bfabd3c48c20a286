"""The columns of a table of devices: what they are called, and what is said of them. Pure."""

from __future__ import annotations

from dataclasses import dataclass

SHEET = "设备"


@dataclass(frozen=True, slots=True)
class Column:
    """``required``: the header must be there, and a new device needs the cell."""

    key: str
    title: str
    other: tuple[str, ...]
    required: bool
    about: str
    example: str


COLUMNS = (
    Column("id", "编号", ("id",), True,
           "小写字母、数字和连字符，1 至 63 位；以后不能更改，也不会再给别的设备。", "window-01"),
    Column("name", "名称", ("name",), True, "1 至 100 个字。", "1号窗口"),
    Column("kind", "类型", ("kind", "type"), True, "服务窗口、办案场所、车载、执法记录仪。", "服务窗口"),
    Column("unit", "单位", ("unit",), False, "单位的名称或编号，见“单位与人员”；空着为您自己的单位。", "政务大厅"),
    Column("brand", "品牌/模板", ("品牌", "模板", "brand"), False,
           "海康威视、大华、宇视、宇视录像机、自定义（地址写完整的 rtsp://…）、推流（记录仪）。", "海康威视"),
    Column("host", "地址", ("ip", "ip地址", "host", "address"), False,
           "IP 地址或主机名；自定义时为完整的 rtsp://…。", "192.168.1.64"),
    Column("port", "端口", ("port",), False, "RTSP 端口，空着为 554。", "554"),
    Column("channel", "通道", ("channel",), False, "录像机的通道号，从 1 起；空着为 1。", "1"),
    Column("user", "用户名", ("user", "username"), False, "登录设备的用户名。", "admin"),
    Column("password", "密码", ("password",), False,
           "原样填写，不要转义；已登记的设备空着则不变。导入后不再显示。", "按设备填写"),
    Column("sub", "子码流", ("preview", "substream"), False, "是、否，或完整的 rtsp://…：仅供预览，不留存。", "是"),
    Column("custodian", "保管人", ("custodian",), False, "用户名或姓名；执法记录仪必填。", "zhangsan"),
    Column("device_number", "设备编号", ("devicenumber", "device_number"), False,
           "设备上标的编号，不能重复。", "DL-2026-0001"),
    Column("capabilities", "能力标签", ("capabilities",), False,
           "防爆、夜视、定位，以顿号分隔；没有则填“无”。", "夜视、定位"),
)  # fmt: skip

_BY_TITLE = {word: one.key for one in COLUMNS for word in (one.title, one.key, *one.other)}


def column_of(title: str) -> str | None:
    """The key of the column with this header; None for one that is not known."""
    return _BY_TITLE.get(title.strip().casefold())
