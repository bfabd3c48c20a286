/** Words of one's own account: the original. */
export default {
  menu: "我的账号", title: "我的账号", back: "返回", choose: "设置自己的密码", chooseLead: "您现在用的是管理员发给的一次性密码，别人可能看到过。设置只有您自己知道的密码之后才能继续，也才能签名。",
  password: "修改密码", passwordLead: "修改后，您在其他地方的登录会退出；这里不受影响。", given: "一次性密码", old: "当前密码", fresh: "新密码", again: "再输入一次新密码", change: "保存新密码", changed: "密码已修改，其他登录已退出。",
  missing: "请填写{what}。", wrongOld: "{what}不正确，请重新输入。", setOutside: "此账号的密码由中枢的启动设置 HUB_ADMIN_PASSWORD 规定，请在那里修改。", wait: "密码错误次数过多，请等待 {seconds} 秒。",
  rule: { length: "至少 10 个字符", other: "与当前密码不同", username: "不能是用户名", same: "两次输入一致" },
  nowhere: "这个账号还不能查看任何内容", nowhereHint: "登录成功，但账号还没有角色。请联系本单位的账号管理员，请其在“单位与人员”中为您设置角色，然后重新登录。请把下面这一行告诉他：", tell: "用户名 {username}，姓名 {name}：需要设置角色",
  signIns: "登录情况", signInsLead: "如有不是您本人的登录，请立即退出其他登录并修改密码。", this: "这里", other: "其他登录", since: "{time} 登录", until: "{time} 到期", noAddress: "地址未记录", endOthers: "退出其他 {count} 处登录", endedOthers: "其他登录已全部退出。", noOthers: "没有其他登录。",
  elsewhere: {
    button: "统一身份认证登录", oidc_provider: "统一身份认证暂时无法使用，请用本系统的用户名和密码登录。", oidc_token: "统一身份认证的答复未通过校验，没有登录。请重试；仍不行请联系运维。", oidc_state: "这次登录已过期，或不是在此浏览器发起的，请重新点击登录。", oidc_given_up: "没有在统一身份认证完成登录。",
    oidc_no_claim: "统一身份认证没有给出用户名，请联系运维核对设置。", oidc_unknown: "统一身份认证已通过，但本系统没有登记此人，或账号已停用。请联系本单位的账号管理员。", other: "统一身份认证登录没有成功，请重试或用密码登录。",
  },
  signing: "您由统一身份认证登录。请设置一个本系统的密码：签名和批准时须再输入它。",
  method: { password: "密码", oidc: "统一身份认证" },
};
