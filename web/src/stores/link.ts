/** The page's tie to the hub: what was heard last, whether the hub is lost, and the hub's clock. */
import { defineStore } from "pinia";
import { computed, ref } from "vue";

import { isAlive } from "@/api/hub";
import { HELD_UP_MS, linkVerdict, PROBE_TIMEOUT_MS, socketsHang } from "@/net/link";

/** Also the beat of every running time that is shown. */
const CHECK_MS = 250;

export const useLinkStore = defineStore("link", () => {
  /** Hub UTC minus this machine's, ms; the smallest delay wins. */
  const offsetMs = ref(0);
  const lost = ref(false);
  const lostSince = ref(0);
  /** This machine's clock, ticking four times a second, for everything that shows a running time. */
  const nowMs = ref(Date.now());
  const hubNowMs = computed(() => nowMs.value + offsetMs.value);

  let heardAt = performance.now();
  let checkedAt = performance.now();
  let probedAt = -Infinity;
  let failedAt = -Infinity;
  let timer: ReturnType<typeof setInterval> | undefined;
  let probing = false;
  let renewers: (() => void)[] = [];
  let offsets: { at: number; offset: number }[] = [];

  function heard(): void {
    heardAt = performance.now();
    if (lost.value) lost.value = false;
  }

  /** A message that says the hub's time. Delay makes it look early, so the latest of a minute is the truest. */
  function told(at: string): void {
    heard();
    const now = performance.now();
    offsets = offsets.filter((o) => now - o.at < 60_000);
    offsets.push({ at: now, offset: Date.parse(at) - Date.now() });
    offsetMs.value = Math.max(...offsets.map((o) => o.offset));
  }

  function check(): void {
    nowMs.value = Date.now();
    const now = performance.now();
    const verdict = linkVerdict({
      silentMs: now - heardAt, probeFailed: failedAt > heardAt, probedMs: now - probedAt, lateMs: now - checkedAt - CHECK_MS,
    }, lost.value);
    checkedAt = now;
    if (verdict.lost && !lost.value) {
      lost.value = true;
      lostSince.value = nowMs.value - (now - heardAt);
    }
    if (verdict.probe && !probing) void probe(now);
  }

  async function probe(asked: number): Promise<void> {
    probing = true;
    probedAt = asked;
    const alive = await isAlive(PROBE_TIMEOUT_MS);
    probing = false;
    if (alive) {
      if (socketsHang(asked - heardAt, lost.value)) for (const renew of renewers) renew();
      heard();
    } else if (performance.now() - asked < PROBE_TIMEOUT_MS + HELD_UP_MS) failedAt = asked;
    check();
  }

  function start(onSilent: () => void): () => void {
    renewers.push(onSilent);
    heardAt = checkedAt = performance.now();
    timer ??= setInterval(check, CHECK_MS);
    return () => {
      renewers = renewers.filter((renew) => renew !== onSilent);
      if (renewers.length > 0) return;
      clearInterval(timer);
      timer = undefined;
      lost.value = false;
    };
  }

  return { offsetMs, lost, lostSince, nowMs, hubNowMs, heard, told, start };
});
