/**
 * Who looks, and when: a faint pattern over every picture, so that a photograph of the screen tells whose screen it
 * was. One small image for all tiles, drawn anew each minute.
 */
import { computed, ref, watchEffect } from "vue";

import { clockTime, dateOf } from "@/domain/time";
import { useLinkStore } from "@/stores/link";
import { useSessionStore } from "@/stores/session";

const WIDTH = 300;
const HEIGHT = 150;
const SLOPE = -0.32;

const image = ref("");
let drawn = "";

export function useWatermark() {
  const session = useSessionStore();
  const link = useLinkStore();
  const minute = computed(() => Math.floor(link.hubNowMs / 60_000));
  const who = computed(() => (session.name === session.username || session.name === "" ? session.username : `${session.name} ${session.username}`));
  const words = computed(() => `${who.value} ${dateOf(minute.value * 60_000)} ${clockTime(minute.value * 60_000).slice(0, 5)}`);

  watchEffect(() => {
    if (drawn === words.value || who.value === "") return;
    drawn = words.value;
    const canvas = document.createElement("canvas");
    canvas.width = WIDTH;
    canvas.height = HEIGHT;
    paintOnce(canvas, who.value, words.value.slice(who.value.length + 1));
    image.value = `url(${canvas.toDataURL("image/png")})`;
  });

  /** The same over a picture that is saved. */
  function paintOver(context: CanvasRenderingContext2D, width: number, height: number): void {
    const canvas = document.createElement("canvas");
    canvas.width = WIDTH;
    canvas.height = HEIGHT;
    paintOnce(canvas, who.value, words.value.slice(who.value.length + 1));
    const pattern = context.createPattern(canvas, "repeat");
    if (pattern === null) return;
    const scale = Math.max(1, width / 900);
    pattern.setTransform(new DOMMatrix().scale(scale));
    context.fillStyle = pattern;
    context.fillRect(0, 0, width, height);
  }

  return { image, words, paintOver };
}

/** Light letters with a dark rim: to be seen on snow and at night. */
function paintOnce(canvas: HTMLCanvasElement, who: string, when: string): void {
  const context = canvas.getContext("2d");
  if (context === null) return;
  context.font = `600 15px ${getComputedStyle(document.body).fontFamily}`;
  context.textAlign = "center";
  context.lineWidth = 2;
  context.strokeStyle = "rgb(0 0 0 / 0.16)";
  context.fillStyle = "rgb(255 255 255 / 0.17)";
  context.translate(WIDTH / 2, HEIGHT / 2);
  context.rotate(SLOPE);
  for (const [text, y] of [[who, -4], [when, 15]] as const) {
    context.strokeText(text, 0, y);
    context.fillText(text, 0, y);
  }
}
