/** What the phone writes into the record by itself. In Chinese whatever the page's language: it stands in the ledger. */
import type { Stopped } from "./capture";

const WORDS: Record<Stopped, string> = {
  hidden: "页面转入后台（锁屏、来电或切换应用）",
  frozen: "页面被系统冻结",
  muted_video: "摄像头无画面（被系统或其他应用占用）",
  muted_audio: "麦克风无声音（被系统或其他应用占用）",
  ended: "摄像头或麦克风被系统收回",
};

const clock = (ms: number): string => new Date(ms).toLocaleTimeString("zh-CN", { hour12: false });

/** `fromMs`, `toMs`: hub time. */
export function stoppedText(what: Stopped, fromMs: number, toMs: number): string {
  return `设备自动记录：${WORDS[what]}，${clock(fromMs)} 至 ${clock(toMs)}，共 ${Math.max(1, Math.round((toMs - fromMs) / 1000))} 秒，其间可能未能记录`;
}
