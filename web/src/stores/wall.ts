/** How the wall is arranged: split, page, the enlarged tile, the tile that sounds. */
import { defineStore } from "pinia";
import { computed, ref, watch } from "vue";

import { remember, remembered } from "@/domain/memory";
import { pageOf, splitFor, type Split } from "@/domain/split";
import type { SoundState } from "@/live/sound-player";

import { useStreamsStore } from "./streams";

export const useWallStore = defineStore("wall", () => {
  const streams = useStreamsStore();
  const chosenSplit = ref<Split | "auto">(parse(remembered("split")));
  const page = ref(0);
  const enlarged = ref<string | null>(null);
  const sounding = ref<string | null>(null);
  const soundState = ref<SoundState>("off");

  const split = computed(() => splitFor(streams.list.length, chosenSplit.value));
  const pages = computed(() => Math.max(1, Math.ceil(streams.list.length / split.value)));
  const shown = computed(() => pageOf(streams.list, split.value, page.value));

  watch(pages, (count) => {
    if (page.value >= count) page.value = count - 1;
  });
  watch(shown, (tiles) => {
    if (enlarged.value !== null && !tiles.some((t) => t.id === enlarged.value)) enlarged.value = null;
    if (sounding.value !== null && !tiles.some((t) => t.id === sounding.value)) sounding.value = null;
  });

  function choose(value: Split | "auto"): void {
    chosenSplit.value = value;
    remember("split", String(value));
  }

  function enlarge(stream: string | null): void {
    enlarged.value = enlarged.value === stream ? null : stream;
  }

  function turn(by: number): void {
    page.value = (page.value + by + pages.value) % pages.value;
  }

  /** Brings a stream into sight, whichever page it is on. */
  function reveal(stream: string): void {
    const index = streams.list.findIndex((s) => s.id === stream);
    if (index < 0) return;
    page.value = Math.floor(index / split.value);
    enlarged.value = stream;
  }

  return { chosenSplit, split, page, pages, shown, enlarged, sounding, soundState, choose, enlarge, turn, reveal };
});

function parse(text: string | null): Split | "auto" {
  const value = Number(text);
  return value === 1 || value === 4 || value === 9 || value === 16 ? value : "auto";
}
