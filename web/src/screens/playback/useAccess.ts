/** R17: what may be played is asked of the hub with a reason. The hub refuses; this leads to the form. */
import { ref, watch } from "vue";

import { playbackUrl, rfc3339 } from "@/api/hub";
import { ApiError, call } from "@/api/http";
import { startOfDay } from "@/domain/time";
import { DAY } from "@/timeline/scale";

import type { Deck } from "./useDeck";

const ASKS: readonly string[] = ["reason_required", "approval_required"];

export interface Needed {
  key: string;
  streams: string[];
  from: string;
  to: string;
}

export function useAccess(deck: Deck) {
  const needed = ref<Needed | null>(null);
  let declined = "";

  /** A day of the streams that are chosen: one reason for what one looks through. */
  function need(): void {
    const from = startOfDay(deck.state.atMs);
    const streams = [...deck.order.value];
    const key = `${streams.join()}|${from}`;
    if (key === declined || needed.value?.key === key) return;
    needed.value = { key, streams, from: rfc3339(from), to: rfc3339(from + DAY) };
  }

  async function refused(stream: string): Promise<void> {
    try {
      await call(playbackUrl(stream, deck.state.part.from, deck.state.part.to));
    } catch (error) {
      if (error instanceof ApiError && ASKS.includes(error.code)) need();
    }
  }

  watch(() => [...deck.tiles].filter(([, tile]) => tile.status === "refused").map(([stream]) => stream).join(), (list) => {
    const first = list.split(",")[0];
    if (first !== undefined && first !== "") void refused(first);
  });

  function opened(): void {
    needed.value = null;
    declined = "";
    deck.reload();
  }

  function cancelled(): void {
    declined = needed.value?.key ?? "";
    needed.value = null;
  }

  return { needed, opened, cancelled };
}
