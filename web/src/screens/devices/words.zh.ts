/** Words of the screen: the original. */
export default {
  title: "设备",
  list: {
    search: "搜索", searchHint: "名称、编号、设备编号、保管人", unit: "单位", all: "全部单位", state: "状态", kind: "类型", tag: "能力标签", any: "全部", faulty: "故障停用",
    name: "设备", custodian: "保管人", gauges: "电池 / 存储 / 信号", number: "设备编号", source: "接入", since: "自 {time}", count: "{count} 台", add: "添加设备", import: "从表格导入", clear: "清除筛选",
    none: "还没有设备", noneHint: "添加第一台设备，或从表格一次导入多台。", noneFit: "没有符合条件的设备", noneFitHint: "请放宽筛选条件。", noCustodian: "未指定", pull: "拉流", push: "推流", retired: "包括已注销", units: "按单位", openInWall: "在电视墙上查看",
  },
  tag: { explosion_proof: "防爆", night_vision: "夜视", positioning: "定位" },
  one: {
    back: "返回设备列表", notFound: "没有这台设备，或您无权查看。", status: "当前状态", registered: "登记", state: "状态", since: "自", tracks: "码流", bitrate: "码率", device: "设备自称", peer: "来自", attempts: "已尝试连接 {count} 次",
    complaint: "最近的问题", interruption: "打开正在发生的中断 ›", none: "无", created: "登记时间", id: "编号", managed: "由其他单位统一管理：在此观看和录制，不在此更改接入方式。", isRetired: "已注销：录像和记录按保存期限保留，不再录制。",
  },
  owner: {
    title: "登记信息", save: "保存", saved: "已保存。", number: "设备编号", numberHint: "设备上标的编号，不能与其他设备重复", custodian: "保管人", choose: "请选择", custodianHint: "执法记录仪须指定保管人，由其负责存放、维护和登记。",
    missingCustodian: "请指定保管人：执法记录仪须登记到人。", unit: "单位", tags: "能力标签", readOnly: "您可以查看；登记信息由运维修改。", noPeople: "本单位没有可选的人员，请先在“人员”中登记。",
  },
  source: { title: "接入方式", whip: "记录仪推流（WHIP）", rtsp: "中枢拉流（RTSP）", main: "主码流（录制留存）", sub: "子码流（仅供预览，不留存）", subHint: "浏览器不能播放主码流（如 H.265）时，电视墙改用子码流。不用则留空。", keep: "密码显示为 ***；不改动则沿用原密码。", change: "修改地址", save: "保存地址", cancel: "取消", transport: "传输", noSub: "未设置", template: "按品牌填写" },
  address: {
    brand: "品牌", own: "自填地址", host: "IP 地址", hostHint: "例如 192.168.1.64", port: "端口", channel: "通道", user: "用户名", password: "密码", sub: "电视墙用子码流预览（不留存）", result: "将使用",
    missingHost: "请填写 IP 地址或主机名，不要带 rtsp:// 和端口。", badPort: "端口为 1 至 65535。", badChannel: "通道从 1 起。", subUrl: "子码流地址（可不填）", badSub: "子码流地址须以 rtsp:// 或 rtsps:// 开头，且不同于主码流。",
    hint: { hikvision: "摄像机通道填 1；录像机填通道号。", dahua: "摄像机通道填 1；录像机填通道号。", uniview: "直接连接摄像机。", "uniview-nvr": "通过录像机取流，填通道号。", own: "填写完整的 RTSP 地址。" },
  },
  probe: {
    try: "试看画面", trying: "正在连接…最多 8 秒", again: "再试一次", good: "画面正常", facts: "{codec} · {width}×{height}", rate: "{rate} 帧/秒", sound: "有声音（{codec}）", noSound: "没有声音", noSoundHint: "服务窗口须有声音：请在摄像机上启用音频。",
    reduced: "您的角色不看画面：此处是缩到 32 像素的示意图，只表明有画面。", unplayable: "{codec} 可以录制留存，但浏览器不能播放：电视墙上看不到。", useSub: "改用子码流预览", subChosen: "电视墙将用子码流预览。", setSub: "请填写子码流地址（H.264），或在摄像机上把主码流改为 H.264。", picture: "试看画面",
    why: {
      refused: "设备拒绝连接：请核对 IP 地址和端口，并确认设备已启用 RTSP。", no_route: "到不了这个地址：请检查网线、网段和防火墙。", unknown_host: "没有这个主机名：请核对，或改填 IP 地址。", unreachable: "无法连接：请核对地址，检查网络。",
      tls: "加密连接失败：请改用 rtsp://，或检查设备证书。", timeout: "设备没有应答：请核对地址和端口，检查网络与防火墙。", unauthorized: "用户名或密码不对：请核对。连续多次错误会被设备锁定。", not_found: "设备上没有这一路：请核对通道号或地址的后半部分。",
      protocol: "应答不合 RTSP 协议：请核对端口是否为 RTSP 端口。", no_media: "设备没有可用的码流：请检查其编码设置。", unsupported_codec: "编码格式不支持：请在设备上改为 H.264 或 H.265。", silent: "已连接，但没有收到画面：可改用 TCP 或 UDP 再试。",
      no_video: "只有声音，没有画面：请核对通道。", no_keyframe: "8 秒内没有关键帧：请在设备上把 I 帧间隔设为 1 至 2 秒。", undecodable: "画面无法解码：请检查设备的编码设置。",
    },
  },
  token: {
    title: "推流令牌", lead: "记录仪凭地址与令牌推流。令牌只在生成时显示一次；丢失或外泄时请重新生成，旧令牌立即失效，正在进行的推流随即断开。", renew: "重新生成令牌", sure: "旧令牌立即失效，正在用它推流的设备会断开。确定重新生成？", yes: "确定，重新生成",
    scan: "用手机记录仪页面扫描", qr: "含推流地址与令牌的二维码", secret: "二维码等同于令牌：请勿拍照转发，用完即关闭。", hide: "已填好，收起", phone: "手机记录仪页面",
  },
  telemetry: {
    title: "设备自报状态", none: "设备还没有报告过电池、存储或位置。", camera: "拉流的摄像机不报告这些；它的状况见上方“当前状态”。", at: "最近一次", battery: "电池", storage: "剩余存储", signal: "信号", temperature: "温度", local: "本机录像", localYes: "正在录", localNo: "没有录", position: "位置", accuracy: "±{m} 米",
    sos: "最近求助", alarms: "越限", history: "今日轨迹", points: "今日记录 {count} 个位置，{from} 至 {to}", noPoints: "今日没有位置记录。", more: "（更多未列出）", notKept: "电量、存储和信号只保留最新值，越限时记入报警。", level: { warning: "偏低", critical: "过低", emergency: "求助" },
    kind: { battery_low: "电量", storage_low: "存储", signal_weak: "信号", silent: "无上报", sos: "求助", fault: "故障" }, gb: "{gb} GB", mb: "{mb} MB",
  },
  fault: {
    title: "故障停用", fine: "没有故障。", lasts: "故障停用中：{reason}", by: "{name} 于 {time} 报告", report: "报告故障", reason: "故障部位", text: "说明（选“其他”时必填）", submit: "停用并上报", whip: "停用后设备不能开始新的推流，直到登记维修；正在进行的推流不会被切断。", rtsp: "摄像机会标记为故障，仍继续录制。",
    repair: "登记维修", service: "维修单位", serviceHint: "不得自行维修：填写维修单位，不能是保管人或登记人", work: "维修内容", done: "维修完成，恢复使用", history: "历次故障", ended: "{service}：{work}（{time}）", missingReason: "请选择故障部位。", missingText: "请写明是什么故障。", missingRepair: "请填写维修单位和维修内容。",
    reasons: { power: "电池与供电", storage: "存储", picture: "图像", sound: "声音", network: "网络", positioning: "定位", clock: "时钟", damaged: "外观损坏", other: "其他" },
  },
  maintenance: {
    title: "计划检修", none: "没有检修计划。", ask: "申请检修", from: "开始", to: "结束", reason: "检修内容", submit: "提交申请", hint: "检修时段内的中断照常记录，但不报警、不要求说明；须由另一人批准。", approve: "批准", refuse: "不批准", cancel: "撤销", own: "须由申请人以外的人批准。", by: "{name} 申请", decided: "{name}：{note}",
    state: { requested: "待批准", approved: "已批准", refused: "未批准", cancelled: "已撤销" }, missing: "请填写起止时间和检修内容。", order: "结束须晚于开始。",
  },
  retire: { title: "注销设备", lead: "注销后不再录制，编号不会再给别的设备；录像和记录按保存期限保留。不能恢复。", begin: "注销…", type: "请输入设备编号 {id} 以确认", yes: "永久注销", done: "已注销" },
  table: {
    title: "从表格导入设备", step1: "下载模板", step1Text: "“设备”表每行一台；“填写说明”写明各列含义；“单位与人员”列出可填的单位和保管人。", download: "下载模板（.xlsx）", step2: "选择填好的表格", step2Text: "最多 1000 台。先检查，不会立即写入。", choose: "选择 .xlsx 文件…", other: "换一个文件…", checking: "正在检查…",
    step3: "核对并导入", new: "新增", change: "更新", same: "已登记，无变化", wrong: "有问题", row: "行", id: "编号", name: "名称", result: "结果", what: "问题与办法", all: "导入全部 {count} 台", good: "只导入没有问题的 {count} 台", importing: "正在导入…", nothing: "没有需要导入的行。", done: "已导入：新增 {new} 台，更新 {change} 台。",
    left: "{count} 行有问题，没有导入；改好后可再次导入同一张表，已导入的不会重复。", changes: "更新：{what}", toList: "查看设备列表", showWrong: "只看有问题的行", tokens: "推流的执法记录仪请在其设备页生成令牌。", changed: "文件在检查之后被修改过，请重新选择。", again: "仍有问题的行见下表。",
    column: { id: "编号", name: "名称", kind: "类型", unit: "单位", brand: "品牌/模板", host: "地址", port: "端口", channel: "通道", user: "用户名", password: "密码", sub: "子码流", custodian: "保管人", device_number: "设备编号", capabilities: "能力标签" },
    problem: {
      missing: "必填，请补上", missing_custodian: "执法记录仪须填保管人", bad_id: "只能用小写字母、数字和连字符，最长 63 位", bad_name: "1 至 100 个字，不含换行", unknown_kind: "填服务窗口、办案场所、车载或执法记录仪", unknown_unit: "没有这个单位，或不归您管理；见模板的“单位与人员”", ambiguous_unit: "有多个同名单位，请填单位编号",
      unknown_person: "没有这个人，或不归您管理；见模板的“单位与人员”", ambiguous_person: "有多人同名，请填用户名", unknown_brand: "填海康威视、大华、宇视、宇视录像机、自定义或推流", bad_host: "填 IP 地址或主机名", host_is_url: "选了品牌就只填 IP 地址；要填完整地址请把品牌改为“自定义”", bad_port: "填 1 至 65535 的数字", bad_channel: "填从 1 起的数字",
      bad_url: "填完整的 rtsp:// 地址", sub_needs_url: "自定义地址的子码流请填完整的 rtsp:// 地址", sub_is_main: "子码流不能与主码流相同", pushed_has_no_address: "推流的设备没有地址，请清空", not_changed_by_table: "拉流与推流不能用表格互换，请在设备页处理", managed_by_others: "由其他单位管理，不能更改地址", unknown_tag: "填防爆、夜视、定位，以顿号分隔",
      bad_device_number: "最长 64 个字", twice: "表中有重复，请逐行核对", id_taken: "编号已被占用，请换一个", id_retired: "编号属于已注销的设备，请换一个", number_taken: "已是另一台设备的设备编号", address_taken: "已有设备使用这个地址", formula: "是公式，请改为填写结果", date: "被识别成日期，请设为文本后重填", error: "单元格是错误值，请重填", too_long: "太长", unprintable: "含换行或不可见字符，请重填",
      stream_exists: "编号刚被占用，请换一个", device_number_taken: "设备编号刚被占用", other: "未能导入（{code}）",
    },
  },
  refused: {
    probe_busy: "有人正在试看其他摄像机，请过几秒再试。", fault_lasts: "已报告过故障，尚未登记维修。", self_repair: "不得自行维修：维修单位不能是保管人或登记人，保管人也不能登记维修。", not_durable_yet: "已收下，正在写入，请稍后刷新查看。", bad_text: "请写明说明内容。", device_number_taken: "设备编号已属于另一台设备。", stream_retired: "设备已注销。", managed_by_others: "由其他单位统一管理，不能在此更改。",
    stream_exists: "编号已被占用，请换一个。", bad_id: "编号不合要求。", bad_url: "地址不合要求；更换了主机时请重新填写密码。", own_request: "须由申请人以外的人批准。", same_person: "须由申请人以外的人批准。", bad_maintenance: "时段不合要求：须在将来，最长 7 天。", in_the_past: "时段不能在过去。", decided: "已有决定，请刷新查看。", not_xlsx: "不是 Excel 工作簿（.xlsx）或已损坏：请另存为 .xlsx，或从模板开始。", xlsx_too_large: "表格太大：请只保留“设备”表，去掉图片（最大 1 MB）。",
    xlsx_unsafe: "表格有密码保护或含有不安全的内容：请新建工作簿，把内容复制过去。", no_header: "表是空的：请从模板开始。", unknown_column: "有不认识的表头（{reason}）：请使用模板的表头。", column_twice: "表头重复（{reason}）。", missing_column: "缺少必填的列（{reason}）。", no_rows: "表头下面没有内容：请每行填一台设备。", too_many_rows: "行数过多：最多 1000 台；请删除最后一台之后的空行。",
    rows_wrong: "有问题的行未改好，没有导入任何一台。", body_too_large: "文件太大（最大 1 MB）。",
  },
};
