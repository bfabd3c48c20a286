/** Arranging the wall: the original. */
export default {
  keys: "键盘：1–9 放大 · 空格 暂停轮巡 · ←→ 换页 · / 搜索设备 · W 上墙 · F 全屏 · M 声音 · T 时间轴 · Esc 返回",
  place: { empty: "空位", gone: "设备已不存在", hidden: "无权查看的画面", how: "拖入设备，或在设备树中选中后按回车", clear: "移出此画面" },
  tree: {
    title: "设备树", open: "设备树", fold: "收起设备树", search: "搜索名称或编号", none: "没有与“{search}”相符的设备。", elsewhere: "其他单位",
    hint: "回车或双击放入第 {place} 格；也可拖到电视墙", all: "共 {count} 路", onWall: "在第 {place} 格",
  },
  layouts: {
    title: "布局", button: "布局", own: "我的布局", shared: "{unit} 共享", none: "还没有保存的布局。先把画面放到想要的位置，再在下面取名保存。",
    name: "布局名称", save: "保存当前画面", share: "保存到", mine: "仅自己使用", apply: "使用", over: "用当前画面覆盖", remove: "删除", sure: "再按一次，确认删除",
    saved: "已保存“{name}”。", by: "{who} 保存", clear: "清空为 {n} 个空位", split: "{n} 分屏 · {used} 路", auto: "恢复自动排列",
  },
  cycle: {
    title: "轮巡", button: "轮巡", over: "轮巡内容", unit: "单位内的设备", layouts: "已保存的布局", every: "间隔（秒）", everyHint: "5 到 300 秒", start: "开始轮巡", stop: "结束轮巡",
    pause: "暂停", go: "继续", left: "{s} 秒", paused: "已暂停", waits: "放大查看中，轮巡等待", count: "{n} 路", steps: "{at}/{n}",
    stays: "报警中，不换走", staysWhy: "疑似中断的画面，以及中断后报警尚无人确认的画面，轮巡时留在原位。", skips: "未在记录和非工作时间的设备不参与轮巡；报警中的画面留在原位，直到有人确认报警。",
    noLayouts: "没有可轮巡的布局，请先保存。", noStreams: "该单位没有可轮巡的设备。", split: "分屏",
  },
  send: {
    title: "上墙", button: "上墙", one: "上墙…", walls: "电视墙屏幕", none: "还没有屏幕。每块屏幕是一个独立地址：在那块屏幕的浏览器里打开它，就可以从这里或别的电脑上墙。",
    add: "新建屏幕", name: "名称", id: "地址代号", idHint: "小写字母、数字和连字符", unit: "所属单位", create: "新建", picked: "要上墙的画面", pickHint: "在设备树里选中设备，或放大一个画面，再点下面的格子。",
    cell: "放到第 {n} 格", current: "发送当前画面", cycle: "发送当前轮巡", layout: "发送布局", open: "打开窗口", copy: "复制地址", copied: "已复制", clear: "清空", remove: "删除屏幕", sure: "再按一次，确认删除",
    cycling: "轮巡中 · 每 {s} 秒", changed: "{who} {time} 上墙", sent: "已上墙。", split: "分屏",
  },
  screen: {
    waiting: "等待上墙", how: "在指挥中心的电视墙页面按 W，选择这块屏幕。", missing: "没有这块屏幕", missingWhy: "地址中的代号不存在，或者不属于您所在的单位。请在电视墙页面的“上墙”里查看现有屏幕。", back: "返回电视墙",
    full: "全屏", keys: "F 全屏 · 1–9 放大 · 空格 暂停轮巡",
  },
  refused: {
    changed_meanwhile: "别人刚刚换过这块屏幕的画面，现已显示最新内容，请再发送一次。", unknown_wall: "这块屏幕已被删除，或不属于您的单位。", unknown_layout: "这个布局已被删除，或不再与您共享。", layout_exists: "已有同名布局：请改名，或在列表中选择“用当前画面覆盖”。",
    too_many_layouts: "布局数量已达上限，请先删除不用的。", too_many_walls: "屏幕数量已达上限，请先删除不用的。", bad_id: "地址代号只能用小写字母、数字和连字符，最多 63 个。", bad_name: "名称须为 1 到 60 个字，不含换行。",
    not_found: "有的画面已不存在，或您无权查看，请换一个。", unavailable: "这个中枢没有启用电视墙保存功能。",
  },
  empty: { ask: "您的账号不能添加设备，请联系运维人员；设备接入后画面会自动出现在这里。" },
};
