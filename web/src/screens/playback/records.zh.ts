/** Words of clips, exports and holds. */
export default {
  clip: {
    title: "截取", length: "时长", hint: "按 I 设入点、按 O 设出点，然后导出或长期保存。", play: "从入点播放", clear: "取消截取", of: "视频源",
    export: "导出", hold: "长期保存", noRight: "您没有导出或长期保存的权限。",
  },
  note: { time: "时间", matter: "事项", place: "地点", method: "方式", officers: "行政执法人员" },
  export: {
    asked: "已提交，等待另一人批准。", toList: "查看导出", prefilled: "已按执法活动“{from}”填写，请核对。", needed: "必填", officersHint: "每行一人，写明执法证号", methodHint: "例如：全程音像记录",
    reason: "导出理由", recipient: "接收人", movie: "附可播放的视频副本", second: "导出须由另一人批准；导出人、接收人和时间记入存证。", submit: "申请导出",
  },
  hold: {
    lead: "长期保存的录像不到期删除，直到解除。", reason: "情形", text: "说明", sayWhat: "情形为“其他”时请写明情况。", submit: "长期保存", placed: "已长期保存。", toList: "查看长期保存",
    deleted: "其中一部分在此之前已到期删除。",
  },
  reason: {
    objection: "当事人提出异议", complaint: "投诉", petition: "上访", evasion: "逃避执法", refusal: "拒绝执法", obstruction: "阻碍执法", verbal_abuse: "谩骂", insult: "侮辱", assault: "殴打",
    mass_incident: "群体性事件", emergency: "突发事件", other: "其他重大情况",
  },
  exports: {
    title: "导出", mine: "我的", all: "全部", none: "还没有导出。", noneHow: "在回放中设入点和出点，再选“导出”。", by: "{by} 申请于 {at}", progress: "进度", approvedBy: "批准人", rejectedBy: "驳回人",
    problem: "说明", waits: "等待另一人批准；申请人不能批准自己的申请。", waitsOther: "等待有批准权限的人。", download: "下载", whyNot: "驳回理由", approve: "批准", reject: "驳回", remove: "删除文件", giveUp: "撤回", again: "重试",
    state: { requested: "待批准", approved: "已批准", running: "正在打包", ready: "可下载", failed: "失败", rejected: "已驳回", cancelled: "已撤回", removed: "文件已删除" },
  },
  holds: {
    title: "长期保存", none: "没有这样的录像。", noneHow: "在回放中设入点和出点，再选“长期保存”。", notCopied: "尚未复制到光盘或移动储存介质", copied: "已复制到{medium}（{label}），{by} · {at}",
    released: "{by} 于 {at} 解除", why: "解除理由", medium: "介质", label: "盘面标注", sha256: "SHA-256（如已知）", release: "解除", copiedDo: "已复制到光盘",
    state: { in_force: "保存中", not_copied: "未复制", released: "已解除", all: "全部" },
  },
};
