/** Words of the screen: the original. */
export default {
  title: "地图", all: "全部单位", unit: "单位", search: "搜索设备或人员", list: "有定位的设备", listHint: "与地图上相同；用方向键或 Tab 选择。", count: "{count} 台有定位", without: "另有 {count} 台从未报告位置",
  none: "还没有设备报告位置", noneHint: "带定位的执法记录仪或手机上线后，会出现在这里；窗口摄像机不报告位置。", noneFit: "没有符合条件的设备", grid: "本站未提供地图：显示经纬网格与比例尺（WGS-84）。", tiles: "本站地图",
  age: { seconds: "{n} 秒前", minutes: "{n} 分钟前", hours: "{n} 小时前", days: "{n} 天前" }, old: "位置已旧", sos: "SOS 求助", broke: "断", brokeAt: "{time} 在此中断", brokeAround: "中断前最后的位置",
  officers: "执法人员", battery: "电量", signal: "信号", position: "位置", accuracy: "误差约 {m} 米", reported: "定位时间", state: "状态", place: "地点", live: "看实时画面", play: "回放", device: "设备信息", activity: "执法活动", interruption: "打开这条中断记录", center: "移到中央", close: "关闭",
  track: "轨迹", from: "从", to: "到", show: "显示轨迹", hide: "收起轨迹", lastHour: "近 1 小时", today: "今天", noTrack: "这段时间没有位置记录。位置保留 90 天（可设置）；请另选时间。", points: "{count} 个位置，约 {km} 公里", some: "位置过多，只显示到 {time}；请缩短时间。", moment: "时刻", playAt: "从 {time} 回放", noneThen: "此刻之前没有位置", badRange: "请选择起止时间，结束须晚于开始，最长 31 天。",
  fit: "全部显示", canvas: "地图：方向键移动，加减号缩放；设备也在左侧列表中", failed: "地图载入失败，请重试；设备仍在列表中。",
};
