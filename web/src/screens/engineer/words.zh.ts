/** Words of the engineer's screen: the original. */
export default {
  nav: "运行维护",
  title: "运行维护",
  pages: "运行维护各页",
  tab: { balance: "无声丢失核对", streams: "码流", storage: "存储", log: "账本与锚定", graphs: "实时曲线", audit: "操作审计", channels: "通知渠道", nodes: "节点", hub: "中枢与设置" },
  balance: {
    good: "没有无声丢失：各项两边一致", bad: "有对不上的账：请立即查看标红的项目", span: "自 {since} 至 {at}；最多核对最近 24 小时，中枢启动之前的不计入计数器",
    account: "核对项目", left: "应有", right: "实有", result: "结果", list: "没有中断记录的空缺", listHint: "这些时间应有录像而没有，也没有任何中断记录说明。请保留现场、导出日志，并报告。", from: "自", to: "至", lasts: "时长",
    frames: { title: "帧：收到 → 落盘", what: "交给录制的每一帧，都应在已封存的块里。", left: "交给录制", right: "已封存", good: "一致；{waiting} 帧正在写入", known: "{lost} 帧未落盘，已记为存储中断（{cuts} 条）", bad: "{lost} 帧未落盘，也没有存储中断记录：检查磁盘与日志" },
    entries: { title: "块 → 账本条目", what: "每个封存的块，都应有一条已落盘的账本条目。", left: "封存的块", right: "账本条目", good: "一致", writing: "一致；{waiting} 条正在写入", bad: "{count} 个块超过半分钟没有条目：检查账本与磁盘" },
    holes: { title: "空缺 → 中断记录", what: "应录而未录的时间，都应在某条中断记录里。", left: "应录而未录", right: "条中断", good: "每一处空缺都有中断记录（应录 {due}）", bad: "{count} 处空缺没有中断记录：见下表" },
    pictures: { title: "画面：收到 → 交给录制", what: "无法描述如何解码的画面不能录制，须计数。", left: "收到", right: "交给录制", good: "没有放弃的画面", known: "{count} 帧因没有参数集而放弃（见日志 no_parameter_sets）" },
    viewers: { title: "给观看者少发的片段", what: "观看者太慢时少发，录制不受影响。", left: "少发", right: "不核对", rest: "与录制无关；持续增长时检查观看者的线路或电脑" },
  },
  streams: {
    search: "搜索", searchHint: "名称、编号、单位、地址、编码", state: "状态", all: "全部", trouble: "需要注意", attention: "需注意的在前", count: "{shown} / {all} 路", troubled: "{count} 路需要注意", since: "自 {time} 起计数",
    name: "码流", bitrate: "码率", loss: "丢包（1 小时）", jitter: "抖动", clock: "时钟偏差", connections: "接入次数（1 小时）", age: "最新片段", codec: "编码", day: "24 小时 {count}", unrecorded: "{count} 帧未落盘",
    none: "还没有码流", noneHint: "在“设备”中登记第一台。", noneFit: "没有符合条件的码流", noneFitHint: "请放宽搜索条件。", close: "关闭", problem: "{time} 最近的问题：", toDevice: "打开设备登记 ›", cpu: "中枢不按码流统计处理器占用；全中枢的占用见“实时曲线”。",
    facts: { since: "状态自", connected: "本次接入自", device: "设备自称", peer: "来自", attempts: "1 小时内尝试", newest: "最新片段距今", sealed: "最新封存至", waiting: "正在写入（帧）" },
    series: { bitrate_bps: "码率", lost_packets: "丢包（每 10 秒）", jitter_us: "抖动", offset_us: "时钟偏差（绝对值）" },
  },
  trouble: {
    unrecorded: { title: "有帧未落盘。", todo: "检查磁盘空间、写入延迟和日志 not stored。" },
    interrupted: { title: "正在中断。", todo: "检查设备电源、网线和地址；中断记录已建立。" },
    flapping: { title: "反复掉线。", todo: "检查网络（供电、交换机端口、无线信号）和设备负载。" },
    clock: { title: "时钟偏差大。", todo: "给设备设置校时（NTP），并核对时区。" },
    loss: { title: "丢包。", todo: "检查线路；摄像机可改用 TCP，或降低码率。" },
    jitter: { title: "抖动大。", todo: "检查线路拥塞和设备负载。" },
  },
  storage: {
    daysLeft: "磁盘还够", days: "{count} 天", years: "十年以上", unknown: "尚不可知", unknownHint: "写入满一段时间后才能估计", fullAt: "照此速度，{day} 写满（可清除的全部清除）", disk: "剩余空间", used: "已用 {share}%", of: "共 {total}；低于 {low} 时报警",
    rate: "写入速度", day: "天", rateHint: "按最近一天", mayGo: "到期可清除", mayGoHint: "等待清除 {waiting}；长期保存 {holds} 项，{copies} 项未刻录", errors: "写入失败", errorsHint: "自启动以来写入或刷盘失败的次数",
    shortTodo: "空间不足：增加磁盘，或由有权的人批准清除已到期的录像。未到期的录像不会被清除。", thresholds: "报警门限：剩余天数少于 30 天；剩余空间低于 min_free_mb / min_free_percent；写入失败 1 次；刷盘延迟 95% 超过 0.5 秒；写盘队列超过 64 MiB（后两项见“实时曲线”）。",
    byUnit: "按单位", byClass: "按保存类别", class: { patrol: "日常巡查", evidence: "案件证据" }, name: "名称", streams: "码流", size: "占用", share: "占比", beside: "录像以外（暂存、上传、账本……）", folder: "文件夹", measured: "{time} 测得；文件极多的文件夹不计",
    when: "何时可清除", nothingGoes: "目前没有可清除的录像，也没有即将到期的。", className: "类别", oldest: "最早录像", next: "下一次到期", longer: "延长保存（卷）",
  },
  log: {
    state: { ok: "已锚定：外部见证跟得上", late: "锚定滞后：外部见证没有跟上", alone: "没有外部见证" },
    since: "{time} 之后记录的内容尚未锚定",
    todo: {
      ok: "无需处理。仍建议定期给账本头拍照或抄送他处保存。",
      late: "检查到见证方或时间戳服务的网络和地址（见下表的错误）；录制和签名不受影响，恢复后会自动补上。其间请每天给账本头拍照，保存在别处。",
      alone: "没有配置见证方或时间戳服务（witnesses、timestamp_authorities）。在配置之前，请每天给账本头拍照，保存在他人处：之后若有人改写历史，照片可以证明。",
    },
    log: "账本", size: "已签名条目", anchored: "已锚定条目", lastSigned: "距上次签名", never: "本次运行尚未签名", ago: "{time}", keyId: "密钥编号", custody: "密钥保管", statements: "密钥更替声明", failures: "签名失败（自启动）", waiting: "等待落盘", vkey: "验证公钥",
    custodies: { inside: "在中枢进程内：对控制了中枢的人不构成防护", child: "在中枢的子进程内（同一用户）：对控制了中枢的人不构成防护", same_user: "在另一进程，但中枢能读其文件：不构成防护", own_user: "在独立用户的进程内，中枢无法读取" },
    head: "账本头", headHint: "一小段文字，概括此前的全部条目。拍照或抄送他处：日后改写历史即会暴露。", code: "显示二维码以便拍照", codeAgain: "更新二维码", codeAlt: "账本头的二维码，用 hub audit 核对", noHead: "还没有签名的账本头，请稍候再试。",
    authorities: "见证方与时间戳服务", noAuthorities: "没有配置。设置 witnesses 或 timestamp_authorities 后，中枢会自动请其见证。", name: "名称", kind: "种类", stateHead: "状态", when: "最近锚定", unanchored: "未锚定自", error: "最近的错误",
    kinds: { witness: "见证方", timestamp: "时间戳服务" }, states: { ok: "正常", late: "滞后", waiting: "等待首次" },
  },
  graphs: {
    lead: "来自中枢自身的计量；只存于内存：5 秒一点存 2 小时，5 分钟一点存 7 天，重启即清。", range2: "时间范围", hours: { "0_25": "15 分钟", 2: "2 小时", 24: "24 小时", 168: "7 天" }, table: "以表格查看",
    name: "指标", now: "现在", least: "最低", most: "最高", none: "此段时间没有数据", range: "最低 {least} · 最高 {most}", worry: "警戒 {value}", told: "现在 {now}，最低 {least}，最高 {most}",
  },
  series: {
    cpu: "处理器（一个核的占比）", memory_bytes: "内存", streams_live: "在线码流", streams_interrupted: "中断码流", ingest_bps: "接收", recorded_bps: "封存", lost_packets_per_s: "丢包", connections_per_s: "新接入", loop_lag_s: "事件循环延迟（95%）", fsync_s: "刷盘延迟（95%）", commit_s: "账本提交（95%）",
    disk_queue_bytes: "写盘队列", ledger_queue_bytes: "账本队列", frames_waiting: "正在写入的帧", storage_errors: "写入失败（累计）", disk_free_bytes: "磁盘剩余", disk_bps: "写盘", viewers: "观看画面数", viewer_drops_per_s: "给观看者少发的片段", interruptions_open: "未结束中断", notices_failing: "失败的通知渠道", unsigned_s: "距上次签名",
  },
  audit: {
    lead: "谁查看、取走、更改了什么：来自账本的条目，不可删改。包括整个中枢和所有码流。", leadUnit: "谁查看、取走了什么：来自账本的条目，不可删改。只包括您单位的码流；整个中枢的操作由审计人员查看。",
    from: "自", to: "至", by: "操作人", byHint: "用户名", what: "操作", stream: "码流", all: "全部", search: "查询", csv: "导出 CSV", more: "更早的", saved: "已导出 {count} 条。", none: "没有符合条件的记录", noneHint: "请放宽时间或其他条件。", at: "时间", reason: "事由", facts: "内容与条目", hub: "整个中枢",
    groups: { live: "实时观看", playback: "回放", look: "调阅", export: "导出", person: "人员", unit: "单位", stream: "码流", device: "设备登记", channel: "通知渠道", node: "节点", wall: "上墙", footage: "补传录像", session: "登录" },
    whats: {
      live_view: "观看实时画面", live_end: "结束观看", live_grab: "截图", live_still: "查看静态画面", playback_view: "回放录像", look_asked: "申请调阅", look_changed: "调阅审批", person_added: "新增人员", person_changed: "更改人员", person_password_reset: "重置密码", person_password_changed: "更改密码",
      unit_added: "新增单位", unit_changed: "更改单位", unit_removed: "撤销单位", stream_added: "登记码流", stream_changed: "更改码流", stream_retired: "注销码流", stream_token: "更换设备令牌", device_probe: "试看画面", device_import: "表格导入设备", channel_added: "新增通知渠道", channel_removed: "删除通知渠道", node_drained: "腾空节点", wall_show: "上墙", wall_remove: "删除电视墙", footage_assign: "指定补传录像", access_view: "查看调阅记录",
    },
  },
  channels: {
    lead: "报警发往哪里。此处看不到已保存的密钥；最近一次的结果在“结果”一栏。", name: "名称", nameHint: "如 值班手机", kind: "种类", url: "地址", unit: "单位", result: "结果", waiting: "等待", acts: "操作", made: "{by} 于 {time} 添加", lastSent: "最近送达 {time}", never: "从未",
    kinds: { apprise: "通用（apprise 地址）", alertmanager: "Alertmanager", webhook: "Webhook" }, urlHint: { apprise: "如 mailto://… 或 json://主机/路径", alertmanager: "如 http://alertmanager:9093", webhook: "如 https://主机/路径" },
    try: "试发", trying: "正在发送…", tryOf: "向 {name} 试发", remove: "删除", removeOf: "删除 {name}", sure: "再按一次删除", taken: "✓ 对方已接受", failed: "! 未送达：{why}", none: "还没有通知渠道", noneHint: "报警只在页面上响。在下面添加第一个渠道。", add: "添加渠道", missing: "请填写名称和地址。", secret: "地址常含密钥：保存后不再显示，添加和删除都记入账本。",
  },
  nodes: {
    lead: "本集群的各台机器。腾空一个节点时，其码流不丢一帧地移交给其他节点；该节点重新启动前不再接收码流。",
    name: "节点", roles: "角色", streams: "码流", since: "启动时间", disk: "磁盘剩余", of: "共 {total}", lag: "事件循环延迟（95%）", waiting: "账本等待", outbox: "{size} 等待 PostgreSQL", acts: "操作", leads: "中枢办公室", draining: "正在腾空",
    role: { ingest: "录制", api: "接待用户", notary: "办公室与账本" }, drain: "腾空", drainOf: "腾空 {name}", sure: "再按一次腾空",
  },
  hub: {
    process: "中枢", version: "版本", started: "启动时间", runs: "已运行", history: "曲线占用内存", checks: "就绪检查", check: { ledger: "账本", disk: "磁盘", retention: "保存期限", reels: "录像写入" },
    warnings: "启动以来的警告（新的在前）", noWarnings: "没有警告。", at: "时间", level: "级别", event: "事件", facts: "内容", settings: "现行设置", settingsHint: "密钥和密码只显示 ***。更改：编辑 hub.toml 或环境变量，然后重启。", search: "搜索", changedAlone: "只看与默认不同的", name: "设置", value: "值", changed: "已更改",
  },
};
