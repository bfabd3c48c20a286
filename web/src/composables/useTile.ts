/** One tile's picture and the words about it: what the hub says, what the player sees, what a person is told. */
import { computed, onBeforeUnmount, onMounted, reactive, type Ref, ref, watch } from "vue";

import type { StreamDto } from "@/api/types";
import { REST_MS, wantsPreview } from "@/domain/preview";
import type { TileState } from "@/domain/states";
import { LABELLED, type Slot } from "@/live/protocol";
import type { TilePlayer } from "@/live/tile-player";
import { useInterruptionsStore } from "@/stores/interruptions";
import { useLinkStore } from "@/stores/link";

import type { Shown } from "./useGrab";
import { useLiveWall } from "./useLiveWall";

interface TileParts {
  root: Readonly<Ref<HTMLElement | null>>;
  video: Readonly<Ref<HTMLVideoElement | null>>;
  still: Readonly<Ref<HTMLCanvasElement | null>>;
}

export function useTile(stream: () => StreamDto, parts: TileParts) {
  const wall = useLiveWall();
  const link = useLinkStore();
  const interruptions = useInterruptionsStore();
  /** `preview`: the picture in sight is of the sub-stream. */
  const media = reactive({ slot: null as Slot | null, painted: false, still: false, cannotPlay: "", preview: false, keysOnly: false });
  const lastPictureMs = ref<number | null>(null);
  let player: TilePlayer | null = null;
  const preview = reactive({ mainUnplayable: "", asked: false, restUntilMs: 0, widthPx: 0 });

  const running = computed(() => interruptions.running(stream()));
  const state = computed<TileState>(() => {
    const { state } = stream().status;
    if (state === "interrupted" || state === "suspected") return state;
    if (media.slot?.state === "unsupported" || media.cannotPlay !== "") return "unsupported";
    return state;
  });
  const ageMs = computed(() => (lastPictureMs.value === null ? null : Math.max(0, link.hubNowMs - lastPictureMs.value)));
  const sinceMs = computed(() => {
    const started = running.value?.started_at ?? (state.value === "live" ? null : stream().status.since);
    return started === null ? null : Date.parse(started);
  });
  const soundOnly = computed(
    () => media.slot?.state === "live" && media.slot.tracks.length > 0 && !media.slot.tracks.some((t) => t.kind === "video"),
  );

  // The player's clock is read with the page's ticker, not with every picture.
  watch(() => link.nowMs, () => {
    const us = player?.pictureUs() ?? null;
    if (us !== null) lastPictureMs.value = us / 1000;
  });

  watch(() => stream().status.tracks.find((one) => one.kind === "video")?.codec, () => (preview.mainUnplayable = ""));
  watch(
    () => wantsPreview({
      offered: (stream().preview ?? null) !== null,
      mainUnplayable: preview.mainUnplayable !== "",
      widthPx: preview.widthPx,
      asked: preview.asked,
      resting: link.nowMs < preview.restUntilMs,
      painted: media.painted,
    }),
    (wanted) => {
      preview.asked = wanted;
      wall.preview(stream().id, wanted);
    },
  );

  /** What the hub says of the slot. A sub-stream that fails gives way to a main stream that plays. */
  function slotSaid(slot: Slot): void {
    media.slot = slot;
    if (slot.reason === LABELLED) media.painted = media.still = false;
    media.cannotPlay = slot.preview ? "" : preview.mainUnplayable;
    if (slot.preview && slot.reason !== "") preview.restUntilMs = link.nowMs + REST_MS;
  }

  function unplayable(mime: string): void {
    if (media.slot?.preview === true) preview.restUntilMs = link.nowMs + REST_MS;
    else preview.mainUnplayable = mime;
    media.cannotPlay = mime;
  }

  const sizes = new ResizeObserver((entries) => {
    preview.widthPx = (entries.at(-1)?.contentRect.width ?? 0) * window.devicePixelRatio;
  });

  function keepStill(): void {
    const canvas = parts.still.value;
    const video = parts.video.value;
    const context = canvas?.getContext("2d");
    if (canvas === null || video === null || !context || video.videoWidth === 0) return;
    canvas.width = video.videoWidth;
    canvas.height = video.videoHeight;
    context.drawImage(video, 0, 0);
    media.still = true;
  }

  /** What is shown of the stream at this moment, and of when it is. */
  function shown(): Shown | null {
    const { video, still } = parts;
    const us = player?.pictureUs() ?? null;
    if (media.still && still.value !== null && still.value.width > 0 && lastPictureMs.value !== null) {
      return { source: still.value, atMs: lastPictureMs.value, kind: "last", preview: media.preview };
    }
    if (video.value === null || video.value.videoWidth === 0 || us === null) return null;
    return { source: video.value, atMs: us / 1000, kind: state.value === "interrupted" ? "last" : "live", preview: media.preview };
  }

  const observer = new IntersectionObserver((entries) => {
    const seen = entries.at(-1)?.isIntersecting ?? false;
    if (!seen) keepStill();
    wall.show(stream().id, seen);
  });

  onMounted(() => {
    const { video, root } = parts;
    if (video.value === null || root.value === null) return;
    player = wall.attach(stream().id, video.value, {
      slot: slotSaid,
      resetting: keepStill,
      painted: () => {
        media.painted = true;
        media.preview = media.slot?.preview === true;
        media.still = false;
      },
      unsupported: unplayable,
      keysOnly: (on) => (media.keysOnly = on),
    });
    observer.observe(root.value);
    sizes.observe(root.value);
  });
  onBeforeUnmount(() => {
    observer.disconnect();
    sizes.disconnect();
    wall.detach(stream().id);
    player = null;
  });

  return { media, state, running, ageMs, sinceMs, lastPictureMs, soundOnly, shown, replay: () => wall.replay(stream().id) };
}
