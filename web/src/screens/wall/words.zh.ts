/** Words of the screen: the original. */
export default {
  title: "电视墙",
  split: "分屏",
  auto: "自动",
  page: "第 {page} / {pages} 页",
  previous: "上一页",
  next: "下一页",
  fullScreen: "全屏",
  add: "添加设备",
  keys: "键盘：1–9 放大 · Esc 返回 · ←→ 换页 · M 声音 · T 时间轴",
  lost: "与中枢失去联系",
  lostDetail: "画面与状态自 {time} 起不再更新，正在重新连接…",
  lostFor: "已持续",
  shrink: "返回分屏",
};
