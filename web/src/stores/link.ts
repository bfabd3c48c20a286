/** The page's tie to the hub: what was heard last, whether the hub is lost, and the hub's clock. */
import { defineStore } from "pinia";
import { computed, ref } from "vue";

import { isAlive } from "@/api/hub";
import { linkVerdict } from "@/net/link";

const CHECK_MS = 500;
const PROBE_TIMEOUT_MS = 1200;

export const useLinkStore = defineStore("link", () => {
  /** Hub UTC minus this machine's, ms; the smallest delay wins. */
  const offsetMs = ref(0);
  const lost = ref(false);
  const lostSince = ref(0);
  /** This machine's clock, ticking four times a second, for everything that shows a running time. */
  const nowMs = ref(Date.now());
  const hubNowMs = computed(() => nowMs.value + offsetMs.value);

  let heardAt = performance.now();
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

  async function check(): Promise<void> {
    nowMs.value = Date.now();
    const verdict = linkVerdict(performance.now() - heardAt, lost.value);
    if (verdict === "lost" && !lost.value) {
      lost.value = true;
      lostSince.value = Date.now();
    }
    if (verdict === "fine" || probing) return;
    probing = true;
    const asked = performance.now();
    const alive = await isAlive(PROBE_TIMEOUT_MS);
    probing = false;
    if (!alive) return;
    // It answers, yet the sockets are silent: they hang, so they are made anew.
    if (asked - heardAt > PROBE_TIMEOUT_MS * 2) for (const renew of renewers) renew();
    heard();
  }

  function start(onSilent: () => void): () => void {
    renewers.push(onSilent);
    heardAt = performance.now();
    timer ??= setInterval(() => void check(), CHECK_MS / 2);
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
