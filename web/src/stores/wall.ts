/** How the wall is arranged: by itself or by hand, its cycle, the enlarged tile, the tile that sounds. */
import { defineStore } from "pinia";
import { computed, ref, shallowRef, watch } from "vue";

import type { StreamDto } from "@/api/types";
import {
  type Arrangement, arranged, cleared, EMPTY, firstEmpty, inSight, isSplit, known, nextPlace, type Place, put, readArrangement,
  resized, swapped, trimmed,
} from "@/domain/arrangement";
import { remember, remembered } from "@/domain/memory";
import { pageOf, splitFor, type Split } from "@/domain/split";
import type { SoundState } from "@/live/sound-player";

import { useStreamsStore } from "./streams";

/** One place of the wall. `hidden`: a stream that this person may not see; `gone`: one that is no longer there;
 * `loading`: it is not known yet what is there. */
export interface Cell {
  readonly key: string;
  readonly stream: StreamDto | null;
  readonly why: "" | "empty" | "hidden" | "gone" | "loading";
}

export const useWallStore = defineStore("wall", () => {
  const streams = useStreamsStore();
  const chosenSplit = ref<Split | "auto">(parse(remembered("split")));
  const page = ref(0);
  const enlarged = ref<string | null>(null);
  const sounding = ref<string | null>(null);
  const soundState = ref<SoundState>("off");
  /** By hand; null: the wall arranges itself. */
  const byHand = shallowRef<Arrangement | null>(readArrangement(read("arrangement")));
  /** What a cycle shows at this moment; it stands before everything else. */
  const turn = shallowRef<Arrangement | null>(null);
  /** Where the next stream goes. */
  const target = ref(0);
  /** The tree's chosen device: what is sent to a wall. */
  const picked = ref<string | null>(null);
  /** Somebody is choosing where a stream goes: places show themselves. */
  const picking = ref(false);
  /** Brought into sight by an alarm although it has no place; it leaves with its enlargement. */
  const visitor = ref<string | null>(null);
  /** Another window's choice is shown: nothing is remembered here. */
  const led = ref(false);

  const fixed = computed(() => turn.value ?? byHand.value);
  const split = computed(() => fixed.value?.split ?? splitFor(streams.list.length, chosenSplit.value));
  const pages = computed(() => (fixed.value !== null ? 1 : Math.max(1, Math.ceil(streams.list.length / split.value))));
  const cells = computed<Cell[]>(() => {
    const places = fixed.value === null ? pageOf(streams.list, split.value, page.value).map((one) => one.id) : inSight(fixed.value);
    const shown = visitor.value === null || places.includes(visitor.value) ? places : [...places, visitor.value];
    return shown.map(cellOf);
  });
  const shown = computed(() => cells.value.flatMap((one) => (one.stream === null ? [] : [one.stream])));
  /** What is seen now, as it would be kept or sent. */
  const present = computed<Arrangement>(() => known(trimmed(fixed.value ?? arranged(split.value, pageOf(streams.list, split.value, page.value).map((one) => one.id)))));

  function cellOf(place: Place, index: number): Cell {
    if (place === null) return { key: `place:${index}`, stream: null, why: "hidden" };
    if (place === EMPTY) return { key: `place:${index}`, stream: null, why: "empty" };
    const stream = streams.byId.get(place);
    return stream === undefined ? { key: `place:${index}`, stream: null, why: streams.loaded ? "gone" : "loading" } : { key: stream.id, stream, why: "" };
  }

  watch(pages, (count) => {
    if (page.value >= count) page.value = count - 1;
  });
  watch(shown, (tiles) => {
    if (enlarged.value !== null && !tiles.some((t) => t.id === enlarged.value)) enlarged.value = null;
    if (sounding.value !== null && !tiles.some((t) => t.id === sounding.value)) sounding.value = null;
  });
  watch(enlarged, (stream) => {
    if (stream !== visitor.value) visitor.value = null;
  });
  watch(split, (count) => {
    if (target.value >= count) target.value = 0;
  });

  /** "auto": the wall arranges itself, as if nobody ever had. */
  function choose(value: Split | "auto"): void {
    enlarged.value = null;
    turn.value = null;
    if (value === "auto") keep(null);
    else if (byHand.value !== null) {
      keep(resized(byHand.value, value));
      return;
    }
    chosenSplit.value = value;
    remember("split", String(value));
  }

  function keep(arrangement: Arrangement | null): void {
    byHand.value = arrangement;
    if (!led.value) remember("arrangement", arrangement === null ? "" : JSON.stringify(arrangement));
  }

  /** Shows this arrangement in place of whatever was shown. */
  function arrange(arrangement: Arrangement): void {
    enlarged.value = null;
    turn.value = null;
    keep(arrangement);
  }

  /** By hand from here on, beginning with what is seen. */
  const change = (by: (now: Arrangement) => Arrangement): void => {
    const now = by(turn.value ?? byHand.value ?? present.value);
    turn.value = null;
    keep(now);
  };

  /** Without a place: the first empty one, or else where the last choice was. */
  function place(stream: string, at: number | null = null): number {
    const now = fixed.value ?? present.value;
    const to = at ?? (now.places[target.value] === EMPTY ? target.value : (firstEmpty(now) ?? target.value));
    change((before) => put(before, to, stream));
    target.value = nextPlace(byHand.value ?? now, to);
    return to;
  }

  const swap = (from: number, to: number): void => change((now) => swapped(now, from, to));
  const clear = (at: number): void => change((now) => cleared(now, at));

  function enlarge(stream: string | null): void {
    enlarged.value = enlarged.value === stream ? null : stream;
  }

  function turnPage(by: number): void {
    page.value = (page.value + by + pages.value) % pages.value;
  }

  /** Brings a stream into sight: on whichever page it is, or beside an arrangement that has no place for it. */
  function reveal(stream: string): void {
    const index = streams.list.findIndex((s) => s.id === stream);
    if (index < 0) return;
    if (fixed.value === null) page.value = Math.floor(index / split.value);
    else if (!inSight(fixed.value).includes(stream)) visitor.value = stream;
    enlarged.value = stream;
  }

  /** Led by the hub (`#/wall/ID`), or by this browser's memory again. */
  function follow(arrangement: Arrangement | null): void {
    led.value = arrangement !== null;
    turn.value = null;
    visitor.value = null;
    byHand.value = arrangement ?? readArrangement(read("arrangement"));
  }

  return {
    chosenSplit, byHand, turn, split, page, pages, cells, shown, present, enlarged, sounding, soundState, target, picked, picking,
    visitor, led, choose, arrange, place, swap, clear, enlarge, turnPage, reveal, follow,
  };
});

function parse(text: string | null): Split | "auto" {
  const value = Number(text);
  return isSplit(value) ? value : "auto";
}

function read(key: string): unknown {
  try {
    return JSON.parse(remembered(key) ?? "null");
  } catch {
    return null;
  }
}
