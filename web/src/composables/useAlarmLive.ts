/**
 * What a stream shows at this moment, small: the wall's own tile copied where it is in sight (nothing is sent or decoded
 * twice), else over a live socket of its own. One stream at a time; nothing is sent once it is gone.
 */
import { onBeforeUnmount, onMounted, reactive, type Ref } from "vue";

import { LiveWall } from "@/live/wall";

const LOOK_MS = 500;

export function useAlarmLive(stream: () => string, canvas: Readonly<Ref<HTMLCanvasElement | null>>, video: Readonly<Ref<HTMLVideoElement | null>>) {
  /** `from`: whose picture is in sight; `preview`: it is of the sub-stream. */
  const shown = reactive({ from: "" as "" | "tile" | "own", preview: false, unplayable: false });
  let own: LiveWall | null = null;
  let timer: ReturnType<typeof setInterval>;
  let copied: HTMLVideoElement | null = null;

  function tileVideo(): HTMLVideoElement | null {
    const tile = document.querySelector(`article[data-stream="${CSS.escape(stream())}"]`);
    const found = tile?.querySelector("video") ?? null;
    shown.preview = shown.from === "tile" ? tile?.querySelector("[data-preview]") !== null : shown.preview;
    return found !== null && found.readyState >= 2 && found.videoWidth > 0 ? found : null;
  }

  function copy(from: HTMLVideoElement): void {
    copied = from;
    const draw = (): void => {
      const into = canvas.value;
      if (copied !== from || into === null || !from.isConnected) return;
      into.width = Math.min(480, from.videoWidth);
      into.height = Math.round((into.width * from.videoHeight) / from.videoWidth);
      into.getContext("2d")?.drawImage(from, 0, 0, into.width, into.height);
      shown.from = "tile";
      from.requestVideoFrameCallback(draw);
    };
    draw();
  }

  function play(): void {
    if (own !== null || video.value === null) return;
    const wall = (own = new LiveWall({ heard: () => undefined, closed: () => undefined, sound: () => undefined }));
    wall.attach(stream(), video.value, {
      slot: (slot) => (shown.preview = slot.preview),
      resetting: () => undefined,
      keysOnly: () => undefined,
      painted: () => {
        shown.from = "own";
        shown.unplayable = false;
      },
      unsupported: () => {
        shown.unplayable = true;
        wall.preview(stream(), true);
      },
    });
  }

  function look(): void {
    const tile = tileVideo();
    if (tile === null) {
      copied = null;
      play();
    } else if (copied !== tile) {
      own?.dispose();
      own = null;
      copy(tile);
    }
  }

  onMounted(() => {
    look();
    timer = setInterval(look, LOOK_MS);
  });
  onBeforeUnmount(() => {
    clearInterval(timer);
    copied = null;
    own?.dispose();
  });
  return shown;
}
