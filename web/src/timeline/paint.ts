/** Draws one stream's row on a canvas: colour, pattern and letter for each state. Crisp at any pixel ratio. */
import type { SpanLook } from "@/domain/states";

import type { PlacedBar } from "./bars";
import type { Tick } from "./scale";

export interface Palette {
  readonly look: Record<SpanLook, string>;
  readonly ground: string;
  readonly line: string;
  readonly ink: string;
  readonly font: string;
}

export interface RowPicture {
  readonly width: number;
  readonly height: number;
  readonly ratio: number;
  readonly bars: readonly PlacedBar[];
  readonly ticks: readonly Tick[];
  /** Letters by look, in the page's language. */
  readonly letters: Record<SpanLook, string>;
}

/** Reads the tokens; the canvas knows no CSS variables. */
export function paletteOf(element: Element): Palette {
  const style = getComputedStyle(element);
  const token = (name: string) => style.getPropertyValue(name).trim();
  const names: SpanLook[] = ["recorded", "backfilled", "interrupted", "explained", "suspected", "off"];
  return {
    look: Object.fromEntries(names.map((name) => [name, token(`--${name}`)])) as Record<SpanLook, string>,
    ground: token("--surface-2"),
    line: token("--line"),
    ink: token("--on-state"),
    font: style.fontFamily,
  };
}

const INSET = 4;
const LETTER_ROOM = 1.6;

export function paintRow(context: CanvasRenderingContext2D, row: RowPicture, palette: Palette): void {
  const { width, height, ratio } = row;
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  context.clearRect(0, 0, width, height);
  const snap = (v: number) => Math.round(v * ratio) / ratio;
  context.fillStyle = palette.ground;
  context.fillRect(0, INSET, width, height - 2 * INSET);
  for (const bar of row.bars) {
    const x = snap(bar.x);
    const w = Math.max(snap(bar.x + bar.width) - x, 1 / ratio);
    paintBar(context, bar.look, x, INSET, w, height - 2 * INSET, palette, row.letters[bar.look]);
  }
  context.fillStyle = palette.line;
  context.globalAlpha = 0.6;
  for (const tick of row.ticks) context.fillRect(snap(tick.x), 0, 1 / ratio, height);
  context.globalAlpha = 1;
}

function paintBar(
  context: CanvasRenderingContext2D,
  look: SpanLook,
  x: number,
  y: number,
  w: number,
  h: number,
  palette: Palette,
  letter: string,
): void {
  context.save();
  context.beginPath();
  context.rect(x, y, w, h);
  context.clip();
  context.fillStyle = palette.look[look];
  context.globalAlpha = look === "recorded" ? 0.78 : look === "off" ? 0.35 : 1;
  context.fillRect(x, y, w, h);
  context.globalAlpha = 0.32;
  context.strokeStyle = palette.ink;
  context.fillStyle = palette.ink;
  pattern(context, look, x, y, w, h);
  context.restore();
  const size = h * 0.72;
  if (letter === "" || w < size * LETTER_ROOM) return;
  context.font = `700 ${size}px ${palette.font}`;
  context.textAlign = "center";
  context.textBaseline = "middle";
  const middle = x + w / 2;
  context.fillStyle = palette.look[look];
  context.fillRect(middle - size * 0.7, y, size * 1.4, h);
  context.fillStyle = palette.ink;
  context.fillText(letter, middle, y + h / 2 + 0.5);
}

/** Each state has a texture of its own: red leans right, orange left, blue has dots, yellow stands, grey lies. */
function pattern(context: CanvasRenderingContext2D, look: SpanLook, x: number, y: number, w: number, h: number): void {
  const step = 7;
  context.lineWidth = 2;
  context.beginPath();
  // Anchored to the canvas, not to the bar: the texture does not crawl while a bar grows.
  const first = Math.floor(x / step) * step;
  if (look === "interrupted" || look === "explained") {
    const lean = look === "interrupted" ? h : -h;
    for (let at = first - h; at < x + w + h; at += step) {
      context.moveTo(at, y + h);
      context.lineTo(at + lean, y);
    }
    context.stroke();
  } else if (look === "suspected") {
    for (let at = first; at < x + w; at += step) context.rect(at, y, 2, h);
    context.fill();
  } else if (look === "backfilled") {
    for (let at = first; at < x + w; at += step) context.rect(at, y + h / 2 - 1.5, 3, 3);
    context.fill();
  } else if (look === "off") {
    context.rect(x, y + h / 2, w, 1);
    context.fill();
  }
}
